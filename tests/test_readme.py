"""README.md is the one manual, so it must not fall behind the program."""

from dataclasses import fields
from pathlib import Path

import server
from handlers.settings import Settings

README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")


def test_the_manual_names_every_setting():
    assert [f.metadata["name"] for f in fields(Settings) if f"| `{f.metadata['name']}` |" not in README] == []


def test_the_manual_names_every_command():
    commands = server.parser()._subparsers._group_actions[0].choices
    assert [name for name in commands if f"| `{name}" not in README] == []

"""What the modules of commands share: the settings that a command runs with, and how it joins the parser."""

import argparse
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from core import product, program, settings, traces
from core.embedded import installation
from core.embedded.installation import Installation
from handlers.settings import Settings

# The folder of a demo, in the program's folder.
HOME = f".{product.SLUG}"
DEMO_IMPORT_KEY = "demo-import-key"
# The addresses of the documented web clients during their development.
DEMO_ORIGINS = "http://localhost:3000,http://127.0.0.1:3000,http://localhost:3001,http://127.0.0.1:3001"

# Runs one command; returns the exit status.
Command = Callable[[argparse.Namespace], int]


class Refused(Exception):
    """The command can't go on; the message says why and what to do."""


def installed(args: argparse.Namespace) -> AbstractContextManager[Installation[Settings]]:
    """The settings and, for a demo, its own Postgres and Redis."""
    home = Path(args.home) if args.demo else None
    # A demo keeps its files in its own folder, even if .env names a bucket.
    demo = {"SALES_IMPORT_API_KEY": DEMO_IMPORT_KEY, "USE_S3": "false", "CLOUDFLARE_R2_ENABLED": "false"}
    unless_set = {
        "DEVELOPER_OPTIONS": "true",
        "WEBHOOK_ALLOW_PRIVATE": "true",
        "CORS_ALLOWED_ORIGINS": DEMO_ORIGINS,
        "BUSINESS_TIMEZONE": "America/Mexico_City",
        "METRICS_ALLOW": "127.0.0.0/8,::1",
    }
    return installation.installed(Settings, program.FOLDER / ".env", home, demo, unless_set)


def check_tracing() -> bool:
    """Whether traces are to be made, by OpenTelemetry's settings in the environment or in .env. Raises SettingsError."""
    env = settings.environment(program.FOLDER / ".env")
    traces.export_settings(env)
    return traces.is_configured(env)


def said(line: str) -> None:
    print(line, flush=True)


class Commands:
    """The commands of the parser."""

    def __init__(self, top: argparse.ArgumentParser) -> None:
        self._commands = top.add_subparsers(dest="command", required=True, metavar="command")

    def group(self, name: str, says: str) -> Any:
        """A command that has commands of its own, to which add() adds."""
        return self._commands.add_parser(name, help=says).add_subparsers(dest="action", required=True, metavar="action")

    def add(
        self, name: str, run: Command, says: str, *, installed: bool = True, group: Any = None
    ) -> argparse.ArgumentParser:
        """Add a command. installed: it takes the options for a demo. group: of group(); None: the command is one of the program's own."""
        command: argparse.ArgumentParser = (group or self._commands).add_parser(name, help=says, description=says)
        command.set_defaults(run=run)
        if installed:
            command.add_argument(
                "--home",
                default=str(program.FOLDER / HOME),
                help=f"where the embedded Postgres, Redis and demo secrets live (default: {HOME})",
            )
            command.add_argument(
                "--demo",
                action="store_true",
                help="bring everything: embedded Postgres and Redis, secrets, accounts",
            )
        return command


def within(low: int, high: int) -> Callable[[str], int]:
    """Reads an option that is a whole number."""

    def read(text: str) -> int:
        if not (text.isdecimal() and low <= int(text) <= high):
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {low} to {high}")
        return int(text)

    return read

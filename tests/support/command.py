"""The command line, as an administrator meets it: in a process of its own, with nothing but its environment."""

import contextlib
import dataclasses
import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import patch

import server
from handlers.settings import Settings
from tests.support.deadlines import DEADLINE

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = [sys.executable, str(ROOT / "server.py")]
# Empty counts as not set, also over what a developer's .env says.
NOTHING = {f.metadata["name"]: "" for f in dataclasses.fields(Settings)} | {
    f"DB_{part}": "" for part in ("NAME", "USER", "PASSWORD", "HOST", "PORT")
}
# Programs share the bytecode of the test run (tests/support/bytecode.py).
KEPT = {name: os.environ[name] for name in ("PATH", "PYTHONPYCACHEPREFIX") if name in os.environ}


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """What a command has answered."""
    return subprocess.run(
        [*PROGRAM, *arguments],
        env={**KEPT, **NOTHING, **env},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        stdin=subprocess.DEVNULL,
    )


def run_all(*commands: tuple[list[str], dict[str, str]]) -> list[subprocess.CompletedProcess[str]]:
    """Several at once; each is a tuple of arguments and a dict of settings."""
    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(lambda command: run(*command[0], **command[1]), commands))


def run_here(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The same in this process, which costs a hundredth. Not in the thread of a test's event loop, and for what asks nobody."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, {**NOTHING, **env}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        status = server.answered(server.parser().parse_args(arguments))
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())

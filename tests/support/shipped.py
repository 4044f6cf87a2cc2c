"""The program in one file, on a machine that has only Python: no checkout, no packages, an empty home."""

import configparser
import contextlib
import os
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from core.embedded import unprivileged
from tests.support import confinement
from tests.support.deadlines import DEADLINE, wait_until

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "docs" / "deploy"
# -I and -S: Python knows of no variables, and of no packages but those of the file.
FLAGS = ["-I", "-S"]
# The Python that .venv is made from.
PYTHON = [os.path.realpath(sys.executable), *FLAGS]


def make(target: Path, *options: str) -> Any:
    """Make the file, as `./run build` does, for a user whose files nobody else may read."""
    command = [sys.executable, "-m", "core.release", str(target), *options]
    return subprocess.run(command, cwd=ROOT, umask=0o077, capture_output=True, text=True)


class Shipped:
    """The file as it was copied to a machine. folder: where it is. home: of the account that runs it."""

    def __init__(self, made: Path, folder: Path) -> None:
        self.folder, self.home = folder / "opt", folder / "home"
        self.folder.mkdir()
        self.home.mkdir()
        self.file = self.folder / "tradepost.pyz"
        shutil.copy(made, self.file)
        self.env = {"HOME": str(self.home), "PATH": "/usr/bin:/bin"}

    def run(self, *arguments: str, **env: str) -> Any:
        return subprocess.run(
            [*PYTHON, str(self.file), *arguments],
            cwd=self.home,
            env={**self.env, **env},
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            stdin=subprocess.DEVNULL,
        )

    @property
    def unpacked(self) -> Path:
        [found] = [path for path in (self.home / ".shiv").iterdir() if path.is_dir()]
        return found

    def kept(self) -> set[Path]:
        """The files of the cache, without the bytecode that Python keeps there."""
        return {path for path in self.unpacked.rglob("*") if path.is_file() and path.suffix != ".pyc"}

    @contextlib.contextmanager
    def settings(self, example: bool, **env: str) -> Iterator[None]:
        """Within, there is `.env` beside the file. example: with what tradepost.env.example says of anything else."""
        known = dotenv_values(DEPLOY / "tradepost.env.example") if example else {}
        lines = [f"{name}={value or ''}\n" for name, value in {**known, **env}.items()]
        (self.folder / ".env").write_text("".join(lines), encoding="utf-8")
        try:
            yield
        finally:
            (self.folder / ".env").unlink()

    @contextlib.contextmanager
    def serving(self, log: Path) -> Iterator[tuple[Any, str]]:
        """The process and the address of the server, started by the command of tradepost.service, and confined as there where this machine
        lets us."""
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        words = exec_start(DEPLOY / "tradepost.service")
        assert words[:2] == ["/usr/bin/python3", "/opt/tradepost/tradepost.pyz"]
        arguments = [str(self.file), *words[2:], "--port", str(port)]
        account = unprivileged.account_for(self.folder) if confinement.can_confine() else None
        if account:
            command = [confinement.python(), *FLAGS, *arguments]
            command = confinement.confined(command, self.home, account.uid, account.gid)
            give(self.home, account.uid)
        else:
            command = [*PYTHON, *arguments]
        with log.open("wb") as out:
            process = subprocess.Popen(
                command,
                cwd=self.home,
                env={**self.env, "TMPDIR": str(self.home), **(confinement.ENVIRONMENT if account else {})},
                stdout=out,
                stderr=out,
                preexec_fn=confinement.deny_new_code,
            )
        workers = int(words[words.index("--workers") + 1])
        try:
            wait_until(lambda: log.read_text().count("is ready") == workers or process.poll() is not None)
            assert process.poll() is None, log.read_text()
            yield process, f"http://127.0.0.1:{port}"
        finally:
            # A killed supervisor's workers notice it, and end.
            process.kill()
            process.wait()
            give(self.home, os.geteuid())


def exec_start(unit: Path) -> list[str]:
    """The command that a unit of systemd starts."""
    return shlex.split(read_unit(unit)["Service"]["ExecStart"])


def read_unit(unit: Path) -> configparser.ConfigParser:
    found = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    # systemd tells Upper from lower case.
    found.optionxform = str  # type: ignore[assignment, method-assign]
    found.read_string(unit.read_text(encoding="utf-8"))
    return found


def give(folder: Path, uid: int) -> None:
    """Make all below the folder an account's."""
    if folder.stat().st_uid != uid:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, uid, -1, follow_symlinks=False)

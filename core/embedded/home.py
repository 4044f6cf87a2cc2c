"""The home directory: where one instance keeps its data, its secrets, and the lock that keeps a second instance out."""

import fcntl
import json
import os
import secrets
from pathlib import Path

from core.embedded import unprivileged


class HomeError(Exception):
    """The home directory can't be used; the message is one line for the person at the terminal."""


class Home:
    """An opened home directory. Made by open_home, which holds the lock until close() or the end of the process."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock
        self._secrets_file = path / "secrets.json"
        self._secrets = self._read_secrets()

    def secret(self, name: str, nbytes: int = 48) -> str:
        """The random secret of that name, made at the first call: URL-safe text of nbytes bytes, kept over restarts."""
        if name not in self._secrets:
            # Stored before it is used: a secret that something was encrypted or signed with must not be lost to a kill.
            self._write_secrets({**self._secrets, name: secrets.token_urlsafe(nbytes)})
        return self._secrets[name]

    def close(self) -> None:
        """Release the lock. Stop what runs over this directory first."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _read_secrets(self) -> dict[str, str]:
        try:
            found = json.loads(self._secrets_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise HomeError(f"can't read {self._secrets_file}: {error}") from None
        if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
            raise HomeError(f"can't read {self._secrets_file}: not a JSON object of strings")
        return found

    def _write_secrets(self, changed: dict[str, str]) -> None:
        text = json.dumps(changed, indent=2) + "\n"
        try:
            unprivileged.write_file(self._secrets_file, text, owner=self.path.stat().st_uid)
        except OSError as error:
            raise HomeError(f"can't write {self._secrets_file}: {error.strerror}") from None
        self._secrets = changed


def open_home(path: Path) -> Home:
    """Open and lock the home directory at that path; made if missing. HomeError: in use, or not ours to write to."""
    path = Path(os.path.abspath(path))
    try:
        _make(path)
        # Not inheritable (Python's default), so that a Postgres that outlives us doesn't go on holding the lock.
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise HomeError(f"can't use {path} as home directory: {error.strerror}") from None
    try:
        # The kernel drops this lock with the process, however it ends; the file itself stays and means nothing.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.geteuid() == 0:
            os.fchown(lock, path.stat().st_uid, -1)  # a user's home, this once opened with sudo, stays the user's
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        return Home(path, lock)
    except BlockingIOError:
        holder = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
        os.close(lock)
        raise HomeError(f"another instance is running over {path} (pid {holder})") from None
    except OSError as error:
        os.close(lock)
        raise HomeError(f"can't lock {path}: {error.strerror}") from None
    except HomeError:
        os.close(lock)
        raise


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if not path.is_dir():
            raise
        return
    try:
        account = unprivileged.account_for(path)
    except unprivileged.EmbeddedError:
        return  # no account to run services as: that only matters to who starts one
    if account:
        # Embedded services don't run as root: their account may pass through (not list) to its own directory in here.
        os.chown(path, -1, account.gid)
        path.chmod(0o710)

"""The home directory of one instance: its data, its secrets, and the lock that keeps a second instance out."""

import fcntl
import json
import os
import secrets
from pathlib import Path

from core.embedded import unprivileged


class HomeError(Exception):
    """The home directory can't be used; the message is one line for the person at the terminal."""


class Home:
    """An open home directory, made by open_home(). It is locked until close() or the end of the process."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock
        self._secrets_file = path / "secrets.json"
        self._secrets = self._read_secrets()

    def secret(self, name: str, nbytes: int = 48) -> str:
        """The secret of that name: URL-safe text of `nbytes` random bytes. It is made at the first call and kept over restarts."""
        if name not in self._secrets:
            # It is stored before its first use: if the process is killed, a secret that has signed or encrypted something is not lost.
            self._write_secrets({**self._secrets, name: secrets.token_urlsafe(nbytes)})
        return self._secrets[name]

    def known(self, name: str) -> str:
        """The secret of that name; "" if the home does not have it."""
        return self._secrets.get(name, "")

    def keep(self, changed: dict[str, str]) -> None:
        """Keep other secrets under these names, all at one moment."""
        self._write_secrets({**self._secrets, **changed})

    def close(self) -> None:
        """Release the lock. First stop the services that use this directory."""
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
    """Open and lock the home directory at a path, and create it if it is missing.

    Raises HomeError when another instance uses it, or this one may not write to it.
    """
    path = Path(os.path.abspath(path))
    try:
        _make(path)
        # Python makes the descriptor not inheritable, so a Postgres that outlives this process doesn't hold the lock.
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise HomeError(f"can't use {path} as home directory: {error.strerror}") from None
    try:
        # The kernel releases the lock when the process ends in any way. The file stays; its existence means nothing.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.geteuid() == 0:
            # If a user opens their home with sudo, all files in it stay the user's.
            os.fchown(lock, path.stat().st_uid, -1)
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
        # There is no account that could run services. The error is raised again when a service starts.
        return
    if account:
        # Embedded services don't run as root. Their account may pass through this directory to its own, but not list it.
        os.chown(path, -1, account.gid)
        path.chmod(0o710)

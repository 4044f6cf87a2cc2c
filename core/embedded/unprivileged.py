"""How embedded services run: under an account that is never root, each in its own directory and its own session."""

import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from core import product

# Seconds between two looks at a process that is starting or ending.
POLL = 0.005
# Bytes; the older log, NAME.1, has as many again.
LOG_LIMIT = 5_000_000
# Bytes. The kernel's own limit is 107 on Linux and 103 on macOS.
SOCKET_PATH_LIMIT = 100
# Data of services whose account can't reach the home directory.
OUTSIDE = Path("/var/lib", product.SLUG)
# Accounts that services run as when the server runs as root; the first that exists.
ACCOUNTS = (product.SLUG, "postgres", "nobody")


class EmbeddedError(Exception):
    """An embedded service can't run. The message is one line for the person at the terminal."""


@dataclass(frozen=True)
class Account:
    """The unprivileged account under which services run when the server runs as root."""

    name: str
    uid: int
    gid: int

    def can_run(self, *argv: str | Path) -> bool:
        """Whether the command succeeds as this account. Trying it is more reliable than computing it from modes and ACLs."""
        try:
            return subprocess.run(argv, cwd="/", env=plain_environment(), **_QUIET, **run_as(self)).returncode == 0
        except OSError:
            return False

    def can_enter(self, directory: Path) -> bool:
        """Whether the account may use files below the directory."""
        return self.can_run("/bin/sh", "-c", 'cd -- "$1"', "sh", directory)


@dataclass(frozen=True)
class Place:
    """The directory of one service. It belongs to the server's user, and only the service's account may pass through it to the
    subdirectories that belong to the account.

    Root writes only into directories to which the account can't write, so a symbolic link made by the account can't redirect root.
    account: None: the server doesn't run as root, and the service runs as the same user.
    """

    path: Path
    account: Account | None

    def subdirectory(self, name: str) -> Path:
        """A directory of mode 0700 that belongs to the account."""
        return _make_directory(self.path / name, self.account)

    def socket_directory(self, socket_name: str) -> Path:
        """The subdirectory `socket`; or a directory below /tmp if the path is too long for a socket, or has characters that would need
        quotes in configuration files and URLs."""
        directory = self.subdirectory("socket")
        if len(os.fsencode(directory / socket_name)) <= SOCKET_PATH_LIMIT and not set("',\"\\") & set(str(directory)):
            return directory
        # The name is always the same, so that the next start finds a service that outlived this process. If another user has taken
        # it, by chance or to intercept connections, the next name is tried.
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]
        for name in (f"{product.SLUG}-{digest}-{number}" for number in range(10)):
            try:
                return _make_directory(Path("/tmp", name), self.account)
            except EmbeddedError:
                continue
        raise EmbeddedError(
            f"can't make a directory for sockets below /tmp; is {product.SLUG}-{digest}-0 another user's?"
        )

    def runnable(self, root: Path, parts: Sequence[str], binary: str, version: str) -> Path:
        """The directory from which the account can run `binary`, a path below it: `root`, or, if the account can't reach that, a copy
        of its `parts`. The copy has the same layout, because binaries find their libraries by relative paths."""
        if not self.account or self.account.can_run(root / binary, "--version"):
            return root
        copy = self.path / f"binaries-{version}"
        if not copy.is_dir():
            for old in self.path.glob("binaries-*"):
                shutil.rmtree(old)
            unfinished = self.path / "binaries-unfinished"
            for part in filter(lambda part: (root / part).exists(), parts):
                source, target = root / part, unfinished / part
                target.parent.mkdir(parents=True, exist_ok=True)
                (shutil.copytree if source.is_dir() else shutil.copy2)(source, target)
            for directory, directories, files in os.walk(unfinished):
                for name in ["", *directories, *files]:
                    Path(directory, name).chmod(0o755)
            unfinished.rename(copy)
        if not self.account.can_run(copy / binary, "--version"):
            raise EmbeddedError(f"account {self.account.name} can't run {copy / binary}")
        return copy

    def open_log(self, name: str) -> IO[bytes]:
        """The service's log, open for appending."""
        log = open(self.path / name, "ab", opener=lambda path, flags: os.open(path, flags | os.O_NOFOLLOW, 0o600))
        if self.account:
            os.fchown(log.fileno(), self.account.uid, self.account.gid)
        trim_log(self.path / name)
        return log


class Child:
    """The process of a service, started by this server or by one that was killed. mark: a text that its command line contains."""

    def __init__(self, pid: int, mark: str, process: subprocess.Popen[bytes] | None = None) -> None:
        self.pid = pid
        self._mark = mark
        self._process = process

    def is_alive(self) -> bool:
        if self._process:
            return self._process.poll() is None
        # The pid alone proves nothing: after a reboot another program may have it. A zombie has an empty command line.
        return self._mark in command_line(self.pid)

    def wait(self, seconds: float) -> bool:
        """Whether the process has ended within that time."""
        end = time.monotonic() + seconds
        while self.is_alive():
            if time.monotonic() > end:
                return False
            time.sleep(POLL)
        return True

    def stop(self, *steps: tuple[signal.Signals, float]) -> None:
        """Send one signal after another until the process has ended. steps: each signal, and how many seconds to wait after it."""
        for number, seconds in steps:
            if not self.is_alive():
                return
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return
            if self.wait(seconds):
                return


@contextmanager
def starting(service: str) -> Iterator[None]:
    """A decorator: turns an OSError, such as a full disk, into an EmbeddedError."""
    try:
        yield
    except OSError as error:
        raise EmbeddedError(f"{service} doesn't start: {error}") from error


def account_for(path: Path) -> Account | None:
    """The account under which services run below a directory; None unless the server runs as root. Raises EmbeddedError."""
    if os.geteuid() != 0:
        return None
    owner = path.stat().st_uid
    if owner:
        # A user has started their own checkout with sudo. All files stay the user's.
        return _account_of(owner)
    for name in ACCOUNTS:
        try:
            return _account_of(pwd.getpwnam(name).pw_uid)
        except KeyError:
            continue
    raise EmbeddedError(
        f"running as root, and there is no account {', '.join(ACCOUNTS[:-1])} or {ACCOUNTS[-1]} to run services as"
    )


def find_place(home: Path, name: str, token: str) -> Place:
    """The directory of the service `name`: below the home, or below OUTSIDE if the service's account can't reach the home.

    There its name is derived from the token, a secret of the home. So the home finds it after being moved, and another home that is
    later created at the same path doesn't. Raises EmbeddedError.
    """
    inside, outside = home / name, OUTSIDE / hashlib.sha256(token.encode()).hexdigest()[:16] / name
    account = account_for(home)
    if not account:
        return Place(_make_directory(inside, None), None)
    try:
        # Existing data stays where it is, with its account, even if an account that comes before it in ACCOUNTS was created since.
        path = outside if outside.is_dir() else inside
        account = _account_of((path / "socket").stat().st_uid)
    except FileNotFoundError:
        path = inside if account.can_enter(home) else outside
    try:
        if path is outside:
            for parent, mode in ((OUTSIDE, 0o755), (outside.parent, 0o711)):
                if not parent.is_dir():
                    parent.mkdir(parents=True)
                    parent.chmod(mode)
            write_file(outside.parent / "home", f"{home}\n")
        _make_directory(path, Account(account.name, home.stat().st_uid, account.gid), mode=0o710)
    except OSError as error:
        raise EmbeddedError(f"can't make {path}: {error.strerror}") from None
    if not account.can_enter(path):
        raise EmbeddedError(f"account {account.name}, which stands in for root, can't enter {path}")
    place = Place(path, account)
    place.subdirectory("socket")
    return place


def start(argv: Sequence[str | Path], place: Place, log: IO[bytes], mark: str, stdin: bytes = b"") -> Child:
    """Start a service in its own session, so that Ctrl-C doesn't reach it: the server stops it. mark: see Child."""
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        cwd="/",
        env=plain_environment(),
        start_new_session=True,
        **run_as(place.account),
    )
    assert process.stdin
    try:
        process.stdin.write(stdin)
        process.stdin.close()
    except BrokenPipeError:
        # The process has already ended. The caller notices that when it waits for the service.
        pass
    return Child(process.pid, mark, process)


def run_as(account: Account | None) -> dict[str, Any]:
    """Arguments of subprocess that drop all privileges of root; none without an account."""
    return {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}


def plain_environment() -> dict[str, str]:
    """The environment of services: without our secrets, and without PG… variables, which would change where psql connects."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def command_line(pid: int) -> str:
    """The command line of a process; "" when there is no such process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="surrogateescape")
    except OSError:
        if Path("/proc/self").exists():
            return ""
    return subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True).stdout


def write_file(path: Path, text: str, owner: int = -1, mode: int = 0o600) -> None:
    """Replace a file atomically; it is on disk when this returns. owner: a uid, which gets the file if the server runs as root."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        if os.geteuid() == 0:
            os.fchown(file.fileno(), owner, -1)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Write a directory to disk, so that renames in it survive a power failure."""
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def trim_log(path: Path) -> None:
    """If a log is larger than LOG_LIMIT, copy it to NAME.1 and empty it. Its writer may be running: it appends, so it goes on at the
    beginning of the emptied file."""
    if path.stat().st_size > LOG_LIMIT:
        shutil.copyfile(path, path.with_name(f"{path.name}.1"))
        os.truncate(path, 0)


def last_line(log: Path, unless: tuple[str, ...] = ()) -> str:
    """The last line of a log that contains none of the texts of `unless`, for an error message."""
    with open(log, "rb") as file:
        file.seek(max(0, log.stat().st_size - 4000))
        lines = [line.strip() for line in file.read().decode(errors="replace").split("\n")]
    lines = [line for line in lines if line and not any(text in line for text in unless)]
    return lines[-1] if lines else "no reason given"


def _account_of(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        # Containers may have users without a name.
        return Account(str(uid), uid, uid)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _make_directory(path: Path, account: Account | None, mode: int = 0o700) -> Path:
    """Create a directory that belongs to the account. Raises EmbeddedError when it exists and another user could use it."""
    uid = account.uid if account else os.geteuid()
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and account:
            # It was created just now, or by a start that was killed here: only root could have created it in this place.
            os.chown(path, uid, account.gid)
            path.chmod(mode)
            found = path.lstat()
    except OSError as error:
        raise EmbeddedError(f"can't make {path}: {error.strerror}") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o077 & ~mode:
        raise EmbeddedError(f"{path} is not a directory that only this instance can use")
    return path


_QUIET: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}

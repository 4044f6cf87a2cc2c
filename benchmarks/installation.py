"""A complete installation for one run: a durable Postgres, a Redis, and servers in separate processes. It is removed at the end."""

import asyncio
import contextlib
import dataclasses
import http.client
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import IO, Any

import asyncpg

from core.data import migrations
from core.embedded.home import open_home
from core.embedded.postgres import EmbeddedPostgres, start_postgres
from core.embedded.redis import EmbeddedRedis, start_redis
from handlers.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
IMPORT_KEY = "benchmark-import-key"
SECRET_KEY = "benchmark-secret-key-of-at-least-32-bytes"
TEMPLATE = "template_of_benchmarks"
# Seconds that a server may take until it answers.
START_LIMIT = 60
_numbers = itertools.count(1)


class BenchmarkError(Exception):
    """A measurement is impossible. The message is one line with the reason."""


class Server:
    """A running server process, with its port and its resource usage from /proc."""

    def __init__(self, arguments: list[str], environment: dict[str, str], log: Path) -> None:
        self.port = free_port()
        self.log = log
        self._file: IO[bytes] = log.open("ab")
        argv = [sys.executable, str(ROOT / "server.py"), "serve", "--port", str(self.port), *arguments]
        self.began = time.perf_counter()
        # The server has its own session. So Ctrl-C reaches only the benchmark, which stops the server before Postgres.
        self._process = subprocess.Popen(
            argv,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=self._file,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self) -> float:
        """Waits for the first response. Returns the seconds since the start."""
        while time.perf_counter() - self.began < START_LIMIT:
            if self._process.poll() is not None:
                raise BenchmarkError(f"the server does not start: {self.last_line()}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                try:
                    connection.request("GET", "/api/sales/invoices/")
                    if connection.getresponse().status == 200:
                        return time.perf_counter() - self.began
                finally:
                    connection.close()
            time.sleep(0.005)
        raise BenchmarkError(f"the server does not answer within {START_LIMIT} s: {self.last_line()}")

    def cpu_seconds(self) -> float:
        """Returns the user and system time of all threads so far, from the scheduler (ns) or else from stat (10 ms ticks)."""
        try:
            tasks = Path(f"/proc/{self.pid}/task").iterdir()
            return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
        except OSError:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_bytes(self) -> int:
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def last_line(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1][:200] if lines else "its log is empty"

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._file.close()


class Installation:
    """Postgres, Redis and a folder. `installed` creates it."""

    def __init__(self, folder: Path, postgres: EmbeddedPostgres, redis: EmbeddedRedis | None) -> None:
        self.folder, self.postgres, self.redis = folder, postgres, redis

    def dsn(self, database: str) -> str:
        return self.postgres.dsn.replace("@/tradepost", f"@/{database}")

    def create_database(self, name: str) -> str:
        """Creates a migrated database without rows and returns its DSN."""
        # FILE_COPY copies files and needs only a checkpoint. The default strategy writes the whole template to the WAL.
        self.run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
        return self.dsn(name)

    def run(self, *statements: str, dsn: str = "") -> Any:
        """Runs the statements one by one, each in its own transaction. Returns the first value of the last one."""

        async def work() -> Any:
            connection = await asyncpg.connect(dsn or self.postgres.dsn)
            try:
                for statement in statements[:-1]:
                    await connection.execute(statement)
                return await connection.fetchval(statements[-1])
            finally:
                await connection.close()

        return run_coroutine(work())

    @contextlib.contextmanager
    def server(self, dsn: str, **more: str) -> Iterator[Server]:
        """Starts a server with one worker on the database, and waits until it answers. Its logs go to a file. more: further settings."""
        number = next(_numbers)
        given = {
            "DATABASE_URL": dsn,
            "REDIS_URL": self.redis.url if self.redis else "",
            # Two servers on two databases are two installations, so they must not share keys.
            "REDIS_PREFIX": f"benchmark-{number}:",
            "SECRET_KEY": SECRET_KEY,
            "ALLOWED_HOSTS": "127.0.0.1,localhost",
            "SALES_IMPORT_API_KEY": IMPORT_KEY,
            # A measurement makes more requests than any person.
            "RATE_LIMIT_AUTHENTICATED": "0",
            "RATE_LIMIT_ANONYMOUS": "0",
            "RATE_LIMIT_ADMIN": "0",
            **more,
        }
        server = Server(["--workers", "1"], environment(given), self.folder / f"server-{number}.log")
        try:
            server.wait()
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def installed() -> Iterator[Installation]:
    """Starts Postgres (durable, as in production) and Redis in a temporary folder. Stops and removes everything at the end."""
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="tradepost-benchmark-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        # For root, Postgres runs as another account, which must be able to traverse the folder.
        folder.chmod(0o711)
        home = open_home(folder / "home")
        stack.callback(home.close)
        postgres = start_postgres(home)
        stack.callback(postgres.stop)
        redis = start_redis(home)
        if redis:
            stack.callback(redis.stop)
        found = Installation(folder, postgres, redis)
        found.run(f"CREATE DATABASE {TEMPLATE}")
        run_coroutine(migrations.apply(found.dsn(TEMPLATE)))
        # This callback runs first, so that a second Ctrl-C does not leave a Postgres process behind.
        stack.callback(_ignore_signals)
        yield found


def environment(given: dict[str, str]) -> dict[str, str]:
    """Returns the environment of a server process. An empty value hides the value of .env and of this process."""
    names = [*(field.metadata["name"] for field in dataclasses.fields(Settings)), "DB_NAME"]
    return {**os.environ, **dict.fromkeys(names, ""), **given}


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def run_coroutine(work: Coroutine[Any, Any, Any]) -> Any:
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


def _ignore_signals() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

"""One process of the server, from opening its connections to the end. What it serves is given to it."""

import asyncio
import contextlib
import functools
import os
import resource
import signal
import socket
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

import tornado.httpserver
import tornado.iostream

from core import product
from core.data.database import Database
from core.duties import Duty, Listener, always, every
from core.files.configured import open_storage
from core.http.application import Application, Refusal, finish_requests
from core.http.router import Router
from core.jobs.history import PURGE_JOBS_SECONDS, purge_jobs
from core.jobs.job import Job, Resources, Schedule
from core.jobs.runner import Runner
from core.live.events import PURGE_SECONDS, purge
from core.live.fanout import connect
from core.live.live import Live, LiveSettings
from core.mail import Mail
from core.metrics import Metrics, Reading
from core.passwords import Passwords
from core.problem import Problem
from core.run import readings as own_readings
from core.settings import CoreSettings
from core.tokens import Tokens
from core.traces import Tracing

# Bytes. Up to here a body beyond BODY_LIMIT is read and dropped, so that the client gets to read the 413.
READ_LIMIT = 64 * 1024 * 1024
# Bytes of a request's head.
HEADER_LIMIT = 32 * 1024
# For a client to send the next request's head on an open connection.
HEADER_SECONDS = 75
# For a client to send a body.
BODY_SECONDS = 60
# After SIGTERM, for the requests that have begun.
FINISH_SECONDS = 10
# After SIGTERM, for a request that is already on its way on an open connection.
IDLE_SECONDS = 0.5
# SIGHUP: the terminal was closed.
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# Connections that wait to be accepted: after a restart thousands of streams reconnect at once.
BACKLOG = 4096
# Between two attempts to open the event log while the database is away.
OPEN_SECONDS = 0.5
# Open files that one process asks the system for: each stream is one. Linux allows no more by default.
MOST_FILES = 1_048_576

log = product.logger("process")


class Process:
    """Connections, application and background tasks of one process: `await open()`, then requests; `await close()` at the end."""

    def __init__(
        self,
        config: CoreSettings,
        router: Router,
        refusals: dict[str, Refusal],
        duties: list[Duty],
        listeners: dict[str, list[Listener]],
        jobs: Sequence[Job] | None = None,
        schedules: Sequence[Schedule] = (),
        *,
        readings: Sequence[Callable[[Application], Iterable[Reading]]] = (),
        metrics: Metrics | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        """jobs: those that this process runs beside its requests; None: it runs none. readings: what areas keep that the metrics show.
        metrics: None: those of a process without others beside it. tracing: None: no traces are made."""
        self.config = config
        self._duties = [Duty(PURGE_SECONDS, purge), Duty(PURGE_JOBS_SECONDS, purge_jobs), *duties]
        self._db = Database(config.database_url, size=config.db_pool_size, statement_cache=config.db_statement_cache)
        self._redis = connect(config.redis_url) if config.redis_url else None
        self._live = Live(self._db, LiveSettings(config.redis_url, config.redis_prefix, config.sse_keepalive_seconds))
        self._passwords = Passwords(config.bcrypt_cost)
        self._tasks: list[asyncio.Task[None]] = []
        self._metrics, self._tracing = metrics or Metrics(), tracing
        self.app = Application(
            config,
            router,
            refusals,
            db=self._db,
            redis=self._redis,
            live=self._live,
            passwords=self._passwords,
            tokens=Tokens(*config.secret_keys),
            storage=open_storage(config),
            mail=Mail(config),
            metrics=self._metrics,
            tracing=tracing,
        )
        self._metrics.add_source(lambda: own_readings.of_database(self._db))
        self._metrics.add_source(lambda: own_readings.of_live(self._live))
        for read in (own_readings.of_application, *readings):
            self._metrics.add_source(functools.partial(read, self.app))
        self._runner = None if jobs is None else Runner(resources(self.app), jobs, schedules, kind="serve")
        for topic, its_listeners in listeners.items():
            for listener in its_listeners:
                self._live.listen(topic, functools.partial(listener, self.app))

    async def open(self) -> None:
        """Find the end of the event log, waiting for the database as long as it takes, and start the background tasks."""
        while True:
            try:
                await self._live.open()
                break
            except Problem:
                await asyncio.sleep(OPEN_SECONDS)
        work = map(always, [self._db.watch, self._metrics.work, *self._live.work()])
        duties = [every(duty, self.app) for duty in self._duties]
        self._tasks = [asyncio.create_task(task) for task in [*work, *duties]]
        if self._runner is not None:
            # Before requests come: the import would slow them down for a quarter of a second.
            await _open_runner(self._runner)

    async def stop_jobs(self, seconds: float) -> None:
        """Begin no more jobs, and give those that run `seconds` to finish."""
        if self._runner is not None:
            await self._runner.stop(seconds)

    async def close(self) -> None:
        """Stop the background tasks and close all connections."""
        await self.stop_jobs(0)
        # Repeated, because asyncio.wait_for (until Python 3.12) and redis-py can lose a cancellation that meets a result.
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            _, pending = await asyncio.wait(self._tasks, timeout=0.2)
            self._tasks = list(pending)
        self.close_streams()
        self._passwords.close()
        await self.app.storage.close()
        await self._db.close()
        if self._redis is not None:
            await self._redis.aclose()
        # What was counted since the last reading would otherwise be missing from the files of the workers.
        self._metrics.read()
        if self._tracing is not None:
            await asyncio.to_thread(self._tracing.close)

    def close_streams(self) -> None:
        """Close all streams and WebSockets, and accept no new ones."""
        self._live.close()
        self.app.sockets.close()


async def _open_runner(runner: Runner) -> None:
    """A server whose jobs can't run still answers requests."""
    try:
        await runner.open()
    except Exception:
        log.exception("no jobs run here")


def serve(
    process: Callable[[], Process], listener: socket.socket, parent: int | None, ready: Callable[[], None]
) -> int:
    """Serve on `listener` until SIGTERM, SIGINT, SIGHUP, or until `parent` (the reading end of a pipe) is closed; the exit status.

    ready: called once requests are accepted.
    """
    _raise_file_limit()
    return run_until_signal(lambda: _serve(process, listener, parent, ready))


def run_until_signal(main: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Run the coroutine of a process, which ends by itself on one of ENDING; the exit status."""
    try:
        import uvloop
    except ImportError:
        # There is no wheel for this Python, or this is Windows.
        run = asyncio.run
    else:
        run = uvloop.run
    try:
        run(main())
    except OSError as error:
        log.error("can't serve: %s", error)
        return 1
    finally:
        for number in ENDING:
            # A second signal must not interrupt the stopping of what still runs.
            signal.signal(number, signal.SIG_IGN)
    return 0


async def until_signal(parent: int | None = None) -> asyncio.Event:
    """An event that is set by one of ENDING, or when `parent` (the reading end of a pipe) is closed."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in ENDING:
        loop.add_signal_handler(number, stop.set)
    # core/run/workers.py has blocked them; one that came in the meantime is delivered now.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    if parent is not None:
        loop.add_reader(parent, stop.set)
    return stop


async def _serve(
    make: Callable[[], Process], listener: socket.socket, parent: int | None, ready: Callable[[], None]
) -> None:
    stop = await until_signal(parent)
    process = make()
    try:
        opening = asyncio.create_task(process.open())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([opening, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not opening.done():
            opening.cancel()
            return
        await opening
        server = http_server(process.app)
        # Raises OSError when another program has begun to listen on the port in the meantime.
        listener.listen(BACKLOG)
        server.add_sockets([listener])
        log.info("pid %d is ready", os.getpid())
        # OSError: standard output is closed.
        with contextlib.suppress(OSError):
            ready()
        await stopping
        if parent is not None:
            asyncio.get_running_loop().remove_reader(parent)
        log.info("stopping: finishing %d requests", process.app.active)
        await _drain(process, server, listener)
    finally:
        await process.close()


def resources(app: Application) -> Resources:
    """What the jobs of a process that serves share with its requests."""
    return Resources(app.db, app.config, app.storage, app.mail, app.metrics, app.tracing)


def http_server(app: Application) -> tornado.httpserver.HTTPServer:
    """Tornado's server with our limits."""
    return tornado.httpserver.HTTPServer(
        app,
        max_body_size=READ_LIMIT,
        max_header_size=HEADER_LIMIT,
        idle_connection_timeout=HEADER_SECONDS,
        body_timeout=BODY_SECONDS,
    )


async def _drain(process: Process, server: tornado.httpserver.HTTPServer, listener: socket.socket) -> None:
    process.app.draining = True
    jobs = asyncio.create_task(process.stop_jobs(FINISH_SECONDS))
    # Closing a listening socket resets the connections in its queue. So the queue is emptied first, without giving way to other tasks.
    while True:
        try:
            connection, address = listener.accept()
        except OSError:
            break
        server.handle_stream(tornado.iostream.IOStream(connection), address)
    server.stop()
    process.close_streams()
    await asyncio.sleep(IDLE_SECONDS)
    if not await finish_requests(process.app, FINISH_SECONDS - IDLE_SECONDS):
        log.warning("%d requests did not finish in %d s", process.app.active, FINISH_SECONDS)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(server.close_all_connections(), 1)
    await jobs


def listener(host: str, port: int, *, shared: bool) -> socket.socket:
    """A socket bound to the address, not listening yet. shared: several workers bind the same address. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.setblocking(False)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def _raise_file_limit() -> None:
    """Allow as many file descriptors as the system lets this process have: each stream takes one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, MOST_FILES) if hard != resource.RLIM_INFINITY else MOST_FILES
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

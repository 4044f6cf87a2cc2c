"""One process of the server, from its pools to its end. What it serves is given to it."""

import asyncio
import contextlib
import logging
import os
import resource
import signal
import socket
from collections.abc import Callable

import tornado.httpserver
import tornado.iostream

from core.data.database import Database
from core.duties import Duty, Listener, always, every
from core.files.configured import open_storage
from core.http.application import BODY_SECONDS, HEADER_LIMIT, HEADER_SECONDS, READ_LIMIT, Application, Refusal, finish_requests
from core.http.router import Router
from core.live.events import PURGE_SECONDS, Event, EventLog, purge
from core.live.fanout import Fanout, connect
from core.live.streams import Streams
from core.passwords import Passwords
from core.problem import Problem
from core.settings import CoreSettings
from core.tokens import Tokens

FINISH_SECONDS = 10  # for requests that have begun, after SIGTERM
IDLE_SECONDS = 0.5  # for a request that is already on its way on an open connection
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # the last: the terminal was closed
BACKLOG = 4096  # connections waiting to be accepted; after a restart thousands of streams come back at once

log = logging.getLogger("tradepost.process")


class Process:
    """Pools, application and background tasks of one process: `await open()`, then requests; `await close()` at the end."""

    def __init__(
        self,
        config: CoreSettings,
        router: Router,
        refusals: dict[str, Refusal],
        duties: list[Duty],
        listeners: dict[str, list[Listener]],
    ) -> None:
        self.config = config
        self._listeners = listeners
        self._duties = [Duty(PURGE_SECONDS, purge), *duties]
        self._db = Database(config.database_url, size=config.db_pool_size, statement_cache=config.db_statement_cache)
        self._redis = connect(config.redis_url) if config.redis_url else None
        self._streams = Streams(self._db, config.sse_keepalive_seconds)
        self._fanout = Fanout(config.redis_url, config.redis_prefix) if config.redis_url else None
        self._events = EventLog(self._db, self._deliver, self._restart, self._carry)
        self._passwords = Passwords(config.bcrypt_cost)
        self._tasks: list[asyncio.Task[None]] = []
        self.app = Application(
            config, router, refusals, db=self._db, redis=self._redis, events=self._events,
            streams=self._streams, passwords=self._passwords, tokens=Tokens(config.secret_key),
            storage=open_storage(config),
        )  # fmt: skip

    async def open(self) -> None:
        """Find the event log's end, waiting for the database as long as it takes, and start the background tasks."""
        while True:
            try:
                await self._events.open()
                break
            except Problem:
                await asyncio.sleep(0.5)
        self._streams.open(self._events.head)
        work = [self._db.watch, self._events.run, *self._streams.work()]
        if self._fanout:
            work += self._fanout.work(self._events.name, self._events.accept)
        duties = [every(duty, self.app) for duty in self._duties]
        self._tasks = [asyncio.create_task(task) for task in [*map(always, work), *duties]]

    def _deliver(self, events: list[Event]) -> None:
        for event in events:
            for hear in self._listeners.get(event.topic, ()):
                hear(self.app, event.payload)
        self._streams.deliver(events)

    def _carry(self, events: list[Event]) -> None:
        if self._fanout:
            self._fanout.send(events)

    def _restart(self, head: int) -> None:
        for listeners in self._listeners.values():
            for hear in listeners:
                hear(self.app, None)
        self._streams.restart(head)
        if self._fanout:
            self._fanout.restart()

    async def close(self) -> None:
        # Again and again: asyncio.wait_for (until Python 3.12) and redis-py can lose a cancellation that meets a result.
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            _, pending = await asyncio.wait(self._tasks, timeout=0.2)
            self._tasks = list(pending)
        self._streams.close()
        self._passwords.close()
        await self.app.storage.close()
        await self._db.close()
        if self._redis is not None:
            await self._redis.aclose()

    def close_streams(self) -> None:
        self._streams.close()


def serve(
    process: Callable[[], Process], listener: socket.socket, parent: int | None, ready: Callable[[], None]
) -> int:
    """Serve on `listener` until SIGTERM, SIGINT or the end of `parent` (a pipe); returns the exit status."""
    _raise_file_limit()
    try:
        import uvloop
    except ImportError:  # not on Windows, nor on a Python that has no wheel yet
        run = asyncio.run
    else:
        run = uvloop.run
    try:
        run(_serve(process, listener, parent, ready))
    except OSError as error:
        log.error("can't serve: %s", error)
        return 1
    finally:
        for number in ENDING:  # we are ending: a second signal must not cut off what is still to be stopped
            signal.signal(number, signal.SIG_IGN)
    return 0


async def _serve(
    make: Callable[[], Process], listener: socket.socket, parent: int | None, ready: Callable[[], None]
) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in ENDING:
        loop.add_signal_handler(number, stop.set)
    if parent is not None:
        loop.add_reader(parent, stop.set)
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
        listener.listen(BACKLOG)  # OSError: another program was quicker
        server.add_sockets([listener])
        log.info("pid %d is ready", os.getpid())
        with contextlib.suppress(OSError):  # nobody reads our standard output any more
            ready()
        await stopping
        if parent is not None:
            loop.remove_reader(parent)
        log.info("stopping: finishing %d requests", process.app.active)
        await _drain(process, server, listener)
    finally:
        await process.close()


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
    process.app.draining = True  # from now on answers say Connection: close
    # Closing a listening socket resets what waits in its queue, so empty the queue first, without a turn in between.
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


def listener(host: str, port: int, *, shared: bool) -> socket.socket:
    """A socket bound to the address, not listening yet. shared: other processes of ours bind it too. Raises OSError."""
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
    """Each stream is a file descriptor; take as many as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 1_048_576) if hard != resource.RLIM_INFINITY else 1_048_576
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

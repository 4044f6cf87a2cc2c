"""PgQueuer as this server uses it: its objects in the schema `jobs`, its loop and its statements, over our pool of connections.

What differs from PgQueuer's own classes, and why:
- Its settings would be read from the environment, also from names such as CHANNEL and TRIGGER. Here all of them are given.
- Its driver holds one connection, and its loop ends when that is lost. Ours uses the pool, waits while Postgres is away, and opens the
  listening connection again.
- PgQueuer writes the end of a job in a later transaction, and does not check which process has the job by then. A process that stood still
  would so remove a job that another one runs. Here the job's own transaction ends it (core.finish_job), and PgQueuer writes nothing.
- Its limit of concurrency is counted in Postgres at each look at the queue. Ours is counted in the process.

This module imports pgqueuer, which takes some 170 ms and 10 MB: it is itself imported only where jobs run.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import asyncpg
from pgqueuer import Queries, QueueManager
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.core.tm import TaskManager
from pgqueuer.domain.models import Context, TableChangedEvent, utc_now
from pgqueuer.domain.models import Job as Picked
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel, JobId, QueueEntrypoint, QueueManagerId
from pgqueuer.ports.driver import Driver, NotifyCallback

from core import product
from core.data.database import Database
from core.problem import Problem

# Between two attempts while Postgres is away.
AWAY_SECONDS = 0.5
# To open the listening connection.
CONNECT_SECONDS = 5.0
# PgQueuer writes what it has gathered of so many jobs at once. Manager.fetch_jobs says how many it takes from the queue.
BATCH = 4
CHANNEL = Channel("ch_pgqueuer")

log = product.logger("jobs")

__all__ = ["AWAY_SECONDS", "BATCH", "Manager", "PoolDriver", "QueueManagerId", "quieten", "settings"]


def settings() -> DBSettings:
    """The names of PgQueuer's objects, as sql/migrations/0012_core_jobs.sql has them. All are given, so that none comes from the
    environment."""
    return DBSettings(
        prefix="",
        db_schema="jobs",
        channel=CHANNEL,
        function="fn_pgqueuer_changed",
        statistics_table="pgqueuer_statistics",
        queue_status_type="pgqueuer_status",
        queue_table="pgqueuer",
        queue_table_log="pgqueuer_log",
        trigger="tg_pgqueuer_changed",
        schedules_table="pgqueuer_schedules",
        durability=Durability.durable,
        widen_id=True,
    )


class PoolDriver(Driver):
    """Runs PgQueuer's statements on the pool, and listens on a connection beside it.

    listens: False behind PgBouncer in transaction mode, which has no sessions to listen in. The queue is then only polled.
    """

    def __init__(self, db: Database, dsn: str, *, listens: bool) -> None:
        self._db, self._dsn, self._listens = db, dsn, listens
        self._shutdown = asyncio.Event()
        self._callbacks: dict[str, NotifyCallback] = {}
        self._listening: asyncio.Task[None] | None = None

    async def patiently(self, once: Callable[[], Awaitable[Any]]) -> Any:
        """The result of `once`, which is repeated while Postgres is away. Raises Problem 503 when the process is to end meanwhile."""
        while True:
            try:
                return await once()
            except Problem as error:
                if error.status != 503 or self._shutdown.is_set():
                    raise
            await asyncio.sleep(AWAY_SECONDS)

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        rows = await self.patiently(lambda: self._db.rows(query, *args))
        return [dict(row) for row in rows]

    async def execute(self, query: str, *args: object) -> str:
        # Heartbeats, of which PgQueuer itself repeats those that fail.
        await self._db.none(query, *args)
        return ""

    async def notify(self, channel: str, payload: str) -> None:
        """Nothing. PgQueuer would notify itself every 10 s to see whether it hears it; our listening connection reports its own end."""

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        self._callbacks[channel] = callback
        if self._listens and self._listening is None:
            self._listening = asyncio.create_task(self._keep_listening())

    async def _keep_listening(self) -> None:
        while True:
            connection: Any = None
            try:
                connection = await asyncpg.connect(self._dsn, timeout=CONNECT_SECONDS, statement_cache_size=0)
                lost = asyncio.Event()
                connection.add_termination_listener(lambda _, lost=lost: lost.set())
                for channel, callback in self._callbacks.items():
                    await connection.add_listener(channel, _Heard(callback))
                    # For what was enqueued while nobody listened.
                    callback(_news(channel))
                await lost.wait()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
                # The pool notices as well that Postgres is away, and logs it. Until it is back the queue is polled.
                pass
            finally:
                if connection is not None:
                    connection.terminate()
            await asyncio.sleep(AWAY_SECONDS)

    @property
    def shutdown(self) -> asyncio.Event:
        return self._shutdown

    @property
    def tm(self) -> TaskManager:
        return TaskManager()

    async def __aenter__(self) -> "PoolDriver":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop_listening()

    def stop_listening(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            self._listening = None


class _Heard:
    """What asyncpg calls for a notification."""

    def __init__(self, callback: NotifyCallback) -> None:
        self._callback = callback

    def __call__(self, connection: object, pid: object, channel: object, payload: str) -> None:
        self._callback(payload)


def _news(channel: str) -> str:
    """A notification that the queue has changed, as PgQueuer's trigger sends it."""
    return TableChangedEvent(
        channel=Channel(channel), sent_at=utc_now(), type="table_changed_event", operation="insert", table="pgqueuer"
    ).model_dump_json(exclude={"received_at"})


class QueueQueries(Queries):
    """PgQueuer's statements, without those that end a job."""

    def __init__(self, driver: Driver) -> None:
        names = settings()
        super().__init__(
            driver,
            QueryBuilderEnvironment(names),
            QueryQueueBuilder(names),
            QuerySchedulerBuilder(names),
        )

    async def log_jobs(self, job_status: list[Any]) -> None:
        """Nothing: core/jobs/runner.py has ended the job. So cancelling the loop, even twice, takes no job from the queue."""


class Manager(QueueManager):
    """PgQueuer's loop, which takes no more jobs of a kind than this process may have of it. at_once: this number, by the kind's name."""

    def __init__(self, driver: Driver, at_once: Mapping[str, int]) -> None:
        super().__init__(QueueQueries(driver), CHANNEL)
        self._at_once = at_once
        # The jobs that this process has, by id: the names of their kinds.
        self._mine: dict[JobId, QueueEntrypoint] = {}

    def entrypoints_below_capacity_limits(self) -> set[QueueEntrypoint]:
        running = Counter(self._mine.values())
        return {name for name in self.entrypoint_registry if running[name] < self._at_once[name]}

    async def fetch_jobs(
        self, batch_size: int, global_concurrency_limit: int | None, heartbeat_timeout: timedelta
    ) -> AsyncGenerator[Picked, None]:
        # One job is taken at a time, and then the kinds that have a free place are counted again. A statement that took several could take
        # more of a kind than it has places, and an idle process could not have those that wait here.
        async for job in super().fetch_jobs(1, global_concurrency_limit, heartbeat_timeout):
            self._mine[job.id] = job.entrypoint
            yield job

    def forget_job(self, job_id: JobId, context: Context, task: asyncio.Task[None]) -> None:
        super().forget_job(job_id, context, task)
        self._mine.pop(job_id, None)

    @property
    def running(self) -> int:
        return len(self._mine)


class _OneLine(logging.Handler):
    """Passes PgQueuer's warnings on as lines of our own log, without tracebacks: an outage of Postgres would write one for each step."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        log.warning("pgqueuer: %s%s", record.getMessage(), f": {error!r}" if error else "")


def quieten() -> None:
    """Let PgQueuer's logger write through _OneLine only."""
    theirs = logging.getLogger("pgqueuer")
    theirs.propagate = False
    theirs.setLevel(logging.WARNING)
    theirs.handlers = [_OneLine()]

"""A job: what an area declares, how it is enqueued, and what its work is given.

    async def send(run: Run, payload: Payload) -> None:
        mail = await query.get_mail(run.db, …)
        await run.mail.send(…)
        await run.finish(lambda tx: query.mark_sent(tx, …))

    jobs = [Job("books.mail", send)]
    schedules = [Schedule("books.remind", "0 9 * * *", job="books.remind")]

A job is enqueued in the transaction that needs it, in SQL by core.enqueue_job(name, payload, …), or by `enqueue`. It is begun at least
once, and may be begun again at any moment: its process can be killed between any two steps. What it does to the database in `finish`
happens once, because the job leaves the queue in the same transaction. What it does elsewhere may happen twice, so that should come last
before `finish`, and be recognisable by `run.key`.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from core.data import sql
from core.data.database import Database, Transaction
from core.data.sql import Runner
from core.files.storage import Storage
from core.mail import Mail
from core.metrics import Metrics
from core.settings import CoreSettings
from core.traces import Tracing

Payload = Mapping[str, Any]

query = sql.load("core/jobs")


class GiveUp(Exception):
    """The job can't be done, now or later: it is held at once. The message says why."""


class Taken(Exception):
    """Another process has the job now, because this one stood still for too long: all that this run has done is rolled back."""


@dataclass(frozen=True)
class Resources:
    """What all jobs of a process share. metrics, tracing: None: their runs are not counted, or make no traces."""

    db: Database
    config: CoreSettings
    storage: Storage
    mail: Mail
    metrics: Metrics | None = None
    tracing: Tracing | None = None


@dataclass
class Run:
    """One run of a job. attempt: 1, 2, 3, …; is_last: after a failure of this one the job is held. key: names the job, in all its runs."""

    resources: Resources
    job_id: int
    run_id: int
    owner: Any
    attempt: int
    is_last: bool
    is_finished: bool = field(default=False, init=False)

    @property
    def key(self) -> str:
        return f"job-{self.job_id}"

    @property
    def db(self) -> Database:
        return self.resources.db

    @property
    def config(self) -> Any:
        """The settings of the server, of which core knows only its own."""
        return self.resources.config

    @property
    def storage(self) -> Storage:
        return self.resources.storage

    @property
    def mail(self) -> Mail:
        return self.resources.mail

    async def finish(
        self, effect: Callable[[Transaction], Awaitable[Any]] | None = None, *, result: Payload | None = None
    ) -> None:
        """End the job with success, in one transaction with its effect. Without this call a job ends when its work returns.

        effect: uses only the database. result: what the history keeps. Raises Taken; whatever `effect` raises; Problem 503.
        """

        if self.is_finished:
            raise RuntimeError("the job is finished already")

        async def together(tx: Transaction) -> None:
            if effect is not None:
                await effect(tx)
            text = None if result is None else json.dumps(result)
            if not await query.finish_job(tx, job=self.job_id, owner=self.owner, run=self.run_id, result=text):
                raise Taken

        await self.db.transaction(together)
        self.is_finished = True


# What a job does. What it returns, an object of JSON or None, is kept in the history.
Work = Callable[[Run, Payload], Awaitable[Payload | None]]


@dataclass(frozen=True)
class Job:
    """A kind of job. name: AREA.what. A failed run is repeated after `first_delay` seconds, then after twice as long each time up to
    `longest_delay`; after `attempts` runs the job is held, until somebody queues it again (server.py jobs).

    at_once: how many of them a process runs at a time. seconds: for one run. most_losses: so many processes may end while they run the
    job; then it is held too. queue: the name under which monitoring counts it, with others of its sort. All jobs are in one queue.
    """

    name: str
    work: Work
    attempts: int = 8
    first_delay: float = 10.0
    longest_delay: float = 3600.0
    at_once: int = 4
    seconds: float = 300.0
    most_losses: int = 3
    queue: str = "default"

    def delay_after(self, attempt: int) -> timedelta | None:
        """Between a failed attempt and the next; None: there is no next."""
        if attempt >= self.attempts:
            return None
        return timedelta(seconds=min(self.first_delay * 2.0 ** (attempt - 1), self.longest_delay))


@dataclass(frozen=True)
class Schedule:
    """Enqueues a job at each moment of `cron` (minute, hour, day, month, weekday; UTC by the clock of Postgres), once however many
    workers there are. If none runs at that moment, the next one to start does it for the last such moment only."""

    name: str
    cron: str
    job: str
    payload: Payload = field(default_factory=dict)


async def enqueue(
    tx: Runner,
    name: str,
    payload: Payload,
    *,
    dedupe_key: str | None = None,
    delay: float = 0.0,
    priority: int = 0,
) -> int | None:
    """Enqueue a job in the transaction `tx`; its id, or None when one with the same dedupe_key waits or runs already.

    payload: JSON, without anything secret. delay: seconds until it may begin. priority: higher numbers begin first.
    """
    found: int | None = await query.enqueue_job(
        tx,
        name=name,
        payload=json.dumps(payload),
        dedupe_key=dedupe_key,
        execute_after=timedelta(seconds=delay),
        priority=priority,
    )
    return found

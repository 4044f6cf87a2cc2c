"""Runs jobs in one process: takes them from the queue, begins and ends them, and enqueues what schedules ask for.

An idle runner holds one connection, on which it listens, and no transaction. It reads the queue when a notification arrives, and also every
`Pace.poll` seconds, because no notification tells that the delay of a job is over, or that the process of a job has ended.
"""

import asyncio
import contextlib
import functools
import importlib
import json
import os
import random
import socket
import traceback
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

from core import product, program
from core.duties import always
from core.jobs.job import GiveUp, Job, Resources, Run, Schedule, Taken, query
from core.jobs.schedules import tick
from core.problem import Problem

if TYPE_CHECKING:
    from pgqueuer.domain.models import Job as Picked

    from core.jobs.queue import Manager, PoolDriver

# Characters of an error that the history keeps, and of a traceback.
ERROR_LENGTH = 1_000
TRACEBACK_LENGTH = 10_000

log = product.logger("jobs")


@dataclass(frozen=True)
class Pace:
    """Seconds. Tests are quicker.

    poll: between two looks at the queue. poll_unheard: the same where nothing can be listened to (PgBouncer). heartbeat: a job whose process
    gives no sign of life for so long is run by another one. seen: between two signs of life of the worker itself, in its table.
    """

    poll: float = 5.0
    poll_unheard: float = 1.0
    heartbeat: float = 20.0
    seen: float = 10.0


class Runner:
    """`await open()`, then jobs run; `await stop(seconds)` at the end. kind: serve or worker."""

    def __init__(
        self,
        resources: Resources,
        jobs: Sequence[Job],
        schedules: Sequence[Schedule],
        *,
        kind: str,
        pace: Pace = Pace(),  # noqa: B008  It can't be changed.
    ) -> None:
        self._resources, self._db = resources, resources.db
        self._jobs = {job.name: job for job in jobs}
        if len(self._jobs) != len(jobs):
            raise ValueError("two jobs have one name")
        if resources.metrics is not None:
            resources.metrics.expect_runs({job.name: job.queue for job in jobs})
        self._schedules = schedules
        self._kind, self._pace = kind, pace
        self.id = uuid.uuid4()
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self._tasks: list[asyncio.Task[None]] = []
        self._running: asyncio.Task[None] | None = None
        self._is_stopping = False
        self._driver: PoolDriver
        self._manager: Manager

    async def open(self) -> None:
        """Start; does not wait for Postgres. The import is in a thread, because it takes long and background tasks may run already."""
        self._queue: Any = await asyncio.to_thread(importlib.import_module, "core.jobs.queue")
        if self._is_stopping:
            return
        self._queue.quieten()
        self._make_manager()
        self._running = asyncio.create_task(self._run())
        work = [self._be_seen, *([self._keep_schedules] if self._schedules else [])]
        self._tasks = [asyncio.create_task(always(task)) for task in work]

    def _make_manager(self) -> None:
        config = self._resources.config
        listens = config.db_statement_cache > 0
        self._poll = self._pace.poll if listens else self._pace.poll_unheard
        self._driver = self._queue.PoolDriver(self._db, config.database_url, listens=listens)
        self._manager = self._queue.Manager(self._driver, {job.name: job.at_once for job in self._jobs.values()})
        for name in self._jobs:
            self._manager.entrypoint(name, accepts_context=False)(self._perform)
        self._manager.queue_manager_id = self._queue.QueueManagerId(self.id)

    async def _run(self) -> None:
        """PgQueuer's loop, begun again whenever it ends before it should. What its jobs have is theirs until their heartbeat is old."""
        while not self._is_stopping:
            try:
                await self._manager.run(
                    dequeue_timeout=timedelta(seconds=self._poll),
                    batch_size=self._queue.BATCH,
                    heartbeat_timeout=timedelta(seconds=self._pace.heartbeat),
                    # Its statistics have no reader here; jobs.run is the history.
                    log_aggregation_interval=timedelta(0),
                )
            except Problem:
                # Postgres is away, and the process ends.
                pass
            except Exception:
                log.exception("the runner of jobs failed, starting it again")
            if not self._is_stopping:
                await asyncio.sleep(self._queue.AWAY_SECONDS)
                self._make_manager()

    @property
    def running(self) -> int:
        """How many jobs this process has at the moment."""
        return self._manager.running

    async def stop(self, seconds: float) -> None:
        """Take no more jobs, wait at most `seconds` for those that run, and give back what has not ended by then."""
        self._is_stopping = True
        for task in self._tasks:
            task.cancel()
        if self._running is None:
            return
        self._manager.shutdown.set()
        self._driver.shutdown.set()
        done, _ = await asyncio.wait([self._running], timeout=seconds)
        if not done and self.running:
            log.warning("%d jobs did not finish in %g s; another process runs them", self._manager.running, seconds)
        with contextlib.suppress(Problem):
            await query.release_jobs(self._db, owner=self.id)
            await query.forget_worker(self._db, id=self.id)
        # What still runs can't take effect any more: it is not the owner of its job.
        self._running.cancel()
        await asyncio.wait([self._running], timeout=1)
        self._driver.stop_listening()

    async def _perform(self, picked: "Picked") -> None:
        job = self._jobs[picked.entrypoint]
        if self._is_stopping:
            # It was taken from the queue at the last moment, and stop() gives it back.
            return
        begun = await self._driver.patiently(
            functools.partial(
                query.begin_job,
                self._db,
                job=picked.id,
                owner=self.id,
                worker=self.name,
                most_losses=job.most_losses,
            )
        )
        if begun["outcome"] == "held":
            log.error(
                "job %d, %s, is held: processes that ran it have ended (%s jobs)",
                picked.id,
                job.name,
                program.STARTED,
            )
            if self._resources.metrics is not None:
                self._resources.metrics.count_run(job.name, "held")
        if begun["outcome"] != "begun":
            return
        attempt = picked.attempts + 1
        run = Run(self._resources, picked.id, begun["run"], self.id, attempt, is_last=job.delay_after(attempt) is None)
        started, tracing = monotonic(), self._resources.tracing
        if tracing is None:
            status, error = await self._do(job, run, picked)
        else:
            with tracing.job(job.name, picked.id, attempt) as trace:
                status, error = await self._do(job, run, picked)
                trace.end_run(status, error)
        if self._resources.metrics is not None:
            self._resources.metrics.count_run(job.name, status, monotonic() - started, error)

    async def _do(self, job: Job, run: Run, picked: "Picked") -> tuple[str, Exception | None]:
        """Do the work of a run and end it; how it ended (core/metrics.py, RUNS), and what it failed by."""
        try:
            async with asyncio.timeout(job.seconds):
                result = await job.work(run, json.loads(picked.payload or b"{}"))
                if not run.is_finished:
                    await run.finish(result=result)
        except Taken:
            log.warning(
                "job %d, %s, was taken over by another process; what it did here is undone", picked.id, job.name
            )
            return "taken", None
        except Exception as error:
            return await self._fail(job, run, error), error
        return "succeeded", None

    async def _fail(self, job: Job, run: Run, error: Exception) -> str:
        if run.is_finished:
            log.warning("job %d, %s, failed after it had finished: %r", run.job_id, job.name, error)
            return "succeeded"
        delay = None if isinstance(error, GiveUp) else job.delay_after(run.attempt)
        said = _storable(f"{type(error).__name__}: {error}"[:ERROR_LENGTH])
        trace = _storable("".join(traceback.format_exception(error))[-TRACEBACK_LENGTH:])
        is_mine = await self._driver.patiently(
            functools.partial(
                query.fail_job,
                self._db,
                job=run.job_id,
                owner=run.owner,
                run=run.run_id,
                error=said,
                traceback=trace,
                retry_after=delay,
            )
        )
        if not is_mine:
            # Another process has it; or it was finished, and the connection broke before Postgres could say so.
            log.warning(
                "job %d, %s, failed here, but is not in the hands of this process: %s", run.job_id, job.name, said
            )
            return "taken"
        if delay is None:
            log.error(
                "job %d, %s, is held after attempt %d: %s (%s jobs)",
                run.job_id,
                job.name,
                run.attempt,
                said,
                program.STARTED,
            )
            return "held"
        log.warning("job %d, %s, failed and runs again in %d s: %s", run.job_id, job.name, delay.seconds, said)
        return "retried"

    async def _be_seen(self) -> None:
        while True:
            with contextlib.suppress(Problem):
                await query.see_worker(
                    self._db,
                    id=self.id,
                    name=self.name,
                    kind=self._kind,
                    jobs=sorted(self._jobs),
                    running=self._manager.running,
                )
            await asyncio.sleep(self._pace.seen)

    async def _keep_schedules(self) -> None:
        while True:
            seconds = 1.0
            with contextlib.suppress(Problem):
                seconds = await tick(self._db, self._schedules)
            # Several workers need not ask at the same moment.
            await asyncio.sleep(seconds + random.uniform(0, 0.1))


def _storable(text: str) -> str:
    """The text without what Postgres does not take: messages may quote anything."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")

"""A process without HTTP, which runs jobs."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core import product
from core.data.database import Database
from core.duties import always
from core.files.configured import open_storage
from core.jobs.job import Job, Resources, Schedule
from core.jobs.runner import Pace, Runner
from core.mail import Mail
from core.metrics import Metrics
from core.run import exposed, readings
from core.run.process import FINISH_SECONDS, run_until_signal, until_signal
from core.run.scrape import Scrape
from core.settings import CoreSettings
from core.traces import Tracing

log = product.logger("worker")


@dataclass
class _Measured:
    """Implements core.run.scrape.Measured."""

    db: Database
    metrics: Metrics


def work(
    config: CoreSettings,
    jobs: Sequence[Job],
    schedules: Sequence[Schedule],
    ready: Callable[[], None],
    *,
    pace: Pace = Pace(),  # noqa: B008  It can't be changed.
    finish_seconds: float = FINISH_SECONDS,
    tracing: Tracing | None = None,
) -> int:
    """Run jobs until SIGTERM, SIGINT or SIGHUP; the exit status. ready: called once jobs are taken."""
    return run_until_signal(lambda: _work(config, jobs, schedules, ready, pace, finish_seconds, tracing))


async def _work(
    config: CoreSettings,
    jobs: Sequence[Job],
    schedules: Sequence[Schedule],
    ready: Callable[[], None],
    pace: Pace,
    finish_seconds: float,
    tracing: Tracing | None,
) -> None:
    stop = await until_signal()
    db = Database(config.database_url, size=config.db_pool_size, statement_cache=config.db_statement_cache)
    storage = open_storage(config)
    metrics = Metrics()
    metrics.add_source(lambda: readings.of_database(db))
    resources = Resources(db, config, storage, Mail(config), metrics, tracing)
    runner = Runner(resources, jobs, schedules, kind="worker", pace=pace)
    tasks = [asyncio.create_task(always(work)) for work in (db.watch, metrics.work)]
    server = None
    try:
        server = exposed.expose(Scrape(_Measured(db, metrics), {job.name: job.queue for job in jobs}), config)
        await runner.open()
        log.info("pid %d is ready", os.getpid())
        # OSError: standard output is closed.
        with contextlib.suppress(OSError):
            ready()
        await stop.wait()
        log.info("stopping: finishing %d jobs", runner.running)
    finally:
        await runner.stop(finish_seconds)
        if server is not None:
            server.stop()
        for task in tasks:
            task.cancel()
        await storage.close()
        await db.close()
        if tracing is not None:
            await asyncio.to_thread(tracing.close)

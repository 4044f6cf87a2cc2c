"""A process without HTTP, which runs jobs."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence

from core import product
from core.data.database import Database
from core.duties import always
from core.files.configured import open_storage
from core.jobs.job import Job, Resources, Schedule
from core.jobs.runner import Pace, Runner
from core.mail import Mail
from core.run.process import FINISH_SECONDS, run_until_signal, until_signal
from core.settings import CoreSettings

log = product.logger("worker")


def work(
    config: CoreSettings,
    jobs: Sequence[Job],
    schedules: Sequence[Schedule],
    ready: Callable[[], None],
    *,
    pace: Pace = Pace(),  # noqa: B008  It can't be changed.
    finish_seconds: float = FINISH_SECONDS,
) -> int:
    """Run jobs until SIGTERM, SIGINT or SIGHUP; the exit status. ready: called once jobs are taken."""
    return run_until_signal(lambda: _work(config, jobs, schedules, ready, pace, finish_seconds))


async def _work(
    config: CoreSettings,
    jobs: Sequence[Job],
    schedules: Sequence[Schedule],
    ready: Callable[[], None],
    pace: Pace,
    finish_seconds: float,
) -> None:
    stop = await until_signal()
    db = Database(config.database_url, size=config.db_pool_size, statement_cache=config.db_statement_cache)
    storage = open_storage(config)
    runner = Runner(Resources(db, config, storage, Mail(config)), jobs, schedules, kind="worker", pace=pace)
    watching = asyncio.create_task(always(db.watch))
    try:
        await runner.open()
        log.info("pid %d is ready", os.getpid())
        # OSError: standard output is closed.
        with contextlib.suppress(OSError):
            ready()
        await stop.wait()
        log.info("stopping: finishing %d jobs", runner.running)
    finally:
        await runner.stop(finish_seconds)
        watching.cancel()
        await storage.close()
        await db.close()

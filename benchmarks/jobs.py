"""The rows about jobs: how many this server runs in a second, beside PgQueuer's own loop. See docs/architecture.md, "The way of a job"."""

import asyncio
from statistics import median
from time import perf_counter
from typing import Any

import asyncpg
from pgqueuer import Queries, QueueManager
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.db import AsyncpgDriver
from pgqueuer.types import QueueExecutionMode

from benchmarks.installation import Installation, run_coroutine
from benchmarks.plan import Plan
from benchmarks.table import Row
from core.data.database import Database
from core.files.configured import open_storage
from core.jobs import Job, Payload, Run
from core.jobs.job import Resources
from core.jobs.queue import CHANNEL, settings
from core.jobs.runner import Runner
from core.mail import Mail
from handlers.settings import Settings

# As PgQueuer's own benchmark has them: consumers of one process, and jobs that each takes at once. It empties a queue of jobs that do nothing.
CONSUMERS, BATCH = 5, 10
FEW, MANY = 500, 3_000
# Jobs of a kind that one process of ours runs at once.
AT_ONCE = 10
NAME = "bench.nothing"
LEFT = "SELECT count(*) FROM jobs.pgqueuer"


def jobs(installation: Installation, plan: Plan) -> list[Row]:
    """Measures the emptying of a queue: by one process of ours, and by PgQueuer in one process."""
    many = FEW if plan.quick else MANY
    ours, theirs = [], []
    for n in range(plan.rounds(3)):
        dsn = installation.create_database(f"jobs_{n}")
        ours.append(many / run_coroutine(_drained_by_us(dsn, many, str(installation.folder))))
        theirs.append(many / run_coroutine(_drained_by_pgqueuer(dsn, many)))
    notes = "ours: each job begins and ends in transactions of its own, with a history; PgQueuer ends them in batches, afterwards"
    return [Row("jobs that do nothing", median(ours), "/s", median(theirs), "/s PgQueuer alone", notes=notes)]


async def _enqueue(dsn: str, many: int) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(f"SELECT core.enqueue_job('{NAME}') FROM generate_series(1, {many})")
    await connection.execute("ANALYZE jobs.pgqueuer")
    await connection.close()


async def _drained_by_us(dsn: str, many: int, folder: str) -> float:
    """Seconds until the queue is empty."""
    await _enqueue(dsn, many)
    done, ended = 0, asyncio.Event()

    async def nothing(run: Run, payload: Payload) -> None:
        nonlocal done
        await run.finish()
        done += 1
        if done == many:
            ended.set()

    config = Settings(secret_key="benchmark-secret-key-of-at-least-32-bytes", database_url=dsn, media_root=folder)
    database = Database(dsn, size=config.db_pool_size, statement_cache=config.db_statement_cache)
    resources = Resources(database, config, open_storage(config), Mail(config))
    runner = Runner(resources, [Job(NAME, nothing, at_once=AT_ONCE)], (), kind="worker")
    began = perf_counter()
    await runner.open()
    await ended.wait()
    seconds = perf_counter() - began
    await runner.stop(1)
    assert await database.value(LEFT) == 0
    await database.close()
    return seconds


async def _drained_by_pgqueuer(dsn: str, many: int) -> float:
    await _enqueue(dsn, many)
    managers = [await _manager(dsn) for _ in range(CONSUMERS)]
    began = perf_counter()
    await asyncio.gather(*[manager.run(batch_size=BATCH, mode=QueueExecutionMode.drain) for manager in managers])
    return perf_counter() - began


async def _manager(dsn: str) -> QueueManager:
    names = settings()
    queries = Queries(
        AsyncpgDriver(await asyncpg.connect(dsn)),
        QueryBuilderEnvironment(names),
        QueryQueueBuilder(names),
        QuerySchedulerBuilder(names),
    )
    manager = QueueManager(queries, CHANNEL)

    @manager.entrypoint(NAME, accepts_context=False)
    async def nothing(job: Any) -> None:
        pass

    return manager

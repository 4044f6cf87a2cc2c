"""Jobs in one process: what is enqueued runs, once, again after a failure, and in turns. Killed processes: tests/core/test_jobs_faults.py."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.data.database import Database
from core.files.configured import open_storage
from core.jobs import GiveUp, Job, Schedule, enqueue
from core.jobs.job import Resources
from core.jobs.runner import Pace, Runner
from core.jobs.schedules import previous, tick
from core.mail import Mail
from tests.support.deadlines import until

QUICK = Pace(poll=0.1, poll_unheard=0.1, heartbeat=20.0, seen=0.2)


@pytest.fixture
def pool(io_loop, settings):
    database = Database(settings.database_url, size=10, statement_cache=100)
    yield database
    io_loop.run_sync(database.close)


@pytest.fixture
def clean(io_loop, db):
    """An empty queue, and a table for what jobs do."""
    io_loop.run_sync(
        lambda: db.execute(
            "TRUNCATE jobs.pgqueuer, jobs.pgqueuer_log, jobs.run, jobs.tick, jobs.worker;"
            "CREATE TABLE IF NOT EXISTS public.effect (what text, job bigint)"
        )
    )
    io_loop.run_sync(lambda: db.execute("TRUNCATE public.effect"))


@pytest.fixture
def runner(io_loop, pool, settings, clean):
    """`await runner(Job(…))`: runs these jobs until the end of the test."""
    started: list[Runner] = []

    async def runner(*jobs: Job, schedules: Any = (), **more: Any) -> Runner:
        resources = Resources(pool, settings, open_storage(settings), Mail(settings))
        found = Runner(resources, jobs, schedules, kind="worker", pace=more.pop("pace", QUICK))
        await found.open()
        started.append(found)
        return found

    yield runner
    for one in started:
        io_loop.run_sync(lambda one=one: one.stop(0))


async def note(run: Any, payload: Any) -> None:
    await run.finish(lambda tx: tx.none("INSERT INTO public.effect VALUES ($1, $2)", payload["what"], run.job_id))


async def effects(db: Any) -> list[str]:
    return [row["what"] for row in await db.fetch("SELECT what FROM public.effect ORDER BY what")]


async def statuses(db: Any, job: int) -> list[str]:
    return [row["status"] for row in await db.fetch("SELECT status FROM jobs.run WHERE job_id = $1 ORDER BY id", job)]


async def queue(db: Any) -> list[Any]:
    return await db.fetch("SELECT id, status::text, attempts, execute_after FROM jobs.pgqueuer ORDER BY id")


@pytest.mark.gen_test
async def test_a_job_runs_when_its_transaction_commits_and_never_when_it_is_rolled_back(pool, db, runner):
    class Undone(Exception):
        pass

    async def both(tx: Any) -> None:
        await enqueue(tx, "test.note", {"what": "kept"})

    async def neither(tx: Any) -> None:
        await enqueue(tx, "test.note", {"what": "undone"})
        raise Undone

    with contextlib.suppress(Undone):
        await pool.transaction(neither)
    await pool.transaction(both)
    await runner(Job("test.note", note))
    await until(lambda: queue(db), lambda rows: not rows)
    assert await effects(db) == ["kept"]


@pytest.mark.gen_test
async def test_a_job_of_a_statement_runs_without_waiting_for_the_next_look_at_the_queue(pool, db, runner):
    await runner(Job("test.note", note), pace=Pace(poll=3600.0))
    await until(lambda: db.fetchval("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"))
    await db.execute("SELECT core.enqueue_job('test.note', jsonb_build_object('what', 'heard'))")
    await until(lambda: effects(db))
    assert await effects(db) == ["heard"]


@pytest.mark.gen_test
async def test_several_workers_run_each_job_once(pool, db, runner):
    for _ in range(3):
        await runner(Job("test.note", note))
    await db.execute(
        "SELECT core.enqueue_job('test.note', jsonb_build_object('what', lpad(n::text, 3, '0'))) FROM generate_series(1, 60) n"
    )
    await until(lambda: queue(db), lambda rows: not rows)
    assert await effects(db) == [f"{n:03}" for n in range(1, 61)]
    assert await db.fetchval("SELECT count(*) FROM jobs.run WHERE status = 'succeeded'") == 60


@pytest.mark.gen_test
async def test_a_failing_job_runs_again_after_longer_and_longer_delays_and_is_then_held(pool, db, runner):
    seen: list[tuple[int, bool]] = []

    async def fail(run: Any, payload: Any) -> None:
        seen.append((run.attempt, run.is_last))
        await run.db.none("INSERT INTO public.effect VALUES ('tried', $1)", run.job_id)
        raise RuntimeError("no luck")

    job = await enqueue(pool, "test.fail", {})
    await runner(Job("test.fail", fail, attempts=3, first_delay=0.05, longest_delay=0.08))
    await until(lambda: queue(db), lambda rows: rows[0]["status"] == "failed")
    assert seen == [(1, False), (2, False), (3, True)]
    assert await statuses(db, job) == ["retried", "retried", "held"]
    row = await db.fetchrow("SELECT error, traceback FROM jobs.run WHERE job_id = $1 ORDER BY id DESC LIMIT 1", job)
    assert row["error"] == "RuntimeError: no luck"
    assert "in fail" in row["traceback"]


def test_the_delay_doubles_up_to_the_longest():
    job = Job("test.x", note, attempts=6, first_delay=10, longest_delay=60)
    assert [job.delay_after(n) and job.delay_after(n).seconds for n in range(1, 7)] == [10, 20, 40, 60, 60, None]

"""That our statements write to the queue what PgQueuer itself writes: an upgrade of PgQueuer that changes this fails here."""

import os
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from pgqueuer import Queries
from pgqueuer.adapters.persistence import schema_ddl
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.db import AsyncpgDriver
from pgqueuer.domain.types import QueueEntrypoint
from pgqueuer.ports.repository import EntrypointExecutionParameter

from core.data import sql
from core.jobs import enqueue
from core.jobs.job import query
from core.jobs.queue import settings

# Columns that differ between two jobs of the same kind, and those of moments, which are compared as being set or not.
OWN = {"id", "job_id", "queue_manager_id", "dedupe_key", "traceback"}
TIMES = {"created", "updated", "heartbeat", "execute_after"}
OWNER = uuid4()


@pytest.fixture
def theirs(db: Any, clean_jobs: Any) -> Queries:
    """PgQueuer's own statements."""
    names = settings()
    return Queries(
        AsyncpgDriver(db), QueryBuilderEnvironment(names), QueryQueueBuilder(names), QuerySchedulerBuilder(names)
    )


def told(row: Any) -> dict[str, Any]:
    return {name: value is not None if name in TIMES else value for name, value in row.items() if name not in OWN}


async def rows_of(db: Any, job: int) -> tuple[Any, list[Any]]:
    """What the queue and its log have of a job, without what is its own."""
    row = await db.fetchrow("SELECT * FROM jobs.pgqueuer WHERE id = $1", job)
    log = await db.fetch("SELECT * FROM jobs.pgqueuer_log WHERE job_id = $1 ORDER BY id", job)
    return row and told(row), [told(entry) for entry in log]


async def same(db: Any, ours: int, of_theirs: int) -> bool:
    found, expected = await rows_of(db, ours), await rows_of(db, of_theirs)
    assert found == expected
    return True


async def pick(theirs: Queries, name: str) -> dict[int, Any]:
    """Pick all jobs of a kind for OWNER; by id."""
    wanted = {QueueEntrypoint(name): EntrypointExecutionParameter(concurrency_limit=0)}
    found = await theirs.dequeue(10, wanted, OWNER, None, timedelta(seconds=30))
    return {job.id: job for job in found}


async def both(pool: Any, theirs: Queries, name: str) -> tuple[int, int]:
    """Two jobs of a kind, one enqueued by us and one by PgQueuer."""
    ours = await enqueue(pool, name, {"a": 1})
    return ours, (await theirs.enqueue(name, b'{"a": 1}'))[0]


def test_the_migration_has_the_schema_that_pgqueuer_installs():
    text = (sql.ROOT / "migrations").glob("*_core_jobs.sql").__next__().read_text(encoding="utf-8")
    copied = text.split("-- " + "-" * 131 + "\n")[1].strip()
    assert copied == "\n".join(line.rstrip() for line in schema_ddl.render_install(settings()).strip().splitlines())


@pytest.mark.gen_test
async def test_pgqueuer_finds_nothing_to_upgrade(theirs):
    assert (await theirs.plan_upgrade()).statements == ()


@pytest.mark.gen_test
@pytest.mark.parametrize("delay", [0, 3600])
async def test_a_job_is_enqueued_as_pgqueuer_does_it(pool, theirs, db, delay):
    ours = await enqueue(pool, "a.b", {"é": 1.5}, priority=3, delay=delay, dedupe_key="ours")
    payload = await db.fetchval("SELECT payload FROM jobs.pgqueuer WHERE id = $1", ours)
    expected = await theirs.enqueue("a.b", payload, 3, timedelta(seconds=delay), "theirs")
    assert await same(db, ours, expected[0])
    left = "SELECT execute_after - created FROM jobs.pgqueuer WHERE id = $1"
    assert await db.fetchval(left, ours) == await db.fetchval(left, expected[0]) == timedelta(seconds=delay)


@pytest.mark.gen_test
async def test_a_key_admits_one_job_until_that_has_ended_as_in_pgqueuer(pool, theirs, db):
    first = await enqueue(pool, "a.b", {}, dedupe_key="k")
    assert await enqueue(pool, "a.b", {}, dedupe_key="k") is None
    assert await theirs.enqueue("a.b", None, dedupe_key="k", on_conflict="skip") == [None]
    assert await db.fetchval("SELECT count(*) FROM jobs.pgqueuer_log") == 1
    (job,) = (await pick(theirs, "a.b")).values()
    assert await enqueue(pool, "a.b", {}, dedupe_key="k") is None
    await theirs.log_jobs([(job, "successful", None)])
    assert first == job.id and await enqueue(pool, "a.b", {}, dedupe_key="k") is not None


@pytest.mark.gen_test
async def test_jobs_end_and_are_queued_again_as_pgqueuer_does_it(pool, theirs, db):
    for how in ("retry", "hold", "finish", "release"):
        ours, expected = await both(pool, theirs, how)
        picked = await pick(theirs, how)
        begun = await query.begin_job(pool, job=ours, owner=OWNER, worker="w", most_losses=3)
        mine = {"job": ours, "owner": OWNER, "run": begun["run"]}
        failed = {"error": "e", "traceback": None}
        if how == "retry":
            await query.fail_job(pool, **mine, **failed, retry_after=timedelta(seconds=9))
            await theirs.retry_job(picked[expected], timedelta(seconds=9), None)
        elif how == "hold":
            await query.fail_job(pool, **mine, **failed, retry_after=None)
            await theirs.log_jobs([(picked[expected], "failed", None)])
        elif how == "finish":
            await query.finish_job(pool, **mine, result=None)
            await theirs.log_jobs([(picked[expected], "successful", None)])
        else:
            assert await query.release_jobs(pool, owner=OWNER) == 2
        assert await same(db, ours, expected)
        if how == "hold":
            await query.retry_jobs(pool, ids=[ours])
            await theirs.requeue_jobs([expected])
            assert await same(db, ours, expected)


@pytest.mark.gen_test
async def test_a_job_is_ended_only_by_the_process_that_has_it(pool, theirs, db):
    job = await enqueue(pool, "a.b", {})
    await pick(theirs, "a.b")
    begun = await query.begin_job(pool, job=job, owner=OWNER, worker="w", most_losses=3)
    mine = {"job": job, "run": begun["run"]}
    stranger = uuid4()
    assert (await query.begin_job(pool, job=job, owner=stranger, worker="w", most_losses=3))["outcome"] == "taken"
    assert not await query.fail_job(pool, **mine, owner=stranger, error="", traceback=None, retry_after=None)
    assert await query.finish_job(pool, **mine, owner=OWNER, result=None)
    assert not await query.finish_job(pool, **mine, owner=OWNER, result=None)


async def pick_again(theirs: Queries, db: Any, name: str) -> None:
    """Pick the jobs of a kind as if the process that had them before stood still."""
    await db.execute("UPDATE jobs.pgqueuer SET heartbeat = now() - interval '1 hour'")
    assert len(await pick(theirs, name)) == 1


@pytest.mark.gen_test
async def test_a_job_that_was_picked_again_and_again_and_never_begun_is_not_held(pool, theirs, db):
    job = await enqueue(pool, "a.b", {})
    for _ in range(4):
        await pick_again(theirs, db, "a.b")
    begun = await query.begin_job(pool, job=job, owner=OWNER, worker="w", most_losses=1)
    assert begun["outcome"] == "begun"


@pytest.mark.gen_test
async def test_a_job_is_held_after_its_losses_and_they_no_longer_count_when_it_is_queued_again(pool, theirs, db):
    job = await enqueue(pool, "a.b", {})

    async def outcome() -> str:
        await pick_again(theirs, db, "a.b")
        begun = await query.begin_job(pool, job=job, owner=OWNER, worker="w", most_losses=2)
        return str(begun["outcome"])

    assert [await outcome() for _ in range(3)] == ["begun", "begun", "held"]
    await query.retry_jobs(pool, ids=[job])
    assert [await outcome() for _ in range(3)] == ["begun", "begun", "held"]


def test_names_in_the_environment_are_not_read(monkeypatch):
    before = settings()
    for name in ("CHANNEL", "TRIGGER", "QUEUE_TABLE", "PGQUEUER_QUEUE_TABLE", "PGQUEUER_PREFIX", "PGQUEUER_SCHEMA"):
        monkeypatch.setenv(name, "other")
    assert settings() == before and "other" not in str(before)
    assert os.environ["CHANNEL"] == "other"

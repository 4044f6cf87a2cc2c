"""Tasks of a long queue and a long history: what is read of them. docs/api/monitoring.md#tasks."""

import json

import pytest

from handlers.monitoring.queue_handler import QUEUES, queues
from handlers.monitoring.queue_state import query as state
from handlers.monitoring.queue_task import query as tasks

pytestmark = pytest.mark.gen_test
OWNERS, EACH, WAITING = 50, 600, 5_000


@pytest.fixture(scope="module")
def many(io_loop, settings):
    """A history of OWNERS * EACH jobs, and a queue of WAITING; made once."""
    import asyncpg

    async def make():
        connection = await asyncpg.connect(settings.database_url)
        await connection.execute(
            f"""INSERT INTO jobs.run (job_id, name, payload, attempt, worker, status, started_at, finished_at)
                SELECT n, 'test.x' || n % 10, jsonb_build_object('owner_id', n % {OWNERS}), 1, 'w', 'succeeded', now() - interval '1 hour', now()
                  FROM generate_series(1, {OWNERS * EACH}) n;
                SELECT setval('jobs.pgqueuer_id_seq', {OWNERS * EACH});
                SELECT core.enqueue_job('test.x' || n % 10, jsonb_build_object('owner_id', n % {OWNERS}), execute_after => '1 day')
                  FROM generate_series(1, {WAITING}) n;
                ANALYZE jobs.run, jobs.pgqueuer"""
        )
        await connection.close()

    io_loop.run_sync(make)


@pytest.fixture
def rows_read(db):
    """`await rows_read(query, …)`: how many rows of each table the statement reads, with the plan that all values share."""

    async def rows_read(query, *args):
        await db.execute("SET plan_cache_mode = force_generic_plan; SET track_functions = 'none'")
        tables = ("jobs.run", "jobs.pgqueuer")
        async with db.transaction():
            await db.fetch(query, *args)
            return {
                table: await db.fetchval(
                    """SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relid = $1::text::regclass""",
                    table,
                )
                for table in tables
            }

    return rows_read


@pytest.mark.parametrize("whose", [None, "7"])
@pytest.mark.parametrize("before", [None, 100])
async def test_a_page_reads_a_few_rows_for_each_of_its_tasks(many, rows_read, whose, before):
    filters = {name: value for name, value in (("whose", whose), ("before", before)) if value is not None}
    found = tasks.list_tasks.where(**filters)
    read = await rows_read(found.query.text, whose is None, queues(), 50, *found.values)
    assert max(read.values()) <= 51 * 6, read


async def test_one_task_reads_its_rows(many, rows_read):
    for owner in (None, "7"):
        read = await rows_read(tasks.get_task.text, 57, owner, queues())
        assert max(read.values()) <= 6, read


@pytest.mark.parametrize("owner", [None, "7"])
async def test_the_state_reads_no_more_of_the_history_than_it_judges_by(many, rows_read, owner):
    read = await rows_read(state.get_state.text, owner, 60.0, 24, 1000, list(QUEUES), queues())
    # The state itself, and what an account sees of its own.
    assert read["jobs.run"] <= 2 * 1000, read
    assert json.loads(queues())["books.remind"] == "reminders"

"""Lists and figures of many executions: a page reads few rows, and figures none, whoever asks for whatever."""

import json

import pytest

from core.data import sql
from handlers.api.books_listing import order_of
from handlers.monitoring import alert, execution

pytestmark = pytest.mark.gen_test

# Executions of the account with many, and of all others together.
MANY, OTHERS = 4_000, 4_000
# Rows that one page of 20 may read in any table or index: it counts to MOST_COUNTED here.
MOST, MOST_COUNTED = 300, 100
COLUMNS = """account_id, is_server, task_id, task_name, queue_name, priority, status, scheduled_at, completed_at, duration, retry_count, worker_name,
             result_summary, error_message, arguments, keyword_arguments, created_at"""


@pytest.fixture
def large(db, io_loop, owner):
    """The id of an account with many executions and alerts. Few of them are critical, are retried, or have the name `rare`."""

    async def fill():
        found = await db.fetchval("SELECT account_id FROM monitoring.task WHERE account_id IS NOT NULL LIMIT 1")
        if found is not None:
            return found
        await db.execute("ALTER TABLE monitoring.alert DISABLE TRIGGER alert_announced")
        await db.execute(
            f"""INSERT INTO monitoring.task ({COLUMNS})
                SELECT CASE WHEN n <= $2 THEN $1::bigint END, true, 'x-' || n, CASE WHEN n % 1000 = 1 THEN 'rare' ELSE 'task-' || n % 7 END,
                       CASE WHEN n % 1000 = 2 THEN 'rare' ELSE 'default' END, CASE WHEN n % 1000 = 3 THEN 'critical' ELSE 'normal' END,
                       CASE WHEN n % 1000 = 4 THEN 'retry' ELSE 'success' END, now() - n * 7919::bigint % 100003 * interval '1 second', now(),
                       n % 100, 0, 'worker-' || n, '', '', '[]', '{{}}', now() - n * 7907::bigint % 100003 * interval '1 second'
                  FROM generate_series(1, $2::int + $3::int) n""",
            owner.id,
            MANY,
            OTHERS,
        )
        await db.execute(
            """INSERT INTO monitoring.alert (account_id, alert_type, severity, title, message, triggered_at, resolved_at, metadata, notification_sent)
               SELECT CASE WHEN n <= $2 THEN $1::bigint END, CASE WHEN n % 1000 = 1 THEN 'worker_down' ELSE 'slow_tasks' END,
                      CASE WHEN n % 1000 = 2 THEN 'critical' ELSE 'info' END, 'title ' || n, 'm', now() - n * 7907::bigint % 100003 * interval '1 second',
                      CASE WHEN n % 1000 = 3 THEN NULL ELSE now() END, '{}', true FROM generate_series(1, $2::int + $3::int) n""",
            owner.id,
            MANY,
            OTHERS,
        )
        await db.execute("VACUUM ANALYZE monitoring.task, monitoring.alert, monitoring.task_period")
        return owner.id

    return io_loop.run_sync(fill)


@pytest.fixture
def read(db):
    """`await read(query, values)`: the most rows that a statement reads in one table or index, on a plan for all values."""

    async def read(query, values):
        undone = db.transaction()
        await undone.start()
        await db.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        (row,) = await db.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {query.text}", *values)
        await undone.rollback()
        found = [0]

        def walk(node):
            if "Relation Name" in node or "Index Name" in node:
                removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
                found.append((node["Actual Rows"] + removed) * node["Actual Loops"])
            for inner in node.get("Plans", ()):
                walk(inner)

        walk(json.loads(row[0])[0]["Plan"])
        return max(found)

    return read


async def check(read, listing, owner_id, filters, ordering):
    """Whether the first page, and one by cursor, read few rows."""
    order = order_of(listing, ordering)
    own = {} if owner_id is None else {"own": owner_id}
    if own or filters:
        found = listing.found.ordered(order.by).where(**own, **filters)
        assert await read(found.query, [owner_id, 1, 20, MOST_COUNTED, *found.values]) <= MOST, (filters, ordering)
    else:
        assert await read(listing.all.ordered(order.by), [None, 1, 20]) <= MOST, ordering
    walked = order.walk(listing.walk, None).where(**own, **filters)
    assert await read(walked.query, [None, owner_id, 20, *walked.values]) <= MOST, (filters, ordering)


async def test_a_page_reads_few_of_many_executions(large, read):
    for owner_id in (large, None):
        for name in execution.COLUMNS:
            await check(read, execution.tasks, owner_id, {}, name)
            await check(read, execution.tasks, owner_id, {}, f"-{name}")
        for filters in (
            {"task_name": "rare"},
            {"task_name": "task-1"},
            {"task_name": "none"},
            {"queue_name": "rare"},
            {"priority_critical": ()},
            {"status_retry": ()},
            {"status_success": ()},
            {"search": (owner_id is None, "worker-1234", ["worker-1234"])},
            {"search": (owner_id is None, "nothing like it", ["nothing like it"])},
            {"created_since": "2999-01-01"},
        ):
            await check(read, execution.tasks, owner_id, filters, "")


async def test_a_page_reads_few_of_many_alerts(large, read):
    for owner_id in (large, None):
        for ordering in ("triggered_at", "-triggered_at", "severity", "-severity"):
            await check(read, alert.alerts, owner_id, {}, ordering)
        for filters in (
            {"unresolved": ()},
            {"alert_type_worker_down": ()},
            {"alert_type_system_overload": ()},
            {"severity_critical": ()},
            {"search": ("title 1234", ["title 1234"])},
            {"resolved_since": "2999-01-01", "resolved_until": "2999-01-02"},
        ):
            await check(read, alert.alerts, owner_id, filters, "")


async def test_figures_read_no_execution_and_few_alerts(large, db):
    overview = sql.load("monitoring/overview")
    for owner_id in (large, None):
        for query, values in (
            (overview.get_metrics, [owner_id, 720]),
            (overview.get_analytics, [owner_id, 30]),
            (overview.get_overview, [owner_id, "{}", 24, 100]),
            (overview.get_general, [owner_id, "{}", 24, 10]),
        ):
            async with db.transaction():
                await db.execute("SET LOCAL plan_cache_mode = force_generic_plan")
                before = await rows_read(db)
                assert await db.fetchval(query.text, *values)
                after = await rows_read(db)
            # What is open is counted among the executions that have not ended.
            assert after["task"] - before["task"] <= 50, query.name
            assert after["alert"] - before["alert"] <= MOST, query.name


async def rows_read(db):
    """The rows of each table that this transaction has read."""
    rows = await db.fetch(
        """SELECT relname, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) AS n FROM pg_stat_xact_user_tables
            WHERE schemaname = 'monitoring'"""
    )
    return {row["relname"]: row["n"] for row in rows}

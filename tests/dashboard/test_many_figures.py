"""The figures of an owner who has many: an answer reads few rows, whatever is asked for."""

import pytest

from core.http.keyset import Order
from handlers.dashboard import breakdown, projection, snapshot, stats, trend
from tests.dashboard.figures_model import KINDS

pytestmark = pytest.mark.gen_test

# Days with figures, clients of each period, and owners who have as many.
DAYS, CLIENTS, OWNERS = 4_000, 400, 3
# Rows that an answer may read. A trend reads one for each of at most 60 points.
MOST = 150


@pytest.fixture
def large(db, io_loop, open_books):
    """An owner of many figures."""

    async def fill():
        owners = [(await open_books()).id for _ in range(OWNERS)]
        await db.execute(
            """INSERT INTO dashboard.period (owner_id, period_type, period_start, billed, invoices, lines, subtotal)
               SELECT DISTINCT o, p.period_type, p.period_start, 1000, 400, 400, 1000
                 FROM unnest($1::bigint[]) o, generate_series(0, $2::integer - 1) n, dashboard.periods(books.today() - n) p""",
            owners,
            DAYS,
        )
        await db.execute(
            """INSERT INTO dashboard.share (owner_id, category_type, period_type, period_start, name, amount, magnitude, n)
               SELECT DISTINCT o, 'service', p.period_type, p.period_start, 'Service ' || n, 1 + 1000000 / n, dashboard.magnitude(1 + 1000000 / n), 1
                 FROM unnest($1::bigint[]) o, generate_series(1, $2::integer) n, generate_series(0, 60) d, dashboard.periods(books.today() - d) p""",
            owners,
            CLIENTS,
        )
        await db.execute(
            """INSERT INTO dashboard.due (owner_id, due_date, invoices, unpaid, balance)
               SELECT o, books.today() - n + 30, 1, 1, 1 FROM unnest($1::bigint[]) o, generate_series(1, $2::integer) n""",
            owners,
            DAYS,
        )
        await db.execute(
            """INSERT INTO dashboard.snapshot (owner_id, snapshot_date, period_type, total_revenue, total_expenses, outstanding_amount, total_clients,
                                               new_clients, total_invoices, total_quotes, accepted, total_expense_count, reimbursable_expenses)
               SELECT o, books.today() - n, k, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1
                 FROM unnest($1::bigint[]) o, unnest('{daily,monthly}'::text[]) k, generate_series(1, $2::integer) n""",
            owners,
            DAYS,
        )
        await db.execute("VACUUM ANALYZE dashboard.period, dashboard.share, dashboard.due, dashboard.snapshot")
        return owners[1]

    return io_loop.run_sync(fill)


async def rows_read(db, query, *values):
    """The rows that a statement reads of the figures, on a plan for all values, also within functions."""
    undone = db.transaction()
    await undone.start()
    await db.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    counted = """SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::integer FROM pg_stat_xact_user_tables WHERE schemaname = 'dashboard'"""
    before = await db.fetchval(counted)
    await db.fetch(query.text, *values)
    found = await db.fetchval(counted) - before
    await undone.rollback()
    return found


async def test_an_answer_reads_few_figures_of_an_owner_who_has_many(large, db):
    read = {
        "stats": await rows_read(db, stats.query.get_stats, large),
        "projections": await rows_read(db, projection.query.get_projections, large),
    }
    for kind in KINDS:
        read[f"trends {kind}"] = await rows_read(db, trend.query.get_trends, large, kind, 60)
        read[f"breakdown {kind}"] = await rows_read(db, breakdown.query.get_breakdown, large, kind, "service", 20)
    assert {name: number for name, number in read.items() if not 0 < number <= MOST} == {}


async def test_a_page_reads_few_of_many_snapshots(large, db):
    for by in ("-snapshot_date,-id", "snapshot_date,id"):
        order = Order(snapshot.COLUMNS, by.split(","))
        for filters in ({}, {"period_type": "daily"}):
            listed = snapshot.snapshots.found.ordered(order.by).where(**filters)
            assert await rows_read(db, listed.query, large, 1, 20, 100, *listed.values) <= MOST + 200
            walk = order.walk(snapshot.snapshots.walk, "after").where(**filters)
            day = await db.fetchval("SELECT books.today() - 2000")
            assert await rows_read(db, walk.query, f'["{day}", 7]', large, 20, *walk.values) <= MOST

"""Analytics of an owner who has many clients and services, among other owners who have more: a page reads few rows, whatever is asked for."""

import json

import pytest

from core.http.keyset import Order
from handlers.dashboard import category, client, overview

pytestmark = pytest.mark.gen_test

# Clients of the owner of many, and of each of the others; owners in all.
MANY, OTHERS, OWNERS = 3_000, 1_000, 4
# Rows that one statement may read in any table or index: it counts to MOST_COUNTED here.
MOST, MOST_COUNTED = 600, 100
# In March 2026 all clients are billed, in April five are, and in May none is.
MARCH, APRIL, MAY = "2026-03-01", "2026-04-01", "2026-05-01"


@pytest.fixture
def large(db, io_loop):
    """The id of an owner of many clients. One of 1000 is inactive, and one of 1000 is a high risk. One of 20 has the same revenue. As
    many services were billed in March."""

    async def fill():
        found = await db.fetchval("SELECT id FROM accounts.account WHERE email = 'vast-1@example.com'")
        if found is not None:
            return found
        rows = await db.fetch(
            "INSERT INTO accounts.account (email, username, role, password_hash)"
            " SELECT 'vast-' || n || '@example.com', 'vast-' || n, 'MEMBER', '' FROM generate_series(1, $1::int) n RETURNING id",
            OWNERS,
        )
        owners = [row["id"] for row in rows]
        await db.execute(
            "INSERT INTO books.client (owner_id, name, email, phone, address, company, tax_number, notes, is_active)"
            " SELECT o, 'Client ' || n || ' of ' || md5(n::text), '', '', '', '', '', '', n % 1000 <> 7"
            "   FROM unnest($1::bigint[]) o CROSS JOIN LATERAL generate_series(1, CASE WHEN o = $2 THEN $3::int ELSE $4::int END) n",
            owners,
            owners[0],
            MANY,
            OTHERS,
        )
        # Figures as the triggers would keep them: the invoices themselves are not read.
        await db.execute(
            "INSERT INTO dashboard.client (owner_id, client_id, billed, invoices, balance, paid, days, late_days, score, risk)"
            " SELECT c.owner_id, c.id, 100, 3, CASE WHEN c.id % 1000 = 3 THEN 20000 ELSE 10 END, 1, 20, 0, 100,"
            "        CASE WHEN c.id % 1000 = 3 THEN 'high' ELSE 'low' END"
            "   FROM books.client c WHERE c.owner_id = ANY ($1::bigint[])",
            owners,
        )
        for period_type, days in (("daily", 3), ("monthly", 1), ("yearly", 1)):
            await db.execute(
                "INSERT INTO dashboard.share (owner_id, category_type, period_type, period_start, name, amount, n)"
                " SELECT c.owner_id, k, $2::text, CASE $2 WHEN 'yearly' THEN date '2026-01-01' ELSE date '2026-03-01' END + day,"
                "        CASE k WHEN 'client' THEN c.id::text ELSE 'Service ' || c.id END, CASE WHEN c.id % 20 = 0 THEN 50 ELSE c.id END, 1"
                "   FROM books.client c, unnest(ARRAY['client', 'service']) k, generate_series(0, $3::int - 1) day"
                "  WHERE c.owner_id = ANY ($1::bigint[])",
                owners,
                period_type,
                days,
            )
        await db.execute(
            "INSERT INTO dashboard.share (owner_id, category_type, period_type, period_start, name, amount, n)"
            " SELECT c.owner_id, 'client', 'monthly', '2026-04-01', c.id::text, 5, 1 FROM books.client c WHERE c.owner_id = $1 ORDER BY c.id LIMIT 5",
            owners[0],
        )
        await db.execute(
            "INSERT INTO dashboard.period (owner_id, period_type, period_start, billed, invoices)"
            " SELECT o, 'daily', day::date, 5, 1 FROM unnest($1::bigint[]) o, generate_series(date '2020-01-01', date '2026-12-31', interval '1 day') day"
            " ON CONFLICT DO NOTHING",
            owners,
        )
        await db.execute(
            "UPDATE dashboard.share SET magnitude = dashboard.magnitude(amount) WHERE owner_id = ANY ($1::bigint[])",
            owners,
        )
        await db.execute("VACUUM ANALYZE books.client, dashboard.client, dashboard.share, dashboard.period")
        return owners[0]

    return io_loop.run_sync(fill)


@pytest.fixture
def read(db):
    """`await read(query, values)`: the most rows that a statement reads in one table or index, on a plan for all values."""

    async def read(query, values):
        async with db.transaction():
            await db.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            (row,) = await db.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {query.text}", *values)
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


async def check(db, read, listing, owner, filters, given):
    """Check what the first pages read, by number and by cursor; the cursors lead into the ties and through them."""
    order = Order(listing.columns, listing.usual)
    if listing.all is not None and not filters:
        statement, counted = listing.all.ordered(order.by), []
    else:
        statement, counted = listing.found.ordered(order.by), [MOST_COUNTED]
    found = statement.where(**filters) if filters else statement.where() if counted else None
    query, values = (found.query, found.values) if found else (statement, [])
    for page in (1, 2):
        rows = await read(query, [owner, page, 20, *counted, *given, *values])
        assert rows <= MOST, (query.name, filters, given, page, rows)
    after = None
    for _ in range(3):
        walk = order.walk(listing.walk, after).where(**filters)
        rows = await read(walk.query, [after, owner, 20, *given, *walk.values])
        assert rows <= MOST, (walk.query.name, filters, given, after, rows)
        listed = await db.fetch(walk.query.text, after, owner, 20, *given, *walk.values)
        after = listed[-1]["key"] if listed else after


async def test_a_page_of_clients_reads_few_of_many(large, read, db):
    for day in (MARCH, APRIL, MAY):
        for filters in (
            {},
            {"is_active": ()},
            {"is_inactive": ()},
            {"is_low": ()},
            {"is_medium": ()},
            {"is_high": ()},
            {"is_active": (), "is_low": ()},
            {"client": 10**17},
            {"search": ("client 77 ", ["client", "77"])},
            {"search": ("client 7", ["client 7"]), "is_high": ()},
            {"search": ("client", ["client"])},
        ):
            await check(db, read, client.clients, large, filters, ["monthly", day])


async def test_a_page_in_the_midst_of_clients_of_the_same_revenue_reads_no_others_than_these(large, read, db):
    middle = await db.fetchval(
        "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY h.id) FROM dashboard.share h"
        " WHERE h.owner_id = $1 AND h.category_type = 'client' AND h.period_type = 'monthly' AND h.period_start = $2::text::date AND h.amount = 50",
        large,
        MARCH,
    )
    magnitude = await db.fetchval("SELECT dashboard.magnitude(50)")
    order = Order(client.COLUMNS, client.ORDER)
    walk = order.walk(client.query.walk_clients, "").where()
    assert await read(walk.query, [json.dumps([1, 50, middle]), large, 20, "monthly", MARCH]) <= MOST
    order = Order(category.COLUMNS, category.largest.usual)
    walk = order.walk(category.query.walk_categories, "").where()
    assert await read(walk.query, [json.dumps([magnitude, 50, middle]), large, 20, "monthly", MARCH]) <= MOST


async def test_a_page_of_categories_reads_few_of_many(large, read, db):
    for listing in (category.largest, category.smallest):
        for day in (MARCH, MAY):
            for filters in (
                {},
                {"category_type": "service"},
                {"category_type": "client"},
                {"category_type": "expense"},
            ):
                await check(db, read, listing, large, filters, ["monthly", day])


async def test_one_client_and_one_category_read_few_rows(large, read, db):
    id = await db.fetchval("SELECT min(id) FROM books.client WHERE owner_id = $1", large)
    share = await db.fetchval("SELECT min(id) FROM dashboard.share WHERE owner_id = $1", large)
    assert await read(client.query.get_client, [large, id, "monthly", MARCH]) <= 10
    assert await read(category.query.get_category, [large, share]) <= 10


async def test_an_overview_of_days_reads_the_shares_of_these_days_alone(large, read):
    for category_type in ("expense", "client", "service"):
        for days in (("2026-04-01", "2026-04-30"), ("2025-01-02", "2026-02-28"), ("2026-01-01", "2026-12-31")):
            assert (
                await read(overview.query.get_overview_of_days, [large, *days, "monthly", category_type, None]) <= MOST
            )
    two = [large, "2025-12-31", "2026-12-31", "monthly", "client", None]
    assert await read(overview.query.get_overview_of_days, two) == MANY


async def test_an_overview_reads_the_largest_of_many(large, read, db):
    id = await db.fetchval("SELECT min(id) FROM books.client WHERE owner_id = $1", large)
    for category_type in ("expense", "client", "service"):
        assert await read(overview.query.get_overview, [large, "monthly", category_type, None]) <= MOST
    for days in ((None, None), ("2021-02-03", "2026-12-30"), (MARCH, None)):
        values = [large, id, *days, "monthly", "client", None]
        assert await read(overview.query.get_overview_of_client, values) <= MOST

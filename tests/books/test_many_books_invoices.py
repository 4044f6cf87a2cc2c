"""Lists of invoices of an owner who has many, among other owners who have more: a page reads few rows, whatever is asked for."""

import json

import pytest

from core.http.keyset import Order
from handlers.books import invoice, invoice_action, invoice_list, invoice_report, overdue, payment

pytestmark = pytest.mark.gen_test

# Invoices of the owner of many, and of all others together; owners in all.
MANY, OTHERS, OWNERS = 20_000, 30_000, 4
# Rows that one page of 20 may read in any table or index: it counts to MOST_COUNTED here.
MOST, MOST_COUNTED = 500, 100
ORDERS = [sign + name for name in invoice_list.COLUMNS for sign in ("", "-")]
STATUSES = ("draft", "sent", "partial", "overdue", "cancelled", "paid")


@pytest.fixture
def large(db, io_loop):
    """The id of an owner of many invoices. One of 100 is a sent one, one of 1000 is overdue, and three are overdue unswept."""

    async def fill():
        found = await db.fetchval("SELECT id FROM accounts.account WHERE email = 'many-1@example.com'")
        if found is not None:
            return found
        owners = await db.fetch(
            "INSERT INTO accounts.account (email, username, role, password_hash)"
            " SELECT 'many-' || n || '@example.com', 'many-' || n, 'MEMBER', '' FROM generate_series(1, $1::int) n RETURNING id",
            OWNERS,
        )
        ids = [row["id"] for row in owners]
        await db.execute(
            "INSERT INTO books.client (owner_id, name, email, phone, address, company, tax_number, notes, is_active)"
            " SELECT o.id, 'Client ' || n, 'client-' || n || '@example.com', '', '', '', '', '', true"
            "  FROM unnest($1::bigint[]) AS o (id), generate_series(1, 200) n",
            ids,
        )
        # Each row's client is one of its owner's, and the newest rows are neither first nor last in the table.
        await db.execute(
            "WITH c AS (SELECT owner_id, array_agg(id ORDER BY id) AS ids FROM books.client WHERE owner_id = ANY ($1::bigint[]) GROUP BY 1)"
            " INSERT INTO books.invoice (owner_id, year, number, client_id, status, issue_date, due_date, title, terms, notes, line_items,"
            "                            subtotal, tax_amount, total_amount, sent_at, created_at, updated_at)"
            " SELECT c.owner_id, 2024, n, c.ids[1 + n % 200],"
            "        CASE WHEN n % 1000 = 1 THEN 'overdue' WHEN n % 100 = 2 THEN 'sent' WHEN n % 500 = 4 THEN 'partial'"
            "             WHEN n % 2 = 0 THEN 'paid' ELSE 'draft' END,"
            "        date '2020-01-01' + n % 1000,"
            "        CASE WHEN n % 100 = 2 OR n % 500 = 4 THEN date '2999-01-01' - n % 1000 ELSE date '2020-02-01' + n % 1000 END,"
            "        'Work ' || md5(n::text), '', '', '[]', 1 + n % 5000, 0, 1 + n % 5000, '2024-01-01',"
            "        timestamptz '2024-01-01' + n * 7919::bigint % 1000003 * interval '1 min',"
            "        timestamptz '2024-01-01' + n * 7907::bigint % 1000003 * interval '1 min'"
            "   FROM c CROSS JOIN LATERAL generate_series(1, CASE WHEN c.owner_id = $2 THEN $3::int ELSE $4::int END) n",
            ids,
            ids[0],
            MANY,
            OTHERS // (OWNERS - 1),
        )
        await db.execute(
            "UPDATE books.invoice SET due_date = '2024-01-01' WHERE owner_id = $1 AND number IN (102, 9902, 19902)",
            ids[0],
        )
        await db.execute("VACUUM ANALYZE books.invoice, books.client")
        return ids[0]

    return io_loop.run_sync(fill)


@pytest.fixture
def read(db):
    """`await read(query, values)`: the most rows that a statement reads in one table or index, on a plan for all values. Nothing
    is changed."""

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


def order_of(by):
    return Order(invoice_list.COLUMNS, [by] if by in ("id", "-id") else [by, "-id" if by.startswith("-") else "id"])


async def test_a_page_reads_few_of_many_invoices_whatever_is_asked_for(large, read, db):
    client = await db.fetchval("SELECT client_id FROM books.invoice WHERE owner_id = $1 AND number = 7", large)
    asked = [({}, order) for order in ORDERS]
    asked += [
        *(({f"is_{status}": ()}, by) for status in STATUSES for by in ("created_at", "-created_at")),
        *(({f"is_{status}": ()}, by) for status in ("partial", "cancelled") for by in ORDERS),
        *(({"is_overdue": ()}, by) for by in ("due_date", "-due_date")),
        ({"client": client}, "-created_at"),
        ({"client": 10**17}, "-created_at"),
        ({"issued_since": "2022-09-25"}, "-issue_date"),
        ({"issued_since": "2020-01-05", "issued_until": "2020-01-07"}, "-created_at"),
        ({"due_until": "2020-02-03"}, "due_date"),
        ({"due_since": "2998-12-31"}, "-due_date"),
        ({"created_since": "2024-03-10"}, "-created_at"),
        ({"search": (large, "nothing like it", ["nothing like it"])}, "-created_at"),
        ({"search": (large, "inv-2024-19999", ["inv-2024-19999"])}, "-created_at"),
        ({"search": (large, "client-77@", ["client-77@"])}, "-created_at"),
        ({"search": (large, "work", ["work"])}, "-created_at"),
        ({"short_search": (large, "a", ["a", "w"])}, "-created_at"),
    ]
    for filters, by in asked:
        await check(db, read, large, filters, by)


async def check(db, read, owner_id, filters, by):
    """Check what the first page and the next one read, by number and by cursor."""
    order, listing = order_of(by), invoice_list.invoices
    found = listing.found.ordered(order.by).where(**filters)
    for page in (1, 2):
        rows = await read(found.query, [owner_id, page, 20, MOST_COUNTED, *found.values])
        assert rows <= MOST, (listing.found.name, filters, by, page, rows)
    after = None
    for _ in range(2):
        walk = order.walk(listing.walk, after).where(**filters)
        rows = await read(walk.query, [after, owner_id, 20, *walk.values])
        assert rows <= MOST, (listing.walk.name, filters, by, after, rows)
        listed = await db.fetch(walk.query.text, after, owner_id, 20, *walk.values)
        after = listed[-1]["key"] if listed else after


async def test_pages_without_filters_read_few_of_many_invoices(large, read):
    for by in ORDERS:
        rows = await read(invoice_list.query.list_invoices.ordered(order_of(by).by), [large, 1, 20])
        assert rows <= MOST, (by, rows)


async def test_other_statements_read_few_of_many_invoices(large, read, db):
    id, client = await db.fetchrow("SELECT id, client_id FROM books.invoice WHERE owner_id = $1 AND number = 7", large)
    sent = await db.fetchval("SELECT id FROM books.invoice WHERE owner_id = $1 AND number = 2", large)
    lines = {"line_items": [{"description": "Work", "unit_price": 5}] * 5}
    actor = '{"account_id": 1}'
    for one, values in (
        (invoice.query.get_invoice, [large, id]),
        (invoice.query.create_invoice, [large, json.dumps({"client": client, **lines})]),
        (invoice.query.update_invoice, [large, id, json.dumps({"title": "x", **lines}), None, actor]),
        (invoice.query.delete_invoice, [large, id, None, actor]),
        (invoice_action.query.send_invoice, [large, id, None, actor]),
        (invoice_action.query.duplicate_invoice, [large, id]),
        (payment.query.pay_invoice, [large, sent, '{"amount": 1}', None]),
        (payment.query.list_payments, [large, sent]),
        (invoice_report.query.list_overdue, [large, 100]),
        (invoice_report.query.list_due_soon, [large, 7, 100]),
    ):
        assert await read(one, values) <= 30, one.name


async def test_a_sweep_reads_what_is_overdue_and_nothing_without_it(large, db):
    await db.execute("SET plan_cache_mode = force_generic_plan")
    assert await db.fetchval(overdue.query.sweep_invoices.text, 1000) == 3
    await db.execute("SELECT pg_stat_force_next_flush()")
    async with db.transaction():
        assert await db.fetchval(overdue.query.sweep_invoices.text, 1000) == 0
        seen = await db.fetchval(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = 'books.invoice'::regclass"
        )
    await db.execute("RESET plan_cache_mode")
    assert seen <= 10

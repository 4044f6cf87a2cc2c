"""Lists, filters and searches over 40,000 invoices: what they find, how it is counted, and that none reads all."""

import urllib.parse

import pytest

from handlers.sales.invoice_list import ORDERS

pytestmark = pytest.mark.gen_test

MANY, ENOUGH = 40_000, 10_000
EMAIL = "worker@many.example"


def is_found(word):
    """SQL: whether a search finds invoice i."""
    return f"""(strpos(lower(i.invoice_no), '{word}') > 0
        OR EXISTS (SELECT FROM sales.customer c WHERE c.id = i.customer_id AND strpos(lower(c.name || E'\\n' || c.code), '{word}') > 0)
        OR EXISTS (SELECT FROM sales.invoice_item t WHERE t.invoice_id = i.id AND strpos(lower(t.name || E'\\n' || t.item_code), '{word}') > 0))"""


# What is asked for, and the condition that tells the same of each invoice.
FILTERS = {
    "status, rare": ({"status": "PICKED"}, "status = 'PICKED'"),
    "status, common": ({"status": "DELIVERED"}, "status = 'DELIVERED'"),
    "days, few": ({"start_date": "2025-02-01", "end_date": "2025-02-02"}, "invoice_date BETWEEN '2025-02-01' AND '2025-02-02'"),
    "days, many and long ago": ({"start_date": "2025-01-05", "end_date": "2025-05-20"}, "invoice_date BETWEEN '2025-01-05' AND '2025-05-20'"),
    "days, until": ({"end_date": "2025-03-01"}, "invoice_date <= '2025-03-01'"),
    "days, since": ({"start_date": "2025-06-01"}, "invoice_date >= '2025-06-01'"),
    "customer": ({"customer": "C7"}, "customer_id = 7"),
    "salesman": ({"salesman": "S7"}, "salesman_id = 7"),
    "user": ({"user": None}, "created_user_id IS NOT NULL"),
    "created_by, one": ({"created_by": "clerk 49"}, "created_by = 'clerk 49'"),
    "created_by, all": ({"created_by": "clerk"}, "created_by LIKE 'clerk %'"),
    "worker": ({"worker": EMAIL}, "id <= 100 OR id BETWEEN 20000 AND 32000"),
    "number, one": ({"search": "many-7777-7"}, "invoice_no = 'MANY-7777-7'"),
    "number, many": ({"search": "y-77"}, is_found("y-77")),
    "number, all": ({"search": "many"}, "true"),
    "number, old": ({"search": "7-7"}, is_found("7-7")),
    "item": ({"search": "medicine 77"}, is_found("medicine 77")),
    "item, all": ({"search": "medicine"}, "true"),
    "customer's name": ({"search": "chemist 77"}, is_found("chemist 77")),
    "days and status": ({"start_date": "2025-01-05", "end_date": "2025-05-20", "status": "PICKED"},
                        "invoice_date BETWEEN '2025-01-05' AND '2025-05-20' AND status = 'PICKED'"),
    "days without such a status": ({"start_date": "2025-01-05", "end_date": "2025-05-20", "status": "PACKED"}, "false"),
    "salesman and status": ({"salesman": "S7", "status": "DELIVERED"}, "salesman_id = 7 AND status = 'DELIVERED'"),
    "salesman and days": ({"salesman": "S7", "start_date": "2025-02-01", "end_date": "2025-02-28"},
                          "salesman_id = 7 AND invoice_date BETWEEN '2025-02-01' AND '2025-02-28'"),
    "customer and days": ({"customer": "C7", "start_date": "2025-02-01"}, "customer_id = 7 AND invoice_date >= '2025-02-01'"),
    "customer and salesman": ({"customer": "C7", "salesman": "S7"}, "customer_id = 7 AND salesman_id = 7"),
    "customer and another salesman": ({"customer": "C7", "salesman": "S8"}, "false"),
    "created_by and status": ({"created_by": "clerk", "status": "DELIVERED"}, "created_by LIKE 'clerk %' AND status = 'DELIVERED'"),
    "item and status, rare": ({"search": "medicine", "status": "PICKED"}, "status = 'PICKED'"),
    "item and status": ({"search": "medicine 77", "status": "DELIVERED"}, f"status = 'DELIVERED' AND {is_found('medicine 77')}"),
    "item and salesman": ({"search": "medicine 7", "salesman": "S7"}, f"salesman_id = 7 AND {is_found('medicine 7')}"),
    "number and days": ({"search": "many-9", "start_date": "2025-01-05", "end_date": "2025-05-20"},
                        f"invoice_date BETWEEN '2025-01-05' AND '2025-05-20' AND {is_found('many-9')}"),
    "worker and status": ({"worker": EMAIL, "status": "DELIVERED"}, "(id <= 100 OR id BETWEEN 20000 AND 32000) AND status = 'DELIVERED'"),
    "worker and days": (
        {"worker": EMAIL, "start_date": "2025-02-20"},
        "(id <= 100 OR id BETWEEN 20000 AND 32000) AND invoice_date >= '2025-02-20'",
    ),
    "number and days, few": ({"search": "many", "end_date": "2025-01-02"}, "invoice_date <= '2025-01-02'"),
    "worker and search": ({"worker": EMAIL, "search": "medicine 77"}, f"(id <= 100 OR id BETWEEN 20000 AND 32000) AND {is_found('medicine 77')}"),
}  # fmt: skip
KEPT = {name for name, (asked, _) in FILTERS.items() if not {"search", "worker"} & asked.keys()} - {
    "customer and days", "customer and salesman", "customer and another salesman",
}  # fmt: skip
# Of which more are looked at than are counted, and how many of them are counted at least.
SURELY = {
    "worker": 9000, "worker and status": 9000, "worker and days": 5000, "worker and search": 0, "number, all": 9000, "number, many": 0,
    "item, all": 5000, "item and status": 0, "item and salesman": 0, "number and days": 0, "number and days, few": 0, "created_by and status": ENOUGH,
}  # fmt: skip
PARAMETERS = ("status", "start_date", "end_date", "customer", "salesman", "user", "created_by", "worker", "search")
TYPES = ("text[]", "date", "date", "text", "text", "uuid", "text", "text", "text")


@pytest.fixture
def many(db, io_loop):
    """The invoices, newest last: a twentieth deleted, a thousandth PICKED; the worker has 12,101 of them. The worker's uuid."""

    async def make():
        if (
            await db.fetchval("SELECT count(*) FROM sales.invoice WHERE invoice_no LIKE 'MANY-%'") < MANY
        ):  # no test changes them
            await db.execute(f"""
                TRUNCATE sales.invoice, sales.customer, sales.salesman RESTART IDENTITY CASCADE;
                INSERT INTO accounts.account (email, role) VALUES ('{EMAIL}', 'PICKER') ON CONFLICT DO NOTHING;
                ALTER TABLE sales.invoice DISABLE TRIGGER USER;
                ALTER TABLE sales.session DISABLE TRIGGER USER;
                INSERT INTO sales.customer (code, name) SELECT 'C' || n, 'Chemist ' || n FROM generate_series(1, 1000) n;
                INSERT INTO sales.salesman (name) SELECT 'S' || n FROM generate_series(1, 100) n;
                INSERT INTO sales.invoice (invoice_no, invoice_date, customer_id, salesman_id, status, created_by, created_user_id, is_active)
                SELECT 'MANY-' || n || CASE WHEN n % 1000 = 777 THEN '-7' ELSE '' END, date '2025-01-01' + n / 200, 1 + n % 1000, 1 + n % 100,
                       CASE WHEN n % 1000 = 10 THEN 'PICKED' ELSE 'DELIVERED' END, 'clerk ' || n % 50,
                       CASE WHEN n % 1000 = 10 THEN (SELECT id FROM accounts.account WHERE email = '{EMAIL}') END, n % 20 <> 0
                  FROM generate_series(1, {MANY}) n;
                ALTER TABLE sales.invoice ENABLE TRIGGER USER;
                INSERT INTO sales.creator (name) SELECT 'clerk ' || n FROM generate_series(0, 49) n ON CONFLICT DO NOTHING;
                INSERT INTO sales.invoice_item (invoice_id, name, item_code, quantity, mrp)
                SELECT n, 'Medicine ' || (n + m * 7) % 500, 'M' || (n + m * 7) % 500, 1, 1 FROM generate_series(1, {MANY}) n, generate_series(0, n % 2) m;
                INSERT INTO sales.session (kind, invoice_id, worker_id, status, end_time)
                SELECT 'picking', n, (SELECT id FROM accounts.account WHERE email = '{EMAIL}'), 'PICKED', now() FROM generate_series(1, 100) n;
                INSERT INTO sales.session (kind, invoice_id, worker_id, status, end_time)
                SELECT 'packing', n, (SELECT id FROM accounts.account WHERE email = '{EMAIL}'), 'PACKED', now() FROM generate_series(20000, 32000) n;
                SELECT sales.recount_invoices();
            """)
            for table in ("invoice", "invoice_item"):
                await db.execute(f"VACUUM ANALYZE sales.{table}")
        return await db.fetchval("SELECT public_id::text FROM accounts.account WHERE email = $1", EMAIL)

    return io_loop.run_sync(make)


async def find(db, person, asked, order, place):
    """A row of sales.filter_invoices. place: page, size, keyset, after_key, after_id."""
    given = {name: f"{{{value}}}" if name == "status" else value or person for name, value in asked.items()}
    texts = [f"'{given[name]}'" if name in given else "null" for name in PARAMETERS]
    values = ", ".join(f"{text}::{kind}" for text, kind in zip(texts, TYPES, strict=True))
    return await db.fetchrow(
        f"SELECT * FROM sales.filter_invoices({values}, '{order.lstrip('-')}', {order[0] == '-'}, {place})"
    )  # fmt: skip


async def wanted(db, condition, order):
    """The ids of all that fulfil the condition, by reading every invoice."""
    column = {"created_by": "coalesce(created_by, '')"}.get(order.lstrip("-"), order.lstrip("-"))
    direction = "DESC" if order[0] == "-" else "ASC"
    return await db.fetchval(
        f"SELECT coalesce(array_agg(i.id ORDER BY {column} {direction}, i.id {direction}), '{{}}') FROM sales.invoice i WHERE i.is_active AND ({condition})"
    )


async def test_every_filter_finds_and_counts_what_reading_all_of_many_invoices_does(db, many):
    for name, (asked, condition) in FILTERS.items():
        right = await wanted(db, condition, "-id")
        for page in {1, 2, max(1, len(right) // 40), -(-len(right) // 20) + 1}:
            found = await find(db, many, asked, "-id", f"{page}, 20, false, null, null")
            ids = right[(page - 1) * 20 : page * 20]
            assert found["ids"] == (ids if ids or page == 1 else None), (name, page)
            if name in KEPT or not right or (page - 1) * 20 < len(right) <= page * 20:
                assert (found["count"], found["exact"]) == (len(right), True), (name, page)
            elif found["exact"]:
                assert found["count"] == len(right), (name, page)
            else:  # at least: what is on this page, and one more
                assert found["count"] <= len(right), (name, page)
                assert found["count"] > page * 20 or not ids, (name, page)
                assert found["count"] >= min(SURELY.get(name, 0), len(right)), (name, page)
            assert found["exact"] or name in SURELY, (name, page)
        for begin in {0, min(5_000, len(right))}:
            after = f"'{right[begin - 1]}', {right[begin - 1]}" if begin else "null, null"
            found = await find(db, many, asked, "-id", f"null, 20, true, {after}")
            assert found["ids"] == right[begin : begin + 21], (name, begin)


async def test_every_order_of_filtered_invoices_is_that_of_all_of_them_sorted(db, many):
    for n, (name, (asked, condition)) in enumerate({"all": ({}, "true"), **FILTERS}.items()):
        for order in (ORDERS[n % len(ORDERS)], f"-{ORDERS[(n + 3) % len(ORDERS)]}", "invoice_date"):
            right = await wanted(db, condition, order)
            for page in {1, max(1, len(right) // 40), max(1, -(-len(right) // 20) - 3), -(-len(right) // 20) or 1}:
                found = await find(db, many, asked, order, f"{page}, 20, false, null, null")
                assert found["ids"] == right[(page - 1) * 20 : page * 20], (name, order, page)
            first = await find(db, many, asked, order, "null, 20, true, null, null")
            assert first["ids"] == right[:21], (name, order)
            if len(right) > 20:
                second = await find(
                    db, many, asked, order, f"null, 20, true, '{first['keys'][19]}', {first['ids'][19]}"
                )
                assert second["ids"] == right[20:41], (name, order)


async def test_no_filter_and_no_order_reads_all_of_many_invoices(db, many):
    asked = [(name, given, "-id") for name, (given, _) in FILTERS.items()] + [
        (f"by {order}", {}, order) for order in ORDERS
    ]
    for name, given, order in asked:
        for place in ("1, 20, false, null, null", "null, 20, true, null, null"):
            await db.execute("SELECT pg_stat_force_next_flush()")  # else what was read before counts too
            async with db.transaction():
                await find(db, many, given, order, place)
                read = await db.fetch(
                    "SELECT relname, seq_scan FROM pg_stat_xact_user_tables"
                    " WHERE relname IN ('invoice', 'invoice_item', 'picking_session', 'invoice_count') AND seq_scan > 0"
                )
                rows = await db.fetchval("SELECT idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'invoice'")
            assert not read, (name, read)
            if name in KEPT or len(given) < 2 and (not given or place.startswith("null")):
                assert rows < MANY / 10, (name, place, rows)  # else counted, or one filter asked of another's


async def test_pages_of_a_search_lead_past_all_it_finds_though_counting_stops(api, many):
    path = f"/api/sales/invoices/?{urllib.parse.urlencode({'search': 'many', 'page_size': 100})}"
    all_of_them = MANY - MANY // 20
    first = (await api.get(path)).json["count"]
    assert 9000 < first <= ENOUGH
    for page, count in ((2, first), (100, ENOUGH + 1), (101, 10_101), (379, 37_901)):
        answer = (await api.get(f"{path}&page={page}")).json
        assert list(answer) == ["count", "count_is_exact", "next", "previous", "results"], page
        assert (answer["count"], answer["count_is_exact"], len(answer["results"])) == (count, False, 100)
        assert f"page={page + 1}&" in answer["next"], answer["next"]
    answer = (await api.get(f"{path}&page=380")).json
    assert (answer["count"], answer.get("count_is_exact"), answer["next"]) == (all_of_them, None, None)
    assert [one["id"] for one in answer["results"]][-1] == 1
    for page in (381, 10**12, "last"):  # which page is the last one would have to be counted
        assert (await api.get(f"{path}&page={page}")).status == 404, page

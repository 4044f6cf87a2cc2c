"""Lists, filters and searches over 40,000 invoices: what they find, how it is counted, and that they read few of them."""

import json
import urllib.parse

import pytest

from core.data.database import Transaction
from core.http import keyset, paging
from core.problem import Problem
from handlers.sales.invoice_list import ORDERS, Invoices, Place

pytestmark = pytest.mark.gen_test

MANY, ENOUGH = 40_000, 10_000
EMAIL = "worker@many.example"
# Seconds of a statement: none of these tests is about time.
LONG_SECONDS = 600


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


NAMES = {"start_date": "since", "end_date": "until", "status": "statuses"}


def filters_of(asked, person):
    """The filters of sql/sales/invoice_list.sql for what a request asks for. person: for user None."""
    given = {NAMES.get(name, name): value or person for name, value in asked.items()}
    if "statuses" in given:
        given["statuses"] = [given["statuses"]]
    return given


def order_of(term):
    return keyset.Order(ORDERS, [term] if term in ("id", "-id") else [term, "-id" if term[0] == "-" else "id"])


def invoices(db, person, asked):
    return Invoices(Transaction(db, LONG_SECONDS), filters_of(asked, person))


async def numbered(db, person, asked, order, page):
    """A page of 20 by its number: the ids (None: there is no such page), the count, and whether that is exact."""
    try:
        found = await invoices(db, person, asked).numbered_page(order_of(order), paging.Page(page, 20))
    except Problem as problem:
        assert problem.status == 404
        return None, None, True
    return [json.loads(row["document"])["id"] for row in found.rows], found.count, found.is_exact


async def after(db, person, asked, order, key):
    """The 21 invoices after a key (JSON text; None: from the beginning): their ids and keys."""
    rows = await invoices(db, person, asked).page(order_of(order), Place(key, 0, 21))
    return [json.loads(row["document"])["id"] for row in rows], [row["key"] for row in rows]


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
            ids, count, is_exact = await numbered(db, many, asked, "-id", page)
            expected = right[(page - 1) * 20 : page * 20]
            assert ids == (expected if expected or page == 1 else None), (name, page)
            if ids is None:
                continue
            if name in KEPT:
                assert (count, is_exact) == (len(right), True), (name, page)
            elif is_exact:
                assert count == len(right), (name, page)
            else:
                # At least: what is on this page, and one more.
                assert page * 20 < count <= len(right), (name, page)
                assert count >= min(SURELY.get(name, 0), len(right)), (name, page)
            assert is_exact or name in SURELY, (name, page)
        for begin in {0, min(5_000, len(right))}:
            ids, _ = await after(db, many, asked, "-id", f"[{right[begin - 1]}]" if begin else None)
            assert ids == right[begin : begin + 21], (name, begin)


async def test_every_order_of_filtered_invoices_is_that_of_all_of_them_sorted(db, many):
    orders = list(ORDERS)
    for n, (name, (asked, condition)) in enumerate({"all": ({}, "true"), **FILTERS}.items()):
        for order in (orders[n % len(orders)], f"-{orders[(n + 3) % len(orders)]}", "invoice_date"):
            right = await wanted(db, condition, order)
            for page in {1, max(1, len(right) // 40), max(1, -(-len(right) // 20) - 3), -(-len(right) // 20) or 1}:
                ids, _, _ = await numbered(db, many, asked, order, page)
                assert ids == right[(page - 1) * 20 : page * 20], (name, order, page)
            ids, keys = await after(db, many, asked, order, None)
            assert ids == right[:21], (name, order)
            if len(right) > 20:
                ids, _ = await after(db, many, asked, order, keys[19])
                assert ids == right[20:41], (name, order)


async def test_the_lists_that_are_asked_for_most_read_few_of_many_invoices(db, many):
    """The first page, by number and by cursor, of one filter, of filters together, of a search, and in any order."""
    often = ["status, rare", "status, common", "customer", "salesman", "user", "created_by, all", "number, one", "item, all", "number, all",
             "customer's name", "customer and salesman", "salesman and status"]  # fmt: skip
    asked = [(name, FILTERS[name][0], "-id") for name in often]
    asked += [("day", {"day": "2025-02-01"}, "-id"), *((f"by {order}", {}, order) for order in ORDERS)]
    asked += [("no such status", {"status": "PACKED"}, "-id"), ("no such status, oldest first", {"status": "PACKED"}, "id"),
              ("days long ago", {"start_date": "2025-01-05", "end_date": "2025-02-20"}, "-id"),
              ("salesman and a rare search", {"salesman": "S7", "search": "many-7777-7"}, "-id"),
              ("salesman and a search without a find", {"salesman": "S7", "search": "nothing like it"}, "-id")]  # fmt: skip
    for name, given, order in asked:
        # Else what was read before counts too.
        await db.execute("SELECT pg_stat_force_next_flush()")
        async with db.transaction():
            # As the server's connections have it.
            await db.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            await after(db, many, given, order, None)
            read = await db.fetchval(
                "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables"
                " WHERE relid = 'sales.invoice'::regclass"
            )
        assert read < MANY / 10, (name, read)


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

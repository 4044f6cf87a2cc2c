"""What the catalogue's statements read of large tables. docs/api/vendor.md#catalogue."""

import json
import re
import uuid

import pytest

from handlers.vendor import catalogue, category, changes, item
from tests.support.forms import by_form

pytestmark = pytest.mark.gen_test

VENDORS, ITEMS_EACH = int(by_form(short=100, long=1000)), 100
LARGE = int(by_form(short=10_000, long=100_000))
NONE = "00000000-0000-0000-0000-000000000000"
# Rows that a page of 20 may touch of any table: its own rows, their links and categories, not the rest of the vendor.
PAGE, MOST = 20, 250


@pytest.fixture
def large(db, io_loop, vendor):
    """A vendor of many items, among many vendors of a few."""

    async def fill():
        if found := await db.fetchval("SELECT vendor_id FROM vendor.item GROUP BY vendor_id HAVING count(*) > 5000"):
            return str(found)
        someone = await vendor()
        accounts = await db.fetch(
            "INSERT INTO accounts.account (email, username, role) "
            "SELECT 'many-' || n || '@example.com', 'many-' || n, 'VENDOR' FROM generate_series(1, $1::int) n RETURNING id",
            VENDORS,
        )
        await db.execute(
            "INSERT INTO vendor.vendor (account_id, business_name, phone, address, is_approved) "
            "SELECT id, 'Store', '1', 'x', true FROM unnest($1::bigint[]) id",
            [row["id"] for row in accounts],
        )
        await db.execute(
            "INSERT INTO vendor.category (vendor_id, name, position) "
            "SELECT v.id, 'Category ' || n, 1 FROM vendor.vendor v CROSS JOIN generate_series(1, 5) n"
        )
        await db.execute(
            "INSERT INTO vendor.item (vendor_id, name, price, sort_order, sku, position) "
            "SELECT v.id, 'Item ' || md5(n::text), n % 100, n % 50, 'SKU-' || n, n / 10 FROM vendor.vendor v "
            "CROSS JOIN LATERAL generate_series(1, CASE WHEN v.id = $1::uuid THEN $2::int ELSE $3::int END) n",
            someone.id,
            LARGE,
            ITEMS_EACH,
        )
        await db.execute(
            "INSERT INTO vendor.item_category SELECT i.vendor_id, i.id, c.id FROM vendor.item i JOIN LATERAL ("
            "SELECT c.id FROM vendor.category c WHERE c.vendor_id = i.vendor_id ORDER BY md5(c.id::text || i.id::text) LIMIT 1) c ON true"
        )
        # One small category of the large vendor.
        await db.execute(
            "INSERT INTO vendor.category (vendor_id, id, name, position) VALUES ($1::uuid, $2::uuid, 'Small', 1)",
            someone.id,
            NONE,
        )
        await db.execute(
            "INSERT INTO vendor.item_category SELECT vendor_id, id, $2::uuid FROM vendor.item WHERE vendor_id = $1::uuid AND sku IN ('SKU-7', 'SKU-8')",
            someone.id,
            NONE,
        )
        await db.execute(
            "INSERT INTO vendor.tombstone SELECT v.id, 'item', gen_random_uuid(), now(), now(), n FROM vendor.vendor v CROSS JOIN generate_series(1, 50) n"
        )
        await db.execute(
            "INSERT INTO vendor.head SELECT v.id, 'catalogue', 100000, now() FROM vendor.vendor v ON CONFLICT DO NOTHING"
        )
        await db.execute("ANALYZE")
        return someone.id

    return io_loop.run_sync(fill)


@pytest.fixture
def touched(db):
    """`await touched(query, …)`: the rows that a statement touches in the tables of the vendor area, by table, on a plan for all values."""

    async def touched(query, **given):
        await db.execute("SET plan_cache_mode = force_generic_plan")
        values = [given[name] for name in query.parameters]
        text = f"EXPLAIN (ANALYZE, FORMAT JSON, VERBOSE) {query.text}"
        (row,) = await db.fetch(text, *values)
        found = {}

        def walk(node):
            if node["Node Type"] == "Seq Scan" and node["Actual Loops"]:
                seen = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
                assert seen <= MOST, f"{query.name} reads all of {node['Relation Name']}"
            if "Relation Name" in node or "Index Name" in node:
                name = node.get("Relation Name", node.get("Index Name"))
                rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
                found[name] = max(found.get(name, 0), rows * max(node["Actual Loops"], 1))
            for inner in node.get("Plans", ()):
                walk(inner)

        walk(json.loads(row[0])[0]["Plan"])
        return found

    return touched


async def test_a_page_of_a_list_reads_its_own_rows(large, touched):
    last = '[40,"Item 5",' + f'"{NONE}"]'
    for after in (catalogue.START, last):
        found = await touched(item.query.list_items, vendor_id=large, after=after, most=PAGE)
        assert max(found.values()) <= MOST and found["item"], found
        found = await touched(category.query.list_categories, vendor_id=large, after=after, most=PAGE)
        assert max(found.values()) <= MOST, found


async def test_a_small_category_of_a_large_catalogue_is_found_by_its_links(large, touched):
    found = await touched(item.query.list_ids_of_category, vendor_id=large, category_id=NONE, after=catalogue.START)
    assert found["item"] == 2 and max(found.values()) <= 10, found


async def test_a_search_reads_the_items_of_its_vendor_only(large, touched, db):
    small = await db.fetchval("SELECT id::text FROM vendor.vendor WHERE id <> $1::uuid LIMIT 1", large)
    listed = item.query.list_items.where(search="no such thing").query
    assert re.search(r"\$4", listed.text)
    for vendor_id, rows in ((small, ITEMS_EACH), (large, LARGE)):
        text = type(listed)(listed.name, (*listed.parameters, "search"), listed.kind, listed.text)
        found = await touched(text, vendor_id=vendor_id, after=catalogue.START, most=PAGE, search="no such thing")
        assert found["item"] == rows


async def test_changes_read_what_has_changed(large, touched):
    for token in (changes.Token(), changes.Token(position=LARGE // 20, rank=1), changes.Token(position=99_999)):
        found = await touched(changes.query.list_changes, vendor_id=large, **token._asdict(), most=PAGE)
        assert max(found.values()) <= MOST, found


async def test_a_batch_reads_its_own_rows(large, touched, db):
    ids = [
        row["id"]
        for row in await db.fetch("SELECT id::text FROM vendor.item WHERE vendor_id = $1::uuid LIMIT 50", large)
    ]
    ids += [str(uuid.uuid4()) for _ in range(50)]
    found = await touched(item.query.read_for_sync, vendor_id=large, ids=ids)
    assert max(found.values()) <= MOST, found
    found = await touched(item.query.list_by_id, vendor_id=large, ids=ids)
    assert max(found.values()) <= MOST, found
    found = await touched(category.query.read_for_sync, vendor_id=large, ids=ids, names=["Category 1", "x"])
    assert max(found.values()) <= MOST, found


async def test_a_state_that_has_not_changed_is_one_small_read(large, touched):
    found = await touched(catalogue.query.get_state, vendor_id=large)
    assert max(found.values()) <= 1, found

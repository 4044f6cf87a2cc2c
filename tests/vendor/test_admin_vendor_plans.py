"""What the lists of the administration read of large tables, with each filter and order. docs/api/vendor.md#administration."""

import datetime
import json

import pytest

from handlers.api import areas
from handlers.operations.admin_view import with_ties
from tests.support.forms import by_form

pytestmark = pytest.mark.gen_test

VENDORS = by_form(short=2_000, long=100_000)
# Rows of one vendor, beside one or two of each other vendor.
LARGE = 300
PAGE = 51
# A search: its longest word, and all of its words.
SEARCHED = ("many-777", ["many-777", "9"])
# Rows that one step of a plan may read, and pages of 8 KB of the whole statement: those of one vendor, or some for each row of the page.
MOST_ROWS, MOST_PAGES = 2 * LARGE, 4_000
FILL = (
    "INSERT INTO accounts.account (email, username, role) "
    "SELECT 'many-' || n || '@example.com', 'many-' || n, 'VENDOR' FROM generate_series(1, {vendors}) n",
    "INSERT INTO vendor.vendor (account_id, business_name, phone, address, gst_no, is_approved, created_at) "
    "SELECT a.id, 'Store ' || md5(a.id::text), '+91' || a.id, 'x', 'GST-' || a.id, a.id % 50 > 0, timestamptz '2020-01-01 00:00Z' + a.id * interval '1 minute' "
    "FROM accounts.account a WHERE a.username LIKE 'many-%'",
    "INSERT INTO vendor.sales_rep (account_id, name, phone, is_active) "
    "SELECT v.account_id, 'Rep ' || v.business_name, v.phone, v.account_id % 50 > 0 FROM vendor.vendor v",
    "INSERT INTO accounts.session (account_id, expires_at) SELECT v.account_id, now() + interval '1 year' FROM vendor.vendor v",
    "INSERT INTO vendor.token SELECT s.account_id, s.id, sha256(s.id::text::bytea) FROM accounts.session s",
    "CREATE TEMP TABLE owner AS SELECT v.id, CASE WHEN row_number() OVER (ORDER BY v.id) = 1 THEN {large} ELSE 2 END AS rows FROM vendor.vendor v",
    "INSERT INTO vendor.category (vendor_id, name, position) SELECT o.id, 'Category ' || n, 1 FROM owner o CROSS JOIN generate_series(1, o.rows) n",
    "INSERT INTO vendor.global_category (name, sort_order, is_active) SELECT 'Global ' || n, n, n % 2 = 0 FROM generate_series(1, 50) n",
    "INSERT INTO vendor.item (vendor_id, name, price, sku, position, is_active) "
    "SELECT o.id, 'Item ' || md5(n::text), n, 'SKU-' || n, 1, n % 20 > 0 FROM owner o CROSS JOIN generate_series(1, o.rows) n",
    "INSERT INTO vendor.item_category SELECT i.vendor_id, i.id, c.id FROM vendor.item i CROSS JOIN LATERAL ("
    "SELECT c.id FROM vendor.category c WHERE c.vendor_id = i.vendor_id ORDER BY c.id LIMIT 1) c",
    "INSERT INTO vendor.inventory_item (vendor_id, name, quantity, unit_type, min_stock_level, reorder_quantity, is_active, created_at, updated_at) "
    "SELECT o.id, 'Material ' || n, n, 'kg', 5, 0, true, now(), now() FROM owner o CROSS JOIN generate_series(1, o.rows) n",
    "INSERT INTO vendor.inventory_movement (vendor_id, item_id, position, action, quantity, quantity_before, quantity_after, notes, created_at) "
    "SELECT i.vendor_id, i.id, n, 'set', 1, 1, 1, '', now() FROM vendor.inventory_item i CROSS JOIN generate_series(1, 2) n",
    "INSERT INTO vendor.bill (vendor_id, synced_at, created_at, bill_date, invoice_number, bill_number, device_id, billing_mode, restaurant_name, address, "
    "footer_note, subtotal, total_amount, total_tax, cgst_amount, sgst_amount, igst_amount, payment_mode, change_amount, discount_amount, "
    "discount_percentage, digest) "
    "SELECT o.id, now(), now(), date '2024-01-01' + n % 300, 'INV-' || n, '', '', 'gst', 'x', 'x', '', 1, 1, 0, 0, 0, 0, 'cash', 0, 0, 0, sha256('x') "
    "FROM owner o CROSS JOIN generate_series(1, o.rows) n",
    "INSERT INTO vendor.bill_line (vendor_id, bill_id, place, item_name, price, mrp_price, price_type, quantity, subtotal, gst_percentage, item_gst_amount, "
    "additional_discount, discount_amount) "
    "SELECT b.vendor_id, b.id, n, 'Tea', 1, 1, 'exclusive', 1, 1, 0, 0, 0, 0 FROM vendor.bill b CROSS JOIN generate_series(1, 2) n",
    "INSERT INTO vendor.bill_quarantine (vendor_id, kind, digest, sent, error, device_id, invoice_number, resolved_at, bill_id) "
    "SELECT o.id, CASE WHEN n % 2 = 0 THEN 'conflict' ELSE 'refused' END, sha256(n::text::bytea), '{{}}', 'wrong', '', 'INV-' || n, "
    "CASE WHEN n % 3 = 0 THEN now() END, CASE WHEN n % 3 = 0 THEN gen_random_uuid() END FROM owner o CROSS JOIN generate_series(1, o.rows) n",
    "INSERT INTO vendor.app_settings (vendor_id, device_id, settings_data) "
    "SELECT o.id, 'device ' || n, '{{}}' FROM owner o CROSS JOIN generate_series(1, o.rows) n",
    "ANALYZE",
    "SET plan_cache_mode = force_generic_plan",
)  # fmt: skip


@pytest.fixture
def large(db, io_loop):
    """The vendor with many rows, and one of its rows in each table, by table."""

    async def fill():
        if not await db.fetchval("SELECT EXISTS (SELECT FROM vendor.sales_rep)"):
            for statement in FILL:
                await db.execute(statement.format(vendors=VENDORS, large=LARGE))
        await db.execute("SET plan_cache_mode = force_generic_plan")
        found = dict(
            await db.fetchrow(
                "SELECT o.vendor_id AS vendor, c.id AS category, i.id AS item, b.id AS bill "
                "FROM (SELECT vendor_id FROM vendor.item GROUP BY vendor_id ORDER BY count(*) DESC LIMIT 1) o "
                "CROSS JOIN LATERAL (SELECT c.id FROM vendor.category c WHERE c.vendor_id = o.vendor_id ORDER BY c.id LIMIT 1) c "
                "CROSS JOIN LATERAL (SELECT i.id FROM vendor.inventory_item i WHERE i.vendor_id = o.vendor_id LIMIT 1) i "
                "CROSS JOIN LATERAL (SELECT b.id FROM vendor.bill b WHERE b.vendor_id = o.vendor_id LIMIT 1) b"
            )
        )
        return {name: str(id) for name, id in found.items()}

    return io_loop.run_sync(fill)


def values(large):
    """A value of each filter of the tables, by table and filter."""
    vendor = large["vendor"]
    days = {"since": datetime.date(2024, 3, 1), "until": datetime.date(2024, 3, 20)}
    return {
        "vendors": {"approved": True, "since": (datetime.date(2020, 1, 2), "UTC"), "until": (datetime.date(2020, 1, 3), "UTC")},
        "sales-reps": {"is_active": False},
        "categories": {"vendor": vendor, "is_active": True},
        "global-categories": {"is_active": True},
        "items": {"vendor": vendor, "category": (vendor, large["category"]), "is_active": False, "veg_nonveg": "veg", "pictured": False},
        "inventory": {"vendor": vendor, "is_active": True, "low_stock": True, "unit_type": "kg"},
        "movements": {"vendor": vendor, "item": (vendor, large["item"])},
        "bills": {"vendor": vendor, **days, "invoice_number": "INV-1"},
        "bill-lines": {"vendor": vendor, "bill": (vendor, large["bill"])},
        "quarantine": {"vendor": vendor, "waiting": False, "kind": "conflict"},
        "settings": {"vendor": vendor},
        "tokens": {"vendor": vendor},
    }  # fmt: skip


def asked(table, of_table):
    """Filters that are asked for together: none, each alone, and those of a vendor with the vendor."""
    kept = {name: of_table[name] for name in table.within[:1]}
    found = [{}, kept] if kept else [{}]
    for name, value in of_table.items():
        found.append({**kept, name: value})
        if "vendor" in of_table:
            found.append({"vendor": of_table["vendor"], name: value})
    if {"since", "until"} <= of_table.keys():
        found.append({name: of_table[name] for name in ("since", "until")})
    # The tables of the short form are so small that Postgres reads all of them for a search.
    if table.search and (kept or VENDORS == 100_000):
        found.append({**kept, "search": SEARCHED})
    return found


def orders(table, filters):
    """The terms of the orders that a list with these filters can have, without ties."""
    found = [list(table.usual)]
    if not table.within or table.within[0] in filters:
        found += [[sign + column.order] for column in table.columns if column.order for sign in ("", "-")]
    return found


def read(plan):
    """The most rows that one step of a plan reads, and that step."""
    loops = max(plan["Actual Loops"], 1)
    rows = (
        plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
    ) * loops
    return max([(rows, plan["Node Type"], plan.get("Relation Name")), *map(read, plan.get("Plans", ()))], key=lambda one: one[0])  # fmt: skip


def literal(value):
    if value is None:
        return "NULL"
    if isinstance(value, list):
        return f"ARRAY[{', '.join(map(literal, value))}]"
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


async def explained(db, query, place):
    """The plan of a statement, and what it has read. EXPLAIN alone would plan for these values."""
    await db.execute(f"PREPARE listed AS {query.query.text}")
    given = ", ".join(map(literal, (place, PAGE, *query.values)))
    [[plan]] = await db.fetch(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE listed ({given})")
    await db.execute("DEALLOCATE listed")
    return json.loads(plan)[0]["Plan"]


def indexes(plan):
    """The indexes that a plan uses."""
    return {plan.get("Index Name")}.union(*map(indexes, plan.get("Plans", ())))


async def test_a_search_of_all_rows_is_served_by_trigram_indexes(large, db):
    used = {}
    for setting in ("seqscan", "indexscan", "indexonlyscan"):
        await db.execute(f"SET enable_{setting} = off")
    for table in areas.gathered("admin_tables"):
        if table.area == "vendor" and table.search and not table.within:
            order = with_ties(table, list(table.usual))
            used[table.name] = indexes(await explained(db, order.walk(table.list, None).where(search=SEARCHED), None))
    # Global categories are few, and one person has made each of them.
    del used["global-categories"]
    assert used.keys() == {"vendors", "sales-reps", "tokens"}
    assert {"vendor_searched", "account_searched"} <= used["vendors"], used
    assert {"sales_rep_searched", "account_searched"} <= used["sales-reps"], used
    assert "account_searched" in used["tokens"], used


async def test_every_list_reads_little_with_each_filter_and_order_on_every_page(large, db):
    wrong, tables = [], [table for table in areas.gathered("admin_tables") if table.area == "vendor"]
    assert {table.name for table in tables} == values(large).keys()
    for table in tables:
        assert {one.name for one in table.filters} == values(large)[table.name].keys(), table.name
        for filters in asked(table, values(large)[table.name]):
            for terms in orders(table, filters):
                order = with_ties(table, terms)
                query = order.walk(table.list, None).where(**filters)
                rows = await db.fetch(query.query.text, None, LARGE, *query.values)
                for place in {None, *(row["place"] for row in rows[-1:])}:
                    plan = await explained(db, order.walk(table.list, place).where(**filters), place)
                    pages, (most, *node) = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], read(plan)
                    if most > MOST_ROWS or pages > MOST_PAGES:
                        wrong.append(f"{table.name} {order.name} {filters} after {place}: {most} rows by {node}, {pages} pages")  # fmt: skip
    assert not wrong, "\n".join(wrong)

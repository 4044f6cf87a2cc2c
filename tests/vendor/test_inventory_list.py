"""The list of raw materials: its order and filters, and what it costs. docs/api/vendor.md#inventory."""

import asyncio
from urllib.parse import quote

import pytest

from handlers.vendor import inventory as module

pytestmark = pytest.mark.gen_test

LIST = "/inventory/"
query = module.query


@pytest.fixture
def shelf(api, vendor, token):
    """`await shelf({"name": "Salt"}, …)`: a new vendor with these materials."""

    async def shelf(*materials):
        someone = await vendor()
        found = Shelf(api, await token(someone), someone)
        for body in materials:
            await found.make(**body)
        return found

    return shelf


class Shelf:
    def __init__(self, api, headers, vendor):
        self.api, self.headers, self.vendor = api, headers, vendor

    async def make(self, **body):
        answer = await self.api.post(LIST, body, headers=self.headers)
        assert answer.status == 201, answer.json
        return answer.json["id"]

    async def get(self, query="", **more):
        return await self.api.get(f"{LIST}{query}", headers={**self.headers, **more})

    async def names(self, query=""):
        answer = await self.get(query)
        assert answer.status == 200
        return [item["name"] for item in answer.json]

    async def stock(self, id, **body):
        return await self.api.call("PATCH", f"{LIST}{id}/stock/", body, headers=self.headers)

    async def change(self, id, **body):
        return await self.api.call("PATCH", f"{LIST}{id}/", body, headers=self.headers)


async def test_materials_are_listed_by_name(shelf):
    store = await shelf({"name": "b"}, {"name": "c"}, {"name": "a"}, {"name": "a b"})
    assert await store.names() == ["a", "a b", "b", "c"]
    assert await (await shelf()).names() == []


async def test_is_active_shows_either_the_active_or_the_other_materials(shelf):
    store = await shelf({"name": "on"}, {"name": "off", "is_active": False})
    for query in ("", "?is_active=true", "?is_active=TRUE", "?is_active=%20True"):
        assert await store.names(query) == ["on"], query
    for query in (
        "?is_active=false",
        "?is_active=1",
        "?is_active=yes",
        "?is_active=",
        "?is_active=%00",
        "?is_active=true1",
    ):
        assert await store.names(query) == ["off"], query


async def test_low_stock_shows_what_is_below_its_level(shelf):
    store = await shelf(
        {"name": "low", "quantity": "9.999", "min_stock_level": 10},
        {"name": "level", "quantity": 10, "min_stock_level": 10},
        {"name": "unwatched", "quantity": 0},
        {"name": "low, not active", "quantity": 1, "min_stock_level": 10, "is_active": False},
    )
    for query in ("?low_stock=true", "?low_stock=True", "?low_stock=TRUE&is_active=true"):
        assert await store.names(query) == ["low"], query
    assert await store.names("?low_stock=true&is_active=false") == ["low, not active"]
    for query in ("?low_stock=false", "?low_stock=", "?low_stock=1"):
        assert await store.names(query) == ["level", "low", "unwatched"], query


async def test_unit_type_shows_what_is_counted_in_that_unit(shelf):
    store = await shelf({"name": "oil", "unit_type": "L"}, {"name": "flour"}, {"name": "milk", "unit_type": "mL"})
    assert await store.names("?unit_type=L") == ["oil"]
    assert await store.names("?unit_type=") == ["flour", "milk", "oil"]
    for unit in ("l", "x", "%00x", "'", "x" * 5000):
        assert await store.names(f"?unit_type={unit}") == []


async def test_a_search_finds_any_part_of_five_fields_ignoring_case(shelf):
    store = await shelf(
        {"name": "Wheat FLOUR"},
        {"name": "a", "description": "for flour tortillas"},
        {"name": "b", "sku": "FLOUR-001"},
        {"name": "c", "barcode": "00flour00"},
        {"name": "d", "supplier_name": "Flour & Sons"},
        {"name": "e", "supplier_contact": "flour@example.com", "unit_type": "bag"},
        {"name": "flour, not active", "is_active": False},
        {"name": "Crème brûlée 100%_\\"},
    )
    assert set(await store.names("?search=flour")) == {"a", "b", "c", "d", "Wheat FLOUR"}
    assert await store.names("?search=%20FLOUR-0%20") == ["b"]
    for part, found in (
        ("CRÈME", 1), ("e\u0300me", 1), ("100%_", 1), ("%", 1), ("_", 1), ("\\", 1), ("%_x", 0), ("'", 0), ("\0", 7), ("x" * 5000, 0),
    ):  # fmt: skip
        assert len(await store.names(f"?search={quote(part)}")) == found, part
    assert len(await store.names("?search=")) == 7


async def test_all_filters_combine(shelf):
    low = {"quantity": 1, "min_stock_level": 2, "unit_type": "L", "sku": "OIL"}
    store = await shelf(
        {"name": "all", **low},
        {"name": "not low", **low, "quantity": 3},
        {"name": "other unit", **low, "unit_type": "kg"},
        {"name": "other sku", **low, "sku": ""},
        {"name": "not active", **low, "is_active": False},
    )
    asked = "?low_stock=true&unit_type=L&search=oil"
    assert await store.names(asked) == ["all"]
    assert await store.names(f"{asked}&is_active=false") == ["not active"]
    assert await store.names(f"{asked}&colour=blue&limit=5") == ["all"]


async def test_many_materials_are_read_whole_or_page_by_page(shelf, db):
    store = await shelf()
    await fill(db, store.vendor.id, 1203)
    expected = sorted(f"Material {n:05}" for n in range(1, 1204))
    assert await store.names() == expected
    path, found = "?limit=500&search=material", []
    while path:
        page = await store.get(path)
        found += [item["name"] for item in page.json]
        path = page.headers.get("Link", "").partition(">")[0].partition(LIST)[2]
    assert found == expected
    for cursor in ("x", "WzFd", "WyJhXHUwMDAwIl0", "W10"):
        answer = await store.get(f"?cursor={cursor}")
        assert (answer.status, answer.json) == (400, {"detail": "Invalid cursor."})
        assert "ETag" not in answer.headers


# Conditional answers


async def test_a_list_that_has_not_changed_is_not_sent_again(shelf):
    store = await shelf({"name": "Salt"})
    for query in ("", "?is_active=false", "?search=salt&limit=1"):
        first = await store.get(query)
        tag = first.headers["ETag"]
        for sent in (tag, f'"x", {tag}', f"W/{tag}", "*"):
            again = await store.get(query, **{"If-None-Match": sent})
            assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag), sent
        for sent in ("", '"x"', tag[:-1], tag.strip('"')):
            assert (await store.get(query, **{"If-None-Match": sent})).body == first.body, sent
    assert first.headers["Cache-Control"] == "private, no-cache"


async def test_each_change_of_what_a_list_shows_gives_it_another_tag(shelf, db):
    store = await shelf()
    tags = [(await store.get()).headers["ETag"]]

    async def changed(what):
        answer = await store.get(**{"If-None-Match": tags[-1]})
        assert answer.status == 200 and answer.headers["ETag"] not in tags, what
        tags.append(answer.headers["ETag"])

    id = await store.make(name="Salt")
    await changed("a new material")
    await store.change(id, sku="S")
    await changed("a change")
    await store.stock(id, quantity=5)
    await changed("its stock")
    await store.api.call("DELETE", f"{LIST}{id}/", headers=store.headers)
    await changed("a deletion")
    await db.execute("UPDATE vendor.vendor SET business_name = 'Renamed' WHERE id = $1::uuid", store.vendor.id)
    await changed("the vendor's name")
    # A backup of the database brings earlier positions back, under which other changes follow.
    await db.execute("UPDATE vendor.head SET position = 1 WHERE vendor_id = $1::uuid", store.vendor.id)
    await store.make(name="Pepper")
    await changed("a change after a backup was restored")


async def test_what_changes_nothing_leaves_the_tag(shelf, api):
    store, other = await shelf({"name": "Salt"}), await shelf()
    id = (await store.get()).json[0]["id"]
    tag = (await store.get()).headers["ETag"]
    await other.make(name="Salt")
    await store.stock(id, action="subtract", quantity=1)
    await store.change(id, name="")
    assert (await api.post(LIST, {"name": "Salt"}, headers=store.headers)).status == 400
    await other.stock(id, quantity=9)
    await api.call("DELETE", f"{LIST}{id}/", headers=other.headers)
    assert (await store.get(**{"If-None-Match": tag})).status == 304


async def test_a_tag_is_of_one_vendor_and_one_query(shelf):
    one, other = await shelf(), await shelf()
    queries = ("", "?is_active=true", "?search=a", "?search=b", "?limit=1")
    tags = [(await store.get(query)).headers["ETag"] for store in (one, other) for query in queries]
    assert len(set(tags)) == len(tags)


async def test_a_tag_is_never_of_an_older_list_while_others_write(shelf):
    store = await shelf()
    ids = [await store.make(name=f"Material {n}") for n in range(5)]
    is_over = False

    async def write(id):
        for _ in range(30):
            await store.stock(id, action="add", quantity=1)

    async def read():
        """The last list that a device has got, which asks again and again with the tag of the one before."""
        tag, body, times = "", b"", 0
        while not is_over or times < 2:
            times += is_over
            answer = await store.get(**({"If-None-Match": tag} if tag else {}))
            if answer.status == 200:
                tag, body = answer.headers["ETag"], answer.body
        return body

    readers = [asyncio.create_task(read()) for _ in range(3)]
    await asyncio.gather(*(write(id) for id in ids))
    is_over = True
    last = await store.get()
    assert {item["quantity"] for item in last.json} == {"30.000"}
    assert {await reader for reader in readers} == {last.body}


# What a list costs


async def fill(db, vendor_id, count):
    await db.execute(
        "INSERT INTO vendor.inventory_item (vendor_id, name, quantity, unit_type, min_stock_level, reorder_quantity, is_active, created_at,"
        " updated_at) SELECT $1::uuid, 'Material ' || to_char(n, 'FM00000'), n % 50, 'kg', CASE WHEN n % 10 = 0 THEN 25 ELSE 0 END, 1, true,"
        " now(), now() FROM generate_series(1, $2::integer) n",
        vendor_id,
        count,
    )


async def test_reading_and_writing_cost_the_same_beside_1000_other_vendors(shelf, db):
    store = await shelf()
    # 1000 vendors with accounts of their own, as the keys want it.
    await db.execute(
        "WITH made AS (INSERT INTO accounts.account (email, username, role, password_hash) SELECT 'full-' || n || '@example.com', 'full-' || n,"
        " 'VENDOR', 'x' FROM generate_series(1, 1000) n RETURNING id) "
        "INSERT INTO vendor.vendor (account_id, business_name, phone, address) SELECT id, 'n', '1', 'a' FROM made"
    )
    await db.execute(
        "INSERT INTO vendor.inventory_item (vendor_id, name, quantity, unit_type, min_stock_level, reorder_quantity, is_active, created_at,"
        " updated_at) SELECT v.id, 'Material ' || to_char(n, 'FM00000'), n % 50, 'kg', CASE WHEN n % 10 = 0 THEN 25 ELSE 0 END, 1, true, now(),"
        " now() FROM generate_series(1, 50) n CROSS JOIN vendor.vendor v WHERE v.business_name = 'n'"
    )
    await fill(db, store.vendor.id, 500)
    await db.execute(
        "INSERT INTO vendor.head (vendor_id, kind, position, changed_at) SELECT v.id, 'inventory', 500, now() FROM vendor.vendor v"
        " WHERE v.business_name = 'n'"
    )
    await db.execute("ANALYZE vendor.inventory_item, vendor.vendor, vendor.head")
    id = await store.make(name="Written")
    read = "SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0) FROM pg_stat_xact_user_tables WHERE schemaname = 'vendor'"
    actor, own = '{"account_id": 1}', (store.vendor.id,)
    lists = [
        query.list_items.where(**filters).query.text
        for filters in ({}, {"low_stock": ()}, {"search": "x"}, {"unit_type": "kg", "search": "x"})
    ]
    beside = [(), (), ("00500",), ("kg", "00500")]
    statements = [(text, (*own, True, "", 500, *more), 510) for text, more in zip(lists, beside, strict=True)] + [
        (lists[0], (*own, True, "Material 00100", 50), 60),
        (query.get_item.text, (*own, id), 3),
        (query.get_state.text, own, 3),
        (query.create_item.text, (*own, '{"name": "New", "quantity": 5}', actor), 12),
        (query.update_item.text, (*own, id, '{"name": "Newer", "quantity": 6}', actor), 12),
        (query.change_stock.text, (*own, id, '{"action": "add", "quantity": 5}', 10**12, actor), 12),
        (query.delete_item.text, (*own, id, actor), 12),
    ]
    await db.execute("SET plan_cache_mode = force_generic_plan")
    try:
        for text, arguments, most in statements:
            async with db.transaction():
                before = await db.fetchval(read)
                assert await db.fetch(text, *arguments) or "search" in text, text
                assert await db.fetchval(read) - before <= most, text
    finally:
        await db.execute("RESET plan_cache_mode")

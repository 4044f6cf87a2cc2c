"""The live streams of the shop. docs/api/pos.md#live-streams."""

import asyncio
import json

import pytest

pytestmark = pytest.mark.gen_test

ORDERS, STOCK = "/api/pos/sse/orders/", "/api/pos/sse/stock/"


@pytest.fixture
def watch(stream, cashier):
    async def watch(path, **headers):
        return await stream(path, headers={"Authorization": f"Bearer {cashier}", **headers})

    return watch


async def events(reader, count):
    return [json.loads((await reader.event())["data"]) for _ in range(count)]


async def test_an_order_is_announced_when_it_is_made_paid_and_cancelled(shop, sell, pay, cancel, watch):
    product = await shop.product()
    reader = await watch(ORDERS)
    paid, cancelled = (await sell((product, 2))).json, (await sell((product, 1))).json
    assert await events(reader, 2) == [paid, cancelled]
    answer = (await pay(paid["id"])).json
    await cancel(cancelled["id"])
    assert await events(reader, 2) == [answer, {**cancelled, "status": "CANCELLED"}]


async def test_a_deleted_order_is_announced_as_such(api, shop, sell, watch, boss):
    order = (await sell((await shop.product(), 2))).json["id"]
    reader = await watch(ORDERS)
    await api.call("DELETE", f"/api/orders/{order}/", token=boss)
    assert await events(reader, 1) == [{"id": order, "status": "DELETED"}]


async def test_a_refused_order_is_not_announced(shop, sell, watch):
    few, product = await shop.product(stock=1), await shop.product()
    orders, stock = await watch(ORDERS), await watch(STOCK)
    assert (await sell((product, 1), (few, 2))).status == 400
    made = (await sell((product, 1))).json
    assert await events(orders, 1) == [made]
    assert [one["id"] for one in await events(stock, 1)] == [product]


async def test_each_change_of_the_stock_is_announced(shop, sell, cancel, watch, db):
    product = await shop.product(stock=10, name="Pan")
    reader = await watch(STOCK)
    order = (await sell((product, 3))).json["id"]
    await cancel(order)
    await db.execute("UPDATE pos.product SET reserved_quantity = 4 WHERE id = $1", product)
    await db.execute("UPDATE pos.product SET price = 99 WHERE id = $1", product)
    await db.execute("UPDATE pos.product SET is_active = false WHERE id = $1", product)
    found = await events(reader, 4)
    assert [
        (one["current_stock"], one["reserved_quantity"], one["available_to_sell"], one["is_active"]) for one in found
    ] == [
        (7, 0, 7, True),
        (10, 0, 10, True),
        (10, 4, 6, True),
        (10, 4, 6, False),
    ]
    assert {(one["id"], one["name"]) for one in found} == {(product, "Pan")}


@pytest.fixture
def sold_last_month(db):
    async def sold_last_month(product, units):
        await db.execute(
            "INSERT INTO pos.product_day (day, product_id, units, revenue) "
            "VALUES (date_trunc('month', pos.today('UTC')) - interval '1 day', $1, $2, 1)",
            product,
            units,
        )

    return sold_last_month


async def test_a_product_that_becomes_low_is_announced_once_per_crossing(
    api, shop, sell, cancel, watch, cashier, sold_last_month
):
    product, other = await shop.product(stock=12, name="Pan"), await shop.product(stock=12)
    await sold_last_month(product, 10)
    reader = await watch(STOCK)
    await sell((product, 2))  # 10 are left: enough
    crossing = (await sell((product, 1), (other, 3), (product, 1))).json["id"]  # 8
    await sell((product, 1))  # 7: it was low before
    await cancel(crossing)  # 9
    await api.call("PATCH", f"/api/products/{product}/", {"current_stock": 11}, token=cashier)
    await api.call("PATCH", f"/api/products/{product}/", {"current_stock": 9}, token=cashier)
    await api.call("PATCH", f"/api/products/{product}/", {"current_stock": 8}, token=cashier)
    found = [one for one in await events(reader, 11) if one["id"] == product]
    sku = found[0]["sku"]
    assert [(one.get("event"), one["current_stock"]) for one in found if one.get("event")] == [
        ("low_stock", 8),
        ("low_stock", 9),
    ]
    low = next(one for one in found if one.get("event"))
    assert low == {
        "event": "low_stock",
        "id": product,
        "sku": sku,
        "name": "Pan",
        "current_stock": 8,
        "reserved_quantity": 0,
        "available_to_sell": 8,
        "is_active": True,
        "sold_last_month": 10,
    }
    assert [one["current_stock"] for one in found if not one.get("event")] == [10, 8, 7, 9, 11, 9, 8]


async def test_a_stream_is_resumed_without_a_gap(shop, sell, watch):
    product = await shop.product()
    reader = await watch(ORDERS)
    first = (await sell((product, 1))).json
    assert await events(reader, 1) == [first]
    reader.close()
    missed = [(await sell((product, 1))).json for _ in range(3)]
    again = await watch(ORDERS, **{"Last-Event-ID": reader.last_id})
    assert await events(again, 3) == missed


async def test_a_stream_needs_a_role_of_the_shop_and_ends_with_the_session(api, stream, sign_in, cashier):
    for path in (ORDERS, STOCK):
        assert (await stream(path)).status == 401
        member = (await sign_in("MEMBER"))["access"]
        assert (await stream(path, headers={"Authorization": f"Bearer {member}"})).status == 403
    mine = (await sign_in("EMPLOYEE", "other@example.com"))["access"]
    reader = await stream(f"{STOCK}?token={mine}")
    assert reader.status == 200
    await api.post("/api/auth/logout/", token=mine)

    async def ended():
        while await reader.block():
            pass

    await asyncio.wait_for(ended(), 30)

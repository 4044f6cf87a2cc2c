"""The demo's vendors and their catalogues. docs/api/vendor.md#sales-rep-pages."""

import pytest

from handlers.accounts import commands as accounts
from handlers.vendor import commands

pytestmark = pytest.mark.gen_test


async def test_the_demo_has_the_vendors_and_catalogues_of_the_document_and_makes_them_once(api, app, settings):
    await accounts.create_demo(settings)
    for _ in range(2):
        await commands.create_demo(settings)
    signed = await api.post("/auth/login", {"username": "vendor1", "password": "vendor123"})
    headers = {"Authorization": f"Token {signed.json['token']}"}
    assert signed.json["vendor"]["business_name"] == "ABC Store"
    items = (await api.get("/items/", headers=headers)).json
    shown = [
        (one["name"], one["price"], one["stock_quantity"], one["sku"], [c["name"] for c in one["categories_list"]])
        for one in items
    ]
    assert shown == [
        ("Coca Cola", "25.00", 100, "COKE-001", ["Breakfast", "Drinks"]),
        ("Pepsi", "25.00", 80, "PEPSI-001", ["Drinks"]),
        ("Sandwich", "50.00", 30, "SAND-001", ["Breakfast", "Lunch"]),
        ("Burger", "80.00", 25, "BURG-001", ["Lunch"]),
    ]
    categories = (await api.get("/items/categories/", headers=headers)).json
    assert [(one["name"], one["item_count"]) for one in categories] == [
        ("Breakfast", 2), ("Drinks", 2), ("Lunch", 2), ("Snacks", 0), ("Dinner", 0),
    ]  # fmt: skip
    assert (await api.post("/auth/login", {"username": "vendor2", "password": "vendor123"})).status == 200
    assert (await api.post("/auth/login", {"username": "pendingvendor", "password": "pending123"})).status == 403
    stats = (await api.get("/health/")).json["stats"]
    assert (stats["vendors"], stats["items"], stats["categories"]) == (3, 7, 8)

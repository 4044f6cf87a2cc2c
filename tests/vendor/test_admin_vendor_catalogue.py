"""Categories, items and inventory of vendors in the administration, and what devices learn of it. docs/api/vendor.md#administration."""

import asyncio
import json
from urllib.parse import quote

import pytest

from tests.core.test_images import picture
from tests.vendor.admin_pages import act, added, changed, choices, filled, names, problem, said, table

pytestmark = pytest.mark.gen_test

GLOBAL, CATEGORIES = "/admin/vendor/global-categories/", "/admin/vendor/categories/"
ITEMS, MATERIALS, MOVEMENTS = "/admin/vendor/items/", "/admin/vendor/inventory/", "/admin/vendor/movements/"
CHANGES = "/items/changes/"


def id_of(answer):
    """The id of a row that was added, or of a row of a vendor."""
    assert answer.status == 302, answer.text
    return answer.headers["Location"].split("/")[-2].rpartition(".")[2]


async def since(api, headers, token=""):
    """What a device learns, and the token to go on with."""
    answer = await api.get(f"{CHANGES}?since={token}", headers=headers)
    assert answer.status == 200 and not answer.json["more"] and not answer.json["reset"], answer.text
    return answer.json, answer.json["next"]


async def noted(db, object_id):
    rows = await db.fetch("SELECT email, action FROM operations.audit WHERE object_id = $1 ORDER BY id", object_id)
    return [tuple(row) for row in rows]


async def test_a_device_sees_a_global_category_that_is_made_changed_and_deleted_here(administrator, seller, api, db):
    staff = await administrator("ADMIN")
    _, headers = await seller()
    other, other_headers = await seller()
    _, token = await since(api, headers)
    etag = (await api.get("/items/categories/", headers=headers)).headers["ETag"]

    id = id_of(await added(staff, GLOBAL, name="Sweets", sort_order="7"))
    found, token = await since(api, headers, token)
    assert [(one["id"], one["name"], one["sort_order"], one["item_count"]) for one in found["categories"]] == [
        (id, "Sweets", 7, 0)
    ]
    listed = await api.get("/items/categories/", headers={**headers, "If-None-Match": etag})
    assert listed.status == 200 and id in [one["id"] for one in listed.json]

    # Each vendor's count is that of the vendor's own items.
    item = {"name": "Toffee", "price": 1, "category_ids": [id]}
    made = await api.call("POST", "/items/", item, headers=headers)
    assert made.status == 201
    counts = [
        (await api.get(f"/items/categories/{id}/", headers=one)).json["item_count"] for one in (headers, other_headers)
    ]
    assert counts == [1, 0]
    _, token = await since(api, headers, token)

    assert (await changed(staff, f"{GLOBAL}{id}/", name="Sweets & Cakes", is_active="false")).status == 302
    found, token = await since(api, headers, token)
    assert [(one["name"], one["is_active"]) for one in found["categories"]] == [("Sweets & Cakes", False)]
    assert id not in [one["id"] for one in (await api.get("/items/categories/", headers=headers)).json]
    assert "Sweets &amp; Cakes" in (await staff.get(f"{GLOBAL}{id}/")).text

    answer = await staff.post(f"{GLOBAL}{id}/delete/")
    assert answer.status == 302
    found, token = await since(api, headers, token)
    assert [(one["kind"], one["id"]) for one in found["deleted"]] == [("category", id)]
    assert (await api.get(f"/items/categories/{id}/", headers=headers)).status == 404
    assert (await api.get(f"/items/{made.json['id']}/", headers=headers)).json["category_ids"] == []
    assert not await db.fetchval("SELECT count(*) FROM vendor.category_tally WHERE category_id = $1::uuid", id)
    assert await noted(db, id) == [
        ("admin@example.com", f"global-category.{verb}") for verb in ("create", "update", "delete")
    ]
    # A device that syncs it again by its id makes a category of its own; the id is free.
    operation = {"operation": "create", "data": {"id": id, "name": "Sweets"}}
    answer = await api.call("POST", "/items/categories/sync", [operation], headers=headers)
    assert answer.json["created"] == 1


async def test_a_sync_of_a_device_cannot_change_a_global_category(administrator, seller, api):
    staff = await administrator("ADMIN")
    _, headers = await seller()
    id = id_of(await added(staff, GLOBAL, name="Fixed"))
    operations = [
        {"operation": "update", "data": {"id": id, "name": "Mine"}},
        {"operation": "delete", "id": id},
    ]
    answer = await api.call("POST", "/items/categories/sync", operations, headers=headers)
    assert len(answer.json["errors"]) == 2 and answer.json["synced"] == 0
    assert "Fixed" in (await staff.get(f"{GLOBAL}{id}/")).text


async def test_global_categories_are_listed_searched_and_chosen(administrator):
    staff = await administrator("ADMIN")
    made = {name: id_of(await added(staff, GLOBAL, name=name, sort_order=n)) for name, n in
            (("Listed one", "3"), ("Listed two", "2"), ("Listed three", "2"))}  # fmt: skip
    await changed(staff, f"{GLOBAL}{made['Listed one']}/", is_active="false")
    assert names(await staff.get(f"{GLOBAL}?search=listed")) == ["Listed three", "Listed two", "Listed one"]
    assert names(await staff.get(f"{GLOBAL}?search=listed&sort=-name")) == ["Listed two", "Listed three", "Listed one"]
    assert names(await staff.get(f"{GLOBAL}?search=listed&is_active=false")) == ["Listed one"]
    assert [row["Name"] for row in table(await staff.get(f"{GLOBAL}csv/?search=listed&is_active=true"))] == [
        "Listed three", "Listed two",
    ]  # fmt: skip
    page = await added(staff, GLOBAL, name="x" * 101)
    assert (page.status, problem(page, "name")) == (400, "Ensure this field has no more than 100 characters.")
    page = await added(staff, GLOBAL, name="Right", sort_order="1.5")
    assert (page.status, problem(page, "sort_order")) == (400, 'A valid integer is required. "1.5" is not one.')
    told = await act(staff, GLOBAL, "delete", *made.values())
    assert told == "Successfully deleted 3 of 3 global categories."


async def test_a_vendors_category_is_made_changed_and_deleted_as_by_the_api(administrator, seller, api, db):
    staff = await administrator("ADMIN")
    one, headers = await seller()
    _, token = await since(api, headers)
    id = id_of(await added(staff, CATEGORIES, vendor=one.id, name="Lunch"))
    page = await added(staff, CATEGORIES, vendor=one.id, name="Lunch")
    assert (page.status, problem(page, "name")) == (400, "Category with this name already exists for this vendor.")
    page = await added(staff, CATEGORIES, vendor="00000000-0000-4000-8000-000000000000", name="Lunch")
    assert (page.status, problem(page, "vendor")) == (400, "There is no such vendor.")
    path = f"{CATEGORIES}{one.id}.{id}/"
    assert (await changed(staff, path, description="At noon", sort_order="4")).status == 302
    found, token = await since(api, headers, token)
    assert [(c["name"], c["description"], c["sort_order"]) for c in found["categories"]] == [("Lunch", "At noon", 4)]
    assert (await staff.post(f"{path}delete/")).status == 302
    found, token = await since(api, headers, token)
    assert [row["id"] for row in found["deleted"]] == [id]
    assert await noted(db, id) == [("admin@example.com", f"category.{verb}") for verb in ("create", "update", "delete")]


async def test_an_item_is_made_with_a_picture_and_put_into_categories(administrator, seller, api, db):
    staff = await administrator("ADMIN")
    one, headers = await seller()
    _, other_headers = await seller()
    own = (await api.call("POST", "/items/categories/", {"name": "Own"}, headers=headers)).json["id"]
    foreign = (await api.call("POST", "/items/categories/", {"name": "Foreign"}, headers=other_headers)).json
    foreign_vendor = await db.fetchval("SELECT vendor_id::text FROM vendor.category WHERE id = $1::uuid", foreign["id"])
    shared = id_of(await added(staff, GLOBAL, name="Shared"))
    _, token = await since(api, headers)
    answer = await added(
        staff, ITEMS, {"image": ("a.png", picture())}, vendor=one.id, name="Cola", price="12.50", gst_percentage="18"
    )
    id = id_of(answer)
    path = f"{ITEMS}{one.id}.{id}/"
    item = (await api.get(f"/items/{id}/", headers=headers)).json
    assert (item["price"], item["gst_percentage"], item["is_active"]) == ("12.50", "18.00", True)
    assert item["image"].startswith(f"items/{id}/") and item["thumbnail_url"]
    assert '<img class="picture"' in (await staff.get(path)).text

    assert (await changed(staff, path, own_categories=["", f"{one.id}.{own}"])).status == 302
    assert (await changed(staff, path, global_categories=["", shared])).status == 302
    item = (await api.get(f"/items/{id}/", headers=headers)).json
    assert set(item["category_ids"]) == {own, shared}
    page = await staff.get(path)
    assert [key for key in filled(page)["own_categories"] if key] == [
        f"{one.id}.{own}"
    ] and "> Own</label>" in page.text
    page = await changed(staff, path, own_categories=["", f"{foreign_vendor}.{foreign['id']}"])
    assert page.status == 400 and "not found or do not belong to vendor" in problem(page, "own_categories")
    assert (await changed(staff, path, own_categories=[""], price="13", mrp_price="14")).status == 302
    item = (await api.get(f"/items/{id}/", headers=headers)).json
    assert (item["category_ids"], item["price"], item["mrp_price"]) == ([shared], "13.00", "14.00")

    found, token = await since(api, headers, token)
    assert [row["id"] for row in found["items"]] == [id]
    assert await act(staff, ITEMS, "clear_picture", f"{one.id}.{id}") == "The picture of 1 item(s) was removed."
    assert await act(staff, ITEMS, "deactivate", f"{one.id}.{id}") == "1 item(s) switched off."
    item = (await api.get(f"/items/{id}/", headers=headers)).json
    assert (item["image"], item["is_active"], item["category_ids"]) == (None, False, [shared])
    assert (await staff.post(f"{path}delete/")).status == 302
    found, token = await since(api, headers, token)
    assert [row["id"] for row in found["deleted"]] == [id]
    assert {email for email, _ in await noted(db, id)} == {"admin@example.com"}


async def test_what_an_item_cannot_be_stands_beside_its_field(administrator, seller, api):
    staff = await administrator("ADMIN")
    one, headers = await seller()
    for typed, field, text in (
        ({"price": "-1"}, "price", "Ensure this value is greater than or equal to 0."),
        ({"price": "1.234"}, "price", "Ensure that there are no more than 2 decimal places."),
        ({"price": "NaN"}, "price", 'A valid number is required. "NaN" is not one.'),
        ({"price": ""}, "price", "This field is required."),
        ({"name": ""}, "name", "This field is required."),
        ({"stock_quantity": "2147483648"}, "stock_quantity", "Ensure this value is less than or equal to 2147483647."),
    ):
        page = await added(staff, ITEMS, **{"vendor": one.id, "name": "Wrong", "price": "1", **typed})
        assert (page.status, problem(page, field)) == (400, text), typed
    page = await added(staff, ITEMS, {"image": ("a.png", b"x")}, vendor=one.id, name="Wrong", price="1")
    assert page.status == 400 and problem(page, "image")
    assert (await api.get("/items/", headers=headers)).json == []


async def test_the_rows_of_a_vendor_are_searched_ordered_and_filtered(administrator, seller, api):
    staff = await administrator("ADMIN")
    one, headers = await seller()
    other, other_headers = await seller()
    category = (await api.call("POST", "/items/categories/", {"name": "Sorted"}, headers=headers)).json["id"]
    for name, price, more in (
        ("Green tea", 3, {"sku": "T-1", "veg_nonveg": "veg"}), ("Black tea", 1, {"barcode": "490"}),
        ("Coffee 50%", 2, {"is_active": False, "category_ids": [category]}),
    ):  # fmt: skip
        await api.call("POST", "/items/", {"name": name, "price": price, **more}, headers=headers)
    await api.call("POST", "/items/", {"name": "Green tea", "price": 9}, headers=other_headers)
    mine = f"{ITEMS}?vendor={one.id}"
    for query, found in {
        "search=tea": {"Green tea", "Black tea"}, "search=tea+green": {"Green tea"}, "search=490": {"Black tea"},
        f"search={quote('50%')}": set(), "search=coffee+%25": {"Coffee 50%"}, "is_active=false": {"Coffee 50%"},
        "veg_nonveg=veg": {"Green tea"}, "pictured=true": set(), f"category={one.id}.{category}": {"Coffee 50%"},
    }.items():  # fmt: skip
        assert set(names(await staff.get(f"{mine}&{query}"))) == found, query
    assert names(await staff.get(f"{mine}&sort=-price")) == ["Green tea", "Coffee 50%", "Black tea"]
    assert names(await staff.get(f"{mine}&sort=name")) == ["Black tea", "Coffee 50%", "Green tea"]
    assert choices(await staff.get(mine), "order") == ["Name", "Price", "Stock", "Last changed"]
    # A category names its vendor, and its page leads here.
    assert names(await staff.get(f"{ITEMS}?category={one.id}.{category}")) == ["Coffee 50%"]
    rows = table(await staff.get(f"{ITEMS}csv/?vendor={one.id}&sort=price"))
    assert [row["Price"] for row in rows] == ["1.00", "2.00", "3.00"] and {row["Vendor"] for row in rows} == {
        one.business_name
    }
    # The picker of a form finds rows of one vendor only.
    found = await staff.get(f"{CATEGORIES}choices/?vendor={one.id}&q=sort", **{"X-Requested-With": "XMLHttpRequest"})
    assert json.loads(found.text) == {"choices": [{"key": f"{one.id}.{category}", "label": "Sorted"}]}
    for query in (f"vendor={other.id}&q=sort", "q=sort"):
        found = await staff.get(f"{CATEGORIES}choices/?{query}", **{"X-Requested-With": "XMLHttpRequest"})
        assert json.loads(found.text) == {"choices": []}


async def test_stock_is_adjusted_through_the_ledger(administrator, seller, api, db):
    staff = await administrator("ADMIN")
    one, headers = await seller()
    id = id_of(
        await added(staff, MATERIALS, vendor=one.id, name="Flour", quantity="50", unit_type="kg", min_stock_level="20")
    )
    path = f"{MATERIALS}{one.id}.{id}/"
    answer = await changed(staff, path, action="subtract", quantity="40.125", notes="Spoiled", supplier_name="Mill")
    assert answer.status == 302, answer.text
    found = (await api.get(f"/inventory/{id}/", headers=headers)).json
    assert (found["quantity"], found["supplier_name"], found["is_low_stock"]) == ("9.875", "Mill", True)
    moved = (await api.get(f"/inventory/{id}/movements/", headers=headers)).json
    admin = await db.fetchval("SELECT id FROM accounts.account WHERE email = 'admin@example.com'")
    assert [(m["action"], m["quantity"], m["notes"], m["user_id"]) for m in moved] == [
        ("subtract", "40.125", "Spoiled", admin), ("create", "50.000", "", admin),
    ]  # fmt: skip
    # What is refused changes nothing, nor the rest of the form.
    page = await changed(staff, path, action="subtract", quantity="10", supplier_name="Other")
    assert page.status == 400 and "Cannot subtract more than current quantity" in page.text
    page = await changed(staff, path, action="add", quantity="999999999999", supplier_name="Other")
    assert page.status == 400 and "no more than 12 digits before" in problem(page, "quantity")
    page = await changed(staff, path, notes="Why", supplier_name="Other")
    assert (page.status, problem(page, "quantity")) == (400, "This field is required.")
    found = (await api.get(f"/inventory/{id}/", headers=headers)).json
    assert (found["quantity"], found["supplier_name"]) == ("9.875", "Mill")
    page = await added(staff, MATERIALS, vendor=one.id, name="Flour")
    assert page.status == 400 and "already exists for your vendor account" in page.text
    page = await staff.get(path)
    assert "Spoiled" in page.text and f"{MOVEMENTS}?item={one.id}.{id}" in page.text
    page = await staff.get(f"{MOVEMENTS}?item={one.id}.{id}")
    assert page.text.index("subtract") < page.text.index("create") and "admin@example.com" in page.text
    key = table(await staff.get(f"{MOVEMENTS}csv/?vendor={one.id}"))[0]["id"]
    row = await staff.get(f"{MOVEMENTS}{key}/")
    assert row.status == 200 and "Spoiled" in row.text and 'name="version"' not in row.text
    assert (await staff.send(f"{MOVEMENTS}{key}/", {"notes": "x"})).status == 405
    assert (await staff.post(f"{MOVEMENTS}{key}/delete/")).status == 404
    assert (await staff.get(f"{MOVEMENTS}add/")).status == 404
    for query, found in {"low_stock=true": ["Flour"], "low_stock=false": [], "unit_type=g": [], "search=mill": ["Flour"],
                         "sort=-quantity": ["Flour"]}.items():  # fmt: skip
        assert names(await staff.get(f"{MATERIALS}?vendor={one.id}&{query}")) == found, query
    await staff.get(f"{path}delete/")
    assert said(await staff.get((await staff.post(f"{path}delete/")).headers["Location"])) == (
        "The inventory item “Flour” was deleted successfully."
    )
    assert (await api.get(f"/inventory/{id}/", headers=headers)).status == 404


async def test_a_global_category_that_is_deleted_while_items_are_put_into_it_leaves_no_link_and_no_500(
    administrator, seller, api, db
):
    staff = await administrator("ADMIN")
    _, headers = await seller()
    for n in range(5):
        id = id_of(await added(staff, GLOBAL, name=f"Contested {n}"))
        items = [{"name": f"Item {n}-{k}", "price": 1, "category_ids": [id]} for k in range(4)]
        operations = [{"operation": "create", "data": {**item, "name": f"Synced {item['name']}"}} for item in items]
        deleted, synced, *made = await asyncio.gather(
            staff.post(f"{GLOBAL}{id}/delete/"),
            api.call("POST", "/items/sync", operations, headers=headers),
            *(api.call("POST", "/items/", item, headers=headers) for item in items),
        )
        assert deleted.status == 302 and synced.status == 200 and {one.status for one in made} <= {201, 400}
        for kept in ("item_global_category", "category_tally"):
            assert not await db.fetchval(f"SELECT count(*) FROM vendor.{kept} WHERE category_id = $1::uuid", id)

"""Items. docs/api/vendor.md#catalogue."""

import asyncio
import json
import uuid

import pytest

pytestmark = pytest.mark.gen_test

LIST, CATEGORIES = "/items/", "/items/categories/"
NOT_FOUND = {"error": "Item not found"}
NO_CATEGORIES = {"error": "One or more categories not found or do not belong to vendor"}
REQUIRED = ["This field is required."]
SENT = {
    "name": "Coca Cola",
    "description": "Cold drink",
    "price": "25.00",
    "mrp_price": "25.00",
    "price_type": "inclusive",
    "gst_percentage": "18.00",
    "veg_nonveg": "veg",
    "additional_discount": "0.50",
    "stock_quantity": 100,
    "sku": "COKE-001",
    "barcode": "1234567890123",
    "is_active": True,
    "sort_order": 1,
}


@pytest.fixture
def make(api):
    async def make(headers, name="Item", path=LIST, **more):
        answer = await api.post(path, {"name": name, **({"price": 1} if path == LIST else {}), **more}, headers=headers)
        assert answer.status == 201, answer.json
        return answer.json

    return make


async def patch(api, headers, id, body, path=""):
    return await api.call("PATCH", f"{LIST}{id}/{path}", body, headers=headers)


async def names(api, headers, query=""):
    return [one["name"] for one in (await api.get(f"{LIST}{query}", headers=headers)).json]


async def test_an_item_is_made_and_read_back(api, vendor, token, make):
    someone = await vendor(business_name="ABC Store")
    headers = await token(someone)
    first = await make(headers, "B", CATEGORIES, sort_order=2)
    second = await make(headers, "A", CATEGORIES, sort_order=1)
    answer = await api.post(LIST, {**SENT, "category_ids": [first["id"], second["id"]]}, headers=headers)
    made = answer.json
    assert answer.status == 201
    ids = [second["id"], first["id"]]
    assert made == {
        **SENT,
        "id": made["id"],
        "vendor": someone.id,
        "vendor_name": "ABC Store",
        "categories": ids,
        "category_ids": ids,
        "categories_list": [{"id": second["id"], "name": "A"}, {"id": first["id"], "name": "B"}],
        "image": None,
        "image_url": None,
        "thumbnail_url": None,
        "last_updated": made["last_updated"],
        "created_at": made["created_at"],
    }
    for path in (f"{LIST}{made['id']}/", f"{LIST}{made['id']}"):
        assert (await api.get(path, headers=headers)).json == made
    assert (await api.get(LIST, headers=headers)).json == [made]


async def test_an_item_has_defaults(vendor, token, make):
    made = await make(await token(await vendor()), "Tea", price=10)
    expected = {
        "price": "10.00",
        "mrp_price": None,
        "price_type": "exclusive",
        "additional_discount": "0.00",
        "gst_percentage": "0.00",
        "veg_nonveg": None,
        "stock_quantity": 0,
        "sku": None,
        "barcode": None,
        "is_active": True,
        "sort_order": 0,
        "category_ids": [],
    }
    assert {name: made[name] for name in expected} == expected


async def test_empty_fields_of_a_form_count_as_absent(api, vendor, token):
    headers = await token(await vendor())
    empty = dict.fromkeys(
        (
            "gst_percentage",
            "stock_quantity",
            "sort_order",
            "is_active",
            "price_type",
            "additional_discount",
            "mrp_price",
        ),
        "",
    )
    answer = await api.call("POST", LIST, headers=headers, form={"name": "Tea", "price": "10", **empty})
    assert answer.status == 201, answer.json
    made = answer.json
    plain = (await api.post(LIST, {"name": "Tea", "price": 10}, headers=headers)).json
    assert {name: made[name] for name in empty} == {name: plain[name] for name in empty}
    # An edit leaves alone what its form has left empty, but an empty mrp_price removes it.
    full = (await api.post(LIST, SENT, headers=headers)).json
    edited = await api.call("PATCH", f"{LIST}{full['id']}/", headers=headers, form={"price": "", **empty})
    kept = (*empty.keys() - {"mrp_price"}, "price")
    assert {name: edited.json[name] for name in kept} == {name: full[name] for name in kept}
    assert edited.json["mrp_price"] is None
    # Without either price the item has none.
    answer = await api.call("POST", LIST, headers=headers, form={"name": "Tea", "price": ""})
    assert (answer.status, answer.json) == (400, {"price": REQUIRED})
    assert (await api.post(LIST, {"name": "Tea", "price": 1, "sort_order": ""}, headers=headers)).status == 400


@pytest.mark.parametrize(
    ("sent", "price", "mrp"),
    [
        ({"price": "30.5"}, "30.50", None),
        ({"mrp_price": 20}, "20.00", "20.00"),
        ({"price": 30, "mrp_price": ""}, "30.00", None),
        ({"price": 30, "mrp_price": None}, "30.00", None),
        ({"price": "30", "mrp_price": "35.00"}, "30.00", "35.00"),
        ({"price": "99999999.99"}, "99999999.99", None),
    ],
)
async def test_price_and_mrp(vendor, token, make, api, sent, price, mrp):
    answer = await api.post(LIST, {"name": "Priced", **sent}, headers=await token(await vendor()))
    assert (answer.status, answer.json["price"], answer.json["mrp_price"]) == (201, price, mrp)


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"name": REQUIRED, "price": REQUIRED}),
        ({"name": "a"}, {"price": REQUIRED}),
        ({"name": "a", "mrp_price": ""}, {"price": REQUIRED}),
        ({"name": "a", "mrp_price": None}, {"price": REQUIRED}),
        ({"price": 1}, {"name": REQUIRED}),
        ({"name": " ", "price": 1}, {"name": ["This field may not be blank."]}),
        ({"name": "x" * 256, "price": 1}, {"name": ["Ensure this field has no more than 255 characters."]}),
        ({"name": "a", "price": -1}, {"price": ["Ensure this value is greater than or equal to 0."]}),
        ({"name": "a", "price": None}, {"price": ["This field may not be null."]}),
        ({"name": "a", "price": "1.234"}, {"price": ["Ensure that there are no more than 2 decimal places."]}),
        ({"name": "a", "price": "x"}, {"price": ['A valid number is required.']}),
        ({"name": "a", "price": 1, "gst_percentage": 101}, {"gst_percentage": ["Ensure this value is less than or equal to 100."]}),
        ({"name": "a", "price": 1, "veg_nonveg": "fish"}, {"veg_nonveg": ['"fish" is not a valid choice.']}),
        ({"name": "a", "price": 1, "price_type": "x"}, {"price_type": ['"x" is not a valid choice.']}),
        ({"name": "a", "price": 1, "stock_quantity": -1}, {"stock_quantity": ["Ensure this value is greater than or equal to 0."]}),
        ({"name": "a", "price": 1, "sku": "x" * 101}, {"sku": ["Ensure this field has no more than 100 characters."]}),
        ({"name": "a", "price": 1, "is_active": "maybe"}, {"is_active": ["Must be a valid boolean."]}),
        ({"name": "a", "price": 1, "image": "a.jpg"}, {"image": ["The submitted data was not a file. Check the encoding type on the form."]}),
        ([], {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}),
    ],
)  # fmt: skip
async def test_what_is_wrong_with_an_item_is_said_by_field(api, vendor, token, body, wrong):
    answer = await api.post(LIST, body, headers=await token(await vendor()))
    assert (answer.status, answer.json) == (400, wrong)


@pytest.mark.parametrize(
    "body", [b'{"name":"a","price":NaN}', b'{"name":"a","price":1e400}', b'{"name":"a\\u0000","price":1}', b"{"]
)
async def test_what_no_json_holds_is_refused(api, vendor, token, body):
    answer = await api.call("POST", LIST, body, headers=await token(await vendor()))
    assert answer.status == 400


async def test_unknown_foreign_and_malformed_categories_are_refused_alike_and_nothing_is_stored(
    api, vendor, token, make
):
    headers, other = await token(await vendor()), await token(await vendor())
    own, foreign = await make(headers, "Own", CATEGORIES), await make(other, "Foreign", CATEGORIES)
    item = await make(headers, category_ids=[own["id"]])
    for wrong in (str(uuid.uuid4()), foreign["id"], "zzz", 7, None, {}):
        for name in ("category_ids", "categories"):
            body = {"name": "Changed", "price": 2, name: [own["id"], wrong]}
            for answer in (
                await api.post(LIST, body, headers=headers),
                await patch(api, headers, item["id"], body),
            ):
                assert (answer.status, answer.json) == (400, NO_CATEGORIES)
    assert (await api.get(LIST, headers=headers)).json == [item]


async def test_global_and_inactive_categories_are_allowed_and_repeated_ids_count_once(
    api, vendor, token, make, global_category
):
    headers = await token(await vendor())
    everybody = await global_category("Drinks", sort_order=-1)
    off = (await make(headers, "Off", CATEGORIES, is_active=False))["id"]
    made = await make(headers, category_ids=[off, everybody, off.upper()])
    assert made["category_ids"] == [everybody, off]


async def test_categories_are_replaced_cleared_and_kept(api, vendor, token, make, global_category):
    headers = await token(await vendor())
    own, everybody = (await make(headers, "Own", CATEGORIES))["id"], await global_category("Drinks")
    item = await make(headers, category_ids=[own])
    for sent, expected in (
        ({"category_ids": [everybody]}, [everybody]),
        ({"name": "Renamed"}, [everybody]),
        ({"categories": [own]}, [own]),
        ({"category_ids": []}, []),
    ):
        assert (await patch(api, headers, item["id"], sent)).json["category_ids"] == expected


async def test_items_are_counted_by_category_for_their_vendor_only(api, vendor, token, make, global_category, db):
    headers, other = await token(await vendor()), await token(await vendor())
    own, everybody = (await make(headers, "Own", CATEGORIES))["id"], await global_category("Drinks")

    async def counts():
        return [(await api.get(f"{CATEGORIES}{id}/", headers=headers)).json["item_count"] for id in (own, everybody)]

    first = await make(headers, category_ids=[own, everybody], is_active=False)
    second = await make(headers, category_ids=[own])
    await make(other, category_ids=[everybody])
    assert await counts() == [2, 1]
    await patch(api, headers, second["id"], {"category_ids": [everybody]})
    assert await counts() == [1, 2]
    await api.call("DELETE", f"{LIST}{first['id']}/", headers=headers)
    assert await counts() == [0, 1]
    await db.execute("DELETE FROM vendor.global_category WHERE id = $1::uuid", everybody)
    assert (await api.get(f"{LIST}{second['id']}/", headers=headers)).json["category_ids"] == []
    assert not await db.fetchval("SELECT count(*) FROM vendor.category_tally WHERE category_id = $1::uuid", everybody)


async def test_a_deleted_category_leaves_its_items(api, vendor, token, make):
    headers = await token(await vendor())
    own = (await make(headers, "Own", CATEGORIES))["id"]
    item = await make(headers, category_ids=[own])
    assert (await api.call("DELETE", f"{CATEGORIES}{own}/", headers=headers)).status == 204
    assert (await api.get(f"{LIST}{item['id']}/", headers=headers)).json == {
        **item,
        "categories": [],
        "category_ids": [],
        "categories_list": [],
    }


@pytest.mark.parametrize(
    "form",
    [
        lambda a, b: {"category_ids": [a, b]},
        lambda a, b: {"category_ids": json.dumps([a, b])},
        lambda a, b: {"category_ids": f"{a}, {b}"},
        lambda a, b: {"categories": f"{a},{b}"},
    ],
)
async def test_a_form_names_categories_in_four_ways(api, vendor, token, make, form):
    headers = await token(await vendor())
    a, b = (await make(headers, "A", CATEGORIES))["id"], (await make(headers, "B", CATEGORIES))["id"]
    answer = await api.call("POST", LIST, headers=headers, form={"name": "Coke", "mrp_price": "25.00", **form(a, b)})
    assert (answer.status, answer.json["category_ids"]) == (201, [a, b])
    assert (answer.json["is_active"], answer.json["price"]) == (True, "25.00")
    one = await api.call("PATCH", f"{LIST}{answer.json['id']}/", headers=headers, form={"category_ids": b})
    assert one.json["category_ids"] == [b]
    none = await api.call("PATCH", f"{LIST}{answer.json['id']}/", headers=headers, form={"category_ids": ""})
    assert none.json["category_ids"] == []
    wrong = await api.call("PATCH", f"{LIST}{answer.json['id']}/", headers=headers, form={"category_ids": f"{a},x"})
    assert (wrong.status, wrong.json) == (400, NO_CATEGORIES)


async def test_forms_have_the_types_of_json(api, vendor, token):
    headers = await token(await vendor())
    form = {**SENT, "is_active": "false", "mrp_price": "", "stock_quantity": "7", "veg_nonveg": ""}
    made = (await api.call("POST", LIST, headers=headers, form=form)).json
    assert (made["is_active"], made["mrp_price"], made["stock_quantity"], made["veg_nonveg"]) == (False, None, 7, None)
    body = b"name=Coke&price=5.5&is_active=on"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await api.call("POST", LIST, body, headers={**headers, **kind})
    assert (answer.status, answer.json["price"], answer.json["is_active"]) == (201, "5.50", True)


async def test_a_patch_changes_what_it_names(api, vendor, token):
    headers = await token(await vendor())
    made = (await api.post(LIST, SENT, headers=headers)).json
    changed = (await patch(api, headers, made["id"], {"price": "30.00", "stock_quantity": 150})).json
    assert changed == {
        **made,
        "price": "30.00",
        "stock_quantity": 150,
        "last_updated": changed["last_updated"],
    }
    assert changed["last_updated"] > made["last_updated"]
    nothing = {"description": None, "mrp_price": "", "veg_nonveg": None, "sku": None, "barcode": None}
    cleared = (await patch(api, headers, made["id"], nothing)).json
    assert [cleared[name] for name in nothing] == [None] * 5 and cleared["price"] == "30.00"
    assert (await patch(api, headers, made["id"], {"mrp_price": 40})).json["price"] == "30.00"
    answer = await patch(api, headers, made["id"], {"price": None})
    assert (answer.status, answer.json) == (400, {"price": ["This field may not be null."]})


async def test_status_changes_activity_and_stock_only(api, vendor, token, make):
    headers = await token(await vendor())
    made = await make(headers, "Tea")
    answer = await patch(
        api, headers, made["id"], {"is_active": False, "stock_quantity": "50", "name": "x", "image": None}, "status"
    )
    assert answer.status == 200
    expected = {**made, "is_active": False, "stock_quantity": 50, "last_updated": answer.json["last_updated"]}
    assert answer.json == expected
    touched = (await patch(api, headers, made["id"], {}, "status")).json
    assert touched == {**expected, "last_updated": touched["last_updated"]}
    assert touched["last_updated"] > expected["last_updated"]
    for body, field in (
        ({"stock_quantity": -1}, "stock_quantity"),
        ({"stock_quantity": 2**31}, "stock_quantity"),
        ({"stock_quantity": None}, "stock_quantity"),
        ({"stock_quantity": []}, "stock_quantity"),
        ({"is_active": "x"}, "is_active"),
    ):
        answer = await patch(api, headers, made["id"], body, "status")
        assert answer.status == 400 and answer.json.keys() == {field}


async def test_the_list_has_active_items_in_their_order(api, vendor, token, make):
    headers = await token(await vendor())
    await make(headers, "C", sort_order=2)
    await make(headers, "B", sort_order=1)
    hidden = await make(headers, "Hidden", is_active=False)
    await make(headers, "A", sort_order=2)
    assert await names(api, headers) == ["B", "A", "C"]
    assert await names(api, headers, "?is_active=false") == ["B", "A", "C"]
    assert (await api.get(f"{LIST}{hidden['id']}", headers=headers)).json["is_active"] is False


async def test_the_list_is_filtered_by_category_and_search(api, vendor, token, make, global_category):
    headers, other = await token(await vendor()), await token(await vendor())
    own, everybody = (await make(headers, "Own", CATEGORIES))["id"], await global_category("Drinks")
    await make(headers, "Coca Cola", sku="COKE-001", category_ids=[own, everybody])
    await make(headers, "Pepsi", description="like Cola", category_ids=[everybody])
    await make(headers, "100% juice_", barcode="890123")
    await make(headers, "Hidden cola", is_active=False, category_ids=[own])
    await make(other, "Foreign cola", category_ids=[everybody])
    for query, expected in {
        f"?category={own}": ["Coca Cola"],
        f"?category={everybody.upper()}": ["Coca Cola", "Pepsi"],
        f"?category={uuid.uuid4()}": [],
        "?category=zzz": [],
        "?category=": ["100% juice_", "Coca Cola", "Pepsi"],
        "?search=": ["100% juice_", "Coca Cola", "Pepsi"],
        "?search=cOLA": ["Coca Cola", "Pepsi"],
        "?search=coke-": ["Coca Cola"],
        "?search=0123": ["100% juice_"],
        "?search=%25": ["100% juice_"],
        "?search=_": ["100% juice_"],
        "?search=%5C": [],
        f"?category={everybody}&search=like": ["Pepsi"],
        f"?category={own}&search=pepsi": [],
    }.items():
        assert await names(api, headers, query) == expected, query


async def test_a_long_list_is_whole_and_its_pages_have_no_gap(api, vendor, token, db, make):
    someone = await vendor()
    headers = await token(someone)
    own = (await make(headers, "Own", CATEGORIES))["id"]
    await db.execute(
        "INSERT INTO vendor.item (vendor_id, name, price, sort_order, position) "
        "SELECT $1::uuid, 'Item ' || n, 1, n % 10, 1 FROM generate_series(1, 1203) n",
        someone.id,
    )
    link = "INSERT INTO vendor.item_category SELECT vendor_id, id, $1::uuid FROM vendor.item WHERE vendor_id = $2::uuid"
    await db.execute(link, own, someone.id)
    for query in ("?", f"?category={own}&", f"?category={own}&search=item&", "?search=item&"):
        whole = [one["id"] for one in (await api.get(LIST + query, headers=headers)).json]
        assert len(set(whole)) == len(whole) == 1203
        path, found = f"{LIST}{query}limit=400", []
        while path:
            page = await api.get(path, headers=headers)
            found += [one["id"] for one in page.json]
            path = page.headers.get("Link", "").partition(">")[0].removeprefix("<")
        assert found == whole


async def test_a_deleted_item_is_gone(api, vendor, token, make):
    headers = await token(await vendor())
    id = (await make(headers))["id"]
    answer = await api.call("DELETE", f"{LIST}{id}", headers=headers)
    assert (answer.status, answer.body) == (204, b"")
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("PATCH", "status")):
        body = {} if method == "PATCH" else None
        answer = await api.call(method, f"{LIST}{id}/{path}", body, headers=headers)
        assert (answer.status, answer.json) == (404, NOT_FOUND)


async def test_another_vendors_item_does_not_exist(api, vendor, token, make):
    headers, other = await token(await vendor()), await token(await vendor())
    secret = await make(other, "Secret")
    for id in (secret["id"], str(uuid.uuid4()), "zzz"):
        for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("PATCH", "status/")):
            body = {"stock_quantity": 1} if method == "PATCH" else None
            answer = await api.call(method, f"{LIST}{id}/{path}", body, headers=headers)
            assert (answer.status, answer.json) == (404, NOT_FOUND)
    assert "Secret" not in (await api.get(f"{LIST}?search=secret", headers=headers)).text
    assert (await make(headers, "Mine", id=secret["id"]))["id"] == secret["id"]
    assert (await api.get(f"{LIST}{secret['id']}/", headers=other)).json == secret
    answer = await api.post(LIST, {"name": "a", "price": 1, "id": secret["id"]}, headers=headers)
    assert (answer.status, answer.json) == (400, {"id": ["Item with this id already exists."]})


async def test_changes_of_categories_at_the_same_time_leave_what_one_of_them_says(api, vendor, token, make):
    headers = await token(await vendor())
    ids = [(await make(headers, f"C{n}", CATEGORIES))["id"] for n in range(4)]
    item = (await make(headers))["id"]
    await asyncio.gather(*(patch(api, headers, item, {"category_ids": [id]}) for id in ids * 4))
    assert (await api.get(f"{LIST}{item}/", headers=headers)).json["category_ids"] in [[id] for id in ids]


async def test_a_list_that_has_not_changed_is_not_sent_again(api, vendor, token, make, db):
    someone = await vendor()
    headers = await token(someone)
    made = await make(headers, "First")
    path = f"{LIST}{made['id']}/"

    async def unchanged(etag, query=""):
        return (await api.get(LIST + query, headers={**headers, "If-None-Match": etag})).status == 304

    for change in (
        lambda: make(headers, "Second"),
        lambda: api.call("PATCH", path, {"price": 5}, headers=headers),
        lambda: api.call("PATCH", f"{path}status/", {"stock_quantity": 5}, headers=headers),
        lambda: make(headers, "Category", CATEGORIES),
        lambda: api.call("DELETE", path, headers=headers),
        lambda: db.execute("UPDATE vendor.vendor SET business_name = 'Renamed' WHERE id = $1::uuid", someone.id),
    ):
        etag = (await api.get(LIST, headers=headers)).headers["ETag"]
        assert await unchanged(etag) and not await unchanged(etag, "?search=first")
        await change()
        assert not await unchanged(etag)
    # What was refused or belongs to another vendor changes nothing.
    etag = (await api.get(LIST, headers=headers)).headers["ETag"]
    await api.post(LIST, {}, headers=headers)
    await api.call("PATCH", path, {"price": 5}, headers=headers)
    await make(await token(await vendor()), "Other")
    assert await unchanged(etag)

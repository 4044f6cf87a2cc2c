"""Raw materials of vendors. docs/api/vendor.md#inventory."""

import asyncio
import json
import uuid

import pytest

pytestmark = pytest.mark.gen_test

LIST = "/inventory/"
MISSING = {"error": "Inventory item not found"}
FLOUR = {
    "name": "Wheat Flour",
    "description": "Premium quality wheat flour for baking",
    "quantity": "50.0",
    "unit_type": "kg",
    "sku": "FLOUR-001",
    "barcode": "1234567890123",
    "supplier_name": "ABC Suppliers",
    "supplier_contact": "+1234567890",
    "min_stock_level": "10.0",
    "reorder_quantity": "100.0",
    "is_active": True,
}
REQUIRED = ["This field is required."]
BLANK = ["This field may not be blank."]
NULL = ["This field may not be null."]
NOT_TEXT = ["Not a valid string."]
NOT_A_NUMBER = ["A valid number is required."]
NEGATIVE = ["Ensure this value is greater than or equal to 0."]
DECIMALS = ["Ensure that there are no more than 3 decimal places."]
DIGITS = ["Ensure that there are no more than 15 digits in total."]
WHOLE = ["Ensure that there are no more than 12 digits before the decimal point."]
NOT_A_FLAG = ["Must be a valid boolean."]
NUL = ["Null characters are not allowed."]


@pytest.fixture
def owner(vendor, token):
    """`await owner()`: the headers of a new vendor."""

    async def owner(**more):
        return await token(await vendor(**more))

    return owner


@pytest.fixture
def make(api):
    """`await make(headers, name="Salt")`: the answer to the POST of a material."""

    async def make(headers, **body):
        return await api.post(LIST, {"name": "Salt", **body}, headers=headers)

    return make


async def change(api, headers, id, body):
    return await api.call("PATCH", f"{LIST}{id}/", body, headers=headers)


async def names(api, headers, query=""):
    answer = await api.get(f"{LIST}{query}", headers=headers)
    assert answer.status == 200, answer.json
    return [item["name"] for item in answer.json]


async def test_the_units_are_listed_for_everybody(api):
    units = [
        ("kg", "Kilogram (kg)"), ("g", "Gram (g)"), ("L", "Liter (L)"), ("mL", "Milliliter (mL)"), ("pcs", "Piece (pcs)"),
        ("pkt", "Packet (pkt)"), ("box", "Box (box)"), ("carton", "Carton (carton)"), ("bag", "Bag (bag)"), ("bottle", "Bottle (bottle)"),
        ("can", "Can (can)"), ("dozen", "Dozen (dozen)"), ("m", "Meter (m)"), ("cm", "Centimeter (cm)"), ("sqm", "Square Meter (sqm)"),
        ("cum", "Cubic Meter (cum)"),
    ]  # fmt: skip
    for headers in (
        {},
        {"Authorization": "Token " + "0" * 40},
        {"Authorization": "Token"},
        {"Authorization": "Bearer x"},
    ):
        for path in ("/inventory/unit-types/", "/inventory/unit-types"):
            answer = await api.get(path, headers=headers)
            assert answer.status == 200
            assert [(unit["value"], unit["label"]) for unit in answer.json] == units


async def test_every_unit_can_be_used_and_is_shown_by_its_name(api, owner, make):
    headers = await owner()
    for unit in (await api.get("/inventory/unit-types/")).json:
        answer = await make(headers, name=f"In {unit['value']}", unit_type=unit["value"])
        assert answer.status == 201
        assert (answer.json["unit_type"], answer.json["unit_type_display"]) == (unit["value"], unit["label"])


async def test_a_material_is_made_and_shown_with_all_that_was_sent(api, vendor, token):
    someone = await vendor(business_name="ABC Store")
    headers = await token(someone)
    answer = await api.post(LIST, FLOUR, headers=headers)
    assert answer.status == 201
    made = answer.json
    assert list(made) == [
        "id", "vendor", "vendor_name", "name", "description", "quantity", "unit_type", "unit_type_display", "sku", "barcode",
        "supplier_name", "supplier_contact", "min_stock_level", "reorder_quantity", "is_active", "is_low_stock", "needs_reorder",
        "created_at", "updated_at", "last_restocked_at",
    ]  # fmt: skip
    shown = {
        **FLOUR,
        "vendor": someone.id,
        "vendor_name": "ABC Store",
        "quantity": "50.000",
        "min_stock_level": "10.000",
        "reorder_quantity": "100.000",
        "unit_type_display": "Kilogram (kg)",
        "is_low_stock": False,
        "needs_reorder": False,
        "last_restocked_at": None,
    }
    assert {name: made[name] for name in shown} == shown
    assert made["created_at"] == made["updated_at"]
    for path in (f"{LIST}{made['id']}/", f"{LIST}{made['id']}"):
        assert (await api.get(path, headers=headers)).json == made
    assert (await api.get(LIST, headers=headers)).json == [made]


async def test_a_name_is_enough_for_a_material(api, owner, make):
    made = (await make(await owner(), name="  Salt ")).json
    optional = ("description", "sku", "barcode", "supplier_name", "supplier_contact", "last_restocked_at")
    assert {name: made[name] for name in optional} == dict.fromkeys(optional)
    assert [made[name] for name in ("quantity", "min_stock_level", "reorder_quantity")] == ["0.000"] * 3
    assert (made["name"], made["unit_type"], made["is_active"]) == ("Salt", "kg", True)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (1, "1.000"), (2.5, "2.500"), ("0.001", "0.001"), (" 7 ", "7.000"), ("1e2", "100.000"), ("-0", "0.000"), (0, "0.000"),
        ("999999999999.999", "999999999999.999"), (999999999999, "999999999999.000"), ("000000000000000000001", "1.000"),
    ],
)  # fmt: skip
async def test_quantities_are_numbers_or_their_digits_and_are_kept_exactly(owner, make, sent, kept):
    quantities = dict.fromkeys(("quantity", "min_stock_level", "reorder_quantity"), sent)
    answer = await make(await owner(), **quantities)
    assert answer.status == 201
    assert {name: answer.json[name] for name in quantities} == dict.fromkeys(quantities, kept)


WRONG = [
    ({"quantity": "-1"}, {"quantity": NEGATIVE}),
    ({"quantity": -0.001}, {"quantity": NEGATIVE}),
    ({"quantity": "1.0001"}, {"quantity": DECIMALS}),
    ({"quantity": "1234567890123"}, {"quantity": WHOLE}),
    ({"quantity": "1e14"}, {"quantity": WHOLE}),
    ({"quantity": "1234567890123456"}, {"quantity": DIGITS}),
    ({"quantity": "1e300"}, {"quantity": DIGITS}),
    ({"quantity": "9999999999999999999999999999.999"}, {"quantity": DIGITS}),
    ({"quantity": "1e999"}, {"quantity": NOT_A_NUMBER}),
    ({"quantity": "NaN"}, {"quantity": NOT_A_NUMBER}),
    ({"quantity": "Infinity"}, {"quantity": NOT_A_NUMBER}),
    ({"quantity": "ten"}, {"quantity": NOT_A_NUMBER}),
    ({"quantity": "1,5"}, {"quantity": NOT_A_NUMBER}),
    ({"quantity": ""}, {"quantity": NOT_A_NUMBER}),
    ({"quantity": True}, {"quantity": NOT_A_NUMBER}),
    ({"quantity": [1]}, {"quantity": NOT_A_NUMBER}),
    ({"quantity": {}}, {"quantity": NOT_A_NUMBER}),
    ({"quantity": None}, {"quantity": NULL}),
    ({"min_stock_level": -1, "reorder_quantity": -1}, {"min_stock_level": NEGATIVE, "reorder_quantity": NEGATIVE}),
    ({"min_stock_level": "1000000000000.00"}, {"min_stock_level": WHOLE}),
    ({"reorder_quantity": "0.0001"}, {"reorder_quantity": DECIMALS}),
    ({"name": ""}, {"name": BLANK}),
    ({"name": " \t "}, {"name": BLANK}),
    ({"name": None}, {"name": NULL}),
    ({"name": ["Salt"]}, {"name": NOT_TEXT}),
    ({"name": True}, {"name": NOT_TEXT}),
    ({"name": "x" * 256}, {"name": ["Ensure this field has no more than 255 characters."]}),
    ({"name": "x" * 1_000_000}, {"name": ["Ensure this field has no more than 255 characters."]}),
    ({"name": "Sa\0lt"}, {"name": NUL}),
    ({"description": "a\0"}, {"description": NUL}),
    ({"description": {}}, {"description": NOT_TEXT}),
    ({"description": "x" * 10_001}, {"description": ["Ensure this field has no more than 10000 characters."]}),
    ({"sku": "x" * 101}, {"sku": ["Ensure this field has no more than 100 characters."]}),
    ({"barcode": "x" * 101}, {"barcode": ["Ensure this field has no more than 100 characters."]}),
    ({"supplier_name": "x" * 256}, {"supplier_name": ["Ensure this field has no more than 255 characters."]}),
    ({"supplier_contact": "x" * 101}, {"supplier_contact": ["Ensure this field has no more than 100 characters."]}),
    ({"supplier_contact": False}, {"supplier_contact": NOT_TEXT}),
    ({"unit_type": "tonne"}, {"unit_type": ['"tonne" is not a valid choice.']}),
    ({"unit_type": "KG"}, {"unit_type": ['"KG" is not a valid choice.']}),
    ({"unit_type": ""}, {"unit_type": ['"" is not a valid choice.']}),
    ({"unit_type": 5}, {"unit_type": ['"5" is not a valid choice.']}),
    ({"unit_type": None}, {"unit_type": NULL}),
    ({"is_active": "maybe"}, {"is_active": NOT_A_FLAG}),
    ({"is_active": ""}, {"is_active": NOT_A_FLAG}),
    ({"is_active": 2}, {"is_active": NOT_A_FLAG}),
    ({"is_active": []}, {"is_active": NOT_A_FLAG}),
    ({"is_active": None}, {"is_active": NULL}),
    ({"quantity": "x", "unit_type": "x"}, {"quantity": NOT_A_NUMBER, "unit_type": ['"x" is not a valid choice.']}),
]


async def test_what_is_wrong_with_a_material_is_said_by_field(api, owner, make):
    headers = await owner()
    id = (await make(headers, name="Right")).json["id"]
    for body, wrong in WRONG:
        answer = await make(headers, **body)
        assert (answer.status, answer.json) == (400, wrong), str(body)[:100]
        answer = await change(api, headers, id, body)
        assert (answer.status, answer.json) == (400, wrong), str(body)[:100]
    assert await names(api, headers) == ["Right"]


async def test_a_material_needs_a_name(api, owner):
    answer = await api.post(LIST, {}, headers=await owner())
    assert (answer.status, answer.json) == (400, {"name": REQUIRED})


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (b"[]", {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}),
        (b'"a"', {"non_field_errors": ["Invalid data. Expected a dictionary, but got str."]}),
        (b"null", None),
        (b"", None),
        (b"{", None),
        (b'{"name":"a","quantity":NaN}', None),
        (b'{"name":"a","quantity":Infinity}', None),
        (b'{"name":"a","quantity":1e400}', None),
        (b'{"name":"a\\ud800"}', None),
        (b'{"name":"a","name":"b"}', None),
        (b'{"name":"\xff"}', None),
        (b"[" * 100_000, None),
        (b'{"name":' + b"9" * 100_000 + b"}", None),
    ],
)  # fmt: skip
async def test_what_is_no_material_is_refused(api, owner, make, body, wrong):
    headers = await owner()
    id = (await make(headers, name="Right")).json["id"]
    for method, path in (("POST", LIST), ("PATCH", f"{LIST}{id}/"), ("PATCH", f"{LIST}{id}/stock/")):
        answer = await api.call(method, path, body, headers=headers)
        assert answer.status == 400, path
        assert wrong is None or answer.json == wrong
    assert [item["quantity"] for item in (await api.get(LIST, headers=headers)).json] == ["0.000"]


@pytest.mark.parametrize(
    ("sent", "meant"),
    [("true", True), ("False", False), (1, True), (0, False), ("yes", True), ("NO", False), ("on", True), ("f", False), (" 1 ", True)],
)  # fmt: skip
async def test_a_flag_may_be_a_word_or_a_digit(owner, make, sent, meant):
    assert (await make(await owner(), is_active=sent)).json["is_active"] is meant


async def test_a_material_may_be_sent_as_a_form(api, owner):
    headers = await owner()
    form = {"name": "Salt", "quantity": "2.5", "unit_type": "g", "sku": "77"}
    answer = await api.call("POST", LIST, form=form, headers=headers)
    assert answer.status == 201
    assert {name: answer.json[name] for name in form} == {**form, "quantity": "2.500"}
    assert answer.json["is_active"] is True
    answer = await api.call(
        "PATCH", f"{LIST}{answer.json['id']}/stock/", form={"action": "add", "quantity": "1"}, headers=headers
    )
    assert answer.json["quantity"] == "3.500"


async def test_members_that_nobody_knows_or_may_write_are_ignored(owner, make):
    sent = {
        "id": str(uuid.uuid4()),
        "vendor": str(uuid.uuid4()),
        "vendor_name": "Other",
        "last_restocked_at": "2024-01-01T00:00:00Z",
        "created_at": "x",
        "is_low_stock": True,
        "colour": "white",
    }
    made = (await make(await owner(), **sent)).json
    assert not [name for name in sent if made.get(name) == sent[name]] and made["last_restocked_at"] is None


async def test_a_name_is_used_once_by_a_vendor(api, owner, make):
    headers = await owner()
    taken = {"error": 'Inventory item with name "Wheat Flour" already exists for your vendor account'}
    await make(headers, name="Wheat Flour")
    for name in ("Wheat Flour", " Wheat Flour\n"):
        answer = await make(headers, name=name, quantity=5)
        assert (answer.status, answer.json) == (400, taken)
    other = (await make(headers, name="wheat flour")).json
    answer = await change(api, headers, other["id"], {"name": "Wheat Flour", "quantity": 9})
    assert (answer.status, answer.json) == (400, taken)
    assert (await api.get(f"{LIST}{other['id']}/", headers=headers)).json == other
    # The material's own name is no other one's, and another vendor may use it.
    assert (await change(api, headers, other["id"], {"name": "wheat flour"})).status == 200
    assert (await make(await owner(), name="Wheat Flour")).status == 201


async def test_a_name_with_quotes_is_named_as_it_is(owner, make):
    headers, name = await owner(), 'So-called "salt" \\ {0} é'
    await make(headers, name=name)
    answer = await make(headers, name=name)
    assert answer.json == {"error": f'Inventory item with name "{name}" already exists for your vendor account'}


async def test_of_64_clients_that_make_the_same_material_one_succeeds(api, owner, make):
    someone = await owner()
    answers = await asyncio.gather(*(make(someone, name="Raced", quantity=n) for n in range(64)))
    assert sorted(answer.status for answer in answers) == [201] + [400] * 63
    assert await names(api, someone) == ["Raced"]
    ids = [(await make(someone, name=f"Renamed {n}")).json["id"] for n in range(20)]
    answers = await asyncio.gather(*(change(api, someone, id, {"name": "Renamed"}) for id in ids))
    assert sorted(answer.status for answer in answers) == [200] + [400] * 19


async def test_a_change_leaves_what_it_omits_and_null_removes_a_text(api, owner):
    headers = await owner()
    made = (await api.post(LIST, FLOUR, headers=headers)).json
    sent = {"description": "Updated description", "min_stock_level": "15.0", "supplier_name": "New Supplier"}
    answer = await change(api, headers, made["id"], sent)
    assert answer.status == 200
    changed = {**made, **sent, "min_stock_level": "15.000", "updated_at": answer.json["updated_at"]}
    assert answer.json == changed and answer.json["updated_at"] > made["updated_at"]
    texts = ("description", "sku", "barcode", "supplier_name", "supplier_contact")
    for value in ("", None):
        answer = await change(api, headers, made["id"], dict.fromkeys(texts, value))
        assert {name: answer.json[name] for name in texts} == dict.fromkeys(texts, value)
    everything = {
        "name": "Rice", "description": "d", "quantity": "1.5", "unit_type": "bag", "sku": "s", "barcode": "b", "supplier_name": "n",
        "supplier_contact": "c", "min_stock_level": "2.5", "reorder_quantity": "3.5", "is_active": False,
    }  # fmt: skip
    answer = await change(api, headers, made["id"], everything)
    exact = {"quantity": "1.500", "min_stock_level": "2.500", "reorder_quantity": "3.500"}
    assert {name: answer.json[name] for name in everything} == {**everything, **exact}
    assert answer.json["last_restocked_at"] is None
    assert (await change(api, headers, made["id"], {})).status == 200


@pytest.mark.parametrize(
    ("quantity", "min_stock_level", "reorder_quantity", "is_low", "needs_reorder"),
    [
        ("5", "0", "10", False, False),
        ("0", "0", "10", False, False),
        ("10", "10", "10", False, False),
        ("9.999", "10", "0", True, False),
        ("9.999", "10", "0.001", True, True),
        ("0", "0.001", "1", True, True),
    ],
)
async def test_a_material_is_low_below_its_level_and_is_reordered_if_that_has_a_quantity(
    api, owner, make, quantity, min_stock_level, reorder_quantity, is_low, needs_reorder
):
    headers = await owner()
    made = await make(headers, quantity=quantity, min_stock_level=min_stock_level, reorder_quantity=reorder_quantity)
    assert (made.json["is_low_stock"], made.json["needs_reorder"]) == (is_low, needs_reorder)
    assert await names(api, headers, "?low_stock=true") == (["Salt"] if is_low else [])


async def test_a_material_is_deleted(api, owner, make, db):
    headers = await owner()
    id = (await make(headers, quantity=5)).json["id"]
    answer = await api.call("DELETE", f"{LIST}{id}/", headers=headers)
    assert (answer.status, answer.body) == (204, b"")
    for method, path in (("GET", ""), ("DELETE", ""), ("PATCH", ""), ("PATCH", "stock/"), ("GET", "movements/")):
        body = {"quantity": 1} if method == "PATCH" else None
        answer = await api.call(method, f"{LIST}{id}/{path}", body, headers=headers)
        assert (answer.status, answer.json) == (404, MISSING), (method, path)
    assert await db.fetchval("SELECT count(*) FROM vendor.inventory_movement WHERE item_id = $1::uuid", id) == 0
    # Its name is free again.
    assert (await make(headers)).status == 201


async def test_a_material_of_another_vendor_does_not_exist(api, owner, make):
    one, other = await owner(), await owner()
    made = (await make(one, name="Secret", quantity=5)).json
    for id in (made["id"], made["id"].upper(), str(uuid.uuid4()), "1", "x", "%00", made["id"][:-1], f"{made['id']}0"):
        for method, path in (("GET", ""), ("DELETE", ""), ("PATCH", ""), ("PATCH", "stock/"), ("GET", "movements/")):
            body = {"quantity": 1, "name": "Secret"} if method == "PATCH" else None
            answer = await api.call(method, f"{LIST}{id}/{path}", body, headers=other)
            assert (answer.status, answer.json) == (404, MISSING), (method, path, id)
    assert (await api.get(LIST, headers=other)).json == []
    assert (await api.get(LIST, headers=one)).json == [made]


async def test_each_change_is_in_the_audit_with_who_made_it(api, vendor, token, make, db):
    someone = await vendor()
    headers = await token(someone)
    id = (await make(headers, quantity="2")).json["id"]
    await change(api, headers, id, {"sku": "S"})
    await api.call("PATCH", f"{LIST}{id}/stock/", {"quantity": 3, "notes": "Counted"}, headers=headers)
    await api.call("PATCH", f"{LIST}{id}/stock/", {"quantity": 99, "action": "subtract"}, headers=headers)
    await api.call("DELETE", f"{LIST}{id}/", headers=headers)
    entries = await db.fetch(
        "SELECT account_id, action, before, after FROM operations.audit WHERE object_type = 'inventory' AND object_id = $1 ORDER BY id",
        id,
    )
    assert {entry["account_id"] for entry in entries} == {someone.account_id}
    assert [entry["action"] for entry in entries] == [
        "inventory.create",
        "inventory.update",
        "inventory.stock",
        "inventory.delete",
    ]
    before, after = json.loads(entries[1]["before"]), json.loads(entries[1]["after"])
    assert (before, after) == ({"sku": None}, {"sku": "S"})
    assert json.loads(entries[2]["after"]) == {"quantity": 3.0, "action": "set", "notes": "Counted"}

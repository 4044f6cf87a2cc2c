"""Uploading bills. docs/api/vendor.md#bills."""

import json
from datetime import UTC, datetime

import pytest

from core.http import schema

pytestmark = pytest.mark.gen_test

SYNC, BILLS, QUARANTINE = "/backup/sync", "/backup/bills/", "/backup/quarantine/"
GST = json.loads((schema.ROOT / "vendor/examples/bill_upload_wrapped.json").read_text())
PLAIN = json.loads((schema.ROOT / "vendor/examples/bill_upload.json").read_text())


def bill(number, **more):
    return {"invoice_number": number, "bill_date": "2026-01-02", "timestamp": "2026-01-02T10:00:00Z", **more}


def today():
    return datetime.now(UTC).date().isoformat()


async def upload(api, headers, sent):
    answer = await api.post(SYNC, sent, headers=headers)
    assert answer.status == 201, answer.text
    return answer.json


async def stored(api, headers, sent):
    """The one bill of an upload that is stored."""
    answer = await upload(api, headers, sent)
    assert answer["synced"] == 1 and "errors" not in answer, answer
    return answer["bills"][0]


async def error(api, headers, sent):
    """The error of an upload of one bill."""
    answer = await upload(api, headers, sent)
    assert (answer["synced"], answer["bills"]) == (0, [])
    return answer["errors"][0]


async def test_the_documents_bill_is_stored_and_answered_in_the_documents_shape(api, seller):
    someone, headers = await seller(business_name="ABC Store")
    found = await stored(api, headers, GST)
    assert {name: found[name] for name in ("vendor", "vendor_id", "vendor_name", "device_id")} == {
        "vendor": someone.id,
        "vendor_id": someone.id,
        "vendor_name": "ABC Store",
        "device_id": "device-001",
    }
    sent = GST["bill_data"]
    same = ("invoice_number", "bill_number", "bill_date", "billing_mode", "restaurant_name", "address", "gstin",
            "fssai_license", "logo_url", "footer_note")  # fmt: skip
    assert {name: found[name] for name in same} == {name: sent[name] for name in same}
    money = ("subtotal", "total_amount", "total_tax", "cgst_amount", "sgst_amount", "igst_amount", "total", "cgst")
    assert [found[name] for name in money] == [
        "200.00", "236.00", "36.00", "18.00", "18.00", "0.00", "236.00", "18.00",
    ]  # fmt: skip
    assert (found["payment_mode"], found["amount_paid"], found["item_count"], found["total_quantity"]) == (
        "cash",
        None,
        1,
        2.0,
    )
    assert found["created_at"] == found["timestamp"] == "2024-01-01T10:00:00.000000Z"
    assert found["synced_at"] == found["updated_at"] > "2026"
    [line] = found["items"]
    assert {name: line[name] for name in line if name not in ("id", "created_at")} == {
        "bill": found["id"],
        "item": None,
        "original_item_id": "master-item-uuid-1",
        "item_id": "master-item-uuid-1",
        "item_name": "Product A",
        "item_description": "Product description",
        "price": "100.00",
        "mrp_price": "100.00",
        "price_type": "exclusive",
        "quantity": "2.000",
        "subtotal": "200.00",
        "gst_percentage": "18.00",
        "item_gst_amount": "36.00",
        "veg_nonveg": "veg",
        "additional_discount": "0.00",
        "discount_amount": "0.00",
        "unit": "pcs",
        "batch_number": None,
        "expiry_date": None,
    }
    assert (await api.get(f"{BILLS}{found['id']}/", headers=headers)).json == found
    assert (await api.get(SYNC, headers=headers)).json["bills"] == [found]


async def test_flat_and_wrapped_bills_alone_and_in_arrays_are_the_same(api, seller):
    _, headers = await seller()
    first = await stored(api, headers, {**GST["bill_data"], "device_id": GST["device_id"]})
    assert await stored(api, headers, GST) == first
    answer = await upload(api, headers, [GST, PLAIN, GST])
    assert (answer["synced"], [one["invoice_number"] for one in answer["bills"]]) == (
        3,
        ["INV-2024-001", "INV-2024-002", "INV-2024-001"],
    )
    assert answer["bills"][0] == answer["bills"][2] == first


async def test_an_empty_array_stores_nothing_and_an_empty_object_an_empty_bill(api, seller, db):
    someone, headers = await seller()
    await db.execute(
        "UPDATE vendor.vendor SET footer_note = 'Come again', fssai_license = 'F1' WHERE id = $1::uuid", someone.id
    )
    assert await upload(api, headers, []) == {"synced": 0, "bills": []}
    found = await stored(api, headers, {})
    assert found["invoice_number"].count("-") == 4 and found["bill_date"] == today()
    assert found["items"] == [] and (found["item_count"], found["total_quantity"]) == (0, 0)
    # What is missing is the vendor's.
    assert [found[name] for name in ("restaurant_name", "address", "gstin", "fssai_license", "footer_note")] == [
        someone.business_name,
        "Street 1",
        someone.gst_no,
        "F1",
        "Come again",
    ]
    assert [found[name] for name in ("billing_mode", "payment_mode", "device_id", "bill_number", "total")] == [
        "gst",
        "cash",
        "",
        "",
        "0.00",
    ]
    assert (await upload(api, headers, [{}, {}]))["synced"] == 2


async def test_missing_empty_and_null_values_get_their_defaults(api, seller):
    someone, headers = await seller()
    names = ("gstin", "restaurant_name", "total", "subtotal", "amount_paid", "payment_mode", "timestamp", "bill_date")
    for n, empty in enumerate((None, "", "  ")):
        found = await stored(api, headers, {"invoice_number": f"D{n}", **dict.fromkeys(names, empty)})
        assert (found["gstin"], found["restaurant_name"]) == (someone.gst_no, someone.business_name)
        assert (found["total"], found["amount_paid"], found["payment_mode"]) == ("0.00", None, "cash")
        assert found["bill_date"] == today() and found["created_at"] == found["synced_at"]
    line = {"name": "", "price": 2.5, "quantity": 3, "mrp_price": None, "subtotal": "", "item_id": "", "id": 17}
    [line, unpriced] = (await stored(api, headers, bill("lines", items=[line, {}])))["items"]
    assert [line[name] for name in ("item_name", "mrp_price", "subtotal", "original_item_id", "price_type")] == [
        "Unknown Item",
        "2.50",
        "7.50",
        "17",
        "exclusive",
    ]
    assert (unpriced["price"], unpriced["quantity"], unpriced["subtotal"]) == ("0.00", "1.000", "0.00")


async def test_the_number_is_invoice_number_else_bill_id_and_the_total_total_else_total_amount(api, seller):
    _, headers = await seller()
    assert (await stored(api, headers, {"bill_id": "B1", "total_amount": 5}))["invoice_number"] == "B1"
    found = await stored(api, headers, {"invoice_number": 17, "bill_id": "B1", "total": 7, "total_amount": 5})
    assert (found["invoice_number"], found["total"]) == ("17", "7.00")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("2024-01-31", "2024-01-31"), ("2024-01-31T23:59:59+05:30", "2024-01-31"), ("2024-01-31 10:00", "2024-01-31"),
     ("31/01/2024", ""), ("2024-02-30", ""), (1704067200000, ""), ({}, ""), ("infinity", ""), ("0000-01-01", "")],
)  # fmt: skip
async def test_a_date_that_can_not_be_read_is_today_and_warned_of(api, seller, sent, kept):
    _, headers = await seller()
    found = await stored(api, headers, {"bill_date": sent})
    assert found["bill_date"] == (kept or today())
    assert ("bill_date" in found["warnings"]) is not bool(kept)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("2024-01-01T10:00:00.123Z", "2024-01-01T10:00:00.123000Z"), ("2024-01-01T10:00:00+05:30", "2024-01-01T04:30:00.000000Z"),
     ("2024-01-01T10:00:00", "2024-01-01T10:00:00.000000Z"), ("2024-01-01", "2024-01-01T00:00:00.000000Z"),
     ("now", ""), ([], ""), (170406720, ""), (17040672000, ""), (-1704067200, ""), (True, ""), ("17040672000000", ""),
     (1704067200, "2024-01-01T00:00:00.000000Z"), (1704067200123, "2024-01-01T00:00:00.123000Z"), (" 1704067200 ", "2024-01-01T00:00:00.000000Z"),
     ("1704061211200", "2023-12-31T22:20:11.200000Z"), (1.7040672e12, "2024-01-01T00:00:00.000000Z"), (1704067200.5, ""),
      ("0001-01-01T00:00:00+14:00", "")],
)  # fmt: skip
async def test_a_timestamp_that_can_not_be_read_is_now_and_warned_of(api, seller, sent, kept):
    _, headers = await seller()
    for name in ("timestamp", "created_at"):
        found = await stored(api, headers, {name: sent})
        assert found["created_at"] == (kept or found["synced_at"])
        assert ("timestamp" in found["warnings"]) is not bool(kept)


@pytest.mark.parametrize("empty", [None, "", "  "])
async def test_items_that_are_null_or_an_empty_text_are_no_items(api, seller, empty):
    _, headers = await seller()
    sent = bill("none", total=5, items=empty)
    found = await stored(api, headers, sent)
    assert (found["items"], found["item_count"], found["total"]) == ([], 0, "5.00")
    assert await stored(api, headers, {**sent, "items": []}) == found
    # Letters beyond ASCII take another way.
    assert (await stored(api, headers, bill("ü", notes="u\u0308", items=empty)))["items"] == []
    assert (await stored(api, headers, {"bill_data": bill("in", items=empty)}))["items"] == []


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("2026-12-31", "2026-12-31"), (" 2026-12-31 ", "2026-12-31"), ("2026-12-31T00:00:00Z", "2026-12-31"), ("2026-12-31 10:00", "2026-12-31"),
     (None, None), ("", None), (" ", None)],
)  # fmt: skip
async def test_an_expiry_date_may_have_a_time_or_be_missing(api, seller, sent, kept):
    _, headers = await seller()
    found = await stored(
        api, headers, bill("E", items=[{"name": "a"}, {"name": "b", "price": "5", "expiry_date": sent}])
    )
    assert [line["expiry_date"] for line in found["items"]] == [None, kept]
    assert found["items"][1]["price"] == "5.00" and found["warnings"] == {}


@pytest.mark.parametrize("sent", ["2026-13-01", "31/12/2026", "soon", "infinity", 20261231, {}, [1], False])
async def test_an_expiry_date_that_can_not_be_read_is_null_and_warned_of(api, seller, sent):
    _, headers = await seller()
    for of in (bill("flat"), {"bill_data": bill("wrapped"), "device_id": "d"}):
        of.get("bill_data", of)["items"] = [{"expiry_date": "2026-12-31"}, {"name": "b", "expiry_date": sent}]
        found = await stored(api, headers, of)
        assert [line["expiry_date"] for line in found["items"]] == ["2026-12-31", None]
        assert found["warnings"] == {"items": [f"items[1].expiry_date: {json.dumps(sent)} is no date; none is stored."]}
        assert await stored(api, headers, of) == found


async def test_a_wrapper_without_a_device_keeps_that_of_its_bill(api, seller):
    _, headers = await seller()
    for n, empty in enumerate((None, "", "  ", "\u00a0")):
        sent = {"bill_data": bill(f"n{n}", device_id="inner"), "device_id": empty}
        assert (await stored(api, headers, sent))["device_id"] == "inner"
    assert (await stored(api, headers, {**sent, "device_id": "outer", "bill_data": bill("o", device_id="i")}))[
        "device_id"
    ] == "outer"


async def test_numbers_are_kept_exactly_however_they_are_sent(api, seller):
    _, headers = await seller()
    items = (
        '[{"name":"a","price":99999999.99,"quantity":"0.001","subtotal":9999999999.99,"additional_discount":999.99}]'
    )
    sent = f'{{"total":9999999999.99,"subtotal":"-0.10","cgst":1e2,"discount_percentage":" 12.5 ","igst":0.30000000000000004,"items":{items}}}'
    found = (await api.call("POST", SYNC, sent.encode(), headers=headers)).json["bills"][0]
    assert [found[name] for name in ("total", "subtotal", "cgst", "discount_percentage", "igst")] == [
        "9999999999.99", "-0.10", "100.00", "12.50", "0.30",
    ]  # fmt: skip
    assert [found["items"][0][name] for name in ("price", "quantity", "subtotal")] == [
        "99999999.99", "0.001", "9999999999.99",
    ]  # fmt: skip
    assert found["total_quantity"] == 0.001


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (7, "Invalid data. Expected a dictionary, but got int."),
        (None, "This field may not be null."),
        ("text", "Invalid data. Expected a dictionary, but got str."),
        ([], "Invalid data. Expected a dictionary, but got list."),
        ({"bill_data": None}, "bill_data: This field may not be null."),
        ({"bill_data": "x"}, "bill_data: Invalid data. Expected a dictionary, but got str."),
        (bill("w", items="none"), 'items: Expected a list of items but got type "str".'),
        (bill("w", items={}), 'items: Expected a list of items but got type "dict".'),
        (bill("w", items=[3]), "items[0]: Invalid data. Expected a dictionary, but got int."),
        (bill("w", total="ten"), 'total: A valid number is required.'),
        (bill("w", total=True), "total: A valid number is required."),
        (bill("w", total=1e10), "total: Ensure this value is less than or equal to 9999999999.99."),
        (bill("w", total=1.005), "total: Ensure that there are no more than 2 decimal places."),
        (bill("w", items=[{}, {"quantity": 0.0001}]), "items[1].quantity: Ensure that there are no more than 3 decimal places."),
        (bill("w", items=[{"price": 99999999, "quantity": 9999999}]), "items[0].subtotal: Ensure this value is less than or equal to 9999999999.99."),
        (bill("w", customer_phone="0" * 21), "customer_phone: Ensure this field has no more than 20 characters."),
        (bill("w", customer_name={}), "customer_name: Not a valid string."),
        (bill("w", notes="a\0b"), "notes: Null characters are not allowed."),
        (bill("w", notes="\ud800"), "notes: Surrogate characters are not allowed: U+D800."),
    ],
)  # fmt: skip
async def test_a_bill_that_can_not_be_stored_is_kept_whole_and_its_neighbours_are_stored(api, seller, wrong, said):
    _, headers = await seller()
    answer = await upload(api, headers, [bill("before"), wrong, bill("after")])
    assert (answer["synced"], [one["invoice_number"] for one in answer["bills"]]) == (2, ["before", "after"])
    [row] = answer["errors"]
    number = wrong.get("invoice_number", "Unknown") if isinstance(wrong, dict) else "Unknown"
    assert (row["bill_data"], row["error"]) == (number, said)
    kept = (await api.get(f"{QUARANTINE}{row['quarantine_id']}/", headers=headers)).json
    assert json.loads(kept["sent"]) == wrong and (kept["kind"], kept["error"]) == ("refused", said)
    assert {one["invoice_number"] for one in (await api.get(SYNC, headers=headers)).json["bills"]} == {
        "before",
        "after",
    }


async def test_what_nobody_reads_makes_no_bill_wrong(api, seller):
    _, headers = await seller()
    odd = b'{"invoice_number":"odd","x":"\\u0000","y":123456789012345678901234567890,"z":1e999,"items":[{"name":"a","q":"\\ud800"}]}'
    answer = await api.call("POST", SYNC, odd, headers=headers)
    assert answer.status == 201 and answer.json["synced"] == 1


@pytest.mark.parametrize("id", ["00000000-0000-4000-8000-000000000000", "7", "x"])
async def test_a_bill_that_does_not_exist_is_404(api, seller, id):
    _, headers = await seller()
    answer = await api.get(f"{BILLS}{id}/", headers=headers)
    assert (answer.status, answer.json) == (404, {"error": "Bill not found"})


async def test_more_than_a_thousand_bills_are_refused_and_none_is_stored(api, seller):
    _, headers = await seller()
    answer = await api.post(SYNC, [{}] * 1001, headers=headers)
    assert (answer.status, answer.json) == (
        400,
        {"non_field_errors": ["Ensure this field has no more than 1000 elements."]},
    )
    assert (await api.get(SYNC, headers=headers)).json["count"] == 0
    assert (await upload(api, headers, [{}] * 1000))["synced"] == 1000
    assert (await api.get(SYNC, headers=headers)).json["count"] == 1000


@pytest.mark.parametrize(
    "body", [b"", b"[", b"[{}", b"[{},]", b"[{}] x", b"[{} {}]", b"[" * 100000, b"NaN,", b"\xff", b'{"a":1']
)
async def test_what_is_no_json_is_refused_whole(api, seller, body):
    _, headers = await seller()
    answer = await api.call("POST", SYNC, body, headers=headers)
    assert answer.status == 400 and answer.json["detail"].startswith("JSON parse error - ")


async def test_uploads_count_in_the_health_check(api, seller, app):
    from handlers.operations.health import Counts

    _, headers = await seller()
    before = (await api.get("/health/")).json["stats"]["sales_backups"]
    await upload(api, headers, [{}, {}, 5, bill("h"), bill("h")])
    app.kept(Counts).until = 0
    assert (await api.get("/health/")).json["stats"]["sales_backups"] == before + 3

"""What looks wrong in a bill, which is stored all the same. docs/api/vendor.md#warnings."""

import pytest

from tests.vendor.test_bill import BILLS, SYNC, bill, stored

pytestmark = pytest.mark.gen_test

# Its checksum is right.
GSTIN = "27AAPFU0939F1ZV"
RIGHT = {
    "gstin": GSTIN,
    "billing_mode": "gst",
    "items": [
        {"name": "a", "price": 100, "quantity": 2, "subtotal": 200},
        {"name": "b", "price": 33.33, "quantity": 3},
    ],
    "subtotal": 299.99,
    "cgst": 27,
    "sgst": 27,
    "igst": 0,
    "total_tax": 54,
    "total": 353.99,
}
NO_SUM, NO_TOTAL = ["This is not the sum of the lines."], ["This is not the sum of subtotal and tax."]


@pytest.mark.parametrize(
    ("change", "warnings"),
    [
        ({}, {}),
        ({"gstin": None}, {}),
        ({"gstin": GSTIN.lower()}, {}),
        ({"gstin": "29ABCDE1234F1Z5"}, {"gstin": ["This is no valid GST number."]}),
        ({"gstin": "x"}, {"gstin": ["This is no valid GST number."]}),
        ({"cgst": 54, "sgst": 0}, {"sgst": ["CGST and SGST differ."]}),
        ({"cgst": 0, "sgst": 0, "igst": 54}, {}),
        ({"total_tax": "54.01"}, {}),
        ({"igst": 1}, {"total_tax": ["This is not the sum of CGST, SGST and IGST."]}),
        ({"billing_mode": "non_gst"}, {"total_tax": ["A bill without GST has tax."]}),
        ({"billing_mode": " NON_GST "}, {"total_tax": ["A bill without GST has tax."]}),
        ({"billing_mode": "Non_Gst", "cgst": 54, "sgst": 0}, {"total_tax": ["A bill without GST has tax."]}),
        ({"billing_mode": "non_gst", "cgst": 0, "sgst": 0, "total_tax": 0, "total": 300}, {}),
        ({"subtotal": 280}, {"subtotal": NO_SUM, "total": NO_TOTAL}),
        ({"subtotal": 280, "discount_amount": 19.99, "total": 334}, {}),
        ({"total": 400}, {"total": NO_TOTAL}),
        ({"total": 354}, {}),
        # The prices include the tax.
        ({"subtotal": 245.99, "total": 299.99}, {}),
        ({"total": None, "total_amount": 7}, {"total": NO_TOTAL}),
        ({"bill_date": "x", "timestamp": "y", "created_at": 5}, {
            "bill_date": ['"x" is no date; the day of the upload took its place.'],
            "timestamp": ['"y" is no time; that of the upload took its place.', "5 is no time; that of the upload took its place."],
        }),
        ({"timestamp": "y", "created_at": "2026-01-01"}, {"timestamp": ['"y" is no time; created_at took its place.']}),
        ({"created_at": "y"}, {}),
        ({"bill_date": "d" * 20000}, {"bill_date": [f'"{"d" * 99}… is no date; the day of the upload took its place.']}),
    ],
)  # fmt: skip
async def test_a_bill_is_warned_of_and_stored_all_the_same(api, seller, change, warnings):
    _, headers = await seller()
    found = await stored(api, headers, bill("W", **{**RIGHT, **change}))
    assert found["warnings"] == warnings
    assert (await api.get(f"{BILLS}{found['id']}/", headers=headers)).json["warnings"] == warnings
    assert (await api.get(SYNC, headers=headers)).json["bills"][0]["warnings"] == warnings


async def test_the_vendors_own_gst_number_is_no_fault_of_a_bill_without_one(api, seller):
    _, headers = await seller(gst_no="no valid number")
    found = await stored(api, headers, bill("V"))
    assert (found["gstin"], found["warnings"]) == ("no valid number", {})


async def test_of_many_lines_whose_expiry_can_not_be_read_the_first_are_named(api, seller):
    _, headers = await seller()
    said = (await stored(api, headers, bill("M", items=[{"expiry_date": "?"}] * 30)))["warnings"]["items"]
    assert len(said) == 21 and said[19].startswith("items[19].expiry_date: ") and said[20] == "And 10 more."

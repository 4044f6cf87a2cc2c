"""Bills that are sent again, and other bills with the same number. docs/api/vendor.md#repetitions-and-conflicts."""

import asyncio
import json

import pytest

from handlers.api.dialects import VendorDialect
from handlers.vendor import bill_upload
from handlers.vendor.bill_store import store
from tests.vendor.test_bill import BILLS, QUARANTINE, SYNC, bill, error, stored, upload

pytestmark = pytest.mark.gen_test


async def test_a_repetition_is_answered_as_it_is_stored_also_when_what_the_vendor_supplies_has_changed(api, seller, db):
    someone, headers = await seller()
    sent = {"invoice_number": "R", "total": "5", "items": [{"name": "₹", "price": 5}]}
    first = await stored(api, headers, sent)
    await db.execute("UPDATE vendor.vendor SET address = 'Elsewhere' WHERE id = $1::uuid", someone.id)
    again = {"total": 5.00, "logo_url": "https://new", "items": [{"price": 5.0, "name": " ₹ "}], "invoice_number": "R"}
    assert await stored(api, headers, again) == first


async def test_another_bill_with_the_same_number_is_no_repetition_but_a_conflict(api, seller):
    _, headers = await seller()
    first = await stored(api, headers, bill("C", total=5, device_id="a"))
    changes = ({"total": 6}, {"device_id": "b"}, {"items": [{}]}, {"timestamp": "2026-01-02T10:00:01Z"}, {"notes": "n"})
    for change in changes:
        row = await error(api, headers, {**bill("C", total=5, device_id="a"), **change})
        assert (row["bill_data"], row["error"]) == ("C", "Another bill with the invoice number C is stored already.")
        # The same conflict again is the same one.
        assert await error(api, headers, {**bill("C", total=5, device_id="a"), **change}) == row
    assert (await api.get(SYNC, headers=headers)).json["bills"] == [first]
    listed = (await api.get(f"{QUARANTINE}?kind=conflict", headers=headers)).json
    assert len(listed) == len(changes) and {one["invoice_number"] for one in listed} == {"C"}


async def test_bills_with_one_number_in_one_upload_are_like_those_of_several_uploads(api, seller):
    _, headers = await seller()
    sent = [bill("N", total=1), bill("N", total=2), bill("N", total=1), 5, 5]
    answer = await upload(api, headers, sent)
    assert (answer["synced"], [one["total"] for one in answer["bills"]]) == (2, ["1.00", "1.00"])
    assert [row["bill_data"] for row in answer["errors"]] == ["N", "Unknown", "Unknown"]
    assert answer["errors"][1] == answer["errors"][2]
    assert await upload(api, headers, sent) == answer


@pytest.mark.parametrize("name", ["bill_date", "timestamp", "created_at", "expiry_date"])
async def test_bills_that_differ_only_in_a_date_that_nobody_can_read_are_conflicts(api, seller, name):
    _, headers = await seller()
    values = ({}, {name: "xx"}, {name: "yy"}, {name: 5}, {name: {"a": 1, "b": "é"}})
    base = {"invoice_number": "U", "total": 1}
    sent = [
        {**base, "items": [value]} if name == "expiry_date" else {**base, "items": [{}], **value} for value in values
    ]
    answer = await upload(api, headers, sent)
    assert (answer["synced"], len({row["quarantine_id"] for row in answer["errors"]})) == (1, 4)
    assert await upload(api, headers, sent) == answer
    # An unreadable value around which there are blanks, or whose members are ordered otherwise, is the same.
    number = "U2"
    first = await stored(api, headers, {**sent[1], "invoice_number": number})
    again = json.loads(json.dumps({**sent[1], "invoice_number": number}).replace('"xx"', '"  xx "'))
    assert await stored(api, headers, again) == first


async def test_a_timestamp_that_nobody_can_read_tells_bills_apart_also_beside_created_at(api, seller):
    _, headers = await seller()
    sent = [{"invoice_number": "B", "created_at": "2026-01-01", "timestamp": text} for text in ("xx", "yy")]
    answer = await upload(api, headers, sent)
    assert (answer["synced"], len(answer["errors"])) == (1, 1)


async def test_the_same_number_at_two_vendors_is_two_bills(api, seller):
    (_, one), (_, other) = await seller(), await seller()
    first, second = await stored(api, one, bill("S")), await stored(api, other, bill("S", total=2))
    assert first["id"] != second["id"]
    assert (await api.get(f"{BILLS}{first['id']}/", headers=other)).json == {"error": "Bill not found"}
    assert [found["id"] for found in (await api.get(SYNC, headers=other)).json["bills"]] == [second["id"]]


async def test_sixteen_uploads_of_the_same_bill_at_once_store_one_which_all_of_them_answer(api, seller):
    _, headers = await seller()
    answers = await asyncio.gather(*(upload(api, headers, [bill("race", items=[{}]), bill("also")]) for _ in range(16)))
    assert all(answer == answers[0] and answer["synced"] == 2 for answer in answers)
    listed = (await api.get(SYNC, headers=headers)).json
    assert listed["count"] == 2 and sum(len(one["items"]) for one in listed["bills"]) == 1


async def test_the_same_bill_in_several_processes_at_once_is_stored_once(app, api, seller):
    """As the server's processes store it: their turns (handlers/vendor/bill.py) know nothing of each other."""
    someone, headers = await seller()
    bills = bill_upload.read(
        json.dumps([bill("p", items=[{}]), bill("p", total=1), bill("q"), 7]).encode(), bill_upload.BILL
    )
    found = await asyncio.gather(
        *(app.db.transaction(lambda db: store(db, someone.id, bills, VendorDialect())) for _ in range(6))
    )
    assert all(one == found[0] for one in found)
    assert [len(found[0].ids), len(found[0].errors)] == [2, 2]
    assert (await api.get(SYNC, headers=headers)).json["count"] == 2
    assert len((await api.get(QUARANTINE, headers=headers)).json) == 2

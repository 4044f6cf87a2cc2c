"""Bills in quarantine, and how they are repaired. docs/api/vendor.md#quarantine."""

import asyncio
import json

import pytest

from tests.vendor.test_bill import BILLS, QUARANTINE, SYNC, bill, error, stored, upload

pytestmark = pytest.mark.gen_test

MISSING = {"error": "Quarantined bill not found"}


async def listed(api, headers, query=""):
    answer = await api.get(f"{QUARANTINE}?{query}", headers=headers)
    assert answer.status == 200, answer.text
    return answer.json


async def retry(api, headers, id, body=None):
    return await api.call("POST", f"{QUARANTINE}{id}/retry/", body, headers=headers)


async def quarantined(api, headers, sent):
    return (await error(api, headers, sent))["quarantine_id"]


async def test_a_bill_in_quarantine_says_what_is_wrong_and_what_was_sent(api, seller):
    _, headers = await seller()
    sent = (
        b'[{"device_id":"d1", "bill_data":{"invoice_number":"Q1","total":1.50,"items":[{},{"price":"x","unit":7.0}]}}]'
    )
    row = (await api.call("POST", SYNC, sent, headers=headers)).json["errors"][0]
    fields = {"items": [{}, {"price": ["A valid number is required."]}]}
    assert (row["bill_data"], row["fields"]) == ("Q1", fields)
    found = (await api.get(f"{QUARANTINE}{row['quarantine_id']}/", headers=headers)).json
    assert found["sent"] == sent[1:-1].decode() and found["bytes"] == len(sent) - 2
    assert {name: found[name] for name in ("kind", "invoice_number", "device_id", "fields", "resolved_at", "bill")} == {
        "kind": "refused",
        "invoice_number": "Q1",
        "device_id": "d1",
        "fields": fields,
        "resolved_at": None,
        "bill": None,
    }
    del found["sent"]
    assert await listed(api, headers) == [found]


async def test_what_names_a_wrong_bill_may_be_wrong_too(api, seller):
    _, headers = await seller()
    for number in ("n" * 300, {"a": 1}, "\ud800", "a\0", None, True, 7):
        row = await error(api, headers, {"invoice_number": number, "device_id": number, "items": 1})
        assert len(row["bill_data"]) <= 100
    assert len(await listed(api, headers)) == 7


async def test_bills_in_quarantine_are_listed_newest_first_by_kind_and_page(api, seller):
    _, headers = await seller()
    await stored(api, headers, bill("K"))
    ids = [await quarantined(api, headers, sent) for sent in (1, bill("K", total=1), 2, bill("K", total=2))]
    assert [one["id"] for one in await listed(api, headers)] == ids[::-1]
    assert [one["id"] for one in await listed(api, headers, "kind=conflict")] == [ids[3], ids[1]]
    assert [one["id"] for one in await listed(api, headers, "kind=refused")] == [ids[2], ids[0]]
    assert await listed(api, headers, "kind=other") == []
    page = await api.get(f"{QUARANTINE}?limit=3", headers=headers)
    path = page.headers["Link"].partition(">")[0].removeprefix("<")
    assert [one["id"] for one in page.json + (await api.get(path, headers=headers)).json] == ids[::-1]


async def test_a_corrected_bill_takes_the_place_of_a_refused_one(api, seller, db):
    _, headers = await seller()
    id = await quarantined(api, headers, bill("X", total="ten"))
    for body in (None, b"{}"):
        answer = await retry(api, headers, id, body)
        assert (answer.status, answer.json) == (400, {"total": ["A valid number is required."]})
    assert (await retry(api, headers, id, b"{")).status == 400
    assert (await retry(api, headers, id, b"[]")).status == 400
    answer = await retry(api, headers, id, {"bill_data": bill("X", total=10), "device_id": "d"})
    assert answer.status == 201 and answer.json["total"] == "10.00"
    assert (await api.get(f"{BILLS}{answer.json['id']}/", headers=headers)).json == answer.json
    assert await listed(api, headers) == []
    [resolved] = await listed(api, headers, "resolved=true")
    assert (resolved["id"], resolved["bill"]) == (id, answer.json["id"]) and resolved["resolved_at"]
    again = await retry(api, headers, id, bill("Y"))
    assert (again.status, again.json) == (409, {"error": "This bill is stored already."})
    assert (await api.get(SYNC, headers=headers)).json["count"] == 1
    noted = await db.fetchval("SELECT action FROM operations.audit WHERE object_id = $1", id)
    assert noted == "quarantined-bill.retry"


async def test_a_conflict_is_stored_under_another_number(api, seller):
    _, headers = await seller()
    await upload(api, headers, [bill("T1"), bill("T2")])
    for sent in (bill("T1", total="1.10", notes="ü"), {"device_id": "d", "bill_data": bill("T1", total=2)}):
        id = await quarantined(api, headers, sent)
        for body, number in ((None, "T1"), ({"invoice_number": "T2"}, "T2")):
            answer = await retry(api, headers, id, body)
            said = {"error": f"Another bill with the invoice number {number} is stored already."}
            assert (answer.status, answer.json) == (409, said)
        answer = await retry(api, headers, id, {"invoice_number": f"New {id}"})
        assert answer.status == 201 and answer.json["invoice_number"] == f"New {id}"
        assert answer.json["device_id"] == sent.get("device_id", "")
        assert answer.json["total"] in ("1.10", "2.00") and answer.json["bill_date"] == "2026-01-02"
    assert (await api.get(SYNC, headers=headers)).json["count"] == 4


async def test_a_bill_that_a_later_release_accepts_is_stored_as_it_was_sent(api, seller, db):
    someone, headers = await seller()
    id = await quarantined(api, headers, bill("later", total="x"))
    await db.execute("UPDATE vendor.bill_quarantine SET sent = replace(sent, '\"x\"', '3') WHERE id = $1::uuid", id)
    answer = await retry(api, headers, id)
    assert (answer.status, answer.json["total"]) == (201, "3.00")


async def test_of_many_retries_at_once_one_stores_the_bill(api, seller):
    _, headers = await seller()
    id = await quarantined(api, headers, bill("raced", total="x"))
    answers = await asyncio.gather(*(retry(api, headers, id, bill(f"raced {n}")) for n in range(12)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 11
    assert (await api.get(SYNC, headers=headers)).json["count"] == 1


async def test_a_bill_in_quarantine_can_be_deleted_and_comes_back_if_it_is_sent_again(api, seller, db):
    _, headers = await seller()
    id = await quarantined(api, headers, bill("gone", total="x"))
    assert (await api.call("DELETE", f"{QUARANTINE}{id}/", headers=headers)).status == 204
    assert (await api.call("DELETE", f"{QUARANTINE}{id}/", headers=headers)).status == 404
    assert await listed(api, headers) == []
    noted = await db.fetchrow("SELECT action, before FROM operations.audit WHERE object_id = $1", id)
    assert noted["action"] == "quarantined-bill.delete" and json.loads(noted["before"])["invoice_number"] == "gone"
    assert await quarantined(api, headers, bill("gone", total="x")) != id


async def test_a_bill_in_quarantine_exists_for_its_vendor_only(api, seller):
    (_, one), (_, other) = await seller(), await seller()
    id = await quarantined(api, one, bill("mine", total="x"))
    assert await listed(api, other) == [] and await listed(api, other, "resolved=true") == []
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "retry/")):
        for wanted in (id, "00000000-0000-4000-8000-000000000000", "x"):
            answer = await api.call(method, f"{QUARANTINE}{wanted}/{path}", headers=other)
            assert (answer.status, answer.json) == (404, MISSING)
    assert len(await listed(api, one)) == 1
    # The same wrong bill of another vendor is another one.
    assert await quarantined(api, other, bill("mine", total="x")) != id

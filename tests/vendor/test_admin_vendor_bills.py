"""Bills, their lines, quarantine and device settings in the administration. docs/api/vendor.md#administration."""

import asyncio
import json

import pytest

from tests.vendor.admin_pages import act, changed, names, problem, said, table
from tests.vendor.test_bill import SYNC, bill, error, stored

pytestmark = pytest.mark.gen_test

BILLS, LINES = "/admin/vendor/bills/", "/admin/vendor/bill-lines/"
QUARANTINE, SETTINGS = "/admin/vendor/quarantine/", "/admin/vendor/settings/"


async def test_bills_are_listed_by_vendor_days_and_number_with_their_lines(administrator, seller, api):
    boss = await administrator()
    one, headers = await seller()
    other, other_headers = await seller()
    lines = [{"name": "Tea", "price": 10, "quantity": 2}, {"name": "Rice", "price": "3.50", "quantity": "0.250"}]
    await stored(api, headers, bill("B-1", bill_date="2024-05-01", items=lines, total="20.88", customer_name="Ada"))
    await stored(api, headers, bill("B-2", bill_date="2024-05-03"))
    await stored(api, other_headers, bill("B-1", bill_date="2024-05-02"))
    span = "since=2024-05-01&until=2024-05-31"
    assert names(await boss.get(f"{BILLS}?{span}")) == ["B-2", "B-1", "B-1"]
    assert names(await boss.get(f"{BILLS}?{span}&sort=bill_date")) == ["B-1", "B-1", "B-2"]
    assert names(await boss.get(f"{BILLS}?vendor={one.id}")) == ["B-2", "B-1"]
    assert names(await boss.get(f"{BILLS}?vendor={one.id}&until=2024-05-02")) == ["B-1"]
    assert names(await boss.get(f"{BILLS}?since=2024-05-02&until=2024-05-02")) == ["B-1"]
    rows = table(await boss.get(f"{BILLS}csv/?invoice_number=B-1"))
    assert [(row["Vendor"], row["Day"]) for row in rows] == [
        (other.business_name, "2024-05-02"), (one.business_name, "2024-05-01"),
    ]  # fmt: skip
    assert rows[1]["Total"] == "20.88"
    key = rows[1]["id"]
    page = await boss.get(f"{BILLS}{key}/")
    for text in ("Tea", "Rice", "0.250", "Ada", "20.88", one.business_name, f"{LINES}?bill={key}"):
        assert text in page.text, text
    assert 'name="version"' not in page.text and "Delete" not in page.text
    assert names(await boss.get(f"{LINES}?bill={key}")) == ["Tea", "Rice"]
    assert len(names(await boss.get(f"{LINES}?vendor={one.id}"))) == 2
    line = table(await boss.get(f"{LINES}csv/?bill={key}"))[1]["id"]
    page = await boss.get(f"{LINES}{line}/")
    assert page.status == 200 and "0.250" in page.text and f"{BILLS}{key}/" in page.text


async def test_bills_and_lines_are_not_made_changed_or_deleted(administrator, seller, api):
    boss = await administrator()
    one, headers = await seller()
    await stored(api, headers, bill("Kept", items=[{"name": "Tea", "price": 1}]))
    for path in (BILLS, LINES):
        key = table(await boss.get(f"{path}csv/?vendor={one.id}"))[0]["id"]
        assert (await boss.get(f"{path}add/")).status == 404
        assert (await boss.get(f"{path}{key}/change/")).status == 404
        assert (await boss.send(f"{path}{key}/", {"version": "x", "total_amount": "1"})).status == 405
        assert (await boss.post(f"{path}{key}/delete/")).status == 404
        denied = await boss.post(f"{path}action/", {"action": "delete", "keys": key, "confirmed": "yes"})
        assert said(await boss.get(denied.headers["Location"])) == "No action selected."
    assert (await api.get(SYNC, headers=headers)).json["count"] == 1


async def test_a_bill_in_quarantine_is_stored_under_another_number(administrator, seller, api, db):
    boss = await administrator()
    one, headers = await seller()
    await stored(api, headers, bill("N", total=1))
    id = (await error(api, headers, bill("N", total=2)))["quarantine_id"]
    assert names(await boss.get(f"{QUARANTINE}?vendor={one.id}&kind=conflict")) == ["N"]
    assert names(await boss.get(f"{QUARANTINE}?vendor={one.id}&kind=refused")) == []
    path = f"{QUARANTINE}{one.id}.{id}/"
    page = await boss.get(path)
    assert "Another bill with the invoice number N is stored already." in page.text and "&quot;total&quot;" in page.text
    told = await act(boss, QUARANTINE, "retry", f"{one.id}.{id}")
    assert told == "0 of 1 bill(s) stored. Another bill with the invoice number N is stored already."
    page = await changed(boss, path, invoice_number="N")
    assert page.status == 409 and "is stored already" in page.text
    assert (await changed(boss, path, invoice_number="N-2")).status == 302
    found = (await api.get(SYNC, headers=headers)).json["bills"]
    assert {(one["invoice_number"], one["total"]) for one in found} == {("N", "1.00"), ("N-2", "2.00")}
    assert names(await boss.get(f"{QUARANTINE}?vendor={one.id}&waiting=false")) == ["N"]
    page = await boss.get(path)
    assert "Stored later" in page.text and ">N-2</a>" in page.text
    page = await changed(boss, path, invoice_number="N-3")
    assert page.status == 409 and "This bill is stored already." in page.text
    entry = await db.fetchrow("SELECT email, action FROM operations.audit WHERE object_id = $1", id)
    assert tuple(entry) == ("superadmin@example.com", "quarantined-bill.retry")


async def test_a_corrected_bill_takes_the_place_of_a_refused_one(administrator, seller, api):
    boss = await administrator()
    one, headers = await seller()
    id = (await error(api, headers, bill("R", total="ten", items=[{"price": "x"}])))["quarantine_id"]
    path = f"{QUARANTINE}{one.id}.{id}/"
    told = await act(boss, QUARANTINE, "retry", f"{one.id}.{id}")
    assert told.startswith("0 of 1 bill(s) stored.") and "total: A valid number is required." in told
    page = await changed(boss, path, invoice_number="R-2")
    assert page.status == 400 and "A valid number is required." in problem(page, "invoice_number")
    for wrong in ("{", "[]", '{"total": "nine"}', '{"total": NaN}'):
        page = await changed(boss, path, correction=wrong)
        assert page.status == 400, wrong
        assert problem(page, "correction") or 'role="alert"' in page.text, wrong
    page = await changed(boss, path, correction=json.dumps(bill("R")), invoice_number="R-2")
    assert page.status == 400 and problem(page, "invoice_number")
    assert (await changed(boss, path, correction=json.dumps(bill("R", total="10.00")))).status == 302
    assert [b["total"] for b in (await api.get(SYNC, headers=headers)).json["bills"]] == ["10.00"]


async def test_a_bill_in_quarantine_is_stored_once_by_two_administrators(administrator, seller, api):
    first, second = await administrator(), await administrator()
    one, headers = await seller()
    await stored(api, headers, bill("D", total=1))
    id = (await error(api, headers, bill("D", total=2)))["quarantine_id"]
    path = f"{QUARANTINE}{one.id}.{id}/"
    answers = await asyncio.gather(
        changed(first, path, invoice_number="D-1"), changed(second, path, invoice_number="D-2")
    )
    assert sorted(answer.status for answer in answers) == [302, 409]
    assert (await api.get(SYNC, headers=headers)).json["count"] == 2


async def test_what_was_done_is_said_in_a_cookie_that_browsers_keep_however_many_rows_were_refused(
    administrator, seller, api
):
    boss = await administrator()
    one, headers = await seller()
    keys = []
    for number in (f"{n}-" + "\N{DEVANAGARI LETTER NA}" * 90 for n in range(15)):
        await stored(api, headers, bill(number, total=1))
        keys.append(f"{one.id}.{(await error(api, headers, bill(number, total=2)))['quarantine_id']}")
    await boss.get(QUARANTINE)
    done = await boss.post(f"{QUARANTINE}action/", {"action": "retry", "keys": keys, "confirmed": "yes"})
    assert done.status == 302
    assert sum(len(name) + len(value) + 4 for name, value in done.headers.items()) < 4096
    told = said(await boss.get(QUARANTINE))
    assert told.startswith("0 of 15 bill(s) stored. Another bill with the invoice number ") and told.endswith("…")


async def test_a_bill_in_quarantine_is_discarded(administrator, seller, api, db):
    boss = await administrator()
    one, headers = await seller()
    ids = [(await error(api, headers, sent))["quarantine_id"] for sent in (1, 2, 3)]
    keys = [f"{one.id}.{id}" for id in ids]
    assert names(await boss.get(f"{QUARANTINE}?vendor={one.id}")) == ["Without number"] * 3
    await boss.get(f"{QUARANTINE}{keys[0]}/delete/")
    assert (await boss.post(f"{QUARANTINE}{keys[0]}/delete/")).status == 302
    told = await act(boss, QUARANTINE, "delete", *keys[1:])
    assert told == "Successfully deleted 2 of 2 bills in quarantine."
    assert (await api.get("/backup/quarantine/", headers=headers)).json == []
    noted = await db.fetchval(
        "SELECT count(*) FROM operations.audit WHERE action = 'quarantined-bill.delete' AND object_id = ANY ($1) AND email = 'superadmin@example.com'",
        ids,
    )
    assert noted == 3


async def test_settings_of_devices_are_shown_as_they_were_sent(administrator, vendor, db):
    boss, one = await administrator(), await vendor()
    # A number of more digits than Python reads.
    big = "9" * 5000
    await db.execute(
        "INSERT INTO vendor.app_settings (vendor_id, device_id, settings_data) VALUES ($1::uuid, 'till-1', $2::json)",
        one.id,
        f'{{"zero":1.50,"big":{big},"nested":{{"a":[1,2]}}}}',
    )
    [row] = table(await boss.get(f"{SETTINGS}csv/?vendor={one.id}"))
    assert row["Device"] == "till-1"
    page = await boss.get(f"{SETTINGS}{row['id']}/")
    assert page.status == 200 and "1.50" in page.text and big in page.text
    assert 'name="version"' not in page.text and (await boss.get(f"{SETTINGS}add/")).status == 404


async def test_pages_of_rows_are_called_by_what_people_know(administrator, seller, api):
    boss = await administrator()
    one, headers = await seller(business_name="Known Store")
    await stored(api, headers, bill("KNOWN-1"))
    id = (await error(api, headers, bill("KNOWN-2", total="x")))["quarantine_id"]
    key = table(await boss.get(f"{BILLS}csv/?invoice_number=KNOWN-1"))[0]["id"]
    for path, title in (
        (f"{BILLS}{key}/", "KNOWN-1"),
        (f"{QUARANTINE}{one.id}.{id}/", "KNOWN-2"),
        (f"/admin/vendor/vendors/{one.id}/", "Known Store"),
    ):
        assert f"<h1>{title}</h1>" in (await boss.get(path)).text, path

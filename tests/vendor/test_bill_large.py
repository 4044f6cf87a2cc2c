"""Large uploads of bills, and broken ones. docs/api/vendor.md#bills."""

import asyncio
import json

import pytest

from core.http.application import BODY_LIMIT
from handlers.vendor.bill_upload import LONGEST
from tests.support.deadlines import until
from tests.vendor.test_bill import SYNC, bill, upload

pytestmark = pytest.mark.gen_test

ELEVEN_MB = b" " * (BODY_LIMIT + 1024**2)


def large(count, lines, of="large"):
    line = {"item_id": "0" * 36, "name": "Product ₹", "price": 10.5, "mrp_price": 12, "quantity": 2, "subtotal": 21,
            "gst_percentage": 5, "item_gst": 1.05, "veg_nonveg": "veg", "unit": "pcs", "description": "d" * 60}  # fmt: skip
    return json.dumps([bill(f"{of} {n}", items=[line] * lines) for n in range(count)]).encode()


async def test_a_thousand_bills_of_forty_lines_are_one_upload(api, seller, db):
    someone, headers = await seller()
    body = large(1000, 40)
    assert BODY_LIMIT < len(body) < LONGEST
    answer = await api.call("POST", SYNC, body, headers=headers, is_described=False)
    assert (answer.status, answer.text[:15]) == (201, '{"synced":1000,')
    assert json.loads(answer.body)["bills"][999]["item_count"] == 40
    assert await db.fetchval("SELECT count(*) FROM vendor.bill_line WHERE vendor_id = $1::uuid", someone.id) == 40_000


async def test_only_an_approved_vendor_may_send_more_than_10_mb_and_only_bills(api, seller, vendor, token):
    _, headers = await seller()
    assert (await api.call("POST", SYNC, ELEVEN_MB + b"[]", headers=headers)).status == 201
    for other in ({}, {"Authorization": "Token " + "0" * 40}, {"Authorization": "Bearer x"}):
        answer = await api.call("POST", SYNC, ELEVEN_MB + b"[]", headers=other)
        assert answer.status == 401
    answer = await api.call("POST", "/settings/push", ELEVEN_MB, headers=headers)
    assert (answer.status, answer.json) == (413, {"detail": "The request body is longer than 10 MB."})


async def test_a_body_of_more_than_40_mb_is_refused(api, seller):
    _, headers = await seller()
    answer = await api.call("POST", SYNC, b" " * (LONGEST - 2) + b"[]", headers=headers)
    assert answer.status == 201
    answer = await api.call("POST", SYNC, b" " * (LONGEST - 1) + b"[]", headers=headers)
    assert (answer.status, answer.json) == (413, {"detail": "The request body is longer than 40 MB."})


async def test_a_body_whose_length_is_not_said_has_the_same_limits(api, seller):
    _, headers = await seller()

    async def ask(size, headers):
        async def chunks():
            for _ in range(size // 1024**2):
                yield b" " * 1024**2
            yield b"[]"

        sent = {**headers, "Content-Type": "application/json"}
        async with api._session.post(api.base_url + SYNC, data=chunks(), headers=sent) as response:
            return response.status

    assert await ask(12 * 1024**2, headers) == 201
    assert await ask(LONGEST, headers) == 413
    assert await ask(12 * 1024**2, {}) == 401


async def test_a_refused_bill_of_any_length_is_kept_whole(api, seller, db):
    _, headers = await seller()
    sent = [bill("long", total="x", notes="é" * 3_000_000)]
    row = (await upload(api, headers, sent))["errors"][0]
    kept = await db.fetchval("SELECT sent FROM vendor.bill_quarantine WHERE id = $1::uuid", row["quarantine_id"])
    assert json.loads(kept) == sent[0]


async def test_an_upload_whose_connection_to_the_database_breaks_leaves_nothing_and_can_be_sent_again(api, seller, db):
    someone, headers = await seller()
    body = [bill(f"cut {n}", items=[{}, {}]) for n in range(50)] + [7]
    # The upload waits for another program's bill with the last number, when the rest of its statement is done.
    async with db.transaction():
        await db.execute(
            """INSERT INTO vendor.bill (vendor_id, synced_at, created_at, bill_date, invoice_number, bill_number, device_id, billing_mode,
                                        restaurant_name, address, footer_note, subtotal, total_amount, total_tax, cgst_amount,
                                        sgst_amount, igst_amount, payment_mode, change_amount, discount_amount, discount_percentage, digest)
               VALUES ($1::uuid, now(), now(), now(), 'cut 49', '', '', '', '', '', '', 0, 0, 0, 0, 0, 0, '', 0, 0, 0, sha256(''))""",
            someone.id,
        )
        sending = asyncio.create_task(api.post(SYNC, body, headers=headers))

        async def cut():
            return await db.fetchval(
                """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid() AND wait_event_type = 'Lock'"""
            )

        await until(cut)
        answer = await sending
        assert answer.status == 503
        await db.execute("DELETE FROM vendor.bill WHERE vendor_id = $1::uuid", someone.id)
    for table in ("bill", "bill_line", "bill_quarantine"):
        assert await db.fetchval(f"SELECT count(*) FROM vendor.{table} WHERE vendor_id = $1::uuid", someone.id) == 0
    assert (await upload(api, headers, body))["synced"] == 50

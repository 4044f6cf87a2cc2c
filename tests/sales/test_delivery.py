"""Delivery: its three types, what start and complete answer, in which order they check, and IN_TRANSIT."""

import pytest

from handlers.sales.delivery import MOST_NOTES
from tests.sales.test_picking import NO_INVOICE, NO_USER, refused, status_of

pytestmark = pytest.mark.gen_test

START, COMPLETE = "delivery/start", "delivery/complete"
KEYS = [
    "id", "invoice", "invoice_no", "delivery_type", "assigned_to", "assigned_to_name", "assigned_to_email", "courier_name", "tracking_no",
    "start_time", "end_time", "delivery_status", "notes", "duration_minutes", "created_at",
]  # fmt: skip
OF_A_COURIER = [key for key in KEYS if key not in ("assigned_to_name", "assigned_to_email")]
OTHERS = ["PENDING", "PICKING", "PICKED", "PACKING", "DISPATCHED", "DELIVERED"]
OURS = ["DIRECT", "INTERNAL"]
NO_SCAN = "User email scan is required for DIRECT/INTERNAL delivery."
COURIER = {"delivery_type": "COURIER", "courier_name": "Bluebird"}


async def session_of(db, number):
    return await db.fetchrow(
        "SELECT s.* FROM sales.session s JOIN sales.invoice i ON i.id = s.invoice_id WHERE s.kind = 'delivery' AND i.invoice_no = $1",
        number,
    )


@pytest.mark.parametrize("kind", OURS)
async def test_a_delivery_of_our_own_is_answered_as_the_contract_says(warehouse, db, kind):
    worker = await warehouse.worker("DRIVER")
    number = await warehouse.at("PACKED", worker["email"])
    started = await warehouse.step(START, f"{number} ", f" {worker['email'].upper()}", delivery_type=kind, notes="one")
    assert started.status == 201
    assert (started.json["success"], started.json["message"]) == (True, f"Delivery started - {kind}")
    data = started.json["data"]
    assert list(data) == KEYS
    assert (data["assigned_to"], data["assigned_to_name"], data["assigned_to_email"]) == (
        worker["id"],
        worker["name"],
        worker["email"],
    )
    assert (data["delivery_type"], data["delivery_status"], data["courier_name"], data["tracking_no"]) == (
        kind,
        "IN_TRANSIT",
        "",
        "",
    )
    assert (data["end_time"], data["duration_minutes"], data["notes"]) == (None, None, "one")
    assert await status_of(db, number) == "DISPATCHED"

    completed = await warehouse.step(COMPLETE, number, worker["email"], notes="two", token=worker["token"])
    assert completed.status == 200
    assert (completed.json["success"], completed.json["message"]) == (True, f"Delivery delivered for {number}")
    data = completed.json["data"]
    assert (list(data), data["delivery_status"], data["notes"]) == (KEYS, "DELIVERED", "one\ntwo")
    assert data["end_time"] >= data["start_time"]
    assert await status_of(db, number) == "DELIVERED"
    session = await session_of(db, number)
    people = "SELECT email FROM accounts.account WHERE id = $1"
    assert await db.fetchval(people, session["started_by"]) == "store@example.com"
    assert await db.fetchval(people, session["ended_by"]) == worker["email"]


async def test_a_courier_is_nobody_of_ours_whatever_email_is_sent_along(warehouse, db):
    worker = await warehouse.worker()
    for scanned in (None, "", "  ", "nobody@example.com", worker["email"]):
        number = await warehouse.at("PACKED", worker["email"])
        names = {"courier_name": " Bluebird ", "tracking_no": " T-1 "}
        answer = await warehouse.step(START, number, scanned, delivery_type="COURIER", **names)
        assert (answer.status, answer.json["message"]) == (201, "Delivery started - COURIER")
        data = answer.json["data"]
        assert list(data) == OF_A_COURIER
        assert (data["assigned_to"], data["courier_name"], data["tracking_no"]) == (None, "Bluebird", "T-1")
        completed = await warehouse.step(COMPLETE, number)
        assert (completed.status, completed.json["message"]) == (200, f"Delivery delivered for {number}")
        assert (list(completed.json["data"]), await status_of(db, number)) == (OF_A_COURIER, "DELIVERED")


async def test_a_courier_needs_a_name(warehouse, db):
    worker = await warehouse.worker()
    number = await warehouse.at("PACKED", worker["email"])
    for more in ({}, {"courier_name": ""}, {"courier_name": " \t"}):
        answer = await warehouse.step(START, number, worker["email"], delivery_type="COURIER", **more)
        assert refused(answer, "courier_name", "Courier name is required for COURIER delivery.")
    assert await status_of(db, number) == "PACKED"


@pytest.mark.parametrize("kind", OURS)
async def test_a_delivery_of_our_own_needs_a_scan_at_both_ends(warehouse, db, kind):
    worker = await warehouse.worker()
    number = await warehouse.at("PACKED", worker["email"])
    for scanned in (None, "", " \n"):
        assert refused(await warehouse.step(START, number, scanned, delivery_type=kind), "user_email", NO_SCAN)
    assert (await warehouse.step(START, number, worker["email"], delivery_type=kind)).status == 201
    for scanned in (None, "", " \n"):
        assert refused(await warehouse.step(COMPLETE, number, scanned), "user_email", NO_SCAN)
    assert await status_of(db, number) == "DISPATCHED"


async def test_only_a_packed_invoice_is_delivered(warehouse, db):
    for status in OTHERS:
        worker = await warehouse.worker()
        number = await warehouse.at(status, worker["email"])
        for more in ({"delivery_type": "DIRECT"}, COURIER):
            answer = await warehouse.step(START, number, worker["email"], **more)
            assert refused(answer, "invoice_no", f"Invoice must be in PACKED status. Current status: {status}")
        assert await status_of(db, number) == status


async def test_a_start_checks_in_the_order_of_the_contract(warehouse, db):
    worker, ours = await warehouse.worker(), {"delivery_type": "DIRECT"}
    assert refused(
        await warehouse.step(START, "nothing-like-it", "nobody@example.com", **ours), "invoice_no", NO_INVOICE
    )
    number = await warehouse.at("DELIVERED", worker["email"])
    wrong = "Invoice must be in PACKED status. Current status: DELIVERED"
    assert refused(await warehouse.step(START, number, "nobody@example.com", **ours), "invoice_no", wrong)
    await db.execute("UPDATE sales.invoice SET status = 'PACKED' WHERE invoice_no = $1", number)
    exists = "Delivery session already exists for this invoice."
    assert refused(await warehouse.step(START, number, "nobody@example.com", **ours), "invoice_no", exists)
    await db.execute("DELETE FROM sales.session")
    assert refused(await warehouse.step(START, number, "nobody@example.com", **ours), "user_email", NO_USER)
    assert await status_of(db, number) == "PACKED"


async def test_a_completion_checks_in_the_order_of_the_contract(warehouse, db):
    worker, other = await warehouse.worker(), await warehouse.worker()
    assert refused(await warehouse.step(COMPLETE, "nothing-like-it", "nobody@example.com"), "invoice_no", NO_INVOICE)
    number = await warehouse.at("PACKED", worker["email"])
    none = "No delivery session found for this invoice."
    assert refused(await warehouse.step(COMPLETE, number, "nobody@example.com"), "invoice_no", none)
    assert (await warehouse.step(START, number, worker["email"], delivery_type="DIRECT")).status == 201
    assert (await warehouse.step(COMPLETE, number, worker["email"])).status == 200
    assert refused(await warehouse.step(COMPLETE, number, "nobody@example.com"), "user_email", NO_USER)
    mismatch = f"Email mismatch. This delivery was assigned to {worker['name']} ({worker['email']})."
    assert refused(await warehouse.step(COMPLETE, number, other["email"]), "user_email", mismatch)
    assert refused(await warehouse.step(COMPLETE, number, worker["email"]), "invoice_no", "Delivery already completed.")


async def test_a_couriers_delivery_is_completed_with_anybodys_email_but_not_with_nobodys(warehouse):
    worker, other = await warehouse.worker(), await warehouse.worker()
    number = await warehouse.at("PACKED", worker["email"])
    assert (await warehouse.step(START, number, **COURIER)).status == 201
    assert refused(await warehouse.step(COMPLETE, number, "nobody@example.com"), "user_email", NO_USER)
    assert (await warehouse.step(COMPLETE, number, other["email"])).status == 200
    assert refused(await warehouse.step(COMPLETE, number), "invoice_no", "Delivery already completed.")


async def test_in_transit_keeps_the_delivery_open_and_tells_the_stream(warehouse, db, stream):
    worker = await warehouse.worker()
    number = await warehouse.at("DISPATCHED", worker["email"])
    await stream()
    reader = await stream(headers={"Last-Event-ID": str(await db.fetchval("SELECT max(position) FROM core.event"))})
    for n in (1, 2):
        answer = await warehouse.step(
            COMPLETE, number, worker["email"], delivery_status="IN_TRANSIT", notes=f"stop {n}"
        )
        assert (answer.status, answer.json["message"]) == (200, f"Delivery in_transit for {number}")
        data = answer.json["data"]
        assert (data["delivery_status"], data["end_time"], data["duration_minutes"]) == ("IN_TRANSIT", None, None)
        assert data["notes"] == "\n".join(f"stop {i}" for i in range(1, n + 1))
    session = await session_of(db, number)
    assert (session["ended_by"], await status_of(db, number)) == (None, "DISPATCHED")
    answer = await warehouse.step(COMPLETE, number, worker["email"], delivery_status="DELIVERED")
    assert (answer.status, answer.json["data"]["end_time"] is not None) == (200, True)
    told = []
    while "DELIVERED" not in told:
        told.append((await reader.invoice())["status"])
    assert told[-3:] == ["DISPATCHED", "DISPATCHED", "DELIVERED"]


async def test_the_notes_of_one_delivery_are_bounded_in_sum(warehouse, db):
    worker = await warehouse.worker()
    number = await warehouse.at("DISPATCHED", worker["email"])
    await db.execute("UPDATE sales.session SET notes = repeat('x', $1)", MOST_NOTES - 2)
    full = f"Ensure the notes of this delivery have in sum no more than {MOST_NOTES} characters."
    more = {"delivery_status": "IN_TRANSIT"}
    assert refused(await warehouse.step(COMPLETE, number, worker["email"], notes="yy", **more), "notes", full)
    assert (await warehouse.step(COMPLETE, number, worker["email"], notes="y", **more)).status == 200
    assert (await warehouse.step(COMPLETE, number, worker["email"])).status == 200


async def test_a_delivery_whose_invoice_was_taken_elsewhere_cannot_be_completed(warehouse, db):
    worker = await warehouse.worker()
    number = await warehouse.at("DISPATCHED", worker["email"])
    await db.execute("UPDATE sales.invoice SET status = 'PACKED' WHERE invoice_no = $1", number)
    answer = await warehouse.step(COMPLETE, number, worker["email"])
    assert refused(answer, "invoice_no", "Invoice must be in DISPATCHED status. Current status: PACKED")


async def test_a_driver_takes_out_as_many_as_the_van_holds(warehouse):
    worker = await warehouse.worker()
    numbers = [await warehouse.at("PACKED", worker["email"]) for _ in range(3)]
    assert [(await warehouse.step(START, n, worker["email"], delivery_type="INTERNAL")).status for n in numbers] == [
        201
    ] * 3


async def test_when_the_driver_was_deleted_only_an_administrator_completes(warehouse, db, sign_in):
    worker, other = await warehouse.worker(), await warehouse.worker()
    boss = await sign_in("ADMIN")
    number = await warehouse.at("DISPATCHED", worker["email"])
    await db.execute("DELETE FROM accounts.account WHERE email = $1", worker["email"])
    answer = await warehouse.step(COMPLETE, number, other["email"])
    assert refused(
        answer,
        "user_email",
        "Email mismatch. The account that this delivery was assigned to was deleted. Only an administrator can end it.",
    )
    assert refused(await warehouse.step(COMPLETE, number, token=boss["access"]), "user_email", NO_SCAN)
    completed = await warehouse.step(COMPLETE, number, other["email"], token=boss["access"])
    assert (completed.status, list(completed.json["data"])) == (200, OF_A_COURIER)

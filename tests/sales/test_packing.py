"""Packing: what start and complete answer, in which order they check, and what they leave in the database."""

import pytest

from tests.sales.test_picking import NO_INVOICE, NO_USER, refused, status_of

pytestmark = pytest.mark.gen_test

START, COMPLETE = "packing/start", "packing/complete"
KEYS = [
    "id", "invoice", "invoice_no", "packer", "packer_name", "packer_email", "start_time", "end_time", "packing_status", "notes",
    "duration_minutes", "created_at",
]  # fmt: skip
OTHERS = ["PENDING", "PICKING", "PACKING", "PACKED", "DISPATCHED", "DELIVERED"]


async def sessions_of(db, number):
    return await db.fetch(
        "SELECT s.* FROM sales.session s JOIN sales.invoice i ON i.id = s.invoice_id WHERE s.kind = 'packing' AND i.invoice_no = $1 ORDER BY s.id",
        number,
    )


async def test_start_and_complete_are_answered_as_the_contract_says(warehouse, db):
    worker = await warehouse.worker("PACKER")
    number = await warehouse.at("PICKED", worker["email"])
    started = await warehouse.step(START, f" {number}", f"{worker['email'].upper()} ", notes="one")
    assert started.status == 201
    told, data = started.json, started.json["data"]
    assert (told["success"], told["message"]) == (True, f"Packing started by {worker['name']}")  # the packer's name
    assert list(data) == KEYS
    assert (data["packer"], data["packer_name"], data["packer_email"]) == (
        worker["id"],
        worker["name"],
        worker["email"],
    )
    assert (data["invoice_no"], data["packing_status"], data["notes"]) == (number, "IN_PROGRESS", "one")
    assert (data["end_time"], data["duration_minutes"]) == (None, None)
    assert await status_of(db, number) == "PACKING"

    completed = await warehouse.step(COMPLETE, number, worker["email"], notes="two", token=worker["token"])
    assert completed.status == 200
    assert (completed.json["success"], completed.json["message"]) == (True, f"Packing completed for {number}")
    data = completed.json["data"]
    assert list(data) == KEYS
    assert (data["packing_status"], data["notes"], type(data["duration_minutes"])) == ("PACKED", "one\ntwo", float)
    assert await status_of(db, number) == "PACKED"
    (session,) = await sessions_of(db, number)
    people = "SELECT email FROM accounts.account WHERE id = $1"
    assert await db.fetchval(people, session["started_by"]) == "store@example.com"
    assert await db.fetchval(people, session["ended_by"]) == worker["email"]


async def test_only_a_picked_invoice_can_be_packed(warehouse, db):
    for status in OTHERS:
        worker, other = await warehouse.worker(), await warehouse.worker()
        number = await warehouse.at(status, worker["email"])
        before = await sessions_of(db, number)
        answer = await warehouse.step(START, number, other["email"])
        assert refused(answer, "invoice_no", f"Invoice must be in PICKED status. Current status: {status}")
        assert (await status_of(db, number), await sessions_of(db, number)) == (status, before)


async def test_a_start_checks_in_the_order_of_the_contract(warehouse, db):
    worker = await warehouse.worker()
    assert refused(await warehouse.step(START, "nothing-like-it", "nobody@example.com"), "invoice_no", NO_INVOICE)
    number = await warehouse.at("PACKED", worker["email"])
    wrong = "Invoice must be in PICKED status. Current status: PACKED"
    assert refused(await warehouse.step(START, number, "nobody@example.com"), "invoice_no", wrong)
    await db.execute("UPDATE sales.invoice SET status = 'PICKED' WHERE invoice_no = $1", number)
    exists = "Packing session already exists for this invoice."
    assert refused(await warehouse.step(START, number, "nobody@example.com"), "invoice_no", exists)
    await db.execute("DELETE FROM sales.session")
    assert refused(await warehouse.step(START, number, "nobody@example.com"), "user_email", NO_USER)
    assert await status_of(db, number) == "PICKED"


async def test_a_completion_checks_in_the_order_of_the_contract(warehouse, db):
    worker, other = await warehouse.worker(), await warehouse.worker()
    assert refused(await warehouse.step(COMPLETE, "nothing-like-it", "nobody@example.com"), "invoice_no", NO_INVOICE)
    number = await warehouse.at("PICKED", worker["email"])
    none = "No packing session found for this invoice."
    assert refused(await warehouse.step(COMPLETE, number, "nobody@example.com"), "invoice_no", none)
    assert (await warehouse.step(START, number, worker["email"])).status == 201
    assert (await warehouse.step(COMPLETE, number, worker["email"])).status == 200
    assert refused(await warehouse.step(COMPLETE, number, "nobody@example.com"), "user_email", NO_USER)
    mismatch = f"Email mismatch. This invoice was started by {worker['name']} ({worker['email']})."
    assert refused(await warehouse.step(COMPLETE, number, other["email"]), "user_email", mismatch)
    assert refused(await warehouse.step(COMPLETE, number, worker["email"]), "invoice_no", "Packing already completed.")


async def test_a_session_whose_invoice_was_taken_elsewhere_cannot_be_completed(warehouse, db):
    worker = await warehouse.worker()
    number = await warehouse.at("PACKING", worker["email"])
    await db.execute("UPDATE sales.invoice SET status = 'PICKED' WHERE invoice_no = $1", number)
    answer = await warehouse.step(COMPLETE, number, worker["email"])
    assert refused(answer, "invoice_no", "Invoice must be in PACKING status. Current status: PICKED")


async def test_a_packer_has_one_invoice_at_a_time_and_may_pick_another_beside_it(warehouse, db):
    worker, other = await warehouse.worker(), await warehouse.worker()
    first, second = await warehouse.at("PICKED", worker["email"]), await warehouse.at("PICKED", worker["email"])
    started = (await warehouse.step(START, first, worker["email"])).json["data"]
    refusal = await warehouse.step(START, second, f" {worker['email']}")
    message = f"You already have an active packing session for {first}"
    assert (refusal.status, refusal.json["success"], refusal.json["message"]) == (409, False, message)
    assert refusal.json["data"] == {"invoice_no": first, "started_at": started["start_time"]}
    assert (await status_of(db, second), await sessions_of(db, second)) == ("PICKED", [])
    waiting = await warehouse.at("PENDING", other["email"])
    assert (await warehouse.step("picking/start", waiting, worker["email"])).status == 201
    assert (await warehouse.step(COMPLETE, first, worker["email"])).status == 200
    assert (await warehouse.step(START, second, worker["email"])).status == 201


async def test_when_the_packer_was_deleted_only_an_administrator_completes(warehouse, db, sign_in):
    worker, other = await warehouse.worker(), await warehouse.worker()
    boss = await sign_in("ADMIN")
    number = await warehouse.at("PACKING", worker["email"])
    await db.execute("DELETE FROM accounts.account WHERE email = $1", worker["email"])
    answer = await warehouse.step(COMPLETE, number, other["email"])
    assert refused(
        answer,
        "user_email",
        "Email mismatch. The account that this invoice was started by was deleted. Only an administrator can end its session.",
    )
    completed = await warehouse.step(COMPLETE, number, other["email"], token=boss["access"])
    assert (completed.status, completed.json["data"]["packer"]) == (200, None)
    assert list(completed.json["data"]) == [key for key in KEYS if key not in ("packer_name", "packer_email")]

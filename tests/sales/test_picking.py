"""Picking: what start and complete answer, in which order they check, and what they leave in the database."""

import time

import pytest

pytestmark = pytest.mark.gen_test

START, COMPLETE = "picking/start", "picking/complete"
KEYS = [
    "id", "invoice", "invoice_no", "picker", "picker_name", "picker_email", "start_time", "end_time", "picking_status", "notes",
    "duration_minutes", "created_at",
]  # fmt: skip
OTHERS = ["PICKING", "PICKED", "PACKING", "PACKED", "DISPATCHED", "DELIVERED"]
NO_INVOICE, NO_USER = "Invoice not found.", "User not found. Please scan a valid email."


def refused(answer, field, sentence):
    assert answer.json == {
        "success": False,
        "status_code": 400,
        "message": "Validation failed",
        "detail": sentence,
        "errors": {field: [sentence]},
    }
    assert answer.status == 400
    return True


async def status_of(db, number):
    return await db.fetchval("SELECT status FROM sales.invoice WHERE invoice_no = $1", number)


async def sessions_of(db, number):
    return await db.fetch(
        "SELECT s.* FROM sales.session s JOIN sales.invoice i ON i.id = s.invoice_id WHERE s.kind = 'picking' AND i.invoice_no = $1 ORDER BY s.id",
        number,
    )


async def test_a_start_is_answered_as_the_contract_says(warehouse, db):
    worker = await warehouse.worker()
    number = await warehouse.at("PENDING", worker["email"])
    answer = await warehouse.step(START, number, worker["email"], notes="Starting picking")
    assert answer.status == 201
    told = answer.json
    assert (told["success"], told["message"]) == (
        True,
        "Picking started by Store",
    )  # whoever is signed in, not the picker
    data = told["data"]
    assert list(data) == KEYS
    assert (data["picker"], data["picker_name"], data["picker_email"]) == (
        worker["id"],
        worker["name"],
        worker["email"],
    )
    assert (data["invoice_no"], data["picking_status"], data["notes"]) == (number, "PREPARING", "Starting picking")
    assert (data["end_time"], data["duration_minutes"]) == (None, None)
    assert data["start_time"] == data["created_at"]
    assert time.strptime(data["start_time"], "%Y-%m-%dT%H:%M:%S.%fZ")
    assert data["invoice"] == await db.fetchval("SELECT id FROM sales.invoice WHERE invoice_no = $1", number)
    assert await status_of(db, number) == "PICKING"
    (session,) = await sessions_of(db, number)
    assert session["id"] == data["id"]
    assert (
        await db.fetchval("SELECT email FROM accounts.account WHERE id = $1", session["started_by"])
        == "store@example.com"
    )


async def test_a_completion_is_answered_as_the_contract_says(warehouse, db):
    worker = await warehouse.worker()
    number = await warehouse.at("PENDING", worker["email"])
    started = (await warehouse.step(START, number, worker["email"], notes="first")).json["data"]
    await db.execute(
        "UPDATE sales.session SET start_time = start_time - interval '754.5 seconds' WHERE id = $1",
        started["id"],
    )
    answer = await warehouse.step(COMPLETE, number, worker["email"], notes=" second ")
    assert answer.status == 200
    assert (answer.json["success"], answer.json["message"]) == (True, f"Picking completed for {number}")
    data = answer.json["data"]
    assert list(data) == KEYS
    assert (data["id"], data["picking_status"], data["notes"]) == (started["id"], "PICKED", "first\nsecond")
    assert 12.57 < data["duration_minutes"] < 12.7
    assert data["end_time"] > data["start_time"]
    assert await status_of(db, number) == "PICKED"
    (session,) = await sessions_of(db, number)
    assert session["ended_by"] == session["started_by"]


async def test_notes_are_joined_only_where_there_are_two(warehouse):
    worker = await warehouse.worker()
    for before, after, whole in (
        ({}, {}, ""),
        ({"notes": "a"}, {}, "a"),
        ({}, {"notes": "b"}, "b"),
        ({"notes": " \n"}, {"notes": ""}, ""),
        ({"notes": "a"}, {"notes": " \t"}, "a"),
    ):
        number = await warehouse.at("PENDING", worker["email"])
        await warehouse.step(START, number, worker["email"], **before)
        completed = await warehouse.step(COMPLETE, number, worker["email"], **after)
        assert completed.json["data"]["notes"] == whole


async def test_a_scan_is_compared_without_case_and_blanks(warehouse):
    worker = await warehouse.worker()
    number = await warehouse.at("PENDING", worker["email"])
    started = await warehouse.step(START, f" {number}\n", f"\t{worker['email'].upper()}\r\n")
    assert (started.status, started.json["data"]["picker_email"]) == (201, worker["email"])
    assert (await warehouse.step(COMPLETE, f"{number} ", f" {worker['email'].title()}")).status == 200


async def test_somebody_without_a_name_is_called_by_their_email(warehouse, db):
    worker = await warehouse.worker()
    await db.execute("UPDATE accounts.account SET name = '' WHERE email IN ($1, 'store@example.com')", worker["email"])
    try:
        number = await warehouse.at("PENDING", worker["email"])
        started = (await warehouse.step(START, number, worker["email"], token=worker["token"])).json
        assert started["data"]["picker_name"] == worker["email"]
        assert started["message"] == f"Picking started by {worker['email']}"
    finally:
        await db.execute("UPDATE accounts.account SET name = 'Store' WHERE email = 'store@example.com'")


async def test_only_a_pending_invoice_can_be_picked(warehouse, db):
    for status in OTHERS:
        worker, other = await warehouse.worker(), await warehouse.worker()
        number = await warehouse.at(status, worker["email"])
        answer = await warehouse.step(START, number, other["email"])
        assert refused(answer, "invoice_no", f"Invoice cannot be picked in '{status}' state.")
        assert (await status_of(db, number), len(await sessions_of(db, number))) == (status, 1)


async def test_a_session_that_the_status_does_not_tell_of_is_in_the_way_too(warehouse, db):
    worker, other = await warehouse.worker(), await warehouse.worker()
    number = await warehouse.at("PICKED", worker["email"])
    await db.execute("UPDATE sales.invoice SET status = 'PENDING' WHERE invoice_no = $1", number)
    answer = await warehouse.step(START, number, other["email"])
    assert refused(answer, "invoice_no", "Picking session already exists for this invoice.")


async def test_a_start_checks_in_the_order_of_the_contract(warehouse, db):
    worker = await warehouse.worker()
    assert refused(await warehouse.step(START, "nothing-like-it", "nobody@example.com"), "invoice_no", NO_INVOICE)
    number = await warehouse.at("PICKED", worker["email"])
    assert refused(
        await warehouse.step(START, number, "nobody@example.com"),
        "invoice_no",
        "Invoice cannot be picked in 'PICKED' state.",
    )
    await db.execute("UPDATE sales.invoice SET status = 'PENDING' WHERE invoice_no = $1", number)
    assert refused(
        await warehouse.step(START, number, "nobody@example.com"),
        "invoice_no",
        "Picking session already exists for this invoice.",
    )
    await db.execute("DELETE FROM sales.session")
    assert refused(await warehouse.step(START, number, "nobody@example.com"), "user_email", NO_USER)
    assert await status_of(db, number) == "PENDING"


async def test_who_is_not_active_can_neither_start_nor_complete(warehouse, db):
    worker = await warehouse.worker()
    number = await warehouse.at("PICKING", worker["email"])
    waiting = await warehouse.at("PENDING", worker["email"])
    await db.execute("UPDATE accounts.account SET is_active = false WHERE email = $1", worker["email"])
    assert refused(await warehouse.step(COMPLETE, number, worker["email"]), "user_email", NO_USER)
    assert refused(await warehouse.step(START, waiting, worker["email"]), "user_email", NO_USER)


async def test_a_deleted_invoice_is_not_found_by_any_step(warehouse, db):
    worker = await warehouse.worker()
    number = await warehouse.at("PICKING", worker["email"])
    await db.execute("UPDATE sales.invoice SET is_active = false WHERE invoice_no = $1", number)
    for path, more in ((START, {}), (COMPLETE, {}), ("picking/cancel", {"reason": "x"})):
        assert refused(await warehouse.step(path, number, worker["email"], **more), "invoice_no", NO_INVOICE)


async def test_a_completion_checks_in_the_order_of_the_contract(warehouse, db):
    worker, other = await warehouse.worker(), await warehouse.worker()
    assert refused(await warehouse.step(COMPLETE, "nothing-like-it", "nobody@example.com"), "invoice_no", NO_INVOICE)
    number = await warehouse.at("PENDING", worker["email"])
    assert refused(
        await warehouse.step(COMPLETE, number, "nobody@example.com"),
        "invoice_no",
        "No picking session found for this invoice.",
    )
    assert (await warehouse.step(START, number, worker["email"])).status == 201
    assert (await warehouse.step(COMPLETE, number, worker["email"])).status == 200
    assert refused(await warehouse.step(COMPLETE, number, "nobody@example.com"), "user_email", NO_USER)
    assert refused(
        await warehouse.step(COMPLETE, number, other["email"]),
        "user_email",
        f"Email mismatch. This invoice was started by {worker['name']} ({worker['email']}). Please scan the correct email.",
    )
    assert refused(
        await warehouse.step(COMPLETE, number, worker["email"]),
        "invoice_no",
        "Picking already completed for this invoice.",
    )


async def test_a_session_whose_invoice_was_taken_elsewhere_cannot_be_completed(warehouse, db):
    worker = await warehouse.worker()
    number = await warehouse.at("PICKING", worker["email"])
    await db.execute("UPDATE sales.invoice SET status = 'PACKED' WHERE invoice_no = $1", number)
    answer = await warehouse.step(COMPLETE, number, worker["email"])
    assert refused(answer, "invoice_no", "Invoice must be in PICKING status. Current status: PACKED")
    assert await status_of(db, number) == "PACKED"


async def test_a_verified_session_is_completed_already(warehouse, db):
    worker = await warehouse.worker()
    number = await warehouse.at("PICKED", worker["email"])
    await db.execute("UPDATE sales.session SET status = 'VERIFIED'")
    answer = await warehouse.step(COMPLETE, number, worker["email"])
    assert refused(answer, "invoice_no", "Picking already completed for this invoice.")


async def test_names_with_quotes_and_braces_are_shown_as_they_are(warehouse, db):
    worker, other = await warehouse.worker(), await warehouse.worker()
    await db.execute("""UPDATE accounts.account SET name = 'A "{0} {status} \\' WHERE email = $1""", worker["email"])
    number = await warehouse.at("PICKING", worker["email"])
    answer = await warehouse.step(COMPLETE, number, other["email"])
    assert refused(
        answer,
        "user_email",
        f'Email mismatch. This invoice was started by A "{{0}} {{status}} \\ ({worker["email"]}). Please scan the correct email.',
    )


async def test_a_picker_has_one_invoice_at_a_time(warehouse, db):
    worker, other = await warehouse.worker(), await warehouse.worker()
    first, second = await warehouse.at("PENDING", worker["email"]), await warehouse.at("PENDING", worker["email"])
    started = (await warehouse.step(START, first, worker["email"])).json["data"]
    refusal = await warehouse.step(START, second, worker["email"].upper())
    assert refusal.status == 409
    message = f"You already have an active picking session for {first}"
    data = {"invoice_no": first, "started_at": started["start_time"]}
    assert refusal.json == {"success": False, "status_code": 409, "message": message, "detail": message, "data": data}
    assert (await status_of(db, second), await sessions_of(db, second)) == ("PENDING", [])
    assert (await warehouse.step(START, second, other["email"])).status == 201
    assert (await warehouse.step(COMPLETE, first, worker["email"])).status == 200
    third = await warehouse.at("PENDING", worker["email"])
    assert (await warehouse.step(START, third, worker["email"])).status == 201


async def test_the_same_start_sent_twice_names_the_status(warehouse):
    worker = await warehouse.worker()
    number = await warehouse.at("PICKING", worker["email"])
    assert refused(
        await warehouse.step(START, number, worker["email"]),
        "invoice_no",
        "Invoice cannot be picked in 'PICKING' state.",
    )


async def test_when_the_picker_was_deleted_only_an_administrator_completes(warehouse, db, sign_in):
    bosses = [(await sign_in(role))["access"] for role in ("ADMIN", "OWNER", "SUPERADMIN")]
    await sign_in("EMPLOYEE")
    await db.execute("UPDATE accounts.account SET is_staff = true WHERE email = 'employee@example.com'")
    bosses.append((await sign_in("EMPLOYEE"))["access"])  # signed in anew, for a caller is remembered for a moment
    for boss in bosses:
        worker, other = await warehouse.worker(), await warehouse.worker()
        number = await warehouse.at("PICKING", worker["email"])
        await db.execute("DELETE FROM accounts.account WHERE email = $1", worker["email"])
        answer = await warehouse.step(COMPLETE, number, other["email"])
        assert refused(
            answer,
            "user_email",
            "Email mismatch. The account that this invoice was started by was deleted. Only an administrator can end its session.",
        )
        completed = await warehouse.step(COMPLETE, number, other["email"], token=boss)
        assert completed.status == 200, completed.text
        assert completed.json["data"]["picker"] is None
        assert list(completed.json["data"]) == [key for key in KEYS if key not in ("picker_name", "picker_email")]
        assert await status_of(db, number) == "PICKED"

"""The workflow as a whole: bad input, who may, one's task, undo, races, faults; and random walks beside a model of it."""

import asyncio
import itertools
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from handlers.api.roles import ROLES
from tests.sales.test_picking import NO_INVOICE, NO_USER, refused, status_of
from tests.sales.warehouse import WAY
from tests.support.deadlines import until
from tests.support.forms import by_form
from tests.support.http import Api, open_session

pytestmark = pytest.mark.gen_test

NOUNS = ["picking", "packing", "delivery"]
ALIKE = ["picking", "packing"]
MISSING = object()
REQUIRED, NULL, BLANK = "This field is required.", "This field may not be null.", "This field may not be blank."
NO_STRING, NO_EMAIL = "Not a valid string.", "Enter a valid email address."
COURIER = {"delivery_type": "COURIER", "courier_name": "Bluebird"}

# Where an invoice is before a step of the noun, during, and after it.
BEFORE = {"picking": "PENDING", "packing": "PICKED", "delivery": "PACKED"}
DURING = {"picking": "PICKING", "packing": "PACKING", "delivery": "DISPATCHED"}
AFTER = {"picking": "PICKED", "packing": "PACKED", "delivery": "DELIVERED"}
DONE = {
    "picking": "Picking already completed for this invoice.", "packing": "Packing already completed.", "delivery": "Delivery already completed.",
}  # fmt: skip
MISMATCH = {
    "picking": "Email mismatch. This invoice was started by {name} ({email}). Please scan the correct email.",
    "packing": "Email mismatch. This invoice was started by {name} ({email}).",
    "delivery": "Email mismatch. This delivery was assigned to {name} ({email}).",
}


@pytest.fixture
def crowd(io_loop, base_url):
    """A client that opens as many connections as it is asked to."""
    session = io_loop.run_sync(lambda: open_session(100, keep=False))
    yield Api(session, base_url)
    io_loop.run_sync(session.close)


@pytest.fixture
def many(warehouse, crowd):
    """The warehouse, for a crowd."""
    warehouse.api = crowd
    return warehouse


async def everything(db):
    """What the steps may change."""
    tables = ("sales.invoice", "sales.session")
    return [await db.fetch(f"SELECT * FROM {table} ORDER BY id") for table in tables] + [
        await db.fetchval("SELECT count(*) FROM core.event WHERE topic = 'sales.invoice'")
    ]


async def until_somebody_waits(db):
    async def waiting():
        await db.execute("SELECT pg_stat_clear_snapshot()")  # a transaction sees the activity it saw first
        return await db.fetchval(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()"
        )

    return await until(waiting, every=0.01)


# Bad input

TEXTS = {"invoice_no": 100, "user_email": 255, "notes": 10_000, "reason": 1000, "courier_name": 150, "tracking_no": 150}
CHOICES = {"delivery_type": "COURIER", "delivery_status": "DELIVERED"}
STEP = {"invoice_no": "INV", "user_email": "a@b.example"}
BODIES = {  # each with all its fields, and those that it needs
    "picking/start": ({**STEP, "notes": ""}, set(STEP)),
    "picking/complete": ({**STEP, "notes": ""}, set(STEP)),
    "picking/cancel": ({**STEP, "reason": "x"}, {*STEP, "reason"}),
    "packing/start": ({**STEP, "notes": ""}, set(STEP)),
    "packing/complete": ({**STEP, "notes": ""}, set(STEP)),
    "packing/cancel": ({**STEP, "reason": "x"}, {*STEP, "reason"}),
    "delivery/start": ({**STEP, **COURIER, "tracking_no": "", "notes": ""}, {"invoice_no", "delivery_type"}),
    "delivery/complete": ({**STEP, "delivery_status": "DELIVERED", "notes": ""}, {"invoice_no"}),
    "delivery/cancel": ({**STEP, "reason": "x"}, {*STEP, "reason"}),
}


def wrong_values(name, needed):
    """Values that a field may not have, and what is told of each."""
    if needed:
        yield MISSING, REQUIRED
    yield None, NULL
    for value in ("a\0b",):
        yield value, "Null characters are not allowed."
    yield "\ud800", "Surrogate characters are not allowed: U+D800."
    if name in CHOICES:
        for value in ("FOO", "", CHOICES[name].lower(), CHOICES[name] + "_", "x" * 1_000_000):
            yield value, f'"{value}" is not a valid choice.'
        return
    for value in (True, [], {}, ["a"], {"a": 1}):
        yield value, NO_STRING
    for length in (TEXTS[name] + 1, 1_000_000):
        yield "x" * length, f"Ensure this field has no more than {TEXTS[name]} characters."
    if needed:
        for value in ("", " ", "\t\r\n\f\v "):
            yield value, BLANK
    if name == "user_email":
        for value in ("x", "a@b", "a b@c.example", "@b.example", "a@b.example,c@d.example", ".a@b.example", 5):
            yield value, NO_EMAIL


@pytest.mark.parametrize("noun", NOUNS)
async def test_a_bad_field_is_named_whatever_it_holds(warehouse, api, noun):
    for action, name in itertools.product(("start", "complete", "cancel"), [*TEXTS, *CHOICES]):
        path = f"{noun}/{action}"
        body, needed = BODIES[path]
        if name not in body:
            continue
        for value, sentence in wrong_values(name, name in needed):
            sent = {**body, name: value}
            if value is MISSING:
                del sent[name]
            answer = await api.post(f"/api/sales/{path}/", sent, token=warehouse.token)
            assert refused(answer, name, sentence), (path, name, str(value)[:50])
        if name in CHOICES:
            answer = await api.post(f"/api/sales/{path}/", {**body, name: []}, token=warehouse.token)
            assert (answer.status, answer.json["errors"][name][0]) == (400, NO_STRING)


# What scanners send


async def test_what_a_scanner_adds_to_a_number_or_an_address_is_dropped(warehouse, api):
    worker = await warehouse.worker()
    for before, after in (("]C1", ""), ("\x02", "\x03"), ("", "\r\n"), ("\x1d]d2\x1d", "\t"), ("\ufeff", "\u00a0")):
        number = await warehouse.at("PENDING", worker["email"])
        for step, status in (("picking/start", 201), ("picking/complete", 200)):
            answer = await warehouse.step(step, f"{before}{number}{after}", f"{before}{worker['email'].upper()}{after}")
            assert (answer.status, answer.json["data"]["invoice_no"]) == (status, number), (before, after)


async def test_a_number_is_found_whatever_its_case_unless_several_differ_only_in_it(warehouse, api, invoice):
    worker = await warehouse.worker()
    ids = {
        no: (await api.import_invoice(invoice(invoice_no=no))).json["data"]["id"]
        for no in ("WR-Ä", "wr-2", "WR-2", "77001")
    }

    async def scanned(number):
        started = await warehouse.step("picking/start", number, worker["email"])
        if started.status == 201:
            await warehouse.step("picking/cancel", number, worker["email"], reason="next")
        return started.json["data"]["invoice"] if started.status == 201 else started.json["errors"]["invoice_no"][0]

    assert await scanned("wr-ä") == await scanned("wr-A\u0308") == ids["WR-Ä"]
    assert await scanned("wr-2") == ids["wr-2"] and await scanned("WR-2") == ids["WR-2"]
    assert await scanned("Wr-2") == await scanned("WR-") == NO_INVOICE
    assert await scanned(77001) == ids["77001"]


async def test_a_worker_of_an_international_domain_is_found_by_either_form_of_it(warehouse, sign_in):
    email = (await sign_in("PICKER", "anna@münchen.example"))["data"]["user"]["email"]
    number = await warehouse.at("PENDING", email)
    assert (await warehouse.step("picking/start", number, "ANNA@xn--mnchen-3ya.example")).status == 201
    assert (await warehouse.step("picking/complete", number, "]Q1anna@MÜNCHEN.example")).status == 200


async def test_every_step_takes_a_form(warehouse, api):
    worker = await warehouse.worker()
    number = await warehouse.at("PENDING", worker["email"])
    form = {
        "invoice_no": number,
        "user_email": worker["email"],
        "notes": "by form",
        "delivery_type": "DIRECT",
        "reason": "by form",
    }
    for step in ("picking/start", "picking/cancel", "picking/start", "picking/complete", "packing/start", "packing/cancel", "packing/start",
                 "packing/complete", "delivery/start", "delivery/cancel", "delivery/start", "delivery/complete"):  # fmt: skip
        answer = await api.post(f"/api/sales/{step}/", form=form, token=warehouse.token)
        assert answer.status == (201 if step.endswith("start") else 200), (step, answer.text)
    answer = await api.post("/api/sales/delivery/complete/", form={"invoice_no": ""}, token=warehouse.token)
    assert (answer.status, answer.json["errors"]) == (400, {"invoice_no": [BLANK]})


async def test_a_body_that_is_no_object_is_refused_and_an_unknown_field_is_not(warehouse, api):
    bad = (
        b"[]",
        b"1",
        b'"x"',
        b"null",
        b"",
        b"{",
        b"\xff",
        b'{"invoice_no": NaN}',
        b'{"invoice_no": "a", "invoice_no": "b"}',
    )
    for path, sent in itertools.product(BODIES, bad):
        answer = await api.call("POST", f"/api/sales/{path}/", sent, token=warehouse.token)
        assert (answer.status, answer.json["success"]) == (400, False), (path, sent)
    for path, (whole, _) in BODIES.items():
        answer = await api.post(
            f"/api/sales/{path}/", b"a=b", token=warehouse.token, headers={"Content-Type": "text/plain"}
        )
        assert answer.status == 415
        answer = await api.post(f"/api/sales/{path}/", {**whole, "strange": {"a": 1}}, token=warehouse.token)
        assert refused(answer, "invoice_no", NO_INVOICE), path
        assert (await api.get(f"/api/sales/{path}/", token=warehouse.token)).status == 405


async def test_every_field_may_be_as_long_as_it_is_said_to_be(warehouse, api):
    for path, (whole, _) in BODIES.items():
        longest = {name: "é" * TEXTS[name] for name in whole if name in TEXTS and name != "user_email"}
        answer = await api.post(f"/api/sales/{path}/", {**whole, **longest}, token=warehouse.token)
        assert refused(answer, "invoice_no", NO_INVOICE), path


async def test_the_longest_texts_are_kept_whole(warehouse, db):
    worker = await warehouse.worker()
    number = await warehouse.at("PACKED", worker["email"])
    names = {"courier_name": "c" * 150, "tracking_no": "t" * 150, "notes": "n" * 10_000}
    answer = await warehouse.step("delivery/start", number, delivery_type="COURIER", **names)
    assert {name: answer.json["data"][name] for name in names} == names


# Who may


async def test_strangers_may_nothing_and_every_role_of_the_firm_may_try(api, sign_in):
    async def call(path, **more):
        if path.endswith("active"):
            return await api.get(f"/api/sales/{path}/", **more)
        return await api.post(f"/api/sales/{path}/", BODIES[path][0], **more)

    tokens = {
        role: (await sign_in(role))["access"]
        for role in ("MEMBER", "VENDOR", "SALESREP", "PICKER", "EMPLOYEE", "ADMIN")
    }
    for path in [*BODIES, "picking/active", "packing/active"]:
        for credentials in ({}, {"token": "nonsense"}, {"key": "test-import-key"}):
            assert (await call(path, **credentials)).status == 401, path
        for role, token in tokens.items():
            answer = await call(path, token=token)
            if "sales" not in ROLES[role]:
                assert answer.status == 403, (path, role)
            else:
                assert answer.status == 200 if path.endswith("active") else refused(answer, "invoice_no", NO_INVOICE), (
                    path,
                    role,
                )


require_self = pytest.mark.parametrize("changed_settings", [{"workflow_require_self": True}], ids=["require self"])


@require_self
@pytest.mark.parametrize("noun", NOUNS)
async def test_strictly_one_steps_only_as_oneself(warehouse, db, noun):
    worker, other = await warehouse.worker(), await warehouse.worker()
    boss = await warehouse.worker("OWNER")
    more = {"delivery_type": "DIRECT"} if noun == "delivery" else {}
    warehouse.token = boss["token"]
    number = await warehouse.at(BEFORE[noun], worker["email"])

    async def refuses(action, **more):
        answer = await warehouse.step(f"{noun}/{action}", number, worker["email"], token=other["token"], **more)
        assert (answer.status, answer.json["success"]) == (403, False)
        assert answer.json["message"] == "You may do this only as yourself: the email scanned is not your own."

    async def passes(action, token, **more):
        answer = await warehouse.step(f"{noun}/{action}", number, f" {worker['email'].upper()}", token=token, **more)
        assert answer.status in (200, 201), answer.text

    assert refused(
        await warehouse.step(f"{noun}/start", number, "nobody@example.com", token=other["token"], **more),
        "user_email",
        NO_USER,
    )
    await refuses("start", **more)
    assert await status_of(db, number) == BEFORE[noun]
    for token in (worker["token"], boss["token"]):
        await passes("start", token, **more)
        await refuses("complete")
        await refuses("cancel", reason="x")
        assert await status_of(db, number) == DURING[noun]
        await passes("cancel", token, reason="x")
    await passes("start", worker["token"], **more)
    await passes("complete", worker["token"])


@require_self
async def test_strictly_a_courier_may_be_sent_by_anybody_and_is_staff_goes_for_everybody(warehouse, db, sign_in):
    worker, other = await warehouse.worker(), await warehouse.worker()
    await warehouse.worker("STORE")
    warehouse.token = (await sign_in("ADMIN"))["access"]
    number = await warehouse.at("PACKED", worker["email"])
    assert (
        await warehouse.step("delivery/start", number, worker["email"], token=other["token"], **COURIER)
    ).status == 201
    assert (await warehouse.step("delivery/complete", number, worker["email"], token=other["token"])).status == 403
    assert (await warehouse.step("delivery/complete", number, token=other["token"])).status == 200
    number = await warehouse.at("PENDING", worker["email"])
    await db.execute("UPDATE accounts.account SET is_staff = true WHERE email = $1", other["email"])
    token = (await sign_in("PICKER", other["email"]))["access"]
    assert (await warehouse.step("picking/start", number, worker["email"], token=token)).status == 201


# One's task


@pytest.mark.parametrize("noun", ALIKE)
async def test_the_active_task_is_the_invoice_as_the_detail_shows_it(warehouse, api, noun):
    worker = await warehouse.worker()
    path = f"/api/sales/{noun}/active/"
    none = {"success": True, "message": f"No active {noun} task", "data": None}
    assert (await api.get(path, token=worker["token"])).json.items() >= none.items()
    number = await warehouse.at(DURING[noun], worker["email"])
    answer = await api.get(path, token=worker["token"])
    assert (answer.status, answer.json["success"]) == (200, True)
    assert answer.json["message"] == f"Active {noun} task found for {worker['email']}"
    data = answer.json["data"]
    assert list(data) == ["task_type", "session_id", "start_time", "invoice"]
    assert data["task_type"] == noun.upper()
    detail = (await api.get(f"/api/sales/invoices/{data['invoice']['id']}/")).json
    shown = {name: value for name, value in data["invoice"].items() if name in detail}
    assert (shown, shown["invoice_no"], shown["status"]) == (detail, number, DURING[noun])
    completed = (await warehouse.step(f"{noun}/complete", number, worker["email"])).json["data"]
    assert (data["session_id"], data["start_time"]) == (completed["id"], completed["start_time"])
    assert (await api.get(path, token=worker["token"])).json["data"] is None


@pytest.mark.parametrize("noun", ALIKE)
async def test_an_administrator_sees_anybodys_task(warehouse, api, sign_in, noun):
    worker = await warehouse.worker()
    number = await warehouse.at(DURING[noun], worker["email"])
    for role in ("ADMIN", "OWNER", "SUPERADMIN"):
        boss = await sign_in(role)
        for asked in (
            f"user={worker['email']}", f"user={worker['email'].upper()}", f"user={worker['id']}", f"user={worker['id'].upper()}",
            f"user_email={worker['email']}", f"user_email=%20{worker['email']}%20", f"user=&user_email={worker['email']}",
            f"user={worker['id']}&user_email=other@example.com",
        ):  # fmt: skip
            answer = await api.get(f"/api/sales/{noun}/active/?{asked}", token=boss["access"])
            assert (answer.status, answer.json["data"]["invoice"]["invoice_no"]) == (200, number), asked
        assert (await api.get(f"/api/sales/{noun}/active/", token=boss["access"])).json["data"] is None


@pytest.mark.parametrize("noun", ALIKE)
async def test_others_see_only_their_own_task(warehouse, api, noun):
    worker, other = await warehouse.worker(), await warehouse.worker()
    number = await warehouse.at(DURING[noun], worker["email"])
    for asked in (f"user={worker['email']}", f"user={worker['id']}", f"user_email={worker['email']}"):
        answer = await api.get(f"/api/sales/{noun}/active/?{asked}", token=other["token"])
        assert answer.status == 403
        assert answer.json["message"] == "Permission denied to view other user's task."
        own = await api.get(f"/api/sales/{noun}/active/?{asked}", token=worker["token"])
        assert own.json["data"]["invoice"]["invoice_no"] == number
    for asked in ("user=nobody@example.com", "user=00000000-0000-0000-0000-000000000000", "user_email=", "user=%20"):
        answer = await api.get(f"/api/sales/{noun}/active/?{asked}", token=worker["token"])
        assert answer.json["data"]["invoice"]["invoice_no"] == number, asked
    for asked in ("5", "x", "a@b", "a%00@b.example", "1" * 3000, "%27", worker["id"][:-1]):
        answer = await api.get(f"/api/sales/{noun}/active/?user={asked}", token=worker["token"])
        assert (answer.status, answer.json["message"]) == (400, "user must be an email address or a UUID."), asked


# Undo


@pytest.mark.parametrize("noun", NOUNS)
async def test_a_cancelled_session_stays_in_the_history_and_the_invoice_goes_back(warehouse, db, noun):
    worker, other = await warehouse.worker(), await warehouse.worker()
    number = await warehouse.at(DURING[noun], worker["email"])
    answer = await warehouse.step(f"{noun}/cancel", f" {number}", worker["email"].upper(), reason=" wrong shelf ")
    assert (answer.status, answer.json["success"]) == (200, True)
    assert answer.json["message"] == f"{noun.title()} cancelled for {number}"
    data = answer.json["data"]
    assert (data[f"{noun}_status"], data["invoice_no"], data["duration_minutes"]) == ("CANCELLED", number, 0)
    assert data["end_time"] >= data["start_time"]
    assert await status_of(db, number) == BEFORE[noun]
    kept = await db.fetchrow("SELECT * FROM sales.session WHERE id = $1", data["id"])
    assert (kept["status"], kept["cancel_reason"], kept["end_time"] is None) == ("CANCELLED", "wrong shelf", False)
    assert kept["ended_by"] == kept["started_by"]
    none = f"No {noun} session found for this invoice."
    assert refused(await warehouse.step(f"{noun}/cancel", number, worker["email"], reason="x"), "invoice_no", none)
    assert refused(await warehouse.step(f"{noun}/complete", number, worker["email"]), "invoice_no", none)
    more = {"delivery_type": "INTERNAL"} if noun == "delivery" else {}
    assert (await warehouse.step(f"{noun}/start", number, other["email"], **more)).status == 201
    assert (await warehouse.step(f"{noun}/complete", number, other["email"])).status == 200
    assert await status_of(db, number) == AFTER[noun]


@pytest.mark.parametrize("noun", NOUNS)
async def test_a_cancellation_is_refused_as_the_other_steps_are(warehouse, db, noun):
    worker, other = await warehouse.worker(), await warehouse.worker()

    async def refuses(number, email, name, sentence):
        return refused(await warehouse.step(f"{noun}/cancel", number, email, reason="x"), name, sentence)

    assert await refuses("nothing-like-it", "nobody@example.com", "invoice_no", NO_INVOICE)
    number = await warehouse.at(BEFORE[noun], worker["email"])
    assert await refuses(number, "nobody@example.com", "invoice_no", f"No {noun} session found for this invoice.")
    number = await warehouse.at(DURING[noun], worker["email"])
    assert await refuses(number, "nobody@example.com", "user_email", NO_USER)
    assert await refuses(number, other["email"], "user_email", MISMATCH[noun].format(**worker))
    assert await status_of(db, number) == DURING[noun]
    assert (await warehouse.step(f"{noun}/complete", number, worker["email"])).status == 200
    assert await refuses(number, other["email"], "user_email", MISMATCH[noun].format(**worker))
    assert await refuses(number, worker["email"], "invoice_no", DONE[noun])
    moved = await warehouse.at(DURING[noun], (await warehouse.worker())["email"])
    await db.execute("UPDATE sales.invoice SET status = 'DELIVERED' WHERE invoice_no = $1", moved)
    boss = await warehouse.worker("ADMIN")
    answer = await warehouse.step(f"{noun}/cancel", moved, token=boss["token"], reason="x")
    assert refused(answer, "invoice_no", f"Invoice must be in {DURING[noun]} status. Current status: DELIVERED")


@pytest.mark.parametrize("noun", NOUNS)
async def test_an_administrator_cancels_without_a_scan_or_with_their_own(warehouse, db, noun):
    worker, boss = await warehouse.worker(), await warehouse.worker("ADMIN")
    for scanned in (None, "", boss["email"], worker["email"]):
        number = await warehouse.at(DURING[noun], worker["email"])
        answer = await warehouse.step(f"{noun}/cancel", number, scanned, token=boss["token"], reason="x")
        assert (answer.status, await status_of(db, number)) == (200, BEFORE[noun]), answer.text
    number = await warehouse.at(DURING[noun], worker["email"])
    answer = await warehouse.step(f"{noun}/cancel", number, "nobody@example.com", token=boss["token"], reason="x")
    assert refused(answer, "user_email", NO_USER)
    await db.execute("DELETE FROM accounts.account WHERE email = $1", worker["email"])
    answer = await warehouse.step(f"{noun}/cancel", number, boss["email"], reason="x")
    assert "was deleted. Only an administrator can end" in answer.json["errors"]["user_email"][0]
    answer = await warehouse.step(f"{noun}/cancel", number, token=boss["token"], reason="x")
    assert (answer.status, await status_of(db, number)) == (200, BEFORE[noun])


async def test_a_couriers_delivery_is_cancelled_only_by_an_administrator(warehouse, db):
    worker, boss = await warehouse.worker(), await warehouse.worker("ADMIN")
    number = await warehouse.at("PACKED", worker["email"])
    assert (await warehouse.step("delivery/start", number, **COURIER)).status == 201
    answer = await warehouse.step("delivery/cancel", number, worker["email"], reason="x")
    sentence = "Email mismatch. This delivery was given to the courier Bluebird. Only an administrator can cancel it."
    assert refused(answer, "user_email", sentence)
    assert (await warehouse.step("delivery/complete", number, delivery_status="IN_TRANSIT")).status == 200
    answer = await warehouse.step("delivery/cancel", number, token=boss["token"], reason="lost")
    assert (answer.status, await status_of(db, number)) == (200, "PACKED")


# Races


async def test_64_workers_racing_for_one_invoice_leave_one_session_and_one_event(many, db):
    workers = [await many.worker() for _ in range(64)]
    number = await many.at("PENDING", workers[0]["email"])
    before = await everything(db)
    answers = await asyncio.gather(*(many.step("picking/start", number, worker["email"]) for worker in workers))
    won = [answer for answer in answers if answer.status == 201]
    assert len(won) == 1
    for answer in answers:
        assert answer in won or refused(answer, "invoice_no", "Invoice cannot be picked in 'PICKING' state.")
    after = await everything(db)
    assert (len(after[1]) - len(before[1]), after[-1] - before[-1]) == (1, 1)
    assert await status_of(db, number) == "PICKING"


@pytest.mark.parametrize("noun", ALIKE)
async def test_one_worker_racing_for_16_invoices_gets_one(many, db, noun):
    worker = await many.worker()
    numbers = [await many.at(BEFORE[noun], worker["email"]) for _ in range(16)]
    answers = await asyncio.gather(*(many.step(f"{noun}/start", number, worker["email"]) for number in numbers))
    (won,) = [number for number, answer in zip(numbers, answers, strict=True) if answer.status == 201]
    for number, answer in zip(numbers, answers, strict=True):
        if number != won:
            assert (answer.status, answer.json["message"]) == (
                409,
                f"You already have an active {noun} session for {won}",
            )
            assert answer.json["data"]["invoice_no"] == won
            assert await status_of(db, number) == BEFORE[noun]


@pytest.mark.parametrize("noun", NOUNS)
async def test_of_16_endings_of_one_session_one_is_the_end(many, db, noun):
    worker = await many.worker()
    number = await many.at(DURING[noun], worker["email"])
    before = await everything(db)
    steps = [(f"{noun}/complete", {"notes": "once"}), (f"{noun}/cancel", {"reason": "x"})] * 8
    answers = await asyncio.gather(*(many.step(path, number, worker["email"], **more) for path, more in steps))
    (won,) = [(path, answer) for (path, _), answer in zip(steps, answers, strict=True) if answer.status == 200]
    gone = f"No {noun} session found for this invoice." if won[0].endswith("cancel") else DONE[noun]
    for answer in answers:
        assert answer is won[1] or refused(answer, "invoice_no", gone)
    assert await status_of(db, number) == (BEFORE if won[0].endswith("cancel") else AFTER)[noun]
    assert (await everything(db))[-1] - before[-1] == 1


@pytest.mark.parametrize("noun", NOUNS)
async def test_a_start_that_waited_for_a_cancellation_finds_the_invoice_free(warehouse, db, noun):
    worker, other = await warehouse.worker(), await warehouse.worker()
    number = await warehouse.at(DURING[noun], worker["email"])
    more = {"delivery_type": "DIRECT"} if noun == "delivery" else {}
    async with db.transaction():
        id = await db.fetchval(
            "UPDATE sales.invoice SET status = $2 WHERE invoice_no = $1 RETURNING id", number, BEFORE[noun]
        )
        await db.execute("UPDATE sales.session SET status = 'CANCELLED' WHERE kind = $2 AND invoice_id = $1", id, noun)
        starting = asyncio.ensure_future(warehouse.step(f"{noun}/start", number, other["email"], **more))
        await until_somebody_waits(db)
    answer = await starting
    assert (answer.status, await status_of(db, number)) == (201, DURING[noun]), answer.text


async def test_a_picker_deleted_at_the_moment_of_the_start_is_not_found(warehouse, db):
    worker = await warehouse.worker()
    number = await warehouse.at("PENDING", worker["email"])
    async with db.transaction():
        await db.execute("DELETE FROM accounts.account WHERE email = $1", worker["email"])
        starting = asyncio.ensure_future(warehouse.step("picking/start", number, worker["email"]))
        await until_somebody_waits(db)
    assert refused(await starting, "user_email", NO_USER)
    assert await status_of(db, number) == "PENDING"


async def test_a_caller_deleted_at_the_moment_of_a_step_is_no_caller_any_more(warehouse, db):
    worker = await warehouse.worker()
    for status, path in (("PENDING", "picking/start"), ("PICKING", "picking/complete")):
        caller = await warehouse.worker()
        number = await warehouse.at(status, worker["email"])
        async with db.transaction():
            await db.execute("DELETE FROM accounts.account WHERE email = $1", caller["email"])
            step = asyncio.ensure_future(warehouse.step(path, number, worker["email"], token=caller["token"]))
            await until_somebody_waits(db)
        assert ((await step).status, await status_of(db, number)) == (401, status)


async def test_a_step_whose_database_connection_dies_is_503_and_leaves_nothing(warehouse, db):
    worker = await warehouse.worker()
    number = await warehouse.at("PENDING", worker["email"])
    before = await everything(db)
    async with db.transaction():
        await db.execute("SELECT FROM sales.invoice WHERE invoice_no = $1 FOR UPDATE", number)
        starting = asyncio.ensure_future(warehouse.step("picking/start", number, worker["email"]))
        await db.execute("SELECT pg_terminate_backend($1)", await until_somebody_waits(db))
        answer = await starting
    assert (answer.status, answer.json["success"], "Retry-After" in answer.headers) == (503, False, True)
    assert await everything(db) == before
    assert (await warehouse.step("picking/start", number, worker["email"])).status == 201


# A model of the workflow, and random walks beside it


@dataclass
class Session:
    worker: str
    state: str = "open"
    kind: str = ""


@dataclass
class Model:
    """The rules of docs/api/sales.md#workflow, in plain Python. A step answers (status, text): the message, or the field's sentence."""

    people: dict = field(default_factory=dict)  # name by e-mail
    status: dict = field(default_factory=dict)  # by invoice
    sessions: dict = field(default_factory=dict)  # by (noun, invoice): the one that was not cancelled
    cancelled: Counter = field(default_factory=Counter)  # by (noun, invoice)

    def step(self, noun, action, number, email, *, in_transit=False, kind="DIRECT"):
        return getattr(self, action)(noun, number, email, in_transit, kind)

    def start(self, noun, number, email, in_transit, kind):
        status = self.status[number]
        if status != BEFORE[noun]:
            told = f"Invoice must be in {BEFORE[noun]} status. Current status: {status}"
            return 400, f"Invoice cannot be picked in '{status}' state." if noun == "picking" else told
        courier = noun == "delivery" and kind == "COURIER"
        if email not in self.people and not courier:
            return 400, NO_USER
        if noun != "delivery":
            for (other_noun, other), session in self.sessions.items():
                if (other_noun, session.worker, session.state) == (noun, email, "open"):
                    return 409, f"You already have an active {noun} session for {other}"
        self.sessions[noun, number] = Session("" if courier else email, kind=kind)
        self.status[number] = DURING[noun]
        by = {"picking": "Picking started by Store", "packing": f"Packing started by {self.people.get(email)}"}
        return 201, by.get(noun, f"Delivery started - {kind}")

    def _session(self, noun, number, email):
        session = self.sessions.get((noun, number))
        if session is None:
            return None, (400, f"No {noun} session found for this invoice.")
        if email not in self.people:
            return None, (400, NO_USER)
        if session.worker and session.worker != email:
            return None, (400, MISMATCH[noun].format(name=self.people[session.worker], email=session.worker))
        if session.state == "done":
            return None, (400, DONE[noun])
        return session, None

    def complete(self, noun, number, email, in_transit, kind):
        session, refusal = self._session(noun, number, email)
        if session is None:
            return refusal
        if in_transit:
            return 200, f"Delivery in_transit for {number}"
        session.state = "done"
        self.status[number] = AFTER[noun]
        return 200, f"{noun.title()} {'delivered' if noun == 'delivery' else 'completed'} for {number}"

    def cancel(self, noun, number, email, in_transit, kind):
        open_session = self.sessions.get((noun, number))
        if open_session is not None and not open_session.worker and email in self.people:
            return (
                400,
                "Email mismatch. This delivery was given to the courier Bluebird. Only an administrator can cancel it.",
            )
        session, refusal = self._session(noun, number, email)
        if session is None:
            return refusal
        del self.sessions[noun, number]
        self.cancelled[noun, number] += 1
        self.status[number] = BEFORE[noun]
        return 200, f"{noun.title()} cancelled for {number}"


@dataclass(frozen=True)
class Move:
    noun: str
    action: str
    number: str
    email: str
    in_transit: bool = False
    kind: str = "DIRECT"

    @property
    def path(self):
        return f"{self.noun}/{self.action}"

    @property
    def body(self):
        if self.action == "cancel":
            return {"reason": "a walk"}
        if self.noun != "delivery":
            return {}
        if self.action == "start":
            return {"delivery_type": self.kind, "courier_name": "Bluebird"}
        return {"delivery_status": "IN_TRANSIT"} if self.in_transit else {}


def random_move(chance, status, emails, senders=None):
    """Any step; or often one that has a good chance, so that walks get on. status: of each invoice, as far as one knows.
    senders: who began what, by (noun, number)."""
    number = chance.choice(list(status))
    noun, action = chance.choice(NOUNS), chance.choices(["start", "complete", "cancel"], [5, 5, 2])[0]
    email = chance.choice(emails)
    fitting = [noun for noun in NOUNS if status[number] in (BEFORE[noun], DURING[noun])]
    if fitting and chance.random() < 0.6:
        noun = fitting[-1]
        action = "start" if status[number] == BEFORE[noun] else chance.choices(["complete", "cancel"], [4, 1])[0]
        email = (senders or {}).get((noun, number), email) if action != "start" else email
    return Move(
        noun,
        action,
        number,
        email,
        in_transit=(noun, action) == ("delivery", "complete") and chance.random() < 0.4,
        kind=chance.choice(["DIRECT", "INTERNAL", "COURIER"]) if noun == "delivery" else "DIRECT",
    )


def told(answer):
    if answer.status == 400:
        (sentences,) = answer.json["errors"].values()
        return sentences[0]
    return answer.json["message"]


async def new_walk(warehouse, stream, invoices, workers):
    """Invoices in PENDING, people, and a reader who has seen the invoices come."""
    people = [await warehouse.worker() for _ in range(workers)]
    model = Model({worker["email"]: worker["name"] for worker in people})
    reader = await stream()
    for _ in range(invoices):
        number = await warehouse.at("PENDING", "")
        model.status[number] = "PENDING"
        while (await reader.invoice())["invoice_no"] != number:
            pass
    return model, reader


async def stored_sessions(db, numbers):
    found = {}
    for noun in ("picking", "packing", "delivery"):
        for row in await db.fetch(
            f"""SELECT i.invoice_no, a.email, s.status AS state, s.end_time
                  FROM sales.session s JOIN sales.invoice i ON i.id = s.invoice_id LEFT JOIN accounts.account a ON a.id = s.worker_id
                 WHERE s.kind = '{noun}' AND i.invoice_no = ANY ($1::text[]) ORDER BY s.id""",
            list(numbers),
        ):
            found.setdefault((noun, row["invoice_no"]), []).append(row)
    return found


@pytest.mark.parametrize("seed", range(2))
async def test_every_answer_of_a_random_walk_is_what_the_model_says(warehouse, db, stream, seed):
    chance = random.Random(seed)
    model, reader = await new_walk(warehouse, stream, 4, 3)
    emails = [*model.people, "nobody@example.com"]
    events, seen = [], Counter()
    for _ in range(int(by_form(short=100, long=1000))):
        senders = {key: session.worker or emails[0] for key, session in model.sessions.items()}
        move = random_move(chance, model.status, emails, senders)
        expected = model.step(
            move.noun, move.action, move.number, move.email, in_transit=move.in_transit, kind=move.kind
        )
        answer = await warehouse.step(move.path, move.number, move.email, **move.body)
        assert (answer.status, told(answer)) == expected, move
        seen[answer.status] += 1
        if answer.status < 400:
            events.append((move.number, model.status[move.number]))
    assert seen[200] > 5 and seen[201] > 5 and seen[400] > 20
    streamed = [await reader.invoice() for _ in events]
    assert [(one["invoice_no"], one["status"]) for one in streamed] == events
    for number, status in model.status.items():
        assert await status_of(db, number) == status
    stored = await stored_sessions(db, model.status)
    assert Counter((key, row["state"] == "CANCELLED") for key, rows in stored.items() for row in rows) == Counter(
        {**{(key, True): n for key, n in model.cancelled.items()}, **{(key, False): 1 for key in model.sessions}}
    )
    for key, rows in stored.items():
        for row in rows:
            if row["state"] != "CANCELLED":
                session = model.sessions[key]
                assert (row["email"] or "", row["end_time"] is not None) == (session.worker, session.state == "done")


# Which step leads from one status to the next; no two lead along the same way.
LEADS = {(BEFORE[n], DURING[n]): (n, "start", False) for n in NOUNS}
LEADS |= {(DURING[n], AFTER[n]): (n, "complete", False) for n in NOUNS}
LEADS |= {(DURING[n], BEFORE[n]): (n, "cancel", False) for n in NOUNS}
LEADS |= {("DISPATCHED", "DISPATCHED"): ("delivery", "complete", True)}
# What may be told to those who lose, beside NO_USER.
LOST = (
    "Invoice cannot be picked in '",
    "Invoice must be in ",
    "No ",
    "Email mismatch. This ",
    "Picking already",
    "Packing already",
    "Delivery already",
)


@pytest.mark.parametrize("seed", range(2))
async def test_a_crowd_at_random_leaves_legal_paths_and_the_stream_tells_them_in_order(many, db, stream, seed):
    chance = random.Random(seed)
    model, reader = await new_walk(many, stream, 5, 5)
    numbers, emails, committed = list(model.status), list(model.people), []
    known, senders, moves = dict(model.status), {}, iter(range(int(by_form(short=150, long=2000))))

    async def walk():
        for _ in moves:
            move = random_move(chance, known, emails, senders)
            answer = await many.step(move.path, move.number, move.email, **move.body)
            assert answer.status in (200, 201, 400, 409), answer.text
            if answer.status < 400:
                committed.append(move)
                leads = {step: status for (_, status), step in LEADS.items()}
                known[move.number] = leads[move.noun, move.action, move.in_transit]
                senders[move.noun, move.number] = move.email
            else:
                assert answer.status == 409 or told(answer).startswith(LOST), answer.text

    await asyncio.gather(*(walk() for _ in range(24)))
    assert len(committed) > 15
    streamed = [await reader.invoice() for _ in committed]
    await db.execute("UPDATE sales.invoice SET remarks = 'the end' WHERE invoice_no = $1", numbers[0])
    assert (await reader.invoice())["remarks"] == "the end"  # so there was no event too many

    # In the stream's order each invoice goes a legal way, by just the steps that were answered with success.
    now, steps = dict.fromkeys(numbers, "PENDING"), Counter()
    sessions = await stored_sessions(db, numbers)
    begun, busy = Counter(), set()
    for one in streamed:
        number = one["invoice_no"]
        noun, action, in_transit = LEADS[now[number], one["status"]]
        steps[number, noun, action, in_transit] += 1
        # And nobody picks (packs) two at once, by that order: it is the order of the commits, across invoices too.
        if noun != "delivery":
            worker = noun, sessions[noun, number][begun[noun, number] - (action != "start")]["email"]
            if action == "start":
                assert worker not in busy
                begun[noun, number] += 1
                busy.add(worker)
            else:
                busy.remove(worker)
        now[number] = one["status"]
    assert steps == Counter((move.number, move.noun, move.action, move.in_transit) for move in committed)
    assert now == {number: await status_of(db, number) for number in numbers}
    order = list(WAY)
    for noun, number in itertools.product(NOUNS, numbers):
        live = [row for row in sessions.get((noun, number), []) if row["state"] != "CANCELLED"]
        assert len(live) == (order.index(now[number]) >= order.index(DURING[noun]))
        assert [row["end_time"] is None for row in live] == [now[number] == DURING[noun] for _ in live]


KINDS = {"picking": "PICKING", "packing": "PACKING", "delivery": "DISPATCHED"}


@pytest.mark.parametrize("kind", KINDS)
async def test_why_a_session_was_cancelled_is_answered_and_stands_in_the_history(warehouse, api, sign_in, kind):
    worker = await warehouse.worker()
    number = await warehouse.at(KINDS[kind], worker["email"])
    answer = await warehouse.step(f"{kind}/cancel", number, worker["email"], reason=" shelf empty ")
    assert answer.status == 200 and answer.json["data"]["cancel_reason"] == "shelf empty"
    boss = (await sign_in("ADMIN"))["access"]
    (row,) = (await api.get(f"/api/sales/{kind}/history/?invoice_no={number}", token=boss)).json["results"]
    assert (row[f"{kind}_status"], row["cancel_reason"]) == ("CANCELLED", "shelf empty")
    other = await warehouse.at(KINDS[kind], worker["email"])
    (row,) = (await api.get(f"/api/sales/{kind}/history/?invoice_no={other}", token=boss)).json["results"]
    assert "cancel_reason" not in row


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ending", ["complete", "cancel"])
async def test_an_administrator_ends_the_session_of_a_worker_who_was_deactivated(warehouse, db, sign_in, kind, ending):
    worker, boss = await warehouse.worker(), (await sign_in("ADMIN"))["access"]
    number = await warehouse.at(KINDS[kind], worker["email"])
    await db.execute("UPDATE accounts.account SET is_active = false WHERE email = $1", worker["email"])
    more = {"reason": "left"} if ending == "cancel" else {}
    answer = await warehouse.step(f"{kind}/{ending}", number, worker["email"], **more)
    assert answer.status == 400 and "user_email" in answer.json["errors"]
    assert (await warehouse.step(f"{kind}/{ending}", number, worker["email"], token=boss, **more)).status == 200


@pytest.mark.parametrize(("kind", "before"), [("picking", "PENDING"), ("packing", "PICKED"), ("delivery", "PACKED")])
async def test_who_is_not_of_the_firm_does_none_of_its_work(warehouse, sign_in, kind, before):
    worker = await warehouse.worker()
    number = await warehouse.at(before, worker["email"])
    more = {"delivery_type": "DIRECT"} if kind == "delivery" else {}
    for role in ("MEMBER", "VENDOR", "SALESREP"):
        await sign_in(role)
        answer = await warehouse.step(f"{kind}/start", number, f"{role.lower()}@example.com", **more)
        assert answer.json["errors"] == {"user_email": ["User not found. Please scan a valid email."]}
    assert (await warehouse.step(f"{kind}/start", number, worker["email"], **more)).status == 201

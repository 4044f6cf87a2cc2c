"""Invoices of the books: made, changed, deleted. docs/api/books.md#invoices."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.books.conftest import LINE

pytestmark = pytest.mark.gen_test

PATH = "/api/invoices/"
LATE = {"issue_date": "2024-01-01", "due_date": "2024-01-31"}


def today(days=0):
    return str((datetime.now(UTC) + timedelta(days=days)).date())


def one(invoice):
    return f"{PATH}{invoice['id']}/"


def sums(invoice):
    return [invoice[name] for name in ("subtotal", "tax_amount", "total_amount", "paid_amount", "balance", "status")]


async def test_an_invoice_is_made_shown_listed_and_deleted(owner):
    client = await owner.client(name="Asha")
    sent = {
        "client": client["id"],
        "issue_date": "2024-01-01",
        "due_date": "2099-01-31",
        "tax_amount": "100.00",
        "terms": "Payment terms...",
        "notes": "Additional notes...",
        "line_items": [LINE],
        # The server's own:
        "invoice_number": "INV-1",
        "subtotal": "1.00",
        "total_amount": "2.00",
        "paid_amount": "3.00",
        "balance": 4,
        "owner": 5,
    }
    made = await owner.post(PATH, sent)
    expected = {
        "id": made.json["id"],
        "invoice_number": "INV-2024-001",
        "client": client["id"],
        "client_name": "Asha",
        "issue_date": "2024-01-01",
        "due_date": "2099-01-31",
        "status": "draft",
        "title": "",
        "subtotal": "1000.00",
        "tax_rate": None,
        "tax_amount": "100.00",
        "total_amount": "1100.00",
        "paid_amount": "0.00",
        "balance": "1100.00",
        "terms": "Payment terms...",
        "notes": "Additional notes...",
        "source_quote": None,
        "sent_at": None,
        "paid_at": None,
        "owner": owner.id,
        "line_items": [{**LINE, "total": "1000.00"}],
        "payments": [],
    }
    stamps = {name: made.json[name] for name in ("created_at", "updated_at")}
    assert (made.status, made.json) == (201, {**expected, **stamps})
    shown = await owner.get(one(made.json))
    assert (shown.status, shown.json, shown.headers["ETag"]) == (200, made.json, '"1.1-draft"')
    assert (await owner.get(PATH)).json == {"count": 1, "next": None, "previous": None, "results": [made.json]}
    assert (await owner.delete(one(made.json))).status == 204
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = await owner.call(method, one(made.json), None if method in ("GET", "DELETE") else {"notes": "x"})
        assert (answer.status, answer.json["error"]) == (404, "Not found."), method
    assert (await owner.get(PATH)).json["count"] == 0


async def test_an_invoice_is_issued_today_and_due_in_30_days_unless_said_otherwise(owner):
    made = await owner.invoice()
    assert (made["issue_date"], made["due_date"]) == (today(), today(30))
    assert made["invoice_number"] == f"INV-{today()[:4]}-001"
    made = await owner.invoice(issue_date="9999-12-31", due_date=None)
    assert (made["issue_date"], made["due_date"], made["invoice_number"]) == ("9999-12-31", "9999-12-31", "INV-9999-001")


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"tax_rate": "0.1"}, ["33.33", "3.33", "36.66"]),
        ({"tax_rate": 0.07505}, ["33.33", "2.50", "35.83"]),
        ({"tax_rate": 1, "tax_amount": 5}, ["33.33", "33.33", "66.66"]),
        ({"tax_rate": None, "tax_amount": "0.005"}, ["33.33", "0.01", "33.34"]),
        ({}, ["33.33", "0.00", "33.33"]),
    ],
)
async def test_tax_is_that_of_the_rate_or_the_amount_or_nothing(owner, sent, expected):
    made = await owner.invoice(line_items=[{"description": "Hours", "quantity": 3, "unit_price": "11.11"}], **sent)
    assert sums(made)[:3] == expected


async def test_lines_are_rounded_half_up_to_cents_each(owner):
    lines = [
        {"description": "  Half  ", "quantity": "0.5", "unit_price": "0.01"},
        {"description": "Default quantity", "unit_price": 99.995},
        {"description": "Fraction", "quantity": 2.50, "unit_price": "1.01"},
    ]
    made = await owner.invoice(line_items=lines)
    assert made["line_items"] == [
        {"description": "Half", "quantity": 0.5, "unit_price": "0.01", "total": "0.01"},
        {"description": "Default quantity", "quantity": 1, "unit_price": "100.00", "total": "100.00"},
        {"description": "Fraction", "quantity": 2.5, "unit_price": "1.01", "total": "2.53"},
    ]
    assert made["total_amount"] == "102.54"


NO_LINES = {"line_items": ["At least one line item is required."]}


@pytest.mark.parametrize(
    ("sent", "details"),
    [
        ({"client": None}, {"client": ["This field may not be null."]}),
        ({"client": "x"}, {"client": ['A valid integer is required. "x" is not one.']}),
        ({"client": 10**17}, {"client": ["Invalid client selected."]}),
        ({"client": -1}, {"client": ["Invalid client selected."]}),
        ({"client": 10**30}, {"client": ["A valid number is required."]}),
        ({"source_quote": 10**17}, {"source_quote": ["Invalid quote selected."]}),
        ({"line_items": []}, NO_LINES),
        ({"line_items": [{}]}, {"line_items": [{"description": ["This field is required."], "unit_price": ["This field is required."]}]}),
        ({"line_items": [LINE] * 1001}, {"line_items": {"non_field_errors": ["Ensure this field has no more than 1000 elements."]}}),
        ({"line_items": [LINE, {**LINE, "description": " "}]}, {"line_items": [{}, {"description": ["Description cannot be empty."]}]}),
        ({"line_items": [{**LINE, "description": "x" * 1001}]}, {"line_items": [{"description": ["Ensure this field has no more than 1000 characters."]}]}),
        ({"line_items": [{**LINE, "description": "a\0"}]}, {"line_items": [{"description": ["Null characters are not allowed."]}]}),
        ({"line_items": [{**LINE, "quantity": 0}]}, {"line_items": [{"quantity": ["Quantity must be greater than zero."]}]}),
        ({"line_items": [{**LINE, "unit_price": "0.00"}]}, {"line_items": [{"unit_price": ["Unit price must be greater than zero."]}]}),
        ({"line_items": [{**LINE, "unit_price": "1e99"}]}, {"line_items": [{"unit_price": ["Ensure this value is less than or equal to 99999999.99."]}]}),
        ({"tax_rate": 1.01}, {"tax_rate": ["Tax rate must be between 0 and 1 (0-100%)."]}),
        ({"tax_rate": -0.1}, {"tax_rate": ["Tax rate must be between 0 and 1 (0-100%)."]}),
        ({"tax_amount": "-1"}, {"tax_amount": ["Ensure this value is greater than or equal to 0."]}),
        ({"issue_date": "2024-02-30"}, {"issue_date": ["Date has wrong format. Use one of these formats instead: YYYY-MM-DD."]}),
        ({"issue_date": "2024-02-01", "due_date": "2024-01-31"}, {"due_date": ["Due date cannot be before issue date"]}),
        ({"title": "x" * 256}, {"title": ["Ensure this field has no more than 255 characters."]}),
        ({"status": "partial"}, {"status": ['"partial" is not a valid choice.']}),
        ({"status": "cancelled"}, {"status": ['"cancelled" is not a valid choice.']}),
        ({"line_items": [{**LINE, "quantity": 99999999, "unit_price": 99999999}] * 3}, {"total_amount": ["The total must be no more than 99999999.99."]}),
        ({"line_items": [{**LINE, "unit_price": "99999999.99"}], "tax_rate": "0.0001"}, {"total_amount": ["The total must be no more than 99999999.99."]}),
        ({"line_items": [{**LINE, "quantity": "0.01", "unit_price": "0.01"}]}, {"total_amount": ["The total must be at least 0.01."]}),
        ({"payments": [{}]}, {"payments": [{"amount": ["This field is required."]}]}),
        ({"payments": [{"amount": 0}]}, {"payments": [{"amount": ["Amount must be greater than zero."]}]}),
        ({"payments": [{"amount": 1}], "status": "draft"}, {"payments": ["Payments cannot be recorded on a draft invoice."]}),
        ({"payments": [{"amount": 600}, {"amount": "400.01"}]}, {"payments": ["The payments exceed the balance of 1000.00."]}),
        ({"payments": [{"amount": 1, "payment_date": "9999-01-01"}]}, {"payments": ["Payment date cannot be in the future."]}),
        ({"payments": [{"amount": 1, "payment_method": "x" * 51}]}, {"payments": [{"payment_method": ["Ensure this field has no more than 50 characters."]}]}),
        ({"payments": [{"amount": 1, "reference": "x" * 101}]}, {"payments": [{"reference": ["Ensure this field has no more than 100 characters."]}]}),
    ],
)  # fmt: skip
async def test_a_wrong_invoice_is_refused_and_takes_no_number(owner, sent, details):
    client = (await owner.client())["id"]
    answer = await owner.post(PATH, {"client": client, "line_items": [LINE], **sent})
    assert (answer.status, answer.json) == (400, {"error": "Validation failed", "details": details})
    assert (await owner.invoice(client, issue_date="2024-02-01"))["invoice_number"] == "INV-2024-001"
    if details != NO_LINES:
        return
    answer = await owner.post(PATH, {"client": client})
    assert (answer.status, answer.json["details"]) == (400, NO_LINES)


async def test_numbers_count_each_year_of_each_owner_by_itself(owner, open_books, db):
    stranger = await open_books()
    for one_owner, year, number in (
        (owner, 2024, "001"),
        (owner, 2024, "002"),
        (owner, 2025, "001"),
        (stranger, 2024, "001"),
        (owner, 2024, "003"),
    ):
        made = await one_owner.invoice(issue_date=f"{year}-05-05")
        assert made["invoice_number"] == f"INV-{year}-{number}"
    await db.execute("UPDATE books.number_counter SET last = 999 WHERE owner_id = $1 AND year = 2024", owner.id)
    assert (await owner.invoice(issue_date="2024-05-05"))["invoice_number"] == "INV-2024-1000"


async def test_64_parallel_invoices_get_64_consecutive_numbers(owner):
    client = (await owner.client())["id"]
    made = await asyncio.gather(*(owner.invoice(client, issue_date="2024-01-01") for _ in range(64)))
    assert sorted(invoice["invoice_number"] for invoice in made) == [f"INV-2024-{n:03}" for n in range(1, 65)]


async def test_a_repeated_request_makes_one_invoice(owner):
    body = {"client": (await owner.client())["id"], "line_items": [LINE]}
    first, second = [await owner.post(PATH, body, headers={"Idempotency-Key": "invoice-1"}) for _ in range(2)]
    assert (second.status, second.json, second.headers["Idempotency-Replayed"]) == (201, first.json, "true")
    assert (await owner.get(PATH)).json["count"] == 1


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"status": "draft"}, ["0.00", "1000.00", "draft"]),
        ({"status": "draft", "payments": []}, ["0.00", "1000.00", "draft"]),
        ({"status": "sent"}, ["0.00", "1000.00", "sent"]),
        ({"status": "sent", **LATE}, ["0.00", "1000.00", "overdue"]),
        ({"status": "paid"}, ["1000.00", "0.00", "paid"]),
        ({"payments": [{"amount": 400}]}, ["400.00", "600.00", "partial"]),
        ({"payments": [{"amount": 400}], **LATE}, ["400.00", "600.00", "overdue"]),
        ({"payments": [{"amount": 400}], "status": "sent"}, ["400.00", "600.00", "partial"]),
        ({"payments": [{"amount": 400}], "status": "paid"}, ["1000.00", "0.00", "paid"]),
        ({"payments": [{"amount": 400}, {"amount": "600"}]}, ["1000.00", "0.00", "paid"]),
    ],
)
async def test_an_invoice_is_made_as_a_draft_sent_or_paid(owner, sent, expected):
    made = await owner.invoice(**sent)
    assert sums(made)[3:] == expected
    status = expected[-1]
    assert (made["sent_at"] is None, made["paid_at"] is None) == (status == "draft", status != "paid")
    assert (await owner.get(one(made))).json == made


async def test_nested_payments_get_defaults_and_keep_their_order(owner):
    sent = {"amount": "500.00", "payment_date": "2024-01-15", "payment_method": "bank_transfer", "reference": "TXN123456"}
    made = await owner.invoice(payments=[sent, {"amount": 1, "id": 7}])
    first, second = made["payments"]
    assert first == {**sent, "id": first["id"], "created_at": first["created_at"]}
    defaults = {"amount": "1.00", "payment_date": today(), "payment_method": "other", "reference": ""}
    assert second == {**defaults, "id": second["id"], "created_at": second["created_at"]}
    assert second["id"] > first["id"]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_draft_is_changed_and_keeps_what_the_body_omits(owner, method):
    made = await owner.invoice(title="Work", terms="T", notes="N", tax_rate="0.1", **LATE)
    client = await owner.client(name="Another")
    lines = [{"description": "New", "quantity": 2, "unit_price": "7.00"}]
    changes = {"client": client["id"], "line_items": lines, "issue_date": "2023-12-01", "terms": None, "owner": 9}
    changed = await owner.call(method, one(made), changes)
    expected = {
        **made,
        "client": client["id"],
        "client_name": "Another",
        "line_items": [{**lines[0], "total": "14.00"}],
        "issue_date": "2023-12-01",
        "terms": "",
        "subtotal": "14.00",
        "tax_amount": "1.40",
        "total_amount": "15.40",
        "balance": "15.40",
    }
    assert (changed.status, changed.headers["ETag"]) == (200, '"2.1-draft"')
    assert changed.json == {**expected, "updated_at": changed.json["updated_at"]}
    assert (await owner.get(one(made))).json == changed.json


async def test_the_tax_of_a_draft_becomes_an_amount_or_a_rate(owner):
    made = await owner.invoice(tax_rate="0.1")
    for sent, expected in (
        ({"tax_amount": "100.00"}, ("0.1000", "100.00")),
        ({"tax_amount": "50"}, (None, "50.00")),
        ({"line_items": [{**LINE, "quantity": 2}]}, (None, "50.00")),
        ({"tax_rate": "0.25"}, ("0.2500", "500.00")),
        ({"tax_rate": None}, (None, "500.00")),
        ({"tax_amount": None}, (None, "500.00")),
    ):
        changed = await owner.patch(one(made), sent)
        assert (changed.json["tax_rate"], changed.json["tax_amount"]) == expected, sent


async def test_a_change_without_difference_changes_nothing(owner):
    made = await owner.invoice(payments=[{"amount": 1}], title="T", tax_rate=0.2)
    for body in (made, {}, {"status": "partial"}, {"payments": None}):
        answer = await owner.put(one(made), body)
        assert (answer.status, answer.json, answer.headers["ETag"]) == (200, made, '"1.1-partial"')


async def test_wrong_changes_of_a_draft_are_refused(owner):
    made = await owner.invoice(issue_date="2024-01-10", due_date="2024-01-31")
    for sent, details in (
        ({"client": 10**17}, {"client": ["Invalid client selected."]}),
        ({"source_quote": 10**17}, {"source_quote": ["Invalid quote selected."]}),
        ({"due_date": "2024-01-09"}, {"due_date": ["Due date cannot be before issue date"]}),
        ({"issue_date": "2024-02-01"}, {"due_date": ["Due date cannot be before issue date"]}),
        ({"line_items": []}, NO_LINES),
        ({"tax_amount": 99999999.99}, {"total_amount": ["The total must be no more than 99999999.99."]}),
        ({"payments": [{"amount": 1}]}, {"payments": ["Payments cannot be recorded on a draft invoice."]}),
        ({"payments": [{"amount": 1, "id": 1}]}, {"payments": ["Invalid payment selected."]}),
        ({"status": "open"}, {"status": ['"open" is not a valid choice.']}),
    ):
        answer = await owner.patch(one(made), sent)
        assert (answer.status, answer.json.get("details")) == (400, details), sent
    assert (await owner.get(one(made))).json == made


async def test_only_notes_status_and_payments_of_a_sent_invoice_change(owner):
    made = await owner.invoice(status="sent", title="Work", terms="T", tax_rate="0.1")
    other = await owner.client()
    for sent in (
        {"client": other["id"]},
        {"title": "Play"},
        {"terms": ""},
        {"issue_date": "2024-01-01"},
        {"due_date": today(31)},
        {"tax_rate": 0.2},
        {"tax_rate": None},
        {"tax_amount": 1},
        {"line_items": [LINE, LINE]},
        {"line_items": [{**LINE, "description": "Other"}]},
        {"status": "cancelled", "title": "Play"},
    ):
        for method in ("PUT", "PATCH"):
            answer = await owner.call(method, one(made), sent)
            assert (answer.status, answer.json["error"]) == (400, "Only draft invoices can be edited"), sent
    changed = await owner.put(one(made), {**made, "notes": "Called", "line_items": [{**LINE, "quantity": "1.00"}]})
    assert (changed.status, changed.json) == (200, {**made, "notes": "Called", "updated_at": changed.json["updated_at"]})


async def test_a_client_that_knows_no_rate_sends_back_a_sent_invoice(owner):
    made = await owner.invoice(status="sent", tax_rate="0.1")
    known = ("client", "issue_date", "due_date", "status", "tax_amount", "terms", "line_items", "payments")
    changed = await owner.put(one(made), {**{name: made[name] for name in known}, "notes": "Called"})
    assert (changed.status, changed.json["tax_rate"], changed.json["notes"]) == (200, "0.1000", "Called")


async def test_only_drafts_are_deleted(owner):
    for fields in ({"status": "sent"}, {"status": "paid"}, {"payments": [{"amount": 1}]}, {"status": "sent", **LATE}):
        made = await owner.invoice(**fields)
        answer = await owner.delete(one(made))
        assert (answer.status, answer.json["error"]) == (400, "Only draft invoices can be deleted")
        assert (await owner.get(one(made))).json == made


async def test_invoices_of_another_owner_do_not_exist(owner, open_books):
    stranger = await open_books("OWNER")
    client = await stranger.client(name="Secret client", email="secret@example.com")
    invoice = await stranger.invoice(client["id"], title="Secret", payments=[{"amount": 1, "reference": "secret"}])
    payment = invoice["payments"][0]["id"]
    own = await owner.invoice(status="sent")
    paths = {
        one(invoice): ("GET", "PUT", "PATCH", "DELETE"),
        f"{one(invoice)}payments/": ("GET", "POST"),
        f"{one(invoice)}payments/{payment}/": ("GET", "DELETE"),
        f"{one(own)}payments/{payment}/": ("GET", "DELETE"),
        **{f"{one(invoice)}{action}/": ("POST",) for action in ("send", "mark_paid", "mark_as_paid", "cancel", "duplicate")},
    }  # fmt: skip
    for path, methods in paths.items():
        for method in methods:
            answer = await owner.call(method, path, {"amount": 1} if method in ("PUT", "PATCH", "POST") else None)
            assert (answer.status, answer.json) == (404, {"error": "Not found.", "detail": "Not found."}), path
    draft = await owner.invoice()
    for body in ({"client": client["id"]}, {"client": 10**17}):
        for answer in (
            await owner.post(PATH, {"line_items": [LINE], **body}),
            await owner.put(one(draft), body),
            await owner.patch(one(draft), body),
        ):
            assert (answer.status, answer.json["details"]) == (400, {"client": ["Invalid client selected."]})
    for id in (payment, 10**17):
        answer = await owner.patch(one(own), {"payments": [{"id": id, "amount": 1}]})
        assert (answer.status, answer.json["details"]) == (400, {"payments": ["Invalid payment selected."]})
    for path in (f"{PATH}?search=secret", f"{PATH}search/?q=secret", f"{PATH}?client={client['id']}"):
        assert (await owner.get(path)).json["count"] == 0
    assert (await stranger.get(one(invoice))).json == invoice


async def test_only_the_state_that_if_match_names_is_changed_or_deleted(owner):
    client = await owner.client()
    made = await owner.invoice(client["id"])
    tag = (await owner.get(one(made))).headers["ETag"]
    changed = await owner.patch(one(made), {"notes": "a"}, headers={"If-Match": tag})
    assert changed.headers["ETag"] == '"2.1-draft"'
    for method, path, body in (
        ("PATCH", one(made), {"notes": "b"}),
        ("PUT", one(made), {"notes": "b"}),
        ("DELETE", one(made), None),
        ("POST", f"{one(made)}send/", None),
        ("POST", f"{one(made)}mark_paid/", None),
        ("POST", f"{one(made)}cancel/", None),
    ):
        answer = await owner.call(method, path, body, headers={"If-Match": tag})
        assert (answer.status, answer.headers["ETag"]) == (412, '"2.1-draft"'), method
    assert (await owner.get(one(made))).json == changed.json
    # The invoice shows the client's name.
    await owner.patch(f"/api/clients/{client['id']}/", {"name": "Renamed"})
    assert (await owner.patch(one(made), {"notes": "c"}, headers={"If-Match": '"2.1-draft"'})).status == 412
    assert (await owner.delete(one(made), headers={"If-Match": '"2.2-draft"'})).status == 204


async def test_of_racing_changes_of_one_state_one_is_made(owner):
    made = await owner.invoice()
    answers = await asyncio.gather(
        *(owner.patch(one(made), {"notes": f"note {n}"}, headers={"If-Match": '"1.1-draft"'}) for n in range(8))
    )
    assert sorted(answer.status for answer in answers) == [200] + [412] * 7


async def test_a_client_with_invoices_is_not_deleted(owner):
    made = await owner.invoice()
    answer = await owner.delete(f"/api/clients/{made['client']}/")
    assert answer.status == 400
    assert answer.json["error"] == "The client has invoices and can't be deleted. Deactivate it instead."


async def test_an_invoice_for_a_client_that_is_deleted_meanwhile_is_refused_or_keeps_it(owner):
    for _ in range(8):
        client = (await owner.client())["id"]
        made, gone = await asyncio.gather(
            owner.post(PATH, {"client": client, "line_items": [LINE]}), owner.delete(f"/api/clients/{client}/")
        )
        assert (made.status, gone.status) in ((201, 400), (400, 204))
        if made.status == 400:
            assert made.json["details"] == {"client": ["Invalid client selected."]}


async def test_changes_and_deletions_enter_the_audit(owner, db):
    made = await owner.invoice()
    await owner.patch(one(made), {"title": "New"})
    await owner.patch(one(made), {"title": "New"})
    await owner.delete(one(made))
    other = await owner.invoice(status="sent")
    await owner.post(f"{one(other)}mark_paid/")
    rows = await db.fetch(
        "SELECT action, account_id, object_id, before::text, after::text FROM operations.audit"
        " WHERE object_type = 'invoice' AND account_id = $1 ORDER BY id",
        owner.id,
    )
    assert [row["action"] for row in rows] == ["invoice.update", "invoice.delete", "invoice.mark_paid"]
    assert rows[0]["after"] == '{"title": "New"}'
    assert '"1000.00"' in rows[2]["after"]


async def test_an_invoice_of_1000_lines_is_made_and_changed(owner):
    lines = [{"description": f"Line {n} " + "x" * 800, "quantity": n, "unit_price": "0.01"} for n in range(1, 1001)]
    made = await owner.invoice(line_items=lines)
    assert (made["total_amount"], made["line_items"][999]["total"]) == ("5005.00", "10.00")
    changed = await owner.put(one(made), {**made, "title": "Long"})
    assert (changed.json["line_items"], changed.json["title"]) == (made["line_items"], "Long")

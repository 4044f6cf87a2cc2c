"""Invoices of the books that are made. docs/api/books.md#invoices."""

import asyncio

import pytest

from tests.books.invoices import LATE, NO_LINES, PATH, one, sums, today
from tests.support.owners import LINE

pytestmark = pytest.mark.gen_test


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
    assert (made["issue_date"], made["due_date"], made["invoice_number"]) == (
        "9999-12-31",
        "9999-12-31",
        "INV-9999-001",
    )


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
    sent = {
        "amount": "500.00",
        "payment_date": "2024-01-15",
        "payment_method": "bank_transfer",
        "reference": "TXN123456",
    }
    made = await owner.invoice(payments=[sent, {"amount": 1, "id": 7}])
    first, second = made["payments"]
    assert first == {**sent, "id": first["id"], "created_at": first["created_at"]}
    defaults = {"amount": "1.00", "payment_date": today(), "payment_method": "other", "reference": ""}
    assert second == {**defaults, "id": second["id"], "created_at": second["created_at"]}
    assert second["id"] > first["id"]

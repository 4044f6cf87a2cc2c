"""Invoices that are made of quotes. docs/api/books.md#conversion."""

import asyncio

import pytest

from tests.books.invoices import PATH, one, today
from tests.support.owners import LINE

pytestmark = pytest.mark.gen_test

BY_ID = "/api/invoices/from_quote/"
REFUSED = {"error": "Validation failed", "details": {"quote_id": ["Quote cannot be converted to invoice."]}}
UNKNOWN = {"error": "Validation failed", "details": {"quote_id": ["Quote not found."]}}


@pytest.fixture
def quoted(db):
    """`await quoted(owner)`: the id of an accepted quote with lines and a tax of 10 %."""

    async def quoted(
        owner,
        status="accepted",
        lines='[{"description": "Work", "quantity": 2, "unit_price": "50.00", "total": "100.00"}]',
    ):
        client = (await owner.client())["id"]
        number = await db.fetchval("SELECT books.next_number($1, 'quote', 2024)", owner.id)
        return await db.fetchval(
            "INSERT INTO books.quote (owner_id, year, number, client_id, status, issue_date, expiry_date, title, terms, notes,"
            "                         line_items, tax_rate, subtotal, tax_amount, total_amount)"
            " VALUES ($1, 2024, $2, $3, $4, '2024-01-01', '2024-01-31', 'Title', 'Terms', 'Notes', $5, 0.1, 100, 10, 110)"
            " RETURNING id",
            owner.id, number, client, status, lines,
        )  # fmt: skip

    return quoted


def by_path(quote):
    return f"/api/quotes/{quote}/convert_to_invoice/"


@pytest.mark.parametrize("form", ["path", "body"])
async def test_an_accepted_quote_becomes_a_draft_with_its_content(owner, db, quoted, form):
    quote = await quoted(owner)
    answer = await (owner.post(by_path(quote)) if form == "path" else owner.post(BY_ID, {"quote_id": quote}))
    invoice = answer.json["invoice"]
    said = {"message": "Invoice created from quote successfully", "source_quote": "QUO-2024-001", "invoice": invoice}
    assert (answer.status, answer.json) == (201, said)
    expected = {
        **{"status": "draft", "issue_date": today(), "due_date": today(30), "source_quote": quote},
        **{"title": "Title", "terms": "Terms", "notes": "Notes", "tax_rate": "0.1000"},
        **{"subtotal": "100.00", "tax_amount": "10.00", "total_amount": "110.00", "balance": "110.00"},
        "line_items": [{"description": "Work", "quantity": 2, "unit_price": "50.00", "total": "100.00"}],
        "invoice_number": f"INV-{today()[:4]}-001",
    }
    assert {name: invoice[name] for name in expected} == expected
    assert (await owner.get(one(invoice))).json == invoice
    assert await db.fetchval("SELECT status FROM books.quote WHERE id = $1", quote) == "accepted"


@pytest.mark.parametrize("form", ["path", "body"])
async def test_what_the_body_has_replaces_the_quotes_own(owner, quoted, form):
    quote = await quoted(owner)
    changes = {"title": "Other", "terms": "", "notes": None, "due_date": today(3), "tax_rate": "0.2", "client": 5}
    path = by_path(quote) if form == "path" else BY_ID
    invoice = (await owner.post(path, {**changes, "quote_id": quote})).json["invoice"]
    expected = {
        **{"title": "Other", "terms": "", "notes": "Notes", "due_date": today(3), "tax_rate": "0.2000"},
        **{"subtotal": "100.00", "tax_amount": "20.00", "total_amount": "120.00"},
    }
    assert {name: invoice[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("sent", "details"),
    [
        ({"due_date": "2024-01-01"}, {"due_date": ["Due date cannot be before issue date"]}),
        ({"tax_rate": 2}, {"tax_rate": ["Tax rate must be between 0 and 1 (0-100%)."]}),
        ({"title": "x" * 256}, {"title": ["Ensure this field has no more than 255 characters."]}),
    ],
)
async def test_wrong_fields_are_refused_and_the_quote_stays_convertible(owner, quoted, sent, details):
    quote = await quoted(owner)
    for path in (by_path(quote), BY_ID):
        answer = await owner.post(path, {"quote_id": quote, **sent})
        assert (answer.status, answer.json["details"]) == (400, details)
    answer = await owner.post(BY_ID, {})
    assert (answer.status, answer.json["details"]) == (400, {"quote_id": ["This field is required."]})
    assert (await owner.post(by_path(quote), {})).status == 201


async def test_only_an_accepted_quote_with_lines_is_converted_and_once(owner, quoted):
    for fields in (
        {"status": "draft"},
        {"status": "sent"},
        {"status": "rejected"},
        {"status": "expired"},
        {"lines": "[]"},
    ):
        quote = await quoted(owner, **fields)
        for answer in (await owner.post(by_path(quote)), await owner.post(BY_ID, {"quote_id": quote})):
            assert (answer.status, answer.json) == (400, REFUSED)
    quote = await quoted(owner)
    assert (await owner.post(by_path(quote))).status == 201
    for answer in (await owner.post(by_path(quote)), await owner.post(BY_ID, {"quote_id": quote})):
        assert (answer.status, answer.json) == (400, REFUSED)


async def test_of_16_conversions_at_once_one_succeeds(owner, quoted):
    quote = await quoted(owner)
    client = (await owner.get(PATH)).json["results"]
    assert client == []
    answers = await asyncio.gather(
        *(owner.post(by_path(quote)) for _ in range(8)), *(owner.post(BY_ID, {"quote_id": quote}) for _ in range(8))
    )
    assert sorted(answer.status for answer in answers) == [201] + [400] * 15
    assert all(answer.json == REFUSED for answer in answers if answer.status == 400)
    assert (await owner.get(PATH)).json["count"] == 1
    # The refused ones took no number.
    assert (await owner.invoice())["invoice_number"].endswith("-002")


async def test_a_repeated_request_converts_once(owner, quoted):
    quote = await quoted(owner)
    for path in (by_path(quote), BY_ID):
        other = await quoted(owner) if path == BY_ID else quote
        key = {"Idempotency-Key": f"convert-{path}"}
        first, second = [await owner.post(path, {"quote_id": other}, headers=key) for _ in range(2)]
        assert (first.status, second.status, second.json) == (201, 201, first.json)


async def test_quotes_of_another_owner_do_not_exist(owner, open_books, quoted):
    stranger = await open_books()
    foreign = await quoted(stranger)
    for quote in (foreign, 10**17):
        answer = await owner.post(by_path(quote))
        assert (answer.status, answer.json["error"]) == (404, "Quote not found.")
        answer = await owner.post(BY_ID, {"quote_id": quote})
        assert (answer.status, answer.json) == (400, UNKNOWN)
    client = (await owner.client())["id"]
    draft = await owner.invoice(client)
    for quote in (foreign, 10**17):
        for answer in (
            await owner.post(PATH, {"client": client, "line_items": [LINE], "source_quote": quote}),
            await owner.patch(one(draft), {"source_quote": quote}),
        ):
            assert (answer.status, answer.json["details"]) == (400, {"source_quote": ["Invalid quote selected."]})
    assert (await stranger.post(by_path(foreign))).status == 201


async def test_an_invoice_names_a_quote_of_its_client_that_has_no_other_invoice(owner, quoted, db):
    quote = await quoted(owner, "draft")
    client = await db.fetchval("SELECT client_id FROM books.quote WHERE id = $1", quote)
    other = await owner.invoice()
    said = {"source_quote": ["Quote client must match invoice client."]}
    answer = await owner.patch(one(other), {"source_quote": quote})
    assert (answer.status, answer.json["details"]) == (400, said)
    made = await owner.invoice(client, source_quote=quote)
    assert made["source_quote"] == quote
    answer = await owner.patch(one(made), {"client": other["client"]})
    assert (answer.status, answer.json["details"]) == (400, said)
    answer = await owner.post(PATH, {"client": client, "line_items": [LINE], "source_quote": quote})
    assert (answer.status, answer.json["details"]) == (400, {"source_quote": ["This quote already has an invoice."]})
    changed = await owner.patch(one(made), {"source_quote": None, "client": other["client"]})
    assert (changed.json["source_quote"], changed.json["client"]) == (None, other["client"])


async def test_an_invoice_outlives_its_quote(owner, quoted, db):
    quote = await quoted(owner)
    invoice = (await owner.post(by_path(quote))).json["invoice"]
    await db.execute("DELETE FROM books.quote WHERE id = $1", quote)
    assert (await owner.get(one(invoice))).json == {**invoice, "source_quote": None}


async def test_of_racing_invoices_of_a_quote_one_is_made(owner, quoted, db):
    quote = await quoted(owner)
    client = await db.fetchval("SELECT client_id FROM books.quote WHERE id = $1", quote)
    body = {"client": client, "line_items": [LINE], "source_quote": quote}
    answers = await asyncio.gather(
        *(owner.post(PATH, body) for _ in range(6)), *(owner.post(by_path(quote)) for _ in range(6))
    )
    assert sorted(answer.status for answer in answers) == [201] + [400] * 11


async def test_a_quote_has_another_etag_once_an_invoice_is_made_of_it_and_when_that_is_deleted(owner, quoted):
    path = f"/api/quotes/{await quoted(owner)}/"
    tags = [(await owner.get(path)).headers["ETag"]]
    invoice = (await owner.post(f"{path}convert_to_invoice/")).json["invoice"]
    tags.append((await owner.get(path)).headers["ETag"])
    assert (await owner.delete(f"/api/invoices/{invoice['id']}/")).status == 204
    tags.append((await owner.get(path)).headers["ETag"])
    assert len(set(tags)) == 3


async def test_only_the_state_of_a_quote_that_if_match_names_is_converted(owner, quoted):
    path = f"/api/quotes/{await quoted(owner)}/"
    tag = (await owner.get(path)).headers["ETag"]
    answer = await owner.post(f"{path}convert_to_invoice/", headers={"If-Match": '"9.9-accepted"'})
    assert (answer.status, answer.headers["ETag"]) == (412, tag)
    assert (await owner.post(f"{path}convert_to_invoice/", headers={"If-Match": tag})).status == 201

"""Quotes and invoices while they are written. docs/api/books.md#preview."""

import json

import pytest

from tests.books import papers

pytestmark = pytest.mark.gen_test

PATH = "/api/books/preview/"
PDF = {"Accept": "application/pdf"}
LINES = [
    {"description": "Design", "quantity": "2.50", "unit_price": "1234.505"},
    {"description": " Hosting ", "unit_price": 0.99},
]


async def count_rows(db, owner):
    return await db.fetchval(
        "SELECT (SELECT count(*) FROM books.invoice WHERE owner_id = $1) + (SELECT count(*) FROM books.quote WHERE owner_id = $1)"
        " + (SELECT count(*) FROM books.number_counter WHERE owner_id = $1)",
        owner.id,
    )


@pytest.mark.parametrize("kind", ["quote", "invoice"])
async def test_a_preview_has_the_sums_of_what_is_stored_and_stores_nothing(owner, db, kind):
    answer = await owner.post(f"{PATH}?kind={kind}", {"line_items": LINES, "tax_rate": "0.0825"})
    assert answer.status == 200 and await count_rows(db, owner) == 0
    client = await owner.client()
    id = await papers.document(db, owner, kind, client["id"], lines=LINES, tax_rate="0.0825")
    stored = await db.fetchrow(
        f"SELECT line_items, subtotal::text, tax_amount::text, total_amount::text FROM books.{kind} WHERE owner_id = $1 AND id = $2",
        owner.id, id,
    )  # fmt: skip
    assert answer.json == {**stored, "line_items": json.loads(stored["line_items"])}
    assert answer.json["total_amount"] == "3341.97" and answer.json["line_items"][1] == {
        "description": "Hosting", "quantity": 1, "unit_price": "0.99", "total": "0.99",
    }  # fmt: skip


@pytest.mark.parametrize(("kind", "second"), [("quote", "expiry_date"), ("invoice", "due_date")])
async def test_what_is_made_has_the_terms_and_days_that_its_owner_prefers_unless_it_says_otherwise(owner, kind, second):
    await owner.patch("/api/books/preferences/", {f"{kind}_terms": "Within a week.", f"{kind}_days": 7})
    client = (await owner.client())["id"]
    lines = [{"description": "Work", "quantity": 1, "unit_price": "10.00"}]
    body = {"client": client, "issue_date": "2026-01-28", "line_items": lines}
    made = await owner.made(f"/api/{kind}s/", body)
    assert (made["terms"], made[second]) == ("Within a week.", "2026-02-04")
    made = await owner.made(f"/api/{kind}s/", {**body, "terms": "", second: "2026-03-01"})
    assert (made["terms"], made[second]) == ("", "2026-03-01")


async def test_a_rate_with_more_than_four_places_is_rounded_as_it_is_when_it_is_stored(owner):
    body = {"line_items": [{"description": "Work", "unit_price": "1000.00"}], "tax_rate": "0.08255"}
    preview = await owner.post(PATH, body)
    made = await owner.made("/api/invoices/", {**body, "client": (await owner.client())["id"]})
    assert (preview.json["tax_amount"], made["tax_amount"], made["tax_rate"]) == ("82.60", "82.60", "0.0826")


async def test_a_tax_amount_counts_without_a_rate(owner):
    answer = await owner.post(PATH, {"line_items": LINES, "tax_amount": "7", "tax_rate": ""})
    assert (answer.json["tax_amount"], answer.json["total_amount"]) == ("7.00", "3094.27")
    answer = await owner.post(PATH, {"line_items": LINES, "tax_amount": "7", "tax_rate": "0.1"})
    assert answer.json["tax_amount"] == "308.73"


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"description": "Design"},
        {"description": "Design", "unit_price": ""},
        {"description": "Design", "unit_price": None, "quantity": None},
        {"description": " ", "unit_price": "5"},
        {"description": None, "unit_price": "5"},
        {"description": "Design", "unit_price": "0"},
        {"description": "Design", "unit_price": "0.001"},
        {"description": "Design", "unit_price": "5", "quantity": ""},
        {"description": "Design", "unit_price": "5", "quantity": 0},
    ],
)
async def test_a_line_that_is_not_complete_is_left_out(owner, line):
    whole = {"description": "Hosting", "unit_price": "2.00"}
    answer = await owner.post(PATH, {"line_items": [line, whole, line]})
    assert answer.status == 200, answer.text
    assert [one["description"] for one in answer.json["line_items"]] == ["Hosting"]
    assert answer.json["total_amount"] == "2.00"


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"line_items": []},
        {"line_items": None},
        {
            "client": None,
            "issue_date": "",
            "due_date": None,
            "expiry_date": "",
            "title": None,
            "notes": "",
            "terms": None,
            "tax_rate": "",
        },
        {"client": "", "tax_amount": None, "line_items": [{}]},
    ],
)
async def test_nothing_has_to_be_there_yet(owner, sent):
    answer = await owner.post(PATH, sent)
    assert answer.json == {"line_items": [], "subtotal": "0.00", "tax_amount": "0.00", "total_amount": "0.00"}
    paper = await owner.post(PATH, sent, headers=PDF)
    assert paper.status == 200 and "DRAFT" in papers.read(paper.body)


@pytest.mark.parametrize("kind", ["quote", "invoice"])
async def test_a_preview_on_paper_is_a_draft_without_number(owner, db, kind):
    await owner.patch(
        "/api/books/preferences/", {f"{kind}_terms": "Usual terms", f"{kind}_days": 10, "currency": "INR"}
    )
    client = await owner.client(name="Ravi Menon")
    sent = {
        "client": client["id"],
        "issue_date": "2024-01-15",
        "line_items": LINES,
        "title": "Website",
        "notes": "Thanks",
    }
    answer = await owner.post(f"{PATH}?kind={kind}", sent, headers=PDF)
    assert (answer.status, answer.headers["Content-Type"], answer.headers["Vary"]) == (200, "application/pdf", "Accept")
    assert answer.headers["Content-Disposition"] == f'inline; filename="{kind}.pdf"'
    text = papers.read(answer.body)
    for shown in (
        kind.upper(),
        "DRAFT",
        "Ravi Menon",
        "Website",
        "Thanks",
        "Usual terms",
        "15 January 2024",
        "25 January 2024",
        "₹3,087.27",
    ):
        assert shown in text, shown
    assert "INV-" not in text and "QUO-" not in text
    second = {"quote": "expiry_date", "invoice": "due_date"}[kind]
    own = await owner.post(f"{PATH}?kind={kind}", {**sent, "terms": "Own terms", second: "2024-03-01"}, headers=PDF)
    assert "Own terms" in papers.read(own.body) and "Usual terms" not in papers.read(own.body)
    assert "1 March 2024" in papers.read(own.body) and await count_rows(db, owner) == 0


async def test_a_client_of_another_owner_is_as_unknown_as_one_that_does_not_exist(owner, open_books):
    other = await open_books()
    theirs = await other.client(name="Secret Client")
    for id in (theirs["id"], str(theirs["id"]), 999_999_999, 10**15, -1, 0):
        for headers in ({}, PDF):
            answer = await owner.post(PATH, {"client": id}, headers=headers)
            assert (answer.status, answer.json["details"]) == (400, {"client": ["Invalid client selected."]}), id


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        ({"tax_rate": 1.5}, {"tax_rate": ["Tax rate must be between 0 and 1 (0-100%)."]}),
        ({"tax_rate": "x"}, {"tax_rate"}),
        ({"tax_amount": -1}, {"tax_amount"}),
        ({"issue_date": "15.01.2024"}, {"issue_date"}),
        ({"client": "x"}, {"client"}),
        ({"client": 10**40}, {"client"}),
        ({"line_items": {}}, {"line_items"}),
        ({"line_items": [[]]}, {"line_items"}),
        ({"line_items": [{"description": "x", "unit_price": -1}]}, {"line_items"}),
        ({"line_items": [{"description": "x", "unit_price": 1e300}]}, {"line_items"}),
        ({"line_items": [{"description": "x" * 1001}]}, {"line_items"}),
        ({"line_items": [{}] * 1001}, {"line_items"}),
        ({"title": "x\0"}, {"title"}),
        (
            {"line_items": [{"description": "x", "unit_price": "99999999.99", "quantity": 2}]},
            {"non_field_errors": ["The total must be no more than 99999999.99."]},
        ),
    ],
)
async def test_what_can_not_be_meant_is_named(owner, sent, fields):
    answer = await owner.post(PATH, sent)
    assert answer.status == 400, answer.text
    found = answer.json["details"]
    assert found == fields if isinstance(fields, dict) else set(found) == fields


async def test_kind_and_accept_are_checked(owner):
    assert (await owner.post(f"{PATH}?kind=receipt", {})).json["details"]["kind"]
    assert (await owner.post(PATH, {}, headers={"Accept": "text/html"})).status == 406
    assert (await owner.post(PATH, {}, headers={"Accept": "text/html, */*;q=0.1"})).headers[
        "Content-Type"
    ] == "application/json"
    assert (await owner.api.post(PATH, {})).status == 401


async def test_a_date_in_the_last_year_of_the_calendar_is_printed(owner):
    answer = await owner.post(PATH, {"issue_date": "9999-12-31"}, headers=PDF)
    assert answer.status == 200 and "Due date 31 December 9999" in papers.read(answer.body)

"""Quotes: made, changed, deleted. docs/api/books.md#quotes."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.owners import LINE

pytestmark = pytest.mark.gen_test

PATH = "/api/quotes/"
UNKNOWN = 10**17
WHOLE = {
    "issue_date": "2024-01-01",
    "expiry_date": "2024-01-31",
    "title": "Website",
    "tax_amount": "100.00",
    "terms": "Payment terms...",
    "notes": "Additional notes...",
}


def today():
    return datetime.now(UTC).date()


def later(days):
    return (today() + timedelta(days)).isoformat()


def refused(answer, details):
    assert (answer.status, answer.json) == (400, {"error": "Validation failed", "details": details}), answer.text


async def test_a_quote_is_made_shown_listed_and_deleted(owner):
    client = await owner.client(name="Asha")
    made = await owner.post(PATH, {**WHOLE, "client": client["id"], "line_items": [LINE]})
    expected = {**WHOLE, "id": made.json["id"], "quote_number": "QUO-2024-001", "client": client["id"], "client_name": "Asha", "status": "draft",
                "subtotal": "1000.00", "tax_rate": None, "total_amount": "1100.00", "sent_at": None, "invoice": None, "owner": owner.id,
                "line_items": [{**LINE, "total": "1000.00"}]}  # fmt: skip
    stamps = {name: made.json[name] for name in ("created_at", "updated_at")}
    assert (made.status, made.json) == (201, {**expected, **stamps})
    one = f"{PATH}{made.json['id']}/"
    shown = await owner.get(one)
    assert (shown.status, shown.json, shown.headers["ETag"]) == (200, made.json, '"1.1-draft"')
    listed = await owner.get(PATH)
    assert listed.json == {"count": 1, "next": None, "previous": None, "results": [made.json]}
    assert (await owner.delete(one)).status == 204
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = await owner.call(method, one, None if method in ("GET", "DELETE") else {"title": "Anything"})
        assert (answer.status, answer.json["error"]) == (404, "Not found."), method
    assert (await owner.get(PATH)).json["count"] == 0


async def test_a_client_and_a_line_are_all_that_a_quote_needs(owner):
    client = await owner.client()
    line = {"description": "  Work ", "unit_price": 0.01}
    made = await owner.post(
        PATH, {"client": str(client["id"]), "line_items": [line], "subtotal": 7, "quote_number": "X", "owner": 1}
    )
    assert made.status == 201, made.text
    issued = datetime.fromisoformat(made.json["issue_date"]).date()
    assert issued in (today(), today() - timedelta(1))
    assert made.json["expiry_date"] == (issued + timedelta(30)).isoformat()
    assert made.json["quote_number"] == f"QUO-{issued.year}-001"
    assert {made.json[name] for name in ("title", "terms", "notes")} == {""}
    assert made.json["line_items"] == [{"description": "Work", "quantity": 1, "unit_price": "0.01", "total": "0.01"}]
    assert (made.json["subtotal"], made.json["tax_amount"], made.json["total_amount"]) == ("0.01", "0.00", "0.01")
    assert made.json["owner"] == owner.id


async def test_lines_keep_their_order_and_are_rounded_half_up(owner):
    lines = [{"description": str(n), "quantity": q, "unit_price": p} for n, (q, p) in enumerate(
        [("2.345", "10.005"), (1.5, 3), (None, "7.1"), ("1e2", 0.01)])]  # fmt: skip
    made = await owner.quote(line_items=lines, tax_rate="0.08125")
    shown = [(line["description"], line["quantity"], line["unit_price"], line["total"]) for line in made["line_items"]]
    # 2.35 × 10.01 = 23.5235; the rate is 0.0813, and 36.12 × 0.0813 = 2.936556
    assert shown == [
        ("0", 2.35, "10.01", "23.52"),
        ("1", 1.5, "3.00", "4.50"),
        ("2", 1, "7.10", "7.10"),
        ("3", 100, "0.01", "1.00"),
    ]
    assert [made[name] for name in ("subtotal", "tax_rate", "tax_amount", "total_amount")] == [
        "36.12",
        "0.0813",
        "2.94",
        "39.06",
    ]


async def test_a_tax_rate_takes_precedence_over_an_amount(owner):
    made = await owner.quote(tax_rate="0.1", tax_amount="5")
    assert (made["tax_rate"], made["tax_amount"]) == ("0.1000", "100.00")
    made = await owner.quote(tax_rate=None, tax_amount="5")
    assert (made["tax_rate"], made["tax_amount"]) == (None, "5.00")


@pytest.mark.parametrize(
    ("sent", "details"),
    [
        ({"client": None}, {"client": ["This field may not be null."]}),
        ({"client": "abc"}, {"client": ['A valid integer is required. "abc" is not one.']}),
        ({"client": UNKNOWN}, {"client": ["Invalid client selected."]}),
        ({"client": -1}, {"client": ["Invalid client selected."]}),
        ({"line_items": []}, {"line_items": ["At least one line item is required."]}),
        ({"line_items": None}, {"line_items": ["This field may not be null."]}),
        ({"line_items": [{}]}, {"line_items": [{"description": ["This field is required."], "unit_price": ["This field is required."]}]}),
        ({"line_items": [{**LINE, "description": " "}]}, {"line_items": [{"description": ["Description cannot be empty."]}]}),
        ({"line_items": [LINE, {**LINE, "quantity": 0}]}, {"line_items": [{}, {"quantity": ["Quantity must be greater than zero."]}]}),
        ({"line_items": [{**LINE, "unit_price": "-1"}]}, {"line_items": [{"unit_price": ["Unit price must be greater than zero."]}]}),
        ({"line_items": [{**LINE, "unit_price": "1e8"}]}, {"line_items": [{"unit_price": ["Ensure this value is less than or equal to 99999999.99."]}]}),
        ({"line_items": [{**LINE, "quantity": 99999999.99}]}, {"total_amount": ["The total must be no more than 99999999.99."]}),
        ({"line_items": [{**LINE, "quantity": 99999999.99, "unit_price": 99999999.99}] * 1000, "tax_rate": 1},
         {"total_amount": ["The total must be no more than 99999999.99."]}),
        ({"line_items": [LINE] * 1001}, {"line_items": {"non_field_errors": ["Ensure this field has no more than 1000 elements."]}}),
        ({"tax_rate": 1.01}, {"tax_rate": ["Tax rate must be between 0 and 1 (0-100%)."]}),
        ({"tax_rate": -0.1}, {"tax_rate": ["Tax rate must be between 0 and 1 (0-100%)."]}),
        ({"tax_amount": -1}, {"tax_amount": ["Ensure this value is greater than or equal to 0."]}),
        ({"tax_amount": "99999999.99"}, {"total_amount": ["The total must be no more than 99999999.99."]}),
        ({"issue_date": "2024-01-02", "expiry_date": "2024-01-01"}, {"expiry_date": ["Valid until date cannot be before issue date."]}),
        ({"issue_date": "2024-02-30"}, {"issue_date": ["Date has wrong format. Use one of these formats instead: YYYY-MM-DD."]}),
        ({"status": "sent"}, {"status": ['"sent" is not a valid choice.']}),
        ({"title": "x" * 256}, {"title": ["Ensure this field has no more than 255 characters."]}),
        ({"notes": "a\0b"}, {"notes": ["Null characters are not allowed."]}),
    ],
)  # fmt: skip
async def test_wrong_fields_are_named_and_take_no_number(owner, sent, details):
    client = await owner.client()
    refused(
        await owner.post(PATH, {"client": client["id"], "line_items": [LINE], "issue_date": "2024-01-01", **sent}),
        details,
    )
    made = await owner.quote(client["id"], issue_date="2024-01-01")
    assert made["quote_number"] == "QUO-2024-001"


async def test_missing_fields_are_named(owner):
    refused(
        await owner.post(PATH, {}),
        {"client": ["This field is required."], "line_items": ["At least one line item is required."]},
    )


async def test_numbers_follow_each_other_by_owner_and_year(owner, open_books):
    stranger = await open_books()
    numbers = [
        (await who.quote(issue_date=day))["quote_number"]
        for who, day in ((owner, "2024-12-31"), (owner, "2025-01-01"), (stranger, "2024-01-01"), (owner, "2024-01-01"))
    ]
    assert numbers == ["QUO-2024-001", "QUO-2025-001", "QUO-2024-001", "QUO-2024-002"]


async def test_a_number_grows_past_three_digits(owner, db):
    await owner.quote(issue_date="2024-01-01")
    await db.execute("UPDATE books.number_counter SET last = 998 WHERE owner_id = $1", owner.id)
    numbers = [(await owner.quote(issue_date="2024-01-01"))["quote_number"] for _ in range(2)]
    assert numbers == ["QUO-2024-999", "QUO-2024-1000"]


async def test_64_quotes_made_at_once_have_64_consecutive_numbers(owner):
    client = await owner.client()
    made = await asyncio.gather(*(owner.quote(client["id"], issue_date="2024-05-05") for _ in range(64)))
    assert sorted(quote["quote_number"] for quote in made) == [f"QUO-2024-{n:03}" for n in range(1, 65)]


async def test_a_repeated_request_makes_one_quote(owner):
    client = await owner.client()
    body = {"client": client["id"], "line_items": [LINE]}
    first, second = [await owner.post(PATH, body, headers={"Idempotency-Key": "quote-1"}) for _ in range(2)]
    assert (second.status, second.json, second.headers["Idempotency-Replayed"]) == (201, first.json, "true")
    assert (await owner.get(PATH)).json["count"] == 1


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_change_keeps_what_the_body_omits_and_empties_texts_that_are_null(owner, method):
    made = await owner.quote(**WHOLE)
    changed = await owner.call(method, f"{PATH}{made['id']}/", {"title": " New ", "terms": None, "total_amount": 1})
    expected = {**made, "title": "New", "terms": ""}
    assert (changed.status, changed.headers["ETag"]) == (200, '"2.1-draft"')
    assert changed.json == {**expected, "updated_at": changed.json["updated_at"]}
    assert changed.json["updated_at"] > made["updated_at"]


async def test_lines_that_are_sent_replace_all_and_the_sums_follow(owner):
    made = await owner.quote(tax_rate="0.1", line_items=[LINE, LINE])
    one = f"{PATH}{made['id']}/"
    changed = await owner.patch(one, {"line_items": [{**LINE, "unit_price": 5}]})
    sums = [changed.json[name] for name in ("subtotal", "tax_amount", "total_amount")]
    assert (len(changed.json["line_items"]), sums) == (1, ["5.00", "0.50", "5.50"])
    refused(await owner.patch(one, {"line_items": []}), {"line_items": ["At least one line item is required."]})


async def test_a_tax_amount_takes_the_place_of_a_rate_and_the_other_way_round(owner):
    one = f"{PATH}{(await owner.quote(tax_rate='0.1'))['id']}/"

    async def taxed(**changes):
        answer = await owner.patch(one, changes)
        assert answer.status == 200, answer.text
        return answer.json["tax_rate"], answer.json["tax_amount"], answer.json["total_amount"]

    assert await taxed(tax_amount="100.00") == ("0.1000", "100.00", "1100.00")
    assert await taxed(tax_amount="7") == (None, "7.00", "1007.00")
    assert await taxed(tax_rate=0.2) == ("0.2000", "200.00", "1200.00")
    assert await taxed(tax_rate=None) == (None, "200.00", "1200.00")
    assert await taxed(tax_amount=None) == (None, "0.00", "1000.00")


async def test_a_change_gives_the_quote_to_another_client_of_the_owner_only(owner, open_books):
    made = await owner.quote()
    foreign = await (await open_books()).client(name="Secret", email="secret@example.com")
    for method in ("PUT", "PATCH"):
        for client in (foreign["id"], UNKNOWN):
            answer = await owner.call(method, f"{PATH}{made['id']}/", {"client": client})
            refused(answer, {"client": ["Invalid client selected."]})
    assert (await owner.get(f"{PATH}{made['id']}/")).json == made
    other = await owner.client(name="Bela")
    changed = await owner.patch(f"{PATH}{made['id']}/", {"client": other["id"]})
    assert (changed.json["client"], changed.json["client_name"]) == (other["id"], "Bela")
    answer = await owner.post(PATH, {"client": foreign["id"], "line_items": [LINE]})
    refused(answer, {"client": ["Invalid client selected."]})


async def test_a_change_is_held_to_the_rules_of_a_new_quote(owner):
    one = f"{PATH}{(await owner.quote(**WHOLE))['id']}/"
    early = {"expiry_date": ["Valid until date cannot be before issue date."]}
    refused(await owner.patch(one, {"expiry_date": "2023-12-31"}), early)
    refused(await owner.patch(one, {"issue_date": "2024-02-01"}), early)
    large = {"total_amount": ["The total must be no more than 99999999.99."]}
    refused(await owner.patch(one, {"tax_amount": 99999999.99}), large)
    refused(await owner.patch(one, {"line_items": [{**LINE, "quantity": 99999999}]}), large)
    assert (await owner.patch(one, {"issue_date": "2023-01-01"})).json["quote_number"] == "QUO-2024-001"


async def test_quotes_of_another_owner_do_not_exist(owner, open_books):
    stranger = await open_books("OWNER")
    quote = await stranger.quote(title="Secret")
    one = f"{PATH}{quote['id']}/"
    missing = (404, {"error": "Not found.", "detail": "Not found."})
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = await owner.call(method, one, None if method in ("GET", "DELETE") else {"title": "Mine"})
        assert (answer.status, answer.json) == missing, method
    for action in ("send", "accept", "approve", "reject", "decline", "duplicate"):
        answer = await owner.post(f"{one}{action}/")
        assert (answer.status, answer.json) == missing, action
    for path in (PATH, f"{PATH}?search=secret", f"{PATH}?client={quote['client']}", f"{PATH}search/?q=secret"):
        assert (await owner.get(path)).json["results"] == [], path
    assert (await stranger.get(one)).json == quote


async def test_only_the_state_that_if_match_names_is_changed_or_deleted(owner):
    one = f"{PATH}{(await owner.quote())['id']}/"
    assert (await owner.patch(one, {"notes": "a"}, headers={"If-Match": '"1.1-draft"'})).headers[
        "ETag"
    ] == '"2.1-draft"'
    calls = [
        ("PATCH", one, {"notes": "b"}),
        ("PUT", one, {"notes": "b"}),
        ("DELETE", one, None),
        ("POST", f"{one}send/", None),
    ]
    for method, path, body in calls:
        answer = await owner.call(method, path, body, headers={"If-Match": '"1.1-draft", W/"2.1-draft"'})
        assert (answer.status, answer.headers["ETag"]) == (412, '"2.1-draft"'), method
    assert (await owner.get(one)).json["notes"] == "a"
    assert (await owner.delete(one, headers={"If-Match": '"9", "2.1-draft"'})).status == 204


async def test_of_racing_changes_of_one_state_one_is_made(owner):
    one = f"{PATH}{(await owner.quote())['id']}/"
    answers = await asyncio.gather(
        *(owner.patch(one, {"notes": f"note {n}"}, headers={"If-Match": '"1.1-draft"'}) for n in range(8))
    )
    assert sorted(answer.status for answer in answers) == [200] + [412] * 7


async def test_a_quote_changes_its_state_with_its_clients_name(owner):
    quote = await owner.quote()
    await owner.patch(f"/api/clients/{quote['client']}/", {"name": "New Name"})
    shown = await owner.get(f"{PATH}{quote['id']}/")
    assert (shown.json["client_name"], shown.headers["ETag"]) == ("New Name", '"1.2-draft"')


async def test_a_client_with_quotes_is_not_deleted(owner):
    quote = await owner.quote()
    answer = await owner.delete(f"/api/clients/{quote['client']}/")
    assert (answer.status, answer.json["error"]) == (
        400,
        "The client has quotes and can't be deleted. Deactivate it instead.",
    )


async def test_a_client_that_is_deleted_while_quotes_are_made_for_it_has_no_quotes(owner):
    clients = [(await owner.client())["id"] for _ in range(8)]
    answers = await asyncio.gather(
        *(
            call
            for id in clients
            for call in (
                owner.post(PATH, {"client": id, "line_items": [LINE]}),
                owner.delete(f"/api/clients/{id}/"),
            )
        )
    )
    for made, deleted in zip(answers[::2], answers[1::2], strict=True):
        assert (made.status, deleted.status) in ((201, 400), (400, 204)), (made.text, deleted.text)
        if made.status == 400:
            refused(made, {"client": ["Invalid client selected."]})


@pytest.mark.parametrize(("status", "answers"), [("draft", 204), ("rejected", 204), ("sent", 400), ("accepted", 400), ("expired", 400)])  # fmt: skip
async def test_drafts_and_rejected_quotes_are_deleted_and_no_others(owner, db, status, answers):
    id = (await owner.quote())["id"]
    await db.execute("UPDATE books.quote SET status = $2 WHERE id = $1", id, status)
    answer = await owner.delete(f"{PATH}{id}/")
    assert answer.status == answers
    if answers == 400:
        assert answer.json["error"] == "Only draft or declined quotes can be deleted"


async def test_an_invoice_stays_when_its_quote_is_deleted(owner, db):
    quote = await owner.quote()
    invoice = await db.fetchval(
        "INSERT INTO books.invoice (owner_id, year, number, client_id, quote_id, status, issue_date, due_date, title, terms, notes, line_items,"
        " subtotal, tax_amount, total_amount) VALUES ($1, 2024, 1, $2, $3, 'draft', '2024-01-01', '2024-01-31', '', '', '', '[]', 5, 0, 5)"
        " RETURNING id",
        owner.id,
        quote["client"],
        quote["id"],
    )
    assert (await owner.get(f"{PATH}{quote['id']}/")).json["invoice"] == invoice
    assert (await owner.delete(f"{PATH}{quote['id']}/")).status == 204
    # The invoice shows its quote, so it is in another state now.
    assert tuple(await db.fetchrow("SELECT quote_id, version FROM books.invoice WHERE id = $1", invoice)) == (None, 2)


async def test_changes_and_deletions_enter_the_audit(owner, db):
    quote = await owner.quote()
    one = f"{PATH}{quote['id']}/"
    for changes in ({"title": "New"}, {"title": "New"}, {"status": "rejected"}):
        assert (await owner.patch(one, changes)).status == 200
    await owner.delete(one)
    rows = await db.fetch(
        "SELECT action, after FROM operations.audit WHERE object_type = 'quote' AND object_id = $1 ORDER BY id",
        str(quote["id"]),
    )
    assert [row["action"] for row in rows] == ["quote.update", "quote.update", "quote.delete"]
    assert '"title"' in rows[0]["after"] and '"line_items"' not in rows[0]["after"]


@pytest.mark.parametrize(
    "body",
    ["[]", '"x"', "{", '{"client": NaN}', '{"client": {}}', '{"line_items": {}}', '{"line_items": [1]}', f'{{"notes": "{"x" * 1_200_000}"}}'],
)  # fmt: skip
async def test_a_body_that_is_no_quote_is_refused(owner, body):
    one = f"{PATH}{(await owner.quote())['id']}/"
    for method, path in (("POST", PATH), ("PATCH", one), ("PUT", one)):
        answer = await owner.call(method, path, body.encode())
        assert answer.status in (400, 413), answer.text


@pytest.mark.parametrize("id", ["0", "9" * 30, "x", "1.5", "-1"])
async def test_a_malformed_id_is_of_no_quote(owner, id):
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "send/"), ("POST", "duplicate/")):
        assert (await owner.call(method, f"{PATH}{id}/{path}")).status == 404

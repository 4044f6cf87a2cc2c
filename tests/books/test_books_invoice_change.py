"""Invoices of the books that are changed or deleted, and whose they are. docs/api/books.md#invoices."""

import asyncio

import pytest

from tests.books.invoices import LATE, NO_LINES, PATH, one, today
from tests.support.owners import LINE

pytestmark = pytest.mark.gen_test


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
    assert (changed.status, changed.json) == (
        200,
        {**made, "notes": "Called", "updated_at": changed.json["updated_at"]},
    )


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

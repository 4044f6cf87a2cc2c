"""Books of owners in the administration. docs/api/books.md#administration."""

import json
import re

import pytest

from tests.support.admin_lists import acted, changed, key_of, labels, listed, made, problem, said
from tests.support.owners import LINE

pytestmark = pytest.mark.gen_test

CLIENTS, QUOTES, INVOICES = "/admin/books/clients/", "/admin/books/quotes/", "/admin/books/invoices/"
PAYMENTS, EXPENSES = "/admin/books/payments/", "/admin/books/expenses/"


@pytest.fixture
def public_id(db):
    """`await public_id(owner)`: the key of the owner's account."""

    async def public_id(owner):
        return await db.fetchval("SELECT public_id::text FROM accounts.account WHERE id = $1", owner.id)

    return public_id


@pytest.fixture
def noted(db):
    """`await noted("client", 7)`: (who, what) of the entries of the audit about a row, the oldest first."""

    async def noted(type, id):
        rows = await db.fetch(
            "SELECT email, action FROM operations.audit WHERE object_type = $1 AND object_id = $2 ORDER BY id",
            type,
            str(id),
        )
        return [tuple(row) for row in rows]

    return noted


BOSS = "superadmin@example.com"


async def test_a_client_is_made_changed_switched_off_and_deleted_for_its_owner(enter, owner, public_id, noted):
    boss = await enter()
    answer = await made(boss, CLIENTS, owner=await public_id(owner), name="Ada Lovelace", email="ADA@example.com")
    assert answer.status == 302, answer.text
    row = answer.headers["Location"]
    id = int(key_of(row).partition(".")[2])
    assert (await owner.get(f"/api/clients/{id}/")).json["email"] == "ada@example.com"
    assert (await changed(boss, row, name="Ada King", phone="+1 (555) 010-0200")).status == 302
    page = await changed(boss, row, phone="12")
    assert (page.status, problem(page, "phone")) == (400, "Phone number must be between 10 and 15 digits.")
    key = key_of(row)
    assert "Client deactivated successfully." in said(await acted(boss, CLIENTS, "deactivate", [key]))
    assert "The client is already inactive." in said(await acted(boss, CLIENTS, "deactivate", [key]))
    found = (await owner.get(f"/api/clients/{id}/")).json
    assert (found["name"], found["phone"], found["is_active"]) == ("Ada King", "+1 (555) 010-0200", False)
    await boss.get(f"{row}delete/")
    assert (await boss.post(f"{row}delete/")).status == 302
    assert (await owner.get(f"/api/clients/{id}/")).status == 404
    what = ["client.create", "client.update", "client.deactivate", "client.delete"]
    assert await noted("client", id) == [(BOSS, one) for one in what]


async def test_a_client_that_is_named_stays_and_the_others_of_a_choice_go(enter, owner, public_id):
    boss = await enter()
    quoted, spent, free = [(await owner.client())["id"] for _ in range(3)]
    await owner.quote(quoted)
    await owner.expense(client=spent)
    page = await acted(boss, CLIENTS, "delete", [f"{owner.id}.{id}" for id in (quoted, spent, free)])
    text = said(page)
    assert "Successfully deleted 1 of 3 clients." in text
    assert (
        "The client has quotes and can't be deleted." in text
        and "The client has expenses and can't be deleted." in text
    )
    rows = listed(await boss.get(f"{CLIENTS}?owner={await public_id(owner)}"))
    assert [key_of(row) for row in rows] == [f"{owner.id}.{spent}", f"{owner.id}.{quoted}"]


async def test_clients_are_searched_filtered_and_ordered_within_one_account(enter, owner, open_books, public_id):
    boss, other = await enter(), await open_books()
    for name, company in (("Zed", "Acme"), ("Amy", "Acme"), ("Bob", "Brown")):
        await owner.client(name=name + " Searched", company=company)
    await other.client(name="Amy Searched", company="Acme")
    who = await public_id(owner)
    assert labels(await boss.get(f"{CLIENTS}?owner={who}")) == ["Bob Searched", "Amy Searched", "Zed Searched"]
    assert labels(await boss.get(f"{CLIENTS}?owner={who}&sort=name")) == [
        "Amy Searched",
        "Bob Searched",
        "Zed Searched",
    ]
    assert labels(await boss.get(f"{CLIENTS}?owner={who}&search=acme+search&sort=-name")) == [
        "Zed Searched",
        "Amy Searched",
    ]
    assert labels(await boss.get(f"{CLIENTS}?owner={who}&is_active=false")) == []
    assert len(labels(await boss.get(f"{CLIENTS}?owner={who}&since=2020-01-01&until=2100-01-01"))) == 3
    assert labels(await boss.get(f"{CLIENTS}?owner={who}&since=2100-01-01")) == []
    for query in ("search=amy", "is_active=true"):
        assert "Choose an account first" in said(await boss.get(f"{CLIENTS}?{query}"))
    assert "Amy Searched" in (await boss.get(f"{CLIENTS}csv/?owner={who}")).text
    found = (await boss.get(f"{CLIENTS}choices/?q=amy&owner={who}")).json["choices"]
    assert [one["label"] for one in found] == ["Amy Searched"]
    assert (await boss.get(f"{CLIENTS}choices/?q=amy")).json["choices"] == []


async def test_a_quote_is_made_sent_accepted_and_kept_for_its_owner(enter, owner, open_books, public_id, noted):
    boss, client = await enter(), await owner.client()
    stranger = await (await open_books()).client()
    fields = {"owner": await public_id(owner), "title": "Roof", "line_items": json.dumps([LINE]), "tax_rate": "0.2"}
    page = await made(boss, QUOTES, **fields, client=f"{stranger['owner']}.{stranger['id']}")
    assert (page.status, problem(page, "client")) == (400, "Invalid client selected.")
    answer = await made(boss, QUOTES, **fields, client=f"{owner.id}.{client['id']}")
    assert answer.status == 302, answer.text
    row = answer.headers["Location"]
    id = int(key_of(row).partition(".")[2])
    assert (await owner.get(f"/api/quotes/{id}/")).json["total_amount"] == "1200.00"
    other = await owner.client(name="Bob Builder")
    assert (await changed(boss, row, title="New roof", client=f"{owner.id}.{other['id']}")).status == 302
    assert "Quote cannot be accepted in current status" in said(await acted(boss, QUOTES, "accept", [key_of(row)]))
    told = said(await acted(boss, QUOTES, "send", [key_of(row)], subject="Your roof"))
    assert "Quote sent successfully. The client has no e-mail address, so nothing is mailed." in told
    assert "Quote accepted successfully." in said(await acted(boss, QUOTES, "accept", [key_of(row)]))
    page = await changed(boss, row, title="Too late")
    assert page.status == 400 and "Only draft quotes can be edited" in said(page)
    shown = said(await boss.get(row))
    assert "New roof" in shown and "Bob Builder" in shown and "Service/Product" in shown and "1200.00" in shown
    await boss.get(f"{row}delete/")
    assert (await boss.post(f"{row}delete/")).status == 400
    actions = ["quote.create", *["quote.update"] * 3]
    assert await noted("quote", id) == [(BOSS, action) for action in actions]


async def test_an_invoice_is_sent_paid_in_parts_and_reopened_and_the_figures_follow(enter, owner, public_id, noted):
    boss, client = await enter(), await owner.client(email="payer@example.com")
    answer = await made(
        boss, INVOICES, owner=await public_id(owner), client=f"{owner.id}.{client['id']}", line_items=json.dumps([LINE])
    )
    assert answer.status == 302, answer.text
    row = answer.headers["Location"]
    key = key_of(row)
    id = int(key.partition(".")[2])
    told = said(await acted(boss, INVOICES, "send", [key], message="Please pay."))
    assert "Invoice sent successfully. This server sends no mail" in told
    page = await made(boss, PAYMENTS, invoice=key, amount="1000.01")
    assert (page.status, problem(page, "amount")) == (400, "The payment exceeds the balance of 1000.00.")
    answer = await made(boss, PAYMENTS, invoice=key, amount="400.10", reference="Cheque 7")
    assert answer.status == 302, answer.text
    payment = answer.headers["Location"]
    invoice = (await owner.get(f"/api/invoices/{id}/")).json
    assert (invoice["status"], invoice["balance"]) == ("partial", "599.90")
    assert listed(await boss.get(f"{PAYMENTS}?invoice={key}")) == [payment]
    assert "Cheque 7" in said(await boss.get(row)) and "Please pay." not in said(await boss.get(INVOICES))
    assert "Invoice marked as paid." in said(await acted(boss, INVOICES, "mark-paid", [key], reference="Cash"))
    assert (await owner.get(f"/api/invoices/{id}/")).json["status"] == "paid"
    overview = (await owner.get("/api/dashboard/")).json
    await boss.get(f"{payment}delete/")
    assert (await boss.post(f"{payment}delete/")).status == 302
    invoice = (await owner.get(f"/api/invoices/{id}/")).json
    assert (invoice["status"], invoice["paid_amount"]) == ("partial", "599.90")
    assert (await owner.get("/api/dashboard/")).json != overview
    assert "Invoice cannot be cancelled in current status" in said(await acted(boss, INVOICES, "cancel", [key]))
    assert await noted("invoice", id) == [(BOSS, f"invoice.{one}") for one in ("create", "send", "mark_paid")]
    paid = await noted("payment", key_of(payment).rpartition(".")[2])
    assert paid == [(BOSS, "payment.create"), (BOSS, "payment.delete")]


async def test_expenses_are_approved_rejected_and_reimbursed(enter, owner, public_id, noted):
    boss = await enter()
    answer = await made(
        boss, EXPENSES, owner=await public_id(owner), description="Train", amount="12.50", category="travel",
        expense_date="2026-01-02",
    )  # fmt: skip
    assert answer.status == 302, answer.text
    row = answer.headers["Location"]
    key = key_of(row)
    assert "Expense cannot be reimbursed in current status" in said(await acted(boss, EXPENSES, "reimburse", [key]))
    assert "Expense approved." in said(await acted(boss, EXPENSES, "approve", [key]))
    page = await changed(boss, row, amount="13.00")
    assert page.status == 400 and "of an approved expense can't be changed" in said(page)
    assert (await changed(boss, row, notes="First class")).status == 302
    assert "Expense reimbursed." in said(await acted(boss, EXPENSES, "reimburse", [key]))
    assert "Expense cannot be rejected in current status" in said(await acted(boss, EXPENSES, "reject", [key]))
    who = await public_id(owner)
    for query, count in (
        ("status=reimbursed", 1), ("status=pending", 0), ("category=travel", 1), ("category=meals", 0), ("is_billable=false", 1),
        ("is_billable=true", 0), ("has_receipts=false", 1), ("has_receipts=true", 0), ("since=2026-01-02", 1), ("since=2026-01-03", 0),
        ("until=2026-01-02", 1), ("until=2026-01-01", 0), ("search=train", 1), ("search=plane", 0),
    ):  # fmt: skip
        assert len(listed(await boss.get(f"{EXPENSES}?owner={who}&{query}"))) == count, query
    client = await owner.client()
    assert (await changed(boss, row, client=f"{owner.id}.{client['id']}")).status == 302
    assert listed(await boss.get(f"{EXPENSES}?client={owner.id}.{client['id']}")) == [row]
    actions = ["create", "approve", "update", "reimburse", "update"]
    assert await noted("expense", key.partition(".")[2]) == [(BOSS, f"expense.{one}") for one in actions]
    await boss.get(f"{row}delete/")
    assert (await boss.post(f"{row}delete/")).status == 302
    assert (await owner.get(f"/api/expenses/{key.partition('.')[2]}/")).status == 404


async def test_a_form_that_is_sent_twice_makes_one_row(enter, owner, public_id):
    boss, who = await enter(), await public_id(owner)
    page = await boss.get(f"{CLIENTS}add/?owner={who}")
    form_key = re.search(r'name="form_key" value="([^"]+)"', page.text)[1]
    sent = {"form_key": form_key, "owner": who, "name": "Only once"}
    first, second = [await boss.send(f"{CLIENTS}add/", sent) for _ in range(2)]
    assert first.status == second.status == 302 and first.headers["Location"] == second.headers["Location"]
    assert labels(await boss.get(f"{CLIENTS}?owner={who}")) == ["Only once"]

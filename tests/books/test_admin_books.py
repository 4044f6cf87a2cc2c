"""Books of owners in the administration. docs/api/books.md#administration."""

import json
import re

import pytest

from handlers.api import areas
from tests.core.test_images import picture
from tests.support.admin_lists import FAR, LONG_AGO, Reads, acted, changed, key_of, labels, listed, made, problem, said
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
    overview = (await owner.get("/api/dashboard/overview/")).json
    await boss.get(f"{payment}delete/")
    assert (await boss.post(f"{payment}delete/")).status == 302
    invoice = (await owner.get(f"/api/invoices/{id}/")).json
    assert (invoice["status"], invoice["paid_amount"]) == ("partial", "599.90")
    assert (await owner.get("/api/dashboard/overview/")).json != overview
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


ATTACHMENTS, MAILS, PREFERENCES = "/admin/books/attachments/", "/admin/books/mails/", "/admin/books/preferences/"


async def test_an_attachment_is_read_under_its_name_and_deleted_with_its_file(
    enter, owner, public_id, noted, api, settings
):
    boss, expense = await enter(), (await owner.expense())["id"]
    ids = [
        (await owner.upload(expense, *file)).json["id"]
        for file in (("receipt.txt", b"Paid 12.50"), ("photo.png", picture()))
    ]
    key = f"{owner.id}.{expense}"
    assert labels(await boss.get(f"{ATTACHMENTS}?expense={key}")) == ["photo.png", "receipt.txt"]
    assert labels(await boss.get(f"{ATTACHMENTS}?owner={await public_id(owner)}")) == ["photo.png", "receipt.txt"]
    assert f"{ATTACHMENTS}?expense={key}" in said(await boss.get(f"{EXPENSES}{key}/"))
    row = f"{ATTACHMENTS}{owner.id}.{ids[0]}/"
    link = re.search(r'<a href="(https?://[^"]*/media/[^"]+)">receipt.txt</a>', said(await boss.get(row)))[1]
    file = await api.get(link)
    assert file.body == b"Paid 12.50" and "receipt.txt" in file.headers["Content-Disposition"]
    assert '<img class="picture"' in (await boss.get(f"{ATTACHMENTS}{owner.id}.{ids[1]}/")).text
    await boss.get(f"{row}delete/")
    assert (await boss.post(f"{row}delete/")).status == 302
    assert len((await owner.get(f"/api/expenses/{expense}/")).json["attachments"]) == 1
    assert (await api.get(link)).status == 404
    assert await noted("attachment", ids[0]) == [(BOSS, "attachment.delete")]


async def test_mails_are_listed_by_status_and_by_what_they_are_about_and_never_changed(enter, owner, public_id):
    boss, client = await enter(), await owner.client(email="mailed@example.com")
    quote, invoice = await owner.quote(client["id"]), await owner.invoice(client["id"])
    await owner.post(f"/api/quotes/{quote['id']}/send/", {"subject": "Our quote"})
    await owner.post(f"/api/invoices/{invoice['id']}/send/", {"subject": "Our invoice", "message": "Thanks"})
    who = await public_id(owner)
    assert labels(await boss.get(f"{MAILS}?owner={who}")) == ["Our invoice", "Our quote"]
    assert labels(await boss.get(f"{MAILS}?owner={who}&status=recorded")) == ["Our invoice", "Our quote"]
    assert labels(await boss.get(f"{MAILS}?status=failed")) == []
    assert labels(await boss.get(f"{MAILS}?quote={owner.id}.{quote['id']}")) == ["Our quote"]
    [row] = listed(await boss.get(f"{MAILS}?invoice={owner.id}.{invoice['id']}"))
    page = said(await boss.get(row))
    assert "Thanks" in page and "mailed@example.com" in page and invoice["invoice_number"] in page
    assert (await boss.send(row, {"version": "x", "status": "sent"})).status == 405
    assert (await boss.post(f"{row}delete/")).status == 404


async def test_preferences_of_an_owner_are_changed_and_the_logo_is_removed(enter, owner, public_id, noted):
    boss, path = await enter(), "/api/books/preferences/"
    await owner.call("PUT", f"{path}logo/", form={}, files={"logo": ("logo.png", picture())})
    assert len(listed(await boss.get(f"{PREFERENCES}?owner={await public_id(owner)}"))) == 1
    row = f"{PREFERENCES}{owner.id}/"
    assert '<img class="picture"' in (await boss.get(row)).text
    assert (await changed(boss, row, currency="EUR", quote_days="14", sends_reminders="false")).status == 302
    page = await changed(boss, row, quote_days="4000")
    assert page.status == 400 and problem(page, "quote_days")
    assert "The logo was removed." in said(await acted(boss, PREFERENCES, "remove-logo", [str(owner.id)]))
    found = (await owner.get(path)).json
    assert (found["currency"], found["quote_days"], found["sends_reminders"], found["logo"]) == ("EUR", 14, False, None)
    assert (BOSS, "preferences.update") in await noted("preferences", owner.id)


async def test_books_are_for_superadmins_alone(enter, owner):
    boss, staff = await enter(), await enter("ADMIN")
    index, other = (await boss.get("/admin/")).text, (await staff.get("/admin/")).text
    # For the token of a form.
    await staff.get("/admin/accounts/departments/add/")
    for table in (CLIENTS, QUOTES, INVOICES, PAYMENTS, EXPENSES, ATTACHMENTS, MAILS, PREFERENCES):
        assert table in index and table not in other
        assert (await boss.get(table)).status == 200 and (await boss.get(f"{table}csv/")).status == 200, table
        for path in ("", "csv/", "choices/", "add/", "1.1/"):
            assert (await staff.get(f"{table}{path}")).status == 404, (table, path)
        assert (
            await staff.post(f"{table}action/", {"action": "delete", "keys": "1.1", "confirmed": "yes"})
        ).status == 404


async def test_what_is_not_there_or_malformed_is_404_or_400(enter, owner, public_id):
    boss, who, nobody = await enter(), await public_id(owner), "00000000-0000-4000-8000-000000000000"
    for table in (CLIENTS, QUOTES, INVOICES, EXPENSES, ATTACHMENTS, MAILS):
        for key in (f"{owner.id}.999999", "1", "x.y", f"{'9' * 30}.1", "1.2.3", "%00.1"):
            assert (await boss.get(f"{table}{key}/")).status == 404, (table, key)
        assert (await boss.get(f"{table}?owner={nobody}")).status == 200
        assert (await boss.get(f"{table}?owner=x")).status in (400, 404)
    assert (await boss.get(f"{PAYMENTS}{owner.id}.1.1/")).status == 404
    for fields, field in (
        ({"name": "No owner"}, "owner"), ({"owner": nobody, "name": "Nobody's"}, "owner"), ({"owner": "x", "name": "Ada"}, "owner"),
        ({"owner": who, "name": "A"}, "name"), ({"owner": who, "name": "A\0a"}, "name"), ({"owner": who, "name": "Ada", "email": "x"}, "email"),
    ):  # fmt: skip
        page = await made(boss, CLIENTS, **fields)
        assert page.status == 400 and problem(page, field), fields
    for key in ("1", "x", f"{owner.id}.x", f"{owner.id}.999999", f"{owner.id}.{'9' * 30}"):
        page = await made(boss, QUOTES, owner=who, client=key, line_items=json.dumps([LINE]))
        assert (page.status, problem(page, "client")) == (400, "Invalid client selected."), key
        page = await made(boss, PAYMENTS, invoice=key, amount="1")
        assert (page.status, problem(page, "invoice")) == (400, "There is no such invoice."), key
    client = await owner.client()
    for lines in ("{", "[]", '[{"description": "x", "unit_price": NaN}]', '[{"description": "x"}]'):
        page = await made(boss, INVOICES, owner=who, client=f"{owner.id}.{client['id']}", line_items=lines)
        assert page.status == 400, lines


async def test_accounts_that_cannot_have_books_get_none(enter, sign_in, db):
    boss = await enter()
    await sign_in("VENDOR", "vendor-books@example.com")
    who = await db.fetchval("SELECT public_id::text FROM accounts.account WHERE email = 'vendor-books@example.com'")
    page = await made(boss, CLIENTS, owner=who, name="Nobody's")
    assert (page.status, problem(page, "owner")) == (400, "This account can't have books.")


async def test_each_list_reads_few_rows_however_many_there_are(owner, open_books, db):
    """Of one account with many rows, and of all accounts; each filter together with the account's."""
    client = (await owner.client())["id"]
    for statement in (
        """INSERT INTO books.client (owner_id, name, email, phone, address, company, tax_number, notes, is_active)
           SELECT $1, 'Many ' || n, '', '', '', '', '', '', n % 500 > 0 FROM generate_series(1, 3000) n WHERE $2 > 0""",
        """INSERT INTO books.quote (owner_id, year, number, client_id, status, issue_date, expiry_date, title, terms, notes, line_items, subtotal, tax_amount,
                                    total_amount)
           SELECT $1, 2020, n, $2, CASE WHEN n % 200 = 0 THEN 'rejected' ELSE 'draft' END, '2020-01-01'::date + n, '2030-01-01', '', '', '', '[]', n, 0, n
             FROM generate_series(1, 3000) n""",
        """INSERT INTO books.invoice (owner_id, year, number, client_id, status, issue_date, due_date, title, terms, notes, line_items, subtotal, tax_amount,
                                      total_amount)
           SELECT $1, 2020, n, $2, CASE WHEN n % 200 = 0 THEN 'cancelled' ELSE 'draft' END, '2020-01-01'::date + n, '2030-01-01', '', '', '', '[]', n, 0, n
             FROM generate_series(1, 3000) n""",
        """INSERT INTO books.expense (owner_id, description, amount, category, expense_date, receipt_number, vendor, tax_amount, is_billable, client_id, status,
                                      notes)
           SELECT $1, 'Many', n, 'other', '2020-01-01'::date + n, '', '', 0, n % 200 = 0, CASE WHEN n % 200 = 0 THEN $2::bigint END,
                  CASE WHEN n % 200 = 0 THEN 'approved' ELSE 'pending' END, '' FROM generate_series(1, 3000) n""",
    ):
        await db.execute(statement, owner.id, client)
    await db.execute("ANALYZE books.client, books.quote, books.invoice, books.expense, accounts.account")
    public = await db.fetchval("SELECT public_id::text FROM accounts.account WHERE id = $1", owner.id)
    read = []
    async with db.transaction():
        await db.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        reads = Reads(db)
        for table in (one for one in areas.gathered("admin_tables") if one.area == "books"):
            read.append((table.full_name, "all", await reads.of(table, table.usual, {})))
            for column in (column for column in table.columns if column.order):
                found = await reads.of(table, (f"-{column.order}",), {"owner": (public,)})
                read.append((table.full_name, column.order, found))
            for one in table.filters:
                values = [value for value, _ in one.choices] or (
                    [True, False] if one.kind == "flag" else [FAR, LONG_AGO] if one.kind in ("since", "until") else []
                )
                for value in values:
                    given = value
                    name = one.name if one.name in table.list.filters else f"{one.name}_{value}".lower()
                    if name != one.name:
                        given = ()
                    elif one.kind in ("since", "until") and len(table.list.filters[name].parameters) == 2:
                        given = (value, "UTC")
                    terms = (one.orders or table.usual)[:1]
                    found = await reads.of(table, terms, {"owner": (public,), name: given})
                    read.append((table.full_name, f"{one.name}={value}", found))
    assert len(read) > 50
    assert [one for one in read if one[2] > 300] == []

"""The figures that dashboards are made of: they are always the sums of the rows."""

import asyncio
import json

import asyncpg
import pytest

from tests.support.deadlines import until
from tests.support.owners import LINE

pytestmark = pytest.mark.gen_test


async def kept(db, owner):
    """All figures of an owner that are not zero, without ids and times."""
    return {
        "total": await db.fetch("SELECT invoices, balance FROM dashboard.total WHERE owner_id = $1", owner.id),
        "due": await db.fetch(
            "SELECT due_date, invoices, unpaid, balance FROM dashboard.due WHERE owner_id = $1 AND invoices <> 0 ORDER BY 1",
            owner.id,
        ),
        "client": await db.fetch(
            "SELECT * FROM dashboard.client WHERE owner_id = $1 AND invoices <> 0 ORDER BY client_id", owner.id
        ),
        "period": await db.fetch(
            """SELECT * FROM dashboard.period p WHERE owner_id = $1 AND (billed, subtotal, invoices, spent, reimbursable, expenses, quotes, accepted, clients)
                      <> (0, 0, 0, 0, 0, 0, 0, 0, 0) ORDER BY period_type, period_start""",
            owner.id,
        ),
        "share": await db.fetch(
            """SELECT category_type, period_type, period_start, name, amount, n, quotes FROM dashboard.share
                WHERE owner_id = $1 AND (n <> 0 OR quotes <> 0) ORDER BY 1, 2, 3, 4""",
            owner.id,
        ),
    }


async def test_adding_up_anew_changes_no_figure(owner, db, run_jobs):
    invoice = await owner.invoice(issue_date="2026-01-30", due_date="2026-02-28", status="sent")
    draft = await owner.invoice(client=invoice["client"], issue_date="2026-02-03", due_date="2026-03-01")
    await owner.patch(f"/api/invoices/{draft['id']}/", {"status": "sent"})
    await owner.post(f"/api/invoices/{draft['id']}/payments/", {"amount": "400.00"})
    await owner.post(f"/api/invoices/{invoice['id']}/mark_paid/")
    cancelled = await owner.invoice(status="sent")
    await owner.post(f"/api/invoices/{cancelled['id']}/cancel/")
    expense = await owner.expense(category="travel", is_billable=True)
    await owner.patch(f"/api/expenses/{expense['id']}/", {"amount": "12.50", "expense_date": "2026-01-09"})
    await owner.post(f"/api/expenses/{(await owner.expense())['id']}/reject/")
    quote = await owner.quote(client=invoice["client"])
    await owner.post(f"/api/quotes/{quote['id']}/send/")
    await owner.post(f"/api/quotes/{quote['id']}/accept/")
    await owner.delete(f"/api/clients/{(await owner.client())['id']}/")
    before = await kept(db, owner)
    assert [tuple(row) for row in before["total"]] == [(1, 600)]
    assert len(before["period"]) >= 12

    await db.execute("INSERT INTO dashboard.unbuilt (owner_id) VALUES ($1)", owner.id)
    await db.execute("UPDATE dashboard.period SET billed = billed + 1 WHERE owner_id = $1", owner.id)
    await db.execute(
        "SELECT core.enqueue_job('dashboard.rebuild', jsonb_build_object('owner_id', owner_id)) FROM dashboard.unbuilt"
    )
    await run_jobs()
    assert await kept(db, owner) == before
    assert not await db.fetch("SELECT FROM dashboard.unbuilt")


async def version(db, owner):
    return await db.fetchval("SELECT version FROM dashboard.total WHERE owner_id = $1", owner.id)


async def agrees(db, owner):
    """Whether adding up anew changes no figure."""
    before = await kept(db, owner)
    await db.execute("SELECT dashboard.rebuild($1)", owner.id)
    return await kept(db, owner) == before


async def test_what_shows_in_no_dashboard_changes_no_figure_and_announces_nothing(owner, db):
    client = (await owner.client())["id"]
    sent = await owner.invoice(client, status="sent", issue_date="2026-01-01", due_date="2026-01-02")
    partial = await owner.invoice(client, issue_date="2026-01-01", due_date="2026-01-02", payments=[{"amount": "1"}])
    expense = await owner.expense()
    told = "SELECT count(*) FROM core.event WHERE topic = 'dashboard.changed' AND tags @> $1"
    before, events = await version(db, owner), await db.fetchval(told, [f"owner:{owner.id}"])
    assert events > 0
    # As they were before their due_date.
    await db.execute("UPDATE books.invoice SET status = 'sent' WHERE id = $1", sent["id"])
    await db.execute("UPDATE books.invoice SET status = 'partial' WHERE id = $1", partial["id"])
    assert await db.fetchval("SELECT books.sweep_invoices(1000)") == 2
    draft, quote = await owner.invoice(client), await owner.quote(client)
    await owner.patch(f"/api/invoices/{draft['id']}/", {"title": "Another", "line_items": []})
    await owner.delete(f"/api/invoices/{draft['id']}/")
    await owner.delete(f"/api/quotes/{quote['id']}/")
    await owner.patch(f"/api/invoices/{sent['id']}/", {"notes": "Read"})
    await owner.patch(f"/api/expenses/{expense['id']}/", {"vendor": "Rail", "status": "approved"})
    await owner.patch(f"/api/clients/{client}/", {"phone": "0123456789"})
    assert await version(db, owner) == before
    assert await db.fetchval(told, [f"owner:{owner.id}"]) == events
    assert await agrees(db, owner)


async def test_each_change_announces_the_owners_next_version(owner, db):
    await owner.invoice(status="sent")
    row = await db.fetchrow(
        "SELECT payload, tags FROM core.event WHERE topic = 'dashboard.changed' AND tags @> $1 ORDER BY id DESC LIMIT 1",
        [f"owner:{owner.id}"],
    )
    assert json.loads(row["payload"]) == {"owner_id": owner.id, "version": await version(db, owner)}
    assert row["tags"] == [f"owner:{owner.id}"]


async def test_a_statement_may_write_many_rows_of_several_owners(open_books, db):
    owners = [await open_books() for _ in range(3)]
    for one in owners:
        client = (await one.client())["id"]
        for day in ("2026-01-30", "2026-02-02"):
            await one.invoice(client, issue_date=day, due_date="2026-03-01")
            await one.invoice(client, issue_date=day, due_date="2026-03-01", status="sent")
        await one.post(f"/api/quotes/{(await one.quote(client))['id']}/send/")
        await one.expense(category="travel")
    ids = [one.id for one in owners]
    for statement in (
        "UPDATE books.invoice SET status = 'sent', sent_at = now() WHERE owner_id = ANY ($1)",
        "UPDATE books.invoice SET issue_date = issue_date - 40, paid_amount = 10, status = 'partial' WHERE owner_id = ANY ($1)",
        "UPDATE books.invoice SET paid_amount = total_amount, paid_at = now(), status = 'paid' WHERE owner_id = ANY ($1) AND id % 2 = 0",
        """INSERT INTO books.expense (owner_id, description, amount, category, expense_date, receipt_number, vendor, tax_amount, is_billable, status, notes)
           SELECT o, 'Train', n, 'meals', '2026-02-01'::date + n, '', '', 0, n % 2 = 0, 'pending', '' FROM unnest($1::bigint[]) o, generate_series(1, 50) n""",
        "UPDATE books.expense SET status = 'rejected' WHERE owner_id = ANY ($1) AND amount > 25",
        "UPDATE books.quote SET status = 'accepted', issue_date = '2026-01-01' WHERE owner_id = ANY ($1)",
        "DELETE FROM books.expense WHERE owner_id = ANY ($1) AND amount > 10",
        "DELETE FROM books.quote WHERE owner_id = ANY ($1)",
        "DELETE FROM books.invoice WHERE owner_id = ANY ($1)",
        "DELETE FROM books.client WHERE owner_id = ANY ($1) AND NOT EXISTS (SELECT FROM books.expense e WHERE e.client_id = client.id)",
    ):
        await db.execute(statement, ids)
        for one in owners:
            assert await agrees(db, one), statement
    assert not await db.fetch("SELECT FROM dashboard.client WHERE owner_id = ANY ($1)", ids)


async def test_an_invoice_that_another_program_marks_as_paid_is_open_no_more(owner, db):
    invoice = await owner.invoice(status="sent")
    for status in ("paid", "sent"):
        await db.execute("UPDATE books.invoice SET status = $2 WHERE id = $1", invoice["id"], status)
        assert await agrees(db, owner), status


async def test_a_killed_transaction_leaves_no_figure(owner, db, settings):
    client = (await owner.client())["id"]
    await owner.invoice(client, status="sent")
    before = await kept(db, owner)
    other = await asyncpg.connect(settings.database_url)
    await other.execute("BEGIN")
    body = json.dumps({"client": client, "status": "sent", "line_items": [LINE]})
    assert (await other.fetchrow("SELECT * FROM books.create_invoice($1, $2::jsonb)", owner.id, body))[
        "refusal"
    ] is None
    # Another writer of the owner waits for it.
    waiting = asyncio.ensure_future(owner.invoice(client, status="sent"))
    await until(lambda: db.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))
    await db.execute("SELECT pg_terminate_backend($1)", other.get_server_pid())
    await waiting
    after = await kept(db, owner)
    [total], [had] = after["total"], before["total"]
    assert tuple(total) == (had["invoices"] + 1, had["balance"] + 1000)
    assert await agrees(db, owner)
    other.terminate()


async def test_writers_of_one_owner_wait_for_each_other_and_never_deadlock(owner, db, deadlocks):
    clients = [(await owner.client())["id"] for _ in range(3)]
    drafts = [
        await owner.invoice(client, issue_date=f"2026-0{1 + n % 3}-01", due_date="2026-12-31")
        for n, client in enumerate(clients * 5)
    ]

    async def live(draft):
        path = f"/api/invoices/{draft['id']}/"
        spare = await owner.client()
        for method, tail, body in (
            ("POST", "send/", None),
            ("POST", "payments/", {"amount": "10"}),
            ("POST", "mark_paid/", None),
        ):
            assert (await owner.call(method, f"{path}{tail}", body)).status in (200, 201)
        await owner.delete(f"/api/clients/{spare['id']}/")
        await owner.expense()

    await asyncio.gather(*map(live, drafts))
    assert deadlocks == []
    assert await agrees(db, owner)
    standing = await db.fetchrow(
        "SELECT sum(invoices) AS n, sum(paid) AS paid, sum(balance) AS balance FROM dashboard.client WHERE owner_id = $1",
        owner.id,
    )
    assert tuple(standing) == (15, 15, 0)


async def test_figures_go_with_their_account(owner, db):
    client = await owner.client()
    await owner.delete(f"/api/clients/{client['id']}/")
    await db.execute("DELETE FROM accounts.session WHERE account_id = $1", owner.id)
    await db.execute("DELETE FROM accounts.account WHERE id = $1", owner.id)
    for table in ("total", "due", "client", "period", "share"):
        assert await db.fetchval(f"SELECT count(*) FROM dashboard.{table} WHERE owner_id = $1", owner.id) == 0


async def test_rebuilt_shares_keep_their_ids(owner, db):
    await owner.invoice(status="sent")
    await owner.expense()
    ids = "SELECT id, category_type, period_type, name FROM dashboard.share WHERE owner_id = $1 ORDER BY id"
    before = await db.fetch(ids, owner.id)
    await db.execute("SELECT dashboard.rebuild($1)", owner.id)
    assert await db.fetch(ids, owner.id) == before and len(before) == 15


async def test_a_long_description_and_many_lines_are_one_service_each(owner, db):
    lines = [{"description": text * 240, "quantity": 1, "unit_price": "1"} for text in ("ä", "ß")] + [LINE] * 98
    await owner.invoice(status="sent", line_items=lines)
    rows = await db.fetch(
        """SELECT length(name) AS letters, n, amount FROM dashboard.share
            WHERE owner_id = $1 AND category_type = 'service' AND period_type = 'daily' ORDER BY n, name""",
        owner.id,
    )
    assert [tuple(row) for row in rows] == [(200, 1, 1), (200, 1, 1), (len(LINE["description"]), 98, 98000)]
    assert await agrees(db, owner)

"""The figures that dashboards are made of: they are always the sums of the rows."""

import pytest

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

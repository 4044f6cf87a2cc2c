"""Snapshots and exports of owners in the administration. docs/api/dashboard.md#administration."""

import pytest

from tests.support.admin_lists import labels, listed, said

pytestmark = pytest.mark.gen_test

SNAPSHOTS, EXPORTS = "/admin/dashboard/snapshots/", "/admin/dashboard/exports/"


async def test_what_an_owner_has_kept_is_read_by_superadmins_and_changed_by_nobody(enter, owner, open_books, db):
    boss, staff, other = await enter(), await enter("ADMIN"), await open_books()
    for one in (owner, other):
        await db.execute(
            """INSERT INTO dashboard.snapshot (owner_id, snapshot_date, period_type, total_revenue, total_expenses, outstanding_amount, total_clients,
                   new_clients, total_invoices, total_quotes, accepted, total_expense_count, reimbursable_expenses)
               VALUES ($1, '2026-01-31', 'monthly', 1234.50, 0, 0, 0, 0, 0, 0, 0, 0, 0)""",
            one.id,
        )
        await db.execute(
            "INSERT INTO dashboard.export (owner_id, export_format, export_type, period_type, include_charts, day, position) "
            "VALUES ($1, 'csv', 'overview', 'monthly', false, '2026-01-31', 0)",
            one.id,
        )
    who = await db.fetchval("SELECT public_id::text FROM accounts.account WHERE id = $1", owner.id)
    assert labels(await boss.get(f"{SNAPSHOTS}?owner={who}")) == ["2026-01-31"]
    for table, text in ((SNAPSHOTS, "1234.50"), (EXPORTS, "overview")):
        assert len(listed(await boss.get(table))) >= 2
        [row] = listed(await boss.get(f"{table}?owner={who}"))
        assert text in said(await boss.get(row)) and text in (await boss.get(f"{table}csv/")).text
        assert (await boss.send(row, {"version": "x"})).status == 405 and (
            await boss.post(f"{row}delete/")
        ).status == 404
        for path in (table, row, f"{table}csv/", f"{table}choices/"):
            assert (await staff.get(path)).status == 404, path
        assert (await boss.get(f"{table}{owner.id}.999999/")).status == 404

"""The month in short. docs/api/dashboard.md#statistics."""

from datetime import timedelta

import pytest

from tests.dashboard.days import billed, month_before, today

pytestmark = pytest.mark.gen_test
PATH = "/api/dashboard/stats/"


async def test_empty_books_have_a_figure_of_zero_everywhere(owner):
    answer = await owner.get(PATH)
    assert (answer.status, answer.json) == (
        200,
        {
            "revenue_this_month": "0.00",
            "revenue_change": "0.00",
            "profit_this_month": "0.00",
            "profit_change": "0.00",
            "active_clients": 0,
            "pending_invoices": 0,
            "overdue_amount": "0.00",
            "expenses_this_month": "0.00",
            "expense_change": "0.00",
        },
    )


async def test_the_month_is_compared_with_the_whole_previous_one(owner, db):
    day = await today(db)
    earlier = month_before(day, 1)
    await billed(owner, earlier, "200.00")
    await billed(owner, day, "250.00")
    await owner.expense(amount="300.00", expense_date=earlier.isoformat())
    await owner.expense(amount="150.00", expense_date=day.isoformat())
    figures = (await owner.get(PATH)).json
    # A profit of 100 after a loss of 100.
    assert {name: figures[name] for name in figures if "month" in name or "change" in name} == {
        "revenue_this_month": "250.00",
        "revenue_change": "25.00",
        "profit_this_month": "100.00",
        "profit_change": "200.00",
        "expenses_this_month": "150.00",
        "expense_change": "-50.00",
    }


async def test_pending_invoices_are_sent_and_neither_due_nor_paid_in_part(owner, db):
    day = await today(db)
    await billed(owner, day)
    await billed(owner, day, payments=[{"amount": "40.00"}])
    await billed(owner, day - timedelta(40), "70.00")
    late = await billed(owner, day - timedelta(50), "30.00")
    await owner.post(f"/api/invoices/{late['id']}/payments/", {"amount": "10.00"})
    await billed(owner, day - timedelta(50), status="paid")
    await owner.post(f"/api/invoices/{(await billed(owner, day))['id']}/cancel/")
    due_today = await billed(owner, day - timedelta(10), "5.00")
    assert due_today["due_date"] == day.isoformat()
    figures = (await owner.get(PATH)).json
    assert (figures["pending_invoices"], figures["overdue_amount"]) == (2, "90.00")


async def test_inactive_clients_are_not_counted(owner):
    for _ in range(3):
        client = await owner.client()
    await owner.post(f"/api/clients/{client['id']}/deactivate/")
    assert (await owner.get(PATH)).json["active_clients"] == 2

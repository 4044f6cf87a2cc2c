"""The month in short. docs/api/dashboard.md#statistics."""

import pytest

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

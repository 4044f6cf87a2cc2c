"""Breakdowns. docs/api/dashboard.md#breakdown."""

from datetime import timedelta

import pytest

from handlers.dashboard.breakdown import MOST
from tests.dashboard.days import LINE, billed, month_before, today

pytestmark = pytest.mark.gen_test
PATH = "/api/dashboard/breakdown/"


async def test_empty_books_consist_of_nothing(owner):
    answer = await owner.get(PATH)
    assert (answer.status, answer.json) == (200, {"expense_categories": [], "revenue_categories": []})


async def test_the_months_expenses_and_revenue_are_divided_the_largest_first(owner, db):
    day = await today(db)
    small, large = (await owner.client(name="Small"))["id"], (await owner.client(name="Large"))["id"]
    await billed(owner, day, "100.00", client=small)
    await billed(owner, day, "150.00", client=large)
    await billed(owner, day, "150.00", client=large)
    await billed(owner, month_before(day, 1), "1000.00", client=small)
    await owner.expense(category="travel", amount="30.00", expense_date=day.isoformat())
    await owner.expense(category="meals", amount="60.00", expense_date=day.isoformat())
    answer = await owner.get(PATH)
    assert answer.json == {
        "expense_categories": [
            {"name": "meals", "value": 60, "percentage": 66.67, "count": 1},
            {"name": "travel", "value": 30, "percentage": 33.33, "count": 1},
        ],
        "revenue_categories": [
            {"name": "Large", "value": 300, "percentage": 75, "count": 2},
            {"name": "Small", "value": 100, "percentage": 25, "count": 1},
        ],
    }


async def test_revenue_by_service_is_that_of_the_lines_without_tax(owner, db):
    lines = [LINE, LINE, {"description": "Travel", "quantity": 2, "unit_price": "50.00"}]
    await billed(owner, await today(db), line_items=lines, tax_rate="0.1")
    answer = await owner.get(f"{PATH}?revenue_by=service&period_type=yearly")
    assert answer.json["revenue_categories"] == [
        {"name": "Consulting", "value": 200, "percentage": 66.67, "count": 2},
        {"name": "Travel", "value": 100, "percentage": 33.33, "count": 1},
    ]


async def test_what_is_beyond_the_largest_is_shown_together(owner, db):
    day = await today(db)
    for n in range(MOST + 3):
        lines = [{"description": f"Service {n:02}", "quantity": 1, "unit_price": f"{100 - n}.00"}]
        await billed(owner, day, line_items=lines)
    for by in ("client", "service"):
        items = (await owner.get(f"{PATH}?revenue_by={by}")).json["revenue_categories"]
        assert len(items) == MOST + 1
        assert items[-1] == {"name": "Other", "value": 80 + 79 + 78, "percentage": items[-1]["percentage"], "count": 3}
        assert sum(one["value"] for one in items) == sum(100 - n for n in range(MOST + 3))
        assert abs(sum(one["percentage"] for one in items) - 100) < 0.2


@pytest.mark.parametrize(
    "query", ["period_type=hourly", "revenue_by=expense", "period_type=dai%00ly", "revenue_by=" + "x" * 5000]
)
async def test_an_unknown_choice_is_refused(owner, query):
    answer = await owner.get(f"{PATH}?{query}")
    assert answer.status == 400 and [*answer.json["details"]] == [query.partition("=")[0]]


async def test_what_moves_to_another_period_leaves_its_old_one(owner, db):
    day = await today(db)
    expense = await owner.expense(category="travel", expense_date=day.isoformat())
    earlier = (day - timedelta(400)).isoformat()
    await owner.patch(f"/api/expenses/{expense['id']}/", {"expense_date": earlier})
    for kind in ("daily", "weekly", "monthly", "quarterly"):
        assert (await owner.get(f"{PATH}?period_type={kind}")).json["expense_categories"] == []

"""The figures of the moment. docs/api/dashboard.md#live."""

from datetime import UTC, datetime, timedelta

import pytest

pytestmark = pytest.mark.gen_test
PATH = "/api/dashboard/realtime/aggregate/"


def day(days=0):
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


def metrics(document):
    """By name: value, change, trend."""
    return {one["name"]: (one["value"], one["change"], one["trend"]) for one in document["metrics"]}


async def figures(owner):
    answer = await owner.get(PATH)
    assert answer.status == 200, answer.text
    return answer.json


async def test_empty_books_are_stable_at_zero(owner):
    found = await figures(owner)
    assert found["user_id"] == owner.id
    assert metrics(found) == dict.fromkeys(
        [
            "Daily Revenue",
            "Daily Expenses",
            "Daily Profit",
            "Pending Invoices",
            "Overdue Invoices",
            "Active Clients",
        ],
        (0, 0, "stable"),
    )
    assert [one["confidence"] for one in found["metrics"]] == [0.95, 0.95, 0.9, 1.0, 1.0, 0.98]
    assert found["alerts"] == [] and found["performance_score"] == 70
    assert found["metadata"]["cache_status"] == "live"


async def test_money_is_compared_with_yesterday(owner):
    await owner.invoice(issue_date=day(-1), due_date=day(30), status="sent")
    await owner.expense(expense_date=day(-1), amount="20.10")
    await owner.expense(expense_date=day(), amount="30.30")
    found = await figures(owner)
    assert metrics(found)["Daily Revenue"] == (0, -1000, "down")
    assert metrics(found)["Daily Expenses"] == (30.3, 10.2, "down")
    assert metrics(found)["Daily Profit"] == (-30.3, -1010.2, "down")

"""Trends. docs/api/dashboard.md#trends."""

from datetime import timedelta

import pytest

from tests.dashboard.days import billed, month_before, today

pytestmark = pytest.mark.gen_test
PATH = "/api/dashboard/trends/"
TRENDS = ("revenue_trend", "expense_trend", "profit_trend")


async def test_the_last_twelve_months_are_shown_oldest_first(owner, db):
    day = await today(db)
    await billed(owner, day, "250.00")
    await billed(owner, month_before(day, 11), "40.50")
    await billed(owner, month_before(day, 12), "999.00")
    await owner.expense(amount="60.25", expense_date=day.isoformat())
    answer = await owner.get(PATH)
    assert answer.status == 200 and answer.json["period"] == "monthly"
    months = [month_before(day, back) for back in range(11, -1, -1)]
    for name in TRENDS:
        assert [one["date"] for one in answer.json[name]] == [month.isoformat() for month in months]
        assert [one["period"] for one in answer.json[name]] == [f"{month:%Y-%m}" for month in months]
    assert [one["value"] for one in answer.json["revenue_trend"]] == [40.5, *[0] * 10, 250]
    assert [one["value"] for one in answer.json["expense_trend"]] == [*[0] * 11, 60.25]
    assert [one["value"] for one in answer.json["profit_trend"]] == [40.5, *[0] * 10, 189.75]


@pytest.mark.parametrize(
    ("period", "label"),
    [("daily", "%Y-%m-%d"), ("weekly", "%G-W%V"), ("monthly", "%Y-%m"), ("quarterly", None), ("yearly", "%Y")],
)
async def test_each_kind_of_period_steps_by_the_calendar_without_gaps(owner, db, period, label):
    day = await today(db)
    points = (await owner.get(f"{PATH}?period={period}&periods=60")).json["revenue_trend"]
    assert len(points) == len({one["period"] for one in points}) == 60
    starts = await db.fetch(
        "SELECT dashboard.period_after($1, dashboard.period_start($1, books.today()), -n) AS day FROM generate_series(59, 0, -1) n",
        period,
    )
    assert [one["date"] for one in points] == [row["day"].isoformat() for row in starts]
    assert starts[-1]["day"] <= day
    if label:
        assert [one["period"] for one in points] == [row["day"].strftime(label) for row in starts]
    else:
        assert points[-1]["period"] == f"{day.year}-Q{(day.month + 2) // 3}"


async def test_one_period_is_the_present_one(owner, db):
    day = await today(db)
    await billed(owner, day - timedelta(1), "1.00")
    await billed(owner, day, "2.00")
    answer = await owner.get(f"{PATH}?period=daily&periods=1")
    assert answer.json["revenue_trend"] == [{"period": day.isoformat(), "value": 2, "date": day.isoformat()}]


@pytest.mark.parametrize("periods", ["abc", "1.5", "٣", "1e1", "--3", "1%001"])
async def test_a_number_of_periods_that_is_no_integer_is_refused(owner, periods):
    answer = await owner.get(f"{PATH}?periods={periods}")
    assert (answer.status, answer.json["details"]) == (400, {"periods": ["A valid integer is required."]})


@pytest.mark.parametrize(
    ("periods", "said"),
    [("0", "greater than or equal to 1"), ("-5", "greater than or equal to 1"), ("61", "less than or equal to 60"), ("9" * 3000, "less than or equal to 60")],
)  # fmt: skip
async def test_a_number_of_periods_beyond_the_bounds_is_refused(owner, periods, said):
    answer = await owner.get(f"{PATH}?periods={periods}")
    assert (answer.status, answer.json["details"]) == (400, {"periods": [f"Ensure this value is {said}."]})


async def test_an_unknown_period_is_refused(owner):
    answer = await owner.get(f"{PATH}?period=hourly")
    said = "Select a valid choice. hourly is not one of the available choices."
    assert (answer.status, answer.json["details"]) == (400, {"period": [said]})

"""Projections. docs/api/dashboard.md#projections."""

import pytest

from tests.dashboard.days import billed, month_before, today

pytestmark = pytest.mark.gen_test
PATH = "/api/dashboard/projections/"
NO_HISTORY = "Insufficient historical data for projections"


async def test_without_invoices_of_the_last_six_months_there_are_no_projections(owner, db):
    answer = await owner.get(PATH)
    assert (answer.status, answer.json["error"]) == (400, NO_HISTORY)
    day = await today(db)
    await billed(owner, day)
    await billed(owner, month_before(day, 7))
    await owner.invoice(issue_date=month_before(day, 2).isoformat(), due_date=day.isoformat())
    answer = await owner.get(PATH)
    assert (answer.status, answer.json["error"]) == (400, NO_HISTORY)


async def test_the_next_three_months_follow_the_mean_and_the_trend_of_the_last_six(owner, db):
    day = await today(db)
    # Two months with invoices: the trend is the square root of 144 / 100.
    await billed(owner, month_before(day, 6), "100.00")
    await billed(owner, month_before(day, 1), "144.00")
    coming = month_before(day, -2)
    await billed(owner, coming, "7.00")
    answer = await owner.get(PATH)
    assert answer.status == 200
    months = [f"{month_before(day, -ahead):%Y-%m}" for ahead in (1, 2, 3)]
    assert [one["period"] for one in answer.json] == months
    assert [one["projected_revenue"] for one in answer.json] == ["146.40", "175.68", "210.82"]
    assert [one["confidence_level"] for one in answer.json] == ["80.00", "70.00", "60.00"]
    assert answer.json[1] == {
        "period": months[1], "projected_revenue": "175.68", "confidence_level": "70.00", "historical_average": "122.00", "trend_factor": "1.2000",
        "confirmed_revenue": "7.00", "pipeline_revenue": "122.98", "recurring_revenue": "52.70",
    }  # fmt: skip


async def test_one_month_is_no_trend(owner, db):
    await billed(owner, month_before(await today(db), 3), "80.00")
    answer = await owner.get(PATH)
    assert {(one["projected_revenue"], one["trend_factor"]) for one in answer.json} == {("80.00", "1.0000")}


@pytest.mark.parametrize(("last", "factor"), [("1.00", "0.5000"), ("90000.00", "2.0000")])
async def test_a_trend_is_bounded(owner, db, last, factor):
    day = await today(db)
    await billed(owner, month_before(day, 2), "1000.00")
    await billed(owner, month_before(day, 1), last)
    assert {one["trend_factor"] for one in (await owner.get(PATH)).json} == {factor}


async def test_figures_that_are_not_complete_yet_are_no_failure(owner, db):
    """As after the upgrade to the first release with dashboards, when an old invoice is cancelled before the rest is added up."""
    day = await today(db)
    for ago, amount in ((2, "1000.00"), (1, "500.00")):
        await billed(owner, month_before(day, ago), amount)
    await db.execute(
        "UPDATE dashboard.period SET billed = billed - 900 WHERE owner_id = $1 AND period_type = 'monthly'", owner.id
    )
    answer = await owner.get(PATH)
    assert answer.status == 200 and answer.json[0]["projected_revenue"] == "100.00"

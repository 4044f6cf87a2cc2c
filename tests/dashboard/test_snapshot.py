"""Snapshots. docs/api/dashboard.md#snapshots."""

import asyncio
from datetime import timedelta

import pytest

from tests.dashboard.days import billed, today

pytestmark = pytest.mark.gen_test
PATH = "/api/dashboard/snapshots/"
GENERATE = f"{PATH}generate/"


async def test_a_snapshot_keeps_the_figures_of_the_day_on_which_it_was_stored(owner, db):
    day = await today(db)
    await billed(owner, day, "300.00")
    await owner.expense(amount="75.00", expense_date=day.isoformat(), is_billable=True)
    answer = await owner.post(PATH, {})
    assert answer.status == 201
    stored = answer.json
    assert {name: value for name, value in stored.items() if name not in ("id", "created_at", "updated_at")} == {
        "snapshot_date": day.isoformat(), "period_type": "monthly", "total_revenue": "300.00", "total_expenses": "75.00", "net_profit": "225.00",
        "outstanding_amount": "300.00", "total_clients": 1, "new_clients": 1, "total_invoices": 1, "total_quotes": 0,
        "quote_conversion_rate": "0.00", "average_invoice_value": "300.00", "total_expense_count": 1, "reimbursable_expenses": "75.00",
        "profit_margin": "75.00", "expense_ratio": "25.00",
    }  # fmt: skip
    await billed(owner, day, "1.00")
    assert (await owner.get(f"{PATH}{stored['id']}/")).json == stored


async def test_a_loss_far_beyond_the_revenue_is_stored(owner, db):
    day = await today(db)
    await billed(owner, day, "0.01")
    await owner.expense(amount="99999999.99", expense_date=day.isoformat())
    stored = (await owner.post(PATH, {"period_type": "yearly"})).json
    assert stored["profit_margin"] == "-999999999800.00" and stored["expense_ratio"] == "999999999900.00"


async def test_a_second_snapshot_of_a_day_and_period_is_refused(owner, db):
    body = {"snapshot_date": (await today(db)).isoformat(), "period_type": "weekly"}
    assert (await owner.post(PATH, body)).status == 201
    answer = await owner.post(PATH, body)
    said = "A snapshot of this snapshot_date and period_type exists already."
    assert (answer.status, answer.json["details"]) == (400, {"non_field_errors": [said]})
    assert (await owner.post(PATH, {**body, "period_type": "daily"})).status == 201


async def test_generating_takes_the_place_of_the_days_snapshot(owner, db):
    first = await owner.post(GENERATE)
    await billed(owner, await today(db), "10.00")
    second = await owner.post(GENERATE, {"period_type": "monthly", "snapshot_date": None})
    assert (first.status, second.status) == (201, 201)
    assert second.json["id"] == first.json["id"] and second.json["total_revenue"] == "10.00"
    assert second.json["created_at"] == first.json["created_at"] < second.json["updated_at"]
    assert (await owner.get(PATH)).json["count"] == 1


async def test_a_snapshot_of_a_past_day_has_the_figures_of_that_days_period(owner, db):
    day = await today(db)
    past = day - timedelta(500)
    await billed(owner, past, "11.00")
    await billed(owner, day, "22.00")
    stored = (await owner.post(GENERATE, {"period_type": "daily", "snapshot_date": past.isoformat()})).json
    assert (stored["total_revenue"], stored["outstanding_amount"]) == ("11.00", "33.00")


@pytest.mark.parametrize("path", [PATH, GENERATE])
@pytest.mark.parametrize(
    ("body", "field"),
    [({"period_type": "hourly"}, "period_type"), ({"period_type": None}, "period_type"), ({"snapshot_date": "yesterday"}, "snapshot_date"),
     ({"snapshot_date": "2026-02-30"}, "snapshot_date"), ({"snapshot_date": 7}, "snapshot_date"), ({"snapshot_date": "2999-01-01"}, "snapshot_date"),
     ({"snapshot_date": "0000-01-01"}, "snapshot_date"), ({"snapshot_date": "2026-01-01\0"}, "snapshot_date")],
)  # fmt: skip
async def test_a_wrong_day_or_period_is_refused(owner, path, body, field):
    answer = await owner.post(path, body)
    assert answer.status == 400 and [*answer.json["details"]] == [field]
    assert (await owner.get(PATH)).json["count"] == 0


async def test_the_first_day_of_the_calendar_has_periods(owner):
    for kind in ("daily", "weekly", "monthly", "quarterly", "yearly"):
        assert (await owner.post(PATH, {"snapshot_date": "0001-01-01", "period_type": kind})).status == 201


async def test_snapshots_are_listed_by_page_and_by_cursor_with_the_latest_day_first(owner, db):
    day = await today(db)
    for back in (3, 1, 2):
        for kind in ("daily", "monthly"):
            await owner.post(PATH, {"snapshot_date": (day - timedelta(back)).isoformat(), "period_type": kind})
    listed = (await owner.get(PATH)).json
    days = [one["snapshot_date"] for one in listed["results"]]
    assert listed["count"] == 6 and days == sorted(days, reverse=True)
    only = (await owner.get(f"{PATH}?period_type=daily&page_size=2")).json
    assert only["count"] == 3 and {one["period_type"] for one in only["results"]} == {"daily"}
    walked, url = [], f"{PATH}?cursor=&page_size=4"
    while url:
        page = (await owner.get(url)).json
        walked += page["results"]
        url = page["next"] and page["next"][page["next"].index("/api/") :]
    assert walked == listed["results"]
    assert (await owner.get(f"{PATH}?period_type=hourly")).status == 400
    assert (await owner.get(f"{PATH}?page=9")).status == 404


async def test_snapshots_of_another_owner_do_not_exist(owner, open_books):
    stored = (await owner.post(PATH, {})).json
    other = await open_books()
    assert (await other.get(f"{PATH}{stored['id']}/")).status == 404
    assert (await other.get(PATH)).json["results"] == []
    assert (await other.post(PATH, {})).status == 201


async def test_a_repeated_key_stores_one_snapshot(owner):
    for path in (PATH, GENERATE):
        key = {"Idempotency-Key": f"snapshot of {path}"}
        body = {"period_type": "yearly" if path == PATH else "daily"}
        first, again = [await owner.post(path, body, headers=key) for _ in range(2)]
        assert (first.status, again.status, again.json) == (201, 201, first.json)


async def test_of_racing_creations_one_is_stored_and_racing_generations_all_succeed(owner):
    statuses = [answer.status for answer in await asyncio.gather(*(owner.post(PATH, {}) for _ in range(8)))]
    assert sorted(statuses) == [201, *[400] * 7]
    answers = await asyncio.gather(*(owner.post(GENERATE, {"period_type": "daily"}) for _ in range(8)))
    assert {answer.status for answer in answers} == {201} and len({answer.json["id"] for answer in answers}) == 1


async def test_snapshots_that_an_owner_makes_are_audited(owner, db):
    made = (await owner.post("/api/dashboard/snapshots/", {})).json["id"]
    generated = (await owner.post("/api/dashboard/snapshots/generate/", {})).json["id"]
    rows = await db.fetch(
        "SELECT action, object_id FROM operations.audit WHERE object_type = 'snapshot' AND account_id = $1 ORDER BY id",
        owner.id,
    )
    assert [tuple(row) for row in rows] == [("snapshot.create", str(made)), ("snapshot.generate", str(generated))]

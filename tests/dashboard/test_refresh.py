"""Refreshes. docs/api/dashboard.md#refresh."""

import pytest

from tests.dashboard.days import billed, today

pytestmark = pytest.mark.gen_test
PATH = "/api/dashboard/refresh/"
RESULTS = ("monthly_snapshot", "category_analytics_count", "client_analytics_count", "performance_metrics_count")


async def test_a_refresh_stores_the_months_snapshot_and_counts_the_analytics(owner, db):
    day = await today(db)
    await billed(owner, day, "120.00")
    await billed(owner, day, "80.00")
    await owner.expense(category="travel", expense_date=day.isoformat())
    answer = await owner.post(PATH)
    assert answer.status == 200 and answer.json["refreshed"] is True
    results = answer.json["results"]
    # A category, a service and two clients.
    metrics = (await owner.get("/api/dashboard/metrics/")).json["count"]
    assert [results[name] for name in RESULTS[1:]] == [4, 2, metrics]
    assert results["refreshed"] is True and results["refresh_time"] == answer.json["refresh_time"]
    assert results["duration_seconds"] == answer.json["duration_seconds"] >= 0
    snapshot = await owner.get(f"/api/dashboard/snapshots/{results['monthly_snapshot']}/")
    shown = {name: snapshot.json[name] for name in ("snapshot_date", "period_type", "total_revenue", "total_invoices")}
    assert shown == {
        "snapshot_date": day.isoformat(),
        "period_type": "monthly",
        "total_revenue": "200.00",
        "total_invoices": 2,
    }


async def test_within_an_hour_only_a_forced_refresh_is_done(owner, db):
    first = await owner.post(PATH, {})
    await billed(owner, await today(db), "50.00")
    skipped = await owner.post(PATH, {"force_refresh": False})
    results = skipped.json["results"]
    assert skipped.json == {"refreshed": False, "refresh_time": None, "duration_seconds": None, "results": results}
    assert (results["refreshed"], results["reason"]) == (False, "Cache is still fresh")
    number = first.json["results"]["monthly_snapshot"]
    stored = (await owner.get(f"/api/dashboard/snapshots/{number}/")).json
    assert stored["total_revenue"] == "0.00" and stored["updated_at"] == results["last_refresh"]

    forced = await owner.post(PATH, {"force_refresh": True})
    assert forced.json["results"]["monthly_snapshot"] == number
    assert (await owner.get(f"/api/dashboard/snapshots/{number}/")).json["total_revenue"] == "50.00"
    await db.execute(
        "UPDATE dashboard.snapshot SET updated_at = now() - interval '61 minutes' WHERE owner_id = $1", owner.id
    )
    assert (await owner.post(PATH)).json["refreshed"] is True


async def test_only_what_is_asked_for_is_refreshed(owner):
    results = (await owner.post(PATH, {"refresh_types": ["analytics"]})).json["results"]
    assert [results[name] for name in RESULTS] == [None, 0, 0, None]
    assert (await owner.get("/api/dashboard/snapshots/")).json["count"] == 0
    results = (await owner.post(PATH, {"refresh_types": ["metrics", "snapshots"]})).json["results"]
    assert results["monthly_snapshot"] and results["performance_metrics_count"]
    assert results["category_analytics_count"] is None


@pytest.mark.parametrize(
    "body",
    [{"force_refresh": "perhaps"}, {"force_refresh": None}, {"refresh_types": "all"}, {"refresh_types": ["cache"]}, {"refresh_types": [["all"]]},
     {"refresh_types": ["all"] * 11}, [], b"{", b'{"refresh_types": [NaN]}'],
)  # fmt: skip
async def test_a_wrong_body_is_refused(owner, body):
    answer = await owner.post(PATH, body)
    assert answer.status == 400 and answer.json["error"]
    assert (await owner.get("/api/dashboard/snapshots/")).json["count"] == 0

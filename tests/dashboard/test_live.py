"""The figures of the moment. docs/api/dashboard.md#live."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.live import metrics

pytestmark = pytest.mark.gen_test
PATH = "/api/dashboard/realtime/aggregate/"
RECALCULATE = "/api/dashboard/realtime/recalculate/"
WEIGHTS = {
    "Daily Revenue": 0.3,
    "Daily Expenses": 0.2,
    "Daily Profit": 0.25,
    "Pending Invoices": 0.15,
    "Overdue Invoices": 0.1,
    "Active Clients": 0.1,
}


def day(days=0):
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


async def figures(owner):
    answer = await owner.get(PATH)
    assert answer.status == 200, answer.text
    return answer.json


async def counts(owner):
    """Pending, overdue, active: each with its value and change."""
    found = metrics(await figures(owner))
    return [found[name][:2] for name in ("Pending Invoices", "Overdue Invoices", "Active Clients")]


async def begin_day(db, owner):
    """What has happened up to now happened yesterday."""
    await db.execute(
        "UPDATE dashboard.total SET changed_at = changed_at - interval '1 day' WHERE owner_id = $1", owner.id
    )
    await db.execute("UPDATE dashboard.opening SET day = day - 1 WHERE owner_id = $1", owner.id)


async def overdue_invoice(owner, **more):
    return await owner.invoice(issue_date=day(-40), due_date=day(-10), status="sent", **more)


async def test_empty_books_are_stable_at_zero(owner):
    found = await figures(owner)
    assert set(found) == {"user_id", "timestamp", "performance_score", "metrics", "alerts", "metadata"}
    assert found["user_id"] == owner.id
    assert metrics(found) == dict.fromkeys(WEIGHTS, (0, 0, "stable"))
    assert [one["confidence"] for one in found["metrics"]] == [0.95, 0.95, 0.9, 1.0, 1.0, 0.98]
    assert {one["timestamp"] for one in found["metrics"]} == {found["timestamp"]}
    assert found["alerts"] == [] and found["performance_score"] == 70
    assert found["metadata"] == {
        "calculation_time": found["timestamp"],
        "cache_status": "live",
        "data_freshness": "real-time",
    }


async def test_money_is_compared_with_yesterday_and_more_expenses_are_a_trend_down(owner):
    await owner.invoice(issue_date=day(-1), due_date=day(30), status="sent")
    await owner.expense(expense_date=day(-1), amount="20.10")
    await owner.expense(expense_date=day(), amount="30.30")
    await owner.invoice(issue_date=day(-2), due_date=day(30), status="sent")
    found = await figures(owner)
    assert metrics(found)["Daily Revenue"] == (0, -1000, "down")
    assert metrics(found)["Daily Expenses"] == (30.3, 10.2, "down")
    assert metrics(found)["Daily Profit"] == (-30.3, -1010.2, "down")


async def test_money_is_a_number_with_its_cents(owner):
    await owner.expense(expense_date=day(), amount="0.10")
    answer = await owner.get(PATH)
    assert '"value" : -0.10' in answer.text and '"value" : 0.10' in answer.text


async def test_counts_are_compared_with_the_beginning_of_the_day(owner, db):
    client = (await owner.client())["id"]
    for _ in range(2):
        await owner.invoice(client=client, issue_date=day(), due_date=day(5), status="sent")
    late = await overdue_invoice(owner, client=client)
    assert await counts(owner) == [(2, 2), (1, 1), (1, 1)]
    await begin_day(db, owner)
    assert await counts(owner) == [(2, 0), (1, 0), (1, 0)]
    await owner.expense()
    assert await counts(owner) == [(2, 0), (1, 0), (1, 0)]
    await owner.post(f"/api/invoices/{late['id']}/mark_paid/")
    await owner.invoice(client=client, issue_date=day(), due_date=day(), status="sent")
    other = await owner.client()
    await owner.patch(f"/api/clients/{client}/", {"is_active": False})
    assert await counts(owner) == [(3, 1), (0, -1), (1, 0)]
    await owner.delete(f"/api/clients/{other['id']}/")
    assert await counts(owner) == [(3, 1), (0, -1), (0, -1)]


@pytest.mark.parametrize("change", ["make", "deactivate", "delete", "rename"])
async def test_the_first_change_of_a_day_keeps_how_many_clients_there_were(owner, db, change):
    client = await owner.client()
    await owner.client()
    await begin_day(db, owner)
    path = f"/api/clients/{client['id']}/"
    if change == "make":
        await owner.client()
    elif change == "deactivate":
        await owner.patch(path, {"is_active": False})
    elif change == "delete":
        await owner.delete(path)
    else:
        await owner.patch(path, {"name": "Renamed"})
    expected = {"make": (3, 1), "deactivate": (1, -1), "delete": (1, -1), "rename": (2, 0)}[change]
    assert (await counts(owner))[2] == expected


async def test_what_becomes_overdue_with_the_day_is_no_change_of_the_day(owner, db):
    """Whether it is due is asked as of today, also for the beginning of the day."""
    invoice = await owner.invoice(issue_date=day(-5), due_date=day(), status="sent")
    await begin_day(db, owner)
    await db.execute("UPDATE dashboard.due SET due_date = due_date - 1 WHERE owner_id = $1 AND invoices > 0", owner.id)
    assert await counts(owner) == [(0, 0), (1, 0), (1, 0)]
    assert invoice


async def test_an_owner_whose_books_are_still_to_be_added_up_has_no_change_of_counts(owner, db):
    await db.execute("INSERT INTO dashboard.unbuilt (owner_id) VALUES ($1)", owner.id)
    await overdue_invoice(owner)
    assert (await counts(owner))[1] == (1, 0)


async def test_alerts_say_what_needs_attention_and_what_goes_well(owner, db):
    client = (await owner.client())["id"]
    for _ in range(5):
        await overdue_invoice(owner, client=client)
    found = await figures(owner)
    assert [alert["message"] for alert in found["alerts"]] == ["Active Clients is trending up (+1)"]
    await overdue_invoice(owner, client=client)
    await owner.expense(expense_date=day(), amount="1234.50")
    found = await figures(owner)
    told = [(one["level"], one["message"], one["metric"], one["action_required"]) for one in found["alerts"]]
    assert told == [
        ("critical", "Daily profit is negative: $-1234.50", "Daily Profit", True),
        ("warning", "6 invoices are overdue", "Overdue Invoices", True),
        ("success", "Active Clients is trending up (+1)", "Active Clients", False),
    ]
    assert {one["timestamp"] for one in found["alerts"]} == {found["timestamp"]}
    await owner.invoice(client=client, issue_date=day(), due_date=day(9), status="sent")
    found = await figures(owner)
    assert found["alerts"][2]["message"] == "Daily Revenue is trending up (+$1000.00)"


async def test_the_score_weighs_good_stable_and_bad_trends(owner, db):
    await owner.invoice(issue_date=day(), due_date=day(9), status="sent")
    await owner.expense(expense_date=day())
    found = await figures(owner)
    good = {"Daily Revenue": "up", "Daily Expenses": "up", "Daily Profit": "up", "Active Clients": "up"}
    points = {
        name: 1 if trend == good.get(name, "down") else 0.7 if trend == "stable" else 0.3
        for name, (_, _, trend) in metrics(found).items()
    }
    assert sorted(points.values()) == [0.3, 0.3, 0.7, 1, 1, 1]
    expected = sum(WEIGHTS[name] * points[name] for name in WEIGHTS) / sum(WEIGHTS.values()) * 100
    assert found["performance_score"] == pytest.approx(expected, abs=0.006)


async def test_a_recalculation_answers_as_documented(owner):
    await owner.invoice(issue_date=day(), due_date=day(9), status="sent")
    answer = await owner.post(RECALCULATE)
    assert answer.status == 200
    found = answer.json
    assert (found["success"], found["message"]) == (True, "Dashboard recalculation completed")
    assert (found["metrics_count"], found["alerts_count"]) == (6, 2)
    assert found["performance_score"] == (await figures(owner))["performance_score"]
    assert found["refresh_results"]["refreshed"] is True


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("GET", PATH, "Failed to generate real-time dashboard data"),
        ("POST", RECALCULATE, "Failed to recalculate dashboard"),
    ],
)
async def test_a_failure_says_what_failed_and_nothing_of_why(owner, method, path, said, monkeypatch, caplog):
    from handlers.dashboard import live

    def fails(*arguments, **more):
        raise RuntimeError("the secret reason")

    monkeypatch.setattr(live.query, "get_live", fails)
    monkeypatch.setattr(live.query, "recalculate", fails)
    answer = await owner.call(method, path, is_described=False)
    assert (answer.status, answer.json) == (500, {"error": said, "detail": said})
    assert "the secret reason" in caplog.text


async def test_figures_are_one_query_of_a_few_rows(owner, db):
    """However many invoices there are."""
    await db.execute(
        """INSERT INTO dashboard.period (owner_id, period_type, period_start, billed)
           SELECT $1, 'daily', books.today() - n, 5 FROM generate_series(0, 3000) n""",
        owner.id,
    )
    await db.execute(
        """INSERT INTO dashboard.due (owner_id, due_date, invoices, unpaid, balance)
           SELECT $1, books.today() - n, 1, 1, 5 FROM generate_series(-30, 5000) n""",
        owner.id,
    )
    await db.execute("INSERT INTO dashboard.total (owner_id, invoices, balance) VALUES ($1, 5031, 1)", owner.id)
    await db.execute("ANALYZE dashboard.period, dashboard.due")
    assert await counts(owner) == [(31, 31), (5000, 5000), (0, 0)]
    before = await read_rows(db)
    async with db.transaction():
        await db.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await db.fetch("SELECT * FROM dashboard.live_figures($1)", owner.id)
        assert await read_rows(db) - before < 60


async def read_rows(db):
    return await db.fetchval(
        "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables WHERE schemaname = 'dashboard'"
    )

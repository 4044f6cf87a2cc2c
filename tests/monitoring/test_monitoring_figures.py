"""Health, metrics, analytics and the general data. docs/api/monitoring.md#figures."""

import asyncio
import random

import pytest

from tests.monitoring.conftest import task

pytestmark = pytest.mark.gen_test
TASKS, ALERTS = "/api/monitoring/api/tasks/", "/api/monitoring/api/alerts/"
METRICS, HEALTH, GENERAL = (f"/api/monitoring/api/{name}/" for name in ("metrics", "health", "monitoring"))
ANALYTICS, OVERVIEW = "/api/monitoring/analytics/", "/api/monitoring/"
# The sums of the rows, as monitoring.task_period has to have them.
SUMS = """
    SELECT s.scope, u.unit, date_trunc(u.unit, t.created_at, 'UTC') AS start, t.task_name, t.queue_name, count(*) FILTER (WHERE status = 'pending') AS pending,
           count(*) FILTER (WHERE status = 'started') AS started, count(*) FILTER (WHERE status = 'success') AS success,
           count(*) FILTER (WHERE status = 'failure') AS failure, count(*) FILTER (WHERE status = 'retry') AS retry,
           count(*) FILTER (WHERE status = 'revoked') AS revoked, count(d.ended) AS timed, coalesce(sum(d.ended), 0) AS duration,
           min(d.ended) AS shortest, max(d.ended) AS longest
      FROM monitoring.task t
     CROSS JOIN LATERAL (SELECT CASE WHEN status IN ('success', 'failure') THEN t.duration END AS ended) d
     CROSS JOIN LATERAL (VALUES (0::bigint, true), (-1, t.is_server), (t.account_id, t.account_id IS NOT NULL)) AS s (scope, is_counted)
     CROSS JOIN (VALUES ('hour'), ('day')) AS u (unit)
     WHERE s.is_counted GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"""
KEPT = """SELECT * FROM monitoring.task_period WHERE (pending, started, success, failure, retry, revoked) <> (0, 0, 0, 0, 0, 0) ORDER BY 1, 2, 3, 4, 5"""


async def test_without_any_execution_nothing_reads_as_failing(owner, worker):
    await worker.seen()
    metrics = (await owner.get(METRICS)).json
    assert {**metrics, "timestamp": ""} == {
        "time_period_hours": 24,
        "total_tasks": 0,
        "completed_tasks": 0,
        "successful_tasks": 0,
        "failed_tasks": 0,
        "pending_tasks": 0,
        "active_tasks": 0,
        "success_rate": 100,
        "duration_stats": {"avg_duration": None, "min_duration": None, "max_duration": None},
        "task_breakdown": {},
        "queue_breakdown": {},
        "timestamp": "",
    }
    health = (await owner.get(HEALTH)).json
    assert (health["status"], health["message"]) == ("healthy", "System operating normally")
    assert (health["tasks"], health["queues"], health["alerts"]) == (
        {"pending": 0, "active": 0, "success_rate": 100},
        {},
        0,
    )
    analytics = (await owner.get(ANALYTICS)).json
    assert len(analytics["daily_trends"]) == 7 and {day["success_rate"] for day in analytics["daily_trends"]} == {100}
    assert (analytics["top_failing_tasks"], analytics["slowest_tasks"], analytics["queue_performance"]) == ([], [], [])
    overview = (await owner.get(OVERVIEW)).json
    assert overview["active_alerts"] == [] and overview["is_admin"] is False and len(overview["hourly_trends"]) == 24
    assert {hour["success_rate"] for hour in overview["hourly_trends"]} == {None}


async def test_metrics_are_the_sums_of_the_executions(owner):
    for fields in (
        {"status": "success", "duration": 1.5},
        {"status": "success", "duration": 2.5},
        {"status": "failure", "duration": 5},
        {"status": "failure", "task_name": "mail", "queue_name": "slow"},
        {"status": "started"},
        {"status": "pending"},
        {"status": "retry"},
        {"status": "revoked", "duration": 900},
    ):
        await owner.made(TASKS, task(**fields))
    metrics = (await owner.get(f"{METRICS}?hours=1")).json
    assert {**metrics, "timestamp": ""} == {
        "time_period_hours": 1,
        "total_tasks": 8,
        "completed_tasks": 4,
        "successful_tasks": 2,
        "failed_tasks": 2,
        "pending_tasks": 2,
        "active_tasks": 1,
        "success_rate": 50,
        "duration_stats": {"avg_duration": 3, "min_duration": 1.5, "max_duration": 5},
        "task_breakdown": {
            "nightly.import": {"total": 7, "successful": 2, "failed": 1, "success_rate": 66.67, "avg_duration": 3},
            "mail": {"total": 1, "successful": 0, "failed": 1, "success_rate": 0, "avg_duration": None},
        },
        "queue_breakdown": {
            "default": {"total": 7, "successful": 2, "failed": 1, "success_rate": 66.67},
            "slow": {"total": 1, "successful": 0, "failed": 1, "success_rate": 0},
        },
        "timestamp": "",
    }
    analytics = (await owner.get(f"{ANALYTICS}?days=2")).json
    assert analytics["top_failing_tasks"] == [
        {"task_name": "mail", "failure_count": 1},
        {"task_name": "nightly.import", "failure_count": 1},
    ]
    assert analytics["slowest_tasks"] == [{"task_name": "nightly.import", "avg_duration": 3, "max_duration": 5}]
    assert [one["queue_name"] for one in analytics["queue_performance"]] == ["default", "slow"]
    days = analytics["daily_trends"]
    assert [day["date"] for day in days] == sorted((day["date"] for day in days), reverse=True)
    assert sum(day["total_tasks"] for day in days) == 8 and sum(day["failed_tasks"] for day in days) == 2


async def test_a_period_counts_from_its_full_hour_on(owner, db):
    for hours in (0, 5, 30):
        made = await owner.made(TASKS, task())
        await db.execute(
            "UPDATE monitoring.task SET created_at = now() - make_interval(hours => $2) WHERE id = $1",
            made["id"],
            hours,
        )
    counts = [(await owner.get(f"{METRICS}?hours={hours}")).json["total_tasks"] for hours in (1, 4, 5, 24, 29, 30, 720)]
    assert counts == [1, 1, 2, 2, 2, 3, 3]


async def test_wrong_periods_are_refused(owner):
    for hours in ("0", "721", "-1", "x", "1.5", "9" * 30, "１"):
        for path in (METRICS, GENERAL, "/api/monitoring/metrics/"):
            answer = await owner.get(f"{path}?hours={hours}")
            assert (answer.status, list(answer.json["details"])) == (400, ["hours"])
    assert (await owner.get(f"{METRICS}?hours=%00")).status == 200
    for days in ("0", "366", "x"):
        assert (await owner.get(f"{ANALYTICS}?days={days}")).status == 400


async def test_the_kept_figures_are_always_the_sums_of_the_rows(owner, open_books, db, worker):
    admin, chance = await open_books("ADMIN"), random.Random(7)
    await db.execute("DELETE FROM monitoring.task")
    made: list[int] = []
    for _ in range(60):
        caller = chance.choice([owner, admin])
        fields = {
            "status": chance.choice(["pending", "started", "success", "failure", "retry", "revoked"]),
            "duration": chance.choice([None, 0, 1.5, 2, 30]),
            "task_name": chance.choice(["a", "b"]),
            "queue_name": chance.choice(["q", "r"]),
        }
        act = chance.random()
        if act < 0.5 or not made:
            made.append((await caller.made(TASKS, task(**fields)))["id"])
        elif act < 0.8:
            await admin.patch(f"{TASKS}{chance.choice(made)}/", dict(chance.sample(sorted(fields.items(), key=str), 2)))
        else:
            await admin.delete(f"{TASKS}{made.pop(chance.randrange(len(made)))}/")
    assert await db.fetch(KEPT) == await db.fetch(SUMS) != []
    # A statement that changes many at once, whichever program runs it.
    await db.execute("UPDATE monitoring.task SET duration = 7, task_name = 'c' WHERE id % 2 = 0")
    await db.execute("DELETE FROM monitoring.task WHERE id % 3 = 0")
    assert await db.fetch(KEPT) == await db.fetch(SUMS)
    assert await db.fetchval("SELECT n FROM monitoring.tally WHERE kind = 'task'") == await db.fetchval(
        "SELECT count(*) FROM monitoring.task"
    )


async def test_members_have_figures_of_their_own_tasks_alone(owner, open_books):
    other, admin = await open_books(), await open_books("ADMIN")
    await owner.made(TASKS, task(status="failure", task_name="secret"))
    await owner.made(TASKS, task(status="pending", queue_name="private"))
    for path in (METRICS, HEALTH, ANALYTICS, GENERAL, OVERVIEW):
        assert "secret" not in (await other.get(path)).text and "private" not in (await other.get(path)).text
    assert (await other.get(METRICS)).json["total_tasks"] == 0
    assert "secret" in (await owner.get(METRICS)).text and "secret" in (await admin.get(METRICS)).text
    health = (await owner.get(HEALTH)).json
    assert (health["queues"], health["tasks"]["pending"], health["tasks"]["success_rate"]) == ({"private": 1}, 1, 0)


async def test_what_members_record_does_not_change_the_health_of_the_server(owner, open_books, db):
    admin = await open_books("ADMIN")
    await db.execute("DELETE FROM monitoring.task")
    for _ in range(3):
        await owner.made(TASKS, task(status="failure"))
    assert (await admin.get(HEALTH)).json["tasks"]["success_rate"] == 100
    await admin.made(TASKS, task(status="failure"))
    assert (await admin.get(HEALTH)).json["tasks"]["success_rate"] == 0


async def test_the_health_says_what_is_wrong(open_books, db, worker):
    admin = await open_books("ADMIN")
    await db.execute("DELETE FROM monitoring.task")
    await db.execute("DELETE FROM jobs.worker")
    health = (await admin.get(HEALTH)).json
    assert (health["status"], health["message"]) == ("critical", "No active workers available")
    await worker.seen(120)
    assert (await admin.get(HEALTH)).json["workers"] == {"active": 0, "total": 1}
    await worker.seen()
    assert (await admin.get(HEALTH)).json["workers"] == {"active": 1, "total": 1}
    await db.execute("""INSERT INTO monitoring.task (is_server, task_id, task_name, queue_name, priority, status, scheduled_at, retry_count, worker_name,
                                                     result_summary, error_message, arguments, keyword_arguments)
                        SELECT true, 'w-' || n, 'w', 'waiting', 'normal', 'pending', now(), 0, '', '', '', '[]', '{}' FROM generate_series(1, 101) n""")
    health = (await admin.get(HEALTH)).json
    assert (health["status"], health["message"]) == ("warning", "High number of pending tasks")
    assert (health["queues"]["waiting"], health["tasks"]["pending"]) == (101, 101)
    for status, said in (("failure", ("critical", 66.67)), ("success", ("warning", 75)), ("success", ("warning", 80))):
        if status == "failure":
            await admin.made(TASKS, task(status="success"))
            await admin.made(TASKS, task(status="success"))
        await admin.made(TASKS, task(status=status))
        health = (await admin.get(HEALTH)).json
        assert (health["status"], health["tasks"]["success_rate"]) == said
        assert health["message"] == "Low task success rate"


async def test_the_queue_of_the_server_is_what_the_health_shows(open_books, worker, db):
    admin = await open_books("ADMIN")
    before = (await admin.get(HEALTH)).json["tasks"]
    waiting, running = await worker.enqueue("vendor.nothing"), await worker.enqueue("vendor.nothing")
    await worker.begin(running)
    health = (await admin.get(HEALTH)).json
    assert (health["tasks"]["pending"], health["tasks"]["active"]) == (before["pending"] + 1, before["active"] + 1)
    await db.execute("DELETE FROM jobs.pgqueuer WHERE id = ANY ($1)", [waiting, running])


async def test_the_general_data_has_the_latest_alerts_whether_resolved_or_not(owner):
    body = {"alert_type": "slow_tasks", "severity": "info", "title": "t", "message": "m"}
    made = [(await owner.made(ALERTS, body))["id"] for _ in range(11)]
    await owner.post(f"{ALERTS}{made[-1]}/resolve/")
    general = (await owner.get(GENERAL)).json
    assert set(general) == {"health", "metrics", "recent_alerts", "timestamp"}
    assert [one["id"] for one in general["recent_alerts"]] == made[:0:-1]
    overview = (await owner.get(OVERVIEW)).json
    assert [one["id"] for one in overview["active_alerts"]] == made[-2::-1]
    assert (overview["health"]["alerts"], general["health"]["alerts"]) == (10, 10)


async def test_a_measure_is_recorded_from_a_body_or_taken_now(owner, open_books, worker):
    admin = await open_books("ADMIN")
    await worker.seen()
    given = await owner.post(GENERAL, {"success_rate": 12, "cpu_usage": 3})
    assert (given.status, given.json["success_rate"], given.json["cpu_usage"]) == (201, 12, 3)
    assert (await owner.post(GENERAL, {"success_rate": 101})).status == 400
    assert (await owner.post(GENERAL, {"cpu_usage": 1})).json["details"] == {
        "success_rate": ["This field is required."]
    }
    await owner.made(TASKS, task(status="success", duration=4))
    for path, body in (
        (GENERAL, None),
        (GENERAL, b" {} "),
        ("/api/monitoring/record_metrics/", None),
        ("/api/monitoring/api/monitoring/record_metrics/", {"success_rate": 1}),
    ):
        answer = await owner.call("POST", path, body)
        assert answer.status == 201, answer.text
        measure = answer.json
        assert (measure["completed_tasks_hourly"], measure["avg_task_duration"], measure["success_rate"]) == (1, 4, 100)
        assert (measure["cpu_usage"], measure["memory_usage"]) == (None, None)
    measured = (await admin.post("/api/monitoring/record_metrics/")).json
    assert 0 <= measured["cpu_usage"] <= 100 and measured["memory_usage"] > 0 and measured["active_workers"] >= 1


async def test_the_same_figures_stand_where_the_documented_system_has_them(owner):
    for name in ("health", "metrics", "analytics"):
        first = (await owner.get(f"/api/monitoring/{name}/")).json
        second = (await owner.get(f"/api/monitoring/api/monitoring/{name}/")).json
        assert first.keys() == second.keys()


async def test_a_browser_gets_a_page_without_data_and_everybody_else_json(api, owner):
    for accept in ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"):
        answer = await api.get(OVERVIEW, headers={"Accept": accept})
        assert answer.status == 200 and answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"] and "Accept" in answer.headers["Vary"]
    for accept in ("*/*", "application/json", "application/json, text/html", "image/png"):
        assert (await api.get(OVERVIEW, headers={"Accept": accept})).status == 401
        assert (await owner.get(OVERVIEW, headers={"Accept": accept})).json["health"]


async def test_others_may_not_enter(api, sign_in):
    token = (await sign_in("SALESREP"))["access"]
    for path in (METRICS, HEALTH, GENERAL, ANALYTICS, OVERVIEW, TASKS, ALERTS):
        assert (await api.get(path)).status == 401
        assert (await api.get(path, token=token)).status == 403


async def test_what_belongs_to_an_account_goes_with_it(open_books, db):
    admin, leaver = await open_books("SUPERADMIN"), await open_books()
    made = await leaver.made(TASKS, task(status="failure", retry_count=3))
    await leaver.made("/api/monitoring/api/health-metrics/", {"success_rate": 1})
    assert (await admin.delete(f"/api/auth/users/{leaver.id}/")).status in (200, 204)
    assert (await admin.get(f"{TASKS}{made['id']}/")).status == 404
    for table in ("task", "alert", "health_metric"):
        assert not await db.fetchval(f"SELECT count(*) FROM monitoring.{table} WHERE account_id = $1", leaver.id), table
    assert await db.fetch(KEPT) == await db.fetch(SUMS)


async def test_of_many_failures_at_once_one_alert_is_raised(owner):
    for _ in range(5):
        await owner.made(TASKS, task(status="failure", task_name="at.once", completed_at="2026-01-01T00:00:00Z"))
    bodies = [task(status="failure", task_name="at.once") for _ in range(12)]
    answers = await asyncio.gather(*(owner.post(TASKS, body) for body in bodies))
    assert {answer.status for answer in answers} == {201}
    await owner.made(TASKS, task(status="failure", task_name="at.once"))
    found = (await owner.get(f"{ALERTS}?alert_type=high_failure_rate")).json["results"]
    assert [one["is_resolved"] for one in found] == [False]

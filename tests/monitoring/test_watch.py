"""What the server does by itself: executions of its own jobs, alerts, measures, retention. docs/api/monitoring.md#by-itself."""

import json
from decimal import Decimal

import pytest

from handlers.monitoring import watch
from handlers.monitoring.host import Host, Load
from tests.monitoring.conftest import task
from tests.support.deadlines import until

pytestmark = pytest.mark.gen_test
TASKS, ALERTS = "/api/monitoring/api/tasks/", "/api/monitoring/api/alerts/"


@pytest.fixture
def no_rows(io_loop, db):
    """Nothing of an earlier test is left."""
    tables = "monitoring.task, monitoring.task_period, monitoring.alert, monitoring.health_metric, monitoring.tally, monitoring.changed_job"
    io_loop.run_sync(lambda: db.execute(f"TRUNCATE {tables}, jobs.worker, jobs.run, jobs.pgqueuer, jobs.pgqueuer_log"))


async def shown(caller, task_id):
    """The only execution with this task_id that the caller sees."""
    found = (await caller.get(f"{TASKS}?search={task_id}")).json["results"]
    assert len(found) == 1, found
    return found[0]


async def alerts(caller, query=""):
    return (await caller.get(f"{ALERTS}?page_size=100{query}")).json["results"]


async def look(app, cpu="5", memory="1000", share="10"):
    """Watch the server on a host that is used so much."""
    app.kept(Host).measure = lambda: as_coroutine(Load(Decimal(cpu), Decimal(memory), Decimal(share)))
    await watch.watch(app)


async def as_coroutine(value):
    return value


async def test_each_run_of_a_job_is_shown_by_itself(owner, open_books, worker, no_rows):
    admin = await open_books("ADMIN")
    # Who has asked for it is not the account's matter.
    payload = {"owner_id": owner.id, "mail_id": 7, "requested_by": admin.id}
    job = await worker.enqueue("books.mail", json.dumps(payload))
    run = await worker.begin(job)
    await worker.copy()
    begun = await shown(owner, f"job-{job}")
    assert {
        name: begun[name] for name in ("task_name", "user", "status", "retry_count", "priority", "completed_at")
    } == {
        "task_name": "books.mail",
        "user": owner.id,
        "status": "started",
        "retry_count": 0,
        "priority": "normal",
        "completed_at": None,
    }
    assert (
        begun["keyword_arguments"] == {"owner_id": owner.id, "mail_id": 7}
        and begun["scheduled_at"] <= begun["started_at"]
    )
    await worker.fail(job, run, "OSError: mail.internal:25 refused")
    await worker.copy()
    failed = await shown(owner, f"job-{job}")
    assert (failed["status"], failed["error_message"], failed["worker_name"]) == (
        "retry",
        "The task failed: OSError.",
        "",
    )
    for_admin = await shown(admin, f"job-{job}")
    assert (for_admin["error_message"], for_admin["worker_name"]) == (
        "OSError: mail.internal:25 refused",
        "host-of-tests:1",
    )
    await worker.finish(job, await worker.begin(job), '{"sent": 1}')
    await worker.copy()
    ended = await shown(owner, f"job-{job}")
    assert (ended["id"], ended["status"], ended["retry_count"], ended["result_summary"], ended["error_message"]) == (
        begun["id"],
        "success",
        1,
        '{"sent": 1}',
        "",
    )
    assert (
        ended["completed_at"] > ended["started_at"]
        and ended["duration"] > 0
        and ended["duration_display"].endswith("s")
    )


async def test_a_held_job_has_failed_and_a_lost_or_released_one_waits(open_books, worker, db, no_rows):
    admin = await open_books("ADMIN")
    held, lost, released = [await worker.enqueue() for _ in range(3)]
    await worker.fail(held, await worker.begin(held), "GiveUp: no", is_last=True)
    await worker.begin(lost)
    await db.execute("UPDATE jobs.run SET status = 'lost', finished_at = now() WHERE job_id = $1", lost)
    await db.execute("DELETE FROM jobs.pgqueuer WHERE id = $1", lost)
    await worker.begin(released)
    await db.execute("SELECT core.release_jobs($1)", worker.id)
    await worker.copy()
    assert [(await shown(admin, f"job-{job}"))["status"] for job in (held, lost, released)] == [
        "failure",
        "retry",
        "pending",
    ]
    assert (await shown(admin, f"job-{held}"))["user"] is None


async def test_a_duty_copies_what_runs(open_books, worker, no_rows):
    admin = await open_books("ADMIN")
    job = await worker.enqueue()
    await worker.finish(job, await worker.begin(job))
    await until(lambda: admin.get(f"{TASKS}?search=job-{job}"), lambda answer: answer.json["count"] == 1)


async def test_an_account_that_does_not_exist_has_no_execution(open_books, worker, no_rows):
    admin = await open_books("ADMIN")
    for payload in ({"owner_id": 10**17}, {"owner_id": "x"}, {"user_id": {"a": 1}}, {"owner_id": "9" * 40}, {}):
        job = await worker.enqueue("books.mail", json.dumps(payload))
        await worker.finish(job, await worker.begin(job))
        await worker.copy()
        found = await shown(admin, f"job-{job}")
        assert (found["user"], found["keyword_arguments"]) == (None, payload)


async def test_nobody_changes_what_the_server_records_of_its_jobs(owner, open_books, worker, no_rows):
    admin = await open_books("ADMIN")
    job = await worker.enqueue("books.mail", json.dumps({"owner_id": owner.id}))
    await worker.begin(job)
    await worker.copy()
    row = await shown(owner, f"job-{job}")
    path = f"{TASKS}{row['id']}/"
    for caller in (owner, admin):
        assert (await caller.patch(path, {"status": "failure", "duration": 99999})).status == 403
        assert (await caller.put(path, {"task_id": "free", "task_name": "mine", "status": "failure"})).status == 403
    assert (await owner.delete(path)).status == 403
    assert await shown(owner, f"job-{job}") == row


async def test_what_an_administrator_deletes_does_not_stop_the_copying(owner, open_books, worker, no_rows):
    admin = await open_books("ADMIN")
    job = await worker.enqueue("books.mail", json.dumps({"owner_id": owner.id}))
    run = await worker.begin(job)
    await worker.copy()
    assert (await admin.delete(f"{TASKS}{(await shown(owner, f'job-{job}'))['id']}/")).status == 204
    await worker.finish(job, run)
    await worker.copy()
    assert (await shown(owner, f"job-{job}"))["status"] == "success"


async def test_members_can_not_find_a_worker_by_its_name(owner, open_books, worker, no_rows):
    admin = await open_books("ADMIN")
    job = await worker.enqueue("books.mail", json.dumps({"owner_id": owner.id}))
    await worker.begin(job)
    await worker.copy()
    for query in ("search=host-of-tests", "search=ho"):
        assert (await owner.get(f"{TASKS}?{query}")).json["results"] == []
        assert len((await admin.get(f"{TASKS}?{query}")).json["results"]) == 1


async def test_a_fourth_attempt_raises_one_alert_for_whose_task_it_is(owner, open_books, worker, no_rows):
    other = await open_books()
    job = await worker.enqueue("books.mail", json.dumps({"owner_id": owner.id}))
    for n in range(6):
        await worker.fail(job, await worker.begin(job), "OSError: away")
        await worker.copy()
        assert len(await alerts(owner)) == (1 if n >= 3 else 0), n
    (found,) = await alerts(owner)
    assert (found["alert_type"], found["severity"], found["is_resolved"]) == ("task_failure", "warning", False)
    assert found["task_execution"] == (await shown(owner, f"job-{job}"))["id"]
    assert found["metadata"] == {"task_id": f"job-{job}", "task_name": "books.mail", "retry_count": 3}
    assert await alerts(other) == []
    await worker.finish(job, await worker.begin(job))
    await worker.copy()
    (found,) = await alerts(owner)
    assert found["is_resolved"] and found["resolved_at"]


async def test_an_execution_that_a_client_records_is_judged_as_well(owner, no_rows):
    for n in (2, 3, 3):
        await owner.made(TASKS, task(retry_count=n, status="retry"))
    assert [one["alert_type"] for one in await alerts(owner)] == ["task_failure"] * 2
    made = await owner.made(TASKS, task(retry_count=1))
    await owner.patch(f"{TASKS}{made['id']}/", {"retry_count": 5})
    await owner.patch(f"{TASKS}{made['id']}/", {"retry_count": 6})
    assert len(await alerts(owner)) == 3


async def test_a_task_that_often_fails_raises_one_alert_until_it_does_better(owner, open_books, no_rows):
    other = await open_books()
    for n, status in enumerate(["success", "success", "failure", "failure", "failure", "failure", "failure"], 1):
        await owner.made(TASKS, task(status=status))
        assert len(await alerts(owner)) == (1 if n >= 5 else 0), n
    (found,) = await alerts(owner)
    assert (found["alert_type"], found["severity"], found["task_execution"]) == ("high_failure_rate", "error", None)
    assert found["metadata"] == {"task_name": "nightly.import", "finished": 5, "failed": 3, "failure_rate": 60}
    for _ in range(5):
        await other.made(TASKS, task(status="success"))
    assert not (await alerts(owner))[0]["is_resolved"] and await alerts(other) == []
    for _ in range(3):
        await owner.made(TASKS, task(status="success"))
    # 5 of 10 are no longer more than half.
    assert (await alerts(owner))[0]["is_resolved"]
    await owner.made(TASKS, task(status="failure"))
    assert [one["is_resolved"] for one in await alerts(owner)] == [False, True]


async def test_failures_of_another_task_or_of_another_hour_do_not_count(owner, no_rows):
    for n in range(4):
        await owner.made(TASKS, task(status="failure"))
        await owner.made(TASKS, task(status="failure", task_name=f"other-{n}"))
        await owner.made(TASKS, task(status="failure", completed_at="2026-01-01T00:00:00Z"))
    assert await alerts(owner) == []


async def test_an_alert_about_failures_ends_when_they_are_long_ago(owner, app, db, no_rows):
    for _ in range(5):
        await owner.made(TASKS, task(status="failure"))
    await look(app)
    assert not (await alerts(owner))[0]["is_resolved"]
    await db.execute("UPDATE monitoring.alert SET triggered_at = triggered_at")
    await db.execute("ALTER TABLE monitoring.task DISABLE TRIGGER task_rewritten")
    await db.execute("UPDATE monitoring.task SET completed_at = now() - interval '61 minutes'")
    await db.execute("ALTER TABLE monitoring.task ENABLE TRIGGER task_rewritten")
    await look(app)
    assert (await alerts(owner))[0]["is_resolved"]


async def test_the_watch_raises_and_resolves_what_concerns_the_server(owner, open_books, app, db, worker, no_rows):
    admin = await open_books("ADMIN")
    await look(app)
    assert await alerts(admin) == []
    stranded = await worker.enqueue("vendor.nothing")
    await db.execute("UPDATE jobs.pgqueuer SET execute_after = now() - interval '2 minutes' WHERE id = $1", stranded)
    await db.execute("SELECT core.enqueue_job('vendor.nothing') FROM generate_series(1, 100)")
    made = await admin.made(TASKS, task(status="success", duration=301))
    for _ in range(3):
        await look(app, cpu="95.5")
    found = {one["alert_type"]: one for one in await alerts(admin)}
    assert len(await alerts(admin)) == 4
    assert {name: one["severity"] for name, one in found.items()} == {
        "worker_down": "critical",
        "queue_backlog": "warning",
        "slow_tasks": "warning",
        "system_overload": "error",
    }
    assert found["queue_backlog"]["metadata"] == {"pending": 101}
    assert found["system_overload"]["metadata"] == {"cpu_usage": 95.5, "memory_share": 10}
    assert await alerts(owner) == []
    tags = await db.fetch(
        "SELECT DISTINCT tags FROM core.event WHERE topic = 'monitoring.alert' AND payload LIKE '%worker_down%'"
    )
    assert [row["tags"] for row in tags] == [["administrators"]]

    await worker.seen()
    await db.execute("DELETE FROM jobs.pgqueuer")
    await admin.delete(f"{TASKS}{made['id']}/")
    await look(app)
    assert await alerts(admin, "&is_resolved=false") == [] and len(await alerts(admin, "&is_resolved=true")) == 4
    await look(app, share="91")
    assert [one["alert_type"] for one in await alerts(admin, "&is_resolved=false")] == ["system_overload"]


async def test_what_a_person_has_raised_the_watch_does_not_resolve(open_books, app, no_rows):
    admin = await open_books("ADMIN")
    await admin.made(ALERTS, {"alert_type": "queue_backlog", "severity": "info", "title": "t", "message": "m"})
    await look(app)
    assert len(await alerts(admin, "&is_resolved=false")) == 1


async def test_health_is_recorded_every_five_minutes_once(open_books, app, db, worker, no_rows):
    admin = await open_books("ADMIN")
    await worker.seen()
    await admin.made(TASKS, task(status="success", duration=2))
    for _ in range(3):
        await look(app)
    (found,) = (await admin.get("/api/monitoring/api/health-metrics/")).json["results"]
    assert {
        name: found[name]
        for name in ("active_workers", "completed_tasks_hourly", "failed_tasks_hourly", "success_rate")
    } == {
        "active_workers": 1,
        "completed_tasks_hourly": 1,
        "failed_tasks_hourly": 0,
        "success_rate": 100,
    }
    assert (found["cpu_usage"], found["memory_usage"], found["avg_task_duration"], found["health_status"]) == (
        5,
        1000,
        2,
        "healthy",
    )
    await db.execute("UPDATE monitoring.health_metric SET recorded_at = now() - interval '5 minutes'")
    await look(app)
    assert (await admin.get("/api/monitoring/api/health-metrics/")).json["count"] == 2


async def test_what_is_old_is_removed_and_an_alert_about_a_removed_execution_is_resolved(
    owner, app, db, worker, no_rows
):
    old, new = await owner.made(TASKS, task(retry_count=3)), await owner.made(TASKS, task())
    raised = (await alerts(owner))[0]
    body = {"alert_type": "slow_tasks", "severity": "info", "title": "t", "message": "m"}
    resolved = await owner.made(ALERTS, body)
    await owner.post(f"{ALERTS}{resolved['id']}/resolve/")
    measure = await owner.made("/api/monitoring/api/health-metrics/", {"success_rate": 1})
    long_ago = "now() - interval '400 days'"
    await db.execute(f"UPDATE monitoring.task SET created_at = {long_ago} WHERE id = $1", old["id"])
    await db.execute(
        f"UPDATE monitoring.alert SET triggered_at = {long_ago}, resolved_at = {long_ago} WHERE resolved_at IS NOT NULL"
    )
    await db.execute(f"UPDATE monitoring.health_metric SET recorded_at = {long_ago} WHERE id = $1", measure["id"])
    await watch.purge(app)
    assert [one["id"] for one in (await owner.get(TASKS)).json["results"]] == [new["id"]]
    (left,) = await alerts(owner)
    assert (left["id"], left["task_execution"], left["is_resolved"]) == (raised["id"], None, True)
    assert (await owner.get("/api/monitoring/api/health-metrics/")).json["results"] == []
    assert await db.fetchval("SELECT count(*) FROM monitoring.task_period WHERE start < now() - interval '2 days'") == 0


async def test_unresolved_alerts_are_kept_three_times_as_long(owner, app, db, no_rows):
    body = {"alert_type": "slow_tasks", "severity": "info", "title": "t", "message": "m"}
    old, older = [await owner.made(ALERTS, body) for _ in range(2)]
    for alert, days in ((old, 89), (older, 91)):
        await db.execute(
            "UPDATE monitoring.alert SET triggered_at = now() - make_interval(days => $2) WHERE id = $1",
            alert["id"],
            days,
        )
    await watch.purge(app)
    assert [one["id"] for one in await alerts(owner)] == [old["id"]]


async def test_an_alert_about_an_execution_is_resolved_when_that_is_deleted(owner, open_books, no_rows):
    admin = await open_books("ADMIN")
    for caller in (owner, admin):
        made = await caller.made(TASKS, task(retry_count=3))
        assert (await caller.delete(f"{TASKS}{made['id']}/")).status == 204
        assert [one["is_resolved"] for one in await alerts(caller)][:1] == [True]


async def test_the_host_is_measured(app):
    for _ in range(2):
        load = await Host(app).measure()
        assert 0 <= load.cpu <= 100 and load.memory > 0 and 0 < load.memory_share <= 100


async def test_a_host_without_proc_has_a_load_at_most(app, monkeypatch, tmp_path):
    monkeypatch.setattr("handlers.monitoring.host.STAT", tmp_path / "stat")
    monkeypatch.setattr("handlers.monitoring.host.MEMORY", tmp_path / "meminfo")
    load = await Host(app).measure()
    assert 0 <= load.cpu <= 100 and load[1:] == (None, None)
    monkeypatch.delattr("os.getloadavg")
    assert await Host(app).measure() == Load(None, None, None)


async def test_what_people_record_is_audited_and_what_the_server_records_is_not(owner, app, db, worker, no_rows):
    before = await db.fetchval("SELECT coalesce(max(id), 0) FROM operations.audit")
    await worker.begin(await worker.enqueue())
    await worker.copy()
    await look(app, cpu="95")
    alert = {"alert_type": "slow_tasks", "severity": "info", "title": "t", "message": "m"}
    made = [
        ("task", await owner.made(TASKS, task())),
        ("alert", await owner.made(ALERTS, alert)),
        ("health_metric", await owner.made("/api/monitoring/api/health-metrics/", {"success_rate": 1})),
        ("health_metric", await owner.made("/api/monitoring/record_metrics/", {})),
    ]
    rows = await db.fetch(
        "SELECT action, object_id, account_id FROM operations.audit WHERE id > $1 ORDER BY id", before
    )
    assert [tuple(row) for row in rows] == [(f"{kind}.create", str(one["id"]), owner.id) for kind, one in made]

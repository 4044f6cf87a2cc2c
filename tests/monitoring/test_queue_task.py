"""Tasks: who sees which, and executing them. docs/api/monitoring.md#tasks."""

import asyncio
import json

import pytest

from handlers.dashboard import export_job
from handlers.monitoring import queue_work

pytestmark = pytest.mark.gen_test
CELERY = "/api/dashboard/celery"


@pytest.fixture
def admin(io_loop, open_books):
    return io_loop.run_sync(lambda: open_books("ADMIN"))


@pytest.fixture(autouse=True)
def clean_queue(io_loop, db):
    io_loop.run_sync(lambda: db.execute("TRUNCATE jobs.pgqueuer, jobs.pgqueuer_log, jobs.run, jobs.tick, jobs.worker"))


async def execute(caller, name, body=None, **more):
    answer = await caller.post(f"{CELERY}/tasks/{name}/execute/", body, **more)
    assert answer.status == 200, answer.text
    return answer.json["task_id"]


async def task(caller, id):
    answer = await caller.get(f"{CELERY}/tasks/{id}/")
    assert answer.status == 200, answer.text
    return answer.json


async def done(caller, run_jobs, name, body=None):
    """The task as it is when it has run."""
    id = await execute(caller, name, body)
    await run_jobs()
    return await task(caller, id)


async def test_a_task_is_found_from_the_moment_at_which_it_is_queued(owner, db, run_jobs):
    answer = await owner.post(f"{CELERY}/tasks/performance_analysis/execute/")
    assert answer.status == 200
    id = answer.json["task_id"]
    message = "Task performance_analysis queued successfully"
    expected = {"task_id": id, "task_name": "performance_analysis", "status": "queued", "message": message}
    assert answer.json == expected
    assert await db.fetchval("SELECT priority FROM jobs.pgqueuer") == 0
    waiting = await task(owner, id)
    assert (waiting["status"], waiting["started_at"], waiting["runs"]) == ("pending", None, [])
    await run_jobs()
    ended = await task(owner, id)
    assert (ended["status"], ended["name"], ended["queue"]) == ("success", "performance_analysis", "analytics")
    assert ended["duration"] >= 0 and ended["completed_at"] and ended["result"]["period_hours"] == 168
    listed = (await owner.get(f"{CELERY}/tasks/")).json
    assert (listed["count"], listed["next"]) == (1, None)
    assert listed["tasks"][0] == {name: value for name, value in ended.items() if name != "runs"}


async def test_an_account_sees_only_its_own_tasks_and_an_administrator_all(owner, open_books, admin, run_jobs):
    other = await open_books()
    mine, theirs = [await execute(one, "warm_dashboard_cache") for one in (owner, other)]
    everybodys = await execute(admin, "warm_dashboard_cache")
    for _ in range(2):
        for caller, ids in ((owner, [mine]), (other, [theirs]), (admin, [everybodys, theirs, mine])):
            listed = (await caller.get(f"{CELERY}/tasks/")).json
            assert [one["task_id"] for one in listed["tasks"]] == ids
            for id in (mine, theirs, everybodys):
                assert (await caller.get(f"{CELERY}/tasks/{id}/")).status == (200 if id in ids else 404)
        await run_jobs()


async def test_an_unknown_task_id_is_404_with_the_documented_sentence(owner, admin):
    for caller in (owner, admin):
        for id in ("999999", "0", "nothing", "1" * 30, "%00", "-1", "٣"):
            answer = await caller.get(f"{CELERY}/tasks/{id if id != '٣' else '%D9%A3'}/")
            assert (answer.status, answer.json["error"]) == (404, "Task not found")


async def test_lists_go_on_by_cursor(owner, db):
    await db.execute(
        """INSERT INTO jobs.run (job_id, name, payload, attempt, worker, status, finished_at)
           SELECT n, 'test.x', jsonb_build_object('owner_id', $1::bigint), attempt, 'w', CASE attempt WHEN 1 THEN 'retried' ELSE 'succeeded' END, now()
             FROM generate_series(1, 7) n CROSS JOIN generate_series(1, 2) attempt""",
        owner.id,
    )
    seen, path = [], f"{CELERY}/tasks/?limit=3"
    while path:
        page = (await owner.get(path.removeprefix(owner.api.base_url))).json
        seen.append([one["task_id"] for one in page["tasks"]])
        path = page["next"]
    assert seen == [["7", "6", "5"], ["4", "3", "2"], ["1"]]


async def test_a_wrong_limit_or_cursor_is_refused(owner):
    for query in (
        "limit=0",
        "limit=-1",
        "limit=x",
        "limit=1.5",
        "cursor=x",
        "cursor=WzBd0",
        "cursor=WyJhIl0",
    ):
        assert (await owner.get(f"{CELERY}/tasks/?{query}")).status == 400, query


async def test_a_large_limit_counts_as_the_maximum(owner):
    for limit in (1000, 10**30):
        assert (await owner.get(f"{CELERY}/tasks/?limit={limit}")).json["tasks"] == []


async def test_a_task_that_there_is_not_is_refused(owner):
    for name, said in (("drop_everything", "drop_everything"), ("a" * 500, "a" * 60)):
        answer = await owner.post(f"{CELERY}/tasks/{name}/execute/")
        assert (answer.status, answer.json["error"]) == (400, f"Unknown task: {said}")


WRONG_ARGUMENTS = [
    ("send_notification", {}, "message"),
    ("send_notification", {"kwargs": {"message": " "}}, "kwargs"),
    ("send_notification", {"kwargs": {"message": "x" * 2001}}, "kwargs"),
    ("send_notification", {"kwargs": {"message": "x", "notification_type": "loud"}}, "kwargs"),
    ("send_notification", {"args": [None, 5]}, "message"),
    ("send_notification", {"args": [None, "a", "info", 1]}, "args"),
    ("send_notification", {"args": [None, "a"], "kwargs": {"message": "b"}}, "message"),
    ("cleanup_old_data", {"kwargs": {"days_old": 0}}, "kwargs"),
    ("cleanup_old_data", {"kwargs": {"days_old": -1}}, "kwargs"),
    ("cleanup_old_data", {"kwargs": {"days_old": 1.5}}, "kwargs"),
    ("cleanup_old_data", {"args": [0]}, "days_old"),
    ("cleanup_old_data", {"args": [True]}, "days_old"),
    ("cleanup_old_data", {"kwargs": {"message": "x"}}, "kwargs"),
    ("performance_analysis", {"kwargs": {"d" * 100_000: 3}}, "kwargs"),
    ("performance_analysis", {"args": [1]}, "args"),
    ("export_dashboard_data", {"kwargs": {"export_format": "docx"}}, "kwargs"),
    ("export_dashboard_data", {"kwargs": {"date_range": {"start_date": "2026-02-30"}}}, "kwargs"),
    ("export_dashboard_data", {"kwargs": {"date_range": {"start_date": "2026-02-02", "end_date": "2026-02-01"}}}, "date_range"),
    ("export_dashboard_data", {"kwargs": {"export_format": "pdf", "date_range": {"start_date": "2026-01-01"}}}, "date_range"),
    ("refresh_dashboard_cache", {"user_id": "x"}, "user_id"),
    ("refresh_dashboard_cache", {"user_id": 0}, "user_id"),
    ("refresh_dashboard_cache", {"args": "x"}, "args"),
    ("refresh_dashboard_cache", {"kwargs": []}, "kwargs"),
]  # fmt: skip


async def test_wrong_arguments_are_refused_and_nothing_is_queued(owner, db):
    for name, body, field in WRONG_ARGUMENTS:
        answer = await owner.post(f"{CELERY}/tasks/{name}/execute/", body)
        assert answer.status == 400 and field in answer.json["details"] and len(answer.text) < 1000, (name, body)
    assert not await db.fetchval("SELECT count(*) FROM jobs.pgqueuer")


async def test_a_member_may_execute_only_for_their_own_account(owner, open_books, admin, run_jobs):
    other = await open_books()
    for name in ("refresh_dashboard_cache", "cleanup_old_data", "performance_analysis", "send_notification"):
        more = {"message": "x"} if name == "send_notification" else {}
        for body in ({"user_id": other.id, "kwargs": more}, {"kwargs": {**more, "user_id": other.id}}):
            answer = await owner.post(f"{CELERY}/tasks/{name}/execute/", body)
            assert answer.status == 403, answer.text
    found = await done(owner, run_jobs, "refresh_dashboard_cache", {"user_id": owner.id})
    assert found["kwargs"] == {"user_id": owner.id}
    theirs = await execute(admin, "refresh_dashboard_cache", {"args": [other.id]})
    assert (await task(other, theirs))["kwargs"] == {"user_id": other.id}


async def test_an_administrator_can_name_only_an_account_that_there_is(admin):
    answer = await admin.post(f"{CELERY}/tasks/refresh_dashboard_cache/execute/", {"user_id": 10**17})
    assert (answer.status, answer.json["details"]) == (400, {"user_id": ["There is no such account."]})


async def test_no_more_than_its_number_of_tasks_of_a_caller_wait_however_many_come_at_once(owner, db):
    path = f"{CELERY}/tasks/performance_analysis/execute/"
    answers = await asyncio.gather(*[owner.post(path) for _ in range(30)])
    assert sorted(answer.status for answer in answers) == [200] * 20 + [429] * 10
    assert next(answer for answer in answers if answer.status == 429).headers["Retry-After"] == "30"
    assert await db.fetchval("SELECT count(*) FROM jobs.pgqueuer") == 20


async def test_of_what_takes_long_one_task_for_each_account_waits(owner, admin):
    path = f"{CELERY}/tasks/refresh_dashboard_cache/execute/"
    for caller, body in ((owner, {}), (admin, {}), (admin, {"user_id": owner.id})):
        answers = await asyncio.gather(*[caller.post(path, body) for _ in range(3)])
        assert sorted(answer.status for answer in answers) == [200, 429, 429]


async def test_whole_numbers_may_be_written_with_a_point_or_as_text(owner, run_jobs):
    for days in ("30", b"30.0", b"3e1"):
        body = b'{"user_id": %d.0, "kwargs": {"days_old": %s}}' % (
            owner.id,
            days if isinstance(days, bytes) else b'"30"',
        )
        found = await done(owner, run_jobs, "cleanup_old_data", body)
        assert (found["status"], found["kwargs"]) == ("success", {"user_id": owner.id, "days_old": 30})
    found = await done(owner, run_jobs, "cleanup_old_data", b'{"args": [30.0]}')
    assert (found["status"], found["kwargs"]) == ("success", {"user_id": owner.id, "days_old": 30})


async def test_a_request_that_is_repeated_with_its_key_queues_one_task(owner, db):
    key = {"headers": {"Idempotency-Key": "once"}}
    ids = {await execute(owner, "warm_dashboard_cache", **key) for _ in range(3)}
    assert len(ids) == 1 and await db.fetchval("SELECT count(*) FROM jobs.pgqueuer") == 1


async def test_executing_retrying_and_cancelling_are_audited(admin, db):
    before = await db.fetchval("SELECT coalesce(max(id), 0) FROM operations.audit")
    id = await execute(admin, "warm_dashboard_cache")
    await db.execute("UPDATE jobs.pgqueuer SET status = 'failed'")
    assert (await admin.post(f"{CELERY}/tasks/{id}/retry/")).status == 200
    assert (await admin.delete(f"{CELERY}/tasks/{id}/")).status == 204
    rows = await db.fetch("SELECT action, object_id FROM operations.audit WHERE id > $1 ORDER BY id", before)
    assert [tuple(row) for row in rows] == [(f"task.{how}", id) for how in ("execute", "retry", "cancel")]


async def test_a_held_task_is_queued_again_by_its_owner_or_an_administrator(owner, open_books, admin, db, run_jobs):
    other = await open_books()
    id = await execute(owner, "warm_dashboard_cache")
    path = f"{CELERY}/tasks/{id}/retry/"
    assert (await owner.post(path)).status == 409
    for caller in (owner, admin):
        await db.execute("UPDATE jobs.pgqueuer SET status = 'failed', attempts = 3")
        assert (await task(owner, id))["status"] == "failure"
        assert (await other.post(path)).status == 404
        answer = await caller.post(path)
        assert (answer.status, answer.json["task_name"]) == (200, "warm_dashboard_cache")
        assert (await task(owner, id))["status"] == "pending"
    await run_jobs()
    assert (await task(owner, id))["status"] == "success"
    assert (await admin.post(path)).status == 409


async def test_a_member_queues_again_only_what_they_have_executed(owner, admin, db):
    mail = await db.fetchval(
        "SELECT core.enqueue_job('books.mail', jsonb_build_object('owner_id', $1::bigint, 'mail_id', 0))", owner.id
    )
    ids = [mail, await execute(admin, "performance_analysis", {"user_id": owner.id})]
    await db.execute("UPDATE jobs.pgqueuer SET status = 'failed'")
    for id in ids:
        path = f"{CELERY}/tasks/{id}/retry/"
        assert (await owner.post(path)).status == 403
        assert (await task(owner, id))["status"] == "failure"
        assert (await admin.post(path)).status == 200


async def test_a_held_task_is_not_queued_again_while_another_one_does_the_same(owner, admin, db):
    held = await execute(owner, "warm_dashboard_cache")
    await db.execute("UPDATE jobs.pgqueuer SET status = 'failed'")
    other = await execute(owner, "warm_dashboard_cache")
    path = f"{CELERY}/tasks/{held}/retry/"
    for caller in (owner, admin):
        answer = await caller.post(path)
        assert (answer.status, answer.json["error"]) == (409, "Another task that does the same waits or runs already.")
    assert (await owner.delete(f"{CELERY}/tasks/{other}/")).status == 204
    assert (await owner.post(path)).status == 200
    assert (await owner.post(f"{CELERY}/tasks/warm_dashboard_cache/execute/")).status == 429


async def test_a_task_that_waits_is_cancelled_and_stays_in_the_history(owner, open_books, run_jobs):
    other = await open_books()
    id = await execute(owner, "warm_dashboard_cache")
    path = f"{CELERY}/tasks/{id}/"
    assert (await other.delete(path)).status == 404
    assert (await owner.delete(path)).status == 204
    assert (await owner.delete(path)).status == 409
    await run_jobs()
    found = await task(owner, id)
    assert (found["status"], found["error"], found["result"]) == ("revoked", "It was cancelled.", None)


async def test_a_job_that_nobody_has_executed_can_not_be_cancelled(owner, admin, db):
    """A mail would wait for ever."""
    job = await db.fetchval(
        "SELECT core.enqueue_job('books.mail', jsonb_build_object('owner_id', $1::bigint, 'mail_id', 0))", owner.id
    )
    for caller in (owner, admin):
        assert (await caller.delete(f"{CELERY}/tasks/{job}/")).status == 409
        assert (await task(caller, job))["status"] == "pending"


async def test_a_task_that_runs_can_not_be_cancelled(owner, db):
    id = await execute(owner, "warm_dashboard_cache")
    await db.execute("UPDATE jobs.pgqueuer SET status = 'picked'")
    assert (await owner.delete(f"{CELERY}/tasks/{id}/")).status == 409
    assert (await task(owner, id))["status"] == "started"


async def test_errors_of_the_program_are_shown_to_administrators_only(owner, admin, db):
    id = await execute(owner, "warm_dashboard_cache")
    await db.execute("UPDATE jobs.pgqueuer SET attempts = 1")
    await db.execute(
        """INSERT INTO jobs.run (job_id, name, payload, attempt, worker, status, finished_at, error)
           SELECT id, entrypoint, convert_from(payload, 'UTF8')::jsonb, 1, 'host:1', 'retried', now(), 'KeyError: secret' FROM jobs.pgqueuer"""
    )
    mine, theirs = await task(owner, id), await task(admin, id)
    assert (mine["status"], mine["error"]) == ("retry", "It failed. An administrator can see why.")
    assert mine["runs"][0]["worker"] is None and "secret" not in json.dumps(mine)
    assert (theirs["error"], theirs["runs"][0]["worker"]) == ("KeyError: secret", "host:1")


async def test_refreshing_adds_figures_up_anew(owner, open_books, admin, db, run_jobs):
    other = await open_books()
    for one in (owner, other):
        await one.invoice(status="sent")
    wrong = "UPDATE dashboard.period SET billed = billed + 7"
    right = await db.fetch("SELECT owner_id, period_type, billed FROM dashboard.period ORDER BY 1, 2")
    await db.execute(wrong)
    found = await done(owner, run_jobs, "refresh_dashboard_cache")
    assert found["result"] == {"owners": 1, "rows": 2}
    fixed = "SELECT count(*) FROM dashboard.period WHERE billed <> 1000"
    assert await db.fetchval(fixed) > 0 and await db.fetchval(f"{fixed} AND owner_id = $1", owner.id) == 0
    found = await done(admin, run_jobs, "refresh_dashboard_cache")
    assert found["result"]["owners"] >= 2
    assert await db.fetch("SELECT owner_id, period_type, billed FROM dashboard.period ORDER BY 1, 2") == right


WRONG = [
    "UPDATE dashboard.period SET billed = billed + 0.01 WHERE owner_id = $1",
    "UPDATE dashboard.period SET spent = spent + 1 WHERE owner_id = $1",
    "UPDATE dashboard.period SET quotes = quotes + 1 WHERE owner_id = $1",
    "UPDATE dashboard.period SET clients = clients + 1 WHERE owner_id = $1",
    "UPDATE dashboard.total SET balance = balance + 1 WHERE owner_id = $1",
    "UPDATE dashboard.client SET billed = billed + 1 WHERE owner_id = $1",
    "UPDATE dashboard.share SET amount = amount + 1 WHERE owner_id = $1 AND category_type = 'expense'",
    "DELETE FROM dashboard.period WHERE owner_id = $1 AND period_type = 'monthly'",
]


async def test_figures_that_differ_from_the_rows_are_repaired_and_right_ones_left(owner, db, run_jobs):
    invoice = await owner.invoice(status="sent")
    await owner.post(f"/api/invoices/{invoice['id']}/payments/", {"amount": "250.00"})
    paid = await owner.invoice(status="sent")
    await owner.post(f"/api/invoices/{paid['id']}/mark_paid/")
    await owner.expense(is_billable=True)
    quote = await owner.quote()
    await owner.post(f"/api/quotes/{quote['id']}/send/")
    repair = "SELECT dashboard.repair($1)"
    assert await db.fetchval(repair, owner.id) == "right"
    for wrong in WRONG:
        await db.execute(wrong, owner.id)
        assert await db.fetchval(repair, owner.id) == "wrong", wrong
        assert await db.fetchval(repair, owner.id) == "right", wrong
    await db.execute(WRONG[0], owner.id)
    snapshots = 1 if await db.fetchval("SELECT to_regclass('dashboard.snapshot')") else 0
    warm = (await done(owner, run_jobs, "warm_dashboard_cache"))["result"]
    assert warm == {"owners": 1, "built": 0, "repaired": 1, "snapshots": snapshots}
    # Nothing has changed since.
    warm = (await done(owner, run_jobs, "warm_dashboard_cache"))["result"]
    assert warm == {"owners": 1, "built": 0, "repaired": 0, "snapshots": 0}
    await db.execute("INSERT INTO dashboard.unbuilt (owner_id) VALUES ($1)", owner.id)
    warm = (await done(owner, run_jobs, "warm_dashboard_cache"))["result"]
    assert warm == {"owners": 1, "built": 1, "repaired": 0, "snapshots": snapshots}


async def test_an_analysis_is_about_the_runs_of_the_caller(owner, open_books, admin, db, run_jobs):
    other = await open_books()
    await db.execute(
        """INSERT INTO jobs.run (job_id, name, payload, attempt, worker, status, started_at, finished_at)
           SELECT n, 'test.slow', jsonb_build_object('owner_id', $1::bigint), 1, 'w', CASE WHEN n <= 5 THEN 'held' ELSE 'succeeded' END,
                  now() - interval '1 hour', now() - interval '1 hour' + n * interval '1 second'
             FROM generate_series(1, 100) n""",
        owner.id,
    )
    found = (await done(owner, run_jobs, "performance_analysis"))["result"]
    assert (found["total_runs"], found["success_rate"]) == (100, 95)
    (slow,) = found["slowest_tasks"]
    assert (slow["name"], slow["p50_duration"], slow["p95_duration"], slow["max_duration"]) == (
        "test.slow",
        50.5,
        95.05,
        100,
    )
    assert (await done(other, run_jobs, "performance_analysis"))["result"]["total_runs"] == 0
    assert (await done(admin, run_jobs, "performance_analysis"))["result"]["total_runs"] == 102
    about = (await done(admin, run_jobs, "performance_analysis", {"user_id": owner.id}))["result"]
    assert about["total_runs"] == 101


async def test_an_export_as_json_has_the_figures_of_its_days(owner, run_jobs):
    client = (await owner.client())["id"]
    for day in ("2026-01-31", "2026-02-01", "2026-02-28", "2026-03-01"):
        await owner.invoice(client=client, issue_date=day, due_date="2026-12-31", status="sent")
    await owner.expense(expense_date="2026-02-10", amount="12.50", category="travel")
    days = {"start_date": "2026-02-01", "end_date": "2026-02-28"}
    body = {"kwargs": {"export_format": "json", "date_range": days}}
    found = (await done(owner, run_jobs, "export_dashboard_data", body))["result"]
    assert found["totals"]["total_revenue"] == "2000.00" and found["totals"]["net_profit"] == "1987.50"
    month = {"period": "2026-02", "revenue": "2000.00", "expenses": "12.50", "profit": "1987.50", "invoices": 2}
    assert found["months"] == [month]
    assert found["expense_categories"] == [{"name": "travel", "amount": "12.50", "count": 1}]
    assert [(one["client_id"], one["amount"]) for one in found["top_clients"]] == [(client, "2000.00")]
    assert (await done(owner, run_jobs, "export_dashboard_data"))["status"] == "success"


async def test_a_task_makes_no_more_files_than_may_be_under_way(owner, db, run_jobs):
    assert queue_work.MOST_EXPORTS == export_job.MOST_UNDER_WAY
    await db.execute(
        """INSERT INTO dashboard.export (owner_id, export_format, export_type, period_type, include_charts, day, position)
           SELECT $1, 'csv', 'overview', 'yearly', true, books.today() - n, 0 FROM generate_series(1, 5) n""",
        owner.id,
    )
    body = {"kwargs": {"export_format": "csv", "date_range": "yearly"}}
    found = await done(owner, run_jobs, "export_dashboard_data", body)
    said = "5 exports are under way. Queue the task again when one of them is done."
    assert (found["status"], found["error"]) == ("failure", said)
    assert await db.fetchval("SELECT count(*) FROM dashboard.export WHERE owner_id = $1", owner.id) == 5


async def test_an_export_as_a_file_is_queued_with_the_exports_of_dashboards(owner, db, run_jobs):
    body = {"kwargs": {"export_format": "csv", "date_range": "yearly"}}
    found = await done(owner, run_jobs, "export_dashboard_data", body)
    assert (found["status"], found["result"]["export_format"]) == ("success", "csv")
    (row,) = await db.fetch("SELECT * FROM dashboard.export WHERE owner_id = $1", owner.id)
    assert (row["export_format"], row["period_type"], row["status"]) == ("csv", "yearly", "done")
    listed = (await owner.get(found["result"]["exports"])).json
    assert [one["id"] for one in listed["results"]] == [row["id"]]


async def test_a_notification_is_told_once_with_its_event(owner, db, run_jobs):
    body = {"args": [None, "Würde & <b>", "warning"]}
    assert (await done(owner, run_jobs, "send_notification", body))["result"] == {"delivered": True}
    row = await db.fetchrow("SELECT * FROM monitoring.notification WHERE account_id = $1", owner.id)
    assert (row["message"], row["notification_type"]) == ("Würde & <b>", "warning")
    (event,) = await db.fetch(
        "SELECT payload, tags FROM core.event WHERE topic = 'monitoring.notification' AND tags = $1",
        [f"account:{owner.id}"],
    )
    payload = json.loads(event["payload"])
    assert payload["account_id"] == owner.id and payload["notification"]["id"] == row["id"]
    assert payload["notification"].keys() == {"id", "message", "notification_type", "created_at"}


async def test_an_account_reads_what_it_was_told_and_nothing_of_others(owner, open_books, admin, run_jobs):
    other = await open_books()
    for whose, message in ((owner, "first"), (other, "theirs"), (owner, "second")):
        await execute(admin, "send_notification", {"user_id": whose.id, "kwargs": {"message": message}})
    await run_jobs()
    path = "/api/monitoring/api/notifications/"
    found = (await owner.get(path)).json
    # Two jobs may run at once, so either may be told first.
    assert (found["count"], {one["message"] for one in found["results"]}) == (2, {"first", "second"})
    assert found["results"][0]["id"] > found["results"][1]["id"]
    walked = (await owner.get(f"{path}?cursor=&page_size=1")).json
    following = (await owner.get(walked["next"].removeprefix(owner.api.base_url))).json
    assert walked["results"] + following["results"] == found["results"] and following["next"] is None
    assert (await admin.get(path)).json["count"] == 0


async def test_cleaning_removes_what_is_old_of_the_caller_and_for_administrators_of_all(
    owner, open_books, admin, db, run_jobs
):
    other = await open_books()
    for one in (owner, other):
        await db.execute(
            """INSERT INTO monitoring.notification (account_id, message, notification_type, created_at)
               SELECT $1, 'm', 'info', now() - make_interval(days => n) FROM generate_series(0, 60, 20) n""",
            one.id,
        )
        await db.execute(
            """INSERT INTO jobs.run (job_id, name, payload, attempt, worker, status, started_at, finished_at)
               VALUES (nextval('jobs.pgqueuer_id_seq'), 'test.x', '{}', 1, 'w', 'succeeded', now() - interval '40 days', now() - interval '40 days')"""
        )
    left = "SELECT count(*) FROM monitoring.notification WHERE account_id = ANY($1::bigint[])"
    result = (await done(owner, run_jobs, "cleanup_old_data"))["result"]
    assert (result["notifications"], "history" in result) == (2, False)
    assert await db.fetchval(left, [owner.id]) == 2 and await db.fetchval(left, [other.id]) == 4
    result = (await done(admin, run_jobs, "cleanup_old_data", {"kwargs": {"days_old": 10}}))["result"]
    # Of the history the runs, and no entries of the log, of which the rows above have none.
    assert (result["notifications"], result["history"]) == (4, 2)
    assert await db.fetchval(left, [owner.id, other.id]) == 2

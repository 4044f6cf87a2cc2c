"""Executions, alerts and measures in the administration. docs/api/monitoring.md#administration."""

import pytest

from tests.monitoring.conftest import task
from tests.support.admin_lists import acted, changed, labels, listed, problem, read_most, said

pytestmark = pytest.mark.gen_test

ALERTS, EXECUTIONS, METRICS = (f"/admin/monitoring/{name}/" for name in ("alerts", "executions", "health-metrics"))
API = "/api/monitoring/api/"
ALERT = {"alert_type": "slow_tasks", "severity": "warning", "title": "Slow", "message": "It takes long."}


async def public_id(db, owner):
    return await db.fetchval("SELECT public_id::text FROM accounts.account WHERE id = $1", owner.id)


async def test_an_alert_is_acknowledged_resolved_changed_and_deleted(enter, owner, db):
    boss, alert = await enter(), await owner.made(f"{API}alerts/", ALERT)
    who, key = await public_id(db, owner), str(alert["id"])
    assert labels(await boss.get(f"{ALERTS}?account={who}")) == ["Slow"]
    assert "The alert is acknowledged." in said(await acted(boss, ALERTS, "acknowledge", [key]))
    assert "The alert is resolved." in said(await acted(boss, ALERTS, "resolve", [key]))
    found = (await owner.get(f"{API}alerts/{key}/")).json
    boss_id = await db.fetchval("SELECT id FROM accounts.account WHERE email = 'superadmin@example.com'")
    assert (found["is_resolved"], found["acknowledged_by"]) == (True, boss_id)
    row = f"{ALERTS}{key}/"
    assert (await changed(boss, row, title="Slower", severity="error")).status == 302
    page = await changed(boss, row, title=" ")
    assert page.status == 400 and problem(page, "title")
    for query, count in (
        ("alert_type=slow_tasks", 1), ("alert_type=worker_down", 0), ("severity=error", 1), ("severity=info", 0),
        ("is_resolved=true", 1), ("is_resolved=false", 0), ("since=2020-01-01", 1), ("until=2020-01-01", 0),
    ):  # fmt: skip
        assert (row in listed(await boss.get(f"{ALERTS}?{query}"))) is bool(count), query
    assert "can't be combined" in said(await boss.get(f"{ALERTS}?account={who}&severity=error"))
    await boss.get(f"{row}delete/")
    assert (await boss.post(f"{row}delete/")).status == 302
    rows = await db.fetch(
        "SELECT email, action FROM operations.audit WHERE object_type = 'alert' AND object_id = $1 ORDER BY id", key
    )
    by_boss = [row["action"] for row in rows if row["email"] == "superadmin@example.com"]
    assert by_boss == [f"alert.{one}" for one in ("acknowledge", "resolve", "update", "delete")]


async def test_executions_are_found_and_deleted_and_never_changed(enter, owner, db):
    boss = await enter()
    made = await owner.made(
        f"{API}tasks/", task(task_name="rare.task", queue_name="rare", status="failure", priority="high")
    )
    row, who = f"{EXECUTIONS}{made['id']}/", await public_id(db, owner)
    for query, count in (
        (f"account={who}", 1), ("status=failure", 1), ("status=retry", 0), ("priority=high", 1), ("priority=low", 0),
        ("task_name=rare.task", 1), ("task_name=rare", 0), ("queue_name=rare", 1), ("queue_name=x", 0), ("since=2100-01-01", 0),
        ("until=2100-01-01", 1),
    ):  # fmt: skip
        assert (row in listed(await boss.get(f"{EXECUTIONS}?{query}"))) is bool(count), query
    page = said(await boss.get(row))
    assert "rare.task" in page and made["task_id"] in page
    assert (await boss.send(row, {"version": "x", "status": "success"})).status == 405
    await boss.get(f"{row}delete/")
    assert (await boss.post(f"{row}delete/")).status == 302
    assert (await owner.get(f"{API}tasks/{made['id']}/")).status == 404


async def test_measures_are_listed_and_deleted(enter, owner, db):
    boss = await enter()
    made = await owner.made(f"{API}health-metrics/", {"active_workers": 3, "total_workers": 4, "success_rate": 87.5})
    row = f"{METRICS}{made['id']}/"
    assert listed(await boss.get(f"{METRICS}?account={await public_id(db, owner)}")) == [row]
    assert row not in listed(await boss.get(f"{METRICS}?until=2020-01-01"))
    assert "87.5" in said(await boss.get(row))
    await boss.get(f"{row}delete/")
    assert (await boss.post(f"{row}delete/")).status == 302
    assert (await owner.get(f"{API}health-metrics/{made['id']}/")).status == 404


async def test_monitoring_is_for_superadmins_alone(enter):
    boss, staff = await enter(), await enter("ADMIN")
    for table in (ALERTS, EXECUTIONS, METRICS):
        for path in ("", "csv/", "choices/"):
            assert (await boss.get(f"{table}{path}")).status == 200, table
            assert (await staff.get(f"{table}{path}")).status == 404, table
        for key in ("999999", "x", "9" * 30):
            assert (await boss.get(f"{table}{key}/")).status == 404, (table, key)


async def test_each_list_reads_few_rows_however_many_there_are(enter, db, sign_in):
    await sign_in("MEMBER", "rows@example.com")
    who = await db.fetchval("SELECT public_id::text FROM accounts.account WHERE email = 'rows@example.com'")
    await db.execute(
        """INSERT INTO monitoring.task (account_id, is_server, task_id, task_name, queue_name, priority, status, scheduled_at, retry_count, worker_name,
                                        result_summary, error_message, arguments, keyword_arguments, created_at)
           SELECT (SELECT max(id) FROM accounts.account), false, 'many-' || n, 'task-' || n % 7, 'queue-' || n % 3, 'normal',
                  CASE WHEN n % 50 = 0 THEN 'failure' ELSE 'success' END, now(), 0, '', '', '', '[]', '{}', now() - n * interval '1 minute'
             FROM generate_series(1, 4000) n"""
    )
    await db.execute(
        """INSERT INTO monitoring.alert (alert_type, severity, title, message, metadata, notification_sent, triggered_at, resolved_at)
           SELECT 'slow_tasks', CASE WHEN n % 50 = 0 THEN 'error' ELSE 'info' END, 'Alert ' || n, 'x', '{}', false, now() - n * interval '1 minute',
                  CASE WHEN n % 9 > 0 THEN now() END FROM generate_series(1, 4000) n"""
    )
    await db.execute(
        """INSERT INTO monitoring.health_metric (is_automatic, recorded_at, active_workers, total_workers, pending_tasks, active_tasks, completed_tasks_hourly,
                                                 failed_tasks_hourly, success_rate, queue_lengths, metadata)
           SELECT true, now() - n * interval '5 minutes', 1, 1, 0, 0, 0, 0, 100, '{}', '{}' FROM generate_series(1, 4000) n"""
    )
    await db.execute("ANALYZE monitoring.task, monitoring.alert, monitoring.health_metric")
    references = {"account": [(who,)], "task_name": ["task-1", "none"], "queue_name": ["queue-1", "none"]}
    read = await read_most(db, "monitoring", references)
    assert len(read) > 30
    # 51 rows of a page, each with its account.
    assert [one for one in read if one[2] > 300] == []

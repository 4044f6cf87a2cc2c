"""How jobs are run: the processes, the queues, and how they are in all. docs/api/monitoring.md#tasks."""

import json

import pytest

from tests.support.deadlines import until

pytestmark = pytest.mark.gen_test
CELERY = "/api/dashboard/celery"
QUEUES = ["high_priority", "default", "low_priority", "cache_operations", "analytics", "reminders"]


@pytest.fixture
def admin(io_loop, open_books):
    return io_loop.run_sync(lambda: open_books("ADMIN"))


@pytest.fixture(autouse=True)
def clean_queue(io_loop, db):
    io_loop.run_sync(lambda: db.execute("TRUNCATE jobs.pgqueuer, jobs.pgqueuer_log, jobs.run, jobs.tick, jobs.worker"))


@pytest.fixture
def worker(db):
    """`await worker("host:1", "books.mail")`: a process that can run these jobs, seen so many seconds ago."""

    async def worker(name, *jobs, seen=0, running=0):
        return await db.fetchval(
            """INSERT INTO jobs.worker (id, name, kind, jobs, running, started_at, seen_at)
               VALUES (gen_random_uuid(), $1, 'worker', $2::text[], $3, now() - interval '1 hour', now() - make_interval(secs => $4)) RETURNING id""",
            name,
            list(jobs),
            running,
            seen,
        )

    return worker


async def ran(db, succeeded, failed, name="test.x", owner=None, ago="1 hour"):
    """So many runs in the history."""
    await db.execute(
        """INSERT INTO jobs.run (job_id, name, payload, attempt, worker, status, started_at, finished_at)
           SELECT nextval('jobs.pgqueuer_id_seq'), $3, jsonb_build_object('owner_id', $4::bigint), 1, 'w',
                  CASE WHEN n <= $1 THEN 'succeeded' ELSE 'held' END, now() - $5::text::interval, now() - $5::text::interval + interval '2 seconds'
             FROM generate_series(1, $1::integer + $2::integer) n""",
        succeeded,
        failed,
        name,
        owner,
        ago,
    )


async def status(caller):
    answer = await caller.get(f"{CELERY}/status/")
    assert answer.status == 200, answer.text
    return answer.json


def judgement(found):
    return found["status"], found["message"]


async def test_without_a_process_the_system_is_critical(admin, worker):
    assert judgement(await status(admin)) == ("critical", "No active workers")
    await worker("host:1", "books.mail", seen=61)
    found = await status(admin)
    assert judgement(found) == ("critical", "No active workers")
    assert (found["worker_count"], found["worker_stats"]) == (0, {})


async def test_a_fresh_system_is_healthy_and_nothing_is_said_of_its_success(admin, worker):
    await worker("host:1", "books.mail", seen=59)
    found = await status(admin)
    assert judgement(found) == ("healthy", "System is operating normally")
    assert (found["success_rate"], found["active_tasks"], found["worker_count"]) == (None, 0, 1)
    assert found["performance_metrics"].keys() == {"message", "timestamp"}
    assert found["performance_metrics"]["message"] == "No task history available"


async def test_a_low_rate_of_success_is_a_warning_below_80_per_cent(admin, worker, db):
    await worker("host:1", "books.mail")
    await ran(db, 8, 2)
    found = await status(admin)
    assert (*judgement(found), found["success_rate"]) == ("healthy", "System is operating normally", 80)
    await ran(db, 0, 1)
    assert judgement(await status(admin)) == ("warning", "Low task success rate")
    # What failed more than a day ago is past, and a process that was stopped is no failure.
    await db.execute("UPDATE jobs.run SET started_at = now() - interval '25 hours' WHERE status = 'held'")
    await ran(db, 0, 5)
    await db.execute("UPDATE jobs.run SET status = 'released' WHERE status = 'held'")
    assert (await status(admin))["success_rate"] == 100


async def test_more_than_a_hundred_tasks_at_once_are_a_warning(admin, worker, db):
    await worker("host:1", "books.mail")
    await db.execute("SELECT core.enqueue_job('books.mail') FROM generate_series(1, 100)")
    await db.execute("UPDATE jobs.pgqueuer SET status = 'picked'")
    assert judgement(await status(admin)) == ("healthy", "System is operating normally")
    await db.execute("SELECT core.enqueue_job('books.mail')")
    await db.execute("UPDATE jobs.pgqueuer SET status = 'picked'")
    found = await status(admin)
    assert (*judgement(found), found["active_tasks"]) == ("warning", "High number of active tasks", 101)


async def test_the_metrics_add_up_the_runs_of_each_task(admin, worker, db):
    await ran(db, 3, 1, "monitoring.warm_dashboard_cache")
    await ran(db, 1, 0, "books.mail")
    found = (await status(admin))["performance_metrics"]
    warm = {"count": 4, "total_duration": 8, "successful": 3, "failed": 1, "avg_duration": 2}
    assert found["task_metrics"] == {
        "books.mail": {"count": 1, "total_duration": 2, "successful": 1, "failed": 0, "avg_duration": 2},
        "warm_dashboard_cache": warm,
    }
    assert found["overall_stats"] == {
        "total_tasks": 5,
        "successful_tasks": 4,
        "failed_tasks": 1,
        "success_rate": 80,
        "overall_avg_duration": 2,
        "total_duration": 10,
    }


async def test_a_member_sees_how_the_system_is_and_nothing_of_others(owner, open_books, worker, db):
    other = await open_books()
    await worker("secret-host:1", "secret.job")
    await ran(db, 9, 1, "secret.job", other.id)
    await db.execute("SELECT core.enqueue_job('secret.job', jsonb_build_object('owner_id', $1::bigint))", other.id)
    await db.execute("SELECT core.enqueue_job('secret.job') FROM generate_series(1, 2)")
    await db.execute("UPDATE jobs.pgqueuer SET status = 'failed', execute_after = now() - interval '1 day'")
    found = await status(owner)
    assert (*judgement(found), found["worker_count"]) == ("healthy", "System is operating normally", 1)
    assert (found["worker_stats"], found["queue_stats"]) == (None, None)
    assert found["performance_metrics"]["message"] == "No task history available"
    health = await owner.post(f"{CELERY}/health_check/")
    assert health.status == 200 and health.json["recommendations"] == []
    assert "secret" not in json.dumps(found) + health.text
    await ran(db, 1, 0, "books.mail", owner.id)
    assert (await status(owner))["performance_metrics"]["task_metrics"].keys() == {"books.mail"}
    for name in ("workers", "queues"):
        assert (await owner.get(f"{CELERY}/{name}/")).status == 403


async def test_the_count_of_a_queue_is_what_waits_and_is_due(admin, worker, db):
    await worker("host:1", "books.mail", "books.remind")
    await worker("host:2", "books.remind", "monitoring.cleanup_old_data")
    await worker("gone:3", "books.remind", seen=100)
    await db.execute("SELECT core.enqueue_job('books.remind') FROM generate_series(1, 5)")
    await db.execute("SELECT core.enqueue_job('books.remind', execute_after => '1 hour') FROM generate_series(1, 2)")
    await db.execute("SELECT core.enqueue_job('elsewhere.unknown')")
    await db.execute("UPDATE jobs.pgqueuer SET status = 'picked' WHERE id = (SELECT min(id) FROM jobs.pgqueuer)")
    answer = await admin.get(f"{CELERY}/queues/")
    assert answer.status == 200 and answer.json["total_queues"] == 6
    found = answer.json["queues"]
    assert list(found) == QUEUES
    expected = {"name": "reminders", "workers": ["host:1", "host:2"], "count": 4, "scheduled": 2, "active": 1}
    assert found["reminders"] == expected
    assert (found["default"]["count"], found["default"]["workers"]) == (1, ["host:1"])
    assert (found["low_priority"]["count"], found["low_priority"]["workers"]) == (0, ["host:2"])
    assert (await status(admin))["queue_stats"] == found


async def test_a_process_is_shown_with_what_it_runs_and_can_run(admin, worker, db):
    id = await worker("host:1", "books.mail", "monitoring.cleanup_old_data", running=1)
    job = await db.fetchval(
        "SELECT core.enqueue_job('monitoring.cleanup_old_data', jsonb_build_object('days_old', 9, 'requested_by', 1))"
    )
    await db.execute("SELECT core.enqueue_job('books.mail', execute_after => '1 hour')")
    await db.execute("UPDATE jobs.pgqueuer SET status = 'picked', queue_manager_id = $1 WHERE id = $2", id, job)
    await db.fetch("SELECT core.begin_job($1, $2, 'host:1', 3)", job, id)
    answer = await admin.get(f"{CELERY}/workers/")
    assert answer.status == 200
    found = answer.json
    (active,) = found["workers"]["details"]["host:1"]
    assert (found["workers"]["count"], found["scheduled_tasks"], found["active_tasks"]) == (1, 1, 1)
    assert (active["task_id"], active["name"], active["kwargs"]) == (str(job), "cleanup_old_data", {"days_old": 9})
    assert found["registered_tasks"] == {"host:1": ["books.mail", "cleanup_old_data"]}
    assert found["stats"]["host:1"]["active_tasks"] == 1 and found["stats"]["host:1"]["uptime_seconds"] == 3600
    assert found["schedules"]["books.remind"] == {"cron": "0 9 * * *", "task": "books.remind", "last_run": None}


async def test_a_health_check_says_what_to_do(admin, worker, db):
    async def check():
        answer = await admin.post(f"{CELERY}/health_check/")
        assert answer.status == 200
        return answer.json

    found = await check()
    assert not found["healthy"] and found["system_status"]["status"] == "critical"
    assert [said.split(":")[0] for said in found["recommendations"]] == ["Immediate attention is required"]
    await worker("host:1", "books.mail")
    found = await check()
    assert found["healthy"] and found["recommendations"] == []
    await ran(db, 1, 1)
    await db.execute("SELECT core.enqueue_job('books.mail') FROM generate_series(1, 3)")
    await db.execute("UPDATE jobs.pgqueuer SET status = 'failed'")
    await db.execute("SELECT core.enqueue_job('elsewhere.unknown', execute_after => '-2 minutes')")
    first, second, third = (await check())["recommendations"]
    assert (
        first.startswith("Check the logs")
        and second.startswith("3 tasks are held")
        and third.startswith("1 tasks are due")
    )


async def test_staff_without_books_see_the_tasks(api, sign_in, db):
    token = (await sign_in("SALESREP", "rep-of-tasks@example.com"))["access"]
    assert (await api.get(f"{CELERY}/tasks/", token=token)).status == 403
    await db.execute("UPDATE accounts.account SET is_staff = true WHERE email = 'rep-of-tasks@example.com'")
    # Each process hears of the change within a moment.
    await until(lambda: api.get(f"{CELERY}/tasks/", token=token), lambda answer: answer.status == 200)
    for name in ("status", "workers", "queues"):
        assert (await api.get(f"{CELERY}/{name}/", token=token)).status == 200

"""Tasks of which the process is killed: they are done once, by another, and the history shows both runs. docs/api/monitoring.md#tasks."""

import asyncio
import os
import signal
import subprocess
import sys

import asyncpg
import pytest

from tests.support.deadlines import DEADLINE, until
from tests.support.program import ROOT

pytestmark = pytest.mark.gen_test
CELERY = "/api/dashboard/celery"


@pytest.fixture
def start_worker(settings, tmp_path):
    """`start_worker()`: a process that runs the jobs of all areas, and is ended with the test."""
    started = []

    def start_worker():
        command = [sys.executable, "-m", "tests.support.books_worker", settings.database_url, "1"]
        with (tmp_path / f"worker-{len(started)}.log").open("ab") as log:
            started.append(subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=log, stderr=log))
        return started[-1]

    yield start_worker
    for one in started:
        if one.poll() is None:
            one.send_signal(signal.SIGTERM)
            one.wait(DEADLINE)


async def test_a_task_whose_process_is_killed_is_done_once_by_another(owner, open_books, start_worker, settings, db):
    admin = await open_books("ADMIN")
    answer = await owner.post(f"{CELERY}/tasks/send_notification/execute/", {"kwargs": {"message": "once"}})
    path = f"{CELERY}/tasks/{answer.json['task_id']}/"

    async def task():
        return (await admin.get(path)).json

    gate = await asyncpg.connect(settings.database_url)
    try:
        # The task waits in the middle: its transaction has begun, and can't write.
        holding = gate.transaction()
        await holding.start()
        await gate.execute("LOCK TABLE monitoring.notification IN EXCLUSIVE MODE")
        waits = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%monitoring.notify%'"
        )
        first = start_worker()
        await until(lambda: db.fetchval(waits), lambda count: count == 1)
        assert (await task())["status"] == "started"
        first.send_signal(signal.SIGKILL)
        await asyncio.to_thread(first.wait, DEADLINE)
        second = start_worker()
        await until(task, lambda found: [run["status"] for run in found["runs"]] == ["lost", "running"])
        await holding.rollback()
    finally:
        await gate.close()
    ended = await until(task, lambda found: found["status"] == "success")
    assert [run["status"] for run in ended["runs"]] == ["lost", "succeeded"]
    assert [int(run["worker"].rpartition(":")[2]) for run in ended["runs"]] == [first.pid, second.pid]
    lost = "Its process ended or stood still."
    assert [run["error"] for run in ended["runs"]] == [lost, None] and ended["result"] == {"delivered": True}
    told = "SELECT count(*) FROM monitoring.notification WHERE account_id = $1"
    assert await db.fetchval(told, owner.id) == 1
    assert await db.fetchval("SELECT count(*) FROM core.event WHERE topic = 'monitoring.notification'") == 1
    mine = (await owner.get(path)).json
    assert [run["error"] for run in mine["runs"]] == [lost, None] and mine["runs"][0]["worker"] is None

"""Jobs in one process: what is enqueued runs, once, again after a failure, and in turns. Killed processes: tests/core/test_jobs_faults.py."""

import asyncio
import contextlib
import json
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.data.database import Database
from core.files.configured import open_storage
from core.jobs import GiveUp, Job, Schedule, enqueue
from core.jobs.job import Resources, query
from core.jobs.runner import Pace, Runner
from core.jobs.schedules import previous, tick
from core.mail import Letter, Mail, MailRefused
from handlers.api import areas
from tests.support.deadlines import until
from tests.support.smtp import MailServer

LISTENING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
QUICK = Pace(poll=0.1, poll_unheard=0.1, heartbeat=20.0, seen=0.2)


@pytest.fixture
def runner(io_loop, pool, settings, clean_jobs):
    """`await runner(Job(…))`: runs these jobs until the end of the test."""
    started: list[Runner] = []

    async def runner(*jobs: Job, schedules: Any = (), **more: Any) -> Runner:
        resources = Resources(pool, settings, open_storage(settings), more.get("mail") or Mail(settings))
        found = Runner(resources, jobs, schedules, kind="worker", pace=more.pop("pace", QUICK))
        await found.open()
        started.append(found)
        return found

    yield runner
    for one in started:
        io_loop.run_sync(lambda one=one: one.stop(0))


async def note(run: Any, payload: Any) -> None:
    await run.finish(lambda tx: tx.none("INSERT INTO public.effect VALUES ($1, $2)", payload["what"], run.job_id))


async def effects(db: Any) -> list[str]:
    return [row["what"] for row in await db.fetch("SELECT what FROM public.effect ORDER BY what")]


async def statuses(db: Any, job: int) -> list[str]:
    return [row["status"] for row in await db.fetch("SELECT status FROM jobs.run WHERE job_id = $1 ORDER BY id", job)]


async def queue(db: Any) -> list[Any]:
    return await db.fetch("SELECT id, status::text, attempts, execute_after FROM jobs.pgqueuer ORDER BY id")


@pytest.mark.gen_test
async def test_a_job_runs_when_its_transaction_commits_and_never_when_it_is_rolled_back(pool, db, runner):
    class Undone(Exception):
        pass

    async def both(tx: Any) -> None:
        await enqueue(tx, "test.note", {"what": "kept"})

    async def neither(tx: Any) -> None:
        await enqueue(tx, "test.note", {"what": "undone"})
        raise Undone

    with contextlib.suppress(Undone):
        await pool.transaction(neither)
    await pool.transaction(both)
    await runner(Job("test.note", note))
    await until(lambda: queue(db), lambda rows: not rows)
    assert await effects(db) == ["kept"]


@pytest.mark.gen_test
async def test_a_job_of_a_statement_runs_without_waiting_for_the_next_look_at_the_queue(pool, db, runner):
    await runner(Job("test.note", note), pace=Pace(poll=3600.0))
    await until(lambda: db.fetchval(LISTENING))
    await db.execute("SELECT core.enqueue_job('test.note', jsonb_build_object('what', 'heard'))")
    await until(lambda: effects(db))
    assert await effects(db) == ["heard"]


@pytest.mark.gen_test
async def test_several_workers_run_each_job_once(pool, db, runner):
    for _ in range(3):
        await runner(Job("test.note", note))
    await db.execute(
        "SELECT core.enqueue_job('test.note', jsonb_build_object('what', lpad(n::text, 3, '0'))) FROM generate_series(1, 60) n"
    )
    await until(lambda: queue(db), lambda rows: not rows)
    assert await effects(db) == [f"{n:03}" for n in range(1, 61)]
    assert await db.fetchval("SELECT count(*) FROM jobs.run WHERE status = 'succeeded'") == 60


@pytest.mark.gen_test
async def test_a_failing_job_runs_again_after_longer_and_longer_delays_and_is_then_held(pool, db, runner):
    seen: list[tuple[int, bool]] = []

    async def fail(run: Any, payload: Any) -> None:
        seen.append((run.attempt, run.is_last))
        await run.db.none("INSERT INTO public.effect VALUES ('tried', $1)", run.job_id)
        raise RuntimeError("no luck")

    job = await enqueue(pool, "test.fail", {})
    await runner(Job("test.fail", fail, attempts=3, first_delay=0.05, longest_delay=0.08))
    await until(lambda: queue(db), lambda rows: rows[0]["status"] == "failed")
    assert seen == [(1, False), (2, False), (3, True)]
    assert await statuses(db, job) == ["retried", "retried", "held"]
    row = await db.fetchrow("SELECT error, traceback FROM jobs.run WHERE job_id = $1 ORDER BY id DESC LIMIT 1", job)
    assert row["error"] == "RuntimeError: no luck"
    assert "in fail" in row["traceback"]


def test_the_delay_doubles_up_to_the_longest():
    job = Job("test.x", note, attempts=6, first_delay=10, longest_delay=60)
    assert [job.delay_after(n) and job.delay_after(n).seconds for n in range(1, 7)] == [10, 20, 40, 60, 60, None]


@pytest.mark.gen_test
async def test_a_job_that_gives_up_is_held_at_once_and_can_be_queued_again(pool, db, runner):
    broken = True

    async def work(run: Any, payload: Any) -> Any:
        if broken:
            raise GiveUp("wrong address \0\ud800")
        return {"sent": 1}

    job = await enqueue(pool, "test.work", {}, dedupe_key="key")
    await runner(Job("test.work", work))
    await until(lambda: queue(db), lambda rows: rows[0]["status"] == "failed")
    broken = False
    assert [row["id"] for row in await query.retry_jobs(pool, ids=None)] == [job]
    await until(lambda: queue(db), lambda rows: not rows)
    assert await statuses(db, job) == ["held", "succeeded"]
    assert json.loads(await db.fetchval("SELECT result FROM jobs.run WHERE status = 'succeeded'")) == {"sent": 1}


async def hold(db: Any, *jobs: int) -> None:
    await db.execute("UPDATE jobs.pgqueuer SET status = 'failed' WHERE id = ANY ($1::bigint[])", list(jobs))


@pytest.mark.gen_test
async def test_a_job_that_is_queued_again_keeps_its_key_and_stays_held_while_another_has_it(pool, db, clean_jobs):
    held = []
    for _ in range(2):
        held.append(await enqueue(pool, "test.work", {}, dedupe_key="key"))
        await hold(db, *held)
    keyless = [await enqueue(pool, "test.work", {}) for _ in range(2)]
    await hold(db, *keyless)
    other = await enqueue(pool, "test.other", {}, dedupe_key="key")
    assert [row["id"] for row in await query.retry_jobs(pool, ids=held)] == []
    await db.execute("DELETE FROM jobs.pgqueuer WHERE id = $1", other)
    assert [row["id"] for row in await query.retry_jobs(pool, ids=None)] == [held[0], *keyless]
    assert await enqueue(pool, "test.other", {}, dedupe_key="key") is None


@pytest.mark.gen_test
async def test_a_key_that_is_taken_while_a_job_is_queued_again_keeps_that_job_held(pool, db, clean_jobs):
    held = await enqueue(pool, "test.work", {}, dedupe_key="key")
    await hold(db, held)
    async with db.transaction():
        await db.fetchval("SELECT core.enqueue_job('test.other', '{}', 'key')")
        retry = asyncio.create_task(query.retry_jobs(pool, ids=None))
        waits = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%core.retry_jobs%'"
        )
        await until(lambda: pool.value(waits), lambda count: count == 1)
    assert await retry == []
    assert [row["status"] for row in await queue(db)] == ["failed", "queued"]


@pytest.mark.gen_test
async def test_a_job_that_takes_too_long_is_ended_and_counts_as_failed(pool, db, runner):
    async def work(run: Any, payload: Any) -> None:
        await asyncio.sleep(3600)

    job = await enqueue(pool, "test.work", {})
    await runner(Job("test.work", work, attempts=1, seconds=0.1))
    await until(lambda: queue(db), lambda rows: rows[0]["status"] == "failed")
    assert await statuses(db, job) == ["held"]
    assert "TimeoutError" in await db.fetchval("SELECT error FROM jobs.run")


@pytest.mark.gen_test
async def test_what_a_job_does_before_it_fails_in_its_transaction_is_undone(pool, db, runner):
    async def work(run: Any, payload: Any) -> None:
        async def effect(tx: Any) -> None:
            await tx.none("INSERT INTO public.effect VALUES ('undone', $1)", run.job_id)
            raise GiveUp("after all")

        await run.finish(effect)

    await enqueue(pool, "test.work", {})
    await runner(Job("test.work", work))
    await until(lambda: queue(db), lambda rows: rows[0]["status"] == "failed")
    assert await effects(db) == []


@pytest.mark.gen_test
async def test_a_job_that_fails_after_it_has_finished_stays_done(pool, db, runner):
    async def work(run: Any, payload: Any) -> None:
        await note(run, {"what": "done"})
        raise RuntimeError("too late")

    job = await enqueue(pool, "test.work", {})
    await runner(Job("test.work", work))
    await until(lambda: queue(db), lambda rows: not rows)
    assert await effects(db) == ["done"] and await statuses(db, job) == ["succeeded"]


@pytest.mark.gen_test
async def test_no_more_than_its_number_of_a_job_run_at_once_and_others_pass_them_by(pool, db, runner):
    running, most, gate = 0, 0, asyncio.Event()

    async def work(run: Any, payload: Any) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await gate.wait()
        running -= 1

    await runner(Job("test.work", work, at_once=2), Job("test.note", note))
    for _ in range(10):
        await enqueue(pool, "test.work", {}, priority=5)
    await until(lambda: running, lambda count: count == 2)
    await enqueue(pool, "test.note", {"what": "passed"})
    await until(lambda: effects(db))
    # It leaves the rest to other processes.
    assert Counter(row["status"] for row in await queue(db)) == {"picked": 2, "queued": 8}
    gate.set()
    await until(lambda: queue(db), lambda rows: not rows)
    assert most == 2


@pytest.mark.gen_test
async def test_behind_pgbouncer_the_queue_is_polled(settings, db, clean_jobs):
    config = replace(settings, db_statement_cache=0)
    unprepared = Database(settings.database_url, size=4, statement_cache=0)
    found = Runner(
        Resources(unprepared, config, open_storage(config), Mail(config)),
        [Job("test.note", note)],
        (),
        kind="worker",
        pace=QUICK,
    )
    await found.open()
    try:
        await enqueue(unprepared, "test.note", {"what": "polled"})
        await until(lambda: effects(db))
        assert not await db.fetchval(LISTENING)
    finally:
        await found.stop(0)
        await unprepared.close()


@pytest.mark.gen_test
async def test_a_stopped_runner_takes_nothing_more_and_gives_back_what_has_not_ended(pool, db, runner):
    began = asyncio.Event()

    async def work(run: Any, payload: Any) -> None:
        began.set()
        await asyncio.sleep(3600)

    program = await runner(Job("test.work", work, at_once=1))
    jobs = [await enqueue(pool, "test.work", {}) for _ in range(4)]
    await began.wait()
    await until(lambda: db.fetchval("SELECT count(*) FROM jobs.worker WHERE running > 0"))
    await program.stop(0.1)
    assert [(row["id"], row["status"]) for row in await queue(db)] == [(job, "queued") for job in jobs]
    assert await statuses(db, jobs[0]) == ["released"]
    assert await db.fetchval("SELECT count(*) FROM jobs.worker") == 0


@pytest.mark.gen_test
async def test_a_mail_that_the_server_delays_is_sent_later_and_one_that_it_refuses_is_noted(
    pool, db, runner, settings, tmp_path
):
    there = await MailServer().open(tmp_path)
    there.says["RCPT"] = "450 4.2.0 greylisted"
    client = Mail(
        replace(settings, email_host="localhost", email_port=there.port, default_from_email="post@shop.example.com")
    )

    async def send(run: Any, payload: Any) -> Any:
        try:
            sent = await run.mail.send(Letter(run.key, payload["to"], "Hello", "Hello."))
        except MailRefused as error:
            return {"refused": str(error)}
        return {"sent": sent}

    job = await enqueue(pool, "test.mail", {"to": "ana@example.com"})
    await runner(Job("test.mail", send, first_delay=0.05, longest_delay=0.05, attempts=1000), mail=client)
    results = "SELECT result FROM jobs.run WHERE status = 'succeeded' ORDER BY id"
    try:
        await until(lambda: statuses(db, job), lambda found: "retried" in found)
        assert there.mails == []
        del there.says["RCPT"]
        await until(lambda: queue(db), lambda rows: not rows)
        (mail,) = there.mails
        there.says["RCPT"] = "550 5.1.1 unknown"
        await enqueue(pool, "test.mail", {"to": "nobody@example.com"})
        await until(lambda: queue(db), lambda rows: not rows)
        first, second = [json.loads(row["result"]) for row in await db.fetch(results)]
        assert first == {"sent": mail["Message-ID"]} and "550 5.1.1 unknown" in second["refused"]
        assert len(there.mails) == 1
    finally:
        there.close()


def test_the_last_moment_of_a_schedule_may_be_now():
    nine = datetime(2026, 1, 2, 9, tzinfo=UTC)
    assert previous("0 9 * * *", nine) == nine
    assert previous("0 9 * * *", nine - timedelta(microseconds=1)) == nine - timedelta(days=1)
    assert previous("0 9 * * *", nine + timedelta(hours=23)) == nine


@pytest.mark.gen_test
async def test_a_schedule_enqueues_each_moment_once_and_after_a_pause_only_the_last(pool, db, clean_jobs):
    each_day = Schedule("test.day", "0 9 * * *", job="test.note", payload={"what": "day"})
    last = previous(each_day.cron, await db.fetchval("SELECT now()"))

    async def ticks() -> int:
        """How many jobs there are after several workers have looked."""
        assert all(0 < seconds <= 60 for seconds in await asyncio.gather(*[tick(pool, [each_day]) for _ in range(8)]))
        return int(await db.fetchval("SELECT count(*) FROM jobs.pgqueuer"))

    # The moments before the schedule was there are past.
    assert await ticks() == 0
    await db.execute("UPDATE jobs.tick SET tick = $1", last - timedelta(days=5))
    assert await ticks() == 1
    await db.execute("TRUNCATE jobs.pgqueuer")
    # Although the job has ended.
    assert await ticks() == 0
    # A worker whose clock is behind asks for an earlier moment.
    assert not await query.enqueue_tick(
        pool, schedule="test.day", tick=last - timedelta(days=1), name="test.note", payload="{}"
    )
    assert await ticks() == 0


@pytest.mark.gen_test
async def test_the_history_is_kept_for_its_days_and_the_last_moment_of_a_schedule_for_ever(pool, db, runner):
    await runner(Job("test.note", note))
    await enqueue(pool, "test.note", {"what": "old"})
    await until(lambda: queue(db), lambda rows: not rows)
    await enqueue(pool, "test.elsewhere", {})
    await db.execute(
        "INSERT INTO jobs.tick SELECT 'test.s', now() - make_interval(days => n) FROM generate_series(40, 42) n"
    )
    await db.execute("UPDATE jobs.run SET started_at = started_at - interval '31 days'")
    await db.execute(
        "UPDATE jobs.pgqueuer_log SET created = created - interval '31 days' WHERE entrypoint = 'test.note'"
    )
    assert await query.purge(pool, days=32, most=100) == 2
    assert await query.purge(pool, days=30, most=100) == 4
    assert await db.fetchval("SELECT count(*) FROM jobs.pgqueuer_log") == 1
    assert await db.fetchval("SELECT count(*) FROM jobs.tick") == 1


def test_the_schedules_of_the_areas_name_jobs_and_moments():
    for schedule in areas.schedules():
        assert previous(schedule.cron, datetime.now(UTC))
    names = [job.name for job in areas.jobs()] + [schedule.name for schedule in areas.schedules()]
    assert len(set(names)) >= len(areas.jobs())
    assert all(re.fullmatch(r"[a-z]+\.[a-z_]+", name) for name in names)

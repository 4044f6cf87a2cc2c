"""What jobs survive: killed, frozen and stopped processes, and a Postgres that restarts. These run real worker processes."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from core.embedded.postgres import start_postgres
from tests.support.deadlines import DEADLINE, until, wait_until
from tests.support.program import ROOT, Ground, Server, frozen, migrated_ground


@pytest.fixture(scope="module")
def ground(home_folder: Path) -> Iterator[Ground]:
    with migrated_ground(home_folder / "jobs") as ground:
        yield ground


class Store:
    """Statements in the database of the jobs, each on a connection of its own: Postgres may restart between two."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def run(self, sql: str, *args: Any, what: str = "fetch") -> Any:
        connection = await asyncpg.connect(self._ground.postgres.dsn, timeout=DEADLINE)
        try:
            return await getattr(connection, what)(sql, *args)
        finally:
            await connection.close()

    async def enqueue(self, name: str) -> int:
        return int(await self.run("SELECT core.enqueue_job($1)", name, what="fetchval"))

    async def effects(self, job: int) -> list[str]:
        return [row["what"] for row in await self.run("SELECT what FROM public.effect WHERE job = $1 ORDER BY at", job)]

    async def begun_by(self, job: int) -> list[int]:
        """The pids of the processes that have begun the job, in order."""
        rows = await self.run("SELECT worker FROM public.effect WHERE job = $1 AND what = 'begun' ORDER BY at", job)
        return [row["worker"] for row in rows]

    async def runs(self, job: int) -> list[str]:
        return [
            row["status"] for row in await self.run("SELECT status FROM jobs.run WHERE job_id = $1 ORDER BY id", job)
        ]

    async def in_queue(self, job: int) -> str | None:
        found: str | None = await self.run("SELECT status::text FROM jobs.pgqueuer WHERE id = $1", job, what="fetchval")
        return found

    async def open_gate(self, worker: int = 0) -> None:
        """Let the waiting jobs of this process go on; 0: of all."""
        await self.run("INSERT INTO public.gate VALUES ($1)", worker)

    async def until_done(self, job: int) -> None:
        await until(lambda: self.in_queue(job), lambda status: status is None)


@pytest.fixture
def store(io_loop: Any, ground: Ground) -> Store:
    found = Store(ground)
    statements = (
        "CREATE TABLE IF NOT EXISTS public.effect (what text, job bigint, worker bigint, at timestamptz DEFAULT clock_timestamp())",
        "CREATE TABLE IF NOT EXISTS public.gate (worker bigint)",
        "TRUNCATE public.effect, public.gate, jobs.pgqueuer, jobs.pgqueuer_log, jobs.run, jobs.tick, jobs.worker",
    )
    for statement in statements:
        io_loop.run_sync(lambda statement=statement: found.run(statement))
    return found


class Worker:
    """A process that runs jobs; its log holds no traceback."""

    def __init__(self, ground: Ground, log: Path, finish_seconds: float, *arguments: str, **env: str) -> None:
        self.log = log
        command = [
            sys.executable,
            "-m",
            "tests.support.jobs_program",
            ground.postgres.dsn,
            str(finish_seconds),
            *arguments,
        ]
        with log.open("ab") as out:
            self.process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **env}, stdout=out, stderr=out)
        self.pid = self.process.pid

    def wait_until_ready(self) -> "Worker":
        wait_until(lambda: "is ready" in self.log.read_text() or self.process.poll() is not None)
        assert self.process.poll() is None, self.log.read_text()
        return self

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(DEADLINE)


@pytest.fixture
def worker(ground: Ground, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """`worker()`: a running worker process, which is ended with the test."""
    started: list[Worker] = []

    def worker(*arguments: str, finish_seconds: float = 0.5, **env: str) -> Worker:
        log = tmp_path / f"worker-{len(started)}.log"
        started.append(Worker(ground, log, finish_seconds, *arguments, **env))
        return started[-1].wait_until_ready()

    yield worker
    for one in started:
        one.end(signal.SIGTERM)
        assert "Traceback" not in one.log.read_text(), one.log.read_text()


@pytest.mark.gen_test
async def test_a_job_whose_process_is_killed_is_done_once_by_another(store, worker):
    first = worker()
    job = await store.enqueue("test.wait")
    assert await until(lambda: store.begun_by(job)) == [first.pid]
    second = worker()
    first.end(signal.SIGKILL)
    await store.open_gate()
    await store.until_done(job)
    assert await store.begun_by(job) == [first.pid, second.pid]
    assert (await store.effects(job)).count("done") == 1
    assert await store.runs(job) == ["lost", "succeeded"]


@pytest.mark.gen_test
async def test_a_job_whose_process_stands_still_is_done_once_although_that_process_goes_on_later(store, worker):
    first = worker()
    job = await store.enqueue("test.wait")
    await until(lambda: store.begun_by(job))
    with frozen(first.pid):
        second = worker()
        await until(lambda: store.begun_by(job), lambda pids: pids == [first.pid, second.pid])
    # The first process goes on, and finishes before the second.
    await store.open_gate(first.pid)
    await until(lambda: "taken over" in first.log.read_text())
    assert await store.in_queue(job) == "picked"
    assert (await store.effects(job)).count("done") == 0
    await store.open_gate(second.pid)
    await store.until_done(job)
    assert (await store.effects(job)).count("done") == 1
    runs = await store.runs(job)
    assert (runs[0], runs[-1], runs.count("succeeded")) == ("lost", "succeeded", 1)


@pytest.mark.gen_test
async def test_a_job_that_kills_its_process_again_and_again_is_held(store, worker):
    job = await store.enqueue("test.die")
    note = await store.enqueue("test.note")
    for count in (1, 2):
        dying = worker()
        await asyncio.to_thread(dying.process.wait, DEADLINE)
        assert len(await store.begun_by(job)) == count
    last = worker()
    await until(lambda: store.in_queue(job), lambda status: status == "failed")
    await store.until_done(note)
    assert await store.runs(job) == ["lost", "lost", "held"]
    assert last.process.poll() is None
    assert "is held" in last.log.read_text()


@pytest.mark.gen_test
async def test_jobs_go_on_when_postgres_has_restarted(store, worker, ground):
    program = worker()
    running = await store.enqueue("test.wait")
    await until(lambda: store.begun_by(running))
    await asyncio.to_thread(ground.postgres.stop)
    ground.postgres = await asyncio.to_thread(start_postgres, ground.home, durable=False)
    later = await store.enqueue("test.note")
    await store.until_done(later)
    await store.open_gate()
    await store.until_done(running)
    assert (await store.effects(running)).count("done") == 1
    assert program.process.poll() is None
    # It listens again.
    listening = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
    assert await until(lambda: store.run(listening, what="fetchval"))


@pytest.mark.gen_test
async def test_a_worker_that_is_stopped_finishes_its_jobs_first(store, worker):
    program = worker(finish_seconds=DEADLINE)
    job = await store.enqueue("test.wait")
    await until(lambda: store.begun_by(job))
    program.process.send_signal(signal.SIGTERM)
    await until(lambda: "finishing 1 jobs" in program.log.read_text())
    later = await store.enqueue("test.note")
    await store.open_gate()
    assert await asyncio.to_thread(program.process.wait, DEADLINE) == 0
    assert await store.runs(job) == ["succeeded"]
    assert await store.in_queue(later) == "queued"
    assert await store.run("SELECT * FROM jobs.worker") == []


@pytest.mark.gen_test
async def test_a_worker_that_is_stopped_gives_back_what_it_does_not_finish(store, worker):
    program = worker(finish_seconds=0.2)
    job = await store.enqueue("test.wait")
    await until(lambda: store.begun_by(job))
    assert await asyncio.to_thread(program.end) == 0
    # Not only when its heartbeat is old.
    assert await store.in_queue(job) == "queued"
    await store.open_gate()
    worker()
    await store.until_done(job)
    assert await store.runs(job) == ["released", "succeeded"]
    assert (await store.effects(job)).count("done") == 1


@pytest.mark.gen_test
async def test_two_workers_enqueue_each_moment_of_a_schedule_once(store, worker):
    for _ in range(2):
        worker("--schedules")
    ticks = "SELECT count(*) FROM jobs.tick"
    await until(lambda: store.run(ticks, what="fetchval"), lambda count: count >= 4)
    rows = await store.run(
        "SELECT (SELECT count(*) FROM jobs.tick) AS ticks, (SELECT count(DISTINCT job_id) FROM jobs.pgqueuer_log) AS jobs"
    )
    # The first moment is only noted.
    assert rows[0]["jobs"] == rows[0]["ticks"] - 1


@pytest.mark.gen_test
async def test_names_in_the_environment_do_not_rename_the_objects_of_the_queue(store, worker):
    names = (
        "CHANNEL",
        "TRIGGER",
        "FUNCTION",
        "QUEUE_TABLE",
        "QUEUE_TABLE_LOG",
        "STATISTICS_TABLE",
        "SCHEDULES_TABLE",
        "QUEUE_STATUS_TYPE",
    )
    env = {name: "other" for name in names} | {f"PGQUEUER_{name}": "another" for name in names}
    worker(**env, PGQUEUER_PREFIX="p_", PGQUEUER_SCHEMA="elsewhere", DURABILITY="volatile", PREFIX="x_")
    job = await store.enqueue("test.note")
    await store.until_done(job)
    assert await store.effects(job) == ["done"]


def worker_of(server: Server) -> subprocess.Popen[bytes]:
    """`server.py worker` with the settings of a server."""
    with server.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "server.py", "worker"], cwd=ROOT, env=server._env, stdout=log, stderr=log
        )


@pytest.mark.gen_test
async def test_one_process_of_a_server_runs_jobs_unless_told_not_to(store, ground, tmp_path):
    seen = "SELECT kind FROM jobs.worker"
    server = await asyncio.to_thread(Server(ground, tmp_path / "serve.log", "--workers", "2").start)
    worker = await asyncio.to_thread(worker_of, server)
    kinds = await until(lambda: store.run(seen), lambda rows: len(rows) >= 2)
    assert sorted(row["kind"] for row in kinds) == ["serve", "worker"]
    worker.terminate()
    assert await asyncio.to_thread(worker.wait, DEADLINE) == 0
    assert await asyncio.to_thread(server.end) == 0
    # Each has said good-bye.
    assert await store.run(seen) == []
    server = await asyncio.to_thread(Server(ground, tmp_path / "without.log", "--no-jobs").start)
    listening = await store.run(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    )
    assert await asyncio.to_thread(server.end) == 0
    assert listening == [] and await store.run(seen) == []

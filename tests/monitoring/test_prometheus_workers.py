"""Metrics of several processes: `server.py serve --workers 2`, and `server.py worker`. docs/api/monitoring.md#metrics."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from core.metrics import Metrics
from tests.support.deadlines import DEADLINE, until
from tests.support.http import Api, open_session
from tests.support.metrics import Scraped
from tests.support.program import ROOT, Server

TOKEN = "a-token-for-scrapers"


@pytest.fixture
def ground(database_url, services):
    """The module's database, which a program may use too."""
    return SimpleNamespace(postgres=SimpleNamespace(dsn=database_url), redis=services.redis)


@pytest.fixture
def server(ground, tmp_path):
    started = []

    def server(*arguments, **env):
        env = {"METRICS_TOKEN": TOKEN, "TMPDIR": str(tmp_path), "LOG_DIR": "", **env}
        started.append(Server(ground, tmp_path / f"server-{len(started)}.log", *arguments, **env).start())
        return started[-1]

    yield server
    for one in started:
        one.end()
        assert "Traceback" not in one.log.read_text(), one.log.read_text()


@pytest.fixture
def client(io_loop):
    """Opens a connection for each request, so that both workers get some."""
    session = io_loop.run_sync(lambda: open_session(50, keep=False))
    yield session
    io_loop.run_sync(session.close)


def started(log, env):
    """The process of `server.py worker`."""
    with log.open("wb") as out:
        return subprocess.Popen([sys.executable, str(ROOT / "server.py"), "worker"], env=env, stdout=out, stderr=out)


async def scraped(api):
    return Scraped(await api.get("/metrics", token=TOKEN))


@pytest.mark.gen_test
async def test_the_workers_are_added_up_and_a_killed_one_leaves_its_counts_but_no_gauges(server, client, tmp_path):
    program = server("--workers", "2")
    api = Api(client, program.url)
    answers = await asyncio.gather(*[api.get("/api/health/") for _ in range(60)])
    assert len({answer.headers["X-Request-ID"].partition("-")[0] for answer in answers}) == 2  # of both workers

    def counted(found):
        return found.value("http_requests_total", route="/api/health/", status="200")

    # A text may be a second old.
    found = await until(lambda: scraped(api), lambda one: counted(one) == 60)
    assert found.value("http_request_duration_seconds_count", route="/api/health/") == 60
    found = await until(lambda: scraped(api), lambda one: one.value("server_processes") == 2)
    assert found.value("database_pool_limit") == 16
    assert found.value("server_info") == 1
    assert found.value("celery_workers_count") == 1
    assert found.has("celery_tasks_total", queue="default", status="success")

    [folder] = tmp_path.glob("tradepost-metrics-*")
    assert folder.stat().st_mode & 0o077 == 0
    files = sorted(path.name for path in folder.iterdir())
    killed = psutil.Process(program.process.pid).children()[0].pid
    before = program.log.read_text()
    os.kill(killed, signal.SIGKILL)
    await until(lambda: program.log.read_text().removeprefix(before).count("is ready"))
    found = await until(lambda: scraped(api), lambda one: one.value("server_processes") == 2)
    assert counted(found) == 60
    assert found.value("database_pool_limit") == 16
    # The successor counts on in the same files.
    assert sorted(path.name for path in folder.iterdir()) == files
    await asyncio.gather(*[api.get("/api/health/") for _ in range(20)])
    assert counted(await until(lambda: scraped(api), lambda one: counted(one) >= 80)) == 80
    await asyncio.to_thread(program.end)
    assert not list(tmp_path.glob("tradepost-metrics-*"))


@pytest.mark.gen_test
async def test_a_process_that_only_runs_jobs_shows_its_metrics_at_an_address_of_its_own(ground, client, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {
        **os.environ,
        "SECRET_KEY": "test-secret-key-of-at-least-32-bytes!",
        "DATABASE_URL": ground.postgres.dsn,
        "METRICS_TOKEN": TOKEN,
        "METRICS_LISTEN": f"127.0.0.1:{port}",
        # Of another program: it is not ours.
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "theirs"),
    }
    log = tmp_path / "worker.log"
    program = started(log, env)
    try:
        await until(lambda: "is ready" in log.read_text() or program.poll() is not None)
        assert program.poll() is None, log.read_text()
        api = Api(client, f"http://127.0.0.1:{port}")
        for path, token, status in (("/metrics", None, 401), ("/metrics", "bad", 401), ("/other", TOKEN, 404)):
            assert (await api.get(path, token=token, is_described=False)).status == status, path
        found = await until(lambda: scraped(api), lambda one: one.value("celery_workers_count") >= 1)
        assert found.has("jobs_runs_total", name="books.mail", status="succeeded")
        assert found.value("database_up") == 1
        assert not found.has("streams_open")
    finally:
        program.terminate()
        assert program.wait(DEADLINE) == 0, log.read_text()
    assert "Traceback" not in log.read_text()


def test_the_gauges_of_a_worker_go_when_it_ends_and_its_counters_stay(tmp_path):
    # In a process of its own, because the library decides once how it counts.
    script = """
import sys
from pathlib import Path
from core.metrics import Metrics, Metric, Reading
from core.metrics_folder import MetricsFolder
folder = MetricsFolder(Path(sys.argv[1]), 2)
gauge = Metric("things", "gauge", "Things.")
def count(number):
    metrics = Metrics(folder.path, number)
    metrics.add_source(lambda: [Reading(gauge, number)])
    metrics.count_request("/x/", "GET", 200, 0.1, 5)
    metrics.read()
    return metrics
count(1)
second = count(2)
print(second.expose([], as_openmetrics=False).decode())
folder.forget(1)
print("====")
print(second.expose([], as_openmetrics=False).decode())
again = count(1)
print("====")
print(again.expose([], as_openmetrics=True).decode())
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    before, after, again = done.stdout.split("====")
    assert "things 3.0" in before and "things 2.0" in after and "things 3.0" in again
    for text, count in ((before, 2), (after, 2), (again, 3)):
        assert f'http_requests_total{{method="GET",route="/x/",status="200"}} {count}.0' in text


def test_a_process_alone_needs_no_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    metrics = Metrics()
    metrics.count_request("/x/", "GET", 200, 0.1, 5)
    assert b'route="/x/"' in metrics.expose([], as_openmetrics=False)
    assert not list(Path(tmp_path).iterdir())

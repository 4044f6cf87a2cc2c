"""Traces by OpenTelemetry. docs/api/monitoring.md#traces."""

import asyncio
import subprocess
import sys
from types import SimpleNamespace

import pytest

from core import traces
from core.settings import SettingsError
from tests.support.collector import collector
from tests.support.deadlines import until
from tests.support.http import PASSWORD, Api, open_session
from tests.support.program import ROOT, Server

SERVER, CLIENT, CONSUMER = 2, 3, 5
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
REQUEST_ID = "http.response.header.x-request-id"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


# The servers that a test has made fail.
failing: list[Server] = []


def started(database_url, services, folder, *arguments, **env):
    """A server that makes traces."""
    ground = SimpleNamespace(postgres=SimpleNamespace(dsn=database_url), redis=services.redis)
    env = {"TMPDIR": str(folder), "BCRYPT_COST": "4", **env}
    return Server(ground, folder / "server.log", *arguments, **env).start()


def ended(program):
    assert program.end() == 0
    text = program.log.read_text()
    assert ("Traceback" in text) is (program in failing), text


@pytest.fixture(scope="module")
def traced(database_url, services, tmp_path_factory):
    """A collector, and a server that sends it spans every tenth of a second."""
    with collector() as found:
        env = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{found.url}/v1/traces", "OTEL_BSP_SCHEDULE_DELAY": "100"}
        env["TRUSTED_PROXIES"] = "127.0.0.1"
        program = started(database_url, services, tmp_path_factory.mktemp("traced"), **env)
        yield found, program
        ended(program)


@pytest.fixture
def session(io_loop):
    """An HTTP client that opens a connection for each request, so that all workers get some."""
    session = io_loop.run_sync(lambda: open_session(50, keep=False))
    yield session
    io_loop.run_sync(session.close)


async def span_of(found, answer):
    """The span of the request that had this answer."""
    named = [answer.headers["X-Request-ID"]]

    def look():
        return [span for span in found.spans if span.attributes.get(REQUEST_ID) == named]

    return (await until(look))[0]


@pytest.mark.gen_test
async def test_a_request_and_its_statements_are_one_trace_that_continues_the_callers(traced, session):
    found, program = traced
    api = Api(session, program.url)
    answer = await api.get("/api/health/", headers={"traceparent": TRACEPARENT})
    span = await span_of(found, answer)
    assert (span.name, span.kind, span.trace, span.parent) == ("GET /api/health/", SERVER, TRACE, PARENT)
    assert not span.is_error
    assert span.attributes == {
        "http.request.method": "GET",
        "http.route": "/api/health/",
        "url.scheme": "http",
        "http.response.status_code": 200,
        REQUEST_ID: [answer.headers["X-Request-ID"]],
    }
    [statement] = [one for one in found.named("ping") if one.parent == span.id]
    assert (statement.kind, statement.trace) == (CLIENT, TRACE)
    assert statement.attributes == {"db.system.name": "postgresql", "db.query.summary": "ping"}
    assert span.resource["service.name"] == "tradepost"


@pytest.mark.gen_test
async def test_the_scheme_is_that_of_the_client_before_the_proxy(traced, session):
    found, program = traced
    answer = await Api(session, program.url).get("/api/health/", headers={"X-Forwarded-Proto": "https"})
    assert (await span_of(found, answer)).attributes["url.scheme"] == "https"


@pytest.mark.gen_test
async def test_a_wrong_traceparent_begins_a_trace_of_its_own(traced, session):
    found, program = traced
    api = Api(session, program.url)
    for header in (
        "",
        "x",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        TRACEPARENT[:-1],
        f"ff-{TRACE}-{PARENT}-01",
        "é",
    ):
        span = await span_of(found, await api.get("/api/health/", headers={"traceparent": header}))
        assert span.parent == "" and span.trace != TRACE, header
    # Not sampled by the caller, so not here either.
    unsampled = await api.get("/api/health/", headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
    await span_of(found, await api.get("/api/health/"))
    assert not [one for one in found.spans if one.attributes.get(REQUEST_ID) == [unsampled.headers["X-Request-ID"]]]


@pytest.mark.gen_test
async def test_a_span_has_nothing_that_somebody_has_sent(traced, session):
    found, program = traced
    api = Api(session, program.url)
    answer = await api.post("/api/auth/login/", {"email": "zanzibar@example.com", "password": PASSWORD})
    login = await span_of(found, answer)
    assert login.attributes["http.response.status_code"] == 401 and not login.is_error
    assert [one for one in found.spans if one.parent == login.id and one.kind == CLIENT]
    answer = await api.get("/api/clients/?search=zanzibar&token=zanzibar", token="zanzibar")
    assert (await span_of(found, answer)).name == "GET /api/clients/"
    answer = await api.get("/zanzibar/zanzibar@example.com", headers={"User-Agent": "zanzibar"})
    assert (await span_of(found, answer)).name == "GET none"
    odd = await span_of(found, await api.call("ZANZIBAR", "/api/health/", is_described=False))
    assert (odd.name, odd.attributes["http.request.method"]) == ("HTTP /api/health/", "_OTHER")
    assert b"zanzibar" not in found.raw.lower() and PASSWORD.encode() not in found.raw


@pytest.mark.gen_test
async def test_what_fails_says_by_which_class_of_error_and_not_by_what_words(traced, session, db):
    found, program = traced
    api = Api(session, program.url)
    await db.execute("SELECT core.enqueue_job('books.mail', '{\"word\": \"zanzibar\"}')")
    [job] = await until(lambda: found.named("run books.mail"))
    assert job.kind == CONSUMER and job.is_error and job.parent == ""
    assert job.attributes["error.type"] == "KeyError"
    told = [job.attributes[f"job.{name}"] for name in ("name", "attempt", "status")]
    assert told == ["books.mail", 1, "retried"]

    failing.append(program)
    await db.execute("ALTER TABLE accounts.account RENAME TO account_gone")
    try:
        sent = {"email": "zanzibar@example.com", "password": PASSWORD}
        answer = await api.post("/api/auth/login/", sent, is_described=False)
        assert answer.status == 500
    finally:
        await db.execute("ALTER TABLE accounts.account_gone RENAME TO account")
    failed = await span_of(found, answer)
    assert failed.is_error and failed.attributes["error.type"] == "500"
    [statement] = [one for one in found.spans if one.parent == failed.id and one.is_error]
    assert statement.attributes["error.type"] == "UndefinedTableError"
    assert b"zanzibar" not in found.raw


@pytest.mark.gen_test
async def test_each_worker_sends_its_own_and_what_waits_at_the_end(database_url, services, session, tmp_path):
    with collector() as found:
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": found.url, "OTEL_EXPORTER_OTLP_HEADERS": "api-key=collectors-key"}
        hourly = {"OTEL_BSP_SCHEDULE_DELAY": "3600000"}
        program = started(database_url, services, tmp_path, "--workers", "2", **env, **hourly)
        api = Api(session, program.url)
        answers = await asyncio.gather(*[api.get("/api/health/") for _ in range(40)])
        # A process has the same beginning of all its request ids.
        workers = {answer.headers["X-Request-ID"].partition("-")[0] for answer in answers}
        assert found.spans == []
        await asyncio.to_thread(ended, program)
        made = found.named("GET /api/health/")
        assert len({span.trace for span in made}) == len(made) == 40
        assert len({span.resource["process.pid"] for span in made}) == len(workers)
        assert {headers["api-key"] for headers in found.headers} == {"collectors-key"}
        assert b"collectors-key" not in found.raw and "collectors-key" not in program.log.read_text()


@pytest.mark.gen_test
async def test_a_collector_that_is_away_harms_nobody(database_url, services, session, tmp_path):
    with collector() as found:
        found.status = 400
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": found.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        program = started(database_url, services, tmp_path, **env)
        api = Api(session, program.url)
        for _ in range(5):
            assert (await api.get("/api/health/")).status == 200
        await until(lambda: "traces can't be sent" in program.log.read_text())
        found.status = 200
        assert (await api.get("/api/health/")).status == 200
        await until(lambda: "traces are sent again" in program.log.read_text())
        assert program.log.read_text().count("traces can't be sent") == 1
    # Nobody listens there now.
    for _ in range(5):
        assert (await api.get("/api/health/")).status == 200
    await asyncio.to_thread(ended, program)


def test_without_settings_opentelemetry_is_not_even_imported(database_url):
    script = """
import asyncio, sys, urllib.request
import server
from core.run.process import Process, http_server
from handlers.api import areas
from handlers.settings import Settings

async def main():
    config = Settings(secret_key="test-secret-key-of-at-least-32-bytes!", database_url=sys.argv[1])
    assert not server.check_tracing()
    process = Process(config, areas.router(), areas.refusals(), areas.duties(), areas.listeners(), areas.jobs(), readings=areas.readings())
    await process.open()
    web = http_server(process.app)
    [socket] = __import__("tornado.netutil").netutil.bind_sockets(0, "127.0.0.1")
    web.add_sockets([socket])
    url = f"http://127.0.0.1:{socket.getsockname()[1]}/api/health/"
    answer = await asyncio.to_thread(lambda: urllib.request.urlopen(url).read())
    assert b"healthy" in answer
    web.stop()
    await process.close()

asyncio.run(main())
print([name for name, module in sys.modules.items() if name.startswith("opentelemetry") and module is not None])
"""
    done = subprocess.run(
        [sys.executable, "-c", script, database_url], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr


ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


@pytest.mark.parametrize(
    "env, makes",
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "shop"}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, True),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "True"}, False),
    ],
)
def test_traces_are_made_when_opentelemetrys_settings_say_so(env, makes):
    assert traces.is_configured(env) is makes


def test_what_this_server_cannot_do_is_refused_at_the_start():
    for env, name in (
        ({"OTEL_TRACES_EXPORTER": "jaeger"}, "OTEL_TRACES_EXPORTER"),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL"),
    ):
        with pytest.raises(SettingsError) as caught:
            traces.is_configured(env)
        assert caught.value.lines[0].startswith(f"{name}: must be ")

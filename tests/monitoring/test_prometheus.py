"""GET /metrics and its other address. docs/api/monitoring.md#metrics."""

import json
import re
from ipaddress import ip_network
from pathlib import Path

import asyncpg
import pytest

from core.jobs import enqueue
from core.run import scrape
from core.run.scrape import query
from handlers.api.caller import Callers
from tests.support.deadlines import until
from tests.support.metrics import Scraped

pytestmark = pytest.mark.gen_test

PATHS = ("/metrics", "/api/dashboard/metrics/prometheus/")
TOKEN = "a-token-for-scrapers"
with_token = pytest.mark.parametrize("changed_settings", [{"metrics_token": TOKEN}], ids=["token"])
DOCUMENTS = Path(__file__).resolve().parents[2] / "docs"
DASHBOARD, DOCUMENT = DOCUMENTS / "grafana.json", DOCUMENTS / "api" / "monitoring.md"


@pytest.fixture(autouse=True)
def no_text_is_kept(monkeypatch):
    monkeypatch.setattr(scrape, "KEPT_SECONDS", 0.0)


@pytest.fixture
def scraped(api):
    async def scraped(path="/metrics", **headers):
        return Scraped(await api.get(path, headers={"Authorization": f"Bearer {TOKEN}", **headers}))

    return scraped


# Its form


@with_token
async def test_both_addresses_answer_in_the_text_format_of_prometheus(app, api, scraped):
    for path in PATHS:
        answer = await api.get(path, token=TOKEN)
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-store"
        assert (await scraped(path)).has("server_info")


@with_token
async def test_who_prefers_openmetrics_gets_it(app, api, scraped):
    # What Prometheus 3 sends.
    accept = (
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,"
        "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
    )
    answer = await api.get("/metrics", token=TOKEN, headers={"Accept": accept})
    assert answer.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert answer.text.endswith("# EOF\n")
    assert (await scraped(Accept=accept)).has("server_info")
    for other in ("text/plain", "*/*", "image/png", "", "application/openmetrics-text;q=0"):
        answer = await api.get("/metrics", token=TOKEN, headers={"Accept": other})
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"), other


# Who may read


async def test_without_a_token_or_an_address_only_administrators_read(app, api, sign_in):
    for path in PATHS:
        for token, status in {
            None: 401,
            "bad": 401,
            TOKEN: 401,
            (await sign_in("MEMBER"))["access"]: 403,
            (await sign_in("EMPLOYEE"))["access"]: 403,
            (await sign_in("ADMIN"))["access"]: 200,
            (await sign_in("OWNER"))["access"]: 200,
        }.items():
            answer = await api.get(path, token=token)
            assert answer.status == status, (path, token)
            assert status == 200 or answer.json["error"]


@with_token
async def test_the_token_admits_and_nothing_like_it(app, api, sign_in):
    assert (await api.get("/metrics", token=TOKEN)).status == 200
    for header in (
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer ",
        "Bearer é",
        f"Token {TOKEN}",
        TOKEN,
        f"Basic {TOKEN}",
    ):
        assert (await api.get("/metrics", headers={"Authorization": header})).status == 401, header
    assert (await api.get(f"/metrics?token={TOKEN}")).status == 401
    assert (await api.get("/api/auth/users/me/", token=TOKEN)).status == 401
    assert (await api.get("/metrics", token=(await sign_in("ADMIN"))["access"])).status == 200


@pytest.mark.parametrize("changed_settings", [{"metrics_token": TOKEN, "allowed_hosts": ("shop.example",)}])
async def test_a_scraper_with_a_token_asks_by_any_name(app, api):
    for host in ("10.0.0.7:8000", "shop.example", "metrics.internal"):
        assert (await api.get("/metrics", headers={"Host": host}, token=TOKEN)).status == 200, host


@pytest.mark.parametrize("changed_settings", [{"metrics_allow": (ip_network("127.0.0.0/8"),)}])
async def test_an_allowed_address_admits_unless_somebody_else_may_stand_behind_it(app, api):
    assert (await api.get("/metrics")).status == 200
    assert (await api.get("/metrics", token="bad")).status == 200
    for host in ("127.0.0.1:8000", "[::1]:8000", "10.0.0.7", "localhost"):
        assert (await api.get("/metrics", headers={"Host": host})).status == 200, host
    # A page whose name resolves to this machine sends its own name.
    assert (await api.get("/metrics", headers={"Host": "evil.example"})).status == 401
    # A proxy on this machine that is not in TRUSTED_PROXIES.
    assert (await api.get("/metrics", headers={"X-Forwarded-For": "203.0.113.7"})).status == 401


@pytest.mark.parametrize(
    "changed_settings",
    [{"metrics_allow": (ip_network("10.0.0.0/8"),), "trusted_proxies": (ip_network("127.0.0.1"),)}],
)
async def test_behind_a_trusted_proxy_the_address_is_the_clients(app, api):
    assert (await api.get("/metrics")).status == 401
    for address, status in {"10.1.2.3": 200, "203.0.113.7": 401, "10.1.2.3, 203.0.113.7": 401}.items():
        assert (await api.get("/metrics", headers={"X-Forwarded-For": address})).status == status, address


@with_token
async def test_a_scraper_is_not_limited_by_the_hour(app, api):
    answer = await api.get(PATHS[1], token=TOKEN)
    assert "RateLimit" not in answer.headers and "X-RateLimit-Limit" not in answer.headers


# Requests


@with_token
async def test_a_request_is_counted_by_its_route_its_method_and_its_status(app, api, sign_in, scraped):
    token = (await sign_in("MEMBER"))["access"]
    for id in (999999991, 999999992):
        assert (await api.get(f"/api/clients/{id}/", token=token)).status == 404
    assert (await api.get("/api/health/")).status == 200
    found = await scraped()
    labels = {"method": "GET", "route": "/api/clients/{id}/"}
    assert found.value("http_requests_total", **labels, status="404") == 2
    assert found.value("http_request_duration_seconds_count", **labels) == 2
    assert found.value("http_request_duration_seconds_bucket", **labels, le="+Inf") == 2
    assert 0 < found.value("http_request_duration_seconds_sum", **labels) < 120
    assert found.value("http_requests_total", route="/api/health/", status="200") == 1
    assert found.value("http_response_bytes_total", route="/api/health/") > 40
    # The scrape itself is under way.
    assert found.value("http_requests_in_progress") == 1


@with_token
async def test_what_anybody_may_invent_makes_no_label(app, api, scraped):
    before = len((await scraped()).samples)
    for n in range(30):
        await api.get(f"/nowhere/{n}", headers={"X-Request-ID": f"secret-{n}"})
        await api.get(f"/api/clients/x{n}/", is_described=False)
        await api.call(f"METHOD{n}", "/api/health/", is_described=False)
    found = await scraped()
    assert found.value("http_requests_total", route="none", method="GET", status="404") == 60
    assert found.value("http_requests_total", method="other", status="405") == 30
    assert len(found.samples) < before + 60
    labels = {value for sample in found.samples for value in sample.labels.values()}
    assert not any(re.search(r"nowhere|secret|METHOD|x1", label) for label in labels)


@with_token
async def test_no_label_has_anything_of_a_tenant(app, api, sign_in, scraped, invoice):
    signed = await sign_in("MEMBER", "zanzibar@example.com")
    made = await api.post(
        "/api/clients/", {"name": "Zanzibar", "email": "zanzibar@example.com"}, token=signed["access"]
    )
    assert made.status == 201
    assert (await api.import_invoice(invoice(invoice_no="ZANZIBAR-1"))).status == 201
    await api.get(f"/api/clients/{made.json['id']}/?search=zanzibar", token=signed["access"])
    found = await scraped()
    assert found.value("http_requests_total", route="/api/clients/", method="POST", status="201") == 1
    known = {
        "method",
        "route",
        "status",
        "le",
        "state",
        "reason",
        "version",
        "name",
        "queue",
        "task_name",
        "error_type",
    }
    known |= {"level", "operation_type"}
    assert {label for sample in found.samples for label in sample.labels} <= known
    assert "zanzibar" not in str(found.samples).lower()


# What the process keeps


@with_token
async def test_the_pool_the_event_log_and_the_streams_are_told(app, api, stream, invoice, scraped):
    before = await scraped()
    reader = await stream()
    assert (await api.import_invoice(invoice())).status == 201
    await reader.invoice()
    found = await scraped()
    assert found.value("streams_open") == 1
    assert found.value("streams_opened_total") == before.value("streams_opened_total") + 1
    assert found.value("streams_sent_bytes_total") > before.value("streams_sent_bytes_total") + 500
    assert found.value("event_log_delivered_position") == found.value("event_log_head_position") > 0
    assert found.value("event_log_waiting") == 0
    assert found.value("database_up") == 1
    assert found.value("database_pool_limit") == app.config.db_pool_size
    assert 1 <= found.value("database_pool_connections") <= app.config.db_pool_size
    assert found.value("server_processes") == 1
    reader.close()
    await until(scraped, lambda one: one.value("streams_open") == 0)


@with_token
async def test_an_event_that_nobody_relays_shows_with_its_age(app, db, scraped, monkeypatch):
    async def nothing():
        """In place of the relay."""

    monkeypatch.setattr(app.events, "relay", nothing)
    await db.execute(
        "INSERT INTO core.event (topic, payload, created_at) VALUES ('t', '{}', now() - interval '90 seconds')"
    )
    found = await scraped()
    assert found.value("event_log_waiting") == 1
    assert 90 <= found.value("event_log_oldest_waiting_seconds") < 600


@with_token
async def test_what_is_kept_is_told_with_its_hits(app, api, sign_in, scraped):
    token = (await sign_in("EMPLOYEE"))["access"]
    before = await scraped()
    # A caller is remembered as soon as the log is known well enough.
    await until(
        lambda: api.get("/api/auth/users/me/", token=token),
        lambda _: app.kept(Callers).found > 0,
    )
    found = await scraped()
    for name in ("cache_operations_total", "cache_hits_total"):
        assert found.value(name, level="callers") > before.value(name, level="callers")
    assert found.value("cache_keys_total", level="callers") >= 1
    for level in ("callers", "events", "idempotency"):
        assert found.value("cache_hits_total", level=level) <= found.value("cache_operations_total", level=level)
        assert found.has("cache_keys_total", level=level)


@with_token
async def test_a_repeated_request_is_a_hit(app, api, db, sign_in, scraped):
    token = (await sign_in("MEMBER"))["access"]
    body = {"name": "Keyed", "email": "keyed@example.com"}
    for _ in range(2):
        answer = await api.post("/api/clients/", body, token=token, headers={"Idempotency-Key": "metrics-1"})
        assert answer.status == 201, answer.text
    found = await scraped()
    assert found.value("cache_operations_total", level="idempotency") == 2
    assert found.value("cache_hits_total", level="idempotency") == 1
    assert found.value("cache_keys_total", level="idempotency") == await db.fetchval(
        "SELECT count(*) FROM core.idempotency"
    )


@with_token
async def test_without_postgres_the_rest_is_told(app, scraped, monkeypatch):
    await scraped()

    class Away:
        """A pool whose Postgres nobody reaches."""

        get_size = get_idle_size = staticmethod(lambda: 0)

        async def acquire(self, **more):
            raise ConnectionRefusedError

    with monkeypatch.context() as away:
        away.setattr(app.db, "_pool", Away())
        found = await scraped()
    assert found.value("database_up") == 0
    assert found.value("database_refusals_total", reason="away") >= 1
    assert not found.has("celery_workers_count")
    found = await until(scraped, lambda one: one.value("database_up") == 1)
    assert found.has("celery_workers_count")


@with_token
async def test_transactions_that_postgres_asks_to_repeat_are_counted(app, scraped):
    before = await scraped()
    attempts = []

    async def conflict(tx):
        attempts.append(1)
        if len(attempts) < 3:
            raise asyncpg.SerializationError

    await app.db.transaction(conflict)
    assert (await scraped()).value("database_retries_total") == before.value("database_retries_total") + 2


# Jobs


@with_token
async def test_a_job_is_told_while_it_waits_and_when_it_has_run(app, db, run_jobs, scraped):
    await db.execute("TRUNCATE jobs.pgqueuer, jobs.run, jobs.worker")
    await enqueue(app.db, "books.remind", {})
    await enqueue(app.db, "books.remind", {}, delay=3600)
    await db.execute("UPDATE jobs.pgqueuer SET execute_after = execute_after - interval '100 seconds'")
    found = await scraped()
    assert found.value("jobs_waiting", name="books.remind", state="due") == 1
    assert found.value("jobs_waiting", name="books.remind", state="later") == 1
    assert found.value("celery_queues_backlog", queue="reminders") == 1
    assert 100 <= found.value("jobs_oldest_due_seconds", name="books.remind") < 600
    assert found.value("celery_workers_count") == 0
    await run_jobs()
    found = await scraped()
    assert found.value("jobs_waiting", name="books.remind", state="due") == 0
    assert found.value("jobs_oldest_due_seconds", name="books.remind") == 0
    assert found.value("jobs_runs_total", name="books.remind", status="succeeded") == 1
    assert found.value("celery_tasks_total", queue="reminders", status="success") == 1
    assert found.value("celery_tasks_total", queue="reminders", status="failure") == 0
    assert found.value("celery_task_duration_seconds_count", queue="reminders", task_name="books.remind") == 1
    # The history goes; what was counted stays.
    await db.execute("TRUNCATE jobs.run, jobs.pgqueuer_log")
    for _ in range(3):
        assert (await scraped()).value("celery_tasks_total", queue="reminders", status="success") == 1


@with_token
async def test_a_job_that_fails_is_told_by_the_class_of_its_error(app, db, run_jobs, scraped):
    await db.execute("TRUNCATE jobs.pgqueuer, jobs.run, jobs.worker")
    await enqueue(app.db, "books.mail", {"secret": "zanzibar"})
    await run_jobs()
    found = await scraped()
    assert found.value("jobs_runs_total", name="books.mail", status="retried") == 1
    assert found.value("celery_tasks_total", queue="default", status="retry") == 1
    assert found.value("celery_task_errors_total", queue="default", task_name="books.mail") == 1
    assert "zanzibar" not in str(found.samples)
    await db.execute("UPDATE jobs.pgqueuer SET status = 'failed'")
    assert (await scraped()).value("jobs_held", name="books.mail") == 1


@with_token
async def test_workers_that_give_no_sign_of_life_are_not_counted(app, db, scraped):
    await db.execute("TRUNCATE jobs.worker")
    await db.execute(
        "INSERT INTO jobs.worker (id, name, kind, jobs, running, seen_at) VALUES "
        "(gen_random_uuid(), 'a:1', 'serve', '{books.mail}', 0, now()), (gen_random_uuid(), 'a:2', 'worker', '{}', 0, now() - interval '2 minutes')"
    )
    found = await scraped()
    assert found.value("celery_workers_count") == 1
    # A kind of job that a worker knows is told also while none waits.
    assert found.has("jobs_waiting", name="books.mail", state="due")


MANY = """
    INSERT INTO core.event (topic, payload, position) SELECT 't', '{}', 1000000 + n FROM generate_series(1, 20000) n;
    INSERT INTO jobs.run (job_id, name, payload, attempt, worker, status)
    SELECT n, 'books.mail', '{}', 1, 'w', 'succeeded' FROM generate_series(1, 20000) n;
    INSERT INTO jobs.pgqueuer (priority, status, entrypoint, execute_after)
    SELECT 0, 'queued', 'books.' || n % 3, now() - n * interval '1 second' FROM generate_series(1, 30000) n;
    ANALYZE core.event; ANALYZE jobs.pgqueuer; ANALYZE jobs.run;
    SET LOCAL plan_cache_mode = force_generic_plan"""


async def test_what_is_read_of_postgres_does_not_grow_with_the_tables(db):
    await db.execute("TRUNCATE jobs.pgqueuer, jobs.run, jobs.worker")
    async with db.transaction():
        await db.execute(MANY)
        await db.execute(f"PREPARE figures (double precision, bigint) AS {query.read_figures.text}")
        [plan] = json.loads(await db.fetchval("EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE figures (60, 100)"))
        await db.execute("DEALLOCATE figures")
        await db.execute("DELETE FROM core.event WHERE position > 1000000; TRUNCATE jobs.pgqueuer, jobs.run")

    def nodes(node):
        yield node
        for inner in node.get("Plans", ()):
            yield from nodes(inner)

    for node in nodes(plan["Plan"]):
        assert node["Actual Rows"] <= 300, node
        assert node.get("Relation Name") not in ("run", "event", "pgqueuer") or "Seq" not in node["Node Type"], node
        assert node.get("Rows Removed by Filter", 0) <= 100, node


# What is written of them


@with_token
async def test_the_document_has_every_metric_and_no_other(app, scraped):
    families = {
        f"{family.name}_total" if family.type == "counter" else family.name for family in (await scraped()).families
    }
    # Of these there is no value before a job fails, and a process that runs no jobs counts none.
    families |= {"celery_task_errors_total", "celery_queues_backlog", "redis_up"}
    families |= {"jobs_oldest_due_seconds", "jobs_running", "jobs_held", "jobs_waiting"}
    tables = DOCUMENT.read_text(encoding="utf-8").partition("## Metrics")[2].partition("## Traces")[0]
    named = re.findall(
        r"`([a-z_]+)`", " ".join(line.split("|")[1] for line in tables.splitlines() if line.startswith("| `"))
    )
    assert set(named) == families and len(named) == len(set(named))


@with_token
async def test_every_metric_of_the_dashboard_is_exposed(app, api, db, stream, invoice, run_jobs, scraped):
    await enqueue(app.db, "books.mail", {})
    await run_jobs()
    await api.import_invoice(invoice())
    known = (await scraped()).names
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())] + [
        variable["query"] for variable in dashboard["templating"]["list"] if variable["type"] == "query"
    ]
    assert len(expressions) > 15
    for expression in expressions:
        used = {first or second for first, second in re.findall(r"([a-z_]+)\{|label_values\(([a-z_]+),", expression)}
        assert used and used <= known, (expression, used - known)


@with_token
async def test_the_dashboard_can_be_imported(app):
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    variables = {variable["name"]: variable["type"] for variable in dashboard["templating"]["list"]}
    assert variables["datasource"] == "datasource"
    assert dashboard["id"] is None and dashboard["uid"] and dashboard["title"]
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in dashboard["panels"]:
        assert panel["type"] == "row" or panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        place = panel["gridPos"]
        assert 0 <= place["x"] and place["x"] + place["w"] <= 24

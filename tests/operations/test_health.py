"""Health: GET /health/ and GET /api/health/. docs/api/operations.md#health."""

import re
from contextlib import contextmanager

import pytest

from core.data.database import Database
from handlers.operations.health import Counts

pytestmark = pytest.mark.gen_test
AWAY = pytest.mark.parametrize("changed_settings", [{"redis_url": "redis://127.0.0.1:1"}], ids=["redis-away"])


@contextmanager
def database_away(app):
    """As if nothing listened there any more."""
    there, app.db = app.db, Database("postgresql://me:hush@127.0.0.1:1/shop", size=2, statement_cache=0)
    try:
        yield
    finally:
        app.db = there


async def test_a_healthy_server_says_so_with_the_keys_of_seed_002(api):
    answer = await api.get("/health/")
    whole = answer.json
    assert answer.status == 200
    assert list(whole) == ["status", "timestamp", "version", "services", "system", "stats"]
    assert (whole["status"], whole["version"]) == ("healthy", "1.0.0")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", whole["timestamp"])
    assert whole["services"] == {
        "database": {"status": "healthy", "message": "Database connection successful"},
        "cache": {"status": "healthy", "message": "Cache is working"},
    }
    assert whole["system"].keys() == {"django_version", "python_version", "debug_mode"}
    assert whole["stats"].keys() == {"users", "vendors", "items", "categories", "sales_backups"}
    assert all(type(n) is int for n in whole["stats"].values())
    assert answer.headers["Cache-Control"] == "no-store"


async def test_which_versions_run_here_is_nobodys_business(api):
    whole = (await api.get("/health/")).json
    assert not re.search(r"\d+\.\d+", str(whole["system"]))
    assert whole["system"]["debug_mode"] is False


async def test_anyone_may_ask_with_or_without_the_slash_and_with_any_token(api):
    for path in ("/health", "/health/", "/api/health", "/api/health/"):
        assert (await api.get(path)).status == 200
        assert (await api.get(path, token="bad")).status == 200
        assert (await api.get(path, headers={"Authorization": "Token bad"})).status == 200
        assert (await api.call("HEAD", path)).status == 200


async def test_counts_are_those_of_the_database_and_may_be_half_a_minute_old(app, api, db, sign_in):
    await sign_in("VENDOR")
    before = (await api.get("/health/")).json["stats"]
    assert (before["users"], before["vendors"]) == await db.fetchrow(
        "SELECT count(*), count(*) FILTER (WHERE role = 'VENDOR') FROM accounts.account"
    )
    await db.execute("INSERT INTO accounts.account (email, role) VALUES ('new@example.com', 'VENDOR')")
    assert (await api.get("/health/")).json["stats"] == before
    app.kept(Counts).until = 0.0
    after = (await api.get("/health/")).json["stats"]
    assert (after["users"], after["vendors"]) == (before["users"] + 1, before["vendors"] + 1)


@AWAY
async def test_a_cache_that_is_away_makes_nobody_unhealthy(app, api):
    answer = await api.get("/health/")
    assert (answer.status, answer.json["status"]) == (200, "healthy")
    assert answer.json["services"]["cache"]["status"] == "unhealthy"
    assert answer.json["services"]["cache"]["message"].startswith("Cache failed: ")
    assert "127.0.0.1" not in answer.text and "refused" not in answer.text


@pytest.mark.parametrize("changed_settings", [{"redis_url": ""}], ids=["no-redis"])
async def test_a_server_without_redis_is_healthy(app, api):
    assert (await api.get("/health/")).json["services"]["cache"] == {"status": "healthy", "message": "Cache is working"}


async def test_with_the_database_away_both_are_503_tell_nothing_of_why_and_come_back(app, api):
    assert "stats" in (await api.get("/health/")).json  # and the counts are cached now
    with database_away(app):
        answer, short = await api.get("/health/"), await api.get("/api/health/")
    assert answer.status == 503
    assert list(answer.json) == ["status", "timestamp", "version", "services", "system"]
    assert answer.json["status"] == "unhealthy"
    database = answer.json["services"]["database"]
    assert database["status"] == "unhealthy" and database["message"].startswith("Database connection failed: ")
    assert (short.status, short.json.keys()) == (503, {"status", "database", "error"})
    assert (short.json["status"], short.json["database"]) == ("unhealthy", "disconnected")
    assert int(short.headers["Retry-After"]) > 0 and int(answer.headers["Retry-After"]) > 0
    for text in (answer.text, short.text):
        assert not re.search(r"asyncpg|127|refused|hush|shop|postgres|Traceback|Errno", text, re.I)
    assert (await api.get("/health/")).status == 200
    assert (await api.get("/api/health/")).status == 200


@pytest.mark.parametrize("changed_settings", [{"allowed_hosts": ("shop.example",)}])
async def test_a_load_balancer_that_asks_by_address_is_answered(app, api):
    for path in ("/health/", "/health", "/api/health/", "/api/health"):
        for host in ("10.0.0.7:8000", "[fd00::7]", "unknown.example"):
            assert (await api.get(path, headers={"Host": host})).status == 200, (path, host)
    assert (await api.get("/api/sales/invoices/", headers={"Host": "10.0.0.7:8000"})).status == 400


async def test_the_short_health_is_as_seed_004_shows_it(api):
    answer = await api.get("/api/health/")
    assert (answer.status, answer.json["status"], answer.json["database"]) == (200, "healthy", "connected")
    assert answer.json.keys() == {"status", "database", "timestamp"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", answer.json["timestamp"])

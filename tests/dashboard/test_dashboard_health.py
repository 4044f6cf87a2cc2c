"""The health of dashboards. docs/api/dashboard.md#health."""

import pytest

from handlers.dashboard import rebuild

pytestmark = pytest.mark.gen_test
PATH = "/api/dashboard/health/"


async def test_working_dashboards_are_healthy(owner):
    await owner.post("/api/dashboard/snapshots/", {})
    answer = await owner.get(PATH)
    assert (answer.status, answer.json["status"]) == (200, "healthy")
    components = answer.json["components"]
    assert components["database"] == {"status": "healthy", "snapshot_count": 1}
    assert components["aggregation_service"] == {
        "status": "healthy",
        "period_boundaries_working": True,
        "figures_complete": True,
    }
    performance = answer.json["performance"]
    assert (
        performance["target_response_time_ms"] == 100
        and performance["response_time_ms"] == answer.json["response_time_ms"] > 0
    )
    assert answer.headers["Cache-Control"] == "no-store"


async def test_dashboards_are_unhealthy_until_older_books_are_added_up(owner, db, run_jobs):
    await db.execute("INSERT INTO dashboard.unbuilt (owner_id) VALUES ($1)", owner.id)
    answer = await owner.get(PATH)
    assert (answer.status, answer.json["status"]) == (503, "unhealthy")
    assert answer.json["components"]["aggregation_service"]["figures_complete"] is False
    await db.execute(
        "SELECT core.enqueue_job('dashboard.rebuild', jsonb_build_object('owner_id', $1::bigint))", owner.id
    )
    await run_jobs()
    assert (await owner.get(PATH)).status == 200


async def test_a_rebuild_that_waits_or_is_held_is_not_queued_again(owner, app, db):
    await db.execute("INSERT INTO dashboard.unbuilt (owner_id) VALUES ($1)", owner.id)
    try:
        for status in ("queued", "picked", "failed"):
            await rebuild.queue_rebuilds(app)
            await db.execute(
                "UPDATE jobs.pgqueuer SET status = $1::text::jobs.pgqueuer_status WHERE entrypoint = 'dashboard.rebuild'",
                status,
            )
            await rebuild.queue_rebuilds(app)
            assert (
                await db.fetchval("SELECT count(*) FROM jobs.pgqueuer WHERE entrypoint = 'dashboard.rebuild'") == 1
            ), status
    finally:
        await db.execute("TRUNCATE dashboard.unbuilt, jobs.pgqueuer")


async def test_a_redis_that_is_away_is_named_and_harms_no_figure(owner, app, monkeypatch):
    class Away:
        async def ping(self):
            raise ConnectionError

        async def eval(self, *script):
            """The limits by the hour ask it too."""
            raise ConnectionError

    monkeypatch.setattr(app, "redis", Away())
    answer = await owner.get(PATH)
    assert (answer.status, answer.json["components"]["cache"]) == (200, {"status": "unhealthy", "working": False})
    monkeypatch.setattr(app, "redis", None)
    answer = await owner.get(PATH)
    assert (answer.status, answer.json["components"]["cache"]) == (200, {"status": "not configured", "working": False})

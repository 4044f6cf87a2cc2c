"""The figures as a stream of events. docs/api/dashboard.md#stream."""

import asyncio
from dataclasses import replace

import pytest

from core.live import hub
from core.problem import unavailable
from core.run.process import Process
from handlers.api import areas
from handlers.dashboard.live import LiveFigures
from tests.support.deadlines import until
from tests.support.live import INVOICE, STREAM, metrics, process_has_seen, revenue, watch

__all__ = ["watch"]
pytestmark = pytest.mark.gen_test
either_way = pytest.mark.parametrize("changed_settings", [{}, {"redis_url": ""}], ids=["with Redis", "without Redis"])


async def test_it_begins_with_a_greeting_and_all_figures(owner, watch):
    watcher = await watch(owner.token)
    assert watcher.status == 200
    assert watcher.stream.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert watcher.stream.headers["cache-control"] == "no-cache"
    assert watcher.stream.headers["x-accel-buffering"] == "no"
    assert "access-control-allow-origin" not in watcher.stream.headers
    assert await watcher.next() == {"type": "connection", "message": "Dashboard stream started"}
    first = await watcher.next()
    assert set(first) == {"type", "sequence", "user_id", "timestamp", "performance_score", "metrics", "alerts"}
    assert (first["type"], first["sequence"], first["user_id"]) == ("dashboard_update", 1, owner.id)
    assert set(first["metrics"][0]) == {"name", "value", "change", "trend", "confidence"}


@either_way
async def test_an_invoice_that_another_program_commits_appears(changed_settings, owner, db, watch):
    watcher = await watch(owner.token)
    await watcher.next()
    assert revenue(await watcher.update()) == 0
    await db.execute(INVOICE, owner.id, 0, 30)
    found = await watcher.update(revenue)
    assert metrics(found)["Daily Revenue"] == (7, 7, "up")
    assert metrics(found)["Pending Invoices"] == (1, 1, "up")
    assert found["alerts"][0]["message"] == "Daily Revenue is trending up (+$7.00)"


@either_way
async def test_what_another_process_changes_appears(owner, db, watch, settings, changed_settings):
    watcher = await watch(owner.token)
    await watcher.next()
    other = Process(
        replace(settings, **changed_settings), areas.router(), areas.refusals(), areas.duties(), areas.listeners()
    )
    await other.open()
    try:
        await other.app.db.none(INVOICE, owner.id, 0, 30)
        other.app.events.hint()
        assert await watcher.update(revenue)
    finally:
        await other.close()


@either_way
async def test_owners_never_see_each_other(changed_settings, open_books, db, watch):
    first, second = await open_books(), await open_books()
    watchers = [await watch(one.token) for one in (first, second)]
    for one in watchers:
        await one.next()
        await one.update()
    await db.execute(INVOICE, first.id, 0, 30)
    assert (await watchers[0].update(revenue))["user_id"] == first.id
    await db.execute(INVOICE, second.id, 0, 30)
    await db.execute(INVOICE, second.id, 0, 30)
    found = await watchers[1].update()
    assert (found["user_id"], found["sequence"]) == (second.id, 2)
    while revenue(found) != 14:
        found = await watchers[1].update()
        assert found["user_id"] == second.id


@either_way
async def test_a_burst_of_changes_is_sent_together_and_its_end_is_right(changed_settings, owner, db, watch):
    watcher = await watch(owner.token, "?max_updates=1000")
    await watcher.next()
    await watcher.update()
    for _ in range(200):
        await db.execute(INVOICE, owner.id, 0, 30)
    found = await watcher.update(lambda update: revenue(update) == 1400)
    assert metrics(found)["Pending Invoices"] == (200, 200, "up")
    # The changes come by the thousand in production; here it is only certain that most were not read alone.
    assert found["sequence"] < 200


async def test_several_streams_of_an_owner_are_read_once(owner, db, watch, app, monkeypatch):
    watchers = [await watch(owner.token) for _ in range(5)]
    for one in watchers:
        await one.next()
        await one.update()
    figures, read = app.kept(LiveFigures).hub, []
    original = figures._read

    async def counted(owners):
        read.append(owners)
        return await original(owners)

    monkeypatch.setattr(figures, "_read", counted)
    await db.execute(INVOICE, owner.id, 0, 30)
    for one in watchers:
        assert await one.update(revenue)
    # The making of the client and of the invoice are two events, of one moment.
    assert read == [[owner.id]]


async def test_it_ends_after_the_wanted_updates(owner, watch):
    watcher = await watch(owner.token, "?max_updates=1")
    assert [event["type"] for event in await watcher.rest()] == ["connection", "dashboard_update", "stream_end"]


async def test_an_update_comes_at_the_latest_after_the_interval(owner, watch, app):
    watcher = await watch(owner.token, "?interval=10")
    await watcher.next()
    await watcher.update()
    [reader] = app.kept(LiveFigures).hub.readers(owner.id)
    reader.due = 0.0
    app.kept(LiveFigures).hub.reschedule(reader)
    assert (await watcher.update())["sequence"] == 2


@pytest.mark.parametrize(
    ("query", "interval", "left"),
    [
        ("", 30, 100),
        ("?interval=1&max_updates=0", 10, 1),
        ("?interval=-5&max_updates=-5", 10, 1),
        ("?interval=100000&max_updates=1000000", 300, 1000),
        (f"?interval={'9' * 5000}&max_updates={'9' * 5000}", 300, 1000),
        ("?interval=60&max_updates=7", 60, 7),
    ],
)
async def test_what_is_out_of_bounds_is_the_nearest_bound(owner, watch, app, query, interval, left):
    watcher = await watch(owner.token, query)
    await watcher.next()
    assert watcher.status == 200
    [reader] = app.kept(LiveFigures).hub.readers(owner.id) or [None]
    if reader is not None:
        assert (reader.interval, reader.left + reader.sequence) == (interval, left)


async def test_what_is_no_number_is_refused(owner):
    for name in ("interval", "max_updates"):
        for wrong in ("abc", "1.5", "NaN", "1%000", "-", "%D9%A3", "1e3"):
            answer = await owner.get(f"{STREAM}?{name}={wrong}")
            assert answer.status == 400 and set(answer.json["details"]) == {name}, answer.text


async def test_a_token_may_stand_in_the_query_and_nobody_else_gets_in(owner, api, watch):
    watcher = await watch(None, f"?token={owner.token}")
    assert (await watcher.next())["type"] == "connection"
    assert (await api.get(STREAM)).status == 401
    assert (await api.get(f"{STREAM}?token=bad")).status == 401


async def test_head_is_answered_and_opens_nothing(owner, app):
    answer = await owner.call("HEAD", STREAM)
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/event-stream")
    assert app.streams.count == 0


async def test_it_ends_when_the_token_expires(owner, watch, app):
    watcher = await watch(owner.token)
    await watcher.next()
    await watcher.update()
    figures = app.kept(LiveFigures).hub
    [reader] = figures.readers(owner.id)
    reader.until = reader.due = 0.0
    figures.reschedule(reader)
    assert [event["type"] for event in await watcher.rest()] == ["stream_end"]
    assert not figures.count(owner.id)


async def test_the_right_of_a_stream_is_that_of_its_token(owner, watch, app):
    watcher = await watch(owner.token)
    await watcher.next()
    [reader] = app.kept(LiveFigures).hub.readers(owner.id)
    left = reader.until - asyncio.get_running_loop().time()
    assert 0 < left <= app.config.access_token_hours * 3600


@pytest.mark.parametrize(
    "ending",
    [
        "UPDATE accounts.session SET revoked_at = now() WHERE account_id = $1",
        "UPDATE accounts.account SET is_active = false WHERE id = $1",
        "UPDATE accounts.account SET role = 'VENDOR' WHERE id = $1",
    ],
)
async def test_it_ends_when_the_account_may_no_longer_enter(owner, watch, db, ending):
    watcher = await watch(owner.token)
    await watcher.next()
    await watcher.update()
    await db.execute(ending, owner.id)
    assert [event["type"] for event in await watcher.rest()] == ["stream_end"]


async def test_a_change_of_the_account_that_keeps_its_right_ends_nothing(owner, watch, db):
    watcher = await watch(owner.token)
    await watcher.next()
    await watcher.update()
    await db.execute("UPDATE accounts.account SET role = 'EMPLOYEE', name = 'Another' WHERE id = $1", owner.id)
    await db.execute(
        "UPDATE accounts.session SET expires_at = expires_at + interval '1 hour' WHERE account_id = $1", owner.id
    )
    await db.execute(INVOICE, owner.id, 0, 30)
    assert await watcher.update(revenue)


async def test_a_server_that_stops_says_so(owner, watch, process):
    watcher = await watch(owner.token)
    await watcher.next()
    await watcher.update()
    process.close_streams()
    assert [event["type"] for event in await watcher.rest()] == ["stream_end"]
    refused = await owner.get(STREAM)
    assert refused.status == 503


async def test_an_account_has_a_limited_number_of_streams(owner, open_books, watch, app):
    object.__setattr__(app.config, "dashboard_connections", 2)
    kept = [await watch(owner.token) for _ in range(2)]
    refused = await owner.get(STREAM)
    assert refused.status == 429 and "Retry-After" in refused.headers
    assert (await watch((await open_books()).token)).status == 200
    kept[0].stream.close()
    await until(lambda: app.kept(LiveFigures).hub.count(owner.id) == 1)
    assert (await watch(owner.token)).status == 200


async def test_it_says_once_that_figures_cannot_be_read_and_goes_on(owner, watch, db, app, monkeypatch):
    watcher = await watch(owner.token)
    await watcher.next()
    await watcher.update()
    figures, failed = app.kept(LiveFigures).hub, []
    original = figures._read
    monkeypatch.setattr(hub, "RETRY_SECONDS", 0.01)

    async def failing(owners):
        failed.append(owners)
        if len(failed) < 3:
            raise unavailable("away") if len(failed) == 1 else ValueError("a bug")
        return await original(owners)

    monkeypatch.setattr(figures, "_read", failing)
    await db.execute(INVOICE, owner.id, 0, 30)
    error = await watcher.next()
    assert set(error) == {"type", "message", "timestamp"} and error["type"] == "error"
    assert await watcher.update(revenue)


async def test_a_silent_stream_gets_comments(owner, watch):
    watcher = await watch(owner.token)
    await watcher.next()
    await watcher.update()
    assert await watcher.stream.block() == ": keep-alive"


async def test_a_reader_who_leaves_is_forgotten(owner, watch, app):
    watcher = await watch(owner.token)
    await watcher.next()
    watcher.stream.close()
    await until(lambda: app.kept(LiveFigures).hub.count(owner.id) == 0)


async def test_a_change_that_is_rolled_back_is_not_announced(owner, db, watch):
    watcher = await watch(owner.token)
    await watcher.next()
    await watcher.update()
    transaction = db.transaction()
    await transaction.start()
    await db.execute(INVOICE, owner.id, 0, 30)
    await transaction.rollback()
    await db.execute(INVOICE, owner.id, 0, 30)
    await db.execute(INVOICE, owner.id, 0, 30)
    assert await watcher.update(lambda update: revenue(update) == 14)


async def test_a_recalculation_sends_the_figures_to_all_who_watch(owner, watch):
    watcher = await watch(owner.token)
    await watcher.next()
    await watcher.update()
    answer = await owner.post("/api/dashboard/realtime/recalculate/")
    assert answer.status == 200 and answer.json["metrics_count"] == 6 and answer.json["success"] is True
    assert (await watcher.update())["sequence"] == 2


async def test_thousands_of_changes_of_others_wake_nobody(owner, open_books, db, watch, app, monkeypatch):
    watcher = await watch(owner.token)
    await watcher.next()
    await watcher.update()
    figures, read = app.kept(LiveFigures).hub, []
    monkeypatch.setattr(figures, "_read", lambda owners: read.append(owners))
    other = await open_books()
    await db.execute(INVOICE, other.id, 0, 30)
    await process_has_seen(app, db)
    assert not read and not figures._planned

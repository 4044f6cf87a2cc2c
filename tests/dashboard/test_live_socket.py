"""The figures through a WebSocket. docs/api/dashboard.md#websockets."""

import asyncio
import time

import pytest
from tornado.httpclient import HTTPClientError

from core.http import socket_handler
from core.run.readings import of_application
from handlers.dashboard.live import LiveFigures
from tests.support.deadlines import until
from tests.support.live import INVOICE, connect, metrics, revenue

__all__ = ["connect"]
pytestmark = pytest.mark.gen_test
ORIGIN = "https://shop.example"


@pytest.fixture
def changed_settings():
    return {"cors_allowed_origins": (ORIGIN,)}


def path(owner, kind=""):
    return f"/ws/dashboard/{kind}{owner.id}/"


@pytest.fixture
def opened(connect):
    """`await opened(owner)`: a socket of figures, past its greeting and first update."""

    async def opened(owner, **headers):
        socket = await connect(path(owner), owner.token, **headers)
        assert (await socket.next())["type"] == "connection.established"
        assert (await socket.next())["type"] == "dashboard.update"
        return socket

    return opened


async def test_it_greets_and_sends_all_figures(owner, connect):
    socket = await connect(path(owner), owner.token)
    greeting = await socket.next()
    assert set(greeting) == {"type", "message", "user_id", "timestamp"}
    assert (greeting["type"], greeting["user_id"]) == ("connection.established", owner.id)
    update = await socket.next()
    assert set(update) == {"type", "data", "metadata"} and update["type"] == "dashboard.update"
    assert set(update["data"]) == {"user_id", "timestamp", "performance_score", "metrics", "alerts"}
    assert update["metadata"]["update_interval"] == 30
    assert 0 < update["metadata"]["next_update"] - time.time() * 1000 <= 31_000


async def test_open_sockets_are_told_to_the_metrics(owner, opened, app):
    def told():
        return next(one.value for one in of_application(app) if one.metric.name == "sockets_open")

    assert told() == 0
    socket = await opened(owner)
    assert told() == 1
    socket.connection.close()
    await until(lambda: told() == 0)


async def test_what_is_committed_elsewhere_appears(owner, opened, db):
    socket = await opened(owner)
    await db.execute(INVOICE, owner.id, 0, 30)
    update = await socket.of_type("dashboard.update", lambda message: revenue(message["data"]) == 7)
    assert metrics(update["data"])["Active Clients"] == (1, 1, "up")


async def test_owners_never_see_each_other(open_books, opened, db):
    first, second = await open_books(), await open_books()
    sockets = [await opened(one) for one in (first, second)]
    await db.execute(INVOICE, first.id, 0, 30)
    await sockets[0].of_type("dashboard.update", lambda message: revenue(message["data"]) == 7)
    await sockets[1].send({"type": "request_update"})
    update = await sockets[1].next()
    assert (update["data"]["user_id"], revenue(update["data"])) == (second.id, 0)


async def test_the_messages_are_answered_as_documented(owner, opened):
    socket = await opened(owner)
    assert set(await socket.asked({"type": "ping"})) == {"type", "timestamp"}
    updated = await socket.asked({"type": "configure", "config": {"update_interval": 60, "unknown": 1}})
    assert updated["type"] == "configuration.updated" and updated["config"] == {"update_interval": 60}
    await socket.send({"type": "request_update"})
    assert (await socket.of_type("dashboard.update"))["metadata"]["update_interval"] == 60


async def test_an_interval_that_is_shortened_counts_at_once(owner, opened, app):
    socket = await opened(owner)
    await socket.asked({"type": "configure", "config": {"update_interval": 300}})
    await socket.asked({"type": "configure", "config": {"update_interval": 10}})
    [reader] = app.kept(LiveFigures).hub.readers(owner.id)
    assert reader.due <= time.monotonic() + 10
    reader.due = 0.0
    app.kept(LiveFigures).hub.reschedule(reader)
    assert await socket.of_type("dashboard.update")


WRONG = [
    "{",
    "",
    "null",
    "[]",
    '"ping"',
    "NaN",
    "[" * 5000,
    {},
    {"type": None},
    {"type": ["ping"]},
    {"type": {}},
    {"type": "unknown"},
    {"type": "PING"},
    '{"type": "ping", "type": "pong"}',
    '{"type": "ping", "more": NaN}',
    '{"type": "ping", "more": "\\u0000"}',
    '{"type": "ping", "more": "\\ud800"}',
    {"type": "configure"},
    {"type": "configure", "config": None},
    {"type": "configure", "config": {}},
    {"type": "configure", "config": []},
    *({"type": "configure", "config": {"update_interval": wrong}} for wrong in (9, 301, "30", True, None, 10.5, {})),
    {"type": "configure", "config": {"update_interval": 10**40}},
]


async def test_what_is_no_message_gets_an_error_and_ends_nothing(owner, opened, monkeypatch):
    monkeypatch.setattr(socket_handler, "PER_SECOND", 1e9)
    socket = await opened(owner)
    for wrong in WRONG:
        answer = await socket.asked(wrong)
        assert set(answer) == {"type", "message"} and answer["type"] == "error" and answer["message"], wrong
    assert (await socket.asked({"type": "ping"}))["type"] == "pong"


async def test_a_message_of_bytes_ends_it(owner, opened):
    socket = await opened(owner)
    await socket.send(b'{"type": "ping"}', binary=True)
    assert (await socket.closed())[0] == 1003


async def test_a_message_that_is_too_long_ends_it(owner, opened, app):
    socket = await opened(owner)
    assert (await socket.asked('{"type": "ping", "more": "' + "x" * 16_000 + '"}'))["type"] == "pong"
    await socket.send('{"type": "ping", "more": "' + "x" * 17_000 + '"}')
    assert (await socket.closed())[0] in (1009, None)
    await until(lambda: not app.sockets.count and not app.kept(LiveFigures).hub.count(owner.id))


async def test_too_many_messages_end_it(owner, opened, monkeypatch):
    socket = await opened(owner)
    monkeypatch.setattr(socket_handler, "PER_SECOND", 0.0)
    for _ in range(socket_handler.BURST + 1):
        await socket.send({"type": "ping"})
    assert (await socket.closed())[0] == 1008


async def test_without_a_token_or_with_a_bad_one_it_is_closed_with_4001(owner, connect, app):
    for query, headers in (("", {}), ("?token=bad", {}), ("", {"Authorization": "Bearer bad"})):
        for kind in ("", "notifications/"):
            socket = await connect(path(owner, kind) + query, **headers)
            assert await socket.next() is None
            assert (await socket.closed())[0] == 4001
    assert not app.sockets.count


async def test_a_token_may_stand_in_the_query(owner, connect):
    socket = await connect(f"{path(owner)}?token={owner.token}")
    assert (await socket.next())["user_id"] == owner.id


async def test_another_account_or_one_without_books_is_closed_with_4003(open_books, connect, sign_in, app):
    owner, admin = await open_books(), await open_books("SUPERADMIN")
    vendor = (await sign_in("VENDOR"))["access"]
    for kind in ("", "notifications/"):
        for token in (admin.token, (await open_books()).token, vendor):
            socket = await connect(path(owner, kind), token)
            assert (await socket.closed())[0] == 4003
        socket = await connect(f"/ws/dashboard/{kind}999999999/", owner.token)
        assert (await socket.closed())[0] == 4003
    assert not app.sockets.count


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": ORIGIN}, 101),
        ({"Origin": f"{ORIGIN}.evil.example"}, 403),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"}, 101),
        ({}, 101),
    ],
)
async def test_only_pages_of_this_host_and_of_allowed_origins_may_connect(owner, connect, headers, status):
    try:
        socket = await connect(path(owner), owner.token, **headers)
    except HTTPClientError as error:
        assert error.code == status and b"origin" in error.response.body
    else:
        assert status == 101 and (await socket.next())["type"] == "connection.established"


async def test_a_page_of_this_host_may_connect(owner, connect, base_url):
    socket = await connect(path(owner), owner.token, Origin=base_url)
    assert (await socket.next())["type"] == "connection.established"


async def test_without_a_handshake_it_answers_as_every_path(owner, api):
    for kind in ("", "notifications/"):
        found = await owner.get(path(owner, kind))
        assert found.status == 426 and found.headers["Upgrade"] == "websocket" and found.json["error"]
        assert (await api.get(path(owner, kind))).status == 401
        assert (await owner.post(path(owner, kind))).status == 405
        assert (await owner.call("HEAD", path(owner, kind))).status == 426
    assert (await owner.get("/ws/dashboard/me/")).status == 404
    assert (await owner.get("/ws/unknown/")).json["error"]


async def test_a_handshake_that_is_malformed_is_refused(owner):
    wrong = {"Upgrade": "websocket", "Connection": "Upgrade"}
    assert (await owner.get(path(owner), headers=wrong)).status == 400
    keyed = {**wrong, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    refused = await owner.get(path(owner), headers={**keyed, "Sec-WebSocket-Version": "8"})
    assert refused.status == 426 and refused.headers["Sec-WebSocket-Version"] == "13"


@pytest.mark.parametrize(
    "ending",
    [
        "UPDATE accounts.session SET revoked_at = now() WHERE account_id = $1",
        "UPDATE accounts.account SET is_active = false WHERE id = $1",
        "UPDATE accounts.account SET role = 'VENDOR' WHERE id = $1",
    ],
)
async def test_it_ends_when_the_account_may_no_longer_enter(owner, connect, opened, db, ending):
    figures, notifications = await opened(owner), await connect(path(owner, "notifications/"), owner.token)
    await notifications.next()
    await db.execute(ending, owner.id)
    assert (await figures.closed())[0] == (await notifications.closed())[0] == 4001


async def test_it_ends_when_the_token_expires(owner, connect, opened, app):
    sockets = [await opened(owner), await connect(path(owner, "notifications/"), owner.token)]
    await sockets[1].next()
    figures = app.kept(LiveFigures).hub
    for reader in figures.readers(owner.id):
        reader.until = reader.due = 0.0
        figures.reschedule(reader)
    for socket in sockets:
        assert await socket.closed() == (4001, "The token has expired.")


async def test_a_server_that_stops_closes_with_1001_and_opens_none(owner, opened, connect, process):
    socket = await opened(owner)
    process.close_streams()
    assert (await socket.closed())[0] == 1001
    assert (await (await connect(path(owner), owner.token)).closed())[0] == 1001


async def test_an_account_has_a_limited_number_of_sockets(owner, opened, connect, app):
    object.__setattr__(app.config, "dashboard_connections", 2)
    for _ in range(2):
        kept = await opened(owner)
    assert (await (await connect(path(owner), owner.token)).closed())[0] == 1013
    kept.connection.close()
    await until(lambda: app.kept(LiveFigures).hub.count(owner.id) == 1)
    await opened(owner)


async def test_a_client_that_does_not_read_is_let_go(owner, opened, app, monkeypatch):
    socket = await opened(owner)
    [reader] = app.kept(LiveFigures).hub.readers(owner.id)
    reader.ws_connection.stream.max_write_buffer_size = 1
    reader.ws_connection.stream._write_buffer.append(b"xx")
    reader.say({"type": "pong"})
    assert not app.kept(LiveFigures).hub.count(owner.id) and not app.sockets.count
    assert await socket.next() is None


async def test_requests_that_come_during_a_reading_are_answered_by_one_more(owner, opened, app, monkeypatch):
    socket = await opened(owner)
    await socket.asked({"type": "configure", "config": {"update_interval": 300}})
    figures, read, goes_on = app.kept(LiveFigures).hub, [], asyncio.Event()
    original = figures._read

    async def held(owners):
        read.append(owners)
        await goes_on.wait()
        return await original(owners)

    monkeypatch.setattr(figures, "_read", held)
    await socket.send({"type": "request_update"})
    await until(lambda: len(read) == 1)
    for _ in range(20):
        await socket.send({"type": "request_update"})
    # Messages are taken in their order, so all requests were noted when this one is answered.
    await socket.asked({"type": "ping"})
    goes_on.set()
    for _ in range(2):
        await socket.of_type("dashboard.update")
    assert len(read) == 2 and not figures._planned


async def test_what_goes_wrong_in_a_receiver_ends_only_this_socket(owner, opened, app, monkeypatch, caplog):
    first, second = await opened(owner), await opened(owner)
    hub = app.kept(LiveFigures).hub
    ask = hub.ask
    monkeypatch.setattr(hub, "ask", lambda reader: 1 / 0)
    await first.send({"type": "request_update"})
    await first.closed()
    monkeypatch.setattr(hub, "ask", ask)
    assert (await second.asked({"type": "ping"}))["type"] == "pong"
    await until(lambda: hub.count(owner.id) == 1)
    assert "ZeroDivisionError" in caplog.text

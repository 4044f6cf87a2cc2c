"""Who calls is remembered, and never longer than it is true: on one process and on two."""

import asyncio
import itertools
import time
from dataclasses import replace

import pytest
import tornado.testing

from core.live.events import EventLog
from core.run.process import Process
from core.run.process import http_server as make_http_server
from handlers.api import areas
from handlers.api.caller import KNOWN_SECONDS, MOST_REMEMBERED, Callers, query
from tests.support.deadlines import until
from tests.support.http import PASSWORD, Api, open_session

pytestmark = pytest.mark.gen_test
_numbers = itertools.count(1)
ME = "/api/auth/users/me/"


@pytest.fixture
def other(io_loop, settings, changed_settings):
    """A client of a second process on the same database."""
    process = Process(
        replace(settings, **changed_settings), areas.router(), areas.refusals(), areas.duties(), areas.listeners()
    )
    io_loop.run_sync(process.open)
    server = make_http_server(process.app)
    sock, port = tornado.testing.bind_unused_port()
    server.add_socket(sock)
    session = io_loop.run_sync(open_session)
    yield Api(session, f"http://127.0.0.1:{port}")
    io_loop.run_sync(session.close)
    server.stop()
    io_loop.run_sync(server.close_all_connections)
    io_loop.run_sync(process.close)


@pytest.fixture
def lookups(app, monkeypatch):
    """How often a caller was read from the database."""
    seen, row = [], app.db.row

    async def counting(sql, *args):
        if sql == query.get_caller.text:
            seen.append(args)
        return await row(sql, *args)

    monkeypatch.setattr(app.db, "row", counting)
    return seen


async def until_refused(api, token):
    answer = await until(lambda: api.get(ME, token=token), lambda answer: answer.status != 200, every=0)
    assert answer.status == 401, answer.text


async def warm(api, token):
    """Until the caller is remembered and the log is being watched."""
    end = time.monotonic() + 0.2
    while time.monotonic() < end:
        assert (await api.get(ME, token=token)).status == 200


async def test_a_caller_who_was_just_seen_is_not_read_again(api, sign_in, lookups):
    token = (await sign_in("PICKER"))["access"]
    await warm(api, token)

    async def read_for_ten_requests():
        before = len(lookups)
        for _ in range(10):
            assert (await api.get(ME, token=token)).status == 200
        return len(lookups) - before

    # On a busy machine the log is sometimes read late, and then the caller is read again.
    await until(read_for_ten_requests, lambda count: count == 0)


async def test_a_caller_is_read_again_while_the_event_log_is_not_known(api, sign_in, lookups, monkeypatch):
    token = (await sign_in("PICKER"))["access"]
    await warm(api, token)
    monkeypatch.setattr(EventLog, "is_known", lambda self, seconds, since: False)
    before = len(lookups)
    for _ in range(3):
        assert (await api.get(ME, token=token)).status == 200
    assert len(lookups) - before == 3


async def test_a_session_that_has_expired_is_not_remembered(api, app, sign_in, db):
    token = (await sign_in("PICKER"))["access"]
    expires = await db.fetchval(
        "UPDATE accounts.session SET expires_at = now() + interval '1 second' RETURNING expires_at"
    )
    await until_refused(api, token)
    assert await db.fetchval("SELECT clock_timestamp() >= $1", expires)


@pytest.mark.parametrize("changed_settings", [{}, {"redis_url": ""}], ids=["with Redis", "without Redis"])
class TestTwoProcesses:
    async def test_signing_out_on_one_is_felt_on_the_other(self, api, other, sign_in):
        token = (await sign_in("PICKER"))["access"]
        await warm(other, token)
        assert (await api.post("/api/auth/logout/", token=token)).status == 200
        await until_refused(other, token)

    async def test_a_deactivated_account_is_out_on_both(self, api, other, sign_in):
        admin, picker = await sign_in("ADMIN"), await sign_in("PICKER", f"gone{next(_numbers)}@example.com")
        await warm(other, picker["access"])
        path = f"/api/auth/users/{picker['data']['user']['id']}/"
        assert (await api.post(f"{path}deactivate/", token=admin["access"])).status == 200
        assert (await api.get(ME, token=picker["access"])).json["code"] == "user_inactive"
        await until_refused(other, picker["access"])
        assert (await other.get(ME, token=picker["access"])).json["code"] == "user_inactive"

    async def test_a_lower_role_counts_at_once_on_both(self, api, other, sign_in):
        root, admin = await sign_in("SUPERADMIN"), await sign_in("ADMIN", f"demoted{next(_numbers)}@example.com")
        await warm(other, admin["access"])
        path = f"/api/auth/users/{admin['data']['user']['id']}/"
        changed = await api.call("PATCH", path, {"role": "PICKER", "is_staff": False}, token=root["access"])
        assert changed.status == 200, changed.text
        await until(lambda: other.get("/api/auth/users/", token=admin["access"]), lambda answer: answer.status == 403)
        assert (await api.get("/api/auth/users/", token=admin["access"])).status == 403

    async def test_what_another_program_writes_is_felt_too(self, api, other, sign_in, db):
        token = (await sign_in("PICKER"))["access"]
        await asyncio.gather(warm(api, token), warm(other, token))
        await db.execute("UPDATE accounts.session SET revoked_at = now()")
        await asyncio.gather(until_refused(api, token), until_refused(other, token))
        token = (await sign_in("PICKER"))["access"]
        await asyncio.gather(warm(api, token), warm(other, token))
        await db.execute("DELETE FROM accounts.account WHERE email = 'picker@example.com'")
        await asyncio.gather(until_refused(api, token), until_refused(other, token))

    async def test_many_revocations_while_the_callers_go_on_leave_no_token_good(self, api, other, sign_in):
        tokens = [(await sign_in("PICKER"))["access"] for _ in range(8)]
        over = asyncio.Event()

        async def go_on(client, token):
            while not over.is_set():
                await client.get(ME, token=token)
                await asyncio.sleep(0.02)

        readers = [asyncio.create_task(go_on(client, token)) for client in (api, other) for token in tokens]
        for token in tokens:
            assert (await api.post("/api/auth/logout/", token=token)).status == 200
        for client in (api, other):
            for token in tokens:
                await until_refused(client, token)
        over.set()
        await asyncio.gather(*readers)


async def test_a_change_heard_while_a_caller_is_being_read_is_not_lost(app, api, sign_in, monkeypatch):
    token = (await sign_in("PICKER"))["access"]
    session_id = app.tokens.read("access", token)["sid"]
    remembered = Callers(app)
    row = app.db.row

    async def late(sql, *args):
        found = await row(sql, *args)
        # The row was read before the change, and arrives after its event.
        remembered.apply(b'{"session_id":%d}' % session_id)
        return found

    monkeypatch.setattr(app.db, "row", late)
    assert await remembered.find(session_id) is not None
    assert not remembered._by_session


async def test_when_the_log_went_back_nothing_is_remembered(app, api, sign_in, lookups):
    token = (await sign_in("PICKER"))["access"]
    await warm(api, token)
    for hear in areas.listeners()["accounts.changed"]:
        hear(app, None)
    before = len(lookups)
    assert (await api.get(ME, token=token)).status == 200
    assert len(lookups) - before == 1


def test_no_more_callers_are_remembered_than_fit():
    assert MOST_REMEMBERED <= 100_000  # each is about 1 KB


async def test_signing_in_again_does_not_disturb_who_is_remembered(api, sign_in, lookups, monkeypatch):
    token = (await sign_in("PICKER"))["access"]
    monkeypatch.setattr(EventLog, "is_known", lambda self, seconds, since: True)
    await warm(api, token)
    before = len(lookups)
    assert (await api.post("/api/auth/login/", {"email": "picker@example.com", "password": PASSWORD})).status == 200
    assert (await api.get(ME, token=token)).status == 200
    assert len(lookups) == before


def test_without_news_a_caller_is_believed_for_less_than_a_tenth_of_a_second():
    assert KNOWN_SECONDS < 0.1

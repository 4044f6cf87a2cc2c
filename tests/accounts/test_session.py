"""One's sessions (docs/api/accounts.md#sessions): lists, what a revocation ends, and what is removed in time."""

import asyncio
import json
import re
from datetime import datetime

import pytest

from handlers.accounts import session

pytestmark = pytest.mark.gen_test

SESSIONS, LOGIN, ME = "/api/sessions/", "/api/auth/login/", "/api/users/me/"
CLOSED = {"status": "Sesión cerrada correctamente"}
SHAPE = ["id", "user_agent", "ip_address", "created_at", "expires_at", "is_revoked"]
NOT_FOUND = {"detail": "Not found."}


@pytest.fixture(autouse=True)
def clean(io_loop, db, process):
    """No accounts and sessions left of the test before, not even the last SUPERADMIN, whom a trigger keeps."""

    async def clean():
        await db.execute("ALTER TABLE accounts.account DISABLE TRIGGER account_last_superadmin_kept")
        await db.execute("DELETE FROM accounts.account")
        await db.execute("ALTER TABLE accounts.account ENABLE TRIGGER account_last_superadmin_kept")

    io_loop.run_sync(clean)


@pytest.fixture
def signed(sign_in, api, io_loop, clean):
    """`await signed()`: sign-ins of one employee, each with a session of its own; `await signed("OWNER")` of another."""

    async def signed(role="EMPLOYEE"):
        tokens = await sign_in(role)
        newest = (await api.get(SESSIONS, token=tokens["access"])).json[0]
        return tokens["access"], tokens["refresh"], newest["id"]

    return signed


async def revoke(api, id, token):
    return await api.post(f"{SESSIONS}{id}/revoke/", token=token)


async def test_ones_sessions_are_a_bare_array_newest_first_as_the_document_shows_them(api, signed, sign_in):
    await sign_in("OWNER")
    (_, _, first), (token, _, second) = await signed(), await signed()
    answer = await api.get(SESSIONS + "?page=9", token=token)
    assert answer.status == 200 and [list(one) for one in answer.json] == [SHAPE, SHAPE]
    assert [one["id"] for one in answer.json] == [second, first] and first < second
    for one in answer.json:
        assert re.fullmatch(r"[0-9-]{10}T[0-9:]{8}\.[0-9]{6}Z", one["created_at"])
        life = datetime.fromisoformat(one["expires_at"]) - datetime.fromisoformat(one["created_at"])
        assert (life.days, one["ip_address"], one["is_revoked"]) == (7, "127.0.0.1", False)
        assert (await api.get(f"{SESSIONS}{one['id']}/", token=token)).json == one


async def test_the_user_agent_tells_the_devices_apart(api, sign_in):
    token = (await sign_in("EMPLOYEE"))["access"]
    for agent in ("Kasse Süd ✓", "Chatbot", 'Tablet "7" \\ x', "ü" * 300):
        body = {"email": "employee@example.com", "password": "password123"}
        assert (await api.post(LOGIN, body, headers={"User-Agent": agent})).status == 200
    shown = [one["user_agent"] for one in (await api.get(SESSIONS, token=token)).json][:4]
    assert shown == ["ü" * 255, 'Tablet "7" \\ x', "Chatbot", "Kasse Süd ✓"]


async def test_every_role_sees_its_own_and_none_another_ones(api, signed):
    found = [await signed(role) for role in ("EMPLOYEE", "OWNER", "SUPERADMIN", "MEMBER", "VENDOR", "SALESREP")]
    for token, _, own in found:
        assert [one["id"] for one in (await api.get(SESSIONS, token=token)).json] == [own]
        for _, _, id in found:
            status = 200 if id == own else 404
            assert (await api.get(f"{SESSIONS}{id}/", token=token)).status == status
            if id != own:
                answer = await revoke(api, id, token)
                assert (answer.status, answer.json) == (404, NOT_FOUND)
    assert all([(await api.get(ME, token=token)).status == 200 for token, _, _ in found])


async def test_revoking_ends_both_tokens_at_once_and_no_other_session(api, signed):
    (old, old_refresh, old_id), (token, refresh, _) = await signed(), await signed()
    answer = await revoke(api, old_id, token)
    assert (answer.status, answer.json) == (200, CLOSED)
    refused = await api.get(ME, token=old)
    assert (refused.status, refused.json["code"]) == (401, "token_not_valid")
    for path in ("/api/auth/refresh/", "/api/auth/token/refresh/"):
        refused = await api.post(path, {"refresh": old_refresh})
        assert (refused.status, refused.json["code"]) == (401, "token_not_valid")
        assert (await api.post(path, {"refresh": refresh})).status == 200
    assert (await api.get(ME, token=token)).status == 200


async def test_a_revoked_or_expired_session_is_listed_no_more_and_still_found_by_id(api, signed, db):
    (_, _, revoked), (_, _, expired), (token, _, own) = await signed(), await signed(), await signed()
    assert (await revoke(api, revoked, token)).status == 200
    await db.execute("UPDATE accounts.session SET expires_at = now() - interval '1 s' WHERE id = $1", expired)
    assert [one["id"] for one in (await api.get(SESSIONS, token=token)).json] == [own]
    for id, is_revoked in ((revoked, True), (expired, False)):
        answer = await api.get(f"{SESSIONS}{id}/", token=token)
        assert (answer.status, list(answer.json), answer.json["is_revoked"]) == (200, SHAPE, is_revoked)
        assert (await revoke(api, id, token)).json == CLOSED


async def test_one_may_revoke_the_very_session_one_speaks_with(api, signed):
    token, _, own = await signed()
    assert (await revoke(api, own, token)).json == CLOSED
    for path in (SESSIONS, f"{SESSIONS}{own}/"):
        assert (await api.get(path, token=token)).status == 401
    assert (await revoke(api, own, token)).status == 401


async def test_revoking_again_changes_nothing_and_is_noted_once(api, signed, db):
    (_, _, old), (token, _, _) = await signed(), await signed()
    answers = [await revoke(api, old, token)]
    at = await db.fetchval("SELECT revoked_at FROM accounts.session WHERE id = $1", old)
    answers += [await revoke(api, old, token) for _ in range(2)]
    assert [(answer.status, answer.json) for answer in answers] == [(200, CLOSED)] * 3
    assert await db.fetchval("SELECT revoked_at FROM accounts.session WHERE id = $1", old) == at
    entries = await db.fetch(
        "SELECT email, before::text, after::text FROM operations.audit"
        " WHERE action = 'session.revoke' AND object_type = 'session' AND object_id = $1",
        str(old),
    )
    ((email, before, after),) = entries
    assert (email, json.loads(before)) == ("employee@example.com", {"revoked_at": None})
    assert list(json.loads(after)) == ["revoked_at"]


async def test_of_sixteen_revocations_at_once_all_succeed_and_one_is_noted(api, signed, db):
    (_, _, old), (token, _, _) = await signed(), await signed()
    answers = await asyncio.gather(*(revoke(api, old, token) for _ in range(16)))
    assert [(answer.status, answer.json) for answer in answers] == [(200, CLOSED)] * 16
    noted = "SELECT count(*) FROM operations.audit WHERE action = 'session.revoke' AND object_id = $1"
    assert await db.fetchval(noted, str(old)) == 1


async def test_two_devices_that_revoke_each_other_at_once_leave_no_500(api, signed):
    (one, _, one_id), (other, _, other_id) = await signed(), await signed()
    answers = await asyncio.gather(revoke(api, other_id, one), revoke(api, one_id, other))
    assert {answer.status for answer in answers} <= {200, 401} and 200 in {answer.status for answer in answers}


async def test_an_id_that_is_invalid_is_not_found(api, signed):
    token, _, _ = await signed()
    for id in (0, 999_999_999, 10**18 - 1, 10**30, "abc", "1.0", "-1", "%00", "%F0"):
        for answer in (await api.get(f"{SESSIONS}{id}/", token=token), await revoke(api, id, token)):
            assert (answer.status, answer.json["detail"]) == (404, "Not found."), id


async def test_the_body_of_a_revocation_does_not_matter(api, signed):
    for body in (b"", b"{bad", b"[]", b"x" * 1_000_000):
        (_, _, old), (token, _, _) = await signed(), await signed()
        assert (await api.call("POST", f"{SESSIONS}{old}/revoke/", body, token=token)).json == CLOSED


async def test_other_methods_are_405_and_without_a_token_it_is_401(api, signed):
    token, _, own = await signed()
    paths = {SESSIONS: ["GET"], f"{SESSIONS}{own}/": ["GET"], f"{SESSIONS}{own}/revoke/": ["POST"]}
    for path, methods in paths.items():
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            assert (await api.call(method, path, {})).status == 401
            if method not in methods:
                answer = await api.call(method, path, {}, token=token)
                assert (answer.status, answer.json) == (405, {"detail": f'Method "{method}" not allowed.'})
    assert (await api.get(ME, token=token)).status == 200


async def test_sessions_that_ended_long_ago_are_removed_a_bounded_number_at_a_time(app, api, signed, db, monkeypatch):
    token, _, own = await signed()
    await db.execute(
        "INSERT INTO accounts.session (account_id, expires_at)"
        " SELECT account_id, now() - interval '1 day' * n FROM accounts.session, generate_series(28, 35) AS n WHERE id = $1",
        own,
    )
    ages = (
        "SELECT array_agg(round(extract(epoch FROM now() - expires_at) / 86400)::int ORDER BY id)"
        " FROM accounts.session WHERE id <> $1"
    )
    monkeypatch.setattr(session, "REMOVED_AT_ONCE", 4)
    await session.remove_expired(app)
    assert await db.fetchval(ages, own) == [28, 29, 30, 31]  # the longest expired went first
    await asyncio.gather(session.remove_expired(app), session.remove_expired(app))
    assert await db.fetchval(ages, own) == [28, 29]  # 30 days and a moment are over
    assert (await api.get(ME, token=token)).status == 200

"""Tokens of the books API (docs/api/accounts.md#tokens): obtain, verify, blacklist; signing out, and what that ends."""

import asyncio
import time

import jwt
import pytest

from handlers.accounts import commands
from handlers.api.sign_in import FAILURES
from tests.accounts.test_sign_in import claims_of, forged, within

pytestmark = pytest.mark.gen_test

OBTAIN, VERIFY, BLACKLIST, LOGOUT = (
    "/api/auth/token/",
    "/api/auth/token/verify/",
    "/api/auth/token/blacklist/",
    "/api/auth/logout/",
)
LOGIN, REFRESH, ME = "/api/auth/login/", "/api/auth/token/refresh/", "/api/auth/me/"
PASSWORD = "password123"
REQUIRED = ["This field is required."]
SIGNED_OUT = {"message": "Successfully logged out", "success": True, "status_code": 200}


@pytest.fixture(autouse=True)
def ann(io_loop, db, process, settings):
    """The id of ann@example.com, a MEMBER; nobody else, no failures and no sessions left of the test before."""

    async def make():
        await db.execute("DELETE FROM accounts.account")
        if process.app.redis is not None:
            keys = await process.app.redis.keys(process.config.redis_prefix + "sign-in:*")
            if keys:
                await process.app.redis.delete(*keys)
        await commands.create(settings, "ann@example.com", "Ann", "MEMBER", PASSWORD, staff=False, username="ann")
        return await db.fetchval("UPDATE accounts.account SET company_name = 'Ann & Co' RETURNING id")

    return io_loop.run_sync(make)


@pytest.fixture
def bob(settings):
    """`await bob()`: there is a second account now."""

    async def bob():
        await commands.create(settings, "bob@example.com", "Bob", "MEMBER", PASSWORD, staff=False, username="bob")

    return bob


async def obtain(api, username="ann", password=PASSWORD, **more):
    return await api.post(OBTAIN, {"username": username, "password": password}, **more)


async def tokens_of(api, username="ann"):
    return (await obtain(api, username)).json


async def noted(db):
    return [
        row["action"]
        for row in await db.fetch("SELECT action FROM operations.audit WHERE action <> 'account.create' ORDER BY id")
    ]


# Obtain


@pytest.mark.parametrize("sent", [
    {"username": "ann"}, {"username": "ANN"}, {"username": "ann@example.com"}, {"username": "Ann@Example.COM"}, {"email": "ANN@example.com"},
    {"email": "ann"}, {"username": " ann "},
])  # fmt: skip
async def test_tokens_are_given_for_a_username_or_an_email_in_any_case(api, ann, sent):
    answer = await api.post(OBTAIN, {**sent, "password": PASSWORD})
    assert answer.status == 200 and answer.json.keys() == {"access", "refresh", "user"}
    assert answer.json["user"] == {"id": ann, "email": "ann@example.com", "username": "ann", "company_name": "Ann & Co"}
    claims = claims_of(answer.json["access"])
    assert (claims["user_id"], claims["tenant_id"], claims["company_name"]) == (str(ann), str(ann), "Ann & Co")
    assert (await api.get(ME, token=answer.json["access"])).status == 200


async def test_obtaining_writes_a_session_the_last_login_and_the_audit(api, ann, db):
    last = await db.fetchval("SELECT max(id) FROM operations.audit")
    await obtain(api, headers={"User-Agent": "Phone"})
    assert await db.fetchval("SELECT user_agent FROM accounts.session WHERE account_id = $1", ann) == "Phone"
    assert await db.fetchval("SELECT last_login > now() - interval '10 s' FROM accounts.account")
    assert await db.fetchval("SELECT array_agg(action) FROM operations.audit WHERE id > $1", last) == [
        "account.sign-in"
    ]


async def test_wrong_unknown_and_inactive_are_refused_in_the_same_words(api, bob, db):
    await bob()
    await db.execute("UPDATE accounts.account SET is_active = false WHERE username = 'bob'")
    answers = [
        await obtain(api, password="wrong"),
        await obtain(api, "nobody"),
        await obtain(api, "bob"),
        await obtain(api, "bob", "wrong"),
    ]
    assert {answer.status for answer in answers} == {401} and len({answer.text for answer in answers}) == 1
    told = "No active account found with the given credentials"
    assert answers[0].json == {"error": told, "detail": told}
    assert answers[0].headers["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize(("sent", "fields"), [
    ({}, {"username": REQUIRED, "password": REQUIRED}),
    ({"username": "ann"}, {"password": REQUIRED}),
    ({"password": "x"}, {"username": REQUIRED}),
    ({"username": None, "password": "x"}, {"username": ["This field may not be null."]}),
    ({"username": True, "password": "x"}, {"username": ["Not a valid string."]}),
    ({"username": "", "password": ""}, {"username": ["This field may not be blank."], "password": ["This field may not be blank."]}),
    ({"email": "x" * 256, "password": "x"}, {"email": ["Ensure this field has no more than 255 characters."]}),
    ({"username": "a\0", "password": "x"}, {"username": ["Null characters are not allowed."]}),
    ({"username": "a", "password": "x" * 1025}, {"password": ["Ensure this field has no more than 1024 characters."]}),
    ([], {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}),
])  # fmt: skip
async def test_fields_that_are_missing_or_wrong_are_named_under_details(api, sent, fields):
    answer = await api.call("POST", OBTAIN, sent)
    assert (answer.status, answer.json) == (400, {"error": "Validation failed", "details": fields})


async def test_failures_here_and_at_the_other_sign_in_are_one_count(api):
    for n in range(FAILURES):
        path = OBTAIN if n % 2 else LOGIN
        assert (await api.post(path, {"username": "ann", "password": "wrong"})).status == 401
    answer = await obtain(api)
    assert answer.status == 429 and int(answer.headers["Retry-After"]) > 0 and "error" in answer.json


# Verify


async def test_a_good_token_of_either_kind_verifies(api):
    tokens = await tokens_of(api)
    for kind in ("access", "refresh"):
        answer = await api.post(VERIFY, {"token": tokens[kind]})
        assert (answer.status, answer.json) == (200, {})


async def test_what_is_no_good_token_does_not_verify(api):
    good = claims_of((await tokens_of(api))["access"])
    for token in (
        "nonsense", forged({**good, "exp": int(time.time()) - 60}), forged(good, "another-key-of-at-least-32-bytes!!!!"), forged(good, None, "none"),
        forged({**good, "token_type": "other"}), forged({**good, "token_type": ["access"]}), forged({**good, "token_type": "acc"}),
        forged({**good, "sid": 10**30}), forged({**good, "sid": "1"}), forged({k: v for k, v in good.items() if k != "sid"}),
    ):  # fmt: skip
        answer = await api.post(VERIFY, {"token": token})
        assert answer.status == 401, token
        assert answer.json == {"error": "Token is invalid", "detail": "Token is invalid", "code": "token_not_valid"}


@pytest.mark.parametrize("change", [
    "accounts.session SET revoked_at = now()", "accounts.session SET expires_at = now() - interval '1 s'", "accounts.account SET is_active = false",
])  # fmt: skip
async def test_tokens_of_an_ended_session_or_an_inactive_account_do_not_verify(api, db, change):
    tokens = await tokens_of(api)
    assert (await api.post(VERIFY, {"token": tokens["access"]})).status == 200
    await db.execute(f"UPDATE {change}")
    for kind in ("access", "refresh"):
        answer = await within(lambda kind=kind: api.post(VERIFY, {"token": tokens[kind]}), 401)
        assert answer.json["code"] == "token_not_valid"


@pytest.mark.parametrize(("path", "field"), [(VERIFY, "token"), (BLACKLIST, "refresh"), (REFRESH, "refresh")])
async def test_a_missing_or_malformed_token_field_is_named(api, path, field):
    for sent, told in (
        ({}, REQUIRED), ({field: None}, ["This field may not be null."]), ({field: True}, ["Not a valid string."]),
        ({field: ""}, ["This field may not be blank."]),
        ({field: "x" * 4097}, ["Ensure this field has no more than 4096 characters."]), ({field: "\0"}, ["Null characters are not allowed."]),
    ):  # fmt: skip
        answer = await api.post(path, sent)
        assert (answer.status, answer.json["error"], answer.json["details"]) == (
            400,
            "Validation failed",
            {field: told},
        )


async def test_an_old_token_sent_along_does_not_hinder(api):
    tokens = await tokens_of(api)
    for path, sent in (
        (OBTAIN, {"username": "ann", "password": PASSWORD}),
        (VERIFY, {"token": tokens["access"]}),
        (BLACKLIST, {"refresh": tokens["refresh"]}),
    ):
        assert (await api.post(path, sent, token="expired-long-ago")).status == 200


# Blacklist


async def test_a_blacklisted_token_ends_its_session_and_no_other(api, db):
    tokens, other = await tokens_of(api), await tokens_of(api)
    assert (await api.get(ME, token=tokens["access"])).status == 200
    answer = await api.post(BLACKLIST, {"refresh": tokens["refresh"]})
    assert (answer.status, answer.json) == (200, {})
    assert (await api.get(ME, token=tokens["access"])).status == 401  # on the very next request
    assert (await api.post(REFRESH, {"refresh": tokens["refresh"]})).status == 401
    assert (await api.get(ME, token=other["access"])).status == 200
    entry = await db.fetchrow("SELECT * FROM operations.audit WHERE action = 'session.revoke' ORDER BY id DESC LIMIT 1")
    assert (entry["object_type"], entry["object_id"], entry["email"]) == (
        "session",
        str(claims_of(tokens["access"])["sid"]),
        "ann@example.com",
    )


async def test_blacklisting_is_refused_by_the_kind_of_what_is_wrong(api):
    tokens = await tokens_of(api)
    good = claims_of(tokens["refresh"])
    assert (await api.post(BLACKLIST, {"refresh": (await tokens_of(api))["refresh"]})).status == 200
    for token, told in {
        "nonsense": "Token is invalid", tokens["access"]: "Token has wrong type", forged({**good, "exp": int(time.time()) - 60}): "Token is expired",
        forged({**good, "sid": 10**12}): "Token is blacklisted", forged({**good, "sid": True}): "Token is invalid",
    }.items():  # fmt: skip
        answer = await api.post(BLACKLIST, {"refresh": token})
        assert (answer.status, answer.json) == (401, {"error": told, "detail": told, "code": "token_not_valid"})


async def test_of_sixteen_who_blacklist_one_token_at_once_one_does(api, db):
    refresh = (await tokens_of(api))["refresh"]
    before = len(await noted(db))
    answers = await asyncio.gather(*(api.post(BLACKLIST, {"refresh": refresh}) for _ in range(16)))
    assert sorted(answer.status for answer in answers) == [200] + [401] * 15
    assert (await noted(db))[before:] == ["session.revoke"]


# Signing out


async def open_sessions(db):
    return await db.fetchval("SELECT count(*) FROM accounts.session WHERE revoked_at IS NULL")


@pytest.mark.parametrize("sent", [None, b"", b"{}", b'{"refresh": null}', b'{"unknown": 1}'])
async def test_signing_out_ends_the_session_of_the_bearer(api, db, sent):
    tokens, other = await tokens_of(api), await tokens_of(api)
    before = len(await noted(db))
    answer = await api.call("POST", LOGOUT, sent, token=tokens["access"])
    assert (answer.status, answer.json) == (200, SIGNED_OUT)
    assert (await api.get(ME, token=tokens["access"])).status == 401
    assert (await api.post(REFRESH, {"refresh": tokens["refresh"]})).status == 401
    assert (await api.get(ME, token=other["access"])).status == 200
    assert (await noted(db))[before:] == ["account.sign-out"]


@pytest.mark.parametrize("role", ["USER", "EMPLOYEE", "VENDOR", "SALESREP"])
async def test_everyone_may_sign_out(api, sign_in, role):
    assert (await api.post(LOGOUT, token=(await sign_in(role))["access"])).status == 200


async def test_a_refresh_token_in_the_body_ends_its_session_too(api, db):
    tokens, other = await tokens_of(api), await tokens_of(api)
    before = len(await noted(db))
    assert (await api.post(LOGOUT, {"refresh": other["refresh"]}, token=tokens["access"])).json == SIGNED_OUT
    assert await open_sessions(db) == 0
    assert (await noted(db))[before:] == ["account.sign-out"] * 2


async def test_the_bearers_own_refresh_token_makes_no_difference(api, db):
    tokens, _ = await tokens_of(api), await tokens_of(api)
    assert (await api.post(LOGOUT, {"refresh": tokens["refresh"]}, token=tokens["access"])).status == 200
    assert await open_sessions(db) == 1


async def test_a_refresh_token_alone_signs_out(api, db):
    tokens = await tokens_of(api)
    assert (await api.post(LOGOUT, {"refresh": tokens["refresh"]})).json == SIGNED_OUT
    assert await open_sessions(db) == 0
    again = await api.post(LOGOUT, {"refresh": tokens["refresh"]})
    assert (again.status, again.json["error"]) == (400, "Invalid token")


async def test_with_a_bad_refresh_token_nothing_is_ended(api, db, bob):
    await bob()
    tokens, strange, ended = await tokens_of(api), await tokens_of(api, "bob"), await tokens_of(api)
    assert (await api.post(BLACKLIST, {"refresh": ended["refresh"]})).status == 200
    for bearer in (tokens["access"], None):
        for refresh in ("", "nonsense", tokens["access"], ended["refresh"], *([strange["refresh"]] if bearer else [])):
            answer = await api.post(LOGOUT, {"refresh": refresh}, token=bearer)
            assert (answer.status, answer.json["error"], answer.json["success"]) == (400, "Invalid token", False), (
                refresh
            )
    assert await open_sessions(db) == 2
    answer = await api.post(LOGOUT, {"refresh": True}, token=tokens["access"])
    assert (answer.status, answer.json["details"]) == (400, {"refresh": ["Not a valid string."]})
    assert (await api.get(ME, token=tokens["access"])).status == 200


async def test_with_neither_nobody_is_signed_out(api, db):
    refresh = (await tokens_of(api))["refresh"]
    for sent in (None, b"{}", b'{"refresh": null}'):
        answer = await api.call("POST", LOGOUT, sent)
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="api"')
    for bearer in (
        "nonsense",
        forged({**jwt.decode(refresh, options={"verify_signature": False}), "token_type": "access", "exp": 1}),
    ):
        assert (await api.post(LOGOUT, {"refresh": refresh}, token=bearer)).status == 401
    assert (await api.get(LOGOUT)).status == 401
    assert await open_sessions(db) == 1


async def test_of_sixteen_who_sign_out_of_one_session_at_once_one_does(api, db):
    tokens = await tokens_of(api)
    before = len(await noted(db))
    answers = await asyncio.gather(*(api.post(LOGOUT, token=tokens["access"]) for _ in range(16)))
    assert sorted(answer.status for answer in answers) == [200] + [401] * 15
    assert (await noted(db))[before:] == ["account.sign-out"]


async def test_two_who_sign_each_other_out_at_once_do_not_block_each_other(api, db):
    for _ in range(8):
        one, other = await tokens_of(api), await tokens_of(api)
        answers = await asyncio.gather(
            *(api.post(LOGOUT, {"refresh": other["refresh"]}, token=one["access"]) for _ in range(4)),
            *(api.post(LOGOUT, {"refresh": one["refresh"]}, token=other["access"]) for _ in range(4)),
        )
        assert sorted(answer.status for answer in answers) == [200] + [401] * 7
        assert await open_sessions(db) == 0

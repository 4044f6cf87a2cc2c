"""Public sign-up: who gets an account, what is refused and in which words, races, the limit from one address."""

import asyncio
import json

import pytest

from core.setting import networks
from handlers.accounts import commands
from tests.accounts.test_sign_in import claims_of

pytestmark = pytest.mark.gen_test

REGISTER, USERS, PROFILE, OBTAIN = "/api/auth/register/", "/api/auth/users/", "/api/auth/profile/", "/api/auth/token/"
PASSWORD = "correct-horse-battery"
REQUIRED, NO_TEXT, NULL, BLANK = (
    ["This field is required."],
    ["Not a valid string."],
    ["This field may not be null."],
    ["This field may not be blank."],
)
NUL = ["Null characters are not allowed."]
EMAIL_TAKEN, USERNAME_TAKEN = "A user with this email already exists.", "A user with this username already exists."
SHORT, LETTERS = (
    "Username must be at least 3 characters long.",
    "Username can only contain letters, numbers, and underscores.",
)


@pytest.fixture(autouse=True)
def clean(io_loop, db, process):
    async def clean():
        await db.execute("DELETE FROM accounts.account")
        if process.app.redis is not None:
            keys = await process.app.redis.keys(process.config.redis_prefix + "sign-*")
            if keys:
                await process.app.redis.delete(*keys)

    io_loop.run_sync(clean)


def person(**changes):
    return {
        "email": "ann@example.com",
        "username": "ann_1",
        "password": PASSWORD,
        "company_name": "Ann & Co",
        **changes,
    }


async def register(api, path=REGISTER, /, headers=None, **changes):
    return await api.post(path, person(**changes), headers=headers)


def fields(answer):
    assert answer.status == 400, answer.text
    return answer.json["details"]


async def count(db):
    return await db.fetchval("SELECT count(*) FROM accounts.account")


async def test_signing_up_makes_a_member_and_signs_in(api, db):
    answer = await register(
        api, email="Ann@Example.com", username=" Ann_1 ", company_name="  Ann & Co ", password_confirm=PASSWORD
    )
    assert answer.status == 201
    whole = answer.json
    assert whole.keys() == {"message", "user", "email", "username", "company_name", "tokens"}
    assert (whole["email"], whole["username"], whole["company_name"]) == ("ann@example.com", "Ann_1", "Ann & Co")
    row = await db.fetchrow("SELECT * FROM accounts.account")
    assert (row["email"], row["username"], row["role"]) == ("ann@example.com", "Ann_1", "MEMBER")
    assert (row["is_active"], row["is_staff"], row["is_superuser"]) == (True, False, False)
    assert (whole["user"]["id"], whole["user"]["is_active"], whole["user"]["last_login"] is None) == (
        row["id"],
        True,
        False,
    )
    assert PASSWORD not in answer.text and row["password_hash"] not in answer.text
    assert claims_of(whole["tokens"]["access"])["company_name"] == "Ann & Co"
    assert (await api.get(PROFILE, token=whole["tokens"]["access"])).json == whole["user"]
    assert (await api.post("/api/auth/token/refresh/", {"refresh": whole["tokens"]["refresh"]})).status == 200
    for login in ("ANN@example.com", "ann_1"):
        assert (await api.post(OBTAIN, {"username": login, "password": PASSWORD})).status == 200


async def test_a_sign_up_is_in_the_audit_without_the_password(api, db):
    last = await db.fetchval("SELECT coalesce(max(id), 0) FROM operations.audit")
    await register(api, headers={"X-Request-ID": "the-one"})
    made, signed_in = await db.fetch("SELECT * FROM operations.audit WHERE id > $1 ORDER BY id", last)
    assert (made["action"], signed_in["action"]) == ("account.sign-up", "account.sign-in")
    row = await db.fetchrow("SELECT id, public_id::text AS public_id, password_hash FROM accounts.account")
    assert (made["object_type"], made["object_id"], made["account_id"], made["request_id"]) == (
        "account",
        row["public_id"],
        row["id"],
        "the-one",
    )
    assert made["before"] is None and json.loads(made["after"])["email"] == "ann@example.com"
    assert json.loads(made["after"])["password_hash"] == "***"


async def test_nobody_makes_themselves_more_than_a_member(api, db):
    more = {
        "role": "SUPERADMIN",
        "is_staff": True,
        "is_superuser": True,
        "is_active": False,
        "id": 1,
        "public_id": "x",
        "last_login": "now",
    }
    for path, changes in ((REGISTER, {}), (USERS, {"email": "b@example.com", "username": "bob"})):
        assert (await register(api, path, **more, **changes)).status == 201
    rows = await db.fetch("SELECT role, is_staff, is_superuser, is_active FROM accounts.account")
    assert [tuple(row) for row in rows] == [("MEMBER", False, False, True)] * 2


async def test_an_old_token_sent_along_does_not_hinder(api):
    assert (await api.post(REGISTER, person(), token="expired-long-ago")).status == 201


# What is refused


async def test_a_wrong_field_is_named_and_nothing_is_made(subtests, api, db):
    cases = [
        *(({field: value}, {field: words}) for field in ("email", "username", "password", "password_confirm", "company_name")
          for value, words in ((None, NULL), (["a"], NO_TEXT), ({}, NO_TEXT), (True, NO_TEXT), ("a\0b", NUL))),
        ({"email": ""}, {"email": ["This field may not be blank."]}),
        ({"email": "ann@"}, {"email": ["Enter a valid email address."]}),
        ({"email": "ann"}, {"email": ["Enter a valid email address."]}),
        ({"email": "a b@example.com"}, {"email": ["Enter a valid email address."]}),
        ({"email": f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 20}.com"}, {"email": ["Ensure this field has no more than 255 characters."]}),
        ({"username": ""}, {"username": BLANK}),
        ({"username": " \t"}, {"username": BLANK}),
        ({"username": "x" * 151}, {"username": ["Ensure this field has no more than 150 characters."]}),
        ({"username": "ab"}, {"username": [SHORT]}),
        ({"username": " ab "}, {"username": [SHORT]}),
        ({"username": "a b c"}, {"username": [LETTERS]}),
        ({"username": "ann@example.com"}, {"username": [LETTERS]}),
        ({"username": "ännchen"}, {"username": [LETTERS]}),
        ({"username": "ann\n1"}, {"username": [LETTERS]}),
        ({"username": "a-"}, {"username": [SHORT, LETTERS]}),
        ({"password": ""}, {"password": BLANK}),
        ({"password": "x" * 1025}, {"password": ["Ensure this field has no more than 1024 characters."]}),
        ({"password": "q7#xK2p"}, {"password": ["Password must be at least 8 characters long"]}),
        ({"password": "password123"}, {"password": ["This password is too common."]}),
        ({"password": "8340297516"}, {"password": ["This password is entirely numeric."]}),
        ({"password": "ann@example.com"}, {"password": ["The password is too similar to your name or e-mail address."]}),
        ({"password": "zebrafish_9", "username": "zebrafish_9"}, {"password": ["The password is too similar to your name or e-mail address."]}),
        ({"password": "Zebrafish Ltd", "company_name": "zebrafish ltd"}, {"password": ["The password is too similar to your name or e-mail address."]}),
        ({"password": "é7#x" * 15}, {"password": ["Ensure this field has no more than 72 bytes."]}),
        ({"password_confirm": "another"}, {"password_confirm": ["Passwords don't match"]}),
        ({"password_confirm": ""}, {"password_confirm": ["Passwords don't match"]}),
        ({"company_name": "a"}, {"company_name": ["Company name must be at least 2 characters long."]}),
        ({"company_name": " a "}, {"company_name": ["Company name must be at least 2 characters long."]}),
        ({"company_name": "x" * 256}, {"company_name": ["Ensure this field has no more than 255 characters."]}),
        ({"username": "ab", "password": "short", "password_confirm": "x", "company_name": "x"}, {
            "username": [SHORT], "password": ["Password must be at least 8 characters long"], "password_confirm": ["Passwords don't match"],
            "company_name": ["Company name must be at least 2 characters long."]}),
    ]  # fmt: skip
    for changes, told in cases:
        with subtests.test(changes=changes, told=told):
            for path in (REGISTER, USERS):
                assert fields(await register(api, path, **changes)) == told
            assert await count(db) == 0


@pytest.mark.parametrize("name", ["email", "username", "password"])
async def test_a_missing_field_is_named(api, name):
    sent = {key: value for key, value in person().items() if key != name}
    assert fields(await api.post(REGISTER, sent)) == {name: REQUIRED}


@pytest.mark.parametrize("sent", [b"", b"{", b"[]", b"null", b'"x"', b'{"email":"' + b"x" * 1_000_000 + b'"}'], ids=len)
async def test_what_is_no_sign_up_at_all_is_refused(api, sent):
    assert (await api.call("POST", REGISTER, sent)).status == 400


async def test_company_and_confirmation_are_optional(api, db):
    for n, company in enumerate((None, "", "  ")):
        sent = person(email=f"{n}@example.com", username=f"person{n}", company_name=company)
        if company is None:
            del sent["company_name"]
        assert (await api.post(REGISTER, sent)).status == 201
    assert await db.fetchval("SELECT array_agg(DISTINCT company_name) FROM accounts.account") == [""]


async def test_a_password_of_72_bytes_will_do(api):
    assert (await register(api, password="é7#" * 18)).status == 201
    assert (await api.post(OBTAIN, {"username": "ann_1", "password": "é7#" * 18})).status == 200


# What is taken


@pytest.mark.parametrize("path", [REGISTER, USERS])
async def test_email_and_username_are_unique_ignoring_case_and_both_are_named_at_once(api, db, path):
    assert (await register(api)).status == 201
    other = {"email": "other@example.com", "username": "other"}
    assert fields(await register(api, path, **{**other, "email": "ANN@Example.com"})) == {"email": [EMAIL_TAKEN]}
    assert fields(await register(api, path, **{**other, "username": "ANN_1"})) == {"username": [USERNAME_TAKEN]}
    assert fields(await register(api, path, email="ANN@example.com", username="Ann_1")) == {
        "email": [EMAIL_TAKEN],
        "username": [USERNAME_TAKEN],
    }
    assert await count(db) == 1


async def test_a_member_takes_no_username_of_any_other_account(api, settings, db):
    await commands.create(settings, "juan@example.com", "Juan", "EMPLOYEE", PASSWORD, staff=False, username="Ann_1")
    assert fields(await register(api)) == {"username": [USERNAME_TAKEN]}
    await commands.create(settings, "no-name@example.com", "No Name", "USER", PASSWORD, staff=False)
    assert (await register(api, username="another")).status == 201  # those without a username take none


@pytest.mark.parametrize(("same", "told"), [
    ({"email": "ann@example.com"}, {"email": [EMAIL_TAKEN]}), ({"username": "ann_1"}, {"username": [USERNAME_TAKEN]}),
])  # fmt: skip
async def test_of_sixteen_who_sign_up_at_once_with_one_email_or_username_one_gets_it(api, db, same, told):
    people = [person(email=f"p{n}@example.com", username=f"person{n}") | same for n in range(16)]
    answers = await asyncio.gather(*(api.post(USERS if n % 2 else REGISTER, sent) for n, sent in enumerate(people)))
    assert sorted(answer.status for answer in answers) == [201] + [400] * 15
    assert all(answer.json["details"] == told for answer in answers if answer.status == 400)
    assert await count(db) == 1


@pytest.mark.parametrize("constraint", ["email", "username"])
async def test_who_comes_second_by_a_hair_gets_the_same_answer(api, db, settings, constraint):
    """The other's row is there, and not yet committed, when the second looks."""
    email, username = ("ann@example.com", "other") if constraint == "email" else ("other@example.com", "ann_1")
    transaction = db.transaction()
    await transaction.start()
    await db.execute("INSERT INTO accounts.account (email, username, role) VALUES ($1, $2, 'MEMBER')", email, username)
    second = asyncio.ensure_future(register(api))
    await asyncio.sleep(0.15)
    assert not second.done()
    await transaction.commit()
    told = {"email": [EMAIL_TAKEN]} if constraint == "email" else {"username": [USERNAME_TAKEN]}
    assert fields(await second) == told


# Closed, and limited


@pytest.mark.parametrize("changed_settings", [{"sign_up_open": False}])
async def test_closed_is_closed_for_everyone_and_costs_nothing(app, api, db, monkeypatch):
    monkeypatch.setattr(app.passwords, "hash", None)
    for path in (REGISTER, USERS):
        for changes in ({}, {"email": "nonsense"}):
            answer = await register(api, path, **changes)
            assert answer.status == 403 and "closed" in answer.json["error"]
    assert await count(db) == 0


@pytest.mark.parametrize(
    "changed_settings", [{"sign_ups_per_hour": 2}, {"sign_ups_per_hour": 2, "redis_url": ""}], ids=["redis", "process"]
)
async def test_so_many_sign_ups_an_hour_from_one_address(app, api, db, monkeypatch):
    for _ in range(5):
        assert (await register(api, username="x")).status == 400  # does not count
    assert (await register(api)).status == 201
    assert (await register(api)).status == 400  # taken, which counts: addresses can't be tried out without end
    monkeypatch.setattr(app.passwords, "hash", None)
    for path in (REGISTER, USERS):
        answer = await register(api, path, email="b@example.com", username="bob")
        assert answer.status == 429 and 0 < int(answer.headers["Retry-After"]) <= 3600
    assert await count(db) == 1


@pytest.mark.parametrize("changed_settings", [{"sign_ups_per_hour": 3}])
async def test_of_sixteen_at_once_no_more_than_allowed_get_through(app, api, db):
    people = [person(email=f"p{n}@example.com", username=f"person{n}") for n in range(16)]
    answers = await asyncio.gather(*(api.post(REGISTER, sent) for sent in people))
    assert sorted(answer.status for answer in answers) == [201] * 3 + [429] * 13
    assert await count(db) == 3


@pytest.mark.parametrize("changed_settings", [{"sign_ups_per_hour": 1, "trusted_proxies": networks("127.0.0.1")}])
async def test_addresses_are_counted_apart_but_those_of_one_ipv6_network_together(app, api):
    statuses = []
    for n, address in enumerate(
        ("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1", "::ffff:192.0.2.1")
    ):
        answer = await register(
            api, email=f"{n}@example.com", username=f"person{n}", headers={"X-Forwarded-For": address}
        )
        statuses.append(answer.status)
    assert statuses == [201, 201, 201, 429, 201, 429]

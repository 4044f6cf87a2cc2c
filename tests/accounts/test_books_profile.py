"""One's own account, as the books client shows and changes it."""

import asyncio
import json

import pytest

from handlers.accounts import commands
from tests.accounts.test_sign_in import within

pytestmark = pytest.mark.gen_test

PROFILE, ME = "/api/auth/profile/", "/api/auth/me/"
PASSWORD = "password123"
MEMBERS = {
    "id", "email", "username", "company_name", "company_address", "company_logo", "first_name", "last_name", "is_active", "is_staff",
    "date_joined", "last_login",
}  # fmt: skip
LONGEST = {
    "username": 150,
    "company_name": 255,
    "company_address": 1000,
    "company_logo": 255,
    "first_name": 150,
    "last_name": 150,
}
TAKEN = ["A user with this username already exists."]


@pytest.fixture(autouse=True)
def clean(io_loop, db):
    io_loop.run_sync(lambda: db.execute("DELETE FROM accounts.account"))


@pytest.fixture
def person(api, settings):
    """`await person("ann")`: the access token of an account with that username, made when first asked for."""

    async def person(username="ann", role="MEMBER", email=None):
        email = email or f"{username}@example.com"
        await commands.create(settings, email, "Ann Lee", role, PASSWORD, staff=False, username=username)
        return (await api.post("/api/auth/login/", {"email": email, "password": PASSWORD})).json["access"]

    return person


async def change(api, token, method="PATCH", /, **changes):
    return await api.call(method, PROFILE, changes, token=token)


async def test_one_sees_ones_own_account_on_both_paths(api, person, db):
    token = await person()
    profile = (await api.get(PROFILE, token=token)).json
    assert profile == (await api.get(ME, token=token)).json and profile.keys() == MEMBERS
    id = await db.fetchval("SELECT id FROM accounts.account")
    assert (profile["id"], profile["email"], profile["username"]) == (id, "ann@example.com", "ann")
    assert (profile["first_name"], profile["last_name"], profile["is_active"], profile["is_staff"]) == (
        "Ann",
        "Lee",
        True,
        False,
    )
    assert profile["date_joined"].endswith("Z") and profile["last_login"].endswith("Z")


async def test_nobody_sees_a_profile_without_signing_in(api):
    for method, path in (("GET", PROFILE), ("GET", ME), ("PUT", PROFILE), ("PATCH", PROFILE)):
        answer = await api.call(method, path, None if method == "GET" else {})
        assert (answer.status, answer.json["error"]) == (401, "Authentication credentials were not provided.")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize("role", ["SUPERADMIN", "USER", "VENDOR", "SALESREP"])
async def test_every_role_has_a_profile(api, sign_in, role, db):
    token = (await sign_in(role))["access"]
    answer = await change(api, token, company_name="Our Shop")
    assert (answer.status, answer.json.get("company_name")) == (200, "Our Shop"), answer.text
    await db.execute("ALTER TABLE accounts.account DISABLE TRIGGER account_last_superadmin_kept")
    await db.execute("DELETE FROM accounts.account")
    await db.execute("ALTER TABLE accounts.account ENABLE TRIGGER account_last_superadmin_kept")


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_what_is_sent_is_changed_and_the_rest_stays(api, person, method):
    token = await person()
    before = (await api.get(PROFILE, token=token)).json
    sent = {
        "username": "Ann_2", "company_name": " Ann & Co ", "company_address": "1 Long Street", "company_logo": "logos/ann.png", "first_name": "Anna",
        "last_name": "Li",
    }  # fmt: skip
    for name, value in sent.items():
        answer = await change(api, token, method, **{name: value})
        assert answer.status == 200
        before[name] = value.strip()
        assert answer.json == before == (await api.get(PROFILE, token=token)).json
    assert (await change(api, token, method)).json == before


async def test_the_two_names_and_the_one_go_together(api, person, db):
    assert (await change(api, await person(), first_name="Anna", last_name="Li")).status == 200
    assert await db.fetchval("SELECT name FROM accounts.account") == "Anna Li"


async def test_what_is_not_ones_own_to_change_is_ignored(api, person):
    token = await person()
    before = (await api.get(PROFILE, token=token)).json
    answer = await change(
        api,
        token,
        "PUT",
        id=1,
        email="other@example.com",
        role="SUPERADMIN",
        is_staff=True,
        is_superuser=True,
        is_active=False,
        date_joined="2000-01-01",
        last_login=None,
        password="x",
        password_hash="x",
        unknown={},
    )
    assert (answer.status, answer.json) == (200, before)


async def test_an_empty_field_is_taken_as_absent(api, person):
    token = await person()
    await change(
        api,
        token,
        company_name="Ann & Co",
        company_address="1 Long Street",
        company_logo="x",
        first_name="A",
        last_name="B",
    )
    empty = {"company_name": "", "company_address": "  ", "company_logo": "", "first_name": "", "last_name": ""}
    profile = (await change(api, token, **empty)).json
    assert {profile[name] for name in empty} == {""}


async def test_a_wrong_field_is_named_and_nothing_is_changed(subtests, api, person):
    cases = [
        *(({field: value}, {field: words}) for field in LONGEST for value, words in (
            (None, ["This field may not be null."]), ([], ["Not a valid string."]), (True, ["Not a valid string."]),
            ("a\0b", ["Null characters are not allowed."]), ("x" * (LONGEST[field] + 1), [f"Ensure this field has no more than {LONGEST[field]} characters."]),
        )),
        ({"username": "ab"}, {"username": ["Username must be at least 3 characters long."]}),
        ({"username": ""}, {"username": ["Username must be at least 3 characters long."]}),
        ({"username": "a b c"}, {"username": ["Username can only contain letters, numbers, and underscores."]}),
        ({"username": "ännchen"}, {"username": ["Username can only contain letters, numbers, and underscores."]}),
        ({"company_name": " a "}, {"company_name": ["Company name must be at least 2 characters long."]}),
        ({"company_address": " abc "}, {"company_address": ["Company address must be at least 5 characters long."]}),
        ({"company_name": "a", "company_address": "b"}, {
            "company_name": ["Company name must be at least 2 characters long."], "company_address": ["Company address must be at least 5 characters long."]}),
    ]  # fmt: skip
    for changes, told in cases:
        with subtests.test(changes=changes, told=told):
            token = await person()
            before = (await api.get(PROFILE, token=token)).json
            for method in ("PUT", "PATCH"):
                answer = await change(api, token, method, **{"first_name": "Other", **changes})
                assert (answer.status, answer.json) == (400, {"error": "Validation failed", "details": told})
            assert (await api.get(PROFILE, token=token)).json == before


async def test_a_username_is_ones_own_whatever_the_case_and_no_matter_who_has_it(api, person):
    await person("bob")
    await person("juan", "EMPLOYEE")
    token = await person("ann")
    for username in ("bob", "BOB", "Juan"):
        assert (await change(api, token, username=username)).json["details"] == {"username": TAKEN}
    assert (await change(api, token, username="ANN")).json["username"] == "ANN"


async def test_a_username_that_stays_as_it_is_is_never_wrong(api, person):
    for username, role in (("ann.lee", "USER"), ("", "USER")):
        token = await person(username, role, email=f"x{username}@example.com")
        whole = (await api.get(PROFILE, token=token)).json
        answer = await change(api, token, "PUT", **{**whole, "company_name": "Our Shop"})
        assert (answer.status, answer.json["username"]) == (200, username)


async def test_of_eight_members_who_take_one_username_at_once_one_gets_it(api, person):
    tokens = [await person(f"member{n}") for n in range(8)]
    answers = await asyncio.gather(*(change(api, token, username="Wanted") for token in tokens))
    assert sorted(answer.status for answer in answers) == [200] + [400] * 7
    assert all(answer.json["details"] == {"username": TAKEN} for answer in answers if answer.status == 400)


async def test_changes_at_once_lose_nothing_and_the_audit_tells_each_as_it_was(api, person, db):
    token = await person()
    last = await db.fetchval("SELECT max(id) FROM operations.audit")
    answers = await asyncio.gather(
        *(change(api, token, company_name=f"Company {n}") for n in range(8)), change(api, token, company_logo="x")
    )
    assert {answer.status for answer in answers} == {200}
    entries = await db.fetch("SELECT * FROM operations.audit WHERE id > $1 ORDER BY id", last)
    assert len(entries) == 9 and {entry["action"] for entry in entries} == {"account.update"}
    befores = [json.loads(entry["before"]).get("company_name") for entry in entries]
    afters = [json.loads(entry["after"]).get("company_name") for entry in entries]
    changed = [(one, other) for one, other in zip(befores, afters, strict=True) if other is not None]
    assert changed[0][0] == "" and all(one[1] == other[0] for one, other in zip(changed, changed[1:], strict=False))
    assert (await api.get(PROFILE, token=token)).json["company_logo"] == "x"


async def test_a_change_that_changes_nothing_is_not_in_the_audit(api, person, db):
    token = await person()
    last = await db.fetchval("SELECT max(id) FROM operations.audit")
    for sent in ({}, {"first_name": "Ann"}, {"username": "ann"}):
        assert (await change(api, token, **sent)).status == 200
    assert await db.fetchval("SELECT max(id) FROM operations.audit") == last


async def test_a_deleted_account_has_no_profile_and_is_never_a_500(api, person, db):
    token = await person()
    assert (await api.get(ME, token=token)).status == 200
    await db.execute("DELETE FROM accounts.account")
    for method in ("GET", "PATCH", "PUT"):  # with the caller still remembered, and without
        assert (
            await api.call(method, PROFILE, None if method == "GET" else {"first_name": "A"}, token=token)
        ).status == 401
    await within(lambda: api.get(ME, token=token), 401)

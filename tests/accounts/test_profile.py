"""One's own account (docs/api/accounts.md#staff-users)."""

import re

import pytest

pytestmark = pytest.mark.gen_test
ME = "/api/auth/users/me/"


async def test_ones_own_account_is_shown_whole_and_without_its_password(api, sign_in, db):
    signed = await sign_in("PICKER")
    answer = await api.get(ME, token=signed["access"])
    assert answer.status == 200
    assert (answer.json["success"], answer.json["status_code"], answer.json["message"]) == (
        True,
        200,
        "Profile retrieved successfully",
    )
    shown = answer.json["data"]
    assert shown.keys() == {
        "id",
        "user_id",
        "email",
        "username",
        "name",
        "first_name",
        "last_name",
        "phone",
        "avatar",
        "role",
        "department",
        "department_id",
        "job_title",
        "job_title_name",
        "company_name",
        "company_address",
        "company_logo",
        "is_active",
        "is_staff",
        "date_joined",
        "last_login",
        "created_by_name",
    }
    # Beside it, what the books client reads: the number as id.
    beside = {
        name: value for name, value in answer.json.items() if name not in ("success", "status_code", "message", "data")
    }
    assert beside == {**{name: shown[name] for name in beside}, "id": shown["user_id"]} and len(beside) == 12
    assert (shown["id"], shown["email"], shown["role"], shown["is_active"]) == (
        signed["data"]["user"]["id"],
        "picker@example.com",
        "PICKER",
        True,
    )
    for moment in (shown["date_joined"], shown["last_login"]):
        assert re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z", moment)
    assert "$2b$" not in answer.text


async def test_each_sees_only_itself(api, sign_in):
    one, other = await sign_in("USER"), await sign_in("ADMIN")
    assert (await api.get(ME, token=one["access"])).json["data"]["email"] == "user@example.com"
    assert (await api.get(ME, token=other["access"])).json["data"]["email"] == "admin@example.com"


async def test_who_made_the_account_is_named_and_nobody_when_they_are_gone(api, sign_in, db):
    signed = await sign_in("STORE")
    maker = await db.fetchval("INSERT INTO accounts.account (email) VALUES ('maker@example.com') RETURNING id")
    await db.execute("UPDATE accounts.account SET created_by = $1 WHERE email = 'store@example.com'", maker)
    assert (await api.get(ME, token=signed["access"])).json["data"]["created_by_name"] == "maker@example.com"
    await db.execute("UPDATE accounts.account SET name = 'Mia' WHERE id = $1", maker)
    assert (await api.get(ME, token=signed["access"])).json["data"]["created_by_name"] == "Mia"
    await db.execute("DELETE FROM accounts.account WHERE id = $1", maker)
    assert (await api.get(ME, token=signed["access"])).json["data"]["created_by_name"] is None


async def test_without_a_token_nobody_is_shown(api):
    answer = await api.get(ME)
    assert (answer.status, answer.json["success"]) == (401, False)
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'

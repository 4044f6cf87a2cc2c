"""Sign-in and sign-out of the vendor API. docs/api/vendor.md#sign-in."""

import asyncio
import re

import pytest

from core.secret_keys import Fallback
from handlers.api.sign_in import FAILURES
from handlers.vendor.token import digest_of, token_of
from tests.support.http import PASSWORD

pytestmark = pytest.mark.gen_test

WRONG = "Invalid username or password. Please login."
NOT_SIGNED_IN = {
    "error": "Authentication required. Please login.",
    "message": "Invalid or missing token. Please login to get a valid token.",
}


@pytest.fixture
def sign(api):
    async def sign(username, password=PASSWORD, **more):
        return await api.post("/auth/login", {"username": username, "password": password}, **more)

    return sign


async def test_a_vendor_signs_in_with_the_profile(sign, vendor):
    one = await vendor()
    answer = await sign(one.username)
    assert answer.status == 200
    assert re.fullmatch("[0-9a-f]{40}", answer.json["token"])
    assert answer.json == {
        "token": answer.json["token"],
        "user_id": one.account_id,
        "username": one.username,
        "message": "Login successful",
        "vendor": {
            "id": one.id,
            "business_name": one.business_name,
            "gst_no": one.gst_no,
            "fssai_license": None,
            "logo_url": None,
            "footer_note": "",
            "phone": "+911",
            "address": "Street 1",
        },
    }


async def test_both_forms_of_the_paths_are_served(api, vendor):
    one = await vendor()
    for path in ("/auth/login", "/auth/login/"):
        assert (await api.post(path, {"username": one.username, "password": PASSWORD})).status == 200


async def test_each_sign_in_gives_the_same_token_also_at_once(sign, vendor):
    one = await vendor()
    answers = await asyncio.gather(*(sign(one.username) for _ in range(8)))
    assert len({answer.json["token"] for answer in answers}) == 1
    assert (await sign(one.username.upper())).json["token"] == answers[0].json["token"]


OLDER = "an-older-key-of-at-least-32-bytes-too"


@pytest.mark.parametrize("changed_settings", [{"secret_key_fallbacks": (Fallback(OLDER),)}])
async def test_a_token_of_an_older_key_stays_the_token_of_its_account(sign, vendor, db, api):
    one = await vendor()
    first = (await sign(one.username)).json["token"]
    session = await db.fetchval("SELECT session_id FROM vendor.token WHERE account_id = $1", one.account_id)
    older = token_of(session, None, [OLDER])
    await db.execute("UPDATE vendor.token SET digest = $1 WHERE account_id = $2", digest_of(older), one.account_id)
    assert (await sign(one.username)).json["token"] == older != first
    assert (await api.get("/items/", headers={"Authorization": f"Token {older}"})).status == 200


async def test_the_database_has_only_the_hash_of_a_token(sign, vendor, db):
    token = (await sign((await vendor()).username)).json["token"]
    rows = await db.fetch("SELECT t::text AS row FROM vendor.token t")
    assert rows and not any(token in row["row"] for row in rows)


async def test_people_of_other_roles_sign_in_without_a_profile(api, sign, account):
    await account("SALESREP", "rep@example.com", username="rep1")
    answer = await sign("rep1")
    assert (answer.status, "vendor" in answer.json) == (200, False)


@pytest.mark.parametrize(("username", "password"), [("nobody", PASSWORD), (None, "wrong-password")])
async def test_a_wrong_name_or_password_is_401(sign, vendor, username, password):
    one = await vendor()
    answer = await sign(username or one.username, password)
    assert (answer.status, answer.json) == (401, {"error": WRONG, "details": {"non_field_errors": [WRONG]}})


async def test_missing_fields_are_401_with_the_fields(api):
    answer = await api.post("/auth/login", {})
    required = ["This field is required."]
    assert (answer.status, answer.json) == (
        401,
        {"error": WRONG, "details": {"username": required, "password": required}},
    )


@pytest.mark.parametrize(
    "state", [{"is_approved": False}, {"is_active": False}, {"is_approved": False, "is_active": False}]
)
async def test_who_waits_for_approval_is_told_so_with_the_right_password_only(sign, vendor, state):
    one = await vendor(**state)
    answer = await sign(one.username)
    assert (answer.status, answer.json) == (
        403,
        {
            "error": "Your vendor account is pending approval. Please wait for admin approval.",
            "message": "Your vendor account has been created but is waiting for admin approval. You will be able to login once approved.",
        },
    )
    assert (await sign(one.username, "wrong-password")).status == 401


async def test_a_token_that_admits_nobody_is_not_looked_at_where_everyone_may_enter(sign, vendor):
    one = await vendor()
    for stale in ("Token " + "0" * 40, "Token x", "Bearer x"):
        assert (await sign(one.username, headers={"Authorization": stale})).status == 200


async def test_signing_out_ends_the_token_on_all_devices(api, sign, vendor, token):
    one = await vendor()
    headers = await token(one)
    assert (await api.post("/auth/logout", headers=headers)).json == {"message": "Logout successful"}
    answer = await api.post("/auth/logout", headers=headers)
    assert (answer.status, answer.json) == (401, NOT_SIGNED_IN)
    assert answer.headers["WWW-Authenticate"] == "Token"
    assert await token(one) != headers


@pytest.mark.parametrize(
    "header",
    [None, "Token", "Token ", "Token x", f"Token {'0' * 40}", f"Token {'A' * 40}", "Basic eDp5", f"Bearer {'0' * 40}"],
)
async def test_without_a_good_token_the_answer_is_401(api, header):
    answer = await api.post("/auth/logout", headers={"Authorization": header} if header else {})
    assert (answer.status, answer.json) == (401, NOT_SIGNED_IN)


async def test_the_token_of_a_deactivated_account_admits_nobody(api, vendor, token, db):
    one = await vendor()
    headers = await token(one)
    await db.execute("UPDATE accounts.account SET is_active = false WHERE id = $1", one.account_id)
    await asyncio.sleep(0.1)
    assert (await api.post("/auth/logout", headers=headers)).json == NOT_SIGNED_IN


async def test_failed_sign_ins_are_limited(sign, vendor):
    one = await vendor()
    for _ in range(FAILURES):
        assert (await sign(one.username, "wrong-password")).status == 401
    answer = await sign(one.username)
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) > 0


async def test_wrong_methods_and_bodies_are_refused_in_the_form_of_the_vendor_api(api):
    answer = await api.get("/auth/login")
    assert (answer.status, answer.json) == (405, {"detail": 'Method "GET" not allowed.'})
    answer = await api.call("POST", "/auth/login", b"{", headers={"Content-Type": "application/json"})
    assert (answer.status, list(answer.json)) == (400, ["detail"])

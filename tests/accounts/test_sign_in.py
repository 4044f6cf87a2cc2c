"""Sign-in and refresh (docs/api/accounts.md#sign-in, #tokens): tokens, sessions and what ends them; the limit of failures."""

import asyncio
import json
import time

import jwt
import pytest

from handlers.accounts import commands
from handlers.accounts.sign_in import REFRESH_GRACE_SECONDS
from handlers.api.sign_in import FAILURES, WINDOW
from tests.support.deadlines import until
from tests.support.services import NO_REDIS

pytestmark = pytest.mark.gen_test

LOGIN, STAFF_REFRESH, SHOP_REFRESH, ME = (
    "/api/auth/login/",
    "/api/auth/token/refresh/",
    "/api/auth/refresh/",
    "/api/auth/users/me/",
)
PASSWORD = "password123"
KEY = "test-secret-key-of-at-least-32-bytes!"
AWAY = "redis://127.0.0.1:1"
REQUIRED = ["This field is required."]


@pytest.fixture(autouse=True)
def clean(io_loop, db, process):
    """No accounts and no failures left of the test before."""

    async def clean():
        await db.execute("DELETE FROM accounts.account")
        if process.app.redis is not None and process.config.redis_url != AWAY:
            keys = await process.app.redis.keys(process.config.redis_prefix + "sign-in:*")
            if keys:
                await process.app.redis.delete(*keys)

    io_loop.run_sync(clean)


@pytest.fixture
def account(settings, db):
    """`await account("a@b.example")`: the id of an account that can sign in."""

    async def account(email="ann@example.com", username="", role="USER", password=PASSWORD):
        wrong = await commands.create(settings, email, "Ann", role, password, staff=False, username=username)
        assert wrong is None
        return await db.fetchval("SELECT id FROM accounts.account WHERE email = $1", email)

    return account


async def login(api, email="ann@example.com", password=PASSWORD, **more):
    return await api.post(LOGIN, {"email": email, "password": password}, **more)


async def within(ask, status):
    """The answer that has this status, which comes soon after another program has changed the account."""
    return await until(ask, lambda answer: answer.status == status)


def claims_of(token):
    return jwt.decode(token, KEY, algorithms=["HS256"])


def forged(claims, key=KEY, algorithm="HS256"):
    return jwt.encode(claims, key, algorithm=algorithm)


# Sign-in


async def test_the_answer_satisfies_both_documents(api, account, db):
    id = await account(username="ann", role="PICKER")
    answer = await login(api)
    whole = answer.json
    assert answer.status == 200
    assert whole.keys() == {
        "success",
        "status_code",
        "message",
        "data",
        "access",
        "refresh",
        "username",
        "role",
        "user_id",
    }
    assert (whole["success"], whole["status_code"], whole["message"]) == (True, 200, "Login successful")
    assert whole["data"].keys() == {"access", "refresh", "user", "menus"} and whole["data"]["menus"] == []
    assert (whole["data"]["access"], whole["data"]["refresh"]) == (whole["access"], whole["refresh"])
    assert (whole["username"], whole["role"], whole["user_id"]) == ("ann", "PICKER", id)
    public_id = await db.fetchval("SELECT public_id FROM accounts.account WHERE id = $1", id)
    assert whole["data"]["user"] == {
        "id": str(public_id),
        "email": "ann@example.com",
        "name": "Ann",
        "avatar": None,
        "role": "PICKER",
        "department": None,
        "department_id": None,
        "job_title": None,
        "is_staff": False,
        "is_superuser": False,
        "groups": [],
    }


async def test_the_answer_names_department_job_title_picture_and_menus_of_the_person(api, account, db):
    id = await account(role="ADMIN")
    await db.execute(
        """
        WITH department AS (INSERT INTO accounts.department (name) VALUES ('Packing') RETURNING id),
             title AS (INSERT INTO accounts.job_title (title, department_id) SELECT 'Head', id FROM department RETURNING id),
             root AS (INSERT INTO accounts.menu_item (name, code, place) VALUES ('Invoices', 'sign-in-root', 1) RETURNING id),
             child AS (INSERT INTO accounts.menu_item (name, code, parent_id) SELECT 'List', 'sign-in-child', id FROM root RETURNING id),
             menus AS (INSERT INTO accounts.account_menu (account_id, menu_item_id)
                       SELECT $1::bigint, id FROM root UNION ALL SELECT $1::bigint, id FROM child)
        UPDATE accounts.account SET department_id = (SELECT id FROM department), job_title_id = (SELECT id FROM title),
                                    avatar = 'avatars/ann.png', company_name = 'Ann & Co' WHERE id = $1::bigint
        """,
        id,
    )
    whole = (await login(api)).json
    user, (menu,) = whole["data"]["user"], whole["data"]["menus"]
    department_id, job_title_id = await db.fetchrow(
        "SELECT department_id, job_title_id FROM accounts.account WHERE id = $1", id
    )
    assert (user["department"], user["department_id"]) == ("Packing", str(department_id))
    assert user["job_title"] == {"id": str(job_title_id), "title": "Head"}
    assert user["avatar"].startswith("http") and "avatars/ann.png" in user["avatar"]
    assert (menu["code"], menu["order"], [child["code"] for child in menu["children"]]) == (
        "sign-in-root",
        1,
        ["sign-in-child"],
    )
    assert claims_of(whole["access"])["company_name"] == "Ann & Co"
    await db.execute("UPDATE accounts.account SET role = 'SUPERADMIN' WHERE id = $1", id)
    assert (await login(api)).json["data"]["menus"] == []
    await db.execute("ALTER TABLE accounts.account DISABLE TRIGGER account_last_superadmin_kept")
    await db.execute("DELETE FROM accounts.account")
    await db.execute("ALTER TABLE accounts.account ENABLE TRIGGER account_last_superadmin_kept")


async def test_a_sign_in_is_in_the_audit_and_a_refused_one_is_not(api, account, db):
    id = await account()
    before = await db.fetchval("SELECT coalesce(max(id), 0) FROM operations.audit")
    await login(api, password="wrong")
    await login(api, headers={"X-Request-ID": "the-one"})
    (entry,) = await db.fetch("SELECT * FROM operations.audit WHERE id > $1", before)
    public_id = await db.fetchval("SELECT public_id::text FROM accounts.account")
    assert (entry["action"], entry["object_type"], entry["object_id"]) == ("account.sign-in", "account", public_id)
    assert (entry["account_id"], entry["email"], entry["address"], entry["request_id"]) == (
        id,
        "ann@example.com",
        "127.0.0.1",
        "the-one",
    )
    assert (entry["before"], entry["after"]) == (None, None)


async def test_every_refusal_costs_one_password_check(app, api, account, db, monkeypatch):
    for name in ("ann", "gone", "none"):
        await account(f"{name}@example.com")
    await db.execute("UPDATE accounts.account SET is_active = false WHERE email = 'gone@example.com'")
    await db.execute("UPDATE accounts.account SET password_hash = NULL WHERE email = 'none@example.com'")
    checked, matches = [], app.passwords.matches

    async def counted(password, stored, **asker):
        checked.append(stored is not None)
        return await matches(password, stored, **asker)

    monkeypatch.setattr(app.passwords, "matches", counted)
    for name in ("ann", "gone", "none", "nobody"):
        assert (await login(api, f"{name}@example.com", "wrong")).status == 401
    assert checked == [True, False, False, False]


@pytest.mark.parametrize("change", ["password_hash = 'another'", "is_active = false"])
async def test_an_account_changed_while_its_password_is_checked_is_not_signed_in(
    app, api, account, db, monkeypatch, change
):
    await account()

    async def changes_meanwhile(password, stored, **asker):
        await db.execute(f"UPDATE accounts.account SET {change}")
        return True

    monkeypatch.setattr(app.passwords, "matches", changes_meanwhile)
    assert (await login(api)).status == 401
    assert await db.fetchval("SELECT count(*) FROM accounts.session") == 0


async def test_an_unknown_name_that_is_a_number_is_not_counted_with_the_account_of_that_number(api, account):
    id = await account()
    for _ in range(FAILURES):
        assert (await login(api, str(id), "wrong")).status == 401
    assert (await login(api)).status == 200


async def test_the_tokens_carry_the_documents_claims_and_live_as_long_as_documented(api, account):
    id = await account()
    tokens = (await login(api)).json
    for kind, seconds in {"access": 3600, "refresh": 7 * 86400}.items():
        claims = claims_of(tokens[kind])
        assert claims.keys() == {
            "token_type",
            "exp",
            "iat",
            "jti",
            "user_id",
            "tenant_id",
            "username",
            "role",
            "email",
            "company_name",
            "sid",
            *(["gen"] if kind == "refresh" else []),
        }
        assert claims["token_type"] == kind and abs(claims["exp"] - time.time() - seconds) < 10
        assert (claims["tenant_id"], claims["company_name"]) == (str(id), "")
        assert (claims["user_id"], claims["role"], claims["email"], claims["username"]) == (
            str(id),
            "USER",
            "ann@example.com",
            "ann@example.com",
        )


async def test_the_email_is_matched_ignoring_case_and_blanks_around_it(api, account):
    await account("Ann@Example.com")
    for email in ("Ann@Example.com", "ann@example.com", "ANN@EXAMPLE.COM", " ann@example.com "):
        assert (await login(api, email)).status == 200, email


async def test_an_address_of_an_international_domain_signs_in_by_either_form_of_it(api, account):
    await account("ann@münchen.example")
    for email in (
        "ann@münchen.example",
        "Ann@MÜNCHEN.example",
        "ann@xn--mnchen-3ya.example",
        "ann@mu\u0308nchen.example\u00a0",
    ):
        assert (await login(api, email)).status == 200, email


async def test_a_name_and_a_password_may_be_sent_as_numbers_and_in_other_sequences_of_unicode(api, account):
    await account("ann@example.com", username="2024", password="12345678")
    await account("joe@example.com", username="J\u00f6", password="P\u00e4ssword-1")
    assert (await api.post(LOGIN, {"username": 2024, "password": 12345678})).status == 200
    assert (await api.post(LOGIN, {"username": "\ufeffJo\u0308", "password": "Pa\u0308ssword-1"})).status == 200
    assert (await api.post(LOGIN, {"username": "J\u00f6", "password": "P\u00e4ssword-1\u00a0"})).status == 401


async def test_a_username_will_do_in_either_field_unless_two_people_have_it(api, account):
    await account("ann@example.com", username="Ann")
    assert (await api.post(LOGIN, {"username": "ann", "password": PASSWORD})).status == 200
    assert (await api.post(LOGIN, {"username": "ann@example.com", "password": PASSWORD})).status == 200
    assert (await login(api, "ANN")).status == 200
    await account("other@example.com", username="ann")
    assert (await login(api, "ann")).status == 401
    assert (await login(api, "ann@example.com")).status == 200


async def test_an_address_goes_before_a_username_that_looks_like_it(api, account):
    mine = await account("ann@example.com")
    await account("thief@example.com", username="ann@example.com", password="password-of-thief")
    assert (await login(api)).json["user_id"] == mine
    assert (await login(api, password="password-of-thief")).status == 401


async def test_no_username_signs_nobody_in(api, account):
    await account()
    for name in (" ", "\t"):
        assert (await login(api, name)).status == 401


async def test_wrong_unknown_inactive_and_passwordless_are_refused_in_the_same_words(api, account, db):
    await account()
    await account("gone@example.com")
    await account("none@example.com")
    await db.execute("UPDATE accounts.account SET is_active = false WHERE email = 'gone@example.com'")
    await db.execute("UPDATE accounts.account SET password_hash = NULL WHERE email = 'none@example.com'")
    answers = [
        await login(api, password="wrong"), await login(api, "nobody@example.com"), await login(api, "gone@example.com"),
        await login(api, "none@example.com"), await login(api, "'; --"), await login(api, password=PASSWORD.upper()),
        await login(api, password=PASSWORD + " "),
    ]  # fmt: skip
    assert {answer.status for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert {answer.headers["WWW-Authenticate"] for answer in answers} == {'Bearer realm="api"'}
    assert answers[0].json == {
        "success": False,
        "status_code": 401,
        "message": "Invalid email or password",
        "error": "Invalid email or password",
        "detail": "Invalid email or password",
    }


async def test_fields_that_are_missing_or_no_text_are_named(api):
    for body, fields in [
        ({}, {"email": REQUIRED, "password": REQUIRED}),
        ({"email": "a"}, {"password": REQUIRED}),
        ({"password": "a"}, {"email": REQUIRED}),
        ({"email": False, "password": ["x"]}, {"email": ["Not a valid string."], "password": ["Not a valid string."]}),
        (
            {"username": {}, "password": True},
            {"username": ["Not a valid string."], "password": ["Not a valid string."]},
        ),
        (
            {"email": None, "password": None},
            {"email": ["This field may not be null."], "password": ["This field may not be null."]},
        ),
        (
            {"email": "", "password": ""},
            {"email": ["This field may not be blank."], "password": ["This field may not be blank."]},
        ),
        ({"email": "x" * 256, "password": "y"}, {"email": ["Ensure this field has no more than 255 characters."]}),
        ([], {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}),
    ]:
        answer = await api.post(LOGIN, json.dumps(body).encode())
        assert answer.status == 400
        assert answer.json["errors"] == fields, body
        assert {name: answer.json[name] for name in fields} == fields  # the shop's clients read them bare
        assert (answer.json["success"], answer.json["status_code"]) == (False, 400)


async def test_a_nul_or_half_a_letter_is_refused_by_field(api):
    for bad in ("\\u0000", "\\ud800"):
        for field in ("email", "password"):
            body = {"email": "ann@example.com", "password": PASSWORD, field: "PLACE"}
            answer = await api.post(LOGIN, json.dumps(body).replace("PLACE", f"a{bad}b").encode())
            assert answer.status == 400 and list(answer.json["errors"]) == [field]


async def test_a_password_is_never_cut_to_what_bcrypt_reads(api, account):
    longest = "é" * 36
    await account(password=longest)
    assert (await login(api, password=longest)).status == 200
    for longer in (longest + "x", longest + "é", longest * 10):
        assert (await login(api, password=longer)).status == 401


async def test_a_sign_in_is_written_with_where_it_came_from(api, account, db):
    id = await account()
    assert (await login(api, headers={"User-Agent": "Tablet " + "x" * 300})).status == 200
    row = await db.fetchrow("SELECT *, expires_at - created_at AS life FROM accounts.session")
    assert (row["account_id"], row["address"], row["revoked_at"]) == (id, "127.0.0.1", None)
    assert row["user_agent"] == ("Tablet " + "x" * 300)[:255]
    assert row["life"].days == 7
    assert await db.fetchval("SELECT last_login > now() - interval '10 s' FROM accounts.account")
    assert (await login(api, headers={"User-Agent": ""})).status == 200
    assert await db.fetchval("SELECT user_agent FROM accounts.session ORDER BY id DESC LIMIT 1") == ""


async def test_a_refused_sign_in_writes_nothing(api, account, db):
    await account()
    await login(api, password="wrong")
    assert await db.fetchrow(
        "SELECT (SELECT count(*) FROM accounts.session) AS n, last_login FROM accounts.account"
    ) == (0, None)


async def test_an_old_token_sent_along_does_not_hinder_a_sign_in(api, account):
    await account()
    assert (await login(api, token="expired-long-ago")).status == 200


# Access tokens


async def test_a_revoked_or_expired_session_ends_both_its_tokens_at_once(api, account, db):
    await account()
    for change in ("revoked_at = now()", "expires_at = now() - interval '1 s'"):
        tokens = (await login(api)).json
        assert (await api.get(ME, token=tokens["access"])).status == 200
        await db.execute(f"UPDATE accounts.session SET {change} WHERE id = $1", claims_of(tokens["access"])["sid"])
        refused = await within(lambda tokens=tokens: api.get(ME, token=tokens["access"]), 401)
        assert refused.json["code"] == "token_not_valid"
        for path in (STAFF_REFRESH, SHOP_REFRESH):
            refused = await api.post(path, {"refresh": tokens["refresh"]})
            assert (refused.status, refused.json["detail"], refused.json["code"]) == (
                401,
                "Token is invalid",
                "token_not_valid",
            )


async def test_ending_one_session_leaves_the_others(api, account, db):
    await account()
    one, other = (await login(api)).json, (await login(api)).json
    await db.execute("UPDATE accounts.session SET revoked_at = now() WHERE id = $1", claims_of(one["access"])["sid"])
    assert (await api.get(ME, token=other["access"])).status == 200


async def test_a_deactivated_account_is_out_on_its_next_request(api, account, db):
    await account()
    tokens = (await login(api)).json
    assert (await api.get(ME, token=tokens["access"])).status == 200  # so that it is remembered
    await db.execute("UPDATE accounts.account SET is_active = false")
    answer = await within(lambda: api.get(ME, token=tokens["access"]), 401)
    assert (answer.status, answer.json["detail"], answer.json["code"]) == (401, "User is inactive", "user_inactive")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


async def test_a_deleted_accounts_tokens_are_refused_and_never_a_500(api, account, db):
    await account()
    tokens = (await login(api)).json
    assert (await api.get(ME, token=tokens["access"])).status == 200
    await db.execute("DELETE FROM accounts.account")
    gone = await within(lambda: api.get(ME, token=tokens["access"]), 401)
    assert (gone.json["detail"], gone.json["code"]) == ("User not found", "user_not_found")
    invoices = await within(lambda: api.get("/api/sales/invoices/", token=tokens["access"]), 401)
    assert (invoices.status, invoices.json["detail"], invoices.json["code"]) == (
        401,
        "User not found",
        "user_not_found",
    )
    for path in (STAFF_REFRESH, SHOP_REFRESH):
        assert (await api.post(path, {"refresh": tokens["refresh"]})).status == 401


async def test_a_token_that_is_not_ours_is_refused_in_the_documents_words(api, account):
    await account()
    tokens = (await login(api)).json
    good = claims_of(tokens["access"])
    without = {
        name: {k: v for k, v in good.items() if k != name} for name in ("exp", "iat", "jti", "token_type", "sid")
    }
    cases = {
        "Token is invalid": [
            "", "nonsense", "a.b.c", tokens["access"] + "x", forged(good, "another-key-of-at-least-32-bytes!!!!"), forged(good, None, "none"),
            forged(good, KEY * 2, "HS512"), *map(forged, without.values()), forged({**good, "sid": str(good["sid"])}), forged({**good, "sid": 10**12}),
            forged({**good, "sid": True}), forged({**good, "sid": None}), forged({**good, "sid": 10**30}), forged({**good, "sid": -1}),
        ],
        "Token is expired": [forged({**good, "exp": int(time.time()) - 60})],
        "Token has wrong type": [tokens["refresh"], forged({**good, "token_type": "other"})],
    }  # fmt: skip
    for told, bad in cases.items():
        for token in bad:
            answer = await api.get(ME, token=token)
            assert answer.status == 401, token
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'
            assert answer.json == {
                "success": False,
                "status_code": 401,
                "message": "Given token not valid for any token type",
                "error": "Given token not valid for any token type",
                "detail": "Given token not valid for any token type",
                "code": "token_not_valid",
                "messages": [{"token_class": "AccessToken", "token_type": "access", "message": told}],
            }, token


async def test_a_bad_token_is_refused_even_where_none_is_needed_and_where_the_key_would_do(api, invoice):
    assert (await api.get("/api/sales/invoices/", token="bad")).status == 401
    assert (await api.post("/api/sales/import/invoice/", invoice(), token="bad", key="test-import-key")).status == 401


async def test_other_schemes_are_no_token_and_bearer_is_known_in_any_case(api, account):
    await account()
    access = (await login(api)).json["access"]
    for value, status in {
        f"bearer {access}": 200,
        f"BEARER  {access}": 200,
        f"Token {access}": 401,
        f"Basic {access}": 401,
        access: 401,
        "Bearer": 401,
    }.items():
        assert (await api.get(ME, headers={"Authorization": value})).status == status, value[:10]
    assert (await api.get(ME)).json["detail"] == "Authentication credentials were not provided."


async def test_the_role_is_that_of_the_account_now_and_not_of_the_token(api, account, db):
    await account(role="MEMBER")
    tokens = (await login(api)).json
    importing = "/api/sales/import/invoice/"
    assert (await api.post(importing, token=tokens["access"])).status == 403
    await db.execute("UPDATE accounts.account SET role = 'ADMIN'")
    await within(lambda: api.post(importing, token=tokens["access"]), 400)
    assert claims_of((await api.post(SHOP_REFRESH, {"refresh": tokens["refresh"]})).json["access"])["role"] == "ADMIN"


# Refresh


async def test_each_document_gets_its_refresh_answer_and_the_new_tokens_work(api, account):
    await account()
    first = (await login(api)).json
    staff = await api.post(STAFF_REFRESH, {"refresh": first["refresh"]})
    shop = await api.post(SHOP_REFRESH, {"refresh": first["refresh"]})
    assert (staff.status, staff.json.keys()) == (200, {"access", "refresh"})
    assert (shop.status, shop.json.keys()) == (200, {"access"})
    for access in (staff.json["access"], shop.json["access"]):
        assert access != first["access"] and (await api.get(ME, token=access)).status == 200


async def test_the_first_refresh_token_stays_good_and_no_refresh_outlives_its_session(api, account):
    await account()
    first = (await login(api)).json["refresh"]
    for _ in range(3):
        again = (await api.post(STAFF_REFRESH, {"refresh": first})).json["refresh"]
        assert claims_of(again)["exp"] == claims_of(first)["exp"]
        assert (await api.post(STAFF_REFRESH, {"refresh": again})).status == 200


async def test_an_access_token_does_not_outlive_its_session(api, account, db):
    await account()
    tokens = (await login(api)).json
    end = await db.fetchval(
        "UPDATE accounts.session SET expires_at = now() + interval '5 min' RETURNING extract(epoch FROM expires_at)::bigint"
    )
    assert claims_of((await api.post(SHOP_REFRESH, {"refresh": tokens["refresh"]})).json["access"])["exp"] == end


async def test_a_refresh_is_refused_by_the_kind_of_what_is_wrong(api, account, db):
    await account()
    tokens = (await login(api)).json
    good = claims_of(tokens["refresh"])
    expired = forged({**good, "exp": int(time.time()) - 60})
    without_session = forged({k: v for k, v in good.items() if k != "sid"})
    for path in (STAFF_REFRESH, SHOP_REFRESH):
        for token, told in {
            "nonsense": "Token is invalid", expired: "Token is expired", tokens["access"]: "Token has wrong type",
            forged(good, "another-key-of-at-least-32-bytes!!!!"): "Token is invalid", forged(good, None, "none"): "Token is invalid",
            without_session: "Token is invalid", forged({**good, "sid": 10**30}): "Token is invalid", forged({**good, "sid": True}): "Token is invalid",
        }.items():  # fmt: skip
            answer = await api.post(path, {"refresh": token})
            assert (answer.status, answer.json["detail"], answer.json["code"]) == (401, told, "token_not_valid"), told
        for body, told in (
            ({}, REQUIRED),
            ({"refresh": None}, ["This field may not be null."]),
            ({"refresh": True}, ["Not a valid string."]),
            ({"refresh": ""}, ["This field may not be blank."]),
        ):
            answer = await api.post(path, body)
            assert (answer.status, answer.json["refresh"]) == (400, told)
    await db.execute("UPDATE accounts.account SET is_active = false")
    for path in (STAFF_REFRESH, SHOP_REFRESH):
        answer = await api.post(path, {"refresh": tokens["refresh"]})
        assert (answer.status, answer.json["detail"]) == (401, "No active account found for the given token.")


# The limit of failures


both_ways = pytest.mark.parametrize("changed_settings", [{}, {"redis_url": ""}], ids=["redis", "process"])


@both_ways
async def test_ten_failures_lock_the_account_from_that_address_for_a_while(app, api, account):
    await account()
    await account("other@example.com")
    for _ in range(FAILURES):
        assert (await login(api, password="wrong")).status == 401
    for email, password in (
        ("ann@example.com", "wrong"),
        ("ann@example.com", PASSWORD),
        (" ANN@example.com", PASSWORD),
    ):
        answer = await login(api, email, password)
        assert (answer.status, answer.json["status_code"], answer.json["success"]) == (429, 429, False)
        assert 0 < int(answer.headers["Retry-After"]) <= WINDOW
    assert (await login(api, "other@example.com")).status == 200


@both_ways
async def test_failures_by_email_and_by_username_are_one_count(api, account):
    await account("ann@example.com", username="ann")
    for n in range(10):
        login = {"email": "Ann@example.com"} if n % 2 else {"username": "ANN"}
        assert (await api.post(LOGIN, {**login, "password": "wrong"})).status == 401
    for login in ({"email": "ann@example.com"}, {"username": "ann"}):
        assert (await api.post(LOGIN, {**login, "password": PASSWORD})).status == 401  # what the right one is told too


async def test_being_told_to_wait_does_not_tell_which_name_belongs_to_which_account(api, account):
    await account("ann@example.com", username="ann")
    for name in ("ann@example.com", "nobody@example.com"):
        for _ in range(FAILURES):
            assert (await login(api, name, "wrong")).status == 401
        assert (await login(api, name, "wrong")).status == 429
    for name in ("ann", "nobody", "ANN@EXAMPLE.COM ", "#1", "=ann@example.com"):
        assert (await login(api, name, "wrong")).status == (429 if "@" in name and "=" not in name else 401), name


async def test_a_throttle_that_closes_is_noted_once(api, account, db):
    await account("ann@example.com")
    for name in ("ann@example.com", "x" * 255):
        for _ in range(FAILURES + 2):
            await login(api, name, "wrong")
    noted = await db.fetch(
        "SELECT object_id, email FROM operations.audit WHERE action = 'account.sign-in-refused' ORDER BY id DESC LIMIT 2"
    )
    assert [tuple(row) for row in noted] == [("x" * 255, ""), ("ann@example.com", "ann@example.com")]


async def test_an_unknown_account_is_locked_just_the_same(app, api):
    statuses = [(await login(api, "nobody@example.com")).status for _ in range(FAILURES + 2)]
    assert statuses == [401] * FAILURES + [429] * 2


@both_ways
async def test_of_thirty_tries_at_once_no_more_than_ten_learn_that_they_were_wrong(app, api, account):
    await account()
    answers = await asyncio.gather(*(login(api, password="wrong") for _ in range(30)))
    statuses = [answer.status for answer in answers]
    assert set(statuses) == {401, 429} and statuses.count(401) <= FAILURES
    assert all("Retry-After" in answer.headers for answer in answers if answer.status == 429)
    assert (await login(api)).status == 429


@both_ways
async def test_a_success_clears_the_failures(app, api, account):
    await account()
    for _ in range(2):
        for _ in range(FAILURES - 1):
            assert (await login(api, password="wrong")).status == 401
        assert (await login(api)).status == 200


async def test_failures_are_counted_where_other_processes_see_them(app, api, account):
    if app.redis is None:
        pytest.skip(NO_REDIS)
    await account()
    await login(api, password="wrong")
    keys = await app.redis.keys(app.config.redis_prefix + "sign-in:*")
    assert len(keys) == 2  # by name and by account
    for key in keys:
        assert await app.redis.get(key) == b"1" and 0 < await app.redis.ttl(key) <= WINDOW


@pytest.mark.parametrize("changed_settings", [{"redis_url": AWAY}])
async def test_with_redis_away_failures_are_still_counted(app, api, account):
    await account()
    statuses = [(await login(api, password="wrong")).status for _ in range(FAILURES + 1)]
    assert statuses == [401] * FAILURES + [429]


async def test_requests_that_name_no_account_are_not_counted(api, account):
    await account()
    for _ in range(FAILURES + 5):
        assert (await api.post(LOGIN, {"email": "ann@example.com"})).status == 400
    assert (await login(api)).status == 200


# Strict rotation

strict = pytest.mark.parametrize("changed_settings", [{"refresh_token_rotation": "strict"}])


async def renewed(api, refresh, path=STAFF_REFRESH):
    return await api.post(path, {"refresh": refresh})


async def past_grace(db):
    """The last renewals were so long ago that the tokens before them are no longer accepted."""
    await db.execute(
        "UPDATE accounts.session SET renewed_at = renewed_at - make_interval(secs => $1)", REFRESH_GRACE_SECONDS
    )


@strict
async def test_strictly_a_refresh_token_is_good_for_one_renewal_and_the_next_goes_on(app, api, account):
    await account()
    tokens = (await login(api)).json
    for _ in range(3):
        answer = await renewed(api, tokens["refresh"])
        assert answer.status == 200
        tokens = answer.json
        assert (await api.get(ME, token=tokens["access"])).status == 200


@strict
@pytest.mark.parametrize("path", [STAFF_REFRESH, SHOP_REFRESH])
async def test_strictly_using_an_older_refresh_token_ends_the_session_at_once(app, api, account, db, path):
    id = await account()
    first, other = (await login(api)).json, (await login(api)).json
    second = (await renewed(api, first["refresh"])).json
    assert (await api.get(ME, token=second["access"])).status == 200
    await past_grace(db)
    reused = await renewed(api, first["refresh"], path)
    assert (reused.status, reused.json["detail"], reused.json["code"]) == (
        401,
        "Token is blacklisted",
        "token_not_valid",
    )
    assert (await api.get(ME, token=second["access"])).status == 401
    assert (await renewed(api, second["refresh"])).status == 401
    assert (await api.get(ME, token=other["access"])).status == 200
    entry = await db.fetchrow("SELECT * FROM operations.audit WHERE action = 'session.reuse' ORDER BY id DESC LIMIT 1")
    assert (entry["account_id"], entry["object_type"], entry["object_id"]) == (
        id,
        "session",
        str(claims_of(first["access"])["sid"]),
    )


@strict
async def test_strictly_the_refresh_that_gives_no_new_token_leaves_the_old_one_good(app, api, account):
    await account()
    refresh = (await login(api)).json["refresh"]
    for _ in range(3):
        assert (await renewed(api, refresh, SHOP_REFRESH)).status == 200
    assert (await renewed(api, refresh)).status == 200


@strict
@pytest.mark.parametrize("path", [STAFF_REFRESH, SHOP_REFRESH])
async def test_strictly_the_token_before_the_newest_leads_to_the_same_successor_for_a_while(
    app, api, account, db, path
):
    await account()
    first = (await login(api)).json["refresh"]
    second = (await renewed(api, first)).json["refresh"]
    for _ in range(2):
        again = await renewed(api, first, path)
        assert again.status == 200 and (await api.get(ME, token=again.json["access"])).status == 200
        if path == STAFF_REFRESH:
            names = ("sid", "gen", "user_id", "exp")
            assert [claims_of(again.json["refresh"])[name] for name in names] == [
                claims_of(second)[name] for name in names
            ]
    third = await renewed(api, second)
    assert third.status == 200
    # Two renewals later it is a used one.
    assert (await renewed(api, first, path)).json["detail"] == "Token is blacklisted"
    assert (await renewed(api, third.json["refresh"])).status == 401


@strict
async def test_strictly_tabs_that_renew_at_once_all_go_on_with_one_successor(app, api, account, db):
    await account()
    refresh = (await login(api)).json["refresh"]
    answers = await asyncio.gather(*(renewed(api, refresh) for _ in range(16)))
    assert [answer.status for answer in answers] == [200] * 16
    assert {claims_of(answer.json["refresh"])["gen"] for answer in answers} == {1}
    assert await db.fetchval("SELECT refreshes FROM accounts.session") == 1
    assert (await renewed(api, answers[7].json["refresh"])).status == 200


@strict
async def test_strictly_of_sixteen_uses_of_an_old_token_one_is_noted_and_the_session_is_over(app, api, account, db):
    await account()
    refresh = (await login(api)).json["refresh"]
    assert (await renewed(api, refresh)).status == 200
    await past_grace(db)
    answers = await asyncio.gather(*(renewed(api, refresh) for _ in range(16)))
    assert [answer.status for answer in answers] == [401] * 16
    assert await db.fetchval("SELECT revoked_at IS NOT NULL FROM accounts.session")
    assert (
        await db.fetchval(
            "SELECT count(*) FROM operations.audit WHERE action = 'session.reuse' AND object_id = $1",
            str(claims_of(refresh)["sid"]),
        )
        == 1
    )


@strict
async def test_strictly_an_older_refresh_token_does_not_verify(app, api, account):
    await account()
    first = (await login(api)).json["refresh"]
    second = (await renewed(api, first)).json["refresh"]
    assert [(await api.post("/api/auth/token/verify/", {"token": token})).status for token in (first, second)] == [
        401,
        200,
    ]


@strict
async def test_strictly_a_token_from_before_generations_is_the_first_one(app, api, account):
    await account()
    good = claims_of((await login(api)).json["refresh"])
    assert (await renewed(api, forged({k: v for k, v in good.items() if k != "gen"}))).status == 200


@strict
async def test_strictly_the_refusals_stay_as_they_are(app, api, account, db):
    await account()
    good = claims_of((await login(api)).json["refresh"])
    for generation in (True, "0", None, -1, 2**31, 0.0):
        answer = await renewed(api, forged({**good, "gen": generation}))
        assert (answer.status, answer.json["detail"]) == (401, "Token is invalid")
    await db.execute("UPDATE accounts.account SET is_active = false")
    assert (await renewed(api, forged(good))).json["detail"] == "No active account found for the given token."

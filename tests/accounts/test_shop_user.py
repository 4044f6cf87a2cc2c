"""The shop's people (docs/api/accounts.md#shop-users): who may do what to whom, and races."""

import asyncio
import json
from itertools import count

import pytest

from core.http import schema
from handlers.api.roles import ROLES, STRANGERS

pytestmark = pytest.mark.gen_test

PEOPLE, ME, LOGIN = "/api/users/", "/api/users/me/", "/api/auth/login/"
PASSWORD = "password123"
REQUIRED, BLANK, NULL = ["This field is required."], ["This field may not be blank."], ["This field may not be null."]
NO_TEXT, NO_EMAIL = ["Not a valid string."], ["Enter a valid email address."]
TAKEN = {"email": ["custom user with this email already exists."]}
FORBIDDEN = {"detail": "You do not have permission to perform this action."}
ABOVE = {"detail": "You may not give a role above your own."}
ABOVE_ACCOUNT = {"detail": "You may not change an account whose role is above your own."}
SHAPE = ["id", "username", "first_name", "last_name", "email", "phone_number", "address", "role", "is_active"]
_numbers = count(1)

# Each field with values it refuses and what is said of them.
BAD = [
    *[(field, value, told) for field in ("username", "first_name", "last_name") for value, told in [
        ("", BLANK), (" \t\n", BLANK), (None, NULL), ([], NO_TEXT), ({}, NO_TEXT), (True, NO_TEXT),
        ("x" * 151, ["Ensure this field has no more than 150 characters."]),
        ("x" * 1_000_000, ["Ensure this field has no more than 150 characters."]),
    ]],
    *[("email", value, NO_EMAIL) for value in ("nobody", "a@b", "a b@c.example", "@b.example", "a\n@b.example", "a@b.example,c@d.example")],
    ("email", "", BLANK), ("email", " \n", BLANK),
    ("email", None, NULL), ("email", 5, NO_EMAIL), ("email", ["a@b.example"], NO_TEXT),
    ("email", "a" * 60 + "@" + "b" * 63 + "." + "c" * 63 + "." + "d" * 60 + ".example", ["Ensure this field has no more than 254 characters."]),
    *[(field, value, told) for field, most in (("phone_number", 20), ("address", 200)) for value, told in [
        (None, NULL), ({}, NO_TEXT), ("x" * (most + 1), [f"Ensure this field has no more than {most} characters."]),
    ]],
    *[("role", value, [f'"{value}" is not a valid choice.']) for value in ("admin", "ADMINS", "", "KING", 5)],
    ("role", None, NULL),
    ("password", "", BLANK), ("password", "      ", BLANK), ("password", None, NULL), ("password", 12345, ["Password must be at least 6 characters long"]),
    ("password", "x" * 129, ["Ensure this field has no more than 128 characters."]),
    ("password", "short", ["Password must be at least 6 characters long"]),
    ("password", "é" * 36 + "x", ["Ensure this field has no more than 72 bytes."]),
]  # fmt: skip


@pytest.fixture(autouse=True)
def clean(io_loop, db, process):
    """No accounts left of the test before, not even the last SUPERADMIN, whom a trigger keeps."""

    async def clean():
        await db.execute("ALTER TABLE accounts.account DISABLE TRIGGER account_last_superadmin_kept")
        await db.execute("DELETE FROM accounts.account")
        await db.execute("ALTER TABLE accounts.account ENABLE TRIGGER account_last_superadmin_kept")

    io_loop.run_sync(clean)


def person(**changes):
    """A body that makes somebody new."""
    number = next(_numbers)
    return {
        "username": f"laura{number}",
        "email": f"laura{number}@enterprise.com",
        "password": PASSWORD,
        "first_name": "Laura",
        "last_name": "Mendez",
        "phone_number": "555-9876",
        "address": "Second Ave 45",
        "role": "EMPLOYEE",
        **changes,
    }


def without(body, *names):
    return {name: value for name, value in body.items() if name not in names}


@pytest.fixture
def owner(sign_in, io_loop, clean):
    return io_loop.run_sync(lambda: sign_in("OWNER"))["access"]


@pytest.fixture
def made(api, owner):
    """`await made(role="ADMIN")`: somebody new, as POST answers, with the body's password."""

    async def made(**changes):
        answer = await api.post(PEOPLE, person(**changes), token=owner)
        assert answer.status == 201, answer.text
        return answer.json

    return made


async def login(api, email, password=PASSWORD):
    return await api.post(LOGIN, {"email": email, "password": password})


def of(someone):
    return f"{PEOPLE}{someone['id']}/"


# Reading and making


async def test_an_employee_is_made_as_the_document_says_and_can_sign_in(api, owner, db):
    body = person()
    answer = await api.post(PEOPLE, body, token=owner)
    assert answer.status == 201 and list(answer.json) == SHAPE
    assert answer.json == {"id": answer.json["id"], "is_active": True, **without(body, "password")}
    assert await db.fetchval("SELECT id FROM accounts.account WHERE email = $1", body["email"]) == answer.json["id"]
    assert (await login(api, body["email"])).json["role"] == "EMPLOYEE"


async def test_what_is_optional_has_its_documented_default(api, owner):
    made = (await api.post(PEOPLE, without(person(), "phone_number", "address", "role"), token=owner)).json
    assert (made["phone_number"], made["address"], made["role"]) == ("", "", "EMPLOYEE")
    made = (await api.post(PEOPLE, person(phone_number="", address=""), token=owner)).json
    assert (made["phone_number"], made["address"]) == ("", "")


async def test_blanks_around_are_no_part_of_a_value_and_unknown_or_read_only_fields_are_ignored(api, owner):
    body = person(
        username=" \t laura ", first_name=" Laura\n", last_name="\fMendez ", phone_number=" 555 ", address=" Ave 1 "
    )
    made = (
        await api.post(PEOPLE, {**body, "id": 1, "is_active": False, "is_staff": True, "salary": 7}, token=owner)
    ).json
    assert [made[name] for name in SHAPE[1:4]] == ["laura", "Laura", "Mendez"]
    assert (made["phone_number"], made["address"], made["is_active"]) == ("555", "Ave 1", True) and made["id"] != 1


async def test_who_made_an_account_is_kept_and_a_superadmin_is_a_superuser(api, sign_in, db):
    boss = await sign_in("SUPERADMIN")
    made = (await api.post(PEOPLE, person(role="SUPERADMIN"), token=boss["access"])).json
    row = await db.fetchrow("SELECT created_by, is_superuser, is_staff FROM accounts.account WHERE id = $1", made["id"])
    assert row == (boss["user_id"], True, True)


async def test_the_list_is_a_bare_array_of_the_active_people_of_the_firm_by_id(api, made, sign_in, owner):
    for role in ROLES:
        await sign_in(role)
    gone, last = await made(), await made()
    assert (await api.call("DELETE", of(gone), token=owner)).status == 204
    answer = await api.get(PEOPLE + "?page=2&limit=1&search=nobody", token=owner)
    listed = answer.json
    assert answer.status == 200 and isinstance(listed, list) and list(listed[0]) == SHAPE
    assert [one["id"] for one in listed] == sorted(one["id"] for one in listed)
    assert {one["role"] for one in listed} == set(ROLES) - set(STRANGERS)
    assert all(one["is_active"] for one in listed) and gone["id"] not in {one["id"] for one in listed}
    assert listed[-1] == last == (await api.get(of(last), token=owner)).json


async def test_usernames_need_not_be_unique(made):
    assert (await made(username="cajero"))["username"] == (await made(username="cajero"))["username"]


async def test_no_password_is_ever_shown(api, made, owner):
    someone = await made()
    for answer in (
        await api.get(PEOPLE, token=owner),
        await api.get(of(someone), token=owner),
        await api.get(ME, token=owner),
    ):
        assert "password" not in answer.text and "$2b$" not in answer.text


async def test_the_schemas_know_every_role():
    for name in ("create", "replace", "change"):
        assert schema.load(f"accounts/shop_user_{name}").document["$defs"]["role"]["enum"] == [
            role for role in ROLES if role not in STRANGERS
        ]


# What is refused


async def test_a_bad_field_is_named_and_nothing_is_made_or_changed(subtests, api, made, owner, db):
    for field, value, told in BAD:
        with subtests.test(field=field, value=value, told=told):
            someone = await made()
            before = await db.fetchval("SELECT array_agg(a ORDER BY id)::text FROM accounts.account a")
            for method, path, body in [
                ("POST", PEOPLE, person(**{field: value})), ("PUT", of(someone), person(**{field: value})),
                ("PATCH", of(someone), {field: value}), ("PUT", ME, {field: value}), ("PATCH", ME, {field: value}),
            ]:  # fmt: skip
                if path == ME and field == "role":
                    continue
                answer = await api.call(method, path, body, token=owner)
                assert (answer.status, answer.json) == (400, {field: told}), (method, path)
            assert await db.fetchval("SELECT array_agg(a ORDER BY id)::text FROM accounts.account a") == before


async def test_all_that_is_missing_is_named_at_once(api, made, owner):
    names = ("username", "email", "password", "first_name", "last_name")
    assert (await api.post(PEOPLE, {}, token=owner)).json == {name: REQUIRED for name in names}
    put = await api.call("PUT", of(await made()), {}, token=owner)
    assert (put.status, put.json) == (400, {name: REQUIRED for name in names if name != "password"})
    answer = await api.post(PEOPLE, {**person(email="x"), "first_name": "", "phone_number": []}, token=owner)
    assert answer.json == {"email": NO_EMAIL, "first_name": BLANK, "phone_number": NO_TEXT}


async def test_a_body_that_is_no_object_or_no_json_is_refused_as_such(api, made, owner):
    someone = await made()
    for method, path in [("POST", PEOPLE), ("PUT", of(someone)), ("PATCH", of(someone)), ("PUT", ME), ("PATCH", ME)]:
        for body in (b"[]", b'"x"', b"5", b"null"):
            answer = await api.call(method, path, body, token=owner)
            assert answer.status == 400 and list(answer.json) == ["non_field_errors"], (method, path, body)
        for body in (b"{", b"", b"\xff"):
            answer = await api.call(method, path, body, token=owner)
            assert answer.status == 400 and answer.json["detail"].startswith("JSON parse error - "), (
                method,
                path,
                body,
            )


async def test_a_nul_or_half_a_letter_is_refused_by_field(api, owner):
    for bad in ("\\u0000", "\\ud800"):
        for field in ("username", "email", "password", "first_name", "last_name", "phone_number", "address", "role"):
            sent = json.dumps(person(**{field: "PLACE"})).replace("PLACE", f"a{bad}b").encode()
            answer = await api.call("POST", PEOPLE, sent, token=owner)
            assert answer.status == 400 and list(answer.json) == [field]


async def test_an_email_is_taken_whatever_its_case_and_even_by_one_who_was_deleted(api, made, owner):
    someone, other = await made(), await made()
    assert (await api.call("DELETE", of(other), token=owner)).status == 204
    for email in (someone["email"], someone["email"].upper(), other["email"]):
        answer = await api.post(PEOPLE, person(email=email), token=owner)
        assert (answer.status, answer.json) == (400, TAKEN)
        third = await made()
        for method, path, body in [
            ("PATCH", of(third), {"email": email}), ("PUT", of(third), person(email=email)), ("PATCH", ME, {"email": email}),
        ]:  # fmt: skip
            answer = await api.call(method, path, body, token=owner)
            assert (answer.status, answer.json) == (400, TAKEN), method
    assert (await api.call("PATCH", of(someone), {"email": someone["email"].upper()}, token=owner)).status == 200


async def test_an_unknown_malformed_deleted_or_strange_id_is_not_found(api, made, owner, sign_in):
    gone = await made()
    assert (await api.call("DELETE", of(gone), token=owner)).status == 204
    strangers = [(await sign_in(role))["user_id"] for role in STRANGERS]
    for id in (gone["id"], *strangers, 0, 999_999_999, 10**18 - 1, 10**30, "abc", "1.5", "-1", "%00", "1%20", "²"):
        path = f"{PEOPLE}{id}/".replace("²", "%C2%B2")
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            body = person() if method in ("PUT", "PATCH") else None
            answer = await api.call(method, path, body, token=owner)
            assert (answer.status, answer.json["detail"]) == (404, "Not found."), path


async def test_an_employee_is_refused_before_the_body_is_looked_at(api, made, sign_in):
    someone = await made()
    for role in await asyncio.gather(
        *(sign_in(role) for role in ("EMPLOYEE", "PICKER", "VENDOR", "MEMBER", "SALESREP"))
    ):
        for method, path in [
            ("GET", PEOPLE), ("POST", PEOPLE), *((method, of(someone)) for method in ("GET", "PUT", "PATCH", "DELETE")),
        ]:  # fmt: skip
            answer = await api.call(method, path, b"{bad", token=role["access"])
            assert (answer.status, answer.json) == (403, FORBIDDEN), (method, path)


async def test_without_a_token_it_is_401_and_another_method_405(api, made, owner):
    someone = await made()
    for path in (PEOPLE, ME, of(someone)):
        answer = await api.get(path)
        assert (answer.status, answer.json) == (401, {"detail": "Authentication credentials were not provided."})
    for method, path in [
        ("PUT", PEOPLE),
        ("PATCH", PEOPLE),
        ("DELETE", PEOPLE),
        ("POST", of(someone)),
        ("DELETE", ME),
        ("POST", ME),
    ]:
        answer = await api.call(method, path, {}, token=owner)
        assert (answer.status, answer.json) == (405, {"detail": f'Method "{method}" not allowed.'}), path


# Changing and deleting


async def test_put_keeps_what_is_optional_and_left_out_and_patch_changes_one_field(api, made, owner):
    someone = await made(role="ADMIN")
    body = without(person(), "password", "phone_number", "address", "role")
    put = await api.call("PUT", of(someone), body, token=owner)
    assert (put.status, put.json) == (200, {**someone, **body})
    for name, value in {
        "username": "u2",
        "first_name": "Ana",
        "last_name": "Paz",
        "phone_number": "",
        "address": "",
        "role": "EMPLOYEE",
    }.items():
        before = (await api.get(of(someone), token=owner)).json
        patch = await api.call("PATCH", of(someone), {name: value, "is_active": False, "id": 5}, token=owner)
        assert (patch.status, patch.json) == (200, {**before, name: value})
    assert (await api.call("PATCH", of(someone), {}, token=owner)).json == patch.json


async def test_the_shops_names_are_the_one_name_of_the_staff_api(api, made, owner, db):
    someone = await made()
    await api.call("PATCH", of(someone), {"first_name": "Laura Elena"}, token=owner)
    assert await db.fetchval("SELECT name FROM accounts.account WHERE id = $1", someone["id"]) == "Laura Elena Mendez"


async def test_a_new_password_replaces_the_old_and_ends_every_session_of_the_account(api, made, owner):
    someone = await made()
    for method, body, password in [
        ("PATCH", {}, "other-password"),
        ("PUT", person(email=someone["email"]), "third-password"),
    ]:
        tokens = [
            (await login(api, someone["email"], "other-password" if method == "PUT" else PASSWORD)).json
            for _ in range(2)
        ]
        assert (await api.call(method, of(someone), {**body, "password": password}, token=owner)).status == 200
        for one in tokens:
            assert (await api.get(ME, token=one["access"])).status == 401
            assert (await api.post("/api/auth/refresh/", {"refresh": one["refresh"]})).status == 401
        assert (await login(api, someone["email"])).status == 401
        assert (await login(api, someone["email"], password)).status == 200
    assert (await api.get(ME, token=owner)).status == 200


async def test_other_changes_end_no_session(api, made, owner):
    someone = await made()
    token = (await login(api, someone["email"])).json["access"]
    for body in ({"email": "new@enterprise.com"}, {"role": "ADMIN"}, {"phone_number": "1"}):
        assert (await api.call("PATCH", of(someone), body, token=owner)).status == 200
    assert (await api.get(ME, token=token)).json["role"] == "ADMIN"
    assert (await login(api, "new@enterprise.com")).status == 200


async def test_a_password_of_exactly_72_bytes_is_taken_whole(api, owner):
    body = person(password="é" * 36)
    assert (await api.post(PEOPLE, body, token=owner)).status == 201
    assert (await login(api, body["email"], "é" * 36)).status == 200
    assert (await login(api, body["email"], "é" * 35)).status == 401


async def test_a_deleted_person_is_out_at_once_and_keeps_the_row(api, made, owner, db):
    someone = await made()
    tokens = (await login(api, someone["email"])).json
    answer = await api.call("DELETE", of(someone), token=owner)
    assert (answer.status, answer.text) == (204, "")
    refused = await api.get(ME, token=tokens["access"])
    assert (refused.status, refused.json) == (401, {"detail": "User is inactive", "code": "user_inactive"})
    assert (await api.post("/api/auth/refresh/", {"refresh": tokens["refresh"]})).status == 401
    assert (await login(api, someone["email"])).status == 401
    assert (await api.call("DELETE", of(someone), token=owner)).status == 404
    assert await db.fetchval(
        "SELECT bool_and(revoked_at IS NOT NULL) FROM accounts.session WHERE account_id = $1", someone["id"]
    )
    assert not await db.fetchval("SELECT is_active FROM accounts.account WHERE id = $1", someone["id"])


async def test_an_owner_may_delete_themselves(api, sign_in):
    tokens = await sign_in("ADMIN")
    assert (await api.call("DELETE", f"{PEOPLE}{tokens['user_id']}/", token=tokens["access"])).status == 204
    assert (await api.get(PEOPLE, token=tokens["access"])).status == 401


@pytest.mark.parametrize("changed_settings", [{"password_policy": "strict"}])
async def test_with_the_strict_policy_passwords_are_held_to_the_rules_of_books(app, api, made, owner):
    someone = await made(password="correct-horse-battery")
    for password, told in {
        "seven77": ["Password must be at least 8 characters long"],
        "password1": ["This password is too common."],
        "314159265358": ["This password is entirely numeric."],
        someone["email"]: ["The password is too similar to your name or e-mail address."],
        "mendez12": ["The password is too similar to your name or e-mail address."],
    }.items():
        same = {name: someone[name] for name in ("username", "email", "first_name", "last_name")}
        for method, path, body in [
            ("PATCH", of(someone), {}), ("PUT", of(someone), same), ("POST", PEOPLE, {**same, "email": "9@9.example"}),
        ]:  # fmt: skip
            if path == PEOPLE and password == someone["email"]:
                continue
            answer = await api.call(method, path, {**body, "password": password}, token=owner)
            assert (answer.status, answer.json) == (400, {"password": told}), (method, password)
    token = (await login(api, someone["email"], "correct-horse-battery")).json["access"]
    answer = await api.call("PATCH", ME, {"last_name": "Quetzal", "password": "quetzal1"}, token=token)
    assert answer.json == {"password": ["The password is too similar to your name or e-mail address."]}


# One's own


async def test_everyone_reads_and_changes_their_own_and_role_and_is_active_are_ignored(api, sign_in):
    for role in ROLES:
        tokens = await sign_in(role)
        own = (await api.get(ME, token=tokens["access"])).json
        assert list(own) == SHAPE and (own["id"], own["role"]) == (tokens["user_id"], role)
        for method in ("PUT", "PATCH"):
            body = {"first_name": "Laura Elena", "phone_number": f"555-{method}"}
            rest = {"role": "SUPERADMIN", "is_active": False, "id": 1, "is_staff": True, "is_superuser": True}
            answer = await api.call(method, ME, {**body, **rest}, token=tokens["access"])
            assert (answer.status, answer.json) == (200, {**own, **body}), role
        for ignored in ("KING", 5, None, []):
            assert (await api.call("PUT", ME, {"role": ignored}, token=tokens["access"])).json["role"] == role


async def test_nobody_gets_flags_by_changing_their_own(api, sign_in, db):
    tokens = await sign_in("EMPLOYEE")
    body = {"role": "OWNER", "is_staff": True, "is_superuser": True, "created_by": 1, "password_hash": "x"}
    assert (await api.call("PUT", ME, body, token=tokens["access"])).status == 200
    row = await db.fetchrow(
        "SELECT role, is_staff, is_superuser, created_by FROM accounts.account WHERE id = $1", tokens["user_id"]
    )
    assert row == ("EMPLOYEE", False, False, None)
    assert (await api.get(PEOPLE, token=tokens["access"])).status == 403


async def test_ones_own_new_password_ends_the_other_sessions_and_not_this_one(api, made):
    someone = await made()
    one, other = (await login(api, someone["email"])).json, (await login(api, someone["email"])).json
    answer = await api.call(
        "PUT", ME, {"password": "other-password", "email": "elsewhere@enterprise.com"}, token=one["access"]
    )
    assert answer.json == {**someone, "email": "elsewhere@enterprise.com"}
    assert (await api.get(ME, token=one["access"])).status == 200
    assert (await api.get(ME, token=other["access"])).status == 401
    assert (await login(api, "elsewhere@enterprise.com", "other-password")).status == 200


async def test_ones_own_new_password_by_id_ends_the_other_sessions(api, sign_in):
    other, tokens = await sign_in("ADMIN", "own-reset@example.com"), await sign_in("ADMIN", "own-reset@example.com")
    body = {"password": "other-password"}
    assert (await api.call("PATCH", f"{PEOPLE}{tokens['user_id']}/", body, token=tokens["access"])).status == 200
    assert (await api.get(ME, token=tokens["access"])).status == 200
    assert (await api.get(ME, token=other["access"])).status == 401


# Who may do what to whom


async def test_nobody_gives_a_role_above_their_own(api, made, sign_in):
    someone, body = await made(), person(role="SUPERADMIN")
    for role in ("ADMIN", "OWNER"):
        token = (await sign_in(role))["access"]
        for method, path in [("POST", PEOPLE), ("PUT", of(someone)), ("PATCH", of(someone))]:
            answer = await api.call(method, path, body, token=token)
            assert (answer.status, answer.json) == (403, ABOVE), (role, method)
        for allowed in ROLES:
            if allowed != "SUPERADMIN" and allowed not in STRANGERS:
                assert (await api.post(PEOPLE, person(role=allowed), token=token)).status == 201, (role, allowed)
    boss = (await sign_in("SUPERADMIN"))["access"]
    assert (await api.call("PATCH", of(someone), {"role": "SUPERADMIN"}, token=boss)).json["role"] == "SUPERADMIN"


async def test_nobody_changes_or_deletes_an_account_whose_role_is_above_their_own(api, sign_in, db):
    boss = await sign_in("SUPERADMIN")
    await sign_in("SUPERADMIN", "second@example.com")
    path = f"{PEOPLE}{boss['user_id']}/"
    before = await db.fetchrow("SELECT * FROM accounts.account WHERE id = $1", boss["user_id"])
    for role in ("ADMIN", "OWNER"):
        token = (await sign_in(role))["access"]
        assert (await api.get(path, token=token)).status == 200
        for method, body in [
            ("PATCH", {"password": "taken-over"}), ("PATCH", {"email": "me@example.com"}), ("PATCH", {"role": "EMPLOYEE"}), ("PATCH", {}),
            ("PUT", person(role="EMPLOYEE")), ("DELETE", None),
        ]:  # fmt: skip
            answer = await api.call(method, path, body, token=token)
            assert (answer.status, answer.json) == (403, ABOVE_ACCOUNT), (role, method, body)
    assert await db.fetchrow("SELECT * FROM accounts.account WHERE id = $1", boss["user_id"]) == before


async def test_equals_may_change_each_other(api, sign_in, made):
    admin, other = await sign_in("ADMIN"), await made(role="OWNER")
    for method, body in [
        ("PATCH", {"role": "ADMIN"}),
        ("PATCH", {"role": "OWNER"}),
        ("PATCH", {"password": "other-password"}),
        ("DELETE", None),
    ]:
        assert (await api.call(method, of(other), body, token=admin["access"])).status in (200, 204)


async def test_nobody_raises_their_own_role_and_all_may_keep_or_lower_it(api, sign_in, db):
    for role, other in (("ADMIN", "OWNER"), ("OWNER", "ADMIN")):
        tokens = await sign_in(role)
        path = f"{PEOPLE}{tokens['user_id']}/"
        for raised, told in {"SUPERADMIN": ABOVE, other: {"detail": "You may not give yourself that role."}}.items():
            answer = await api.call("PATCH", path, {"role": raised}, token=tokens["access"])
            assert (answer.status, answer.json) == (403, told), (role, raised)
        assert (
            await api.call("PUT", path, without(person(role=role), "password"), token=tokens["access"])
        ).status == 200
        assert (await api.call("PATCH", path, {"role": "EMPLOYEE"}, token=tokens["access"])).json["role"] == "EMPLOYEE"
        assert (await api.get(PEOPLE, token=tokens["access"])).status == 403


async def test_one_who_administers_by_flag_gives_no_role_above_their_own_and_loses_the_flag_with_the_role(
    api, sign_in, made, db, owner
):
    picker, someone = await sign_in("PICKER"), await made(role="ADMIN")
    await db.execute(
        "UPDATE accounts.account SET is_staff = true WHERE id = ANY ($1)", [picker["user_id"], someone["id"]]
    )
    await asyncio.sleep(0.15)  # callers are remembered that long without news
    assert (await api.post(PEOPLE, person(role="ADMIN"), token=picker["access"])).json == ABOVE
    assert (await api.post(PEOPLE, person(role="EMPLOYEE"), token=picker["access"])).status == 201
    assert (await api.call("DELETE", of(someone), token=picker["access"])).json == ABOVE_ACCOUNT
    token = (await login(api, someone["email"])).json["access"]
    for role, status in {"OWNER": 200, "EMPLOYEE": 403}.items():
        assert (await api.call("PATCH", of(someone), {"role": role}, token=owner)).status == 200
        assert (await api.get(PEOPLE, token=token)).status == status
    assert (await api.call("PATCH", f"{PEOPLE}{picker['user_id']}/", {"role": "PICKER"}, token=owner)).status == 200
    assert (await api.get(PEOPLE, token=picker["access"])).status == 200


async def test_the_last_superadmin_stays(api, sign_in, db):
    boss, second = await sign_in("SUPERADMIN"), await sign_in("SUPERADMIN", "second@example.com")
    path = f"{PEOPLE}{boss['user_id']}/"
    assert (await api.call("DELETE", f"{PEOPLE}{second['user_id']}/", token=boss["access"])).status == 204
    for method, body in [("DELETE", None), ("PATCH", {"role": "ADMIN"}), ("PUT", person(role="EMPLOYEE"))]:
        answer = await api.call(method, path, body, token=boss["access"])
        assert (answer.status, answer.json) == (400, {"detail": "At least one SUPERADMIN must remain."}), method
    assert (await api.get(path, token=boss["access"])).json["role"] == "SUPERADMIN"


async def test_a_change_of_role_is_felt_on_the_next_request(api, made, owner):
    someone = await made()
    token = (await login(api, someone["email"])).json["access"]
    for role, status in (("ADMIN", 200), ("EMPLOYEE", 403), ("OWNER", 200), ("STORE", 403)):
        assert (await api.call("PATCH", of(someone), {"role": role}, token=owner)).status == 200
        assert (await api.get(PEOPLE, token=token)).status == status, role


async def test_who_is_no_longer_of_the_firm_is_not_found_any_more(api, made, owner):
    someone = await made()
    answer = await api.call("PATCH", f"/api/auth/users/{someone['id']}/", {"role": "MEMBER"}, token=owner)
    assert answer.status == 200
    assert (await api.get(of(someone), token=owner)).status == 404
    assert someone["id"] not in [one["id"] for one in (await api.get(PEOPLE, token=owner)).json]


async def test_a_stranger_is_not_made_here(api, made, owner):
    someone = await made()
    for role in STRANGERS:
        for method, path, sent in (("POST", PEOPLE, person(role=role)), ("PATCH", of(someone), {"role": role})):
            answer = await api.call(method, path, sent, token=owner)
            assert (answer.status, answer.json) == (400, {"role": [f'"{role}" is not a valid choice.']})


# Audit


async def test_each_change_is_noted_with_what_changed_and_never_a_secret(api, owner, made, db):
    someone = await made()
    await api.call("PATCH", of(someone), {"phone_number": "1", "password": "other-password"}, token=owner)
    await api.call("PATCH", of(someone), {"phone_number": "1"}, token=owner)
    await api.call("DELETE", of(someone), token=owner)
    entries = await db.fetch(
        "SELECT u.action, u.email, u.before::text, u.after::text FROM operations.audit u JOIN accounts.account a"
        " ON u.object_id = a.public_id::text AND a.id = $1 WHERE u.object_type = 'account' ORDER BY u.id",
        someone["id"],
    )
    created, updated, deactivated = [{**entry} for entry in entries]
    assert {entry["email"] for entry in entries} == {"owner@example.com"}
    assert (created["action"], created["before"]) == ("account.create", None)
    assert json.loads(created["after"])["email"] == someone["email"]
    assert (updated["action"], json.loads(updated["before"]), json.loads(updated["after"])) == (
        "account.update",
        {"phone": "555-9876", "password_hash": "***"},
        {"phone": "1", "password_hash": "***"},
    )
    assert (deactivated["action"], json.loads(deactivated["before"]), json.loads(deactivated["after"])) == (
        "account.deactivate",
        {"is_active": True},
        {"is_active": False},
    )
    assert not any("$2b$" in str(entry) for entry in entries)


async def test_what_is_refused_leaves_no_entry(api, owner, made, db):
    someone = await made()
    before = await db.fetchval("SELECT count(*) FROM operations.audit")
    await api.post(PEOPLE, person(email=someone["email"]), token=owner)
    await api.call("PATCH", of(someone), {"role": "SUPERADMIN"}, token=owner)
    await api.call("PATCH", f"{PEOPLE}999999/", {"username": "x"}, token=owner)
    assert await db.fetchval("SELECT count(*) FROM operations.audit") == before


# At once


async def test_of_sixteen_who_take_one_email_at_once_one_gets_it(api, owner, db):
    emails = ["race@enterprise.com", "RACE@enterprise.com"] * 8
    answers = await asyncio.gather(*(api.post(PEOPLE, person(email=email), token=owner) for email in emails))
    assert sorted(answer.status for answer in answers) == [201] + [400] * 15
    assert all(answer.json == TAKEN for answer in answers if answer.status == 400)
    assert await db.fetchval("SELECT count(*) FROM accounts.account WHERE lower(email) = 'race@enterprise.com'") == 1


async def test_two_accounts_that_take_each_others_or_one_email_at_once_end_without_a_500(api, owner, made):
    someone, other = await made(), await made()
    answers = await asyncio.gather(
        *(
            api.call("PATCH", of(one), {"email": "same@enterprise.com"}, token=owner)
            for one in (someone, other)
            for _ in range(4)
        )
    )
    assert {answer.status for answer in answers} == {200, 400}
    holders = [(await api.get(of(one), token=owner)).json["email"] for one in (someone, other)]
    assert holders.count("same@enterprise.com") == 1


async def test_of_sixteen_deletes_at_once_one_deletes_and_changes_beside_it_are_whole_or_not_found(
    api, owner, made, db
):
    someone = await made()
    deletes = [api.call("DELETE", of(someone), token=owner) for _ in range(16)]
    changes = [
        api.call("PATCH", of(someone), {"phone_number": str(n), "password": f"password-{n}"}, token=owner)
        for n in range(8)
    ]
    answers = await asyncio.gather(
        *(call for pair in zip(deletes[:8], changes, strict=True) for call in pair), *deletes[8:]
    )
    statuses = [answer.status for answer in answers]
    assert statuses.count(204) == 1 and set(statuses) <= {200, 204, 404}
    assert not await db.fetchval("SELECT is_active FROM accounts.account WHERE id = $1", someone["id"])
    assert (
        await db.fetchval(
            "SELECT count(*) FROM operations.audit WHERE action = 'account.deactivate' AND object_id ="
            " (SELECT public_id::text FROM accounts.account WHERE id = $1)",
            someone["id"],
        )
        == 1
    )


async def test_two_superadmins_who_delete_each_other_at_once_leave_one(api, sign_in, db):
    one, other = await sign_in("SUPERADMIN"), await sign_in("SUPERADMIN", "second@example.com")
    answers = await asyncio.gather(
        api.call("DELETE", f"{PEOPLE}{other['user_id']}/", token=one["access"]),
        api.call("DELETE", f"{PEOPLE}{one['user_id']}/", token=other["access"]),
    )
    assert sorted(answer.status for answer in answers)[0] == 204
    assert {answer.status for answer in answers} <= {204, 400, 401}
    assert await db.fetchval("SELECT count(*) FROM accounts.account WHERE role = 'SUPERADMIN' AND is_active") == 1


async def test_a_promotion_beside_a_change_never_lets_a_lower_role_change_the_higher_one(api, sign_in, made, db):
    boss, admin, someone = await sign_in("SUPERADMIN"), await sign_in("ADMIN"), await made()
    async with db.transaction():
        await db.execute("UPDATE accounts.account SET role = 'SUPERADMIN' WHERE id = $1", someone["id"])
        change = asyncio.ensure_future(
            api.call("PATCH", of(someone), {"password": "taken-over"}, token=admin["access"])
        )
        while not await db.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)
    answer = await change
    assert (answer.status, answer.json) == (403, ABOVE_ACCOUNT)
    assert (await login(api, someone["email"], "taken-over")).status == 401
    assert (await api.call("PATCH", of(someone), {"phone_number": "2"}, token=boss["access"])).status == 200


async def test_one_who_signs_in_while_being_deleted_is_out(api, made, owner, db):
    someone = await made()
    logins = [login(api, someone["email"]) for _ in range(6)]
    answers = await asyncio.gather(*logins[:3], api.call("DELETE", of(someone), token=owner), *logins[3:])
    assert answers[3].status == 204
    assert not await db.fetchval(
        "SELECT count(*) FROM accounts.session WHERE account_id = $1 AND revoked_at IS NULL", someone["id"]
    )


async def test_a_maker_who_vanishes_meanwhile_breaks_nothing(api, sign_in, db):
    tokens = await sign_in("ADMIN")
    async with db.transaction():
        await db.execute("DELETE FROM accounts.account WHERE id = $1", tokens["user_id"])
        making = asyncio.ensure_future(api.post(PEOPLE, person(), token=tokens["access"]))
        while not making.done() and not await db.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)
    assert (await making).status == 201
    assert await db.fetchval("SELECT created_by FROM accounts.account") is None

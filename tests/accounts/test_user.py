"""/api/auth/users/: accounts as administrators manage them, and as the books client sees the same address."""

import asyncio
import itertools
import json
import uuid

import pytest

from handlers.api.roles import ROLES, STRANGERS, rank
from tests.support.http import PASSWORD

pytestmark = pytest.mark.gen_test

USERS = "/api/auth/users/"
NO_UUID = "5c1cf4d6-1111-4222-8333-444455556666"  # nothing has it
BOTH = {
    "email", "username", "first_name", "last_name", "company_name", "company_address", "company_logo", "is_active", "is_staff",
    "date_joined", "last_login",
}  # fmt: skip
DOCUMENT = BOTH | {
    "id", "user_id", "name", "phone", "avatar", "role", "department", "department_id", "job_title", "job_title_name", "created_by_name"
}  # fmt: skip
_emails = itertools.count(1)


def an_email():
    return f"person{next(_emails)}@example.com"


@pytest.fixture
def admin(sign_in, io_loop):
    return io_loop.run_sync(lambda: sign_in("ADMIN"))["access"]


@pytest.fixture
def root(sign_in, io_loop, db):
    io_loop.run_sync(
        lambda: db.execute("UPDATE accounts.account SET role = 'SUPERADMIN' WHERE email = 'superadmin@example.com'")
    )
    return io_loop.run_sync(lambda: sign_in("SUPERADMIN"))["access"]


@pytest.fixture
def made(api, admin):
    """`await made(role="PICKER")`: the data of a new account, made by an administrator."""

    async def made(token=None, **body):
        answer = await api.post(USERS, {"email": an_email(), **body}, token=token or admin)
        assert answer.status == 201, answer.text
        return answer.json["data"]

    return made


async def test_an_administrator_makes_an_account_which_the_answer_shows_to_both_documents_clients(api, admin):
    email = an_email()
    answer = await api.post(
        USERS, {"email": email, "name": " Jane Doe ", "phone": "123", "password": PASSWORD}, token=admin
    )
    assert answer.status == 201
    told = answer.json
    assert (told["success"], told["status_code"], told["message"]) == (True, 201, "Resource created successfully")
    data = told["data"]
    assert data.keys() == DOCUMENT
    assert uuid.UUID(data["id"]) and data["user_id"] == told["id"] and isinstance(told["id"], int)
    assert (data["email"], data["name"], data["first_name"], data["last_name"]) == (email, "Jane Doe", "Jane", "Doe")
    assert (data["role"], data["is_active"], data["is_staff"], data["created_by_name"]) == (
        "USER",
        True,
        False,
        "Admin",
    )
    assert {name: told[name] for name in BOTH} == {name: data[name] for name in BOTH}
    assert "password" not in answer.text
    signed = await api.post("/api/auth/login/", {"email": email, "password": PASSWORD})
    assert signed.status == 200


async def test_an_account_without_a_password_cannot_sign_in(api, made):
    email = (await made())["email"]
    for password in ("", " ", "None", "null"):
        answer = await api.post("/api/auth/login/", {"email": email, "password": password})
        assert answer.status in (400, 401)


async def test_an_account_is_found_by_its_uuid_and_by_its_number(api, admin, made):
    data = await made(name="Jane")
    for id in (data["id"], data["id"].upper(), data["user_id"]):
        answer = await api.get(f"{USERS}{id}/", token=admin)
        assert answer.status == 200 and answer.json["data"] == data
        assert answer.json["message"] == "Detail retrieved successfully" and answer.json["id"] == data["user_id"]


async def test_an_account_that_is_not_there_is_404(subtests, api, admin):
    for id in ["nothing", "0", "999999999", str(10**17), "9" * 30, NO_UUID, "1e3", "١", "-1"]:
        for method in ["GET", "PUT", "PATCH", "DELETE"]:
            with subtests.test(id=id, method=method):
                answer = await api.call(
                    method, f"{USERS}{id}/", {"email": "a@b.example"} if method[0] == "P" else None, token=admin
                )
                assert answer.status == 404 and answer.json["success"] is False and answer.json["detail"]


async def test_others_than_administrators_see_only_themselves(api, sign_in, made):
    stranger = await made()
    for role in ROLES:
        if "administration" in ROLES[role]:
            continue
        signed = await sign_in(role)
        own = signed["data"]["user"]["id"]
        assert (await api.get(f"{USERS}{own}/", token=signed["access"])).status == 200
        assert (await api.get(f"{USERS}{signed['user_id']}/", token=signed["access"])).status == 200
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            for id in (stranger["id"], NO_UUID):
                answer = await api.call(
                    method, f"{USERS}{id}/", {} if method[0] == "P" else None, token=signed["access"]
                )
                # To a stranger, other people's accounts don't exist.
                assert answer.status == (404 if method == "GET" or role in STRANGERS else 403), (role, method)
        assert (await api.get(USERS, token=signed["access"])).status == 403
        assert (await api.post(USERS, {"email": an_email()}, token=signed["access"])).status == 403


async def test_is_staff_opens_the_administration_whatever_the_role(api, sign_in, root):
    signed = await sign_in("STORE", "flagged@example.com")
    path = f"{USERS}{signed['user_id']}/"
    assert (await api.get(USERS, token=signed["access"])).status == 403
    assert (await api.call("PATCH", path, {"is_staff": True}, token=root)).status == 200
    assert (await api.get(USERS, token=signed["access"])).status == 200
    assert (await api.post(USERS, {"email": an_email()}, token=signed["access"])).status == 201


async def test_put_by_uuid_needs_the_email_and_keeps_what_it_does_not_name(api, admin, made):
    data = await made(name="Jane Doe", phone="1")
    missing = await api.call("PUT", f"{USERS}{data['id']}/", {"name": "X"}, token=admin)
    assert missing.status == 400 and missing.json["email"] == ["This field is required."]
    answer = await api.call(
        "PUT", f"{USERS}{data['id']}/", {"email": data["email"], "name": "Jo", "created_by": "x"}, token=admin
    )
    assert answer.status == 200 and answer.json["message"] == "Resource updated successfully"
    assert answer.json["data"] == {**data, "name": "Jo", "first_name": "Jo", "last_name": ""}


async def test_patch_changes_each_field_and_nothing_else(api, admin, made, db):
    department = await db.fetchval("INSERT INTO accounts.department (name) VALUES ('Depot') RETURNING id::text")
    title = await db.fetchval(
        "INSERT INTO accounts.job_title (title, department_id) VALUES ('Lead', $1) RETURNING id::text",
        uuid.UUID(department),
    )
    changes = {
        "email": an_email(), "username": "jane", "phone": "555", "role": "PICKER", "is_active": False, "is_staff": True,
        "company_name": "Acme", "company_address": "Street 1", "company_logo": "logo.png",
    }  # fmt: skip
    for field, value in changes.items():
        data = await made(name="Jane Doe")
        answer = await api.call("PATCH", f"{USERS}{data['id']}/", {field: value}, token=admin)
        assert answer.status == 200 and answer.json["data"] == {**data, field: value}, field
    data = await made()
    answer = await api.call(
        "PATCH", f"{USERS}{data['id']}/", {"department_id": department, "job_title": title}, token=admin
    )
    expected = {"department": "Depot", "department_id": department, "job_title": title, "job_title_name": "Lead"}
    assert answer.json["data"] == {**data, **expected}
    answer = await api.call("PATCH", f"{USERS}{data['id']}/", {"department_id": None, "job_title": ""}, token=admin)
    assert answer.json["data"] == data


async def test_a_role_decides_is_superuser(api, root, made, db):
    data = await made(token=root, role="SUPERADMIN")
    assert await db.fetchval("SELECT is_superuser FROM accounts.account WHERE id = $1", data["user_id"])
    assert (await api.call("PATCH", f"{USERS}{data['id']}/", {"role": "USER"}, token=root)).status == 200
    assert not await db.fetchval("SELECT is_superuser FROM accounts.account WHERE id = $1", data["user_id"])


LONG = "x" * 1_000_000
BAD = {
    "email": [
        None,
        5,
        "",
        " ",
        "nobody",
        "a@b",
        "a b@c.example",
        "x" * 250 + "@b.example",
        LONG,
        "a\x00@b.example",
        [],
        {},
        True,
    ],
    "password": [None, 5, "", "short", "1234567", "x" * 73, "é" * 37, LONG, "a\x00bcdefgh", [], True],
    "name": [None, "x" * 151, LONG, "a\x00b", [], {}, True],
    "first_name": [None, "x" * 151, "a\x00b"],
    "last_name": [None, "x" * 151, "a\x00b"],
    "username": [None, "x" * 151, "a\x00b"],
    "phone": ["1" * 21, "a\x00b", [], True],
    "role": [None, 5, "", "admin", "BOSS", LONG, [], True],
    "department_id": [5, "x", "123", NO_UUID, [], True, "\x00"],
    "job_title": [5, "x", "123", NO_UUID, [], True],
    "is_active": [None, "yes", 1, "", [], {}],
    "is_staff": [None, "yes", 1, 0],
    "company_name": [None, "x" * 256],
    "company_address": [None, "x" * 1001],
    "company_logo": [None, "x" * 256],
}


async def test_a_bad_field_is_400_and_named_and_nothing_is_stored(subtests, api, admin, made, db):
    for field, value in [(f, v) for f, vs in BAD.items() for v in vs]:
        with subtests.test(field=field, value=value):
            data = await made()
            before = await db.fetchval("SELECT count(*) FROM accounts.account")
            for method, path in (("POST", USERS), ("PUT", f"{USERS}{data['id']}/"), ("PATCH", f"{USERS}{data['id']}/")):
                email = {} if method == "PATCH" else {"email": an_email() if method == "POST" else data["email"]}
                answer = await api.call(method, path, {**email, field: value}, token=admin)
                assert answer.status == 400, (method, answer.text)
                assert (
                    isinstance(answer.json["errors"][field], list)
                    and answer.json[field] == answer.json["errors"][field]
                )
            assert await db.fetchval("SELECT count(*) FROM accounts.account") == before
            assert (await api.get(f"{USERS}{data['id']}/", token=admin)).json["data"] == data


async def test_a_body_that_is_invalid_is_400(subtests, api, admin):
    cases = [
        b"", b"{", b"[]", b"null", b'"x"', b"NaN", b'{"email": NaN}', b"[" * 10_000, b"\xff", b'{"email":"a@b.example","email":"c@d.example"}',
    ]  # fmt: skip
    for body in cases:
        with subtests.test(body=body):
            answer = await api.call("POST", USERS, body, token=admin)
            assert answer.status == 400 and answer.json["success"] is False


async def test_an_email_is_unique_ignoring_case(api, admin, made):
    data, other = await made(), await made()
    taken = {"email": ["User with this email already exists."]}
    for email in (data["email"], data["email"].upper()):
        answer = await api.post(USERS, {"email": email}, token=admin)
        assert answer.status == 400 and answer.json["errors"] == taken
        answer = await api.call("PATCH", f"{USERS}{other['id']}/", {"email": email}, token=admin)
        assert answer.status == 400 and answer.json["errors"] == taken
    assert (
        await api.call("PATCH", f"{USERS}{data['id']}/", {"email": data["email"].upper()}, token=admin)
    ).status == 200


async def test_of_sixteen_creates_of_one_email_at_once_one_wins(api, admin, db):
    email = an_email()
    answers = await asyncio.gather(
        *(api.post(USERS, {"email": email, "name": f"n{n}"}, token=admin) for n in range(16))
    )
    assert sorted(answer.status for answer in answers) == [201] + [400] * 15
    assert all("email" in answer.json["errors"] for answer in answers if answer.status == 400)
    assert await db.fetchval("SELECT count(*) FROM accounts.account WHERE email = $1", email) == 1


async def test_a_delete_beside_updates_leaves_all_or_nothing(api, admin, made, db):
    for _ in range(5):
        data = await made(name="old")
        path = f"{USERS}{data['id']}/"
        answers = await asyncio.gather(
            *(api.call("PATCH", path, {"name": f"n{n}"}, token=admin) for n in range(4)),
            api.call("DELETE", path, token=admin),
            api.call("DELETE", path, token=admin),
            *(api.call("PATCH", path, {"name": f"m{n}"}, token=admin) for n in range(4)),
        )
        statuses = [answer.status for answer in answers]
        assert set(statuses) <= {200, 204, 404} and sorted(statuses[4:6]) == [204, 404]
        assert await db.fetchval("SELECT count(*) FROM accounts.account WHERE id = $1", data["user_id"]) == 0
        noted = await db.fetch("SELECT action FROM operations.audit WHERE object_id = $1 ORDER BY id", data["id"])
        assert [row["action"] for row in noted] == ["account.create"] + ["account.update"] * statuses.count(200) + [
            "account.delete"
        ]


async def test_deleting_frees_the_email_and_ends_the_sessions(api, admin, sign_in):
    signed = await sign_in("PICKER", "leaves@example.com")
    answer = await api.call("DELETE", f"{USERS}{signed['user_id']}/", token=admin)
    assert answer.status == 204 and answer.text == ""
    assert (await api.get(USERS + "me/", token=signed["access"])).status == 401
    assert (await api.post("/api/auth/token/refresh/", {"refresh": signed["refresh"]})).status == 401
    assert (await api.post(USERS, {"email": "leaves@example.com"}, token=admin)).status == 201


async def test_an_administrator_cannot_delete_or_deactivate_their_own_account(api, sign_in):
    signed = await sign_in("ADMIN")
    path = f"{USERS}{signed['user_id']}/"
    for answer in (
        await api.call("DELETE", path, token=signed["access"]),
        await api.post(path + "deactivate/", token=signed["access"]),
        await api.call("PATCH", path, {"is_active": False}, token=signed["access"]),
    ):
        assert answer.status == 400 and "your own account" in answer.json["message"]
    assert (await api.get(path, token=signed["access"])).status == 200


async def test_a_member_may_remove_themselves_and_one_of_the_firm_may_not(api, sign_in):
    member, picker = await sign_in("MEMBER", "mine@example.com"), await sign_in("PICKER")
    assert (await api.call("DELETE", f"{USERS}{member['user_id']}/", token=member["access"])).status == 204
    assert (await api.call("DELETE", f"{USERS}{picker['user_id']}/", token=picker["access"])).status == 403


async def test_one_may_change_ones_own_names_but_not_role_email_password_or_flags(api, sign_in):
    signed = await sign_in("PICKER", "self@example.com")
    wish = {
        "role": "ADMIN",
        "is_staff": True,
        "is_superuser": True,
        "is_active": False,
        "email": "other@example.com",
        "password": "another-one",
        "department_id": NO_UUID,
        "job_title": NO_UUID,
    }
    own = (await api.get(USERS + "me/", token=signed["access"])).json["data"]
    for method, path in (("PUT", f"{USERS}{signed['user_id']}/"), ("PATCH", USERS + "me/"), ("PUT", USERS + "me/")):
        for field, value in wish.items():
            answer = await api.call(method, path, {"name": "Me Myself", field: value}, token=signed["access"])
            assert (answer.status, answer.json["success"]) == (403, False), field
        assert (await api.get(USERS + "me/", token=signed["access"])).json["data"] == own
    # Clients send back what they have read.
    own = {field: value for field, value in own.items() if field not in ("first_name", "last_name")}
    for method, path in (("PUT", f"{USERS}{signed['user_id']}/"), ("PATCH", USERS + "me/"), ("PUT", USERS + "me/")):
        for known in (
            own,
            {
                **own,
                "email": "SELF@example.com",
                "role": "picker",
                "job_title": "",
                "created_by": "x@y.example",
                "password": "",
            },
        ):
            answer = await api.call(method, path, {**known, "name": "Me Myself", "phone": "1"}, token=signed["access"])
            assert answer.status == 200, answer.text
            data = answer.json["data"]
            assert (data["name"], data["phone"], data["role"], data["email"]) == (
                "Me Myself",
                "1",
                "PICKER",
                "self@example.com",
            )
    assert (await api.post("/api/auth/login/", {"email": "self@example.com", "password": PASSWORD})).status == 200


@pytest.mark.parametrize("role", ["ADMIN", "OWNER", "STORE"])
async def test_nobody_gives_a_role_above_their_own_or_touches_who_has_one(api, sign_in, root, made, role):
    caller = await sign_in(role, f"giver-{role.lower()}@example.com")
    await api.call("PATCH", f"{USERS}{caller['user_id']}/", {"is_staff": True}, token=root)
    for given in ROLES:
        below = rank(given) <= rank(role)
        answer = await api.post(USERS, {"email": an_email(), "role": given}, token=caller["access"])
        assert answer.status == (201 if below else 403), given
        target = await made(token=root)
        answer = await api.call("PATCH", f"{USERS}{target['id']}/", {"role": given}, token=caller["access"])
        assert answer.status == (200 if below else 403), given
        target = await made(token=root, role=given)
        path = f"{USERS}{target['id']}/"
        for method, sub in (("PATCH", ""), ("POST", "deactivate/"), ("POST", "activate/"), ("DELETE", "")):
            answer = await api.call(
                method, path + sub, {"name": "x"} if method != "DELETE" else None, token=caller["access"]
            )
            assert answer.status == ((204 if method == "DELETE" else 200) if below else 403), (given, method, sub)


@pytest.mark.parametrize("role", ["ADMIN", "OWNER", "STORE"])
async def test_nobody_raises_their_own_role(api, sign_in, root, role):
    caller = await sign_in(role, f"riser-{role.lower()}@example.com")
    path = f"{USERS}{caller['user_id']}/"
    await api.call("PATCH", path, {"is_staff": True}, token=root)
    for wished in ROLES:
        if wished != role and rank(wished) >= rank(role):
            assert (await api.call("PATCH", path, {"role": wished}, token=caller["access"])).status == 403, wished
    assert (await api.call("PATCH", path, {"role": role}, token=caller["access"])).status == 200


WAYS_OUT = [
    ("DELETE", "", None),
    ("POST", "deactivate/", {}),
    ("PATCH", "", {"role": "USER"}),
    ("PATCH", "", {"is_active": False}),
]


@pytest.mark.parametrize("way", WAYS_OUT, ids=str)
@pytest.mark.parametrize("other_way", WAYS_OUT, ids=str)
async def test_of_two_superadmins_who_remove_each_other_at_once_one_stays(api, sign_in, db, way, other_way):
    one, two = await sign_in("SUPERADMIN", an_email()), await sign_in("SUPERADMIN", an_email())
    ids = [one["user_id"], two["user_id"]]
    await db.execute("UPDATE accounts.account SET role = 'ADMIN' WHERE role = 'SUPERADMIN' AND id <> ALL($1)", ids)
    answers = await asyncio.gather(
        *(
            api.call(method, f"{USERS}{target['user_id']}/{sub}", body, token=caller["access"])
            for (method, sub, body), target, caller in ((way, two, one), (other_way, one, two))
        )
    )
    assert not any(answer.status >= 500 for answer in answers)
    left = await db.fetchval("SELECT count(*) FROM accounts.account WHERE role = 'SUPERADMIN' AND is_active")
    assert left == 1, [answer.text for answer in answers]


async def test_the_last_superadmin_is_refused_as_such(api, sign_in, db):
    signed = await sign_in("SUPERADMIN", an_email())
    await db.execute(
        "UPDATE accounts.account SET role = 'ADMIN' WHERE role = 'SUPERADMIN' AND id <> $1", signed["user_id"]
    )
    await asyncio.sleep(0.1)
    answer = await api.call("PATCH", f"{USERS}{signed['user_id']}/", {"role": "USER"}, token=signed["access"])
    assert answer.status == 400 and answer.json["message"] == "At least one SUPERADMIN must remain."


async def test_nobody_takes_anothers_username_by_themselves(api, sign_in, made):
    await made(username="Taken")
    signed = await sign_in("PICKER", "namer@example.com")
    for method, path in (("PATCH", USERS + "me/"), ("PUT", f"{USERS}{signed['user_id']}/")):
        answer = await api.call(method, path, {"username": " tAKEN "}, token=signed["access"])
        assert answer.status == 400 and answer.json["errors"] == {
            "username": ["A user with this username already exists."]
        }
    for username in ("free", "free", "Free", ""):
        answer = await api.call("PATCH", USERS + "me/", {"username": username}, token=signed["access"])
        assert answer.status == 200 and answer.json["username"] == username


async def test_who_shares_a_username_keeps_it(api, sign_in, made, root):
    signed = await sign_in("PICKER", "sharer@example.com")
    await made(username="shared")
    await api.call("PATCH", f"{USERS}{signed['user_id']}/", {"username": "shared"}, token=root)
    answer = await api.call("PATCH", USERS + "me/", {"username": "shared", "name": "x"}, token=signed["access"])
    assert answer.status == 200 and answer.json["data"]["name"] == "x"


async def test_who_no_longer_administers_by_role_does_not_go_on_by_the_flag(api, sign_in, root):
    signed = await sign_in("ADMIN", "stepdown@example.com")
    path = f"{USERS}{signed['user_id']}/"
    assert (await api.call("PATCH", path, {"role": "PICKER"}, token=root)).json["data"]["is_staff"] is False
    assert (await api.get(USERS, token=signed["access"])).status == 403
    answer = await api.call("PATCH", path, {"role": "STORE", "is_staff": True}, token=root)
    assert answer.json["data"]["is_staff"] is True  # said so
    assert (await api.call("PATCH", path, {"name": "x"}, token=root)).json["data"]["is_staff"] is True
    assert (await api.call("PATCH", path, {"role": "PACKER"}, token=root)).json["data"]["is_staff"] is False


async def test_a_maker_who_is_deleted_meanwhile_makes_nothing(api, app, sign_in, db, monkeypatch):
    signed, email = await sign_in("ADMIN", "vanishes@example.com"), an_email()
    hash_ = app.passwords.hash

    async def late(password, **asker):
        await db.execute("DELETE FROM accounts.account WHERE email = 'vanishes@example.com'")
        return await hash_(password, **asker)

    monkeypatch.setattr(app.passwords, "hash", late)
    answer = await api.post(USERS, {"email": email, "password": PASSWORD}, token=signed["access"])
    assert answer.status == 401 and answer.json["code"] == "user_not_found"
    assert not await db.fetchval("SELECT count(*) FROM accounts.account WHERE email = $1", email)


async def test_activating_and_deactivating(api, admin, sign_in):
    signed = await sign_in("PICKER", "switched@example.com")
    path = f"{USERS}{signed['data']['user']['id']}/"
    off = await api.post(path + "deactivate/", token=admin)
    assert off.json == {
        "success": True,
        "status_code": 200,
        "message": "User switched@example.com deactivated successfully",
        "data": {"email": "switched@example.com", "is_active": False},
    }
    answer = await api.get(USERS + "me/", token=signed["access"])
    assert answer.status == 401 and answer.json["code"] == "user_inactive"
    on = await api.post(path + "activate/", token=admin)
    assert (
        on.json["message"] == "User switched@example.com activated successfully"
        and on.json["data"]["is_active"] is True
    )
    assert (await api.get(USERS + "me/", token=signed["access"])).status == 401  # its sessions ended with it
    assert (await api.post("/api/auth/login/", {"email": "switched@example.com", "password": PASSWORD})).status == 200


async def test_a_password_set_by_an_administrator_ends_the_sessions(api, admin, sign_in):
    signed = await sign_in("PICKER", "reset@example.com")
    answer = await api.call("PATCH", f"{USERS}{signed['user_id']}/", {"password": "quite-another"}, token=admin)
    assert answer.status == 200
    assert (await api.get(USERS + "me/", token=signed["access"])).status == 401
    assert (
        await api.post("/api/auth/login/", {"email": "reset@example.com", "password": "quite-another"})
    ).status == 200


async def test_the_list_is_paged_newest_first_and_shows_both_documents(api, admin, made):
    data = [await made() for _ in range(5)]
    answer = (await api.get(f"{USERS}?page_size=3", token=admin)).json
    assert answer["message"] == "List retrieved successfully"
    page = answer["data"]
    assert [user["id"] for user in page["results"]] == [user["id"] for user in data[:1:-1]]
    assert [user["id"] for user in answer["results"]] == [user["user_id"] for user in data[:1:-1]]
    assert page["results"][0] == data[-1] and answer["results"][0].keys() == BOTH | {"id"}
    assert {name: answer[name] for name in ("count", "next", "previous")} == {
        name: page[name] for name in ("count", "next", "previous")
    }
    seen, url = [], f"{USERS}?page_size=3"
    while url:
        page = (await api.get(url, token=admin)).json
        seen += [user["id"] for user in page["results"]]
        url = page["next"]
    assert len(seen) == len(set(seen)) == page["count"] and seen == sorted(seen, reverse=True)
    last = (await api.get(f"{USERS}?page_size=3&page=last", token=admin)).json
    assert last["next"] is None and last["results"] == page["results"]


@pytest.mark.parametrize("page", ["0", "-1", "x", "99999", "1e3", "9" * 40, "%00"])
async def test_a_page_that_is_not_there_is_404(api, admin, page):
    answer = await api.get(f"{USERS}?page={page}", token=admin)
    assert answer.status == 404 and answer.json["detail"] == "Invalid page."


async def test_the_count_stays_exact(api, admin, made, db):
    data = [await made() for _ in range(3)]
    await api.call("DELETE", f"{USERS}{data[0]['id']}/", token=admin)
    await db.execute(
        "INSERT INTO accounts.account (email) SELECT 'bulk' || n || '@example.com' FROM generate_series(1, 7) n"
    )
    await db.execute("DELETE FROM accounts.account WHERE email LIKE 'bulk%' AND email < 'bulk4'")
    assert (await api.get(USERS, token=admin)).json["count"] == await db.fetchval(
        "SELECT count(*) FROM accounts.account"
    )


async def test_search_finds_words_in_email_name_and_username_ignoring_case(api, admin, made):
    jane = await made(name="Jane Wolpertinger", username="jwolp", email="jane.w@search.example")
    jim = await made(name="Jim Wolpertinger", email="jim@search.example")

    async def found(search):
        answer = await api.call("GET", f"{USERS}?search={search}", token=admin)
        assert answer.json["count"] == len(answer.json["results"])
        return {user["id"] for user in answer.json["data"]["results"]}

    assert await found("wolpert") == await found("WOLPERTINGER") == {jane["id"], jim["id"]}
    assert (
        await found("jane+wolp")
        == await found("inger+Ja")
        == await found("jwolp")
        == await found("jane.w@search")
        == {jane["id"]}
    )
    assert await found("search.example") == {jane["id"], jim["id"]}
    assert (
        await found("wolpertingerx")
        == await found("jane+nobody")
        == await found("wol%25")
        == await found("wol_ert")
        == set()
    )
    assert jane["id"] in await found("ja") and jim["id"] in await found("j")
    assert await found("%00wolpert%00") == {jane["id"], jim["id"]}


@pytest.mark.parametrize("field", ["email", "name", "role", "id", "user_id", "date_joined", "last_login"])
async def test_every_ordering_orders_and_a_minus_turns_it_round(api, admin, made, db, field):
    made = [await made(name=f"{field} ordered {n % 3}", role=["USER", "PICKER", "STORE"][n % 3]) for n in range(4)]
    await db.execute("UPDATE accounts.account SET last_login = now() WHERE id = $1", made[2]["user_id"])
    for path in (f"{USERS}?search={field}+ordered&ordering=", f"{USERS}?page_size=100&ordering="):
        there = (await api.get(path + field, token=admin)).json
        back = (await api.get(f"{path}-{field}&page={'last' if there['next'] else 1}", token=admin)).json
        assert len(there["results"]) > 3 and back["results"][::-1] == there["results"][: len(back["results"])]
        key = {"id": "user_id", "date_joined": "user_id"}.get(field, field)
        values = [user[key] for user in there["data"]["results"] if user[key] is not None]
        assert values == sorted(values)


async def test_an_ordering_that_is_invalid_is_ignored(api, admin):
    usual = (await api.get(USERS, token=admin)).json
    for ordering in ("password_hash", "email;DROP TABLE accounts.account", "'", "--", "%00", ",,,", "x" * 5000, "1"):
        assert (await api.get(f"{USERS}?ordering={ordering.replace(' ', '+')}", token=admin)).json["results"] == usual[
            "results"
        ]


async def test_without_credentials_the_same_address_is_the_public_sign_up(api, db):
    email = an_email()
    answer = await api.post(
        USERS, {"email": email, "username": "newcomer", "password": "Tr0ub4dor-3", "role": "ADMIN", "is_staff": True}
    )
    assert answer.status == 201, answer.text
    assert (answer.json["data"]["role"], answer.json["is_staff"], answer.json["email"]) == ("MEMBER", False, email)
    assert "password" not in answer.text
    assert (await api.post("/api/auth/token/", {"username": "newcomer", "password": "Tr0ub4dor-3"})).status == 200


@pytest.mark.parametrize("changed_settings", [{"sign_up_open": False}])
async def test_sign_up_can_be_closed_while_administrators_go_on(app, api, admin):
    body = {"email": an_email(), "username": "late", "password": "Tr0ub4dor-3"}
    assert (await api.post(USERS, body)).status == 403
    assert (await api.post(USERS, body, token=admin)).status == 201


async def test_every_change_is_in_the_audit_with_what_was_and_what_is(api, admin, made, db):
    data = await made(name="Jane", password=PASSWORD)
    path = f"{USERS}{data['id']}/"
    await api.call(
        "PATCH", path, {"name": "Jo", "password": "quite-another"}, token=admin, headers={"X-Request-ID": "abc"}
    )
    await api.call("PATCH", path, {"name": "Jo"}, token=admin)  # changes nothing
    await api.post(path + "deactivate/", token=admin)
    await api.call("DELETE", path, token=admin)
    rows = await db.fetch("SELECT * FROM operations.audit WHERE object_id = $1 ORDER BY id", data["id"])
    assert [row["action"] for row in rows] == [
        "account.create",
        "account.update",
        "account.deactivate",
        "account.delete",
    ]
    assert {row["email"] for row in rows} == {"admin@example.com"} and {row["address"] for row in rows} == {"127.0.0.1"}
    create, update, deactivate, delete = (
        {"before": json.loads(row["before"] or "null"), "after": json.loads(row["after"] or "null")} for row in rows
    )
    assert (
        create["before"] is None
        and create["after"]["email"] == data["email"]
        and create["after"]["password_hash"] == "***"
    )
    assert update["before"] == {"name": "Jane", "first_name": "Jane", "password_hash": "***"}
    assert update["after"] == {"name": "Jo", "first_name": "Jo", "password_hash": "***"}
    assert rows[1]["request_id"] == "abc"
    assert (deactivate["before"], deactivate["after"]) == ({"is_active": True}, {"is_active": False})
    assert delete["before"]["name"] == "Jo" and delete["after"] is None
    assert "$2b$" not in str([dict(row) for row in rows])


@pytest.mark.parametrize("loss", ["role = 'USER', is_staff = false", "is_active = false", "revoked"])
async def test_who_loses_their_authority_while_their_request_waits_for_bcrypt_changes_nothing(
    api, app, sign_in, made, db, monkeypatch, loss
):
    target = await made(name="old")
    for method, path, body in (
        ("POST", USERS, {"role": "ADMIN"}),
        ("PATCH", f"{USERS}{target['id']}/", {"name": "new"}),
        ("PATCH", "own", {"role": "ADMIN", "is_active": True}),
        ("POST", "/api/users/", {"username": "u", "first_name": "f", "last_name": "l"}),
        ("PATCH", f"/api/users/{target['user_id']}/", {"first_name": "new"}),
        ("PATCH", "/api/users/me/", {}),
        (
            "PUT",
            "/api/auth/change-password/",
            {"old_password": PASSWORD, "new_password": "Tr0ub4dor-3", "new_password_confirm": "Tr0ub4dor-3"},
        ),
    ):
        signed, email = await sign_in("ADMIN", an_email()), an_email()
        hash_ = app.passwords.hash

        async def late(password, hash_=hash_, id=signed["user_id"], **asker):
            if loss == "revoked":
                await db.execute("UPDATE accounts.session SET revoked_at = now() WHERE account_id = $1", id)
            else:
                await db.execute(f"UPDATE accounts.account SET {loss} WHERE id = $1", id)
            return await hash_(password, **asker)

        with monkeypatch.context() as patched:
            patched.setattr(app.passwords, "hash", late)
            path = f"{USERS}{signed['user_id']}/" if path == "own" else path
            sent = {"password": "Tr0ub4dor-3", **({"email": email} if method == "POST" else {}), **body}
            answer = await api.call(method, path, sent, token=signed["access"])
        assert answer.status in (401, 403), (method, path, answer.text)
        assert not await db.fetchval("SELECT count(*) FROM accounts.account WHERE email = $1", email)
        row = await db.fetchrow("SELECT role, is_active FROM accounts.account WHERE id = $1", signed["user_id"])
        assert tuple(row) == ({"r": "USER"}.get(loss[0] if loss != "revoked" else "", "ADMIN"), "is_active" not in loss)
        again = await api.post(
            "/api/auth/login/", {"email": signed["data"]["user"]["email"], "password": "Tr0ub4dor-3"}
        )
        assert again.status == 401
    assert (await api.get(f"{USERS}{target['id']}/", token=(await sign_in("ADMIN"))["access"])).json["data"] == target


async def test_is_staff_is_not_given_on_by_who_has_it_only_by_the_flag(api, sign_in, root, made):
    signed, target = await sign_in("STORE", "flag@example.com"), await made()
    await api.call("PATCH", f"{USERS}{signed['user_id']}/", {"is_staff": True}, token=root)
    assert (await api.post(USERS, {"email": an_email(), "is_staff": True}, token=signed["access"])).status == 403
    path = f"{USERS}{target['id']}/"
    assert (await api.call("PATCH", path, {"is_staff": True}, token=signed["access"])).status == 403
    assert (await api.call("PATCH", path, {"is_staff": True}, token=root)).status == 200
    assert (await api.call("PATCH", path, {"is_staff": True, "name": "x"}, token=signed["access"])).status == 200


async def test_roles_that_administer_bring_is_staff_unless_said_otherwise(made, root):
    for role in ("ADMIN", "OWNER", "SUPERADMIN"):
        assert (await made(token=root, role=role))["is_staff"] is True
        assert (await made(token=root, role=role, is_staff=False))["is_staff"] is False
    assert (await made(role="PICKER"))["is_staff"] is False


async def test_put_by_number_is_seed_004s_and_needs_no_email(api, admin, made):
    data = await made()
    answer = await api.call("PUT", f"{USERS}{data['user_id']}/", {"company_name": "Acme"}, token=admin)
    assert answer.status == 200 and answer.json["company_name"] == "Acme"


async def test_a_stranger_is_not_told_who_of_the_firm_made_them(api, made, admin, sign_in):
    data = await made(role="MEMBER", password="Tr0ub4dor-3")
    signed = await api.post("/api/auth/login/", {"email": data["email"], "password": "Tr0ub4dor-3"})
    mine = await api.get(USERS + "me/", token=signed.json["access"])
    assert data["created_by_name"] is None and mine.json["data"]["created_by_name"] is None


async def test_a_members_password_is_held_to_the_books_rules_whichever_way_it_takes(api, made, admin, sign_in):
    member = await sign_in("MEMBER", "ruled@example.com")
    answer = await api.call("PATCH", f"{USERS}{member['user_id']}/", {"password": "password1"}, token=admin)
    assert answer.status == 400 and answer.json["password"] == ["This password is too common."]
    body = {"old_password": PASSWORD, "new_password": "12345678901"}
    answer = await api.post(USERS + "change_password/", body, token=member["access"])
    assert answer.status == 400 and "new_password" in answer.json["errors"]
    # The shop's own-account route changes neither password nor e-mail of accounts outside the shop.
    answer = await api.call(
        "PATCH", "/api/users/me/", {"password": "123456", "email": "x@example.com"}, token=member["access"]
    )
    assert answer.status == 200 and answer.json["email"] == "ruled@example.com"
    assert (await api.post("/api/auth/login/", {"email": "ruled@example.com", "password": PASSWORD})).status == 200


async def test_of_sixteen_who_want_one_username_at_once_one_gets_it(api, sign_in, db):
    signed = [await sign_in("USER", an_email()) for _ in range(12)]
    paths = [USERS + "me/", "/api/users/me/", "/api/auth/profile/"]
    answers = await asyncio.gather(
        *(
            api.call("PATCH", paths[n % 3], {"username": "the_one"}, token=one["access"])
            for n, one in enumerate(signed)
        ),
        *(
            api.post("/api/auth/register/", {"email": an_email(), "username": "The_One", "password": "Tr0ub4dor-3"})
            for _ in range(4)
        ),
    )
    assert sorted(answer.status for answer in answers) in ([200] + [400] * 15, [201] + [400] * 15)
    assert await db.fetchval("SELECT count(*) FROM accounts.account WHERE lower(username) = 'the_one'") == 1


async def test_nobody_signs_up_with_an_email_that_is_anothers_username(api, made, admin):
    await made(username="old@firm.example")
    body = {"email": "OLD@firm.example", "username": "newbody", "password": "Tr0ub4dor-3"}
    answer = await api.post(USERS, body)
    assert answer.status == 400 and "email" in answer.json["errors"]

"""Changing one's own password, as the staff API and the books API do it; what else ends with the old one; guessing; races."""

import asyncio
import json

import pytest

from handlers.accounts.password import FAILURES, WINDOW

pytestmark = pytest.mark.gen_test

STAFF, BOOKS, LOGIN, ME = (
    "/api/auth/users/change_password/",
    "/api/auth/change-password/",
    "/api/auth/login/",
    "/api/users/me/",
)
OLD, NEW = "password123", "correct-horse-battery"
REQUIRED, BLANK, NULL = ["This field is required."], ["This field may not be blank."], ["This field may not be null."]
NO_TEXT = ["Not a valid string."]
CHANGED = {"success": True, "status_code": 200, "message": "Password changed successfully"}
WRONG = {
    STAFF: ("Password verification failed", ["Wrong password"]),
    BOOKS: ("Validation failed", ["Old password is incorrect."]),
}
AWAY = "redis://127.0.0.1:1"
both = pytest.mark.parametrize("path", [STAFF, BOOKS], ids=["staff", "books"])
both_ways = pytest.mark.parametrize("changed_settings", [{}, {"redis_url": ""}], ids=["redis", "process"])

# Values that a password field refuses, and what is said of them.
BAD = [
    ("old_password", "", BLANK), ("old_password", None, NULL), ("old_password", False, NO_TEXT), ("old_password", [], NO_TEXT),
    ("old_password", "x" * 1_000_000, ["Ensure this field has no more than 1024 characters."]),
    ("new_password", "", BLANK), ("new_password", " \t     \n", BLANK), ("new_password", None, NULL), ("new_password", ["12345678"], NO_TEXT),
    ("new_password", {}, NO_TEXT), ("new_password", True, NO_TEXT),
    ("new_password", "seven77", ["Password must be at least 8 characters long"]),
    ("new_password", "é" * 36 + "x", ["Ensure this field has no more than 72 bytes."]),
    ("new_password", "é" * 37, ["Ensure this field has no more than 72 bytes."]),
    ("new_password", "x" * 500_000, ["Ensure this field has no more than 1024 characters."]),
]  # fmt: skip


@pytest.fixture(autouse=True)
def clean(io_loop, db, process):
    """No accounts of the test before, not even the last SUPERADMIN, whom a trigger keeps; failures are counted by account."""

    async def clean():
        await db.execute("ALTER TABLE accounts.account DISABLE TRIGGER account_last_superadmin_kept")
        await db.execute("DELETE FROM accounts.account")
        await db.execute("ALTER TABLE accounts.account ENABLE TRIGGER account_last_superadmin_kept")

    io_loop.run_sync(clean)


@pytest.fixture
def token(sign_in, io_loop, clean):
    return io_loop.run_sync(lambda: sign_in("USER", "ann@example.com"))["access"]


def body(path, old=OLD, new=NEW, **changes):
    confirmed = {"new_password_confirm": changes.get("new_password", new)} if path == BOOKS else {}
    return {"old_password": old, "new_password": new, **confirmed, **changes}


async def change(api, path, token, **changes):
    return await api.call("POST", path, body(path, **changes), token=token)


async def login(api, password, email="ann@example.com"):
    return (await api.post(LOGIN, {"email": email, "password": password})).status


async def hash_of(db, email="ann@example.com"):
    return await db.fetchval("SELECT password_hash FROM accounts.account WHERE email = $1", email)


@both
async def test_a_form_changes_the_password_too(api, token, path):
    assert (await api.post(path, form=body(path), token=token)).status == 200
    assert (await login(api, OLD), await login(api, NEW)) == (401, 200)


def said(path, answer):
    """The message and the field errors, where each document has them."""
    whole = answer.json
    if path == STAFF:
        assert (whole["success"], whole["status_code"]) == (False, answer.status)
        return whole["message"], whole["errors"]
    return whole["error"], whole["details"]


# Changing


async def test_the_staff_answer_is_the_documents_and_the_new_password_signs_in(api, token):
    answer = await change(api, STAFF, token)
    assert (answer.status, answer.json) == (200, CHANGED)
    assert (await login(api, OLD), await login(api, NEW)) == (401, 200)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST"])
async def test_the_books_answer_tells_the_account(api, token, db, method):
    await db.execute("UPDATE accounts.account SET username = 'ann', company_name = 'Ann \"&\" Co'")
    answer = await api.call(method, BOOKS, body(BOOKS), token=token)
    id = await db.fetchval("SELECT id FROM accounts.account")
    user = {"id": id, "email": "ann@example.com", "username": "ann", "company_name": 'Ann "&" Co'}
    assert (answer.status, answer.json) == (200, {"message": "Password updated successfully", "user": user})
    assert (await login(api, OLD), await login(api, NEW)) == (401, 200)


@both
async def test_every_role_may_change_its_own(api, sign_in, path):
    for role in ("SUPERADMIN", "EMPLOYEE", "PICKER", "SALESREP", "VENDOR", "MEMBER"):
        tokens = await sign_in(role)
        assert (await change(api, path, tokens["access"])).status == 200, role
        assert await login(api, NEW, f"{role.lower()}@example.com") == 200


@both
async def test_all_other_sessions_end_and_the_callers_own_goes_on(api, token, sign_in, path):
    others = [await sign_in("USER", "ann@example.com") for _ in range(3)]
    stranger = (await sign_in("ADMIN"))["access"]
    assert (await change(api, path, token)).status == 200
    for other in others:
        assert (await api.get(ME, token=other["access"])).status == 401
        refused = await api.post("/api/auth/token/refresh/", {"refresh": other["refresh"]})
        assert (refused.status, refused.json["code"]) == (401, "token_not_valid")
    assert (await api.get(ME, token=token)).status == (await api.get(ME, token=stranger)).status == 200


@both
async def test_a_session_opened_while_the_change_waits_ends_with_the_old_password(api, token, db, path):
    account_id = await db.fetchval("SELECT id FROM accounts.account")
    async with db.transaction():
        await db.execute("UPDATE accounts.account SET last_login = now()")
        changing = asyncio.ensure_future(change(api, path, token))
        while not await db.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)
        late = await db.fetchval(
            "INSERT INTO accounts.session (account_id, expires_at) VALUES ($1, now() + interval '1 day') RETURNING id",
            account_id,
        )
    assert (await changing).status == 200
    assert await db.fetchval("SELECT revoked_at IS NOT NULL FROM accounts.session WHERE id = $1", late)


@both
async def test_the_longest_password_is_72_bytes_and_taken_whole(api, token, path):
    assert (await change(api, path, token, new="é" * 36)).status == 200
    assert (await login(api, "é" * 36), await login(api, "é" * 35)) == (200, 401)


async def test_a_password_is_taken_with_the_blanks_around_it(api, token):
    assert (await change(api, STAFF, token, new="  blanks  ")).status == 200
    assert (await login(api, "  blanks  "), await login(api, "blanks")) == (200, 401)


@both
async def test_the_change_is_noted_and_no_hash_with_it(api, token, db, path):
    await change(api, path, token, old="wrong")
    await change(api, path, token)
    entries = await db.fetch(
        "SELECT u.email, u.object_type, u.before::text, u.after::text FROM operations.audit u"
        " JOIN accounts.account a ON a.public_id::text = u.object_id WHERE action = 'account.password'"
    )
    hidden = {"password_hash": "***"}
    ((email, kind, before, after),) = entries
    assert (email, kind, json.loads(before), json.loads(after)) == ("ann@example.com", "account", hidden, hidden)


# What is refused


@both
async def test_a_wrong_old_password_is_refused_in_the_documents_words(api, token, db, path):
    before = await hash_of(db)
    for old in ("wrong", OLD.upper(), OLD + " ", "é" * 37, NEW):
        answer = await change(api, path, token, old=old)
        message, field = WRONG[path]
        assert answer.status == 400 and said(path, answer) == (message, {"old_password": field})
    assert await hash_of(db) == before and (await api.get(ME, token=token)).status == 200


@both
async def test_a_bad_field_is_named_and_nothing_changes(subtests, api, token, db, path):
    for field, value, told in BAD:
        with subtests.test(field=field, value=value, told=told):
            before = await hash_of(db)
            answer = await change(api, path, token, **{field: value})
            _, fields = said(path, answer)
            assert answer.status == 400 and fields[field] == told
            assert fields.keys() <= {field, "new_password_confirm"}
            if path == STAFF:
                assert answer.json[field] == told  # bare, as the document shows it
            assert await hash_of(db) == before


async def test_all_that_is_missing_is_named_at_once(api, token):
    names = ["old_password", "new_password"]
    assert said(STAFF, await api.post(STAFF, {}, token=token))[1] == {name: REQUIRED for name in names}
    assert said(BOOKS, await api.post(BOOKS, {}, token=token))[1] == {
        name: REQUIRED for name in [*names, "new_password_confirm"]
    }
    # What the staff client sends to set another one's: nobody can.
    answer = await api.post(STAFF, {"user_id": 1, "new_password": NEW}, token=token)
    assert (answer.status, answer.json["old_password"]) == (400, REQUIRED)


@both
async def test_a_body_that_is_no_object_or_no_json_is_refused(api, token, path):
    for sent in (b"[]", b"null", b"5", b"{", b"", b"\xff", b'{"old_password":"a","old_password":"b"}'):
        assert (await api.call("POST", path, sent, token=token)).status == 400, sent
    for bad in ("\\u0000", "\\ud800"):
        for field in body(path):
            sent = json.dumps(body(path) | {field: "PLACE"}).replace("PLACE", f"{OLD}{bad}").encode()
            answer = await api.call("POST", path, sent, token=token)
            assert answer.status == 400 and list(said(path, answer)[1]) == [field]


async def test_the_new_password_must_be_written_twice_alike(api, token, db):
    before = await hash_of(db)
    for confirm in (NEW.upper(), NEW + " ", "x"):
        answer = await change(api, BOOKS, token, new_password_confirm=confirm)
        assert answer.status == 400
        assert said(BOOKS, answer) == ("Validation failed", {"new_password_confirm": ["New passwords don't match"]})
    assert await hash_of(db) == before


@pytest.mark.parametrize(
    ("path", "changed_settings"), [(BOOKS, {}), (STAFF, {"password_policy": "strict"})], ids=["books", "strict staff"]
)
async def test_books_and_the_strict_policy_refuse_what_is_easily_guessed(app, api, token, db, path):
    await db.execute(
        "UPDATE accounts.account SET username = 'quetzal', name = 'Ann Montgomery', company_name = 'Zanzibar'"
    )
    for new, told in {
        "password1": "This password is too common.", "PASSWORD1": "This password is too common.",
        "314159265358": "This password is entirely numeric.",
        **dict.fromkeys(
            ["ann@example.com", "quetzal1", "Montgomery", "zanzibar", "annmontgomery"],
            "The password is too similar to your name or e-mail address.",
        ),
    }.items():  # fmt: skip
        answer = await change(api, path, token, new=new)
        assert (answer.status, said(path, answer)[1]) == (400, {"new_password": [told]}), new
    assert (await change(api, path, token)).status == 200


async def test_the_staff_api_asks_only_for_eight_characters_as_documented(api, token):
    old = OLD
    for new in ("password", "12345678", "ann@example.com", "       x"):
        assert (await change(api, STAFF, token, old=old, new=new)).status == 200, new
        old = new


@both
async def test_an_account_without_a_password_has_no_old_one(api, token, db, path):
    await db.execute("UPDATE accounts.account SET password_hash = NULL")
    answer = await change(api, path, token)
    assert answer.status == 400 and said(path, answer)[1] == {"old_password": WRONG[path][1]}
    assert await hash_of(db) is None


@both
async def test_without_a_token_it_is_401_and_with_another_method_405(api, token, path):
    for method in ("GET", "DELETE"):
        assert (await api.call(method, path)).status == 401
        assert (await api.call(method, path, token=token)).status == 405
    for sent in (body(path), {}):
        answer = await api.post(path, sent)
        assert (answer.status, answer.json["detail"]) == (401, "Authentication credentials were not provided.")


# Guessing


@both_ways
@both
async def test_ten_wrong_ones_lock_the_change_for_a_while_even_for_the_right_one(app, api, token, sign_in, path):
    for _ in range(FAILURES):
        assert (await change(api, path, token, old="wrong")).status == 400
    for other in (STAFF, BOOKS):  # one count
        for old in ("wrong", OLD):
            answer = await change(api, other, token, old=old)
            assert answer.status == 429 and 0 < int(answer.headers["Retry-After"]) <= WINDOW
    other = (await sign_in("USER", "other@example.com"))["access"]
    assert (await change(api, path, other)).status == 200
    assert await login(api, OLD) == 200  # signing in counts apart


@both_ways
async def test_of_thirty_guesses_at_once_no_more_than_ten_learn_that_they_were_wrong(app, api, token, db):
    before = await hash_of(db)
    answers = await asyncio.gather(*(change(api, STAFF, token, old=f"wrong{n}") for n in range(30)))
    statuses = [answer.status for answer in answers]
    assert set(statuses) == {400, 429} and statuses.count(400) <= FAILURES
    assert await hash_of(db) == before


async def test_a_success_clears_the_failures_and_a_bad_field_is_no_failure(api, token):
    old, new = OLD, NEW
    for _ in range(2):
        for _ in range(FAILURES - 1):
            assert (await change(api, STAFF, token, old="wrong")).status == 400
            assert (await change(api, STAFF, token, new="short")).status == 400
        assert (await change(api, STAFF, token, old=old, new=new)).status == 200
        old, new = new, old


@pytest.mark.parametrize("changed_settings", [{"redis_url": AWAY}])
async def test_with_redis_away_failures_are_still_counted(app, api, token):
    statuses = [(await change(api, BOOKS, token, old="wrong")).status for _ in range(FAILURES + 1)]
    assert statuses == [400] * FAILURES + [429]


# At once


@both
async def test_of_eight_changes_at_once_with_one_old_password_one_wins(api, token, db, path):
    answers = await asyncio.gather(*(change(api, path, token, new=f"{NEW}-{n}") for n in range(8)))
    statuses = [answer.status for answer in answers]
    assert sorted(statuses) == [200] + [400] * 7
    for answer in answers:
        if answer.status == 400:
            assert said(path, answer) == (WRONG[path][0], {"old_password": WRONG[path][1]})
    assert await login(api, f"{NEW}-{statuses.index(200)}") == 200
    assert (
        await db.fetchval(
            "SELECT count(*) FROM operations.audit WHERE action = 'account.password' AND object_id ="
            " (SELECT public_id::text FROM accounts.account)"
        )
        == 1
    )


async def test_two_devices_that_change_it_at_once_leave_one_signed_in(api, token, sign_in):
    other = (await sign_in("USER", "ann@example.com"))["access"]
    answers = await asyncio.gather(change(api, STAFF, token, new=NEW), change(api, BOOKS, other, new=NEW + "2"))
    statuses = [answer.status for answer in answers]
    assert statuses.count(200) == 1 and set(statuses) <= {200, 400, 401}
    signed_in = [(await api.get(ME, token=one)).status for one in (token, other)]
    assert signed_in == [200 if status == 200 else 401 for status in statuses]
    assert await login(api, NEW if statuses[0] == 200 else NEW + "2") == 200


async def test_a_change_beside_a_deactivation_leaves_the_account_closed_and_no_500(api, token, sign_in, db):
    admin = (await sign_in("ADMIN"))["access"]
    id = await db.fetchval("SELECT id FROM accounts.account WHERE email = 'ann@example.com'")
    answers = await asyncio.gather(change(api, STAFF, token), api.call("DELETE", f"/api/users/{id}/", token=admin))
    assert answers[0].status in (200, 400, 401) and answers[1].status == 204
    assert (await login(api, OLD), await login(api, NEW), (await api.get(ME, token=token)).status) == (401, 401, 401)


async def test_no_sign_in_with_the_old_password_outlives_a_change_beside_it(api, token, db):
    sign_ins = [login(api, OLD) for _ in range(8)]
    answers = await asyncio.gather(*sign_ins[:4], change(api, STAFF, token), *sign_ins[4:])
    assert answers[4].status == 200 and set(answers[:4] + answers[5:]) <= {200, 401}
    assert await db.fetchval("SELECT count(*) FROM accounts.session WHERE revoked_at IS NULL") == 1
    assert (await api.get(ME, token=token)).status == 200

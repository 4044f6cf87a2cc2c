"""Accounts, job titles, menus and sessions in the administration. docs/api/accounts.md#administration"""

import asyncio
import io
import itertools
import re
import uuid

import pytest
from PIL import Image

from tests.support.administrator import Administrator, message, problem, rows_read

pytestmark = pytest.mark.gen_test

# The id of no row. It is the same in each process that runs tests, as the names of tests have it.
UNKNOWN = "00000000-0000-4000-8000-000000000000"
USERS, TITLES, MENUS = "/admin/accounts/users/", "/admin/accounts/job-titles/", "/admin/accounts/menus/"
SETS, ASSIGNED, SESSIONS = (
    "/admin/accounts/user-menus/",
    "/admin/accounts/menu-assignments/",
    "/admin/accounts/sessions/",
)
ABOVE = "You may not change an account whose role is above your own."
_numbers = itertools.count(1)


@pytest.fixture
def enter(api, app, sign_in):
    """`await enter("ADMIN")`: somebody of that role who is signed in to the pages."""

    async def enter(role="SUPERADMIN", email=None):
        entered = Administrator(api)
        entered.enter(app, await sign_in(role, email))
        return entered

    return enter


@pytest.fixture
def person(db):
    """`await person(role="PICKER")`: the key and the e-mail of a new account."""

    async def person(email=None, **fields):
        fields = {"email": email or f"person{next(_numbers)}@example.com", "role": "USER", **fields}
        names, places = ", ".join(fields), ", ".join(f"${n}" for n in range(1, len(fields) + 1))
        made = f"INSERT INTO accounts.account ({names}) VALUES ({places}) RETURNING public_id::text"
        return await db.fetchval(made, *fields.values()), fields["email"]

    return person


@pytest.fixture
def last_entry(db):
    """`await last_entry("account.update")`: who did that last, with what, before and after."""

    async def last_entry(action):
        found = (
            "SELECT email, object_id, before, after FROM operations.audit WHERE action = $1 ORDER BY id DESC LIMIT 1"
        )
        return await db.fetchrow(found, action)

    return last_entry


def picture():
    file = io.BytesIO()
    Image.new("RGB", (2, 2)).save(file, "PNG")
    return "me.png", file.getvalue()


async def department_of(db, name, title=None):
    department = await db.fetchval("INSERT INTO accounts.department (name) VALUES ($1) RETURNING id", name)
    made = "INSERT INTO accounts.job_title (title, department_id) VALUES ($1, $2) RETURNING id::text"
    return str(department), await db.fetchval(made, title or f"Title of {name}", department)


async def test_users_are_found_by_search_and_by_each_filter(enter, person, db):
    staff = await enter()
    department, title = await department_of(db, "Found", "Finder")
    await person("one@find.example", role="PICKER", name="Ada Lovelace", department_id=department)
    await person("two@find.example", role="PACKER", is_active=False, job_title_id=title)
    await person("three@find.example", role="PICKER", is_staff=True, username="charles")
    find = f"{USERS}?search=find.example"
    assert await staff.rows(find) == ["three@find.example", "two@find.example", "one@find.example"]
    assert await staff.rows(f"{USERS}?search=LOVE+ad") == ["one@find.example"]
    assert await staff.rows(f"{USERS}?search=charl") == ["three@find.example"]
    assert await staff.rows(f"{find}&role=PICKER") == ["three@find.example", "one@find.example"]
    assert await staff.rows(f"{find}&is_active=false") == ["two@find.example"]
    assert await staff.rows(f"{find}&is_staff=yes") == ["three@find.example"]
    assert await staff.rows(f"{USERS}?department={department}") == ["one@find.example"]
    assert await staff.rows(f"{USERS}?job_title={title}") == ["two@find.example"]
    assert await staff.rows(f"{find}&is_active=true&role=PACKER") == []


async def test_users_are_ordered_by_each_column_that_says_so(enter, person):
    staff = await enter()
    for letter in "bca":
        await person(f"{letter}@order.example")
    ordered = await staff.rows(f"{USERS}?search=order.example&sort=email")
    assert ordered == ["a@order.example", "b@order.example", "c@order.example"]
    for column in ("name", "role", "is_active", "is_staff", "last_login", "id"):
        up, down = [await staff.rows(f"{USERS}?sort={sign}{column}") for sign in ("", "-")]
        assert up == down[::-1] and len(up) >= 4


async def test_a_list_with_filters_has_the_orders_that_its_indexes_have(enter, person):
    staff = await enter()
    for letter in "bac":
        await person(f"{letter}@kept.example", role="STORE")
    newest_first = ["c@kept.example", "a@kept.example", "b@kept.example"]
    assert await staff.rows(f"{USERS}?role=STORE&sort=email") == newest_first
    assert await staff.rows(f"{USERS}?role=STORE&sort=id") == newest_first[::-1]
    assert "?role=STORE&amp;sort=email" not in (await staff.get(f"{USERS}?role=STORE")).text


async def test_filters_that_no_index_serves_together_are_refused_with_a_sentence(enter):
    staff = await enter()
    page = await staff.get(f"{USERS}?role=PICKER&department={uuid.uuid4()}")
    assert page.status == 200 and "“Department” and “Role” can&#x27;t be combined." in page.text.replace(
        "&#39;", "&#x27;"
    )
    assert (await staff.get(f"{USERS}csv/?role=PICKER&department={uuid.uuid4()}")).status == 400


async def test_a_user_is_made_by_the_form_as_by_the_api(enter, db, api, last_entry):
    staff = await enter()
    department, title = await department_of(db, "Making", "Maker")
    form = {
        "email": "Made@Example.com", "name": "Made Up", "username": "madeup", "phone": "", "password": "password123", "role": "PICKER",
        "department_id": department, "job_title": title,
    }  # fmt: skip
    made = await staff.add(USERS, form, {"avatar": picture()})
    assert made.status == 302
    page = await staff.get(made.headers["Location"])
    assert (
        message(page) == "The user was added successfully." and "Maker" in page.text and "/media/avatars/" in page.text
    )
    assert (await api.post("/api/auth/login/", {"email": "made@example.com", "password": "password123"})).status == 200
    assert (await last_entry("account.create"))["email"] == "superadmin@example.com"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("email", "superadmin@example.com", "User with this email already exists."),
        ("email", "nobody", "Enter a valid email address."),
        ("email", "", "This field is required."),
        ("password", "short", "Password must be at least 8 characters long"),
        ("name", "x" * 151, "Ensure this field has no more than 150 characters."),
        ("department_id", "6a0e2f6e-9d1b-4f5d-8f5e-0123456789ab", "object does not exist."),
        ("job_title", "nonsense", "Must be a valid UUID."),
        ("role", "KING", '"KING" is not a valid choice.'),
    ],
)
async def test_what_is_wrong_with_a_new_user_stands_beside_its_field(enter, field, value, said):
    staff = await enter()
    page = await staff.add(USERS, {"email": f"wrong{next(_numbers)}@example.com", field: value})
    assert page.status == 400 and said in problem(page, field), page.text


async def test_a_user_is_changed_by_the_form(enter, person, db, api, last_entry):
    staff = await enter()
    key, email = await person(role="PICKER", name="Before")
    department, title = await department_of(db, "Changing", "Changer")
    form = {
        "name": "After",
        "role": "ADMIN",
        "department_id": department,
        "job_title": title,
        "password": "password123",
    }
    changed = await staff.change(f"{USERS}{key}/", {**form, "is_staff": ["false", "true"]})
    assert changed.status == 302
    page = await staff.get(f"{USERS}{key}/")
    assert "was changed successfully" in message(page) and "password123" not in page.text
    assert (await api.post("/api/auth/login/", {"email": email, "password": "password123"})).json["data"]["user"][
        "is_staff"
    ]
    entry = await last_entry("account.update")
    assert (entry["email"], entry["object_id"]) == (
        "superadmin@example.com",
        key,
    ) and '"password_hash": "***"' in entry["after"]
    history = await staff.rows(re.search(r'href="([^"]*)">History', page.text)[1].replace("&amp;", "&"))
    assert len(history) == 2  # the change, and the sign-in
    await staff.change(f"{USERS}{key}/", {"department_id": "", "job_title": ""})
    assert await db.fetchval(
        "SELECT department_id IS NULL AND job_title_id IS NULL FROM accounts.account WHERE email = $1", email
    )


async def test_the_picture_of_a_user_is_set_and_removed(enter, person, db):
    staff = await enter()
    key, email = await person()
    assert (await staff.change(f"{USERS}{key}/", {}, {"avatar": picture()})).status == 302
    assert "/media/avatars/" in (await staff.get(f"{USERS}{key}/")).text
    page = await staff.change(f"{USERS}{key}/", {}, {"avatar": ("x.png", b"nonsense")})
    assert page.status == 400 and problem(page, "avatar").startswith("Upload a valid image.")
    assert await staff.act(USERS, "remove-picture", key) == "The pictures of 1 of 1 users were removed."
    assert await db.fetchval("SELECT avatar IS NULL FROM accounts.account WHERE email = $1", email)


async def test_users_are_deactivated_and_activated_with_the_messages_of_the_api(enter, person, db):
    staff = await enter()
    (key, email), (other, _) = await person(), await person()
    assert await staff.act(USERS, "deactivate", key) == f"User {email} deactivated successfully."
    assert await staff.act(USERS, "activate", key, other) == "2 of 2 users activated successfully."
    assert await db.fetchval("SELECT is_active FROM accounts.account WHERE email = $1", email)


async def test_nobody_deactivates_or_deletes_oneself_here(enter, db, person):
    staff = await enter()
    own = await db.fetchval("SELECT public_id::text FROM accounts.account WHERE email = 'superadmin@example.com'")
    key, _ = await person()
    said = await staff.act(USERS, "deactivate", own, key)
    assert said == "1 of 2 users deactivated successfully. You cannot deactivate your own account."
    assert await staff.act(USERS, "deactivate", own) == "You cannot deactivate your own account."
    assert (await staff.delete(f"{USERS}{own}/")).status == 400


async def test_the_last_superadmin_stays_one(enter, db):
    staff = await enter()
    await db.execute(
        "UPDATE accounts.account SET is_active = false WHERE role = 'SUPERADMIN' AND email <> 'superadmin@example.com'"
    )
    own = await db.fetchval("SELECT public_id::text FROM accounts.account WHERE email = 'superadmin@example.com'")
    page = await staff.change(f"{USERS}{own}/", {"role": "ADMIN"})
    assert page.status == 400 and "At least one SUPERADMIN must remain." in page.text


async def test_users_are_deleted_one_by_one_and_together(enter, person, last_entry, db):
    staff = await enter()
    keys = [(await person())[0] for _ in range(3)]
    assert (await staff.delete(f"{USERS}{keys[0]}/")).status == 302
    assert (await last_entry("account.delete"))["object_id"] == keys[0]
    assert await staff.act(USERS, "delete", *keys[1:]) == "Successfully deleted 2 of 2 users."
    assert await db.fetchval("SELECT count(*) FROM accounts.account WHERE public_id = ANY ($1::uuid[])", keys) == 0


async def test_an_admin_can_not_get_around_the_order_of_roles(enter, db, person):
    await enter("SUPERADMIN")
    admin = await enter("ADMIN")
    above, own = [
        await db.fetchval("SELECT public_id::text FROM accounts.account WHERE email = $1", f"{name}@example.com")
        for name in ("superadmin", "admin")
    ]
    key, _ = await person()
    for row, form, said in (
        (above, {"name": "Taken over"}, ABOVE),
        (above, {"password": "password123"}, ABOVE),
        (own, {"role": "SUPERADMIN"}, "You may not give a role above your own."),
        (own, {"role": "OWNER"}, "You may not give yourself that role."),
        (key, {"role": "SUPERADMIN"}, "You may not give a role above your own."),
    ):
        page = await admin.change(f"{USERS}{row}/", form)
        assert page.status == 403 and said in page.text, form
    assert await admin.act(USERS, "deactivate", above) == ABOVE
    assert await admin.act(USERS, "delete", above) == f"Successfully deleted 0 of 1 users. {ABOVE}"
    assert (await admin.delete(f"{USERS}{above}/")).status == 403
    made = await admin.add(USERS, {"email": "king@example.com", "role": "SUPERADMIN"})
    assert made.status == 403 and "You may not give a role above your own." in made.text


async def test_somebody_who_is_staff_by_the_flag_alone_gives_nobody_that_flag(enter, person, db):
    key, _ = await person()
    await enter("BILLING")
    await db.execute("UPDATE accounts.account SET is_staff = true WHERE email = 'billing@example.com'")
    clerk = await enter("BILLING")
    page = await clerk.change(f"{USERS}{key}/", {"is_staff": ["false", "true"]})
    assert page.status == 403 and "You may not give is_staff." in page.text


async def test_sessions_are_for_superadmins_and_the_pages_for_staff(enter):
    admin = await enter("ADMIN")
    await admin.get(f"{MENUS}add/")  # a page with a form
    assert (await admin.get(SESSIONS)).status == 404 and (await admin.post(f"{SESSIONS}action/")).status == 404
    assert "/admin/accounts/sessions/" not in (await admin.get("/admin/")).text
    assert (await (await enter("SALESREP")).get(USERS)).status == 403


async def test_no_page_and_no_file_has_a_hash_of_a_password(enter, person, db):
    staff = await enter()
    key, email = await person(password_hash="$2b$04$secretsecretsecret")
    for address in (USERS, f"{USERS}{key}/", f"{USERS}csv/", f"{USERS}choices/?q={email}"):
        page = await staff.get(address, **{"X-Requested-With": "XMLHttpRequest"})
        assert page.status == 200 and email in page.text and "$2b$" not in page.text, address


@pytest.mark.parametrize(
    ("address", "status"),
    [
        (f"{USERS}?role=KING", 400), (f"{USERS}?is_active=perhaps", 400), (f"{USERS}?department=x", 404), (f"{USERS}?after=x", 400),
        (f"{USERS}?search=%00abc", 200), (f"{USERS}?search={'x' * 9000}", 200), (f"{USERS}x/", 404), (f"{USERS}{UNKNOWN}/", 404),
        (f"{MENUS}x/", 404), (f"{ASSIGNED}1.x/", 404), (f"{ASSIGNED}{'9' * 30}.{UNKNOWN}/", 404), (f"{SESSIONS}1e3/", 404),
        (f"{SESSIONS}999999/", 404), (f"{ASSIGNED}?menu=%00x", 404),
    ],
)  # fmt: skip
async def test_what_can_not_be_is_refused(enter, address, status):
    assert (await (await enter()).get(address)).status == status


async def test_job_titles_are_made_with_and_without_a_department(enter, db, last_entry):
    staff = await enter()
    department, _ = await department_of(db, "Titles", "There")
    for form in ({"title": "Alone", "department_id": ""}, {"title": "Inside", "department_id": department}):
        assert (await staff.add(TITLES, {**form, "description": "Does it.", "is_active": "true"})).status == 302
    assert await staff.rows(f"{TITLES}?department={department}") == ["Inside", "There"]
    page = await staff.add(TITLES, {"title": "Inside", "department_id": department})
    assert page.status == 400 and "must make a unique set." in page.text
    page = await staff.add(TITLES, {"title": "", "department_id": department})
    assert problem(page, "title") == "This field is required."
    assert (await last_entry("job_title.create"))["email"] == "superadmin@example.com"


async def test_a_job_title_moves_and_goes(enter, db, person):
    staff = await enter()
    department, title = await department_of(db, "Moves", "Mover")
    _, email = await person(job_title_id=title)
    row = f"{TITLES}{title}/"
    assert (await staff.change(row, {"title": "Moved", "department_id": "", "is_active": "false"})).status == 302
    assert "Moved" in await staff.rows(f"{TITLES}?is_active=false") and await staff.rows(f"{TITLES}?search=moved") == [
        "Moved"
    ]
    assert await staff.rows(f"{TITLES}?department={department}") == []
    assert (await staff.delete(row)).status == 302
    assert await db.fetchval("SELECT job_title_id IS NULL FROM accounts.account WHERE email = $1", email)


async def menu(staff, code, **form):
    made = await staff.add(MENUS, {"name": f"Menu {code}", "code": code, "is_active": "true", **form})
    assert made.status == 302, made.text
    return made.headers["Location"].removeprefix(MENUS).strip("/")


async def test_menus_are_made_changed_and_deleted_with_what_is_below_them(enter, last_entry, api, sign_in):
    staff = await enter()
    root = await menu(staff, "made", url="/made", order="7")
    below = await menu(staff, "made_below", parent_id=root)
    assert await staff.rows(f"{MENUS}?parent={root}") == ["Menu made_below"]
    assert await staff.rows(f"{MENUS}?search=made+low") == ["Menu made_below"]
    assert (await staff.change(f"{MENUS}{below}/", {"name": "Renamed", "is_active": "false"})).status == 302
    assert "Renamed" in await staff.rows(f"{MENUS}?is_active=false")
    token = (await sign_in("SUPERADMIN"))["access"]
    tree = (await api.get("/api/access/admin/menus/", token=token)).json["data"]["menus"]
    assert [(node["order"], node["url"], node["children"]) for node in tree if node["code"] == "made"] == [
        (7, "/made", [])
    ]
    assert (await staff.delete(f"{MENUS}{root}/")).status == 302
    assert '"below": ["made_below"]' in (await last_entry("menu.delete"))["before"]
    assert (await staff.get(f"{MENUS}{below}/")).status == 404
    entry = await last_entry("menu.update")
    assert (entry["email"], entry["object_id"]) == ("superadmin@example.com", below)


async def test_what_is_wrong_with_a_menu_stands_beside_its_field(enter):
    staff = await enter()
    await menu(staff, "taken")
    for field, value, said in (
        ("code", "taken", "Menu with this code already exists."),
        ("code", "", "This field is required."),
        ("parent_id", str(uuid.uuid4()), "object does not exist."),
        ("parent_id", "x", "Must be a valid UUID."),
        ("order", "many", "A valid integer is required."),
    ):
        page = await staff.add(MENUS, {"name": "Wrong", "code": "wrong", field: value})
        assert page.status == 400 and said in problem(page, field), (field, page.text)


async def test_a_menu_never_comes_to_stand_below_itself(enter):
    staff = await enter()
    root = await menu(staff, "circle")
    below = await menu(staff, "circle_1", parent_id=root)
    lowest = await menu(staff, "circle_2", parent_id=below)
    for parent in (root, below, lowest):
        page = await staff.change(f"{MENUS}{root}/", {"parent_id": parent})
        assert page.status == 400 and problem(page, "parent_id") == "A menu can't be below itself."
    assert (await staff.change(f"{MENUS}{lowest}/", {"parent_id": root})).status == 302
    assert (await staff.change(f"{MENUS}{lowest}/", {"parent_id": ""})).status == 302


async def test_two_changes_at_once_make_no_circle_of_menus(enter, db):
    staff = [await enter(), await enter("ADMIN")]
    first, second = await menu(staff[0], "race_1"), await menu(staff[0], "race_2")
    changes = [
        staff[0].change(f"{MENUS}{first}/", {"parent_id": second}),
        staff[1].change(f"{MENUS}{second}/", {"parent_id": first}),
    ]
    assert sorted(page.status for page in await asyncio.gather(*changes)) == [302, 400]
    assert (
        await db.fetchval("SELECT count(*) FROM accounts.menu_item WHERE code LIKE 'race%' AND parent_id IS NULL") == 1
    )


async def test_the_menus_of_a_user_are_what_the_form_says(enter, person, last_entry, db):
    staff = await enter()
    key, email = await person()
    first, second = await menu(staff, "first"), await menu(staff, "second")
    assert (await staff.change(f"{SETS}{key}/", {"menu_ids": ["", first, second]})).status == 302
    assert (await last_entry("menu.assign"))["after"] == '{"menus": ["first", "second"]}'
    assert (await staff.change(f"{SETS}{key}/", {"menu_ids": ["", second]})).status == 302
    page = await staff.get(f"{SETS}?search={email}")
    assert "Menu second" in page.text and "Menu first" not in page.text
    page = await staff.change(f"{SETS}{key}/", {"menu_ids": ["", str(uuid.uuid4())]})
    assert page.status == 400 and "Invalid menu IDs" in problem(page, "menu_ids")
    assert (await staff.change(f"{SETS}{key}/", {"menu_ids": ""})).status == 302
    assert await db.fetchval("SELECT count(*) FROM accounts.account_menu") == 0


async def test_who_is_shown_a_menu_is_listed_and_taken_back(enter, person, last_entry):
    staff = await enter()
    (key, email), (other, _) = await person(), await person()
    shown, kept = await menu(staff, "shown"), await menu(staff, "kept")
    for one in (key, other):
        await staff.change(f"{SETS}{one}/", {"menu_ids": ["", shown, kept]})
    assert len(await staff.rows(f"{ASSIGNED}?menu={shown}")) == 2
    assert await staff.rows(f"{ASSIGNED}?menu={shown}&account={key}") == [email]
    page = await staff.get(f"{ASSIGNED}?account={key}")
    row = next(row for row in re.findall(r'class="row" href="([^"]*)"', page.text) if shown in row)
    assert "superadmin@example.com" in (await staff.get(row)).text
    assert (await staff.delete(row)).status == 302
    entry = await last_entry("menu.assign")
    assert (entry["object_id"], entry["before"], entry["after"]) == (
        key,
        '{"menus": ["kept", "shown"]}',
        '{"menus": ["kept"]}',
    )
    assert (await staff.delete(row)).status == 404


async def test_menus_are_assigned_to_several_users_and_taken_from_them(enter, person, last_entry, db):
    staff = await enter()
    keys = [(await person())[0] for _ in range(2)]
    had, more = await menu(staff, "had"), await menu(staff, "more")
    await staff.change(f"{SETS}{keys[0]}/", {"menu_ids": ["", had]})
    assert await staff.act(SETS, "add", *keys, menu_ids=["", more]) == "The menus were assigned to 2 of 2 users."
    shown = """SELECT array_agg(m.code ORDER BY m.code) FROM accounts.account_menu am JOIN accounts.menu_item m ON m.id = am.menu_item_id
                 JOIN accounts.account a ON a.id = am.account_id WHERE a.public_id = $1::uuid"""
    assert [await db.fetchval(shown, key) for key in keys] == [["had", "more"], ["more"]]
    assert await staff.act(SETS, "take", *keys, menu_ids=["", more, had]) == "The menus were taken from 2 of 2 users."
    assert [await db.fetchval(shown, key) for key in keys] == [None, None]
    entry = await last_entry("menu.assign")
    assert (entry["object_id"], entry["before"], entry["after"]) == (keys[1], '{"menus": ["more"]}', '{"menus": []}')


async def test_an_admin_assigns_and_takes_no_menus_of_a_superadmin(enter, db):
    staff, admin = await enter(), await enter("ADMIN")
    one = await menu(staff, "high")
    account, above = await db.fetchrow(
        "SELECT id, public_id::text FROM accounts.account WHERE email = 'superadmin@example.com'"
    )
    page = await admin.change(f"{SETS}{above}/", {"menu_ids": ["", one]})
    assert page.status == 403 and ABOVE in page.text
    await staff.change(f"{SETS}{above}/", {"menu_ids": ["", one]})
    assert (await admin.delete(f"{ASSIGNED}{account}.{one}/")).status == 403
    assert ABOVE in await admin.act(ASSIGNED, "delete", f"{account}.{one}")
    assert ABOVE in await admin.act(SETS, "take", above, menu_ids=["", one])
    assert await db.fetchval("SELECT count(*) FROM accounts.account_menu WHERE account_id = $1", account) == 1


async def test_a_session_that_is_ended_here_lets_nobody_in(enter, sign_in, api, db, last_entry):
    staff, picker = await enter(), await sign_in("PICKER")
    key = await db.fetchval("SELECT public_id::text FROM accounts.account WHERE email = 'picker@example.com'")
    page = await staff.get(f"{SESSIONS}?account={key}")
    (session,) = re.findall(r'name="keys" value="([0-9]+)"', page.text)
    assert "picker@example.com" in await staff.rows(SESSIONS)
    assert await staff.act(SESSIONS, "revoke", session) == "1 of 1 sessions were ended."
    assert (await api.get("/api/sessions/", token=picker["access"])).status == 401
    assert await staff.rows(f"{SESSIONS}?account={key}") == []
    entry = await last_entry("session.revoke")
    assert (entry["email"], entry["object_id"]) == ("superadmin@example.com", session)
    ended = await staff.get(f"{SESSIONS}{session}/")
    assert ended.status == 200 and "picker@example.com" in ended.text


async def test_a_superuser_of_a_lower_role_ends_no_session_of_a_superadmin(enter, db):
    await enter()
    await enter("ADMIN", "root@example.com")
    await db.execute("UPDATE accounts.account SET is_superuser = true WHERE email = 'root@example.com'")
    root = await enter("ADMIN", "root@example.com")
    session = await db.fetchval(
        "SELECT max(s.id)::text FROM accounts.session s JOIN accounts.account a ON a.id = s.account_id WHERE a.role = 'SUPERADMIN'"
    )
    assert await root.act(SESSIONS, "revoke", session) == f"0 of 1 sessions were ended. {ABOVE}"


async def test_the_roles_are_shown_with_what_they_may_enter(enter):
    page = await (await enter("ADMIN")).get("/admin/accounts/roles/")
    assert page.status == 200 and "SALESREP" in page.text and "sales rep" in page.text


async def test_a_list_reads_few_rows_however_many_there_are(db, io_loop, settings):
    from handlers.api import areas

    many = 4000
    await db.execute(
        f"""INSERT INTO accounts.account (email, username, name, role, is_active, is_staff, last_login)
            SELECT 'many' || n || '@example.com', 'many' || n, 'Many ' || n, CASE WHEN n % 2000 = 0 THEN 'DRIVER' ELSE 'MEMBER' END, n % 1000 > 0,
                   n % 1000 = 1, CASE WHEN n % 2 = 0 THEN now() END
              FROM generate_series(1, {many}) n;
            INSERT INTO accounts.department (name) SELECT 'Many ' || n FROM generate_series(1, 20) n;
            INSERT INTO accounts.job_title (title, department_id) SELECT 'Many ' || n, d.id FROM accounts.department d, generate_series(1, 3) n
             WHERE d.name LIKE 'Many %';
            UPDATE accounts.account a SET department_id = d.id, job_title_id = t.id
              FROM accounts.department d JOIN accounts.job_title t ON t.department_id = d.id AND t.title = 'Many 1'
             WHERE d.name = 'Many ' || CASE WHEN a.id % 500 = 0 THEN 1 ELSE 2 + a.id % 19 END AND a.email LIKE 'many%';
            INSERT INTO accounts.menu_item (name, code) SELECT 'Many ' || n, 'many_' || n FROM generate_series(1, 2) n;
            INSERT INTO accounts.account_menu (account_id, menu_item_id)
            SELECT a.id, m.id FROM accounts.account a, accounts.menu_item m WHERE m.code = 'many_1' OR m.code = 'many_2' AND a.id % 1000 = 0;
            INSERT INTO accounts.session (account_id, expires_at, revoked_at)
            SELECT a.id, now() + (a.id - {many}) * interval '1 hour', CASE WHEN a.id % 3 = 0 THEN now() END FROM accounts.account a;
            ANALYZE"""
    )
    value = db.fetchval
    department = await value("SELECT id::text FROM accounts.department WHERE name = 'Many 1'")
    title = await value(
        "SELECT job_title_id::text FROM accounts.account WHERE department_id = $1::uuid LIMIT 1", department
    )
    account = await value("SELECT public_id::text FROM accounts.account WHERE email = 'many7@example.com'")
    menus = [await value("SELECT id::text FROM accounts.menu_item WHERE code = $1", f"many_{n}") for n in (1, 2)]
    filtered = {
        "users": [
            {"role": "DRIVER"}, {"role": "MEMBER"}, {"is_active": False}, {"is_staff": "yes"}, {"role": "MEMBER", "is_active": False},
            {"role": "MEMBER", "is_staff": "yes"}, {"department": department}, {"job_title": title},
            {"search": ("many399", ["many399", "ex"])}, {"search": ("many399", ["many399"]), "role": "DRIVER"},
        ],
        "user-menus": [{"role": "DRIVER"}, {"account": account}, {"search": ("many399", ["many399"])}],
        "menu-assignments": [{"menu": menus[0]}, {"menu": menus[1]}, {"account": account}, {"account": account, "menu": menus[0]}],
        "sessions": [{"account": account}],
    }  # fmt: skip
    tables = {table.name: table for table in areas.gathered("admin_tables") if table.area == "accounts"}
    for name, filters in filtered.items():
        table = tables[name]
        orders = [f"{sign}{column.order}" for column in table.columns if column.order for sign in ("", "-")]
        # The rows of a page, and what each leads to: department, job title, menus and who has assigned them.
        for term in ["", *orders]:
            assert await rows_read(db, table, {}, term) <= 51 * 6, (name, term)
        for one in filters:
            kept = [""] + [
                term for term in orders if table.filtered_orders is None or term.strip("-") in table.filtered_orders
            ]
            for term in kept:
                assert await rows_read(db, table, one, term) <= 51 * 6, (name, one, term)

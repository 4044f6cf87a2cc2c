"""Menus: the trees, who is shown which, assigning them (also two at once), and the menus a new installation begins with."""

import asyncio
import json
import uuid
from dataclasses import replace

import pytest

from handlers.accounts import menu_seed

pytestmark = pytest.mark.gen_test

AREAS = ["/api/access/", "/api/access-control/"]
OWN, ALL, ASSIGN = "/api/access/menus/", "/api/access/admin/menus/", "/api/access/admin/assign-menus/"
FORBIDDEN = "You do not have permission to perform this action."
R19 = """
dashboard 1 Dashboard HomeIcon /dashboard
invoice 2 Invoice InvoiceIcon /invoices
  invoice_list 1 Invoice List ListIcon /invoices
  my_assigned_bills 2 My Assigned Bills PlusCircleIcon /invoices/my
packing 3 Packing InvoiceIcon /packing/invoices
  packing_list 1 Packing List ListIcon /packing/invoices
  my_assigned_packing 2 My Assigned Packing PlusCircleIcon /packing/my
delivery 4 Delivery TruckIcon /delivery/dispatch
  delivery_dispatch 1 Dispatch Orders TruckIcon /delivery/dispatch
  delivery_courier_list 2 Courier List PackageIcon /delivery/courier-list
  delivery_company_list 3 Company Delivery List WarehouseIcon /delivery/company-list
  my_assigned_delivery 4 My Assigned Delivery PlusCircleIcon /delivery/my
history 5 History ListIcon /history
user-management 6 User Management UsersIcon /user-management
  user_list 1 User List UsersIcon /user-management
  user_control 2 User Control CogIcon /user-control
master 7 Master TuneOutlinedIcon /master/job-title
  job_title 1 Job Title BriefcaseIcon /master/job-title
  department 2 Department BuildingIcon /master/department
"""
CODES = [line.split()[0] for line in R19.strip().splitlines()]


def outline(nodes, indent=""):
    return "".join(
        f"{indent}{node['code']} {node['order']} {node['name']} {node['icon']} {node['url']}\n{outline(node['children'], indent + '  ')}"
        for node in nodes
    )


def names(nodes, indent=""):
    """The codes, a line each, children indented below their parent."""
    return [line for node in nodes for line in (indent + node["code"], *names(node["children"], indent + "  "))]


@pytest.fixture(autouse=True)
def seeded(io_loop, settings):
    """The menus as seeded, assigned to nobody."""
    io_loop.run_sync(lambda: menu_seed.seed_menus(settings, True))


@pytest.fixture
def admin(io_loop, sign_in):
    """An administrator's token."""
    return io_loop.run_sync(lambda: sign_in("ADMIN"))["access"]


@pytest.fixture
def menu_ids(io_loop, db):
    """The ids of the menus with these codes: `menu_ids("history", "master")`."""
    rows = io_loop.run_sync(lambda: db.fetch("SELECT code, id::text FROM accounts.menu_item"))
    known = dict(map(tuple, rows))
    return lambda *codes: [known[code] for code in codes]


@pytest.fixture
def assign(api, admin):
    """`await assign(person, ids)`: the answer, with the person as sign_in tells them."""

    async def assign(person, ids, token=None):
        return await api.post(ASSIGN, {"user_id": person["data"]["user"]["id"], "menu_ids": ids}, token=token or admin)

    return assign


async def shown(api, person):
    """What a person is shown, as the codes of roots and their children."""
    menus = (await api.get(OWN, token=person["access"])).json["data"]["menus"]
    return {root["code"]: [child["code"] for child in root["children"]] for root in menus}


def refused(answer, fields):
    whole = answer.json
    assert (answer.status, whole["success"], whole["status_code"], whole["message"]) == (
        400,
        False,
        400,
        "Validation failed",
    ), answer.text
    assert whole["errors"] == fields
    return True


# The trees


@pytest.mark.parametrize("area", AREAS)
async def test_the_whole_tree_is_shown_to_administrators(api, admin, area):
    answer = await api.get(f"{area}admin/menus/", token=admin)
    whole = answer.json
    assert (answer.status, whole["success"], whole["status_code"], whole["message"]) == (
        200,
        True,
        200,
        "All menus retrieved successfully",
    )
    assert outline(whole["data"]["menus"]) == R19.lstrip()
    first = whole["data"]["menus"][0]
    assert list(first) == ["id", "name", "code", "icon", "url", "order", "children"] and first["children"] == []
    assert all(child["children"] == [] for root in whole["data"]["menus"] for child in root["children"])


async def test_the_whole_tree_is_as_deep_as_it_is_and_leaves_out_what_is_not_active(api, admin, db):
    add = "INSERT INTO accounts.menu_item (code, name, parent_id, place) SELECT $1, $1, id, $3 FROM accounts.menu_item WHERE code = $2"
    for code, parent, place in (
        ("deep2", "user_list", 2), ("deep1", "user_list", 1), ("deeper", "deep1", 1), ("deepest", "deeper", 1), ("off", "deep1", 2),
        ("under-off", "off", 1),
    ):  # fmt: skip
        await db.execute(add, code, parent, place)
    await db.execute("UPDATE accounts.menu_item SET is_active = false WHERE code IN ('off', 'master')")
    menus = (await api.get(ALL, token=admin)).json["data"]["menus"]
    assert names(menus)[-7:] == [
        "user-management",
        "  user_list",
        "    deep1",
        "      deeper",
        "        deepest",
        "    deep2",
        "  user_control",
    ]


async def test_without_any_menu_the_tree_is_empty(api, admin, db):
    await db.execute("DELETE FROM accounts.menu_item")
    assert (await api.get(ALL, token=admin)).json["data"] == {"menus": []}


@pytest.mark.parametrize("area", AREAS)
async def test_a_person_is_shown_assigned_roots_with_those_of_their_children_assigned_too(
    api, sign_in, assign, menu_ids, area
):
    picker = await sign_in("PICKER")
    ids = menu_ids("my_assigned_bills", "history", "invoice", "user_list")
    assert (await assign(picker, ids)).status == 200
    whole = (await api.get(f"{area}menus/", token=picker["access"])).json
    assert (whole["success"], whole["status_code"], whole["message"]) == (
        True,
        200,
        "User menus retrieved successfully",
    )
    assert whole["data"]["user"] == {
        "id": picker["data"]["user"]["id"],
        "email": "picker@example.com",
        "full_name": "Picker",
    }
    assert whole["data"]["menus"] == [
        {
            "id": ids[2],
            "name": "Invoice",
            "code": "invoice",
            "icon": "InvoiceIcon",
            "url": "/invoices",
            "order": 2,
            "children": [
                {
                    "id": ids[0],
                    "name": "My Assigned Bills",
                    "code": "my_assigned_bills",
                    "icon": "PlusCircleIcon",
                    "url": "/invoices/my",
                    "order": 2,
                }
            ],
        },
        {
            "id": ids[1],
            "name": "History",
            "code": "history",
            "icon": "ListIcon",
            "url": "/history",
            "order": 5,
            "children": [],
        },
    ]


async def test_anyone_signed_in_is_told_their_own_and_a_superadmin_what_is_really_assigned(
    api, sign_in, assign, menu_ids, db
):
    boss = await sign_in("SUPERADMIN")
    assert await shown(api, boss) == {} == await shown(api, await sign_in("MEMBER"))
    await assign(boss, menu_ids("history"), token=boss["access"])
    assert await shown(api, boss) == {"history": []}
    await db.execute("UPDATE accounts.account SET name = '' WHERE role = 'SUPERADMIN'")
    data = (await api.get(OWN, token=boss["access"])).json["data"]
    assert data["user"]["full_name"] == "superadmin@example.com"
    await db.execute("UPDATE accounts.account SET name = 'Superadmin' WHERE role = 'SUPERADMIN'")


# Assigning


@pytest.mark.parametrize("area", AREAS)
async def test_assigning_makes_the_set_exactly_the_list_and_tells_what_changed(api, sign_in, admin, menu_ids, area):
    picker = await sign_in("PICKER")
    user = {"id": picker["data"]["user"]["id"], "email": "picker@example.com", "full_name": "Picker"}

    async def assign(*ids):
        answer = await api.post(f"{area}admin/assign-menus/", {"user_id": user["id"], "menu_ids": ids}, token=admin)
        assert answer.status == 200, answer.text
        assert (answer.json["success"], answer.json["status_code"]) == (True, 200)
        return answer.json["message"].removeprefix("Successfully synced menus for picker@example.com. "), answer.json[
            "data"
        ]

    history, invoice, dashboard = menu_ids("history", "invoice", "dashboard")
    told, data = await assign(history, invoice)
    assert told == "Added 2, removed 0"
    assert list(data) == ["user", "added", "removed_count", "total_added", "total_menus"]
    assert data["user"] == user and (data["removed_count"], data["total_added"], data["total_menus"]) == (0, 2, 2)
    assert [list(one) for one in data["added"]] == [["id", "menu_id", "menu_name", "menu_code"]] * 2
    assert [(one["menu_id"], one["menu_name"], one["menu_code"]) for one in data["added"]] == [
        (invoice, "Invoice", "invoice"),
        (history, "History", "history"),
    ]

    told, data = await assign(history, dashboard, history, dashboard.upper())
    assert told == "Added 1, removed 1"
    assert ([one["menu_code"] for one in data["added"]], data["removed_count"], data["total_menus"]) == (
        ["dashboard"],
        1,
        4,
    )
    assert await shown(api, picker) == {"dashboard": [], "history": []}
    assert (await assign(dashboard, history))[0] == "Added 0, removed 0"
    assert (await assign())[0] == "Added 0, removed 2"
    assert await shown(api, picker) == {}


@pytest.mark.parametrize("area", AREAS)
async def test_what_a_person_is_shown_is_shown_with_who_assigned_it(api, sign_in, admin, assign, menu_ids, db, area):
    picker = await sign_in("PICKER")
    user = picker["data"]["user"]
    path = f"{area}admin/users/{user['id']}/menus/"
    data = (await api.get(path, token=admin)).json["data"]
    assert (data["assignments"], data["menu_structure"], data["total_menus"]) == ([], [], 0)

    history, invoice_list, invoice = menu_ids("history", "invoice_list", "invoice")
    added = (await assign(picker, [history, invoice_list, invoice])).json["data"]["added"]
    whole = (await api.get(path, token=admin)).json
    assert (whole["success"], whole["status_code"], whole["message"]) == (
        True,
        200,
        "User menu assignments retrieved successfully",
    )
    data = whole["data"]
    assert list(data) == ["user", "assignments", "menu_structure", "total_menus"]
    assert data["user"] == {"id": user["id"], "email": "picker@example.com", "full_name": "Picker"}
    assert data["menu_structure"] == (await api.get(OWN, token=picker["access"])).json["data"]["menus"]
    assert data["total_menus"] == 3 and {one["id"] for one in data["assignments"]} == {one["id"] for one in added}
    assert {one["menu"] for one in data["assignments"]} == {history, invoice_list, invoice}
    one = next(one for one in data["assignments"] if one["menu"] == history)
    assert list(one) == [
        "id",
        "menu",
        "menu_name",
        "menu_code",
        "menu_url",
        "is_active",
        "assigned_by_email",
        "assigned_at",
    ]
    assert (one["menu_name"], one["menu_code"], one["menu_url"], one["is_active"]) == (
        "History",
        "history",
        "/history",
        True,
    )
    assert one["assigned_by_email"] == "admin@example.com" and one["assigned_at"].endswith("Z")


async def test_an_assignment_outlives_who_made_it(api, sign_in, assign, menu_ids, admin, db):
    picker, other = await sign_in("PICKER"), await sign_in("OWNER", "other@example.com")
    await assign(picker, menu_ids("history"), token=other["access"])
    await db.execute("DELETE FROM accounts.account WHERE email = 'other@example.com'")
    path = f"/api/access/admin/users/{picker['data']['user']['id']}/menus/"
    [one] = (await api.get(path, token=admin)).json["data"]["assignments"]
    assert one["assigned_by_email"] is None


async def test_an_assignment_that_was_switched_off_is_added_again(api, sign_in, assign, menu_ids, db):
    picker = await sign_in("PICKER")
    await assign(picker, menu_ids("history"))
    await db.execute("UPDATE accounts.account_menu SET is_active = false")
    assert await shown(api, picker) == {}
    assert (await assign(picker, menu_ids("history"))).json["data"]["total_added"] == 1
    assert await shown(api, picker) == {"history": []}


UNKNOWN, OTHER = "123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174001"
REQUIRED, NULL, TEXT, UUID = (
    ["This field is required."],
    ["This field may not be null."],
    ["Not a valid string."],
    ["Must be a valid UUID."],
)
BAD = [
    ({"user_id": None}, {"user_id": NULL}),
    ({"user_id": "1"}, {"user_id": UUID}),
    ({"user_id": True}, {"user_id": TEXT}),
    ({"user_id": 1}, {"user_id": UUID}),
    ({"user_id": "x" * 1_000_000}, {"user_id": UUID}),
    ({"user_id": UNKNOWN}, {"user_id": ["User not found"]}),
    ({"menu_ids": None}, {"menu_ids": NULL}),
    ({"menu_ids": UNKNOWN}, {"menu_ids": ['Expected a list of items but got type "str".']}),
    ({"menu_ids": {}}, {"menu_ids": ['Expected a list of items but got type "dict".']}),
    ({"menu_ids": ["abc"]}, {"menu_ids": {"0": UUID}}),
    ({"menu_ids": [UNKNOWN, "", None, [], 7]}, {"menu_ids": {"1": UUID, "2": NULL, "3": TEXT, "4": UUID}}),
    ({"menu_ids": [OTHER, UNKNOWN, OTHER]}, {"menu_ids": [f"Invalid menu IDs: {OTHER}, {UNKNOWN}"]}),
    ({"menu_ids": [UNKNOWN] * 501}, {"menu_ids": ["Ensure this field has no more than 500 elements."]}),
    (
        {"user_id": UNKNOWN, "menu_ids": [UNKNOWN]},
        {"user_id": ["User not found"], "menu_ids": [f"Invalid menu IDs: {UNKNOWN}"]},
    ),
]


@pytest.mark.parametrize("bad, fields", BAD)
async def test_a_bad_assignment_is_400_as_documented_and_changes_nothing(
    api, sign_in, admin, assign, menu_ids, bad, fields
):
    picker = await sign_in("PICKER")
    await assign(picker, menu_ids("history"))
    body = {"user_id": picker["data"]["user"]["id"], "menu_ids": menu_ids("invoice"), **bad}
    assert refused(await api.post(ASSIGN, body, token=admin), fields)
    assert await shown(api, picker) == {"history": []}


async def test_both_fields_must_be_there_and_known_menus_beside_unknown_ones_are_not_assigned(
    api, sign_in, admin, assign, menu_ids
):
    assert refused(await api.post(ASSIGN, {}, token=admin), {"user_id": REQUIRED, "menu_ids": REQUIRED})
    assert refused(
        await api.post(ASSIGN, [], token=admin),
        {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]},
    )
    picker = await sign_in("PICKER")
    answer = await assign(picker, [*menu_ids("history"), UNKNOWN])
    assert refused(answer, {"menu_ids": [f"Invalid menu IDs: {UNKNOWN}"]})
    assert await shown(api, picker) == {}


async def test_five_hundred_menus_can_be_sent_at_once(sign_in, assign, menu_ids):
    answer = await assign(await sign_in("PICKER"), menu_ids("history", "invoice") * 250)
    assert (answer.json["data"]["total_added"], answer.json["data"]["total_menus"]) == (2, 500)


async def test_an_unknown_person_has_no_menus_to_tell_of(api, admin):
    answer = await api.get(f"/api/access/admin/users/{uuid.uuid4()}/menus/", token=admin)
    whole = answer.json
    assert (answer.status, whole["success"], whole["status_code"], whole["message"]) == (
        404,
        False,
        404,
        "User not found",
    )
    for id in ("1", "me", "x" * 500):
        assert (await api.get(f"/api/access/admin/users/{id}/menus/", token=admin)).status == 404


async def test_nobody_assigns_to_someone_above_them(api, sign_in, assign, menu_ids, db):
    boss, admin, owner = await sign_in("SUPERADMIN"), await sign_in("ADMIN"), await sign_in("OWNER")
    answer = await assign(boss, menu_ids("history"), token=admin["access"])
    assert (
        answer.status == 403 and answer.json["message"] == "You may not change an account whose role is above your own."
    )
    assert await shown(api, boss) == {}
    assert (await assign(admin, menu_ids("history"), token=owner["access"])).status == 200
    assert (await assign(admin, menu_ids("history"), token=admin["access"])).status == 200
    assert (await assign(admin, [], token=boss["access"])).status == 200


@pytest.mark.parametrize("area", AREAS)
async def test_only_administrators_see_all_and_assign(api, sign_in, area):
    calls = [("GET", "admin/menus/"), ("POST", "admin/assign-menus/"), ("GET", f"admin/users/{uuid.uuid4()}/menus/")]
    for role, admitted in {
        "SUPERADMIN": True,
        "OWNER": True,
        "EMPLOYEE": False,
        "PICKER": False,
        "MEMBER": False,
    }.items():
        token = (await sign_in(role))["access"]
        for method, path in calls:
            answer = await api.call(method, area + path, b"{}" if method == "POST" else None, token=token)
            assert (answer.status == 403) is not admitted, (role, path)
            assert admitted or answer.json["detail"] == FORBIDDEN
    for method, path in [*calls, ("GET", "menus/")]:
        assert (await api.call(method, area + path, b"{}" if method == "POST" else None)).status == 401


async def test_the_audit_tells_which_menus_a_person_had_and_has(api, sign_in, assign, menu_ids, db):
    picker = await sign_in("PICKER")
    await assign(picker, menu_ids("history", "dashboard"))
    await assign(picker, menu_ids("dashboard", "history"))
    await assign(picker, menu_ids("invoice", "history"))
    rows = await db.fetch(
        "SELECT object_type, email, before, after FROM operations.audit WHERE action = 'menu.assign' AND object_id = $1 ORDER BY id DESC LIMIT 2",
        picker["data"]["user"]["id"],
    )
    assert {(row["object_type"], row["email"]) for row in rows} == {("account", "admin@example.com")}
    assert [(json.loads(row["before"])["menus"], json.loads(row["after"])["menus"]) for row in reversed(rows)] == [
        ([], ["dashboard", "history"]),
        (["dashboard", "history"], ["history", "invoice"]),
    ]


# At once


async def test_a_form_assigns_menus_too(api, sign_in, admin, menu_ids):
    picker = await sign_in("PICKER")
    form = {"user_id": picker["data"]["user"]["id"], "menu_ids": menu_ids("history", "dashboard")}
    answer = await api.post(ASSIGN, form=form, token=admin)
    assert (answer.status, answer.json["data"]["total_added"]) == (200, 2)


async def test_assignments_at_once_follow_one_another(api, sign_in, assign, menu_ids):
    picker = await sign_in("PICKER")
    sets = [["dashboard"], ["history", "dashboard"], ["invoice"], []] * 4
    answers = await asyncio.gather(*(assign(picker, menu_ids(*codes)) for codes in sets))
    assert {answer.status for answer in answers} == {200}
    datas = [answer.json["data"] for answer in answers]
    left = sum(data["total_added"] - data["removed_count"] for data in datas)
    assert all(data["total_added"] <= len(codes) for data, codes in zip(datas, sets, strict=True))
    found = await shown(api, picker)
    assert sorted(found) in [sorted(codes) for codes in sets] and left == len(found)


async def test_of_sixteen_who_assign_the_same_at_once_one_adds_it(api, sign_in, assign, menu_ids):
    picker = await sign_in("PICKER")
    answers = await asyncio.gather(*(assign(picker, menu_ids("history", "dashboard")) for _ in range(16)))
    assert sorted(answer.json["data"]["total_added"] for answer in answers) == [0] * 15 + [2]


async def test_assigning_while_the_menus_are_emptied_is_done_or_refused(sign_in, assign, menu_ids, settings, db):
    picker = await sign_in("PICKER")
    ids = menu_ids(*CODES)
    makings = [assign(picker, ids if n % 2 else []) for n in range(12)]
    *answers, _ = await asyncio.gather(*makings, menu_seed.seed_menus(settings, True))
    assert all(answer.status == 200 or "Invalid menu IDs" in answer.text for answer in answers)
    assert {answer.status for answer in answers} <= {200, 400}
    assert await db.fetchval("SELECT count(*) FROM accounts.account_menu") == 0


@pytest.mark.parametrize(
    "victim, status, told",
    [("picker", 400, "User not found"), ("owner", 401, "User not found")],
)
async def test_assigning_while_either_account_is_being_deleted_is_refused(
    api, sign_in, assign, menu_ids, db, victim, status, told
):
    picker, owner = await sign_in("PICKER", "picker-1@example.com"), await sign_in("OWNER", "owner-1@example.com")
    deletion = db.transaction()
    await deletion.start()
    await db.execute("DELETE FROM accounts.account WHERE email = $1", f"{victim}-1@example.com")
    assigning = asyncio.create_task(assign(picker, menu_ids("history"), token=owner["access"]))
    while not await db.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
        await asyncio.sleep(0.01)
    await deletion.commit()
    answer = await assigning
    assert answer.status == status and told in answer.text
    assert await db.fetchval("SELECT count(*) FROM accounts.account_menu") == 0


# seed_menus


async def test_seeding_makes_the_documents_tree_once_and_corrects_what_was_changed(api, admin, settings, db):
    ids = await db.fetch("SELECT id, code FROM accounts.menu_item ORDER BY code")
    assert await menu_seed.seed_menus(settings, False) == (0, 0)
    await db.execute("UPDATE accounts.menu_item SET name = 'X', parent_id = NULL, place = 9 WHERE code = 'user_list'")
    await db.execute("UPDATE accounts.menu_item SET icon = '' WHERE code = 'history'")
    await db.execute("DELETE FROM accounts.menu_item WHERE code = 'dashboard'")
    assert await menu_seed.seed_menus(settings, False) == (1, 2)
    assert outline((await api.get(ALL, token=admin)).json["data"]["menus"]) == R19.lstrip()
    kept = await db.fetch("SELECT id, code FROM accounts.menu_item WHERE code <> 'dashboard' ORDER BY code")
    assert kept == [row for row in ids if row["code"] != "dashboard"]


async def test_seeding_keeps_assignments_and_other_menus_and_clearing_empties_both(
    api, sign_in, assign, menu_ids, settings, db
):
    picker = await sign_in("PICKER")
    await assign(picker, menu_ids("history"))
    await db.execute("INSERT INTO accounts.menu_item (code, name) VALUES ('own', 'Own')")
    assert await menu_seed.seed_menus(settings, False) == (0, 0)
    assert await shown(api, picker) == {"history": []}
    assert await menu_seed.seed_menus(settings, True) == (len(CODES), 0)
    assert await shown(api, picker) == {}
    assert sorted(CODES) == [
        row[0] for row in await db.fetch('SELECT code FROM accounts.menu_item ORDER BY code COLLATE "C"')
    ]


async def test_seeding_at_once_makes_one_tree(settings, db, api, admin):
    await db.execute("DELETE FROM accounts.menu_item")
    made = await asyncio.gather(*(menu_seed.seed_menus(settings, False) for _ in range(6)))
    assert sorted(made) == [(0, 0)] * 5 + [(len(CODES), 0)]
    assert outline((await api.get(ALL, token=admin)).json["data"]["menus"]) == R19.lstrip()


async def test_a_database_that_is_not_migrated_is_named_in_one_line(settings, services):
    services.run("CREATE DATABASE not_migrated")
    with pytest.raises(SystemExit, match="not migrated"):
        await menu_seed.seed_menus(replace(settings, database_url=services.dsn("not_migrated")), False)
    services.run("DROP DATABASE not_migrated WITH (FORCE)")

"""Job titles: in a department or in none, their list and its filter, bad bodies, races with their department, the audit.
Who may read and change them: test_department.py."""

import asyncio
import json
import uuid

import pytest

pytestmark = pytest.mark.gen_test

LIST = "/api/auth/job-titles/"
DEPARTMENTS = "/api/auth/departments/"
REQUIRED, NULL, BLANK = "This field is required.", "This field may not be null.", "This field may not be blank."
TAKEN = {"non_field_errors": ["The fields department_id, title must make a unique set."]}
NONE = "No JobTitle matches the given query."


@pytest.fixture(autouse=True)
def clean(io_loop, db):
    async def clean():
        await db.execute("DELETE FROM accounts.department; DELETE FROM accounts.job_title")

    io_loop.run_sync(clean)


@pytest.fixture
def admin(io_loop, sign_in):
    """An administrator's token."""
    return io_loop.run_sync(lambda: sign_in("ADMIN"))["access"]


@pytest.fixture
def department(api, admin):
    """`await department("Stores")`: the id of a new one."""

    async def department(name="Stores"):
        return (await api.post(DEPARTMENTS, {"name": name}, token=admin)).json["data"]["id"]

    return department


@pytest.fixture
def make(api, admin):
    """`await make("Clerk", department_id)`: a job title, as the answer tells it."""

    async def make(title="Clerk", department_id=None, **more):
        answer = await api.post(LIST, {"title": title, "department_id": department_id, **more}, token=admin)
        assert answer.status == 201, answer.text
        return answer.json["data"]

    return make


def refused(answer, fields):
    whole = answer.json
    assert (answer.status, whole["success"], whole["status_code"], whole["message"]) == (
        400,
        False,
        400,
        "Validation failed",
    ), answer.text
    assert whole["errors"] == fields
    assert {name: whole[name] for name in fields} == fields  # as the document has them, bare
    return True


def unknown(id):
    return {"department_id": [f'Invalid pk "{id}" - object does not exist.']}


async def test_a_job_title_is_created_and_answered_as_documented(api, admin, department):
    stores = await department()
    answer = await api.post(LIST, {"title": " Clerk ", "department_id": stores, "description": None}, token=admin)
    whole = answer.json
    assert (answer.status, list(whole)) == (201, ["success", "status_code", "message", "data"])
    assert (whole["success"], whole["status_code"], whole["message"]) == (True, 201, "Resource created successfully")
    made = whole["data"]
    assert list(made) == [
        "id",
        "title",
        "description",
        "is_active",
        "department_id",
        "department",
        "created_at",
        "updated_at",
    ]
    assert (made["title"], made["description"], made["is_active"]) == ("Clerk", None, True)
    assert (made["department_id"], made["department"]) == (stores, "Stores")
    one = (await api.get(f"{LIST}{made['id']}/", token=admin)).json
    assert (one["status_code"], one["message"], one["data"]) == (200, "Detail retrieved successfully", made)


async def test_the_list_is_by_department_then_title_with_those_of_none_at_the_end(api, admin, department, make):
    stores, office = await department("Stores"), await department("Office")
    made = [await make(*args) for args in (("A",), ("Z", office), ("B", stores), ("C", office), ("A", stores))]
    whole = (await api.get(LIST, token=admin)).json
    assert (whole["status_code"], whole["message"]) == (200, "List retrieved successfully")
    expected = [made[n] for n in (3, 1, 4, 2, 0)]
    assert whole["data"] == {"results": expected, "count": 5, "next": None, "previous": None}
    paged = [(await api.get(f"{LIST}?page_size=2&page={n}", token=admin)).json["data"]["results"] for n in (1, 2, 3)]
    assert sum(paged, []) == expected


async def test_the_list_can_be_of_one_department_and_its_links_keep_the_filter(api, admin, department, make):
    stores, office = await department("Stores"), await department("Office")
    for n in range(3):
        await make(f"T{n}", stores)
    await make("Other", office)
    await make("Alone")
    data = (await api.get(f"{LIST}?department={stores}&page_size=2", token=admin)).json["data"]
    assert ([one["title"] for one in data["results"]], data["count"]) == (["T0", "T1"], 3)
    assert data["next"] == f"{api.base_url}{LIST}?department={stores}&page=2&page_size=2"
    data = (await api.get(data["next"], token=admin)).json["data"]
    assert ([one["title"] for one in data["results"]], data["next"]) == (["T2"], None)
    assert (await api.get(f"{LIST}?department={uuid.uuid4()}", token=admin)).json["data"]["results"] == []
    assert (await api.get(f"{LIST}?department=", token=admin)).json["data"]["count"] == 5
    assert (await api.get(f"{LIST}?department={stores.upper()}", token=admin)).json["data"]["count"] == 3


@pytest.mark.parametrize("id", ["abc", "1", "x%00", "null", "123e4567e89b12d3a456426614174000"])
async def test_a_malformed_department_to_filter_by_is_400(api, admin, id):
    answer = await api.get(f"{LIST}?department={id}", token=admin)
    assert refused(answer, {"department": ["Must be a valid UUID."]})


async def test_put_and_patch_change_what_they_name_and_nothing_else(api, admin, department, make):
    stores, office = await department("Stores"), await department("Office")
    made = await make("Clerk", stores, description="d", is_active=False)
    path = f"{LIST}{made['id']}/"

    async def change(method, body):
        answer = await api.call(method, path, body, token=admin)
        whole = answer.json
        assert (answer.status, whole["status_code"], whole["message"]) == (200, 200, "Resource updated successfully"), (
            answer.text
        )
        found = whole["data"]
        assert found == (await api.get(path, token=admin)).json["data"]
        return found["title"], found["department"], found["description"], found["is_active"]

    assert await change("PUT", {"title": "Head ", "department_id": office}) == ("Head", "Office", "d", False)
    assert await change("PATCH", {"title": "Chief"}) == ("Chief", "Office", "d", False)
    assert await change("PATCH", {"is_active": True, "description": ""}) == ("Chief", "Office", "", True)
    assert await change("PATCH", {"department_id": None}) == ("Chief", None, "", True)
    assert await change("PATCH", {}) == ("Chief", None, "", True)


async def test_one_is_deleted_and_its_people_stay(api, admin, make, db):
    made = await make()
    await db.execute("UPDATE accounts.account SET job_title_id = $1 WHERE email = 'admin@example.com'", made["id"])
    answer = await api.call("DELETE", f"{LIST}{made['id']}/", token=admin)
    assert (answer.status, answer.text) == (204, "")
    assert await db.fetchval("SELECT job_title_id FROM accounts.account WHERE email = 'admin@example.com'") is None
    assert (await api.call("DELETE", f"{LIST}{made['id']}/", token=admin)).status == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_an_unknown_or_malformed_id_is_404(api, admin, method):
    for id, told in {str(uuid.uuid4()): NONE, "1": "Not found.", "%00": "Not found.", "x" * 500: "Not found."}.items():
        body = None if method in ("GET", "DELETE") else {"title": "x", "department_id": None}
        answer = await api.call(method, f"{LIST}{id}/", body, token=admin)
        assert (answer.status, answer.json["detail"]) == (404, told), id


BAD = [
    ({"title": None}, {"title": [NULL]}),
    ({"title": " \n"}, {"title": [BLANK]}),
    ({"title": {}}, {"title": ["Not a valid string."]}),
    ({"title": "x" * 151}, {"title": ["Ensure this field has no more than 150 characters."]}),
    ({"department_id": "abc"}, {"department_id": ["Must be a valid UUID."]}),
    ({"department_id": ""}, {"department_id": ["Must be a valid UUID."]}),
    ({"department_id": True}, {"department_id": ["Not a valid string."]}),
    ({"department_id": "x" * 1_000_000}, {"department_id": ["Must be a valid UUID."]}),
    ({"department_id": "123e4567-e89b-12d3-a456-426614174000"}, unknown("123e4567-e89b-12d3-a456-426614174000")),
    ({"description": []}, {"description": ["Not a valid string."]}),
    ({"description": "x" * 10_001}, {"description": ["Ensure this field has no more than 10000 characters."]}),
    ({"is_active": 1}, {"is_active": ["Must be a valid boolean."]}),
    ({"is_active": None}, {"is_active": [NULL]}),
]


@pytest.mark.parametrize("bad, fields", BAD)
async def test_a_bad_body_is_400_with_the_field_and_changes_nothing(api, admin, make, bad, fields):
    made = await make("Kept")
    for method, path in (("POST", LIST), ("PUT", f"{LIST}{made['id']}/"), ("PATCH", f"{LIST}{made['id']}/")):
        answer = await api.call(method, path, {"title": "Good", "department_id": None, **bad}, token=admin)
        assert refused(answer, fields)
    assert (await api.get(LIST, token=admin)).json["data"]["results"] == [made]


async def test_both_fields_must_be_there_but_for_patch_and_nul_is_refused(api, admin, make):
    path = f"{LIST}{(await make())['id']}/"
    for method, url in (("POST", LIST), ("PUT", path)):
        assert refused(await api.call(method, url, {}, token=admin), {"title": [REQUIRED], "department_id": [REQUIRED]})
        assert refused(await api.call(method, url, {"title": "x"}, token=admin), {"department_id": [REQUIRED]})
    for method, url in (("POST", LIST), ("PUT", path), ("PATCH", path)):
        body = json.dumps({"title": "a\0b", "department_id": None}).encode()
        assert (await api.call(method, url, body, token=admin)).status == 400


async def test_a_title_stands_once_in_a_department_and_once_in_none(api, admin, department, make):
    stores, office = await department("Stores"), await department("Office")
    await make("Clerk", stores)
    await make("Clerk", office)
    alone = await make("Clerk")
    for department_id in (stores, None):
        assert refused(await api.post(LIST, {"title": " Clerk", "department_id": department_id}, token=admin), TAKEN)
    moved = await api.call("PATCH", f"{LIST}{alone['id']}/", {"department_id": stores}, token=admin)
    assert refused(moved, TAKEN)
    other = await make("Other", stores)
    assert refused(await api.call("PATCH", f"{LIST}{other['id']}/", {"title": "Clerk"}, token=admin), TAKEN)


async def test_of_sixteen_who_create_one_title_at_once_one_does(api, admin, department):
    for department_id in (await department(), None):
        body = {"title": "Clerk", "department_id": department_id}
        answers = await asyncio.gather(*(api.post(LIST, body, token=admin) for _ in range(16)))
        assert sorted(answer.status for answer in answers) == [201] + [400] * 15
        assert all(answer.json["errors"] == TAKEN for answer in answers if answer.status == 400)


async def test_titles_made_while_their_department_is_deleted_are_gone_or_refused(api, admin, department, db):
    for n in range(4):
        stores = await department(f"D{n}")
        makings = [api.post(LIST, {"title": f"T{i}", "department_id": stores}, token=admin) for i in range(8)]
        deleting = api.call("DELETE", f"{DEPARTMENTS}{stores}/", token=admin)
        answers = await asyncio.gather(*makings[:n], deleting, *makings[n:])
        assert answers.pop(n).status == 204
        assert all(answer.status == 201 or refused(answer, unknown(stores)) for answer in answers)
    assert await db.fetchval("SELECT count(*) FROM accounts.job_title") == 0


async def test_changes_and_a_deletion_at_once_are_200_until_it_is_gone_and_then_404(api, admin, make):
    path = f"{LIST}{(await make())['id']}/"
    changes = [api.call("PATCH", path, {"description": str(n)}, token=admin) for n in range(12)]
    answers = await asyncio.gather(
        *changes[:6], *(api.call("DELETE", path, token=admin) for _ in range(3)), *changes[6:]
    )
    statuses = [answer.status for answer in answers]
    assert statuses[6:9].count(204) == 1 and set(statuses[6:9]) <= {204, 404}
    assert {*statuses[:6], *statuses[9:]} <= {200, 404}


async def test_the_audit_tells_what_changed(api, admin, department, make, db):
    stores = await department()
    made = await make("Clerk", stores)
    path = f"{LIST}{made['id']}/"
    await api.call("PATCH", path, {"title": "Head", "department_id": None}, token=admin)
    await api.call("PATCH", path, {"title": "Head"}, token=admin)
    await api.call("DELETE", path, token=admin)
    rows = await db.fetch(
        "SELECT action, object_type, email, before, after FROM operations.audit WHERE object_id = $1 ORDER BY id",
        made["id"],
    )
    assert [row["action"] for row in rows] == ["job_title.create", "job_title.update", "job_title.delete"]
    assert {(row["object_type"], row["email"]) for row in rows} == {("job_title", "admin@example.com")}
    created, updated, deleted = ([json.loads(row[side] or "null") for side in ("before", "after")] for row in rows)
    assert created[0] is None and (created[1]["title"], created[1]["department_id"]) == ("Clerk", stores)
    assert updated == [{"title": "Clerk", "department_id": stores}, {"title": "Head", "department_id": None}]
    assert deleted[0]["title"] == "Head" and deleted[1] is None

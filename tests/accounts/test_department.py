"""Departments: who reads and who changes them, their pages, bad bodies, races, and what the audit keeps."""

import asyncio
import json
import uuid

import pytest

pytestmark = pytest.mark.gen_test

LIST = "/api/auth/departments/"
TITLES = "/api/auth/job-titles/"
REQUIRED, NULL, BLANK = "This field is required.", "This field may not be null.", "This field may not be blank."
TAKEN = {"name": ["Department with this name already exists."]}
NONE = "No Department matches the given query."


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
def make(api, admin):
    """`await make("Stores")`: a department, as the answer tells it."""

    async def make(name="Stores", **more):
        answer = await api.post(LIST, {"name": name, **more}, token=admin)
        assert answer.status == 201, answer.text
        return answer.json["data"]

    return make


async def last_audit(db):
    row = await db.fetchrow("SELECT * FROM operations.audit ORDER BY id DESC LIMIT 1")
    return {**row, "before": json.loads(row["before"] or "null"), "after": json.loads(row["after"] or "null")}


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


async def test_a_department_is_created_and_answered_as_documented(api, admin):
    answer = await api.post(LIST, {"name": " Stores\t", "description": "Goods in"}, token=admin)
    whole = answer.json
    assert (answer.status, list(whole)) == (201, ["success", "status_code", "message", "data"])
    assert (whole["success"], whole["status_code"], whole["message"]) == (True, 201, "Resource created successfully")
    made = whole["data"]
    assert list(made) == ["id", "name", "description", "is_active", "job_titles", "created_at", "updated_at"]
    assert (made["name"], made["description"], made["is_active"], made["job_titles"]) == (
        "Stores",
        "Goods in",
        True,
        [],
    )
    assert made["created_at"].endswith("Z") and str(uuid.UUID(made["id"])) == made["id"]

    one = (await api.get(f"{LIST}{made['id']}/", token=admin)).json
    assert (one["status_code"], one["message"], one["data"]) == (200, "Detail retrieved successfully", made)


async def test_the_list_is_by_name_wrapped_and_paged_with_links_inside_data(api, admin, make):
    made = [await make(name) for name in ("Cellar", "Attic", "Barn")]
    whole = (await api.get(LIST, token=admin)).json
    assert list(whole) == ["success", "status_code", "message", "data"]
    assert (whole["status_code"], whole["message"]) == (200, "List retrieved successfully")
    assert whole["data"] == {"results": [made[1], made[2], made[0]], "count": 3, "next": None, "previous": None}
    assert list(whole["data"]) == ["results", "count", "next", "previous"]

    link = api.base_url + LIST
    data = (await api.get(LIST + "?page_size=1&page=2", token=admin)).json["data"]
    assert [one["name"] for one in data["results"]] == ["Barn"]
    assert (data["next"], data["previous"]) == (f"{link}?page=3&page_size=1", f"{link}?page_size=1")
    data = (await api.get(LIST + "?page=last&page_size=2", token=admin)).json["data"]
    assert ([one["name"] for one in data["results"]], data["next"]) == (["Cellar"], None)
    for page in ("3", "0", "x", "9" * 12):
        answer = await api.get(f"{LIST}?page_size=2&page={page}", token=admin)
        assert (answer.status, answer.json["detail"]) == (404, "Invalid page."), page


async def test_a_page_holds_twenty_unless_asked_and_never_more_than_a_hundred(api, admin, db):
    await db.execute("INSERT INTO accounts.department (name) SELECT to_char(n, '000') FROM generate_series(1, 130) n")
    names = []
    for query, most in (("", 20), ("?page_size=7", 7), ("?page_size=500", 100), ("?page_size=0", 20)):
        data = (await api.get(LIST + query, token=admin)).json["data"]
        assert (len(data["results"]), data["count"]) == (most, 130)
    for page in range(1, 8):
        names += [one["name"] for one in (await api.get(f"{LIST}?page={page}", token=admin)).json["data"]["results"]]
    assert len(names) == 130 and names == sorted(names)


async def test_an_empty_list_has_a_first_page(api, admin):
    data = (await api.get(LIST, token=admin)).json["data"]
    assert data == {"results": [], "count": 0, "next": None, "previous": None}


async def test_a_department_shows_its_job_titles_in_every_answer(api, admin, make):
    made = await make("Stores")
    other = await make("Other")
    titles = []
    for title in ("Picker", "Clerk"):
        body = {"title": title, "department_id": made["id"]}
        titles.insert(0, (await api.post(TITLES, body, token=admin)).json["data"])
    await api.post(TITLES, {"title": "Alone", "department_id": None}, token=admin)

    listed = (await api.get(LIST, token=admin)).json["data"]["results"]
    assert [(one["id"], one["job_titles"]) for one in listed] == [(other["id"], []), (made["id"], titles)]
    assert (await api.get(f"{LIST}{made['id']}/", token=admin)).json["data"]["job_titles"] == titles
    renamed = await api.call("PATCH", f"{LIST}{made['id']}/", {"name": "Goods"}, token=admin)
    assert renamed.json["data"]["job_titles"] == [{**title, "department": "Goods"} for title in titles]


async def test_put_and_patch_change_what_they_name_and_nothing_else(api, admin, make):
    made = await make("Stores", description="Goods in", is_active=False)
    path = f"{LIST}{made['id']}/"

    async def change(method, body):
        answer = await api.call(method, path, body, token=admin)
        whole = answer.json
        assert (answer.status, whole["status_code"], whole["message"]) == (200, 200, "Resource updated successfully"), (
            answer.text
        )
        found = whole["data"]
        assert found == (await api.get(path, token=admin)).json["data"]
        assert found["created_at"] == made["created_at"] and found["updated_at"] > made["updated_at"]
        return found["name"], found["description"], found["is_active"]

    assert await change("PUT", {"name": " Goods "}) == ("Goods", "Goods in", False)
    assert await change("PATCH", {"is_active": True}) == ("Goods", "Goods in", True)
    assert await change("PATCH", {"description": None}) == ("Goods", None, True)
    assert await change("PATCH", {}) == ("Goods", None, True)
    assert await change("PUT", {"name": "Goods", "description": "x", "unknown": [1], "id": str(uuid.uuid4())}) == (
        "Goods",
        "x",
        True,
    )


async def test_deleting_one_deletes_its_titles_and_leaves_its_people(api, admin, make, db):
    made = await make("Stores")
    title = (await api.post(TITLES, {"title": "Clerk", "department_id": made["id"]}, token=admin)).json["data"]
    account_id = await db.fetchval(
        "UPDATE accounts.account SET department_id = $1, job_title_id = $2 WHERE email = 'admin@example.com' RETURNING id",
        made["id"],
        title["id"],
    )
    answer = await api.call("DELETE", f"{LIST}{made['id']}/", token=admin)
    assert (answer.status, answer.text) == (204, "")
    assert (await api.get(f"{TITLES}{title['id']}/", token=admin)).status == 404
    row = await db.fetchrow("SELECT department_id, job_title_id FROM accounts.account WHERE id = $1", account_id)
    assert tuple(row) == (None, None)
    entry = await last_audit(db)
    assert (entry["action"], entry["object_id"], entry["after"]) == ("department.delete", made["id"], None)
    assert (entry["before"]["name"], entry["before"]["job_titles"]) == ("Stores", ["Clerk"])
    assert (await api.call("DELETE", f"{LIST}{made['id']}/", token=admin)).status == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_an_unknown_or_malformed_id_is_404(api, admin, method):
    for id, told in {
        str(uuid.uuid4()): NONE, "1": "Not found.", "x" * 500: "Not found.", "%00": "Not found.", "123e4567e89b12d3a456426614174000": "Not found.",
    }.items():  # fmt: skip
        body = None if method in ("GET", "DELETE") else {"name": "x"}
        answer = await api.call(method, f"{LIST}{id}/", body, token=admin)
        assert (answer.status, answer.json["detail"]) == (404, told), id


BAD = [
    ({"name": None}, {"name": [NULL]}),
    ({"name": ""}, {"name": [BLANK]}),
    ({"name": " \t\n"}, {"name": [BLANK]}),
    ({"name": True}, {"name": ["Not a valid string."]}),
    ({"name": ["x"]}, {"name": ["Not a valid string."]}),
    ({"name": "x" * 151}, {"name": ["Ensure this field has no more than 150 characters."]}),
    ({"description": False}, {"description": ["Not a valid string."]}),
    ({"description": "x" * 1_000_000}, {"description": ["Ensure this field has no more than 10000 characters."]}),
    ({"is_active": "yes"}, {"is_active": ["Must be a valid boolean."]}),
    ({"is_active": None}, {"is_active": [NULL]}),
    ([], {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}),
]


@pytest.mark.parametrize("bad, fields", BAD)
async def test_a_bad_body_is_400_with_the_field_and_changes_nothing(api, admin, make, bad, fields):
    made = await make("Stores")
    sent = {"name": "Good", **bad} if isinstance(bad, dict) else bad
    for method, path in (("POST", LIST), ("PUT", f"{LIST}{made['id']}/"), ("PATCH", f"{LIST}{made['id']}/")):
        assert refused(await api.call(method, path, sent, token=admin), fields)
    assert (await api.get(LIST, token=admin)).json["data"]["results"] == [made]


async def test_the_name_must_be_there_but_for_patch_and_nul_is_refused(api, admin, make):
    path = f"{LIST}{(await make())['id']}/"
    assert refused(await api.post(LIST, {}, token=admin), {"name": [REQUIRED]})
    assert refused(await api.call("PUT", path, {"description": "x"}, token=admin), {"name": [REQUIRED]})
    for method, url in (("POST", LIST), ("PUT", path), ("PATCH", path)):
        for body in ({"name": "a\0b"}, {"name": "a", "description": "\0"}, {"name": "\ud800"}):
            assert (await api.call(method, url, json.dumps(body).encode(), token=admin)).status == 400
        assert (await api.call(method, url, b"{", token=admin)).status == 400


async def test_a_name_stands_once_whatever_blanks_are_around_it(api, admin, make):
    await make("Stores")
    other = await make("Other")
    assert refused(await api.post(LIST, {"name": " Stores "}, token=admin), TAKEN)
    for method in ("PUT", "PATCH"):
        assert refused(await api.call(method, f"{LIST}{other['id']}/", {"name": "Stores"}, token=admin), TAKEN)
        assert (await api.call(method, f"{LIST}{other['id']}/", {"name": "Other"}, token=admin)).status == 200
    assert (await make("stores"))["name"] == "stores"


async def test_of_sixteen_who_create_one_name_at_once_one_does(api, admin):
    answers = await asyncio.gather(*(api.post(LIST, {"name": "Stores"}, token=admin) for _ in range(16)))
    assert sorted(answer.status for answer in answers) == [201] + [400] * 15
    assert all(answer.json["errors"] == TAKEN for answer in answers if answer.status == 400)


async def test_changes_and_a_deletion_at_once_are_200_until_it_is_gone_and_then_404(api, admin, make, db):
    made = await make()
    path = f"{LIST}{made['id']}/"
    changes = [api.call("PATCH", path, {"description": str(n)}, token=admin) for n in range(12)]
    answers = await asyncio.gather(
        *changes[:6], *(api.call("DELETE", path, token=admin) for _ in range(3)), *changes[6:]
    )
    statuses = [answer.status for answer in answers]
    assert statuses[6:9].count(204) == 1 and set(statuses[6:9]) <= {204, 404}
    assert {*statuses[:6], *statuses[9:]} <= {200, 404}
    noted = await db.fetch(
        "SELECT before ->> 'description', after ->> 'description' FROM operations.audit WHERE object_id = $1 ORDER BY id",
        made["id"],
    )
    assert len(noted) == 1 + statuses.count(200) + 1


async def test_each_of_many_changes_at_once_is_noted_as_following_another(api, admin, make, db):
    made = await make(description="start")
    path = f"{LIST}{made['id']}/"
    answers = await asyncio.gather(*(api.call("PATCH", path, {"description": str(n)}, token=admin) for n in range(12)))
    assert {answer.status for answer in answers} == {200}
    noted = await db.fetch(
        "SELECT before ->> 'description', after ->> 'description' FROM operations.audit WHERE object_id = $1 AND action = 'department.update'",
        made["id"],
    )
    follows, seen = dict(map(tuple, noted)), ["start"]
    while seen[-1] in follows:
        seen.append(follows[seen[-1]])
    assert len(seen) == 13 and seen[-1] == (await api.get(path, token=admin)).json["data"]["description"]


async def test_the_audit_tells_who_made_and_who_changed_it_and_is_silent_where_nothing_changed(api, admin, make, db):
    made = await make("Stores", description="x")
    entry = await last_audit(db)
    assert (entry["action"], entry["object_type"], entry["object_id"]) == (
        "department.create",
        "department",
        made["id"],
    )
    assert (entry["email"], entry["before"], entry["after"]["name"]) == ("admin@example.com", None, "Stores")
    await api.call("PATCH", f"{LIST}{made['id']}/", {"name": "Goods", "description": "x"}, token=admin)
    changed = await last_audit(db)
    assert (changed["action"], changed["before"], changed["after"]) == (
        "department.update",
        {"name": "Stores"},
        {"name": "Goods"},
    )
    await api.call("PUT", f"{LIST}{made['id']}/", {"name": "Goods"}, token=admin)
    await api.post(LIST, {"name": "Goods"}, token=admin)
    assert (await last_audit(db))["id"] == changed["id"]


@pytest.mark.parametrize("role, reads, writes", [
    ("SUPERADMIN", True, True), ("ADMIN", True, True), ("OWNER", True, True), ("EMPLOYEE", True, False), ("PICKER", True, False),
    ("MEMBER", False, False), ("VENDOR", False, False), ("SALESREP", False, False),
])  # fmt: skip
@pytest.mark.parametrize(
    "collection, body", [(LIST, {"name": "New"}), (TITLES, {"title": "New", "department_id": None})]
)
async def test_the_firm_reads_and_administrators_change(api, make, sign_in, role, reads, writes, collection, body):
    await make()
    token = (await sign_in(role))["access"]
    for path in (collection, f"{collection}{uuid.uuid4()}/"):
        assert (await api.get(path, token=token)).status in ((200, 404) if reads else (403,))
        assert (await api.call("HEAD", path, token=token)).status in ((200, 404) if reads else (403,))
    answer = await api.post(collection, body, token=token)
    assert answer.status == (201 if writes else 403)
    for method, sent in (("PUT", body), ("PATCH", {}), ("DELETE", None)):
        answer = await api.call(method, f"{collection}{uuid.uuid4()}/", sent, token=token)
        assert answer.status == (404 if writes else 403), method
        assert writes or answer.json["detail"] == "You do not have permission to perform this action."


@pytest.mark.parametrize("collection", [LIST, TITLES])
async def test_the_flag_is_staff_lets_any_role_read_and_change(api, sign_in, db, collection):
    await sign_in("SALESREP", "rep@example.com")
    await db.execute("UPDATE accounts.account SET is_staff = true WHERE email = 'rep@example.com'")
    await asyncio.sleep(0.1)
    token = (await sign_in("SALESREP", "rep@example.com"))["access"]
    assert (await api.get(collection, token=token)).status == 200
    body = {"name": "New", "title": "New", "department_id": None}
    assert (await api.post(collection, body, token=token)).status == 201


@pytest.mark.parametrize("collection", [LIST, TITLES])
async def test_without_a_token_nothing_is_revealed(api, collection):
    for method in ("GET", "POST"):
        assert (await api.call(method, collection, b"{}")).status == 401
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        assert (await api.call(method, f"{collection}{uuid.uuid4()}/", b"{}")).status == 401

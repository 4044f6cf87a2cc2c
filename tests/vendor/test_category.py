"""Categories. docs/api/vendor.md#catalogue."""

import asyncio
import uuid

import pytest

pytestmark = pytest.mark.gen_test

LIST = "/items/categories/"
NAME_EXISTS = {"name": ["Category with this name already exists for this vendor."]}
NOT_FOUND = {"error": "Category not found"}
NO_UPDATE = {"error": "Cannot update global category. Only vendor-specific categories can be modified."}
NO_DELETE = {"error": "Cannot delete global category. Only vendor-specific categories can be deleted."}


@pytest.fixture
def make(api):
    async def make(headers, name, **more):
        answer = await api.post(LIST, {"name": name, **more}, headers=headers)
        assert answer.status == 201, answer.json
        return answer.json

    return make


async def test_a_category_is_made_and_read_back(api, vendor, token):
    headers = await token(await vendor())
    answer = await api.post(LIST, {"name": "Lunch", "description": "Lunch items", "sort_order": 3}, headers=headers)
    made = answer.json
    assert answer.status == 201
    assert {name: made[name] for name in ("name", "description", "is_active", "sort_order", "item_count")} == {
        "name": "Lunch",
        "description": "Lunch items",
        "is_active": True,
        "sort_order": 3,
        "item_count": 0,
    }
    for path in (f"{LIST}{made['id']}/", f"{LIST}{made['id']}"):
        assert (await api.get(path, headers=headers)).json == made


async def test_the_list_has_own_and_global_categories_that_are_active_in_their_order(
    api, vendor, token, make, global_category
):
    headers = await token(await vendor())
    await make(headers, "Late", sort_order=9)
    await make(headers, "B", sort_order=2)
    await make(headers, "A", sort_order=2)
    await make(headers, "Hidden", is_active=False)
    drinks = await global_category("Global drinks", sort_order=1)
    await global_category("Global hidden", is_active=False)
    mine = {"A", "B", "Late", "Global drinks", "Hidden", "Global hidden"}
    listed = [one["name"] for one in (await api.get(LIST, headers=headers)).json if one["name"] in mine]
    assert listed == ["Global drinks", "A", "B", "Late"]
    assert (await api.get(f"{LIST}{drinks}/", headers=headers)).json["name"] == "Global drinks"


async def test_an_inactive_category_is_shown_by_its_id_only(api, vendor, token, make, global_category):
    headers = await token(await vendor())
    own, other = (await make(headers, "Off", is_active=False))["id"], await global_category("Off", is_active=False)
    for id in (own, other):
        answer = await api.get(f"{LIST}{id}/", headers=headers)
        assert (answer.status, answer.json["is_active"]) == (200, False)
    assert not {own, other} & {one["id"] for one in (await api.get(LIST, headers=headers)).json}


async def test_a_category_keeps_the_id_that_its_client_gave_it_unless_it_exists(
    api, vendor, token, make, global_category
):
    headers = await token(await vendor())
    id = str(uuid.uuid4())
    assert (await make(headers, "Mine", id=id.upper()))["id"] == id
    for taken in (id, await global_category("Taken")):
        answer = await api.post(LIST, {"name": "Another", "id": taken}, headers=headers)
        assert (answer.status, answer.json) == (400, {"id": ["Category with this id already exists."]})
    answer = await api.post(LIST, {"name": "Another", "id": "7"}, headers=headers)
    assert (answer.status, answer.json) == (400, {"id": ["Must be a valid UUID."]})
    assert (await make(headers, "Without", id=None))["id"] != id


async def test_names_are_unique_within_a_vendor_by_case_and_not_with_global_ones(
    api, vendor, token, make, global_category
):
    headers, other = await token(await vendor()), await token(await vendor())
    first = await make(headers, "Drinks")
    second = await make(headers, "drinks")
    await global_category("Snacks")
    await make(headers, "Snacks")
    await make(other, "Drinks")
    answer = await api.post(LIST, {"name": " Drinks "}, headers=headers)
    assert (answer.status, answer.json) == (400, NAME_EXISTS)
    answer = await api.call("PATCH", f"{LIST}{second['id']}", {"name": "Drinks"}, headers=headers)
    assert (answer.status, answer.json) == (400, NAME_EXISTS)
    answer = await api.call("PATCH", f"{LIST}{first['id']}", {"name": "Drinks"}, headers=headers)
    assert answer.status == 200


async def test_64_clients_that_make_the_same_category_leave_one(api, vendor, token):
    headers = await token(await vendor())
    answers = await asyncio.gather(*(api.post(LIST, {"name": "Raced"}, headers=headers) for _ in range(64)))
    assert sorted(answer.status for answer in answers) == [201] + [400] * 63
    assert all(answer.json == NAME_EXISTS for answer in answers if answer.status == 400)
    assert [one["name"] for one in (await api.get(LIST, headers=headers)).json].count("Raced") == 1


async def test_a_patch_changes_what_it_names(api, vendor, token, make):
    headers = await token(await vendor())
    made = await make(headers, "Drinks", description="Cold", sort_order=1)
    path = f"{LIST}{made['id']}/"
    changed = (await api.call("PATCH", path, {"name": "Beverages", "sort_order": 0}, headers=headers)).json
    assert changed == {**made, "name": "Beverages", "sort_order": 0, "updated_at": changed["updated_at"]}
    assert changed["updated_at"] > made["updated_at"]
    cleared = (await api.call("PATCH", path, {"description": None, "is_active": "no"}, headers=headers)).json
    assert (cleared["description"], cleared["is_active"], cleared["name"]) == (None, False, "Beverages")
    assert (await api.call("PATCH", path, {}, headers=headers)).json["name"] == "Beverages"


async def test_a_deleted_category_is_gone(api, vendor, token, make):
    headers = await token(await vendor())
    path = f"{LIST}{(await make(headers, 'Gone'))['id']}/"
    answer = await api.call("DELETE", path, headers=headers)
    assert (answer.status, answer.body) == (204, b"")
    for method in ("GET", "PATCH", "DELETE"):
        answer = await api.call(method, path, {} if method == "PATCH" else None, headers=headers)
        assert (answer.status, answer.json) == (404, NOT_FOUND)
    await make(headers, "Gone")


async def test_global_categories_are_changed_by_no_vendor(api, vendor, token, global_category):
    headers = await token(await vendor())
    path = f"{LIST}{await global_category('Everybody')}/"
    answer = await api.call("PATCH", path, {"name": "Mine"}, headers=headers)
    assert (answer.status, answer.json) == (403, NO_UPDATE)
    answer = await api.call("DELETE", path, headers=headers)
    assert (answer.status, answer.json) == (403, NO_DELETE)
    assert (await api.get(path, headers=headers)).json["name"] == "Everybody"


async def test_another_vendors_category_does_not_exist(api, vendor, token, make):
    headers, other = await token(await vendor()), await token(await vendor())
    made = await make(other, "Secret")
    for method in ("GET", "PATCH", "DELETE"):
        for id in (made["id"], str(uuid.uuid4()), "zzz", made["id"][:-1]):
            answer = await api.call(
                method, f"{LIST}{id}/", {"name": "x"} if method == "PATCH" else None, headers=headers
            )
            assert (answer.status, answer.json) == (404, NOT_FOUND)
    assert made["id"] not in (await api.get(LIST, headers=headers)).text
    # The keys lead with the vendor, so the same id is free for another one.
    assert (await make(headers, "Own", id=made["id"]))["id"] == made["id"]
    assert (await api.get(f"{LIST}{made['id']}/", headers=other)).json == made


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"name": ["This field is required."]}),
        ({"name": " "}, {"name": ["This field may not be blank."]}),
        ({"name": None}, {"name": ["This field may not be null."]}),
        ({"name": "x" * 101}, {"name": ["Ensure this field has no more than 100 characters."]}),
        ({"name": True}, {"name": ["Not a valid string."]}),
        ({"name": "a\0"}, {"name": ["Null characters are not allowed."]}),
        ({"name": "a", "is_active": "maybe"}, {"is_active": ["Must be a valid boolean."]}),
        ({"name": "a", "is_active": None}, {"is_active": ["This field may not be null."]}),
        (
            {"name": "a", "sort_order": 2**31},
            {"sort_order": ["Ensure this value is less than or equal to 2147483647."]},
        ),
        ({"name": "a", "sort_order": 1.5}, {"sort_order": ["A valid integer is required."]}),
        ({"name": "a", "description": []}, {"description": ["Not a valid string."]}),
        ([], {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}),
    ],
)
async def test_what_is_wrong_with_a_category_is_said_by_field(api, vendor, token, body, wrong):
    answer = await api.post(LIST, body, headers=await token(await vendor()))
    assert (answer.status, answer.json) == (400, wrong)


@pytest.mark.parametrize(
    ("sent", "meant"),
    [(1, True), (0, False), ("true", True), ("FALSE", False), ("on", True), ("n", False)],
)
async def test_booleans_come_in_many_forms(vendor, token, make, sent, meant):
    assert (await make(await token(await vendor()), "Flag", is_active=sent))["is_active"] is meant


async def test_a_list_that_has_not_changed_is_not_sent_again(api, vendor, token, make, global_category, db):
    someone = await vendor()
    headers = await token(someone)
    made = await make(headers, "First")
    path = f"{LIST}{made['id']}/"

    async def tag():
        return (await api.get(LIST, headers=headers)).headers["ETag"]

    async def unchanged(etag):
        answer = await api.get(LIST, headers={**headers, "If-None-Match": etag})
        assert answer.status in (200, 304) and (answer.status == 200) is bool(answer.body)
        return answer.status == 304

    etag = await tag()
    assert await unchanged(etag) and await unchanged(f'"other", {etag}')
    other = await token(await vendor())
    await make(other, "Of another vendor")
    assert await unchanged(etag)
    assert (await api.get(LIST, headers={**other, "If-None-Match": etag})).status == 200
    everybody = await global_category("New for all")
    changes = [
        lambda: make(headers, "Second"),
        lambda: api.call("PATCH", path, {"sort_order": 5}, headers=headers),
        lambda: api.call("DELETE", path, headers=headers),
        lambda: db.execute("UPDATE vendor.global_category SET name = 'Renamed' WHERE id = $1::uuid", everybody),
        lambda: db.execute("DELETE FROM vendor.global_category WHERE id = $1::uuid", everybody),
    ]
    assert not await unchanged(etag)
    for change in changes:
        etag = await tag()
        assert await unchanged(etag)
        await change()
        assert not await unchanged(etag)
    etag = await tag()
    assert (await api.get(f"{LIST}?limit=1", headers={**headers, "If-None-Match": etag})).status == 200


async def test_a_long_list_is_read_page_by_page_without_gap_or_repetition(
    api, vendor, token, make, db, global_category
):
    headers = await token(await vendor())
    await db.execute("DELETE FROM vendor.global_category")
    names = [f"Name “{n % 7}” \u200d\u0d4d {n} \\" for n in range(9)]
    for n, name in enumerate(names):
        await make(headers, name, sort_order=n % 3)
    await global_category("Between", sort_order=1)
    whole = [one["id"] for one in (await api.get(LIST, headers=headers)).json]
    path, found = f"{LIST}?limit=3", []
    while path:
        page = await api.get(path, headers=headers)
        found += [one["id"] for one in page.json]
        path = page.headers.get("Link", "").partition(">")[0].removeprefix("<")
    assert found == whole and len(set(found)) == 10
    answer = await api.get(f"{LIST}?cursor=zzz", headers=headers)
    assert (answer.status, answer.json) == (400, {"detail": "Invalid cursor."})


@pytest.mark.parametrize("changed_settings", [{"db_pool_size": 2}])
async def test_the_writers_of_one_vendor_keep_no_connections_from_the_others(api, vendor, token, make, db):
    headers, other = await token(await vendor()), await token(await vendor())
    made = await make(headers, "Held")
    async with db.transaction():
        await db.execute("SELECT FROM vendor.category WHERE id = $1::uuid FOR UPDATE", made["id"])
        path = f"{LIST}{made['id']}/"
        writers = [asyncio.ensure_future(api.call("PATCH", path, {"sort_order": n}, headers=headers)) for n in range(5)]
        await asyncio.sleep(0.1)
        assert (await make(other, "Free"))["name"] == "Free"
        assert not any(writer.done() for writer in writers)
    assert [answer.status for answer in await asyncio.gather(*writers)] == [200] * 5

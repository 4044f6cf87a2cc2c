"""Changes that devices made offline. docs/api/vendor.md#sync."""

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest

pytestmark = pytest.mark.gen_test

CATEGORIES, ITEMS = "/items/categories/", "/items/"
KINDS = {"categories": "Category", "items": "Item"}
PATHS = {"categories": CATEGORIES, "items": ITEMS}
NEW = {"categories": {"name": "New"}, "items": {"name": "New", "price": "25.00"}}
NO_CATEGORIES = "One or more categories not found or do not belong to vendor"
both = pytest.mark.parametrize("kind", ["categories", "items"])


def at(hours=0.0, **more):
    return (datetime.now(UTC) + timedelta(hours=hours, **more)).isoformat()


def new_id():
    return str(uuid.uuid4())


def gone(id):
    return {"id": id, "operation": "delete", "status": "success"}


@pytest.fixture
def sync(api):
    """`await sync(headers, "items", [operation, …])`: the answer; the counts are checked against its rows."""

    async def sync(headers, kind, operations, slash=""):
        answer = await api.call("POST", f"{PATHS[kind]}sync{slash}", operations, headers=headers)
        assert answer.status == 200, answer.text
        assert answer.json["synced"] == len(answer.json[kind])
        assert answer.json.keys() == {"synced", "created", "updated", "deleted", kind, "errors"}
        return answer.json

    return sync


@pytest.fixture
def counts():
    return lambda answer: tuple(answer[name] for name in ("synced", "created", "updated", "deleted"))


async def get(api, headers, kind, id):
    answer = await api.get(f"{PATHS[kind]}{id}/", headers=headers)
    return answer.json if answer.status == 200 else None


@both
async def test_the_documented_batch_creates_updates_and_deletes(api, vendor, token, sync, counts, kind):
    headers = await token(await vendor())
    ids = [new_id() for _ in range(3)]
    for n, id in enumerate(ids[1:]):
        await sync(headers, kind, {"data": {**NEW[kind], "name": f"Old {n}", "id": id}, "timestamp": "2023-01-01"})
    answer = await sync(
        headers,
        kind,
        [
            {
                "operation": "create",
                "data": {**NEW[kind], "id": ids[0], "sort_order": 1},
                "timestamp": "2024-01-01T10:00:00Z",
            },
            {
                "operation": "update",
                "data": {"id": ids[1], "name": "Updated"},
                "timestamp": "2024-01-01T11:00:00Z",
            },
            {"operation": "delete", "id": ids[2], "timestamp": "2024-01-01T12:00:00Z"},
        ],
        slash="/",
    )
    assert counts(answer) == (3, 1, 1, 1) and answer["errors"] is None
    assert answer[kind] == [
        await get(api, headers, kind, ids[0]),
        await get(api, headers, kind, ids[1]),
        gone(ids[2]),
    ]
    assert [one.get("name") for one in answer[kind]] == ["New", "Updated", None]
    assert await get(api, headers, kind, ids[2]) is None


@both
async def test_an_empty_batch_and_a_single_operation_are_answered(vendor, token, sync, counts, kind):
    headers = await token(await vendor())
    assert await sync(headers, kind, []) == {
        "synced": 0,
        "created": 0,
        "updated": 0,
        "deleted": 0,
        kind: [],
        "errors": None,
    }
    answer = await sync(headers, kind, {"data": NEW[kind]})
    assert counts(answer) == (1, 1, 0, 0)


@both
async def test_the_same_batch_again_gives_the_same_rows_and_no_error(api, vendor, token, sync, kind):
    headers = await token(await vendor())
    a, b, c = new_id(), new_id(), new_id()
    batch = [
        {"operation": "create", "data": {**NEW[kind], "id": a, "name": "A"}, "timestamp": at(-3)},
        {"operation": "create", "data": {**NEW[kind], "id": b, "name": "B"}, "timestamp": at(-3)},
        {"operation": "update", "data": {"id": a, "name": "AA"}, "timestamp": at(-2)},
        {"operation": "delete", "id": b, "timestamp": at(-1)},
        {"operation": "create", "data": {**NEW[kind], "id": c, "name": "C"}, "timestamp": at(500)},
        {"operation": "update", "data": {"id": c, "sort_order": 7}},
    ]
    first = await sync(headers, kind, batch)
    again = await sync(headers, kind, batch)
    assert first["errors"] is None and again["errors"] is None
    stamps = ("updated_at", "last_updated")
    plain = [
        [{name: value for name, value in one.items() if name not in stamps} for one in answer[kind]]
        for answer in (first, again)
    ]
    assert plain[0] == plain[1]
    assert [one.get("name") for one in first[kind]] == ["AA", None, "AA", None, "C", "C"]
    assert len((await api.get(PATHS[kind], headers=headers)).json) >= 2


@both
async def test_of_two_changes_the_later_one_wins_by_the_clock_of_the_devices(api, vendor, token, sync, counts, kind):
    headers, id = await token(await vendor()), new_id()
    stamp = at(-10)
    await sync(headers, kind, {"data": {**NEW[kind], "id": id, "name": "First"}, "timestamp": stamp})
    older = await sync(
        headers, kind, {"operation": "update", "data": {"id": id, "name": "Older"}, "timestamp": at(-11)}
    )
    assert counts(older) == (1, 0, 0, 0) and older["errors"] is None
    assert older[kind] == [await get(api, headers, kind, id)] and older[kind][0]["name"] == "First"
    # An hour in the past, but later than the change before: the time at the server is not what counts.
    for name, when in (("Same", stamp), ("Later", at(-1)), ("Naive", at(0)[:26])):
        answer = await sync(headers, kind, {"operation": "create", "data": {"id": id, "name": name}, "timestamp": when})
        assert counts(answer) == (1, 0, 1, 0) and answer[kind][0]["name"] == name
    changed = await get(api, headers, kind, id)
    assert changed["sort_order"] == 0 and (kind == "categories" or changed["price"] == "25.00")


@both
@pytest.mark.parametrize("stamp", [None, "", "yesterday", "2024-13-45T99:00:00Z", "1700000000"])
async def test_without_a_readable_timestamp_a_change_was_made_now(vendor, token, sync, counts, kind, stamp):
    headers, id = await token(await vendor()), new_id()
    await sync(headers, kind, {"data": {**NEW[kind], "id": id}, "timestamp": at(500)})
    answer = await sync(headers, kind, {"data": {"id": id, "name": "Now"}, "timestamp": stamp})
    assert counts(answer) == (1, 0, 1, 0) and answer[kind][0]["name"] == "Now"
    older = await sync(headers, kind, {"data": {"id": id, "name": "Older"}, "timestamp": at(-1)})
    assert older[kind][0]["name"] == "Now"


@both
@pytest.mark.parametrize("stamp", [1700000000, 1.5, True, [], {}])
async def test_a_timestamp_that_is_no_text_is_an_error(vendor, token, sync, counts, kind, stamp):
    id = new_id()
    answer = await sync(
        await token(await vendor()),
        kind,
        [{"data": {**NEW[kind], "id": id}, "timestamp": stamp}, {"operation": "delete", "id": id, "timestamp": stamp}],
    )
    wrong = {"timestamp": ["Not a valid string."]}
    assert counts(answer) == (0, 0, 0, 0)
    assert answer["errors"] == [
        {"id": id, "operation": "create", "error": wrong},
        {"id": id, "operation": "delete", "error": wrong},
    ]


@both
async def test_a_clock_that_is_ahead_counts_five_minutes_at_most(vendor, token, sync, kind, db):
    someone = await vendor()
    headers, id = await token(someone), new_id()
    await sync(headers, kind, {"data": {**NEW[kind], "id": id}, "timestamp": at(24 * 400)})
    table = {"categories": "category", "items": "item"}[kind]
    ahead = await db.fetchval(f"SELECT client_time - now() FROM vendor.{table} WHERE id = $1::uuid", id)
    assert timedelta(minutes=4) < ahead <= timedelta(minutes=5)
    answer = await sync(headers, kind, {"data": {"id": id, "name": "Sane"}, "timestamp": at(minutes=6)})
    assert answer[kind][0]["name"] == "Sane"


@both
async def test_a_write_of_the_other_endpoints_counts_as_made_now(api, vendor, token, sync, kind):
    headers = await token(await vendor())
    id = (await api.post(PATHS[kind], NEW[kind], headers=headers)).json["id"]
    for name in ("Old", "Older"):
        answer = await sync(headers, kind, {"data": {"id": id, "name": name}, "timestamp": at(minutes=-1)})
        assert answer[kind][0]["name"] == "New"
    await sync(headers, kind, {"data": {"id": id, "name": "Ahead"}, "timestamp": at(1)})
    await api.call("PATCH", f"{PATHS[kind]}{id}", {"name": "Patched"}, headers=headers)
    answer = await sync(headers, kind, {"data": {"id": id, "name": "After"}, "timestamp": at(minutes=1)})
    assert answer[kind][0]["name"] == "After"


@both
async def test_an_old_delete_loses_against_a_newer_row_and_an_old_change_against_a_newer_delete(
    api, vendor, token, sync, counts, kind
):
    headers, id = await token(await vendor()), new_id()
    await sync(headers, kind, {"data": {**NEW[kind], "id": id}, "timestamp": at(-5)})
    lost = await sync(headers, kind, {"operation": "delete", "id": id, "timestamp": at(-6)})
    assert counts(lost) == (1, 0, 0, 0) and lost[kind] == [await get(api, headers, kind, id)]
    won = await sync(headers, kind, {"operation": "delete", "id": id, "timestamp": at(-4)})
    assert counts(won) == (1, 0, 0, 1) and won[kind] == [gone(id)]
    for operation in ("create", "update"):
        data = {**NEW[kind], "id": id}
        late = await sync(headers, kind, {"operation": operation, "data": data, "timestamp": at(-4.5)})
        assert counts(late) == (1, 0, 0, 0) and late[kind] == [gone(id)] and late["errors"] is None
    # A later delete of what is gone moves its time.
    again = await sync(headers, kind, {"operation": "delete", "id": id, "timestamp": at(-2)})
    assert counts(again) == (1, 0, 0, 0) and again[kind] == [gone(id)]
    late = await sync(headers, kind, {"data": {**NEW[kind], "id": id}, "timestamp": at(-3)})
    assert late[kind] == [gone(id)] and await get(api, headers, kind, id) is None
    back = await sync(headers, kind, {"operation": "update", "data": {**NEW[kind], "id": id}, "timestamp": at(-1)})
    assert counts(back) == (1, 1, 0, 0) and back[kind] == [await get(api, headers, kind, id)]


@both
async def test_what_the_other_endpoints_delete_stays_deleted(api, vendor, token, sync, kind):
    headers = await token(await vendor())
    id = (await api.post(PATHS[kind], NEW[kind], headers=headers)).json["id"]
    await api.call("DELETE", f"{PATHS[kind]}{id}", headers=headers)
    data = {**NEW[kind], "id": id}
    assert (await sync(headers, kind, {"data": data, "timestamp": at(minutes=-1)}))[kind] == [gone(id)]
    assert (await sync(headers, kind, {"operation": "delete", "id": id}))[kind] == [gone(id)]
    made = await api.post(PATHS[kind], data, headers=headers)
    assert (made.status, made.json["id"]) == (201, id)
    assert (await sync(headers, kind, {"data": data, "timestamp": at(minutes=-1)}))[kind] == [made.json]


@both
async def test_each_refused_operation_has_its_error_and_blocks_no_other(vendor, token, sync, counts, kind):
    headers, noun = await token(await vendor()), KINDS[kind]
    known, unknown = new_id(), new_id()
    operations = [
        {"operation": "create", "data": {**NEW[kind], "id": known, "name": "Kept"}},
        {"operation": "delete"},
        {"operation": "delete", "id": unknown},
        {"operation": "delete", "id": "zzz", "data": {"name": []}},
        {"operation": "create", "data": {"id": unknown}},
        {"operation": "update", "data": {"id": unknown, "sort_order": "x"}},
        {"operation": "create", "data": {**NEW[kind], "id": "zzz"}},
        {"operation": "create", "data": None},
        {"operation": "create", "data": [1]},
        7,
        None,
        "text",
        [[]],
        {"operation": "vanish", "data": {"name": 1}},
        {"operation": 7},
        {"operation": "create", "data": {**NEW[kind], "name": "x" * 300}},
        {"operation": "update", "data": {"id": known, "sort_order": 3}},
    ]
    answer = await sync(headers, kind, operations)
    required = {"name": ["This field is required."]}
    if kind == "items":
        required["price"] = ["This field is required."]
    most = {"categories": 100, "items": 255}[kind]
    integer = ["A valid integer is required."]

    def no_object(said):
        return {"non_field_errors": [f"Invalid data. Expected a dictionary, but got {said}."]}

    assert answer["errors"] == [
        {"operation": "delete", "error": f"{noun} ID required for delete"},
        {"id": unknown, "operation": "delete", "error": f"{noun} not found"},
        {"id": "zzz", "operation": "delete", "error": f"{noun} not found"},
        {"id": unknown, "operation": "create", "error": required},
        {"id": unknown, "operation": "update", "error": {"sort_order": integer}},
        {"id": "zzz", "operation": "create", "error": {"id": ["Must be a valid UUID."]}},
        {"operation": "create", "error": required},
        {"operation": "create", "error": no_object("list")},
        {"operation": "unknown", "error": no_object("int")},
        {"operation": "unknown", "error": {"non_field_errors": ["This field may not be null."]}},
        {"operation": "unknown", "error": no_object("str")},
        {"operation": "unknown", "error": no_object("list")},
        {"operation": "create", "error": {"name": [f"Ensure this field has no more than {most} characters."]}},
    ]
    assert counts(answer) == (2, 1, 1, 0)
    assert [one["sort_order"] for one in answer[kind]] == [3, 3]


@both
async def test_nothing_of_another_vendors_row_is_touched_or_told(api, vendor, token, sync, counts, kind):
    headers, other = await token(await vendor()), await token(await vendor())
    secret = (await sync(other, kind, {"data": {**NEW[kind], "id": new_id(), "name": "Secret"}}))[kind][0]
    answer = await sync(headers, kind, {"operation": "delete", "id": secret["id"]})
    assert answer["errors"][0]["error"] == f"{KINDS[kind]} not found"
    answer = await sync(headers, kind, {"operation": "update", "data": {"id": secret["id"], "sort_order": 1}})
    assert set(answer["errors"][0]["error"]) == {"name", "price"} - ({"price"} if kind == "categories" else set())
    answer = await sync(headers, kind, {"operation": "update", "data": {**NEW[kind], "id": secret["id"]}})
    assert counts(answer) == (1, 1, 0, 0) and answer[kind][0]["name"] == "New"
    assert await get(api, other, kind, secret["id"]) == secret
    answer = await sync(headers, kind, {"operation": "delete", "id": secret["id"]})
    assert counts(answer) == (1, 0, 0, 1)
    assert await get(api, other, kind, secret["id"]) == secret


async def test_global_categories_are_changed_by_no_batch(api, vendor, token, sync, global_category, counts):
    headers, id = await token(await vendor()), await global_category("Everybody")
    answer = await sync(
        headers,
        "categories",
        [
            {"operation": "create", "data": {"id": id, "name": "Mine"}},
            {"operation": "update", "data": {"id": id.upper(), "name": "Mine"}},
            {"operation": "delete", "id": id},
            {"operation": "create", "data": {"name": "Everybody"}},
        ],
    )
    no_update = "Cannot update global category. Only vendor-specific categories can be modified."
    no_delete = "Cannot delete global category. Only vendor-specific categories can be deleted."
    assert [(one["id"], one["error"]) for one in answer["errors"]] == [
        (id, no_update),
        (id, no_update),
        (id, no_delete),
    ]
    assert counts(answer) == (1, 1, 0, 0)


async def test_a_name_that_a_category_has_is_refused_for_the_later_one_only(api, vendor, token, sync, counts):
    headers = await token(await vendor())
    a, b, c = new_id(), new_id(), new_id()
    taken = {"name": ["Category with this name already exists for this vendor."]}
    await sync(headers, "categories", {"data": {"id": a, "name": "Stored"}})
    answer = await sync(
        headers,
        "categories",
        [
            {"data": {"id": b, "name": "Stored"}},
            {"data": {"id": b, "name": "Mine"}},
            {"data": {"id": c, "name": " Mine "}},
            # The name is free from here on.
            {"operation": "update", "data": {"id": b, "name": "Other"}},
            {"data": {"id": c, "name": "Mine"}},
            {"operation": "update", "data": {"id": a, "name": "Stored"}},
        ],
    )
    assert [(one["id"], one["error"]) for one in answer["errors"]] == [(b, taken), (c, taken)]
    assert counts(answer) == (4, 2, 2, 0)
    # Names change hands within one batch, in whatever order the rows are written.
    answer = await sync(
        headers,
        "categories",
        [
            {"operation": "update", "data": {"id": a, "name": "Between"}},
            {"operation": "update", "data": {"id": b, "name": "Stored"}},
            {"operation": "update", "data": {"id": a, "name": "Other"}},
            {"operation": "delete", "id": c},
            {"data": {"name": "Mine"}},
        ],
    )
    assert answer["errors"] is None
    listed = {one["id"]: one["name"] for one in (await api.get(CATEGORIES, headers=headers)).json}
    assert (listed[a], listed[b]) == ("Other", "Stored") and c not in listed


async def test_items_are_put_into_categories_that_exist(api, vendor, token, sync, global_category):
    headers, other = await token(await vendor()), await token(await vendor())
    everybody, own, foreign, id = await global_category("Everybody"), new_id(), new_id(), new_id()
    await sync(headers, "categories", {"data": {"id": own, "name": "Own"}})
    await sync(other, "categories", {"data": {"id": foreign, "name": "Foreign"}})
    made = await sync(headers, "items", {"data": {**NEW["items"], "id": id, "category_ids": [own, everybody, own]}})
    assert set(made["items"][0]["category_ids"]) == {own, everybody}
    for wrong in (foreign, new_id(), "zzz", 7, None):
        answer = await sync(headers, "items", {"operation": "update", "data": {"id": id, "category_ids": [own, wrong]}})
        assert answer["errors"] == [{"id": id, "operation": "update", "error": NO_CATEGORIES}]
    for sent, expected in (
        ({"sort_order": 1}, {own, everybody}),
        ({"categories": [everybody]}, {everybody}),
        ({"category_ids": []}, set()),
    ):
        answer = await sync(headers, "items", {"operation": "update", "data": {"id": id, **sent}})
        assert set(answer["items"][0]["category_ids"]) == expected


async def test_null_for_what_can_not_be_null_counts_as_missing_and_clears_the_rest(api, vendor, token, sync):
    headers = await token(await vendor())
    id, names = (
        new_id(),
        (
            "price_type",
            "additional_discount",
            "gst_percentage",
            "stock_quantity",
            "is_active",
            "sort_order",
            "category_ids",
        ),
    )
    data = {"id": id, "name": "Nulls", "price": 5, "mrp_price": None, "sku": None, **dict.fromkeys(names)}
    answer = await sync(headers, "items", [{"operation": "create", "data": data}])
    assert answer["errors"] is None and answer["created"] == 1
    made = await get(api, headers, "items", id)
    assert (made["price_type"], made["stock_quantity"], made["is_active"]) == ("exclusive", 0, True)
    full = {"id": id, "price_type": "inclusive", "stock_quantity": 7, "is_active": False, "sku": "S", "sort_order": 4}
    await sync(headers, "items", [{"operation": "update", "data": full}])
    answer = await sync(
        headers,
        "items",
        [{"operation": "update", "data": {"id": id, "price": None, "sku": None, **dict.fromkeys(names)}}],
    )
    assert answer["errors"] is None
    kept = await get(api, headers, "items", id)
    shown = {name: kept[name] for name in ("price", "price_type", "stock_quantity", "is_active", "sku", "sort_order")}
    assert shown == {**{name: value for name, value in full.items() if name != "id"}, "price": "5.00", "sku": None}
    category = new_id()
    answer = await sync(
        headers, "categories", [{"data": {"id": category, "name": "C", "is_active": None, "sort_order": None}}]
    )
    assert answer["errors"] is None and answer["categories"][0]["is_active"] is True


async def test_prices_keep_their_digits_and_a_picture_in_a_batch_is_ignored(api, vendor, token, sync):
    headers = await token(await vendor())
    operations = b"""[
        {"data": {"name": "Exact", "price": 12345678.91, "mrp_price": "0.07", "image": "items/x.jpg", "image_url": "x"}},
        {"data": {"name": "Mrp only", "mrp_price": 20, "is_active": 1, "stock_quantity": "5", "veg_nonveg": ""}},
        {"data": {"name": "Rounded", "price": 0.30500000000000005, "mrp_price": ""}},
        {"data": {"name": "Largest", "price": 99999999.99, "additional_discount": 1e2}},
        {"data": {"name": "Too large", "price": 99999999.999}}]"""
    answer = (await api.call("POST", f"{ITEMS}sync", operations, headers=headers)).json
    assert [(one["price"], one["mrp_price"], one["image_url"]) for one in answer["items"]] == [
        ("12345678.91", "0.07", None),
        ("20.00", "20.00", None),
        ("0.31", None, None),
        ("99999999.99", None, None),
    ]
    assert [one["operation"] for one in answer["errors"]] == ["create"]


async def test_a_picture_stays_when_a_batch_changes_its_item(api, vendor, token, sync):
    from tests.core.test_images import picture

    headers = await token(await vendor())
    form, files = {"name": "Coke", "price": "1"}, {"image": ("a.png", picture())}
    item = (await api.call("POST", ITEMS, headers=headers, form=form, files=files)).json
    answer = await sync(
        headers, "items", {"operation": "update", "data": {"id": item["id"], "price": 2, "image": None}}
    )
    assert answer["items"][0]["image_url"] == item["image_url"]
    assert (await api.get(item["image_url"])).status == 200


@both
async def test_more_than_1000_operations_are_refused(api, vendor, token, sync, counts, kind):
    headers = await token(await vendor())
    many = [{"data": {**NEW[kind], "name": f"Row {n}", "id": new_id()}} for n in range(1001)]
    answer = await api.post(f"{PATHS[kind]}sync", many, headers=headers)
    assert answer.status == 400
    assert answer.json == {"non_field_errors": ["Ensure this field has no more than 1000 elements."]}
    assert counts(await sync(headers, kind, many[:1000])) == (1000, 1000, 0, 0)
    assert counts(await sync(headers, kind, many[:1000])) == (1000, 0, 1000, 0)
    deletes = [{"operation": "delete", "id": one["data"]["id"]} for one in many[:1000]]
    assert counts(await sync(headers, kind, deletes)) == (1000, 0, 0, 1000)


@both
@pytest.mark.parametrize("body", [b"{", b"[NaN]", b'[{"data":{"name":"\\ud800"}}', b"\xff"])
async def test_what_is_no_json_is_refused(api, vendor, token, kind, body):
    answer = await api.call("POST", f"{PATHS[kind]}sync", body, headers=await token(await vendor()))
    assert answer.status in (200, 400)


@both
async def test_a_batch_of_strange_operations_is_never_a_server_error(api, vendor, token, sync, kind):
    strange = [None, True, 0, -1, 1e308, "", "\0", "\ud800", "x" * 30_000, [], [[]], {}, {"a": 1}]
    operations = [
        {**NEW[kind], "operation": "create", "data": {**NEW[kind], "name": f"Row {n} {field}", field: value}}
        for field in ("id", "name", "description", "is_active", "sort_order", "price", "mrp_price", "category_ids")
        for n, value in enumerate(strange)
    ]
    operations += [
        {"operation": "update", field: value} for field in ("id", "data", "operation", "timestamp") for value in strange
    ]
    await sync(await token(await vendor()), kind, operations)


async def test_a_batch_is_a_handful_of_statements(vendor, token, sync, db, app, monkeypatch):
    headers = await token(await vendor())
    category = new_id()
    await sync(headers, "categories", {"data": {"id": category, "name": "C"}})
    ids = [new_id() for _ in range(300)]
    await sync(headers, "items", [{"data": {**NEW["items"], "id": id}} for id in ids])
    run = []
    from core.data.database import Transaction

    for method in ("value", "row", "rows", "none"):
        real = getattr(Transaction, method)
        monkeypatch.setattr(
            Transaction, method, lambda self, sql, *args, real=real: (run.append(sql), real(self, sql, *args))[1]
        )
    operations = [{"operation": "delete", "id": id} for id in ids[:100]]
    operations += [
        {"operation": "update", "data": {"id": id, "price": 2, "category_ids": [category]}} for id in ids[100:]
    ]
    operations += [{"data": {**NEW["items"], "id": new_id(), "category_ids": [category]}} for _ in range(300)]
    answer = await sync(headers, "items", operations)
    assert answer["synced"] == 600 and len(run) <= 12, len(run)


@both
async def test_two_batches_of_the_same_ids_at_once_converge(api, vendor, token, sync, kind):
    headers = await token(await vendor())
    ids = [new_id() for _ in range(20)]
    batches = [
        [{"data": {**NEW[kind], "id": id, "name": f"{id} by {n}"}, "timestamp": at(-n)} for id in ids]
        for n in range(1, 7)
    ]
    answers = await asyncio.gather(*(sync(headers, kind, batch) for batch in batches for _ in range(2)))
    assert all(answer["errors"] is None for answer in answers)
    listed = {one["id"]: one["name"] for one in (await api.get(PATHS[kind], headers=headers)).json}
    assert {id: listed[id] for id in ids} == {id: f"{id} by 1" for id in ids}


async def test_64_batches_with_the_same_name_leave_one_category(api, vendor, token, sync):
    headers = await token(await vendor())
    answers = await asyncio.gather(*(sync(headers, "categories", {"data": {"name": "Raced"}}) for _ in range(64)))
    assert sorted(answer["created"] for answer in answers) == [0] * 63 + [1]
    taken = {"name": ["Category with this name already exists for this vendor."]}
    assert all(answer["errors"][0]["error"] == taken for answer in answers if not answer["created"])


async def test_a_batch_is_one_entry_of_the_audit(vendor, token, sync, db):
    someone = await vendor()
    headers = await token(someone)
    await sync(headers, "items", [{"data": NEW["items"]} for _ in range(3)])
    rows = await db.fetch("SELECT action, after FROM operations.audit WHERE account_id = $1 AND action LIKE 'item.%'", someone.account_id)  # fmt: skip
    assert [(row["action"], json.loads(row["after"])) for row in rows] == [
        ("item.sync", {"created": 3, "updated": 0, "deleted": 0})
    ]

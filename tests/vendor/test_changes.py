"""What devices learn of changes: by asking, and live. docs/api/vendor.md#changes."""

import asyncio
import base64
import json
import uuid

import pytest

from handlers.vendor import catalogue
from tests.support.deadlines import DEADLINE

pytestmark = pytest.mark.gen_test

CHANGES, ITEMS, CATEGORIES, STREAM = "/items/changes", "/items/", "/items/categories/", "/items/sse/"
SOME_ID = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def ask(api):
    """`await ask(headers, token)`: everything after a token, in as many pages as it takes, and the last `next`."""

    async def ask(headers, since=None, limit=None, reset=False):
        found = {"items": [], "categories": [], "deleted": []}
        first = True
        while True:
            query = "&".join([*([f"since={since}"] if since else []), *([f"limit={limit}"] if limit else [])])
            page = (await api.get(f"{CHANGES}?{query}", headers=headers)).json
            assert page["reset"] is (reset and first)
            assert limit is None or sum(len(page[name]) for name in found) <= limit
            for name in found:
                found[name] += page[name]
            since, first = page["next"], False
            if not page["more"]:
                return found, since

    return ask


@pytest.fixture
def make(api):
    async def make(headers, name="Item", path=ITEMS, **more):
        answer = await api.post(
            path, {"name": name, **({"price": 1} if path == ITEMS else {}), **more}, headers=headers
        )
        assert answer.status == 201, answer.json
        return answer.json

    return make


def ids(rows):
    return [row["id"] for row in rows]


async def test_a_device_downloads_everything_once_and_then_only_what_changes(api, vendor, token, ask, make):
    headers, other = await token(await vendor()), await token(await vendor())
    category = await make(headers, "C", CATEGORIES, is_active=False)
    item = await make(headers, "I", category_ids=[category["id"]], is_active=False)
    await make(other, "Foreign")
    found, since = await ask(headers)
    assert found["items"] == [item] and found["deleted"] == []
    assert [one for one in found["categories"] if one["name"] == "C"] == [{**category, "item_count": 1}]
    nothing = {"items": [], "categories": [], "deleted": []}
    assert await ask(headers, since) == (nothing, since)
    await make(other, "Foreign too")
    await api.call("PATCH", f"{ITEMS}{item['id']}", {"price": -1}, headers=headers)
    assert await ask(headers, since) == (nothing, since)

    second = await make(headers, "Second")
    changed = (await api.call("PATCH", f"{ITEMS}{item['id']}/status", {"is_active": True}, headers=headers)).json
    found, later = await ask(headers, since)
    assert found == {**nothing, "items": [second, changed]}
    await api.call("DELETE", f"{ITEMS}{item['id']}", headers=headers)
    await api.call("DELETE", f"{CATEGORIES}{category['id']}", headers=headers)
    found, _ = await ask(headers, later)
    assert found["items"] == found["categories"] == []
    assert [(one["kind"], one["id"]) for one in found["deleted"]] == [
        ("item", item["id"]),
        ("category", category["id"]),
    ]
    # Who comes from further back gets it all at once; who begins gets no tombstones.
    found, _ = await ask(headers, since)
    assert ids(found["items"]) == [second["id"]] and len(found["deleted"]) == 2
    found, _ = await ask(headers)
    assert ids(found["items"]) == [second["id"]] and found["deleted"] == []


async def test_what_is_deleted_and_comes_back_is_a_row_again(api, vendor, token, ask, make):
    headers = await token(await vendor())
    item = await make(headers, "I")
    _, since = await ask(headers)
    await api.call("DELETE", f"{ITEMS}{item['id']}", headers=headers)
    back = await make(headers, "Back", id=item["id"])
    found, _ = await ask(headers, since)
    assert found["items"] == [back] and found["deleted"] == []


async def test_pages_have_no_gap_though_a_batch_has_one_position(api, vendor, token, ask, make, global_category):
    headers = await token(await vendor())
    for name in "ABC":
        await global_category(f"Global {name}")
    await make(headers, "C", CATEGORIES)
    many = [{"data": {"id": str(uuid.uuid4()), "name": f"Item {n}", "price": n}} for n in range(40)]
    await api.post(f"{ITEMS}sync", many, headers=headers)
    await api.post(
        f"{ITEMS}sync", [{"operation": "delete", "id": one["data"]["id"]} for one in many[:15]], headers=headers
    )
    whole, since = await ask(headers)
    for limit in (1, 7, 500):
        assert await ask(headers, limit=limit) == (whole, since)
    assert sorted(ids(whole["items"])) == sorted(one["data"]["id"] for one in many[15:])
    first = (await api.get(f"{CHANGES}?limit=5", headers=headers)).json
    assert first["more"] is True
    # What changes while a device is reading is not lost.
    await api.post(f"{ITEMS}sync", [{"operation": "delete", "id": many[20]["data"]["id"]}], headers=headers)
    late = await global_category("Late")
    found, _ = await ask(headers, first["next"], limit=3)
    assert ids(found["deleted"]) == [many[20]["data"]["id"]] and late in ids(found["categories"])
    assert len(found["items"]) >= 24 - len(first["items"])


async def test_changes_of_global_categories_reach_every_vendor(vendor, token, ask, global_category, db):
    vendors = [await token(await vendor()) for _ in range(2)]
    kept, dropped = await global_category("Kept"), await global_category("Dropped")
    tokens = [(await ask(headers))[1] for headers in vendors]
    await db.execute("UPDATE vendor.global_category SET name = 'Renamed' WHERE id = $1::uuid", kept)
    await db.execute("DELETE FROM vendor.global_category WHERE id = $1::uuid", dropped)
    for headers, since in zip(vendors, tokens, strict=True):
        found, _ = await ask(headers, since)
        assert [one["name"] for one in found["categories"]] == ["Renamed"]
        assert [(one["kind"], one["id"]) for one in found["deleted"]] == [("category", dropped)]
        assert dropped not in ids((await ask(headers))[0]["categories"])


@pytest.mark.parametrize(
    "sent",
    [
        "zzz",
        "%00a",
        "x" * 5000,
        *(
            base64.urlsafe_b64encode(json.dumps(found).encode()).decode()
            for found in (
                1,
                [],
                [1],
                [1, 0, "x", 0, 0, 0],
                [-1, 0, SOME_ID, 0, 0, 0],
                [2**70, 0, SOME_ID, 0, 0, 0],
                [1, 9, SOME_ID, 0, 0, 0],
                [True, 0, SOME_ID, 0, 0, 0],
                [1.5, 0, SOME_ID, 0, 0, 0],
            )
        ),
    ],
)
async def test_a_malformed_token_is_refused(api, vendor, token, sent):
    answer = await api.get(f"{CHANGES}?since={sent}", headers=await token(await vendor()))
    assert (answer.status, answer.json) == (400, {"error": "Invalid token"})


async def test_a_token_older_than_the_tombstones_and_one_of_the_future_begin_again(
    api, vendor, token, ask, make, db, app
):
    someone = await vendor()
    headers = await token(someone)
    kept, dropped = await make(headers, "Kept"), await make(headers, "Dropped")
    _, old = await ask(headers)
    halfway = (await api.get(f"{CHANGES}?limit=1", headers=headers)).json
    await api.call("DELETE", f"{ITEMS}{dropped['id']}", headers=headers)
    _, recent = await ask(headers)
    await catalogue.forget_tombstones(app)
    assert ids((await ask(headers, old))[0]["deleted"]) == [dropped["id"]]
    await db.execute(
        "UPDATE vendor.tombstone SET deleted_at = now() - interval '91 days' WHERE vendor_id = $1::uuid", someone.id
    )
    await catalogue.forget_tombstones(app)
    for since in (old, halfway["next"]):
        found, after = await ask(headers, since, reset=True)
        assert ids(found["items"]) == [kept["id"]] and found["deleted"] == []
        assert (await ask(headers, after))[1] == after
    assert (await ask(headers, recent))[0]["items"] == []
    # A long first download goes on after tombstones from before it are gone.
    begun = (await api.get(f"{CHANGES}?limit=1", headers=headers)).json
    await ask(headers, begun["next"])
    await db.execute("UPDATE vendor.head SET position = 1 WHERE vendor_id = $1::uuid", someone.id)
    assert ids((await ask(headers, recent, reset=True))[0]["items"]) == [kept["id"]]


async def test_old_global_tombstones_are_forgotten_too(vendor, token, ask, global_category, db, app):
    headers = await token(await vendor())
    dropped = await global_category("Dropped")
    _, old = await ask(headers)
    await db.execute("DELETE FROM vendor.global_category WHERE id = $1::uuid", dropped)
    _, recent = await ask(headers)
    await db.execute("UPDATE vendor.global_tombstone SET deleted_at = now() - interval '91 days'")
    await catalogue.forget_tombstones(app)
    found, _ = await ask(headers, old, reset=True)
    assert dropped not in ids(found["categories"])
    await ask(headers, recent)


async def test_a_device_that_only_reads_changes_has_what_the_server_has(api, vendor, token, ask):
    headers = await token(await vendor())
    known = [str(uuid.uuid4()) for _ in range(30)]
    have, since, is_done = {}, None, False

    async def write(n):
        for step in range(6):
            operations = [
                {"operation": "delete", "id": id}
                if (n + step + k) % 3 == 0
                else {"data": {"id": id, "name": f"{n} {step}", "price": 1}}
                for k, id in enumerate(known[n * 3 % 30 :: 4])
            ]
            await api.post(f"{ITEMS}sync", operations, headers=headers)

    async def read():
        nonlocal since
        last = False
        while not last:
            last = is_done
            found, since = await ask(headers, since, limit=7)
            have.update({row["id"]: row for row in found["items"]})
            for row in found["deleted"]:
                have.pop(row["id"], None)

    reading = asyncio.ensure_future(read())
    await asyncio.gather(*(write(n) for n in range(5)))
    is_done = True
    await asyncio.wait_for(reading, DEADLINE)
    assert have == {row["id"]: row for row in (await api.get(ITEMS, headers=headers)).json}


async def data(reader):
    return json.loads((await reader.event())["data"])


async def test_a_stream_tells_its_vendor_of_each_change(api, vendor, token, make, stream, global_category, ask):
    headers, other = await token(await vendor()), await token(await vendor())
    _, since = await ask(headers)
    reader = await stream(STREAM, headers=headers)
    query = await stream(f"{STREAM}?token={headers['Authorization'].removeprefix('Token ')}")
    await make(other, "Foreign")
    category, item = await make(headers, "C", CATEGORIES), await make(headers, "I")
    await api.call("PATCH", f"{ITEMS}{item['id']}", {"price": 2}, headers=headers)
    await api.call("DELETE", f"{CATEGORIES}{category['id']}", headers=headers)
    everybody = await global_category("For all")
    expected = [
        ("category", [category["id"]], [], False),
        ("item", [item["id"]], [], False),
        ("item", [item["id"]], [], False),
        ("category", [], [category["id"]], False),
        ("category", [everybody], [], True),
    ]
    for one in (reader, query):
        events = [await data(one) for _ in expected]
        assert [(event["kind"], event["changed"], event["deleted"], event["is_global"]) for event in events] == expected
        assert [event["position"] for event in events[:4]] == [1, 2, 3, 4]
    found, _ = await ask(headers, since)
    assert ids(found["items"]) == [item["id"]] and ids(found["deleted"]) == [category["id"]]


async def test_a_batch_tells_of_each_row_it_changes_and_not_of_others(api, vendor, token, make, stream):
    headers = await token(await vendor())
    gone, kept = await make(headers, "Gone"), await make(headers, "Kept")
    reader = await stream(STREAM, headers=headers)
    new = str(uuid.uuid4())
    await api.post(
        f"{ITEMS}sync",
        [
            {"data": {"id": new, "name": "New", "price": 1}},
            {"operation": "delete", "id": gone["id"]},
            {"operation": "update", "data": {"id": kept["id"], "name": "Old"}, "timestamp": "2001-01-01"},
            {"data": {"name": "No price"}},
        ],
        headers=headers,
    )
    last = await make(headers, "Last")
    batch, after = await data(reader), await data(reader)
    assert (batch["changed"], batch["deleted"]) == ([new], [gone["id"]])
    assert after["changed"] == [last["id"]]


async def test_a_stream_that_is_resumed_misses_nothing(vendor, token, make, stream):
    headers = await token(await vendor())
    reader = await stream(STREAM, headers=headers)
    await make(headers, "A")
    await data(reader)
    reader.close()
    missed = await make(headers, "B")
    again = await stream(STREAM, headers={**headers, "Last-Event-ID": reader.last_id})
    assert (await data(again))["changed"] == [missed["id"]]


async def test_a_stream_needs_a_token_of_an_approved_vendor(api, account, stream):
    for sent in ("", "?token=zzz"):
        assert (await api.get(STREAM + sent)).status == 401

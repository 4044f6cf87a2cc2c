"""The audit: who did what, kept for good, and read by SUPERADMINs."""

import asyncio
import json

import asyncpg
import pytest

from handlers.operations import audit

pytestmark = pytest.mark.gen_test
AUDIT = "/api/operations/audit/"
ENTRY = {
    "id",
    "at",
    "account_id",
    "email",
    "address",
    "request_id",
    "action",
    "object_type",
    "object_id",
    "before",
    "after",
}


@pytest.fixture
def root(sign_in, io_loop):
    return io_loop.run_sync(lambda: sign_in("SUPERADMIN"))["access"]


@pytest.fixture
def noted(db):
    """`await noted(3, action="x")`: that many entries, oldest first, each a second after the other."""

    async def noted(
        n,
        email="ann@example.com",
        action="thing.change",
        object_type="thing",
        object_id="7",
        account_id=42,
        day="2026-01-15",
    ):
        rows = await db.fetch(
            "INSERT INTO operations.audit (at, account_id, email, action, object_type, object_id)"
            " SELECT $1::text::timestamptz + n * interval '1 second', $2, $3, $4, $5, $6 FROM generate_series(1, $7) n RETURNING id",
            f"{day}T12:00:00Z",
            account_id,
            email,
            action,
            object_type,
            object_id,
            n,
        )
        return [row["id"] for row in rows]

    return noted


async def walk(api, token, query=""):
    """The ids of all pages, and the pages' sizes."""
    ids, sizes, url = [], [], f"{AUDIT}?{query}"
    while url:
        page = (await api.get(url, token=token)).json
        ids += [entry["id"] for entry in page["results"]]
        sizes.append(len(page["results"]))
        url = page["next"]
    return ids, sizes


async def test_an_entry_says_who_did_what_to_which_object_and_when(api, root, sign_in):
    signed = await sign_in("PICKER")
    entry = (await api.get(f"{AUDIT}?action=account.sign-in&email=picker@example.com", token=root)).json["results"][0]
    assert entry.keys() == ENTRY
    assert (entry["account_id"], entry["email"], entry["address"]) == (
        signed["user_id"],
        "picker@example.com",
        "127.0.0.1",
    )
    assert (entry["object_type"], entry["object_id"]) == ("account", signed["data"]["user"]["id"])
    assert entry["at"].endswith("Z") and entry["request_id"] and entry["before"] is entry["after"] is None


async def test_pages_follow_one_another_newest_first_whatever_is_noted_meanwhile(api, root, noted):
    ids = await noted(25, action="paged")
    page = (await api.get(f"{AUDIT}?action=paged&page_size=10", token=root)).json
    assert [entry["id"] for entry in page["results"]] == ids[:14:-1]
    await noted(5, action="paged", day="2026-02-01")
    page = (await api.get(page["next"], token=root)).json
    assert [entry["id"] for entry in page["results"]] == ids[14:4:-1]
    page = (await api.get(page["next"], token=root)).json
    assert [entry["id"] for entry in page["results"]] == ids[4::-1] and page["next"] is None


async def test_entries_of_one_moment_are_each_on_one_page(api, root, db):
    await db.execute(
        "INSERT INTO operations.audit (at, action, object_type) SELECT '2026-03-01', 'same', 't' FROM generate_series(1, 7)"
    )
    ids, sizes = await walk(api, root, "action=same&page_size=3")
    assert len(set(ids)) == 7 and sizes == [3, 3, 1]


async def test_each_filter_lets_only_its_entries_through_and_they_combine(api, root, noted):
    all_of_it = {
        "account_id=4711": await noted(3, account_id=4711),
        "email=BOB@example.com": await noted(3, email="bob@example.com"),
        "action=odd.action": await noted(3, action="odd.action"),
        "object_type=gadget": await noted(3, object_type="gadget"),
        "object_id=99": await noted(3, object_id="99"),
        "start_date=2025-05-05&end_date=2025-05-05": await noted(3, day="2025-05-05"),
    }
    for query, ids in all_of_it.items():
        assert (await walk(api, root, f"{query}&page_size=2"))[0] == ids[::-1], query
        assert (await walk(api, root, f"{query}&action=nothing"))[0] == []
    mine = await noted(1, account_id=4711, action="odd.action")
    assert (await walk(api, root, "account_id=4711&action=odd.action"))[0] == mine


async def test_days_are_utc_and_both_ends_count(api, root, db):
    moments = [
        "2024-02-28T23:59:59.999999Z",
        "2024-02-29T00:00:00Z",
        "2024-02-29T23:59:59.999999Z",
        "2024-03-01T00:00:00Z",
    ]
    ids = [
        await db.fetchval(
            "INSERT INTO operations.audit (at, action, object_type) VALUES ($1::text::timestamptz, 'day', 't') RETURNING id",
            moment,
        )
        for moment in moments
    ]
    assert (await walk(api, root, "action=day&start_date=2024-02-29&end_date=2024-02-29"))[0] == ids[2:0:-1]
    assert (await walk(api, root, "action=day&start_date=2024-02-29"))[0] == ids[:0:-1]
    assert (await walk(api, root, "action=day&end_date=2024-02-28"))[0] == ids[:1]


@pytest.mark.parametrize("query", [
    "start_date=x", "start_date=2026-02-30", "end_date=2026-1-1", "end_date=9999-12-31", "account_id=x", "account_id=-1", "account_id=1.5",
    "account_id=" + "9" * 30, "cursor=x", "cursor=%F0%9F%98%80", "cursor=W10", "cursor=WzEsMl0gIA", "cursor=WyJhIiwxXQ", "cursor=WzEsdHJ1ZV0",
    "cursor=" + "A" * 5000, "cursor=WzFlOTksMV0", "cursor=W05hTiwxXQ",
])  # fmt: skip
async def test_a_filter_or_cursor_that_is_invalid_is_400(api, root, query):
    if query == "cursor=WzEsMl0gIA":  # [1,2] with blanks is one
        assert (await api.get(f"{AUDIT}?{query}", token=root)).status == 200
    else:
        assert (await api.get(f"{AUDIT}?{query}", token=root)).status == 400


@pytest.mark.parametrize(
    "query", ["action=%00", "email=%27%3B--", "object_id=" + "x" * 3000, "page_size=0", "page_size=x"]
)
async def test_odd_filters_find_nothing_or_are_ignored(api, root, query):
    assert (await api.get(f"{AUDIT}?{query}", token=root)).status == 200


@pytest.mark.parametrize(
    "statement", ["UPDATE operations.audit SET email = ''", "DELETE FROM operations.audit", "TRUNCATE operations.audit"]
)
async def test_nothing_in_the_audit_can_be_changed(db, noted, statement):
    await noted(1)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await db.execute(statement)


async def test_an_entry_is_there_exactly_when_its_change_is(api, root, db):
    async def names():
        return {
            row["email"]
            for row in await db.fetch(
                "SELECT after ->> 'email' AS email FROM operations.audit WHERE action = 'account.create' AND object_id <> ''"
            )
        }

    users = "/api/auth/users/"
    bodies = [
        {
            "email": f"atomic{n % 6}@example.com",
            "department_id": None if n % 2 else "5c1cf4d6-0000-0000-0000-000000000000",
        }
        for n in range(24)
    ]
    answers = await asyncio.gather(*(api.post(users, body, token=root) for body in bodies))
    made = {json.loads(answer.text)["data"]["email"] for answer in answers if answer.status == 201}
    assert made == {f"atomic{n}@example.com" for n in (1, 3, 5)}
    assert {name for name in await names() if name.startswith("atomic")} == made


async def test_reading_stays_quick_with_a_hundred_thousand_entries(db, noted):
    """By the plans: each kind of question walks an index in its order, and stops."""
    await db.execute(
        "INSERT INTO operations.audit (at, account_id, email, action, object_type, object_id)"
        " SELECT '2020-01-01'::timestamptz + n * interval '1 minute', n % 1000, 'p' || n % 1000 || '@example.com', 'a' || n % 50, 't' || n % 10, n::text"
        " FROM generate_series(1, 100000) n"
    )
    await db.execute("ANALYZE operations.audit")
    read = "SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_xact_all_tables WHERE relid = 'operations.audit'::regclass"
    for name, value in {
        "account_id": 7,
        "email": "p7@example.com",
        "action": "a7",
        "object_id": "77",
        "until": "2020-01-20",
    }.items():
        listed = audit.query.list_entries.where(**{name: value})
        async with db.transaction():
            start = await db.fetchval(read)
            rows = await db.fetch(listed.query.text, 20, *listed.values)
            end = await db.fetchval(read)
        assert rows and end - start < 200, (name, end - start)

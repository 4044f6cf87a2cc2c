"""Executions of tasks that clients record. docs/api/monitoring.md#executions."""

import asyncio

import pytest

from tests.monitoring.conftest import task

pytestmark = pytest.mark.gen_test
PATH = "/api/monitoring/api/tasks/"


async def ids(caller, query=""):
    answer = await caller.get(f"{PATH}?{query}")
    assert answer.status == 200, answer.text
    return [one["task_id"] for one in answer.json["results"]]


async def test_an_execution_is_made_with_the_documented_defaults_and_shown(owner):
    body = task()
    made = await owner.made(PATH, body)
    assert {**made, "created_at": "", "updated_at": "", "scheduled_at": ""} == {
        "id": made["id"],
        **body,
        "queue_name": "default",
        "user": owner.id,
        "priority": "normal",
        "priority_display": "Normal",
        "status": "pending",
        "status_display": "Pending",
        "scheduled_at": "",
        "started_at": None,
        "completed_at": None,
        "duration": None,
        "duration_display": None,
        "retry_count": 0,
        "worker_name": "",
        "result_summary": "",
        "error_message": "",
        "memory_usage": None,
        "arguments": [],
        "keyword_arguments": {},
        "created_at": "",
        "updated_at": "",
    }
    shown = await owner.get(f"{PATH}{made['id']}/")
    assert (shown.status, shown.json, shown.headers["ETag"]) == (200, made, '"1"')


async def test_every_field_is_stored_as_it_was_sent(owner):
    body = task(
        queue_name="imports",
        priority="critical",
        status="failure",
        scheduled_at="2026-01-02T03:04:05Z",
        started_at="2026-01-02T04:04:06+01:00",
        completed_at="2026-01-02T03:04:07.5",
        duration=1.234,
        retry_count=2,
        worker_name="worker-1",
        result_summary="3 files",
        error_message="The disk is full",
        memory_usage=12.5,
        arguments=[1, "two", None],
        keyword_arguments={"a": {"b": [True]}},
    )
    made = await owner.made(PATH, body)
    assert {name: made[name] for name in body} == body | {
        "scheduled_at": "2026-01-02T03:04:05.000000Z",
        "started_at": "2026-01-02T03:04:06.000000Z",
        "completed_at": "2026-01-02T03:04:07.500000Z",
    }
    assert (made["duration_display"], made["status_display"], made["priority_display"]) == (
        "1.234s",
        "Failure",
        "Critical",
    )


async def test_what_has_begun_or_ended_has_a_moment_unless_it_says_one(owner):
    made = await owner.made(PATH, task(status="started"))
    assert made["started_at"] and made["completed_at"] is None
    ended = (await owner.patch(f"{PATH}{made['id']}/", {"status": "success"})).json
    assert ended["completed_at"] and ended["started_at"] == made["started_at"]


async def test_a_put_and_a_patch_change_what_they_name(owner):
    made = await owner.made(PATH, task(worker_name="w", duration=3))
    answer = await owner.put(
        f"{PATH}{made['id']}/", {"task_id": made["task_id"], "task_name": "other", "duration": None}
    )
    assert answer.status == 200 and answer.headers["ETag"] == '"2"'
    assert (answer.json["task_name"], answer.json["duration"], answer.json["worker_name"]) == ("other", None, "w")
    assert (await owner.put(f"{PATH}{made['id']}/", {"task_name": "x"})).json["details"] == {
        "task_id": ["This field is required."]
    }
    changed = (
        await owner.patch(f"{PATH}{made['id']}/", {"worker_name": None, "arguments": None, "retry_count": "2"})
    ).json
    assert (changed["worker_name"], changed["arguments"], changed["retry_count"]) == ("", [], 2)


async def test_a_change_takes_if_match(owner):
    path = f"{PATH}{(await owner.made(PATH, task()))['id']}/"
    assert (await owner.patch(path, {"status": "started"}, headers={"If-Match": '"1"'})).status == 200
    answer = await owner.patch(path, {"status": "success"}, headers={"If-Match": '"1"'})
    assert (answer.status, answer.headers["ETag"]) == (412, '"2"')
    assert (await owner.delete(path, headers={"If-Match": '"1"'})).status == 412
    assert (await owner.get(path)).json["status"] == "started"
    assert (await owner.delete(path, headers={"If-Match": '"2"'})).status == 204
    assert (await owner.get(path)).status == 404


WRONG = [
    ({"task_id": ""}, "task_id"),
    ({"task_id": "x" * 256}, "task_id"),
    ({"task_id": None}, "task_id"),
    ({"task_id": "job-1"}, "task_id"),
    ({"task_id": "a\0b"}, "task_id"),
    ({"task_name": " "}, "task_name"),
    ({"task_name": ["x"]}, "task_name"),
    ({"priority": "urgent"}, "priority"),
    ({"status": "done"}, "status"),
    ({"status": None}, "status"),
    ({"duration": -1}, "duration"),
    ({"duration": "long"}, "duration"),
    ({"duration": 1e300}, "duration"),
    ({"retry_count": -1}, "retry_count"),
    ({"retry_count": 2**31}, "retry_count"),
    ({"retry_count": 1.5}, "retry_count"),
    ({"memory_usage": -0.1}, "memory_usage"),
    ({"scheduled_at": "tomorrow"}, "scheduled_at"),
    ({"started_at": "2026-02-30T00:00:00Z"}, "started_at"),
    ({"completed_at": "0001-01-01T00:00:00+14:00"}, "completed_at"),
    ({"arguments": "x" * 20_000}, "arguments"),
    ({"keyword_arguments": {"a": "x" * 20_000}}, "keyword_arguments"),
    ({"error_message": "x" * 10_001}, "error_message"),
]


async def test_a_wrong_field_is_named(owner):
    path = f"{PATH}{(await owner.made(PATH, task()))['id']}/"
    for wrong, field in WRONG:
        answer = await owner.post(PATH, task(**wrong))
        assert (answer.status, list(answer.json["details"])) == (400, [field]), (wrong, answer.text)
        assert (await owner.patch(path, wrong)).status == 400, wrong


async def test_what_is_no_json_or_no_object_is_refused(owner):
    for body in (b"", b"{", b"[]", b"null", b'"x"', b'{"task_id": NaN}', b'{"task_id": "a", "task_id": "b"}'):
        assert (await owner.post(PATH, body)).status == 400, body


async def test_a_task_id_is_unique_for_each_account_alone(owner, open_books):
    body = task()
    await owner.made(PATH, body)
    answer = await owner.post(PATH, body)
    assert (answer.status, answer.json["details"]) == (
        400,
        {"task_id": ["A task execution with this task_id already exists."]},
    )
    await (await open_books()).made(PATH, body)
    second = await owner.made(PATH, task())
    assert (await owner.patch(f"{PATH}{second['id']}/", {"task_id": body["task_id"]})).status == 400


async def test_one_of_many_who_race_for_a_task_id_wins(owner):
    body = task()
    statuses = [answer.status for answer in await asyncio.gather(*(owner.post(PATH, body) for _ in range(8)))]
    assert sorted(statuses) == [201, *[400] * 7]


async def test_a_repeated_request_with_a_key_is_done_once(owner):
    headers = {"Idempotency-Key": "again"}
    body = task()
    first, second = [await owner.post(PATH, body, headers=headers) for _ in range(2)]
    assert (first.status, second.status, first.json) == (201, 201, second.json)


async def test_members_see_and_write_only_their_own_and_administrators_all(owner, open_books):
    other, admin = await open_books(), await open_books("ADMIN")
    made = await owner.made(PATH, task(user=other.id))
    assert made["user"] == owner.id
    path = f"{PATH}{made['id']}/"
    for answer in (
        await other.get(path),
        await other.put(path, task()),
        await other.patch(path, {"status": "failure"}),
        await other.delete(path),
    ):
        assert (answer.status, answer.json["error"]) == (404, "Not found.")
    assert await ids(other) == [] and await ids(other, "cursor=") == []
    assert await ids(owner) == [made["task_id"]]
    assert made["task_id"] in await ids(admin) and made["task_id"] in await ids(admin, "cursor=&page_size=100")
    assert (await admin.patch(path, {"status": "started"})).json["user"] == owner.id
    assert (await admin.delete(path)).status == 204


async def test_an_administrator_says_whose_an_execution_is(owner, open_books):
    admin = await open_books("ADMIN")
    assert (await admin.made(PATH, task()))["user"] == admin.id
    assert (await admin.made(PATH, task(user=None)))["user"] is None
    made = await admin.made(PATH, task(user=owner.id))
    assert made["user"] == owner.id and made["task_id"] in await ids(owner)
    answer = await admin.post(PATH, task(user=999_999_999))
    assert (answer.status, answer.json["details"]) == (
        400,
        {"user": ['Invalid pk "999999999" - object does not exist.']},
    )
    assert (await admin.patch(f"{PATH}{made['id']}/", {"user": None})).json["user"] is None
    assert made["task_id"] not in await ids(owner)


async def test_an_unknown_or_impossible_id_is_not_found(owner):
    for id in ("999999", "0", "x", "9" * 30):
        assert (await owner.get(f"{PATH}{id}/")).status == 404


async def test_filters_leave_what_they_name(owner):
    mail = await owner.made(PATH, task(task_name="mail", status="failure", queue_name="slow", priority="low"))
    await owner.made(PATH, task(task_name="export", worker_name="Host-7"))
    for query in ("task_name=mail", "status=failure", "queue_name=slow", "priority=low", "search=MAI", "search=ma"):
        assert await ids(owner, query) == [mail["task_id"]], query
        assert await ids(owner, f"{query}&cursor=") == [mail["task_id"]], query
    assert await ids(owner, "search=host-7") != [] and await ids(owner, "search=nothing") == []
    assert (
        await ids(owner, "created_at__gte=2999-01-01") == []
        and len(await ids(owner, "created_at__lte=2999-01-01")) == 2
    )
    for query in ("status=done", "priority=x", "created_at__gte=x", "cursor=x"):
        assert (await owner.get(f"{PATH}?{query}")).status == 400, query
    assert (await owner.get(f"{PATH}?page=9")).status == 404


@pytest.mark.parametrize("column", ["created_at", "scheduled_at", "duration", "retry_count"])
async def test_an_order_is_the_same_by_pages_and_by_cursor(owner, open_books, column):
    admin = await open_books("ADMIN")
    for n in range(5):
        await owner.made(
            PATH,
            task(duration=n % 3 or None, retry_count=n % 2, scheduled_at=f"2026-01-0{n % 3 + 1}T00:00:00Z"),
        )
    for caller in (owner, admin):
        for sign in ("", "-"):
            rows = (await caller.get(f"{PATH}?ordering={sign}{column}&page_size=100")).json["results"]
            keys = [(-1 if row[column] is None else row[column], row["id"]) for row in rows]
            assert keys == sorted(keys, reverse=sign == "-"), (column, sign)
            walked, path = [], f"{PATH}?ordering={sign}{column}&page_size=2&cursor="
            while path:
                page = (await caller.get(path)).json
                walked += page["results"]
                path = page["next"]
            assert walked == rows


async def test_an_unfiltered_list_of_an_administrator_has_the_exact_count(owner, open_books, db):
    admin = await open_books("ADMIN")
    await owner.made(PATH, task())
    first = await owner.made(PATH, task())
    await owner.delete(f"{PATH}{first['id']}/")
    page = (await admin.get(f"{PATH}?page_size=1")).json
    assert page["count"] == await db.fetchval("SELECT count(*) FROM monitoring.task") > 0
    assert (await admin.get(f"{PATH}?page_size=1&page=last")).json["results"]


async def test_changes_are_audited(owner, db):
    made = await owner.made(PATH, task())
    await owner.patch(f"{PATH}{made['id']}/", {"status": "started"})
    await owner.delete(f"{PATH}{made['id']}/")
    actions = await db.fetch(
        "SELECT action FROM operations.audit WHERE object_type = 'task' AND object_id = $1 ORDER BY id", str(made["id"])
    )
    assert [row["action"] for row in actions] == ["task.create", "task.update", "task.delete"]

"""Alerts that clients make, and what is done with alerts. docs/api/monitoring.md#alerts."""

import asyncio
import json

import pytest

from tests.monitoring.conftest import task

pytestmark = pytest.mark.gen_test
PATH, TASKS = "/api/monitoring/api/alerts/", "/api/monitoring/api/tasks/"


def alert(**fields):
    return {
        "alert_type": "queue_backlog",
        "severity": "warning",
        "title": "The import waits",
        "message": "120 files wait.",
        **fields,
    }


async def ids(caller, query=""):
    answer = await caller.get(f"{PATH}?{query}")
    assert answer.status == 200, answer.text
    return [one["id"] for one in answer.json["results"]]


async def test_an_alert_is_made_and_shown(owner):
    made = await owner.made(PATH, alert(metadata={"files": 120}))
    assert {**made, "triggered_at": ""} == {
        "id": made["id"],
        **alert(),
        "alert_type_display": "Queue Backlog",
        "severity_display": "Warning",
        "task_execution": None,
        "triggered_at": "",
        "acknowledged_at": None,
        "acknowledged_by": None,
        "resolved_at": None,
        "is_resolved": False,
        "metadata": {"files": 120},
        "notification_sent": True,
    }
    shown = await owner.get(f"{PATH}{made['id']}/")
    assert (shown.json, shown.headers["ETag"]) == (made, '"1"')


WRONG = [
    ({"alert_type": "fire"}, "alert_type"),
    ({"alert_type": None}, "alert_type"),
    ({"severity": "high"}, "severity"),
    ({"title": " "}, "title"),
    ({"title": "x" * 256}, "title"),
    ({"message": ""}, "message"),
    ({"message": "x" * 10_001}, "message"),
    ({"metadata": [1]}, "metadata"),
    ({"metadata": {"a": "x" * 20_000}}, "metadata"),
    ({"task_execution": 999_999_999}, "task_execution"),
    ({"task_execution": "x"}, "task_execution"),
    ({"notification_sent": "perhaps"}, "notification_sent"),
]


async def test_a_wrong_field_is_named(owner):
    path = f"{PATH}{(await owner.made(PATH, alert()))['id']}/"
    for wrong, field in WRONG:
        answer = await owner.post(PATH, alert(**wrong))
        assert (answer.status, list(answer.json["details"])) == (400, [field]), (wrong, answer.text)
        assert (await owner.patch(path, wrong)).status == 400, wrong


async def test_required_fields_are_named(owner):
    answer = await owner.post(PATH, {})
    assert set(answer.json["details"]) == {"alert_type", "severity", "title", "message"}


async def test_what_the_server_sets_is_not_taken_from_a_body(owner):
    sent = {"acknowledged_by": 1, "acknowledged_at": "2026-01-01", "resolved_at": "2026-01-01", "is_resolved": True}
    made = await owner.made(PATH, alert(**sent))
    assert [made[name] for name in sent] == [None, None, None, False]
    changed = (await owner.put(f"{PATH}{made['id']}/", alert(title="Other", **sent))).json
    assert changed == {**made, "title": "Other"}


async def test_a_change_takes_if_match(owner):
    path = f"{PATH}{(await owner.made(PATH, alert()))['id']}/"
    assert (await owner.patch(path, {"severity": "error"}, headers={"If-Match": '"1"'})).json["severity"] == "error"
    assert (await owner.patch(path, {"severity": "info"}, headers={"If-Match": '"1"'})).status == 412
    assert (await owner.delete(path, headers={"If-Match": '"1"'})).status == 412
    assert (await owner.delete(path)).status == 204
    assert (await owner.get(path)).status == 404


async def test_an_alert_names_only_an_execution_of_its_account(owner, open_books):
    other, admin = await open_books(), await open_books("ADMIN")
    own, foreign = (await owner.made(TASKS, task()))["id"], (await other.made(TASKS, task()))["id"]
    made = await owner.made(PATH, alert(task_execution=own))
    assert made["task_execution"] == own
    for answer in (
        await owner.post(PATH, alert(task_execution=foreign)),
        await owner.patch(f"{PATH}{made['id']}/", {"task_execution": foreign}),
        await admin.patch(f"{PATH}{made['id']}/", {"task_execution": foreign}),
    ):
        assert (answer.status, answer.json["details"]) == (
            400,
            {"task_execution": [f'Invalid pk "{foreign}" - object does not exist.']},
        )
    by_admin = await admin.made(PATH, alert(task_execution=own))
    assert by_admin["id"] in await ids(owner)
    await owner.delete(f"{TASKS}{own}/")
    assert (await owner.get(f"{PATH}{made['id']}/")).json["task_execution"] is None


async def test_members_see_their_own_and_administrators_all(owner, open_books):
    other, admin = await open_books(), await open_books("ADMIN")
    made, of_server = await owner.made(PATH, alert()), await admin.made(PATH, alert(severity="critical"))
    path = f"{PATH}{made['id']}/"
    for answer in (
        await other.get(path),
        await other.put(path, alert()),
        await other.patch(path, {"title": "x"}),
        await other.delete(path),
        await other.post(f"{path}acknowledge/"),
        await other.post(f"{path}resolve/"),
        await owner.get(f"{PATH}{of_server['id']}/"),
        await owner.post(f"{PATH}{of_server['id']}/resolve/"),
    ):
        assert (answer.status, answer.json["error"]) == (404, "Not found.")
    assert await ids(other) == [] and (await other.get(f"{PATH}active/")).json == []
    assert await ids(owner) == [made["id"]]
    assert {made["id"], of_server["id"]} <= set(await ids(admin, "page_size=100"))
    assert {made["id"], of_server["id"]} <= {one["id"] for one in (await admin.get(f"{PATH}active/")).json}


async def test_the_first_to_acknowledge_stays_of_two_administrators_who_race(owner, open_books, db):
    admins = [await open_books("ADMIN") for _ in range(2)]
    path = f"{PATH}{(await owner.made(PATH, alert()))['id']}/"
    answers = await asyncio.gather(*(admins[n % 2].post(f"{path}acknowledge/") for n in range(8)))
    assert {answer.status for answer in answers} == {200}
    assert len({(answer.json["acknowledged_by"], answer.json["acknowledged_at"]) for answer in answers}) == 1
    assert answers[0].json["acknowledged_by"] in {admin.id for admin in admins}
    assert {answer.headers["ETag"] for answer in answers} == {'"2"'}
    noted = await db.fetchval(
        "SELECT count(*) FROM operations.audit WHERE action = 'alert.acknowledge' AND object_id = $1",
        path.split("/")[-2],
    )
    assert noted == 1


async def test_an_alert_is_resolved_once(owner, open_books):
    admin = await open_books("ADMIN")
    made = await owner.made(PATH, alert())
    path = f"{PATH}{made['id']}/"
    answers = await asyncio.gather(*(caller.post(f"{path}resolve/") for caller in (owner, admin) * 4))
    assert {(answer.status, answer.text) for answer in answers} == {(200, '{"status":"resolved"}')}
    shown = (await owner.get(path)).json
    assert shown["is_resolved"] and shown["resolved_at"]
    assert (await owner.get(path)).headers["ETag"] == '"2"'
    assert made["id"] not in [one["id"] for one in (await owner.get(f"{PATH}active/")).json]


async def test_filters_leave_what_they_name(owner):
    first = (await owner.made(PATH, alert(title="Disk", alert_type="system_overload", severity="critical")))["id"]
    second = (await owner.made(PATH, alert()))["id"]
    await owner.post(f"{PATH}{first}/resolve/")
    today = (await owner.get(f"{PATH}{first}/")).json["resolved_at"]
    for query in (
        "alert_type=system_overload",
        "severity=critical",
        "is_resolved=true",
        "resolved_at__isnull=false",
        f"resolved_at={today[:10]}",
        f"resolved_at={today}",
        "search=DISK",
        "search=di",
    ):
        assert await ids(owner, query) == [first], query
        assert await ids(owner, f"{query}&cursor=") == [first], query
    for query in ("is_resolved=false", "resolved_at__isnull=true", "severity=warning", "search=imp+wait"):
        assert await ids(owner, query) == [second], query
    assert await ids(owner, "resolved_at=2020-01-01") == [] and await ids(owner, "created_at__gte=2999-01-01") == []
    for query in ("alert_type=x", "severity=x", "is_resolved=x", "resolved_at=x", "cursor=x"):
        assert (await owner.get(f"{PATH}?{query}")).status == 400, query


async def test_severities_are_in_the_order_of_their_weight(owner):
    made = {
        one: (await owner.made(PATH, alert(severity=one)))["id"] for one in ("error", "info", "critical", "warning")
    }
    wanted = [made[one] for one in ("critical", "error", "warning", "info")]
    assert await ids(owner, "ordering=-severity") == wanted
    assert await ids(owner, "ordering=severity") == wanted[::-1]
    walked, path = [], f"{PATH}?ordering=-severity&page_size=1&cursor="
    while path:
        page = (await owner.get(path)).json
        walked += [one["id"] for one in page["results"]]
        path = page["next"]
    assert walked == wanted


async def test_each_alert_writes_an_event_for_whom_it_concerns(owner, open_books, db):
    admin = await open_books("ADMIN")
    made, of_server = await owner.made(PATH, alert()), await admin.made(PATH, alert())
    for document, account, tag in ((made, owner.id, f"account:{owner.id}"), (of_server, None, "administrators")):
        row = await db.fetchrow(
            "SELECT payload, tags FROM core.event WHERE topic = 'monitoring.alert' AND (payload::json -> 'alert' ->> 'id')::bigint = $1",
            document["id"],
        )
        assert json.loads(row["payload"]) == {"account_id": account, "alert": document}
        assert row["tags"] == [tag] and "\n" not in row["payload"]


async def test_the_function_for_other_areas_acknowledges_as_the_endpoint_does(owner, open_books, db):
    other = await open_books()
    made = await owner.made(PATH, alert())
    call = "SELECT document::text FROM monitoring.acknowledge_alert($1, $2, $3, '{}')"
    assert await db.fetchval(call, other.id, False, made["id"]) is None
    assert await db.fetchval(call, other.id, True, 999_999_999) is None
    assert json.loads(await db.fetchval(call, owner.id, False, made["id"]))["acknowledged_by"] == owner.id

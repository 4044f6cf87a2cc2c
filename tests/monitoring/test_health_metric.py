"""Measures of the health. docs/api/monitoring.md#health-metrics."""

import pytest

pytestmark = pytest.mark.gen_test
PATH = "/api/monitoring/api/health-metrics/"


async def test_a_measure_is_recorded_with_the_documented_defaults_and_shown(owner):
    made = await owner.made(PATH, {"success_rate": 99.5})
    assert {**made, "recorded_at": ""} == {
        "id": made["id"],
        "recorded_at": "",
        "active_workers": 0,
        "total_workers": 0,
        "pending_tasks": 0,
        "active_tasks": 0,
        "completed_tasks_hourly": 0,
        "failed_tasks_hourly": 0,
        "avg_task_duration": None,
        "success_rate": 99.5,
        "cpu_usage": None,
        "memory_usage": None,
        "queue_lengths": {},
        "metadata": {},
        "health_status": "critical",
    }
    assert (await owner.get(f"{PATH}{made['id']}/")).json == made


async def test_the_status_follows_from_the_figures(owner):
    for fields, status in (
        ({"active_workers": 0}, "critical"),
        ({}, "healthy"),
        ({"success_rate": 79.99}, "warning"),
        ({"success_rate": 80}, "healthy"),
        ({"pending_tasks": 100}, "healthy"),
        ({"pending_tasks": 101}, "warning"),
        ({"avg_task_duration": 300}, "healthy"),
        ({"avg_task_duration": 300.5}, "warning"),
    ):
        made = await owner.made(PATH, {"success_rate": 100, "active_workers": 1, **fields})
        assert made["health_status"] == status, fields


WRONG = [
    ({"success_rate": 100.1}, "success_rate"),
    ({"success_rate": -1}, "success_rate"),
    ({"success_rate": None}, "success_rate"),
    ({"success_rate": "x"}, "success_rate"),
    ({"cpu_usage": 101}, "cpu_usage"),
    ({"memory_usage": -1}, "memory_usage"),
    ({"active_workers": -1}, "active_workers"),
    ({"active_workers": 1.5}, "active_workers"),
    ({"pending_tasks": 2**31}, "pending_tasks"),
    ({"avg_task_duration": -0.1}, "avg_task_duration"),
    ({"queue_lengths": []}, "queue_lengths"),
    ({"queue_lengths": {"a": "x"}}, "queue_lengths"),
    ({"queue_lengths": {"a": -1}}, "queue_lengths"),
    ({"metadata": {"a": "x" * 20_000}}, "metadata"),
]


async def test_a_wrong_field_is_named(owner):
    for wrong, field in WRONG:
        answer = await owner.post(PATH, {"success_rate": 1, **wrong})
        assert (answer.status, list(answer.json["details"])) == (400, [field]), (wrong, answer.text)


async def test_a_measure_is_changed_and_deleted_by_if_match(owner):
    path = f"{PATH}{(await owner.made(PATH, {'success_rate': 50, 'queue_lengths': {'a': 1}}))['id']}/"
    changed = await owner.patch(path, {"cpu_usage": "12.34", "queue_lengths": None}, headers={"If-Match": '"1"'})
    assert (changed.json["cpu_usage"], changed.json["queue_lengths"], changed.json["success_rate"]) == (12.34, {}, 50)
    assert (await owner.put(path, {"success_rate": 1}, headers={"If-Match": '"1"'})).status == 412
    assert (await owner.put(path, {})).status == 400
    assert (await owner.put(path, {"success_rate": 1})).json["cpu_usage"] == 12.34
    assert (await owner.delete(path, headers={"If-Match": '"2"'})).status == 412
    assert (await owner.delete(path)).status == 204
    assert (await owner.get(path)).status == 404


async def test_members_see_and_write_only_their_own_and_administrators_all(owner, open_books):
    other, admin = await open_books(), await open_books("ADMIN")
    made, of_server = await owner.made(PATH, {"success_rate": 1}), await admin.made(PATH, {"success_rate": 2})
    path = f"{PATH}{made['id']}/"
    for answer in (
        await other.get(path),
        await other.patch(path, {"success_rate": 2}),
        await other.put(path, {"success_rate": 2}),
        await other.delete(path),
        await owner.get(f"{PATH}{of_server['id']}/"),
    ):
        assert answer.status == 404
    assert (await other.get(PATH)).json["results"] == []
    assert [one["id"] for one in (await owner.get(PATH)).json["results"]] == [made["id"]]
    seen = [one["id"] for one in (await admin.get(f"{PATH}?page_size=100")).json["results"]]
    assert {made["id"], of_server["id"]} <= set(seen) and seen == sorted(seen, reverse=True)


@pytest.mark.parametrize("column", ["recorded_at", "success_rate", "active_workers"])
async def test_an_order_is_the_same_by_pages_and_by_cursor(owner, column):
    for n in range(4):
        await owner.made(PATH, {"success_rate": [50, 33.33, 50, 100][n], "active_workers": n % 2})
    for sign in ("", "-"):
        rows = (await owner.get(f"{PATH}?ordering={sign}{column}")).json["results"]
        keys = [(row[column], row["id"]) for row in rows]
        assert keys == sorted(keys, reverse=sign == "-")
        walked, path = [], f"{PATH}?ordering={sign}{column}&page_size=1&cursor="
        while path:
            page = (await owner.get(path)).json
            walked += page["results"]
            path = page["next"]
        assert walked == rows

"""The deliveries of a webhook: what was sent and what came back, tests, and sending again."""

import asyncio
import json

import pytest
from aiohttp import web

from handlers.webhooks import sender
from handlers.webhooks.delivery import deliveries, query
from tests.support.deadlines import until
from tests.support.receiver import accept, answer_of

pytestmark = pytest.mark.gen_test
PATH = "/api/webhooks/"


async def test_a_test_is_sent_and_its_result_is_in_the_deliveries(owner, hook, receiver, delivered, db):
    made = await hook(["books.client.created"])
    answer = await owner.post(f"{PATH}{made['id']}/test/")
    assert (answer.status, answer.json["topic"], answer.json["status"], answer.json["attempts"]) == (
        202,
        "webhook.test",
        "pending",
        0,
    )
    await delivered(made, 1)
    (received,) = receiver.received
    assert received.is_signed_by(made["secret"]) and received.id == answer.json["message_id"]
    assert received.json["type"] == "webhook.test" and received.json["data"]["webhook"] == made["id"]
    whole = (await owner.get(f"{PATH}{made['id']}/deliveries/{answer.json['id']}/")).json
    assert whole["body"].encode() == received.body
    assert (whole["status"], whole["response_status"], whole["error"], whole["next_attempt_at"]) == (
        "delivered",
        204,
        None,
        None,
    )
    (tried,) = whole["attempt_log"]
    assert (tried["number"], tried["response_status"], tried["duration_ms"] >= 0) == (1, 204, True)
    await owner.patch(f"{PATH}{made['id']}/", {"is_active": False})
    assert (await owner.post(f"{PATH}{made['id']}/test/")).status == 409
    assert (await owner.post(f"{PATH}{made['id']}/deliveries/{whole['id']}/replay/")).status == 409
    assert (await owner.post(f"{PATH}{made['id']}/replay/", {"since": "2020-01-01"})).status == 409


async def test_a_repeated_test_is_sent_once(owner, hook, delivered):
    made = await hook()
    answers = [await owner.post(f"{PATH}{made['id']}/test/", headers={"Idempotency-Key": "t"}) for _ in range(2)]
    assert answers[0].json == answers[1].json
    assert len(await delivered(made, 1)) == 1


async def test_the_list_shows_the_newest_first_with_filters_pages_and_cursors(owner, hook, receiver, delivered):
    made = await hook(["books.*"])
    await owner.client()
    await delivered(made, 1)
    receiver.answering = answer_of(404)
    for _ in range(2):
        await owner.expense()
    await delivered(made, 3)
    path = f"{PATH}{made['id']}/deliveries/"
    whole = (await owner.get(path)).json
    assert whole["count"] == 3
    ids = [one["id"] for one in whole["results"]]
    assert ids == sorted(ids, reverse=True)
    assert [one["topic"] for one in whole["results"]] == ["books.expense.created"] * 2 + ["books.client.created"]
    dead = (await owner.get(f"{path}?status=dead")).json
    assert ([one["id"] for one in dead["results"]], dead["count"]) == (ids[:2], 2)
    assert dead["results"][0]["error"] and dead["results"][0]["response_status"] == 404
    assert [one["id"] for one in (await owner.get(f"{path}?topic=books.client.created")).json["results"]] == ids[2:]
    assert (await owner.get(f"{path}?topic=books.client.created&status=dead")).json["results"] == []
    assert (await owner.get(f"{path}?status=other")).status == 400
    assert (await owner.get(f"{path}?page=9")).status == 404
    first = (await owner.get(f"{path}?cursor=&page_size=2&status=dead")).json
    assert ([one["id"] for one in first["results"]], first["next"]) == (ids[:2], None)
    first = (await owner.get(f"{path}?cursor=&page_size=2")).json
    rest = (await owner.get(first["next"].replace(owner.api.base_url, ""))).json
    assert [one["id"] for one in first["results"] + rest["results"]] == ids


async def test_a_replay_has_the_same_id_and_body_and_a_new_signature(owner, hook, receiver, delivered, until_replayed):
    made = await hook(["books.client.created"])
    await owner.client()
    (row,) = await delivered(made, 1)
    answer = await owner.post(f"{PATH}{made['id']}/deliveries/{row['id']}/replay/")
    assert (answer.status, answer.json["status"], answer.json["attempts"]) == (202, "pending", 1)
    first, second = await receiver.wait_for(2)
    assert (first.id, first.body) == (second.id, second.body)
    assert first.is_signed_by(made["secret"]) and second.is_signed_by(made["secret"])
    whole = await until_replayed(made, row["id"], 2)
    assert [one["number"] for one in whole["attempt_log"]] == [1, 2]


@pytest.fixture
def until_replayed(owner):
    """`await until_replayed(hook, delivery, attempts)`: the whole delivery, once it is finished after so many attempts."""

    async def until_replayed(hook, id, attempts):
        async def look():
            return (await owner.get(f"{PATH}{hook['id']}/deliveries/{id}/")).json

        return await until(look, lambda found: found["status"] != "pending" and found["attempts"] == attempts)

    return until_replayed


async def test_all_that_is_dead_since_a_moment_is_sent_again_in_order(owner, hook, receiver, delivered, db):
    made = await hook(["books.client.created", "books.expense.created"])
    receiver.answering = answer_of(400)
    clients = [(await owner.client())["id"] for _ in range(3)]
    await owner.expense()
    rows = await delivered(made, 4)
    await db.execute("UPDATE webhooks.delivery SET created_at = now() - interval '2 days' WHERE id = $1", rows[0]["id"])
    receiver.answering = accept
    receiver.received.clear()
    path = f"{PATH}{made['id']}/replay/"
    since = (await db.fetchval("SELECT now() - interval '1 day'")).isoformat()
    answer = await owner.post(path, {"since": since, "topic": "books.client.created"})
    assert (answer.status, answer.json) == (202, {"queued": 2})
    await receiver.wait_for(2)
    assert [received.json["data"]["id"] for received in receiver.received] == clients[1:]
    await until(
        lambda: db.fetchval(
            "SELECT count(*) FROM webhooks.delivery WHERE webhook_id = $1 AND status = 'dead'", made["id"]
        ),
        lambda n: n == 2,
    )
    assert (await owner.post(path, {"since": "2020-01-01T00:00:00Z"})).json == {"queued": 2}
    await receiver.wait_for(4)
    for body in (
        {},
        {"since": "yesterday"},
        {"since": 7},
        {"since": "x" * 41},
        {"since": "2020-01-01\0"},
        {"since": "0001-01-01T00:00:00+14:00"},
    ):
        assert (await owner.post(path, body)).status == 400, body


async def test_a_delivery_that_waits_for_its_next_attempt_is_tried_at_once(owner, hook, receiver, tried, delivered):
    made = await hook(["books.client.created"])
    receiver.answering = answer_of(500)
    await owner.client()
    row = await tried(made, 1)
    receiver.answering = accept
    answer = await owner.post(f"{PATH}{made['id']}/deliveries/{row['id']}/replay/")
    assert answer.status == 202
    assert [one["attempts"] for one in await delivered(made, 1)] == [2]


async def test_answers_are_kept_in_part_whatever_they_are(owner, hook, receiver, delivered):
    made = await hook(["books.client.created"])

    async def answer(received):
        return web.Response(status=400, body=b"\0\xff" + "ä".encode() * 100_000)

    receiver.answering = answer
    await owner.client()
    (row,) = await delivered(made, 1)
    assert row["response_body"] == "��" + "ä" * 998


async def test_old_deliveries_are_removed_with_what_belongs_to_them(owner, hook, delivered, db, app):
    made = await hook(["books.client.created"])
    for _ in range(2):
        await owner.client()
    rows = await delivered(made, 2)
    await db.execute(
        "UPDATE webhooks.message SET created_at = now() - interval '31 days' WHERE id = $1", rows[0]["message_id"]
    )
    await sender.purge(app)
    assert [row["id"] for row in await delivered(made, 1)] == [rows[1]["id"]]
    assert await db.fetchval("SELECT count(*) FROM webhooks.attempt WHERE delivery_id = $1", rows[0]["id"]) == 0
    assert (await owner.get(f"{PATH}{made['id']}/deliveries/{rows[0]['id']}/")).status == 404


async def test_a_list_reads_a_page_however_many_deliveries_there_are(owner, hook, db):
    """By EXPLAIN, with the plan for all values that the server uses."""
    made = await hook(["books.client.created"], is_active=False)
    await db.execute(
        "INSERT INTO webhooks.message (topic, body) SELECT 'books.client.created', '{}' FROM generate_series(1, 9000)"
    )
    await db.execute(
        """INSERT INTO webhooks.delivery (webhook_id, message_id, topic, status, next_attempt_at)
           SELECT $1, m.id, CASE m.id % 3 WHEN 0 THEN 'books.client.created' ELSE 'books.client.deleted' END,
                  CASE WHEN m.id % 100 = 0 THEN 'dead' ELSE 'delivered' END, NULL
             FROM webhooks.message m WHERE m.body = '{}'""",
        made["id"],
    )
    await db.execute("ANALYZE webhooks.delivery, webhooks.message, webhooks.webhook")
    await db.execute("SET plan_cache_mode = force_generic_plan")
    for filters in (
        {},
        {"status": "dead"},
        {"topic": "books.client.created"},
        {"topic": "books.client.created", "status": "dead"},
    ):
        read = deliveries.walk.where(of_webhook=made["id"], **filters)
        values = [None, owner.id, 20, *read.values]
        await db.execute("DEALLOCATE ALL")
        plan = json.loads(await db.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {read.query.text}", *values))[0][
            "Plan"
        ]
        assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 200, (filters, plan)
    await db.execute("RESET plan_cache_mode")


async def test_a_replay_of_what_is_dead_reads_no_older_ones(owner, hook, db):
    """By EXPLAIN, with the plan for all values that the server uses."""
    made = await hook(["books.client.created"])
    await db.execute(
        "INSERT INTO webhooks.message (topic, body) SELECT 'books.client.created', '[]' FROM generate_series(1, 9000)"
    )
    await db.execute(
        """INSERT INTO webhooks.delivery (webhook_id, message_id, topic, status, next_attempt_at, created_at)
           SELECT $1, m.id, 'books.client.created', 'dead', NULL, now() - interval '10 days' + m.place * interval '1 minute'
             FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM webhooks.message WHERE body = '[]') m""",
        made["id"],
    )
    await db.execute("ANALYZE webhooks.delivery, webhooks.message, webhooks.webhook")
    since = (await db.fetchval("SELECT now() - interval '10 days' + interval '8995 minutes'")).isoformat()
    await db.execute("SET plan_cache_mode = force_generic_plan")
    for topic in (None, "books.client.created"):
        transaction = db.transaction()
        await transaction.start()
        text = query.replay_dead.text
        plan = await db.fetchval(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {text}", owner.id, made["id"], since, topic, 1000, "{}"
        )
        read = [
            node
            for node in nodes(json.loads(plan)[0]["Plan"])
            if node.get("Relation Name") == "delivery" and node["Actual Loops"]
        ]
        assert [(node["Actual Rows"], node.get("Rows Removed by Filter", 0)) for node in read] == [(5, 0)], (
            topic,
            plan,
        )
        await transaction.rollback()
    await db.execute("RESET plan_cache_mode")


def nodes(plan):
    """A node of a plan and all below it."""
    return [plan, *(one for part in plan.get("Plans", ()) for one in nodes(part))]


async def test_many_replays_of_one_delivery_at_once_queue_it_once(owner, hook, receiver, delivered, until_replayed):
    made = await hook(["books.client.created"])
    await owner.client()
    (row,) = await delivered(made, 1)
    released = asyncio.Event()

    async def hold(received):
        await released.wait()
        return 200

    receiver.answering = hold
    answers = await asyncio.gather(
        *(owner.post(f"{PATH}{made['id']}/deliveries/{row['id']}/replay/") for _ in range(8))
    )
    assert {answer.status for answer in answers} == {202}
    released.set()
    await until_replayed(made, row["id"], 2)
    assert len(receiver.received) == 2

"""What comes of an attempt that fails: another one later, or none."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web

from handlers.webhooks import attempt
from handlers.webhooks.sender import Sender
from tests.support.deadlines import until
from tests.support.receiver import Receiver, accept, answer_of, for_ever

pytestmark = pytest.mark.gen_test
PATH = "/api/webhooks/"


async def by_path(received):
    """Answers with the status that the path names."""
    return web.Response(status=int(received.path[1:]), text="no", headers={"Location": "/200"})


async def test_what_may_pass_is_tried_again_later(owner, hook, receiver, db, tried, retry):
    receiver.answering = by_path
    statuses = (500, 502, 503, 504, 429)
    made = [await hook(["books.client.created"], url=f"{receiver.url}/{status}") for status in statuses]
    await owner.client()
    for one, status in zip(made, statuses, strict=True):
        row = await tried(one, 1)
        assert (row["status"], row["response_status"], row["response_body"]) == ("pending", status, "no")
        assert timedelta(seconds=3) < row["next_attempt_at"] - row["at"] < timedelta(seconds=10)
    # After many attempts the delay is an hour, give or take a fifth.
    await db.execute("UPDATE webhooks.delivery SET tries = 11 WHERE id = $1", row["id"])
    await retry(row)
    row = await tried(made[-1], 2)
    assert timedelta(minutes=47) < row["next_attempt_at"] - row["at"] < timedelta(minutes=73)
    assert len({received.id for received in receiver.received}) == 1


async def test_what_will_not_pass_is_dead_at_once_and_the_next_one_is_sent(owner, hook, receiver, delivered):
    receiver.answering = by_path
    statuses = (301, 302, 307, 400, 401, 404, 422)
    made = [await hook(["books.client.created"], url=f"{receiver.url}/{status}") for status in statuses]
    for _ in range(2):
        await owner.client()
    for one, status in zip(made, statuses, strict=True):
        rows = await delivered(one, 2)
        assert [(row["status"], row["response_status"], row["attempts"]) for row in rows] == [("dead", status, 1)] * 2
        assert str(status) in rows[0]["error"] and rows[0]["response_body"] == "no"
    assert "/200" not in {received.path for received in receiver.received}


async def test_a_receiver_that_is_gone_gets_nothing_more(owner, hook, receiver, until_off, db):
    made = await hook(["books.*"])
    receiver.answering = answer_of(410)
    await owner.client()
    shown = await until_off(made)
    assert (shown["disabled_reason"], bool(shown["disabled_at"])) == ("gone", True)
    await owner.client()
    assert len(receiver.received) == 1
    # Switched on again it begins anew.
    receiver.answering = accept
    shown = (await owner.patch(f"{PATH}{made['id']}/", {"is_active": True})).json
    assert (shown["is_active"], shown["disabled_reason"], shown["failing_since"]) == (True, None, None)
    await owner.client()
    await receiver.wait_for(2)


async def test_retry_after_is_heeded_up_to_a_day(owner, hook, receiver, db, tried, retry):
    asked = iter(
        ["600", "999999999", format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True), "nonsense", "-5"]
    )

    async def answer(received):
        return web.Response(status=429, headers={"Retry-After": next(asked)})

    receiver.answering = answer
    made = await hook(["books.client.created"])
    await owner.client()
    for number, (least, most) in enumerate([(599, 620), (86_300, 86_500), (7_000, 7_300), (30, 60), (60, 120)], 1):
        row = await tried(made, number)
        wait = (row["next_attempt_at"] - row["at"]).total_seconds()
        assert least <= wait <= most, (number, wait)
        await retry(row)


async def test_a_delivery_is_dead_after_three_days_and_its_webhook_off_after_three_days_of_failures(
    owner, hook, receiver, db, delivered, until_off, tried, retry
):
    made = await hook(["books.client.created"])
    receiver.answering = answer_of(500)
    await owner.client()
    row = await tried(made, 1)
    assert (await owner.get(f"{PATH}{made['id']}/")).json["failing_since"]
    await db.execute("UPDATE webhooks.delivery SET expires_at = now() WHERE id = $1", row["id"])
    await retry(row)
    (dead,) = await delivered(made, 1)
    assert (dead["status"], dead["attempts"], dead["next_attempt_at"]) == ("dead", 2, None)
    assert (await owner.get(f"{PATH}{made['id']}/")).json["is_active"]
    await db.execute(
        "UPDATE webhooks.webhook SET failing_since = now() - interval '73 hours' WHERE id = $1", made["id"]
    )
    await owner.client()
    assert (await until_off(made))["disabled_reason"] == "failing"


async def test_one_success_ends_the_failing(owner, hook, receiver, db, tried, retry):
    made = await hook(["books.client.created"])
    receiver.answering = answer_of(500)
    await owner.client()
    row = await tried(made, 1)
    receiver.answering = accept
    await retry(row)
    await tried(made, 2)
    assert (await owner.get(f"{PATH}{made['id']}/")).json["failing_since"] is None


async def test_connections_that_fail_and_answers_that_do_not_come_are_tried_again(owner, hook, app, db, tried):
    app.kept(Sender).client._whole_seconds = 0.3
    async with Receiver(for_ever) as silent:
        timed_out = await hook(["books.client.created"], url=f"{silent.url}/in")
        refused = await hook(["books.client.created"], url="http://127.0.0.1:9999/in")
        await owner.client()
        for made, says in ((timed_out, "in time"), (refused, "no connection")):
            row = await tried(made, 1)
            assert (row["status"], row["response_status"]) == ("pending", None)
            assert says in row["error"]


async def test_an_inactive_webhook_gets_nothing_and_goes_on_with_what_waited_when_it_is_active_again(
    owner, hook, receiver, db, delivered, tried, retry, fed
):
    made = await hook(["books.client.created"])
    receiver.answering = answer_of(500)
    await owner.client()
    row = await tried(made, 1)
    await owner.patch(f"{PATH}{made['id']}/", {"is_active": False})
    receiver.answering = accept
    await owner.client()
    await fed()
    await retry(row)
    await until(lambda: db.fetchval("SELECT due_at IS NULL FROM webhooks.lane WHERE webhook_id = $1", made["id"]))
    assert len(receiver.received) == 1
    await owner.patch(f"{PATH}{made['id']}/", {"is_active": True})
    rows = await delivered(made, 1)
    assert [(one["id"], one["status"]) for one in rows] == [(row["id"], "delivered")]


async def test_an_answer_whose_body_does_not_end_counts_by_its_status(owner, hook, receiver, app, delivered):
    app.kept(Sender).client._whole_seconds = 0.3

    async def stall(received):
        response = web.StreamResponse(status=int(received.path[1:]))
        await response.prepare(received.request)
        await response.write(b"so far")
        return await for_ever(received)

    receiver.answering = stall
    made = [await hook(["books.client.created"], url=f"{receiver.url}/{status}") for status in (200, 400)]
    await owner.client()
    for one, status in zip(made, ("delivered", "dead"), strict=True):
        (row,) = await delivered(one, 1)
        assert (row["status"], row["response_body"]) == (status, "so far")


async def test_a_lane_whose_outcome_postgres_does_not_take_is_taken_again(
    owner, hook, receiver, app, db, monkeypatch, delivered
):
    made = await hook(["books.client.created"])
    whole = attempt._text
    monkeypatch.setattr(attempt, "_text", lambda body: "\0")
    await owner.client()
    await receiver.wait_for(1)
    await until(lambda: not app.kept(Sender)._lanes)
    monkeypatch.setattr(attempt, "_text", whole)
    await db.execute("UPDATE webhooks.lane SET due_at = now()")
    await delivered(made, 1)
    assert len({received.id for received in receiver.received}) == 1

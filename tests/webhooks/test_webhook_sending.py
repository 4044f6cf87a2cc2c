"""What receivers get: signed, in order, again when they were away or a process was killed."""

import asyncio
import signal
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from handlers.webhooks import attempt
from handlers.webhooks.sender import Sender
from tests.support.deadlines import until
from tests.support.program import Server
from tests.support.receiver import Receiver, accept, answer_of, for_ever

pytestmark = pytest.mark.gen_test


async def test_a_change_of_the_books_arrives_signed_with_its_document(owner, hook, receiver):
    made = await hook(["books.client.created"])
    client = await owner.client(name="Ada Ltd")
    (received,) = await receiver.wait_for(1)
    assert received.is_signed_by(made["secret"])
    assert (received.path, received.headers["Content-Type"]) == ("/in", "application/json")
    assert received.headers["User-Agent"].startswith("Tradepost-Webhooks/")
    assert received.json == {"type": "books.client.created", "timestamp": received.json["timestamp"], "data": client}
    assert datetime.now(UTC) - datetime.fromisoformat(received.json["timestamp"]) < timedelta(minutes=5)


async def test_another_body_or_secret_does_not_verify(owner, hook, receiver):
    made, other = await hook(["books.client.created"]), await hook(["books.quote.created"])
    await owner.client()
    (received,) = await receiver.wait_for(1)
    assert not received.is_signed_by(other["secret"])
    assert not received._replace(body=received.body + b" ").is_signed_by(made["secret"])


async def test_a_receiver_that_was_away_for_an_hour_gets_everything_in_the_order_of_each_topic(
    owner, hook, receiver, db, delivered
):
    made = await hook(["books.client.created", "books.client.deleted"])
    receiver.answering = answer_of(503)
    clients = [await owner.client(name=f"Client {n}") for n in range(5)]
    for client in clients[:3]:
        await owner.delete(f"/api/clients/{client['id']}/")
    tried = "SELECT count(*) FROM webhooks.delivery WHERE webhook_id = $1 AND attempts > 0 AND status = 'pending'"
    assert await until(lambda: db.fetchval(tried, made["id"]), lambda found: found == 2) == 2
    first = {received.id for received in receiver.received}
    # Only the heads of the two lanes are tried while they fail.
    assert len(first) == 2
    receiver.answering = accept
    receiver.received.clear()
    waiting = await db.fetch("SELECT * FROM webhooks.delivery WHERE webhook_id = $1", made["id"])
    assert len(waiting) == 8 and all(row["status"] == "pending" for row in waiting)
    await db.execute(
        """WITH head AS (UPDATE webhooks.delivery SET next_attempt_at = next_attempt_at - interval '1 hour', created_at = created_at - interval '1 hour',
                                expires_at = expires_at - interval '1 hour' WHERE webhook_id = $1)
           UPDATE webhooks.lane SET due_at = due_at - interval '1 hour' WHERE webhook_id = $1 AND owner IS NULL""",
        made["id"],
    )
    await delivered(made, 8)
    by_topic = defaultdict(list)
    for received in receiver.received:
        assert received.is_signed_by(made["secret"])
        by_topic[received.json["type"]].append(received.json["data"]["id"])
    assert by_topic == {
        "books.client.created": [client["id"] for client in clients],
        "books.client.deleted": [client["id"] for client in clients[:3]],
    }
    assert first <= {received.id for received in receiver.received}


async def test_a_lane_sends_one_delivery_at_a_time_and_another_lane_does_not_wait_for_it(owner, hook, receiver):
    await hook(["books.client.created", "books.expense.created"])
    released = asyncio.Event()

    async def hold(received):
        if received.json["type"] == "books.client.created":
            await released.wait()
        return 200

    receiver.answering = hold
    for _ in range(3):
        await owner.client()
    for _ in range(2):
        await owner.expense()
    await receiver.wait_for(3)
    assert (
        sorted(received.json["type"] for received in receiver.received)
        == ["books.client.created"] + ["books.expense.created"] * 2
    )
    released.set()
    await receiver.wait_for(5)


async def test_a_slow_receiver_holds_no_other_up(owner, hook, receiver):
    async with Receiver(for_ever) as slow:
        for _ in range(3):
            await hook(["*"], url=f"{slow.url}/in")
        await hook(["*"])
        for _ in range(5):
            await owner.client()
        began = time.monotonic()
        await receiver.wait_for(5)
        # None of them has timed out meanwhile, so they were under way all the time.
        assert len(slow.received) <= 3 or time.monotonic() - began > 5


async def test_a_process_that_is_killed_while_it_sends_loses_nothing(
    owner, hook, receiver, db, app, settings, tmp_path, delivered
):
    """The receiver may have had it, so it gets it again under the same id; what came before and after comes once."""
    made = await hook(["books.client.created"])
    await owner.client()
    await delivered(made, 1)
    app.draining = True
    receiver.answering = for_ever
    ground = SimpleNamespace(postgres=SimpleNamespace(dsn=settings.database_url), redis=None)
    program = Server(ground, tmp_path / "server.log", "--no-jobs", WEBHOOK_ALLOW_PRIVATE="true").start()
    try:
        for _ in range(2):
            await owner.client()
        await receiver.wait_for(2)
    finally:
        program.process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(program.process.wait)
    receiver.answering = accept
    app.draining = False
    # The end of the lease is not waited for.
    await db.execute("UPDATE webhooks.lane SET due_at = now()")
    rows = await delivered(made, 3)
    assert [row["status"] for row in rows] == ["delivered"] * 3
    first, cut, again, last = [received.id for received in receiver.received]
    assert cut == again and len({first, cut, last}) == 3


async def test_a_process_that_has_lost_its_lane_can_not_note_anything(owner, hook, receiver, db, app, delivered):
    made = await hook(["books.client.created"])
    released = asyncio.Event()

    async def hold(received):
        await released.wait()
        return 200

    receiver.answering = hold
    await owner.client()
    await receiver.wait_for(1)
    await db.execute("UPDATE webhooks.lane SET owner = gen_random_uuid(), due_at = now() + interval '1 hour'")
    released.set()
    await until(lambda: not app.kept(Sender)._lanes)
    assert await db.fetchval("SELECT status FROM webhooks.delivery WHERE webhook_id = $1", made["id"]) == "pending"
    await db.execute("UPDATE webhooks.lane SET due_at = now()")
    await delivered(made, 1)
    assert len({received.id for received in receiver.received}) == 1


async def test_a_lane_that_a_process_took_and_does_not_work_is_taken_again(owner, hook, receiver, db, app, delivered):
    """As after a connection that broke before the answer of take_lanes came, while the process works other lanes."""
    made = await hook(["books.client.created", "books.expense.created"])
    released = asyncio.Event()

    async def hold(received):
        await released.wait()
        return 200

    receiver.answering = hold
    await owner.client()
    await receiver.wait_for(1)
    sender = app.kept(Sender)
    lost = "books.expense.created"
    await db.execute(
        "INSERT INTO webhooks.lane (webhook_id, topic, due_at, owner) VALUES ($1, $2, now() + interval '1 hour', $3)",
        made["id"],
        lost,
        sender.id,
    )
    await owner.expense()
    lanes = "SELECT topic, due_at FROM webhooks.lane WHERE webhook_id = $1"
    before = dict(await db.fetch(lanes, made["id"]))
    await sender.renew()
    after = dict(await db.fetch(lanes, made["id"]))
    assert after["books.client.created"] > before["books.client.created"] and after[lost] == before[lost]
    # The end of the lease is not waited for.
    await db.execute("UPDATE webhooks.lane SET due_at = now() WHERE topic = $1", lost)
    await receiver.wait_for(2)
    released.set()
    await delivered(made, 2)


async def test_a_slow_lane_goes_to_the_places_of_slow_ones(owner, hook, receiver, db, monkeypatch):
    monkeypatch.setattr(attempt, "SLOW_SECONDS", 0.0)
    made = await hook(["books.client.created"])
    await owner.client()
    assert await until(
        lambda: db.fetchval("SELECT is_slow FROM webhooks.lane WHERE webhook_id = $1 AND owner IS NULL", made["id"])
    )
    monkeypatch.undo()
    await owner.client()
    await receiver.wait_for(2)
    assert not await until(
        lambda: db.fetchval("SELECT is_slow FROM webhooks.lane WHERE webhook_id = $1 AND owner IS NULL", made["id"]),
        lambda found: found is False,
    )

"""What writes webhooks, lanes and deliveries takes their locks in one order, however many do so at once."""

import asyncio
import json
import uuid

import asyncpg
import pytest

from handlers.webhooks import delivery, sender
from handlers.webhooks.areas import AREAS
from handlers.webhooks.places import Places
from tests.support.deadlines import until
from tests.support.deadlocks import deadlocks

__all__ = ["deadlocks"]
pytestmark = pytest.mark.gen_test
PATH = "/api/webhooks/"
OUTCOME = {"is_slow": False, "go_on": False, "started_at": "2026-01-01T00:00:00Z", "duration_ms": 1}
TOPICS = [f"books.client.{step}" for step in ("created", "deleted", "updated")]


async def made(db, owner, count):
    """The ids of new webhooks of an owner, each with a lane and a delivery of each topic."""
    ids = [
        row["id"]
        for row in await db.fetch(
            """INSERT INTO webhooks.webhook (account_id, url, description, topics, is_active, salt, key_check)
               SELECT $1, 'https://hooks.example.com/', '', '{books.client.*}', true, '', '' FROM generate_series(1, $2) RETURNING id""",
            owner.id,
            count,
        )
    ]
    await tell(db, owner)
    return ids


async def tell(db, owner):
    """Events of each topic in the log, with a position."""
    await db.execute(
        """INSERT INTO core.event (topic, payload, tags)
           SELECT 'books.changed', json_build_object('type', t, 'owner_id', $1::bigint, 'data', '{}'::json)::text, '{}' FROM unnest($2::text[]) t""",
        owner.id,
        TOPICS,
    )


def places(size):
    """As a process says them that has taken no lanes."""
    return json.dumps({"quick": Places(4 * size).held() | {"free": size}, "slow": Places(size).held()})


async def waiting(db, count):
    """As soon as so many statements wait for a lock."""
    statement = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    await until(lambda: db.fetchval(statement), lambda found: found >= count)


async def test_a_deletion_lets_what_sends_and_a_change_end_and_they_let_it_end(owner, app, db, settings, deadlocks):
    app.draining = True
    (id,) = await made(db, owner, 1)
    await app.events.relay()
    await until(lambda: db.fetchval("SELECT count(*) = 3 FROM webhooks.delivery"))
    process, held = uuid.uuid4(), await asyncpg.connect(settings.database_url)
    (turn, *_) = await held.fetch(sender.query.take_lanes.text, process, places(1), 60.0, AREAS)
    holding = held.transaction()
    await holding.start()
    # The last one that a deletion comes to: it has all before.
    await held.execute("SELECT FROM webhooks.delivery ORDER BY id DESC LIMIT 1 FOR UPDATE")
    deletion = asyncio.create_task(owner.delete(f"{PATH}{id}/"))
    await waiting(db, 1)
    change = asyncio.create_task(owner.patch(f"{PATH}{id}/", {"is_active": False, "description": "x"}))
    await waiting(db, 2)
    sending = await asyncpg.connect(settings.database_url)
    outcome = {
        **{name: turn[name] for name in ("webhook_id", "topic", "delivery_id", "attempts")},
        "result": "failed",
        **OUTCOME,
    }
    note = asyncio.create_task(sending.fetch(sender.query.note_outcomes.text, process, json.dumps([outcome]), AREAS))
    await waiting(db, 3)
    await holding.rollback()
    assert ((await deletion).status, (await change).status, await note) == (204, 404, [])
    assert deadlocks == []
    await sending.close()
    await held.close()


async def test_deletions_feeds_outcomes_replays_and_changes_never_wait_for_each_other_in_a_circle(
    owner, open_books, app, db, settings, deadlocks
):
    app.draining = True
    whose = [owner, await open_books()]
    pool = await asyncpg.create_pool(settings.database_url, min_size=6, max_size=6)
    failed = []

    async def repeat(work):
        while not ended.is_set():
            try:
                async with asyncio.timeout(30):
                    await work()
            except (asyncpg.PostgresError, TimeoutError) as error:
                failed.append(error)
                return

    async def feed():
        async with pool.acquire() as connection:
            await connection.fetch(sender.query.feed.text, 500, AREAS)

    async def send():
        """Take all lanes that are due, and note that half of their receivers fail."""
        async with pool.acquire() as connection:
            process = uuid.uuid4()
            turns = await connection.fetch(sender.query.take_lanes.text, process, places(200), 20.0, AREAS)
            outcomes = [
                {**{name: turn[name] for name in ("webhook_id", "topic", "delivery_id", "attempts")}, "result": result, **OUTCOME}
                for turn, result in zip(turns, ["dead", "delivered", "failed"] * len(turns), strict=False)
            ]  # fmt: skip
            await connection.fetch(sender.query.note_outcomes.text, process, json.dumps(outcomes[::-1]), AREAS)

    async def change():
        for one in whose:
            found = (await one.get(f"{PATH}?is_active=true")).json["results"]
            for hook in found[:2]:
                await one.patch(f"{PATH}{hook['id']}/", {"is_active": False})
                await one.patch(f"{PATH}{hook['id']}/", {"is_active": True})
                await one.post(f"{PATH}{hook['id']}/replay/", {"since": "2020-01-01"})
                await one.post(f"{PATH}{hook['id']}/test/")

    async def purge():
        await db_purge.execute("UPDATE webhooks.message SET created_at = now() - interval '31 days' WHERE id % 3 = 0")
        await db_purge.fetch(delivery.query.purge.text, 30, 50)

    ended = asyncio.Event()
    async with pool.acquire() as db_purge:
        others = [asyncio.create_task(repeat(work)) for work in (feed, feed, send, send, change, purge)]
        for _ in range(3):
            ids = {one: await made(db, one, 4) for one in whose}
            await app.events.relay()
            await asyncio.sleep(0.05)
            answers = await asyncio.gather(*(one.delete(f"{PATH}{id}/") for one in whose for id in ids[one]))
            assert {answer.status for answer in answers} == {204}
        ended.set()
        await asyncio.gather(*others)
    await pool.close()
    assert failed == [] and deadlocks == []
    assert await db.fetchval("SELECT count(*) FROM webhooks.delivery") == 0

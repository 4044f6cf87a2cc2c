"""Fixtures of the tests of webhooks."""

import asyncio

import pytest

from handlers.webhooks.sender import Sender
from tests.support.deadlines import until
from tests.support.owners import open_books, owner
from tests.support.receiver import Receiver

__all__ = ["open_books", "owner"]


@pytest.fixture
def changed_settings():
    """The receivers of tests are on this machine."""
    return {"webhook_allow_private": True}


@pytest.fixture
def receiver(io_loop):
    """A receiver that accepts everything, unless the test changes its `answering`."""
    found = Receiver()
    io_loop.run_sync(found.__aenter__)
    yield found
    io_loop.run_sync(found.__aexit__)


@pytest.fixture
def hook(owner, receiver):
    """`await hook(["books.*"])`: the document of a new webhook of the owner, with its secret, that leads to the receiver."""

    async def hook(topics=("*",), whose=None, **fields):
        body = {"url": f"{receiver.url}/in", "topics": list(topics), **fields}
        return await (whose or owner).made("/api/webhooks/", body)

    return hook


@pytest.fixture
def delivered(db):
    """`await delivered(hook, 3)`: the deliveries of a webhook, once so many are finished."""

    async def delivered(hook, count):
        statement = "SELECT * FROM webhooks.delivery WHERE webhook_id = $1 AND status <> 'pending' ORDER BY id"
        for _ in range(6000):
            found = await db.fetch(statement, hook["id"])
            if len(found) >= count:
                return found
            await asyncio.sleep(0.01)
        raise AssertionError(f"{len(found)} of {count} deliveries are finished")

    return delivered


@pytest.fixture
def until_off(owner):
    """`await until_off(hook)`: the document of a webhook, once the server has switched it off."""

    async def until_off(hook):
        async def look():
            return (await owner.get(f"/api/webhooks/{hook['id']}/")).json

        return await until(look, lambda found: not found["is_active"])

    return until_off


@pytest.fixture
def tried(db):
    """`await tried(hook, 2)`: the one delivery of a webhook after so many attempts, with the moment `at` of the last one."""
    statement = """SELECT d.*, a.started_at AS at FROM webhooks.delivery d JOIN webhooks.attempt a ON a.delivery_id = d.id AND a.number = d.attempts
                    WHERE d.webhook_id = $1 AND d.attempts = $2"""

    async def tried(hook, attempts):
        return await until(lambda: db.fetchrow(statement, hook["id"], attempts))

    return tried


@pytest.fixture
def retry(db, app):
    """`await retry(delivery)`: let the moment of its next attempt come."""

    async def retry(row):
        await db.execute("UPDATE webhooks.delivery SET next_attempt_at = now() WHERE id = $1", row["id"])
        await db.execute(
            "UPDATE webhooks.lane SET due_at = now() WHERE webhook_id = $1 AND owner IS NULL", row["webhook_id"]
        )
        app.kept(Sender).hint()

    return retry


@pytest.fixture
def fed(db):
    """`await fed()`: all events are fed."""
    statement = """SELECT r.position = h.position AND NOT EXISTS (SELECT FROM core.event WHERE position IS NULL)
                     FROM core.event_reader r CROSS JOIN core.event_head h WHERE r.name = 'webhooks'"""

    async def fed():
        await until(lambda: db.fetchval(statement))

    return fed

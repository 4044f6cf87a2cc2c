"""Fixtures of the tests of webhooks."""

import asyncio

import pytest

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

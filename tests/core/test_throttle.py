"""Counting failures within a window, in Redis and in the process."""

import asyncio
import itertools

import pytest
import redis.asyncio

from core.http import throttle
from core.http.throttle import Throttle
from core.live.fanout import connect
from tests.support.services import NO_REDIS

pytestmark = pytest.mark.gen_test
_numbers = itertools.count(1)


@pytest.fixture(params=["redis", "process", "redis away"])
def make(request, services, io_loop):
    """`make(limit, seconds)`: a throttle that counts there."""
    if request.param == "redis" and services.redis is None:
        pytest.skip(NO_REDIS)
    client = {
        "redis": lambda: connect(services.redis.url),
        "process": lambda: None,
        "redis away": lambda: connect("redis://127.0.0.1:1"),
    }[request.param]()
    yield lambda limit=3, seconds=60: Throttle(client, f"test-{next(_numbers)}:", limit, seconds)
    if client is not None:
        io_loop.run_sync(client.aclose)


async def test_tries_are_allowed_until_the_limit_and_then_for_the_window_refused(make):
    t = make(3, 60)
    for n in (1, 2, 3):
        assert await t.wait("key") == 0
        assert await t.fail("key") == n
    assert 58 <= await t.wait("key") <= 60


async def test_keys_do_not_share_their_failures(make):
    t = make(1)
    await t.fail("one")
    assert await t.wait("one") and not await t.wait("other")


async def test_clearing_forgets_the_failures(make):
    t = make(2)
    await t.fail("key")
    await t.fail("key")
    await t.clear("key")
    assert await t.wait("key") == 0 and await t.fail("key") == 1


async def test_a_failure_after_the_limit_does_not_prolong_the_window(make):
    t = make(1, 60)
    await t.fail("key")
    before = await t.wait("key")
    await asyncio.sleep(1.1)
    await t.fail("key")
    assert await t.wait("key") < before


async def test_nobody_is_told_to_come_back_in_0_seconds_and_after_the_window_the_count_begins_again(make):
    t = make(1, 1)
    await t.fail("key")
    while left := await t.wait("key"):
        assert left == 1
        await asyncio.sleep(0.05)
    assert await t.fail("key") == 1


async def test_failures_at_once_are_all_counted(make):
    t = make(5)
    assert sorted(await asyncio.gather(*(t.fail("key") for _ in range(20)))) == list(range(1, 21))


async def test_two_processes_share_their_count_through_redis(services):
    if services.redis is None:
        pytest.skip(NO_REDIS)
    clients = [connect(services.redis.url) for _ in range(2)]
    one, other = (Throttle(client, "test-shared:", 2, 60) for client in clients)
    await one.fail("key")
    assert await other.fail("key") == 2
    assert await one.wait("key") and await other.wait("key")
    assert 0 < await clients[0].ttl("test-shared:key") <= 60
    await other.clear("key")
    for client in clients:
        await client.aclose()


async def test_an_error_of_redis_is_counted_here(services):
    if services.redis is None:
        pytest.skip(NO_REDIS)
    client = redis.asyncio.from_url(services.redis.url)
    await client.set("test-wrong:key", "not a number")
    t = Throttle(client, "test-wrong:", 1, 60)
    assert await t.fail("key") == 1
    await client.aclose()


async def test_strangers_cannot_fill_the_memory(monkeypatch):
    monkeypatch.setattr(throttle, "MOST_KEYS", 50)
    t = Throttle(None, "", 1, 60)
    for n in range(500):
        await t.fail(f"key {n}")
        assert len(t._own) <= 100
    assert await t.wait("key 499")

"""Counting requests within a window, in Redis for all processes and in a process for itself."""

import asyncio
import itertools
import logging
import math
import time
from types import SimpleNamespace

import pytest

from core.embedded.home import open_home
from core.embedded.redis import start_redis
from core.http import rate_limit
from core.http.rate_limit import Allowance, RateLimits
from core.live.fanout import connect
from tests.support.deadlines import until
from tests.support.services import NO_REDIS

pytestmark = pytest.mark.gen_test
_numbers = itertools.count(1)
AWAY, BACK = (
    "redis is away, each process limits requests by its own count",
    "redis is back, all processes limit requests by one count",
)


@pytest.fixture
def clients(io_loop):
    """Clients of Redis, which are closed with the test."""
    found = []
    yield found
    for client in found:
        io_loop.run_sync(client.aclose)


def limits(client, prefix):
    return RateLimits(SimpleNamespace(redis=client, config=SimpleNamespace(redis_prefix=prefix)))


@pytest.fixture(params=["redis", "process", "redis away"])
def counting(request, services, clients):
    """One process's RateLimits, which count there."""
    if request.param == "redis" and services.redis is None:
        pytest.skip(NO_REDIS)
    if request.param != "process":
        clients.append(connect(services.redis.url if request.param == "redis" else "redis://127.0.0.1:1"))
    return limits(clients[0] if clients else None, f"test-limits-{next(_numbers)}:")


@pytest.fixture
def pair(services, clients):
    """Two processes with one Redis, and its prefix."""
    if services.redis is None:
        pytest.skip(NO_REDIS)
    clients += [connect(services.redis.url) for _ in range(2)]
    prefix = f"test-limits-{next(_numbers)}:"
    return [limits(client, prefix) for client in clients], prefix


def three(key="account:1", limit=3):
    return Allowance("authenticated", limit, key)


async def test_requests_are_within_the_limit_until_it_is_reached(counting):
    quotas = [await counting.count(three()) for _ in range(5)]
    assert [quota.is_within for quota in quotas] == [True, True, True, False, False]
    assert [quota.remaining for quota in quotas] == [2, 1, 0, 0, 0]
    assert (await counting.count(three("account:2"))).remaining == 2


async def test_the_end_of_the_window_is_an_hour_after_its_first_request_and_stays(counting):
    before = time.time()
    first = await counting.count(three())
    after = time.time()
    assert math.ceil(before + rate_limit.WINDOW - 1) <= first.resets_at <= math.ceil(after + rate_limit.WINDOW + 1)
    await asyncio.sleep(1.1)
    for _ in range(4):
        # The refused ones don't prolong it.
        later = await counting.count(three())
        assert abs(later.resets_at - first.resets_at) <= 1 and later.seconds < first.seconds
    assert 0 < later.seconds <= rate_limit.WINDOW


async def test_after_the_window_the_count_begins_again(counting, monkeypatch):
    monkeypatch.setattr(rate_limit, "WINDOW", 1)
    for _ in range(3):
        await counting.count(three())
    assert (await counting.count(three())).seconds == 1
    quota = await until(lambda: counting.count(three()), lambda quota: quota.is_within)
    assert quota.remaining == 2


async def test_looking_costs_nothing(counting):
    for _ in range(5):
        assert (await counting.count(three(), 0)).remaining == 3
    await counting.count(three())
    quota = await counting.count(three(), 0)
    assert (quota.is_within, quota.remaining) == (True, 2)


async def test_another_limit_of_the_same_caller_applies_to_what_is_counted(counting):
    for _ in range(3):
        await counting.count(three())
    raised = await counting.count(three(limit=5))
    assert (raised.is_within, raised.remaining) == (True, 1)
    lowered = await counting.count(three(limit=2))
    assert (lowered.is_within, lowered.remaining) == (False, 0)


async def test_requests_at_once_never_exceed_the_limit(counting):
    quotas = await asyncio.gather(*(counting.count(three(limit=70)) for _ in range(250)))
    assert sum(quota.is_within for quota in quotas) == 70
    assert sorted((quota.remaining for quota in quotas if quota.is_within), reverse=True) == list(range(69, -1, -1))


async def test_the_headers_are_those_of_the_document_and_of_the_draft(counting):
    quota = await counting.count(three())
    assert quota.headers() == {
        "RateLimit": f'"authenticated";r=2;t={quota.seconds}',
        "RateLimit-Policy": '"authenticated";q=3;w=3600',
        "X-RateLimit-Limit": "3",
        "X-RateLimit-Remaining": "2",
        "X-RateLimit-Reset": str(quota.resets_at),
    }
    assert quota.headers().keys() == rate_limit.HEADERS.keys()


async def test_two_processes_that_race_grant_exactly_the_limit(pair):
    (one, other), _ = pair
    racing = [process.count(three(limit=100)) for _ in range(100) for process in (one, other)]
    quotas = await asyncio.gather(*racing)
    assert sum(quota.is_within for quota in quotas) == 100
    assert {quota.remaining for quota in quotas} == set(range(100))


async def test_every_key_in_redis_expires_also_one_that_somebody_has_kept(pair, clients):
    (one, _), prefix = pair
    await asyncio.gather(*(one.count(three(f"address:{n}")) for n in range(150)))
    await one.count(three("looked at"), 0)
    keys = [key async for key in clients[0].scan_iter(f"{prefix}*", count=1000)]
    assert len(keys) == 150
    for key in keys:
        assert 0 < await clients[0].pttl(key) <= rate_limit.WINDOW * 1000
    await clients[0].persist(keys[0])
    await one.count(three(keys[0].decode().removeprefix(one._prefix)))
    assert 0 < await clients[0].pttl(keys[0]) <= rate_limit.WINDOW * 1000


async def test_requests_that_come_while_redis_answers_are_asked_for_together(pair, clients, monkeypatch):
    asked = []
    evaluate = clients[0].eval
    monkeypatch.setattr(clients[0], "eval", lambda script, n, *more: asked.append(n) or evaluate(script, n, *more))
    (one, _), _ = pair
    await asyncio.gather(*(one.count(three(limit=1000)) for _ in range(250)))
    assert sum(asked) == 250 and max(asked) == rate_limit.MOST_AT_ONCE and len(asked) == 3


async def test_an_error_of_redis_is_counted_here(pair, clients):
    (one, _), _ = pair
    await clients[0].set(f"{one._prefix}account:1", "not a number")
    assert [(await one.count(three())).is_within for _ in range(4)] == [True, True, True, False]


async def test_a_redis_that_ends_and_comes_back_is_logged_once_each(
    services, home_folder, clients, caplog, monkeypatch
):
    if services.redis is None:
        pytest.skip(NO_REDIS)
    monkeypatch.setattr(rate_limit, "AWAY_SECONDS", 0.05)
    caplog.set_level(logging.INFO)

    def lines():
        return [record.message for record in caplog.records if record.name.endswith("rate_limit")]

    home = open_home(home_folder / "rate-limit")
    redis = start_redis(home)
    try:
        clients += [connect(redis.url) for _ in range(2)]
        one, other = (limits(client, "test:") for client in clients)
        assert [(await process.count(three())).remaining for process in (one, other)] == [2, 1]
        redis.stop()
        # Each process begins a count of its own.
        quotas = await asyncio.gather(*(one.count(three()) for _ in range(20)))
        assert sum(quota.is_within for quota in quotas) == 3
        assert (await other.count(three())).remaining == 2
        for _ in range(5):
            await asyncio.sleep(0.05)
            assert not (await one.count(three())).is_within
        assert lines() == [AWAY, AWAY]
        redis = start_redis(home)
        await until(lambda: one.count(three()), lambda quota: quota.is_within)
        await until(lambda: other.count(three(), 0), lambda quota: quota.remaining == 2 and not other._is_away)
        assert lines() == [AWAY, AWAY, BACK, BACK]
    finally:
        redis.stop()
        home.close()


async def test_while_redis_is_away_one_request_tries_it_and_the_others_do_not_wait(clients, monkeypatch):
    clients.append(connect("redis://127.0.0.1:1"))
    counting = limits(clients[0], "test:")
    await counting.count(three())
    asked, answer = [], asyncio.Event()

    async def hang(script, n, *more):
        asked.append(n)
        await answer.wait()
        raise OSError("no answer")

    monkeypatch.setattr(clients[0], "eval", hang)
    counting._away_until = 0.0
    trying = asyncio.create_task(counting.count(three()))
    await until(lambda: asked)
    assert (await counting.count(three())).remaining == 1
    answer.set()
    assert (await trying).remaining == 0 and asked == [1]


async def test_strangers_cannot_fill_the_memory_and_the_oldest_windows_go_first(monkeypatch):
    monkeypatch.setattr(rate_limit, "MOST_COUNTED", 50)
    counting = limits(None, "")
    for n in range(500):
        await counting.count(three(f"address:{n}"))
    assert len(counting._own) == 50
    assert (await counting.count(three("address:499"), 0)).remaining == 2
    assert (await counting.count(three("address:449"), 0)).remaining == 3

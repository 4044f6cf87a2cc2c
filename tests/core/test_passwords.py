"""bcrypt's queue: everybody's turn comes, nobody's work is done for nothing, and there is an end to it."""

import asyncio
import threading

import bcrypt
import pytest
import tornado.iostream

from core import passwords
from core.passwords import MOST, MOST_OF_ONE, Passwords
from core.problem import Problem

pytestmark = pytest.mark.gen_test
HASH = passwords.hash_now("right", 4)


@pytest.fixture
def one_thread(monkeypatch):
    """A pool of one thread whose work waits until `go` is set, and writes down whose it was."""
    monkeypatch.setattr(passwords.os, "cpu_count", lambda: 2)
    pool, go, done = Passwords(4), threading.Event(), []

    def check(password, stored):
        go.wait(5)
        done.append(password)
        return True

    monkeypatch.setattr(passwords, "_check", check)
    yield pool, go, done
    go.set()
    pool.close()


async def ask(pool, name, **more):
    return asyncio.create_task(pool.matches(name, HASH, source=name.rstrip("0123456789"), **more))


async def test_a_password_is_the_same_from_every_keyboard():
    pool = Passwords(4)
    for one, other in (("Pa\u0308sse-1", "P\u00e4sse-1"), ("\u0d28\u0d4d\u200d-secret", "\u0d7b-secret")):
        stored = await pool.hash(one)
        assert await pool.matches(other, stored) and await pool.matches(one, stored)
        assert await pool.matches(one, await pool.hash(other))
    # What is around a password is part of it.
    assert not await pool.matches("secret\u00a0", await pool.hash("secret"))
    pool.close()


async def test_a_hash_of_a_password_as_it_was_typed_stays_good():
    pool, typed = Passwords(4), "Pa\u0308sse-1"
    before = bcrypt.hashpw(typed.encode(), bcrypt.gensalt(4)).decode()
    assert await pool.matches(typed, before) and not await pool.matches("Passe-1", before)
    pool.close()


async def test_the_right_password_matches_and_no_other_nor_none():
    pool = Passwords(4)
    assert await pool.matches("right", HASH)
    assert not await pool.matches("wrong", HASH) and not await pool.matches("right", None)
    assert not await pool.matches("nobody", None)  # what stands in for those who have none
    assert await pool.matches("new", await pool.hash("new"))
    pool.close()


async def test_who_waits_is_served_after_one_of_each_other_source_and_not_after_all_of_one(one_thread):
    pool, go, done = one_thread
    tasks = [await ask(pool, f"flood{n}") for n in range(20)]
    await asyncio.sleep(0)
    tasks += [await ask(pool, "person1"), await ask(pool, "other1")]
    await asyncio.sleep(0)
    go.set()
    assert all(await asyncio.gather(*tasks))
    assert done[:4] == ["flood0", "flood1", "person1", "other1"] and done[4:] == [f"flood{n}" for n in range(2, 20)]


async def test_nothing_is_done_for_who_has_left_or_was_cancelled(one_thread):
    pool, go, done = one_thread
    first = await ask(pool, "a1")
    gone, cancelled, last = await ask(pool, "b1", wanted=lambda: False), await ask(pool, "c1"), await ask(pool, "d1")
    await asyncio.sleep(0)
    cancelled.cancel()
    go.set()
    assert await first and await last
    with pytest.raises(tornado.iostream.StreamClosedError):
        await gone
    assert done == ["a1", "d1"]


async def test_of_one_source_and_in_all_only_so_many_wait_and_the_rest_are_503_at_once(one_thread):
    pool, go, done = one_thread
    tasks = [await ask(pool, f"flood{n}") for n in range(MOST_OF_ONE + 1)]  # one is being worked on
    await asyncio.sleep(0)
    with pytest.raises(Problem) as refused:
        await pool.matches("x", HASH, source="flood")
    assert (refused.value.status, "Retry-After" in refused.value.headers) == (503, True)
    tasks += [await ask(pool, f"s{n // 20}-{n % 20}-") for n in range(MOST - MOST_OF_ONE)]
    await asyncio.sleep(0)
    with pytest.raises(Problem):
        await pool.matches("x", HASH, source="someone new")
    go.set()
    assert all(await asyncio.gather(*tasks))
    assert await pool.matches("x", HASH, source="flood")


async def test_what_the_work_raises_reaches_who_asked_and_the_next_is_served(monkeypatch):
    pool = Passwords(4)
    with pytest.raises(ValueError):
        await pool.hash("é" * 40)
    assert await pool.matches("right", HASH)
    pool.close()

"""Passwords: bcrypt, in a bounded pool of threads, the same work whether the account exists or not.

A check takes a fifth of a second of one core, and strangers may ask for it: so those who wait are served one source after the
other, each may have only so many waiting, and nothing is done for who has left.
"""

import asyncio
import os
import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import bcrypt
import tornado.iostream

from core.problem import unavailable

LONGEST = 72  # bytes; bcrypt reads no further, so a longer one is refused instead of cut
MOST_OF_ONE, MOST = 50, 1000  # waiting from one source, and in all
NICE = 5  # Linux: a thread's own niceness; the event loop's thread comes first
BUSY = "Too many are signing in at the moment. Please try again."


class _Job(NamedTuple):
    done: asyncio.Future[Any]
    wanted: Callable[[], bool]
    work: Callable[..., Any]
    args: tuple[Any, ...]


class Passwords:
    """Checks and hashes. bcrypt releases the GIL; more threads than cores would only slow each other and the event loop.

    source: whoever asks, such as an address. wanted: whether they still do. Both methods raise Problem 503 when too many wait,
    and StreamClosedError for who has left meanwhile.
    """

    def __init__(self, cost: int) -> None:
        self._free = max(1, (os.cpu_count() or 2) - 1)
        self._threads = ThreadPoolExecutor(self._free, thread_name_prefix="bcrypt", initializer=_stand_back)
        self._waiting: dict[str, deque[_Job]] = {}  # by source, the one whose turn it is first
        self._count = 0
        self._cost = cost
        self._nobody = bcrypt.hashpw(b"nobody", bcrypt.gensalt(cost)).decode()

    async def matches(
        self, password: str, stored: str | None, *, source: str = "", wanted: Callable[[], bool] = lambda: True
    ) -> bool:
        """Whether `password` is the one of `stored`. With no stored hash it does the same work and says no."""
        found: bool = await self._run(source, wanted, _check, password, stored or self._nobody)
        return found and stored is not None

    async def hash(self, password: str, *, source: str = "", wanted: Callable[[], bool] = lambda: True) -> str:
        """The hash to store. Raises ValueError over 72 bytes: see `too_long`."""
        found: str = await self._run(source, wanted, hash_now, password, self._cost)
        return found

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, source: str, wanted: Callable[[], bool], work: Callable[..., Any], *args: Any) -> Any:
        queue = self._waiting.get(source)
        if self._count >= MOST or (queue is not None and len(queue) >= MOST_OF_ONE):
            raise unavailable(BUSY)
        job = _Job(asyncio.get_running_loop().create_future(), wanted, work, args)
        self._waiting.setdefault(source, deque()).append(job)
        self._count += 1
        self._go_on()
        return await job.done

    def _go_on(self) -> None:
        """Give free threads what is next: the first of the source whose turn it is, which then goes to the end."""
        while self._free and self._waiting:
            source = next(iter(self._waiting))
            queue = self._waiting.pop(source)
            job = queue.popleft()
            self._count -= 1
            if queue:
                self._waiting[source] = queue
            if job.done.done():  # cancelled
                continue
            if not job.wanted():
                job.done.set_exception(tornado.iostream.StreamClosedError())
                continue
            self._free -= 1
            running = asyncio.get_running_loop().run_in_executor(self._threads, job.work, *job.args)
            running.add_done_callback(lambda finished, job=job: self._finish(job, finished))  # type: ignore[misc]

    def _finish(self, job: _Job, finished: asyncio.Future[Any]) -> None:
        self._free += 1
        if not job.done.done() and not finished.cancelled():
            if finished.exception() is not None:
                job.done.set_exception(finished.exception() or RuntimeError())
            else:
                job.done.set_result(finished.result())
        if not finished.cancelled():
            self._go_on()


def too_long(password: str) -> bool:
    return len(password.encode()) > LONGEST


def hash_now(password: str, cost: int) -> str:
    """The hash to store, made on the caller's thread (commands). Raises ValueError over 72 bytes: see `too_long`."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()


def _check(password: str, stored: str) -> bool:
    secret = password.encode()
    # Over 72 bytes bcrypt raises; no stored hash can have come from it, but the work is done all the same.
    return bcrypt.checkpw(secret[:LONGEST], stored.encode()) and len(secret) <= LONGEST


def _stand_back() -> None:
    if sys.platform == "linux":  # elsewhere this would concern the whole process
        os.setpriority(os.PRIO_PROCESS, 0, NICE)

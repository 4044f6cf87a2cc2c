"""Passwords: bcrypt in a pool of threads, which does the same work whether the account exists or not.

A check takes a fifth of a second of one core, and anybody may ask for one. So waiting jobs are served one source after another, each
source may have only a limited number of them, and no work is done for a client that has left.

A password is hashed in its canonical form (core/text.py), because keyboards write the same letters in several sequences of Unicode.
Nothing is cut off it: blanks are part of a password.
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
from core.text import canonical

# Bytes of a password. bcrypt reads no further, so a longer password is refused instead of cut.
LONGEST = 72
# Waiting jobs: of one source, and of all together.
MOST_OF_ONE, MOST = 50, 1000
# The niceness of the threads, so that the event loop's thread goes first. Only Linux has one for each thread.
NICE = 5
BUSY = "Too many are signing in at the moment. Please try again."


class _Job(NamedTuple):
    """work(*args) for the waiter of `done`, unless wanted() says no."""

    done: asyncio.Future[Any]
    wanted: Callable[[], bool]
    work: Callable[..., Any]
    args: tuple[Any, ...]


class Passwords:
    """Checks and hashes passwords. bcrypt releases the GIL, so there is one thread for each core except one.

    cost: of bcrypt, as a power of two. Arguments of both methods: source, who asks, such as an address; wanted, called before the work
    starts, says whether the client is still there. Both raise Problem 503 when too many wait, and StreamClosedError when the client
    has left.
    """

    def __init__(self, cost: int) -> None:
        self._free = max(1, (os.cpu_count() or 2) - 1)
        self._threads = ThreadPoolExecutor(self._free, thread_name_prefix="bcrypt", initializer=_stand_back)
        # By source. The source whose turn it is comes first.
        self._waiting: dict[str, deque[_Job]] = {}
        self._count = 0
        self._cost = cost
        self._nobody = bcrypt.hashpw(b"nobody", bcrypt.gensalt(cost)).decode()

    async def matches(
        self, password: str, stored: str | None, *, source: str = "", wanted: Callable[[], bool] = lambda: True
    ) -> bool:
        """Whether `password` matches the hash `stored`. None: it does the same work, and the answer is no."""
        found: bool = await self._run(source, wanted, _check, password, stored or self._nobody)
        return found and stored is not None

    async def hash(self, password: str, *, source: str = "", wanted: Callable[[], bool] = lambda: True) -> str:
        """The hash to store. Raises ValueError for more than 72 bytes: see `too_long`."""
        found: str = await self._run(source, wanted, hash_now, password, self._cost)
        return found

    def close(self) -> None:
        """Cancel the waiting jobs and end the threads."""
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
        """Start the next jobs on the free threads. A source whose job was started goes to the end of the queue."""
        while self._free and self._waiting:
            source = next(iter(self._waiting))
            queue = self._waiting.pop(source)
            job = queue.popleft()
            self._count -= 1
            if queue:
                self._waiting[source] = queue
            if job.done.done():
                # The waiter was cancelled.
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
    """Whether a password is longer than bcrypt reads."""
    return len(canonical(password).encode()) > LONGEST


def hash_now(password: str, cost: int) -> str:
    """The hash to store, computed in the current thread, for commands. Raises ValueError for more than 72 bytes: see `too_long`."""
    return bcrypt.hashpw(canonical(password).encode(), bcrypt.gensalt(cost)).decode()


def _check(password: str, stored: str) -> bool:
    # The second form: of a hash that was made of the password as it was typed.
    return any(_matches(form.encode(), stored.encode()) for form in dict.fromkeys((canonical(password), password)))


def _matches(secret: bytes, stored: bytes) -> bool:
    # bcrypt raises for more than 72 bytes. Such a password matches no stored hash, but the same work is done for it.
    return bcrypt.checkpw(secret[:LONGEST], stored) and len(secret) <= LONGEST


def _stand_back() -> None:
    # Other systems would apply it to the whole process.
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, 0, NICE)

"""Passwords: bcrypt, in a bounded pool of threads, the same work whether the account exists or not."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

import bcrypt

LONGEST = 72  # bytes; bcrypt reads no further, so a longer one is refused instead of cut


class Passwords:
    """Checks passwords. bcrypt releases the GIL; more threads than cores would only slow each other and the event loop."""

    def __init__(self, cost: int) -> None:
        self._threads = ThreadPoolExecutor(max(1, (os.cpu_count() or 2) - 1), thread_name_prefix="bcrypt")
        self._cost = cost
        self._nobody = bcrypt.hashpw(b"nobody", bcrypt.gensalt(cost)).decode()

    async def matches(self, password: str, stored: str | None) -> bool:
        """Whether `password` is the one of `stored`. With no stored hash it does the same work and says no."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, _check, password, stored or self._nobody
        )
        return found and stored is not None

    async def hash(self, password: str) -> str:
        """The hash to store. Raises ValueError over 72 bytes: see `too_long`."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, hash_now, password, self._cost)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def too_long(password: str) -> bool:
    return len(password.encode()) > LONGEST


def hash_now(password: str, cost: int) -> str:
    """The hash to store, made on the caller's thread (commands). Raises ValueError over 72 bytes: see `too_long`."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()


def _check(password: str, stored: str) -> bool:
    secret = password.encode()
    # Over 72 bytes bcrypt raises; no stored hash can have come from it, but the work is done all the same.
    return bcrypt.checkpw(secret[:LONGEST], stored.encode()) and len(secret) <= LONGEST

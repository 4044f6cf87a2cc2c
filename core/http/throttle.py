"""Counting failures, or tries, within a window: in Redis where there is one, else in this process."""

import ipaddress
import logging
import math
import time
from collections.abc import Awaitable
from typing import Any

import redis.exceptions

from core.problem import Problem

MOST_KEYS = 100_000  # kept in process; strangers must not be able to fill the memory
AWAY_SECONDS = 5  # without asking a Redis that did not answer: each sign-in would wait for it again

log = logging.getLogger("tradepost.throttle")

# The window begins with the first failure; incrementing and setting its end are one step.
_COUNT = """
local n = redis.call('INCR', KEYS[1])
if n == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return n
"""


class Throttle:
    """At most `limit` failures a key within `seconds`."""

    def __init__(self, redis_client: Any, prefix: str, limit: int, seconds: int) -> None:
        self._redis, self._prefix, self.limit, self.seconds = redis_client, prefix, limit, seconds
        self._own: dict[str, tuple[int, float]] = {}  # key: failures, end of the window (monotonic)
        self._away_until = 0.0

    async def wait(self, key: str) -> int:
        """Seconds until another try is allowed; 0 when it is now."""
        if self._asks_redis:
            name = self._prefix + key
            found = await self._asked(self._redis.pipeline(transaction=False).get(name).ttl(name).execute())
            if found is not None:
                return max(1, found[1]) if int(found[0] or 0) >= self.limit else 0
        count, end = self._own.get(key, (0, 0.0))
        left = end - time.monotonic()
        return math.ceil(left) if count >= self.limit and left > 0 else 0

    async def fail(self, key: str) -> int:
        """Count one failure; returns how many there are in this window."""
        if self._asks_redis:
            count = await self._asked(self._redis.eval(_COUNT, 1, self._prefix + key, self.seconds))
            if count is not None:
                return int(count)
        now = time.monotonic()
        count, end = self._own.get(key, (0, 0.0))
        if end <= now:
            count, end = 0, now + self.seconds
        if len(self._own) >= MOST_KEYS:
            self._own = {k: v for k, v in self._own.items() if v[1] > now} if len(self._own) < 2 * MOST_KEYS else {}
        self._own[key] = (count + 1, end)
        return count + 1

    async def clear(self, key: str) -> None:
        """Forget the failures of `key`."""
        self._own.pop(key, None)
        if self._asks_redis:
            await self._asked(self._redis.delete(self._prefix + key))

    @property
    def _asks_redis(self) -> bool:
        return self._redis is not None and time.monotonic() >= self._away_until

    async def _asked(self, answer: Awaitable[Any]) -> Any:
        """What Redis says; None when it is away, and then this process counts for a while."""
        try:
            return await answer
        except (redis.exceptions.RedisError, OSError):
            self._away_until = time.monotonic() + AWAY_SECONDS
            log.warning("redis is away, what is limited is counted in this process")
            return None


def throttle(app: Any, name: str, limit: int, seconds: int) -> Throttle:
    """The application's throttle of that name."""
    found = app.shared.get(f"throttle {name}")
    if found is None:
        found = Throttle(app.redis, f"{app.config.redis_prefix}{name}:", limit, seconds)
        app.shared[f"throttle {name}"] = found
    return found


def source(address: str) -> str:
    """What an address is counted by: itself; of IPv6 its /64, for whoever has one address has all of that."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(found) >> 64 << 64, 64)))


def too_many(what: str, seconds: int) -> Problem:
    """429 (RFC 6585, 4): `Too many WHAT. Try again in SECONDS seconds.`"""
    told = f"Too many {what}. Try again in {seconds} seconds."
    return Problem(429, "throttled", told, headers={"Retry-After": str(seconds)})

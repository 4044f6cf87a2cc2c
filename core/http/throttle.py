"""Throttles: counting failures, or attempts, within a window of time; in Redis where there is one, else in this process."""

import ipaddress
import math
import time
from collections.abc import Awaitable
from typing import Any

import redis.exceptions

from core import product
from core.http.application import Application
from core.problem import Message, Problem

# Kept in process: strangers choose the keys and must not be able to fill the memory.
MOST_KEYS = 100_000
# Without asking a Redis that did not answer, for which each sign-in would wait.
AWAY_SECONDS = 5

log = product.logger("throttle")

# The window begins with the first failure. Counting it and setting the window's end are one atomic step.
_COUNT = """
local n = redis.call('INCR', KEYS[1])
if n == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return n
"""


class Throttle:
    """At most `limit` failures of each key within `seconds`. prefix: begins the keys in Redis."""

    def __init__(self, redis_client: Any, prefix: str, limit: int, seconds: int) -> None:
        self._redis, self._prefix, self.limit, self.seconds = redis_client, prefix, limit, seconds
        # By key: the failures that this process has counted, and the end of their window (monotonic).
        self._own: dict[str, tuple[int, float]] = {}
        self._away_until = 0.0

    async def wait(self, key: str) -> int:
        """Seconds until another attempt is allowed; 0: it is allowed now."""
        if self._asks_redis:
            name = self._prefix + key
            found = await self._asked(self._redis.pipeline(transaction=False).get(name).ttl(name).execute())
            if found is not None:
                return max(1, found[1]) if int(found[0] or 0) >= self.limit else 0
        count, end = self._own.get(key, (0, 0.0))
        left = end - time.monotonic()
        return math.ceil(left) if count >= self.limit and left > 0 else 0

    async def fail(self, key: str) -> int:
        """Count a failure; returns how many there are in this window."""
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
        """The answer of Redis; None when it is away. This process then counts for AWAY_SECONDS."""
        try:
            return await answer
        except (redis.exceptions.RedisError, OSError):
            self._away_until = time.monotonic() + AWAY_SECONDS
            log.warning("redis is away, what is limited is counted in this process")
            return None


class Throttles:
    """The throttles of one process, by name."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._by_name: dict[str, Throttle] = {}

    def named(self, name: str, limit: int, seconds: int) -> Throttle:
        """The throttle of that name, which is part of its keys in Redis."""
        if name not in self._by_name:
            prefix = f"{self._app.config.redis_prefix}{name}:"
            self._by_name[name] = Throttle(self._app.redis, prefix, limit, seconds)
        return self._by_name[name]


def throttle(app: Application, name: str, limit: int, seconds: int) -> Throttle:
    """The application's throttle of that name, made at its first use."""
    return app.kept(Throttles).named(name, limit, seconds)


def source(address: str) -> str:
    """The key by which an address is counted: itself; of IPv6 its /64, because a subscriber usually has a whole /64."""
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
    """429 with Retry-After (RFC 6585, 4). what: the attempts, in the plural."""
    said = Message.of("throttled", what=what, seconds=seconds)
    return Problem(429, "throttled", said, headers={"Retry-After": str(seconds)})

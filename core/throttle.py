"""Counting failures within a window: in Redis where there is one, else in this process."""

import logging
import time
from typing import Any

import redis.exceptions

MOST_KEYS = 100_000  # kept in process; strangers must not be able to fill the memory

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

    async def wait(self, key: str) -> int:
        """Seconds until another try is allowed; 0 when it is now."""
        if self._redis is not None:
            try:
                count, left = await self._redis.pipeline(transaction=False).get(self._prefix + key).ttl(self._prefix + key).execute()
                return max(1, left) if int(count or 0) >= self.limit else 0
            except (redis.exceptions.RedisError, OSError):
                pass  # counted here meanwhile
        count, end = self._own.get(key, (0, 0.0))
        return max(1, int(end - time.monotonic())) if count >= self.limit and end > time.monotonic() else 0

    async def fail(self, key: str) -> int:
        """Count one failure; returns how many there are in this window."""
        if self._redis is not None:
            try:
                return int(await self._redis.eval(_COUNT, 1, self._prefix + key, self.seconds))
            except (redis.exceptions.RedisError, OSError):
                log.debug("redis is away, counting here")
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
        if self._redis is not None:
            try:
                await self._redis.delete(self._prefix + key)
            except (redis.exceptions.RedisError, OSError):
                log.debug("redis is away, the count ends with its window")

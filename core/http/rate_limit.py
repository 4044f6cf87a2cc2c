"""Rate limits: how many requests a caller may make within an hour. Counted in Redis for all processes, or else in each process.

A caller's window begins with their first request and ends by the expiry of its key in Redis, so the clocks of the machines don't matter. A
refused request isn't counted, and doesn't prolong the window.
"""

import asyncio
import math
import time
from collections import OrderedDict
from typing import Any, ClassVar, NamedTuple

import redis.exceptions

from core import product
from core.http.application import Application
from core.http.handler import Handler
from core.http.throttle import too_many
from core.problem import Problem

# Seconds. The documented limits are of an hour.
WINDOW = 3600
# Callers that one process counts itself, some 25 MB: strangers choose their addresses and must not be able to fill the memory.
MOST_COUNTED = 100_000
# Without asking a Redis that did not answer, for which every request would wait.
AWAY_SECONDS = 5
# Requests that one script counts: Redis does nothing else meanwhile, for about 3 µs a request.
MOST_AT_ONCE = 100
# The headers of an answer, by name, with what each says. RateLimit and RateLimit-Policy are those of
# draft-ietf-httpapi-ratelimit-headers-11.
HEADERS = {
    "RateLimit": "The policy that counts the request, with the requests that are left (r) and the seconds until there are more (t).",
    "RateLimit-Policy": "The policy, with its requests (q) within so many seconds (w).",
    "X-RateLimit-Limit": "The requests that the caller may make within an hour.",
    "X-RateLimit-Remaining": "The requests that are left of them.",
    "X-RateLimit-Reset": "When the hour ends, in seconds since 1970.",
}

# Counts one request of each key, and returns for each: whether it was within the limit, how many are counted, the end of the window by
# the clock of Redis, and how long that is from now (ms). A cost of 0 only looks. Setting a key and its expiry is one step.
_COUNT = """
local time = redis.call('TIME')
local now, window = time[1] * 1000 + math.floor(time[2] / 1000), tonumber(ARGV[1])
local answers = {}
for i, key in ipairs(KEYS) do
    local limit, cost = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
    local used, left = tonumber(redis.call('GET', key) or 0), redis.call('PTTL', key)
    local is_new = left < 0
    if is_new then
        used, left = 0, window
    end
    local is_within = used + cost <= limit
    if is_within and cost > 0 then
        if is_new then
            redis.call('SET', key, cost, 'PX', window)
        else
            redis.call('INCRBY', key, cost)
        end
        used = used + cost
    end
    answers[i] = {is_within and 1 or 0, used, now + left, left}
end
return answers
"""

log = product.logger("rate_limit")


class Allowance(NamedTuple):
    """What a caller may do: `limit` requests in each window; 0: as many as they like. policy: its name in the headers, letters only. key:
    names the caller."""

    policy: str
    limit: int
    key: str


class Quota(NamedTuple):
    """What is left of an allowance. is_within: whether the request was. remaining: requests. resets_at: the end of the window (epoch
    seconds). seconds: until then."""

    allowance: Allowance
    is_within: bool
    remaining: int
    resets_at: int
    seconds: int

    def headers(self) -> dict[str, str]:
        """The headers of an answer."""
        policy, limit, _ = self.allowance
        return {
            "RateLimit": f'"{policy}";r={self.remaining};t={self.seconds}',
            "RateLimit-Policy": f'"{policy}";q={limit};w={WINDOW}',
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.resets_at),
        }


class _Waiting(NamedTuple):
    """A request that waits for being counted in Redis. answer: what the script returned; None: Redis is away."""

    allowance: Allowance
    cost: int
    answer: asyncio.Future[list[int] | None]


class RateLimits:
    """Counts requests. `application.kept(RateLimits)` is the process's own."""

    def __init__(self, app: Application) -> None:
        self._redis = app.redis
        # Redis Cluster keeps the keys with the same word in braces on one node, which a script with several keys needs.
        self._prefix = f"{app.config.redis_prefix}{{requests}}:"
        self._waiting: list[_Waiting] = []
        self._asking: asyncio.Task[None] | None = None
        self._is_away, self._away_until = False, 0.0
        # By key: the requests that this process has counted, and the end of their window (monotonic), the oldest window first.
        self._own: OrderedDict[str, tuple[int, float]] = OrderedDict()

    async def count(self, allowance: Allowance, cost: int = 1) -> Quota:
        """Count a request, if it is within the allowance. cost: 0 only looks."""
        if self._redis is not None and time.monotonic() >= self._away_until:
            waiting = _Waiting(allowance, cost, asyncio.get_running_loop().create_future())
            self._waiting.append(waiting)
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._ask())
            answer = await waiting.answer
            if answer is not None:
                is_within, used, end, left = answer
                return _quota(allowance, bool(is_within), used, end / 1000, left / 1000)
        return self._count_here(allowance, cost)

    async def _ask(self) -> None:
        """Ask Redis until nobody waits. Requests that come while it answers are asked for together: a question costs this process 45 µs,
        and each further request in it 5 µs."""
        asked: list[_Waiting] = []
        try:
            while self._waiting:
                asked, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
                for waiting, answer in zip(asked, await self._answers(asked), strict=True):
                    if not waiting.answer.done():
                        waiting.answer.set_result(answer)
                if self._is_away:
                    break
        finally:
            left, self._waiting = [*asked, *self._waiting], []
            for waiting in left:
                if not waiting.answer.done():
                    waiting.answer.set_result(None)

    async def _answers(self, asked: list[_Waiting]) -> list[Any]:
        """The answers of the script; None for each if Redis is away."""
        if self._is_away:
            # Only these requests try whether it is back. All others are counted here meanwhile.
            self._away_until = time.monotonic() + AWAY_SECONDS
        keys = [self._prefix + waiting.allowance.key for waiting in asked]
        arguments = [number for waiting in asked for number in (waiting.allowance.limit, waiting.cost)]
        try:
            answers: list[Any] = await self._redis.eval(_COUNT, len(keys), *keys, WINDOW * 1000, *arguments)
        except (redis.exceptions.RedisError, OSError):
            self._away_until = time.monotonic() + AWAY_SECONDS
            if not self._is_away:
                log.warning("redis is away, each process limits requests by its own count")
            self._is_away = True
            return [None] * len(asked)
        if self._is_away:
            log.info("redis is back, all processes limit requests by one count")
        self._is_away, self._away_until = False, 0.0
        return answers

    def _count_here(self, allowance: Allowance, cost: int) -> Quota:
        now = time.monotonic()
        used, end = self._own.get(allowance.key, (0, 0.0))
        if end <= now:
            # The new window goes to the end of the order.
            self._own.pop(allowance.key, None)
            used, end = 0, now + WINDOW
        is_within = used + cost <= allowance.limit
        if is_within and cost:
            used += cost
            self._own[allowance.key] = (used, end)
            if len(self._own) > MOST_COUNTED:
                self._own.popitem(last=False)
        return _quota(allowance, is_within, used, time.time() + end - now, end - now)


def _quota(allowance: Allowance, is_within: bool, used: int, end: float, left: float) -> Quota:
    return Quota(allowance, is_within, max(0, allowance.limit - used), math.ceil(end), max(1, math.ceil(left)))


class RateLimited(Handler):
    """A base for handlers whose requests are counted, also those that are refused. It stands before other bases."""

    is_limited: ClassVar[bool] = True
    quota: Quota | None = None

    def allowance(self) -> Allowance:
        """What the caller may do. Called once it is known who calls, or that nobody knows."""
        raise NotImplementedError

    async def prepare(self) -> None:
        try:
            await super().prepare()
        except Problem as problem:
            # An outage of the server must not use up what a caller has.
            await self._count(0 if problem.status >= 500 else 1)
            raise
        await self._count(1)

    async def _count(self, cost: int) -> None:
        """Count the request. Raises Problem 429."""
        if self.request.method == "OPTIONS":
            # A CORS preflight is the browser's request, and nobody reads its headers.
            return
        allowance = self.allowance()
        if not allowance.limit:
            return
        self.quota = await self.application.kept(RateLimits).count(allowance, cost)
        if not self.quota.is_within:
            raise too_many("requests", self.quota.seconds)
        self._show_quota()

    def set_default_headers(self) -> None:
        super().set_default_headers()
        # A refusal begins with the default headers again.
        self._show_quota()

    def _show_quota(self) -> None:
        if self.quota is not None:
            for name, value in self.quota.headers().items():
                self._headers[name] = value

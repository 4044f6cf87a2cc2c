"""Events from the process that numbered them to all the others, through a Redis stream.

Redis makes it quick; nothing depends on it. An entry that is lost, late or out of order shows as a gap in the positions, and the
reader fills it from the log (core/live/events.py).
"""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import redis.asyncio
import redis.exceptions
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

from core import product
from core.duties import Work
from core.live.events import Event

STREAM = (
    "events:tagged"  # named anew when what an entry looks like changes: releases beside each other must not misread it
)
KEPT = 100  # batches; whoever is further behind reads the log
LARGEST = 64 * 1024  # bytes of a batch; readers of a larger one see the gap and read the log: Redis must not fill up
WAITING = 100  # batches not sent yet while Redis is away; the newest are worth most
BLOCK = 1000  # milliseconds

log = product.logger("redis")


def connect(url: str) -> Any:
    """A client that tries a broken connection again once, quickly (redis-py's from_url never does), and then fails in time."""
    return redis.asyncio.from_url(
        url,
        socket_timeout=0.3,
        socket_connect_timeout=0.3,
        retry=Retry(ExponentialBackoff(cap=0.1, base=0.02), 1),
        retry_on_error=[redis.exceptions.ConnectionError],
        health_check_interval=0,
    )


class Fanout:
    """prefix: what the keys of this installation begin with."""

    def __init__(self, url: str, prefix: str) -> None:
        self._url, self._prefix, self._stream = url, prefix, ""
        self._up = True
        self._waiting: deque[list[Event]] = deque(maxlen=WAITING)
        self._something = asyncio.Event()
        self._sent = 0  # the last position handed on

    def send(self, events: list[Event]) -> None:
        """Hand on; never waits."""
        self._sent = events[-1].position
        if sum(len(event.frame) for event in events) <= LARGEST:
            self._waiting.append(events)
            self._something.set()

    def restart(self) -> None:
        """The log went back: positions begin anew."""
        self._sent = 0
        self._waiting.clear()

    def work(self, name: str, accept: Callable[[list[Event]], Awaitable[None]]) -> list[Work]:
        """What sends and what receives, each until cancelled. name: of the log, as others may use the same Redis."""
        self._stream = f"{self._prefix}{STREAM}:{name}"
        return [lambda: self._keep(self._sending), lambda: self._keep(lambda client: self._receiving(client, accept))]

    async def _keep(self, work: Callable[[Any], Awaitable[None]]) -> None:
        client = connect(self._url)
        try:
            while True:
                try:
                    await work(client)
                except (redis.exceptions.RedisError, OSError, TimeoutError) as error:
                    if self._up:
                        self._up = False
                        log.warning("redis is away, streams are fed from the event log until it is back: %s", error)
                    await asyncio.sleep(0.5)
                except Exception:
                    log.exception("the fan-out failed, trying again")
                    await asyncio.sleep(1)
        finally:
            await client.aclose()

    def _is_up(self) -> None:
        if not self._up:
            self._up = True
            log.warning("redis is back")

    async def _sending(self, client: Any) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            while self._waiting:
                events = self._waiting.popleft()
                # One entry a batch; its fields are the positions, their values the topic and tags (JSON), and the frame.
                fields = {str(event.position): _head(event) + b"\n" + event.frame for event in events}
                await client.xadd(self._stream, fields, maxlen=KEPT, approximate=True)
                self._is_up()

    async def _receiving(self, client: Any, accept: Callable[[list[Event]], Awaitable[None]]) -> None:
        last: Any = "$"
        reader = redis.asyncio.from_url(self._url, socket_timeout=BLOCK / 1000 + 1, socket_connect_timeout=1)
        try:
            while True:
                found = await reader.xread({self._stream: last}, count=100, block=BLOCK)
                self._is_up()
                for entry, fields in _entries(found):
                    last = entry
                    if int(next(reversed(fields))) > self._sent:  # not what this process itself numbered and delivered
                        await accept([_event(position, value) for position, value in fields.items()])
        finally:
            await reader.aclose()


def _entries(found: Any) -> list[Any]:
    """redis-py 8 answers XREAD as a list of pairs (RESP2) or as a dict (RESP3)."""
    if not found:
        return []
    (entries,) = [entries for _, entries in (found.items() if isinstance(found, dict) else found)]
    return (
        entries[0]
        if entries and isinstance(entries[0], list) and entries[0] and isinstance(entries[0][0], tuple | list)
        else entries
    )


def _head(event: Event) -> bytes:
    return json.dumps([event.topic, event.tags]).encode()


def _event(position: bytes, value: bytes) -> Event:
    head, _, frame = value.partition(b"\n")
    topic, tags = json.loads(head)
    return Event(int(position), topic, frame, tags)

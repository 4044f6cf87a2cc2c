"""Sending events from the process that numbered them to all others, through a Redis stream.

Redis only makes it faster. When an entry is lost, late or out of order, the receiver sees a gap in the positions and reads the
missing events from the log (core/live/events.py).
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

# Part of the stream's key. It changes when the format of an entry does, so that an older release beside this one doesn't misread it.
STREAM = "events:tagged"
# Batches in the stream. A process that is further behind reads the log.
KEPT = 100
# Bytes of a batch. A larger one isn't sent, so that Redis doesn't fill up: the receivers see the gap and read the log.
LARGEST = 64 * 1024
# Batches that wait while Redis is away. The oldest are dropped first.
WAITING = 100
# Milliseconds that one XREAD waits.
BLOCK = 1000
# Seconds to wait for any other answer of Redis, or for a connection.
ANSWER_SECONDS = 0.3
# Seconds to wait after an error of Redis, and after an unexpected one.
AWAY_SECONDS, RETRY_SECONDS = 0.5, 1

log = product.logger("redis")


def connect(url: str) -> Any:
    """A client that repeats a command once, quickly, if the connection is broken, and then fails. redis-py's from_url doesn't repeat."""
    return redis.asyncio.from_url(
        url,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        retry=Retry(ExponentialBackoff(cap=0.1, base=0.02), 1),
        retry_on_error=[redis.exceptions.ConnectionError],
        health_check_interval=0,
    )


class Fanout:
    """Sends and receives events. prefix: begins the keys of this installation."""

    def __init__(self, url: str, prefix: str) -> None:
        self._url, self._prefix, self._stream = url, prefix, ""
        self._up = True
        self._waiting: deque[list[Event]] = deque(maxlen=WAITING)
        self._something = asyncio.Event()
        # The last position that this process has numbered and sent.
        self._sent = 0

    @property
    def is_up(self) -> bool:
        """False while Redis is away."""
        return self._up

    def send(self, events: list[Event]) -> None:
        """Queue events for sending. Never waits."""
        self._sent = events[-1].position
        if sum(len(event.frame) for event in events) <= LARGEST:
            self._waiting.append(events)
            self._something.set()

    def restart(self) -> None:
        """Forget all positions: the log went back."""
        self._sent = 0
        self._waiting.clear()

    def work(self, name: str, accept: Callable[[list[Event]], Awaitable[None]]) -> list[Work]:
        """The background tasks that send and receive; each runs until cancelled. name: that of the log (EventLog.name)."""
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
                    await asyncio.sleep(AWAY_SECONDS)
                except Exception:
                    log.exception("the fan-out failed, trying again")
                    await asyncio.sleep(RETRY_SECONDS)
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
                # One entry for each batch. Its fields are the positions; a value is the topic and tags (JSON), a line feed, and the frame.
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
                    # Skips the batches that this process itself has sent.
                    if int(next(reversed(fields))) > self._sent:
                        await accept([_event(position, value) for position, value in fields.items()])
        finally:
            await reader.aclose()


def _entries(found: Any) -> list[Any]:
    """The entries of an answer to XREAD, which redis-py 8 returns as a list of pairs (RESP2) or as a dict (RESP3)."""
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

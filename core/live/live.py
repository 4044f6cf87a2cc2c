"""How events reach people in one process: the event log, the listeners, the streams, and the fan-out, wired together.

EventLog numbers and reads events  ->  listeners, then Streams      in this process
                                   ->  Fanout (Redis)  ->  EventLog of each other process
"""

from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

from core.data.database import Database
from core.duties import Work
from core.live.events import Event, EventLog
from core.live.fanout import Fanout
from core.live.streams import Streams

# Gets the payload of each event of its topic, in every process, in order; None instead when the log went back, so that anything
# may have changed. It must not raise, and it can't wait.
Listen = Callable[[bytes | None], None]


class LiveSettings(NamedTuple):
    """redis_url: "" without Redis. redis_prefix: begins the keys of this installation. keepalive: seconds."""

    redis_url: str
    redis_prefix: str
    keepalive: float


class Live:
    """Owns the event log and the streams of a process. `listen()` first, then `await open()`, then run `work()`; at the end `close()`."""

    def __init__(self, db: Database, settings: LiveSettings) -> None:
        self.events = EventLog(db, deliver=self._deliver, restart=self._restart, carry=self._carry)
        self.streams = Streams(db, settings.keepalive)
        self._fanout = Fanout(settings.redis_url, settings.redis_prefix) if settings.redis_url else None
        self._listeners: defaultdict[str, list[Listen]] = defaultdict(list)

    @property
    def is_redis_up(self) -> bool | None:
        """False while Redis is away; None without Redis."""
        return self._fanout.is_up if self._fanout else None

    def listen(self, topic: str, listen: Listen) -> None:
        """Call `listen` for each event of a topic, before any stream gets the event."""
        self._listeners[topic].append(listen)

    async def open(self) -> None:
        """Begin at the end of the log. Raises Problem 503 while the database is away."""
        await self.events.open()
        self.streams.open(self.events.head)

    def work(self) -> list[Work]:
        """The background tasks, after open(); each runs until cancelled."""
        fanout = self._fanout.work(self.events.name, self.events.accept) if self._fanout else []
        return [self.events.run, *self.streams.work(), *fanout]

    def close(self) -> None:
        """Close all streams and accept no new ones. Their readers reconnect by themselves."""
        self.streams.close()

    def _deliver(self, events: list[Event]) -> None:
        for event in events:
            for listen in self._listeners.get(event.topic, ()):
                listen(event.payload)
        self.streams.deliver(events)

    def _carry(self, events: list[Event]) -> None:
        if self._fanout:
            self._fanout.send(events)

    def _restart(self, head: int) -> None:
        for listeners in self._listeners.values():
            for listen in listeners:
                listen(None)
        self.streams.restart(head)
        if self._fanout:
            self._fanout.restart()

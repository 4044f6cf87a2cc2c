"""The events that a reconnecting reader has missed: the newest from memory, older ones from the event log."""

from typing import NamedTuple

from core.data.database import Database
from core.live import events
from core.live.events import Event, Wanted
from core.live.recent import Recent
from core.problem import unavailable

# Positions of the log that one query looks through; a reader with a filter may want none of their events.
REPLAY_SPAN = 20_000
# Events that one query reads.
REPLAY_EVENTS = 100
# Bytes of events that are sent at once; one more event may exceed it.
REPLAY_BYTES = 128 * 1024

query = events.query


class Memory(NamedTuple):
    """The events in memory, and, since the process began, how many pieces of missed events were asked for and found there."""

    events: int
    bytes: int
    asked: int
    found: int


class Backlog:
    """The events that this process has delivered, and those that were in the log before. head: the last delivered position."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._recent = Recent()
        self.head = 0
        self._asked = self._found = 0

    @property
    def memory(self) -> Memory:
        return Memory(len(self._recent), self._recent.bytes, self._asked, self._found)

    def begin(self, head: int) -> None:
        """Start after position `head`, with nothing in memory: when the process starts, or after the log went back."""
        self._recent.clear()
        self.head = head

    def add(self, fresh: list[Event]) -> None:
        """Remember events that are delivered now, in order and without repetition."""
        # There is a gap when the log was purged beyond what this process had read.
        if fresh[0].position != self.head + 1:
            self._recent.clear()
        self.head = fresh[-1].position
        self._recent.add(fresh)

    def forget(self) -> None:
        """Forget the events in memory, because some are no longer in the log. Older events are then read from the log."""
        self._recent.clear()

    async def resume_at(self, last: str, ended_by: str) -> tuple[int, bool]:
        """The position after which the stream of a reader who sent `last` continues, and whether the reader needs a reset because
        events are missing. ended_by: a topic; a reader who missed any of its events needs a reset. Raises Problem 503."""
        if not last:
            return self.head, False
        if not (last.isascii() and last.isdecimal() and len(last) <= 18):
            return self.head, True
        after = int(last)
        if after > self.head:
            # Another process, from which the reader comes, may be ahead of this one.
            return (after, False) if after <= await query.get_head(self._db) else (self.head, True)
        if after < self.head and not self._recent.has_all_after(after):
            if not await self._log_has_all_after(after):
                return self.head, True
        if after < self.head and ended_by and await self._has_any(ended_by, after):
            return self.head, True
        return after, False

    async def _log_has_all_after(self, position: int) -> bool:
        """Whether the log still has all events after a position: none of them was purged."""
        oldest = await query.get_oldest(self._db)
        return oldest is not None and oldest <= position + 1

    async def _has_any(self, topic: str, after: int) -> bool:
        """Whether the topic had an event after a position."""
        if self._recent.has_all_after(after):
            return bool(self._recent.after(after, topic))
        return bool(
            await query.list_topic_after(self._db, topic=topic, tags=None, position=after, until=self.head, most=1)
        )

    async def piece(self, topic: str, wanted: Wanted, after: int) -> tuple[list[Event], int]:
        """The wanted events after position `after`, as many as may be sent at once, and the position up to which they are complete.

        Raises Problem 503 when the database is away, or the log was purged in the meantime.
        """
        until = self.head
        self._asked += 1
        if self._recent.has_all_after(after):
            self._found += 1
            missed = self._recent.after(after, topic)
        else:
            until = min(until, after + REPLAY_SPAN)
            tags = min(map(list, wanted), key=len) if wanted else None
            rows = await query.list_topic_after(
                self._db, topic=topic, tags=tags, position=after, until=until, most=REPLAY_EVENTS
            )
            # Checked after reading, because a purge may happen at any moment.
            if not await self._log_has_all_after(after):
                raise unavailable("The log no longer goes back so far.", 1)
            missed = events.from_rows(rows)
            if len(missed) == REPLAY_EVENTS:
                until = missed[-1].position
        if wanted:
            missed = [event for event in missed if event.is_wanted(wanted)]
        size = 0
        for n, event in enumerate(missed):
            if size > REPLAY_BYTES:
                return missed[:n], event.position - 1
            size += len(event.frame)
        return missed, until

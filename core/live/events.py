"""The event log as one process sees it: each event once, in the order of commit.

A change and its event commit together (table core.event, position null). Then any process gives the event a position: after a hint
(one of its requests has just committed something), and at every tick, which also finds rows that other programs wrote, or a process
that was killed after its commit. The numbering transaction holds the row lock of core.event_head, so only one process numbers at a
time, without electing a leader. Positions have no gaps. So every other channel may lose events: a process that sees position n + 2
after n knows that n + 1 is missing, and reads it from the log.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from core import product
from core.data import sql
from core.data.database import Database
from core.problem import Problem

if TYPE_CHECKING:
    from core.http.application import Application

# Seconds until an event without hint is seen.
TICK = 0.25
# The same while someone relies on the log being known (EventLog.is_known), and for how long after that.
KEEN_TICK, KEEN_SECONDS = 0.05, 5.0
# Seconds between two passes under load: one pass, with one commit, numbers all events that have come in between.
PAUSE = 0.003
# Seconds to wait after an unexpected error.
RETRY_SECONDS = 1
# Events that one pass numbers or reads.
BATCH = 500
# Seconds between two purges, and events that one statement of a purge removes.
PURGE_SECONDS, PURGE_BATCH = 60, 5000

query = sql.load("core/event")
log = product.logger("events")


# The filter of a reader: an event passes when it has at least one tag of each set. Empty: every event passes.
Wanted = tuple[frozenset[str], ...]


class Event(NamedTuple):
    """An event with its position. frame: its bytes in a stream (WHATWG HTML, 9.2), made once and shared by all streams.
    tags: what it is about, for filters; None passes every filter."""

    position: int
    topic: str
    frame: bytes
    tags: Sequence[str] | None = None

    def is_wanted(self, wanted: Wanted) -> bool:
        """Whether the event passes a filter."""
        if self.tags is not None:
            for one_of in wanted:
                if one_of.isdisjoint(self.tags):
                    return False
        return True

    @property
    def payload(self) -> bytes:
        """The payload of the event's row: one line of JSON."""
        return self.frame[self.frame.index(b"data: ") + 6 : -2]


# Some readers end a line at these too, as "universal newlines" do. In JSON they occur only within texts, where an escape means the same.
_LINE_ENDS = {ord(end): f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"}


def frame(position: int, payload: str) -> bytes:
    """An event's bytes in a stream."""
    if not payload.isascii():
        payload = payload.translate(_LINE_ENDS)
    return b"id: %d\ndata: %s\n\n" % (position, payload.encode())


def from_rows(rows: Sequence[Any]) -> list[Event]:
    """Events of records with position, topic, payload and tags."""
    return [Event(row["position"], row["topic"], frame(row["position"], row["payload"]), row["tags"]) for row in rows]


class EventLog:
    """Numbers and reads events. head: the last position delivered here. name: identifies this log, since others may use the same Redis.

    deliver: called with events in order, each once. restart: called with the head when the log went back. carry: called with the
    events that this process has numbered, to send them to the others.
    """

    def __init__(
        self,
        db: Database,
        deliver: Callable[[list[Event]], None],
        restart: Callable[[int], None],
        carry: Callable[[list[Event]], None],
    ) -> None:
        self._db = db
        self._deliver = deliver
        self._restart = restart
        self._carry = carry
        self._hinted = asyncio.Event()
        self._catching_up = asyncio.Lock()
        self._keen_until = 0.0
        # All events committed before that moment (monotonic) have been delivered here.
        self._known_until = -math.inf
        self.head = 0
        self.name = ""

    async def open(self) -> None:
        """Begin at the current end of the log. Raises Problem 503."""
        found = await query.get_log(self._db)
        self.head, self.name = found["position"], str(found["name"])

    def hint(self) -> None:
        """Something was committed: look for events now, not at the next tick."""
        self._hinted.set()

    def is_known(self, seconds: float, since: float = -math.inf) -> bool:
        """Whether all events committed until `seconds` ago, and all committed until `since` (monotonic), have been delivered here.

        For KEEN_SECONDS after each call the log is read so often that the next answer is yes.
        """
        now = monotonic()
        if now >= self._keen_until:
            self.hint()
        self._keen_until = now + KEEN_SECONDS
        return self._known_until >= max(now - seconds, since)

    async def run(self) -> None:
        """Relay until cancelled. While the database is away, it waits."""
        while True:
            try:
                tick = KEEN_TICK if monotonic() < self._keen_until else TICK
                await asyncio.wait_for(self._hinted.wait(), tick)
            except TimeoutError:
                pass
            self._hinted.clear()
            try:
                await self.relay()
            except Problem:
                # The database is away, which core/data/database.py has logged.
                await asyncio.sleep(TICK)
            except Exception:
                log.exception("the relay failed, trying again")
                await asyncio.sleep(RETRY_SECONDS)
            await asyncio.sleep(PAUSE)

    async def relay(self) -> None:
        """One pass: number new events, deliver them, send them to the other processes, and read what those have numbered."""
        started = monotonic()
        # While this waits for the answer, events from other processes may move self.head beyond the answer's position.
        before = self.head
        *rows, end = await query.relay_events(self._db, batch=BATCH)
        head = end["position"]
        if head < before:
            self._begin_again(head)
            return
        if rows:
            events = from_rows(rows)
            self._carry(events)
            await self.accept(events)
        if head > self.head:
            await self.catch_up()
            if head > self.head:
                # The log does not have the events between.
                self._begin_again(head)
        if len(rows) == BATCH:
            self.hint()
        else:
            self._known_until = started

    async def accept(self, events: list[Event]) -> None:
        """Deliver events from any source. Skips those already delivered; first reads those missing before them."""
        if events[-1].position <= self.head:
            return
        if events[0].position > self.head + 1:
            await self.catch_up()
        fresh = [event for event in events if event.position > self.head]
        if fresh and fresh[0].position == self.head + 1:
            self._advance(fresh)

    async def catch_up(self) -> None:
        """Read the log to its end, and deliver."""
        async with self._catching_up:
            while True:
                events = from_rows(await query.list_events_after(self._db, position=self.head, most=BATCH))
                # While this waited for the database, accept() may have delivered the same events.
                fresh = [event for event in events if event.position > self.head]
                if fresh:
                    if fresh[0].position > self.head + 1:
                        # Those between were removed before this process has read them.
                        self._begin_again(fresh[0].position - 1)
                    self._advance(fresh)
                if len(events) < BATCH:
                    return

    def _begin_again(self, head: int) -> None:
        """Go on after position `head`, because this process has delivered other events than the log has. The readers load everything again."""
        log.warning(
            "the event log does not follow what was read up to %d, as in a restored database; streams start again after %d",
            self.head,
            head,
        )
        self.head = head
        self._restart(head)

    def _advance(self, events: list[Event]) -> None:
        self.head = events[-1].position
        self._deliver(events)


async def purge(app: "Application") -> None:
    """Delete the events that are older than EVENT_RETENTION_HOURS. A stream can't be resumed from there any more."""
    while await query.purge_events(app.db, hours=app.config.event_retention_hours, most=PURGE_BATCH) == PURGE_BATCH:
        pass

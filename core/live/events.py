"""The event log as one process sees it: every event once, in the order of commit.

A change and its event commit together (core.event, position null). Then any process numbers it: after a hint (a request
of its own has just committed something), and every TICK in any case, so that rows written by other programs, or by a process
that was killed after its commit, are found as well. The numbering transaction holds the row lock of core.event_head, so
there is one relay at a time without a leader to elect or to lose. Positions have no gaps, which makes every other channel safe
to lose: whoever sees position n + 2 after n knows what is missing and reads it from the log.
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

TICK = 0.25  # seconds until a row that nobody hinted at is seen
KEEN_TICK, KEEN_SECONDS = 0.05, 5.0  # the same while someone relies on the log being known, and for how long after
PAUSE = 0.003  # seconds between two passes under load: each numbers what has gathered, for one commit
BATCH = 500
PURGE_SECONDS, PURGE_BATCH = 60, 5000

query = sql.load("core/event")
log = product.logger("events")


# What a reader filters a topic by: an event is sent when it has one tag of each set. Empty: every event.
Wanted = tuple[frozenset[str], ...]


class Event(NamedTuple):
    position: int
    topic: str
    frame: bytes  # as it goes over every stream (WHATWG HTML, 9.2): made once, shared by all
    tags: Sequence[str] | None = None  # what it is about; None: of interest to every reader of the topic

    def is_wanted(self, wanted: Wanted) -> bool:
        if self.tags is not None:
            for one_of in wanted:
                if one_of.isdisjoint(self.tags):
                    return False
        return True

    @property
    def payload(self) -> bytes:
        """What the event's row holds: one line of JSON."""
        return self.frame[self.frame.index(b"data: ") + 6 : -2]


def frame(position: int, payload: str) -> bytes:
    return b"id: %d\ndata: %s\n\n" % (position, payload.encode())


def from_rows(rows: Sequence[Any]) -> list[Event]:
    return [Event(row["position"], row["topic"], frame(row["position"], row["payload"]), row["tags"]) for row in rows]


class EventLog:
    """deliver: called with each run of events, in order, nothing twice. restart: the log went back to that position.
    carry: hands what was numbered here to other processes."""

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
        self._known_until = -math.inf  # what was committed before that moment (monotonic) has been delivered here
        self.head = 0  # the last position delivered here
        self.name = ""  # tells this log from every other

    async def open(self) -> None:
        """Begin at the log's present end. Raises Problem when the database is away."""
        found = await query.get_log(self._db)
        self.head, self.name = found["position"], str(found["name"])

    def hint(self) -> None:
        """Something was committed; look now instead of at the next tick."""
        self._hinted.set()

    def is_known(self, seconds: float, since: float = -math.inf) -> bool:
        """Whether all that was committed until `seconds` ago, by whomever, and all until `since` (monotonic) has been delivered
        here. Who asks relies on it: for a while the log is then looked at often enough that the next answer is yes."""
        now = monotonic()
        if now >= self._keen_until:
            self.hint()
        self._keen_until = now + KEEN_SECONDS
        return self._known_until >= max(now - seconds, since)

    async def run(self) -> None:
        """Relay until cancelled. The database being away only pauses it."""
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
                await asyncio.sleep(TICK)  # said once by core/data/database.py
            except Exception:
                log.exception("the relay failed, trying again")
                await asyncio.sleep(1)
            await asyncio.sleep(PAUSE)

    async def relay(self) -> None:
        """One pass: number, deliver, hand on, and read what other processes numbered."""
        started = monotonic()
        before = self.head  # while the answer is on its way, other processes' events may move the head past it
        *rows, end = await query.relay_events(self._db, batch=BATCH)
        head = end["position"]
        if head < before:
            log.warning(
                "the event log went back from %d to %d (a restored database?), streams start anew", before, head
            )
            self.head = head
            self._restart(head)
            return
        if rows:
            events = from_rows(rows)
            self._carry(events)
            await self.accept(events)
        if head > self.head:
            await self.catch_up()
        if len(rows) == BATCH:
            self.hint()
        else:
            self._known_until = started

    async def accept(self, events: list[Event]) -> None:
        """Deliver events that came by any way: what is known is skipped, what is missing before them is read first."""
        if events[-1].position <= self.head:
            return
        if events[0].position > self.head + 1:
            await self.catch_up()
        fresh = [event for event in events if event.position > self.head]
        if fresh and fresh[0].position == self.head + 1:
            self._advance(fresh)

    async def catch_up(self) -> None:
        """Read the log to its end."""
        async with self._catching_up:
            while True:
                events = from_rows(await query.list_events_after(self._db, position=self.head, most=BATCH))
                # While this waited for the database, others may have delivered the same.
                fresh = [event for event in events if event.position > self.head]
                if fresh:
                    self._advance(fresh)
                if len(events) < BATCH:
                    return

    def _advance(self, events: list[Event]) -> None:
        self.head = events[-1].position
        self._deliver(events)


async def purge(app: "Application") -> None:
    """Forget what is older than the retention: no stream can be resumed from there any more."""
    while await query.purge_events(app.db, hours=app.config.event_retention_hours, most=PURGE_BATCH) == PURGE_BATCH:
        pass

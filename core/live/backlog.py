"""The events that a returning reader has missed: the newest from memory, older ones from the log."""

from core.data.database import Database
from core.live import events
from core.live.events import Event, Wanted
from core.live.recent import Recent
from core.problem import unavailable

REPLAY_SPAN = 20_000  # events looked through at once for a reader who may want none of them
REPLAY_EVENTS = 100  # read from the log at once
REPLAY_BYTES = 128 * 1024  # of events given at once; one more event may be on top

query = events.query


class Backlog:
    """What this process has delivered, and what was in the log before. `head`: the last position delivered."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._recent = Recent()
        self.head = 0

    def begin(self, head: int) -> None:
        """Nothing is known but that `head` is the last position: at the start, or after the log went back."""
        self._recent.clear()
        self.head = head

    def add(self, fresh: list[Event]) -> None:
        """Take what is delivered now: in order, nothing twice."""
        if fresh[0].position != self.head + 1:  # the log was purged further than we had read
            self._recent.clear()
        self.head = fresh[-1].position
        self._recent.add(fresh)

    def forget(self) -> None:
        """Something in memory is no longer in the log: from now on ask the log."""
        self._recent.clear()

    async def resume_at(self, last: str, ended_by: str) -> tuple[int, bool]:
        """The position after which a stream continues whose reader sent `last`, and whether it must be told that something is
        missing. ended_by: a topic, of whose events none may be missed. Raises Problem 503 when the log can't be asked."""
        if not last:
            return self.head, False
        if not (last.isascii() and last.isdecimal() and len(last) <= 18):
            return self.head, True
        after = int(last)
        if after > self.head:  # another process may be ahead of this one
            return (after, False) if after <= await query.get_head(self._db) else (self.head, True)
        if after < self.head and not self._recent.has_all_after(after):
            if not await self._log_has_all_after(after):
                return self.head, True
        if after < self.head and ended_by and await self._has_any(ended_by, after):
            return self.head, True
        return after, False

    async def _log_has_all_after(self, position: int) -> bool:
        """Whether nothing of that was purged yet."""
        oldest = await query.get_oldest(self._db)
        return oldest is not None and oldest <= position + 1

    async def _has_any(self, topic: str, after: int) -> bool:
        """Whether there was an event of this topic after a position."""
        if self._recent.has_all_after(after):
            return bool(self._recent.after(after, topic))
        return bool(
            await query.list_topic_after(self._db, topic=topic, tags=None, position=after, until=self.head, most=1)
        )

    async def piece(self, topic: str, wanted: Wanted, after: int) -> tuple[list[Event], int]:
        """The wanted events that follow position `after`, or as many of them as may be sent at once, and the position up to
        which these are all. Raises Problem 503 when the log can't be asked, or was purged meanwhile."""
        until = self.head
        if self._recent.has_all_after(after):
            missed = self._recent.after(after, topic)
        else:
            until = min(until, after + REPLAY_SPAN)
            tags = min(map(list, wanted), key=len) if wanted else None
            rows = await query.list_topic_after(
                self._db, topic=topic, tags=tags, position=after, until=until, most=REPLAY_EVENTS
            )
            if not await self._log_has_all_after(after):  # asked after reading: it is purged at any moment
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

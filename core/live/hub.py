"""Values that are computed from the database, and sent to their readers each time they have changed.

An event of the log only says that the value of a key is another one. It is then read once in each process, however many readers the key has
there, and once for all changes that come within GAP seconds. Keys that are due at the same moment are read by one query.
"""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable, Iterable, Mapping
from time import monotonic
from typing import Generic, Protocol, TypeVar

from core import product
from core.problem import Problem

# Seconds between two readings of one key: more than five updates a second are no use to anybody.
GAP = 0.2
# Keys that one query reads: some 10 ms.
BATCH = 100
# Seconds after which a reading that failed is tried again.
RETRY_SECONDS = 2.0
# Readers that are sent an update between two turns of other tasks.
YIELD_EVERY = 500

log = product.logger("hub")
Value = TypeVar("Value")
Read = TypeVar("Read", contravariant=True)


class Reader(Protocol[Read]):
    """Somebody who is sent the values of one key. None of these methods may raise.

    due: when the next value has to come, if there is no change before (monotonic).
    """

    key: int
    due: float

    def update(self, value: Read, now: float) -> None:
        """Send a value, and set `due` again. A reader that has ended meanwhile ignores it."""

    def fail(self) -> None:
        """Say that the value can't be read at the moment. It comes as soon as it can."""


class _Group(Generic[Value]):
    """The readers of one key, each with the number of its entry in Hub._timed. asked: those that are sent the next value although nothing
    may have changed. is_changed: all are. read_at: when it was last read (monotonic). is_failing: the last reading failed.
    """

    __slots__ = ("asked", "is_changed", "is_failing", "read_at", "readers")

    def __init__(self) -> None:
        self.readers: dict[Reader[Value], int] = {}
        self.asked: set[Reader[Value]] = set()
        self.is_changed = False
        self.is_failing = False
        self.read_at = 0.0

    def taken(self, now: float) -> list[Reader[Value]]:
        """Those to whom the value that is read now has to be sent."""
        readers = list(self.readers) if self.is_changed else [one for one in self.asked if one in self.readers]
        self.asked.clear()
        self.is_changed, self.read_at = False, now
        return readers


class Hub(Generic[Value]):
    """The readers in this process. read: returns the values of the given keys; raises Problem when it can't."""

    def __init__(self, read: Callable[[list[int]], Awaitable[Mapping[int, Value]]]) -> None:
        self._read = read
        self._groups: dict[int, _Group[Value]] = {}
        # One entry for each reader, its number, at its due moment or before. A number without a reader says nothing: the reader has left, or
        # has got another one. Readers are not in here themselves, so that those who have left don't stay in memory until they would be due.
        self._timed: list[tuple[float, int]] = []
        self._numbered: dict[int, Reader[Value]] = {}
        self._numbers = itertools.count()
        # The keys that are to be read, with the moment (monotonic) from which they may be.
        self._planned: dict[int, float] = {}
        self._something = asyncio.Event()
        self._working: asyncio.Task[None] | None = None

    def count(self, key: int) -> int:
        """The number of readers of a key."""
        group = self._groups.get(key)
        return len(group.readers) if group else 0

    def readers(self, key: int) -> list[Reader[Value]]:
        """The readers of a key."""
        group = self._groups.get(key)
        return list(group.readers) if group else []

    def add(self, reader: Reader[Value]) -> None:
        """Send a reader the present value, and then each new one."""
        self._groups.setdefault(reader.key, _Group())
        self.reschedule(reader)
        self.ask(reader)
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())

    def reschedule(self, reader: Reader[Value]) -> None:
        """Keep to the reader's `due`, which may be earlier than it was."""
        number, readers = next(self._numbers), self._groups[reader.key].readers
        self._numbered.pop(readers.get(reader, -1), None)
        readers[reader], self._numbered[number] = number, reader
        heapq.heappush(self._timed, (reader.due, number))
        self._something.set()

    def remove(self, reader: Reader[Value]) -> None:
        """Send nothing more to a reader."""
        group = self._groups.get(reader.key)
        if group is None:
            return
        self._numbered.pop(group.readers.pop(reader, -1), None)
        group.asked.discard(reader)
        if not group.readers:
            del self._groups[reader.key]
            self._planned.pop(reader.key, None)
            # The last one ends the work.
            self._something.set()

    def ask(self, reader: Reader[Value]) -> None:
        """Send a reader the value as it is now."""
        group = self._groups[reader.key]
        group.asked.add(reader)
        self._plan(reader.key, group)

    def change(self, key: int) -> None:
        """Send all readers of a key its value, which has changed."""
        group = self._groups.get(key)
        if group is not None:
            group.is_changed = True
            self._plan(key, group)

    def change_all(self) -> None:
        """Send all readers their values: any may have changed."""
        for key in self._groups:
            self.change(key)

    def _plan(self, key: int, group: _Group[Value], after: float = GAP) -> None:
        if key not in self._planned:
            self._planned[key] = group.read_at + after
            self._something.set()

    async def _work(self) -> None:
        while self._groups:
            await self._wait()
            now = monotonic()
            self._plan_due(now)
            keys = [key for key, at in self._planned.items() if at <= now]
            for start in range(0, len(keys), BATCH):
                await self._send(keys[start : start + BATCH])
        self._timed.clear()

    async def _wait(self) -> None:
        """Wait until a value is to be read, or a change is announced."""
        moments = [*self._planned.values(), *(entry[0] for entry in self._timed[:1])]
        try:
            await asyncio.wait_for(self._something.wait(), max(0.0, min(moments) - monotonic()) if moments else None)
        except TimeoutError:
            pass
        self._something.clear()

    def _plan_due(self, now: float) -> None:
        """Plan the readings that are due by the clock."""
        while self._timed and self._timed[0][0] <= now:
            _, number = heapq.heappop(self._timed)
            reader = self._numbered.get(number)
            if reader is None:
                continue
            if reader.due <= now:
                self.ask(reader)
            # A reader that is not sent its value in time is looked at again soon.
            heapq.heappush(self._timed, (max(reader.due, now + GAP), number))

    async def _send(self, keys: Iterable[int]) -> None:
        """Read the values of some keys, and send them."""
        now = monotonic()
        taken = {}
        for key in keys:
            self._planned.pop(key, None)
            if key in self._groups:
                # Before it is read: what changes from now on plans another reading.
                taken[key] = self._groups[key].taken(now)
        if not taken:
            return
        try:
            values = await self._read(list(taken))
        except Exception as error:
            if not isinstance(error, Problem):
                log.exception("values could not be read, trying again")
            self._fail(taken)
            return
        sent = 0
        for key, readers in taken.items():
            if key in self._groups:
                self._groups[key].is_failing = False
            for reader in readers:
                reader.update(values[key], now)
                sent += 1
                if sent % YIELD_EVERY == 0:
                    await asyncio.sleep(0)

    def _fail(self, taken: Mapping[int, list[Reader[Value]]]) -> None:
        for key, readers in taken.items():
            group = self._groups.get(key)
            if group is None:
                continue
            is_new, group.is_failing = not group.is_failing, True
            group.asked.update(reader for reader in readers if reader in group.readers)
            self._planned.pop(key, None)
            self._plan(key, group, RETRY_SECONDS)
            for reader in readers if is_new else ():
                reader.fail()

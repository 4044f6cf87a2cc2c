"""The newest events, kept in memory: a thousand reconnects after a restart must not ask Postgres a thousand times."""

from bisect import bisect_right

from core.live.events import Event

MOST_EVENTS, MOST_BYTES = 2000, 4 * 1024 * 1024


class Recent:
    """A run of events without a gap, the oldest dropped first."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._events)

    def clear(self) -> None:
        self._events.clear()
        self._bytes = 0

    def add(self, fresh: list[Event]) -> None:
        """Take the events that follow the last one."""
        self._events += fresh
        self._bytes += sum(len(event.frame) for event in fresh)
        while len(self._events) > MOST_EVENTS or self._bytes > MOST_BYTES:
            cut = max(1, len(self._events) // 4)
            self._bytes -= sum(len(event.frame) for event in self._events[:cut])
            del self._events[:cut]

    def has_all_after(self, position: int) -> bool:
        return bool(self._events) and self._events[0].position <= position + 1

    def after(self, position: int, topic: str) -> list[Event]:
        """The topic's events after `position`."""
        first = bisect_right(self._events, position, key=lambda event: event.position)
        return [event for event in self._events[first:] if event.topic == topic]

"""The newest events, kept in memory, so that thousands of readers who reconnect after a restart don't each query Postgres."""

from bisect import bisect_right

from core.live.events import Event

# Whichever is reached first.
MOST_EVENTS, MOST_BYTES = 2000, 4 * 1024 * 1024


class Recent:
    """Events without a gap between them. The oldest are dropped first. bytes: of their frames."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._events)

    def clear(self) -> None:
        """Forget all events."""
        self._events.clear()
        self.bytes = 0

    def add(self, fresh: list[Event]) -> None:
        """Add the events that follow the last one."""
        self._events += fresh
        self.bytes += sum(len(event.frame) for event in fresh)
        while len(self._events) > MOST_EVENTS or self.bytes > MOST_BYTES:
            cut = max(1, len(self._events) // 4)
            self.bytes -= sum(len(event.frame) for event in self._events[:cut])
            del self._events[:cut]

    def has_all_after(self, position: int) -> bool:
        """Whether all events after a position are here."""
        return bool(self._events) and self._events[0].position <= position + 1

    def after(self, position: int, topic: str) -> list[Event]:
        """The topic's events after `position`."""
        first = bisect_right(self._events, position, key=lambda event: event.position)
        return [event for event in self._events[first:] if event.topic == topic]

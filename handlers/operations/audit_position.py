"""How far the audit has been written to audit.log: up to which id, and which ids below it have not been seen yet."""

import json
import os
from pathlib import Path
from typing import NamedTuple

# A gap is given up at the earliest after this time, and when all transactions have ended that had begun when it was first seen. The time
# is for those that had drawn an id then, but had no transaction id yet.
SETTLE_SECONDS = 60
# More are given up, the oldest first. Rolled back transactions leave some; this many only a fault could leave.
MOST_GAPS = 20_000


class Gap(NamedTuple):
    """Ids, from low to high, that have not been seen. next_xid, since (epoch seconds): of when it was first noticed."""

    low: int
    high: int
    next_xid: int
    since: float


class Position(NamedTuple):
    """top: the highest id that was seen. gaps: in ascending order."""

    top: int
    gaps: tuple[Gap, ...] = ()

    def after(self, ids: list[int], next_xid: int, oldest_xid: int, now: float, *, is_all: bool) -> "Position":
        """The position after these ids, in ascending order, were seen. is_all: whether they are all that are visible in the gaps."""
        late = [number for number in ids if number <= self.top]
        open_gaps = [
            part
            for gap in self.gaps
            for part in _without(gap, late)
            if not is_all or gap.next_xid > oldest_xid or now - gap.since < SETTLE_SECONDS
        ]
        top = self.top
        for number in ids[len(late) :]:
            if number > top + 1:
                open_gaps.append(Gap(top + 1, number - 1, next_xid, now))
            top = number
        return Position(top, tuple(open_gaps[-MOST_GAPS:]))

    def save(self, path: Path) -> None:
        """Write it to a file, which at each moment holds this position or the one before. Raises OSError."""
        passing = path.with_name(f"{path.name}.new")
        with open(passing, "w", encoding="ascii") as file:
            json.dump({"top": self.top, "gaps": self.gaps}, file)
            file.flush()
            os.fsync(file.fileno())
        passing.replace(path)


def _without(gap: Gap, ids: list[int]) -> list[Gap]:
    """What remains of a gap."""
    parts = []
    low = gap.low
    for number in ids:
        if low <= number <= gap.high:
            if number > low:
                parts.append(gap._replace(low=low, high=number - 1))
            low = number + 1
    if low <= gap.high:
        parts.append(gap._replace(low=low))
    return parts


def read(path: Path) -> Position | None:
    """The position in a file; None without one. Raises OSError; ValueError: it isn't one."""
    try:
        found = json.loads(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        return None
    try:
        return Position(int(found["top"]), tuple(Gap(*gap) for gap in found["gaps"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a position") from error


def first(ids: list[int], next_xid: int, now: float) -> Position:
    """The position after the newest entries, whose ids these are, in ascending order. Ids that are missing among them may appear yet."""
    if not ids:
        return Position(0)
    return Position(ids[0]).after(ids[1:], next_xid, 0, now, is_all=False)

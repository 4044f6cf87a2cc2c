"""What the processors and the memory of this machine do. Linux says it in /proc; of other systems only the load is known, or nothing."""

import asyncio
import os
import time
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from core.http.application import Application

STAT, MEMORY = Path("/proc/stat"), Path("/proc/meminfo")
# Between the two looks at the processors that a measure needs, where none was taken lately.
LOOK_SECONDS = 0.1
# An earlier look serves as the first one if it is not older, nor younger than a look takes.
LATELY_SECONDS = 90.0


class Load(NamedTuple):
    """cpu: per cent. memory: MB in use. memory_share: per cent. None: not known."""

    cpu: Decimal | None
    memory: Decimal | None
    memory_share: Decimal | None


class Host:
    """`application.kept(Host)` is the process's own: it remembers its last look."""

    def __init__(self, app: Application) -> None:
        # The moment (monotonic), the ticks in which the processors worked, and all ticks.
        self._last: tuple[float, int, int] | None = None

    async def measure(self) -> Load:
        """The use of the processors since the last look, or within a tenth of a second, and of the memory now."""
        return Load(await self._cpu(), *_memory())

    async def _cpu(self) -> Decimal | None:
        now = _ticks()
        if now is None:
            return _load()
        if self._last is None or not LOOK_SECONDS <= now[0] - self._last[0] <= LATELY_SECONDS:
            self._last = now
            await asyncio.sleep(LOOK_SECONDS)
            now = _ticks() or now
        worked, passed = now[1] - self._last[1], now[2] - self._last[2]
        self._last = now
        return _per_cent(worked, passed)


def _ticks() -> tuple[float, int, int] | None:
    """The ticks since the machine was started: user, nice, system, idle, iowait, irq, softirq, steal (man 5 proc_stat)."""
    try:
        ticks = [int(word) for word in STAT.read_text(encoding="ascii").splitlines()[0].split()[1:9]]
        return time.monotonic(), sum(ticks) - ticks[3] - ticks[4], sum(ticks)
    except (OSError, ValueError, IndexError):
        return None


def _load() -> Decimal | None:
    """How many processes wanted a processor within the last minute, as a share of the processors."""
    try:
        return _per_cent(round(1000 * os.getloadavg()[0]), 1000 * (os.cpu_count() or 1))
    except (OSError, AttributeError):
        # Windows has no load.
        return None


def _memory() -> tuple[Decimal | None, Decimal | None]:
    """MB in use, and per cent."""
    try:
        lines = [line.split() for line in MEMORY.read_text(encoding="ascii").splitlines()]
        sizes = {line[0].rstrip(":"): int(line[1]) for line in lines}
        total, available = sizes["MemTotal"], sizes["MemAvailable"]
    except (OSError, ValueError, LookupError):
        return None, None
    return round(Decimal(total - available) / 1024, 1), _per_cent(total - available, total)


def _per_cent(part: int, whole: int) -> Decimal | None:
    return min(Decimal(100), max(Decimal(0), round(Decimal(100 * part) / whole, 2))) if whole > 0 else None

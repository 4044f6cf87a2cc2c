"""The folder in which the workers of one server write what they count, so that any of them can add it up (core/metrics.py).

Each start has a folder of its own.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from core import product
from core.temporary_folder import temporary_folder

# Bytes of each file of a worker. The library would let its files grow on demand; but where the disk is full, writing to a page that has no
# place on it kills the process (SIGBUS). So they are written out at first. All routes together take some 800 KB.
SIZES = {
    "counter": 512 * 1024,
    "histogram": 1024 * 1024,
    "gauge_livesum": 64 * 1024,
    "gauge_livemin": 64 * 1024,
    "gauge_livemax": 64 * 1024,
}
# Counters must not go back when a worker ends. Gauges are about processes that live.
LIVE = "gauge_live"

log = product.logger("metrics")


class MetricsFolder:
    """An open folder, for workers with the numbers 1 to `count`."""

    def __init__(self, path: Path, count: int) -> None:
        """Raises OSError."""
        self.path = path
        for number in range(1, count + 1):
            self._reserve(number, "")

    def forget(self, number: int) -> None:
        """Remove the gauges of a worker that has ended."""
        with contextlib.suppress(FileNotFoundError):
            for file in self.path.glob(f"{LIVE}*_{number}.db"):
                file.unlink()
        try:
            self._reserve(number, LIVE)
        except OSError as error:
            log.warning("can't write %s: %s", self.path, error.strerror)

    def _reserve(self, number: int, prefix: str) -> None:
        for kind, size in SIZES.items():
            if kind.startswith(prefix):
                (self.path / f"{kind}_{number}.db").write_bytes(bytes(size))


@contextlib.contextmanager
def metrics_folder(count: int) -> Iterator[MetricsFolder]:
    """A new folder for `count` workers, which is removed at the end. Removes those that killed servers have left. Raises OSError."""
    with temporary_folder("metrics") as path:
        yield MetricsFolder(path, count)

"""Log files in a folder, beside standard error: api.log, errors.log, audit.log. They rotate by size, and any number of processes may write.

A process that serves hands its lines to a thread, which writes what has gathered (`background`). So no request waits for the disk. Other
processes, such as the supervisor of workers, write each line at once: it forks, and a thread would not survive that.
"""

import contextlib
import fcntl
import logging
import math
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from concurrent_log_handler import ConcurrentRotatingFileHandler

from core import product

# Bytes of a file, and how many older ones are kept beside it.
FILE_BYTES = 10 * 1024 * 1024
BACKUPS = {"api.log": 5, "errors.log": 10, "audit.log": 10}
# The lines have addresses and e-mails of people.
FILE_MODE, FOLDER_MODE = 0o640, 0o750
# Between two writes of a process. Each takes a lock that all processes share, so many lines are written under one.
GATHER_SECONDS = 0.05
# Characters that are written under one lock.
BATCH_CHARACTERS = 256 * 1024
# Characters that wait for a slow disk. Further lines are only on standard error, so that the memory is bounded.
MOST_WAITING = 16 * 1024 * 1024
# Between two reports that a file can't be written: a full disk may take a line now and then.
TELL_SECONDS = 60
# At the end, for the disk to take the lines that wait.
END_SECONDS = 5

log = product.logger("log_files")
_ACCESS = f"{product.SLUG}.access"


def check(folder: Path) -> None:
    """Make the folder, and write to it. Raises OSError with the path that can't be written."""
    folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
    for name in BACKUPS:
        # A file that a command of root has made could not be written by the service.
        if (folder / name).exists():
            (folder / name).open("ab").close()
    probe = folder / f".check.{os.getpid()}"
    probe.write_text("check\n")
    probe.unlink()


class File(ConcurrentRotatingFileHandler):
    """One rotating file. `write` is all that its users call."""

    def __init__(self, path: Path, backups: int, size: int = FILE_BYTES) -> None:
        super().__init__(
            str(path),
            maxBytes=size,
            backupCount=backups,
            encoding="utf-8",
            newline="",
            unicode_error_policy="replace",
            chmod=FILE_MODE,
        )
        self._error: BaseException | None = None
        # Whether the last write failed and this was told, and when it was last told (monotonic).
        self._is_told, self._told_at = False, -math.inf

    def write(self, text: str) -> bool:
        """Append whole lines, without the last line break; False when the disk doesn't take them, and then none of them is in the file."""
        error = self._attempt(text)
        if error is not None:
            if not self._is_told and time.monotonic() - self._told_at > TELL_SECONDS:
                self._is_told, self._told_at = True, time.monotonic()
                log.error("%s can't be written: %s", self.baseFilename, error)
            return False
        if self._is_told:
            self._is_told = False
            log.warning("%s is written again; what is missing is on standard error", self.baseFilename)
        return True

    def sync(self) -> None:
        """Wait until the lines of the last write are on the disk, as far as it can be told."""
        with contextlib.suppress(OSError), open(self.baseFilename, "rb") as file:
            os.fsync(file.fileno())

    def _attempt(self, text: str) -> BaseException | None:
        self._error = None
        self.handle(logging.makeLogRecord({"msg": text}))
        return self._error

    def format(self, record: logging.LogRecord) -> str:
        """The text as it is: it has been formatted, and may be many lines."""
        return str(record.msg)

    def do_write(self, msg: str) -> None:
        """The library calls this under the lock of all processes."""
        size, is_whole = _end(self.baseFilename)
        try:
            # A process that was killed while it wrote has left half a line.
            super().do_write(msg if is_whole else f"\n{msg}")
        except OSError:
            self._close()
            # What a full disk took of the lines, which may be tried again.
            with contextlib.suppress(OSError):
                os.truncate(self.baseFilename, size)
            raise

    def handleError(self, record: logging.LogRecord) -> None:
        """The library calls this with the error that is being handled."""
        self._error = sys.exc_info()[1]
        # Everything is opened again at the next write: the folder may have been replaced.
        with contextlib.suppress(OSError):
            self.close()

    def finish_rotation(self) -> None:
        """Put the file in its place that a process killed during a rotation has left under a passing name."""
        path = Path(self.baseFilename)
        with open(self.lockFilename, "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for left in sorted(path.parent.glob(f"{path.name}.rotate.*"), key=lambda found: found.stat().st_mtime):
                numbers = range(1, self.backupCount)
                free = next((n for n in numbers if not path.with_name(f"{path.name}.{n}").exists()), self.backupCount)
                for number in range(free, 1, -1):
                    path.with_name(f"{path.name}.{number - 1}").replace(path.with_name(f"{path.name}.{number}"))
                left.replace(path.with_name(f"{path.name}.1"))


def _end(path: str) -> tuple[int, bool]:
    """The size of a file, and whether it ends with a whole line, as an empty or missing one does."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            if size == 0:
                return 0, True
            file.seek(-1, os.SEEK_END)
            return size, file.read(1) == b"\n"
    except FileNotFoundError:
        return 0, True


class LogFiles(logging.Handler):
    """Writes api.log (each request) and errors.log (refused requests, warnings, errors with their traces). A handler of the root logger.

    Raises OSError when the folder can't be written.
    """

    def __init__(self, folder: Path, size: int = FILE_BYTES) -> None:
        super().__init__()
        check(folder)
        self._files = {name: File(folder / name, BACKUPS[name], size) for name in ("api.log", "errors.log")}
        for file in self._files.values():
            file.finish_rotation()
        # File and line.
        self._lines: deque[tuple[str, str]] = deque()
        # Characters that ever came, and that were ever taken out: each has one writer, so neither needs a lock.
        self._came = self._taken = 0
        self._dropped = 0
        self._thread: threading.Thread | None = None
        self._has_lines, self._is_ending = threading.Event(), threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        is_access = record.name == _ACCESS
        if not is_access and record.levelno < logging.WARNING:
            return
        line = self.format(record)
        if is_access:
            self._put("api.log", line)
        if record.levelno >= logging.WARNING or getattr(record, "is_refusal", False):
            self._put("errors.log", line)

    def _put(self, name: str, line: str) -> None:
        if self._thread is None:
            self._files[name].write(line)
        elif self._came - self._taken > MOST_WAITING:
            self._dropped += 1
        else:
            self._came += len(line)
            self._lines.append((name, line))
            if not self._has_lines.is_set():
                self._has_lines.set()

    def start(self) -> None:
        """From now on a thread writes. The process must not fork any more."""
        self._is_ending.clear()
        self._thread = threading.Thread(target=self._work, name="log files", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Wait until all lines are written, but not for ever; from now on each is written at once."""
        thread = self._thread
        if thread is None:
            return
        self._is_ending.set()
        self._has_lines.set()
        thread.join(END_SECONDS)
        if thread.is_alive():
            log.warning("the disk of the log files is too slow; the last lines are on standard error only")
            return
        self._thread = None
        # What came after the thread had looked for the last time.
        self._write_waiting()

    def _work(self) -> None:
        while not self._is_ending.is_set():
            self._has_lines.wait()
            # Cleared before the lines are taken: a line that comes now wakes the thread again.
            self._has_lines.clear()
            self._write_waiting()
            self._is_ending.wait(GATHER_SECONDS)
        self._write_waiting()

    def _write_waiting(self) -> None:
        """Write all lines that wait."""
        while self._lines:
            batches: dict[str, list[str]] = {}
            characters = 0
            while self._lines and characters < BATCH_CHARACTERS:
                name, line = self._lines.popleft()
                characters += len(line)
                batches.setdefault(name, []).append(line)
            for name, lines in batches.items():
                self._files[name].write("\n".join(lines))
            self._taken += characters
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            log.warning("the disk of the log files was too slow: %d lines are on standard error only", dropped)


@contextlib.contextmanager
def background(files: LogFiles | None) -> Iterator[None]:
    """Within, a thread writes the log files."""
    if files is None:
        yield
        return
    files.start()
    try:
        yield
    finally:
        files.stop()

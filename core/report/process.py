"""Writes a report in a process of its own, which gives way to others: writing keeps a core busy, for minutes in a large file, and in a
thread it would hold up every request of the process."""

import asyncio
import contextlib
import importlib
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from core.program import CODE
from core.report import report
from core.report.report import Format

# What is added to the priority of the process, as `nice` has it.
NICE = 10


async def write_report(folder: Path, form: Format, progress: Callable[[float], Awaitable[None]]) -> Path:
    """Write the report that is in the folder; the path of the file, which is in the folder too. progress: called now and then with the part
    of the rows that are written. Raises OSError: the process has ended without the file."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        str(folder),
        form,
        cwd=CODE,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        # Ctrl-C in a terminal is for this process, which decides when the other one ends.
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        async for line in process.stdout:
            await progress(float(line))
        if status := await process.wait():
            raise OSError(f"the process that writes a report has ended with status {status}")
    finally:
        # It has ended already, unless something went wrong.
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    return _path(folder, form)


def _path(folder: Path, form: str) -> Path:
    return folder / f"file.{form}"


class Progress:
    """Says on the standard output which part of the rows is written, once for each hundredth of them."""

    def __init__(self, total: int) -> None:
        self._total, self._written, self._said = total, 0, 0

    def __call__(self, rows: int) -> None:
        self._written += rows
        percent = 100 * self._written // max(self._total, 1)
        if percent > self._said:
            self._said = percent
            try:
                os.write(sys.stdout.fileno(), f"{percent / 100}\n".encode())
            except BrokenPipeError:
                # The process that waits for the file was killed.
                raise SystemExit(1) from None


def main(folder: str, form: str) -> None:
    os.nice(NICE)
    path = Path(folder)
    found = report.load(path)
    writer = importlib.import_module(f"core.report.{form}_file")
    writer.write(found, path, _path(path, form), Progress(sum(section.rows for section in found.sections)))


if __name__ == "__main__":
    main(*sys.argv[1:])

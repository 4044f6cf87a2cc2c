"""Writes an XLSX in a process of its own, which gives way to others: writing keeps a core busy, for minutes in a large file, and in a thread
it would hold up every request of the process."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from core.program import CODE
from core.sheets import xlsx_writer
from core.sheets.cell import Column

# What is added to the priority of the process, as `nice` has it.
NICE = 10


class XlsxProcess:
    """Writes one table; made by `xlsx_process`."""

    def __init__(self, process: asyncio.subprocess.Process, pipe: asyncio.StreamWriter) -> None:
        self._process, self._pipe = process, pipe
        self.pid, self.count = process.pid, 0

    async def add(self, documents: Sequence[str]) -> None:
        """Write further rows. documents: each as JSON text. Raises Full (core/sheets/xlsx_writer.py); OSError: the process has ended."""
        self.count += len(documents)
        if self.count > xlsx_writer.MOST_ROWS:
            raise xlsx_writer.Full
        # A line break in JSON text is a blank between two of its signs.
        self._pipe.writelines(document.replace("\n", " ").encode() + b"\n" for document in documents)
        await self._pipe.drain()

    async def close(self) -> None:
        """Finish the file. Raises OSError: the process has ended without it."""
        self._pipe.close()
        if status := await self._process.wait():
            raise OSError(f"the process that writes an XLSX has ended with status {status}")


@contextlib.asynccontextmanager
async def xlsx_process(path: Path, name: str, columns: Sequence[Column]) -> AsyncIterator[XlsxProcess]:
    """A process that writes one table; it ends with the context. The arguments are those of XlsxWriter; the path is absolute."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        str(path),
        name,
        json.dumps(columns),
        cwd=CODE,
        stdin=asyncio.subprocess.PIPE,
        # Ctrl-C in a terminal is for this process, which decides when the other one ends.
        start_new_session=True,
    )
    if process.stdin is None:
        raise RuntimeError("the process has no pipe")
    try:
        yield XlsxProcess(process, process.stdin)
    finally:
        # It has ended already, unless something went wrong.
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def main(path: str, name: str, columns: str) -> None:
    os.nice(NICE)
    writer = xlsx_writer.XlsxWriter(Path(path), name, [Column(*column) for column in json.loads(columns)])
    for line in sys.stdin.buffer:
        writer.add([line.decode()])
    writer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])

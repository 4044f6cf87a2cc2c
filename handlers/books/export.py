"""Exports: the rows of a list as a file. docs/api/books.md#exports-and-imports.

A noun adds, in a module of its own (handlers/books/quote_export.py):

    class ThingExport(ThingHandler, Export):
        exported = Exported("things", columns.THINGS, things)
        parameters = export.parameters(PARAMETERS_OF_THE_LIST)

        def filters(self) -> dict[str, Any]:
            return thing_list.filters(self)

    exports = {"things": ThingExport.exported}

and the route `("/api/things/export/", ThingExport)`. `filters` is what the list itself uses, so that both take the same filters. The values of
filters must be JSON, as a job keeps them.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from core.http import schema
from core.http.declare import answers
from core.http.disposition import attachment
from core.http.parameter import Parameter
from core.http.stored_file import FILE
from core.problem import Message, Problem, invalid
from core.sheets import csv_writer, xlsx_writer
from core.temporary_folder import temporary_folder
from handlers.api.books_handler import BooksHandler
from handlers.api.books_listing import order_of
from handlers.books import export_job
from handlers.books.export_rows import Exported, Wanted

FORMATS = ("csv", "xlsx")
# Rows of an XLSX that a request waits for: writing them takes some two seconds.
MOST_AT_ONCE = 10_000
# Bytes of a file that are read and sent at once.
CHUNK = 1 << 17
# Of a list, which an export has not.
_PAGES = ("page", "page_size", "cursor")
EXPORT_FORMAT = Parameter(
    "export_format", "The kind of file.", {"type": "string", "enum": list(FORMATS), "default": "csv"}
)


def parameters(of_list: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """The parameters of an export, of those of its list."""
    return (*(one for one in of_list if one.name not in _PAGES), EXPORT_FORMAT)


class WritingTurns:
    """One XLSX is written at a time in a process, because writing keeps a core busy."""

    def __init__(self, app: Any) -> None:
        self.writing = asyncio.Lock()


class Export(BooksHandler):
    """Sends the rows of a noun's list."""

    exported: ClassVar[Exported]

    def filters(self) -> dict[str, Any]:
        """The filters that are asked for, as Query.where takes them. Raises Problem 400."""
        raise NotImplementedError

    def wanted(self) -> Wanted:
        """What is asked for. Raises Problem 400."""
        order = order_of(self.exported.listing, self.asked("ordering"))
        return Wanted(self.exported, self.owner_id, self.filters(), order)

    @answers(200, FILE, media=csv_writer.MEDIA)
    @answers(200, FILE, media=xlsx_writer.MEDIA)
    @answers(202, "books/export_queued")
    async def get(self) -> None:
        """Export the rows of the list as a file, with the list's filters and in its order. 200; 202 an XLSX of so many rows is made as a job,
        and `status_url` tells when it is done; 400 a wrong filter, another format; 429 too many exports of the caller are under way."""
        form = self.asked("export_format") or "csv"
        if form not in FORMATS:
            raise invalid({"export_format": [Message.of("enum", value=form[: schema.LONGEST_VALUE])]})
        wanted = self.wanted()
        if form == "csv":
            await self._send_csv(wanted)
        elif self.request.method == "HEAD":
            self._begin(wanted, form, xlsx_writer.MEDIA)
            self.finish()
        elif await wanted.number(self.db, MOST_AT_ONCE) > MOST_AT_ONCE:
            await self._queue(wanted)
        else:
            await self._send_xlsx(wanted)

    def _begin(self, wanted: Wanted, form: str, media: str) -> None:
        self.set_header("Content-Type", media)
        self.set_header(
            "Content-Disposition", attachment(f"{wanted.exported.noun}-{datetime.now(UTC):%Y-%m-%d}.{form}")
        )
        self.set_header("Cache-Control", "no-store")

    async def _send_csv(self, wanted: Wanted) -> None:
        """Send the rows as they are read, at the reader's pace. If that fails, the connection ends before the body does."""
        self._begin(wanted, "csv", f"{csv_writer.MEDIA}; charset=utf-8; header=present")
        if self.request.method == "HEAD":
            self.finish()
            return
        columns = wanted.exported.columns
        self.write(csv_writer.head(columns))
        async for documents in wanted.batches(self.db):
            self.write(await asyncio.to_thread(csv_writer.rows, columns, documents))
            await self.flush()
        self.finish()

    async def _send_xlsx(self, wanted: Wanted) -> None:
        """Write the file beside the answer, then send it."""
        with temporary_folder("export") as folder:
            path = folder / "export.xlsx"
            async with self.application.kept(WritingTurns).writing:
                await wanted.write_xlsx(self.db, path)
            self._begin(wanted, "xlsx", xlsx_writer.MEDIA)
            self.set_header("Content-Length", str(path.stat().st_size))
            with path.open("rb") as file:
                while chunk := await asyncio.to_thread(file.read, CHUNK):
                    self.write(chunk)
                    await self.flush()
        self.finish()

    async def _queue(self, wanted: Wanted) -> None:
        id = await export_job.queue(self.db, wanted)
        if id is None:
            said = f"{export_job.MOST_UNDER_WAY} exports are under way. Try again when one of them is done."
            raise Problem(429, "exports", said, headers={"Retry-After": str(export_job.RETRY_SECONDS)})
        self.reply({"id": id, "status": "queued", "status_url": f"{self.origin}/api/books/exports/{id}/"}, 202)

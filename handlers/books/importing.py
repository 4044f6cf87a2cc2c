"""Imports: rows of a file, checked as the bodies of a POST and stored in one statement. docs/api/books.md#exports-and-imports.

A noun adds (handlers/books/client_exchange.py):

    class ThingImport(ThingHandler, Import):
        imported = Imported(
            schema.load("books/thing_write"), columns.THINGS, (check_thing,), query.find_refusals, query.import_things, SAYS, conflict="stored"
        )

and the route `("/api/things/import/", ThingImport)`; and in its .sql two statements, as sql/books/client.sql has them.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, ClassVar

from core.data import sql
from core.http import schema
from core.http.declare import answers, idempotent, ref, takes
from core.http.parameter import BOOLEAN, Parameter
from core.problem import Message, Problem, invalid
from handlers.api import books_listing
from handlers.api.books_handler import BooksHandler
from handlers.books import import_file
from handlers.books.import_file import Content, Imported, Row, refused

# Rows that one report names.
MOST_LISTED = 1000
MODES = ("all", "good")
OPTIONS = schema.load("books/import_options")
PARAMETERS = (
    Parameter("dry_run", "Only check the file, and report what would be stored.", BOOLEAN),
    Parameter(
        "mode",
        "With `all` nothing is stored if one row is wrong; with `good` the right rows are stored.",
        {"type": "string", "enum": list(MODES), "default": "all"},
    ),
)
REFUSED = {"anyOf": [ref(name) for name in ("api/error_books", "api/field_errors_books", "books/import_refused")]}


class ReadingTurns:
    """One file is read at a time in a process: a file of 10 MB takes some 100 MB of memory."""

    def __init__(self, app: Any) -> None:
        self.reading = asyncio.Lock()


class Import(BooksHandler):
    """Takes rows of a noun."""

    imported: ClassVar[Imported]
    parameters = PARAMETERS

    @answers(201, "books/import_report")
    @answers(200, "books/import_report")
    @answers(400, REFUSED)
    @idempotent
    @takes(OPTIONS, files=("file",))
    async def post(self) -> None:
        """Import rows of a CSV or XLSX file. Its first row names the columns, as the export does, or as the members of a body; each other
        row is checked like the body of a POST. The options may also be fields of the form. 201 rows were stored; 200 none was, or it was a
        dry run; 400 the file can't be read, or a row is wrong and the mode is `all`: nothing was stored."""
        await self.read_body(OPTIONS)
        is_dry, mode = self._options()
        content = await self._content()

        async def store(db: sql.Runner) -> tuple[int, str]:
            await self.confirm(db)
            report = Report(self, content, is_dry, mode)
            await report.find(db)
            if not is_dry:
                await report.store(db)
            return (201 if report.created else 200), json.dumps(report.document(), ensure_ascii=False)

        await self.once(store)

    def _options(self) -> tuple[bool, str]:
        """Whether it is a dry run, and the mode. What the query says counts before what the form says. Raises Problem 400."""
        dry_run, mode = books_listing.flag(self, "dry_run"), books_listing.choice(self, "mode", MODES)
        is_dry = self.body.get("dry_run", False) if dry_run is None else dry_run
        return is_dry, mode or self.body.get("mode", "all")

    async def _content(self) -> Content:
        """Read the file. Raises Problem 400."""
        if "file" not in self.files:
            raise refused("No file was submitted.")
        _, data = self.files["file"]
        if not data:
            raise refused(Message.of("file.empty"))
        async with self.application.kept(ReadingTurns).reading:
            return await asyncio.to_thread(import_file.read, data, self.imported)


class Report:
    """What is done with the rows of a file."""

    def __init__(self, handler: Import, content: Content, is_dry: bool, mode: str) -> None:
        self._handler, self._content, self._is_dry, self._mode = handler, content, is_dry, mode
        self._rows, self._wrong = content.rows, dict(content.wrong)
        self._count = len(content.rows) + len(content.wrong)
        self.created = 0

    async def find(self, db: sql.Runner) -> None:
        """Find the right rows that can't be stored beside each other or beside what is stored."""
        imported, wrong = self._handler.imported, dict[int, dict[str, list[str]]]()
        for row in await imported.find(db, owner_id=self._handler.owner_id, rows=_joined(self._rows)):
            first = row["first"] and self._rows[row["first"] - 1].number
            wrong.setdefault(row["place"], {}).update(_said(imported.says[row["wrong"]], first))
        self._leave_out(wrong)

    async def store(self, db: sql.Runner) -> None:
        """Store the rows that are left. Raises Problem 400: a row is wrong and the mode is `all`."""
        self._check()
        if not self._rows:
            return
        imported = self._handler.imported
        stored = await imported.store(db, owner_id=self._handler.owner_id, rows=_joined(self._rows))
        # Only a request at the same moment can have stored what was not found before.
        self._leave_out(dict.fromkeys(stored["skipped"], imported.says[imported.conflict]))
        self._check()
        self.created = stored["created"]

    def _leave_out(self, wrong: Mapping[int, Any]) -> None:
        self._wrong |= {self._rows[place - 1].number: fields for place, fields in wrong.items()}
        self._rows = [row for place, row in enumerate(self._rows, 1) if place not in wrong]

    def _check(self) -> None:
        if self._wrong and self._mode == "all":
            said = "Rows of the file are wrong. Nothing was stored."
            raise Problem(400, "wrong-rows", said, extra=self.document())

    def document(self) -> dict[str, Any]:
        """The report, as JSON has it."""
        dialect = self._handler.dialect
        listed = sorted(self._wrong)[:MOST_LISTED]
        return {
            "dry_run": self._is_dry,
            "mode": self._mode,
            "rows": self._count,
            "valid": len(self._rows),
            "created": self.created,
            "errors": [
                {"row": number, "errors": dialect.worded(invalid(self._wrong[number])).fields} for number in listed
            ],
            "errors_truncated": len(listed) < len(self._wrong),
            "ignored_columns": self._content.ignored,
            "encoding": self._content.encoding or None,
        }


def _joined(rows: list[Row]) -> str:
    return f"[{','.join(row.text for row in rows)}]"


def _said(fields: Mapping[str, Any], first: int | None) -> dict[str, list[str]]:
    return {name: [said.format(row=first) for said in sentences] for name, sentences in fields.items()}

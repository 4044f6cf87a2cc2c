"""Reading what an export contains into a folder, from which a process of its own writes the file. docs/api/dashboard.md#export."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from core.data import sql
from core.data.database import Transaction
from core.files import media
from core.jobs import Run
from core.paper.amounts import day as long_day
from core.report import report
from core.report.report import LOGO, Format, Report, Section
from core.sheets import xlsx_writer
from handlers.dashboard import export_sections
from handlers.dashboard.export_sections import Table

# Rows that are read at once.
BATCH = 2000
# Rows of one list that a file shows. A PDF is for reading: 1,000 rows are some 25 pages. CSV is bounded by the disk only.
MOST_ROWS: Mapping[Format, int] = {"csv": 1 << 62, "xlsx": xlsx_writer.MOST_ROWS, "pdf": 1000}
# The lists, by the member of the totals that counts them.
COUNTED = {"clients": "client", "services": "service", "invoices": "invoices", "expenses": "expenses"}

query = sql.load("dashboard/export_content")
# Called with the part of the rows that are read.
Progress = Callable[[float], Awaitable[None]]


class Asked(NamedTuple):
    """What is to be exported. day: on which it was asked for. name: of the file."""

    owner_id: int
    export_format: Format
    export_type: str
    period_type: str
    include_charts: bool
    day: date
    name: str


async def read(run: Run, asked: Asked, folder: Path, progress: Progress) -> None:
    """Read all that the file shows into the folder. Raises Problem 503."""

    async def within(tx: Transaction) -> Report:
        # All statements see one state of the books, so that the figures are the sums of the rows.
        await query.see_one_state(tx)
        return await Reader(tx, asked, folder, progress).read()

    found = await run.db.transaction(within)
    if (logo := found.company["logo"]) and asked.export_format == "pdf":
        if data := await media.read(run, logo):
            (folder / LOGO).write_bytes(data)
    report.save(found, folder)


class Reader:
    """Reads one export within a transaction."""

    def __init__(self, tx: Transaction, asked: Asked, folder: Path, progress: Progress) -> None:
        self._tx, self._asked, self._folder, self._progress = tx, asked, folder, progress
        self._read, self._total = 0, 0
        self._content: dict[str, Any] = {}

    async def read(self) -> Report:
        asked = self._asked
        text = await query.get_content(self._tx, owner_id=asked.owner_id, period_type=asked.period_type, day=asked.day)
        content = self._content = json.loads(text)
        for period in content["periods"]:
            period["label"] = export_sections.label(asked.period_type, period["start"])
        tables = export_sections.TABLES[asked.export_type]
        self._total = sum(self._bounds(table)[0] for table in tables)
        sections = [await self._section(table) for table in tables]
        return Report(
            export_sections.TITLES[asked.export_type],
            export_sections.label(asked.period_type, content["start"]),
            content["company"],
            self._facts(),
            export_sections.tiles(content["figures"]),
            tuple(sections),
            asked.include_charts,
        )

    def _facts(self) -> tuple[tuple[str, str], ...]:
        content, before = self._content, self._content["previous"]
        return (
            ("Period", _span(content["start"], content["last"])),
            ("Compared with", _span(before["start"], before["last"])),
            ("Amounts in", content["company"]["currency"]),
            ("State of", long_day(f"{self._asked.day}")),
        )

    def _bounds(self, table: Table) -> tuple[int, int]:
        """How many rows of a table the file shows, and how many there are."""
        if table.source in COUNTED:
            there = self._content["totals"][COUNTED[table.source]]
            most = MOST_ROWS[self._asked.export_format]
            # Of a list of the largest nothing is said to be left out.
            return (min(there, table.most), min(there, table.most)) if table.most else (min(there, most), there)
        there = len(self._content[table.source])
        return (min(there, table.last or there),) * 2

    async def _section(self, table: Table) -> Section:
        rows, total = self._bounds(table)
        written = 0
        with report.rows_path(self._folder, table.name).open("w", encoding="utf-8", newline="\n") as file:
            async for batch in self._batches(table, rows):
                # A line break in JSON text is a blank between two of its signs.
                file.writelines(document.replace("\n", " ") + "\n" for document in batch)
                written += len(batch)
                self._read += len(batch)
                await self._progress(self._read / max(self._total, 1))
        return Section(table.name, table.columns, written, total, table.chart, table.paper, table.empty)

    async def _batches(self, table: Table, most: int) -> AsyncIterator[list[str]]:
        if table.source not in COUNTED:
            yield [json.dumps(row) for row in self._content[table.source][-table.last :]]
            return
        fetch, key, left = *self._list(table.source), most
        while left > 0:
            rows = await fetch(self._tx, **key, owner_id=self._asked.owner_id, most=min(BATCH, left))
            if not rows:
                return
            yield [row["document"] for row in rows]
            left -= len(rows)
            key |= {name: rows[-1][name] for name in key if name in rows[-1]}

    def _list(self, source: str) -> tuple[sql.Query, dict[str, Any]]:
        """The statement of a list, and its parameters at the beginning. What a row has under their names leads to the next batch."""
        content = self._content
        totals, first, last = content["totals"], *map(date.fromisoformat, (content["start"], content["last"]))
        shares = {"period_type": self._asked.period_type, "start": first, "amount": "Infinity", "after": 0}
        days = {"first": first, "last": last, "day": first, "after": 0}
        if source == "clients":
            return query.list_clients, {**shares, "revenue": totals["revenue"]}
        if source == "services":
            return query.list_services, {**shares, "subtotal": totals["subtotal"]}
        if source == "invoices":
            return query.list_invoices, {**days, "today": self._asked.day}
        return query.list_expenses, {**days, "made": "-infinity"}


def _span(first: str, last: str) -> str:
    return long_day(first) if first == last else f"{long_day(first)} – {long_day(last)}"

"""The rows of an export, and its file as XLSX. docs/api/books.md#exports-and-imports."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from core.data.database import Database
from core.http.keyset import Order
from core.sheets.cell import Column
from core.sheets.xlsx_process import xlsx_process
from handlers.api.books_listing import Listing, order_of

# Rows that are read, formatted and sent at once.
BATCH = 500


class Exported(NamedTuple):
    """How a noun is exported. noun: under which a job finds it, and which names the file."""

    noun: str
    columns: Sequence[Column]
    listing: Listing


class Wanted(NamedTuple):
    """What is to be exported. filters: as Query.where takes them."""

    exported: Exported
    owner_id: int
    filters: Mapping[str, Any]
    order: Order

    def kept(self) -> dict[str, Any]:
        """What a job needs to know, by the parameters of queue_export in sql/books/export.sql."""
        filters = {name: [*value] if isinstance(value, tuple) else [value] for name, value in self.filters.items()}
        return {
            "owner_id": self.owner_id,
            "noun": self.exported.noun,
            "filters": json.dumps(filters),
            "ordering": self.order.name,
        }

    @classmethod
    def of(cls, exported: Exported, kept: Mapping[str, Any]) -> "Wanted":
        """The same again, of what was kept."""
        filters = {name: tuple(values) for name, values in json.loads(kept["filters"]).items()}
        return cls(exported, kept["owner_id"], filters, order_of(exported.listing, kept["ordering"]))

    async def number(self, db: Database, most: int) -> int:
        """How many rows there are; more than `most` counts as one more."""
        find = self.exported.listing.found.where(**self.filters)
        found = await find(db, owner_id=self.owner_id, page=1, page_size=1, most=most)
        return int(found["count"])

    async def batches(self, db: Database) -> AsyncIterator[list[str]]:
        """The documents, a batch after the other. Each batch is a statement of its own, so that no reader holds a connection: what a batch
        shows is as it is when the batch is read."""
        after = None
        while True:
            walk = self.order.walk(self.exported.listing.walk, after).where(**self.filters)
            rows = await walk(db, after=after, owner_id=self.owner_id, page_size=BATCH)
            yield [row["document"] for row in rows[:BATCH]]
            if len(rows) <= BATCH:
                return
            after = rows[BATCH - 1]["key"]

    async def write_xlsx(self, db: Database, path: Path) -> int:
        """Write the file, in a process of its own; the number of its rows. Raises Full (core/sheets/xlsx_writer.py)."""
        async with xlsx_process(path, self.exported.noun.title(), self.exported.columns) as writer:
            async for documents in self.batches(db):
                await writer.add(documents)
            await writer.close()
        return writer.count

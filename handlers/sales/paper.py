"""Papers of the warehouse, as PDFs: picking lists and delivery notes; what they have in common with labels. docs/api/sales.md#papers."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from core import product
from core.data import sql
from core.http.declare import answers
from core.http.disposition import attachment, inline
from core.http.parameter import BOOLEAN, ID, Parameter
from core.paper.fonts import in_thread
from core.problem import Problem, invalid, not_found
from handlers.api.roles import may_enter
from handlers.sales import SalesHandler
from handlers.sales.delivery_paper import delivery_notes
from handlers.sales.paper_rows import Shown
from handlers.sales.picking_paper import merged_list, picking_lists

PDF = "application/pdf"
BINARY = {"type": "string", "format": "binary"}
# Of one file. All papers are written in one thread, so a large one makes others wait.
MOST_INVOICES, MOST_ITEMS = 50, 10_000

DOWNLOAD = Parameter("download", "Whether a browser saves the file instead of showing it.", BOOLEAN)
MERGED = Parameter("merged", "Whether all invoices are one list, for one walk.", BOOLEAN)
PRICES = Parameter("prices", "Whether the note has prices and amounts.", BOOLEAN)
INVOICES = Parameter(
    "invoice", f"The id of an invoice, 1 to {MOST_INVOICES} of them, in the order of the papers.", ID, repeats=True
)

query = sql.load("sales/paper")
# Writes the paper of some invoices, which list_papers of sql/sales/paper.sql returns.
Write = Callable[[Sequence[Mapping[str, Any]]], bytes]


class PaperHandler(SalesHandler):
    """The base of all papers of invoices."""

    # Not the access of public reading: papers say who works on an invoice.
    access = may_enter("sales")
    missing = "No Invoice matches the given query."

    async def show(
        self, name: str, ids: Sequence[int], write: Write, *options: Any, most_items: int = MOST_ITEMS
    ) -> None:
        """Answer with the paper of the invoices. name: of the file. options: all that it depends on beside the invoices. Raises Problem:
        400, 404."""
        named = attachment if self.flag("download") else inline
        found = await query.list_papers(self.db, ids=ids, most=most_items)
        self._refuse(ids, found, most_items)
        state = hashlib.sha256(repr((product.VERSION, name, options, self.shown)).encode())
        state.update(found["documents"].encode())
        self.set_header("ETag", f'"{state.hexdigest()[:32]}"')
        # A client may keep it, but asks each time whether it is still current.
        self.set_header("Cache-Control", "private, no-cache")
        if self.check_etag_header():
            self.set_status(304)
            self.finish()
            return
        # It takes milliseconds, and for thousands of items seconds.
        body = await in_thread(lambda: write(json.loads(found["documents"], parse_float=Decimal)))
        filename = f"{name}-{found['numbers'][0]}.pdf" if len(ids) == 1 else f"{name}s.pdf"
        self.reply(body, headers={"Content-Type": PDF, "Content-Disposition": named(filename)})

    def _refuse(self, ids: Sequence[int], found: Any, most_items: int) -> None:
        if unknown := [str(id) for id in ids if id not in found["ids"]]:
            raise not_found(f"{self.missing} Unknown: {', '.join(unknown)}." if len(ids) > 1 else self.missing)
        if found["items"] > most_items:
            raise Problem(400, "too-many", f"A file of this kind has at most {most_items} items.")

    @property
    def shown(self) -> Shown:
        return Shown(self.config.paper_header, self.config.business_timezone)

    def invoices(self) -> list[int]:
        """The ids that the query names, each once. Raises Problem 400."""
        asked = list(dict.fromkeys(self.all_asked("invoice")))
        if not asked:
            raise invalid({"invoice": ["This field is required."]})
        if len(asked) > MOST_INVOICES:
            raise invalid({"invoice": [f"Ensure there are no more than {MOST_INVOICES} invoices."]})
        if not all(id.isascii() and id.isdecimal() and len(id) <= 18 for id in asked):
            raise invalid({"invoice": ["A valid integer is required."]})
        return list(dict.fromkeys(map(int, asked)))

    def flag(self, name: str) -> bool:
        """Raises Problem 400: neither true nor false."""
        return self.chosen(name, ("false", "true")) == "true"

    def chosen(self, name: str, choices: Sequence[str]) -> str:
        """One of the choices, the first without the parameter. Raises Problem 400."""
        asked = self.asked(name) or choices[0]
        if asked not in choices:
            raise invalid({name: [f'"{asked[:40]}" is not a valid choice. Choices: {", ".join(choices)}.']})
        return asked

    def number(self, name: str, most: int) -> int:
        """A number from 1 on; 1 without the parameter. Raises Problem 400."""
        asked = self.asked(name) or "1"
        if not (asked.isascii() and asked.isdecimal() and len(asked) <= 9):
            raise invalid({name: ["A valid integer is required."]})
        if not 1 <= int(asked) <= most:
            raise invalid({name: [f"Ensure this value is from 1 to {most}."]})
        return int(asked)


class PickingList(PaperHandler):
    parameters = (DOWNLOAD,)

    @answers(200, BINARY, media=PDF, headers=("ETag",))
    @answers(304, None, headers=("ETag",))
    async def get(self, id: str) -> None:
        """Print the picking list of an invoice, as a PDF: its items in the order of the walk. 200; 304; 400 a wrong parameter; 404."""
        await self.show("picking-list", [int(id)], picking_lists)


class PickingLists(PaperHandler):
    parameters = (INVOICES, MERGED, DOWNLOAD)

    @answers(200, BINARY, media=PDF, headers=("ETag",))
    @answers(304, None, headers=("ETag",))
    async def get(self) -> None:
        """Print the picking lists of several invoices, as one PDF, in which each begins a page; or one list for all. 200; 304; 400 a wrong
        parameter, or more than 10,000 items; 404 an invoice doesn't exist."""
        is_merged = self.flag("merged")
        await self.show("picking-list", self.invoices(), merged_list if is_merged else picking_lists, is_merged)


class NoteHandler(PaperHandler):
    async def show_notes(self, ids: Sequence[int]) -> None:
        has_prices = self.flag("prices")
        write = partial(delivery_notes, shown=self.shown, has_prices=has_prices)
        await self.show("delivery-note", ids, write, has_prices)


class DeliveryNote(NoteHandler):
    parameters = (PRICES, DOWNLOAD)

    @answers(200, BINARY, media=PDF, headers=("ETag",))
    @answers(304, None, headers=("ETag",))
    async def get(self, id: str) -> None:
        """Print the delivery note of an invoice, as a PDF. 200; 304; 400 a wrong parameter; 404."""
        await self.show_notes([int(id)])


class DeliveryNotes(NoteHandler):
    parameters = (INVOICES, PRICES, DOWNLOAD)

    @answers(200, BINARY, media=PDF, headers=("ETag",))
    @answers(304, None, headers=("ETag",))
    async def get(self) -> None:
        """Print the delivery notes of several invoices, as one PDF, in which each begins a page. 200; 304; 400 a wrong parameter, or more than
        10,000 items; 404 an invoice doesn't exist."""
        await self.show_notes(self.invoices())


groups = ("Invoices: papers", "Staff: papers")
routes = [
    ("/api/sales/invoices/{id:int}/picking-list/", PickingList),
    ("/api/sales/invoices/{id:int}/delivery-note/", DeliveryNote),
    ("/api/sales/papers/picking-list/", PickingLists),
    ("/api/sales/papers/delivery-note/", DeliveryNotes),
]

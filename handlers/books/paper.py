"""Quotes and invoices as PDFs. docs/api/books.md#papers."""

import hashlib
import json
from decimal import Decimal
from typing import Any, ClassVar, NamedTuple

from core import product
from core.data import sql
from core.files.media import Files
from core.http.declare import answers
from core.http.disposition import attachment, inline
from core.http.parameter import BOOLEAN, Parameter
from core.paper.fonts import in_thread
from core.paper.picture import Picture
from core.problem import not_found
from handlers.api import books_listing
from handlers.api.books_handler import BooksHandler
from handlers.books.logo import find_logo
from handlers.books.paper_sheet import KINDS, paper_pdf

PDF = "application/pdf"
BINARY = {"type": "string", "format": "binary"}
DOWNLOAD = Parameter("download", "Whether a browser saves the file instead of showing it.", BOOLEAN)

query = sql.load("books/paper")
_statements = {"quote": query.get_quote, "invoice": query.get_invoice}


class Paper(NamedTuple):
    """A paper as a file."""

    filename: str
    data: bytes


class Unwritten(NamedTuple):
    """Everything that a paper shows. text: the JSON of sql/books/paper.sql."""

    text: str
    content: dict[str, Any]
    logo: Picture | None

    @property
    def filename(self) -> str:
        """The number, or for a paper that has none what it is."""
        return f"{self.content['document'].get(KINDS[self.content['kind']].number) or self.content['kind']}.pdf"

    @property
    def etag(self) -> str:
        """Another release may print the same otherwise."""
        state = (product.VERSION, self.text, self.logo is None)
        return f'"{hashlib.sha256(repr(state).encode()).hexdigest()[:32]}"'

    async def written(self) -> bytes:
        # It takes milliseconds, and for a thousand lines a second.
        return await in_thread(lambda: paper_pdf(self.content, self.logo))


async def unwritten(app: Files, text: str) -> Unwritten:
    """The paper of a JSON of sql/books/paper.sql. Without its logo, if that can't be read."""
    content = json.loads(text, parse_float=Decimal)
    return Unwritten(text, content, await find_logo(app, content["company"]["logo"]))


async def find(app: Files, kind: str, owner_id: int, id: int) -> Unwritten | None:
    """The paper of a quote or an invoice; None: the owner has no such one. kind: a key of KINDS."""
    text = await _statements[kind](app.db, owner_id=owner_id, id=id)
    return None if text is None else await unwritten(app, text)


async def render(app: Files, kind: str, owner_id: int, id: int) -> Paper | None:
    """The PDF of a quote or an invoice, for whoever has no request; None: the owner has no such one. kind: a key of KINDS."""
    paper = await find(app, kind, owner_id, id)
    return None if paper is None else Paper(paper.filename, await paper.written())


class PaperHandler(BooksHandler):
    """kind: a key of KINDS."""

    parameters = (DOWNLOAD,)
    kind: ClassVar[str]

    async def show_paper(self, id: int) -> None:
        """Raises Problem: 400 a wrong parameter; 404."""
        named = attachment if books_listing.flag(self, "download") else inline
        paper = await find(self.application, self.kind, self.owner_id, id)
        if paper is None:
            raise not_found(self.missing)
        self.set_header("ETag", paper.etag)
        # A client may keep it, but asks each time whether it is still current.
        self.set_header("Cache-Control", "private, no-cache")
        if self.check_etag_header():
            self.set_status(304)
            self.finish()
            return
        shown = {"Content-Type": PDF, "Content-Disposition": named(paper.filename)}
        self.reply(await paper.written(), headers=shown)


class QuotePdf(PaperHandler):
    groups = ("Books: quotes",)
    kind = "quote"

    @answers(200, BINARY, media=PDF, headers=("ETag",))
    @answers(304, None, headers=("ETag",))
    async def get(self, id: str) -> None:
        """Show a quote on paper, as a PDF. 200; 304; 400 a wrong parameter; 404."""
        await self.show_paper(int(id))


class InvoicePdf(PaperHandler):
    groups = ("Books: invoices",)
    kind = "invoice"

    @answers(200, BINARY, media=PDF, headers=("ETag",))
    @answers(304, None, headers=("ETag",))
    async def get(self, id: str) -> None:
        """Show an invoice on paper, as a PDF. 200; 304; 400 a wrong parameter; 404."""
        await self.show_paper(int(id))


routes = [
    ("/api/quotes/{id:int}/pdf/", QuotePdf),
    ("/api/invoices/{id:int}/pdf/", InvoicePdf),
]

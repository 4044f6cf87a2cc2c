"""Quotes and invoices while they are written: their sums and their paper, of which nothing is stored. docs/api/books.md#preview."""

from core.http import negotiate
from core.http.declare import JSON, answers, body
from core.http.disposition import inline
from core.http.parameter import Parameter
from core.http.rate_limit import Allowance
from core.problem import Problem, invalid
from handlers.api import books_listing
from handlers.api.books_handler import BooksHandler
from handlers.api.handler import gone
from handlers.books.paper import BINARY, PDF, query, unwritten
from handlers.books.paper_sheet import KINDS
from handlers.books.paperwork import TOO_LARGE, WRONG_CLIENT, PaperworkDialect

OFFERED = (JSON, PDF)
# How many times as many previews as other requests a caller may ask for within an hour. While somebody types there is one each half second.
PREVIEWS = 5


class PreviewDialect(PaperworkDialect):
    sentences = {**PaperworkDialect.sentences, "client:minimum": WRONG_CLIENT, "client:maximum": WRONG_CLIENT}


class Preview(BooksHandler):
    dialect = PreviewDialect()
    parameters = (
        Parameter("kind", "What is written; an invoice without it.", {"type": "string", "enum": sorted(KINDS)}),
    )

    def allowance(self) -> Allowance:
        """Previews are counted by themselves: an hour of typing would leave nothing for the rest of the work."""
        usual = super().allowance()
        return Allowance("preview", usual.limit * PREVIEWS, f"preview:{usual.key}")

    @answers(200, "books/preview_sums")
    @answers(200, BINARY, media=PDF)
    @body("books/preview")
    async def post(self) -> None:
        """Compute a quote or an invoice that is being written, by the same rules as those that are stored, and store nothing. Lines that
        are not complete are left out. The Accept header decides between the sums and the paper, a PDF. 200; 400 wrong fields, or an
        unknown kind; 406 the Accept header names nothing of it."""
        media, kind = self._media(), books_listing.choice(self, "kind", sorted(KINDS)) or "invoice"
        found = await query.preview(self.db, owner_id=self.owner_id, kind=kind, body=self.body_text)
        if found is None:
            # The account was deleted after the token was checked.
            raise gone()
        if not found["has_client"]:
            raise invalid({"client": [WRONG_CLIENT]})
        if not found["fits"]:
            raise invalid({"non_field_errors": [TOO_LARGE]})
        if media == JSON:
            self.reply(found["sums"])
            return
        paper = await unwritten(self.application, found["paper"])
        shown = {"Content-Type": PDF, "Content-Disposition": inline(paper.filename)}
        self.reply(await paper.written(), headers=shown)

    def set_default_headers(self) -> None:
        super().set_default_headers()
        # Of refusals too: another Accept header may be answered otherwise.
        self.add_header("Vary", "Accept")

    def _media(self) -> str:
        """The media type of the answer. Raises Problem 406."""
        media = negotiate.media_type(self.header("Accept"), OFFERED)
        if media is None:
            message = f"Could not satisfy the request Accept header. Available: {', '.join(OFFERED)}."
            raise Problem(406, "not-acceptable", message)
        return media


groups = ("Books: papers",)
routes = [("/api/books/preview/", Preview)]

"""Invoices that are made of quotes. docs/api/books.md#conversion."""

import json
from typing import ClassVar

from core.data import sql
from core.http import schema
from core.http.declare import answers, body, closed, idempotent, ref, takes
from core.http.json_text import composed
from core.problem import Problem, invalid, not_found
from handlers.api.books_handler import stale
from handlers.books.invoice_refusal import InvoiceHandler

CONVERTED = closed({"message": {"type": "string"}, "source_quote": {"type": "string"}, "invoice": ref("books/invoice")})
MISSING = "Quote not found."
OVERRIDES = schema.load("books/conversion_create")

query = sql.load("books/conversion")


class ConversionHandler(InvoiceHandler):
    # What an unknown quote is answered with.
    unknown: ClassVar[Problem]

    async def convert(self, quote_id: int, sent: str, if_match: list[str] | None = None) -> None:
        """Make an invoice of a quote, and answer with it. sent: JSON of an object. if_match: states of the quote. Raises Problem 400, 412, or
        as of an unknown quote."""

        async def make(db: sql.Runner) -> tuple[int, str]:
            made = await query.convert_quote(
                db, owner_id=self.owner_id, quote_id=quote_id, body=sent, if_match=if_match
            )
            if made["refusal"] == "missing":
                raise self.unknown
            if self.current(made)["refusal"] is not None:
                raise invalid({"quote_id": ["Quote cannot be converted to invoice."]})
            message, number = json.dumps("Invoice created from quote successfully"), json.dumps(made["original"])
            return 201, composed({"message": message, "source_quote": number, "invoice": made["document"]})

        await self.once(make, is_one_statement=True)


class QuoteConversion(ConversionHandler):
    missing = MISSING
    unknown = not_found(MISSING)

    @stale
    @answers(201, CONVERTED)
    @idempotent
    @takes(OVERRIDES, is_optional=True)
    async def post(self, id: str) -> None:
        """Make an invoice of an accepted quote, once. What the body has replaces the quote's own. 201; 400 wrong fields, or the quote is not
        accepted or has an invoice; 404; 412 the quote is in another state than If-Match says."""
        sent = "{}"
        if self.request.body:
            await self.read_body(OVERRIDES)
            sent = self.body_text
        await self.convert(int(id), sent, self.if_match)


class InvoiceFromQuote(ConversionHandler):
    unknown = invalid({"quote_id": [MISSING]})

    @answers(201, CONVERTED)
    @idempotent
    @body("books/conversion_create_by_id")
    async def post(self) -> None:
        """Make an invoice of an accepted quote, once. What the body has replaces the quote's own. 201; 400 wrong fields, an unknown quote, or
        one that is not accepted or has an invoice."""
        await self.convert(int(self.body["quote_id"]), self.body_text)


groups = ("Books: invoices", "Books: quotes")
routes = [
    ("/api/quotes/{id:int}/convert_to_invoice/", QuoteConversion),
    ("/api/invoices/from_quote/", InvoiceFromQuote),
]

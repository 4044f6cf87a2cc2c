"""Receipts of orders, on paper and on the screen. docs/api/pos.md#receipts."""

import json
import re
from collections.abc import Mapping
from typing import Any

from core.data import sql
from core.http import negotiate
from core.http.declare import answers
from core.http.parameter import Parameter
from core.paper.fonts import in_thread
from core.problem import Problem, invalid, not_found
from handlers.api.handler import PosHandler
from handlers.pos import selling
from handlers.pos.receipt_form import as_escpos, as_pdf, as_text
from handlers.pos.receipt_paper import PAPERS, WORDS, receipt_rows

# By the parameter `format`. What a printer takes has no registered type; clients know it by either name.
MEDIA = {"text": "text/plain", "pdf": "application/pdf", "escpos": "application/octet-stream"}
PRINTER = "application/vnd.escpos"
OFFERED = (*MEDIA.values(), PRINTER)
LANGUAGES = tuple(WORDS)
AMOUNT = "[0-9]{1,12}([.][0-9]{1,2})?"
BINARY = {"type": "string", "format": "binary"}

query = sql.load("pos/receipt")


class Receipt(PosHandler):
    access = selling
    parameters = (
        Parameter(
            "format",
            "The form of the receipt; without it the Accept header decides, and without that it is text.",
            {"type": "string", "enum": list(MEDIA)},
        ),
        Parameter(
            "paper",
            "The width of the paper in millimetres: 80 holds 42 characters in a row, 58 holds 32; 80 without it.",
            {"type": "integer", "enum": list(map(int, PAPERS))},
        ),
        Parameter(
            "lang",
            "The language; without it the Accept-Language header decides, and without that it is Spanish.",
            {"type": "string", "enum": list(LANGUAGES)},
        ),
        Parameter(
            "tendered",
            "What the customer handed over for an order that is paid in cash; the receipt then shows it with the change.",
            {"type": "string", "pattern": f"^{AMOUNT}$"},
        ),
    )

    @answers(200, {"type": "string"}, media=MEDIA["text"])
    @answers(200, BINARY, media=MEDIA["pdf"])
    @answers(200, BINARY, media=MEDIA["escpos"])
    @answers(200, BINARY, media=PRINTER)
    async def get(self, id: str) -> None:
        """Print the receipt of an order, as text, as a PDF, or as the bytes that a receipt printer takes (ESC/POS). 200; 400 an unknown
        format, paper or language, or a `tendered` that is no amount, less than the total, or not for an order paid in cash; 404; 406 the
        Accept header names nothing of it."""
        media, paper, language = self._media(), PAPERS[self._choice("paper", tuple(PAPERS))], self._language()
        found = await query.get_receipt(
            self.db, id=int(id), tendered=self._tendered(), zone=self.config.business_timezone
        )
        if found is None:
            raise not_found()
        receipt = json.loads(found)
        if receipt["refusal"] is not None:
            raise _refused(receipt)
        header, footer = self.config.receipt_header, self.config.receipt_footer
        name = f"ticket-{receipt['order']['ticket_folio']}"

        def write() -> tuple[bytes, dict[str, str]]:
            rows = receipt_rows(receipt, paper, language, header, footer)
            if media == MEDIA["text"]:
                return as_text(rows), {"Content-Type": f"{media}; charset=utf-8"}
            if media == MEDIA["pdf"]:
                shown = {"Content-Type": media, "Content-Disposition": f'inline; filename="{name}.pdf"'}
                return as_pdf(rows, paper, name, language), shown
            return as_escpos(rows), {"Content-Type": media, "Content-Disposition": f'attachment; filename="{name}.bin"'}

        # A PDF, or a long receipt of any form, takes milliseconds.
        body, headers = await in_thread(write)
        self.reply(body, headers={**headers, "Content-Language": language})

    def set_default_headers(self) -> None:
        super().set_default_headers()
        # Of refusals too: another Accept header may be answered otherwise.
        self.add_header("Vary", "Accept, Accept-Language")

    def _media(self) -> str:
        """The media type of the answer. Raises Problem: 400, 406."""
        if self.asked("format"):
            return MEDIA[self._choice("format", tuple(MEDIA))]
        media = negotiate.media_type(self.header("Accept"), OFFERED)
        if media is None:
            message = f"Could not satisfy the request Accept header. Available: {', '.join(OFFERED)}."
            raise Problem(406, "not-acceptable", message)
        return media

    def _language(self) -> str:
        if self.asked("lang"):
            return self._choice("lang", LANGUAGES)
        return negotiate.language(self.header("Accept-Language"), LANGUAGES)

    def _choice(self, name: str, choices: tuple[str, ...]) -> str:
        """The value of a parameter, the first choice without one. Raises Problem 400: any other value."""
        asked = self.asked(name) or choices[0]
        if asked not in choices:
            raise invalid({name: [f'"{asked[:40]}" is not a valid choice. Choices: {", ".join(choices)}.']})
        return asked

    def _tendered(self) -> str | None:
        """The amount as it was sent. Raises Problem 400: what was sent is no amount."""
        asked = self.asked("tendered")
        if asked and not re.fullmatch(AMOUNT, asked):
            raise invalid({"tendered": ["Debe ser un importe con dos decimales como máximo, por ejemplo 500.00."]})
        return asked or None


def _refused(receipt: Mapping[str, Any]) -> Problem:
    """What `tendered` is refused with, by the refusals of get_receipt."""
    if receipt["refusal"] == "less":
        total = receipt["order"]["final_amount"]
        return invalid({"tendered": [f"El importe entregado es menor que el total: {total}."]})
    return invalid({"tendered": ["Solo una orden pagada en efectivo tiene un importe entregado."]})


groups = ("Shop: orders",)
routes = [("/api/orders/{id:int}/receipt/", Receipt)]

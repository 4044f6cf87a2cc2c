"""What quotes and invoices have in common: the sentences about their lines and sums. docs/api/books.md#quotes, docs/api/books.md#invoices."""

from collections.abc import Mapping
from typing import Any

from core.problem import invalid
from handlers.api.dialects import BooksDialect
from handlers.api.messages import SENTENCES

NO_LINES = "At least one line item is required."
WRONG_CLIENT = "Invalid client selected."
TOO_LARGE = "The total must be no more than 99999999.99."
_RATE = "Tax rate must be between 0 and 1 (0-100%)."


class PaperworkDialect(BooksDialect):
    sentences = {
        **SENTENCES,
        "line_items:required": NO_LINES,
        "description:pattern": "Description cannot be empty.",
        "quantity:minimum": "Quantity must be greater than zero.",
        "unit_price:minimum": "Unit price must be greater than zero.",
        "tax_rate:minimum": _RATE,
        "tax_rate:maximum": _RATE,
    }


def check_lines(sent: Mapping[str, Any]) -> None:
    """Check that a body has lines, if it says anything of them. Raises Problem 400."""
    if sent.get("line_items") == []:
        raise invalid({"line_items": [NO_LINES]})

"""What writes of invoices are refused with, by the refusals of the functions in sql/books/functions.sql. docs/api/books.md#invoices."""

import json
from collections.abc import Mapping
from typing import Any

from core.problem import Problem, invalid
from handlers.api.books_handler import BooksHandler
from handlers.books import paperwork
from handlers.books.paperwork import PaperworkDialect

WRONG_QUOTE = "Invalid quote selected."
NOT_POSITIVE = "Amount must be greater than zero."
_FIELDS = {
    "client": {"client": [paperwork.WRONG_CLIENT]},
    "quote": {"source_quote": [WRONG_QUOTE]},
    "quote client": {"source_quote": ["Quote client must match invoice client."]},
    "quote used": {"source_quote": ["This quote already has an invoice."]},
    "payment": {"payments": ["Invalid payment selected."]},
}
FUTURE = "Payment date cannot be in the future."


class InvoiceDialect(PaperworkDialect):
    sentences = {**PaperworkDialect.sentences, "amount:minimum": NOT_POSITIVE}


class InvoiceHandler(BooksHandler):
    """The base of the handlers of invoices."""

    dialect = InvoiceDialect()


def done(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row of a write of an invoice (refusal, said). Raises Problem 400 if it was refused."""
    if row["refusal"] is not None:
        raise _refused(row["refusal"], json.loads(row["said"] or "null"))
    return row


def deleted(row: Mapping[str, Any]) -> None:
    """Check the row of delete_invoice (is_refused). Raises Problem 400 if it was refused."""
    if row["is_refused"]:
        raise Problem(400, "not-draft", "Only draft invoices can be deleted")


def paid(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row of a payment (refusal, said). Raises Problem 400 if it was refused."""
    said = json.loads(row["said"] or "null")
    match row["refusal"]:
        case "not payable":
            raise Problem(400, "not-payable", _not_payable(said["status"]))
        case "payment_date":
            raise invalid({"payment_date": [FUTURE]})
        case "overpaid":
            raise invalid({"amount": [f"The payment exceeds the balance of {said['balance']}."]})
    return row


def _refused(refusal: str, said: Any) -> Problem:
    match refusal:
        case "not draft":
            return Problem(400, "not-draft", "Only draft invoices can be edited")
        case "status":
            was, wanted = said["from"].capitalize(), said["to"].capitalize()
            return invalid({"status": [f"Cannot transition from {was} to {wanted}."]})
        case "not payable":
            return invalid({"payments": [_not_payable(said["status"])]})
        case "payment_date":
            return invalid({"payments": [FUTURE]})
        case "overpaid":
            return invalid({"payments": [f"The payments exceed the balance of {said['balance']}."]})
    return invalid(_FIELDS[refusal])


def _not_payable(status: str) -> str:
    return f"Payments cannot be recorded on a {status} invoice."


refusals = {
    "invoice_due_date_order": invalid({"due_date": ["Due date cannot be before issue date"]}),
    "invoice_total_amount_fits": invalid({"total_amount": [paperwork.TOO_LARGE]}),
    "invoice_total_amount_positive": invalid({"total_amount": ["The total must be at least 0.01."]}),
    # Another invoice was made of the quote at the same moment.
    "invoice_quote_id_key": invalid(_FIELDS["quote used"]),
}

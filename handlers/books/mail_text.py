"""The texts of mails to clients. docs/api/books.md#mail."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from core.paper.amounts import amount

QUOTE = "Please find attached quote {number} over {amount}. It is valid until {day}."
INVOICE = "Please find attached invoice {number}. {amount} is due on {day}."
PAID = "Please find attached invoice {number}, which is paid. Thank you."
REMINDER = (
    "This is a friendly reminder that invoice {number} was due on {day}. {amount} is still open. "
    "The invoice is attached. If you have paid it in the meantime, please ignore this mail."
)


def written(mail: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """The text of a mail. mail: kind, message, client, sender. about: number, amount (a decimal as text), currency, sign, day (ISO), status. What the
    owner has written takes the place of the usual sentence."""
    usual = {"quote": QUOTE, "reminder": REMINDER}.get(mail["kind"], PAID if about["status"] == "paid" else INVOICE)
    day = date.fromisoformat(about["day"])
    due = amount(about["amount"], about["currency"], about["sign"])
    said = mail["message"] or usual.format(number=about["number"], amount=due, day=f"{day.day} {day:%B %Y}")
    return f"Hello {mail['client']},\n\n{said}\n\nKind regards\n{mail['sender']}\n"

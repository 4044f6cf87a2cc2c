"""The topics of webhooks: what they tell of, and who may see them. docs/api/webhooks.md#topics"""

import re
from collections.abc import Sequence

from core.http.declare import answers, closed
from core.problem import invalid
from handlers.api.caller import Caller
from handlers.api.roles import ROLES, signed_in_caller
from handlers.webhooks.handler import WebhookHandler

# By topic: the areas whose roles see it, and what it tells.
TOPICS: dict[str, tuple[tuple[str, ...], str]] = {
    "books.client.created": (("books",), "You have added a client."),
    "books.client.updated": (("books",), "A client of yours has changed."),
    "books.client.deleted": (("books",), "A client of yours was deleted."),
    "books.quote.created": (("books",), "You have made a quote."),
    "books.quote.updated": (("books",), "A quote of yours has changed."),
    "books.quote.sent": (("books",), "A quote was sent."),
    "books.quote.accepted": (("books",), "A quote was accepted."),
    "books.quote.rejected": (("books",), "A quote was rejected."),
    "books.quote.expired": (("books",), "A quote has expired."),
    "books.quote.deleted": (("books",), "A quote of yours was deleted."),
    "books.invoice.created": (("books",), "You have made an invoice."),
    "books.invoice.updated": (("books",), "An invoice of yours has changed, or was paid in part."),
    "books.invoice.sent": (("books",), "An invoice was sent."),
    "books.invoice.paid": (("books",), "An invoice is paid."),
    "books.invoice.overdue": (("books",), "An invoice is overdue."),
    "books.invoice.cancelled": (("books",), "An invoice was cancelled."),
    "books.invoice.deleted": (("books",), "An invoice of yours was deleted."),
    "books.payment.created": (("books",), "A payment was recorded."),
    "books.payment.updated": (("books",), "A payment has changed."),
    "books.payment.deleted": (("books",), "A payment was removed."),
    "books.expense.created": (("books",), "You have added an expense."),
    "books.expense.updated": (("books",), "An expense of yours has changed."),
    "books.expense.approved": (("books",), "An expense was approved."),
    "books.expense.rejected": (("books",), "An expense was rejected."),
    "books.expense.reimbursed": (("books",), "An expense was reimbursed."),
    "books.expense.deleted": (("books",), "An expense of yours was deleted."),
    "sales.invoice.created": (("sales",), "An invoice was imported."),
    "sales.invoice.updated": (("sales",), "An invoice has changed, but not its status."),
    "sales.invoice.status_changed": (("sales",), "An invoice has got another status, as it was picked, packed or delivered."),
    "sales.invoice.deleted": (("sales",), "An invoice was deleted."),
    "pos.order.created": (("pos",), "An order was made."),
    "pos.order.updated": (("pos",), "An order has changed."),
    "pos.order.paid": (("pos",), "An order is paid."),
    "pos.order.cancelled": (("pos",), "An order was cancelled."),
    "pos.order.deleted": (("pos",), "An order was deleted."),
    "pos.stock.changed": (("pos",), "The stock of a product has changed, or its name, SKU, or whether it is active."),
    "pos.stock.low": (("pos",), "The stock of a product has fallen below what was sold of it in the month before."),
    "vendor.catalogue.changed": (("vendor",), "Items or categories of yours, or categories of all vendors, have changed."),
    "vendor.profile.changed": (("vendor", "sales-rep"), "A vendor has changed: for a vendor the own one, for a sales rep any."),
    "webhook.test": ((), "A test, sent to the webhook for which it is asked."),
}  # fmt: skip
_ENTRY = re.compile(r"\*|[a-z-]+(\.[a-z_]+)?\.\*")


def seen_by(caller: Caller) -> list[str]:
    """The topics that an account may see."""
    areas = set(ROLES[caller.role])
    return [topic for topic, (whose, _) in TOPICS.items() if not whose or areas & set(whose)]


def check_topics(caller: Caller, entries: Sequence[str]) -> None:
    """Check the topics of a body: names of topics, or beginnings of some followed by `*`. Raises Problem 400."""
    seen = seen_by(caller)
    wrong = [entry for entry in entries if not _includes_any(entry, seen)]
    if wrong:
        raise invalid({"topics": [f'"{entry}" is not a topic that you may see.' for entry in dict.fromkeys(wrong)]})


def _includes_any(entry: str, topics: Sequence[str]) -> bool:
    if entry in topics or entry == "*":
        return True
    return bool(_ENTRY.fullmatch(entry)) and any(topic.startswith(entry.removesuffix("*")) for topic in topics)


class Topics(WebhookHandler):
    @answers(
        200,
        closed(
            {
                "results": {
                    "type": "array",
                    "items": closed({"topic": {"type": "string"}, "description": {"type": "string"}}),
                }
            }
        ),
    )
    async def get(self) -> None:
        """List the topics that the account may see. A webhook may also name `*`, `books.*` or `books.invoice.*`, which include
        topics that are added later. 200."""
        seen = seen_by(signed_in_caller(self))
        self.reply({"results": [{"topic": topic, "description": TOPICS[topic][1]} for topic in seen]})


groups = ("Server: webhooks",)
routes = [("/api/webhooks/topics/", Topics)]

"""What is done to an invoice beside changing its fields: sent, marked as paid, cancelled, duplicated. docs/api/books.md#invoices."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from core.data import sql
from core.data.database import Transaction
from core.data.sql import Query
from core.http import schema
from core.http.declare import answers, closed, idempotent, ref, takes
from core.http.json_text import composed
from core.problem import Problem, invalid, not_found
from handlers.api.books_handler import stale
from handlers.books import mail
from handlers.books.invoice_refusal import FUTURE, InvoiceHandler

DONE = closed({"message": {"type": "string"}, "invoice": ref("books/invoice")})
SENT = mail.told_of(invoice="books/invoice")
DUPLICATED = closed(
    {"message": {"type": "string"}, "original_invoice": {"type": "string"}, "duplicate_invoice": ref("books/invoice")}
)

PAYMENT = schema.load("books/mark_paid")

query = sql.load("books/invoice_action")


class InvoiceStep(InvoiceHandler):
    """The base of a step to another status. step: its statement. said: the message of its success. refused: what it can't be."""

    step: ClassVar[Query]
    said: ClassVar[str]
    refused: ClassVar[str]

    async def take(self, db: sql.Runner, id: str, **more: str) -> Mapping[str, Any]:
        """Take the step, and return the row. more: further parameters of its statement. Raises Problem 400, 404, 412."""
        whose = {"owner_id": self.owner_id, "id": int(id), "if_match": self.if_match, "actor": self.actor}
        return taken(self.current(await self.step(db, **whose, **more)), self.refused)

    def told(self, row: Mapping[str, Any]) -> str:
        """The body of the answer."""
        return composed({"message": json.dumps(self.said), "invoice": row["document"]})


def taken(row: Mapping[str, Any], refused: str) -> Mapping[str, Any]:
    """The row of a step (refusal). refused: what the invoice can't be. Raises Problem 400: its status doesn't admit the step."""
    if row["refusal"] == "payment_date":
        raise invalid({"payment_date": [FUTURE]})
    if row["refusal"] is not None:
        raise Problem(400, "wrong-status", f"Invoice cannot be {refused} in current status")
    return row


class Sending(InvoiceStep):
    step, said, refused = query.send_invoice, "Invoice sent successfully", "sent"

    @stale
    @answers(200, SENT, headers=("ETag",))
    @takes(mail.WORDS, is_optional=True)
    async def post(self, id: str) -> None:
        """Mark a draft as sent, and mail it to its client, if the client has an e-mail address; an own `subject` and `message` may come along.
        200; 400 wrong fields, or it is no draft; 404; 412 the invoice is in another state than If-Match says; 429 too many mails within a
        day."""
        if self.request.body:
            await self.read_body(mail.WORDS)

        async def send(tx: Transaction) -> tuple[Mapping[str, Any], mail.Mailed]:
            return await self.take(tx, id), await mail.mail_if_possible(self, tx, mail.INVOICE, self.owner_id, int(id))

        row, mailed = await self.db.transaction(send)
        self.set_header("ETag", row["etag"])
        self.reply(mailed.told(self.said, invoice=row["document"]))


class Cancelling(InvoiceStep):
    step, said, refused = query.cancel_invoice, "Invoice cancelled successfully", "cancelled"

    @stale
    @answers(200, DONE, headers=("ETag",))
    async def post(self, id: str) -> None:
        """Cancel an invoice. 200; 400 it is cancelled already, or something is paid of it; 404; 412 the invoice is in another state than
        If-Match says."""
        row = await self.take(self.db, id)
        self.set_header("ETag", row["etag"])
        self.reply(self.told(row))


class MarkingPaid(InvoiceStep):
    step, said, refused = query.mark_invoice_paid, "Invoice marked as paid", "marked as paid"

    @stale
    # An answer that is repeated has no ETag, as the invoice may be in another state by then.
    @answers(200, DONE)
    @idempotent
    @takes(PAYMENT, is_optional=True)
    async def post(self, id: str) -> None:
        """Record a payment of the whole balance, of today unless the body says otherwise. 200; 400 wrong fields, or the invoice is a draft,
        paid or cancelled; 404; 412 the invoice is in another state than If-Match says."""
        if self.request.body:
            await self.read_body(PAYMENT)

        async def pay(db: sql.Runner) -> tuple[int, str]:
            return 200, self.told(await self.take(db, id, body=self.body_text or "{}"))

        await self.once(pay, is_one_statement=True)


class Duplicate(InvoiceHandler):
    @answers(201, DUPLICATED)
    @idempotent
    async def post(self, id: str) -> None:
        """Make a draft with the same client, lines, tax and texts, which is issued today and due after as many days. 201; 404."""

        async def make(db: sql.Runner) -> tuple[int, str]:
            made = await query.duplicate_invoice(db, owner_id=self.owner_id, id=int(id))
            if made["refusal"] is not None:
                raise not_found(self.missing)
            return 201, composed(
                {
                    "message": json.dumps("Invoice duplicated successfully"),
                    "original_invoice": json.dumps(made["original"]),
                    "duplicate_invoice": made["document"],
                }
            )

        await self.once(make, is_one_statement=True)


groups = ("Books: invoices",)
routes = [
    ("/api/invoices/{id:int}/send/", Sending),
    ("/api/invoices/{id:int}/mark_paid/", MarkingPaid),
    ("/api/invoices/{id:int}/mark_as_paid/", MarkingPaid),
    ("/api/invoices/{id:int}/cancel/", Cancelling),
    ("/api/invoices/{id:int}/duplicate/", Duplicate),
]

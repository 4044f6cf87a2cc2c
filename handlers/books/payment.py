"""Payments of an invoice, each by itself. docs/api/books.md#payments."""

from core.data import sql
from core.http.declare import answers, body, idempotent, ref
from core.problem import invalid, not_found
from handlers.api.books_handler import stale
from handlers.books import invoice_refusal
from handlers.books.invoice_refusal import InvoiceHandler

query = sql.load("books/payment")


class Payments(InvoiceHandler):
    @answers(200, {"type": "array", "items": ref("books/payment")})
    async def get(self, id: str) -> None:
        """List the payments of an invoice, in the order in which they were recorded. 200; 404."""
        found = await query.list_payments(self.db, owner_id=self.owner_id, invoice_id=int(id))
        if found is None:
            raise not_found(self.missing)
        self.reply(found)

    @stale
    @answers(201, "books/payment")
    @idempotent
    @body("books/payment_create")
    async def post(self, id: str) -> None:
        """Record a payment. What is paid of the invoice, its balance and its status follow. 201; 400 wrong fields, more than the balance, or
        an invoice that is a draft or cancelled; 404; 412 the invoice is in another state than If-Match says."""

        async def pay(db: sql.Runner) -> tuple[int, str]:
            row = await query.pay_invoice(
                db, owner_id=self.owner_id, invoice_id=int(id), body=self.body_text, if_match=self.if_match
            )
            if row["refusal"] == "missing":
                raise not_found(self.missing)
            return 201, invoice_refusal.paid(self.current(row))["document"]

        await self.once(pay, is_one_statement=True)


class Payment(InvoiceHandler):
    @answers(200, "books/payment")
    async def get(self, id: str, payment_id: str) -> None:
        """Show a payment. 200; 404."""
        found = await query.get_payment(self.db, owner_id=self.owner_id, invoice_id=int(id), id=int(payment_id))
        if found is None:
            raise not_found(self.missing)
        self.reply(found)

    @stale
    async def delete(self, id: str, payment_id: str) -> None:
        """Remove a payment, which reopens its invoice. 204; 404; 412 the invoice is in another state than If-Match says."""
        removed = await query.remove_payment(
            self.db,
            owner_id=self.owner_id,
            invoice_id=int(id),
            id=int(payment_id),
            if_match=self.if_match,
            actor=self.actor,
        )
        if self.current(removed)["refusal"] is not None:
            raise not_found(self.missing)
        self.reply_nothing()


refusals = {"payment_amount_positive": invalid({"amount": [invoice_refusal.NOT_POSITIVE]})}
groups = ("Books: payments",)
routes = [
    ("/api/invoices/{id:int}/payments/", Payments),
    ("/api/invoices/{id:int}/payments/{payment_id:int}/", Payment),
]

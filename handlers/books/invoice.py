"""Invoices: what the owner of the books has delivered to clients. docs/api/books.md#invoices."""

from core.data import sql
from core.http.declare import answers, body, idempotent
from core.http.paging import page_of
from handlers.api.books_handler import stale
from handlers.books import invoice_list, invoice_refusal, paperwork
from handlers.books.invoice_refusal import InvoiceHandler

query = sql.load("books/invoice")


class Invoices(InvoiceHandler):
    parameters = (*invoice_list.PARAMETERS, invoice_list.SEARCH)

    @answers(200, page_of("books/invoice"))
    async def get(self) -> None:
        """List the invoices, newest first. 200; 400 a wrong filter, an invalid cursor; 404 there is no such page."""
        self.reply(await invoice_list.show(self))

    @answers(201, "books/invoice")
    @idempotent
    @body("books/invoice_create")
    async def post(self) -> None:
        """Make an invoice. It is a draft, unless it is sent as `sent` or `paid`, or with payments; for one sent as `paid` a payment of what
        is left is recorded. Sums and the number are the server's. 201; 400 wrong fields, an unknown client or quote, or payments beyond
        the total."""
        paperwork.check_lines(self.body)

        async def make(db: sql.Runner) -> tuple[int, str]:
            made = await query.create_invoice(db, owner_id=self.owner_id, body=self.body_text)
            return 201, invoice_refusal.done(made)["document"]

        await self.once(make, is_one_statement=True)


class Invoice(InvoiceHandler):
    @answers(200, "books/invoice", headers=("ETag",))
    async def get(self, id: str) -> None:
        """Show an invoice. 200; 404."""
        self.show(await query.get_invoice(self.db, owner_id=self.owner_id, id=int(id)))

    @stale
    @answers(200, "books/invoice", headers=("ETag",))
    @body("books/invoice_update")
    async def put(self, id: str) -> None:
        """Replace an invoice. Fields that the body omits stay. What is sent of a status is a step, and payments replace those that it has;
        of an invoice that is no draft only these and the notes change. 200; 400 wrong fields, a step that the status doesn't admit, or
        payments beyond the total; 404; 412 the invoice is in another state than If-Match says."""
        await self._update(id)

    @stale
    @answers(200, "books/invoice", headers=("ETag",))
    @body("books/invoice_update")
    async def patch(self, id: str) -> None:
        """Change some fields of an invoice, as PUT does. 200; 400 wrong fields, a step that the status doesn't admit, or payments beyond the
        total; 404; 412 the invoice is in another state than If-Match says."""
        await self._update(id)

    @stale
    async def delete(self, id: str) -> None:
        """Delete a draft. 204; 400 the invoice is no draft; 404; 412 the invoice is in another state than If-Match says."""
        deleted = await query.delete_invoice(
            self.db, owner_id=self.owner_id, id=int(id), if_match=self.if_match, actor=self.actor
        )
        invoice_refusal.deleted(self.current(deleted))
        self.reply_nothing()

    async def _update(self, id: str) -> None:
        paperwork.check_lines(self.body)
        changed = await query.update_invoice(
            self.db, owner_id=self.owner_id, id=int(id), body=self.body_text, if_match=self.if_match, actor=self.actor
        )
        self.show(invoice_refusal.done(self.current(changed)))


groups = ("Books: invoices",)
routes = [
    ("/api/invoices/", Invoices),
    ("/api/invoices/{id:int}/", Invoice),
]

"""Invoices: import. docs/api/sales.md#import."""

import json

from core.data import sql
from core.duties import Duty
from core.http.application import BODY_LIMIT, Application
from core.http.declare import answers, body
from core.problem import Problem
from handlers.api.envelope import data_of, envelope
from handlers.api.handler import gone
from handlers.sales import SalesHandler, signed_in_or_api_key

query = sql.load("sales/invoice")


class InvoiceImport(SalesHandler):
    access = signed_in_or_api_key
    json_limit = BODY_LIMIT

    @answers(201, data_of("sales/invoice_imported", 201))
    @answers(409, "sales/invoice_exists")
    @body("sales/invoice_import")
    async def post(self) -> None:
        """Store one invoice with its customer, salesman and items. 201; 400 wrong fields; 409 the invoice_no is taken, and nothing was changed."""
        account_id = self.caller.account_id if self.caller else None
        # One statement is its own transaction: BEGIN and COMMIT around it would be two more round trips.
        imported = await query.import_invoice(self.db, account_id=account_id, body=self.body_text)
        self.reply(envelope("Invoice imported successfully", imported, 201), status=201)


async def invoice_no_taken(handler: SalesHandler) -> Problem:
    """409, with the invoice that has the number. Nothing was changed."""
    data = await query.find_invoice_no(handler.db, invoice_no=handler.body["invoice_no"])
    return Problem(
        409,
        "invoice-exists",
        "Invoice with this invoice_no already exists.",
        extra={"data": json.loads(data or "null")},
    )


async def fold_deltas(app: Application) -> None:
    """Bring the counts of the lists up to date."""
    folded = await query.fold_deltas(app.db)
    if folded > 1000:
        # The rows folded are dead, and autovacuum comes once a minute at best; every list reads past them until then.
        await query.vacuum_deltas(app.db)


refusals = {
    "invoice_invoice_no_key": invoice_no_taken,
    # The account was deleted while it imported an invoice. Its next request would get the same answer.
    "invoice_created_user_id_fkey": gone(),
}
duties = [Duty(1.0, fold_deltas)]
groups = ("Invoices: import", "Staff: invoices")
routes = [
    ("/api/sales/import/invoice/", InvoiceImport),
]

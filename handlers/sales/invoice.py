"""Invoices: import, list, one. Seed 000, sections 1 and 2."""

import json
from typing import Any

from core import paging, sql
from core.application import BODY_LIMIT
from core.duties import Duty
from core.handler import body
from core.problem import Problem, not_found
from handlers.sales import SalesHandler, public_read, signed_in_or_api_key

MOST_STATUSES = 20  # filters in one request; there are seven statuses

query = sql.load("sales/invoice")


class Invoices(SalesHandler):
    access = public_read

    async def get(self) -> None:
        """200, newest first. page, page_size (20, at most 100), status (repeatable: any of them). 404 Invalid page."""
        page = paging.requested(self, default=20, most=100)
        statuses = (
            sorted({status.replace("\0", "") for status in self.get_query_arguments("status")})[:MOST_STATUSES] or None
        )
        found = await query.list_invoices(self.db, statuses=statuses, page=page.number, page_size=page.size)
        self.reply(paging.envelope(self, found["count"], found["page"], page.size, found["results"]))


class Invoice(SalesHandler):
    access = public_read

    async def get(self, id: str) -> None:
        """200; 404."""
        invoice = await query.get_invoice(self.db, id=int(id))
        if invoice is None:
            raise not_found("No Invoice matches the given query.")
        self.reply(invoice)


class InvoiceImport(SalesHandler):
    access = signed_in_or_api_key
    json_limit = BODY_LIMIT

    @body("sales/invoice_import")
    async def post(self) -> None:
        """Store one invoice with its customer, salesman and items. 201; 400 fields; 401; 409 invoice_no taken."""
        account_id = self.caller.account_id if self.caller else None
        # One statement is its own transaction: BEGIN and COMMIT around it would be two more round trips.
        imported = await query.import_invoice(self.db, account_id=account_id, body=self.body_text)
        self.reply(
            f'{{"success":true,"status_code":201,"message":"Invoice imported successfully","data":{imported}}}',
            status=201,
        )


async def invoice_no_taken(handler: Any) -> Problem:
    """409 that names the invoice which has the number; nothing was touched."""
    data = await query.find_invoice_no(handler.db, invoice_no=handler.body["invoice_no"])
    return Problem(
        409,
        "invoice-exists",
        "Invoice with this invoice_no already exists.",
        extra={"data": json.loads(data or "null")},
    )


async def fold_changes(app: Any) -> None:
    """Keep the tally that list_invoices counts by."""
    folded = await query.fold_invoice_changes(app.db)
    if folded > 1000:
        # The rows folded are dead, and autovacuum comes once a minute at best; every list reads past them until then.
        await query.vacuum_invoice_changes(app.db)


refusals = {"invoice_invoice_no_key": invoice_no_taken}
duties = [Duty(1.0, fold_changes)]
routes = [
    ("/api/sales/invoices/", Invoices),
    ("/api/sales/invoices/{id:int}/", Invoice),
    ("/api/sales/import/invoice/", InvoiceImport),
]

"""What an owner's invoices amount to, which are overdue or soon due, and a search. docs/api/books.md#invoices."""

import json

from core.data import sql
from core.http.declare import answers, closed
from core.http.json_text import composed
from core.http.paging import page_of
from core.http.parameter import Parameter
from core.problem import Problem
from handlers.books import invoice_list
from handlers.books.invoice_refusal import InvoiceHandler

# Days within which an invoice is soon due.
SOON_DAYS = 7
# Invoices of one answer; the counts and sums are of all.
MOST = 100
# Days that count as recent, and clients that are shown, in the statistics.
RECENT_DAYS, TOP_CLIENTS = 30, 5

query = sql.load("books/invoice_report")


class InvoiceStatistics(InvoiceHandler):
    @answers(200, "books/invoice_statistics")
    async def get(self) -> None:
        """Count and sum up the invoices. Amounts are those of invoices that are neither drafts nor cancelled. 200."""
        self.reply(
            await query.get_statistics(self.db, owner_id=self.owner_id, recent_days=RECENT_DAYS, most=TOP_CLIENTS)
        )


class OverdueInvoices(InvoiceHandler):
    @answers(200, "books/invoices_overdue")
    async def get(self) -> None:
        """Show what is overdue: the count and the sum of the balances, and the 100 invoices that are overdue for the longest time. 200."""
        self.reply(await query.list_overdue(self.db, owner_id=self.owner_id, most=MOST))


class InvoicesDueSoon(InvoiceHandler):
    @answers(200, "books/invoices_due_soon")
    async def get(self) -> None:
        """Show what is due within 7 days: the count and the sum of the balances, and the next 100 invoices. 200."""
        self.reply(await query.list_due_soon(self.db, owner_id=self.owner_id, days=SOON_DAYS, most=MOST))


class InvoiceSearch(InvoiceHandler):
    parameters = (*invoice_list.PARAMETERS, Parameter("q", invoice_list.WORDS))

    @answers(200, page_of("books/invoice"))
    async def get(self) -> None:
        """List the invoices that have all words of `q`, newest first. 200; 400 no words, a wrong filter, an invalid cursor; 404 there is no
        such page."""
        if not self.asked("q"):
            raise Problem(400, "no-words", 'Search query parameter "q" is required')
        self.reply(await invoice_list.show(self, "q"))


class OverdueStatus(InvoiceHandler):
    @answers(200, closed({"message": {"type": "string"}, "updated_count": {"type": "integer"}}))
    async def post(self) -> None:
        """Store as overdue what is, which the server also does by itself. 200."""
        count = await query.store_overdue(self.db, owner_id=self.owner_id)
        message = f"Updated {count} invoices to overdue status"
        self.reply(composed({"message": json.dumps(message), "updated_count": str(count)}))


groups = ("Books: invoices",)
routes = [
    ("/api/invoices/statistics/", InvoiceStatistics),
    ("/api/invoices/overdue/", OverdueInvoices),
    ("/api/invoices/due_soon/", InvoicesDueSoon),
    ("/api/invoices/search/", InvoiceSearch),
    ("/api/invoices/update_overdue_status/", OverdueStatus),
]

"""Lists of invoices: filters, orders, searches. docs/api/books.md#invoices."""

from typing import Any

from core.data import sql
from core.http import keyset
from core.http.keyset import Column
from core.http.parameter import Parameter
from handlers.api import books_listing
from handlers.api.books_handler import BooksHandler
from handlers.api.books_listing import Listing
from handlers.api.moment import DAY, day

STATUSES = ("draft", "sent", "paid", "partial", "overdue", "cancelled")
COLUMNS = {
    "id": Column("i.id", "bigint", keyset.is_id),
    # As invoice_number_key has it.
    "invoice_number": Column("(i.year * 10000000000 + i.number)", "bigint", keyset.is_id),
    "issue_date": Column("i.issue_date", "date", keyset.is_day),
    "due_date": Column("i.due_date", "date", keyset.is_day),
    "total_amount": Column("i.total_amount", "numeric", books_listing.is_amount),
    "status": Column("i.status", "text", keyset.is_text),
    "created_at": Column("i.created_at", "timestamptz", keyset.is_instant),
    "updated_at": Column("i.updated_at", "timestamptz", keyset.is_instant),
}
PARAMETERS = (
    *books_listing.parameters(COLUMNS),
    Parameter("status", "Only invoices of this status.", {"type": "string", "enum": list(STATUSES)}),
    Parameter("client", "Only invoices to the client with this id.", books_listing.ID),
    *books_listing.CREATED,
    Parameter("issue_date__gte", "Issued on this day or later.", DAY),
    Parameter("issue_date__lte", "Issued on this day or earlier.", DAY),
    Parameter("due_date__gte", "Due on this day or later.", DAY),
    Parameter("due_date__lte", "Due on this day or earlier.", DAY),
)
WORDS = "Words that occur in the number, the title, or the client's name or e-mail, ignoring case."
SEARCH = Parameter("search", WORDS)
# The filters of sql/books/invoice_list.sql that take a day, by their parameters.
DAYS = {
    "issue_date__gte": "issued_since",
    "issue_date__lte": "issued_until",
    "due_date__gte": "due_since",
    "due_date__lte": "due_until",
}

query = sql.load("books/invoice_list")
invoices = Listing(query.list_invoices, query.find_invoices, query.walk_invoices, COLUMNS, ("-created_at",))


async def show(handler: BooksHandler, search: str = "search") -> str:
    """The body of the page that is asked for. search: the parameter that has the words to find. Raises Problem: 400 a wrong filter, an
    invalid cursor; 404 there is no such page."""
    return await books_listing.show_page(handler, invoices, filters(handler, search))


def filters(handler: BooksHandler, search: str = "search") -> dict[str, Any]:
    """The filters that are asked for. Raises Problem 400."""
    found = books_listing.created(handler)
    if (status := books_listing.choice(handler, "status", STATUSES)) is not None:
        found[f"is_{status}"] = ()
    for parameter, name in DAYS.items():
        if (asked := day(handler, parameter)) is not None:
            found[name] = asked
    if (client := books_listing.id_of(handler, "client")) is not None:
        found["client"] = client
    return found | books_listing.search(handler, search, handler.owner_id)

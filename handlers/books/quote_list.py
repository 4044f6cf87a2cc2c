"""Lists of quotes: filters, orders, searches. docs/api/books.md#quotes."""

from typing import Any

from core.data import sql
from core.http import keyset
from core.http.keyset import Column
from core.http.parameter import Parameter
from handlers.api import books_listing
from handlers.api.books_handler import BooksHandler
from handlers.api.books_listing import Listing
from handlers.api.moment import DAY, day

STATUSES = ("draft", "sent", "accepted", "rejected", "expired")
COLUMNS = {
    "id": Column("q.id", "bigint", keyset.is_id),
    # As quote_number_key has it.
    "quote_number": Column("(q.year * 10000000000 + q.number)", "bigint", keyset.is_id),
    "issue_date": Column("q.issue_date", "date", keyset.is_day),
    "expiry_date": Column("q.expiry_date", "date", keyset.is_day),
    "total_amount": Column("q.total_amount", "numeric", books_listing.is_amount),
    "status": Column("q.status", "text", keyset.is_text),
    "created_at": Column("q.created_at", "timestamptz", keyset.is_instant),
    "updated_at": Column("q.updated_at", "timestamptz", keyset.is_instant),
}
PARAMETERS = (
    *books_listing.parameters(COLUMNS),
    Parameter("status", "Only quotes of this status.", {"type": "string", "enum": list(STATUSES)}),
    Parameter("client", "Only quotes for the client with this id.", books_listing.ID),
    *books_listing.CREATED,
    Parameter("issue_date__gte", "Issued on this day or later.", DAY),
    Parameter("issue_date__lte", "Issued on this day or earlier.", DAY),
    Parameter("expiry_date__gte", "Valid until this day or later.", DAY),
    Parameter("expiry_date__lte", "Valid until this day or earlier.", DAY),
)
WORDS = "Words that occur in the number, the title, or the client's name or e-mail, ignoring case."
SEARCH = Parameter("search", WORDS)
# The filters of sql/books/quote_list.sql that take a day, by their parameters.
DAYS = {
    "issue_date__gte": "issued_since",
    "issue_date__lte": "issued_until",
    "expiry_date__gte": "expires_since",
    "expiry_date__lte": "expires_until",
}

query = sql.load("books/quote_list")
quotes = Listing(query.list_quotes, query.find_quotes, query.walk_quotes, COLUMNS, ("-created_at",))


async def show(handler: BooksHandler, search: str = "search") -> str:
    """The body of the page that is asked for. search: the parameter that has the words to find. Raises Problem: 400 a wrong filter, an
    invalid cursor; 404 there is no such page."""
    return await books_listing.show_page(handler, quotes, filters(handler, search))


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

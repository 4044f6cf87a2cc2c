"""Clients with their figures of a period. docs/api/dashboard.md#clients."""

from typing import Any

from core.data import sql
from core.http import keyset
from core.http.declare import answers
from core.http.keyset import Column
from core.http.paging import page_of
from core.http.parameter import BOOLEAN, Parameter
from handlers.api import books_listing
from handlers.api.books_handler import BooksHandler
from handlers.api.books_listing import Listing
from handlers.dashboard.category import is_sum
from handlers.dashboard.period import PERIOD, period

RISK_LEVELS = ("low", "medium", "high")
COLUMNS = {
    "is_billed": Column("l.is_billed", "integer", lambda value: type(value) is int and value in (0, 1)),
    "total_revenue": Column("l.amount", "numeric", is_sum),
    "place": Column("l.place", "bigint", keyset.is_id),
}
ORDER = ("-is_billed", "-total_revenue", "-place")

query = sql.load("dashboard/client")
clients = Listing(
    query.list_clients, query.find_clients, query.walk_clients, COLUMNS, ORDER, ties=(), is_ordered_as_asked=False
)


class Clients(BooksHandler):
    parameters = (
        *books_listing.PAGED,
        *PERIOD,
        Parameter("risk_level", "Only clients of this risk.", {"type": "string", "enum": list(RISK_LEVELS)}),
        Parameter("is_active", "Only clients that are active, or only those that are not.", BOOLEAN),
        Parameter("client_id", "Only the client with this id.", books_listing.ID),
        Parameter("search", "Words that occur in the name, e-mail, phone or company, ignoring case."),
    )

    @answers(200, page_of("dashboard/client"))
    async def get(self) -> None:
        """List the clients with their figures of a period, the largest revenue first. 200; 400 a wrong filter, an invalid cursor; 404 there
        is no such page."""
        self.reply(await books_listing.show_page(self, clients, self._filters(), given=period(self)))

    def _filters(self) -> dict[str, Any]:
        filters: dict[str, Any] = books_listing.search(self)
        if (is_active := books_listing.flag(self, "is_active")) is not None:
            filters["is_active" if is_active else "is_inactive"] = ()
        if (client := books_listing.id_of(self, "client_id")) is not None:
            filters["client"] = client
        if (risk := books_listing.choice(self, "risk_level", RISK_LEVELS)) is not None:
            filters[f"is_{risk}"] = ()
        return filters


class Client(BooksHandler):
    parameters = PERIOD

    @answers(200, "dashboard/client")
    async def get(self, id: str) -> None:
        """Show a client with its figures of a period. The id is the client's. 200; 400 a wrong period; 404."""
        found = await query.get_client(self.db, owner_id=self.owner_id, id=int(id), **period(self))
        self.reply(self.found(found)["document"])


groups = ("Books: dashboard",)
routes = [
    ("/api/dashboard/clients/", Clients),
    ("/api/dashboard/clients/{id:int}/", Client),
]

"""Lists of clients beside the document's: the active ones, and a search that looks into addresses too. docs/api/books.md#clients."""

import json
from typing import Any

from core.http.declare import answers, closed, ref
from core.http.paging import page_members, page_of
from core.http.parameter import BOOLEAN, Parameter
from core.problem import Problem
from handlers.api import books_listing
from handlers.books.client import COLUMNS, ClientHandler, clients

FOUND = closed(
    {**page_members(ref("books/client")), "search_query": {"type": "string"}}, optional=("count", "count_is_exact")
)


class ActiveClients(ClientHandler):
    parameters = books_listing.parameters(COLUMNS)

    @answers(200, page_of("books/client"))
    async def get(self) -> None:
        """List the active clients, newest first. 200; 400 an invalid cursor; 404 there is no such page."""
        self.reply(await books_listing.show_page(self, clients, {"is_active": True}))


class ClientSearch(ClientHandler):
    parameters = (
        *books_listing.parameters(COLUMNS),
        Parameter("q", "Words that occur in the name, e-mail, phone, company or address, ignoring case. Required."),
        Parameter("is_active", "Only clients that are active, or only those that are not.", BOOLEAN),
    )

    @answers(200, FOUND)
    async def get(self) -> None:
        """Find clients, newest first. 200; 400 without `q`, a wrong filter, an invalid cursor; 404 there is no such page."""
        words = books_listing.search(self, "q")
        if not words:
            raise Problem(400, "no-query", 'Search query parameter "q" is required')
        filters: dict[str, Any] = {f"{name}_with_address": value for name, value in words.items()}
        is_active = books_listing.flag(self, "is_active")
        if is_active is not None:
            filters["is_active"] = is_active
        asked = json.dumps(self.asked("q"), ensure_ascii=False)
        self.reply(await books_listing.show_page(self, clients, filters, {"search_query": asked}))


groups = ("Books: clients",)
routes = [
    ("/api/clients/active/", ActiveClients),
    ("/api/clients/search/", ClientSearch),
]

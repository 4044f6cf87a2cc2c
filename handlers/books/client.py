"""Clients: to whom the owner of the books sells. docs/api/books.md#clients.

`Clients` and `Client` are the model of a noun of this area: a list with filters and orders, one row with an ETag, changes by If-Match.
"""

import re
from typing import Any

from core.data import sql
from core.http import keyset
from core.http.application import Refusal
from core.http.declare import answers, body, idempotent
from core.http.handler import Handler
from core.http.keyset import Column
from core.http.paging import page_of
from core.http.parameter import BOOLEAN, Parameter
from core.problem import Problem, invalid
from handlers.api import books_listing
from handlers.api.books_handler import BooksHandler, stale
from handlers.api.books_listing import Listing
from handlers.api.dialects import BooksDialect
from handlers.api.messages import SENTENCES
from handlers.books.paperwork import WRONG_CLIENT

# Digits of a phone number, without its signs.
PHONE_DIGITS = range(10, 16)
COLUMNS = {
    "id": Column("c.id", "bigint", keyset.is_id),
    "name": Column("lower(c.name)", "text", keyset.is_text),
    "email": Column("c.email", "text", keyset.is_text),
    "created_at": Column("c.created_at", "timestamptz", keyset.is_instant),
    "updated_at": Column("c.updated_at", "timestamptz", keyset.is_instant),
}

query = sql.load("books/client")
clients = Listing(query.list_clients, query.find_clients, query.walk_clients, COLUMNS, ("-created_at",))


class ClientDialect(BooksDialect):
    sentences = {
        **SENTENCES,
        "name:required": "Client name is required.",
        "name:pattern": "Client name cannot be empty.",
        "name:minLength": "Client name must be at least 2 characters long.",
    }


class ClientHandler(BooksHandler):
    dialect = ClientDialect()


class ClientList(ClientHandler):
    """Reads which clients are asked for."""

    parameters = (
        *books_listing.parameters(COLUMNS),
        Parameter("search", "Words that occur in the name, e-mail, phone or company, ignoring case."),
        Parameter("is_active", "Only clients that are active, or only those that are not.", BOOLEAN),
        Parameter("company", "Only clients of this company, ignoring case."),
        *books_listing.CREATED,
    )

    def filters(self) -> dict[str, Any]:
        """The filters that are asked for, by their names in sql/books/client.sql. Raises Problem 400."""
        filters = {**books_listing.created(self), **books_listing.search(self)}
        is_active = books_listing.flag(self, "is_active")
        if is_active is not None:
            filters["is_active"] = is_active
        if company := self.asked("company"):
            filters["company"] = company
        return filters


class Clients(ClientList):
    @answers(200, page_of("books/client"))
    async def get(self) -> None:
        """List the clients, newest first. 200; 400 a wrong filter, an invalid cursor; 404 there is no such page."""
        self.reply(await books_listing.show_page(self, clients, self.filters()))

    @answers(201, "books/client")
    @idempotent
    @body("books/client_write")
    async def post(self) -> None:
        """Make a client. 201; 400 wrong fields, or an e-mail that another client has."""
        check_phone(self.body)

        async def make(db: sql.Runner) -> tuple[int, str]:
            return 201, await query.create_client(db, owner_id=self.owner_id, body=self.body_text)

        await self.once(make, is_one_statement=True)


class Client(ClientHandler):
    @answers(200, "books/client", headers=("ETag",))
    async def get(self, id: str) -> None:
        """Show a client. 200; 404."""
        self.show(await query.get_client(self.db, owner_id=self.owner_id, id=int(id)))

    @stale
    @answers(200, "books/client", headers=("ETag",))
    @body("books/client_write")
    async def put(self, id: str) -> None:
        """Replace a client. Fields that the body omits stay. 200; 400 wrong fields, or an e-mail that another client has; 404; 412 the
        client is in another state than If-Match says."""
        await self._update(id)

    @stale
    @answers(200, "books/client", headers=("ETag",))
    @body("books/client_patch")
    async def patch(self, id: str) -> None:
        """Change some fields of a client. 200; 400 wrong fields, or an e-mail that another client has; 404; 412 the client is in another
        state than If-Match says."""
        await self._update(id)

    @stale
    async def delete(self, id: str) -> None:
        """Delete a client. 204; 400 quotes, invoices or expenses name it; 404; 412 the client is in another state than If-Match says."""
        self.current(
            await query.delete_client(
                self.db, owner_id=self.owner_id, id=int(id), if_match=self.if_match, actor=self.actor
            )
        )
        self.reply_nothing()

    async def _update(self, id: str) -> None:
        check_phone(self.body)
        changed = await query.update_client(
            self.db, owner_id=self.owner_id, id=int(id), body=self.body_text, if_match=self.if_match, actor=self.actor
        )
        self.show_changed(changed)


def check_phone(sent: dict[str, Any]) -> None:
    """Check the phone number of a body. Raises Problem 400."""
    phone = sent.get("phone")
    if phone and len(re.sub("[^0-9]", "", phone)) not in PHONE_DIGITS:
        raise invalid({"phone": ["Phone number must be between 10 and 15 digits."]})


# The tables whose rows keep their owner.
OWNED = ("client", "quote", "invoice", "expense", "mail")


def _used(noun: str) -> Problem:
    return Problem(400, "client-used", f"The client has {noun} and can't be deleted. Deactivate it instead.")


async def expense_refused(handler: Handler) -> Problem:
    """An expense names a client: the client can't be deleted, or the body of an expense names one that its owner doesn't have."""
    names_client = isinstance(handler.body, dict) and "client" in handler.body
    return invalid({"client": [WRONG_CLIENT]}) if names_client else _used("expenses")


KEPT = Problem(400, "has-books", "The account has books, which are kept. Deactivate it instead.")
EMAIL_EXISTS = {"email": ["A client with this email already exists in your account."]}
refusals: dict[str, Refusal] = {
    "client_email_key": invalid(EMAIL_EXISTS),
    **dict.fromkeys((f"{table}_owner_id_exists" for table in OWNED), KEPT),
    "quote_client_id_exists": _used("quotes"),
    "invoice_client_id_exists": _used("invoices"),
    "expense_client_id_exists": expense_refused,
}
groups = ("Books: clients",)
routes = [
    ("/api/clients/", Clients),
    ("/api/clients/{id:int}/", Client),
]

"""Clients of owners in the administration. docs/api/books.md#administration."""

from collections.abc import Sequence

from core.data import sql
from core.http import keyset, schema
from core.http.keyset import Column as OrderColumn
from handlers.api.admin import (
    Action,
    AdminHandler,
    Column,
    Do,
    Field,
    Filter,
    Form,
    Key,
    Related,
    Table,
    done_with,
    superadmin,
)
from handlers.books import client
from handlers.books.admin_owned import (
    ACCOUNT,
    ITS_OWNER,
    OF_OWNER,
    OWNED,
    OWNER,
    by_moment,
    by_number,
    extended,
    found,
    made,
    owner_of,
)
from handlers.books.client_activation import ActivateClient, Activation, DeactivateClient, set_active

FIELDS = (
    Field("name", "Name"),
    Field("email", "E-mail"),
    Field("phone", "Phone"),
    Field("company", "Company"),
    Field("address", "Address", kind="lines"),
    Field("tax_number", "Tax number"),
    Field("notes", "Notes", kind="lines"),
)

query = sql.load("books/admin_client")


async def make(handler: AdminHandler) -> str:
    """Make a client for an owner, as the API does."""
    owner_id = await owner_of(handler)
    client.check_phone(handler.body)

    async def work(tx: sql.Runner) -> str:
        document: str = await client.query.create_client(tx, owner_id=owner_id, body=handler.body_text)
        return document

    return await made(handler, "client", (owner_id,), work)


async def change(handler: AdminHandler, key: Key) -> None:
    client.check_phone(handler.body)
    found(
        await client.query.update_client(handler.db, **key, body=handler.body_text, if_match=None, actor=handler.actor)
    )


async def remove(handler: AdminHandler, key: Key) -> None:
    """Delete a client that no quote, invoice or expense names."""
    found(await client.query.delete_client(handler.db, **key, if_match=None, actor=handler.actor))


def switching(step: type[Activation], done: str) -> Do:
    """What makes chosen clients active, or inactive."""

    async def switch(handler: AdminHandler, keys: Sequence[Key]) -> str:
        async def write(handler: AdminHandler, key: Key) -> None:
            found(await set_active(handler, step, **key))

        return await done_with(handler, keys, write, step.said, f"{{done}} of {{all}} clients {done}.")

    return switch


clients = Table(
    area="books",
    name="clients",
    title="Clients",
    one="client",
    about="To whom accounts sell, the newest accounts first. Choose an account to search and order its clients.",
    key=OWNED,
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("name", "Name", order="name"),
        OWNER,
        Column("email", "E-mail"),
        Column("phone", "Phone"),
        Column("company", "Company"),
        Column("is_active", "Active", "flag"),
        Column("created_at", "Made", "moment", order="created_at"),
    ),
    orders={
        "owner": by_number("c.owner_id"),
        "id": by_number("c.id"),
        "name": OrderColumn("lower(c.name)", "text", keyset.is_text),
        "created_at": by_moment("c.created_at"),
    },
    usual=("-owner",),
    search="by name, e-mail, phone, company or address",
    within=("owner",),
    filters=(
        OF_OWNER,
        Filter("is_active", "Active", "flag"),
        Filter("since", "Made since the day", "since", orders=("-created_at",)),
        Filter("until", "Made until the day", "until", orders=("-created_at",)),
    ),
    shown=(
        ITS_OWNER,
        Field("is_active", "Active", "flag"),
        Field("number", "Id"),
        Field("created_at", "Made", "moment"),
        Field("updated_at", "Last changed", "moment"),
    ),
    add=Form(extended("books/client_write", {"owner": ACCOUNT}, also_required=("owner",)), (ITS_OWNER, *FIELDS)),
    make=make,
    edit=Form(schema.load("books/client_patch"), (*FIELDS, Field("is_active", "Active"))),
    change=change,
    remove=remove,
    removal_warning="A client with quotes, invoices or expenses can't be deleted; switch it off instead.",
    actions=(
        Action("activate", "Switch on selected clients", switching(ActivateClient, "switched on")),
        Action("deactivate", "Switch off selected clients", switching(DeactivateClient, "switched off")),
    ),
    related=(
        Related("Quotes of this client", "books/quotes", "client"),
        Related("Invoices of this client", "books/invoices", "client"),
        Related("Expenses for this client", "books/expenses", "client"),
    ),
    may_see=superadmin,
    audited="client",
    object_id="number",
)

admin_tables = [clients]

"""Quotes of owners in the administration. docs/api/books.md#administration."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from core.data import sql
from core.data.database import Transaction
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
from handlers.books import mail, quote
from handlers.books.admin_owned import (
    ACCOUNT,
    ITS_OWNER,
    LATEST,
    OF_OWNER,
    OWNED,
    OWNER,
    ROW_KEY,
    by_amount,
    by_day,
    by_moment,
    by_number,
    extended,
    found,
    made,
    owner_of,
    with_id,
)
from handlers.books.paperwork import WRONG_CLIENT, check_lines
from handlers.books.quote_action import moved_to

STATUSES = ("draft", "sent", "accepted", "rejected", "expired")
DAYS = ("since", "until")
# Lines of quotes and invoices, in their forms.
LINES = Field(
    "line_items",
    "Lines",
    help="All lines, as JSON: description, quantity and unit_price. They replace the present ones.",
)
BY_RATE = Field("tax_rate", "Tax rate", help="From 0 to 1.")
FIELDS = (
    Field("title", "Title"),
    Field("issue_date", "Issued"),
    Field("expiry_date", "Valid until"),
    LINES,
    BY_RATE,
    Field("terms", "Terms", kind="lines"),
    Field("notes", "Notes", kind="lines"),
)
# What a mail to the client says.
WORDS = Form(
    mail.WORDS, (Field("subject", "Subject of the mail"), Field("message", "Message in the mail", kind="lines"))
)

query = sql.load("books/admin_quote")


async def make(handler: AdminHandler) -> str:
    """Make a draft for an owner, as the API does."""
    owner_id = await owner_of(handler)
    check_lines(handler.body)
    body = with_id(handler, "client", WRONG_CLIENT, owner_id)

    async def work(tx: sql.Runner) -> str:
        return quote.made_of(await quote.query.create_quote(tx, owner_id=owner_id, body=body))

    return await made(handler, "quote", (owner_id,), work)


async def change(handler: AdminHandler, key: Key) -> None:
    """Change a draft, or the notes of another quote."""
    check_lines(handler.body)
    body = with_id(handler, "client", WRONG_CLIENT, key["owner_id"])
    row = await quote.query.update_quote(handler.db, **key, body=body, if_match=None, actor=handler.actor)
    quote.done(found(row), handler.body)


async def remove(handler: AdminHandler, key: Key) -> None:
    """Delete a draft, or a quote that was rejected."""
    quote.deleted(found(await quote.query.delete_quote(handler.db, **key, if_match=None, actor=handler.actor)))


def moving(status: str) -> Do:
    """What brings chosen quotes to a status."""

    async def move(handler: AdminHandler, keys: Sequence[Key]) -> str:
        async def write(handler: AdminHandler, key: Key) -> None:
            await _moved(handler, handler.db, key, status)

        return await done_with(
            handler, keys, write, f"Quote {status} successfully.", f"{{done}} of {{all}} quotes {status}."
        )

    return move


async def send(handler: AdminHandler, keys: Sequence[Key]) -> str:
    """Mark chosen quotes as sent, and mail them to their clients, as the API does."""
    said: list[str] = []

    async def write(handler: AdminHandler, key: Key) -> None:
        async def work(tx: Transaction) -> mail.Mailed:
            await _moved(handler, tx, key, "sent")
            return await mail.mail_if_possible(handler, tx, mail.QUOTE, key["owner_id"], key["id"])

        said.append((await handler.db.transaction(work)).said)

    told = await done_with(handler, keys, write, "Quote sent successfully.", "{done} of {all} quotes sent.")
    return " ".join([told, *dict.fromkeys(said)])


async def _moved(handler: AdminHandler, db: sql.Runner, key: Key, status: str) -> Mapping[str, Any]:
    body = json.dumps({"status": status})
    row = await quote.query.update_quote(db, **key, body=body, if_match=None, actor=handler.actor)
    return moved_to(found(row), status)


quotes = Table(
    area="books",
    name="quotes",
    title="Quotes",
    one="quote",
    about="What accounts offer, the newest accounts first. Only the notes of a quote that is no draft can be changed.",
    key=OWNED,
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("number", "Number"),
        OWNER,
        Column("client", "Client", to="books/clients"),
        Column("title", "Title"),
        Column("status", "Status", "badge"),
        Column("issue_date", "Issued", "day", order="issue_date"),
        Column("expiry_date", "Valid until", "day", order="expiry_date"),
        Column("total_amount", "Total", "amount", order="total_amount"),
        Column("created_at", "Made", "moment", order="created_at"),
    ),
    orders={
        "owner": by_number("q.owner_id"),
        "id": by_number("q.id"),
        "issue_date": by_day("q.issue_date"),
        "expiry_date": by_day("q.expiry_date"),
        "total_amount": by_amount("q.total_amount"),
        "created_at": by_moment("q.created_at"),
    },
    usual=("-owner",),
    search="by number or title",
    within=("owner", "client"),
    filters=(
        OF_OWNER,
        Filter("client", "Client", "reference", to="books/clients", orders=LATEST, apart=("status", *DAYS)),
        Filter("status", "Status", choices=[(one, one.title()) for one in STATUSES], orders=LATEST, apart=DAYS),
        Filter("since", "Issued since the day", "since", orders=("-issue_date",)),
        Filter("until", "Issued until the day", "until", orders=("-issue_date",)),
    ),
    shown=(
        Field("lines", "Lines"),
        Field("client_name", "Client", to="books/clients"),
        ITS_OWNER,
        Field("status", "Status", "badge"),
        Field("subtotal", "Subtotal", "amount"),
        Field("tax_amount", "Tax", "amount"),
        Field("total_amount", "Total", "amount"),
        Field("invoice", "Invoice", to="books/invoices"),
        Field("sent_at", "Sent", "moment"),
        Field("decided_at", "Accepted or rejected", "moment"),
        Field("created_at", "Made", "moment"),
        Field("updated_at", "Last changed", "moment"),
        Field("number", "Id"),
    ),
    add=Form(
        extended("books/quote_create", {"owner": ACCOUNT, "client": ROW_KEY}, also_required=("owner",)),
        (ITS_OWNER, Field("client", "Client", to="books/clients", among="owner"), *FIELDS),
    ),
    make=make,
    edit=Form(
        extended("books/quote_update", {"client": ROW_KEY}),
        (Field("client", "Client", to="books/clients", among="owner_key"), *FIELDS),
    ),
    change=change,
    remove=remove,
    removal_warning="Only drafts and rejected quotes are deleted. An invoice that was made of one stays.",
    actions=(
        Action(
            "send",
            "Send selected quotes",
            send,
            "Each is mailed to its client, if the client has an address.",
            asks=WORDS,
        ),
        Action("accept", "Accept selected quotes", moving("accepted")),
        Action("reject", "Reject selected quotes", moving("rejected")),
    ),
    related=(Related("Mails about this quote", "books/mails", "quote"),),
    may_see=superadmin,
    audited="quote",
    object_id="number",
)

admin_tables = [quotes]

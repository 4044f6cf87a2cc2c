"""Mails to owners' clients in the administration: they are never changed. docs/api/books.md#administration."""

from core.data import sql
from handlers.api.admin import Column, Field, Filter, Table, superadmin
from handlers.books.admin_owned import ITS_OWNER, OF_OWNER, OWNED, OWNER, by_number

STATUSES = ("recorded", "queued", "sent", "failed", "dropped")

query = sql.load("books/admin_mail")

mails = Table(
    area="books",
    name="mails",
    title="Mails",
    one="mail",
    about="Quotes, invoices and reminders that were mailed to clients. One that has failed is sent again by its job, under Jobs.",
    key=OWNED,
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("subject", "Subject"),
        Column("kind", "Kind", "badge"),
        Column("recipient", "To"),
        OWNER,
        Column("status", "Status", "badge"),
        Column("error", "Why it failed"),
        Column("created_at", "Made", "moment"),
        Column("sent_at", "Sent", "moment"),
    ),
    orders={"owner": by_number("m.owner_id"), "id": by_number("m.id")},
    usual=("-owner",),
    filters=(
        OF_OWNER,
        Filter("status", "Status", choices=[(status, status.title()) for status in STATUSES]),
        Filter("quote", "Quote", "reference", to="books/quotes", apart=("invoice",)),
        Filter("invoice", "Invoice", "reference", to="books/invoices"),
    ),
    shown=(
        Field("subject", "Subject"),
        Field("kind", "Kind", "badge"),
        Field("status", "Status", "badge"),
        Field("error", "Why it failed", "lines"),
        Field("recipient", "To"),
        Field("message", "Message", "lines"),
        Field("level", "Days overdue"),
        Field("quote", "Quote", to="books/quotes"),
        Field("invoice", "Invoice", to="books/invoices"),
        ITS_OWNER,
        Field("created_at", "Made", "moment"),
        Field("sent_at", "Sent", "moment"),
        Field("number", "Id"),
    ),
    may_see=superadmin,
)

admin_tables = [mails]

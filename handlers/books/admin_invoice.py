"""Invoices of owners in the administration. docs/api/books.md#administration."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.data import sql
from core.data.database import Transaction
from handlers.api.admin import (
    Action,
    AdminHandler,
    Column,
    Field,
    Filter,
    Form,
    Key,
    Related,
    Table,
    done_with,
    superadmin,
)
from handlers.books import invoice, invoice_action, invoice_refusal, mail
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
from handlers.books.admin_quote import BY_RATE, DAYS, LINES, WORDS
from handlers.books.invoice_action import Cancelling, InvoiceStep, MarkingPaid, Sending, taken
from handlers.books.paperwork import WRONG_CLIENT, check_lines

STATUSES = ("draft", "sent", "partial", "overdue", "paid", "cancelled")
FIELDS = (
    Field("title", "Title"),
    Field("issue_date", "Issued"),
    Field("due_date", "Due"),
    LINES,
    BY_RATE,
    Field("terms", "Terms", kind="lines"),
    Field("notes", "Notes", kind="lines"),
)
# What is known of the payment of the whole balance.
PAYMENT = Form(
    invoice_action.PAYMENT,
    (
        Field("payment_date", "Paid on", help="Today, unless it says otherwise."),
        Field("payment_method", "Paid by"),
        Field("reference", "Reference"),
    ),
)

query = sql.load("books/admin_invoice")


async def make(handler: AdminHandler) -> str:
    """Make a draft for an owner, as the API does."""
    owner_id = await owner_of(handler)
    check_lines(handler.body)
    body = with_id(handler, "client", WRONG_CLIENT, owner_id)

    async def work(tx: sql.Runner) -> str:
        row = invoice_refusal.done(await invoice.query.create_invoice(tx, owner_id=owner_id, body=body))
        document: str = row["document"]
        return document

    return await made(handler, "invoice", (owner_id,), work)


async def change(handler: AdminHandler, key: Key) -> None:
    """Change a draft, or the notes of another invoice."""
    check_lines(handler.body)
    body = with_id(handler, "client", WRONG_CLIENT, key["owner_id"])
    row = await invoice.query.update_invoice(handler.db, **key, body=body, if_match=None, actor=handler.actor)
    invoice_refusal.done(found(row))


async def remove(handler: AdminHandler, key: Key) -> None:
    """Delete a draft."""
    row = await invoice.query.delete_invoice(handler.db, **key, if_match=None, actor=handler.actor)
    invoice_refusal.deleted(found(row))


async def send(handler: AdminHandler, keys: Sequence[Key]) -> str:
    """Mark chosen drafts as sent, and mail them to their clients, as the API does."""
    said: list[str] = []

    async def write(handler: AdminHandler, key: Key) -> None:
        async def work(tx: Transaction) -> mail.Mailed:
            await _taken(handler, tx, key, Sending)
            return await mail.mail_if_possible(handler, tx, mail.INVOICE, key["owner_id"], key["id"])

        said.append((await handler.db.transaction(work)).said)

    told = await done_with(handler, keys, write, f"{Sending.said}.", "{done} of {all} invoices sent.")
    return " ".join([told, *dict.fromkeys(said)])


async def cancel(handler: AdminHandler, keys: Sequence[Key]) -> str:
    """Cancel chosen invoices of which nothing is paid."""

    async def write(handler: AdminHandler, key: Key) -> None:
        await _taken(handler, handler.db, key, Cancelling)

    return await done_with(handler, keys, write, f"{Cancelling.said}.", "{done} of {all} invoices cancelled.")


async def mark_paid(handler: AdminHandler, keys: Sequence[Key]) -> str:
    """Record for each chosen invoice a payment of its whole balance."""

    async def write(handler: AdminHandler, key: Key) -> None:
        await _taken(handler, handler.db, key, MarkingPaid, body=handler.body_text or "{}")

    return await done_with(handler, keys, write, f"{MarkingPaid.said}.", "{done} of {all} invoices marked as paid.")


async def _taken(
    handler: AdminHandler, db: sql.Runner, key: Key, step: type[InvoiceStep], **more: str
) -> Mapping[str, Any]:
    row = await step.step(db, **key, if_match=None, actor=handler.actor, **more)
    return taken(found(row), step.refused)


invoices = Table(
    area="books",
    name="invoices",
    title="Invoices",
    one="invoice",
    about="What accounts have billed, the newest accounts first. Only the notes of an invoice that is no draft can be changed.",
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
        Column("due_date", "Due", "day", order="due_date"),
        Column("total_amount", "Total", "amount", order="total_amount"),
        Column("paid_amount", "Paid", "amount"),
        Column("created_at", "Made", "moment", order="created_at"),
    ),
    orders={
        "owner": by_number("i.owner_id"),
        "id": by_number("i.id"),
        "issue_date": by_day("i.issue_date"),
        "due_date": by_day("i.due_date"),
        "total_amount": by_amount("i.total_amount"),
        "created_at": by_moment("i.created_at"),
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
        Field("payments", "Payments"),
        Field("mails", "Mails"),
        Field("client_name", "Client", to="books/clients"),
        ITS_OWNER,
        Field("status", "Status", "badge"),
        Field("subtotal", "Subtotal", "amount"),
        Field("tax_amount", "Tax", "amount"),
        Field("total_amount", "Total", "amount"),
        Field("paid_amount", "Paid", "amount"),
        Field("balance", "Balance", "amount"),
        Field("quote", "Made of the quote", to="books/quotes"),
        Field("sent_at", "Sent", "moment"),
        Field("paid_at", "Paid at", "moment"),
        Field("created_at", "Made", "moment"),
        Field("updated_at", "Last changed", "moment"),
        Field("number", "Id"),
    ),
    add=Form(
        extended("books/invoice_create", {"owner": ACCOUNT, "client": ROW_KEY}, also_required=("owner",)),
        (ITS_OWNER, Field("client", "Client", to="books/clients", among="owner"), *FIELDS),
    ),
    make=make,
    edit=Form(
        extended("books/invoice_update", {"client": ROW_KEY}),
        (Field("client", "Client", to="books/clients", among="owner_key"), *FIELDS),
    ),
    change=change,
    remove=remove,
    removal_warning="Only drafts are deleted. Cancel an invoice that was sent.",
    actions=(
        Action(
            "send",
            "Send selected invoices",
            send,
            "Each is mailed to its client, if the client has an address.",
            asks=WORDS,
        ),
        Action(
            "mark-paid",
            "Mark selected invoices as paid",
            mark_paid,
            "Each gets a payment of its balance.",
            asks=PAYMENT,
        ),
        Action("cancel", "Cancel selected invoices", cancel, "Nobody can take that back.", is_dangerous=True),
    ),
    related=(
        Related("Payments of this invoice", "books/payments", "invoice"),
        Related("Mails about this invoice", "books/mails", "invoice"),
    ),
    may_see=superadmin,
    audited="invoice",
    object_id="number",
)

admin_tables = [invoices]

"""Payments of owners' invoices in the administration. docs/api/books.md#administration."""

from core.data import sql
from core.problem import invalid
from handlers.api.admin import AdminHandler, Column, Field, Filter, Form, Key, Table, superadmin
from handlers.books import invoice_refusal, payment
from handlers.books.admin_owned import ITS_OWNER, OF_OWNER, OWNER, ROW_KEY, by_number, extended, found, ids_of, made

NO_INVOICE = "There is no such invoice."

query = sql.load("books/admin_payment")


async def make(handler: AdminHandler) -> str:
    """Record a payment of an invoice, as the API does."""
    owner_id, invoice_id = ids_of(handler, "invoice", NO_INVOICE)

    async def work(tx: sql.Runner) -> str:
        row = await payment.query.pay_invoice(
            tx, owner_id=owner_id, invoice_id=invoice_id, body=handler.body_text, if_match=None
        )
        if row["refusal"] == "missing":
            raise invalid({"invoice": [NO_INVOICE]})
        document: str = invoice_refusal.paid(row)["document"]
        return document

    return await made(handler, "payment", (owner_id, invoice_id), work)


async def remove(handler: AdminHandler, key: Key) -> None:
    """Remove a payment, which reopens its invoice."""
    row = await payment.query.remove_payment(handler.db, **key, if_match=None, actor=handler.actor)
    found(row if row["refusal"] is None else None)


payments = Table(
    area="books",
    name="payments",
    title="Payments",
    one="payment",
    about="What was paid for invoices. A payment is not changed: it is removed, and recorded anew.",
    key={"owner_id": "number", "invoice_id": "number", "id": "number"},
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("amount", "Amount", "amount"),
        Column("invoice", "Invoice", to="books/invoices"),
        OWNER,
        Column("payment_date", "Paid on", "day"),
        Column("payment_method", "Paid by"),
        Column("reference", "Reference"),
        Column("created_at", "Recorded", "moment"),
    ),
    orders={
        "owner": by_number("p.owner_id"),
        "invoice": by_number("p.invoice_id"),
        "id": by_number("p.id"),
    },
    usual=("-owner",),
    ties=("invoice", "id"),
    within=("owner", "invoice"),
    filters=(OF_OWNER, Filter("invoice", "Invoice", "reference", to="books/invoices")),
    shown=(
        Field("amount", "Amount", "amount"),
        Field("invoice", "Invoice", to="books/invoices"),
        ITS_OWNER,
        Field("payment_date", "Paid on", "day"),
        Field("payment_method", "Paid by"),
        Field("reference", "Reference"),
        Field("created_at", "Recorded", "moment"),
        Field("number", "Id"),
    ),
    add=Form(
        extended("books/payment_create", {"invoice": ROW_KEY}, also_required=("invoice",)),
        (
            Field(
                "invoice",
                "Invoice",
                to="books/invoices",
                help="Add the payment from the list of the invoice's payments.",
            ),
            Field("amount", "Amount"),
            Field("payment_date", "Paid on", help="Today, unless it says otherwise."),
            Field("payment_method", "Paid by"),
            Field("reference", "Reference"),
        ),
    ),
    make=make,
    remove=remove,
    removal_warning="What is paid of the invoice, its balance and its status follow.",
    may_see=superadmin,
    audited="payment",
    object_id="number",
)

admin_tables = [payments]

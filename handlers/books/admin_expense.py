"""Expenses of owners in the administration. docs/api/books.md#administration."""

from collections.abc import Sequence
from typing import Any

from core.data import sql
from core.files import media
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
from handlers.books import expense
from handlers.books.admin_owned import (
    ACCOUNT,
    ITS_OWNER,
    NO_ROW_KEY,
    OF_OWNER,
    OWNED,
    OWNER,
    by_amount,
    by_day,
    by_number,
    extended,
    found,
    made,
    owner_of,
    with_id,
)
from handlers.books.expense_decision import Approve, Decision, Reimburse, Reject, decided_as
from handlers.books.paperwork import WRONG_CLIENT

# The order of the indexes of all filters: what is spent last first.
BY_DAY = ("-expense_date",)
CATEGORIES = [*expense.CATEGORIES.items()]
DAYS = ("since", "until")
CLIENT = "Billed to"
FIELDS = (
    Field("description", "Description"),
    Field("amount", "Amount"),
    Field("tax_amount", "Tax in it"),
    Field("category", "Category", choices=CATEGORIES),
    Field("expense_date", "Day"),
    Field("vendor", "Vendor"),
    Field("receipt_number", "Receipt number"),
    Field("is_billable", "Billable"),
    Field("notes", "Notes", kind="lines"),
)

query = sql.load("books/admin_expense")


async def make(handler: AdminHandler) -> str:
    """Make an expense of an owner, as the API does."""
    owner_id = await owner_of(handler)
    body = with_id(handler, "client", WRONG_CLIENT, owner_id)

    async def work(tx: sql.Runner) -> str:
        return expense.document_of(await expense.query.create_expense(tx, owner_id=owner_id, body=body))

    return await made(handler, "expense", (owner_id,), work)


async def change(handler: AdminHandler, key: Key) -> None:
    """Change an expense. What was approved keeps its amount, tax, day and category."""
    body = with_id(handler, "client", WRONG_CLIENT, key["owner_id"])
    row = found(await expense.query.update_expense(handler.db, **key, body=body, if_match=None, actor=handler.actor))
    if row["refused"] is not None:
        raise expense.refusal(row["refused"], row["present"], handler.body)


async def remove(handler: AdminHandler, key: Key) -> None:
    """Delete an expense with its attachments."""
    gone = found(await expense.query.delete_expense(handler.db, **key, if_match=None, actor=handler.actor))
    await media.discard(handler.application, gone["keys"])


def deciding(step: type[Decision]) -> Do:
    """What approves, rejects or reimburses chosen expenses."""

    async def decide(handler: AdminHandler, keys: Sequence[Key]) -> str:
        async def write(handler: AdminHandler, key: Key) -> None:
            how: dict[str, Any] = {"status": step.status, "action": step.action, "if_match": None}
            row = await expense.query.decide_expense(handler.db, **key, **how, actor=handler.actor)
            decided_as(found(row), step.status)

        one, several = f"Expense {step.status}.", f"{{done}} of {{all}} expenses {step.status}."
        return await done_with(handler, keys, write, one, several)

    return decide


expenses = Table(
    area="books",
    name="expenses",
    title="Expenses",
    one="expense",
    about="What accounts have spent, the newest accounts first. Choose an account to search and order its expenses.",
    key=OWNED,
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("description", "Description"),
        OWNER,
        Column("amount", "Amount", "amount", order="amount"),
        Column("category", "Category", "badge"),
        Column("expense_date", "Day", "day", order="expense_date"),
        Column("vendor", "Vendor"),
        Column("status", "Status", "badge"),
        Column("attachment_count", "Attachments", "number"),
        Column("created_at", "Made", "moment"),
    ),
    orders={
        "owner": by_number("e.owner_id"),
        "id": by_number("e.id"),
        "amount": by_amount("e.amount"),
        "expense_date": by_day("e.expense_date"),
    },
    usual=("-owner",),
    search="by description, vendor, receipt number or notes",
    within=("owner", "client"),
    filters=(
        OF_OWNER,
        Filter("client", CLIENT, "reference", to="books/clients", orders=BY_DAY),
        Filter("status", "Status", choices=[(one, one.title()) for one in expense.STATUSES], orders=BY_DAY),
        Filter("category", "Category", choices=CATEGORIES, orders=BY_DAY),
        Filter("is_billable", "Billable", "flag", orders=BY_DAY),
        Filter("has_receipts", "With attachments", "flag", orders=BY_DAY),
        Filter("since", "Since the day", "since", orders=BY_DAY),
        Filter("until", "Until the day", "until", orders=BY_DAY),
    ),
    shown=(
        ITS_OWNER,
        Field("client_name", CLIENT, to="books/clients"),
        Field("status", "Status", "badge"),
        Field("attachment_count", "Attachments", "number"),
        Field("created_at", "Made", "moment"),
        Field("updated_at", "Last changed", "moment"),
        Field("number", "Id"),
    ),
    add=Form(
        extended("books/expense_write", {"owner": ACCOUNT, "client": NO_ROW_KEY}, also_required=("owner",)),
        (ITS_OWNER, *FIELDS, Field("client", CLIENT, to="books/clients", among="owner")),
    ),
    make=make,
    edit=Form(
        extended("books/expense_patch", {"client": NO_ROW_KEY}),
        (*FIELDS, Field("client", CLIENT, to="books/clients", among="owner_key")),
    ),
    change=change,
    remove=remove,
    removal_warning="Its attachments are deleted too.",
    actions=(
        Action("approve", "Approve selected expenses", deciding(Approve)),
        Action("reject", "Reject selected expenses", deciding(Reject)),
        Action(
            "reimburse", "Note that selected expenses were paid back", deciding(Reimburse), "Nobody can take that back."
        ),
    ),
    related=(Related("Attachments", "books/attachments", "expense"),),
    may_see=superadmin,
    audited="expense",
    object_id="number",
)

admin_tables = [expenses]

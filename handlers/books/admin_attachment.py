"""Attachments of owners' expenses in the administration. docs/api/books.md#administration."""

from core.data import sql
from handlers.api.admin import AdminHandler, Column, Field, Filter, Key, Table, superadmin
from handlers.books import attachment
from handlers.books.admin_owned import ITS_OWNER, OF_OWNER, OWNED, OWNER, by_moment, by_number

query = sql.load("books/admin_attachment")


async def remove(handler: AdminHandler, key: Key) -> None:
    """Delete an attachment with its file."""
    await attachment.remove(handler, **key)


attachments = Table(
    area="books",
    name="attachments",
    title="Attachments",
    one="attachment",
    about="Files of expenses. Only an owner adds them.",
    key=OWNED,
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("filename", "File"),
        Column("expense", "Expense", to="books/expenses"),
        OWNER,
        Column("content_type", "Kind"),
        Column("size", "Bytes", "number"),
        Column("uploaded_at", "Uploaded", "moment", order="uploaded_at"),
    ),
    orders={
        "owner": by_number("f.owner_id"),
        "id": by_number("f.id"),
        "uploaded_at": by_moment("f.uploaded_at"),
    },
    usual=("-owner",),
    within=("owner", "expense"),
    filters=(OF_OWNER, Filter("expense", "Expense", "reference", to="books/expenses", orders=("-uploaded_at",))),
    shown=(
        Field("file", "File", "file"),
        Field("picture", "Picture", "picture"),
        Field("expense", "Expense", to="books/expenses"),
        ITS_OWNER,
        Field("content_type", "Kind"),
        Field("size", "Bytes"),
        Field("uploaded_at", "Uploaded", "moment"),
        Field("number", "Id"),
    ),
    remove=remove,
    removal_warning="Its file is deleted too.",
    may_see=superadmin,
    audited="attachment",
    object_id="number",
)

admin_tables = [attachments]

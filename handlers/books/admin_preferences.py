"""What owners want of their papers, in the administration. docs/api/books.md#administration."""

from collections.abc import Sequence

from core.data import sql
from core.files import media
from core.http import schema
from handlers.api.admin import Action, AdminHandler, Column, Field, Form, Key, Table, done_with, superadmin
from handlers.books import preferences as own
from handlers.books.admin_owned import ITS_OWNER, OF_OWNER, by_number, found

query = sql.load("books/admin_preferences")


async def change(handler: AdminHandler, key: Key) -> None:
    found(await own.query.change_preferences(handler.db, **key, body=handler.body_text, actor=handler.actor))


async def remove_logo(handler: AdminHandler, keys: Sequence[Key]) -> str:
    """Remove the logos of chosen owners."""

    async def write(handler: AdminHandler, key: Key) -> None:
        changed = found(await own.query.set_logo(handler.db, **key, logo=None, actor=handler.actor))
        await media.remove_now(handler.application, changed["replaced"])

    return await done_with(
        handler, keys, write, "The logo was removed.", "The logos of {done} of {all} owners were removed."
    )


preferences = Table(
    area="books",
    name="preferences",
    title="Preferences of papers",
    one="owner's preferences",
    about="What accounts have set for their quotes and invoices. An account that has set nothing has the defaults, and is not here.",
    key={"owner_id": "number"},
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("account", "Account"),
        Column("company_name", "Company"),
        Column("currency", "Currency"),
        Column("paper_size", "Paper"),
        Column("sends_reminders", "Reminders", "flag"),
        Column("has_logo", "Logo", "flag"),
    ),
    orders={"owner": by_number("p.owner_id")},
    usual=("-owner",),
    ties=(),
    filters=(OF_OWNER,),
    shown=(ITS_OWNER, Field("company_name", "Company"), Field("logo", "Logo", "picture")),
    edit=Form(
        schema.load("books/preferences_patch"),
        (
            Field("currency", "Currency"),
            Field("paper_size", "Paper"),
            Field("tax_number", "Tax number"),
            Field("phone", "Phone"),
            Field("website", "Website"),
            Field("quote_terms", "Terms of new quotes", kind="lines"),
            Field("invoice_terms", "Terms of new invoices", kind="lines"),
            Field("quote_days", "Days that a quote is valid"),
            Field("invoice_days", "Days until an invoice is due"),
            Field("footer", "Foot of each page"),
            Field("sends_reminders", "Reminds of overdue invoices"),
        ),
    ),
    change=change,
    actions=(Action("remove-logo", "Remove the logo of selected owners", remove_logo),),
    may_see=superadmin,
    audited="preferences",
)

admin_tables = [preferences]

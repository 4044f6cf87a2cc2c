"""Profiles of sales reps in the administration. docs/api/vendor.md#administration."""

from collections.abc import Sequence

from core.data import sql
from core.http import keyset
from core.http.keyset import Column as OrderColumn
from core.http.schema import Schema
from core.problem import invalid, not_found
from handlers.api.admin import Action, AdminHandler, Column, Field, Filter, Form, Key, Table, each
from handlers.api.roles import may_touch
from handlers.vendor.admin_owned import FLAG, ROW_ID
from handlers.vendor.commands import MOST_NAME, MOST_PHONE

HAS_PROFILE = "This account has a sales rep's profile already."
# The command createsalesrep allows the same.
MEMBERS = {
    "name": {"type": "string", "pattern": "[^ \\t\\n\\r\\f\\v]", "maxLength": MOST_NAME},
    "phone": {"type": "string", "maxLength": MOST_PHONE},
    "is_active": FLAG,
}
NEW = Schema({"type": "object", "required": ["account", "name"], "properties": {"account": ROW_ID, **MEMBERS}})
CHANGE = Schema({"type": "object", "properties": MEMBERS})
FIELDS = (
    Field("name", "Name"),
    Field("phone", "Phone"),
    Field("is_active", "Active", help="Who is not active can't use the sales reps' pages."),
)

query = sql.load("vendor/admin_sales_rep")


async def make(handler: AdminHandler) -> str:
    """Give an account the profile of a sales rep."""
    await _check(handler, None, handler.body["account"])
    made = await query.make_rep(handler.db, body=handler.body_text, actor=handler.actor)
    if made is None:
        raise invalid({"account": ["There is no such account."]})
    return str(made["account_id"])


async def change(handler: AdminHandler, key: Key) -> None:
    """Change a profile as the form says."""
    await _write(handler, key, handler.body_text)


async def _check(handler: AdminHandler, account_id: int | None, public_id: str | None) -> None:
    """Raises Problem 403: the account's role is above the administrator's, whom a profile that is switched off would keep out."""
    role = await query.get_role(handler.db, account_id=account_id, public_id=public_id)
    if role is not None:
        may_touch(handler.administrator, role)


async def _write(handler: AdminHandler, key: Key, body: str) -> None:
    await _check(handler, key["account_id"], None)
    if await query.update_rep(handler.db, account_id=key["account_id"], body=body, actor=handler.actor) is None:
        raise not_found("There is no such sales rep.")


async def switch_on(handler: AdminHandler, keys: Sequence[Key]) -> str:
    return await _switch(handler, keys, '{"is_active": true}', "on")


async def switch_off(handler: AdminHandler, keys: Sequence[Key]) -> str:
    return await _switch(handler, keys, '{"is_active": false}', "off")


async def _switch(handler: AdminHandler, keys: Sequence[Key], body: str, word: str) -> str:
    async def write(handler: AdminHandler, key: Key) -> None:
        await _write(handler, key, body)

    done, refused = await each(handler, keys, write)
    return " ".join([f"{done} sales rep(s) switched {word}.", *dict.fromkeys(refused)])


sales_reps = Table(
    area="vendor",
    name="sales-reps",
    title="Sales reps",
    one="sales rep",
    about="Who approves vendors on the sales reps' pages. Those who are active come first.",
    key={"account_id": "number"},
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("name", "Name"),
        Column("username", "Username"),
        Column("email", "Email", to="accounts/users"),
        Column("phone", "Phone"),
        Column("is_active", "Active", "flag"),
        Column("created_at", "Created", "moment"),
    ),
    orders={
        "is_active": OrderColumn("r.is_active::integer", "integer", keyset.is_id),
        "account_id": OrderColumn("r.account_id", "bigint", keyset.is_id),
    },
    usual=("-is_active",),
    ties=("account_id",),
    search="by name, username, email or phone",
    filters=(Filter("is_active", "Active", "flag"),),
    shown=(
        Field("email", "Account", to="accounts/users"),
        Field("username", "Username"),
        Field("role", "Role", "badge"),
        Field("account_active", "Account is active", "flag"),
        Field("created_at", "Created", "moment"),
        Field("updated_at", "Last changed", "moment"),
    ),
    add=Form(
        NEW,
        (
            Field("account", "Account", to="accounts/users", help="An account of the role SALESREP, or another one."),
            *FIELDS[:2],
        ),
    ),
    make=make,
    edit=Form(CHANGE, FIELDS),
    change=change,
    actions=(
        Action("switch_off", "Switch off selected sales reps", switch_off, "They can't use the pages any more."),
        Action("switch_on", "Switch on selected sales reps", switch_on),
    ),
    audited="sales-rep",
)

refusals = {"sales_rep_pkey": (400, "exists", HAS_PROFILE, {"account": [HAS_PROFILE]})}
admin_tables = [sales_reps]

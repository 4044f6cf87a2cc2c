"""Which account is shown which menu, in the administration. docs/api/accounts.md#administration."""

import json

from core.data import sql
from core.http import keyset, schema
from core.http.keyset import Column as OrderColumn
from core.problem import not_found
from handlers.accounts.menu import query as menu_query
from handlers.accounts.menu import write_menus
from handlers.api.admin import AdminHandler, Column, Field, Filter, Key, Table

query = sql.load("accounts/admin_menu_assignment")


async def remove(handler: AdminHandler, key: Key) -> None:
    """Take a menu from an account. Raises Problem: 403 the account's role is above the administrator's; 404."""
    public_id = await query.find_assigned(handler.db, **key)
    if public_id is None:
        raise not_found()
    body = json.dumps({"user_id": public_id, "menu_ids": [key["menu_item_id"]]})
    await write_menus(handler, menu_query.take_menus, body)


assignments = Table(
    area="accounts",
    name="menu-assignments",
    title="Assigned menus",
    one="assignment",
    about="Who is shown a menu, and who has assigned it. “Menus of users” is where menus are assigned.",
    key={"account_id": "number", "menu_item_id": "uuid"},
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("account", "User", to="accounts/users"),
        Column("menu", "Menu", to="accounts/menus"),
        Column("code", "Code"),
        Column("is_active", "Active", "flag"),
        Column("assigned_by", "Assigned by", to="accounts/users"),
        Column("assigned_at", "Assigned", "moment"),
    ),
    orders={
        "account": OrderColumn("am.account_id", "bigint", keyset.is_id),
        "menu": OrderColumn("am.menu_item_id", "uuid", lambda value: isinstance(value, str) and schema.is_uuid(value)),
    },
    usual=("account",),
    ties=("menu",),
    filters=(
        Filter("menu", "Menu", "reference", to="accounts/menus"),
        Filter("account", "User", "reference", to="accounts/users"),
    ),
    shown=(
        Field("account", "User", to="accounts/users"),
        Field("menu", "Menu", to="accounts/menus"),
        Field("code", "Code"),
        Field("is_active", "Active", "flag"),
        Field("assigned_by", "Assigned by", to="accounts/users"),
        Field("assigned_at", "Assigned", "moment"),
    ),
    remove=remove,
    removal_warning="The account is not shown the menu any more.",
)

admin_tables = [assignments]

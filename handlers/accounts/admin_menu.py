"""Menus in the administration: the entries themselves, and which accounts are shown which. docs/api/accounts.md#administration."""

import json
from collections.abc import Sequence

from core.data import sql
from core.http import keyset, schema
from core.http.keyset import Column as OrderColumn
from core.problem import Problem, invalid, not_found
from handlers.accounts.menu import query as menu_query
from handlers.accounts.menu import write_menus
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
    answer_of,
    each,
    some,
)
from handlers.api.roles import ROLES

query, set_query = sql.load("accounts/admin_menu"), sql.load("accounts/admin_menu_set")

FIELDS = (
    Field("name", "Name"),
    Field("code", "Code", help="By which the client knows the entry: letters, digits, - and _."),
    Field("parent_id", "Below", to="accounts/menus", help="The client shows two levels."),
    Field("url", "Path of the client"),
    Field("icon", "Icon", help="A name that the client maps to a picture."),
    Field("order", "Order", help="The place among the entries below the same one."),
    Field("is_active", "Active", kind="flag"),
)


async def make(handler: AdminHandler) -> str:
    """Make a menu. Raises Problem 400."""

    async def work(db: sql.Runner) -> str:
        await handler.confirm(db)
        made = await query.create_menu(db, body=handler.body_text, actor=handler.actor)
        return str(made["id"])

    return await handler.db.transaction(work)


async def change(handler: AdminHandler, key: Key) -> None:
    """Change a menu. Raises Problem: 400 wrong fields, a parent that is below the menu; 404."""

    async def work(db: sql.Runner) -> None:
        await menu_query.lock_menus(db)
        await handler.confirm(db)
        found = await query.update_menu(db, id=key["id"], body=handler.body_text, actor=handler.actor)
        if not found["is_found"]:
            raise no_menu()
        if not found["is_changed"]:
            raise invalid({"parent_id": ["A menu can't be below itself."]})

    await handler.db.transaction(work)


async def remove(handler: AdminHandler, key: Key) -> None:
    """Delete a menu with what is below it. Raises Problem 404."""

    async def work(db: sql.Runner) -> None:
        await menu_query.lock_menus(db)
        await handler.confirm(db)
        if await query.delete_menu(db, id=key["id"], actor=handler.actor) is None:
            raise no_menu()

    await handler.db.transaction(work)


def no_menu() -> Problem:
    return not_found("No MenuItem matches the given query.")


async def unknown_parent(handler: AdminHandler) -> Problem:
    return invalid({"parent_id": [f'Invalid pk "{handler.body["parent_id"]}" - object does not exist.']})


menus = Table(
    area="accounts",
    name="menus",
    title="Menus",
    one="menu",
    about="The entries of the staff client’s navigation.",
    key={"id": "uuid"},
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("name", "Name"),
        Column("code", "Code", order="code"),
        Column("parent", "Below", to="accounts/menus"),
        Column("order", "Order", "number"),
        Column("url", "Path"),
        Column("icon", "Icon"),
        Column("is_active", "Active", "flag"),
    ),
    orders={"code": OrderColumn("m.code", "text", keyset.is_text)},
    usual=("code",),
    ties=(),
    search="by name or code",
    filters=(
        Filter("parent", "Below", "reference", to="accounts/menus"),
        Filter("is_active", "Active", "flag"),
    ),
    add=Form(schema.load("accounts/menu_item_write"), FIELDS),
    make=make,
    edit=Form(schema.load("accounts/menu_item_patch"), FIELDS),
    change=change,
    remove=remove,
    removal_warning="What is below it is deleted too, and nobody is shown either any more.",
    related=(
        Related("Accounts that are shown it", "accounts/menu-assignments", "menu"),
        Related("Menus below it", "accounts/menus", "parent"),
    ),
    audited="menu",
)


MENU_IDS = Form(
    some(schema.load("accounts/menu_assign"), "menu_ids"), (Field("menu_ids", "Menus", to="accounts/menus"),)
)


def _body(handler: AdminHandler, key: Key) -> str:
    return json.dumps({"user_id": key["public_id"], "menu_ids": handler.body["menu_ids"]})


async def assign(handler: AdminHandler, key: Key) -> None:
    """Make an account's menus exactly those of the form, by the API."""
    await answer_of(handler, "POST", "/api/access/admin/assign-menus/", _body(handler, key))


def writing(write: sql.Query, done: str) -> Do:
    """What changes the menus of several accounts by a query."""

    async def one(handler: AdminHandler, key: Key) -> None:
        await write_menus(handler, write, _body(handler, key))

    async def do(handler: AdminHandler, keys: Sequence[Key]) -> str:
        changed, refused = await each(handler, keys, one)
        return " ".join([f"The menus were {done} {changed} of {len(keys)} users.", *dict.fromkeys(refused)])

    return do


user_menus = Table(
    area="accounts",
    name="user-menus",
    title="Menus of users",
    one="user",
    about="Which menus each account is shown. A SUPERADMIN’s client shows its built-in menu.",
    key={"public_id": "uuid"},
    list=set_query.list_rows,
    get=set_query.get_row,
    columns=(
        Column("email", "E-mail", order="email"),
        Column("name", "Name"),
        Column("role", "Role", "badge"),
        Column("menus", "Menus"),
    ),
    orders={
        "id": OrderColumn("a.id", "bigint", keyset.is_id),
        "email": OrderColumn("a.email", "text", keyset.is_text),
    },
    usual=("-id",),
    filtered_orders=(),
    search="by e-mail, name or username",
    filters=(
        Filter("account", "User", "reference", to="accounts/users"),
        Filter("role", "Role", choices=[(role, role) for role in ROLES]),
    ),
    shown=(Field("account", "User", to="accounts/users"), Field("tree", "As the client shows them", "json")),
    edit=MENU_IDS,
    change=assign,
    actions=(
        Action("add", "Assign more menus", writing(menu_query.add_menus, "assigned to"), asks=MENU_IDS),
        Action(
            "take", "Take menus away", writing(menu_query.take_menus, "taken from"), asks=MENU_IDS, is_dangerous=True
        ),
    ),
    related=(Related("Who has assigned them, and when", "accounts/menu-assignments", "account"),),
    audited="account",
)

refusals = {
    "menu_item_code_key": (400, "menu-exists", "Validation failed", {"code": ["Menu with this code already exists."]}),
    "menu_item_parent_id_fkey": unknown_parent,
}
admin_tables = [menus, user_menus]

"""Categories in the administration: vendors' own, and the global ones, which are made only here. docs/api/vendor.md#administration."""

from core.data import sql
from core.http import schema
from core.problem import not_found
from handlers.api.admin import AdminHandler, Column, Field, Filter, Form, Key, Related, Table, key_text
from handlers.vendor import category
from handlers.vendor.admin_owned import (
    ITS_OWNER,
    OF_VENDOR,
    OWNED,
    OWNER,
    ROW_ID,
    by_id,
    by_moment,
    by_number,
    by_text,
    extended,
    ids,
    owner_of,
)

FIELDS = (
    Field("name", "Name"),
    Field("description", "Description", kind="lines"),
    Field("sort_order", "Sort order", help="The app shows lower numbers first."),
)
# is_active is no part of the form of a new category, where a tick that nobody has set would make it inactive.
ALL = (*FIELDS, Field("is_active", "Active"))
NEW = schema.load("vendor/category_create")
NEW_OF_VENDOR = extended("vendor/category_create", {"vendor": ROW_ID}, required=("vendor", "name"), without=("id",))
CHANGE = schema.load("vendor/category_update")

query = sql.load("vendor/admin_category")
global_query = sql.load("vendor/admin_global_category")


async def make(handler: AdminHandler) -> str:
    """Make a category for a vendor, as the API does."""
    vendor_id = await owner_of(handler)
    made = await category.make(handler, vendor_id)
    return key_text(vendor_id, made["id"])


async def change(handler: AdminHandler, key: Key) -> None:
    await category.change(handler, **ids(key))


async def remove(handler: AdminHandler, key: Key) -> None:
    await category.remove(handler, **ids(key))


async def make_global(handler: AdminHandler) -> str:
    """Make a category of all vendors."""
    made = await global_query.make_category(handler.db, body=handler.body_text, actor=handler.actor)
    return str(made["id"])


async def change_global(handler: AdminHandler, key: Key) -> None:
    changed = await global_query.update_category(handler.db, id=key["id"], body=handler.body_text, actor=handler.actor)
    if changed is None:
        raise not_found(category.MISSING)


async def remove_global(handler: AdminHandler, key: Key) -> None:
    if await global_query.delete_category(handler.db, id=key["id"], actor=handler.actor) is None:
        raise not_found(category.MISSING)


categories = Table(
    area="vendor",
    name="categories",
    title="Categories",
    one="category",
    about="Vendors' own categories. Choose a vendor to search and order them.",
    key=OWNED,
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("name", "Name", order="name"),
        OWNER,
        Column("sort_order", "Sort order", "number", order="sort_order"),
        Column("items", "Items", "number"),
        Column("is_active", "Active", "flag"),
        Column("updated_at", "Last changed", "moment", order="updated_at"),
    ),
    orders={
        "vendor": by_id("c.vendor_id"),
        "id": by_id("c.id"),
        "name": by_text("c.name"),
        "sort_order": by_number("c.sort_order"),
        "updated_at": by_moment("c.updated_at"),
    },
    usual=("vendor",),
    search="by name",
    within=("vendor",),
    filters=(OF_VENDOR, Filter("is_active", "Active", "flag")),
    shown=(
        ITS_OWNER,
        Field("items", "Items", "number"),
        Field("created_at", "Created", "moment"),
        Field("updated_at", "Last changed", "moment"),
        Field("id", "Id"),
    ),
    add=Form(NEW_OF_VENDOR, (ITS_OWNER, *FIELDS)),
    make=make,
    edit=Form(CHANGE, ALL),
    change=change,
    remove=remove,
    removal_warning="Its items stay, without it. The vendor's devices delete it too.",
    related=(Related("Items", "vendor/items", "category"),),
    audited="category",
    object_id="id",
)

global_categories = Table(
    area="vendor",
    name="global-categories",
    title="Global categories",
    one="global category",
    about="Every vendor sees these, and may put items into them.",
    key={"id": "uuid"},
    list=global_query.list_rows,
    get=global_query.get_row,
    columns=(
        Column("name", "Name", order="name"),
        Column("sort_order", "Sort order", "number", order="sort_order"),
        Column("is_active", "Active", "flag"),
        Column("description", "Description"),
        Column("updated_at", "Last changed", "moment"),
    ),
    orders={"sort_order": by_number("g.sort_order"), "name": by_text("g.name"), "id": by_id("g.id")},
    usual=("sort_order", "name"),
    search="by name",
    filters=(Filter("is_active", "Active", "flag"),),
    shown=(
        Field("items", "Items of vendors"),
        Field("created_at", "Created", "moment"),
        Field("updated_at", "Last changed", "moment"),
    ),
    add=Form(NEW, FIELDS),
    make=make_global,
    edit=Form(CHANGE, ALL),
    change=change_global,
    remove=remove_global,
    removal_warning="Items of all vendors stay, without it. The devices of all vendors delete it too.",
    audited="global-category",
)

admin_tables = [categories, global_categories]

"""Items of vendors in the administration. docs/api/vendor.md#administration."""

import json
from collections.abc import Sequence

from core.data import sql
from core.problem import invalid
from handlers.api.admin import Action, AdminHandler, Column, Field, Filter, Form, Key, Table, each, key_text
from handlers.vendor import item, picture
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
from handlers.vendor.picture import NO_PICTURE

# Keys of categories, as the administration writes them: an id, or two of them with a point between.
KEYS = {"type": "array", "maxItems": 100, "items": {"type": "string", "maxLength": 80}}
CATEGORIES = {"own_categories": KEYS, "global_categories": KEYS}
LISTS = ("id", "category_ids", "categories")
NEW = extended("vendor/item_create", {"vendor": ROW_ID}, required=("vendor", "name"), without=LISTS)
CHANGE = extended("vendor/item_update", CATEGORIES, without=LISTS)
# is_active is no part of the form of a new item, where a tick that nobody has set would make it inactive.
FIELDS = (
    Field("name", "Name"),
    Field("description", "Description", kind="lines"),
    Field("price", "Price"),
    Field("mrp_price", "MRP"),
    Field("price_type", "Price is"),
    Field("gst_percentage", "GST (%)"),
    Field("additional_discount", "Additional discount"),
    Field("veg_nonveg", "Vegetarian", choices=(("veg", "Vegetarian"), ("nonveg", "Not vegetarian"))),
    Field("stock_quantity", "Stock"),
    Field("sku", "SKU"),
    Field("barcode", "Barcode"),
    Field("sort_order", "Sort order", help="The app shows lower numbers first."),
    Field("image", "Picture", help="JPG, PNG or WebP.", file=True),
)


query = sql.load("vendor/admin_item")


async def make(handler: AdminHandler) -> str:
    """Make an item for a vendor, as the API does."""
    vendor_id = await owner_of(handler)
    id, _ = await item.make(handler, vendor_id)
    return key_text(vendor_id, id)


async def change(handler: AdminHandler, key: Key) -> None:
    """Change an item as the form says. Of its categories the body has the lists that were changed."""
    own, shared = handler.body.get("own_categories"), handler.body.get("global_categories")
    chosen = [*_own(own or [], ids(key)["vendor_id"]), *(shared or [])]
    kinds = [kind for kind, keys in zip(item.KINDS, (own, shared), strict=True) if keys is not None]
    categories = item.categories_of({"category_ids": chosen}) if kinds else None
    stored = await picture.submitted(handler, ids(key)["id"])
    await item.change(handler, **ids(key), body=handler.body_text, categories=categories, stored=stored, kinds=kinds)


def _own(keys: Sequence[str], vendor_id: str) -> list[str]:
    """The ids of a vendor's own categories. Raises Problem 400: one is another vendor's."""
    parts = [key.lower().partition(".") for key in keys]
    if any(owner != vendor_id for owner, _, _ in parts):
        raise invalid({"own_categories": [item.NO_CATEGORIES]})
    return [id for _, _, id in parts]


async def remove(handler: AdminHandler, key: Key) -> None:
    await item.remove(handler, **ids(key))


async def _set(handler: AdminHandler, keys: Sequence[Key], **members: bool | None) -> int:
    async def write(handler: AdminHandler, key: Key) -> None:
        await item.change(handler, **ids(key), body=json.dumps(members), categories=None, stored=NO_PICTURE)

    done, _ = await each(handler, keys, write)
    return done


async def activate(handler: AdminHandler, keys: Sequence[Key]) -> str:
    return f"{await _set(handler, keys, is_active=True)} item(s) switched on."


async def deactivate(handler: AdminHandler, keys: Sequence[Key]) -> str:
    return f"{await _set(handler, keys, is_active=False)} item(s) switched off."


async def clear_picture(handler: AdminHandler, keys: Sequence[Key]) -> str:
    return f"The picture of {await _set(handler, keys, image=None)} item(s) was removed."


items = Table(
    area="vendor",
    name="items",
    title="Items",
    one="item",
    about="What vendors sell. Choose a vendor to search and order them. The vendor's devices get each change.",
    key=OWNED,
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("name", "Name", order="name"),
        OWNER,
        Column("price", "Price", "amount", order="price"),
        Column("mrp_price", "MRP", "amount"),
        Column("gst_percentage", "GST (%)", "number"),
        Column("stock_quantity", "Stock", "number", order="stock_quantity"),
        Column("sku", "SKU"),
        Column("is_active", "Active", "flag"),
        Column("last_updated", "Last changed", "moment", order="last_updated"),
    ),
    orders={
        "vendor": by_id("i.vendor_id"),
        "id": by_id("i.id"),
        "name": by_text("i.name"),
        "price": by_number("i.price"),
        "stock_quantity": by_number("i.stock_quantity"),
        "last_updated": by_moment("i.last_updated"),
    },
    usual=("vendor",),
    search="by name, description, SKU or barcode",
    within=("vendor", "category"),
    filters=(
        OF_VENDOR,
        Filter("category", "Category", "reference", to="vendor/categories"),
        Filter("is_active", "Active", "flag"),
        Filter("veg_nonveg", "Vegetarian", choices=(("veg", "Vegetarian"), ("nonveg", "Not vegetarian"))),
        Filter("pictured", "With a picture", "flag"),
    ),
    shown=(
        Field("image", "Picture", "picture"),
        ITS_OWNER,
        Field("created_at", "Created", "moment"),
        Field("last_updated", "Last changed", "moment"),
        Field("id", "Id"),
    ),
    add=Form(NEW, (ITS_OWNER, *FIELDS)),
    make=make,
    edit=Form(
        CHANGE,
        (
            *FIELDS[:1],
            Field("own_categories", "Vendor's categories", to="vendor/categories", among="vendor_key"),
            Field("global_categories", "Global categories", to="vendor/global-categories"),
            *FIELDS[1:],
            Field("is_active", "Active"),
        ),
    ),
    change=change,
    remove=remove,
    removal_warning="The vendor's devices delete it too. Bills keep what they say of it.",
    actions=(
        Action("deactivate", "Switch off selected items", deactivate, "The app doesn't show them any more."),
        Action("activate", "Switch on selected items", activate),
        Action("clear_picture", "Remove the picture of selected items", clear_picture),
    ),
    audited="item",
    object_id="id",
)

admin_tables = [items]

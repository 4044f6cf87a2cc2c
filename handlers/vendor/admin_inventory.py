"""Raw materials of vendors, and the ledger of their quantities, in the administration. docs/api/vendor.md#administration."""

from core.data import sql
from core.http import json_text, keyset, schema
from core.http.keyset import Column as OrderColumn
from core.problem import Message, invalid, not_found
from handlers.api.admin import AdminHandler, Column, Field, Filter, Form, Key, Related, Table, key_text
from handlers.vendor import inventory
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

# What the form says of a change of the quantity.
OF_STOCK = ("action", "quantity", "notes")
UNITS = [(unit, unit) for unit in schema.read("vendor/inventory_create")["properties"]["unit_type"]["enum"]]
NEW = extended("vendor/inventory_create", {"vendor": ROW_ID}, required=("vendor", "name"))
# The quantity of a form is that of a change of the stock, as the API has one for it.
CHANGE = extended("vendor/inventory_change", schema.read("vendor/inventory_stock")["properties"])
# is_active is no part of the form of a new material, where a tick that nobody has set would make it inactive.
FIELDS = (
    Field("name", "Name"),
    Field("description", "Description", kind="lines"),
    Field("unit_type", "Unit"),
    Field("sku", "SKU"),
    Field("barcode", "Barcode"),
    Field("supplier_name", "Supplier"),
    Field("supplier_contact", "Supplier's contact"),
    Field("min_stock_level", "Least stock", help="Less than this is low; 0: it is never low."),
    Field("reorder_quantity", "Quantity to order"),
)

query = sql.load("vendor/admin_inventory")
movement_query = sql.load("vendor/admin_movement")


async def make(handler: AdminHandler) -> str:
    """Make a raw material for a vendor, as the API does."""
    vendor_id = await owner_of(handler)
    made = await inventory.query.create_item(
        handler.db, vendor_id=vendor_id, body=handler.body_text, actor=handler.actor
    )
    return key_text(vendor_id, made["id"])


async def change(handler: AdminHandler, key: Key) -> None:
    """Change a raw material, and its quantity, as the form says: both or neither."""
    # Numbers stay the digits that they are.
    sent = json_text.literal(handler.body_text)
    its, moved = ({n: v for n, v in sent.items() if (n in OF_STOCK) is is_stock} for is_stock in (False, True))
    if moved and "quantity" not in moved:
        raise invalid({"quantity": [Message.of("required")]})

    async def write(db: sql.Runner) -> None:
        if its:
            body = json_text.written(its)
            if await inventory.query.update_item(db, **ids(key), body=body, actor=handler.actor) is None:
                raise not_found(inventory.MISSING)
        if moved:
            await inventory.change_stock(handler, db, **ids(key), body=json_text.written(moved))

    await handler.db.transaction(write)


async def remove(handler: AdminHandler, key: Key) -> None:
    if await inventory.query.delete_item(handler.db, **ids(key), actor=handler.actor) is None:
        raise not_found(inventory.MISSING)


materials = Table(
    area="vendor",
    name="inventory",
    title="Inventory items",
    one="inventory item",
    about="Raw materials of vendors. Choose a vendor to search and order them.",
    key=OWNED,
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("name", "Name", order="name"),
        OWNER,
        Column("quantity", "Quantity", "number", order="quantity"),
        Column("unit_type", "Unit"),
        Column("min_stock_level", "Least stock", "number"),
        Column("is_low_stock", "Low", "flag"),
        Column("supplier_name", "Supplier"),
        Column("is_active", "Active", "flag"),
        Column("updated_at", "Last changed", "moment", order="updated_at"),
    ),
    orders={
        "vendor": by_id("i.vendor_id"),
        "id": by_id("i.id"),
        "name": by_text("i.name"),
        "quantity": by_number("i.quantity"),
        "updated_at": by_moment("i.updated_at"),
    },
    usual=("vendor",),
    search="by name, description, SKU, barcode or supplier",
    within=("vendor",),
    filters=(
        OF_VENDOR,
        Filter("is_active", "Active", "flag"),
        Filter("low_stock", "Low", "flag"),
        Filter("unit_type", "Unit", choices=UNITS),
    ),
    shown=(
        Field("in_stock", "In stock", "number"),
        Field("is_low_stock", "Low", "flag"),
        ITS_OWNER,
        Field("last_restocked_at", "Last restocked", "moment"),
        Field("created_at", "Created", "moment"),
        Field("updated_at", "Last changed", "moment"),
        Field("id", "Id"),
        Field("last_movements", "Last movements"),
    ),
    add=Form(NEW, (ITS_OWNER, FIELDS[0], Field("quantity", "Quantity"), *FIELDS[1:])),
    make=make,
    edit=Form(
        CHANGE,
        (
            Field("action", "Change of stock", choices=(("add", "Add"), ("subtract", "Subtract"), ("set", "Set to"))),
            Field("quantity", "Quantity of the change", help="The ledger keeps each change."),
            Field("notes", "Notes on the change"),
            *FIELDS,
            Field("is_active", "Active"),
        ),
    ),
    change=change,
    remove=remove,
    removal_warning="Its movements are deleted too.",
    related=(Related("All movements", "vendor/movements", "item"),),
    audited="inventory",
    object_id="id",
)

movements = Table(
    area="vendor",
    name="movements",
    title="Inventory movements",
    one="movement",
    about="The ledger of vendors' raw materials, by material, the newest first. It is never changed; an inventory item's page adds to it.",
    key={"vendor_id": "uuid", "item_id": "uuid", "position": "number"},
    list=movement_query.list_rows,
    get=movement_query.get_row,
    columns=(
        Column("created_at", "When", "moment"),
        Column("item", "Inventory item", to="vendor/inventory"),
        OWNER,
        Column("action", "Action", "badge"),
        Column("quantity", "Quantity", "number"),
        Column("quantity_before", "Before", "number"),
        Column("quantity_after", "After", "number"),
        Column("notes", "Notes"),
        Column("who", "Who", to="accounts/users"),
    ),
    orders={
        "vendor": by_id("m.vendor_id"),
        "item": by_id("m.item_id"),
        "position": OrderColumn("m.position", "bigint", keyset.is_id),
    },
    usual=("-vendor",),
    ties=("item", "position"),
    filters=(OF_VENDOR, Filter("item", "Inventory item", "reference", to="vendor/inventory")),
    shown=(
        Field("item", "Inventory item", to="vendor/inventory"),
        ITS_OWNER,
        Field("action", "Action", "badge"),
        Field("quantity", "Quantity", "number"),
        Field("quantity_before", "Before", "number"),
        Field("quantity_after", "After", "number"),
        Field("unit_type", "Unit"),
        Field("notes", "Notes", "lines"),
        Field("who", "Who", to="accounts/users"),
        Field("created_at", "When", "moment"),
    ),
)

admin_tables = [materials, movements]

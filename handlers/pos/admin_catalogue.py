"""Suppliers, products and promotions of the shop in the administration. docs/api/pos.md#administration."""

from collections.abc import Sequence

from core.data import sql
from core.http import keyset, schema
from core.http.keyset import Column as OrderColumn
from handlers.api.admin import (
    Action,
    AdminHandler,
    Column,
    Field,
    Filter,
    Form,
    Key,
    Related,
    Table,
    done_with,
    making_through,
    some,
    through,
)
from handlers.pos import sees_management, sees_shop

supplier_query = sql.load("pos/admin_supplier")
product_query = sql.load("pos/admin_product")
promotion_query = sql.load("pos/admin_promotion")

NEWEST, BY_START = ("-id",), ("-start_date",)
AUDIENCES = (("ALL", "Everybody"), ("FREQUENT_ONLY", "Frequent customers"))
SUPPLIER_FIELDS = (
    Field("name", "Name"),
    Field("phone_number", "Phone"),
    Field("contact_person", "Contact person"),
    Field("rfc", "RFC"),
    Field("tax_address", "Tax address"),
)
PRODUCT_FIELDS = (
    Field("name", "Name"),
    Field("sku", "SKU"),
    Field("price", "Price before tax", kind="amount"),
    Field("tax_rate", "Tax rate"),
    Field("supplier", "Supplier", to="pos/suppliers"),
)
STOCK = Field("current_stock", "Stock", kind="number")
PROMOTION_FIELDS = (
    Field("name", "Name"),
    Field("description", "Description", kind="lines"),
    Field("product", "Product", to="pos/products"),
    Field("discount_percent", "Discount in percent", kind="number"),
    Field("start_date", "First day", kind="day"),
    Field("end_date", "Last day", kind="day"),
    Field("target_audience", "For", choices=AUDIENCES),
    Field("is_active", "Active", kind="flag"),
)


async def set_stock(handler: AdminHandler, keys: Sequence[Key]) -> str:
    """Set the stock of products, as the API's PATCH does. Raises Problem."""
    write = through("PATCH", "/api/products/{id}/")
    return await done_with(handler, keys, write, "The stock was set.", "The stock of {done} of {all} products was set.")


async def reserve(handler: AdminHandler, keys: Sequence[Key]) -> str:
    """Reserve or release units of products, as the API does. Raises Problem."""
    write = through("POST", "/api/products/{id}/reserve/")
    one, several = "The reservation was changed.", "The reservations of {done} of {all} products were changed."
    return await done_with(handler, keys, write, one, several)


suppliers = Table(
    area="pos",
    name="suppliers",
    title="Suppliers",
    one="supplier",
    about="A supplier of products can't be deleted.",
    key={"id": "number"},
    list=supplier_query.list_rows,
    get=supplier_query.get_row,
    columns=(
        Column("name", "Name", order="name"),
        Column("contact_person", "Contact person"),
        Column("phone_number", "Phone"),
        Column("rfc", "RFC"),
    ),
    orders={
        "name": OrderColumn("lower(s.name)", "text", keyset.is_text),
        "id": OrderColumn("s.id", "bigint", keyset.is_id),
    },
    usual=("name",),
    search="by name, contact, RFC or phone",
    add=Form(schema.load("pos/supplier_create"), SUPPLIER_FIELDS),
    make=making_through("/api/suppliers/", lambda answer: str(answer["id"])),
    edit=Form(schema.load("pos/supplier_update"), SUPPLIER_FIELDS),
    change=through("PATCH", "/api/suppliers/{id}/"),
    remove=through("DELETE", "/api/suppliers/{id}/"),
    related=(Related("Products of this supplier", "pos/products", "supplier"),),
    may_see=sees_management,
    audited="supplier",
)
products = Table(
    area="pos",
    name="products",
    title="Products",
    one="product",
    about="Deleted products are not listed; the orders that have them keep them.",
    key={"id": "number"},
    list=product_query.list_rows,
    get=product_query.get_row,
    columns=(
        Column("name", "Name", order="name"),
        Column("sku", "SKU", order="sku"),
        Column("price", "Price", "amount"),
        Column("tax", "Tax"),
        Column("current_stock", "Stock", "number"),
        Column("reserved_quantity", "Reserved", "number"),
        Column("supplier", "Supplier", to="pos/suppliers"),
        Column("updated_at", "Last changed", "moment"),
    ),
    orders={
        "id": OrderColumn("p.id", "bigint", keyset.is_id),
        "name": OrderColumn("lower(p.name)", "text", keyset.is_text),
        "sku": OrderColumn("lower(p.sku)", "text", keyset.is_text),
    },
    usual=NEWEST,
    search="by name or SKU",
    filters=(Filter("supplier", "Supplier", "reference", to="pos/suppliers", orders=NEWEST),),
    shown=(
        STOCK,
        Field("reserved_quantity", "Reserved", "number"),
        Field("available_to_sell", "Available to sell", "number"),
        Field("low_stock", "Low stock", "flag"),
        Field("final_price", "Price today, with tax", "amount"),
        Field("tax_rate_display", "Tax"),
        Field("supplier_name", "Supplier", to="pos/suppliers"),
        Field("promotions", "Promotions"),
        Field("is_active", "Active", "flag"),
        Field("updated_at", "Last changed", "moment"),
    ),
    add=Form(schema.load("pos/product_write"), (*PRODUCT_FIELDS, STOCK)),
    make=making_through("/api/products/", lambda answer: str(answer["id"])),
    # Without the stock, which sales change all the time: it has an action of its own.
    edit=Form(schema.load("pos/product_patch"), PRODUCT_FIELDS),
    change=through("PATCH", "/api/products/{id}/"),
    remove=through("DELETE", "/api/products/{id}/"),
    removal_warning="Its promotions go too. Orders keep it.",
    actions=(
        Action(
            "stock",
            "Set the stock",
            set_stock,
            "What was sold since is not subtracted.",
            asks=Form(
                some(schema.load("pos/product_patch"), "current_stock", required=("current_stock",)),
                (STOCK._replace(help="What is there now."),),
            ),
        ),
        Action(
            "reserve",
            "Reserve or release units",
            reserve,
            asks=Form(
                schema.load("pos/product_reserve"),
                (Field("amount", "Units", kind="number", help="A negative number releases what is reserved."),),
            ),
        ),
    ),
    related=(Related("Promotions of this product", "pos/promotions", "product"),),
    may_see=sees_shop,
    audited="product",
)
promotions = Table(
    area="pos",
    name="promotions",
    title="Promotions",
    one="promotion",
    about="Of a product, one promotion at most is active on a day. A list with days is in the order of the first days.",
    key={"id": "number"},
    list=promotion_query.list_rows,
    get=promotion_query.get_row,
    columns=(
        Column("name", "Name", order="id"),
        Column("product", "Product", to="pos/products"),
        Column("discount_percent", "Percent", "number"),
        Column("start_date", "First day", "day", order="start_date"),
        Column("end_date", "Last day", "day"),
        Column("target_audience", "For", "badge"),
        Column("is_active", "Active", "flag"),
    ),
    orders={
        "id": OrderColumn("pr.id", "bigint", keyset.is_id),
        "start_date": OrderColumn("pr.start_date", "date", keyset.is_day),
    },
    usual=NEWEST,
    search="by name",
    filters=(
        Filter("product", "Product", "reference", to="pos/products", orders=NEWEST),
        Filter("is_active", "Active", "flag", orders=NEWEST),
        Filter("audience", "For", choices=AUDIENCES, orders=NEWEST),
        Filter("since", "Begins from", "since", orders=BY_START),
        Filter("until", "Begins until", "until", orders=BY_START),
    ),
    shown=(Field("product_name", "Product", to="pos/products"),),
    add=Form(schema.load("pos/promotion_write"), PROMOTION_FIELDS),
    make=making_through("/api/promotions/", lambda answer: str(answer["id"])),
    edit=Form(schema.load("pos/promotion_patch"), PROMOTION_FIELDS),
    change=through("PATCH", "/api/promotions/{id}/"),
    remove=through("DELETE", "/api/promotions/{id}/"),
    removal_warning="Orders keep its name and price.",
    may_see=sees_shop,
    audited="promotion",
)

admin_tables = [suppliers, products, promotions]

"""Invoices in the administration. docs/api/sales.md#administration."""

import json

from core.data import sql
from core.http import keyset, schema
from core.http.keyset import Column as OrderColumn
from core.http.schema import Schema
from core.problem import invalid
from handlers.api.admin import AdminHandler, Column, Field, Filter, Form, Key, Related, Table, through
from handlers.api.roles import check_invoicing
from handlers.sales import invoice_change

query = sql.load("sales/admin_invoice")

STATUSES = ("PENDING", "PICKING", "PICKED", "PACKING", "PACKED", "DISPATCHED", "DELIVERED")
NEWEST, BY_DATE = ("-id",), ("-date",)
DAYS = ("since", "until")
# The body of the API's PATCH, in which the customer and the salesman are named by their keys.
KEY = {"type": "integer", "minimum": 1, "maximum": 999999999999999999}
patch = schema.load("sales/invoice_change").document
members = {name: patch["properties"][name] for name in ("invoice_date", "created_by", "remarks", "items")}
form_schema = Schema(
    {**patch, "properties": {**members, "customer": KEY, "salesman": KEY}}, "sales/invoice_change of the administration"
)
FORM = Form(
    form_schema,
    (
        Field("invoice_date", "Date"),
        Field("customer", "Customer", to="sales/customers"),
        Field("salesman", "Salesman", to="sales/salesmen"),
        Field("created_by", "Entered by"),
        Field("remarks", "Remarks", kind="lines"),
        Field("items", "Items", help="All items, as JSON. They replace the present ones."),
    ),
)


async def change(handler: AdminHandler, key: Key) -> None:
    """Change an invoice that is PENDING, as the API's PATCH does. Customer and salesman are only named, not written. Raises Problem."""
    check_invoicing(handler)
    named = await query.get_body(handler.db, body=handler.body_text)
    missing = {name for name in ("customer", "salesman") if name in handler.body and not named[f"has_{name}"]}
    if missing:
        raise invalid({name: [f"There is no such {name}."] for name in missing})
    handler.body_text, handler.body = named["body"], json.loads(named["body"])
    await invoice_change.changed(handler, key["id"], is_whole=False, writes_people=False)


invoices = Table(
    area="sales",
    name="invoices",
    title="Invoices",
    one="invoice",
    about="Only an invoice whose picking has not begun can be changed or deleted. A list with days is in their order.",
    key={"id": "number"},
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("invoice_no", "Number"),
        Column("status", "Status", "badge"),
        Column("customer", "Customer", to="sales/customers"),
        Column("salesman", "Salesman", to="sales/salesmen"),
        Column("invoice_date", "Date", "day", order="date"),
        Column("total_amount", "Total", "amount"),
        Column("created_at", "Imported", "moment", order="id"),
        Column("is_active", "Active", "flag"),
    ),
    orders={
        "id": OrderColumn("i.id", "bigint", keyset.is_id),
        "date": OrderColumn("i.invoice_date", "date", keyset.is_day),
    },
    usual=NEWEST,
    search="by number, customer or item",
    filters=(
        Filter("status", "Status", choices=[(status, status.title()) for status in STATUSES], orders=NEWEST),
        Filter(
            "customer",
            "Customer",
            "reference",
            to="sales/customers",
            orders=NEWEST,
            apart=("salesman", "creator", "importer"),
        ),
        Filter(
            "salesman",
            "Salesman",
            "reference",
            to="sales/salesmen",
            orders=NEWEST,
            apart=("creator", "importer", *DAYS),
        ),
        Filter("creator", "Entered by", "reference", to="sales/creators", orders=NEWEST, apart=("importer", *DAYS)),
        Filter("importer", "Imported by", "reference", to="accounts/users", orders=NEWEST, apart=DAYS),
        Filter("since", "From", "since", orders=BY_DATE),
        Filter("until", "To", "until", orders=BY_DATE),
        Filter("is_active", "Active", "flag", orders=NEWEST),
    ),
    shown=(
        Field("status", "Status", "badge"),
        Field("is_active", "Active", "flag"),
        Field("total_amount", "Total", "amount"),
        Field("lines", "Items"),
        Field("customer_name", "Customer", to="sales/customers"),
        Field("customer_code", "Customer’s code"),
        Field("salesman_name", "Salesman", to="sales/salesmen"),
        Field("created_by", "Entered by", to="sales/creators"),
        Field("importer", "Imported by", to="accounts/users"),
        Field("created_at", "Imported", "moment"),
    ),
    edit=FORM,
    change=change,
    remove=through("DELETE", "/api/sales/invoices/{id}/"),
    removal_warning="It is hidden everywhere with its sessions, and its number is free again. Nobody can bring it back.",
    related=(Related("Sessions of this invoice", "sales/sessions", "invoice"),),
    audited="invoice",
)

admin_tables = [invoices]

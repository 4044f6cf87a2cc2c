"""Customers, salesmen and those who enter invoices, in the administration. docs/api/sales.md#administration.

They come with the invoices of the ERP, so nobody makes or deletes them here.
"""

from core.data import sql
from core.http import keyset, schema
from core.http.keyset import Column as OrderColumn
from core.http.schema import Schema
from core.problem import not_found
from handlers.api.admin import AdminHandler, Column, Field, Form, Key, Related, Table, some
from handlers.api.roles import check_invoicing

customer_query = sql.load("sales/admin_customer")
salesman_query = sql.load("sales/admin_salesman")
creator_query = sql.load("sales/admin_creator")

BY_NAME = {"name": OrderColumn("s.name", "text", keyset.is_text)}
CUSTOMER_FIELDS = (
    Field("name", "Name"),
    Field("area", "Area"),
    Field("address1", "Address"),
    Field("address2", "Address, second line"),
    Field("phone1", "Phone"),
    Field("phone2", "Second phone"),
    Field("email", "E-mail"),
)
patch = schema.load("sales/invoice_change").document
customer = Schema({**patch["properties"]["customer"], "$defs": patch["$defs"]}, "sales/invoice_change:customer")
changed_customer = some(customer, *(field.name for field in CUSTOMER_FIELDS), required=())
# No request of the API has a salesman's phone number; it is as long as a customer's.
changed_salesman = Schema(
    {"type": "object", "properties": {"phone": customer.document["properties"]["phone1"]}}, "sales/salesman"
)


async def change_customer(handler: AdminHandler, key: Key) -> None:
    """Change a customer, as those may who change invoices with their customers. Raises Problem."""
    check_invoicing(handler)
    changed = await customer_query.update_customer(
        handler.db, id=key["id"], body=handler.body_text, actor=handler.actor
    )
    if changed is None:
        raise not_found("There is no such customer.")


async def change_salesman(handler: AdminHandler, key: Key) -> None:
    """Change a salesman. Raises Problem."""
    check_invoicing(handler)
    changed = await salesman_query.update_salesman(
        handler.db, id=key["id"], body=handler.body_text, actor=handler.actor
    )
    if changed is None:
        raise not_found("There is no such salesman.")


customers = Table(
    area="sales",
    name="customers",
    title="Customers of invoices",
    one="customer",
    about="They come with the invoices of the ERP. What is changed here shows on all invoices of the customer, until the next import names it.",
    key={"id": "number"},
    list=customer_query.list_rows,
    get=customer_query.get_row,
    columns=(
        Column("name", "Name", order="name"),
        Column("code", "Code", order="code"),
        Column("area", "Area"),
        Column("phone1", "Phone"),
        Column("email", "E-mail"),
    ),
    orders={
        "id": OrderColumn("c.id", "bigint", keyset.is_id),
        "name": OrderColumn("lower(c.name)", "text", keyset.is_text),
        "code": OrderColumn("c.code", "text", keyset.is_text),
    },
    usual=("-id",),
    search="by name, code or e-mail",
    shown=(Field("code", "Code"),),
    edit=Form(changed_customer, CUSTOMER_FIELDS),
    change=change_customer,
    related=(Related("Invoices of this customer", "sales/invoices", "customer"),),
    audited="sales_customer",
)
salesmen = Table(
    area="sales",
    name="salesmen",
    title="Salesmen",
    one="salesman",
    about="They come with the invoices of the ERP, which names them exactly; so the name can't be changed.",
    key={"id": "number"},
    list=salesman_query.list_rows,
    get=salesman_query.get_row,
    columns=(Column("name", "Name", order="name"), Column("phone", "Phone")),
    orders=BY_NAME,
    usual=("name",),
    ties=(),
    search="by name",
    shown=(Field("name", "Name"),),
    edit=Form(changed_salesman, (Field("phone", "Phone"),)),
    change=change_salesman,
    related=(Related("Invoices of this salesman", "sales/invoices", "salesman"),),
    audited="salesman",
)
creators = Table(
    area="sales",
    name="creators",
    title="Entered by",
    one="name",
    about="The names that the ERP has sent as created_by of invoices. They are no accounts.",
    key={"name": "word"},
    list=creator_query.list_rows,
    get=creator_query.get_row,
    columns=(Column("name", "Name", order="name"),),
    orders={"name": OrderColumn("c.name", "text", keyset.is_text)},
    usual=("name",),
    ties=(),
    search="by name",
    related=(Related("Invoices that were entered under this name", "sales/invoices", "creator"),),
)

admin_tables = [customers, salesmen, creators]

"""Orders of the shop in the administration. docs/api/pos.md#administration."""

from collections.abc import Sequence

from core.data import sql
from core.http import keyset, schema
from core.http.keyset import Column as OrderColumn
from handlers.api.admin import Action, AdminHandler, Column, Field, Filter, Form, Key, Table, done_with, through
from handlers.pos import sees_shop
from handlers.pos.order import METHODS

query = sql.load("pos/admin_order")

NEWEST, BY_DAY = ("-id",), ("-business_day",)
METHOD_CHOICES = [(method, method.title()) for method in METHODS]
STATUSES = ("PENDING", "PAID", "CANCELLED")


async def pay(handler: AdminHandler, keys: Sequence[Key]) -> str:
    """Pay pending orders, as the API does. Raises Problem."""
    write = through("POST", "/api/orders/{id}/pay/")
    return await done_with(handler, keys, write, "The order was paid.", "{done} of {all} orders were paid.")


async def cancel(handler: AdminHandler, keys: Sequence[Key]) -> str:
    """Cancel pending orders, as the API does. Raises Problem."""
    write = through("POST", "/api/orders/{id}/cancel/")
    one = "The order was cancelled, and its stock is given back."
    return await done_with(handler, keys, write, one, "{done} of {all} orders were cancelled.")


orders = Table(
    area="pos",
    name="orders",
    title="Orders",
    one="order",
    about="An order is never changed: a pending one is paid or cancelled. A list of a customer or with days is in the order of the business days.",
    key={"id": "number"},
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("ticket_folio", "Ticket"),
        Column("status", "Status", "badge"),
        Column("customer", "Customer", to="pos/customers"),
        Column("final_amount", "Total", "amount"),
        Column("payment_method", "Paid by", "badge"),
        Column("seller", "Seller", to="accounts/users"),
        Column("business_day", "Business day", "day", order="business_day"),
        Column("created_at", "Made", "moment", order="id"),
    ),
    orders={
        "id": OrderColumn("o.id", "bigint", keyset.is_id),
        "business_day": OrderColumn("o.business_day", "date", keyset.is_day),
    },
    usual=NEWEST,
    search="by the whole ticket folio, or by customer",
    filters=(
        Filter("status", "Status", choices=[(status, status.title()) for status in STATUSES], orders=NEWEST),
        Filter("payment_method", "Paid by", choices=METHOD_CHOICES, orders=NEWEST, apart=("status",)),
        Filter("customer", "Customer", "reference", to="pos/customers", orders=BY_DAY),
        Filter(
            "seller",
            "Seller",
            "reference",
            to="accounts/users",
            orders=NEWEST,
            apart=("status", "payment_method", "since", "until"),
        ),
        Filter("since", "From", "since", orders=BY_DAY),
        Filter("until", "To", "until", orders=BY_DAY),
    ),
    shown=(
        Field("ticket_folio", "Ticket"),
        Field("status", "Status", "badge"),
        Field("payment_method", "Paid by", "badge"),
        Field("lines", "Lines"),
        Field("subtotal", "Subtotal", "amount"),
        Field("total_tax", "Tax", "amount"),
        Field("final_amount", "Total", "amount"),
        Field("money_saved_total", "Saved", "amount"),
        Field("is_birthday", "Birthday’s discount", "flag"),
        Field("points_used", "Points used", "number"),
        Field("store_credit_used", "Store credit used", "amount"),
        Field("customer", "Customer", to="pos/customers"),
        Field("seller", "Seller", to="accounts/users"),
        Field("business_day", "Business day", "day"),
        Field("created_at", "Made", "moment"),
        Field("paid_at", "Paid", "moment"),
    ),
    remove=through("DELETE", "/api/orders/{id}/"),
    removal_warning="The stock of a pending order is given back. A paid order stays.",
    actions=(
        Action(
            "pay",
            "Pay the order",
            pay,
            asks=Form(
                schema.load("pos/order_pay"), (Field("payment_method", "Payment method", choices=METHOD_CHOICES),)
            ),
        ),
        Action("cancel", "Cancel the order", cancel, "Their stock is given back.", is_dangerous=True),
    ),
    may_see=sees_shop,
    audited="order",
)

admin_tables = [orders]

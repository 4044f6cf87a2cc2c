"""Customers of the shop with their points and store credit, and users of the chatbot, in the administration. docs/api/pos.md#administration."""

from collections.abc import Sequence

from core.data import sql
from core.http import keyset, schema
from core.http.keyset import Column as OrderColumn
from core.problem import Problem
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
    through,
)
from handlers.pos import sees_management, sees_shop
from handlers.pos.points import TYPES

customer_query = sql.load("pos/admin_customer")
point_query = sql.load("pos/admin_points")
credit_query = sql.load("pos/admin_credit")
chatbot_query = sql.load("pos/admin_chatbot_user")

NEWEST = ("-id",)
ONLY_MANAGERS = "Only those who manage the shop may set the credit limit."
TYPE_CHOICES = [(kind, kind.title()) for kind in TYPES]
CUSTOMER_FIELDS = (
    Field("first_name", "First name"),
    Field("last_name", "Last name"),
    Field("phone_number", "Phone"),
    Field("email", "E-mail"),
    Field("birth_date", "Birth date", kind="day"),
    Field("credit_limit", "Credit limit", kind="amount"),
)
ENTRY_COLUMNS = (
    Column("created_at", "When", "moment", order="id"),
    Column("customer", "Customer", to="pos/customers"),
    Column("transaction_type", "Type", "badge"),
    Column("amount", "Amount", "amount"),
    Column("description", "Description"),
)
ENTRY_FIELDS = (
    Field("transaction_type", "Type", "badge"),
    Field("amount", "Amount", "amount"),
    Field("customer", "Customer", to="pos/customers"),
    Field("description", "Description"),
    Field("created_at", "When", "moment"),
)
ENTRY_ORDER = {"id": OrderColumn("e.id", "bigint", keyset.is_id)}


def check_limit(handler: AdminHandler) -> None:
    """The API ignores a credit limit from anybody else; here it is refused, as the page would say that it was set. Raises Problem."""
    if "credit_limit" in handler.body and not sees_management(handler.administrator):
        raise Problem(403, "forbidden", ONLY_MANAGERS, {"credit_limit": [ONLY_MANAGERS]})


async def make_customer(handler: AdminHandler) -> str:
    """Make a customer. Raises Problem."""
    check_limit(handler)
    return await making_through("/api/customers/", lambda answer: str(answer["id"]))(handler)


async def change_customer(handler: AdminHandler, key: Key) -> None:
    """Change a customer. Raises Problem."""
    check_limit(handler)
    await through("PATCH", "/api/customers/{id}/")(handler, key)


async def add_points(handler: AdminHandler, keys: Sequence[Key]) -> str:
    """Add an entry of points, as the API does. Raises Problem."""
    write = through("POST", "/api/customers/{id}/points/")
    return await done_with(
        handler, keys, write, "The points were changed.", "The points of {done} of {all} customers were changed."
    )


async def pay_credit(handler: AdminHandler, keys: Sequence[Key]) -> str:
    """Note a payment of a debt, as the API does. Raises Problem."""
    write = through("POST", "/api/customers/{id}/pay-credit/")
    return await done_with(
        handler, keys, write, "The payment was noted.", "Payments of {done} of {all} customers were noted."
    )


customers = Table(
    area="pos",
    name="customers",
    title="Customers of the shop",
    one="customer",
    about="A customer with points or a debt can't be deleted. Deleted ones are not listed; their orders keep them.",
    key={"id": "number"},
    list=customer_query.list_rows,
    get=customer_query.get_row,
    columns=(
        Column("name", "Name"),
        Column("phone_number", "Phone"),
        Column("email", "E-mail"),
        Column("is_frequent", "Frequent", "flag"),
        Column("current_points", "Points", "number"),
        Column("credit_used", "Debt", "amount"),
        Column("credit_limit", "Credit limit", "amount"),
        Column("created_at", "Since", "moment", order="id"),
    ),
    orders={"id": OrderColumn("c.id", "bigint", keyset.is_id)},
    usual=NEWEST,
    search="by name, phone or e-mail",
    filters=(Filter("is_frequent", "Frequent", "flag"),),
    shown=(
        Field("is_frequent", "Frequent", "flag"),
        Field("current_points", "Points", "number"),
        Field("credit_used", "Debt", "amount"),
        Field("available_credit", "Available credit", "amount"),
        Field("is_active", "Active", "flag"),
        Field("created_at", "Since", "moment"),
    ),
    add=Form(schema.load("pos/customer_create_with_limit"), CUSTOMER_FIELDS),
    make=make_customer,
    edit=Form(schema.load("pos/customer_update_with_limit"), CUSTOMER_FIELDS),
    change=change_customer,
    remove=through("DELETE", "/api/customers/{id}/"),
    removal_warning="The phone number and the e-mail are free again; the orders and ledgers stay.",
    actions=(
        Action(
            "points",
            "Add or take points",
            add_points,
            "EARN adds, REDEEM takes, ADJUSTMENT corrects in either direction.",
            asks=Form(
                schema.load("pos/points_create"),
                (
                    Field("transaction_type", "Type", choices=TYPE_CHOICES),
                    Field("amount", "Points", kind="number"),
                    Field("description", "Description"),
                ),
            ),
        ),
        Action(
            "pay-credit",
            "Note a payment of the debt",
            pay_credit,
            "What is paid beyond the debt is not noted.",
            asks=Form(
                schema.load("pos/credit_pay"),
                (Field("amount", "Amount", kind="amount"), Field("description", "Description")),
            ),
        ),
    ),
    related=(
        Related("Orders of this customer", "pos/orders", "customer"),
        Related("Points of this customer", "pos/points", "customer"),
        Related("Store credit of this customer", "pos/credit", "customer"),
    ),
    may_see=sees_shop,
    audited="customer",
)
points = Table(
    area="pos",
    name="points",
    title="Point entries",
    one="entry",
    about="The ledger of all points. An entry is never changed; another one corrects it.",
    key={"id": "number"},
    list=point_query.list_rows,
    get=point_query.get_row,
    columns=ENTRY_COLUMNS,
    orders=ENTRY_ORDER,
    usual=NEWEST,
    filters=(
        Filter("customer", "Customer", "reference", to="pos/customers"),
        Filter("type", "Type", choices=TYPE_CHOICES),
    ),
    shown=ENTRY_FIELDS,
    may_see=sees_shop,
)
credit = Table(
    area="pos",
    name="credit",
    title="Store credit entries",
    one="entry",
    about="The ledger of all store credit: a charge adds to a debt, a payment takes from it. An entry is never changed.",
    key={"id": "number"},
    list=credit_query.list_rows,
    get=credit_query.get_row,
    columns=ENTRY_COLUMNS,
    orders=ENTRY_ORDER,
    usual=NEWEST,
    filters=(
        Filter("customer", "Customer", "reference", to="pos/customers"),
        Filter("type", "Type", choices=(("CHARGE", "Charge"), ("PAYMENT", "Payment"))),
    ),
    shown=ENTRY_FIELDS,
    may_see=sees_shop,
)
chatbot_users = Table(
    area="pos",
    name="chatbot-users",
    title="Chatbot users",
    one="chatbot user",
    about="Who may talk to the shop’s chatbot. The mobile number can’t be changed.",
    key={"number": "word"},
    list=chatbot_query.list_rows,
    get=chatbot_query.get_row,
    columns=(
        Column("mobile_number", "Mobile number", order="number"),
        Column("name", "Name"),
        Column("last_interaction", "Last interaction", "moment"),
    ),
    orders={"number": OrderColumn("u.mobile_number", "text", keyset.is_text)},
    usual=("number",),
    ties=(),
    search="by name or number",
    shown=(Field("mobile_number", "Mobile number"), Field("last_interaction", "Last interaction", "moment")),
    add=Form(schema.load("pos/chatbot_user_write"), (Field("mobile_number", "Mobile number"), Field("name", "Name"))),
    make=making_through("/api/chatbotusers/", lambda answer: str(answer["mobile_number"])),
    edit=Form(schema.load("pos/chatbot_user_patch"), (Field("name", "Name"),)),
    change=through("PATCH", "/api/chatbotusers/{number}/"),
    remove=through("DELETE", "/api/chatbotusers/{number}/"),
    may_see=sees_management,
    audited="chatbot_user",
)

admin_tables = [customers, points, credit, chatbot_users]

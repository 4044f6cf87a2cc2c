"""The audit in the administration, which nobody can change. docs/api/operations.md#administration."""

from core.data import sql
from core.http import keyset
from core.http.keyset import Column as OrderColumn
from handlers.api.admin import Column, Field, Filter, Table, superadmin

query = sql.load("operations/admin_audit")

# The history of one object, or what one person has done, or what was done of one kind: each has an index.
audit = Table(
    area="operations",
    name="audit",
    title="Audit",
    one="entry",
    about="Who has changed what. Entries are never changed.",
    key={"id": "number"},
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("at", "When", "moment", order="at"),
        Column("email", "Who", to="accounts/users"),
        Column("action", "Action", "badge"),
        Column("object_type", "What"),
        Column("object_id", "Id"),
        Column("address", "Address"),
    ),
    orders={
        "at": OrderColumn("a.at", "timestamptz", keyset.is_instant),
        "id": OrderColumn("a.id", "bigint", keyset.is_id),
    },
    usual=("-at",),
    filters=(
        Filter("since", "Since", "since"),
        Filter("until", "Until", "until"),
        Filter("email", "Who, by e-mail", "text"),
        Filter("account", "Who", "reference", to="accounts/users", apart=("email", "action")),
        Filter("action", "Action, such as invoice.update", "text"),
        Filter("object_type", "What, such as invoice", "text", apart=("email", "account", "action")),
        Filter("object_id", "Its id", "text"),
    ),
    shown=(
        Field("at", "When", "moment"),
        Field("email", "Who", to="accounts/users"),
        Field("account_id", "Number of the account"),
        Field("action", "Action", "badge"),
        Field("object_type", "What"),
        Field("object_id", "Id"),
        Field("address", "Address"),
        Field("request_id", "Request"),
        Field("before", "Before", "json"),
        Field("after", "After", "json"),
    ),
    may_see=superadmin,
)

admin_tables = [audit]

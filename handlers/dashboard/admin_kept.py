"""What owners keep of their dashboards, snapshots and exports, in the administration: it is only read. docs/api/dashboard.md#administration."""

from core.data import sql
from core.http import keyset
from core.http.keyset import Column as OrderColumn
from handlers.api.admin import Column, Field, Filter, Table, superadmin

OWNER = Column("owner", "Account", to="accounts/users")
OF_OWNER = Filter("owner", "Account", "reference", to="accounts/users")
ITS_OWNER = Field("owner", "Account", to="accounts/users")

snapshot_query = sql.load("dashboard/admin_snapshot")
export_query = sql.load("dashboard/admin_export")

snapshots = Table(
    area="dashboard",
    name="snapshots",
    title="Snapshots",
    one="snapshot",
    about="Figures of periods that accounts have kept, the newest accounts first.",
    key={"owner_id": "number", "id": "number"},
    list=snapshot_query.list_rows,
    get=snapshot_query.get_row,
    columns=(
        Column("snapshot_date", "Day", "day"),
        Column("period_type", "Period", "badge"),
        OWNER,
        Column("total_revenue", "Revenue", "amount"),
        Column("total_expenses", "Expenses", "amount"),
        Column("outstanding_amount", "Outstanding", "amount"),
        Column("created_at", "Kept", "moment"),
    ),
    orders={
        "owner": OrderColumn("s.owner_id", "bigint", keyset.is_id),
        "id": OrderColumn("s.id", "bigint", keyset.is_id),
    },
    usual=("-owner",),
    filters=(OF_OWNER,),
    shown=(
        Field("snapshot_date", "Day", "day"),
        Field("period_type", "Period", "badge"),
        ITS_OWNER,
        Field("total_revenue", "Revenue", "amount"),
        Field("total_expenses", "Expenses", "amount"),
        Field("outstanding_amount", "Outstanding", "amount"),
        Field("total_clients", "Clients"),
        Field("new_clients", "New clients"),
        Field("total_invoices", "Invoices"),
        Field("total_quotes", "Quotes"),
        Field("accepted", "Accepted quotes"),
        Field("total_expense_count", "Number of expenses"),
        Field("reimbursable_expenses", "Reimbursable expenses", "amount"),
        Field("created_at", "Kept", "moment"),
        Field("updated_at", "Last changed", "moment"),
        Field("number", "Id"),
    ),
    may_see=superadmin,
)

kept_exports = Table(
    area="dashboard",
    name="exports",
    title="Exports of dashboards",
    one="export",
    about="Files that accounts had made of their dashboards. They are removed after a week.",
    key={"owner_id": "number", "id": "number"},
    list=export_query.list_rows,
    get=export_query.get_row,
    columns=(
        Column("export_type", "Content"),
        Column("export_format", "Format", "badge"),
        Column("period_type", "Period", "badge"),
        Column("day", "Day", "day"),
        OWNER,
        Column("status", "Status", "badge"),
        Column("file_size", "Bytes", "number"),
        Column("created_at", "Asked for", "moment"),
        Column("finished_at", "Ended", "moment"),
    ),
    orders={
        "owner": OrderColumn("x.owner_id", "bigint", keyset.is_id),
        "id": OrderColumn("x.id", "bigint", keyset.is_id),
    },
    usual=("-owner",),
    filters=(OF_OWNER,),
    shown=(
        Field("export_type", "Content"),
        Field("export_format", "Format", "badge"),
        Field("period_type", "Period", "badge"),
        Field("include_charts", "With charts", "flag"),
        Field("day", "Day", "day"),
        ITS_OWNER,
        Field("status", "Status", "badge"),
        Field("stage", "Stage"),
        Field("percent", "Done (%)"),
        Field("file_size", "Bytes"),
        Field("error", "Why it failed", "lines"),
        Field("created_at", "Asked for", "moment"),
        Field("finished_at", "Ended", "moment"),
        Field("number", "Id"),
    ),
    may_see=superadmin,
)

admin_tables = [snapshots, kept_exports]

"""Measures of the health in the administration: they are not changed. docs/api/monitoring.md#administration."""

from core.data import sql
from core.http import keyset
from core.http.keyset import Column as OrderColumn
from handlers.api.admin import Column, Field, Filter, Table, superadmin, through

query = sql.load("monitoring/admin_health_metric")

metrics = Table(
    area="monitoring",
    name="health-metrics",
    title="Health metrics",
    one="measure",
    about="What the server records of its health every five minutes, and what clients record.",
    key={"id": "number"},
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("recorded_at", "Recorded", "moment", order="recorded_at"),
        Column("is_automatic", "By the server", "flag"),
        Column("account", "Account", to="accounts/users"),
        Column("active_workers", "Active workers", "number"),
        Column("total_workers", "Workers", "number"),
        Column("pending_tasks", "Waiting", "number"),
        Column("active_tasks", "Running", "number"),
        Column("success_rate", "Success (%)", "number"),
        Column("cpu_usage", "CPU (%)", "number"),
        Column("memory_usage", "Memory (MB)", "number"),
    ),
    orders={
        "recorded_at": OrderColumn("m.recorded_at", "timestamptz", keyset.is_instant),
        "id": OrderColumn("m.id", "bigint", keyset.is_id),
    },
    usual=("-recorded_at",),
    filters=(
        Filter("account", "Account", "reference", to="accounts/users"),
        Filter("since", "Since the day", "since"),
        Filter("until", "Until the day", "until"),
    ),
    shown=(
        Field("recorded_at", "Recorded", "moment"),
        Field("account", "Account", to="accounts/users"),
        Field("is_automatic", "By the server", "flag"),
        Field("active_workers", "Active workers"),
        Field("total_workers", "Workers"),
        Field("pending_tasks", "Waiting"),
        Field("active_tasks", "Running"),
        Field("completed_tasks_hourly", "Ended well within the hour"),
        Field("failed_tasks_hourly", "Failed within the hour"),
        Field("avg_task_duration", "Seconds of a task, on average"),
        Field("success_rate", "Success (%)"),
        Field("cpu_usage", "CPU (%)"),
        Field("memory_usage", "Memory (MB)"),
        Field("queue_lengths", "Lengths of queues", "json"),
        Field("metadata", "Further facts", "json"),
        Field("number", "Id"),
    ),
    remove=through("DELETE", "/api/monitoring/api/health-metrics/{id}/"),
    may_see=superadmin,
    audited="health_metric",
    object_id="number",
)

admin_tables = [metrics]

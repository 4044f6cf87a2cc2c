"""Executions of tasks in the administration: they are not changed. docs/api/monitoring.md#administration."""

from core.data import sql
from core.http import keyset
from core.http.keyset import Column as OrderColumn
from handlers.api.admin import Column, Field, Filter, Table, superadmin, through
from handlers.monitoring.execution import PRIORITIES, STATUSES

LATEST = ("-created_at",)
# Filters that each have an index of their own in the order of the list.
OTHERS = ("status", "priority", "task_name", "queue_name")

query = sql.load("monitoring/admin_execution")

executions = Table(
    area="monitoring",
    name="executions",
    title="Executions",
    one="execution",
    about="Runs of the server's jobs, and those that clients have recorded.",
    key={"id": "number"},
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("task_name", "Task"),
        Column("task_id", "Task id"),
        Column("queue_name", "Queue"),
        Column("status", "Status", "badge"),
        Column("account", "Account", to="accounts/users"),
        Column("duration", "Seconds", "number"),
        Column("retry_count", "Retries", "number"),
        Column("created_at", "Made", "moment", order="created_at"),
        Column("completed_at", "Ended", "moment"),
    ),
    orders={
        "created_at": OrderColumn("t.created_at", "timestamptz", keyset.is_instant),
        "id": OrderColumn("t.id", "bigint", keyset.is_id),
    },
    usual=LATEST,
    filters=(
        Filter("account", "Account", "reference", to="accounts/users", orders=LATEST, apart=OTHERS),
        Filter("status", "Status", choices=[(one, one.title()) for one in STATUSES], orders=LATEST, apart=OTHERS[1:]),
        Filter(
            "priority", "Priority", choices=[(one, one.title()) for one in PRIORITIES], orders=LATEST, apart=OTHERS[2:]
        ),
        Filter("task_name", "Task, whole", "text", orders=LATEST, apart=OTHERS[3:]),
        Filter("queue_name", "Queue, whole", "text", orders=LATEST),
        Filter("since", "Made since the day", "since", orders=LATEST),
        Filter("until", "Made until the day", "until", orders=LATEST),
    ),
    shown=(
        Field("task_name", "Task"),
        Field("task_id", "Task id"),
        Field("account", "Account", to="accounts/users"),
        Field("status", "Status", "badge"),
        Field("queue_name", "Queue"),
        Field("priority", "Priority", "badge"),
        Field("is_job", "A job of the server", "flag"),
        Field("is_server", "Counts in the server's health", "flag"),
        Field("scheduled_at", "Scheduled", "moment"),
        Field("started_at", "Started", "moment"),
        Field("completed_at", "Ended", "moment"),
        Field("duration", "Seconds"),
        Field("retry_count", "Retries"),
        Field("worker_name", "Worker"),
        Field("memory_usage", "Memory (MB)"),
        Field("result_summary", "Result", "lines"),
        Field("error_message", "Error", "lines"),
        Field("arguments", "Arguments", "json"),
        Field("keyword_arguments", "Keyword arguments", "json"),
        Field("created_at", "Made", "moment"),
        Field("number", "Id"),
    ),
    remove=through("DELETE", "/api/monitoring/api/tasks/{id}/"),
    removal_warning="Alerts that are about it are resolved.",
    may_see=superadmin,
    audited="task",
    object_id="number",
)

admin_tables = [executions]

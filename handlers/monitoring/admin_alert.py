"""Alerts in the administration. docs/api/monitoring.md#administration."""

from collections.abc import Sequence

from core.data import sql
from core.http import keyset, schema
from core.http.keyset import Column as OrderColumn
from handlers.api.admin import (
    Action,
    AdminHandler,
    Column,
    Do,
    Field,
    Filter,
    Form,
    Key,
    Table,
    done_with,
    some,
    superadmin,
    through,
)
from handlers.monitoring.alert import SEVERITIES, TYPES

PATH = "/api/monitoring/api/alerts/{id}/"
LATEST = ("-triggered_at",)

query = sql.load("monitoring/admin_alert")


def doing(step: str, done: str) -> Do:
    """What the API does with an alert, with each of the chosen ones."""
    write = through("POST", f"{PATH}{step}/")

    async def do(handler: AdminHandler, keys: Sequence[Key]) -> str:
        return await done_with(handler, keys, write, f"The alert is {done}.", f"{{done}} of {{all}} alerts {done}.")

    return do


alerts = Table(
    area="monitoring",
    name="alerts",
    title="Alerts",
    one="alert",
    about="What administrators, or single accounts, have to look at. Alerts without an account are those of the server.",
    key={"id": "number"},
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("title", "Title"),
        Column("alert_type", "Kind", "badge"),
        Column("severity", "Severity", "badge"),
        Column("account", "Account", to="accounts/users"),
        Column("triggered_at", "Raised", "moment", order="triggered_at"),
        Column("acknowledged_at", "Acknowledged", "moment"),
        Column("resolved_at", "Resolved", "moment"),
    ),
    orders={
        "triggered_at": OrderColumn("a.triggered_at", "timestamptz", keyset.is_instant),
        "id": OrderColumn("a.id", "bigint", keyset.is_id),
    },
    usual=LATEST,
    filters=(
        Filter("account", "Account", "reference", to="accounts/users", orders=LATEST, apart=("alert_type", "severity", "is_resolved")),
        Filter(
            "alert_type", "Kind", choices=[(one, one.replace("_", " ").capitalize()) for one in TYPES], orders=LATEST,
            apart=("severity", "is_resolved"),
        ),
        Filter("severity", "Severity", choices=[(one, one.title()) for one in SEVERITIES], orders=LATEST, apart=("is_resolved",)),
        Filter("is_resolved", "Resolved", "flag", orders=LATEST),
        Filter("since", "Raised since the day", "since", orders=LATEST),
        Filter("until", "Raised until the day", "until", orders=LATEST),
    ),
    shown=(
        Field("account", "Account", to="accounts/users"),
        Field("execution", "Execution", to="monitoring/executions"),
        Field("metadata", "Further facts", "json"),
        Field("triggered_at", "Raised", "moment"),
        Field("acknowledged_at", "Acknowledged", "moment"),
        Field("acknowledged_by", "Acknowledged by", to="accounts/users"),
        Field("resolved_at", "Resolved", "moment"),
        Field("notification_sent", "Announced", "flag"),
        Field("number", "Id"),
    ),
    edit=Form(
        some(schema.load("monitoring/alert_patch"), "title", "message", "alert_type", "severity"),
        (
            Field("title", "Title"),
            Field("message", "Message", kind="lines"),
            Field("alert_type", "Kind"),
            Field("severity", "Severity"),
        ),
    ),
    change=through("PATCH", PATH),
    remove=through("DELETE", PATH),
    actions=(
        Action("acknowledge", "Acknowledge selected alerts", doing("acknowledge", "acknowledged")),
        Action("resolve", "Resolve selected alerts", doing("resolve", "resolved")),
    ),
    may_see=superadmin,
    audited="alert",
    object_id="number",
)  # fmt: skip

admin_tables = [alerts]

"""Alerts: what somebody has to look at. docs/api/monitoring.md#alerts."""

from collections.abc import Mapping
from typing import Any

from core.data import sql
from core.http import keyset
from core.http.application import Application, Refusal
from core.http.declare import answers, body, idempotent
from core.http.keyset import Column
from core.http.paging import page_of
from core.http.parameter import BOOLEAN, Parameter
from core.problem import Problem, invalid
from handlers.api import books_listing
from handlers.api.books_handler import stale
from handlers.api.books_listing import Listing
from handlers.api.listing import array_of
from handlers.api.moment import MOMENT, moment
from handlers.monitoring.execution import TOO_LONG
from handlers.monitoring.watched import MonitoringHandler

TYPES = ("task_failure", "high_failure_rate", "worker_down", "queue_backlog", "slow_tasks", "system_overload")
SEVERITIES = ("info", "warning", "error", "critical")
# Alerts of the list without pages: more than anybody looks at.
MOST_ACTIVE = 100


def is_rank(value: Any) -> bool:
    """A test for cursors: the place of a severity among them."""
    return type(value) is int and 1 <= value <= len(SEVERITIES)


COLUMNS = {
    "id": Column("a.id", "bigint", keyset.is_id),
    "triggered_at": Column("a.triggered_at", "timestamptz", keyset.is_instant),
    "severity": Column("a.severity_rank", "smallint", is_rank),
}

query = sql.load("monitoring/alert")
alerts = Listing(
    query.list_alerts, query.find_alerts, query.walk_alerts, COLUMNS, ("-triggered_at",), ties=("triggered_at", "id")
)


class Alerts(MonitoringHandler):
    parameters = (
        *books_listing.parameters(COLUMNS),
        Parameter("search", "Words that occur in the title or message, ignoring case."),
        Parameter("alert_type", "Only alerts of this type.", {"enum": [*TYPES]}),
        Parameter("severity", "Only alerts of this severity.", {"enum": [*SEVERITIES]}),
        Parameter("is_resolved", "Only alerts that are resolved, or only the others.", BOOLEAN),
        Parameter("resolved_at__isnull", "The opposite of is_resolved.", BOOLEAN),
        Parameter("resolved_at", "Only alerts that were resolved on this day, or at this moment.", MOMENT),
        *books_listing.CREATED,
    )

    def filters(self) -> dict[str, Any]:
        """The filters that are asked for, by their names in sql/monitoring/alert.sql. Raises Problem 400."""
        found: dict[str, Any] = {
            "resolved_since": moment(self, "resolved_at"),
            "resolved_until": moment(self, "resolved_at", whole_day=True),
        }
        filters = {name: value for name, value in found.items() if value is not None}
        is_open = books_listing.flag(self, "resolved_at__isnull")
        is_resolved = books_listing.flag(self, "is_resolved")
        if is_open is True or is_resolved is False:
            filters["unresolved"] = ()
        if is_open is False or is_resolved is True:
            filters["resolved"] = ()
        return {
            **self.own(),
            **self.choice("alert_type", TYPES),
            **self.choice("severity", SEVERITIES),
            **filters,
            **books_listing.created(self),
            **books_listing.search(self),
        }

    @answers(200, page_of("monitoring/alert"))
    async def get(self) -> None:
        """List the alerts, the latest first. 200; 400 a wrong filter, an invalid cursor; 404 there is no such page."""
        self.reply(await books_listing.show_page(self, alerts, self.filters()))

    @answers(201, "monitoring/alert")
    @idempotent
    @body("monitoring/alert_write")
    async def post(self) -> None:
        """Make an alert. 201; 400 wrong fields, or an unknown task_execution."""

        async def make(db: sql.Runner) -> tuple[int, str]:
            made = await query.create_alert(db, owner_id=self.owner_id, body=self.body_text, actor=self.actor)
            self.refuse_unknown(made)
            return 201, made["document"]

        await self.once(make, is_one_statement=True)

    def refuse_unknown(self, found: Mapping[str, Any]) -> None:
        """Raises Problem 400: the body names an execution that the caller doesn't have."""
        if found["is_unknown"]:
            raise unknown_execution(self.body["task_execution"])


class Alert(MonitoringHandler):
    @answers(200, "monitoring/alert", headers=("ETag",))
    async def get(self, id: str) -> None:
        """Show an alert. 200; 404."""
        self.show(await query.get_alert(self.db, owner_id=self.owner_id, id=int(id)))

    @stale
    @answers(200, "monitoring/alert", headers=("ETag",))
    @body("monitoring/alert_write")
    async def put(self, id: str) -> None:
        """Replace an alert. Fields that the body omits stay. 200; 400 wrong fields, or an unknown task_execution; 404; 412 the alert is in
        another state than If-Match says."""
        await self._update(id)

    @stale
    @answers(200, "monitoring/alert", headers=("ETag",))
    @body("monitoring/alert_patch")
    async def patch(self, id: str) -> None:
        """Change some fields of an alert. 200; 400 wrong fields, or an unknown task_execution; 404; 412 the alert is in another state than
        If-Match says."""
        await self._update(id)

    @stale
    async def delete(self, id: str) -> None:
        """Delete an alert. 204; 404; 412 the alert is in another state than If-Match says."""
        self.current(
            await query.delete_alert(
                self.db, owner_id=self.owner_id, id=int(id), if_match=self.if_match, actor=self.actor
            )
        )
        self.reply_nothing()

    async def _update(self, id: str) -> None:
        changed = self.current(
            await query.update_alert(
                self.db,
                owner_id=self.owner_id,
                id=int(id),
                body=self.body_text,
                if_match=self.if_match,
                actor=self.actor,
            )
        )
        if changed["is_unknown"]:
            raise unknown_execution(self.body["task_execution"])
        self.show(changed)


class ActiveAlerts(MonitoringHandler):
    @answers(200, array_of("monitoring/alert"))
    async def get(self) -> None:
        """List the alerts that are not resolved, the latest first, at most 100. 200."""
        self.reply(await query.active_alerts(self.db, owner_id=self.owner_id, most=MOST_ACTIVE))


class Acknowledgement(MonitoringHandler):
    @answers(200, "monitoring/alert", headers=("ETag",))
    async def post(self, id: str) -> None:
        """Acknowledge an alert. Who does so first stays. 200; 404."""
        self.show(
            await query.acknowledge_alert(
                self.db, account_id=self.account_id, is_admin=self.is_admin, id=int(id), actor=self.actor
            )
        )


class Resolution(MonitoringHandler):
    @answers(200, "monitoring/alert_resolved")
    async def post(self, id: str) -> None:
        """Resolve an alert. One that is resolved stays as it is. 200; 404."""
        self.found(await query.resolve_alert(self.db, owner_id=self.owner_id, id=int(id), actor=self.actor))
        self.reply({"status": "resolved"})


async def acknowledge(app: Application, account_id: int, alert_id: int, actor: str) -> bool:
    """Acknowledge an alert of an account through its socket (handlers/dashboard/notification_socket.py); false: it has none with this id."""
    row = await query.acknowledge_alert(app.db, account_id=account_id, is_admin=False, id=alert_id, actor=actor)
    return row is not None


def unknown_execution(id: object) -> Problem:
    """400: the caller has no execution with this id."""
    return invalid({"task_execution": [f'Invalid pk "{id}" - object does not exist.']})


refusals: dict[str, Refusal] = {"alert_metadata_bounded": invalid({"metadata": [TOO_LONG]})}
acknowledges = [acknowledge]
groups = ("Books: monitoring, alerts",)
routes = [
    ("/api/monitoring/api/alerts/", Alerts),
    ("/api/monitoring/api/alerts/active/", ActiveAlerts),
    ("/api/monitoring/api/alerts/{id:int}/", Alert),
    ("/api/monitoring/api/alerts/{id:int}/acknowledge/", Acknowledgement),
    ("/api/monitoring/api/alerts/{id:int}/resolve/", Resolution),
]

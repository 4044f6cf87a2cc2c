"""Measures of the health: those that the server records every five minutes, and those that clients record. docs/api/monitoring.md#health-metrics."""

from typing import Any

from core.data import sql
from core.http import keyset
from core.http.application import Refusal
from core.http.declare import answers, body, idempotent
from core.http.keyset import Column
from core.http.paging import page_of
from core.problem import Message, invalid
from handlers.api import books_listing
from handlers.api.books_handler import stale
from handlers.api.books_listing import Listing
from handlers.monitoring.execution import TOO_LONG, is_count
from handlers.monitoring.watched import MonitoringHandler


def is_rate(value: Any) -> bool:
    """A test for cursors: per cent as JSON reads them from `numeric`."""
    return keyset.is_number(value) and 0 <= value <= 100


# Wrong members that an answer names, and characters of a name.
MOST_NAMED, LONGEST_NAME = 20, 100
COLUMNS = {
    "id": Column("m.id", "bigint", keyset.is_id),
    "recorded_at": Column("m.recorded_at", "timestamptz", keyset.is_instant),
    "success_rate": Column("m.success_rate", "numeric", is_rate),
    "active_workers": Column("m.active_workers", "integer", is_count),
}

query = sql.load("monitoring/health_metric")
metrics = Listing(query.list_metrics, query.find_metrics, query.walk_metrics, COLUMNS, ("-recorded_at",))


class HealthMetrics(MonitoringHandler):
    parameters = (*books_listing.parameters(COLUMNS), *books_listing.CREATED)

    @answers(200, page_of("monitoring/health_metric"))
    async def get(self) -> None:
        """List the measures, the latest first. 200; 400 a wrong filter, an invalid cursor; 404 there is no such page."""
        filters = {**self.own(), **books_listing.created(self)}
        self.reply(await books_listing.show_page(self, metrics, filters))

    @answers(201, "monitoring/health_metric")
    @idempotent
    @body("monitoring/health_metric_write")
    async def post(self) -> None:
        """Record a measure. 201; 400 wrong fields."""
        check_lengths(self.body)

        async def make(db: sql.Runner) -> tuple[int, str]:
            made = await query.create_metric(db, owner_id=self.owner_id, body=self.body_text, actor=self.actor)
            return 201, made["document"]

        await self.once(make, is_one_statement=True)


class HealthMetric(MonitoringHandler):
    @answers(200, "monitoring/health_metric", headers=("ETag",))
    async def get(self, id: str) -> None:
        """Show a measure. 200; 404."""
        self.show(await query.get_metric(self.db, owner_id=self.owner_id, id=int(id)))

    @stale
    @answers(200, "monitoring/health_metric", headers=("ETag",))
    @body("monitoring/health_metric_write")
    async def put(self, id: str) -> None:
        """Replace a measure. Fields that the body omits stay. 200; 400 wrong fields; 404; 412 the measure is in another state than If-Match
        says."""
        await self._update(id)

    @stale
    @answers(200, "monitoring/health_metric", headers=("ETag",))
    @body("monitoring/health_metric_patch")
    async def patch(self, id: str) -> None:
        """Change some fields of a measure. 200; 400 wrong fields; 404; 412 the measure is in another state than If-Match says."""
        await self._update(id)

    @stale
    async def delete(self, id: str) -> None:
        """Delete a measure. 204; 404; 412 the measure is in another state than If-Match says."""
        self.current(
            await query.delete_metric(
                self.db, owner_id=self.owner_id, id=int(id), if_match=self.if_match, actor=self.actor
            )
        )
        self.reply_nothing()

    async def _update(self, id: str) -> None:
        check_lengths(self.body)
        changed = await query.update_metric(
            self.db, owner_id=self.owner_id, id=int(id), body=self.body_text, if_match=self.if_match, actor=self.actor
        )
        self.show_changed(changed)


def check_lengths(sent: dict[str, Any]) -> None:
    """Check the lengths of a body's queues, whose names no schema knows. Raises Problem 400."""
    wrong = [name for name, length in (sent.get("queue_lengths") or {}).items() if not is_count(length)]
    if wrong:
        raise invalid(
            {"queue_lengths": {name[:LONGEST_NAME]: [Message.of("type.integer")] for name in wrong[:MOST_NAMED]}}
        )


refusals: dict[str, Refusal] = {
    "health_metric_queue_lengths_bounded": invalid({"queue_lengths": [TOO_LONG]}),
    "health_metric_metadata_bounded": invalid({"metadata": [TOO_LONG]}),
}
groups = ("Books: monitoring, health metrics",)
routes = [
    ("/api/monitoring/api/health-metrics/", HealthMetrics),
    ("/api/monitoring/api/health-metrics/{id:int}/", HealthMetric),
]

"""Metrics of an owner: the last 30 days beside the 30 before. docs/api/dashboard.md#metrics."""

from typing import Any

from core.data import sql
from core.http import keyset
from core.http.declare import answers, ref
from core.http.keyset import Column
from core.http.paging import page_of
from core.http.parameter import Parameter
from handlers.api import books_listing
from handlers.api.books_handler import BooksHandler
from handlers.api.books_listing import Listing

METRIC_CATEGORIES = ("financial", "operational", "client", "growth")
CATEGORY = {"type": "string", "enum": list(METRIC_CATEGORIES)}
METRIC_CATEGORY = Parameter("metric_category", "Only metrics of this category.", CATEGORY)

query = sql.load("dashboard/metric")
COLUMNS = {"id": Column("m.id", "bigint", keyset.is_id)}
metrics = Listing(None, query.find_metrics, query.walk_metrics, COLUMNS, ("id",), is_ordered_as_asked=False)


class Metrics(BooksHandler):
    parameters = (
        *books_listing.PAGED,
        METRIC_CATEGORY,
        Parameter("metric_name", "A part of the name, ignoring case."),
    )

    @answers(200, page_of("dashboard/metric"))
    async def get(self) -> None:
        """List the metrics of the last 30 days, beside those of the 30 days before. 200; 400 a wrong filter, an invalid cursor; 404 there is
        no such page."""
        self.reply(await books_listing.show_page(self, metrics, self._filters()))

    def _filters(self) -> dict[str, Any]:
        asked = {
            "category": books_listing.choice(self, "metric_category", METRIC_CATEGORIES),
            "name": self.asked("metric_name")[: books_listing.LONGEST_SEARCH],
        }
        return {name: value for name, value in asked.items() if value}


class Metric(BooksHandler):
    @answers(200, "dashboard/metric")
    async def get(self, id: str) -> None:
        """Show a metric of the last 30 days. 200; 404."""
        found = await query.get_metric(self.db, owner_id=self.owner_id, id=int(id))
        self.reply(self.found(found)["document"])


class Kpis(BooksHandler):
    parameters = (Parameter("category", "Only indicators of this category.", CATEGORY),)

    @answers(200, {"type": "array", "items": ref("dashboard/kpi")})
    async def get(self) -> None:
        """List the five key performance indicators of the last 30 days, beside those of the 30 days before. 200; 400 a wrong category."""
        category = books_listing.choice(self, "category", METRIC_CATEGORIES)
        self.reply(await query.list_kpis(self.db, owner_id=self.owner_id, category=category))


groups = ("Books: dashboard",)
routes = [
    ("/api/dashboard/kpis/", Kpis),
    ("/api/dashboard/metrics/", Metrics),
    ("/api/dashboard/metrics/{id:int}/", Metric),
]

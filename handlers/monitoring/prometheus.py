"""The metrics of the server, for Prometheus. docs/api/monitoring.md#metrics."""

from typing import Any, ClassVar

from core.access import Access
from core.dialect import Dialect
from core.http import scraper
from core.http.application import Application
from core.http.declare import answers
from core.run.scrape import OPENMETRICS, PLAIN, Scrape
from handlers.api import areas
from handlers.api.dialects import BooksDialect, OperationsDialect
from handlers.api.handler import ApiHandler
from handlers.api.roles import administrator


class ServerScrape(Scrape):
    """`application.kept(ServerScrape)`: the texts, with the jobs of all areas."""

    def __init__(self, app: Application) -> None:
        super().__init__(app, {job.name: job.queue for job in areas.jobs()})


def _reader(handler: "Exposition") -> None:
    if not handler.is_scraper and administrator.check is not None:
        administrator.check(handler)


class Exposition(ApiHandler):
    """Not limited by the hour, as a scraper asks every few seconds."""

    dialect: ClassVar[Dialect] = OperationsDialect()
    access: ClassVar[Access[Any]] = Access(f"{administrator.says}; or by METRICS_TOKEN or METRICS_ALLOW", _reader)
    # Scrapers ask by address.
    any_host = True
    is_scraper = False

    async def authenticate(self) -> None:
        """A scraper has no account."""
        self.is_scraper = scraper.admits(self.request, self.remote_address, self.config)
        if not self.is_scraper:
            await super().authenticate()

    @answers(200, {"type": "string"}, media=PLAIN)
    @answers(200, {"type": "string"}, media=OPENMETRICS)
    async def get(self) -> None:
        """Read the metrics of the server. They are in the text format of Prometheus, or in that of OpenMetrics if Accept prefers it; at most
        a second old. 200; 401; 403."""
        text, kind = await self.application.kept(ServerScrape).text(self.header("Accept"))
        self.reply(text, headers={"Content-Type": kind, "Cache-Control": "no-store"})


class Prometheus(Exposition):
    """The same at the address of the books document."""

    dialect = BooksDialect()


groups = ("Server: monitoring",)
routes = [("/metrics", Exposition), ("/api/dashboard/metrics/prometheus/", Prometheus)]

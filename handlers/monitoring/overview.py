"""How things stand: health, figures of executions, and the page that shows them. docs/api/monitoring.md#figures."""

from typing import Any, ClassVar

from core.access import Access
from core.data import sql
from core.http import negotiate, schema
from core.http.declare import answers, idempotent, takes
from core.http.parameter import Parameter
from core.http.rate_limit import Allowance
from core.http.throttle import source
from handlers.api import books_listing
from handlers.api.handler import ApiHandler
from handlers.api.page import CONTENT_SECURITY_POLICY, SERVER, PageLink, composed
from handlers.api.roles import ROLES, check_area
from handlers.monitoring.alert import MOST_ACTIVE
from handlers.monitoring.health_metric import check_lengths
from handlers.monitoring.health_metric import query as metric_query
from handlers.monitoring.host import Host, Load
from handlers.monitoring.queue_handler import queues
from handlers.monitoring.watched import MonitoringHandler

HTML, JSON = "text/html", "application/json"
# Hours and days that figures may be asked for; without asking the first ones.
HOURS, MOST_HOURS = 24, 720
DAYS, MOST_DAYS = 7, 365
# Alerts of the general data.
RECENT_ALERTS = 10
NOT_KNOWN = Load(None, None, None)
METRIC, EMPTY = schema.load("monitoring/health_metric_write"), schema.load("monitoring/measure")

query = sql.load("monitoring/overview")
HOURS_PARAMETER = Parameter(
    "hours", "Hours, from a full one on.", {"type": "integer", "minimum": 1, "maximum": MOST_HOURS, "default": HOURS}
)
DAYS_PARAMETER = Parameter(
    "days", "Days, today among them.", {"type": "integer", "minimum": 1, "maximum": MOST_DAYS, "default": DAYS}
)


class OverviewHandler(MonitoringHandler):
    """Measures."""

    async def record_present(self) -> None:
        """Record how things stand now, and answer with it. What the machine does is the administrators' matter."""
        load = await self.application.kept(Host).measure() if self.is_admin else NOT_KNOWN

        async def make(db: sql.Runner) -> tuple[int, str]:
            present = {"queues": queues(), "cpu": load.cpu, "memory": load.memory}
            made = await metric_query.measure(db, owner_id=self.owner_id, **present, actor=self.actor)
            return 201, made["document"]

        await self.once(make, is_one_statement=True)


class Health(OverviewHandler):
    @answers(200, "monitoring/health")
    async def get(self) -> None:
        """Show how the server is, or how the caller's own tasks are. 200."""
        self.reply(await query.get_health(self.db, owner_id=self.owner_id, queues=queues()))


class SystemMetrics(OverviewHandler):
    parameters = (HOURS_PARAMETER,)

    @answers(200, "monitoring/metrics")
    async def get(self) -> None:
        """Show what the executions of the last hours come to. 200; 400 wrong hours."""
        hours = books_listing.whole_from(self, "hours", 1, MOST_HOURS, HOURS)
        self.reply(await query.get_metrics(self.db, owner_id=self.owner_id, hours=hours))


class GeneralHealth(Health):
    """The same beside the general data, where the system that the document describes has it."""


class GeneralMetrics(SystemMetrics):
    """Likewise."""


class Analytics(OverviewHandler):
    parameters = (DAYS_PARAMETER,)

    @answers(200, "monitoring/analytics")
    async def get(self) -> None:
        """Show how the executions of the last days went. 200; 400 wrong days."""
        days = books_listing.whole_from(self, "days", 1, MOST_DAYS, DAYS)
        self.reply(await query.get_analytics(self.db, owner_id=self.owner_id, days=days))


class Measure(OverviewHandler):
    @answers(201, "monitoring/health_metric")
    @idempotent
    async def post(self) -> None:
        """Record how things stand now. 201."""
        await self.record_present()


class General(OverviewHandler):
    parameters = (HOURS_PARAMETER,)

    @answers(200, "monitoring/general")
    async def get(self) -> None:
        """Show the health, the figures, and the latest alerts. 200; 400 wrong hours."""
        hours = books_listing.whole_from(self, "hours", 1, MOST_HOURS, HOURS)
        self.reply(
            await query.get_general(self.db, owner_id=self.owner_id, queues=queues(), hours=hours, alerts=RECENT_ALERTS)
        )

    @answers(201, "monitoring/health_metric")
    @idempotent
    @takes(METRIC, EMPTY, is_optional=True)
    async def post(self) -> None:
        """Record a measure of the health. Without a body, or with an empty object, the server measures. 201; 400 wrong fields."""
        if self.request.body.strip() in (b"", b"{}"):
            await self.record_present()
            return
        await self.read_body(METRIC)
        check_lengths(self.body)

        async def make(db: sql.Runner) -> tuple[int, str]:
            made = await metric_query.create_metric(db, owner_id=self.owner_id, body=self.body_text, actor=self.actor)
            return 201, made["document"]

        await self.once(make, is_one_statement=True)


def _may_enter(handler: ApiHandler) -> None:
    if not (isinstance(handler, Overview) and handler.wants_page):
        check_area(handler, "books")


class Overview(OverviewHandler):
    """A browser gets the page, which holds no data: its script asks for the JSON of the same address, with the token of who signs in."""

    access: ClassVar[Access[Any]] = Access("signed in, area books; the page: anyone", _may_enter)
    template = "monitoring.html"

    @property
    def wants_page(self) -> bool:
        return negotiate.media_type(self.header("Accept"), (JSON, HTML)) == HTML

    def set_default_headers(self) -> None:
        super().set_default_headers()
        # Of refusals too: another Accept header may be answered otherwise.
        self.add_header("Vary", "Accept")

    def allowance(self) -> Allowance:
        """Opening the page counts by itself: people behind one address have few anonymous requests together."""
        if self.wants_page and self.caller is None:
            return Allowance("pages", self.config.rate_limit_authenticated, f"pages:{source(self.remote_address)}")
        return super().allowance()

    @answers(200, "monitoring/overview")
    @answers(200, {"type": "string"}, media=HTML)
    async def get(self) -> None:
        """Show the health, the figures of a day, and the alerts that are not resolved; to a browser, the page that shows them. 200."""
        if self.wants_page:
            self.set_header("Content-Type", f"{HTML}; charset=utf-8")
            self.set_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
            self.set_header("Cache-Control", "no-cache")
            self.finish(composed(self.template))
            return
        self.reply(
            await query.get_overview(self.db, owner_id=self.owner_id, queues=queues(), hours=HOURS, alerts=MOST_ACTIVE)
        )


groups = ("Books: monitoring, overview",)
pages = [
    PageLink(
        "/api/monitoring/",
        "Monitoring",
        "How background tasks run, what waits, and what needs attention.",
        may=lambda caller: "books" in ROLES[caller.role],
        group=SERVER,
        place=20,
    )
]
# The document of the API and the system that it describes have the same figures at different places.
routes = [
    ("/api/monitoring/", Overview),
    ("/api/monitoring/health/", Health),
    ("/api/monitoring/metrics/", SystemMetrics),
    ("/api/monitoring/analytics/", Analytics),
    ("/api/monitoring/record_metrics/", Measure),
    ("/api/monitoring/api/health/", Health),
    ("/api/monitoring/api/metrics/", SystemMetrics),
    ("/api/monitoring/api/monitoring/", General),
    ("/api/monitoring/api/monitoring/health/", GeneralHealth),
    ("/api/monitoring/api/monitoring/metrics/", GeneralMetrics),
    ("/api/monitoring/api/monitoring/analytics/", Analytics),
    ("/api/monitoring/api/monitoring/record_metrics/", Measure),
]

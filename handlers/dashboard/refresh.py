"""A refresh of what is always fresh. docs/api/dashboard.md#refresh."""

from core.data import sql
from core.http import schema
from core.http.declare import answers, takes
from handlers.api.books_handler import BooksHandler

# As many as GET /api/dashboard/metrics/ lists.
METRICS = 10
BODY = schema.load("dashboard/refresh_create")

query = sql.load("dashboard/refresh")


class Refresh(BooksHandler):
    @answers(200, "dashboard/refresh")
    @takes(BODY, is_optional=True)
    async def post(self) -> None:
        """Store this month's snapshot of today, and count the analytics. The figures themselves are always current, and need no refresh.
        200; 400 wrong fields."""
        if self.request.body:
            await self.read_body(BODY)
        sent = self.body or {}
        refreshed = await query.refresh(
            self.db,
            owner_id=self.owner_id,
            asked=sent.get("refresh_types") or ["all"],
            forced=sent.get("force_refresh", False),
            metrics=METRICS,
        )
        self.reply(refreshed)


groups = ("Books: dashboard",)
routes = [("/api/dashboard/refresh/", Refresh)]

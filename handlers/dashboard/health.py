"""Whether the dashboards work. docs/api/dashboard.md#health."""

import time
from typing import Any

from core.data import sql
from core.http.declare import answers
from handlers.api.books_handler import BooksHandler
from handlers.dashboard.live import now_text

# Milliseconds: the documented target, and up to which an answer is still good.
TARGET_MS, GOOD_MS = 100.0, 500.0
# Seconds until another look at figures that are still being added up.
RETRY_AFTER = {"Retry-After": "60"}

query = sql.load("dashboard/health")


class DashboardHealth(BooksHandler):
    @answers(200, "dashboard/health")
    @answers(503, "dashboard/health")
    async def get(self) -> None:
        """Tell whether the caller's dashboards work, and how fast. 200; 503 the figures can't be relied on, or the database is away."""
        began = time.perf_counter()
        cache = await self._cache()
        checked = await query.check(self.db, owner_id=self.owner_id)
        milliseconds = round((time.perf_counter() - began) * 1000, 3)
        is_right = checked["has_bounds"] and checked["is_built"]
        whole = {
            "status": "healthy" if is_right else "unhealthy",
            "timestamp": now_text(),
            "response_time_ms": milliseconds,
            "components": {
                "database": {"status": "healthy", "snapshot_count": checked["snapshots"]},
                "cache": cache,
                "aggregation_service": {
                    "status": "healthy" if is_right else "unhealthy",
                    "period_boundaries_working": checked["has_bounds"],
                    "figures_complete": checked["is_built"],
                },
            },
            "performance": {
                "response_time_ms": milliseconds,
                "target_response_time_ms": TARGET_MS,
                "performance_grade": _grade(milliseconds),
            },
        }
        self.reply(whole, 200 if is_right else 503, {"Cache-Control": "no-store", **({} if is_right else RETRY_AFTER)})

    async def _cache(self) -> dict[str, Any]:
        """Redis, which the figures don't need: it only makes live updates faster."""
        works = await self.application.reaches_redis()
        if works is None:
            return {"status": "not configured", "working": False}
        return {"status": "healthy" if works else "unhealthy", "working": works}


def _grade(milliseconds: float) -> str:
    if milliseconds < TARGET_MS:
        return "excellent"
    return "good" if milliseconds < GOOD_MS else "poor"


groups = ("Books: dashboard",)
routes = [("/api/dashboard/health/", DashboardHealth)]

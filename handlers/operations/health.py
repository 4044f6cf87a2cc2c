"""Health checks for load balancers and apps. docs/api/operations.md#health."""

import platform
import time
from datetime import UTC, datetime
from typing import Any

from core import product
from core.access import public
from core.data import sql
from core.http.application import Application
from core.http.declare import answers
from core.problem import Problem
from handlers.api.handler import OperationsHandler

# The greatest age of the counts: monitors call every second, and counting reads whole tables.
COUNTS_SECONDS = 30
RETRY_AFTER = {"Retry-After": "2"}

query = sql.load("operations/health")


class Counts:
    """The counts that this process last read. until: the moment up to which they are used (time.monotonic)."""

    def __init__(self, app: Application) -> None:
        self.numbers: dict[str, int] = {}
        self.until = 0.0


class Health(OperationsHandler):
    """The check of the vendor API, GET /health/."""

    groups = ("Vendor: health",)
    access = public
    authenticates = False
    # Load balancers ask by address.
    any_host = True

    @answers(200, "operations/health")
    @answers(503, "operations/health")
    async def get(self) -> None:
        """Tell whether the server is healthy, in the vendor API. A Redis that is away does not make it unhealthy. 200; 503 the database
        does not answer."""
        cache = await self._cache()
        whole: dict[str, Any] = {
            "status": "healthy",
            "timestamp": datetime.now(UTC).isoformat(timespec="microseconds"),
            "version": product.VERSION,
            "services": {
                "database": {"status": "healthy", "message": "Database connection successful"},
                "cache": cache,
            },
            # The mobile app declares these keys. The exact versions are not public information.
            "system": {
                "django_version": "none",
                "python_version": platform.python_version_tuple()[0],
                "debug_mode": self.config.debug,
            },
        }
        try:
            whole["stats"] = await self._counts()
        except Problem:
            whole["status"] = "unhealthy"
            whole["services"]["database"] = {
                "status": "unhealthy",
                "message": "Database connection failed: not available",
            }
        if whole["status"] == "healthy":
            self.reply(whole, 200, {"Cache-Control": "no-store"})
        else:
            self.reply(whole, 503, {"Cache-Control": "no-store", **RETRY_AFTER})

    async def _cache(self) -> dict[str, str]:
        if await self.application.reaches_redis() is False:
            return {"status": "unhealthy", "message": "Cache failed: not available"}
        return {"status": "healthy", "message": "Cache is working"}

    async def _counts(self) -> dict[str, int]:
        known = self.application.kept(Counts)
        if known.until > time.monotonic():
            await query.ping(self.db)
        else:
            known.numbers = dict(await query.count_all(self.db))
            known.until = time.monotonic() + COUNTS_SECONDS
        return known.numbers


class ApiHealth(OperationsHandler):
    """The check of the books API, GET /api/health/."""

    groups = ("Books: health",)
    access = public
    authenticates = False
    # Load balancers ask by address.
    any_host = True

    @answers(200, "operations/api_health")
    @answers(503, "operations/api_health_failed")
    async def get(self) -> None:
        """Tell whether the server is healthy, in the books API. 200; 503 the database does not answer."""
        try:
            await query.ping(self.db)
        except Problem as problem:
            self.reply({"status": "unhealthy", "database": "disconnected", "error": problem.message}, 503, RETRY_AFTER)
            return
        self.reply(
            {
                "status": "healthy",
                "database": "connected",
                "timestamp": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            }
        )


routes = [("/health/", Health), ("/api/health/", ApiHealth)]

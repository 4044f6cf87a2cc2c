"""Health for load balancers and apps: GET /health/ as seed 002 shows it, GET /api/health/ as seed 004 does."""

import platform
import time
from datetime import UTC, datetime
from typing import Any

from core import product
from core.access import public
from core.data import sql
from core.http.application import Application
from core.problem import Problem
from handlers.api.handler import OperationsHandler

COUNTS_SECONDS = 30  # counts may be that old: monitors call every second
RETRY_AFTER = {"Retry-After": "2"}

query = sql.load("operations/health")


class Counts:
    """The counts that this process last read, and until when they are used (monotonic)."""

    def __init__(self, app: Application) -> None:
        self.numbers: dict[str, int] = {}
        self.until = 0.0


class Health(OperationsHandler):
    access = public
    authenticates = False

    async def get(self) -> None:
        """200 healthy, 503 when the database does not answer. A cache that is away makes nobody unhealthy."""
        cache = await self._cache()
        whole: dict[str, Any] = {
            "status": "healthy",
            "timestamp": datetime.now(UTC).isoformat(timespec="microseconds"),
            "version": product.VERSION,
            "services": {
                "database": {"status": "healthy", "message": "Database connection successful"},
                "cache": cache,
            },
            # Seed 002's keys: its app's type declares them. Which versions run here is nobody's business.
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
        if self.application.redis is not None:
            try:
                await self.application.redis.ping()
            except Exception:  # whatever Redis has, the answer is the same
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
    access = public
    authenticates = False

    async def get(self) -> None:
        """200 {status, database}; 503 when the database does not answer."""
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

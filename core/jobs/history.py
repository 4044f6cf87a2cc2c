"""What is kept of jobs: their runs, the queue's log, the ticks of schedules. The tables are in sql/migrations/0012_core_jobs.sql."""

from typing import TYPE_CHECKING

from core.jobs.job import query

if TYPE_CHECKING:
    from core.http.application import Application

PURGE_JOBS_SECONDS = 60
# Rows of each table in one transaction, so that none takes long.
PURGE_ROWS = 2_000


async def purge_jobs(app: "Application") -> None:
    """Remove what is older than JOB_HISTORY_DAYS."""
    while await query.purge(app.db, days=app.config.job_history_days, most=PURGE_ROWS) >= PURGE_ROWS:
        pass

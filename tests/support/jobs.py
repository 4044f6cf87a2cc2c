"""Runs the jobs of the areas within a test: what they do, and not how they are taken (tests/core/test_jobs.py)."""

from core.http.application import Application
from core.jobs.runner import Pace, Runner
from core.run.process import resources
from handlers.api import areas
from tests.support.deadlines import until

DUE = "SELECT count(*) FROM jobs.pgqueuer WHERE status = 'picked' OR status = 'queued' AND execute_after <= now()"


async def run_jobs(app: Application) -> None:
    """Run what is due, and what that enqueues in turn, until nothing is. A job that fails waits for its next attempt."""
    runner = Runner(resources(app), areas.jobs(), (), kind="worker", pace=Pace(poll=0.1))
    await runner.open()
    try:
        await until(lambda: app.db.value(DUE), lambda count: count == 0)
    finally:
        await runner.stop(0)

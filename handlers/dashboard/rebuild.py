"""Adds an owner's figures up anew: those of books that are older than the dashboards, or that somebody asks for. docs/api/dashboard.md#figures."""

from core.data import sql
from core.duties import Duty
from core.http.application import Application
from core.jobs import Job, Payload, Run

# Between two looks for owners whose figures are still to be added up. There are some only after the upgrade to the first release with dashboards.
LOOK_SECONDS = 60
# A million invoices take some minutes.
REBUILD_SECONDS = 1800

query = sql.load("dashboard/rebuild")


async def queue_rebuilds(app: Application) -> None:
    """Queue what the upgrade has left to do."""
    await query.queue_rebuilds(app.db)


async def rebuild(run: Run, payload: Payload) -> Payload:
    """Add one owner's figures up. Their books can't be changed meanwhile: changes wait, or get 503."""
    rows = await query.rebuild_figures(run.db.limited(most=1, seconds=REBUILD_SECONDS), owner_id=payload["owner_id"])
    return {"rows": rows}


duties = [Duty(LOOK_SECONDS, queue_rebuilds)]
jobs = [Job("dashboard.rebuild", rebuild, attempts=5, at_once=1, seconds=REBUILD_SECONDS, queue="cache_operations")]

"""What the server does by itself: executions of its own jobs, alerts, measures, retention. docs/api/monitoring.md#by-itself.

These are duties of the processes that serve, and no jobs: that nobody runs jobs is the first thing to be noticed.
"""

from core.data import sql
from core.duties import Duty
from core.http.application import Application
from handlers.monitoring.host import Host
from handlers.monitoring.queue_handler import queues

# An execution is shown so long after its job has begun or ended, at most.
COPY_SECONDS = 2
WATCH_SECONDS = 60
PURGE_SECONDS = 600
# Rows of one transaction, so that none takes long.
COPIED_ROWS = 1_000
PURGED_ROWS = 2_000

query = sql.load("monitoring/watch")


async def copy_runs(app: Application) -> None:
    """Write the executions of jobs that have begun or ended."""
    while await query.copy_runs(app.db, queues=queues(), most=COPIED_ROWS) >= COPIED_ROWS:
        pass


async def watch(app: Application) -> None:
    """Raise and resolve the alerts about the server, and record its health."""
    load = await app.kept(Host).measure()
    await query.watch(app.db, queues=queues(), cpu=load.cpu, memory=load.memory, memory_share=load.memory_share)


async def purge(app: Application) -> None:
    """Remove what is older than JOB_HISTORY_DAYS."""
    while await query.purge(app.db, days=app.config.job_history_days, most=PURGED_ROWS) >= PURGED_ROWS:
        pass


duties = [Duty(COPY_SECONDS, copy_runs), Duty(WATCH_SECONDS, watch), Duty(PURGE_SECONDS, purge)]

"""A real worker process with the jobs of tests/core/test_jobs_faults.py: python -m tests.support.jobs_program URL FINISH_SECONDS"""

import asyncio
import os
import signal
import sys
from typing import Any

from core import logs
from core.jobs import Job, Payload, Run, Schedule
from core.jobs.runner import Pace
from core.run.worker import work
from core.settings import CoreSettings


async def effect(run: Run, what: str) -> None:
    await run.db.none(
        "INSERT INTO public.effect (what, job, worker) VALUES ($1, $2, $3)", what, run.job_id, os.getpid()
    )


async def note(run: Run, payload: Payload) -> None:
    """Do something once."""

    async def done(tx: Any) -> None:
        await tx.none("INSERT INTO public.effect (what, job, worker) VALUES ('done', $1, $2)", run.job_id, os.getpid())

    await run.finish(done)


async def wait(run: Run, payload: Payload) -> None:
    """Say that it has begun, wait until the gate of this process is open, and do something once."""
    await effect(run, "begun")
    while not await run.db.value("SELECT count(*) FROM public.gate WHERE worker IN (0, $1)", os.getpid()):
        await asyncio.sleep(0.05)
    await note(run, payload)


async def die(run: Run, payload: Payload) -> None:
    """End the process."""
    await effect(run, "begun")
    os.kill(os.getpid(), signal.SIGKILL)


JOBS = [
    Job("test.note", note),
    Job("test.wait", wait, first_delay=0.2),
    Job("test.die", die, most_losses=2),
]
SCHEDULES = [Schedule("test.each_second", "* * * * * *", job="test.note")]

if __name__ == "__main__":
    logs.configure(debug=False, as_json=False)
    config = CoreSettings(secret_key="test-secret-key-of-at-least-32-bytes!", database_url=sys.argv[1], db_pool_size=4)
    schedules = SCHEDULES if "--schedules" in sys.argv else []
    pace = Pace(poll=0.2, heartbeat=3.0, seen=0.5)
    sys.exit(
        work(config, JOBS, schedules, lambda: print("works", flush=True), pace=pace, finish_seconds=float(sys.argv[2]))
    )

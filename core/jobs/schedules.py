"""Schedules: which moment of each was the last one, by the clock of Postgres, and that its job is enqueued once.

PgQueuer has a scheduler, which is not used: it counts from the clocks of the workers, so clocks that differ by 30 ms enqueue a moment twice,
and it asks Postgres every second even if there is no schedule.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from core import product
from core.data.sql import Runner
from core.jobs.job import Schedule, query

# At most so long until Postgres is asked again what time it is: the clock of this machine may run at another speed, or be set.
LONGEST_SECONDS = 60.0

log = product.logger("jobs")


async def tick(db: Runner, schedules: Sequence[Schedule]) -> float:
    """Enqueue what is due; returns the seconds until something is due next. Raises Problem 503."""
    now = await query.now(db)
    for schedule in schedules:
        last = previous(schedule.cron, now)
        if await query.enqueue_tick(
            db, schedule=schedule.name, tick=last, name=schedule.job, payload=json.dumps(dict(schedule.payload))
        ):
            log.info("schedule %s: enqueued %s for %s", schedule.name, schedule.job, last.isoformat())
    return min([LONGEST_SECONDS, *(seconds_to_next(schedule.cron, now) for schedule in schedules)])


def previous(cron: str, now: datetime) -> datetime:
    """The last moment of `cron` that is not after `now`."""
    from croniter import croniter

    # get_prev() leaves out the moment that it is given.
    found: datetime = croniter(cron, now + timedelta(microseconds=1)).get_prev(datetime)
    return found


def seconds_to_next(cron: str, now: datetime) -> float:
    """From `now` to the next moment of `cron`."""
    from croniter import croniter

    following: datetime = croniter(cron, now).get_next(datetime)
    return (following - now).total_seconds()

"""What the tasks of the document do. docs/api/monitoring.md#executing.

The payload of each has its arguments, `user_id` (the account that it is about; null: all accounts), and `requested_by`.
"""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from core import product
from core.data import sql
from core.duties import Duty
from core.jobs import GiveUp, Job, Payload, Run, Schedule
from core.jobs.history import PURGE_ROWS
from core.jobs.job import Work
from core.jobs.job import query as jobs_query

AREA = "monitoring"
# One owner's figures: a million invoices take some minutes.
OWNER_SECONDS = 1800
# The figures of all owners, one after the other.
ALL_SECONDS = 6 * 3600
# What an analysis looks at: the runs of a week, and of these no more than can be sorted in a second.
ANALYSED_HOURS, MOST_ANALYSED = 7 * 24, 100_000
# Days of an export unless a date_range is given.
EXPORTED_DAYS = 365
# Files of one account that wait or are being made, as handlers/dashboard/export_job.py has it.
MOST_EXPORTS = 5
# Rows of each table that one statement removes.
REMOVED_AT_ONCE = 1000
OLD_DAYS = 30
# Notifications are kept so long, and looked through once an hour.
NOTIFICATION_DAYS, NOTIFICATION_SECONDS = 90, 3600

query = sql.load("monitoring/queue_work")
log = product.logger("tasks")


async def refresh(run: Run, payload: Payload) -> Payload:
    """Add figures up anew."""
    db = run.db.limited(most=1, seconds=OWNER_SECONDS)
    owners = await query.list_owners(run.db, owner_id=payload.get("user_id"))
    rows = [await query.rebuild_figures(db, owner_id=owner["id"]) for owner in owners]
    return {"owners": len(owners), "rows": sum(rows)}


async def warm(run: Run, payload: Payload) -> Payload:
    """Compare figures with the rows that they are the sums of, add up anew those that are wrong, or were never added up, and keep a snapshot of
    those that have changed since the last one."""
    db = run.db.limited(most=1, seconds=OWNER_SECONDS)
    owners = [row["id"] for row in await query.list_owners(run.db, owner_id=payload.get("user_id"))]
    rows = [await query.warm_dashboard(db, owner_id=owner) for owner in owners]
    wrong = [owner for owner, row in zip(owners, rows, strict=True) if row["outcome"] == "wrong"]
    if wrong:
        log.error("the figures of %d accounts were wrong and are added up anew: %s", len(wrong), wrong[:20])
    built, stored = sum(row["outcome"] == "unbuilt" for row in rows), sum(row["is_stored"] for row in rows)
    return {"owners": len(owners), "built": built, "repaired": len(wrong), "snapshots": stored}


async def analyse(run: Run, payload: Payload) -> Payload:
    """Say how tasks have run of late."""
    about = payload.get("user_id")
    found = await query.analyse(
        run.db, owner=None if about is None else str(about), hours=ANALYSED_HOURS, most=MOST_ANALYSED
    )
    analysis: dict[str, Any] = json.loads(found)
    return analysis


async def export(run: Run, payload: Payload) -> Payload | None:
    """Export an account's figures: as JSON in the result, or as a file of the dashboard's exports, which another job makes."""
    owner_id, form = payload["user_id"], payload.get("export_format", "json")
    wanted = payload.get("date_range", {})
    if form == "json":
        figures: dict[str, Any] = json.loads(await query.export_figures(run.db, owner_id=owner_id, **period(wanted)))
        return figures

    async def queue(tx: sql.Runner) -> None:
        asked = {"export_format": form, "period_type": wanted or "monthly", "most": MOST_EXPORTS}
        if await query.queue_export(tx, owner_id=owner_id, **asked) is None:
            raise GiveUp(f"{MOST_EXPORTS} exports are under way. Queue the task again when one of them is done.")

    await run.finish(queue, result={"export_format": form, "exports": "/api/dashboard/exports/"})
    return None


def period(wanted: Mapping[str, str]) -> dict[str, str]:
    """The first and the last day of an export."""
    until = wanted.get("end_date") or str(datetime.now(UTC).date())
    # The first day that there is, in the year 1, is no less than that.
    first = max(date.fromisoformat(until).toordinal() - EXPORTED_DAYS, 1)
    return {"since": wanted.get("start_date") or str(date.fromordinal(first)), "until": until}


async def notify(run: Run, payload: Payload) -> None:
    """Tell an account something."""
    said = {"message": payload["message"], "notification_type": payload.get("notification_type", "info")}
    await run.finish(lambda tx: query.notify(tx, account_id=payload["user_id"], **said), result={"delivered": True})


async def clean(run: Run, payload: Payload) -> Payload:
    """Remove what is old: snapshots, exports and notifications; without an account also the history of jobs."""
    account_id, days = payload.get("user_id"), payload.get("days_old", OLD_DAYS)
    removed = {"snapshots": 0, "exports": 0, "notifications": 0}
    while True:
        found = dict(await query.remove_old(run.db, account_id=account_id, days=days, most=REMOVED_AT_ONCE))
        removed = {name: count + found[name] for name, count in removed.items()}
        if max(found.values()) < REMOVED_AT_ONCE:
            break
    if account_id is not None:
        return removed
    history = 0
    while (purged := await jobs_query.purge(run.db, days=days, most=PURGE_ROWS)) >= PURGE_ROWS:
        history += purged
    return {**removed, "history": history + purged}


async def remove_old_notifications(app: Any) -> None:
    while await query.remove_old_notifications(app.db, days=NOTIFICATION_DAYS, most=REMOVED_AT_ONCE) == REMOVED_AT_ONCE:
        pass


class Task(NamedTuple):
    """A task of the document. arguments: in the order of the document. required: those that must be given. is_personal: it is always about
    one account, the caller's unless another is named. seconds: for one run. most: of one caller and about one account, that wait or run."""

    work: Work
    queue: str
    arguments: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    is_personal: bool = False
    seconds: float = 300.0
    most: int = 20


TASKS = {
    "refresh_dashboard_cache": Task(refresh, "cache_operations", ("user_id",), seconds=ALL_SECONDS, most=1),
    "warm_dashboard_cache": Task(warm, "cache_operations", ("user_id",), seconds=ALL_SECONDS, most=1),
    "performance_analysis": Task(analyse, "analytics"),
    "export_dashboard_data": Task(export, "low_priority", ("user_id", "export_format", "date_range"), is_personal=True),
    "send_notification": Task(
        notify, "high_priority", ("user_id", "message", "notification_type"), ("message",), is_personal=True
    ),
    "cleanup_old_data": Task(clean, "low_priority", ("days_old",), seconds=ALL_SECONDS),
}
# Of the tasks of a queue; others have 0. A higher number begins first.
PRIORITIES = {"high_priority": 10, "low_priority": -10}

# at_once: the long ones leave the process to others.
jobs = [
    Job(f"{AREA}.{name}", task.work, attempts=4, queue=task.queue, seconds=task.seconds, at_once=2)
    for name, task in TASKS.items()
]
# Figures need no refresh, as they are kept with the books. Each night they are compared with them all the same.
schedules = [
    Schedule("monitoring.warm", "30 3 * * *", job=f"{AREA}.warm_dashboard_cache"),
    Schedule("monitoring.analyse", "0 */6 * * *", job=f"{AREA}.performance_analysis"),
]
duties = [Duty(NOTIFICATION_SECONDS, remove_old_notifications)]

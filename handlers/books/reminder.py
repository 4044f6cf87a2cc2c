"""Reminders: mails to clients whose invoices are 7, 14 and 30 days overdue. docs/api/books.md#reminders."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

from core.data import sql
from core.jobs import Job, Payload, Run, Schedule
from handlers.books import mail

# Days overdue at which a client is reminded.
LEVELS = (7, 14, 30)
# Days overdue after which nobody is reminded any more: who begins to use this server must not mail about invoices of years ago. A week after the
# last level is enough for a server that was away.
LONGEST = 37
# Invoices of one transaction.
MOST = 100
# The reminders of a week are counted each week.
COUNTED_DAYS = 7
# The record of a reminder is kept so long, and longer while its invoice is open: it is what keeps the client from being reminded twice.
KEPT_DAYS = 90
REMOVED_AT_ONCE = 1000

query, mails = sql.load("books/reminder"), sql.load("books/mail")


async def remind(run: Run, payload: Payload) -> Payload:
    """Enqueue the mails of all reminders that are due today. One transaction is about one owner."""
    today = datetime.now(UTC).date()
    days = {"first_day": str(today - timedelta(LONGEST)), "last_day": str(today - timedelta(LEVELS[0]))}
    reminders = 0
    for row in await query.list_owners(run.db, **days):
        left = await _left(run, row["owner_id"])
        while left > 0 and (made := await _remind(run, row["owner_id"], today, min(left, MOST))):
            reminders += made
            left -= made
    return {"reminders": reminders}


async def _left(run: Run, owner_id: int) -> int:
    """How many reminders an owner may still send today: anyone can sign up, and this server must not mail for them without end."""
    sent: int = await mails.count_mails(run.db, owner_id=owner_id, hours=mail.HOURS, is_reminder=True)
    return int(run.config.books_mails_per_day) - sent


async def _remind(run: Run, owner_id: int, today: date, most: int) -> int:
    made: int = await query.remind(
        run.db,
        owner_id=owner_id,
        today=str(today),
        levels=list(LEVELS),
        longest=LONGEST,
        most=most,
        is_sent=mail.sends(run.config),
    )
    return made


async def count_reminders(run: Run, payload: Payload) -> Payload:
    """How many reminders there were within a week, by status and by level: the result of the task."""
    found: dict[str, Any] = json.loads(await query.count_reminders(run.db, days=COUNTED_DAYS))
    return found


async def remove_reminders(run: Run, payload: Payload) -> Payload:
    """Remove the records of old reminders, in bounded statements."""
    removed = 0
    while (gone := await query.remove_reminders(run.db, days=KEPT_DAYS, most=REMOVED_AT_ONCE)) == REMOVED_AT_ONCE:
        removed += gone
    return {"removed": removed + gone}


jobs = [
    Job("books.remind", remind, queue="reminders"),
    Job("books.count_reminders", count_reminders, queue="reminders"),
    Job("books.remove_reminders", remove_reminders, queue="reminders"),
]
# UTC.
schedules = [
    Schedule("books.remind", "0 9 * * *", job="books.remind"),
    Schedule("books.remove_reminders", "0 2 * * 1", job="books.remove_reminders"),
    Schedule("books.count_reminders", "0 8 * * 1", job="books.count_reminders"),
]

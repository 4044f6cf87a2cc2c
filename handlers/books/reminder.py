"""Reminders: mails to clients whose invoices are 7, 14 and 30 days overdue. docs/api/books.md#reminders."""

from datetime import UTC, datetime, timedelta

from core.data import sql
from core.jobs import Job, Payload, Run, Schedule

# Days overdue at which a client is reminded.
LEVELS = (7, 14, 30)
# Days overdue after which nobody is reminded any more: who begins to use this server must not mail about invoices of years ago. A week after the
# last level is enough for a server that was away.
LONGEST = 37
# Invoices of one transaction.
MOST = 100

query = sql.load("books/reminder")


async def remind(run: Run, payload: Payload) -> Payload:
    """Enqueue the mails of all reminders that are due today. One transaction is about one owner."""
    today = datetime.now(UTC).date()
    days = {"first_day": str(today - timedelta(LONGEST)), "last_day": str(today - timedelta(LEVELS[0]))}
    reminders = 0
    for row in await query.list_owners(run.db, **days):
        while made := await query.remind(
            run.db,
            owner_id=row["owner_id"],
            today=str(today),
            levels=list(LEVELS),
            longest=LONGEST,
            most=MOST,
            is_sent=run.mail.is_configured,
        ):
            reminders += made
    return {"reminders": reminders}


jobs = [Job("books.remind", remind)]
# 9:00 UTC.
schedules = [Schedule("books.remind", "0 9 * * *", job="books.remind")]

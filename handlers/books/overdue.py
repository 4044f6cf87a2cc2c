"""Stores as overdue what the day has made overdue. Lists and documents say so before that. docs/api/books.md#invoices."""

from core.data import sql
from core.duties import Duty
from core.http.application import Application

# Between two sweeps; invoices become overdue once a day.
SWEEP_SECONDS = 3600
# Invoices that one statement changes, so that it locks few for a short time.
SWEPT_AT_ONCE = 1000

query = sql.load("books/overdue")


async def sweep_invoices(app: Application) -> None:
    """Store as overdue all invoices that are, in bounded statements."""
    while await query.sweep_invoices(app.db, most=SWEPT_AT_ONCE) == SWEPT_AT_ONCE:
        pass


duties = [Duty(SWEEP_SECONDS, sweep_invoices)]

"""The sweep that stores which quotes have expired. docs/api/books.md#quotes."""

from core.data import sql
from core.duties import Duty
from core.http.application import Application

# Between two sweeps. What is read is true without them.
SWEEP_SECONDS = 3600
# Quotes that one statement changes, so that it holds their rows for a moment only.
SWEPT_AT_ONCE = 1000

query = sql.load("books/quote_sweep")


async def sweep_quotes(app: Application) -> None:
    """Store the status of the quotes that have expired, in bounded statements."""
    while await query.sweep_quotes(app.db, most=SWEPT_AT_ONCE) == SWEPT_AT_ONCE:
        pass


duties = [Duty(SWEEP_SECONDS, sweep_quotes)]

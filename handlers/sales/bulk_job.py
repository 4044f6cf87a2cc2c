"""Storing the lines of imports in batches, by the request or by a job, and removing old imports. docs/api/sales.md#imports.

A batch is one transaction, which begins with a lock of the import's row. So a request, its job and another request with the same key may work on one
import at the same time, and each line is stored once. A process that is killed leaves the lines that it has not stored to the next one.
"""

import asyncpg

from core.data import sql
from core.data.database import Database
from core.duties import Duty
from core.http.application import Application
from core.jobs import Job, Run
from core.jobs.job import Payload
from handlers.api.dialects import SalesDialect
from handlers.sales.bulk_lines import worded

# Lines of one transaction, and bytes of their texts: 25 ms. More would be no faster, and others would wait longer for its customers.
BATCH, BATCH_BYTES = 250, 1024 * 1024
# How long an import and its lines are kept: until somebody has looked at what was refused, also after a long weekend.
KEPT_DAYS = 7
# A body of which nothing has come for so long never becomes whole.
RECEIVING_HOURS = 1
# Nothing was stored of an import for so long: nobody works on it.
IDLE_SECONDS = 30.0
GIVE_UP_HOURS = 24
REVIVE_SECONDS, REMOVE_SECONDS = 15.0, 600.0
# They may have 10,000 lines each.
REMOVED_AT_ONCE = 5
# What Postgres says of a value that it can't store.
UNSTORABLE = (asyncpg.DataError, asyncpg.StatementTooComplexError)

query = sql.load("sales/bulk_import")


async def store_batch(db: Database, id: int) -> asyncpg.Record | None:
    """Store the next lines of an import; its status and document, or None if it was removed. A line that Postgres can't store, though its
    schema allows it, is refused without the others."""
    while True:
        try:
            return await query.import_batch(db, id=id, most=BATCH, most_bytes=BATCH_BYTES)
        except UNSTORABLE:
            # Another process may refuse the line meanwhile; then what fails is a later one, which the next turn finds.
            line = await query.get_next_line(db, id=id)
        try:
            return await query.import_batch(db, id=id, most=1, most_bytes=BATCH_BYTES)
        except UNSTORABLE:
            errors = worded({"non_field_errors": ["A value in the line can't be stored."]}, SalesDialect())
            await query.refuse_line(db, id=id, line=line, errors=errors)


async def store_all(db: Database, id: int) -> asyncpg.Record | None:
    """Store all lines that an import still has; its status and document."""
    while (found := await store_batch(db, id)) is not None and found["status"] in ("queued", "running"):
        pass
    return found


async def work(run: Run, payload: Payload) -> None:
    """Finish an import."""
    await store_all(run.db, payload["id"])


async def revive(app: Application) -> None:
    """Have a job finish the imports on which nobody works."""
    await query.revive_imports(app.db, seconds=IDLE_SECONDS)


async def remove_old(app: Application) -> None:
    """Remove the imports that have been kept for long enough, or never became whole, and give up those that nobody can finish."""
    await query.give_up_imports(app.db, hours=GIVE_UP_HOURS)
    removed = {"days": KEPT_DAYS, "hours": RECEIVING_HOURS, "most": REMOVED_AT_ONCE}
    while await query.remove_imports(app.db, **removed) >= REMOVED_AT_ONCE:
        pass


jobs = [Job("sales.import", work, attempts=8, first_delay=2.0, at_once=2, seconds=1800)]
duties = [Duty(REVIVE_SECONDS, revive), Duty(REMOVE_SECONDS, remove_old)]

"""Developer options: row counts of tables, clearing tables, resetting sequences. docs/api/operations.md#developer-options.

Only SUPERADMINs may use them, and changes also need the setting DEVELOPER_OPTIONS, which is off in production. Each area says which
of its tables are counted and how they are cleared (handlers/api/clearing.py).
"""

import json
from typing import Any

import asyncpg

from core.access import public
from core.data import sql
from core.data.database import BUSY, Transaction
from core.http.declare import answers, body
from core.problem import Problem, unavailable
from handlers.api import areas
from handlers.api.caller import ChangesCallers
from handlers.api.clearing import Clearing
from handlers.api.dialects import ApiDialect, detail
from handlers.api.handler import ApiHandler
from handlers.api.page import SERVER, Page, PageLink
from handlers.api.roles import ROLES, may_enter

# The longest wait for a table that is in use; every later request for the table waits behind it.
LOCK_SECONDS = 10
# The longest time for one statement, because a table may have millions of rows.
STATEMENT_SECONDS = 600

query = sql.load("operations/developer")


class DeveloperDialect(ApiDialect):
    """`{success, message}` without status_code, with `detail` for the clients of the staff document; field errors under `errors`."""

    error, field_errors = "operations/error_developer", "operations/field_errors_developer"

    def body(self, problem: Problem) -> dict[str, Any]:
        whole = {"success": False, "message": problem.message, "detail": detail(problem)}
        fields = {"errors": problem.fields} if problem.fields is not None else {}
        return {**whole, **fields, **problem.extra}


class DeveloperHandler(ChangesCallers, ApiHandler):
    dialect = DeveloperDialect()
    access = may_enter("developer")

    def refuse_unless_allowed(self) -> None:
        """Raises Problem 403 when the setting DEVELOPER_OPTIONS is off."""
        if not self.config.developer_options:
            raise Problem(403, "switched-off", "Changes are switched off on this server (setting DEVELOPER_OPTIONS).")

    async def begin_change(self, tx: Transaction) -> None:
        """Wait until no other change runs, and limit the waits for tables, so that a change gives up before it blocks the server."""
        await query.take_turn(tx)
        await query.limit_waiting(tx, milliseconds=int(LOCK_SECONDS * 1000))

    async def resolve(self, error: BaseException) -> Problem:
        """As Handler.resolve; a table that is in use is 503, and one that other tables refer to is 409."""
        if isinstance(error, asyncpg.LockNotAvailableError):
            return unavailable(BUSY)
        # TRUNCATE raises FeatureNotSupportedError for a table that a foreign key of another table refers to.
        in_use = (asyncpg.ForeignKeyViolationError, asyncpg.RestrictViolationError, asyncpg.FeatureNotSupportedError)
        if isinstance(error, in_use):
            return Problem(409, "in-use", "Other records refer to what is to be cleared. Nothing was changed.")
        return await super().resolve(error)


class TableStats(DeveloperHandler):
    @answers(200, "operations/table_stats")
    async def get(self) -> None:
        """Count the rows of the tables. 200."""
        tables = json.dumps([table._asdict() for table in areas.gathered("tables")])
        self.reply(await query.table_stats(self.db, tables=tables, changes_allowed=self.config.developer_options))


class ClearData(DeveloperHandler):
    @answers(200, "operations/data_cleared")
    @body("operations/developer_clear")
    async def post(self) -> None:
        """Clear one table, or all tables of sales. 200; 400 wrong fields, an unknown table, or one whose rows others need; 403 the caller may
        not, or the setting DEVELOPER_OPTIONS is off; 409 other records refer to what is to be cleared; 503 a table is in use, or the
        database is away."""
        self.refuse_unless_allowed()
        name = self.body["table_name"]
        clearings: dict[str, Clearing] = areas.joined("clearings")
        if name not in clearings:
            raise Problem(400, "unknown-table", f"Invalid table name: {name}")

        async def clear(tx: Transaction) -> str:
            await self.begin_change(tx)
            return await self._clear(tx, name, clearings[name])

        self.reply(await self.db.transaction(clear, seconds=STATEMENT_SECONDS))

    async def _clear(self, tx: Transaction, name: str, clearing: Clearing) -> str:
        """Run the steps of a clearing; returns the body of the answer. Raises Problem 400: other rows need these."""
        for prepare in clearing.before:
            await prepare(tx)
        counts = await clearing.counts(tx)
        if counts is None:
            raise Problem(400, "in-use", clearing.refusal)
        for follow in clearing.after:
            await follow(tx)
        noted = await query.note_cleared(tx, actor=self.actor, table_name=name, message=clearing.message, counts=counts)
        answer: str = noted["answer"]
        return answer


class ResetSequences(DeveloperHandler):
    @answers(200, "operations/sequences_reset")
    async def post(self) -> None:
        """Continue the numbers of each table after its highest one. 200; 403 the caller may not, or the setting DEVELOPER_OPTIONS is off;
        503 a table is in use, or the database is away."""
        self.refuse_unless_allowed()

        async def apply(tx: Transaction) -> str:
            await self.begin_change(tx)
            reset = await query.reset_sequences(tx, schemas=areas.names(), actor=self.actor)
            answer: str = reset["answer"]
            return answer

        self.reply(await self.db.transaction(apply, seconds=STATEMENT_SECONDS))


class Developer(Page):
    # The page holds no data; it loads all of it from the API, which checks the caller.
    access = public
    template = "developer.html"


pages = [
    PageLink(
        "/developer/",
        "Developer options",
        "Count, clear and renumber tables.",
        may=lambda caller: "developer" in ROLES[caller.role],
        group=SERVER,
        place=30,
    )
]
groups = ("Staff: developer options",)
routes = [
    ("/api/developer/table-stats/", TableStats),
    ("/api/developer/clear-data/", ClearData),
    ("/api/developer/reset-sequences/", ResetSequences),
    ("/developer/", Developer),
]

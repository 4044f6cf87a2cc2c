"""Developer options: what the tables hold, clearing them, starting their numbers anew. Seed 001; contracts/sales.md, 7.

SUPERADMINs only. Both changes are refused unless the setting DEVELOPER_OPTIONS allows them, which production doesn't.
"""

import json
from typing import Any

import asyncpg

from core.access import public
from core.data import sql
from core.data.database import BUSY, Transaction
from core.http.handler import body
from core.problem import Problem, unavailable
from handlers.api import areas
from handlers.api.caller import ChangesCallers
from handlers.api.clearing import Clearing
from handlers.api.dialects import ApiDialect
from handlers.api.handler import ApiHandler, bad_token
from handlers.api.page import Page
from handlers.api.roles import may_enter

LOCK_SECONDS = 10  # to wait for a table in use; meanwhile everybody else waits for it too
STATEMENT_SECONDS = 600  # for one statement: a table may hold millions

query = sql.load("operations/developer")


class DeveloperDialect(ApiDialect):
    """`{success, message}` without status_code; `detail` as seed 001's clients read it, field errors under `errors`."""

    def body(self, problem: Problem) -> dict[str, Any]:
        whole = {"success": False, "message": problem.message}
        if problem.fields is not None:
            return {**whole, "errors": problem.fields}
        return {**whole, "detail": problem.message, **problem.extra}


class DeveloperHandler(ChangesCallers, ApiHandler):
    dialect = DeveloperDialect()
    access = may_enter("developer")

    def must_be_allowed(self) -> None:
        if not self.config.developer_options:
            raise Problem(403, "switched-off", "Changes are switched off on this server (setting DEVELOPER_OPTIONS).")

    async def alone(self, tx: Transaction) -> None:
        """Begin a change: the only one at this time, and one that rather gives up than hold up the whole server."""
        await query.take_turn(tx)
        await query.limit_waiting(tx, milliseconds=int(LOCK_SECONDS * 1000))

    async def resolve(self, error: BaseException) -> Problem:
        if isinstance(error, asyncpg.LockNotAvailableError):
            return unavailable(BUSY)
        if isinstance(
            error, asyncpg.ForeignKeyViolationError | asyncpg.RestrictViolationError | asyncpg.FeatureNotSupportedError
        ):  # the last is what TRUNCATE says of a table that others refer to
            return Problem(409, "in-use", "Other records refer to what is to be cleared. Nothing was changed.")
        return await super().resolve(error)


class TableStats(DeveloperHandler):
    async def get(self) -> None:
        """200 {success, stats: {table: {count, description}}, total_records, changes_allowed}; 401; 403."""
        tables = json.dumps([table._asdict() for table in areas.gathered("tables")])
        self.reply(await query.table_stats(self.db, tables=tables, changes_allowed=self.config.developer_options))


class ClearData(DeveloperHandler):
    @body("operations/developer_clear")
    async def post(self) -> None:
        """Empty one table, or all of sales. 200 {success, message, deleted_counts}; 400; 401; 403; 409; 503 a table is in use."""
        self.must_be_allowed()
        name = self.body["table_name"]
        clearings: dict[str, Clearing] = areas.joined("clearings")
        if name not in clearings:
            raise Problem(400, "unknown-table", f"Invalid table name: {name}")

        async def clear(tx: Transaction) -> str:
            await self.alone(tx)
            return await self.cleared(tx, name, clearings[name])

        self.reply(await self.db.transaction(clear, seconds=STATEMENT_SECONDS))

    async def cleared(self, tx: Transaction, name: str, clearing: Clearing) -> str:
        for prepare in clearing.before:
            await prepare(tx)
        counts = await clearing.counts(tx)
        if counts is None:
            raise Problem(400, "invoices", "Cannot delete customers while invoices exist. Clear invoices first.")
        for follow in clearing.after:
            await follow(tx)
        told = await query.note_cleared(tx, actor=self.actor, table_name=name, message=clearing.message, counts=counts)
        return told["answer"]


class ResetSequences(DeveloperHandler):
    async def post(self) -> None:
        """Number new rows from the highest number there is. 200 {success, message, reset_count}; 401; 403; 503 a table is in use."""
        self.must_be_allowed()

        async def reset(tx: Transaction) -> str:
            await self.alone(tx)
            return (await query.reset_sequences(tx, schemas=areas.names(), actor=self.actor))["answer"]

        self.reply(await self.db.transaction(reset, seconds=STATEMENT_SECONDS))


class Developer(Page):
    access = public  # what it shows comes from the API, which knows who may see it
    template = "developer.html"


# Whoever imports while their account is being cleared: what their next request would be told.
refusals = {"invoice_created_user_id_fkey": bad_token("invalid")}
routes = [
    ("/api/developer/table-stats/", TableStats),
    ("/api/developer/clear-data/", ClearData),
    ("/api/developer/reset-sequences/", ResetSequences),
    ("/developer/", Developer),
]

"""Developer options: what the tables hold, clearing them, starting their numbers anew. Seed 001; contracts/sales.md, 7.

SUPERADMINs only. Both changes are refused unless the setting DEVELOPER_OPTIONS allows them, which production doesn't.
"""

from typing import Any, NamedTuple

import asyncpg

from core.access import public
from core.data import sql
from core.data.database import BUSY, Transaction
from core.http.handler import body
from core.problem import Problem, unavailable
from handlers.api.caller import ChangesCallers
from handlers.api.dialects import ApiDialect
from handlers.api.handler import ApiHandler, bad_token
from handlers.api.page import Page
from handlers.api.roles import may_enter

LOCK_SECONDS = 10  # to wait for a table in use; meanwhile everybody else waits for it too
STATEMENT_SECONDS = 600  # for one statement: a table may hold millions

query = sql.load("operations/developer")


class Clearing(NamedTuple):
    """message: of success. clear: the query that does it and counts. before, after: run around it, in the same transaction."""

    message: str
    clear: sql.Query
    before: tuple[sql.Query, ...] = ()
    after: tuple[sql.Query, ...] = ()


_FORGET = (query.forget_invoices,)  # wherever an invoice changes or goes
CLEARINGS = {
    "all": Clearing("All data cleared successfully", query.clear_all, after=_FORGET),
    "invoices": Clearing("All invoices and related data cleared", query.clear_invoices, after=_FORGET),
    "sessions": Clearing(
        "All session data cleared", query.clear_sessions, (query.be_quiet,), (query.return_invoices, *_FORGET)
    ),
    "customers": Clearing("All customers cleared", query.clear_customers, (query.hold_imports,), _FORGET),
    "salesmen": Clearing("All salesmen cleared", query.clear_salesmen, (query.hold_imports, query.be_quiet), _FORGET),
    "couriers": Clearing("All couriers cleared", query.clear_couriers),
    "users": Clearing("All non-SUPERADMIN users cleared", query.clear_users),
    "departments": Clearing("All departments cleared", query.clear_departments),
    "job_titles": Clearing("All job titles cleared", query.clear_job_titles),
}


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
        self.reply(await query.table_stats(self.db, changes_allowed=self.config.developer_options))


class ClearData(DeveloperHandler):
    @body("operations/developer_clear")
    async def post(self) -> None:
        """Empty one table, or all of sales. 200 {success, message, deleted_counts}; 400; 401; 403; 409; 503 a table is in use."""
        self.must_be_allowed()
        name = self.body["table_name"]
        if name not in CLEARINGS:
            raise Problem(400, "unknown-table", f"Invalid table name: {name}")

        async def clear(tx: Transaction) -> str:
            await self.alone(tx)
            return await self.cleared(tx, name, CLEARINGS[name])

        self.reply(await self.db.transaction(clear, seconds=STATEMENT_SECONDS))

    async def cleared(self, tx: Transaction, name: str, clearing: Clearing) -> str:
        for prepare in clearing.before:
            await prepare(tx)
        counts = await clearing.clear(tx)
        if counts is None:
            raise Problem(400, "invoices", "Cannot delete customers while invoices exist. Clear invoices first.")
        for follow in clearing.after:
            await follow(tx)
        told = await query.told_cleared(tx, actor=self.actor, table_name=name, message=clearing.message, counts=counts)
        return told["answer"]


class ResetSequences(DeveloperHandler):
    async def post(self) -> None:
        """Number new rows from the highest number there is. 200 {success, message, reset_count}; 401; 403; 503 a table is in use."""
        self.must_be_allowed()

        async def reset(tx: Transaction) -> str:
            await self.alone(tx)
            return (await query.reset_sequences(tx, actor=self.actor))["answer"]

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

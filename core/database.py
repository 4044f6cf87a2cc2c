"""The pool, and the one way statements and transactions run: bounded in time, retried when Postgres says so, 503 when it is away.

No connection carries state from one request to the next (so PgBouncer in transaction mode fits), hence no reset between them:
asyncpg's own costs a round trip.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import asyncpg

from core.problem import unavailable

ACQUIRE_SECONDS = 0.8  # a free connection, or 503: the two together stay under 2 s
STATEMENT_SECONDS = 1.0
ATTEMPTS = 5  # at a transaction that Postgres asks to repeat

log = logging.getLogger("tradepost.database")
Result = TypeVar("Result")

_REPEATABLE = (
    asyncpg.SerializationError,  # 40001
    asyncpg.DeadlockDetectedError,  # 40P01
    asyncpg.InvalidCachedStatementError,  # DDL changed what a cached plan relied on
)
_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,  # 08
    asyncpg.OperatorInterventionError,  # 57: shutdown, crash, starting up, cancelled
    asyncpg.InsufficientResourcesError,  # 53: disk full, too many connections
    asyncpg.ReadOnlySQLTransactionError,  # 25006: a failover left us on the replica
)


async def _no_reset(connection: Any) -> None:
    """See the module's docstring."""


class Database:
    """Runs statements on pooled connections. Implements core.sql.Runner; each call is a transaction of its own."""

    def __init__(self, dsn: str, *, size: int, statement_cache: int) -> None:
        self._dsn, self._size, self._statement_cache = dsn, size, statement_cache
        self._pool: Any = None
        self._opening = asyncio.Lock()
        self.up = True

    async def open(self) -> "Database":
        """Make the pool; connections are made when first needed."""
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._dsn,
                    min_size=0,  # with more, asyncpg tries to keep them by itself, with a traceback a try while Postgres is away
                    max_size=self._size,
                    timeout=ACQUIRE_SECONDS,
                    reset=_no_reset,
                    statement_cache_size=self._statement_cache,
                    max_inactive_connection_lifetime=300,
                )
        return self

    async def close(self, seconds: float = 5) -> None:
        if self._pool is not None:
            try:
                await asyncio.wait_for(self._pool.close(), seconds)
            except TimeoutError:
                self._pool.terminate()

    async def value(self, sql: str, *args: Any) -> Any:
        return await self._run("fetchval", sql, args)

    async def row(self, sql: str, *args: Any) -> Any:
        return await self._run("fetchrow", sql, args)

    async def rows(self, sql: str, *args: Any) -> Any:
        return await self._run("fetch", sql, args)

    async def none(self, sql: str, *args: Any) -> None:
        await self._run("execute", sql, args)

    async def _run(self, method: str, sql: str, args: tuple[Any, ...]) -> Any:
        async def once(connection: Any) -> Any:
            return await getattr(connection, method)(sql, *args, timeout=STATEMENT_SECONDS)

        return await self._attempt(once)

    async def transaction(self, work: Callable[["Transaction"], Awaitable[Result]], *, seconds: float = STATEMENT_SECONDS) -> Result:
        """Run `work` in one transaction, from the start again when Postgres asks for it (so it must be idempotent).

        Inside it only the database: no HTTP, Redis, storage or bcrypt. seconds: the limit of each statement.
        """

        async def once(connection: Any) -> Result:
            async with connection.transaction():
                return await work(Transaction(connection, seconds))

        return await self._attempt(once)

    async def _attempt(self, once: Callable[[Any], Awaitable[Result]]) -> Result:
        for attempt in range(1, ATTEMPTS + 1):
            connection = await self._acquire()
            try:
                result = await once(connection)
                if not self.up:
                    self.up = True
                    log.warning("database is back")
                return result
            except _REPEATABLE:
                if attempt == ATTEMPTS:
                    raise
            except _AWAY as error:
                connection.terminate()  # what it is doing is unknown; a polite close would wait for an answer
                raise self._away(error) from error
            except asyncpg.InterfaceError as error:
                if connection.is_closed():
                    raise self._away(error) from error
                raise
            except asyncio.CancelledError:
                connection.terminate()
                raise
            finally:
                await self._pool.release(connection)
            await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))
        raise AssertionError("unreachable")

    async def _acquire(self) -> Any:
        try:
            if self._pool is None:
                await self.open()
            # wait_for costs a task on Python 3.11, so it is kept for when there is something to wait for; connecting
            # anew is bounded by the pool's own timeout.
            idle = self._pool.get_idle_size()
            return await self._pool.acquire(timeout=None if idle else ACQUIRE_SECONDS)
        except (*_AWAY, asyncpg.InterfaceError) as error:
            raise self._away(error) from error

    def _away(self, error: BaseException) -> Exception:
        if self.up:
            self.up = False
            why = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
            log.warning("database is away, answering 503 until it is back: %s", why)
        return unavailable("The database is not available at the moment. Please try again.")


class Transaction:
    """The statements of one transaction. Implements core.sql.Runner."""

    def __init__(self, connection: Any, seconds: float) -> None:
        self._connection, self._seconds = connection, seconds

    async def value(self, sql: str, *args: Any) -> Any:
        return await self._connection.fetchval(sql, *args, timeout=self._seconds)

    async def row(self, sql: str, *args: Any) -> Any:
        return await self._connection.fetchrow(sql, *args, timeout=self._seconds)

    async def rows(self, sql: str, *args: Any) -> Any:
        return await self._connection.fetch(sql, *args, timeout=self._seconds)

    async def none(self, sql: str, *args: Any) -> None:
        await self._connection.execute(sql, *args, timeout=self._seconds)

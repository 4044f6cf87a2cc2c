"""The pool, and the one way statements and transactions run: bounded in time, retried when Postgres says so, 503 when it is away.

A statement may take long; a Postgres that does not answer at all must be noticed in less than two seconds. `watch` tells the two
apart: while a statement is slow it asks Postgres for a sign of life, and only without one it breaks off what is under way.

No connection carries state from one request to the next (so PgBouncer in transaction mode fits), hence no reset between them:
asyncpg's own costs a round trip.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, TypeVar

import asyncpg

from core import product
from core.problem import unavailable

ACQUIRE_SECONDS = 0.8  # for a free connection, or a new one; then 503
TURN_SECONDS = 2.0  # for a turn among limited statements; then 503
STATEMENT_SECONDS = 30.0  # for one statement, then it is cancelled, with 503
CANCEL_SECONDS = 2.0  # for Postgres to confirm that; then the connection is dropped
SLOW_SECONDS, WATCH_SECONDS, SIGN_SECONDS = (
    0.7,
    0.2,
    0.5,
)  # slow from when; looked at how often; how long for a sign of life
ATTEMPTS = 5  # at a transaction that Postgres asks to repeat

# Our statements are planned once a connection: planning one anew costs more than running it, and none gains from knowing its
# parameters. Without prepared statements (PgBouncer, which also knows no such parameters) there is nothing to set.
_PREPARED = {"plan_cache_mode": "force_generic_plan", "jit": "off"}

AWAY = "The database is not available at the moment. Please try again."
BUSY = "The database is too busy at the moment. Please try again."

log = product.logger("database")
Result = TypeVar("Result")

_REPEATABLE = (
    asyncpg.SerializationError,  # 40001
    asyncpg.DeadlockDetectedError,  # 40P01
    asyncpg.InvalidCachedStatementError,  # DDL changed what a cached plan relied on
)
_AWAY = (
    OSError,
    asyncpg.PostgresConnectionError,  # 08
    asyncpg.OperatorInterventionError,  # 57: shutdown, crash, starting up, cancelled
    asyncpg.InsufficientResourcesError,  # 53: disk full, too many connections
    asyncpg.ReadOnlySQLTransactionError,  # 25006: a failover left us on the replica
    asyncpg.InternalClientError,  # asyncpg lost count of a connection that broke just when it was used again
)


async def _no_reset(connection: Any) -> None:
    """See the module's docstring."""


class Database:
    """Runs statements on pooled connections. Implements core.data.sql.Runner; each call is a transaction of its own."""

    def __init__(self, dsn: str, *, size: int, statement_cache: int) -> None:
        self._dsn, self._size, self._statement_cache = dsn, size, statement_cache
        self._pool: Any = None
        self._opening = asyncio.Lock()
        self._under_way: dict[Any, float] = {}  # connection: since when (monotonic); the oldest first
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
                    server_settings=_PREPARED if self._statement_cache else None,
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

        return await self.attempt(once)

    def limited(self, *, most: int, seconds: float) -> "Limited":
        """The same for what strangers may ask for: at most so many statements at once, each cancelled after so long; 503 then."""
        return Limited(self, most, seconds)

    async def transaction(
        self, work: Callable[["Transaction"], Awaitable[Result]], *, seconds: float = STATEMENT_SECONDS
    ) -> Result:
        """Run `work` in one transaction, from the start again when Postgres asks for it (so it must be idempotent).

        Inside it only the database: no HTTP, Redis, storage or bcrypt. seconds: the limit of each statement.
        """

        async def once(connection: Any) -> Result:
            async with connection.transaction():
                return await work(Transaction(connection, seconds))

        return await self.attempt(once)

    async def attempt(self, once: Callable[[Any], Awaitable[Result]]) -> Result:
        """Run `once` on a connection of asyncpg, again where Postgres asks for it. Raises Problem 503."""
        for attempt in range(1, ATTEMPTS + 1):
            connection = await self._acquire()
            self._under_way[connection] = monotonic()
            try:
                result = await once(connection)
                if not self.up:
                    self.up = True
                    log.warning("database is back")
                return result
            except _REPEATABLE:
                if attempt == ATTEMPTS:
                    raise
            except TimeoutError as error:
                log.warning("a statement took too long and was cancelled")
                raise unavailable(BUSY) from error
            except _AWAY as error:
                _drop(connection)
                raise self._away(error) from error
            except asyncpg.InterfaceError as error:
                if _is_lost(connection):
                    raise self._away(error) from error
                raise
            except asyncio.CancelledError:
                _drop(connection)
                raise
            finally:
                del self._under_way[connection]
                await self._release(connection)
            await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))
        raise AssertionError("unreachable")

    async def _acquire(self) -> Any:
        if self._pool is None:
            await self.open()
        # wait_for costs a task on Python 3.11, so it is kept for when there is something to wait for; connecting anew is
        # bounded by the pool's own timeout.
        idle = self._pool.get_idle_size()
        waiting = self._pool.get_size() >= self._size and not idle
        try:
            return await self._pool.acquire(timeout=None if idle else ACQUIRE_SECONDS)
        except TimeoutError as error:
            if waiting:
                raise unavailable(BUSY) from error
            raise self._away(error) from error
        except (
            OSError,
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
        ) as error:  # whatever refuses us
            raise self._away(error) from error

    async def _release(self, connection: Any) -> None:
        try:
            await self._pool.release(connection, timeout=CANCEL_SECONDS)
        except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.PostgresError):
            _drop(connection)  # for example: it did not confirm the cancel

    async def watch(self) -> None:
        """Break off what waits for a Postgres that shows no sign of life; until cancelled."""
        sign = _SignOfLife(self._dsn)
        try:
            while True:
                await asyncio.sleep(WATCH_SECONDS)
                oldest = next(iter(self._under_way.values()), None)
                if oldest is None or monotonic() - oldest < SLOW_SECONDS or await sign.given():
                    continue
                for connection, since in list(self._under_way.items()):
                    if monotonic() - since >= SLOW_SECONDS:
                        _drop(connection)
        finally:
            sign.end()

    def _away(self, error: BaseException) -> Exception:
        if self.up:
            self.up = False
            why = "it does not answer" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
            log.warning("database is away, answering 503 until it is back: %s", why)
        return unavailable(AWAY)


class Transaction:
    """The statements of one transaction. Implements core.data.sql.Runner."""

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


class Limited:
    """Statements that leave connections for all others. Each is a transaction of its own. Implements core.data.sql.Runner."""

    def __init__(self, db: Database, most: int, seconds: float) -> None:
        self._db, self._seconds = db, seconds
        self._turns = asyncio.Semaphore(most)

    async def value(self, sql: str, *args: Any) -> Any:
        return await self._run("value", sql, args)

    async def row(self, sql: str, *args: Any) -> Any:
        return await self._run("row", sql, args)

    async def rows(self, sql: str, *args: Any) -> Any:
        return await self._run("rows", sql, args)

    async def none(self, sql: str, *args: Any) -> None:
        await self._run("none", sql, args)

    async def _run(self, method: str, sql: str, args: tuple[Any, ...]) -> Any:
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._turns.acquire()
        except TimeoutError:
            raise unavailable(BUSY) from None
        try:
            return await self._db.attempt(lambda found: getattr(Transaction(found, self._seconds), method)(sql, *args))
        finally:
            self._turns.release()


class _SignOfLife:
    """A connection beside the pool, for one question."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: Any = None

    async def given(self) -> bool:
        """Whether Postgres says anything at all, be it a refusal."""
        try:
            if self._connection is None or self._connection.is_closed():
                self._connection = await asyncpg.connect(self._dsn, timeout=SIGN_SECONDS, statement_cache_size=0)
            await self._connection.fetchval("SELECT 1", timeout=SIGN_SECONDS)
        except (OSError, TimeoutError, asyncpg.InterfaceError):
            self.end()
            return False
        except asyncpg.PostgresError:
            self.end()
        return True

    def end(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


def _drop(connection: Any) -> None:
    """Close at once: what the connection is doing is unknown, and a polite close would wait for an answer."""
    try:
        connection.terminate()
    except asyncpg.InterfaceError:
        pass  # asyncpg noticed first, and has taken the connection out of the pool's proxy


def _is_lost(connection: Any) -> bool:
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True  # see _drop

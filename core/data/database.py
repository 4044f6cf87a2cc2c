"""The connection pool, and the one way in which statements and transactions run: limited in time, repeated when Postgres asks for it,
and refused with 503 while Postgres is away.

A statement may take long, but a Postgres that doesn't answer at all must be noticed in less than two seconds. `watch` distinguishes
the two: while a statement is slow it asks Postgres for a sign of life, and drops the slow connections only when none comes.

No connection carries state from one request to the next, which also suits PgBouncer in transaction mode. So the pool doesn't reset
connections between requests: asyncpg's reset costs a round trip.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, TypeVar

import asyncpg

from core import product
from core.problem import unavailable

# To wait for a free connection, or to open one; then 503.
ACQUIRE_SECONDS = 0.8
# To wait for a turn among limited statements; then 503.
TURN_SECONDS = 2.0
# For one statement; then it is cancelled, and the request gets 503.
STATEMENT_SECONDS = 30.0
# For Postgres to confirm a cancellation; then the connection is dropped.
CANCEL_SECONDS = 2.0
# From when on a statement counts as slow.
SLOW_SECONDS = 0.7
# Between two looks for slow statements.
WATCH_SECONDS = 0.2
# For Postgres to give a sign of life.
SIGN_SECONDS = 0.5
# After that an unused connection is closed.
IDLE_SECONDS = 300
# At a transaction that Postgres asks to repeat.
ATTEMPTS = 5

# Statements are planned once for each connection: planning takes longer than running them, and no plan gains from knowing the
# parameters. PgBouncer doesn't accept these settings; but without prepared statements they are not needed either.
_PREPARED = {"plan_cache_mode": "force_generic_plan", "jit": "off"}

# By it an operator, and server.py restore, know the connections of the server.
_NAMED = {"application_name": product.SLUG}

AWAY = "The database is not available at the moment. Please try again."
BUSY = "The database is too busy at the moment. Please try again."

log = product.logger("database")
Result = TypeVar("Result")

_REPEATABLE = (
    # 40001
    asyncpg.SerializationError,
    # 40P01
    asyncpg.DeadlockDetectedError,
    # DDL changed what a cached plan relied on.
    asyncpg.InvalidCachedStatementError,
)
_AWAY = (
    OSError,
    # Class 08
    asyncpg.PostgresConnectionError,
    # Class 57: shutdown, crash, starting up, cancelled
    asyncpg.OperatorInterventionError,
    # Class 53: disk full, too many connections
    asyncpg.InsufficientResourcesError,
    # 25006: after a failover the connection leads to a replica.
    asyncpg.ReadOnlySQLTransactionError,
    # asyncpg's state is wrong because the connection broke at the moment of its next use.
    asyncpg.InternalClientError,
)


async def _no_reset(connection: Any) -> None:
    """Nothing: see the module's docstring."""


class Database:
    """Runs statements on pooled connections. Implements core.data.sql.Runner; each call is a transaction of its own.

    size: connections of the pool. statement_cache: prepared statements of each connection. up: False while Postgres is away.
    """

    def __init__(self, dsn: str, *, size: int, statement_cache: int) -> None:
        self._dsn, self._size, self._statement_cache = dsn, size, statement_cache
        self._pool: Any = None
        self._opening = asyncio.Lock()
        # By connection: since when its statement or transaction runs (monotonic), the oldest first.
        self._under_way: dict[Any, float] = {}
        self.up = True
        # Since the process began. waiting: at the moment.
        self.retries = self.refused_busy = self.refused_away = self.cancelled = 0
        self.waiting = 0

    @property
    def size(self) -> int:
        """The most connections of the pool."""
        return self._size

    @property
    def connections(self) -> tuple[int, int]:
        """The open connections of the pool, and how many of them are idle."""
        return (0, 0) if self._pool is None else (self._pool.get_size(), self._pool.get_idle_size())

    async def open(self) -> "Database":
        """Create the pool. Connections are opened when they are first needed."""
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._dsn,
                    # With more, asyncpg would open them by itself, and log a traceback for each attempt while Postgres is away.
                    min_size=0,
                    max_size=self._size,
                    timeout=ACQUIRE_SECONDS,
                    reset=_no_reset,
                    statement_cache_size=self._statement_cache,
                    server_settings=_NAMED | (_PREPARED if self._statement_cache else {}),
                    max_inactive_connection_lifetime=IDLE_SECONDS,
                )
        return self

    async def close(self, seconds: float = 5) -> None:
        """Wait for all statements, at most `seconds`, and close the connections."""
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
        """Run statements with a limit, for what anybody may ask for: at most `most` at the same time, each cancelled after `seconds`.
        What exceeds a limit gets 503."""
        return Limited(self, most, seconds)

    async def transaction(
        self, work: Callable[["Transaction"], Awaitable[Result]], *, seconds: float = STATEMENT_SECONDS
    ) -> Result:
        """Run `work` in one transaction, and again from its beginning when Postgres asks for it: it must change nothing else.

        `work` uses only the database: no HTTP, Redis, storage or bcrypt. seconds: the limit of each statement.
        Raises Problem 503, and whatever `work` raises, which rolls the transaction back.
        """

        async def once(connection: Any) -> Result:
            async with connection.transaction():
                return await work(Transaction(connection, seconds))

        return await self.attempt(once)

    async def attempt(self, once: Callable[[Any], Awaitable[Result]]) -> Result:
        """Run `once` on a connection of asyncpg, and again when Postgres asks for it. Raises Problem 503."""
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
                self.cancelled += 1
                log.warning("a statement took too long and was cancelled")
                raise self.busy() from error
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
            self.retries += 1
            await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))
        raise AssertionError("unreachable")

    async def _acquire(self) -> Any:
        if self._pool is None:
            await self.open()
        # A timeout costs a task on Python 3.11, so none is given when a connection is idle. Opening a connection has the pool's
        # own timeout.
        idle = self._pool.get_idle_size()
        waiting = self._pool.get_size() >= self._size and not idle
        self.waiting += waiting
        try:
            return await self._pool.acquire(timeout=None if idle else ACQUIRE_SECONDS)
        except TimeoutError as error:
            if waiting:
                raise self.busy() from error
            raise self._away(error) from error
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            # No connection can be opened, for whatever reason.
            raise self._away(error) from error
        finally:
            self.waiting -= waiting

    async def _release(self, connection: Any) -> None:
        try:
            await self._pool.release(connection, timeout=CANCEL_SECONDS)
        except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.PostgresError):
            # For example, Postgres did not confirm a cancellation.
            _drop(connection)

    async def watch(self) -> None:
        """Drop the slow connections whenever Postgres gives no sign of life. Runs until cancelled."""
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

    def busy(self) -> Exception:
        """The refusal of a statement that has waited too long."""
        self.refused_busy += 1
        return unavailable(BUSY)

    def _away(self, error: BaseException) -> Exception:
        self.refused_away += 1
        if self.up:
            self.up = False
            why = "it does not answer" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
            log.warning("database is away, answering 503 until it is back: %s", why)
        return unavailable(AWAY)


class Transaction:
    """Runs the statements of one transaction. Implements core.data.sql.Runner."""

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
    """Runs a limited number of statements at a time (Database.limited). Each is a transaction of its own. Implements core.data.sql.Runner."""

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
            raise self._db.busy() from None
        try:
            return await self._db.attempt(lambda found: getattr(Transaction(found, self._seconds), method)(sql, *args))
        finally:
            self._turns.release()


class _SignOfLife:
    """A connection beside the pool, to ask Postgres whether it answers."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: Any = None

    async def given(self) -> bool:
        """Whether Postgres answers within SIGN_SECONDS, even if it refuses."""
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
        """Close the connection."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


def _drop(connection: Any) -> None:
    """Close the connection at once: a regular close would wait for an answer of Postgres."""
    try:
        connection.terminate()
    except asyncpg.InterfaceError:
        # asyncpg has already noticed that the connection is closed, and removed it from the pool's proxy.
        pass


def _is_lost(connection: Any) -> bool:
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        # As in _drop().
        return True

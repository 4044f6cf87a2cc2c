"""The database, for commands that need one connection and no server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from core import product, program
from core.data.database import Database
from handlers.settings import Settings

# Who has done something, for the audit, where nobody is signed in.
ACTOR = '{"address":"command line"}'
CONNECT_SECONDS = 10


class CommandRefused(Exception):
    """A command does not do what it was asked. The message is one line for the person at the terminal."""


@asynccontextmanager
async def opened(config: Settings) -> AsyncIterator[Database]:
    """One connection. Raises SystemExit: the database is not migrated yet; what asyncpg and the system raise, if Postgres can't be reached."""
    # The pool would say this as the answer to a request.
    await (await asyncpg.connect(config.database_url, timeout=CONNECT_SECONDS, statement_cache_size=0)).close()
    db = await Database(config.database_url, size=1, statement_cache=0).open()
    try:
        yield db
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        raise SystemExit(f"{product.NAME}: the database is not migrated yet; run: {program.STARTED} migrate") from None
    finally:
        await db.close()

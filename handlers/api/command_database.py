"""The database, for commands that need one connection and no server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from core import product
from core.data.database import Database
from handlers.settings import Settings

# Who has done something, for the audit, where nobody is signed in.
ACTOR = '{"address":"command line"}'


class CommandRefused(Exception):
    """A command does not do what it was asked. The message is one line for the person at the terminal."""


@asynccontextmanager
async def opened(config: Settings) -> AsyncIterator[Database]:
    """One connection. Raises SystemExit: the database is not migrated yet."""
    db = await Database(config.database_url, size=1, statement_cache=0).open()
    try:
        yield db
    except asyncpg.UndefinedTableError:
        raise SystemExit(f"{product.NAME}: the database is not migrated yet; run: server.py migrate") from None
    finally:
        await db.close()

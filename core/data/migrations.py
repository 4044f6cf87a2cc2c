"""Migrations: sql/migrations/NNNN_what_changed.sql, each in one transaction, all under one lock, never changed afterwards."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from core.data import sql

FOLDER = sql.ROOT / "migrations"
LOCK = 7_308_332_045  # any number that nothing else in the database uses
OLDEST_POSTGRES = 16
LOCK_TIMEOUT = "5s"  # give up rather than make the running release queue behind our wait for a table

query = sql.load("core/migration")

# What a database without any migration needs before the first of them can be recorded.
_RECORD = """
CREATE SCHEMA IF NOT EXISTS core;
CREATE TABLE IF NOT EXISTS core.migration (
    number integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
)"""


class MigrationError(Exception):
    """The files and the database don't fit together; the message says what to do."""


@dataclass(frozen=True)
class Migration:
    number: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def files(folder: Path = FOLDER) -> list[Migration]:
    """The migrations in order. Raises MigrationError when the numbers are not 1, 2, 3, …"""
    found: list[Migration] = []
    for path in sorted(folder.glob("*.sql")):
        name = re.fullmatch(r"([0-9]{4})_[a-z0-9_]+", path.stem)
        if name is None or int(name[1]) != len(found) + 1:
            raise MigrationError(f"{path.name}: expected {len(found) + 1:04}_what_changed.sql here")
        found.append(Migration(int(name[1]), path.stem, path.read_text(encoding="utf-8")))
    return found


async def postgres_version(connection: Any) -> str:
    """Such as 18.6. Raises MigrationError where that is older than this release works with."""
    number = int(await connection.fetchval("SHOW server_version_num"))
    version = f"{number // 10000}.{number % 10000}"
    if number < OLDEST_POSTGRES * 10000:
        raise MigrationError(f"this database is on Postgres {version}; Postgres {OLDEST_POSTGRES} or later is needed")
    return version


async def pending(connection: Any, migrations: list[Migration]) -> list[Migration]:
    """Those not applied yet. Raises MigrationError when an applied one was changed, or the database is ahead of this code."""
    if await connection.fetchval("SELECT to_regclass('core.migration') IS NULL"):
        return migrations
    applied = {row["number"]: row for row in await connection.fetch(query.list_applied.text)}
    for migration in migrations:
        row = applied.get(migration.number)
        if row is not None and row["sha256"] != migration.sha256:
            raise MigrationError(
                f"{migration.name}.sql was changed after it was applied; restore it and write a new migration"
            )
    ahead = max(applied, default=0)
    if ahead > len(migrations):
        raise MigrationError(
            f"the database has migration {ahead}, this release ends at {len(migrations)}; start a newer release"
        )
    return [migration for migration in migrations if migration.number not in applied]


async def apply(dsn: str, migrations: list[Migration] | None = None) -> list[str]:
    """Apply what is pending, one transaction each; returns their names. Two servers starting at once take turns."""
    migrations = files() if migrations is None else migrations
    done: list[str] = []
    connection = await asyncpg.connect(dsn, statement_cache_size=0)
    try:
        await postgres_version(connection)
        while True:
            async with connection.transaction():
                # The lock ends with the transaction, so a killed process never leaves it behind, PgBouncer or not.
                await connection.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
                waiting = await pending(connection, migrations)
                if not waiting:
                    return done
                following = waiting[0]
                await connection.execute(_RECORD)
                await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
                try:
                    await connection.execute(following.text)
                except asyncpg.PostgresError as error:
                    raise MigrationError(f"{following.name}.sql: {error}; nothing of it was applied") from error
                await connection.execute(
                    query.record_migration.text, following.number, following.name, following.sha256
                )
                done.append(following.name)
    finally:
        await connection.close()


async def outstanding(dsn: str) -> list[str]:
    """Names of the migrations that `apply` would run."""
    connection = await asyncpg.connect(dsn, statement_cache_size=0)
    try:
        await postgres_version(connection)
        return [migration.name for migration in await pending(connection, files())]
    finally:
        await connection.close()

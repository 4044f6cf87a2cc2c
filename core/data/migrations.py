"""The database's schema: numbered migrations, then each area's functions and views.

A migration, sql/migrations/NNNN_AREA_what.sql, is applied once and never changed afterwards. Functions and views are repeatable:
sql/AREA/functions.sql holds CREATE OR REPLACE statements and is applied after the migrations whenever its text has changed. A long one has parts,
sql/AREA/functions_NOUN.sql, which are one text with it. All
that one start has to apply is one transaction under one lock, so no other program ever sees half of it.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from core import product
from core.data import sql

FOLDER = sql.ROOT / "migrations"
LOCK = 7_308_332_045  # any number that nothing else in the database uses
# How long a second starter waits for the first one to finish, which may have much to apply.
LOCK_WAIT_SECONDS = 120.0
LOCK_TIMEOUT = "5s"  # giving up is better than making the running release queue behind our wait for a table
OLDEST_POSTGRES = 16
# The extensions that migrations create are trusted ones of PostgreSQL's contrib modules.
EXTENSION_ADVICE = (
    ". The server needs PostgreSQL's contrib modules (package postgresql-contrib), and the migrating role the privilege CREATE on this"
    " database; or let an administrator run CREATE EXTENSION there first"
)

query = sql.load("core/migration")
log = product.logger("migrations")


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


@dataclass(frozen=True)
class Functions:
    """The repeatable functions and views of one area."""

    area: str
    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class Schema:
    """What the files say, in the order in which it is applied."""

    migrations: list[Migration]
    functions: list[Functions]


def files(root: Path = sql.ROOT) -> Schema:
    """The files below `root`. Raises MigrationError when the numbers are not 1, 2, 3, …

    Functions are in the order of their areas' first migrations: those of a later area may rely on those of an earlier one.
    """
    found: list[Migration] = []
    for path in sorted((root / "migrations").glob("*.sql")):
        name = re.fullmatch(r"([0-9]{4})_[a-z0-9_]+", path.stem)
        if name is None or int(name[1]) != len(found) + 1:
            raise MigrationError(f"{path.name}: expected {len(found) + 1:04}_AREA_what.sql here")
        found.append(Migration(int(name[1]), path.stem, path.read_text(encoding="utf-8")))
    areas = list(dict.fromkeys(migration.name.split("_")[1] for migration in found))
    functions = [Functions(folder.name, text) for folder in sorted(root.iterdir()) if (text := _functions(folder))]
    for one in functions:
        if one.area not in areas:
            raise MigrationError(f"sql/{one.area}/functions.sql: no migration is named NNNN_{one.area}…")
    return Schema(found, sorted(functions, key=lambda one: areas.index(one.area)))


def _functions(folder: Path) -> str:
    """The text of an area's functions: functions.sql, and then its parts by name; "": it has none."""
    parts = [*folder.glob("functions.sql"), *sorted(folder.glob("functions_*.sql"))]
    return "\n".join(path.read_text(encoding="utf-8") for path in parts)


async def postgres_version(connection: Any) -> str:
    """Such as 18.6. Raises MigrationError where that is older than this release works with."""
    number = int(await connection.fetchval("SHOW server_version_num"))
    version = f"{number // 10000}.{number % 10000}"
    if number < OLDEST_POSTGRES * 10000:
        raise MigrationError(f"this database is on Postgres {version}; Postgres {OLDEST_POSTGRES} or later is needed")
    return version


async def pending(connection: Any, schema: Schema) -> Schema:
    """What is not applied yet. Raises MigrationError: an applied migration was changed, the database is ahead of this code, or
    Postgres is too old."""
    await postgres_version(connection)
    if await connection.fetchval("SELECT to_regclass('core.migration') IS NULL"):
        if await connection.fetchval("SELECT to_regclass('operations.migration') IS NOT NULL"):
            raise MigrationError(
                "this database was made before the first release and can't be brought up to date; use an empty one"
            )
        return schema
    applied = {row["number"]: row for row in await connection.fetch(query.list_applied.text)}
    for migration in schema.migrations:
        row = applied.get(migration.number)
        if row is not None and row["sha256"] != migration.sha256:
            raise MigrationError(
                f"{migration.name}.sql was changed after it was applied; restore it and write a new migration"
            )
    ahead = max(applied, default=0)
    if ahead > len(schema.migrations):
        raise MigrationError(
            f"the database has migration {ahead}, this release ends at {len(schema.migrations)}; start a newer release"
        )
    defined = {row["area"]: row["sha256"] for row in await connection.fetch(query.list_functions.text)}
    waiting = [migration for migration in schema.migrations if migration.number not in applied]
    # A migration may have to drop a view or function whose text stays the same, so after one all functions are applied.
    changed = [one for one in schema.functions if waiting or defined.get(one.area) != one.sha256]
    return Schema(waiting, changed)


async def apply(dsn: str, schema: Schema | None = None) -> list[str]:
    """Apply what is pending, in one transaction; returns the names. Of two servers that start at once the second finds nothing
    left to do. Raises MigrationError; then nothing was applied."""
    schema = files() if schema is None else schema
    connection = await _connect(dsn)
    try:
        async with connection.transaction():
            # A limit of the role or database must not end a wait or a migration.
            await connection.execute("SET LOCAL statement_timeout = 0")
            await _take_lock(connection)
            waiting = await pending(connection, schema)
            if not (waiting.migrations or waiting.functions):
                return []
            for statement in (query.make_schema, query.make_migration_table, query.make_functions_table):
                await connection.execute(statement.text)
            await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            # Functions may call one another in any order, across files too.
            await connection.execute("SET LOCAL check_function_bodies = off")
            for migration in waiting.migrations:
                await _run(connection, f"{migration.name}.sql", migration.text)
                record = query.record_migration.text
                await connection.execute(record, migration.number, migration.name, migration.sha256)
            for functions in waiting.functions:
                await _run(connection, f"{functions.area}/functions*.sql", functions.text)
                await connection.execute(query.record_functions.text, functions.area, functions.sha256)
            return _names(waiting)
    finally:
        await connection.close()


async def _connect(dsn: str) -> Any:
    """A connection whose name tells a second starter for whom it waits."""
    name = f"{product.SLUG}-migrations"
    return await asyncpg.connect(dsn, statement_cache_size=0, server_settings={"application_name": name})


async def _take_lock(connection: Any) -> None:
    """Wait until no other program applies migrations to this database. Raises MigrationError after LOCK_WAIT_SECONDS.

    The lock ends with the transaction, so a killed process never leaves it behind, with PgBouncer or without.
    """
    if await connection.fetchval(query.try_lock.text, LOCK):
        return
    holder = await connection.fetchval(query.describe_lock_holder.text, LOCK)
    log.warning("waiting for %s to finish its migrations, at most %d s", holder, LOCK_WAIT_SECONDS)
    await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT_SECONDS}s'")
    try:
        await connection.execute(query.take_lock.text, LOCK)
    except asyncpg.LockNotAvailableError:
        raise MigrationError(
            f"{holder} has been applying migrations to this database for more than {LOCK_WAIT_SECONDS:g} s; start again when it is done"
        ) from None


async def outstanding(dsn: str) -> list[str]:
    """Names of what `apply` would apply."""
    connection = await _connect(dsn)
    try:
        return _names(await pending(connection, files()))
    finally:
        await connection.close()


async def _run(connection: Any, name: str, text: str) -> None:
    try:
        await connection.execute(text)
    except asyncpg.PostgresError as error:
        advice = EXTENSION_ADVICE if "extension" in str(error) else ""
        raise MigrationError(f"{name}: {error}; nothing was applied{advice}") from error


def _names(schema: Schema) -> list[str]:
    return [m.name for m in schema.migrations] + [f"functions of {f.area}" for f in schema.functions]

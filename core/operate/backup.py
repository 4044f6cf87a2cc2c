"""server.py backup: the database and the uploaded files as one file, while the server goes on. docs/backup.md."""

import asyncio
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import IO, Any

import asyncpg

from core import product, secret_keys
from core.data import sql
from core.files.configured import open_storage
from core.files.storage import LocalStorage, Storage
from core.operate import archive, postgres_tools
from core.operate.archive import MediaFile, Writer
from core.problem import Problem
from core.settings import CoreSettings

CONNECT_SECONDS = 10
# Files of a bucket whose sizes are asked for at the same time.
SIZES_AT_ONCE = 16
# Rows that are read at once.
BATCH = 1000
# Of Postgres's messages to the terminal.
MOST_SAID = 300

query = sql.load("core/backup")
Say = Callable[[str], None]


class BackupError(Exception):
    """There is no backup, or it is not restored. The message is one line for the person at the terminal."""


async def back_up(config: CoreSettings, path: Path, *, with_media: bool, say: Say) -> None:
    """Write a backup. with_media: also the bytes of files in a bucket. Raises BackupError, ArchiveError, ToolsError; then there is no file."""
    storage = open_storage(config)
    is_local = isinstance(storage, LocalStorage)
    try:
        with archive.written_whole(path) as file, tempfile.TemporaryFile(dir=path.parent) as keys:
            writer = Writer(file)
            async with _snapshot(config) as (db, head):
                manifest = await _begun(config, db, head)
                tools = postgres_tools.find(head["version_number"] // 10000)
                await _list_keys(db, keys)
                counting = asyncio.create_task(count_rows(db))
                dump = await _dump(config, tools, head["snapshot"], writer)
                manifest["tables"] = await counting
            say(f"database: {len(manifest['tables'])} tables, {sum(manifest['tables'].values())} rows")
            has_bytes = is_local or with_media
            with tempfile.TemporaryFile(dir=path.parent) as lines:
                media = await _media(config, storage, writer, keys, lines, has_bytes=has_bytes)
                lines.seek(0)
                listed = writer.add(archive.MEDIA_LIST, lines)
            say(_told(media, has_bytes))
            manifest |= {"pg_dump": tools.version, "parts": [dump, listed]}
            manifest["media"] = {"storage": "folder" if is_local else "bucket", "has_bytes": has_bytes, **media}
            writer.finish(manifest)
            size = file.tell()
        say(f"wrote {path}: {size:,} bytes")
        if media["lost"]:
            say(
                f"warning: {media['lost']} files that rows use are not in the storage, so they are not in the backup either"
            )
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise BackupError(f"Postgres ended the backup: {said(error)}") from None
    except Problem:
        raise BackupError("the file storage is not available; the log above says why") from None
    finally:
        await storage.close()


@asynccontextmanager
async def _snapshot(config: CoreSettings) -> AsyncIterator[tuple[Any, Any]]:
    """A connection in whose transaction the database stands still, and the row of get_snapshot."""
    db = await connect(config, "backup")
    try:
        async with db.transaction(isolation="repeatable_read", readonly=True):
            # It waits for pg_dump, which may take hours.
            await db.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            await db.execute("SET LOCAL statement_timeout = 0")
            head = await db.fetchrow(query.get_snapshot.text)
            if not head["is_migrated"]:
                raise BackupError(f"there is nothing of {product.NAME} in this database")
            yield db, head
    finally:
        await db.close()


async def connect(config: CoreSettings, name: str) -> Any:
    """A connection for a command. Raises OSError, asyncpg.PostgresError."""
    return await asyncpg.connect(
        config.database_url,
        timeout=CONNECT_SECONDS,
        statement_cache_size=0,
        server_settings={"application_name": f"{product.SLUG}-{name}"},
    )


async def _begun(config: CoreSettings, db: Any, head: Any) -> dict[str, Any]:
    """The beginning of a manifest."""
    number = head["version_number"]
    return {
        "format": archive.FORMAT,
        "format_version": archive.FORMAT_VERSION,
        "product": product.NAME,
        "version": product.VERSION,
        "created_at": head["moment"].isoformat(),
        "postgres": f"{number // 10000}.{number % 10000}",
        "encoding": head["encoding"],
        "collation": head["collation"],
        "character_types": head["character_types"],
        "secret_key_check": secret_keys.check_of(config.secret_key),
        "migrations": [dict(row) for row in await db.fetch(query.list_migrations.text)],
    }


async def _list_keys(db: Any, keys: IO[bytes]) -> None:
    async for row in db.cursor(query.list_media.text, prefetch=BATCH):
        keys.write(row["key"].encode() + b"\n")
    keys.seek(0)


async def count_rows(db: Any) -> dict[str, int]:
    """The rows of each table."""
    # The names are quoted by Postgres.
    return {
        row["name"]: await db.fetchval(f"SELECT count(*) FROM {row['name']}")
        for row in await db.fetch(query.list_tables.text)
    }


async def _dump(config: CoreSettings, tools: postgres_tools.Tools, snapshot: str, writer: Writer) -> dict[str, Any]:
    """Add what pg_dump writes of the snapshot."""
    with tempfile.TemporaryFile() as told:
        running = await asyncio.create_subprocess_exec(
            tools["pg_dump"],
            "--format=custom",
            f"--snapshot={snapshot}",
            "--no-password",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=told,
            env=postgres_tools.environment(config.database_url, "backup"),
            limit=archive.CHUNK,
        )
        assert running.stdout is not None
        try:
            with writer.adding(archive.DUMP) as part:
                while data := await running.stdout.read(archive.CHUNK):
                    part.write(data)
                if await running.wait() != 0:
                    raise BackupError(f"pg_dump failed: {last_error(told)}")
        finally:
            if running.returncode is None:
                running.kill()
                await running.wait()
    return archive.entry_of(part)


async def _media(
    config: CoreSettings, storage: Storage, writer: Writer, keys: IO[bytes], lines: IO[bytes], *, has_bytes: bool
) -> dict[str, int]:
    """Add the files whose keys are given, and write the list of them; returns their counts."""
    counts = {"files": 0, "bytes": 0, "removed": 0, "lost": 0}
    db = await connect(config, "backup")
    try:
        for some in _batches(keys):
            for one in await _files(storage, writer, some, has_bytes=has_bytes):
                if one.missing:
                    # A file that was about to be stored, or was replaced since the snapshot, is missed by nobody.
                    is_used = await db.fetchval(query.is_media_used.text, one.key)
                    one = one._replace(missing="lost" if is_used else "removed")
                    counts[one.missing or ""] += 1
                else:
                    counts["files"] += 1
                    counts["bytes"] += one.size
                lines.write(one.line())
    finally:
        await db.close()
    return counts


def _batches(keys: IO[bytes]) -> Iterator[list[str]]:
    some: list[str] = []
    for line in keys:
        some.append(line.decode().removesuffix("\n"))
        if len(some) == SIZES_AT_ONCE:
            yield some
            some = []
    if some:
        yield some


async def _files(storage: Storage, writer: Writer, keys: Sequence[str], *, has_bytes: bool) -> list[MediaFile]:
    if has_bytes:
        return [await _stored(storage, writer, key) for key in keys]
    sizes = await asyncio.gather(*map(storage.size, keys))
    return [
        MediaFile(key, missing="removed") if size is None else MediaFile(key, size)
        for key, size in zip(keys, sizes, strict=True)
    ]


async def _stored(storage: Storage, writer: Writer, key: str) -> MediaFile:
    """Add the bytes of a file."""
    try:
        with writer.adding(archive.MEDIA_PREFIX + key) as part:
            async with aclosing(storage.chunks(key)) as chunks:  # type: ignore[type-var]
                async for data in chunks:
                    part.write(data)
    except Problem as problem:
        if problem.status != 404:
            raise
        # Removed before, or while it was read.
        return MediaFile(key, missing="removed")
    return MediaFile(key, part.size, part.sha256, is_stored=True)


def _told(media: dict[str, int], has_bytes: bool) -> str:
    what = "" if has_bytes else " stay in the bucket, and the backup has their names and sizes"
    gone = f"; {media['removed']} were removed meanwhile" if media["removed"] else ""
    return f"media: {media['files']} files, {media['bytes']:,} bytes{what}{gone}"


def last_error(told: IO[bytes]) -> str:
    """What a program of Postgres has said was wrong."""
    told.seek(0)
    lines = told.read(1 << 16).decode(errors="replace").splitlines()
    wrong = [line for line in lines if "ERROR" in line or "FATAL" in line or "error:" in line]
    return (wrong or lines or ["it said nothing"])[0][:MOST_SAID]


def said(error: BaseException) -> str:
    """An error of Postgres as one line."""
    return (str(error).splitlines() or [type(error).__name__])[0][:MOST_SAID]

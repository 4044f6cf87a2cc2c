"""server.py restore: a backup into an empty database, or in the place of what is there. docs/backup.md.

Everything is verified before anything is changed. Then the uploaded files are stored, under names that no other file has, and then the database
is replaced in one transaction, at whose end its rows are counted. So after a failure, or a kill at any moment, the database is as before; what may
be left are files of the backup that no row uses.
"""

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import IO, Any

import asyncpg

from core import product, program, secret_keys
from core.data import migrations
from core.files.configured import open_storage
from core.files.storage import CONTENT_TYPES, LocalStorage, Storage
from core.operate import archive, postgres_tools
from core.operate.archive import Archive
from core.operate.backup import BackupError, Say, connect, query
from core.operate.replacement import Replacement, Target
from core.problem import Problem
from core.settings import CoreSettings

OTHER_TYPE = "application/octet-stream"


async def look_at(config: CoreSettings, backup: Archive) -> Target:
    """What is in the database now. Raises BackupError: the backup can't be restored there."""
    db = await connect(config, "restore")
    try:
        await migrations.postgres_version(db)
        number = await db.fetchval("SHOW server_version_num")
        target = Target(
            await db.fetchval("SELECT current_database()"),
            int(number) // 10000,
            [row["name"] for row in await db.fetch(query.list_occupied.text)],
            await _log_name(db),
        )
        servers = await db.fetchval(query.count_servers.text, product.SLUG)
    finally:
        await db.close()
    manifest = backup.manifest
    if servers:
        raise BackupError(
            f"processes of the server are connected to {target.database} ({servers} connections): stop them first"
        )
    if target.version < int(manifest["postgres"].partition(".")[0]):
        raise BackupError(
            f"the backup is of Postgres {manifest['postgres']}, and {target.database} is on an older one, {target.version}"
        )
    _check_release(manifest)
    return target


async def _log_name(db: Any) -> str:
    if await db.fetchval("SELECT to_regclass('core.event_head') IS NULL"):
        return ""
    return str(await db.fetchval("SELECT h.name FROM core.event_head h"))


def _check_release(manifest: dict[str, Any]) -> None:
    ours = {one.number: one for one in migrations.files().migrations}
    newest = max((one["number"] for one in manifest["migrations"]), default=0)
    if newest > len(ours):
        raise BackupError(
            f"the backup has migration {newest}, this release ends at {len(ours)}: restore it with {manifest['version']} or later"
        )
    for one in manifest["migrations"]:
        if ours[one["number"]].sha256 != one["sha256"]:
            raise BackupError(f"migration {one['name']} of the backup is another one than this release has")


async def restore(config: CoreSettings, backup: Archive, target: Target, *, say: Say) -> list[str]:
    """Restore a backup that was checked; returns what the operator has to know or do then. Raises BackupError, ArchiveError, ToolsError."""
    manifest, storage = backup.manifest, open_storage(config)
    tools = postgres_tools.find(max(target.version, int(manifest["pg_dump"].partition(".")[0])))
    try:
        with tempfile.TemporaryFile() as stored:
            try:
                absent = await _store_media(storage, backup, stored)
                say(f"media: {manifest['media']['files']} files are there")
                await _replace(config, target, Replacement(config, backup, target, tools))
            except BaseException:
                if not await _is_restored(config, target):
                    await _remove_media(storage, stored)
                raise
    except Problem:
        raise BackupError("the file storage is not available; the log above says why") from None
    finally:
        await storage.close()
    say(f"database: {len(manifest['tables'])} tables, {sum(manifest['tables'].values())} rows, as the backup says")
    await _analyze(config)
    return await _what_follows(config, manifest, absent)


async def _replace(config: CoreSettings, target: Target, replacement: Replacement) -> None:
    """Run the transaction. If this task is cancelled, as by a signal, it ends too. Raises BackupError."""
    running = asyncio.create_task(asyncio.to_thread(replacement.run))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        replacement.stop()
        await asyncio.wait([running])
        raise
    except BackupError:
        # Of a COMMIT whose answer was lost only the database knows.
        if not await _is_restored(config, target):
            raise


async def _is_restored(config: CoreSettings, target: Target) -> bool:
    """Whether the transaction was committed; True also if that can't be found out: then files stay that may be needed."""
    try:
        db = await connect(config, "restore")
        try:
            return await _log_name(db) != target.log
        finally:
            await db.close()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return True


async def _store_media(storage: Storage, backup: Archive, stored: IO[bytes]) -> int:
    """Store the files that the storage doesn't have, and write their keys to `stored`; returns how many neither has."""
    media = backup.manifest["media"]
    if isinstance(storage, LocalStorage):
        _check_space(storage.folder, media["bytes"])
    absent = 0
    for one, source in backup.media():
        if one.missing:
            continue
        if await storage.size(one.key) == one.size:
            # No key is used twice, so this is the file.
            continue
        if source is None:
            absent += 1
            continue
        stored.write(one.key.encode() + b"\n")
        await storage.put_from(one.key, source, CONTENT_TYPES.get(one.key.rpartition(".")[2], OTHER_TYPE))
    stored.flush()
    return absent


def _check_space(folder: Path, needed: int) -> None:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise BackupError(f"the files need {needed:,} bytes, and {folder} has {free:,} free")


async def _remove_media(storage: Storage, stored: IO[bytes]) -> None:
    stored.seek(0)
    for line in stored:
        try:
            await storage.remove(line.decode().removesuffix("\n"))
        except Problem:
            return


async def _analyze(config: CoreSettings) -> None:
    """Give the planner its figures, which a dump does not have. Without them the first queries would be slow."""
    db = await connect(config, "restore")
    try:
        await db.execute("ANALYZE")
    finally:
        await db.close()


async def _what_follows(config: CoreSettings, manifest: dict[str, Any], absent: int) -> list[str]:
    lines = []
    media = manifest["media"]
    if absent:
        lines.append(f"{absent} files are neither in the backup nor in the bucket: copy them there")
    if media["lost"]:
        lines.append(f"{media['lost']} files that rows use were lost before the backup was made")
    checks = {secret_keys.check_of(key) for key in config.secret_keys}
    if manifest["secret_key_check"] not in checks:
        lines.append(
            "SECRET_KEY is another one than that of the backup: put that one into SECRET_KEY_FALLBACKS, or everybody signs in again and "
            "webhooks are switched off"
        )
    pending = await migrations.outstanding(config.database_url)
    if pending:
        lines.append(f"{len(pending)} migrations are to apply ({program.STARTED} migrate; serve does so too)")
    lines.append(
        "start the server; readers of streams begin again, and what waited in the backup, such as mail and webhooks, is sent"
    )
    return lines


def check_only(path: Path) -> list[str]:
    """Verify a backup, and say what is in it. Raises ArchiveError."""
    with archive.opened(path) as backup:
        backup.check()
        manifest = backup.manifest
    media = manifest["media"]
    bytes_of = "with their bytes" if media["has_bytes"] else "without their bytes, which are in the bucket"
    return [
        f"{path} is whole: {manifest['product']} {manifest['version']} of {manifest['created_at']}, Postgres {manifest['postgres']}",
        f"database: {len(manifest['tables'])} tables, {sum(manifest['tables'].values())} rows, {len(manifest['migrations'])} migrations",
        f"media: {media['files']} files, {media['bytes']:,} bytes, {bytes_of}; {media['lost']} lost, {media['removed']} removed meanwhile",
    ]

"""The register of uploaded files: storing files, and removing those that no row uses any more.

How a handler accepts a picture:

    key = await media.store(self.application, await images.submitted(self, "avatar"))   # None when there is no file
    …                            # the statement that writes key into its column; the trigger core.use_media_file updates the register
    await media.remove_now(self.application, replaced)

If a process is killed between two of these steps, the register has a file that no row uses; `remove_unused` removes it.
"""

import asyncio
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from core.data import sql
from core.data.database import Database
from core.duties import Duty
from core.files.storage import Storage
from core.problem import Problem

# Between two searches for unused files.
REMOVE_SECONDS = 60
# That a request waits for the removal of the file that it replaced.
REMOVE_NOW_SECONDS = 2
# Files claimed in one statement. Even at 12 s each (core/files/storage_s3.py) all are removed before the claim ends.
BATCH = 20

query = sql.load("core/media")


class Files(Protocol):
    """What of an application, or of a job, this module uses."""

    @property
    def db(self) -> Database: ...

    @property
    def storage(self) -> Storage: ...


class Content(Protocol):
    """A file that was checked: an Image (core/files/images.py), or a Document (core/files/documents.py)."""

    @property
    def data(self) -> bytes: ...
    @property
    def extension(self) -> str: ...
    @property
    def content_type(self) -> str: ...


async def store(app: Files, content: Content | None, prefix: str = "avatars") -> str | None:
    """Store a file; returns its key, PREFIX/YYYY/MM/DD/RANDOM.EXTENSION, for the column of its row. Raises Problem 503; then no row
    has changed."""
    if content is None:
        return None
    key = f"{prefix}/{datetime.now(UTC):%Y/%m/%d}/{secrets.token_hex(16)}.{content.extension}"
    await hold(app.db, key)
    await app.storage.put(key, content.data, content.content_type)
    return key


async def hold(db: sql.Runner, key: str) -> None:
    """Register a key before its file is stored. If no row uses it within an hour, the file is removed."""
    await query.hold_file(db, key=key)


async def read(app: Files, key: str | None) -> bytes | None:
    """A file that something is made from which can do without it. None: no key, no file, or a storage that is away, which is logged."""
    if key is None:
        return None
    try:
        return await app.storage.get(key)
    except Problem:
        return None


async def remove_now(app: Files, key: str | None) -> None:
    """Remove a file that no row uses any more; if that isn't possible now, `remove_unused` will do it. None: do nothing."""
    if key is None:
        return
    try:
        async with asyncio.timeout(REMOVE_NOW_SECONDS):
            if await query.claim_file(app.db, key=key) is not None:
                await _remove(app, key)
    except (Problem, TimeoutError):
        # remove_unused() removes the file once the claim has ended. Whatever is away has been logged where it was noticed.
        pass


async def discard(app: Files, keys: Sequence[str]) -> None:
    """Remove those of the files that no row uses, also if they were only just stored. What isn't possible now, `remove_unused` will do."""
    if not keys:
        return
    try:
        async with asyncio.timeout(REMOVE_NOW_SECONDS):
            for row in await query.claim_these(app.db, keys=keys):
                await _remove(app, row["key"])
    except (Problem, TimeoutError):
        # As in remove_now.
        pass


async def remove_unused(app: Files) -> None:
    """Remove all files that no row uses. Raises Problem 503 when the storage is away; the claimed files are tried again later."""
    while claimed := await query.claim_files(app.db, most=BATCH):
        for row in claimed:
            await _remove(app, row["key"])


async def _remove(app: Files, key: str) -> None:
    await app.storage.remove(key)
    await query.forget_file(app.db, key=key)


duties = [Duty(REMOVE_SECONDS, remove_unused)]

"""The register of uploaded files: keeping them, and removing what no row uses any more.

A handler that takes a picture:

    key = await media.store(self.application, await images.submitted(self, "avatar"))   # None when none came
    … the statement that writes key into its column, whose trigger core.use_media_file keeps the register in step …
    await media.remove_now(self.application, replaced)

A process killed between two of these leaves a file that the register knows and no row uses; `remove_unused` finds it.
"""

import asyncio
import secrets
from datetime import UTC, datetime
from typing import Protocol

from core.data import sql
from core.data.database import Database
from core.duties import Duty
from core.files.images import Image
from core.files.storage import Storage
from core.problem import Problem

REMOVE_SECONDS = 60  # between two looks for unused files
REMOVE_NOW_SECONDS = 2  # a request waits no longer for the removal of what it replaced
BATCH = 20  # claimed at once: even at 12 s each (core/files/storage_s3.py) they are removed before the claim ends

query = sql.load("core/media")


class Files(Protocol):
    """What of an application this module uses."""

    db: Database
    storage: Storage


async def store(app: Files, image: Image | None, prefix: str = "avatars") -> str | None:
    """Keep an image; its key, PREFIX/YYYY/MM/DD/RANDOM.EXTENSION, to be written into its row. Raises Problem 503: nothing is changed."""
    if image is None:
        return None
    key = f"{prefix}/{datetime.now(UTC):%Y/%m/%d}/{secrets.token_hex(16)}.{image.extension}"
    await hold(app.db, key)
    await app.storage.put(key, image.data, image.content_type)
    return key


async def hold(db: sql.Runner, key: str) -> None:
    """Note a key before its file is stored; after an hour without a row that uses it the file is removed."""
    await query.hold_file(db, key=key)


async def remove_now(app: Files, key: str | None) -> None:
    """Remove a file that no row uses any more, or leave it to `remove_unused` when that isn't possible at once."""
    if key is None:
        return
    try:
        async with asyncio.timeout(REMOVE_NOW_SECONDS):
            if await query.claim_file(app.db, key=key) is not None:
                await _remove(app, key)
    except (Problem, TimeoutError):
        pass  # the claim ends, and then the duty does it; what is away has been said where it was noticed


async def remove_unused(app: Files) -> None:
    """Remove every file that nobody uses. With the storage away it ends there, and what was claimed is tried again later."""
    while claimed := await query.claim_files(app.db, most=BATCH):
        for row in claimed:
            await _remove(app, row["key"])


async def _remove(app: Files, key: str) -> None:
    await app.storage.remove(key)
    await query.forget_file(app.db, key=key)


duties = [Duty(REMOVE_SECONDS, remove_unused)]

"""Uploaded files: keeping them, removing what no row uses any more, and serving those of the local folder by signed links.

A handler that takes a picture:

    key = await media.store(self, await images.submitted(self, "avatar"))   # None when none came
    … the statement that writes key into its column, whose trigger (migration 0008) keeps the register in step …
    await media.remove_now(self.application, replaced)

A process killed between two of these leaves a file that the register knows and no row uses; `remove_unused` finds it.
"""

import asyncio
import re
import secrets
from datetime import UTC, datetime
from typing import Any

from core import sql
from core.access import Access
from core.duties import Duty
from core.images import Image
from core.problem import Problem, not_found
from core.storage import LocalStorage, Stored
from handlers.operations import OperationsHandler

REMOVE_SECONDS = 60  # between two looks for unused files
REMOVE_NOW_SECONDS = 2  # a request waits no longer for the removal of what it replaced
BATCH = 20  # claimed at once: even at 12 s each (core/storage_s3.py) they are removed before the claim ends
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")

query = sql.load("operations/media")


async def store(handler: Any, image: Image | None, prefix: str = "avatars") -> str | None:
    """Keep an image; its key, PREFIX/YYYY/MM/DD/RANDOM.EXTENSION, to be written into its row. Raises Problem 503: nothing is changed."""
    if image is None:
        return None
    key = f"{prefix}/{datetime.now(UTC):%Y/%m/%d}/{secrets.token_hex(16)}.{image.extension}"
    await hold(handler.db, key)
    await handler.application.storage.put(key, image.data, image.content_type)
    return key


async def hold(db: sql.Runner, key: str) -> None:
    """Note a key before its file is stored; after an hour without a row that uses it the file is removed."""
    await query.hold_file(db, key=key)


async def remove_now(app: Any, key: str | None) -> None:
    """Remove a file that no row uses any more, or leave it to `remove_unused` when that isn't possible at once."""
    if key is None:
        return
    try:
        async with asyncio.timeout(REMOVE_NOW_SECONDS):
            if await query.claim_file(app.db, key=key) is not None:
                await _remove(app, key)
    except (Problem, TimeoutError):
        pass  # the claim ends, and then the duty does it; what is away has been said where it was noticed


async def remove_unused(app: Any) -> None:
    """Remove every file that nobody uses. With the storage away it ends there, and what was claimed is tried again later."""
    while claimed := await query.claim_files(app.db, most=BATCH):
        for row in claimed:
            await _remove(app, row["key"])


async def _remove(app: Any, key: str) -> None:
    await app.storage.remove(key)
    await query.forget_file(app.db, key=key)


class Media(OperationsHandler):
    """A file of the local folder."""

    # Who may is in the link; it is looked at in `get`, as other methods don't exist for anybody.
    access = Access("anyone with a signed link")
    authenticates = False

    async def get(self, path: str) -> None:
        """200, 206, 304, 416. 404 unless the link is signed by us and not expired: who has none isn't told what there is."""
        storage = self.application.storage
        if not isinstance(storage, LocalStorage):
            raise not_found()
        seconds = storage.seconds_left(
            path, self.get_query_argument("expires", ""), self.get_query_argument("signature", "")
        )
        found = await storage.find(path) if seconds else None
        if found is None:
            raise not_found()
        self._describe(found, seconds)
        if self.check_etag_header():
            self.set_status(304)
            self.finish()
            return
        start, end = self._wanted(found)
        if self.request.method == "HEAD":
            self.set_header("Content-Length", str(found.size))
            self.finish()
            return
        self.reply(await storage.read(found, start, end), 206 if "Content-Range" in self._headers else 200)

    def _describe(self, found: Stored, seconds: int) -> None:
        self.set_header("Content-Type", found.content_type)
        self.set_header("ETag", found.etag)
        self.set_header("Accept-Ranges", "bytes")
        self.set_header("Cache-Control", f"private, max-age={seconds}")
        # Whatever a file may make a browser believe it is: it runs nothing and loads nothing.
        self.set_header("Content-Security-Policy", "default-src 'none'; sandbox")

    def _wanted(self, found: Stored) -> tuple[int, int]:
        """The first byte wanted and the one after the last (RFC 9110, 14). Raises Problem 416."""
        headers, size = self.request.headers, found.size
        asked = _RANGE.fullmatch(headers.get("Range", "").replace(" ", ""))
        if self.request.method == "HEAD" or asked is None or not (asked[1] or asked[2]):
            return 0, size  # several ranges at once are not for pictures
        if headers.get("If-Range", found.etag) != found.etag:
            return 0, size
        if asked[1]:
            start, end = int(asked[1]), min(size, int(asked[2]) + 1) if asked[2] else size
            if asked[2] and int(asked[2]) < int(asked[1]):
                return 0, size  # not a range at all
        else:
            start, end = max(0, size - int(asked[2])), size
        if start >= size:
            raise Problem(
                416, "no-such-range", "The file has no such range.", headers={"Content-Range": f"bytes */{size}"}
            )
        self.set_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        return start, end


duties = [Duty(REMOVE_SECONDS, remove_unused)]
routes = [("/media/{path:path}", Media)]

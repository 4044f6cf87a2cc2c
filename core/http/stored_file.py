"""Serving the files of the local folder by signed links. Clients read the files of S3 from S3."""

import re

from core.files.storage import CONTENT_TYPES, LocalStorage, Stored, is_shown
from core.http.declare import answers
from core.http.handler import Handler
from core.http.parameter import INTEGER, Parameter
from core.problem import Message, Problem, not_found

FILE = {"type": "string", "format": "binary"}
XLSX = CONTENT_TYPES["xlsx"]
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


class StoredFile(Handler):
    """A file of the local folder, for everyone who has a signed link."""

    path_parameters = (Parameter("path", "Its key in the storage."),)
    parameters = (
        Parameter("expires", "When the link ends, in epoch seconds.", INTEGER),
        Parameter("disposition", "What the answer says in its Content-Disposition."),
        Parameter("signature", "The signature of the link."),
    )

    @answers(200, FILE, media="image/*", headers=("ETag",))
    @answers(200, FILE, media="application/pdf", headers=("ETag",))
    @answers(200, FILE, media="text/plain", headers=("ETag",))
    @answers(200, FILE, media=XLSX, headers=("ETag",))
    @answers(200, FILE, media="text/csv", headers=("ETag",))
    @answers(206, FILE, media="image/*", headers=("ETag",))
    @answers(206, FILE, media="application/pdf", headers=("ETag",))
    @answers(206, FILE, media="text/plain", headers=("ETag",))
    @answers(206, FILE, media=XLSX, headers=("ETag",))
    @answers(206, FILE, media="text/csv", headers=("ETag",))
    @answers(304, None, headers=("ETag",))
    async def get(self, path: str) -> None:
        """Read an uploaded file, by its signed link. 200; 206 a part of it; 304; 404 also when the link is unsigned or has expired, so that
        nobody learns which files exist; 416 the file has no such part; 503 the storage is away."""
        storage = self.application.storage
        if not isinstance(storage, LocalStorage):
            raise not_found()
        disposition = self.asked("disposition", strip=False)
        seconds = storage.seconds_left(path, self.asked("expires"), self.asked("signature"), disposition)
        found = await storage.find(path) if seconds else None
        if found is None:
            raise not_found()
        self._describe(found, seconds, disposition)
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

    def _describe(self, found: Stored, seconds: int, disposition: str) -> None:
        self.set_header("Content-Type", found.content_type)
        self.set_header("ETag", found.etag)
        self.set_header("Accept-Ranges", "bytes")
        self.set_header("Cache-Control", f"private, max-age={seconds}")
        if disposition or not is_shown(found.content_type):
            self.set_header("Content-Disposition", disposition or "attachment")
        # Even if a browser takes the file for a page, the page runs no script and loads nothing.
        self.set_header("Content-Security-Policy", "default-src 'none'; sandbox")

    def _wanted(self, found: Stored) -> tuple[int, int]:
        """The first requested byte, and the one after the last (RFC 9110, 14). Raises Problem 416."""
        headers, size = self.request.headers, found.size
        asked = _RANGE.fullmatch(headers.get("Range", "").replace(" ", ""))
        if self.request.method == "HEAD" or asked is None or not (asked[1] or asked[2]):
            # No range, or several, which RFC 9110 allows to ignore.
            return 0, size
        if headers.get("If-Range", found.etag) != found.etag:
            return 0, size
        if asked[1]:
            start, end = int(asked[1]), min(size, int(asked[2]) + 1) if asked[2] else size
            if asked[2] and int(asked[2]) < int(asked[1]):
                # Its end is before its beginning: RFC 9110 calls that invalid, and it is ignored.
                return 0, size
        else:
            start, end = max(0, size - int(asked[2])), size
        if start >= size:
            raise Problem(
                416, "no-such-range", Message.of("no-such-range"), headers={"Content-Range": f"bytes */{size}"}
            )
        self.set_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        return start, end

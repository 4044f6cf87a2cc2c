"""Where files are stored: in a local folder, or in S3 (core/files/storage_s3.py). Keys are paths: `photos/2025/01/18/5f3a….png`."""

import asyncio
import contextlib
import hmac
import io
import os
import re
import shutil
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO, NamedTuple, Protocol
from urllib.parse import quote

from core import product
from core.problem import Problem, not_found, unavailable

# A link stays the same for an hour, so that browsers find the file in their cache. It is valid for one to two hours.
LINK_SECONDS = 3600
# Bytes of a large file that are read at once.
CHUNK = 1 << 18
# By extension. Files are served only as one of these types, whatever they contain.
CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "pdf": "application/pdf",
    "png": "image/png",
    "txt": "text/plain; charset=utf-8",
    "webp": "image/webp",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_KEY = re.compile(r"(?:[0-9A-Za-z_-]{1,64}/){1,8}[0-9A-Za-z_-]{1,64}\.[0-9a-z]{1,8}")

log = product.logger("storage")


class Storage(Protocol):
    """Stores files under keys. No key is used twice, so a file never changes."""

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store a file. Raises Problem 503; then nothing can be read under that key."""

    async def put_file(self, key: str, path: Path, content_type: str) -> None:
        """Store a copy of the file at a path, which may be too large for the memory. Raises Problem 503, as `put` does."""

    async def put_from(self, key: str, source: IO[bytes], content_type: str) -> None:
        """Store what is left of an open file. Raises Problem 503, as `put` does."""

    async def size(self, key: str) -> int | None:
        """The bytes of a file; None: it doesn't exist. Raises Problem 503."""

    async def get(self, key: str) -> bytes | None:
        """The file; None: it doesn't exist. Raises Problem 503."""

    def chunks(self, key: str) -> AsyncIterator[bytes]:
        """The file in pieces, for one that may be too large for the memory. Raises Problem: 404 it doesn't exist; 503."""

    async def remove(self, key: str) -> None:
        """Remove a file, if it exists. Raises Problem 503."""

    async def link(self, origin: str, key: str, disposition: str = "") -> str:
        """An absolute URL from which everyone can read the file, for about an hour. origin: this server's, as the client sees it.
        disposition: what the answer says in its Content-Disposition (core/http/disposition.py). Without one, a browser shows pictures, and
        saves other files."""

    def period(self) -> int:
        """The number of the present period. A link that is made in a period is valid until the period's end at least, so an answer with links
        may be kept as long as this number stays the same."""

    async def close(self) -> None:
        """Close all connections."""


def is_shown(content_type: str) -> bool:
    """Whether a browser may show a file of this media type. Only what can hold no script."""
    return content_type.startswith("image/")


def away(error: BaseException) -> Problem:
    """503, and a line in the log with the reason: the storage can't be reached or written."""
    log.warning("the file storage is not available: %s", str(error) or type(error).__name__)
    return unavailable("The file storage is not available at the moment. Please try again.")


class Stored(NamedTuple):
    """A file of the local folder, as it is served. size: bytes."""

    path: Path
    content_type: str
    size: int
    etag: str


class LocalStorage:
    """Stores files below a folder of mode 0700. core/http/stored_file.py serves them under /media/, by signed links only."""

    def __init__(self, folder: Path, *secrets: str, clock: Callable[[], float] = time.time) -> None:
        """secrets: the first one signs links; those of the others are valid too."""
        self.folder, self._clock = folder, clock
        # Keys derived for links only: a signature of a link is no signature of anything else, and vice versa.
        self._keys = [hmac.digest(secret.encode(), b"links to media", "sha256") for secret in secrets]

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        await self._store(key, io.BytesIO(data))

    async def put_file(self, key: str, path: Path, content_type: str) -> None:
        with path.open("rb") as source:
            await self._store(key, source)

    async def put_from(self, key: str, source: IO[bytes], content_type: str) -> None:
        await self._store(key, source)

    async def size(self, key: str) -> int | None:
        found = await self.find(key)
        return None if found is None else found.size

    async def _store(self, key: str, source: IO[bytes]) -> None:
        try:
            await asyncio.to_thread(self._write, key, source)
        except OSError as error:
            raise away(error) from error

    def _write(self, key: str, source: IO[bytes]) -> None:
        path = self._path(key)
        _make_folders(self.folder, path.parent)
        temporary = _unfinished(path)
        try:
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                shutil.copyfileobj(source, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        # The file's name must be on disk too before a row refers to it.
        _sync(path.parent)

    async def get(self, key: str) -> bytes | None:
        found = await self.find(key)
        if found is None:
            return None
        try:
            return await asyncio.to_thread(_read, found.path, 0, found.size)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise away(error) from error

    async def chunks(self, key: str) -> AsyncIterator[bytes]:
        found = await self.find(key)
        if found is None:
            raise not_found()
        for start in range(0, found.size, CHUNK):
            yield await self.read(found, start, min(start + CHUNK, found.size))

    async def remove(self, key: str) -> None:
        try:
            await asyncio.to_thread(self._remove, self._path(key))
        except NotADirectoryError:
            return
        except OSError as error:
            raise away(error) from error

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        # A process that was killed while it wrote has left this one.
        _unfinished(path).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} is not a key")
        return self.folder / key

    async def link(self, origin: str, key: str, disposition: str = "") -> str:
        expires = (int(self._clock()) // LINK_SECONDS + 2) * LINK_SECONDS
        said = f"&disposition={quote(disposition, safe='')}" if disposition else ""
        return f"{origin}/media/{key}?expires={expires}{said}&signature={_signature(self._keys[0], key, expires, disposition)}"

    def period(self) -> int:
        return int(self._clock()) // LINK_SECONDS

    def seconds_left(self, key: str, expires: str, signature: str, disposition: str = "") -> int:
        """How long a link is still valid; 0: it has expired, or its signature is wrong."""
        if not re.fullmatch(r"[0-9]{1,12}", expires) or not _KEY.fullmatch(key):
            return 0
        given = signature.encode()
        ours = (_signature(one, key, int(expires), disposition).encode() for one in self._keys)
        if not any(hmac.compare_digest(one, given) for one in ours):
            return 0
        return max(0, int(expires) - int(self._clock()))

    async def find(self, key: str) -> Stored | None:
        """The file under that key; None when it doesn't exist, or is of a type that isn't served."""
        return await asyncio.to_thread(self._find, key)

    def _find(self, key: str) -> Stored | None:
        content_type = CONTENT_TYPES.get(key.rpartition(".")[2])
        if content_type is None or not _KEY.fullmatch(key):
            return None
        path = self.folder / key
        try:
            found = path.lstat()
            # A symbolic link below the folder must not lead out of it.
            if path.resolve(strict=True) != self.folder.resolve() / key or not path.is_file():
                return None
        except OSError:
            return None
        return Stored(path, content_type, found.st_size, f'"{found.st_mtime_ns:x}-{found.st_size:x}"')

    async def read(self, stored: Stored, start: int, end: int) -> bytes:
        """The bytes from `start` up to but not including `end`. Raises Problem: 404 the file was removed in the meantime; 503."""
        try:
            return await asyncio.to_thread(_read, stored.path, start, end)
        except FileNotFoundError:
            raise not_found() from None
        except OSError as error:
            raise away(error) from error

    async def close(self) -> None:
        """Nothing to do: no file stays open."""


def _signature(secret: bytes, key: str, expires: int, disposition: str) -> str:
    # Neither a key nor a number holds a line break, so no other link has the same text.
    signed = f"{key}\n{expires}\n{disposition}" if disposition else f"{key}\n{expires}"
    return hmac.digest(secret, signed.encode(), "sha256").hex()


def _unfinished(path: Path) -> Path:
    """The name under which a file is written before it gets its own; `find` doesn't serve such names."""
    return path.with_name(f".{path.name}")


def _make_folders(top: Path, folder: Path) -> None:
    top.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = top
    for name in folder.relative_to(top).parts:
        path /= name
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
            _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path, start: int, end: int) -> bytes:
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        file.seek(start)
        return file.read(end - start)

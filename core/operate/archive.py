"""The file of a backup: a tar archive that anybody can unpack, written in one pass. docs/backup.md describes the format.

A part's size and checksum are known only when it is written. So its header is written twice: first without a size, and at the end in its
place. Neither writing nor reading holds a part in memory.
"""

import fcntl
import hashlib
import json
import os
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from core import product

FORMAT, FORMAT_VERSION = f"{product.SLUG}-backup", 1
DUMP, MEDIA_LIST, MANIFEST, MANIFEST_SUM = "database.dump", "media.ndjson", "manifest.json", "manifest.sha256"
MEDIA_PREFIX = "media/"
# Bytes that are read and written at once.
CHUNK = 1 << 20
# Bytes. The manifest has a line for each table and each migration; a larger file is not a manifest of ours.
LARGEST_MANIFEST = 16 << 20


class ArchiveError(Exception):
    """The file can't be written, or is no whole backup. The message is one line for the person at the terminal."""


class Part:
    """A part that is being written."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file, self.name, self.size = file, name, 0
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> None:
        """Raises ArchiveError."""
        _write(self._file, data)
        self._hash.update(data)
        self.size += len(data)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


class Writer:
    """Writes the parts of an archive one after another."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._mtime = file, int(time.time())
        self._parts: list[dict[str, Any]] = []

    @contextmanager
    def adding(self, name: str) -> Iterator[Part]:
        """A part of this name, to be written within the block. If the block raises, the archive is as before."""
        head = tarfile.TarInfo(name)
        head.mode, head.mtime = 0o600, self._mtime
        start, part = self._file.tell(), Part(self._file, name)
        try:
            _write(self._file, head.tobuf(tarfile.GNU_FORMAT))
            yield part
            _write(self._file, bytes(-part.size % tarfile.BLOCKSIZE))
        except BaseException:
            self._file.seek(start)
            self._file.truncate()
            raise
        end = self._file.tell()
        head.size = part.size
        self._file.seek(start)
        # As long as before: in this format only the length of the name changes the length of a header.
        _write(self._file, head.tobuf(tarfile.GNU_FORMAT))
        self._file.seek(end)

    def add(self, name: str, source: IO[bytes]) -> dict[str, Any]:
        """Add what a file holds; returns the part's entry of the manifest."""
        with self.adding(name) as part:
            while data := source.read(CHUNK):
                part.write(data)
        return entry_of(part)

    def finish(self, manifest: dict[str, Any]) -> None:
        """Add the manifest, with which the archive is whole."""
        text = json.dumps(manifest, ensure_ascii=False, indent=2).encode() + b"\n"
        with self.adding(MANIFEST) as part:
            part.write(text)
        with self.adding(MANIFEST_SUM) as total:
            total.write(f"{part.sha256}  {MANIFEST}\n".encode())
        _write(self._file, bytes(2 * tarfile.BLOCKSIZE))


def entry_of(part: Part) -> dict[str, Any]:
    """What the manifest says of a part."""
    return {"name": part.name, "size": part.size, "sha256": part.sha256}


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """A new file of mode 0600, which gets its name at the end of the block: a name that is there is always that of a whole file.

    Until then it is NAME.partial. The next backup to the same name begins that one again if this process is killed.
    """
    partial = path.with_name(f"{path.name}.partial")
    if path.is_dir():
        raise ArchiveError(f"{path} is a folder; name a file in it")
    try:
        file = open(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b")
    except OSError as error:
        raise ArchiveError(f"can't write {partial}: {error.strerror}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ArchiveError(f"another backup is being written to {partial}") from None
        try:
            os.fchmod(file.fileno(), 0o600)
            file.truncate(0)
            yield file
            _close(file, partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def _close(file: IO[bytes], partial: Path, path: Path) -> None:
    try:
        file.flush()
        os.fsync(file.fileno())
        partial.rename(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise ArchiveError(f"can't write {path}: {error.strerror}") from None


def _write(file: IO[bytes], data: bytes) -> None:
    try:
        file.write(data)
    except OSError as error:
        raise ArchiveError(f"can't write the backup: {error.strerror}") from None


class MediaFile(NamedTuple):
    """A line of the list of media. sha256: None where the bytes were not read. is_stored: the archive has the bytes. missing: why there are
    none: removed, or lost (a row uses the file, and the storage did not have it)."""

    key: str
    size: int = 0
    sha256: str | None = None
    is_stored: bool = False
    missing: str | None = None

    def line(self) -> bytes:
        members = {name: value for name, value in self._asdict().items() if value not in (None, False)}
        return json.dumps(members, ensure_ascii=False).encode() + b"\n"


class Archive:
    """A backup that is read. Made by `opened`; every method raises ArchiveError."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path, self._file = path, file
        self._dump = self._list = (0, 0)
        self.manifest = self._find()

    def check(self) -> None:
        """Compare every part with its checksum."""
        entries = {entry["name"]: entry for entry in self.manifest["parts"]}
        with self._reading():
            for name, (start, size) in ((DUMP, self._dump), (MEDIA_LIST, self._list)):
                found = hashlib.sha256()
                for data in self._slice(start, size):
                    found.update(data)
                if (size, found.hexdigest()) != (entries[name]["size"], entries[name]["sha256"]):
                    raise ArchiveError(f"{self._path} is damaged: {name} does not have its checksum")
        for one, source in self.media():
            if source is not None:
                found = hashlib.sha256()
                while data := source.read(CHUNK):
                    found.update(data)
                if found.hexdigest() != one.sha256:
                    raise ArchiveError(f"{self._path} is damaged: {one.key} does not have its checksum")

    def dump(self) -> Iterator[bytes]:
        """The dump of the database, in pieces."""
        with self._reading():
            yield from self._slice(*self._dump)

    def media(self) -> Iterator[tuple[MediaFile, IO[bytes] | None]]:
        """Each file of the list, with what it is read from; None: the archive does not have its bytes. Read one before the next is asked for."""
        with self._reading(), open(self._path, "rb") as other:
            other.seek(self._list[0])
            tar = self._tar()
            for line in _lines(other, self._list[1]):
                one = MediaFile(**json.loads(line))
                if not one.is_stored:
                    yield one, None
                    continue
                member = self._next(tar)
                while member is not None and not member.name.startswith(MEDIA_PREFIX):
                    member = self._next(tar)
                if member is None or member.name != MEDIA_PREFIX + one.key or member.size != one.size:
                    raise ArchiveError(f"{self._path} is damaged: it does not have {one.key} in its place")
                yield one, tar.extractfile(member)

    def _find(self) -> dict[str, Any]:
        """Find the parts, and read the manifest."""
        places: dict[str, tuple[int, int]] = {}
        with self._reading():
            tar = self._tar()
            while (member := self._next(tar)) is not None:
                if not member.name.startswith(MEDIA_PREFIX):
                    places[member.name] = (member.offset_data, member.size)
            if places.keys() != {DUMP, MEDIA_LIST, MANIFEST, MANIFEST_SUM} or places[MANIFEST][1] > LARGEST_MANIFEST:
                raise ArchiveError(
                    f"{self._path} is no whole backup: it lacks its manifest, or has parts of something else"
                )
            text = b"".join(self._slice(*places[MANIFEST]))
            total = b"".join(self._slice(*places[MANIFEST_SUM]))
        self._dump, self._list = places[DUMP], places[MEDIA_LIST]
        if total.split()[:1] != [hashlib.sha256(text).hexdigest().encode()]:
            raise ArchiveError(f"{self._path} is damaged: {MANIFEST} does not have its checksum")
        manifest: dict[str, Any] = json.loads(text)
        if (manifest.get("format"), manifest.get("format_version")) != (FORMAT, FORMAT_VERSION):
            raise ArchiveError(f"{self._path} is a backup of a format that this release does not know")
        return manifest

    def _tar(self) -> tarfile.TarFile:
        self._file.seek(0)
        return tarfile.open(fileobj=self._file, mode="r:")

    def _next(self, tar: tarfile.TarFile) -> tarfile.TarInfo | None:
        member = tar.next()
        # It would remember every file.
        tar.members = []  # type: ignore[attr-defined]
        if member is not None and not member.isreg():
            raise ArchiveError(f"{self._path} is no backup: {member.name!r} is not a file")
        return member

    def _slice(self, start: int, size: int) -> Iterator[bytes]:
        self._file.seek(start)
        while size:
            data = self._file.read(min(CHUNK, size))
            if not data:
                raise ArchiveError(f"{self._path} is damaged: it ends too early")
            size -= len(data)
            yield data

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """What may be wrong with the file is an ArchiveError."""
        try:
            yield
        except tarfile.TarError as error:
            raise ArchiveError(f"{self._path} is no whole backup: {error}") from None
        except (ValueError, TypeError, KeyError):
            raise ArchiveError(f"{self._path} is damaged: a part of it can't be read") from None


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """The archive at a path. Raises ArchiveError."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise ArchiveError(f"can't read {path}: {error.strerror}") from None
    with file:
        if path.is_dir():
            raise ArchiveError(f"{path} is a folder")
        yield Archive(path, file)


def _lines(file: IO[bytes], size: int) -> Iterator[bytes]:
    while size > 0:
        line = file.readline(CHUNK)
        size -= len(line)
        if not line.endswith(b"\n") or size < 0:
            raise ValueError
        yield line

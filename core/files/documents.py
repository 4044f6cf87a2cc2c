"""Uploaded files that may be pictures, PDFs or plain text. What a file is follows from its content; its name and declared type prove nothing."""

import asyncio
import re
import unicodedata
from typing import NamedTuple

from core.files import images
from core.files.images import ImageRefused, Limits
from core.problem import Message
from core.text import canonical

BYTES = 10 * 1024 * 1024
# 40 million pixels: what the best cameras of phones take.
PICTURES = Limits(pixels=40_000_000, bytes=BYTES)
# Characters of a name.
LONGEST_NAME = 255
# By extension: the media type, and the other extensions that a file of this kind may have in its name.
KINDS = {
    "jpg": ("image/jpeg", ("jpeg", "jpe", "jfif")),
    "png": ("image/png", ()),
    "gif": ("image/gif", ()),
    "webp": ("image/webp", ()),
    "pdf": ("application/pdf", ()),
    "txt": ("text/plain", ("text",)),
}
_PICTURE = re.compile(rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|RIFF.{4}WEBP", re.S)
_PDF = b"%PDF-"
# The end of a PDF, in its last 1024 bytes, where readers look for it (ISO 32000-1, Annex H, 3.4.4).
_PDF_END = re.compile(rb"startxref\s+[0-9]{1,10}\s+%%EOF")
_PDF_TAIL = 1024
# Controls other than tab, line feed, form feed and carriage return.
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")
# What programs that go by content take for a page: a text that begins with a tag, a declaration or a comment.
_MARKUP = re.compile(r"[\s\ufeff]*<[!?A-Za-z]")
# These join and separate letters of many scripts. All other format characters only mislead the eye, such as U+202E.
_JOINERS = "\u200c\u200d"


class Document(NamedTuple):
    """A file that was checked. extension: one of KINDS."""

    data: bytes
    extension: str
    content_type: str


class DocumentRefused(Exception):
    """The server does not store files of this kind. `message` is for the client."""

    def __init__(self, message: Message) -> None:
        super().__init__(message.code)
        self.message = message


async def check_document(data: bytes) -> Document:
    """Find out what a file is; a picture is decoded, in a thread. Raises DocumentRefused."""
    if not data:
        raise DocumentRefused(Message.of("file.empty"))
    if len(data) > BYTES:
        raise DocumentRefused(Message.of("file.too-long", megabytes=BYTES // 1024 // 1024))
    if _PICTURE.match(data):
        try:
            picture = await images.check_image(data, PICTURES)
        except ImageRefused as refused:
            raise DocumentRefused(refused.message) from None
        return Document(data, picture.extension, picture.content_type)
    if data.startswith(_PDF):
        if not _PDF_END.search(data, len(data) - _PDF_TAIL if len(data) > _PDF_TAIL else 0):
            raise DocumentRefused(Message.of("file.broken-pdf"))
        return _document(data, "pdf")
    if not await asyncio.to_thread(_is_text, data):
        raise DocumentRefused(Message.of("file.kind"))
    return _document(data, "txt")


def _document(data: bytes, extension: str) -> Document:
    return Document(data, extension, KINDS[extension][0])


def _is_text(data: bytes) -> bool:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not (_CONTROL.search(text) or _MARKUP.match(text))


def display_name(sent: str, extension: str) -> str:
    """The name under which people see and save a file of this extension (of KINDS). sent: the name as the client gives it.

    It is no path, and its ending fits its content: what is saved as `page.html` would open as a page."""
    kept = "".join(
        one for one in canonical(sent) if one in _JOINERS or one.isspace() or unicodedata.category(one)[0] != "C"
    )
    name = " ".join(re.split(r"[/\\]", kept)[-1].split()).strip(". ")
    stem, dot, ending = name.rpartition(".")
    if not (dot and stem and ending.lower() in (extension, *KINDS[extension][1])):
        stem, ending = name, extension
    ending = f".{ending}"
    return f"{stem[: LONGEST_NAME - len(ending)] or 'file'}{ending}"

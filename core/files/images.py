"""What is uploaded as an image: decoded in full, within limits, before it is kept. Its name and declared type prove nothing."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any, NamedTuple

from core.problem import invalid

BYTES = 5 * 1024 * 1024  # the documents' 5 MB
PIXELS = 25_000_000  # 100 MB decoded; cameras of telephones take up to about 24 million by default
FRAMES = 300  # of an animation
SCANS = 40  # of a progressive JPEG; encoders write up to twenty. Each goes over the whole picture: 5 MB of them took an hour
PIXELS_OF_FRAMES = 100_000_000  # of all its frames together, about a second's work

EMPTY = "The submitted file is empty."
NOT_AN_IMAGE = "Upload a valid image. The file you uploaded was either not an image or a corrupted image."
NOT_A_FILE = "The submitted data was not a file. Check the encoding type on the form."
TOO_LONG = f"Ensure this file has no more than {BYTES // 1024 // 1024} MB."
TOO_LARGE = f"Ensure this image has no more than {PIXELS:,} pixels."
TOO_MANY = f"Ensure this animation has no more than {FRAMES} frames and {PIXELS_OF_FRAMES:,} pixels."

_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # the others stand within a scan's data

# Pillow's name: ours, and the type. MPO is a JPEG with more pictures behind the first, as some cameras write it.
_KINDS = {
    "PNG": ("png", "image/png"), "JPEG": ("jpg", "image/jpeg"), "MPO": ("jpg", "image/jpeg"), "GIF": ("gif", "image/gif"),
    "WEBP": ("webp", "image/webp"),
}  # fmt: skip

# Two decodes at once, so at most 0.2 GB; started when first needed, after the workers are forked.
_threads = ThreadPoolExecutor(2, "images")


class Image(NamedTuple):
    """An image that can be kept as it is."""

    data: bytes
    extension: str  # png, jpg, gif or webp, by what it is
    content_type: str


async def check_image(data: bytes) -> Image:
    """Decode it, in a thread. Raises ValueError with what to tell who sent it."""
    if not data:
        raise ValueError(EMPTY)
    if len(data) > BYTES:
        raise ValueError(TOO_LONG)
    return await asyncio.get_running_loop().run_in_executor(_threads, _decode, data)


async def submitted(handler: Any, name: str) -> Image | None:
    """The image that came with the body as file `name`; None when nothing came. Raises Problem 400."""
    if name in handler.files:
        try:
            return await check_image(handler.files[name][1])
        except ValueError as error:
            raise invalid({name: [str(error)]}) from None
    # A browser sends "" for a file that nobody chose.
    if isinstance(handler.body, dict) and handler.body.get(name) not in (None, ""):
        raise invalid({name: [NOT_A_FILE]})
    return None


class _Refused(Exception):
    """Not Pillow's: a limit of ours."""


def _decode(data: bytes) -> Image:
    # Imported only here: a start, or a process that never sees an image, does without.
    from PIL import GifImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401
    from PIL import Image as Pillow

    try:
        with Pillow.open(BytesIO(data), formats=("PNG", "JPEG", "GIF", "WEBP")) as image:
            extension, content_type = _KINDS[image.format or ""]
            if extension == "jpg" and _scans(data) > SCANS:
                raise _Refused(NOT_AN_IMAGE)
            _decode_frames(image, most=1 if image.format == "MPO" else FRAMES + 1)
    except _Refused as error:
        raise ValueError(str(error)) from None
    except Pillow.DecompressionBombError:
        raise ValueError(TOO_LARGE) from None
    except Exception:
        # Pillow's decoders raise whatever they run into: SyntaxError, struct.error, IndexError, zlib.error …
        raise ValueError(NOT_AN_IMAGE) from None
    return Image(data, extension, content_type)


def _decode_frames(image: Any, most: int) -> None:
    pixels = 0
    for frame in range(most):
        try:
            image.seek(frame)
        except EOFError:  # the one before was the last
            return
        # Before each decoding: a later frame can be larger than the first.
        if image.width * image.height > PIXELS:
            raise _Refused(TOO_LARGE)
        pixels += image.width * image.height
        if frame == FRAMES or pixels > PIXELS_OF_FRAMES:
            raise _Refused(TOO_MANY)
        image.load()


def _scans(data: bytes) -> int:
    """How many scans a decoder will find in a JPEG: up to its end, and not in what APPn and COM segments hold."""
    count = at = 0
    while (found := _JPEG_MARKER.search(data, at)) is not None:
        at, marker = found.end(), data[found.end() - 1]
        if marker == 0xD9:
            break
        if marker == 0xDA:
            count += 1
        elif 0xE0 <= marker <= 0xEF or marker == 0xFE:
            at += int.from_bytes(data[at : at + 2], "big")
    return count

"""Uploaded images: decoded in full, within limits, before they are stored. A file's name and declared type prove nothing."""

import asyncio
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any, NamedTuple, Protocol

from core.problem import Message, invalid

# Of the uploaded file, where a caller names no other limit: 5 MB, as the documents say.
BYTES = 5 * 1024 * 1024
# Of one frame, where a caller names no other limit: 100 MB when decoded. The cameras of phones take up to about 24 million by default.
PIXELS = 25_000_000
# Of one animation.
FRAMES = 300
# Of a progressive JPEG; encoders write up to twenty. Each scan takes a pass over the whole picture: 5 MB of scans took an hour.
SCANS = 40
# Of all frames of an animation together: about a second's work.
PIXELS_OF_FRAMES = 100_000_000

# Markers that stand between segments; FF 00, FF D0 to D7 and FF FF occur within a scan's data.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")

# Pillow's name of a format: our extension and the media type. MPO is a JPEG with more pictures behind the first; some cameras write it.
_KINDS = {
    "PNG": ("png", "image/png"),
    "JPEG": ("jpg", "image/jpeg"),
    "MPO": ("jpg", "image/jpeg"),
    "GIF": ("gif", "image/gif"),
    "WEBP": ("webp", "image/webp"),
}

# Two decodes at the same time take at most 0.4 GB: a caller may allow 40 million pixels, each of which takes 4 bytes. The threads start
# at the first use, which is after the workers are forked.
_threads = ThreadPoolExecutor(2, "images")


class Image(NamedTuple):
    """A file that was decoded without error. extension: png, jpg, gif or webp, by its content. rendition: a smaller picture of the same,
    if one was asked for."""

    data: bytes
    extension: str
    content_type: str
    rendition: "Image | None" = None


class Limits(NamedTuple):
    """What a picture may be. pixels: of one frame. formats: Pillow's names. rendition: pixels of the longer side of a smaller picture
    that is made too; 0: none. bytes: of the file."""

    pixels: int = PIXELS
    formats: tuple[str, ...] = ("PNG", "JPEG", "GIF", "WEBP")
    rendition: int = 0
    bytes: int = BYTES


LIMITS = Limits()


class ImageRefused(Exception):
    """The file is not an image that we store. `message` is for the client."""

    def __init__(self, code: str, **details: Any) -> None:
        super().__init__(code)
        self.message = Message.of(code, **details)


class Submitted(Protocol):
    """The body of a request, as core/http/handler.py reads it."""

    body: Any
    files: Mapping[str, tuple[str, bytes]]


async def check_image(data: bytes, limits: Limits = LIMITS) -> Image:
    """Decode it, in a thread. Raises ImageRefused."""
    if not data:
        raise ImageRefused("file.empty")
    if len(data) > limits.bytes:
        raise ImageRefused("file.too-long", megabytes=limits.bytes // 1024 // 1024)
    return await asyncio.get_running_loop().run_in_executor(_threads, _decode, data, limits)


async def submitted(request: Submitted, name: str, limits: Limits = LIMITS) -> Image | None:
    """The image that came as file `name` of a form; None if the form has no such file. Raises Problem 400."""
    if name in request.files:
        try:
            return await check_image(request.files[name][1], limits)
        except ImageRefused as error:
            raise invalid({name: [error.message]}) from None
    # A browser sends "" for a file field in which nothing was chosen.
    if isinstance(request.body, dict) and request.body.get(name) not in (None, ""):
        raise invalid({name: [Message.of("file.not-a-file")]})
    return None


def _decode(data: bytes, limits: Limits) -> Image:
    # Pillow is imported only here, so that starting a server, and a process that never sees an image, do without it.
    from PIL import GifImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401
    from PIL import Image as Pillow

    try:
        with Pillow.open(BytesIO(data), formats=limits.formats) as image:
            extension, content_type = _KINDS[image.format or ""]
            if extension == "jpg" and _scans(data) > SCANS:
                raise ImageRefused("image.broken")
            _decode_frames(image, most=1 if image.format == "MPO" else FRAMES + 1, most_pixels=limits.pixels)
            rendition = _rendition(image, limits.rendition) if limits.rendition else None
    except ImageRefused:
        raise
    except Pillow.DecompressionBombError:
        raise ImageRefused("image.too-large", pixels=limits.pixels) from None
    except Exception:
        # Pillow's decoders let through whatever error they meet: SyntaxError, struct.error, IndexError, zlib.error …
        raise ImageRefused("image.broken") from None
    return Image(data, extension, content_type, rendition)


def _rendition(image: Any, longest: int) -> Image:
    """The first frame, upright, with at most so many pixels on its longer side: a PNG if it is transparent anywhere, else a JPEG."""
    from PIL import ImageOps

    image.seek(0)
    # Halves a large JPEG's work; the whole of it has been decoded before.
    image.thumbnail((longest * 4, longest * 4), reducing_gap=2.0)
    small = ImageOps.exif_transpose(image)
    small = small.convert("RGBA" if small.has_transparency_data else "RGB")
    small.thumbnail((longest, longest))
    is_opaque = small.mode == "RGB" or small.getchannel("A").getextrema() == (255, 255)
    extension, content_type = _KINDS["JPEG" if is_opaque else "PNG"]
    written = BytesIO()
    if is_opaque:
        small.convert("RGB").save(written, "JPEG", quality=82, optimize=True)
    else:
        small.save(written, "PNG", optimize=True)
    return Image(written.getvalue(), extension, content_type)


def _decode_frames(image: Any, most: int, most_pixels: int) -> None:
    pixels = 0
    for frame in range(most):
        try:
            image.seek(frame)
        except EOFError:
            # There are no more frames.
            return
        # Checked before decoding each frame: a later frame can be larger than the first.
        if image.width * image.height > most_pixels:
            raise ImageRefused("image.too-large", pixels=most_pixels)
        pixels += image.width * image.height
        if frame == FRAMES or pixels > PIXELS_OF_FRAMES:
            raise ImageRefused("image.too-many-frames", frames=FRAMES, pixels=PIXELS_OF_FRAMES)
        image.load()


def _scans(data: bytes) -> int:
    """How many scans a decoder will find in a JPEG. Skips the content of APPn and COM segments, and what follows the end marker."""
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

"""Pictures of items: which files are taken, and the links by which clients read them. docs/api/vendor.md#pictures."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from core.files import images, media
from core.files.images import Limits
from core.problem import Message, invalid
from handlers.api.handler import MEDIA
from handlers.vendor.handler import VendorHandler

EXTENSIONS = ("jpg", "jpeg", "png", "webp")
# 40 million pixels: what the best cameras of phones take. A list shows pictures at 320 pixels at most.
LIMITS = Limits(pixels=40_000_000, formats=("PNG", "JPEG", "WEBP"), rendition=320)
# The members of a document that hold a link.
LINKS = ("image_url", "thumbnail_url")
# Links that are signed before other requests get their turn: one of S3 takes 0.4 ms.
SIGNED_AT_ONCE = 50


class Picture(NamedTuple):
    """The keys of a picture and of its small rendition; None: there is no picture."""

    image: str | None
    thumbnail: str | None


NO_PICTURE = Picture(None, None)


async def submitted(handler: VendorHandler, item_id: str) -> Picture:
    """Store the picture that came with a body. Raises Problem: 400; 503."""
    if "image" in handler.files:
        extension = handler.files["image"][0].rpartition(".")[2] if "." in handler.files["image"][0] else ""
        if extension.lower() not in EXTENSIONS:
            raise invalid({"image": [Message.of("file.extension", extension=extension, allowed=", ".join(EXTENSIONS))]})
    found = await images.submitted(handler, "image", LIMITS)
    if found is None:
        return NO_PICTURE
    prefix = f"items/{item_id.lower()}"
    image = await media.store(handler.application, found, prefix)
    return Picture(image, await media.store(handler.application, found.rendition, prefix))


async def remove(handler: VendorHandler, picture: Picture) -> None:
    """Remove the files of a picture that no item has any more."""
    for key in picture:
        await media.remove_now(handler.application, key)


async def linked(handler: VendorHandler, text: str) -> str:
    """The same JSON with a link in place of the key in each of LINKS that is `media:KEY`. All amounts in it are texts, and so keep their
    digits."""
    if f'"{MEDIA}' not in text:
        return text
    pictured: list[tuple[dict[str, Any], str]] = []

    def collect(members: dict[str, Any]) -> dict[str, Any]:
        pictured.extend((members, name) for name in LINKS if str(members.get(name)).startswith(MEDIA))
        return members

    document = json.loads(text, object_hook=collect)
    for n, (members, name) in enumerate(pictured, 1):
        members[name] = await handler.application.storage.link(handler.origin, members[name].removeprefix(MEDIA))
        if n % SIGNED_AT_ONCE == 0:
            await asyncio.sleep(0)
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


async def linked_rows(handler: VendorHandler, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a list (handlers/api/listing.py) with links in their documents."""
    return [{**row, "document": await linked(handler, row["document"])} for row in rows]

"""Pictures of items, and vendors' logos: which files are taken, and the links by which clients read them. docs/api/vendor.md#pictures."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from core.files import images, media
from core.files.images import Image, Limits
from core.problem import Message, invalid
from handlers.api.handler import MEDIA, ApiHandler

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


async def decoded(handler: ApiHandler, name: str) -> Image | None:
    """The picture that came with a body as file `name`; None: there is none. Raises Problem 400."""
    if name in handler.files:
        extension = handler.files[name][0].rpartition(".")[2] if "." in handler.files[name][0] else ""
        if extension.lower() not in EXTENSIONS:
            raise invalid({name: [Message.of("file.extension", extension=extension, allowed=", ".join(EXTENSIONS))]})
    return await images.submitted(handler, name, LIMITS)


async def submitted(handler: ApiHandler, item_id: str) -> Picture:
    """Store the picture of an item that came with a body. Raises Problem: 400; 503."""
    found = await decoded(handler, "image")
    if found is None:
        return NO_PICTURE
    prefix = f"items/{item_id.lower()}"
    image = await media.store(handler.application, found, prefix)
    return Picture(image, await media.store(handler.application, found.rendition, prefix))


async def remove(handler: ApiHandler, picture: Picture) -> None:
    """Remove the files of a picture that no item has any more."""
    for key in picture:
        await media.remove_now(handler.application, key)


async def linked(handler: ApiHandler, text: str) -> str:
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


async def linked_rows(handler: ApiHandler, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a list (handlers/api/listing.py) with links in their documents."""
    return [{**row, "document": await linked(handler, row["document"])} for row in rows]

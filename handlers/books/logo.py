"""The logos of owners, as papers show them. docs/api/books.md#preferences."""

from collections import OrderedDict

from core import product
from core.files import media
from core.files.media import Files
from core.paper.fonts import in_thread
from core.paper.pages import POINTS_OF_MILLIMETRE
from core.paper.picture import Picture, picture

# On paper, in points.
WIDTH, HEIGHT = 60 * POINTS_OF_MILLIMETRE, 22 * POINTS_OF_MILLIMETRE
# Logos that are remembered, each of at most half a megabyte.
MOST = 32

log = product.logger("paper")


class Logos:
    """The logos that were used last, by key. The file of a key never changes."""

    def __init__(self) -> None:
        self._remembered: OrderedDict[str, Picture] = OrderedDict()

    def get(self, key: str) -> Picture | None:
        if key in self._remembered:
            self._remembered.move_to_end(key)
        return self._remembered.get(key)

    def add(self, key: str, found: Picture) -> None:
        self._remembered[key] = found
        if len(self._remembered) > MOST:
            self._remembered.popitem(last=False)


# Not kept by the application, as jobs have none and write papers, too.
_logos = Logos()


async def find_logo(app: Files, key: str | None) -> Picture | None:
    """The logo with this key. None: there is none, or it can't be read, which is logged."""
    if key is None:
        return None
    if remembered := _logos.get(key):
        return remembered
    data = await media.read(app, key)
    found = await in_thread(lambda: picture(data, WIDTH, HEIGHT)) if data else None
    if found is None:
        log.warning("a paper is written without its logo, as %s can't be read", key)
        return None
    _logos.add(key, found)
    return found

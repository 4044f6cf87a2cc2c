"""The header Content-Disposition, which names a file. RFC 6266."""

import re
import unicodedata
from urllib.parse import quote

# Characters of a name. File systems take 255 bytes.
LONGEST = 80
# What some file system or browser takes for something else than a part of a name.
_UNSAFE = re.compile(r'[\\/:*?"<>|%]')
_NOT_PLAIN = re.compile(r"[^0-9A-Za-z._-]+")


def inline(name: str) -> str:
    """The header of a file that is shown, and gets this name where it is saved. name: any text, and its extension."""
    return _named("inline", name)


def attachment(name: str) -> str:
    """The header of a file that is saved under this name. name: any text, and its extension."""
    return _named("attachment", name)


def _named(disposition: str, name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    kept = "".join(one for one in stem if not unicodedata.category(one).startswith("C"))
    kept = _UNSAFE.sub("-", " ".join(kept.split()))[:LONGEST]
    plain = f"{_NOT_PLAIN.sub('-', kept)}{dot}{extension}"
    whole = f"{kept}{dot}{extension}"
    # Clients that know filename* prefer it (RFC 6266, 4.3).
    encoded = "" if whole == plain else f"; filename*=UTF-8''{quote(whole, safe='')}"
    return f'{disposition}; filename="{plain}"{encoded}'

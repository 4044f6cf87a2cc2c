"""The keys that SECRET_KEY and SECRET_KEY_FALLBACKS name, and how one is told from another. README.md, "Another secret".

SECRET_KEY_FALLBACKS is a list with commas between its entries. An entry is a key, and may end with a mark: `KEY@20250118T093000Z`, when it stopped
being SECRET_KEY; `KEY@coming`, it is going to be SECRET_KEY. A comma or a backslash within a key has a backslash before it.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

# Each request with a wrong token costs an HMAC for each.
MOST = 20
COMING = "coming"
_MOMENT = "%Y%m%dT%H%M%SZ"
_MARK = re.compile(rf"(?s)(.*)@([0-9]{{8}}T[0-9]{{6}}Z|{COMING})")


class Fallback(NamedTuple):
    """A key beside SECRET_KEY. retired_at: when it stopped being that; None: not known. is_coming: it is going to be."""

    key: str
    retired_at: datetime | None = None
    is_coming: bool = False

    def written(self) -> str:
        """The entry of the list."""
        mark = f"@{COMING}" if self.is_coming else f"@{self.retired_at:{_MOMENT}}" if self.retired_at else ""
        return re.sub(r"([\\,])", r"\\\1", self.key) + mark


def reader(check: Callable[[str], str]) -> Callable[[str], tuple[Fallback, ...]]:
    """The reader of the list, for core/setting.py. check: reads one key. Its messages have nothing of a key."""

    def read(text: str) -> tuple[Fallback, ...]:
        entries = [re.sub(r"\\([\\,])", r"\1", entry) for entry in re.findall(r"(?:\\.|[^,\\]|\\(?=$))+", text)]
        found = [_fallback(entry.strip()) for entry in entries if entry.strip()]
        if len(found) > MOST:
            raise ValueError(f"must be at most {MOST} keys")
        for place, one in enumerate(found, 1):
            try:
                check(one.key)
            except ValueError as error:
                raise ValueError(f"its key number {place} {error}") from None
        return tuple(found)

    return read


def _fallback(entry: str) -> Fallback:
    marked = _MARK.fullmatch(entry)
    if marked is None:
        return Fallback(entry)
    if marked[2] == COMING:
        return Fallback(marked[1], is_coming=True)
    try:
        return Fallback(marked[1], datetime.strptime(marked[2], _MOMENT).replace(tzinfo=UTC))
    except ValueError:
        raise ValueError("has a moment that does not exist") from None


def written(fallbacks: Sequence[Fallback]) -> str:
    """The text of SECRET_KEY_FALLBACKS."""
    return ",".join(one.written() for one in fallbacks)


def check_of(key: str) -> str:
    """Tells one key from another, and nothing else of it."""
    return hmac.digest(key.encode(), b"which key", hashlib.sha256).hex()[:16]

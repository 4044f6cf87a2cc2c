"""The order in which a picker walks along the shelves. docs/api/sales.md#walking-order.

The board sorts an invoice's items by the same rule (web/static/live-walk.js).
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

Key = tuple[tuple[int, int, str], ...]
_DIGITS = re.compile("[0-9]+")


def walking_order(item: Mapping[str, Any]) -> tuple[bool, Key, str, Key, int]:
    """The key by which items are sorted: by shelf, R-2 before R-12, those without a shelf last; on one shelf by name. item: of an invoice."""
    shelf = item["shelf_location"].strip()
    return not shelf, natural(shelf), shelf, natural(item["name"]), item["id"]


def walked(items: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The items in the order of the walk."""
    return sorted(items, key=walking_order)


def natural(text: str) -> Key:
    """The key of a text whose numbers count as numbers: its runs of digits and of letters, one after the other, ignoring case. Whatever
    stands between them only separates them, so R-2, R2 and r 2 are the same place. A number is before letters, and a beginning before
    what is longer."""
    return tuple((0, int(run), "") if _DIGITS.fullmatch(run) else (1, 0, run) for run in _runs(text))


def _runs(text: str) -> list[str]:
    found, before = [""], ""
    for one in unicodedata.normalize("NFKC", text).lower():
        kind = "digit" if "0" <= one <= "9" else "letter" if unicodedata.category(one)[0] in "LMN" else ""
        if kind and kind == before:
            found[-1] += one
        elif kind:
            found.append(one)
        before = kind
    return found[1:]

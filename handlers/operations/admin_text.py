"""Values of rows as the administration shows them."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from handlers.api.admin import Kind

# Characters of a value in a list; the row's own page shows all of it.
MOST_IN_LIST = 120
NOTHING = "–"


class Shown(NamedTuple):
    """A value on a page. rows: of a value that is a list of objects, as a table: the heads, and below them the cells. href: where it leads; "": nowhere."""

    text: str
    kind: str = "text"
    href: str = ""
    rows: Sequence[Sequence[str]] = ()


def shown(value: Any, kind: Kind, timezone: str, *, href: str = "", most: int = 0) -> Shown:
    """most: characters at which the text is cut; 0: it is whole."""
    if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        return Shown("", "table", rows=_table(value, timezone))
    text = as_text(value, kind, timezone)
    if most and len(text) > most:
        text = text[: most - 1] + "…"
    if value is None or text == "":
        return Shown(NOTHING, "nothing")
    if kind == "flag":
        return Shown(text, "yes" if value else "no", href)
    return Shown(text, kind, href)


def as_text(value: Any, kind: Kind, timezone: str) -> str:
    """The value as text; "" for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if kind == "moment":
        return _moment(value, timezone)
    if isinstance(value, datetime):
        return _moment(value, timezone)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Mapping | list):
        if isinstance(value, list) and all(not isinstance(item, Mapping | list) for item in value):
            return ", ".join(str(item) for item in value)
        return json.dumps(value, ensure_ascii=False, indent=2)
    return str(value)


def _moment(value: Any, timezone: str) -> str:
    """By the clock of the business, to the second; a text that is no moment stays as it is."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return value
    return str(value.astimezone(ZoneInfo(timezone)).strftime("%Y-%m-%d %H:%M:%S"))


def _table(items: Sequence[Mapping[str, Any]], timezone: str) -> Sequence[Sequence[str]]:
    names = list(dict.fromkeys(name for item in items for name in item))
    heads = [name.replace("_", " ") for name in names]
    return [heads, *([as_text(item.get(name), "text", timezone) for name in names] for item in items)]

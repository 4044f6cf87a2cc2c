"""Moments in the queries of the books' lists, a day or a day with a time, and in bodies."""

import re
from datetime import UTC, datetime, time

from core.http import schema
from core.problem import invalid
from handlers.api.books_handler import BooksHandler

MOMENT = {"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]}
DAY = {"type": "string", "format": "date"}
WRONG = "Enter a valid date/time."
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# A + in a query is a blank.
_ZONE = re.compile(r"(?<=[0-9]) (?=[0-9]{2}:?[0-9]{2}$)")


def moment(handler: BooksHandler, name: str, *, whole_day: bool = False) -> str | None:
    """The moment that a parameter names, as Postgres reads it; None: it is not asked for. Without a zone it is in UTC. whole_day: a day
    means its end, so that it is within the period. Raises Problem 400."""
    asked = handler.asked(name)
    if not asked:
        return None
    try:
        found = datetime.fromisoformat(_ZONE.sub("+", asked))
        if whole_day and _DAY.fullmatch(asked):
            found = datetime.combine(found, time.max)
        return _in_utc(found)
    except (ValueError, OverflowError):
        raise invalid({name: [WRONG]}) from None


def of_body(text: str) -> str:
    """The moment that a member of a body has, as Postgres reads it. Without a zone it is in UTC. Raises ValueError, OverflowError."""
    return _in_utc(datetime.fromisoformat(text))


def _in_utc(found: datetime) -> str:
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def day(handler: BooksHandler, name: str) -> str | None:
    """The day that a parameter names; None: it is not asked for. Raises Problem 400."""
    asked = handler.asked(name)
    if asked and not schema.is_date(asked):
        raise invalid({name: ["Enter a valid date."]})
    return asked or None

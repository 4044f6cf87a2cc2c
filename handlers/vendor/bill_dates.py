"""The dates and times of an uploaded bill, as far as they can be read. docs/api/vendor.md#bills."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from core.http import schema
from core.text import BLANKS

# Characters of a value that can't be read, as a warning repeats it.
LONGEST_SAID = 100
# Lines that warnings name; a bill may have thousands.
MOST_SAID = 20

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_NUMBER = re.compile("[0-9]{10}|[0-9]{13}")


class Dates(NamedTuple):
    """What could be read of a bill's date and of when it was made. unread: the sent values that name no date or time, by member, those of
    lines as `items[0].expiry_date`."""

    bill_date: str | None
    sold_at: str | None
    unread: dict[str, Any]

    @property
    def digested(self) -> str | None:
        """What the digest holds of the values that nobody could read; else bills that differ only there would be the same. None: there is
        none."""
        return json.dumps(self.unread, ensure_ascii=False, sort_keys=True) if self.unread else None


def dates(bill: dict[str, Any]) -> Dates:
    """The dates and times of a valid bill."""
    unread = {}
    day = date(bill.get("bill_date"))
    if day is None and not _is_missing(bill.get("bill_date")):
        unread["bill_date"] = _sent(bill["bill_date"])
    made = None
    for name in ("timestamp", "created_at"):
        made = _made(bill.get(name))
        if made is not None:
            break
        if not _is_missing(bill.get(name)):
            unread[name] = _sent(bill[name])
    for place, line in enumerate(bill.get("items") or ()):
        sent = line.get("expiry_date")
        if not _is_missing(sent) and date(sent) is None:
            unread[f"items[{place}].expiry_date"] = _sent(sent)
    return Dates(day, None if made is None else made.isoformat(), unread)


def warnings(found: Dates) -> dict[str, list[str]]:
    """Sentences by field."""
    unread = dict(found.unread)
    said: dict[str, list[str]] = {}
    if "bill_date" in unread:
        said["bill_date"] = [f"{_said(unread.pop('bill_date'))} is no date; the day of the upload took its place."]
    place_of = "that of the upload" if found.sold_at is None else "created_at"
    times = [unread.pop(name) for name in ("timestamp", "created_at") if name in unread]
    if times:
        said["timestamp"] = [f"{_said(sent)} is no time; {place_of} took its place." for sent in times]
    if unread:
        lines = [f"{name}: {_said(sent)} is no date; none is stored." for name, sent in unread.items()]
        more = [f"And {len(lines) - MOST_SAID} more."] if len(lines) > MOST_SAID else []
        said["items"] = lines[:MOST_SAID] + more
    return said


def date(value: Any) -> str | None:
    """The day of a date, perhaps with a time after it; None: the value names none."""
    if not isinstance(value, str):
        return None
    day = value.partition("T")[0].strip(BLANKS)
    day = day[:10] if day[10:11] == " " else day
    return day if schema.is_date(day) else None


def moment(value: Any) -> datetime | None:
    """The moment that an ISO 8601 text names, which is in UTC if it names no zone; None: it names none."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value.strip(BLANKS))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def are_expiries_plain(bill: dict[str, Any]) -> bool:
    """Whether Postgres can read the expiry dates of all lines of a valid bill as they were sent."""
    sent = [line.get("expiry_date") for line in bill.get("items") or ()]
    return all(one is None or one == "" or (isinstance(one, str) and schema.is_date(one)) for one in sent)


def with_plain_expiries(bill: dict[str, Any]) -> dict[str, Any]:
    """The same bill, in which each expiry date is a date or null."""
    if not bill.get("items"):
        return bill
    lines = [
        {**line, "expiry_date": date(line["expiry_date"])} if "expiry_date" in line else line for line in bill["items"]
    ]
    return {**bill, "items": lines}


def _made(value: Any) -> datetime | None:
    """When a bill was made: a moment, or the seconds or milliseconds since 1970, as the clocks of devices count."""
    # Some writers of JSON know numbers with decimals only, and write 1.7040672E12.
    number = int(value) if type(value) is float and value.is_integer() else value
    digits = str(number) if type(number) is int else number.strip(BLANKS) if isinstance(number, str) else ""
    # This comes first: fromisoformat() reads some texts of 13 digits as a day and a time.
    if not _EPOCH_NUMBER.fullmatch(digits):
        return moment(value)
    return _EPOCH + timedelta(milliseconds=int(digits) * (1 if len(digits) == 13 else 1000))


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip(BLANKS))


def _sent(value: Any) -> Any:
    return value.strip(BLANKS) if isinstance(value, str) else value


def _said(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_SAID else f"{text[:LONGEST_SAID]}…"

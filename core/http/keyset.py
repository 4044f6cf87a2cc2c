"""Keyset paging: a cursor names the last item of a page, and the next page begins after it. A page costs the same at any depth of the
list, and items that are added in the meantime shift nothing. Parameters: `cursor` and `page_size`. Body: `{"next", "previous", "results"}`;
previous is always null."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from math import nan
from typing import Any, NamedTuple

from core.data.sql import Query
from core.http import paging, schema
from core.http.declare import closed, ref
from core.http.handler import Handler
from core.http.json_text import composed
from core.http.parameter import Parameter
from core.problem import Message, Problem

# Characters of a cursor: a key may hold several texts, of 600 letters together, each of which takes up to 8 characters.
LONGEST = 6000
# Characters of a fraction in a key; numeric(22,2) has 24.
LONGEST_NUMBER = 40
CURSOR = Parameter(
    "cursor", "A page whose cost is the same at any depth; an empty value begins, and `next` has the following one."
)

_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?[+-](0[0-9]|1[0-4]):[0-5][0-9]"
)


def page_of(shape: str) -> dict[str, Any]:
    """The schema of a page's body. shape: the name of the schema of an item."""
    link = {"type": ["string", "null"]}
    return closed({"next": link, "previous": {"type": "null"}, "results": {"type": "array", "items": ref(shape)}})


def given(handler: Handler, *tests: Callable[[Any], bool]) -> list[Any] | None:
    """The key after which the page begins, one value for each test; None: at the beginning. Raises Problem 400 for an invalid cursor."""
    text = handler.asked("cursor", strip=False)[:LONGEST]
    if not text:
        return None
    try:
        # The padding must be exact: since Python 3.11 too much is refused as well as too little.
        key = read(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        key = None
    if not isinstance(key, list) or len(key) != len(tests) or not all(t(v) for t, v in zip(tests, key, strict=True)):
        raise Problem(400, "bad-cursor", Message.of("bad-cursor"))
    return key


def read(text: str | bytes) -> Any:
    """A key that is JSON, with the fractions of its numbers as Decimal: a float would lose the cents of a large sum. Raises ValueError,
    RecursionError."""
    return json.loads(text, parse_float=_fraction)


def _fraction(digits: str) -> Decimal | float:
    # Postgres writes no exponents, and has no more digits. Any float is refused by the tests of columns.
    return Decimal(digits) if len(digits) <= LONGEST_NUMBER and "e" not in digits.lower() else nan


def written(key: Sequence[Any]) -> str:
    """A key as JSON text."""
    texts = (f"{v:f}" if isinstance(v, Decimal) else json.dumps(v, ensure_ascii=False) for v in key)
    return f"[{','.join(texts)}]"


def envelope(
    handler: Handler, items: Sequence[str], key: Sequence[Any] | None, beside: Mapping[str, str] = paging.NOTHING
) -> str:
    """The body of a page. items: JSON text each. key: that of the last item; None when no more items follow. beside: further members,
    JSON text."""
    page = {"next": following(handler, key), "previous": "null"}
    return composed({**page, **beside, "results": f"[{','.join(items)}]"})


def following(handler: Handler, key: Sequence[Any] | None) -> str:
    """The link to the page that begins after this key, as JSON text; null without key."""
    if key is None:
        return "null"
    text = written(key)
    return paging.link(handler, cursor=base64.urlsafe_b64encode(text.encode()).decode().rstrip("="), page=None)


class Column(NamedTuple):
    """A column by which a list can be ordered.

    sql: an expression that is never null, with an index on it and the list's unique column. type: its type in Postgres. test: for
    `given`, whether a JSON value can be one of the column's.
    """

    sql: str
    type: str
    test: Callable[[Any], bool]


class Order:
    """A requested order of a list. terms: names of columns, with `-` in front: descending; at least one column is unique.

    A cursor begins with the terms, so a cursor from another ordering is rejected.
    """

    def __init__(self, columns: Mapping[str, Column], terms: Sequence[str]) -> None:
        self.name = ",".join(terms)
        self._columns = columns
        self._terms = [(columns[term.removeprefix("-")], term.startswith("-")) for term in terms]
        self.by = ", ".join(f"{column.sql} {'DESC' if descends else 'ASC'}" for column, descends in self._terms)

    def reversed(self) -> "Order":
        """The same columns, each in the opposite direction."""
        terms = self.name.split(",")
        return Order(self._columns, [term.removeprefix("-") if term.startswith("-") else f"-{term}" for term in terms])

    def given(self, handler: Handler) -> str | None:
        """The key after which the page begins, as JSON text; None: at the beginning. Raises Problem 400."""
        key = given(handler, lambda name: name == self.name, *(column.test for column, _ in self._terms))
        return written(key[1:]) if key else None

    def fits(self, key: Sequence[Any]) -> bool:
        """Whether values can be a key in this order: one for each term."""
        return len(key) == len(self._terms) and all(
            column.test(value) for (column, _), value in zip(self._terms, key, strict=True)
        )

    def walk(self, query: Query, after: str | None) -> Query:
        """The query in this order, beginning after that key (None: at the beginning). The query takes the key as its first parameter:

        SELECT …, /* key */ jsonb_build_array(id) /* or as asked */ AS key FROM …
         WHERE /* after */ $1::jsonb IS NULL /* or as asked */ ORDER BY id /* or as asked */ LIMIT …
        """
        key = f"jsonb_build_array({', '.join(column.sql for column, _ in self._terms)})"
        return query.ordered(self.by, key=key, after=None if after is None else self._after())

    def _after(self) -> str:
        """The condition that a row comes after the key. If all columns have the same direction it is one comparison of rows, for which
        Postgres uses an index; else `a >= $a AND (a > $a OR b < $b)`, where it uses an index for the first part."""
        values = [f"($1::jsonb ->> {n})::{column.type}" for n, (column, _) in enumerate(self._terms)]
        runs = []
        for descends, run in groupby(zip(self._terms, values, strict=True), key=lambda pair: pair[0][1]):
            pairs = list(run)
            columns, key = ", ".join(column.sql for (column, _), _ in pairs), ", ".join(value for _, value in pairs)
            runs.append((f"({columns})", "<" if descends else ">", f"({key})"))
        columns, sign, key = runs.pop()
        after = f"{columns} {sign} {key}"
        for columns, sign, key in reversed(runs):
            after = f"({columns} {sign}= {key} AND ({columns} {sign} {key} OR {after}))"
        return after


def is_id(value: Any) -> bool:
    """A test for `given`: a row's id, a bigint from 0."""
    return type(value) is int and 0 <= value < 2**63


def is_number(value: Any) -> bool:
    """A part of tests for `given`: a number of a `numeric` column, which is neither NaN nor infinite."""
    return type(value) in (int, Decimal)


def is_moment(value: Any) -> bool:
    """A test for `given`: microseconds since 1970 of a timestamp in the years 1 to 9999."""
    return type(value) is int and -(2**56) < value < 2**58


def is_text(value: Any) -> bool:
    """A test for `given`: a text that Postgres can hold."""
    return isinstance(value, str) and not re.search("[\0\ud800-\udfff]", value)


def is_day(value: Any) -> bool:
    """A test for `given`: a date as JSON writes it."""
    return isinstance(value, str) and schema.is_date(value)


def is_flag(value: Any) -> bool:
    """A test for `given`: a boolean."""
    return isinstance(value, bool)


def is_instant(value: Any) -> bool:
    """A test for `given`: a timestamptz as Postgres writes it in JSON, or `infinity`, which takes the place of null."""
    if value == "infinity":
        return True
    try:
        return isinstance(value, str) and bool(_INSTANT.fullmatch(value) and datetime.fromisoformat(value))
    except ValueError:
        return False

"""Which rows of a table the administrator asks for: search, filters, order and page, as the address of a list has them."""

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

import asyncpg

from core.data.sql import FilteredQuery
from core.http import keyset
from core.http.keyset import Order
from core.problem import Message, Problem, invalid
from core.text import canonical
from handlers.api.admin import Filter, Key, Table, since
from handlers.operations.admin import AdminPage

# Rows of a page, and of a part of a CSV file.
PAGE_SIZE, BATCH = 50, 500
# Characters of a search.
LONGEST_SEARCH = 100
# pg_trgm finds a word by three letters in a row.
_FINDABLE = re.compile(r"[^\W_]{3}")
TOO_WIDE = "Choose {} first: search, order and other filters are for the rows of one."
UNFINDABLE = "A search needs a word with three letters or digits in a row."
# Of the address of a list, beside its filters.
SEARCH, ORDER, AFTER, BEFORE = "search", "sort", "after", "before"


class View(NamedTuple):
    """What an address asks for. given: the parameters of the address that count, without those of the page. filters: by their names in the SQL.
    orders: the terms that the list can be ordered by; None: all of the table. problem: why there are no rows."""

    table: Table
    given: dict[str, str]
    filters: dict[str, Any]
    order: Order
    orders: Sequence[str] | None = None
    problem: str = ""

    def address(self, **changed: str) -> str:
        """The query of the address with these parameters changed; "" removes one."""
        query = {name: value for name, value in {**self.given, **changed}.items() if value}
        return f"?{urlencode(query)}" if query else self.table.path

    @property
    def is_whole(self) -> bool:
        """Whether search and all filters are offered (Table.within)."""
        return not self.table.within or any(name in self.given for name in self.table.within)

    @property
    def offered(self) -> Sequence[Filter]:
        """The filters that can be added, and those that are given."""
        return [
            one
            for one in self.table.filters
            if self.is_whole or one.name in self.given or one.name == self.table.within[0]
        ]

    @property
    def add_path(self) -> str:
        """The address of the form of a new row, which has what the filters name and the form asks for."""
        asked = {field.name for field in self.table.add.fields} if self.table.add is not None else set()
        kept = {name: value for name, value in self.given.items() if name in asked}
        return f"{self.table.path}add/" + (f"?{urlencode(kept)}" if kept else "")

    def sorted_by(self, name: str) -> str:
        """The direction in which the list is ordered by a column first: "ascending", "descending" or ""."""
        first = self.order.name.split(",")[0]
        if first.removeprefix("-") != name:
            return ""
        return "descending" if first.startswith("-") else "ascending"

    def can_sort(self, name: str) -> bool:
        """Whether the list can be ordered by a column."""
        return bool(name) and _is_among(name, self.orders)


class Rows(NamedTuple):
    """A page of a list. next, previous: the addresses of the pages after and before it; "": there is none."""

    rows: Sequence[asyncpg.Record]
    next: str
    previous: str


def asked(handler: AdminPage, table: Table) -> View:
    """What the request's address asks for. Raises Problem 400: a filter has a value that it can't have."""
    given: dict[str, str] = {}
    filters: dict[str, Any] = {}
    for one in table.filters:
        text = handler.given(one.name)
        if text:
            given[one.name] = text
            filters |= _condition(handler, table, one, text)
    search = handler.given(SEARCH)[:LONGEST_SEARCH] if table.search else ""
    problem = _too_wide(table, [*given, *([SEARCH] if search else [])]) or _apart(table, given)
    if search:
        given[SEARCH] = search
        words = [canonical(word) for word in search.split()]
        findable = [word for word in words if _FINDABLE.search(word)]
        if findable:
            filters["search"] = (max(findable, key=len), words)
        else:
            problem = problem or UNFINDABLE
    term, orders = handler.given(ORDER), _orders(table, given)
    if term.removeprefix("-") in {column.order for column in table.columns if column.order} and _is_among(term, orders):
        given[ORDER] = term
        return View(table, given, filters, with_ties(table, [term]), orders, problem)
    usual = table.usual if not orders or orders[0] == table.usual[0] else orders[:1]
    return View(table, given, filters, with_ties(table, usual), orders, problem)


async def page_of(handler: AdminPage, view: View) -> Rows:
    """The page that the request's address asks for. Raises Problem: 400 a cursor of another list; 503."""
    if view.problem:
        return Rows([], "", "")
    before = handler.given(BEFORE)
    order = view.order.reversed() if before else view.order
    place = _place(before or handler.given(AFTER), view.order)
    rows = await _walk(view, order, place)(handler.tables.db, after=place, most=PAGE_SIZE + 1)
    has_more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
    if before:
        rows.reverse()
    has_next, has_previous = (True, has_more) if before else (has_more, place is not None)
    return Rows(
        rows,
        view.address(**{AFTER: _cursor(rows[-1], view.order)}) if rows and has_next else "",
        view.address(**{BEFORE: _cursor(rows[0], view.order)}) if rows and has_previous else "",
    )


async def part_of(handler: AdminPage, view: View, place: str | None) -> tuple[Sequence[asyncpg.Record], str | None]:
    """At most BATCH rows after a place (None: from the beginning), and the place of the last one; None: there are no more. Raises Problem 503."""
    if view.problem:
        return [], None
    rows = await _walk(view, view.order, place)(handler.tables.db, after=place, most=BATCH)
    return rows, rows[-1]["place"] if len(rows) == BATCH else None


async def found(handler: AdminPage, table: Table, search: str, most: int) -> Sequence[asyncpg.Record]:
    """The first rows that a search finds; without a search, the first of the table. Raises Problem 503."""
    words = [canonical(word) for word in search[:LONGEST_SEARCH].split()] if table.search else []
    findable = [word for word in words if _FINDABLE.search(word)]
    filters = _within(handler, table)
    if words and (not findable or (table.within and not filters)):
        return []
    if findable:
        filters["search"] = (max(findable, key=len), words)
    order = with_ties(table, table.usual)
    rows: Sequence[asyncpg.Record] = await order.walk(table.list, None).where(**filters)(
        handler.tables.db, after=None, most=most
    )
    return rows


async def named(handler: AdminPage, table: Table, keys: Sequence[Key]) -> Sequence[asyncpg.Record]:
    """The rows with these keys that there are, in the usual order. Raises Problem 503."""
    if not keys:
        return []
    parts = tuple([key[name] for key in keys] for name in table.key)
    order = with_ties(table, table.usual)
    rows: Sequence[asyncpg.Record] = await order.walk(table.list, None).where(keys=parts)(
        handler.tables.db, after=None, most=len(keys)
    )
    return rows


def _within(handler: AdminPage, table: Table) -> dict[str, Any]:
    """The first filter of Table.within, as the address has it; nothing without it. Raises Problem 400."""
    name = table.within[0] if table.within else ""
    text = handler.given(name) if name else ""
    return {one.name: _value(handler, one, text) for one in table.filters if one.name == name and text}


def _too_wide(table: Table, given: Sequence[str]) -> str:
    """Why a list that is not narrowed has no rows (Table.within); "": it has some."""
    if not table.within or not given or any(name in given for name in table.within):
        return ""
    title = next(one.title for one in table.filters if one.name == table.within[0]).lower()
    return TOO_WIDE.format(f"an {title}" if title[0] in "aeiou" else f"a {title}")


def _apart(table: Table, given: Mapping[str, str]) -> str:
    """Why these filters can't be combined; "": they can."""
    used = [one for one in table.filters if one.name in given]
    for one in used:
        for other in used:
            if other.name in one.apart:
                return f"“{one.title}” and “{other.title}” can't be combined. Choose one of them."
    return ""


def pick(table: Table, narrowed: str) -> str:
    """Where a script looks for rows of a table. narrowed: the value of the first filter of Table.within; "": nowhere, in a table that needs one."""
    if not table.within:
        return f"{table.path}choices/"
    return f"{table.path}choices/?{urlencode({table.within[0]: narrowed})}" if narrowed else ""


def with_ties(table: Table, terms: Sequence[str]) -> Order:
    """The order with its ties, which have the direction of its last term."""
    names = {term.removeprefix("-") for term in terms}
    sign = "-" if terms[-1].startswith("-") else ""
    return Order(table.orders, [*terms, *(f"{sign}{tie}" for tie in table.ties if tie not in names)])


def _walk(view: View, order: Order, place: str | None) -> FilteredQuery:
    return order.walk(view.table.list, place).where(**view.filters)


def _orders(table: Table, given: Mapping[str, str]) -> Sequence[str] | None:
    """The orders that a list with these filters can have; None: all. Of two filters without a common one, the first decides. A search finds so few
    rows that they can be in any order."""
    if table.within and not any(name in given for name in table.within):
        return ()
    orders: Sequence[str] | None = None
    others = None if table.filtered_orders is None else [*table.usual, *table.filtered_orders]
    for one in table.filters:
        served = others if one.orders is None else one.orders
        if one.name in given and served is not None and SEARCH not in given:
            orders = served if orders is None else [term for term in orders if term in served] or orders
    return orders


def _is_among(term: str, orders: Sequence[str] | None) -> bool:
    return orders is None or term.removeprefix("-") in {order.removeprefix("-") for order in orders}


def _condition(handler: AdminPage, table: Table, one: Filter, text: str) -> dict[str, Any]:
    """The filter of the SQL with its value; () for one without a parameter. Raises Problem 400."""
    value, known = _value(handler, one, text), table.list.filters
    if one.name not in known:
        return {f"{one.name}_{text}".lower(): ()}
    if one.kind in ("since", "until") and len(known[one.name].parameters) == 2:
        value = (value, handler.config.business_timezone)
    return {one.name: value}


def _value(handler: AdminPage, one: Filter, text: str) -> Any:
    """The value of a filter for its SQL. Raises Problem 400."""
    if one.kind == "choice" and text in {value for value, _ in one.choices}:
        return text
    if one.kind == "flag" and text in ("true", "false"):
        return text == "true"
    if one.kind in ("since", "until") and (day := since(text)) is not None:
        return day
    if one.kind == "text":
        return text[:LONGEST_SEARCH]
    if one.kind == "reference" and (table := handler.tables.by_name.get(one.to)) is not None:
        return tuple(table.parse(text).values())
    raise invalid({one.name: [f"{one.title}: there is no such choice."]})


def _cursor(row: asyncpg.Record, order: Order) -> str:
    key = keyset.written([order.name, *keyset.read(row["place"])])
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def _place(cursor: str, order: Order) -> str | None:
    """The place that a cursor names. Raises Problem 400."""
    if not cursor:
        return None
    try:
        key = keyset.read(
            base64.b64decode(cursor[: keyset.LONGEST] + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        )
    except (binascii.Error, ValueError, RecursionError):
        key = None
    if not isinstance(key, list) or not key or key[0] != order.name or not order.fits(key[1:]):
        raise Problem(400, "bad-cursor", Message.of("bad-cursor"))
    return keyset.written(key[1:])


def chosen(table: Table, texts: Sequence[str]) -> list[Key]:
    """The keys that a form names, each once. Raises Problem 404."""
    return [table.parse(text) for text in dict.fromkeys(texts)]


def label_of(row: asyncpg.Record) -> str:
    """What a row is called."""
    label = row["label"]
    return label if isinstance(label, str) and label else json.dumps(row["key"])

"""The lists of the books area: pages by number or by cursor, filters, orders, and searches. docs/api/books.md#lists."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from core.data.sql import Query
from core.http import keyset, paging, schema
from core.http.keyset import Column, Order
from core.http.parameter import Parameter
from core.problem import Message, invalid
from core.text import canonical
from handlers.books.handler import BooksHandler
from handlers.books.moment import MOMENT, moment

PAGE_SIZE, MOST = 20, 100
# Rows that are counted of a filtered list: counting all of a large one would take longer than showing its page.
MOST_COUNTED = 10_000
# Characters of a search.
LONGEST_SEARCH = 100
# Digits of an id, which is a bigint then.
LONGEST_ID = 18
ID = {"type": "integer", "minimum": 1}
CREATED = (
    Parameter("created_at__gte", "Made at this moment or later; a day begins at 0:00 UTC.", MOMENT),
    Parameter("created_at__lte", "Made at this moment or earlier; a day counts whole.", MOMENT),
)


class Listing(NamedTuple):
    """How a noun is listed. all: a page without filters, with the tally for its count; None: `found` takes its place. found: a page with
    filters, counted. walk: a page by cursor. columns: by name, those to order by, and `id`. usual: the order unless another is asked for."""

    all: Query | None
    found: Query
    walk: Query
    columns: Mapping[str, Column]
    usual: Sequence[str]


def parameters(columns: Mapping[str, Column]) -> tuple[Parameter, ...]:
    """What `show_page` reads itself."""
    names = ", ".join(name for name in columns if name != "id")
    return (
        *paging.parameters(PAGE_SIZE, MOST),
        keyset.CURSOR,
        Parameter("ordering", f"Of {names}, several with commas; `-` before one is descending."),
    )


async def show_page(
    handler: BooksHandler, listing: Listing, filters: Mapping[str, Any], beside: Mapping[str, str] = paging.NOTHING
) -> str:
    """The body of the page that is asked for. filters: by their names in the listing's SQL. beside: further members of the body, JSON
    text. Raises Problem: 400 an invalid cursor; 404 there is no such page."""
    order = _order(listing, handler.asked("ordering"))
    page = paging.requested(handler, default=PAGE_SIZE, most=MOST)
    if handler.asks_for("cursor"):
        return await _walked(handler, listing, order, filters, page.size, beside)
    whose = {"owner_id": handler.owner_id, "page": page.number, "page_size": page.size}
    if listing.all is not None and not filters:
        found = await listing.all.ordered(order.by)(handler.db, **whose)
        return paging.envelope(handler, found["count"], found["page"], page.size, found["results"], beside=beside)
    found = await listing.found.ordered(order.by).where(**filters)(handler.db, **whose, most=MOST_COUNTED)
    exact, count = found["count"] <= MOST_COUNTED, min(found["count"], MOST_COUNTED)
    return paging.envelope(handler, count, found["page"], page.size, found["results"], exact=exact, beside=beside)


async def _walked(
    handler: BooksHandler,
    listing: Listing,
    order: Order,
    filters: Mapping[str, Any],
    size: int,
    beside: Mapping[str, str],
) -> str:
    after = order.given(handler)
    walk = order.walk(listing.walk, after).where(**filters)
    rows = await walk(handler.db, after=after, owner_id=handler.owner_id, page_size=size)
    last = json.loads(rows[size - 1]["key"]) if len(rows) > size else None
    return keyset.envelope(handler, [row["document"] for row in rows[:size]], last and [order.name, *last], beside)


def _order(listing: Listing, asked: str) -> Order:
    """The requested order. Unknown columns are left out. The id, in the direction of the last column, makes it an order of all rows."""
    terms: dict[str, str] = {}
    for term in map(str.strip, asked.split(",")):
        if (name := term.removeprefix("-")) in listing.columns:
            terms.setdefault(name, term)
    terms = terms or {term.removeprefix("-"): term for term in listing.usual}
    if "id" not in terms:
        terms["id"] = "-id" if next(reversed(terms.values())).startswith("-") else "id"
    return Order(listing.columns, list(terms.values()))


def created(handler: BooksHandler) -> dict[str, Any]:
    """The filters `created_since` and `created_until` that are asked for. Raises Problem 400."""
    since, until = moment(handler, "created_at__gte"), moment(handler, "created_at__lte", whole_day=True)
    return {name: value for name, value in (("created_since", since), ("created_until", until)) if value is not None}


def search(handler: BooksHandler, name: str = "search") -> dict[str, Any]:
    """The filter `search` that is asked for: (the longest word, all words), which must all occur, ignoring case."""
    words = [canonical(word) for word in handler.asked(name)[:LONGEST_SEARCH].split()]
    return {"search": (max(words, key=len), words)} if words else {}


def choice(handler: BooksHandler, name: str, choices: Sequence[str]) -> str | None:
    """The choice that is asked for; None: any. Raises Problem 400."""
    asked = handler.asked(name)
    if asked and asked not in choices:
        said = f"Select a valid choice. {asked[: schema.LONGEST_VALUE]} is not one of the available choices."
        raise invalid({name: [said]})
    return asked or None


def id_of(handler: BooksHandler, name: str) -> int | None:
    """The id that a parameter has; None: any. Raises Problem 400."""
    asked = handler.asked(name)
    if not asked:
        return None
    if not (asked.isascii() and asked.isdecimal() and len(asked) <= LONGEST_ID):
        raise invalid({name: [Message.of("type.integer")]})
    return int(asked)


def is_amount(value: Any) -> bool:
    """A test for cursors: an amount as JSON reads it from `numeric`, with at most 8 digits before its point."""
    return type(value) in (int, float) and 0 <= value < 10**8

"""The lists of the books area: pages by number or by cursor, filters, orders, and searches. docs/api/books.md#lists."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from core.data.sql import Query
from core.http import keyset, paging, schema
from core.http.keyset import Column, Order
from core.http.parameter import Parameter
from core.problem import Message, invalid, not_found
from core.text import canonical
from handlers.api.books_handler import BooksHandler
from handlers.api.moment import MOMENT, moment

PAGE_SIZE, MOST = 20, 100
# Rows that are counted of a filtered list: counting all of a large one would take longer than showing its page.
MOST_COUNTED = 10_000
# Characters of a search.
LONGEST_SEARCH = 100
# pg_trgm finds a word by three letters in a row.
_FINDABLE = re.compile(r"[^\W_]{3}")
# Digits of an id, which is a bigint then.
LONGEST_ID = 18
ID = {"type": "integer", "minimum": 1}
# What `show_page` reads itself, beside the order.
PAGED = (*paging.parameters(PAGE_SIZE, MOST), keyset.CURSOR)
CREATED = (
    Parameter("created_at__gte", "Made at this moment or later; a day begins at 0:00 UTC.", MOMENT),
    Parameter("created_at__lte", "Made at this moment or earlier; a day counts whole.", MOMENT),
)


class Listing(NamedTuple):
    """How a noun is listed. all: a page without filters, with the tally for its count; None: `found` takes its place. found: a page with
    filters, counted. walk: a page by cursor. columns: by name, those to order by, and `id`. usual: the order unless another is asked for.
    ties: what decides between equals, in the direction of the last column that is asked for; the id is its end. is_ordered_as_asked: False:
    it has its usual order only, and takes no `ordering`."""

    all: Query | None
    found: Query
    walk: Query
    columns: Mapping[str, Column]
    usual: Sequence[str]
    ties: Sequence[str] = ("id",)
    is_ordered_as_asked: bool = True


def parameters(columns: Mapping[str, Column]) -> tuple[Parameter, ...]:
    """What `show_page` reads itself."""
    names = ", ".join(name for name in columns if name != "id") or "id"
    return (
        *PAGED,
        Parameter("ordering", f"Of {names}, several with commas; `-` before one is descending."),
    )


async def show_page(
    handler: BooksHandler,
    listing: Listing,
    filters: Mapping[str, Any],
    beside: Mapping[str, str] = paging.NOTHING,
    *,
    given: Mapping[str, Any] = paging.NOTHING,
) -> str:
    """The body of the page that is asked for. filters: by their names in the listing's SQL. beside: further members of the body, JSON
    text. given: further parameters of its queries. Raises Problem: 400 an invalid cursor; 404 there is no such page."""
    order = order_of(listing, handler.asked("ordering") if listing.is_ordered_as_asked else "")
    page = paging.requested(handler, default=PAGE_SIZE, most=MOST)
    if handler.asks_for("cursor"):
        return await _walked(handler, listing, order, filters, page.size, beside, given)
    whose = {"owner_id": handler.owner_id, "page": page.number, "page_size": page.size, **given}
    if listing.all is not None and not filters:
        found = await listing.all.ordered(order.by)(handler.db, **whose)
        return paging.envelope(handler, found["count"], found["page"], page.size, found["results"], beside=beside)
    found = await listing.found.ordered(order.by).where(**filters)(handler.db, **whose, most=MOST_COUNTED)
    count: int = found["count"]
    exact = count <= max(MOST_COUNTED, (page.number or 0) * page.size)
    if page.number is None and not exact:
        # Where the last page begins is not known.
        raise not_found(Message.of("bad-page"))
    return paging.envelope(handler, count, found["page"], page.size, found["results"], exact=exact, beside=beside)


async def _walked(
    handler: BooksHandler,
    listing: Listing,
    order: Order,
    filters: Mapping[str, Any],
    size: int,
    beside: Mapping[str, str],
    given: Mapping[str, Any],
) -> str:
    after = order.given(handler)
    walk = order.walk(listing.walk, after).where(**filters)
    rows = await walk(handler.db, after=after, owner_id=handler.owner_id, page_size=size, **given)
    last = keyset.read(rows[size - 1]["key"]) if len(rows) > size else None
    return keyset.envelope(handler, [row["document"] for row in rows[:size]], last and [order.name, *last], beside)


def order_of(listing: Listing, asked: str) -> Order:
    """The requested order. Unknown columns are left out. The ties make it an order of all rows."""
    terms: dict[str, str] = {}
    for term in map(str.strip, asked.split(",")):
        if (name := term.removeprefix("-")) in listing.columns:
            terms.setdefault(name, term)
    terms = terms or {term.removeprefix("-"): term for term in listing.usual}
    sign = "-" if next(reversed(terms.values())).startswith("-") else ""
    for name in () if "id" in terms else listing.ties:
        terms.setdefault(name, f"{sign}{name}")
    return Order(listing.columns, list(terms.values()))


def created(handler: BooksHandler) -> dict[str, Any]:
    """The filters `created_since` and `created_until` that are asked for. Raises Problem 400."""
    since, until = moment(handler, "created_at__gte"), moment(handler, "created_at__lte", whole_day=True)
    return {name: value for name, value in (("created_since", since), ("created_until", until)) if value is not None}


def search(handler: BooksHandler, name: str = "search", *before: Any) -> dict[str, Any]:
    """The filter `search` that is asked for, or `short_search` where no word can be found by an index: (…, the word to look for, all
    words), which must all occur, ignoring case. before: values of the filter that stand before these."""
    words = [canonical(word) for word in handler.asked(name)[:LONGEST_SEARCH].split()]
    findable = [word for word in words if _FINDABLE.search(word)]
    if findable:
        return {"search": (*before, max(findable, key=len), words)}
    return {"short_search": (*before, max(words, key=len), words)} if words else {}


def choice(handler: BooksHandler, name: str, choices: Sequence[str]) -> str | None:
    """The choice that is asked for; None: any. Raises Problem 400."""
    asked = handler.asked(name)
    if asked and asked not in choices:
        raise invalid({name: [_no_choice(asked)]})
    return asked or None


def choices(handler: BooksHandler, name: str, choices: Sequence[str]) -> list[str]:
    """The choices that are asked for, by a parameter that may be given several times, each once; none: any. Raises Problem 400."""
    asked = list(dict.fromkeys(filter(None, handler.all_asked(name))))
    for one in asked:
        if one not in choices:
            raise invalid({name: [_no_choice(one)]})
    return asked


def flag(handler: BooksHandler, name: str) -> bool | None:
    """The truth that is asked for; None: any. Raises Problem 400."""
    asked = choice(handler, name, ("true", "false"))
    return None if asked is None else asked == "true"


def _no_choice(asked: str) -> str:
    return f"Select a valid choice. {asked[: schema.LONGEST_VALUE]} is not one of the available choices."


def id_of(handler: BooksHandler, name: str) -> int | None:
    """The id that a parameter has; None: any. Raises Problem 400."""
    asked = handler.asked(name)
    if not asked:
        return None
    if not (asked.isascii() and asked.isdecimal() and len(asked) <= LONGEST_ID):
        raise invalid({name: [Message.of("type.integer")]})
    return int(asked)


def whole(handler: BooksHandler, name: str, usual: int) -> int:
    """The whole number that a parameter has; one that is too long for a bigint is as large as any. Raises Problem 400."""
    asked = handler.asked(name)
    if not asked:
        return usual
    digits = asked.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal()):
        raise invalid({name: [Message.of("type.integer")]})
    # A long number takes Python long to read.
    number = int(digits) if len(digits) <= LONGEST_ID else 10**LONGEST_ID
    return -number if asked.startswith("-") else number


def whole_from(handler: BooksHandler, name: str, least: int, most: int, usual: int) -> int:
    """The whole number from `least` to `most` that a parameter has. Raises Problem 400."""
    number = whole(handler, name, usual)
    if number < least:
        raise invalid({name: [Message.of("minimum", limit=least)]})
    if number > most:
        raise invalid({name: [Message.of("maximum", limit=most)]})
    return number


def is_amount(value: Any) -> bool:
    """A test for cursors: an amount as JSON reads it from `numeric`, with at most 8 digits before its point."""
    return keyset.is_number(value) and 0 <= value < 10**8

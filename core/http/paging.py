"""Numbered pages of a list. Parameters: `page` and `page_size`. Body: `{"count", "next", "previous", "results"}`, or its parts."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlencode

from core.http.declare import closed, ref
from core.http.handler import Handler
from core.http.json_text import composed
from core.http.parameter import Parameter
from core.problem import Message, not_found

# A page number beyond any list; times the page's size it is still a bigint.
LARGEST_PAGE = 10**12
NOTHING: Mapping[str, str] = MappingProxyType({})


def page_of(shape: str) -> dict[str, Any]:
    """The schema of a page's body, with a count or by cursor. shape: the name of the schema of an item."""
    return closed(page_members(ref(shape)), optional=("count", "count_is_exact"))


def page_members(item: Mapping[str, Any]) -> dict[str, Any]:
    """The schemas of the members of a page's body. A page that was asked for by cursor has no count."""
    link = {"type": ["string", "null"]}
    exact = {"type": "boolean", "enum": [False], "description": "There are at least `count`."}
    results = {"type": "array", "items": item}
    return {"count": {"type": "integer"}, "count_is_exact": exact, "next": link, "previous": link, "results": results}


def parameters(default: int, most: int) -> tuple[Parameter, ...]:
    """What `requested` reads."""
    return (
        Parameter(
            "page", "The page, from 1, or `last`.", {"anyOf": [{"type": "integer", "minimum": 1}, {"const": "last"}]}
        ),
        Parameter(
            "page_size",
            "Items of a page; a larger size counts as the maximum.",
            {"type": "integer", "minimum": 1, "maximum": most, "default": default},
        ),
    )


class Page(NamedTuple):
    """A requested page. number: from 1; None: the last page. size: items of a page."""

    number: int | None
    size: int


def requested(handler: Handler, *, default: int, most: int) -> Page:
    """The requested page. Invalid size: `default`; too large: `most`. Raises Problem 404 for an invalid page number."""
    size = handler.asked("page_size")
    number = handler.asked("page") if handler.asks_for("page") else "1"
    items = default
    if size.isascii() and size.isdecimal() and (digits := size.lstrip("0")):
        items = min(int(digits), most) if _is_count(digits) else most
    if number == "last":
        return Page(None, items)
    if not _is_count(number) or not 0 < int(number) <= LARGEST_PAGE:
        raise not_found(Message.of("bad-page"))
    return Page(int(number), items)


class Parts(NamedTuple):
    """The members of a page's body. total: its `count`. next, previous, results: JSON text."""

    total: int
    next: str
    previous: str
    results: str


def parts(handler: Handler, count: int, number: int, size: int, results: str | None) -> Parts:
    """The members of a page's body. results: JSON text; None: there is no such page. Raises Problem 404.

    The links keep the request's other parameters, sorted by name.
    """
    if results is None:
        raise not_found(Message.of("bad-page"))
    following = _link(handler, number + 1) if number * size < count else "null"
    previous = _link(handler, number - 1) if number > 1 else "null"
    return Parts(count, following, previous, results)


def envelope(
    handler: Handler,
    count: int,
    number: int,
    size: int,
    results: str | None,
    *,
    exact: bool = True,
    beside: Mapping[str, str] = NOTHING,
) -> str:
    """The body of a page; arguments as of `parts`. exact: False when counting stopped at `count`, so that there may be more items; the
    body then has `count_is_exact`: false. beside: further members, JSON text."""
    page = parts(handler, count, number, size, results)
    counted = {"count": str(page.total), **({} if exact else {"count_is_exact": "false"})}
    return composed({**counted, "next": page.next, "previous": page.previous, **beside, "results": page.results})


def _link(handler: Handler, number: int) -> str:
    # The link to the first page has no number.
    return link(handler, page=number if number > 1 else None)


def link(handler: Handler, **changed: Any) -> str:
    """The URL of this request with some parameters changed, as JSON text. None removes a parameter."""
    kept: list[tuple[str, Any]] = [
        (name, value)
        for name, value in handler.sent_parameters()
        # A token in a link would stay in logs and histories.
        if name not in changed and name != "token"
    ]
    kept += [(name, value) for name, value in changed.items() if value is not None]
    query = urlencode(sorted(kept, key=lambda pair: pair[0]))
    url = f"{handler.origin}{handler.request.path}{'?' + query if query else ''}"
    return json.dumps(url.replace("\\", "%5C").replace('"', "%22"), ensure_ascii=False)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 18

"""Pages of a list: `page` and `page_size` in, `{"count", "next", "previous", "results"}` out, or its parts for another body."""

from typing import Any, NamedTuple
from urllib.parse import urlencode

from core.http.handler import Handler
from core.problem import Message, not_found

LARGEST_PAGE = 10**12  # a page number beyond any list


class Page(NamedTuple):
    """number: 1-based, None for the last one. size: items."""

    number: int | None
    size: int


def requested(handler: Handler, *, default: int, most: int) -> Page:
    """The page asked for. A size that is none gets the default, one too large the most; a page that is none: 404."""
    size = handler.get_query_argument("page_size", "")
    number = handler.get_query_argument("page", "1")
    items = default
    if size.isascii() and size.isdecimal() and (digits := size.lstrip("0")):
        items = min(int(digits), most) if _is_count(digits) else most
    if number == "last":
        return Page(None, items)
    if not _is_count(number) or not 0 < int(number) <= LARGEST_PAGE:
        raise not_found(Message.of("bad-page"))
    return Page(int(number), items)


class Parts(NamedTuple):
    """What a list's body says of one page. next, previous, results: JSON text."""

    total: int  # `count` in the body
    next: str
    previous: str
    results: str


def parts(handler: Handler, count: int, number: int, size: int, results: str | None) -> Parts:
    """results: JSON text; None: there is no such page, 404. Links keep the other parameters, keys in order."""
    if results is None:
        raise not_found(Message.of("bad-page"))
    following = _link(handler, number + 1) if number * size < count else "null"
    previous = _link(handler, number - 1) if number > 1 else "null"
    return Parts(count, following, previous, results)


def envelope(handler: Handler, count: int, number: int, size: int, results: str | None, *, exact: bool = True) -> str:
    """The body around `results`, as `parts` takes them. exact: False where counting stopped: there are at least `count`, and the
    body says so (`count_is_exact`)."""
    page = parts(handler, count, number, size, results)
    counted = f'"count":{page.total}' if exact else f'"count":{page.total},"count_is_exact":false'
    return f'{{{counted},"next":{page.next},"previous":{page.previous},"results":{page.results}}}'


def _link(handler: Handler, number: int) -> str:
    return link(handler, page=number if number > 1 else None)  # the first page is the one without a number


def link(handler: Handler, **changed: Any) -> str:
    """This request's own URL, as JSON text, with some parameters changed; None leaves one out."""
    parameters: list[tuple[str, Any]] = [
        (name.encode("latin-1").decode("utf-8", "replace"), value)  # Tornado leaves names in latin-1
        for name in handler.request.query_arguments
        for value in handler.get_query_arguments(name)
        if name not in changed and name != "token"
    ]
    parameters += [(name, value) for name, value in changed.items() if value is not None]
    query = urlencode(sorted(parameters, key=lambda pair: pair[0]))
    url = f"{handler.origin}{handler.request.path}{'?' + query if query else ''}"
    return '"' + url.replace("\\", "%5C").replace('"', "%22") + '"'


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 18

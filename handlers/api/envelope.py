"""The staff API's success bodies, `{success, status_code, message, data}`, and the uuids in its paths (seed 001; contracts/sales.md, 0).

Where another document has the same endpoint without the wrapping, its members stand at the top, beside `data`: `bare`.
"""

import json
from collections.abc import Sequence

import asyncpg

from core.http import keyset, paging
from core.http.handler import Handler
from core.http.schema import is_uuid
from core.problem import not_found

LISTED, DETAIL = "List retrieved successfully", "Detail retrieved successfully"
CREATED, UPDATED = "Resource created successfully", "Resource updated successfully"


def told(message: str, data: str, status: int = 200, *, bare: str | None = None) -> str:
    """The body around `data` (JSON text). bare: an object whose members stand at the top too, where another document shows the
    same thing without the wrapping."""
    body = f'{{"success":true,"status_code":{status},"message":{json.dumps(message)},"data":{data}}}'
    return body if bare is None else f"{body[:-1]},{bare.lstrip()[1:]}"


def listed(
    handler: Handler, count: int, number: int, size: int, results: str | None, *, bare: str | None = None
) -> str:
    """The body of one page. results: JSON text; None: there is no such page, 404. bare: the results as another document shows
    them, whose page then stands at the top."""
    page = paging.parts(handler, count, number, size, results)
    return _told_page(f'"count":{page.total},"next":{page.next},"previous":{page.previous}', page.results, bare)


def walked(
    handler: Handler, rows: Sequence[asyncpg.Record], size: int, *, order: str | None = None, bare: bool = False
) -> str:
    """The body of the page that a cursor asked for, without a count. rows: `document` and `key`, and for bare `books`; one more than
    the size when more follow. order: what the next cursor begins with."""
    items = rows[:size]
    key = json.loads(items[-1]["key"]) if len(rows) > size else None
    following = keyset.following(handler, [order, *key] if key and order else key)
    books = _array(items, "books") if bare else None
    return _told_page(f'"next":{following},"previous":null', _array(items, "document"), books)


def _array(rows: Sequence[asyncpg.Record], column: str) -> str:
    return f"[{','.join(row[column] for row in rows)}]"


def _told_page(beside: str, results: str, bare: str | None) -> str:
    whole = None if bare is None else f'{{{beside},"results":{bare}}}'
    return told(LISTED, f'{{"results":{results},{beside}}}', bare=whole)


def path_id(given: str) -> str:
    """The uuid in a path; 404 for what is none."""
    if not is_uuid(given):
        raise not_found()
    return given

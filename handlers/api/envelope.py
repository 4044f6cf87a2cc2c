"""The staff API's success bodies, `{success, status_code, message, data}`, and the uuids in its paths. docs/api/accounts.md#success-bodies.

The books document has some of the same endpoints without this envelope. There the members of its body stand beside `data`, so one
body serves the clients of both.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from core.http import keyset, paging, schema
from core.http.declare import closed, ref
from core.http.handler import Handler
from core.http.json_text import composed
from core.problem import not_found

LISTED, DETAIL = "List retrieved successfully", "Detail retrieved successfully"
CREATED, UPDATED = "Resource created successfully", "Resource updated successfully"


def envelope(message: str, data: str, status: int = 200, *, books: str | None = None) -> str:
    """The body around `data` (JSON text). books: the object (JSON text) that the books document has there. It holds no amounts, whose
    digits Python would not preserve."""
    members = json.loads(books) if books else {}
    return _body(message, data, status, {name: _text(value) for name, value in members.items()})


def page_envelope(
    handler: Handler, count: int, number: int, size: int, results: str | None, *, books: str | None = None
) -> str:
    """The body of one page of a list. results: JSON text, of the staff document; None: there is no such page. books: the same of the
    books document, if it has this list. Raises Problem 404."""
    parts = paging.parts(handler, count, number, size, results)
    beside = {"count": str(parts.total), "next": parts.next, "previous": parts.previous}
    return _page(parts.results, books, beside)


def cursor_envelope(
    handler: Handler, rows: Sequence[asyncpg.Record], size: int, *, order: str | None = None, has_books: bool = False
) -> str:
    """The body of one page of a list that is read by cursor, without a count.

    rows: of columns `document` and `key` (JSON text), and `books` if the books document has this list; one row more than `size` when
    more follow. order: the name of the list's order, with which the next cursor begins.
    """
    items = rows[:size]
    key = json.loads(items[-1]["key"]) if len(rows) > size else None
    following = keyset.following(handler, [order, *key] if key and order else key)
    books = _array(items, "books") if has_books else None
    return _page(_array(items, "document"), books, {"next": following, "previous": "null"})


def _page(results: str, books: str | None, beside: Mapping[str, str]) -> str:
    data = composed({"results": results, **beside})
    return _body(LISTED, data, 200, {} if books is None else {**beside, "results": books})


def _body(message: str, data: str, status: int, members: Mapping[str, str]) -> str:
    staff = {"success": "true", "status_code": str(status), "message": json.dumps(message), "data": data}
    return composed({**staff, **members})


def _array(rows: Sequence[asyncpg.Record], column: str) -> str:
    return f"[{','.join(row[column] for row in rows)}]"


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def data_of(shape: str | Mapping[str, Any], status: int = 200, *, books: str | None = None) -> dict[str, Any]:
    """The schema of the body of `envelope`. shape: that of `data`. books: the name of the schema of the object beside it."""
    beside = schema.read(books)["properties"] if books else {}
    return _closed(ref(shape) if isinstance(shape, str) else shape, status, beside)


def page_of(shape: str, *, books: str | None = None) -> dict[str, Any]:
    """The schema of the body of `page_envelope` and `cursor_envelope`. shape, books: the names of the schemas of an item."""
    members = {name: one for name, one in paging.page_members(ref(shape)).items() if name != "count_is_exact"}
    beside = {**members, "results": {"type": "array", "items": ref(books)}} if books else {}
    return _closed(closed(members, optional=("count",)), 200, beside)


def _closed(data: Mapping[str, Any], status: int, beside: Mapping[str, Any]) -> dict[str, Any]:
    staff = {"success": {"const": True}, "status_code": {"const": status}, "message": {"type": "string"}, "data": data}
    return closed({**staff, **beside}, optional=("count",))


def path_id(given: str) -> str:
    """The uuid in a path. Raises Problem 404 when it is not a uuid."""
    if not schema.is_uuid(given):
        raise not_found()
    return given

"""Lists that are bare arrays, because the clients of their documents read nothing else. docs/api/pos.md#lists.

A list may be of any length: it is read in batches, each of which is sent before the next one is read, so that a list takes a few
hundred rows of memory. With `limit` or `cursor` it is one page, and the header `Link` leads to the next one (RFC 8288).
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg

from core.http import keyset
from core.http.declare import ref
from core.http.handler import Handler
from core.http.parameter import Parameter

# Rows that are read at once, and the most of a page.
BATCH = 500
LIMIT = Parameter(
    "limit",
    "Rows of a page; without it and without `cursor` the list is whole.",
    {"type": "integer", "minimum": 1, "maximum": BATCH},
)
CURSOR = Parameter("cursor", "The page after this one: the header `Link` of each page but the last has the address.")
PARAMETERS = (LIMIT, CURSOR)
# What a list that is read from its end begins before.
LAST_ID = 2**63 - 1

# Reads at most so many rows after a key: columns `document` (JSON text) and `key`.
Fetch = Callable[[Any, int], Awaitable[Sequence[asyncpg.Record]]]


def array_of(shape: str) -> dict[str, Any]:
    """The schema of a list. shape: the name of the schema of an item."""
    return {"type": "array", "items": ref(shape)}


async def reply_list(
    handler: Handler, fetch: Fetch, *, start: Any = 0, is_key: Callable[[Any], bool] = keyset.is_id
) -> None:
    """Answer with a list. start: the key before the first row. is_key: whether a value of a cursor can be a key. Raises Problem 400:
    an invalid cursor."""
    if handler.asks_for("limit") or handler.asks_for("cursor"):
        await _reply_page(handler, fetch, start, is_key)
        return
    rows = await fetch(start, BATCH)
    if len(rows) < BATCH:
        handler.reply(f"[{_joined(rows)}]")
        return
    handler.write("[" + _joined(rows))
    await handler.flush()
    while len(rows) == BATCH:
        rows = await fetch(rows[-1]["key"], BATCH)
        if rows:
            handler.write("," + _joined(rows))
            await handler.flush()
    handler.finish("]")


async def _reply_page(handler: Handler, fetch: Fetch, start: Any, is_key: Callable[[Any], bool]) -> None:
    given = handler.asked("limit")
    size = min(int(given), BATCH) if given.isascii() and given.isdecimal() and len(given) < 10 and int(given) else BATCH
    (after,) = keyset.given(handler, is_key) or [start]
    rows = await fetch(after, size + 1)
    if len(rows) > size:
        rows = rows[:size]
        address = json.loads(keyset.following(handler, [rows[-1]["key"]]))
        handler.set_header("Link", f'<{address}>; rel="next"')
    handler.reply(f"[{_joined(rows)}]")


def _joined(rows: Sequence[asyncpg.Record]) -> str:
    return ",".join(row["document"] for row in rows)

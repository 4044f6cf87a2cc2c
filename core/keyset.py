"""Keyset paging: a cursor names the last item of a page, and the next page begins after it, however long the list and whatever
was added meanwhile. `cursor` and `page_size` in, `{"next", "previous", "results"}` out; previous is always null."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any

from core import paging
from core.handler import Handler
from core.problem import Problem

LONGEST = 3000  # characters of a cursor: a key may hold a text of 150 letters


def given(handler: Handler, *tests: Callable[[Any], bool]) -> list[Any] | None:
    """The key to go on after, one value for each test; None: from the beginning. Raises Problem 400 for what is no cursor of ours."""
    text = handler.get_query_argument("cursor", "")[:LONGEST]
    if not text:
        return None
    try:
        # Padded exactly: from Python 3.11 on, too much is refused as well as too little.
        key = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        key = None
    if not isinstance(key, list) or len(key) != len(tests) or not all(t(v) for t, v in zip(tests, key, strict=True)):
        raise Problem(400, "bad-cursor", "Invalid cursor.")
    return key


def envelope(handler: Handler, items: Sequence[str], key: Sequence[Any] | None) -> str:
    """The body around a page's items (JSON text each). key: of the last item, when more follow."""
    following = "null"
    if key is not None:
        cursor = base64.urlsafe_b64encode(json.dumps(list(key)).encode()).decode().rstrip("=")
        following = paging.link(handler, cursor=cursor, page=None)
    return f'{{"next":{following},"previous":null,"results":[{",".join(items)}]}}'


def is_id(value: Any) -> bool:
    """A test for `given`: what a row's number can be."""
    return type(value) is int and 0 <= value < 2**63


def is_moment(value: Any) -> bool:
    """A test for `given`: microseconds since 1970, as a timestamp of the years 1 to 9999 has."""
    return type(value) is int and -(2**56) < value < 2**58

"""The staff API's success bodies, `{success, status_code, message, data}`, and the uuids in its paths (seed 001; contracts/sales.md, 0).

Where another document has the same endpoint without the wrapping, its members stand at the top, beside `data`: `bare`.
"""

import json

from core import paging
from core.handler import Handler
from core.problem import not_found
from core.schema import is_uuid

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
    beside = f'"count":{page.total},"next":{page.next},"previous":{page.previous}'
    whole = None if bare is None else f'{{{beside},"results":{bare}}}'
    return told(LISTED, f'{{"results":{page.results},{beside}}}', bare=whole)


def path_id(given: str) -> str:
    """The uuid in a path; 404 for what is none."""
    if not is_uuid(given):
        raise not_found()
    return given

"""The description of all four APIs (OpenAPI 3.1), in the groups in which a reader of their documents looks for an operation.

A module names the groups of its routes in `groups`, and a handler those of its own: "API: noun". An operation that two documents describe
is in a group of each.
"""

import json
import sys
from collections.abc import Iterable
from typing import Any

from core import product
from core.http import openapi
from core.http.handler import Handler
from core.http.router import Route

# The APIs, in the order of the page.
APIS = {
    "Invoices": "the ERP's import of invoices, and the live stream",
    "Staff": "staff and the warehouse",
    "Vendor": "vendors' billing",
    "Shop": "the shop's point of sale",
    "Books": "the books of a firm, or of a member of the public",
    "Server": "what belongs to no single API",
}
INTRODUCTION = """\
One server implements four documented APIs. Each has its own form of answers and refusals; an operation that two documents describe is \
listed under both, and its answer holds the members of both.

- Each path works with and without its final slash.
- Bodies are JSON. A body without nested values may also be a form (`application/x-www-form-urlencoded`, `multipart/form-data`). Unknown \
members are ignored. A number may be sent as text, and the reverse.
- Sign in at `/api/auth/login/`, and send the access token as `Authorization: Bearer TOKEN`; in the vendor API sign in at `/auth/login`, and \
send `Authorization: Token TOKEN`.
- `HEAD` works where `GET` does; `OPTIONS` names the methods of a path, and another method is 405 with `Allow`.
- Each answer has an `X-Request-ID`.

The groups below begin with the name of their API:

"""
SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The access token of a sign-in.",
    },
    "token": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`Token TOKEN`, with the token of a vendor's sign-in (`/auth/login`).",
    },
    "key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-KEY",
        "description": "The key of the ERP (SALES_IMPORT_API_KEY).",
    },
}


def compose(routes: Iterable[Route], area: str | None = None) -> dict[str, Any]:
    """The OpenAPI document of the routes. area: only those of one package of handlers/. Raises ValueError: a route says too little."""
    described = [
        openapi.Described(route, groups_of(route.handler))
        for route in routes
        if route.handler.is_described and (area is None or _area(route.handler) == area)
    ]
    names = dict.fromkeys(name for one in described for name in one.groups)
    order = list(APIS)
    groups = sorted(names, key=lambda name: (order.index(name.partition(":")[0]), name))
    says = INTRODUCTION + "".join(f"- {name}: {what}\n" for name, what in APIS.items())
    info = {"title": f"{product.NAME} API", "version": product.VERSION, "description": says}
    return openapi.document(described, info=info, groups=groups, schemes=SCHEMES)


def text(document: dict[str, Any]) -> str:
    """The document as JSON text."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def groups_of(handler: type[Handler]) -> tuple[str, ...]:
    """The groups of a handler's routes. Raises LookupError: neither the handler nor its module names any."""
    found: tuple[str, ...] = handler.groups or getattr(sys.modules[handler.__module__], "groups", ())
    if not found:
        raise LookupError(f"{handler.__module__}.{handler.__name__} is in no group of the description")
    return found


def _area(handler: type[Handler]) -> str:
    return handler.__module__.split(".")[1]

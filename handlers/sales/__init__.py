"""Sales and the warehouse (seeds 000 and 001)."""

import hmac
from typing import Any

from core.access import Access
from core.problem import not_signed_in
from handlers.api.dialects import SalesDialect
from handlers.api.handler import ApiHandler, NotFound
from handlers.api.roles import may_enter


class SalesHandler(ApiHandler):
    dialect = SalesDialect()


_staff = may_enter("sales")


def _read(handler: Any) -> None:
    if not handler.config.sales_public_read:
        _staff.check(handler)


def _import(handler: Any) -> None:
    if handler.caller is not None:
        _staff.check(handler)
    elif not _is_key(handler.request.headers.get("X-API-KEY", ""), handler.config.sales_import_api_key):
        raise not_signed_in()


def _is_key(given: str, key: str) -> bool:
    return bool(key) and hmac.compare_digest(given.encode(), key.encode())


public_read = Access("anyone (SALES_PUBLIC_READ=false: signed in, area sales)", _read)
signed_in_or_api_key = Access("signed in, area sales; or X-API-KEY", _import)


class NotFoundInSales(NotFound):
    dialect = SalesHandler.dialect


fallbacks = [("/api/sales/", NotFoundInSales)]

"""Sales: invoices and the warehouse. docs/api/sales.md."""

import hmac

from core.access import Access
from core.problem import not_signed_in
from handlers.api.dialects import SalesDialect
from handlers.api.handler import ApiHandler, NotFound
from handlers.api.roles import check_area


class SalesHandler(ApiHandler):
    dialect = SalesDialect()

    def asked_statuses(self) -> list[str]:
        """The values of `status`, in upper case: it may be repeated, and each one may be a list with commas."""
        asked = ",".join(self.all_asked("status")).upper().split(",")
        return list(dict.fromkeys(status.strip() for status in asked if status.strip()))

    def asked_invoice_statuses(self) -> list[str]:
        """The same for the status of an invoice. The staff document also draws a status CREATED, which no invoice has."""
        return list(dict.fromkeys("PENDING" if status == "CREATED" else status for status in self.asked_statuses()))


class NotFoundInSales(NotFound):
    """404 for unknown paths of the area, in its dialect."""

    dialect = SalesDialect()


class PublicReadHandler(SalesHandler):
    """The base of the handlers whose GET anybody may call: the list, one invoice, the stream. While reading is public, pages of every
    origin may read the answers, as pages opened from a disk do."""

    @property
    def any_origin(self) -> bool:
        return bool(self.config.sales_public_read) and self.asked_method in ("GET", "HEAD")


def _read(handler: ApiHandler) -> None:
    if not handler.config.sales_public_read:
        check_area(handler, "sales")


def _import(handler: ApiHandler) -> None:
    if handler.caller is not None:
        check_area(handler, "sales")
    elif not _is_key(handler.request.headers.get("X-API-KEY", ""), handler.config.sales_import_api_key):
        raise not_signed_in()


def _is_key(given: str, key: str) -> bool:
    return bool(key) and hmac.compare_digest(given.encode(), key.encode())


public_read = Access("anyone (SALES_PUBLIC_READ=false: signed in, area sales)", _read, is_open=True)
signed_in_or_api_key = Access("signed in, area sales; or X-API-KEY", _import, schemes=("key",))

fallbacks = [("/api/sales/", NotFoundInSales)]

"""Invoices: import, list. Seed 000, sections 1 and 2."""

import json
import re
from collections.abc import Callable
from typing import Any

from core.data import sql
from core.duties import Duty
from core.http import keyset, paging, schema
from core.http.application import BODY_LIMIT, Application
from core.http.handler import body
from core.problem import Problem, invalid
from handlers.sales import SalesHandler, public_read, signed_in_or_api_key

STATUSES = ("PENDING", "PICKING", "PICKED", "PACKING", "PACKED", "DISPATCHED", "DELIVERED")
MOST_STATUSES = 20  # in one request, also of those there are not
LONGEST = 320  # characters of a filter; more than any column holds
SEARCH_SECONDS = 3.0  # for a filtered list; then 503
ORDERS = ("id", "invoice_no", "invoice_date", "status", "created_by", "created_at")

query = sql.load("sales/invoice")


class Searches:
    """The share of the database's connections that filtered lists may use. Anyone may search, also for what takes long, and the
    warehouse's steps must always find a free connection."""

    def __init__(self, app: Application) -> None:
        self.db = app.db.limited(most=max(1, app.config.db_pool_size // 2), seconds=SEARCH_SECONDS)


class Invoices(SalesHandler):
    access = public_read

    async def get(self) -> None:
        """200, newest first. page, page_size (20, at most 100), or cursor (empty: from the beginning; nothing is counted); filters: status
        (repeatable: any of them), start_date, end_date, customer (code), salesman (name or id), created_by, user, worker, search;
        ordering: one of ORDERS, `-` before it: descending. count_is_exact is there, false, where there may be more: then page=last is
        none. 400 a filter or cursor that is none; 404 Invalid page; 503 a filter takes too long, or too many are at it."""
        size = paging.requested(self, default=20, most=100).size
        filters, order = self._filters(), self._order()
        if "cursor" in self.request.query_arguments:
            self.reply(await self._after_cursor(filters, order, size))
            return
        page, exact = paging.requested(self, default=20, most=100), True
        if order == "-id" and not any(value for name, value in filters.items() if name != "statuses"):
            found = await query.list_invoices(self.db, statuses=filters["statuses"], page=page.number, page_size=size)
        else:
            found = await self._find(filters, order, page=page.number, page_size=size)
            exact = found["exact"]
        self.reply(paging.envelope(self, found["count"], found["page"], size, found["results"], exact=exact))

    async def _after_cursor(self, filters: dict[str, Any], order: str, size: int) -> str:
        """The page after the cursor: `{next, previous: null, results}`."""
        after = keyset.given(self, lambda value: value == order, _key_of(order), keyset.is_id) or [None, None, None]
        found = await self._find(filters, order, page_size=size, keyset=True, after_key=after[1], after_id=after[2])
        last = [order, found["last_key"], found["last_id"]] if found["more"] else None
        return keyset.envelope(self, [found["results"][1:-1]], last)  # the items, without the brackets around them

    async def _find(self, filters: dict[str, Any], order: str, **place: Any) -> Any:
        nowhere = {"page": None, "keyset": False, "after_key": None, "after_id": None}
        return await query.find_invoices(
            self.application.kept(Searches).db, **filters, ordering=order.lstrip("-"), descending=order.startswith("-"), **{**nowhere, **place}
        )

    def _filters(self) -> dict[str, Any]:
        statuses = {status.replace("\0", "") for status in self.get_query_arguments("status")} - {""}
        texts = ("customer", "salesman", "created_by", "worker", "search")
        user = self._text("user")
        if user is not None and not schema.is_uuid(user):
            raise invalid({"user": ["Must be a valid UUID."]})
        return {
            "statuses": sorted(statuses, key=lambda status: status not in STATUSES)[:MOST_STATUSES] or None,
            "start_date": self._day("start_date"),
            "end_date": self._day("end_date"),
            "user": user,
            **{name: self._text(name) for name in texts},
        }

    def _order(self) -> str:
        asked = self.get_query_argument("ordering", "").split(",")
        return next((one for one in map(str.strip, asked) if one.removeprefix("-") in ORDERS), "-id")

    def _text(self, name: str) -> str | None:
        return self.get_query_argument(name, "").replace("\0", "")[:LONGEST].strip() or None

    def _day(self, name: str) -> str | None:
        text = self._text(name)
        if text is not None and not schema.is_date(text):
            raise invalid({name: ["Date has wrong format. Use one of these formats instead: YYYY-MM-DD."]})
        return text


def _key_of(order: str) -> Callable[[Any], bool]:
    """Tells whether a cursor's value is one that the column ordered by can have; keys are text, as find_invoices gives them."""
    column = order.lstrip("-")
    if column == "invoice_date":
        return lambda value: isinstance(value, str) and schema.is_date(value)
    if column in ("id", "created_at"):  # microseconds since 1970
        return lambda value: isinstance(value, str) and bool(re.fullmatch("-?[0-9]{1,16}", value))
    return keyset.is_text


class InvoiceImport(SalesHandler):
    access = signed_in_or_api_key
    json_limit = BODY_LIMIT

    @body("sales/invoice_import")
    async def post(self) -> None:
        """Store one invoice with its customer, salesman and items. 201; 400 fields; 401; 409 invoice_no taken."""
        account_id = self.caller.account_id if self.caller else None
        # One statement is its own transaction: BEGIN and COMMIT around it would be two more round trips.
        imported = await query.import_invoice(self.db, account_id=account_id, body=self.body_text)
        self.reply(
            f'{{"success":true,"status_code":201,"message":"Invoice imported successfully","data":{imported}}}',
            status=201,
        )


async def invoice_no_taken(handler: Any) -> Problem:
    """409 that names the invoice which has the number; nothing was touched."""
    data = await query.find_invoice_no(handler.db, invoice_no=handler.body["invoice_no"])
    return Problem(
        409,
        "invoice-exists",
        "Invoice with this invoice_no already exists.",
        extra={"data": json.loads(data or "null")},
    )


async def fold_changes(app: Any) -> None:
    """Keep the tally that list_invoices counts by."""
    folded = await query.fold_invoice_changes(app.db)
    if folded > 1000:
        # The rows folded are dead, and autovacuum comes once a minute at best; every list reads past them until then.
        await query.vacuum_invoice_changes(app.db)


refusals = {"invoice_invoice_no_key": invoice_no_taken}
duties = [Duty(1.0, fold_changes)]
routes = [
    ("/api/sales/invoices/", Invoices),
    ("/api/sales/import/invoice/", InvoiceImport),
]

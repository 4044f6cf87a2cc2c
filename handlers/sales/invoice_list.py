"""Lists of invoices. docs/api/sales.md#list, #search-and-counts."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import asyncpg

from core.data import sql
from core.http import keyset, paging, schema
from core.http.application import Application
from core.problem import invalid, not_found
from handlers.sales import SalesHandler, public_read

STATUSES = ("PENDING", "PICKING", "PICKED", "PACKING", "PACKED", "DISPATCHED", "DELIVERED")
MOST_STATUSES = 20  # in one request, unknown ones included
LONGEST = 320  # characters of a filter; more than any column holds
SEARCH_SECONDS = 3.0  # for one statement of a list with filters; then 503
COUNTED = 10_000  # invoices of a search, a worker or several filters; of more, `count` says at least how many there are

# What a list can be ordered by. Invoices that are alike in it are ordered by id, the same way.
ORDERS = {
    "id": keyset.Column("i.id", "bigint", keyset.is_id),
    "invoice_no": keyset.Column("i.invoice_no", "text", keyset.is_text),
    "invoice_date": keyset.Column("i.invoice_date", "date", schema.is_date),
    "status": keyset.Column("i.status", "text", keyset.is_text),
    "created_by": keyset.Column("coalesce(i.created_by, '')", "text", keyset.is_text),
    "created_at": keyset.Column("i.created_at", "timestamptz", keyset.is_instant),
}
# Filters of sql/sales/invoice_list.sql whose index goes on by id: walked along, it gives a page at once.
BEGIN_AN_INDEX = {"day", "customer", "salesman", "user"}
DAYS = {"day", "since", "until"}
# Filters whose counts are kept (sales.invoice_count), each alone or with days and statuses.
COUNTS_KEPT = {"customer", "salesman", "user", "created_by"}

query = sql.load("sales/invoice_list")


class Place(NamedTuple):
    """Where a page begins: after a cursor's key (JSON text), or after so many invoices."""

    after: str | None
    skip: int
    most: int  # invoices of the page


class ListConnections:
    """The share of the database's connections for lists with filters. Anyone may search, also for what takes long, and the
    warehouse's steps must always find a free connection."""

    def __init__(self, app: Application) -> None:
        self.db = app.db.limited(most=max(1, app.config.db_pool_size // 2), seconds=SEARCH_SECONDS)


class Invoices(SalesHandler):
    access = public_read

    async def get(self) -> None:
        """200, newest first. page, page_size (20, at most 100), or cursor (empty: from the beginning; nothing is counted); filters:
        status (repeatable: any of them), start_date, end_date, customer (code), salesman (name or id), created_by, user, worker,
        search; ordering: one of ORDERS, `-` before it: descending. `count_is_exact` is there, false, where there may be more than
        `count`; then there is no page=last. 400 an invalid filter or cursor; 404 Invalid page; 503 a filter takes too long, or
        too many lists with filters are being made."""
        filters, order = self._filters(), self._order()
        page = paging.requested(self, default=20, most=100)
        if "cursor" in self.request.query_arguments:
            rows = await self._page(filters, order, Place(order.given(self), 0, page.size + 1))
            key = [order.name, *json.loads(rows[page.size - 1]["key"])] if len(rows) > page.size else None
            self.reply(keyset.envelope(self, [row["document"] for row in rows[: page.size]], key))
        elif order.name == "-id" and filters.keys() <= {"statuses"}:
            found = await query.list_invoices(
                self.db, statuses=filters.get("statuses"), page=page.number, page_size=page.size
            )
            self.reply(paging.envelope(self, found["count"], found["page"], page.size, found["results"]))
        else:
            await self._numbered(filters, order, page)

    async def _numbered(self, filters: dict[str, Any], order: keyset.Order, page: paging.Page) -> None:
        """Answer with a page by its number, of a list with filters or in another order."""
        filters, count, is_exact = await self._counted(filters)
        last = max(1, -(-count // page.size))
        number = page.number or last
        skip = (number - 1) * page.size
        if (page.number is None and not is_exact) or (is_exact and number > last):
            raise not_found("Invalid page.")
        if is_exact and skip > count / 2:
            # It is nearer from the other end.
            size = min(page.size, count - skip)
            rows = await self._page(filters, order.reversed(), Place(None, count - skip - size, size))
            rows = rows[::-1]
        else:
            rows = await self._page(filters, order, Place(None, skip, page.size + 1))
        if not is_exact:
            if not rows and skip > 0:
                raise not_found("Invalid page.")
            # A page that isn't full is the last one, and says how many there are.
            is_exact = len(rows) <= page.size
            count = skip + len(rows) if is_exact else max(count, skip + len(rows))
        results = ",".join(row["document"] for row in rows[: page.size])
        self.reply(paging.envelope(self, count, number, page.size, f"[{results}]", exact=is_exact))

    async def _counted(self, filters: dict[str, Any]) -> tuple[dict[str, Any], int, bool]:
        """The filters, those that look into other tables as what they found there; how many invoices they let through; and
        whether that is exact, or there are at least so many."""
        kept = filters.keys() & COUNTS_KEPT
        if (
            filters.keys() <= {*kept, *DAYS, "statuses"}
            and len(kept) < 2
            and not (kept == {"customer"} and filters.keys() & DAYS)
        ):
            day = filters.get("day")
            count = await query.count_kept(
                self.lists,
                **{name: filters.get(name) for name in ("statuses", *sorted(COUNTS_KEPT))},
                first_day=filters.get("since", day),
                last_day=filters.get("until", day),
            )
            return filters, count, True
        filters, some = await self._looked_up(filters)
        count = await query.count_some.where(**{**filters, **some})(self.lists, most=COUNTED + 1)
        is_exact = count <= COUNTED and not some
        return filters, min(count, COUNTED), is_exact

    async def _looked_up(self, filters: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The filters, with the invoices of a worker or a search in place of what was asked for where these are few; and some of
        the invoices where these are many."""
        filters, some = dict(filters), {}
        for name, found_as, find in (
            ("worker", "worked", query.find_by_worker),
            ("search", "found", query.find_by_text),
            ("search_word", "found", query.find_by_word),
        ):
            if name in filters:
                (parameter, _) = find.parameters
                found = await find(self.lists, **{parameter: filters[name]}, most=COUNTED + 1)
                if found["is_all"]:
                    filters[found_as] = found["ids"]
                    del filters[name]
                else:
                    some = {found_as: found["ids"]}
        return filters, some

    async def _page(self, filters: dict[str, Any], order: keyset.Order, place: Place) -> Sequence[asyncpg.Record]:
        """The invoices of a page, `document` and `key` each (JSON text)."""
        alone = filters.keys() <= {"statuses"} and len(filters.get("statuses", [""])) == 1
        by_id, by_date = order.name in ("id", "-id"), order.name.lstrip("-").startswith("invoice_date")
        if (
            not filters
            or (by_id and (alone or filters.keys() & BEGIN_AN_INDEX))
            or (by_date and filters.keys() <= DAYS)
        ):
            return await self._run(query.walk_invoices, filters, order, place)
        if not filters.keys() & {"worked", "found"} and place.skip < 500:
            rows = await self._run(query.scan_invoices, filters, order, place)
            if len(rows) == place.most:
                return rows
        if filters.keys() & {"worker", "search", "search_word"}:
            filters, _ = await self._looked_up(filters)
            for name in filters.keys() & {"worker", "search", "search_word"}:
                filters[f"{name}_by_index"] = filters.pop(name)
        return await self._run(query.sort_invoices, filters, order, place)

    async def _run(
        self, page: sql.Query, filters: dict[str, Any], order: keyset.Order, place: Place
    ) -> Sequence[asyncpg.Record]:
        return await order.walk(page, place.after).where(**filters)(
            self.lists if filters else self.db, after=place.after, skip=place.skip, most=place.most
        )

    @property
    def lists(self) -> sql.Runner:
        return self.application.kept(ListConnections).db

    def _filters(self) -> dict[str, Any]:
        """The filters that are asked for, by their names in sql/sales/invoice_list.sql. Raises Problem 400."""
        statuses = set(self.get_query_arguments("status")) - {""}
        search = self._text("search")
        user = self._text("user")
        first, last = self._day("start_date"), self._day("end_date")
        if user is not None and not schema.is_uuid(user):
            raise invalid({"user": ["Must be a valid UUID."]})
        given = {
            "statuses": sorted(statuses, key=lambda status: status not in STATUSES)[:MOST_STATUSES] or None,
            "day": first if first == last else None,
            "since": first if first != last else None,
            "until": last if first != last else None,
            "customer": self._text("customer"),
            "salesman": self._text("salesman"),
            "user": user,
            "created_by": self._text("created_by"),
            "worker": self._text("worker"),
            "search": search if search and len(search) > 2 else None,
            "search_word": search if search and len(search) < 3 else None,
        }
        return {name: value for name, value in given.items() if value is not None}

    def _order(self) -> keyset.Order:
        """The first of the orders asked for that there is."""
        asked = map(str.strip, self.get_query_argument("ordering", "").split(","))
        term = next((term for term in asked if term.removeprefix("-") in ORDERS), "-id")
        return keyset.Order(
            ORDERS, [term] if term in ("id", "-id") else [term, "-id" if term.startswith("-") else "id"]
        )

    def _text(self, name: str) -> str | None:
        return self.get_query_argument(name, "")[:LONGEST].strip() or None

    def _day(self, name: str) -> str | None:
        text = self._text(name)
        if text is not None and not schema.is_date(text):
            raise invalid({name: ["Date has wrong format. Use one of these formats instead: YYYY-MM-DD."]})
        return text


routes = [("/api/sales/invoices/", Invoices)]

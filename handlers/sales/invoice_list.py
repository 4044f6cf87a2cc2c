"""Lists of invoices. docs/api/sales.md#list, #search-and-counts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import asyncpg

from core import email_address
from core.data import sql
from core.http import keyset, paging, schema
from core.http.application import Application
from core.http.declare import answers
from core.http.parameter import DATE, EMAIL, UUID, Parameter
from core.problem import invalid, not_found
from handlers.sales import PublicReadHandler, public_read

STATUSES = ("PENDING", "PICKING", "PICKED", "PACKING", "PACKED", "DISPATCHED", "DELIVERED")
PAGE_SIZE, MAX_PAGE_SIZE = 20, 100
MOST_STATUSES = 20  # in one request, unknown ones included
LONGEST = 320  # characters of a filter; more than any column holds
SEARCH_SECONDS = 3.0  # for one statement of a list with filters; then 503
COUNTED = 10_000  # invoices of a search, a worker or several filters; of more, `count` says at least how many there are

# What a list can be ordered by. Invoices that are alike in it are ordered by id, the same way.
ORDERS = {
    "id": keyset.Column("i.id", "bigint", keyset.is_id),
    "invoice_no": keyset.Column("i.invoice_no", "text", keyset.is_text),
    "invoice_date": keyset.Column("i.invoice_date", "date", keyset.is_day),
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

NARROW = 5_000  # invoices, of each of which it is asked whether a search finds it
SCANNED_TO = 500  # invoices to skip; a page beyond is not looked for among the first thousand
# Filters that look into other tables: the filter by what was found there, and the query that finds it.
LOOKED_UP = {
    "worker": ("worked", query.find_by_worker),
    "search": ("found", query.find_by_text),
    "search_word": ("found", query.find_by_word),
}


class Place(NamedTuple):
    """Where a page begins: after a cursor's key (JSON text), or after so many invoices."""

    after: str | None
    skip: int
    most: int  # invoices of the page


@dataclass(frozen=True)
class NumberedPage:
    """rows: `document` and `key` each (JSON text). is_exact: false where there are at least `count`. number: 1-based."""

    rows: Sequence[asyncpg.Record]
    count: int
    number: int
    is_exact: bool


class Invoices:
    """The invoices that some filters let through. filters: by their names in sql/sales/invoice_list.sql."""

    def __init__(self, db: sql.Runner, filters: dict[str, Any]) -> None:
        self._db, self._filters = db, filters
        self._some: dict[str, asyncpg.Record] | None = None

    async def numbered_page(self, order: keyset.Order, page: paging.Page) -> NumberedPage:
        """A page by its number, or the last one. Raises Problem 404: there is no such page."""
        count, is_exact = await self._count()
        last = max(1, -(-count // page.size))
        number = page.number or last
        skip = (number - 1) * page.size
        if (page.number is None and not is_exact) or (is_exact and number > last):
            raise not_found("Invalid page.")
        if is_exact:
            size = min(page.size, count - skip)
            if skip <= count / 2:
                rows = await self.page(order, Place(None, skip, size))
            else:
                # It is nearer from the other end.
                rows = (await self.page(order.reversed(), Place(None, count - skip - size, size)))[::-1]
            return NumberedPage(rows, count, number, True)
        rows = await self.page(order, Place(None, skip, page.size + 1))
        if not rows and skip > 0:
            raise not_found("Invalid page.")
        if len(rows) <= page.size:
            # A page that isn't full is the last one, and tells how many there are.
            return NumberedPage(rows, skip + len(rows), number, True)
        return NumberedPage(rows[: page.size], max(count, skip + len(rows)), number, False)

    async def page(self, order: keyset.Order, place: Place) -> Sequence[asyncpg.Record]:
        """The invoices of a page, `document` and `key` each (JSON text)."""
        filters, column = self._filters, order.name.split(",")[0].lstrip("-")
        if column == "id" and filters.keys() == {"statuses"}:
            return await self._run(query.merge_statuses, order, place, statuses=filters["statuses"])
        # A search is asked of each invoice on the way, which may be all of a salesman's, so it is looked up first.
        is_index_walk = bool(filters.keys() & BEGIN_AN_INDEX) and not filters.keys() & {"search", "search_word"}
        if not filters or (column == "id" and is_index_walk) or (column == "invoice_date" and filters.keys() <= DAYS):
            return await self._run(query.walk_invoices, order, place)
        # Where a page is to be expected near its beginning, unless what was looked up has shown that there are few invoices.
        if place.skip < SCANNED_TO and not filters.keys() & {"worked", "found"}:
            rows = await self._run(query.scan_invoices, order, place)
            if len(rows) == place.most:
                return rows
        if column == "id" and filters.keys() <= {"since", "until", "statuses"} and filters.keys() & DAYS:
            days = {"first_day": filters.get("since"), "last_day": filters.get("until")}
            return await self._run(query.merge_days, order, place, **days)
        await self._look_up()
        if not await self._is_narrow():
            for name in self._filters.keys() & LOOKED_UP.keys():
                self._filters = {**self._filters, f"{name}_by_index": self._filters[name]}
                del self._filters[name]
        return await self._run(query.sort_invoices, order, place)

    async def _count(self) -> tuple[int, bool]:
        """How many there are, and whether that is exact; else there are at least so many."""
        filters = self._filters
        kept = filters.keys() & COUNTS_KEPT
        if (
            filters.keys() <= {*kept, *DAYS, "statuses"}
            and len(kept) < 2
            and not (kept == {"customer"} and filters.keys() & DAYS)
        ):
            names = ("statuses", *sorted(COUNTS_KEPT))
            given = {name: filters.get(name) for name in names}
            first, last = filters.get("since", filters.get("day")), filters.get("until", filters.get("day"))
            return await query.count_kept(self._db, **given, first_day=first, last_day=last), True
        some = await self._look_up()
        if not some or await self._is_narrow():
            count = await query.count_some.where(**self._filters)(self._db, most=COUNTED + 1)
            return min(count, COUNTED), count <= COUNTED
        others = {name: value for name, value in self._filters.items() if name not in LOOKED_UP}
        found = {found_as: lookup["ids"] for found_as, lookup in some.items()}
        if len(self._filters) == 1:
            count = next(iter(some.values()))["count"]
        else:
            count = await query.count_some.where(**{**others, **found})(self._db, most=COUNTED + 1)
        return min(count, COUNTED), False

    async def _is_narrow(self) -> bool:
        """Whether the filters but a worker's or search's with many invoices let through so few that these can be asked one by one."""
        others = {name: value for name, value in self._filters.items() if name not in LOOKED_UP}
        if not others or len(others) == len(self._filters):
            return False
        count: int = await query.count_some.where(**others)(self._db, most=NARROW + 1)
        return count <= NARROW

    async def _look_up(self) -> dict[str, asyncpg.Record]:
        """Replace a worker or a search by the invoices found for it where these are few. Returns what was found of those that
        have many, by the filter for it. Looks only once."""
        if self._some is None:
            self._some = {}
            is_alone = len(self._filters) == 1
            for name in self._filters.keys() & LOOKED_UP.keys():
                found_as, find = LOOKED_UP[name]
                given = {find.parameters[0]: self._filters[name]}
                found = await find(self._db, **given, most=COUNTED + 1, is_alone=is_alone)
                if found["is_all"]:
                    self._filters = {**self._filters, found_as: found["ids"]}
                    del self._filters[name]
                else:
                    self._some[found_as] = found
        return self._some

    async def _run(self, page: sql.Query, order: keyset.Order, place: Place, **more: Any) -> Sequence[asyncpg.Record]:
        walk = order.walk(page, place.after).where(**self._filters)
        given = {"after": place.after, "skip": place.skip, "most": place.most, **more}
        rows: Sequence[asyncpg.Record] = await walk(self._db, **given)
        return rows


class ListConnections:
    """The share of the database's connections for lists with filters. Anyone may search, also for what takes long, and the
    warehouse's steps must always find a free connection."""

    def __init__(self, app: Application) -> None:
        self.db = app.db.limited(most=max(1, app.config.db_pool_size // 2), seconds=SEARCH_SECONDS)


class InvoiceList(PublicReadHandler):
    access = public_read
    parameters = (
        *paging.parameters(PAGE_SIZE, MAX_PAGE_SIZE),
        keyset.CURSOR,
        Parameter(
            "status", "Any of these states: with commas, in any case. An unknown one finds nothing.", repeats=True
        ),
        Parameter("start_date", "The first invoice_date.", DATE),
        Parameter("end_date", "The last invoice_date.", DATE),
        Parameter("customer", "The customer's exact code."),
        Parameter("salesman", "The salesman's exact name, else the id."),
        Parameter("created_by", "A part of created_by, ignoring case."),
        Parameter("user", "The account that imported.", UUID),
        Parameter("worker", "A person who has or had a session of the invoice.", EMAIL),
        Parameter("search", "A part of the number, of the customer's name or code, or of an item's name or code."),
        Parameter("ordering", f"One of {', '.join(ORDERS)}; `-` before it is descending."),
    )

    @answers(200, paging.page_of("sales/invoice"))
    async def get(self) -> None:
        """List the invoices, newest first. `count_is_exact` is there, false, where there may be more than `count`; then there is no
        page=last. 200; 400 an invalid filter or cursor; 404 there is no such page; 503 a filter takes too long, too many lists with
        filters are being made, or the database is away."""
        page = paging.requested(self, default=PAGE_SIZE, most=MAX_PAGE_SIZE)
        filters, order = self._filters(), self._order()
        invoices = Invoices(self.application.kept(ListConnections).db, filters)
        if self.asks_for("cursor"):
            rows = await invoices.page(order, Place(order.given(self), 0, page.size + 1))
            key = [order.name, *json.loads(rows[page.size - 1]["key"])] if len(rows) > page.size else None
            self.reply(keyset.envelope(self, [row["document"] for row in rows[: page.size]], key))
        elif order.name == "-id" and filters.keys() <= {"statuses"}:
            found = await query.list_invoices(
                self.db, statuses=filters.get("statuses"), page=page.number, page_size=page.size
            )
            self.reply(paging.envelope(self, found["count"], found["page"], page.size, found["results"]))
        else:
            found = await invoices.numbered_page(order, page)
            results = "[" + ",".join(row["document"] for row in found.rows) + "]"
            self.reply(paging.envelope(self, found.count, found.number, page.size, results, exact=found.is_exact))

    def _filters(self) -> dict[str, Any]:
        """The filters that are asked for, by their names in sql/sales/invoice_list.sql. Raises Problem 400."""
        statuses = self.asked_invoice_statuses()
        search, worker = self._text("search"), self._text("worker")
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
            "worker": email_address.searched(worker) if worker else None,
            "search": search if search and len(search) > 2 else None,
            "search_word": search if search and len(search) < 3 else None,
        }
        return {name: value for name, value in given.items() if value is not None}

    def _order(self) -> keyset.Order:
        """The first of the orders asked for that there is."""
        asked = map(str.strip, self.asked("ordering").split(","))
        term = next((term for term in asked if term.removeprefix("-") in ORDERS), "-id")
        return keyset.Order(
            ORDERS, [term] if term in ("id", "-id") else [term, "-id" if term.startswith("-") else "id"]
        )

    def _text(self, name: str) -> str | None:
        return self.asked(name)[:LONGEST].strip() or None

    def _day(self, name: str) -> str | None:
        text = self._text(name)
        if text is not None and not schema.is_date(text):
            raise invalid({name: ["Date has wrong format. Use one of these formats instead: YYYY-MM-DD."]})
        return text


groups = ("Invoices: list and changes", "Staff: invoices")
routes = [("/api/sales/invoices/", InvoiceList)]

"""Histories of picking, packing and delivery: who did what, when, and how long it took. docs/api/sales.md#history."""

from collections.abc import Mapping
from typing import Any

from core.data import sql
from core.duties import Duty
from core.email_address import searched
from core.http import keyset, paging, schema
from core.http.application import Application
from core.http.declare import answers
from core.http.parameter import DATE, EMAIL, Parameter
from handlers.api.roles import may_enter
from handlers.sales import SalesHandler

PAGE_SIZE, MOST = 10, 100  # sessions a page
LONGEST = 320  # characters of a filter; the longest e-mail
DELIVERY_TYPES = ("DIRECT", "COURIER", "INTERNAL")
OVERSEERS = ("SUPERADMIN", "ADMIN", "OWNER")
# Filters whose counts are kept (sales.session_tally), together.
COUNTS_KEPT = {"worker", "statuses", "delivery_type", "since", "until"}
# The id of no account.
NOBODY = -1

query = sql.load("sales/history")


class History(SalesHandler):
    """The sessions of one kind, newest first. An invalid status, type or day is ignored, as the documented clients expect."""

    access = may_enter("sales")
    parameters = (
        *paging.parameters(PAGE_SIZE, MOST),
        keyset.CURSOR,
        Parameter(
            "search",
            "A part of the number, of the customer's or worker's name or e-mail; of a delivery also of courier_name or tracking_no.",
        ),
        Parameter("status", "Any of these states of the session: with commas, in any case.", repeats=True),
        Parameter("start_date", "The first day (UTC) on which a session was created.", DATE),
        Parameter("end_date", "The last day.", DATE),
        Parameter("invoice", "The invoice's id, else its number, ignoring case."),
        Parameter("invoice_id", "The same."),
        Parameter("invoice_no", "The invoice's number, ignoring case."),
    )
    kind = ""
    statuses: tuple[str, ...] = ()
    # Other names of the statuses, which clients know from the invoice.
    named_also: Mapping[str, str] = {}
    overseers: tuple[str, ...] = OVERSEERS  # roles that see everybody's sessions; all others see their own

    async def show_page(self) -> None:
        """Answer with a page. Raises Problem: 400 an invalid cursor; 404 there is no such page."""
        page = paging.requested(self, default=PAGE_SIZE, most=MOST)
        filters = await self._filters()
        if self.asks_for("cursor"):
            await self._walk(filters, page.size)
            return
        if filters.keys() <= COUNTS_KEPT:
            found = await query.list_counted.where(**_walked(filters))(
                self.db,
                kind=self.kind,
                worker_id=filters.get("worker"),
                statuses=filters.get("statuses"),
                delivery_type=filters.get("delivery_type"),
                first_day=filters.get("since"),
                last_day=filters.get("until"),
                page=page.number,
                page_size=page.size,
            )
        else:
            found = await query.list_found.where(**filters)(
                self.db, kind=self.kind, page=page.number, page_size=page.size
            )
        self.reply(paging.envelope(self, found["count"], found["page"], page.size, found["results"]))

    async def _walk(self, filters: dict[str, Any], size: int) -> None:
        before = keyset.given(self, keyset.is_moment, keyset.is_id)
        if before is not None:
            filters["before"] = tuple(before)
        statuses = filters.get("statuses")
        rows = await query.walk_history.where(**_walked(filters))(
            self.db, kind=self.kind, statuses=statuses, most=size + 1
        )
        last = rows[size - 1] if len(rows) > size else None
        documents = [row["document"] for row in rows[:size]]
        self.reply(keyset.envelope(self, documents, last and [last["at_us"], last["id"]]))

    async def _filters(self) -> dict[str, Any]:
        """The filters that are asked for, by their names in sql/sales/history.sql."""
        named = self._text("invoice") or self._text("invoice_id")
        invoice = int(named) if named is not None and _is_number(named) else None
        numbers = [name for name in (None if invoice is not None else named, self._text("invoice_no")) if name]
        search = self._text("search")
        given = {
            "worker": await self._whose(),
            "statuses": self._statuses() or None,
            "delivery_type": self._one_of("delivery_type", DELIVERY_TYPES) if self.kind == "delivery" else None,
            "since": self._day("start_date"),
            "until": self._day("end_date"),
            "invoice": invoice,
            "invoice_nos": numbers or None,
            "search": (self.kind, search) if search else None,
        }
        return {name: value for name, value in given.items() if value is not None}

    async def _whose(self) -> int | None:
        """Whose sessions are asked for, of those that the caller may see; None: everybody's."""
        caller = self.caller
        assert caller is not None  # the access says so
        sees_all = caller.is_staff or caller.is_superuser or caller.role in self.overseers
        own = None if sees_all else caller.account_id
        email = self._text("delivery_user_email") if self.kind == "delivery" else None
        if email is None:
            return own
        asked: int | None = await query.find_worker(self.db, email=searched(email))
        return NOBODY if asked is None or own not in (None, asked) else asked

    def _statuses(self) -> list[str]:
        asked = [self.named_also.get(status, status) for status in self.asked_statuses()]
        return [status for status in self.statuses if status in asked]

    def _text(self, name: str) -> str | None:
        return self.asked(name)[:LONGEST] or None

    def _one_of(self, name: str, known: tuple[str, ...]) -> str | None:
        text = (self._text(name) or "").upper()
        return text if text in known else None

    def _day(self, name: str) -> str | None:
        text = self._text(name)
        return text if text is not None and schema.is_date(text) else None


class PickingHistory(History):
    groups = ("Staff: picking",)
    kind = "picking"
    statuses = ("PREPARING", "PICKED", "VERIFIED", "CANCELLED")
    overseers = (*OVERSEERS, "PICKER")

    @answers(200, paging.page_of("sales/picking_history"))
    async def get(self) -> None:
        """List the sessions of picking, newest first. Those who oversee the work see all, other people their own. 200; 400 an invalid
        cursor; 404 there is no such page."""
        await self.show_page()


class PackingHistory(History):
    groups = ("Staff: packing",)
    kind = "packing"
    named_also = {"PACKING": "IN_PROGRESS"}
    statuses = ("PENDING", "IN_PROGRESS", "PACKED", "CANCELLED")

    @answers(200, paging.page_of("sales/packing_history"))
    async def get(self) -> None:
        """List the sessions of packing, newest first. Those who oversee the work see all, other people their own. 200; 400 an invalid
        cursor; 404 there is no such page."""
        await self.show_page()


class DeliveryHistory(History):
    groups = ("Staff: delivery",)
    parameters = (
        *History.parameters,
        Parameter("delivery_type", "DIRECT, COURIER or INTERNAL, in any case."),
        Parameter("delivery_user_email", "The person who delivers.", EMAIL),
    )
    kind = "delivery"
    statuses = ("PENDING", "IN_TRANSIT", "DELIVERED", "CANCELLED")

    @answers(200, paging.page_of("sales/delivery_history"))
    async def get(self) -> None:
        """List the deliveries, newest first. Those who oversee the work see all, other people their own. 200; 400 an invalid cursor; 404
        there is no such page."""
        await self.show_page()


def _walked(filters: dict[str, Any]) -> dict[str, Any]:
    """The same filters where the statement walks along the sessions of each status."""
    return {
        ("walked_status" if name == "statuses" else name): (() if name == "statuses" else value)
        for name, value in filters.items()
    }


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 18


async def fold_deltas(app: Application) -> None:
    """Bring the counts of the histories up to date."""
    folded = await query.fold_deltas(app.db)
    if folded > 1000:
        # The rows folded are dead, and autovacuum comes once a minute at best; every page reads past them until then.
        await query.vacuum_deltas(app.db)


duties = [Duty(1.0, fold_deltas)]
routes = [
    ("/api/sales/picking/history/", PickingHistory),
    ("/api/sales/packing/history/", PackingHistory),
    ("/api/sales/delivery/history/", DeliveryHistory),
]

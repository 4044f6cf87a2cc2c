"""Bills: devices upload and download them. docs/api/vendor.md#bills."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Any
from weakref import WeakValueDictionary

import tornado.httputil

from core.data import sql
from core.http import schema
from core.http.application import Application
from core.http.declare import answers, takes
from core.http.json_text import written
from core.http.parameter import DATE, Parameter
from core.problem import Message, invalid, not_found
from handlers.vendor import bill_dates, bill_upload
from handlers.vendor.bill_store import Stored, store
from handlers.vendor.bill_upload import BILL, LONGEST, MOST, WRAPPED
from handlers.vendor.handler import NO_PROFILE, VendorHandler, admits, approved_vendor, refused

# Bills of one answer, without and with `limit`.
USUAL, MOST_LISTED = 1000, 10_000
# Digits of `limit`.
LONGEST_LIMIT = 50
# Bills whose documents are composed at once: those of 100 lines take 6 MB.
BATCH = 100
# Bytes of an upload from which on it is a large one: 1,000 bills of five lines have some 2 MB.
LARGE = 4 * 1024 * 1024
# A + in a query is a blank.
_ZONE = re.compile(r"(?<=[0-9]) (?=[0-9]{2}:?[0-9]{2}$)")
PARAMETERS = (
    Parameter("since", "Bills that were stored at this moment (ISO 8601; without a zone UTC) or later."),
    Parameter("limit", "The most bills: the newest.", {"type": "integer", "minimum": 0, "maximum": MOST_LISTED}),
    Parameter("billing_mode", "Bills of this mode: gst or non_gst."),
    Parameter("start_date", "Bills of this day or later.", DATE),
    Parameter("end_date", "Bills of this day or earlier.", DATE),
)

query = sql.load("vendor/bill")


class Turns:
    """Who may read and store an upload now. One upload of a vendor at a time: in the database they would wait for each other too
    (vendor.head), each on a connection of the pool. And one large upload at a time, because one of 30 MB takes some 250 MB of memory."""

    def __init__(self, app: Application) -> None:
        self._of_vendors: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._large = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def turn(self, vendor_id: str, size: int) -> AsyncIterator[None]:
        """The turn of a vendor's upload of so many bytes."""
        own = self._of_vendors.setdefault(vendor_id, asyncio.Lock())
        async with own, self._large if size > LARGE else contextlib.nullcontext():
            yield


class BillHandler(VendorHandler):
    """Shows bills."""

    access = approved_vendor
    missing = "Bill not found"

    async def shown(self) -> tuple[str, str | None]:
        """What all bills show of their vendor: its name, and a fresh link to its logo."""
        found = await query.get_vendor(self.db, vendor_id=self.vendor_id)
        if found is None:
            raise refused(NO_PROFILE, 403)
        logo = found["logo"] and await self.application.storage.link(self.origin, found["logo"])
        return found["business_name"], logo

    async def bill(self, id: Any) -> str:
        """The document of one bill. Raises Problem 404."""
        name, logo = await self.shown()
        rows = await query.list_documents(self.db, vendor_id=self.vendor_id, ids=[id], vendor_name=name, logo_url=logo)
        if not rows:
            raise not_found(self.missing)
        return str(rows[0]["document"])

    async def write_bills(self, ids: Sequence[Any], vendor_name: str, logo_url: str | None) -> None:
        """Write the documents of these bills, a batch after the other, with commas between them."""
        for start in range(0, len(ids), BATCH):
            if start:
                await self.flush()
                self.write(",")
            rows = await query.list_documents(
                self.db,
                vendor_id=self.vendor_id,
                ids=ids[start : start + BATCH],
                vendor_name=vendor_name,
                logo_url=logo_url,
            )
            self.write(",".join(row["document"] for row in rows))


class Bills(BillHandler):
    parameters = PARAMETERS
    json_limit = large_body = LONGEST

    @classmethod
    async def admits_large_body(cls, app: Application, request: tornado.httputil.HTTPServerRequest) -> bool:
        return request.method == "POST" and await admits(app, request)

    @answers(200, "vendor/bill_list")
    async def get(self) -> None:
        """Download bills, those stored last first. Values of `since` and dates that can't be read don't count. 200; 400 `limit` is no number."""
        rows = await self._found()
        name, logo = await self.shown()
        self.write(f'{{"vendor_id":"{self.vendor_id}","vendor_name":{written(name)},"count":{len(rows)},"bills":[')
        await self.write_bills([row["id"] for row in rows], name, logo)
        self.finish("]}")

    @answers(201, "vendor/bills_uploaded")
    @takes(BILL, WRAPPED, most=MOST)
    async def post(self) -> None:
        """Upload bills. A bill that was stored before is answered as it is stored. A bill that can't be stored, or whose number another bill
        has, is kept in quarantine and named in `errors`; the others are stored. 201."""
        ids, errors = await self._stored()
        name, logo = await self.shown()
        self.set_status(201)
        self.write(f'{{"synced":{len(ids)},"bills":[')
        await self.write_bills(ids, name, logo)
        self.finish(f'],"errors":{written(errors)}}}' if errors else "]}")

    async def _stored(self) -> Stored:
        async with self.application.kept(Turns).turn(self.vendor_id, len(self.request.body)):
            bills = await self.read_as(bill_upload.read, BILL)
            return await self.db.transaction(lambda db: store(db, self.vendor_id, bills, self.dialect))

    async def _found(self) -> Sequence[Any]:
        asked = {
            "since": bill_dates.moment(_ZONE.sub("+", self.asked("since"))),
            "billing_mode": self.asked("billing_mode") or None,
        }
        filters = {name: value for name, value in asked.items() if value is not None}
        page = {"vendor_id": self.vendor_id, "most": self._limit()}
        start, end = _day(self.asked("start_date")), _day(self.asked("end_date"))
        if start is None and end is None:
            return await query.list_ids.where(**filters)(self.db, **page)
        days = {"start_date": start or date.min, "end_date": end or date.max}
        return await query.list_ids_of_days.where(**filters)(self.db, **page, **days)

    def _limit(self) -> int:
        given = self.asked("limit")
        if not given:
            return USUAL
        if not re.fullmatch(f"[0-9]{{1,{LONGEST_LIMIT}}}", given):
            raise invalid({"limit": [Message.of("type.integer")]})
        return min(int(given), MOST_LISTED)


class Bill(BillHandler):
    @answers(200, "vendor/bill")
    async def get(self, id: str) -> None:
        """Show a bill. 200; 404."""
        self.reply(await self.bill(id))


def _day(asked: str) -> date | None:
    return date.fromisoformat(asked) if schema.is_date(asked) else None


groups = ("Vendor: bills",)
routes = [("/backup/sync/", Bills), ("/backup/bills/{id:uuid}/", Bill)]

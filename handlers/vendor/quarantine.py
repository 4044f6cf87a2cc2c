"""Bills in quarantine: those that could not be stored. They can be repaired, or deleted. docs/api/vendor.md#quarantine."""

import asyncio
from typing import Any

from core.data import sql
from core.http import json_text
from core.http.application import BODY_LIMIT
from core.http.declare import answers, takes
from core.http.parameter import Parameter
from core.problem import not_found
from handlers.api.handler import ApiHandler
from handlers.api.listing import LAST_ID, PARAMETERS, array_of, reply_list
from handlers.vendor import bill_upload
from handlers.vendor.bill import BillHandler
from handlers.vendor.bill_store import store_right
from handlers.vendor.bill_upload import BILL, WRAPPED, Sent
from handlers.vendor.handler import approved_vendor, refused

KINDS = ["refused", "conflict"]
MISSING = "Quarantined bill not found"

query = sql.load("vendor/quarantine")


class Quarantine(BillHandler):
    access = approved_vendor
    parameters = (
        Parameter("kind", "Only those of this kind.", {"type": "string", "enum": KINDS}),
        Parameter("resolved", "Those that were stored later (true), or the open ones.", {"type": "boolean"}),
        *PARAMETERS,
    )

    @answers(200, array_of("vendor/quarantined_bill"))
    async def get(self) -> None:
        """List the bills in quarantine, the newest first. 200; 400 an invalid cursor."""
        kind, is_resolved = self.asked("kind") or None, self.asked("resolved").lower() in ("true", "1")
        await reply_list(
            self,
            lambda before, most: query.list_quarantined(
                self.db, vendor_id=self.vendor_id, kind=kind, is_resolved=is_resolved, before=before, most=most
            ),
            start=LAST_ID,
        )


class QuarantinedBill(BillHandler):
    missing = MISSING

    @answers(200, "vendor/quarantined_bill_whole")
    async def get(self, id: str) -> None:
        """Show a bill in quarantine, with the text that was sent. 200; 404."""
        document = await query.get_quarantined(self.db, vendor_id=self.vendor_id, id=id)
        if document is None:
            raise not_found(self.missing)
        self.reply(document)

    @answers(204, None)
    async def delete(self, id: str) -> None:
        """Delete a bill in quarantine. It comes back if a device sends the same bill again. 204; 404."""
        if await query.delete_quarantined(self.db, vendor_id=self.vendor_id, id=id, actor=self.actor) is None:
            raise not_found(self.missing)
        self.reply_nothing()


class Retry(BillHandler):
    missing = MISSING
    json_limit = BODY_LIMIT

    @answers(201, "vendor/bill")
    @takes(BILL, WRAPPED, is_optional=True)
    async def post(self, id: str) -> None:
        """Store a bill out of quarantine. Without a body, or with `{}`, as it was sent. With `invoice_number` alone, under that number.
        Any other body takes its place. 201; 400 it is still wrong; 404; 409 another bill has its number, or it is stored already."""
        sent = await sent_of(self, self.vendor_id, id)
        correction = await self.read_as(lambda body, _: json_text.decoded(body), BILL)
        bill = await asyncio.to_thread(bill_upload.corrected, sent, correction, BILL)
        if bill.wrong is not None:
            raise bill.wrong
        self.reply(await self.bill(await store(self, self.vendor_id, id, bill)), 201)


async def sent_of(handler: ApiHandler, vendor_id: str, id: str) -> str:
    """The text of a bill in quarantine. Raises Problem 404."""
    sent = await query.get_sent(handler.db, vendor_id=vendor_id, id=id)
    if sent is None:
        raise not_found(MISSING)
    return str(sent)


async def store(handler: ApiHandler, vendor_id: str, id: str, bill: Sent) -> Any:
    """Store a bill that is right in place of one in quarantine; its id. Raises Problem 409."""

    async def move(db: sql.Runner) -> Any:
        ids, kept = await store_right(db, vendor_id, [bill])
        if kept:
            raise refused(kept[0].error, 409)
        if await query.resolve(db, vendor_id=vendor_id, id=id, bill_id=ids[0], actor=handler.actor) is None:
            raise refused("This bill is stored already.", 409)
        return ids[0]

    return await handler.db.transaction(move)


groups = ("Vendor: bills",)
routes = [
    ("/backup/quarantine/", Quarantine),
    ("/backup/quarantine/{id:uuid}/", QuarantinedBill),
    ("/backup/quarantine/{id:uuid}/retry/", Retry),
]

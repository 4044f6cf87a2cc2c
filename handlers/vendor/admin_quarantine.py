"""Bills in quarantine in the administration, which can be stored after all, or deleted. docs/api/vendor.md#administration."""

import asyncio
import json
from collections.abc import Sequence

from core.data import sql
from core.http import keyset
from core.http.keyset import Column as OrderColumn
from core.http.schema import Schema
from core.problem import invalid, not_found
from handlers.api.admin import Action, AdminHandler, Column, Field, Filter, Form, Key, Table, each, superadmin
from handlers.vendor import bill_store, bill_upload, quarantine
from handlers.vendor.admin_owned import ITS_OWNER, OF_VENDOR, OWNED, OWNER, ids
from handlers.vendor.bill_upload import BILL
from handlers.vendor.handler import refused

# Characters of a corrected bill, some thousand lines. A larger one is corrected by the API.
LONGEST_CORRECTION = 1_000_000
REPAIR = Schema(
    {
        "type": "object",
        "properties": {
            "invoice_number": {"type": "string", "maxLength": 100},
            "correction": {"type": "string", "maxLength": LONGEST_CORRECTION},
        },
    }
)
KINDS = (("refused", "Refused"), ("conflict", "In conflict"))

query = sql.load("vendor/admin_quarantine")


async def repair(handler: AdminHandler, key: Key) -> None:
    """Store the bill under another number, or a corrected one in its place."""
    correction = handler.body.get("correction", "")
    number = handler.body.get("invoice_number", "")
    if correction and number:
        raise invalid({"invoice_number": ["Type the number into the corrected bill."]})
    sent = correction or json.dumps({"invoice_number": number} if number else {})
    bill = await _read(handler, key, sent)
    if bill.wrong is not None:
        field = "correction" if correction else "invoice_number"
        raise invalid({field: [bill_store.refused(bill, handler.dialect).error]})
    await quarantine.store(handler, **ids(key), bill=bill)


async def retry(handler: AdminHandler, keys: Sequence[Key]) -> str:
    """Store bills as they were sent, which helps when the server reads more than it did then."""
    done, why = await each(handler, keys, _retry)
    return " ".join([f"{done} of {len(keys)} bill(s) stored.", *dict.fromkeys(why)])


async def _retry(handler: AdminHandler, key: Key) -> None:
    bill = await _read(handler, key, "{}")
    if bill.wrong is not None:
        raise refused(bill_store.refused(bill, handler.dialect).error)
    await quarantine.store(handler, **ids(key), bill=bill)


async def _read(handler: AdminHandler, key: Key, correction: str) -> bill_upload.Sent:
    sent = await quarantine.sent_of(handler, **ids(key))
    return await asyncio.to_thread(bill_upload.corrected, sent, correction, BILL)


async def discard(handler: AdminHandler, key: Key) -> None:
    if await quarantine.query.delete_quarantined(handler.db, **ids(key), actor=handler.actor) is None:
        raise not_found(quarantine.MISSING)


quarantined = Table(
    area="vendor",
    name="quarantine",
    title="Bills in quarantine",
    one="bill in quarantine",
    about="Bills that could not be stored as they were sent. Those that are not stored yet come first, the newest of them first.",
    key=OWNED,
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("invoice_number", "Invoice number"),
        OWNER,
        Column("state", "State", "badge"),
        Column("error", "What is wrong"),
        Column("device_id", "Device"),
        Column("received_at", "Received", "moment"),
    ),
    orders={
        "waiting": OrderColumn("(q.resolved_at IS NULL)::integer", "integer", keyset.is_id),
        "seq": OrderColumn("q.seq", "bigint", keyset.is_id),
    },
    usual=("-waiting",),
    ties=("seq",),
    filters=(OF_VENDOR, Filter("waiting", "Not stored yet", "flag"), Filter("kind", "Kind", choices=KINDS)),
    shown=(
        Field("state", "State", "badge"),
        Field("error", "What is wrong", "lines"),
        Field("fields", "By field", "json"),
        ITS_OWNER,
        Field("number_sent", "Invoice number"),
        Field("device_id", "Device"),
        Field("received_at", "Received", "moment"),
        Field("resolved_at", "Stored", "moment"),
        Field("bill", "Stored as", to="vendor/bills"),
        Field("bytes", "Bytes", "number"),
        Field("sent", "As it was sent (at most 100,000 characters)", "lines"),
    ),
    edit=Form(
        REPAIR,
        (
            Field("invoice_number", "Store it under another number", help="Saving stores the bill."),
            Field(
                "correction", "Or store a corrected bill in its place", kind="lines", help="The whole bill, as JSON."
            ),
        ),
    ),
    change=repair,
    remove=discard,
    removal_warning="It comes back if a device sends the same bill again.",
    actions=(Action("retry", "Store selected bills as they were sent", retry),),
    may_see=superadmin,
    audited="quarantined-bill",
    object_id="id",
)

admin_tables = [quarantined]

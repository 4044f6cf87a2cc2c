"""What categories and items have in common: how they are written and listed, and when a list has not changed.
docs/api/vendor.md#catalogue."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from weakref import WeakValueDictionary

from core.data import sql
from core.duties import Duty
from core.http import keyset
from core.http.application import Application
from core.http.schema import is_uuid
from handlers.api.handler import ApiHandler
from handlers.vendor.handler import VendorHandler

# The place before the first row of a list: less than every sort_order.
START = '[-2147483649,"","00000000-0000-0000-0000-000000000000"]'
# A device that has not asked for changes for longer downloads everything again.
TOMBSTONE_DAYS = 90
# Between two searches for old tombstones, and how many one statement removes.
FORGET_SECONDS, FORGET_AT_ONCE = 3600, 1000

query = sql.load("vendor/catalogue")
Result = TypeVar("Result")


class Place(NamedTuple):
    """Where a write stands in the order of the vendor's changes. changed_at: its time, later than that of every change before."""

    position: int
    changed_at: datetime


class Turns:
    """Of the requests of one vendor that write the catalogue, one at a time has its turn in this process. They would wait for each other in
    the database anyway, and each would keep a connection meanwhile, of which there are few."""

    def __init__(self, app: Application) -> None:
        # A lock lives as long as somebody holds it or waits for it.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, vendor_id: str) -> asyncio.Lock:
        """The lock of a vendor."""
        return self._locks.setdefault(vendor_id, asyncio.Lock())


async def change(handler: ApiHandler, vendor_id: str, work: Callable[[sql.Runner, Place], Awaitable[Result]]) -> Result:
    """Do `work` in a transaction that holds the vendor's catalogue, so that it sees every change before it. Nothing is taken if it raises."""

    async def held(db: sql.Runner) -> Result:
        taken = await query.next_position(db, vendor_id=vendor_id)
        return await work(db, Place(taken["position"], taken["changed_at"]))

    async with handler.application.kept(Turns).of(vendor_id):
        return await handler.db.transaction(held)


async def note_change(db: sql.Runner, vendor_id: str, kind: str, id: str, position: int) -> None:
    """Announce a row that was made or changed. If it was deleted before, it is no longer."""
    await query.unbury(db, vendor_id=vendor_id, kind=kind, ids=[id])
    await query.announce(db, vendor_id=vendor_id, kind=kind, changed=[id], deleted=[], position=position)


async def note_deletion(db: sql.Runner, vendor_id: str, kind: str, id: str, place: Place) -> None:
    """Leave a tombstone for a row that was deleted now, and announce it."""
    await query.bury(
        db,
        vendor_id=vendor_id,
        kind=kind,
        ids=[id],
        client_times=[place.changed_at],
        position=place.position,
        deleted_at=place.changed_at,
    )
    await query.announce(db, vendor_id=vendor_id, kind=kind, changed=[], deleted=[id], position=place.position)


async def reply_unchanged(handler: VendorHandler) -> bool:
    """Set the ETag of a list; if the client has this state of it already, answer 304 and return True."""
    state = await query.get_state(handler.db, vendor_id=handler.vendor_id)
    # The answer has links to pictures, which begin with the server's address, and end.
    return handler.reply_unchanged(state, handler.application.storage.period(), handler.origin)


def is_place(value: Any) -> bool:
    """A test for cursors: whether a value is the place of a row, sort_order, name and id as a JSON array."""
    try:
        found = json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        return False
    return (
        isinstance(found, list)
        and [type(part) for part in found] == [int, str, str]
        and abs(found[0]) < 2**32
        and is_uuid(found[2])
        and keyset.is_text(found[1])
    )


async def forget_tombstones(app: Application) -> None:
    """Remove the tombstones that are older than TOMBSTONE_DAYS."""
    while await query.forget_tombstones(app.db, days=TOMBSTONE_DAYS, most=FORGET_AT_ONCE) == FORGET_AT_ONCE:
        pass
    await query.forget_global_tombstones(app.db, days=TOMBSTONE_DAYS)


duties = [Duty(FORGET_SECONDS, forget_tombstones)]

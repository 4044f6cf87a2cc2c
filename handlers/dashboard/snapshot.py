"""Snapshots: figures that an owner keeps. docs/api/dashboard.md#snapshots."""

from typing import Any

from core.data import sql
from core.http import keyset, schema
from core.http.application import Refusal
from core.http.declare import answers, body, idempotent, takes
from core.http.keyset import Column
from core.http.paging import page_of
from core.problem import invalid, not_found
from handlers.api import books_listing
from handlers.api.books_handler import BooksHandler
from handlers.api.books_listing import Listing
from handlers.dashboard import period

COLUMNS = {
    "id": Column("s.id", "bigint", keyset.is_id),
    "snapshot_date": Column("s.snapshot_date", "date", keyset.is_day),
}
BODY = schema.load("dashboard/snapshot_create")
FUTURE = invalid({"snapshot_date": ["Snapshot date cannot be in the future."]})

query = sql.load("dashboard/snapshot")
snapshots = Listing(None, query.find_snapshots, query.walk_snapshots, COLUMNS, ("-snapshot_date",))


class Snapshots(BooksHandler):
    parameters = (
        *books_listing.parameters(COLUMNS),
        period.PERIOD_TYPE._replace(
            says="Only snapshots of this kind of period.", schema={"type": "string", "enum": list(period.PERIODS)}
        ),
    )

    @answers(200, page_of("dashboard/snapshot"))
    async def get(self) -> None:
        """List the snapshots, those of the latest day first. 200; 400 an unknown kind of period, an invalid cursor; 404 there is no such
        page."""
        chosen = books_listing.choice(self, "period_type", period.PERIODS)
        filters: dict[str, Any] = {} if chosen is None else {"period_type": chosen}
        self.reply(await books_listing.show_page(self, snapshots, filters))

    @answers(201, "dashboard/snapshot")
    @idempotent
    @body("dashboard/snapshot_create")
    async def post(self) -> None:
        """Store the present figures of a day's period. 201; 400 wrong fields, a day in the future, or one of which there is a snapshot
        already."""

        async def make(db: sql.Runner) -> tuple[int, str]:
            made = await query.create_snapshot(db, owner_id=self.owner_id, body=self.body_text, actor=self.actor)
            if made is None:
                raise FUTURE
            return 201, made["document"]

        await self.once(make, is_one_statement=True)


class SnapshotGeneration(BooksHandler):
    @answers(201, "dashboard/snapshot")
    @idempotent
    @takes(BODY, is_optional=True)
    async def post(self) -> None:
        """Store the present figures of a day's period, in place of those that are stored for it. 201; 400 wrong fields, or a day in the
        future."""
        if self.request.body:
            await self.read_body(BODY)

        async def make(db: sql.Runner) -> tuple[int, str]:
            made = await query.generate_snapshot(
                db, owner_id=self.owner_id, body=self.body_text or "{}", actor=self.actor
            )
            if made is None:
                raise FUTURE
            return 201, made["document"]

        await self.once(make, is_one_statement=True)


class Snapshot(BooksHandler):
    @answers(200, "dashboard/snapshot")
    async def get(self, id: str) -> None:
        """Show a snapshot. 200; 404."""
        found = await query.get_snapshot(self.db, owner_id=self.owner_id, id=int(id))
        if found is None:
            raise not_found(self.missing)
        self.reply(found)


refusals: dict[str, Refusal] = {
    "snapshot_snapshot_date_key": invalid(
        {"non_field_errors": ["A snapshot of this snapshot_date and period_type exists already."]}
    )
}
groups = ("Books: dashboard",)
routes = [
    ("/api/dashboard/snapshots/", Snapshots),
    ("/api/dashboard/snapshots/generate/", SnapshotGeneration),
    ("/api/dashboard/snapshots/{id:int}/", Snapshot),
]

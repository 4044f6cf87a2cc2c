"""Batches of changes that a device made while it was offline. docs/api/vendor.md#sync."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, ClassVar

import asyncpg

from core.data import sql
from core.http import json_text, schema
from core.http.declare import answers, takes
from core.problem import invalid
from handlers.vendor import catalogue, category, item, picture, sync
from handlers.vendor.catalogue import Place
from handlers.vendor.handler import VendorHandler, approved_vendor
from handlers.vendor.sync import Batch, Operation, Row, Rules, Stored

# Operations of one request.
MOST = 1000
# Operations that are read without a thread: that takes about a millisecond.
AT_ONCE = 200
# Bytes of a body: a thousand operations with long descriptions.
LIMIT = 4 * 1024 * 1024
CATEGORY_SYNC, ITEM_SYNC = schema.load("vendor/category_sync"), schema.load("vendor/item_sync")


class Sync(VendorHandler):
    """kind: of the rows, as tombstones and events say it. member: of the answer. query: the statements of the kind."""

    access = approved_vendor
    json_limit = LIMIT
    kind: ClassVar[str]
    member: ClassVar[str]
    rules: ClassVar[Rules]
    query: ClassVar[sql.Queries]

    async def sync(self, expected: schema.Schema) -> None:
        """Apply the operations of the body, in order, in one transaction, and answer with what became of them."""
        items = await self.read_items(expected, MOST)
        given = (items, self.body_text, self.rules)
        operations = sync.read(*given) if len(items) <= AT_ONCE else await asyncio.to_thread(sync.read, *given)
        batch, documents = await self._applied(operations) if operations else (Batch.empty(self.rules), {})
        entries = [
            documents.get(entry.id) or json.dumps({"id": entry.id, "operation": "delete", "status": "success"})
            for entry in batch.entries
        ]
        counts = {"synced": len(entries), "created": batch.created, "updated": batch.updated, "deleted": batch.deleted}
        errors = [{**error, "error": self._worded(error["error"])} for error in batch.errors]
        members = {name: str(count) for name, count in counts.items()}
        members[self.member] = await picture.linked(self, f"[{','.join(entries)}]")
        self.reply(json_text.composed({**members, "errors": json.dumps(errors or None, ensure_ascii=False)}))

    async def _applied(self, operations: list[Operation]) -> tuple[Batch, dict[str, str]]:
        """The batch, and the documents of its rows by id."""

        async def apply(db: sql.Runner, place: Place) -> tuple[Batch, dict[str, str]]:
            batch = Batch(self.rules, await self.stored(db, operations), place.changed_at)
            for operation in operations:
                batch.apply(operation)
            await self._write(db, batch, place)
            ids = list({entry.id for entry in batch.entries if not entry.is_deleted})
            rows = await self.query.list_by_id(db, vendor_id=self.vendor_id, ids=ids) if ids else []
            return batch, {row["id"]: row["document"] for row in rows}

        return await catalogue.change(self, self.vendor_id, apply)

    async def stored(self, db: sql.Runner, operations: list[Operation]) -> Stored:
        """What the database has of what the operations name."""
        raise NotImplementedError

    async def _write(self, db: sql.Runner, batch: Batch, place: Place) -> None:
        """Write what the batch changes: at most one statement for each kind of change."""
        changed, buried = {**batch.updates, **batch.inserts}, batch.buries
        at = {"vendor_id": self.vendor_id, **place._asdict()}
        if batch.deletes:
            await self.query.sync_delete(db, vendor_id=self.vendor_id, ids=batch.deletes)
        if batch.updates:
            await self.query.sync_update(db, **at, rows=_rows(batch.updates))
        if batch.inserts:
            await self.query.sync_insert(db, **at, rows=_rows(batch.inserts))
        await self.link(db, changed)
        if batch.raises:
            await catalogue.query.unbury(db, vendor_id=self.vendor_id, kind=self.kind, ids=batch.raises)
        if buried:
            await catalogue.query.bury(
                db,
                vendor_id=self.vendor_id,
                kind=self.kind,
                ids=list(buried),
                client_times=list(buried.values()),
                position=place.position,
                deleted_at=place.changed_at,
            )
        if changed or buried:
            await catalogue.query.announce(
                db,
                vendor_id=self.vendor_id,
                kind=self.kind,
                changed=list(changed),
                deleted=list(buried),
                position=place.position,
            )
            counts = {"created": batch.created, "updated": batch.updated, "deleted": batch.deleted}
            await catalogue.query.note_sync(
                db, kind=self.kind, position=place.position, counts=json.dumps(counts), actor=self.actor
            )

    async def link(self, db: sql.Runner, changed: Mapping[str, Row]) -> None:
        """Write the categories of the changed rows."""

    def _worded(self, error: Any) -> Any:
        return error if isinstance(error, str) else self.dialect.worded(invalid(error)).fields


class CategorySync(Sync):
    kind, member = "category", "categories"
    query = category.query
    rules = Rules(
        "Category",
        ("name", "description", "is_active", "sort_order"),
        ("description",),
        lambda values: [] if "name" in values else ["name"],
        name_exists=category.NAME_EXISTS,
        no_update=category.NO_UPDATE,
        no_delete=category.NO_DELETE,
    )

    @answers(200, "vendor/category_synced")
    @takes(CATEGORY_SYNC, most=MOST)
    async def post(self) -> None:
        """Apply changes of categories that a device made offline. Each change stands for itself: `errors` tells which ones were refused. Of two
        changes of a row the later one wins, by `timestamp`; `categories` has what each row is now. 200; 400 no JSON, or more than 1,000
        changes."""
        await self.sync(CATEGORY_SYNC)

    async def stored(self, db: sql.Runner, operations: list[Operation]) -> Stored:
        names = {json.loads(one.values["name"]) for one in operations if "name" in one.values}
        rows = await self.query.read_for_sync(db, vendor_id=self.vendor_id, ids=_ids(operations), names=list(names))
        return _stored(rows)


class ItemSync(Sync):
    kind, member = "item", "items"
    query = item.query
    rules = Rules(
        "Item",
        (
            "name",
            "description",
            "price",
            "mrp_price",
            "price_type",
            "additional_discount",
            "gst_percentage",
            "veg_nonveg",
            "stock_quantity",
            "sku",
            "barcode",
            "is_active",
            "sort_order",
        ),
        ("description", "mrp_price", "veg_nonveg", "sku", "barcode"),
        lambda values: [
            *([] if "name" in values else ["name"]),
            *([] if "price" in values or values.get("mrp_price", '""') not in ('""', "null") else ["price"]),
        ],
        no_categories=item.NO_CATEGORIES,
    )

    @answers(200, "vendor/item_synced")
    @takes(ITEM_SYNC, most=MOST)
    async def post(self) -> None:
        """Apply changes of items that a device made offline. Each change stands for itself: `errors` tells which ones were refused. Of two
        changes of a row the later one wins, by `timestamp`; `items` has what each row is now. Pictures are no part of it. 200; 400 no JSON,
        or more than 1,000 changes."""
        await self.sync(ITEM_SYNC)

    async def stored(self, db: sql.Runner, operations: list[Operation]) -> Stored:
        found = _stored(await self.query.read_for_sync(db, vendor_id=self.vendor_id, ids=_ids(operations)))
        named = {id for one in operations for id in one.categories or ()}
        # Whether each of them is a global one.
        self._is_global = (
            {
                row["id"]: row["is_global"]
                for row in await self.query.list_known_categories(db, vendor_id=self.vendor_id, ids=list(named))
            }
            if named
            else {}
        )
        found.categories = set(self._is_global)
        return found

    async def link(self, db: sql.Runner, changed: Mapping[str, Row]) -> None:
        links = [
            {
                "item_id": id,
                "own": [one for one in row.categories if not self._is_global[one]],
                "global": [one for one in row.categories if self._is_global[one]],
            }
            for id, row in changed.items()
            if row.categories is not None
        ]
        if links:
            await self.query.link(db, vendor_id=self.vendor_id, links=json.dumps(links))


def _ids(operations: list[Operation]) -> list[str]:
    return sorted({operation.id for operation in operations if operation.id})


def _stored(rows: list[asyncpg.Record]) -> Stored:
    found = Stored()
    for row in rows:
        if row["state"] == "own":
            found.rows[row["id"]] = Row(row["client_time"], row["name"] or "", is_stored=True)
        elif row["state"] == "deleted":
            found.tombstones[row["id"]] = row["client_time"]
        else:
            found.global_ids.add(row["id"])
    return found


def _rows(rows: Mapping[str, Row]) -> str:
    """Rows as the statements take them: a JSON array of objects."""
    texts = [
        json_text.composed({**row.values, "id": f'"{id}"', "client_time": f'"{row.time.isoformat()}"'})
        for id, row in rows.items()
    ]
    return f"[{','.join(texts)}]"


groups = ("Vendor: offline changes",)
routes = [("/items/categories/sync/", CategorySync), ("/items/sync/", ItemSync)]

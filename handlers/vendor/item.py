"""Items of a vendor: what the app sells. docs/api/vendor.md#catalogue."""

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from core.data import sql
from core.http.declare import answers, body
from core.http.parameter import UUID, Parameter
from core.http.schema import is_uuid
from core.problem import Message, Problem, invalid, not_found
from handlers.api.handler import ApiHandler
from handlers.api.listing import PARAMETERS, array_of, reply_list
from handlers.vendor import catalogue, picture
from handlers.vendor.catalogue import Place
from handlers.vendor.handler import VendorHandler, approved_vendor, refused
from handlers.vendor.picture import NO_PICTURE, Picture

MISSING = "Item not found"
NO_CATEGORIES = "One or more categories not found or do not belong to vendor"
ID_EXISTS = "Item with this id already exists."
# Letters of a search; a name has at most 255.
MOST_SEARCH = 255
# Of the categories that an item is in: the vendor's own, and global ones.
KINDS = ("own", "global")

query = sql.load("vendor/item")


class Items(VendorHandler):
    access = approved_vendor
    parameters = (
        Parameter("category", "Only items of this category.", UUID),
        Parameter("search", "Only items with this text in their name, description, sku or barcode, in any case."),
        *PARAMETERS,
    )

    @answers(200, array_of("vendor/item"), headers=("ETag",))
    @answers(304, None, headers=("ETag",))
    async def get(self) -> None:
        """List the active items, by sort_order and name. 200; 304; 400 an invalid cursor."""
        if await catalogue.reply_unchanged(self):
            return
        search = self.asked("search")[:MOST_SEARCH]
        filters = {"search": search} if search else {}
        category = self.asked("category")
        fetch = self._of_category(category, filters) if category else self._all(filters)
        await reply_list(self, fetch, start=catalogue.START, is_key=catalogue.is_place)

    def _all(self, filters: dict[str, str]) -> Any:
        async def fetch(after: str, most: int) -> Any:
            listed = query.list_items.where(**filters)
            rows = await listed(self.db, vendor_id=self.vendor_id, after=after, most=most)
            return await picture.linked_rows(self, rows)

        return fetch

    def _of_category(self, category: str, filters: dict[str, str]) -> Any:
        left: list[str] | None = None

        async def fetch(after: str, most: int) -> Any:
            nonlocal left
            if left is None:
                found = query.list_ids_of_category.where(**filters)
                given = {"vendor_id": self.vendor_id, "category_id": category, "after": after}
                left = [row["id"] for row in await found(self.db, **given)] if is_uuid(category) else []
            ids, left = left[:most], left[most:]
            rows = await query.list_by_id(self.db, vendor_id=self.vendor_id, ids=ids) if ids else []
            return await picture.linked_rows(self, rows)

        return fetch

    @answers(201, "vendor/item")
    @body("vendor/item_create", files=("image",))
    async def post(self) -> None:
        """Make an item. A client may give it an `id`. 201; 400 wrong fields, an id that exists, or an unknown category; 503 the storage is
        away."""
        _, document = await make(self, self.vendor_id)
        self.reply(await picture.linked(self, document), 201)


class Item(VendorHandler):
    access = approved_vendor
    missing = MISSING

    @answers(200, "vendor/item")
    async def get(self, id: str) -> None:
        """Show an item. 200; 404."""
        found = await query.get_item(self.db, vendor_id=self.vendor_id, id=id)
        if found is None:
            raise not_found(MISSING)
        self.reply(await picture.linked(self, found))

    @answers(200, "vendor/item")
    @body("vendor/item_update", files=("image",))
    async def patch(self, id: str) -> None:
        """Change some fields of an item. `image` is a file of a form; null removes the picture. 200; 400 wrong fields, or an unknown category;
        404; 503 the storage is away."""
        stored = await picture.submitted(self, id)
        document = await change(self, self.vendor_id, id, self.body_text, categories_of(self.body), stored)
        self.reply(await picture.linked(self, document))

    async def delete(self, id: str) -> None:
        """Delete an item, and its picture. 204; 404."""
        await remove(self, self.vendor_id, id)
        self.reply_nothing()


class ItemStatus(VendorHandler):
    access = approved_vendor
    missing = MISSING

    @answers(200, "vendor/item")
    @body("vendor/item_status")
    async def patch(self, id: str) -> None:
        """Change whether an item is active, or its stock. 200; 400 wrong fields; 404."""
        # Whatever else came is ignored here.
        body = {name: self.body[name] for name in ("is_active", "stock_quantity") if name in self.body}
        document = await change(self, self.vendor_id, id, json.dumps(body), None, NO_PICTURE)
        self.reply(await picture.linked(self, document))


async def make(handler: ApiHandler, vendor_id: str) -> tuple[str, str]:
    """Make the item of a body for a vendor; its id and document. Raises Problem: 400, 503."""
    if "price" not in handler.body and handler.body["mrp_price"] in (None, ""):
        raise invalid({"price": [Message.of("required")]})
    categories = categories_of(handler.body) or []
    id = (handler.body.get("id") or "").strip().lower() or str(uuid.uuid4())
    stored = await picture.submitted(handler, id)

    async def insert(db: sql.Runner, place: Place) -> str:
        links = await known(db, vendor_id, categories)
        await query.create_item(
            db,
            vendor_id=vendor_id,
            id=id,
            body=handler.body_text,
            **stored._asdict(),
            **place._asdict(),
            actor=handler.actor,
        )
        await query.link(db, vendor_id=vendor_id, links=json.dumps([{"item_id": id, **links}]))
        await catalogue.note_change(db, vendor_id, "item", id, place.position)
        return str(await query.get_item(db, vendor_id=vendor_id, id=id))

    return id, await catalogue.change(handler, vendor_id, insert)


async def change(
    handler: ApiHandler,
    vendor_id: str,
    id: str,
    body: str,
    categories: list[str] | None,
    stored: Picture,
    kinds: Sequence[str] = KINDS,
) -> str:
    """Change a vendor's item; its document. body: the members that change, as JSON. categories: all that it is in from now on, of these kinds;
    None: they stay. stored: its new picture. Raises Problem: 400, 404."""
    is_pictured = stored != NO_PICTURE or json.loads(body).get("image", "") is None

    async def update(db: sql.Runner, place: Place) -> tuple[str, Picture]:
        links = await known(db, vendor_id, categories or [])
        changed = await query.update_item(
            db,
            vendor_id=vendor_id,
            id=id,
            body=body,
            is_pictured=is_pictured,
            **stored._asdict(),
            **place._asdict(),
            actor=handler.actor,
        )
        if changed is None:
            raise not_found(MISSING)
        if categories is not None:
            links = {kind: found if kind in kinds else None for kind, found in links.items()}
            await query.link(db, vendor_id=vendor_id, links=json.dumps([{"item_id": id, **links}]))
        await catalogue.note_change(db, vendor_id, "item", id, place.position)
        document = await query.get_item(db, vendor_id=vendor_id, id=id)
        return str(document), Picture(changed["image"], changed["thumbnail"]) if is_pictured else NO_PICTURE

    document, replaced = await catalogue.change(handler, vendor_id, update)
    await picture.remove(handler, replaced)
    return document


async def remove(handler: ApiHandler, vendor_id: str, id: str) -> None:
    """Delete a vendor's item, and its picture. Raises Problem 404."""

    async def delete(db: sql.Runner, place: Place) -> Picture:
        gone = await query.delete_item(db, vendor_id=vendor_id, id=id, actor=handler.actor)
        if gone is None:
            raise not_found(MISSING)
        await catalogue.note_deletion(db, vendor_id, "item", id, place)
        return Picture(gone["image"], gone["thumbnail"])

    await picture.remove(handler, await catalogue.change(handler, vendor_id, delete))


def categories_of(body: Mapping[str, Any]) -> list[str] | None:
    """The ids of categories that a body names, each once; None: it names none. A field of a form may hold several, with commas.
    Raises Problem 400: one of them is no id."""
    sent = body.get("category_ids", body.get("categories"))
    if sent is None:
        return None
    found: dict[str, None] = {}
    for text in sent:
        for one in text.split(",") if isinstance(text, str) else [None]:
            if one is None or not is_uuid(one.strip()):
                raise no_categories()
            found[one.strip().lower()] = None
    return list(found)


async def known(db: sql.Runner, vendor_id: str, categories: list[str]) -> dict[str, list[str] | None]:
    """The same ids as the statement `link` takes them: own and global ones apart. Raises Problem 400: one of them doesn't exist for the
    vendor."""
    rows = await query.list_known_categories(db, vendor_id=vendor_id, ids=categories) if categories else []
    if len(rows) != len(categories):
        raise no_categories()
    return {
        name: [row["id"] for row in rows if row["is_global"] is is_global]
        for name, is_global in zip(KINDS, (False, True), strict=True)
    }


def no_categories() -> Problem:
    """400: an id of a category is malformed, unknown, or another vendor's."""
    return refused(NO_CATEGORIES)


refusals = {
    "item_pkey": (400, "id-exists", ID_EXISTS, {"id": [ID_EXISTS]}),
    # A category was deleted meanwhile.
    "item_category_category_id_fkey": no_categories(),
    "item_global_category_category_id_fkey": no_categories(),
}
groups = ("Vendor: items",)
routes = [("/items/", Items), ("/items/{id:uuid}/", Item), ("/items/{id:uuid}/status/", ItemStatus)]

"""Categories of a vendor's items, and the global ones, which every vendor sees. docs/api/vendor.md#catalogue."""

import asyncpg

from core.data import sql
from core.http.declare import answers, body
from core.problem import Problem, not_found
from handlers.api.handler import ApiHandler
from handlers.api.listing import PARAMETERS, array_of, reply_list
from handlers.vendor import catalogue
from handlers.vendor.catalogue import Place
from handlers.vendor.handler import VendorHandler, approved_vendor, refused

MISSING = "Category not found"
NO_UPDATE = "Cannot update global category. Only vendor-specific categories can be modified."
NO_DELETE = "Cannot delete global category. Only vendor-specific categories can be deleted."
NAME_EXISTS = "Category with this name already exists for this vendor."
ID_EXISTS = "Category with this id already exists."

query = sql.load("vendor/category")


class Categories(VendorHandler):
    access = approved_vendor
    parameters = PARAMETERS

    @answers(200, array_of("vendor/category"), headers=("ETag",))
    @answers(304, None, headers=("ETag",))
    async def get(self) -> None:
        """List the active categories, the vendor's own and the global ones, by sort_order and name. 200; 304; 400 an invalid cursor."""
        if await catalogue.reply_unchanged(self):
            return
        await reply_list(
            self,
            lambda after, most: query.list_categories(self.db, vendor_id=self.vendor_id, after=after, most=most),
            start=catalogue.START,
            is_key=catalogue.is_place,
        )

    @answers(201, "vendor/category")
    @body("vendor/category_create")
    async def post(self) -> None:
        """Make a category. A client may give it an `id`. 201; 400 wrong fields, or a name or id that exists."""

        made = await make(self, self.vendor_id)
        self.reply(made["document"], 201)


class Category(VendorHandler):
    access = approved_vendor
    missing = MISSING

    @answers(200, "vendor/category")
    async def get(self, id: str) -> None:
        """Show a category, the vendor's own or a global one. 200; 404."""
        found = await query.get_category(self.db, vendor_id=self.vendor_id, id=id)
        if found is None:
            raise not_found(MISSING)
        self.reply(found)

    @answers(200, "vendor/category")
    @body("vendor/category_update")
    async def patch(self, id: str) -> None:
        """Change some fields of a category. 200; 400 wrong fields, or a name that exists; 403 a global category; 404."""
        self.reply(await change(self, self.vendor_id, id))

    async def delete(self, id: str) -> None:
        """Delete a category. Its items stay. 204; 403 a global category; 404."""
        await remove(self, self.vendor_id, id)
        self.reply_nothing()


async def make(handler: ApiHandler, vendor_id: str) -> asyncpg.Record:
    """Make the category of a body for a vendor; its id and document. Raises Problem 400."""

    async def insert(db: sql.Runner, place: Place) -> asyncpg.Record:
        made = await query.create_category(
            db, vendor_id=vendor_id, body=handler.body_text, **place._asdict(), actor=handler.actor
        )
        if made is None:
            raise id_exists()
        await catalogue.note_change(db, vendor_id, "category", made["id"], place.position)
        return made

    return await catalogue.change(handler, vendor_id, insert)


async def change(handler: ApiHandler, vendor_id: str, id: str) -> str:
    """Change a vendor's category as a body says; its document. Raises Problem: 400, 403, 404."""

    async def update(db: sql.Runner, place: Place) -> str:
        changed = await query.update_category(
            db, vendor_id=vendor_id, id=id, body=handler.body_text, **place._asdict(), actor=handler.actor
        )
        if changed is None:
            raise await _missing(db, id, NO_UPDATE)
        await catalogue.note_change(db, vendor_id, "category", id, place.position)
        return str(changed["document"])

    return await catalogue.change(handler, vendor_id, update)


async def remove(handler: ApiHandler, vendor_id: str, id: str) -> None:
    """Delete a vendor's category. Raises Problem: 403, 404."""

    async def delete(db: sql.Runner, place: Place) -> None:
        if await query.delete_category(db, vendor_id=vendor_id, id=id, actor=handler.actor) is None:
            raise await _missing(db, id, NO_DELETE)
        await catalogue.note_deletion(db, vendor_id, "category", id, place)

    await catalogue.change(handler, vendor_id, delete)


async def _missing(db: sql.Runner, id: str, if_global: str) -> Problem:
    return refused(if_global, 403) if await query.is_global(db, id=id) else not_found(MISSING)


def id_exists() -> Problem:
    """400: another category has the id."""
    return Problem(400, "id-exists", ID_EXISTS, {"id": [ID_EXISTS]})


refusals = {
    "category_name_key": (400, "name-exists", NAME_EXISTS, {"name": [NAME_EXISTS]}),
    "category_pkey": id_exists(),
}
groups = ("Vendor: categories",)
routes = [("/items/categories/", Categories), ("/items/categories/{id:uuid}/", Category)]

"""Raw materials of vendors: what there is of each, and how that has changed. docs/api/vendor.md#inventory."""

from decimal import Decimal

from core.access import public
from core.data import sql
from core.http import keyset
from core.http.declare import answers, body, idempotent
from core.http.parameter import Parameter
from core.problem import Problem, invalid, not_found
from handlers.api.dialects import VendorDialect
from handlers.api.handler import ApiHandler
from handlers.api.listing import LAST_ID, PARAMETERS, array_of, reply_list
from handlers.vendor.handler import TokenHandler, VendorHandler, approved_vendor, refused

# As the columns have it: 12 digits before the point and 3 behind it.
MOST = Decimal("999999999999.999")
MISSING = "Inventory item not found"
TOO_LARGE = "Ensure that there are no more than 12 digits before the decimal point."
TOO_LITTLE = "Cannot subtract more than current quantity"
# Characters of a search. Comparing a longer one with long descriptions would take seconds.
LONGEST = 255
FLAG = {"type": "boolean"}

query = sql.load("vendor/inventory")


class InventoryDialect(VendorDialect):
    """The sentences of the document. The only numbers that have a maximum here are quantities."""

    sentences = {**VendorDialect.sentences, "maximum": TOO_LARGE}


class StockDialect(InventoryDialect):
    sentences = {**InventoryDialect.sentences, "minimum": "Quantity cannot be negative"}


class InventoryHandler(VendorHandler):
    access = approved_vendor
    dialect = InventoryDialect()
    missing = MISSING


class UnitTypes(TokenHandler):
    """Public, so a token that admits nobody any more doesn't matter."""

    access = public
    authenticates = False

    @answers(200, array_of("vendor/unit_type"))
    async def get(self) -> None:
        """List the units in which raw materials are counted. 200."""
        self.reply(await query.get_unit_types(self.db))


class Inventory(InventoryHandler):
    parameters = (
        Parameter(
            "is_active",
            "Materials that are active (`true`, or without it), or those that are not (any other value).",
            FLAG,
        ),
        Parameter(
            "low_stock", "Only materials of which there is less than their `min_stock_level`, if it is `true`.", FLAG
        ),
        Parameter("search", "A part of the name, description, SKU, barcode or supplier's name, ignoring case."),
        Parameter("unit_type", "Only materials that are counted in this unit."),
        *PARAMETERS,
    )

    @answers(200, array_of("vendor/inventory_item"), headers=("ETag",))
    @answers(304, None, headers=("ETag",))
    async def get(self) -> None:
        """List the vendor's raw materials, by name. 200; 304; 400 an invalid cursor."""
        if self.reply_unchanged(await query.get_state(self.db, vendor_id=self.vendor_id)):
            return
        found, is_active = query.list_items.where(**self._filters()), self._is_active()
        await reply_list(
            self,
            lambda after, most: found(self.db, vendor_id=self.vendor_id, is_active=is_active, after=after, most=most),
            start="",
            is_key=keyset.is_text,
        )

    @answers(201, "vendor/inventory_item")
    @body("vendor/inventory_create")
    async def post(self) -> None:
        """Make a raw material. 201; 400 wrong fields, or a name that exists."""
        made = await query.create_item(self.db, vendor_id=self.vendor_id, body=self.body_text, actor=self.actor)
        self.reply(made["document"], 201)

    def _is_active(self) -> bool:
        return not self.asks_for("is_active") or self.asked("is_active").lower() == "true"

    def _filters(self) -> dict[str, str | tuple[()]]:
        """The other filters that are asked for, by their names in sql/vendor/inventory.sql."""
        filters: dict[str, str | tuple[()]] = {}
        if self.asked("low_stock").lower() == "true":
            filters["low_stock"] = ()
        if unit_type := self.asked("unit_type"):
            filters["unit_type"] = unit_type
        if search := self.asked("search")[:LONGEST]:
            filters["search"] = search
        return filters


class InventoryItem(InventoryHandler):
    @answers(200, "vendor/inventory_item")
    async def get(self, id: str) -> None:
        """Show a raw material. 200; 404."""
        item = await query.get_item(self.db, vendor_id=self.vendor_id, id=id)
        if item is None:
            raise not_found(self.missing)
        self.reply(item)

    @answers(200, "vendor/inventory_item")
    @body("vendor/inventory_change")
    async def patch(self, id: str) -> None:
        """Change some fields of a raw material. 200; 400 wrong fields, or a name that exists; 404."""
        changed = await query.update_item(
            self.db, vendor_id=self.vendor_id, id=id, body=self.body_text, actor=self.actor
        )
        if changed is None:
            raise not_found(self.missing)
        self.reply(changed["document"])

    async def delete(self, id: str) -> None:
        """Delete a raw material with its movements. 204; 404."""
        if await query.delete_item(self.db, vendor_id=self.vendor_id, id=id, actor=self.actor) is None:
            raise not_found(self.missing)
        self.reply_nothing()


class InventoryStock(InventoryHandler):
    dialect = StockDialect()

    @answers(200, "vendor/inventory_item")
    @idempotent
    @body("vendor/inventory_stock")
    async def patch(self, id: str) -> None:
        """Set the quantity of a raw material, add to it, or subtract from it. 200; 400 wrong fields, or the quantity would be less than 0 or too
        large; 404."""

        async def change(db: sql.Runner) -> tuple[int, str]:
            return 200, await change_stock(self, db, self.vendor_id, id, self.body_text)

        # A phone that got no answer sends an addition again; a key keeps it from counting twice.
        await self.once(change, is_one_statement=True)


class InventoryMovements(InventoryHandler):
    parameters = PARAMETERS

    @answers(200, array_of("vendor/inventory_movement"))
    async def get(self, id: str) -> None:
        """List how the quantity of a raw material has changed, newest first. 200; 400 an invalid cursor; 404."""
        if not await query.has_item(self.db, vendor_id=self.vendor_id, id=id):
            raise not_found(self.missing)
        await reply_list(
            self,
            lambda before, most: query.list_movements(
                self.db, vendor_id=self.vendor_id, id=id, before=before, most=most
            ),
            start=LAST_ID,
        )


async def change_stock(handler: ApiHandler, db: sql.Runner, vendor_id: str, id: str, body: str) -> str:
    """Change the quantity of a vendor's raw material; its document. body: action, quantity and notes, as JSON. Raises Problem: 400, 404."""
    changed = await query.change_stock(db, vendor_id=vendor_id, id=id, body=body, most=MOST, actor=handler.actor)
    if changed is None:
        raise not_found(MISSING)
    if changed["after"] < 0:
        raise refused(TOO_LITTLE)
    if changed["after"] > MOST:
        raise invalid({"quantity": [TOO_LARGE]})
    return str(changed["document"])


async def _name_exists(handler: ApiHandler) -> Problem:
    return refused(f'Inventory item with name "{handler.body["name"]}" already exists for your vendor account')


refusals = {"inventory_item_name_key": _name_exists}
groups = ("Vendor: inventory",)
routes = [
    ("/inventory/unit-types/", UnitTypes),
    ("/inventory/", Inventory),
    ("/inventory/{id:uuid}/", InventoryItem),
    ("/inventory/{id:uuid}/stock/", InventoryStock),
    ("/inventory/{id:uuid}/movements/", InventoryMovements),
]

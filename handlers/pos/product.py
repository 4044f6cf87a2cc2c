"""Products of the shop, and what is reserved of them. docs/api/pos.md#products."""

import json
import re
from typing import Any

from core import text
from core.data import sql
from core.http.declare import answers, body, idempotent, ref
from core.problem import Problem, not_found
from handlers.api.handler import PosHandler
from handlers.api.listing import PARAMETERS, array_of, reply_list
from handlers.api.messages import SENTENCES
from handlers.pos import managing, selling
from handlers.pos.refusal import ErrorDialect, refused

NO_AMOUNT = "Field 'amount' is required (integer)."
NOT_AN_INTEGER = "Amount must be an integer"
NOT_RESERVED = "Cannot release more items than reserved."
TOO_LITTLE = "Insufficient stock."
LARGEST = 2_147_483_647
REFUSED = {"anyOf": [ref("pos/reservation_error"), ref("api/error_shop"), ref("api/field_errors_shop")]}

query = sql.load("pos/product")


class Products(PosHandler):
    access = selling
    parameters = PARAMETERS

    @answers(200, array_of("pos/product"))
    async def get(self) -> None:
        """List the products, by id. 200; 400 an invalid cursor."""
        zone = self.config.business_timezone
        await reply_list(self, lambda after, most: query.list_products(self.db, after=after, most=most, zone=zone))

    @answers(201, "pos/product")
    @body("pos/product_write")
    async def post(self) -> None:
        """Make a product. 201; 400 wrong fields, an SKU that exists, or an unknown supplier."""
        zone = self.config.business_timezone
        made = await query.create_product(self.db, body=self.body_text, zone=zone, actor=self.actor)
        self.reply(made["document"], 201)


class Product(PosHandler):
    access = {"DELETE": managing, "*": selling}

    @answers(200, "pos/product")
    async def get(self, id: str) -> None:
        """Show a product. 200; 404."""
        product = await query.get_product(self.db, id=int(id), zone=self.config.business_timezone)
        if product is None:
            raise not_found()
        self.reply(product)

    @answers(200, "pos/product")
    @body("pos/product_write")
    async def put(self, id: str) -> None:
        """Replace a product. Fields that the body omits stay. 200; 400 wrong fields, an SKU that exists, or an unknown supplier; 404."""
        await self._update(id)

    @answers(200, "pos/product")
    @body("pos/product_patch")
    async def patch(self, id: str) -> None:
        """Change some fields of a product. 200; 400 wrong fields, an SKU that exists, or an unknown supplier; 404."""
        await self._update(id)

    async def delete(self, id: str) -> None:
        """Delete a product, and with it its promotions. Orders keep it. 204; 404."""
        if await query.delete_product(self.db, id=int(id), actor=self.actor) is None:
            raise not_found()
        self.reply_nothing()

    async def _update(self, id: str) -> None:
        zone = self.config.business_timezone
        changed = await query.update_product(self.db, id=int(id), body=self.body_text, zone=zone, actor=self.actor)
        if changed is None:
            raise not_found()
        self.reply(changed["document"])


class ReservationDialect(ErrorDialect):
    """Writes what is wrong with a reservation as `{error}`, in the shop document's sentences."""

    sentences = {
        **SENTENCES,
        "null": NO_AMOUNT,
        **dict.fromkeys(
            ("type.number", "maxLength", "minimum", "maximum", "null-character", "surrogate"), NOT_AN_INTEGER
        ),
    }

    def body(self, problem: Problem) -> Any:
        if problem.fields is not None and "amount" in problem.fields:
            return {"error": problem.fields["amount"][0]}
        return super().body(problem)


class Reservation(PosHandler):
    dialect = ReservationDialect()
    access = selling

    @answers(200, "pos/product_reserved")
    @idempotent
    @answers(400, REFUSED)
    @body("pos/product_reserve")
    async def post(self, id: str) -> None:
        """Reserve units of a product, or release them with a negative amount. Decimals of a number are cut off. 200; 400 no whole number, more
        than the stock, or less than nothing; 404."""
        amount = whole(self.body.get("amount"))

        async def reserve(db: sql.Runner) -> tuple[int, str]:
            found = await query.reserve_product(db, id=int(id), amount=amount, actor=self.actor)
            if found is None:
                raise not_found()
            if not found["is_done"]:
                raise refused(NOT_RESERVED) if amount < 0 else refused(TOO_LITTLE, available=found["available"])
            return 200, json.dumps(
                {
                    "status": "success",
                    "product": found["name"],
                    "reserved_quantity": found["reserved"],
                    "available_to_sell": found["available"],
                }
            )

        await self.once(reserve, is_one_statement=True)


def whole(sent: Any) -> int:
    """The amount that a body means. Raises Problem 400."""
    if sent is None:
        raise refused(NO_AMOUNT)
    if isinstance(sent, str):
        digits = text.cleaned(sent)
        if not re.fullmatch("[+-]?[0-9]+", digits) or abs(int(digits)) > LARGEST:
            raise refused(NOT_AN_INTEGER)
        return int(digits)
    return int(sent)


SKU_EXISTS = {"sku": ["product with this sku already exists."]}
refusals = {"product_sku_key": (400, "sku-exists", SKU_EXISTS["sku"][0], SKU_EXISTS)}
groups = ("Shop: products",)
routes = [
    ("/api/products/", Products),
    ("/api/products/{id:int}/", Product),
    ("/api/products/{id:int}/reserve/", Reservation),
]

"""Promotions of products. docs/api/pos.md#promotions."""

from core.data import sql
from core.http.declare import answers, body
from core.http.parameter import INTEGER, Parameter
from core.problem import Problem, invalid, not_found
from handlers.api.handler import PosHandler
from handlers.api.listing import PARAMETERS, array_of, reply_list
from handlers.pos import managing, selling

WRONG_DATES = {"end_date": ["La fecha de finalización debe ser posterior a la fecha de inicio."]}
NO_CHOICE = {"product": ["Select a valid choice. That choice is not one of the available choices."]}
# Digits of an id.
LONGEST_ID = 18

query = sql.load("pos/promotion")

cashiers_read = {"GET": selling, "*": managing}


class Promotions(PosHandler):
    access = cashiers_read
    parameters = (*PARAMETERS, Parameter("product", "Those of this product; an empty value means all.", INTEGER))

    @answers(200, array_of("pos/promotion"))
    async def get(self) -> None:
        """List the promotions, by id. 200; 400 an unknown product, or an invalid cursor."""
        product = self.asked("product")
        listed = query.list_promotions.where()
        if product:
            listed = query.list_promotions.where(product=await self._known(product))
        await reply_list(self, lambda after, most: listed(self.db, after=after, most=most))

    @answers(201, "pos/promotion")
    @body("pos/promotion_write")
    async def post(self) -> None:
        """Make a promotion. 201; 400 wrong fields, an unknown product, or an active promotion of the product on one of these days."""
        made = await query.create_promotion(self.db, body=self.body_text, actor=self.actor)
        if made is None:
            raise no_product(self)
        self.reply(made["document"], 201)

    async def _known(self, product: str) -> int:
        is_id = product.isascii() and product.isdecimal() and len(product) <= LONGEST_ID
        if not is_id or not await query.has_product(self.db, id=int(product)):
            raise invalid(NO_CHOICE)
        return int(product)


class Promotion(PosHandler):
    access = cashiers_read

    @answers(200, "pos/promotion")
    async def get(self, id: str) -> None:
        """Show a promotion. 200; 404."""
        promotion = await query.get_promotion(self.db, id=int(id))
        if promotion is None:
            raise not_found()
        self.reply(promotion)

    @answers(200, "pos/promotion")
    @body("pos/promotion_write")
    async def put(self, id: str) -> None:
        """Replace a promotion; `is_active` may be omitted, and then stays. 200; 400 wrong fields, an unknown product, or an active promotion of
        the product on one of these days; 404."""
        await self._update(id)

    @answers(200, "pos/promotion")
    @body("pos/promotion_patch")
    async def patch(self, id: str) -> None:
        """Change some fields of a promotion. 200; 400 wrong fields, an unknown product, or an active promotion of the product on one of these
        days; 404."""
        await self._update(id)

    async def delete(self, id: str) -> None:
        """Delete a promotion. Orders keep its name and price. 204; 404."""
        if await query.delete_promotion(self.db, id=int(id), actor=self.actor) is None:
            raise not_found()
        self.reply_nothing()

    async def _update(self, id: str) -> None:
        changed = await query.update_promotion(self.db, id=int(id), body=self.body_text, actor=self.actor)
        if changed is None:
            raise not_found()
        if changed["document"] is None:
            # Without a product in the body, the promotion's own was deleted at the same moment.
            raise no_product(self) if "product" in self.body else not_found()
        self.reply(changed["document"])


def no_product(handler: PosHandler) -> Problem:
    return invalid({"product": [f'Invalid pk "{handler.body["product"]}" - object does not exist.']})


async def overlaps(handler: PosHandler) -> Problem:
    """400, with the days of the promotion that is there already. Nothing was changed."""
    id = handler.path_kwargs.get("id")
    other = await query.find_overlap(handler.db, id=None if id is None else int(id), body=handler.body_text)
    message = "Ya existe una promoción activa para este producto en las fechas seleccionadas"
    # The other one may have gone in the meantime.
    days = f" ({other['start_date'].isoformat()} a {other['end_date'].isoformat()})" if other else ""
    return invalid({"non_field_errors": [f"{message}{days}."]})


refusals = {
    "promotion_alone": overlaps,
    "promotion_dates_ordered": (400, "wrong-dates", WRONG_DATES["end_date"][0], WRONG_DATES),
}
groups = ("Shop: promotions",)
routes = [
    ("/api/promotions/", Promotions),
    ("/api/promotions/{id:int}/", Promotion),
]

"""Suppliers of the shop's products. docs/api/pos.md#suppliers."""

from core.data import sql
from core.http.declare import answers, body
from core.problem import Problem, not_found
from handlers.api.handler import PosHandler
from handlers.api.listing import PARAMETERS, array_of, reply_list
from handlers.pos import managing

query = sql.load("pos/supplier")


class Suppliers(PosHandler):
    access = managing
    parameters = PARAMETERS

    @answers(200, array_of("pos/supplier"))
    async def get(self) -> None:
        """List the suppliers, by id. 200; 400 an invalid cursor."""
        await reply_list(self, lambda after, most: query.list_suppliers(self.db, after=after, most=most))

    @answers(201, "pos/supplier")
    @body("pos/supplier_create")
    async def post(self) -> None:
        """Make a supplier. 201; 400 wrong fields."""
        made = await query.create_supplier(self.db, body=self.body_text, actor=self.actor)
        self.reply(made["document"], 201)


class Supplier(PosHandler):
    access = managing

    @answers(200, "pos/supplier")
    async def get(self, id: str) -> None:
        """Show a supplier. 200; 404."""
        supplier = await query.get_supplier(self.db, id=int(id))
        if supplier is None:
            raise not_found()
        self.reply(supplier)

    @answers(200, "pos/supplier")
    @body("pos/supplier_update")
    async def put(self, id: str) -> None:
        """Change a supplier. Fields that the body omits stay, as the document shows it. 200; 400 wrong fields; 404."""
        changed = await query.update_supplier(self.db, id=int(id), body=self.body_text, actor=self.actor)
        if changed is None:
            raise not_found()
        self.reply(changed["document"])

    patch = put

    async def delete(self, id: str) -> None:
        """Delete a supplier. 204; 400 products are of this supplier; 404."""
        if await query.delete_supplier(self.db, id=int(id), actor=self.actor) is None:
            raise not_found()
        self.reply_nothing()


async def supplier_refused(handler: PosHandler) -> Problem:
    """400: a product names a supplier that doesn't exist, or a supplier that is to go has products."""
    if handler.request.method == "DELETE":
        return Problem(400, "in-use", "This supplier has products and can't be deleted.")
    message = f'Invalid pk "{handler.body["supplier"]}" - object does not exist.'
    return Problem(400, "unknown", message, {"supplier": [message]})


refusals = {"product_supplier_exists": supplier_refused}
groups = ("Shop: suppliers",)
routes = [
    ("/api/suppliers/", Suppliers),
    ("/api/suppliers/{id:int}/", Supplier),
]

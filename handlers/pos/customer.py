"""Customers of the shop. docs/api/pos.md#customers."""

from core.data import sql
from core.http import schema
from core.http.declare import answers, takes
from core.problem import Problem, invalid, not_found
from handlers.api.handler import PosHandler
from handlers.api.listing import PARAMETERS, array_of, reply_list
from handlers.pos import manages, selling

create, create_with_limit = schema.load("pos/customer_create"), schema.load("pos/customer_create_with_limit")
update, update_with_limit = schema.load("pos/customer_update"), schema.load("pos/customer_update_with_limit")

query = sql.load("pos/customer")


async def read_customer(handler: PosHandler, own: schema.Schema, managing: schema.Schema) -> bool:
    """Read the body. Returns whether the caller gives the credit limit, which those who manage the shop do. Raises Problem 400.

    own, managing: the schemas for employees and for those who manage the shop.
    """
    gives_limit = manages(handler)
    await handler.read_body(managing if gives_limit else own)
    return gives_limit


class Customers(PosHandler):
    access = selling
    parameters = PARAMETERS

    @answers(200, array_of("pos/customer"))
    async def get(self) -> None:
        """List the customers, by id. 200; 400 an invalid cursor."""
        await reply_list(self, lambda after, most: query.list_customers(self.db, after=after, most=most))

    @answers(201, "pos/customer")
    @takes(create, create_with_limit)
    async def post(self) -> None:
        """Make a customer. Those who manage the shop may give a credit limit. 201; 400 wrong fields, a phone number or e-mail that
        exists."""
        gives_limit = await read_customer(self, create, create_with_limit)
        made = await query.create_customer(self.db, body=self.body_text, gives_limit=gives_limit, actor=self.actor)
        self.reply(made["document"], 201)


class Customer(PosHandler):
    access = selling

    @answers(200, "pos/customer")
    async def get(self, id: str) -> None:
        """Show a customer. 200; 404."""
        customer = await query.get_customer(self.db, id=int(id))
        if customer is None:
            raise not_found()
        self.reply(customer)

    @answers(200, "pos/customer")
    @takes(create, create_with_limit)
    async def put(self, id: str) -> None:
        """Replace a customer. Those who manage the shop may give a credit limit. 200; 400 wrong fields, a phone number or e-mail that
        exists; 404."""
        await self._change(id, await read_customer(self, create, create_with_limit))

    @answers(200, "pos/customer")
    @takes(update, update_with_limit)
    async def patch(self, id: str) -> None:
        """Change some fields of a customer, as PUT does. 200; 400 as for PUT; 404."""
        await self._change(id, await read_customer(self, update, update_with_limit))

    async def delete(self, id: str) -> None:
        """Delete a customer. 204; 400 the customer has points or a debt; 404."""
        deleted = await query.delete_customer(self.db, id=int(id), actor=self.actor)
        if deleted is None:
            raise not_found()
        if deleted["has_balance"]:
            raise Problem(400, "in-use", "This customer has points or a debt and can't be deleted.")
        self.reply_nothing()

    async def _change(self, id: str, gives_limit: bool) -> None:
        changed = await query.update_customer(
            self.db, id=int(id), body=self.body_text, gives_limit=gives_limit, actor=self.actor
        )
        if changed is None:
            raise not_found()
        self.reply(changed["document"])


async def phone_number_taken(handler: PosHandler) -> Problem:
    """400: another customer has the phone number, and perhaps one has the e-mail."""
    return await _taken(handler, "phone_number")


async def email_taken(handler: PosHandler) -> Problem:
    """400: another customer has the e-mail, and perhaps one has the phone number."""
    return await _taken(handler, "email")


async def _taken(handler: PosHandler, broken: str) -> Problem:
    """Postgres names one broken constraint; the other field is looked up. broken: the field whose constraint it named."""
    own = handler.path_kwargs.get("id")
    found = await query.find_taken(handler.db, body=handler.body_text, id=own and int(own))
    names = {"phone_number": "phone number", "email": "email"}
    return invalid(
        {
            field: [f"customer with this {name} already exists."]
            for field, name in names.items()
            if field == broken or found[field]
        }
    )


refusals = {"customer_phone_number_key": phone_number_taken, "customer_email_key": email_taken}
groups = ("Shop: customers",)
routes = [
    ("/api/customers/", Customers),
    ("/api/customers/{id:int}/", Customer),
]

"""Store credit of customers: payments, history. docs/api/pos.md#store-credit."""

from core.data import sql
from core.http.declare import answers, body, idempotent
from core.problem import not_found
from handlers.api.handler import PosHandler
from handlers.api.listing import LAST_ID, PARAMETERS, array_of, reply_list
from handlers.pos import selling
from handlers.pos.customer import query as customers
from handlers.pos.refusal import LEDGER_REFUSED, ErrorDialect, refused

query = sql.load("pos/credit")


class CreditPayment(PosHandler):
    dialect = ErrorDialect()
    access = selling

    @answers(200, "pos/credit_paid")
    @idempotent
    @answers(400, LEDGER_REFUSED)
    @body("pos/credit_pay")
    async def post(self, id: str) -> None:
        """Pay a part of a customer's debt, or all of it. What is paid beyond the debt isn't recorded. 200; 400 wrong fields, no amount, or
        one that is not positive; 404."""
        if "amount" not in self.body:
            raise refused("El campo 'amount' es requerido.")
        # Null, an empty text and 0 are no amount.
        if not self.body["amount"] or self.body["amount"] < 0:
            raise refused(["El monto del abono debe ser positivo."])

        async def pay(db: sql.Runner) -> tuple[int, str]:
            paid = await query.pay_credit(db, id=int(id), body=self.body_text, actor=self.actor)
            if paid is None:
                raise not_found()
            return 200, paid["document"]

        await self.once(pay, is_one_statement=True)


class CreditHistory(PosHandler):
    access = selling
    parameters = PARAMETERS

    @answers(200, array_of("pos/credit_entry"))
    async def get(self, id: str) -> None:
        """List the charges and payments of a customer's store credit, newest first. 200; 400 an invalid cursor; 404."""
        if not await customers.has_customer(self.db, id=int(id)):
            raise not_found()
        await reply_list(
            self,
            lambda before, most: query.list_credit(self.db, id=int(id), before=before, most=most),
            start=LAST_ID,
        )


groups = ("Shop: store credit",)
routes = [
    ("/api/customers/{id:int}/pay-credit/", CreditPayment),
    ("/api/customers/{id:int}/credit-history/", CreditHistory),
]

"""Loyalty points of customers: entries, history. docs/api/pos.md#points."""

import json
from decimal import Decimal
from typing import Any

from core.data import sql
from core.http.conform import Shape, conformed
from core.http.declare import answers, body, idempotent
from core.problem import Message, Problem, invalid, not_found
from core.text import BLANKS
from handlers.api.handler import PosHandler
from handlers.api.listing import LAST_ID, PARAMETERS, array_of, reply_list
from handlers.pos import selling
from handlers.pos.customer import query as customers
from handlers.pos.refusal import LEDGER_REFUSED, ErrorDialect, refused

TYPES = ("EARN", "REDEEM", "ADJUSTMENT")
# Of one entry, in either direction; schemas/pos/points_create.json has it too.
LARGEST = 1_000_000_000
INTEGER = Shape.of({"type": "integer"})

query = sql.load("pos/points")


class TakesPoints(PosHandler):
    """The base of handlers whose statements may take more points than a customer has."""

    def points_refused(self) -> Problem:
        """What is answered then."""
        return refused("Insufficient points.")


class Points(TakesPoints):
    dialect = ErrorDialect()
    access = selling

    @answers(201, "pos/points_added")
    @idempotent
    @answers(400, LEDGER_REFUSED)
    @body("pos/points_create")
    async def post(self, id: str) -> None:
        """Add points (EARN), redeem them (REDEEM), or correct the balance (ADJUSTMENT). The sign of a redeemed amount doesn't matter.
        201; 400 wrong fields, too few points; 404."""
        kind = (self.body.get("transaction_type") or "").strip(BLANKS)
        amount = self._amount()
        if not amount or not kind:
            raise refused("Fields 'amount' and 'transaction_type' are required.")
        if kind not in TYPES:
            raise invalid({"transaction_type": [f'"{kind}" is not a valid choice.']})
        if kind == "EARN" and amount < 0:
            raise refused("Amount must be positive to earn points.")

        async def add(db: sql.Runner) -> tuple[int, str]:
            balance = await query.add_points(
                db,
                id=int(id),
                amount=-abs(amount) if kind == "REDEEM" else amount,
                kind=kind,
                body=self.body_text,
                actor=self.actor,
            )
            if balance is None:
                raise not_found()
            return 201, json.dumps({"status": "success", "new_balance": balance["new_balance"]})

        await self.once(add, is_one_statement=True)

    def _amount(self) -> int:
        """The amount, without its decimals; 0 if the body has no amount. Raises Problem 400."""
        sent: Any = self.body.get("amount")
        if not isinstance(sent, str):
            # As it was sent: a float would round what is next to a whole number.
            return int(json.loads(self.body_text, parse_float=Decimal).get("amount") or 0)
        text = sent.strip(BLANKS)
        if not text:
            return 0
        digits = conformed(text, INTEGER)
        if digits is text:
            raise refused("Amount must be an integer")
        amount = int(digits)
        if abs(amount) > LARGEST:
            limit = Message.of("maximum", limit=LARGEST) if amount > 0 else Message.of("minimum", limit=-LARGEST)
            raise invalid({"amount": [limit]})
        return amount


class PointHistory(PosHandler):
    access = selling
    parameters = PARAMETERS

    @answers(200, array_of("pos/point_entry"))
    async def get(self, id: str) -> None:
        """List the entries of a customer's points, newest first. 200; 400 an invalid cursor; 404."""
        if not await customers.has_customer(self.db, id=int(id)):
            raise not_found()
        await reply_list(
            self,
            lambda before, most: query.list_points(self.db, id=int(id), before=before, most=most),
            start=LAST_ID,
        )


async def points_refused(handler: TakesPoints) -> Problem:
    """400: a customer would have less than no points."""
    return handler.points_refused()


refusals = {"customer_points_enough": points_refused}
groups = ("Shop: points",)
routes = [
    ("/api/customers/{id:int}/points/", Points),
    ("/api/customers/{id:int}/history/", PointHistory),
]

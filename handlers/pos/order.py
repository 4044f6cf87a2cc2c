"""Orders: made, paid, cancelled, shown. docs/api/pos.md#orders."""

import json
from typing import Any

from core.data import sql
from core.http.declare import answers, body, idempotent
from core.problem import Problem, invalid, not_found
from handlers.api.dialects import PosDialect
from handlers.api.handler import PosHandler, gone
from handlers.api.listing import LAST_ID, PARAMETERS, array_of, reply_list
from handlers.api.messages import SENTENCES
from handlers.api.roles import signed_in_caller
from handlers.pos import managing, selling

# The names of payment methods that clients of a later release send.
ALIASES = {"LOYALTY_POINTS": "POINTS", "STORE_CREDIT": "CREDIT"}
METHODS = ("CASH", "CARD", "POINTS", "CREDIT")
NOT_AN_INTEGER = "Debe ser un número entero válido."

query = sql.load("pos/order")


class OrderDialect(PosDialect):
    """The shop document's sentences for the lines of an order."""

    sentences = {
        **SENTENCES,
        "minimum": "La cantidad debe ser al menos 1.",
        "type.integer": NOT_AN_INTEGER,
        "text.integer": NOT_AN_INTEGER,
    }


class Orders(PosHandler):
    dialect = OrderDialect()
    access = selling
    parameters = PARAMETERS

    @answers(200, array_of("pos/order"))
    async def get(self) -> None:
        """List the orders, newest first. 200; 400 an invalid cursor."""
        await reply_list(self, lambda before, most: query.list_orders(self.db, before=before, most=most), start=LAST_ID)

    @answers(201, "pos/order")
    @idempotent
    @body("pos/order_create")
    async def post(self) -> None:
        """Make an order. Its stock is taken and its prices are those of this moment, until it is paid or cancelled. 201; 400 wrong fields,
        an unknown customer or product, or too little stock."""
        if not self.body["items"]:
            raise invalid({"items": ["La orden debe tener al menos un producto."]})
        check_customer(self.body)
        seller_id = signed_in_caller(self).account_id

        async def make(db: sql.Runner) -> tuple[int, str]:
            zone = self.config.business_timezone
            made = await query.create_order(db, body=self.body_text, seller_id=seller_id, zone=zone)
            if made["refusal"] is not None:
                raise refused_order(made["refusal"], json.loads(made["said"] or "null"))
            return 201, made["document"]

        await self.once(make, is_one_statement=True)


class Order(PosHandler):
    access = {"DELETE": managing, "*": selling}

    @answers(200, "pos/order")
    async def get(self, id: str) -> None:
        """Show an order. 200; 404."""
        order = await query.get_order(self.db, id=int(id))
        if order is None:
            raise not_found()
        self.reply(order)

    async def delete(self, id: str) -> None:
        """Delete an order that is not paid. The stock of a pending one is given back. 204; 400 the order is paid; 404."""
        refusal = (await query.delete_order(self.db, id=int(id), actor=self.actor))["refusal"]
        if refusal == "missing":
            raise not_found()
        if refusal is not None:
            raise invalid({"non_field_errors": ["No se puede eliminar una orden pagada."]})
        self.reply_nothing()


class Payment(PosHandler):
    access = selling

    @answers(200, "pos/order")
    @idempotent
    @body("pos/order_pay")
    async def post(self, id: str) -> None:
        """Pay an order. LOYALTY_POINTS means POINTS, and STORE_CREDIT means CREDIT. With a customer, cash and card earn points. 200; 400 an
        unknown method, an order that is paid or cancelled, or too few points or too little credit; 404."""
        method = ALIASES.get(self.body["payment_method"], self.body["payment_method"])
        if method not in METHODS:
            raise invalid({"payment_method": [f'"{method}" is not a valid choice.']})

        async def pay(db: sql.Runner) -> tuple[int, str]:
            paid = await query.pay_order(db, id=int(id), method=method, zone=self.config.business_timezone)
            if paid["refusal"] is not None:
                raise _unpaid(paid["refusal"], method, json.loads(paid["said"] or "null"))
            return 200, paid["document"]

        await self.once(pay, is_one_statement=True)


class Cancellation(PosHandler):
    access = selling

    @answers(200, "pos/order_cancelled")
    async def post(self, id: str) -> None:
        """Cancel a pending order. Its stock is given back. 200; 400 the order is paid or cancelled; 404."""
        refusal = (await query.cancel_order(self.db, id=int(id), actor=self.actor))["refusal"]
        if refusal == "missing":
            raise not_found()
        if refusal is not None:
            message = "No se puede cancelar esta orden. Solo se permiten cancelar órdenes PENDIENTES."
            raise invalid({"non_field_errors": [message]})
        self.reply({"status": "Order cancelled", "detail": f"La orden {int(id)} fue cancelada y el stock restaurado."})


def check_customer(sent: dict[str, Any]) -> None:
    """Check the customer of an order's body, which may be digits as text. Raises Problem 400."""
    customer = sent.get("customer")
    if isinstance(customer, str) and customer and not (customer.isascii() and customer.isdecimal()):
        raise invalid({"customer": ["Incorrect type. Expected pk value, received str."]})


def refused_order(refusal: str, said: Any) -> Problem:
    """What an order is refused with, by the refusals of pos.create_order."""
    if refusal == "customer":
        return invalid({"customer": [_no_such(said["pk"])]})
    if refusal == "product":
        places = range(1, max(map(int, said["places"])) + 1)
        unknown = {int(place): {"product_id": [_no_such(pk)]} for place, pk in said["places"].items()}
        return invalid({"items": [unknown.get(place, {}) for place in places]})
    if refusal == "stock":
        available = f"Disponible: {said['available']}, Solicitado: {said['wanted']}"
        return invalid({"non_field_errors": [f"Stock insuficiente para '{said['name']}'. {available}"]})
    return gone()


def _unpaid(refusal: str, method: str, said: Any) -> Problem:
    """What a payment is refused with, by the refusals of pos.pay_order."""
    if refusal == "missing":
        return not_found()
    if refusal == "points":
        available = f"Puntos disponibles: {said['available']}, Total a pagar: {said['total']}"
        return Problem(400, "points", f"Saldo de puntos insuficiente. {available}")
    if refusal == "credit":
        limit = f"Límite: {said['limit']}, Saldo actual: {said['used']}, Compra: {said['total']}"
        return Problem(400, "credit", f"El cliente excede su límite de crédito. {limit}")
    field, message = {
        "paid": ("non_field_errors", "Esta orden ya ha sido pagada previamente."),
        "cancelled": ("non_field_errors", "No se puede pagar una orden cancelada."),
        "no customer": (
            "payment_method",
            f"El pago con {'Puntos' if method == 'POINTS' else 'Crédito'} requiere un cliente asignado.",
        ),
        "not frequent": ("payment_method", "El crédito en tienda es exclusivo para Clientes Frecuentes."),
    }[refusal]
    return invalid({field: [message]})


def _no_such(pk: Any) -> str:
    return f'Invalid pk "{pk}" - object does not exist.'


groups = ("Shop: orders",)
routes = [
    ("/api/orders/", Orders),
    ("/api/orders/{id:int}/", Order),
    ("/api/orders/{id:int}/pay/", Payment),
    ("/api/orders/{id:int}/cancel/", Cancellation),
]

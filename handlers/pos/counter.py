"""What the counter (/pos/) asks for: products and customers by a search, the price of a cart, the present day. docs/api/pos.md#counter."""

import json
import re

from core.data import sql
from core.http.declare import answers, body
from core.http.parameter import Parameter
from handlers.api.handler import PosHandler
from handlers.api.listing import LAST_ID, PARAMETERS, array_of, reply_list
from handlers.pos import selling
from handlers.pos.order import OrderDialect, check_customer, refused_order

# Matches that a search gives, and the most that it may give.
MATCHES, MOST = 20, 100
# Characters of a search; the longest name of a product.
LONGEST = 200
# The index of what is searched knows no shorter pieces.
SHORTEST = 3
LIMIT = Parameter("limit", f"Matches; without it {MATCHES}.", {"type": "integer", "minimum": 1, "maximum": MOST})
# A phone number as people write it.
PHONE = re.compile(r"[0-9+()./ -]*[0-9][0-9+()./ -]*")

query = sql.load("pos/counter")


class Search(PosHandler):
    access = selling

    @property
    def text(self) -> str:
        """What is searched for."""
        return self.asked("search")[:LONGEST]

    @property
    def most(self) -> int:
        """So many matches at most."""
        given = self.asked("limit")
        return min(int(given), MOST) if re.fullmatch("[0-9]{1,9}", given) and int(given) else MATCHES


class ProductSearch(Search):
    parameters = (
        Parameter("search", "Words of the name and the SKU, or a scanned SKU; without it: what sells most."),
        LIMIT,
    )

    @answers(200, array_of("pos/counter_product"))
    async def get(self) -> None:
        """Find products, the best match first: the SKU itself, what begins with the text, and what contains all words. 200."""
        zone = self.config.business_timezone
        if self.text:
            self.reply(await query.find_products(self.db, search=self.text, most=self.most, zone=zone))
        else:
            self.reply(await query.list_best_sellers(self.db, most=self.most, zone=zone))


class CustomerSearch(Search):
    parameters = (
        Parameter(
            "search", f"A part of the phone number, or words of the name and e-mail; at least {SHORTEST} characters."
        ),
        LIMIT,
    )

    @answers(200, array_of("pos/buyer"))
    async def get(self) -> None:
        """Find customers, by name. 200."""
        words = [re.sub("[^0-9]", "", self.text)] if PHONE.fullmatch(self.text) else self.text.split()
        if max(map(len, words), default=0) < SHORTEST:
            self.reply("[]")
            return
        self.reply(await query.find_customers(self.db, words=words, most=self.most))


class Cart(PosHandler):
    dialect = OrderDialect()
    access = selling

    @answers(200, "pos/cart")
    @body("pos/order_create")
    async def post(self) -> None:
        """Price a cart: what an order of this body would say now. Nothing is stored. A line of which there is too little is no error:
        it isn't available. 200; 400 wrong fields, an unknown customer or product."""
        check_customer(self.body)
        priced = await query.price_cart(self.db, body=self.body_text, zone=self.config.business_timezone)
        if priced["refusal"] is not None:
            raise refused_order(priced["refusal"], json.loads(priced["said"]))
        self.reply(priced["document"])


class Day(PosHandler):
    access = selling

    @answers(200, "pos/day")
    async def get(self) -> None:
        """Sum up the business day until now: paid tickets by payment method, and how many orders are pending or cancelled. 200."""
        self.reply(await query.get_day(self.db, zone=self.config.business_timezone))


class DayOrders(PosHandler):
    access = selling
    parameters = PARAMETERS

    @answers(200, array_of("pos/order"))
    async def get(self) -> None:
        """List the orders that were made on this business day, newest first. 200; 400 an invalid cursor."""
        zone = self.config.business_timezone
        await reply_list(
            self,
            lambda before, most: query.list_orders_of_today(self.db, before=before, most=most, zone=zone),
            start=LAST_ID,
        )


groups = ("Shop: counter",)
routes = [
    ("/api/pos/products/", ProductSearch),
    ("/api/pos/customers/", CustomerSearch),
    ("/api/pos/cart/", Cart),
    ("/api/pos/day/", Day),
    ("/api/pos/day/orders/", DayOrders),
]

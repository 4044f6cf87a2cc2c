"""Random days at the shop: many tills at once sell, pay and cancel. In the end stock, points, credit and totals are what they have to be."""

import asyncio
import random
from decimal import ROUND_HALF_UP, Decimal

import pytest

from tests.support.forms import by_form

pytestmark = pytest.mark.gen_test

TILLS = 8
STEPS = int(by_form(short=400, long=10_000))
STOCK = 60
CENT = Decimal("0.01")
AUDIT = """
    SELECT 'a product sold more or less than its orders say' AS fault, p.id FROM pos.product p
     WHERE p.current_stock <> $1::int - coalesce((
           SELECT sum(l.quantity) FROM pos.order_line l JOIN pos.shop_order o ON o.id = l.order_id
            WHERE l.product_id = p.id AND o.status <> 'CANCELLED'), 0) + coalesce((
           SELECT sum(n) FROM restocked r WHERE r.product_id = p.id), 0)
    UNION ALL
    SELECT 'a balance is not the sum of its ledger', c.id FROM pos.customer c
     WHERE c.current_points <> coalesce((SELECT sum(e.amount) FROM pos.point_entry e WHERE e.customer_id = c.id), 0)
        OR c.credit_used <> coalesce((
           SELECT sum(CASE e.transaction_type WHEN 'CHARGE' THEN e.amount ELSE -e.amount END)
             FROM pos.credit_entry e WHERE e.customer_id = c.id), 0)
        OR c.current_points < 0 OR c.credit_used > c.credit_limit
    UNION ALL
    SELECT 'what was charged is not what was paid by credit', c.id FROM pos.customer c
     WHERE coalesce((SELECT sum(o.store_credit_used) FROM pos.shop_order o WHERE o.customer_id = c.id), 0)
        <> coalesce((SELECT sum(e.amount) FROM pos.credit_entry e WHERE e.customer_id = c.id AND e.transaction_type = 'CHARGE'), 0)
    UNION ALL
    SELECT 'a day of a product is not what its paid orders say', coalesce(d.product_id, s.product_id)
      FROM pos.product_day d
      FULL JOIN (SELECT o.business_day, l.product_id, sum(l.quantity) AS units, sum(l.amount) AS revenue
                   FROM pos.shop_order o JOIN pos.order_line l ON l.order_id = o.id WHERE o.status = 'PAID' GROUP BY 1, 2) s
        ON s.business_day = d.day AND s.product_id = d.product_id
     WHERE (d.units, d.revenue) IS DISTINCT FROM (s.units, s.revenue)
    UNION ALL
    SELECT 'an order does not add up', o.id FROM pos.shop_order o
      JOIN LATERAL (SELECT sum(l.amount) AS amount, sum(l.discount_amount) AS saved FROM pos.order_line l WHERE l.order_id = o.id) l ON true
     WHERE NOT o.is_birthday AND (o.subtotal <> l.amount OR o.money_saved_total <> l.saved OR abs(o.final_amount - o.subtotal - o.total_tax) > 0.01)
"""


def rounded(value):
    return str(value.quantize(CENT, ROUND_HALF_UP))


async def test_many_tills_at_once_lose_and_invent_nothing(app, shop, sell, pay, cancel, db):
    chance = random.Random(7)
    await db.execute("TRUNCATE pos.shop_order, pos.order_line, pos.promotion, pos.product, pos.supplier CASCADE")
    await db.execute("TRUNCATE pos.customer CASCADE")
    await db.execute("CREATE TEMPORARY TABLE restocked (product_id bigint, n integer)")
    rates = {"16.00": 16, "0.08": 8, "EXENT": 0}
    products = {}
    for price in ("0.03", "1.25", "7.77", "18.55", "33.33"):
        for rate, percent in rates.items():
            products[await shop.product(price, tax_rate=rate, stock=STOCK)] = (Decimal(price), percent)
    discounted = list(products)[3]
    await shop.promotion(discounted, "15")
    customers = [await shop.customer(points=200, is_frequent=True, limit="300.00") for _ in range(4)]
    pending, statuses = [], set()

    def expected(lines):
        amount = tax = Decimal()
        for product, quantity in lines:
            price, percent = products[product]
            unit = (price * 85 / 100).quantize(CENT, ROUND_HALF_UP) if product == discounted else price
            amount += unit * quantity
            tax += unit * quantity * percent / 100
        return rounded(amount), rounded(tax), rounded(amount + tax)

    async def step():
        what = chance.random()
        if what < 0.5 or not pending:
            lines = [(chance.choice(list(products)), chance.randint(1, 3)) for _ in range(chance.randint(1, 4))]
            answer = await sell(*lines, customer=chance.choice([None, *customers]))
            if answer.status == 201:
                assert tuple(answer.json[name] for name in ("subtotal", "total_tax", "final_amount")) == expected(lines)
                # Two tills may have the same order.
                pending.extend([answer.json["id"]] * chance.choice((1, 1, 2)))
        elif what < 0.75:
            answer = await pay(
                pending.pop(chance.randrange(len(pending))), chance.choice(("CASH", "CARD", "POINTS", "CREDIT"))
            )
        elif what < 0.97:
            answer = await cancel(pending.pop(chance.randrange(len(pending))))
        else:
            product = chance.choice(list(products))
            await app.db.none("UPDATE pos.product SET current_stock = current_stock + 20 WHERE id = $1", product)
            await db_lock.acquire()
            await db.execute("INSERT INTO restocked VALUES ($1, 20)", product)
            db_lock.release()
            return
        statuses.add(answer.status)
        assert answer.status in (200, 201, 400), answer.text

    async def till():
        for _ in range(STEPS // TILLS):
            await step()

    db_lock = asyncio.Lock()
    await asyncio.gather(*(till() for _ in range(TILLS)))
    assert statuses == {200, 201, 400}
    assert [tuple(row) for row in await db.fetch(AUDIT, STOCK)] == []

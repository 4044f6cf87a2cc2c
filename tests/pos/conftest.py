"""The shop of the tests: rows as the API's own endpoints would write them, and people to sell."""

import asyncio
import itertools
from datetime import date

import pytest

from tests.support.deadlines import PATIENCE

_numbers = itertools.count(1)


class Shop:
    """Makes rows of the shop's tables; each method returns the id of the row."""

    def __init__(self, db):
        self.db = db

    async def supplier(self):
        return await self.db.fetchval(
            "INSERT INTO pos.supplier (name, phone_number, contact_person, rfc, tax_address) VALUES ('S', '1', 'c', 'r', 't') RETURNING id"
        )

    async def product(self, price="10.00", *, tax_rate="16.00", stock=100, name=None):
        n = next(_numbers)
        return await self.db.fetchval(
            "INSERT INTO pos.product (name, sku, price, tax_rate, current_stock, supplier_id) "
            "VALUES ($1, $2, $3::text::numeric, $4, $5, $6) RETURNING id",
            name or f"Product {n}",
            f"SKU-{n}",
            price,
            tax_rate,
            stock,
            await self.supplier(),
        )

    async def customer(self, *, birth_date=date(1995, 1, 1), is_frequent=False, points=0, limit="2000.00", used="0"):
        n = next(_numbers)
        made = await self.db.fetchval(
            "INSERT INTO pos.customer (first_name, last_name, phone_number, email, birth_date, is_frequent, frequency_month, credit_limit) "
            "VALUES ('Maria', 'González', $1, $2, $3, $4, date_trunc('month', now()), $5::text::numeric) RETURNING id",
            str(n),
            f"customer-{n}@example.com",
            birth_date,
            is_frequent,
            limit,
        )
        if points:
            await self.db.execute(
                "INSERT INTO pos.point_entry (customer_id, amount, transaction_type) VALUES ($1, $2, 'EARN')",
                made,
                points,
            )
        if used != "0":
            await self.db.execute(
                "INSERT INTO pos.credit_entry (customer_id, amount, transaction_type) VALUES ($1, $2::text::numeric, 'CHARGE')",
                made,
                used,
            )
        return made

    async def promotion(self, product, percent, *, audience="ALL", name="Promo", days=(0, 0), is_active=True):
        """days: from today's date of UTC, for its first and last day."""
        return await self.db.fetchval(
            "INSERT INTO pos.promotion (product_id, name, description, discount_percent, start_date, end_date, target_audience, is_active) "
            "VALUES ($1, $2, 'd', $3::text::numeric, (now() AT TIME ZONE 'UTC')::date + $4::int, "
            "(now() AT TIME ZONE 'UTC')::date + $5::int, $6, $7) RETURNING id",
            product,
            name,
            percent,
            *days,
            audience,
            is_active,
        )

    async def stock(self, product):
        return await self.db.fetchval("SELECT current_stock FROM pos.product WHERE id = $1", product)

    async def balances(self, customer):
        """Points and debt, which have to be the sums of their ledgers."""
        row = await self.db.fetchrow(
            "SELECT c.current_points, c.credit_used::text AS used,"
            "       (SELECT coalesce(sum(amount), 0) FROM pos.point_entry WHERE customer_id = c.id) AS points,"
            "       (SELECT coalesce(sum(CASE transaction_type WHEN 'CHARGE' THEN amount ELSE -amount END), 0)::numeric(12,2)::text"
            "          FROM pos.credit_entry WHERE customer_id = c.id) AS debt"
            "  FROM pos.customer c WHERE c.id = $1",
            customer,
        )
        assert row["current_points"] == row["points"] and float(row["used"]) == float(row["debt"])
        return row["current_points"], row["used"]


@pytest.fixture
def shop(db):
    return Shop(db)


@pytest.fixture
def waits(db):
    """`await waits()`: until a statement of the server waits for a lock."""

    async def waits():
        async with asyncio.timeout(PATIENCE):
            while not await db.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            ):
                # Within a transaction the view is read once, unless this is called.
                await db.execute("SELECT pg_stat_clear_snapshot()")
                await asyncio.sleep(0.01)

    return waits


@pytest.fixture
def cashier(io_loop, sign_in):
    """The token of an EMPLOYEE."""
    return io_loop.run_sync(lambda: sign_in("EMPLOYEE"))["access"]


@pytest.fixture
def boss(io_loop, sign_in):
    """The token of an OWNER."""
    return io_loop.run_sync(lambda: sign_in("OWNER"))["access"]


@pytest.fixture
def sell(api, cashier):
    """`await sell((product, 2), customer=7)`: the answer to the POST of an order."""

    async def sell(*lines, customer=None, **more):
        items = [{"product_id": product, "quantity": quantity} for product, quantity in lines]
        return await api.post("/api/orders/", {"customer": customer, "items": items, **more}, token=cashier)

    return sell


@pytest.fixture
def pay(api, cashier):
    async def pay(order, method="CASH", **more):
        return await api.post(f"/api/orders/{order}/pay/", {"payment_method": method, **more}, token=cashier)

    return pay


@pytest.fixture
def cancel(api, cashier):
    async def cancel(order, **more):
        return await api.post(f"/api/orders/{order}/cancel/", token=cashier, **more)

    return cancel


@pytest.fixture
def receipt(api, cashier):
    """`await receipt(order, "format=pdf", Accept="…")`: the answer."""

    async def receipt(order, query="", **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return await api.get(f"/api/orders/{order}/receipt/?{query}", token=cashier, headers=headers)

    return receipt


@pytest.fixture
def sold(sell):
    """`await sold((product, 2), customer=7)`: the id of an order."""

    async def sold(*lines, customer=None):
        return (await sell(*lines, customer=customer)).json["id"]

    return sold

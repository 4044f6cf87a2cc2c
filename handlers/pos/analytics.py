"""Reports on what was sold, for those who manage the shop. docs/api/pos.md#analytics."""

import json
import re
from decimal import Decimal
from typing import Any

import asyncpg

from core.data import sql
from core.duties import Duty
from core.http.application import Application
from core.http.declare import answers, ref
from core.http.json_text import composed
from core.http.parameter import DATE, INTEGER, Parameter
from core.http.schema import is_date
from handlers.api.handler import PosHandler
from handlers.pos import managing
from handlers.pos.refusal import ErrorDialect, refused

# Products of a ranking, and days of a velocity, if the request says nothing.
RANKED, DAYS = 10, 30
LARGEST = 1_000_000_000
LONGEST_DAYS = 36_500
# Characters of an identifier; the longest is a product's name.
LONGEST = 200
PERIOD = (
    Parameter("start_date", "The first day; without it and `end_date`: the last 30 days.", DATE),
    Parameter("end_date", "The last day; without it: today.", DATE),
)
CRITERIA = {"most": "most", "least": "least", "both": "both", "ambos": "both"}
REFUSED = {"anyOf": [ref("pos/analytics_error"), ref("api/error_shop"), ref("api/field_errors_shop")]}
NO_STOCK_WITHIN = '{"message":"No hay productos dentro del umbral establecido."}'
ALL_SOLD = '{"message":"Todos los productos han tenido ventas en este período."}'

query = sql.load("pos/analytics")


class Report(PosHandler):
    dialect = ErrorDialect()
    access = managing
    # What was sold, as the refusal names it when nothing ever was.
    sold = "sales"

    @property
    def zone(self) -> str:
        zone: str = self.config.business_timezone
        return zone

    def period(self) -> dict[str, Any]:
        """The parameters `start` and `end` of a query. Raises Problem 400: a malformed date."""
        return {"start": self._day("start_date"), "end": self._day("end_date"), "zone": self.zone}

    def check(self, found: asyncpg.Record) -> None:
        """Raises Problem 400 for the refusals of pos.analyzed_period."""
        if found["refusal"] == "none":
            raise refused(f"No hay {self.sold} en el sistema aún.")
        if found["refusal"] == "order":
            raise refused("start_date must not be after end_date.")
        if found["refusal"] == "day":
            first, last = found["first_sale"].isoformat(), found["last_sale"].isoformat()
            message = f"No sales found for the date {found['refused_day'].isoformat()} in the system."
            raise refused(message, first_system_record=first, last_system_record=last)

    def _day(self, name: str) -> str | None:
        """A day as text, because asyncpg takes the first day of the year 1 for minus infinity."""
        text = self.asked(name)
        if text and not is_date(text):
            raise refused("Formato de fecha inválido. Usa YYYY-MM-DD.")
        return text or None

    def whole(self, name: str, *, least: int, most: int) -> int | None:
        """A parameter that is a whole number within these bounds; None if it is not."""
        text = self.asked(name)
        if not re.fullmatch("[0-9]{1,10}", text):
            return None
        return int(text) if least <= int(text) <= most else None


class SalesSummary(Report):
    parameters = PERIOD

    @answers(200, "pos/sales_summary")
    @answers(400, REFUSED)
    async def get(self) -> None:
        """Sum up the sales of a period: tickets, products, hours and payment methods. 200; 400 a malformed date, or one without sales."""
        found = await query.sales_summary(self.db, **self.period())
        self.check(found)
        self.reply(found["document"])


class ProductRanking(Report):
    parameters = (
        *PERIOD,
        Parameter("limit", f"Products of each list; {RANKED} without it.", INTEGER),
        Parameter("criterion", "Which list: most (the default), least, or both."),
    )
    sold = "ventas"

    @answers(200, "pos/product_ranking")
    @answers(400, REFUSED)
    async def get(self) -> None:
        """Rank the products by the units that were sold. 200; 400 a malformed date, or one without sales."""
        most = self.whole("limit", least=1, most=LARGEST) or RANKED
        criterion = CRITERIA.get(self.asked("criterion").lower(), "most")
        found = await query.product_ranking(self.db, **self.period(), most=most)
        self.check(found)
        start, end = found["start_date"].isoformat(), found["end_date"].isoformat()
        period = f'{{"start_date":"{start}","end_date":"{end}"}}'
        if not found["sold"]:
            self.reply(composed({"analyzed_period": period, "detail": '"No products sold in the selected period."'}))
            return
        lists = {name: found[name] for name in ("most_sold", "least_sold") if criterion in (name[:-5], "both")}
        results = composed({"criterion": f'"{criterion}"', "results_limit": str(most), **lists})
        self.reply(composed({"analyzed_period": period, "results": results}))


class LowStock(Report):
    parameters = (
        Parameter(
            "threshold", "Products of which so many or fewer are left; without it: those marked low_stock.", INTEGER
        ),
    )

    @answers(200, {"anyOf": [{"type": "array", "items": ref("pos/low_stock_product")}, ref("pos/report_message")]})
    async def get(self) -> None:
        """List the products of which little is left, most stock first. A `message` takes the list's place if it would be empty, or if the
        threshold is not a number. 200."""
        threshold = None
        if self.asks_for("threshold"):
            text = self.asked("threshold")
            if not re.fullmatch("-?[0-9]+", text):
                self.reply(NO_STOCK_WITHIN)
                return
            # Of any length, which an int may not have.
            threshold = Decimal(text)
        self.reply(await query.low_stock(self.db, threshold=threshold, zone=self.zone) or NO_STOCK_WITHIN)


class DeadInventory(Report):
    parameters = (Parameter("reference_date", "Since this day; without it: since 30 days.", DATE),)

    @answers(200, {"anyOf": [{"type": "array", "items": ref("pos/dead_product")}, ref("pos/report_message")]})
    async def get(self) -> None:
        """List the products that were not sold since a day. A `message` says that all were, or that the date is malformed. 200."""
        text = self.asked("reference_date")
        if text and not is_date(text):
            self.reply(ALL_SOLD)
            return
        since = text or None
        self.reply(await query.dead_inventory(self.db, since=since, zone=self.zone) or ALL_SOLD)


class CustomerSales(Report):
    parameters = (Parameter("customer_id", "The customer; required.", INTEGER), *PERIOD)
    sold = "purchases"

    @answers(200, "pos/customer_sales")
    @answers(400, REFUSED)
    @answers(404, "pos/analytics_error")
    async def get(self) -> None:
        """Sum up what a customer has bought. A `detail` says that it was nothing. 200; 400 no customer_id, a malformed date, or one without
        sales; 404 there is no such customer."""
        if not self.asked("customer_id"):
            raise refused("customer_id parameter is required.")
        customer_id = self.whole("customer_id", least=1, most=9_999_999_999)
        if customer_id is None:
            raise refused("Customer not registered in the system.", status=404)
        found = await query.customer_sales(self.db, customer_id=customer_id, **self.period())
        if found["customer"] is None:
            raise refused("Customer not registered in the system.", status=404)
        self.check(found)
        if found["document"] is not None:
            self.reply(found["document"])
            return
        start, end = found["start_date"].isoformat(), found["end_date"].isoformat()
        period = f'{{"start_date":"{start}","end_date":"{end}"}}'
        detail = '"This customer made no purchases during the selected period."'
        self.reply(composed({"customer_info": found["customer"], "analyzed_period": period, "detail": detail}))


class SalesVelocity(Report):
    parameters = (
        Parameter("identifier", "The product's SKU or name, ignoring case; required."),
        Parameter(
            "period_days", f"Days to look back; {DAYS} without it.", {**INTEGER, "minimum": 1, "maximum": LONGEST_DAYS}
        ),
    )

    @answers(200, "pos/sales_velocity")
    @answers(400, REFUSED)
    @answers(404, "pos/analytics_error")
    async def get(self) -> None:
        """Tell how fast a product sells, and when its stock will be gone. 200; 400 no identifier, or period_days is no number of days; 404
        there is no such product."""
        identifier = self.asked("identifier")[:LONGEST]
        if not identifier:
            raise refused("Product identifier (Name or SKU) is required.")
        days = self.whole("period_days", least=1, most=LONGEST_DAYS) if self.asked("period_days") else DAYS
        if days is None:
            raise refused(f"period_days must be a whole number from 1 to {LONGEST_DAYS}.")
        document = await query.sales_velocity(self.db, identifier=identifier, days=days, zone=self.zone)
        if document is None:
            raise refused("Product not found in the system.", status=404)
        self.reply(document)


class InventoryValuation(Report):
    parameters = (Parameter("product_identifier", "A product's SKU or name, ignoring case; without it: all."),)

    @answers(200, "pos/inventory_valuation")
    @answers(404, "pos/analytics_error")
    async def get(self) -> None:
        """Value the stock at its price, and at what it would sell for today. 200; 404 there is no such product, or no stock."""
        identifier = self.asked("product_identifier")[:LONGEST]
        metrics = await query.inventory_valuation(self.db, identifier=identifier or None, zone=self.zone)
        if metrics is None:
            raise refused("No products available in the selected scope.", status=404)
        scope = f"Specific Product: {identifier}" if identifier else "Entire Inventory"
        self.reply(composed({"scope": json.dumps(scope), "financial_metrics": metrics}))


class ProductContribution(Report):
    parameters = (Parameter("product_identifier", "The product's SKU or name, ignoring case; required."), *PERIOD)

    @answers(200, "pos/product_contribution")
    @answers(400, REFUSED)
    @answers(404, "pos/analytics_error")
    async def get(self) -> None:
        """Tell a product's share of all units and of the revenue. 200; 400 no identifier, a malformed date, or one without sales; 404 there is
        no such product."""
        identifier = self.asked("product_identifier")[:LONGEST]
        if not identifier:
            raise refused("Product identifier (Name or SKU) is required.")
        found = await query.product_contribution(self.db, identifier=identifier, **self.period())
        if found["product"] is None:
            raise refused("Product not found in the system.", status=404)
        self.check(found)
        self.reply(found["document"])


async def fold_tickets(app: Application) -> None:
    """Add the tickets of the last second to the sums of their hours."""
    folded = await query.fold_tickets(app.db)
    if folded > 1000:
        # The rows folded are dead, and autovacuum comes once a minute at best; every report reads past them until then.
        await query.vacuum_tickets(app.db)


duties = [Duty(1.0, fold_tickets)]
groups = ("Shop: analytics",)
routes = [
    ("/api/analytics/sales-summary/", SalesSummary),
    ("/api/analytics/product-ranking/", ProductRanking),
    ("/api/analytics/reports/low-stock/", LowStock),
    ("/api/analytics/reports/dead-inventory/", DeadInventory),
    ("/api/analytics/customer-sales/", CustomerSales),
    ("/api/analytics/sales-velocity/", SalesVelocity),
    ("/api/analytics/inventory-valuation/", InventoryValuation),
    ("/api/analytics/product-contribution/", ProductContribution),
]

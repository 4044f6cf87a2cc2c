"""Reports on what was sold. docs/api/pos.md#analytics."""

from datetime import UTC, date, datetime, timedelta

import pytest

pytestmark = pytest.mark.gen_test

PATH = "/api/analytics/"
REPORTS = (
    "sales-summary",
    "product-ranking",
    "reports/low-stock",
    "reports/dead-inventory",
    "customer-sales",
    "sales-velocity",
    "inventory-valuation",
    "product-contribution",
)
OCTOBER = "start_date=2023-10-01&end_date=2023-10-31"


@pytest.fixture(autouse=True)
def empty(io_loop, db):
    tables = "pos.shop_order, pos.product, pos.supplier, pos.customer, pos.ticket_hour, pos.ticket_delta"
    io_loop.run_sync(lambda: db.execute(f"TRUNCATE {tables} CASCADE"))


@pytest.fixture
def report(api, boss):
    async def report(name, query=""):
        return await api.get(f"{PATH}{name}/{'?' if query else ''}{query}", token=boss)

    return report


@pytest.fixture
def sold(db):
    """`await sold("2023-10-01", 14, "CASH", "116.00", (product, 3, "100.00"))`: a paid order, with tax as the amounts say."""

    async def sold(day, hour, method, total, *lines, customer=None, status="PAID", ago=None):
        # Triggers sum up a paid order at commit, with its lines.
        async with db.transaction():
            await insert(day, hour, method, total, lines, customer, status, ago)

    async def insert(day, hour, method, total, lines, customer, status, ago):
        moment = datetime.now(UTC) - ago if ago else datetime.fromisoformat(f"{day}T{hour:02}:30:00+00:00")
        order = await db.fetchval(
            "INSERT INTO pos.shop_order (seller_name, customer_id, subtotal, total_tax, final_amount, money_saved_total, business_day,"
            " business_hour, status, payment_method, paid_at, created_at) "
            "VALUES ('s', $1, 0, 0, $2::text::numeric, 0, $3, $4, $5, $6, $7, $8) RETURNING id",
            customer,
            total,
            moment.date(),
            moment.hour,
            status,
            method if status == "PAID" else None,
            moment if status == "PAID" else None,
            moment,
        )
        for product, quantity, amount in lines:
            await db.execute(
                "INSERT INTO pos.order_line (order_id, product_id, product_name, quantity, unit_price, discount_amount, amount, tax_amount) "
                "VALUES ($1, $2, 'old name', $3, 0, 0, $4::text::numeric, 0)",
                order,
                product,
                quantity,
                amount,
            )

    return sold


@pytest.fixture
def october(shop, sold):
    """The sales of the document's example."""

    async def october():
        laptop, mouse = await shop.product("1000.00", name="Laptop"), await shop.product("50.00", name="Mouse")
        customer = await shop.customer()
        await sold("2023-10-01", 10, "CARD", "1160.00", (laptop, 1, "1000.00"), customer=customer)
        await sold("2023-10-15", 14, "CARD", "1218.00", (laptop, 1, "1000.00"), (mouse, 1, "50.00"), customer=customer)
        await sold("2023-10-31", 14, "CASH", "116.00", (mouse, 2, "100.00"))
        await sold("2023-10-15", 14, "CASH", "9999.00", (mouse, 9, "9.00"), status="CANCELLED")
        return laptop, mouse, customer

    return october


async def test_the_summary_of_the_document(report, october):
    await october()
    answer = await report("sales-summary", OCTOBER)
    assert (answer.status, answer.json) == (
        200,
        {
            "analyzed_period": {"start_date": "2023-10-01", "end_date": "2023-10-31"},
            "general_summary": {
                "total_revenue": 2494.0,
                "average_ticket": 831.33,
                "lowest_ticket": 116.0,
                "highest_ticket": 1218.0,
                "total_tickets": 3,
            },
            "products": {
                "total_units_sold": 5,
                "top_product": {"product_name": "Laptop", "revenue": 2000.0},
                "breakdown": [
                    {"product_name": "Laptop", "units_sold": 2, "revenue": 2000.0},
                    {"product_name": "Mouse", "units_sold": 3, "revenue": 150.0},
                ],
            },
            "peak_hours": {
                "most_profitable_hour": {"hour": 14, "total_revenue": 1334.0, "ticket_count": 2},
                "busiest_hour": {"hour": 14, "total_revenue": 1334.0, "ticket_count": 2},
                "hourly_breakdown": [
                    {"hour": 10, "total_revenue": 1160.0, "ticket_count": 1},
                    {"hour": 14, "total_revenue": 1334.0, "ticket_count": 2},
                ],
            },
            "payment_methods": [
                {
                    "payment_method": "CARD",
                    "total_sales": 2,
                    "average_ticket": 1189.0,
                    "highest_ticket": 1218.0,
                    "accumulated_amount": 2378.0,
                },
                {
                    "payment_method": "CASH",
                    "total_sales": 1,
                    "average_ticket": 116.0,
                    "highest_ticket": 116.0,
                    "accumulated_amount": 116.0,
                },
            ],
        },
    )


async def test_of_hours_that_are_alike_the_earliest_is_the_peak(report, shop, sold):
    product = await shop.product()
    for hour in (18, 9):
        await sold("2023-10-01", hour, "CASH", "10.00", (product, 1, "10.00"))
    peaks = (await report("sales-summary", "start_date=2023-10-01&end_date=2023-10-01")).json["peak_hours"]
    assert (peaks["most_profitable_hour"]["hour"], peaks["busiest_hour"]["hour"]) == (9, 9)


# Dates


@pytest.mark.parametrize(
    ("name", "entity"),
    [
        ("sales-summary", "sales"),
        ("product-ranking", "ventas"),
        ("customer-sales", "purchases"),
        ("product-contribution", "sales"),
    ],
)
async def test_before_the_first_sale_there_is_nothing_to_report(report, shop, name, entity):
    customer = await shop.customer()
    await shop.product(name="Pan")
    answer = await report(name, f"customer_id={customer}&product_identifier=pan")
    assert (answer.status, answer.json) == (400, {"error": f"No hay {entity} en el sistema aún."})


@pytest.mark.parametrize("name", ["sales-summary", "product-ranking", "customer-sales", "product-contribution"])
async def test_dates_are_checked(report, october, name):
    _, _, customer = await october()
    more = f"customer_id={customer}&product_identifier=laptop"
    for start, end in (
        ("2023-13-45", "2023-10-31"),
        ("2023-10-01", "yesterday"),
        ("2023-02-30", ""),
        ("1.10.2023", ""),
    ):
        answer = await report(name, f"{more}&start_date={start}&end_date={end}")
        assert (answer.status, answer.json) == (400, {"error": "Formato de fecha inválido. Usa YYYY-MM-DD."}), start
    for start, end, day in (
        ("2023-09-30", "2023-10-31", "2023-09-30"),
        ("2023-10-01", "2024-12-31", "2024-12-31"),
        ("2023-10-02", "2023-10-03", "2023-10-02"),
    ):
        answer = await report(name, f"{more}&start_date={start}&end_date={end}")
        assert (answer.status, answer.json) == (
            400,
            {
                "error": f"No sales found for the date {day} in the system.",
                "first_system_record": "2023-10-01",
                "last_system_record": "2023-10-31",
            },
        )
    soon = (datetime.now(UTC).date() + timedelta(2)).isoformat()
    for start in (soon, "9999-12-31"):
        answer = await report(name, f"{more}&start_date={start}")
        assert (answer.status, answer.json["error"]) == (400, f"No sales found for the date {start} in the system.")
    answer = await report(name, f"{more}&start_date=2023-10-31&end_date=2023-10-01")
    assert (answer.status, answer.json) == (400, {"error": "start_date must not be after end_date."})
    assert (await report(name, f"{more}&{OCTOBER}")).status == 200


async def test_one_date_goes_to_today_or_back_thirty_days(report, october):
    await october()
    today = datetime.now(UTC).date()

    async def period(query):
        return (await report("sales-summary", query)).json["analyzed_period"]

    assert await period("start_date=2023-10-10") == {"start_date": "2023-10-10", "end_date": today.isoformat()}
    assert await period("end_date=2023-11-15") == {"start_date": "2023-10-16", "end_date": "2023-11-15"}
    assert await period("end_date=2023-10-20") == {"start_date": "2023-10-01", "end_date": "2023-10-20"}
    assert await period("start_date=0001-01-01") == {"start_date": "0001-01-01", "end_date": today.isoformat()}
    assert await period("end_date=9999-12-31") == {"start_date": "9999-12-01", "end_date": "9999-12-31"}
    assert await period("") == {"start_date": (today - timedelta(30)).isoformat(), "end_date": today.isoformat()}


async def test_a_ticket_counts_once_before_and_after_it_is_added_to_the_sums(report, shop, sold, db):
    product = await shop.product()
    for amount in ("10.00", "30.00"):
        await sold("2023-10-01", 9, "CASH", amount, (product, 1, amount))
    before = (await report("sales-summary", "start_date=2023-10-01")).json
    await db.execute("SELECT pos.fold_tickets()")
    await sold("2023-10-01", 9, "CASH", "20.00", (product, 1, "20.00"))
    between = (await report("sales-summary", "start_date=2023-10-01")).json
    await db.execute("SELECT pos.fold_tickets()")
    after = (await report("sales-summary", "start_date=2023-10-01")).json
    assert before["general_summary"] == {
        "total_revenue": 40.0,
        "average_ticket": 20.0,
        "lowest_ticket": 10.0,
        "highest_ticket": 30.0,
        "total_tickets": 2,
    }
    assert between == after
    assert (after["general_summary"]["total_revenue"], after["general_summary"]["total_tickets"]) == (60.0, 3)


async def test_a_period_without_sales_is_empty_and_no_error(report, october):
    await october()
    empty = (await report("sales-summary")).json
    assert empty["general_summary"] == {
        "total_revenue": None,
        "average_ticket": None,
        "lowest_ticket": None,
        "highest_ticket": None,
        "total_tickets": 0,
    }
    assert empty["products"] == {"total_units_sold": 0, "top_product": None, "breakdown": []}
    assert empty["peak_hours"] == {"most_profitable_hour": None, "busiest_hour": None, "hourly_breakdown": []}
    assert empty["payment_methods"] == []
    ranking = (await report("product-ranking")).json
    assert (
        ranking.keys() == {"analyzed_period", "detail"}
        and ranking["detail"] == "No products sold in the selected period."
    )


# Ranking


@pytest.mark.parametrize(
    ("query", "criterion", "lists"),
    [
        ("", "most", {"most_sold": ["Mouse", "Laptop"]}),
        ("&criterion=least", "least", {"least_sold": ["Laptop", "Mouse"]}),
        ("&criterion=both&limit=1", "both", {"most_sold": ["Mouse"], "least_sold": ["Laptop"]}),
        ("&criterion=AMBOS&limit=1", "both", {"most_sold": ["Mouse"], "least_sold": ["Laptop"]}),
        ("&criterion=nonsense&limit=0", "most", {"most_sold": ["Mouse", "Laptop"]}),
        ("&limit=x", "most", {"most_sold": ["Mouse", "Laptop"]}),
        ("&limit=99999999999999999999", "most", {"most_sold": ["Mouse", "Laptop"]}),
    ],
)
async def test_products_are_ranked_by_units(report, october, query, criterion, lists):
    laptop, mouse, _ = await october()
    results = (await report("product-ranking", OCTOBER + query)).json["results"]
    assert results["criterion"] == criterion and results["results_limit"] == (1 if "limit=1" in query else 10)
    assert {name: [row["product_name"] for row in results[name]] for name in lists} == lists
    assert results.keys() == {"criterion", "results_limit", *lists}
    rows = {row["product__id"]: (row["units_sold"], row["revenue"]) for name in lists for row in results[name]}
    assert rows.items() <= {mouse: (3, 150.0), laptop: (2, 2000.0)}.items()


# Stock


async def test_little_stock_by_a_threshold_most_first(report, shop):
    for name, stock in (("Agua", 0), ("Coca", 8), ("Galletas", 2), ("Pan", 11)):
        await shop.product(name=name, stock=stock)
    found = (await report("reports/low-stock", "threshold=10")).json
    assert found == [
        {"name": "Coca", "current_stock": 8},
        {"name": "Galletas", "current_stock": 2},
        {"name": "Agua", "current_stock": 0},
    ]
    message = {"message": "No hay productos dentro del umbral establecido."}
    for query in (
        "threshold=-1",
        "threshold=abc",
        "threshold=3.5",
        "threshold=",
        "threshold=1e9",
        "threshold=-" + "9" * 5000,
        "",
    ):
        answer = await report("reports/low-stock", query)
        assert (answer.status, answer.json) == (200, message), query


@pytest.mark.parametrize("threshold", ["2147483647", "0" * 20 + "2147483647", "99999999999999", "9" * 5000])
async def test_a_threshold_may_be_any_whole_number(report, shop, threshold):
    await shop.product(name="Agua", stock=2_147_483_647)
    found = (await report("reports/low-stock", f"threshold={threshold}")).json
    assert found == [{"name": "Agua", "current_stock": 2_147_483_647}]


async def test_little_stock_is_less_than_was_sold_in_the_month_before(report, shop, sold):
    month_before = (datetime.now(UTC).date().replace(day=1) - timedelta(days=3)).isoformat()
    low, enough, unsold = [await shop.product(stock=stock, name=str(stock)) for stock in (4, 5, 0)]
    for product in (low, enough):
        await sold(month_before, 10, "CASH", "5.00", (product, 5, "5.00"))
    await sold(datetime.now(UTC).date().isoformat(), 10, "CASH", "5.00", (unsold, 5, "5.00"))
    assert (await report("reports/low-stock")).json == [{"name": "4", "current_stock": 4}]


async def test_dead_inventory_is_what_was_not_sold_since_a_day(report, shop, sold):
    sold_then, sold_later, never = [await shop.product(name=name, stock=3) for name in ("then", "later", "never")]
    await sold("2023-10-01", 10, "CASH", "5.00", (sold_then, 1, "5.00"))
    await sold("2023-10-05", 10, "CASH", "5.00", (sold_later, 1, "5.00"))
    await sold("2023-10-05", 10, "CASH", "5.00", (never, 1, "5.00"), status="CANCELLED")
    found = (await report("reports/dead-inventory", "reference_date=2023-10-02")).json
    assert found == [
        {"id": sold_then, "name": "then", "current_stock": 3},
        {"id": never, "name": "never", "current_stock": 3},
    ]
    assert [one["name"] for one in (await report("reports/dead-inventory", "reference_date=2023-10-01")).json] == [
        "never"
    ]
    assert len((await report("reports/dead-inventory")).json) == 3
    for query in ("reference_date=2026-13-45", "reference_date=x"):
        answer = await report("reports/dead-inventory", query)
        assert answer.json == {"message": "Todos los productos han tenido ventas en este período."}, query


# A customer


async def test_the_history_of_a_customer(report, october):
    _, _, customer = await october()
    answer = await report("customer-sales", f"customer_id={customer}&{OCTOBER}")
    found = answer.json
    assert (
        found["customer_info"].keys() == {"id", "name", "email"} and found["customer_info"]["name"] == "Maria González"
    )
    assert found["sales_metrics"] == {"total_spent": 2378.0, "average_ticket": 1189.0, "total_tickets": 2}
    assert found["top_product"] == {"product_name": "Laptop", "total_spent_on_product": 2000.0, "units_bought": 2}
    assert found["peak_buying_hours"] == [
        {"hour": 14, "total_spent": 1218.0, "ticket_count": 1},
        {"hour": 10, "total_spent": 1160.0, "ticket_count": 1},
    ]
    assert found["payment_methods"] == [
        {"payment_method": "CARD", "total_sales": 2, "average_ticket": 1189.0, "accumulated_amount": 2378.0}
    ]


async def test_a_customer_without_purchases_gets_a_detail(report, october, shop):
    await october()
    other = await shop.customer()
    found = (await report("customer-sales", f"customer_id={other}&{OCTOBER}")).json
    assert found == {
        "customer_info": {"id": other, "name": "Maria González"},
        "analyzed_period": {"start_date": "2023-10-01", "end_date": "2023-10-31"},
        "detail": "This customer made no purchases during the selected period.",
    }


async def test_a_customer_has_to_be_named_and_known(report, october):
    await october()
    answer = await report("customer-sales")
    assert (answer.status, answer.json) == (400, {"error": "customer_id parameter is required."})
    for unknown in ("999999999", "abc", "-1", "99999999999999999999", "1.5"):
        answer = await report("customer-sales", f"customer_id={unknown}&start_date=x")
        assert (answer.status, answer.json["error"]) in (
            (404, "Customer not registered in the system."),
            (400, "Formato de fecha inválido. Usa YYYY-MM-DD."),
        )
    assert (await report("customer-sales", "customer_id=999999999")).status == 404


# Velocity


async def test_the_velocity_of_a_product(report, shop, sold, db):
    old = await shop.product(name="Laptop Gamer", stock=96)
    await sold("", 0, "CASH", "1.00", (old, 5, "1.00"), ago=timedelta(days=40))
    await sold("", 0, "CASH", "1.00", (old, 3, "1.00"), ago=timedelta(days=10))
    sku = await db.fetchval("SELECT sku FROM pos.product WHERE id = $1", old)
    expected = {
        "product_name": "Laptop Gamer",
        "product_sku": sku,
        "analyzed_period_days": 30,
        "total_units_sold": 3,
        "sales_velocity": 0.1,
        "current_stock": 96,
        "depletion_estimation_days": 960,
    }
    for identifier in (sku, sku.lower(), "laptop%20gamer"):
        assert (await report("sales-velocity", f"identifier={identifier}")).json == expected
    young = await shop.product(name="Nuevo", stock=98)
    await sold("", 0, "CASH", "1.00", (young, 2, "1.00"), ago=timedelta(days=2))
    found = (await report("sales-velocity", "identifier=nuevo")).json
    assert (found["analyzed_period_days"], found["total_units_sold"]) == (2, 2)
    assert (found["sales_velocity"], found["depletion_estimation_days"]) == (1.0, 98)


async def test_what_never_sold_lasts_for_ever(report, shop):
    await shop.product(name="Mouse Viejo", stock=50)
    found = (await report("sales-velocity", "identifier=Mouse%20Viejo&period_days=7")).json
    assert (found["analyzed_period_days"], found["total_units_sold"], found["sales_velocity"]) == (7, 0, 0.0)
    assert found["depletion_estimation_days"] == "Indefinida"


async def test_the_parameters_of_a_velocity_are_checked(report, shop):
    await shop.product(name="Pan")
    answer = await report("sales-velocity")
    assert (answer.status, answer.json) == (400, {"error": "Product identifier (Name or SKU) is required."})
    answer = await report("sales-velocity", "identifier=nothing")
    assert (answer.status, answer.json) == (404, {"error": "Product not found in the system."})
    for days in ("0", "-1", "abc", "36501", "99999999999999", "1.5"):
        answer = await report("sales-velocity", f"identifier=pan&period_days={days}")
        assert (answer.status, list(answer.json)) == (400, ["error"]), days


# Valuation and contribution


async def test_the_stock_is_valued_at_its_price_and_at_what_it_sells_for(report, shop):
    await shop.product("150.00", stock=4, name="Monitor")
    await shop.product("10.00", stock=0, name="Gone")
    expected = {
        "total_inventory_cost": 600.0,
        "total_potential_sale": 696.0,
        "total_potential_profit": 96.0,
        "profit_margin_percentage": 13.79,
    }
    assert (await report("inventory-valuation")).json == {"scope": "Entire Inventory", "financial_metrics": expected}
    one = await report("inventory-valuation", "product_identifier=mONITOR")
    assert one.json == {"scope": "Specific Product: mONITOR", "financial_metrics": expected}
    for unknown in ("Gone", "nothing", "x'y\"z"):
        answer = await report("inventory-valuation", f"product_identifier={unknown}")
        assert (answer.status, answer.json) == (404, {"error": "No products available in the selected scope."})
    promoted = await shop.product("100.00", stock=1, tax_rate="0.00", name="Promoted")
    await shop.promotion(promoted, "50")
    metrics = (await report("inventory-valuation", "product_identifier=promoted")).json["financial_metrics"]
    assert (metrics["total_potential_sale"], metrics["total_potential_profit"]) == (50.0, -50.0)


async def test_a_products_share_of_what_was_sold(report, october):
    await october()
    found = (await report("product-contribution", f"product_identifier=laptop&{OCTOBER}")).json
    del found["product_sku"]
    assert found == {
        "product_name": "Laptop",
        "analyzed_period": {"start_date": "2023-10-01", "end_date": "2023-10-31"},
        "units_sold": 2,
        "total_units_sold": 5,
        "units_share_percentage": 40.0,
        "revenue": 2000.0,
        "total_revenue": 2150.0,
        "revenue_share_percentage": 93.02,
    }
    assert (await report("product-contribution")).status == 400
    assert (await report("product-contribution", "product_identifier=nothing")).status == 404


async def test_only_those_who_manage_the_shop_see_reports_and_nobody_writes_them(api, cashier, boss):
    for name in REPORTS:
        assert (await api.get(f"{PATH}{name}/", token=cashier)).status == 403
        assert (await api.post(f"{PATH}{name}/", token=cashier)).status == 403
        assert (await api.post(f"{PATH}{name}/", token=boss)).status == 405


async def test_days_and_hours_are_those_of_the_order_when_it_was_made(report, shop, sold, db):
    """A later change of the time zone moves no sale to another day."""
    product = await shop.product()
    await sold("2023-10-01", 23, "CASH", "1.00", (product, 1, "1.00"))
    assert await db.fetchval("SELECT business_day FROM pos.shop_order") == date(2023, 10, 1)
    found = (await report("sales-summary", "start_date=2023-10-01&end_date=2023-10-01")).json
    assert found["peak_hours"]["busiest_hour"]["hour"] == 23

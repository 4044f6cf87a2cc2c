"""The rows about the shop: orders, payments, lists, and the summary of what was sold. See docs/api/pos.md."""

import itertools
from collections.abc import Iterator
from statistics import median

from benchmarks import load, pgbench
from benchmarks.accounts import token
from benchmarks.installation import Installation, Server
from benchmarks.plan import Plan
from benchmarks.table import Row
from benchmarks.warehouse import seed_people
from core.data import sql

PRODUCTS, PROMOTIONS = 2_000, 1_000
# Orders of the two lengths at which the summary is measured, spread over so many days.
FEW, MANY, DAYS = 50_000, 1_000_000, 730
# Orders that are there to be paid: more than a run can pay.
PENDING = 60_000
# The aims: orders, lists and summaries as ratios of pgbench running the same statement; the rate with promotions as a ratio of the one
# without; and what the long list gives as a ratio of the short one, for the same number of orders a day.
ORDER_RATIO, READ_RATIO, ALIKE, FLAT = 0.40, 0.50, 0.90, 0.80

# Three lines for each order.
_LINES = f"""INSERT INTO pos.order_line (order_id, product_id, product_name, quantity, unit_price, discount_amount, amount, tax_amount)
             SELECT o.id, 1 + (o.id * 7 + n * 13) % {PRODUCTS}, 'p', n, 10, 0, 10 * n, 1.6 * n
               FROM pos.shop_order o CROSS JOIN generate_series(1, 3) n"""

order, product, analytics = sql.load("pos/order"), sql.load("pos/product"), sql.load("pos/analytics")


def shop(installation: Installation, plan: Plan) -> list[Row]:
    """Measures orders of three lines without and with promotions, orders that are paid, lists, and summaries of 30 days."""
    return [*_orders(installation, plan), _pairs(installation, plan), *_reads(installation, plan)]


def _orders(installation: Installation, plan: Plan) -> list[Row]:
    found, rates = [], {}
    for promotions in (0, PROMOTIONS):
        ours, theirs = _databases(installation, f"orders_{promotions}", promotions)
        results, references = [], []
        with installation.server(ours) as server:
            headers = f"Authorization: Bearer {token(server)}\r\n"
            requests = _order_requests(server, headers)
            for _ in range(plan.rounds(3)):
                results.append(load.run(server, requests, 201, plan.seconds / 2))
                references.append(pgbench.rate(installation, theirs, _order_script(), plan.seconds / 2))
        rates[promotions] = rate = median(result.rate for result in results)
        reference = median(references)
        aim, met, notes = f"≥ {ORDER_RATIO:.2f} ×", rate / reference >= ORDER_RATIO, load.notes(results)
        if promotions:
            alike = rate / rates[0]
            aim, met = f"{aim}, ≥ {ALIKE:.2f} × without", met and alike >= ALIKE
            notes = f"{alike:.2f} × the rate without; {notes}"
        found.append(
            Row(f"order of 3 lines, {promotions:,} promotions", rate, "/s", reference, "/s pgbench", aim, met, notes)
        )
    return found


def _pairs(installation: Installation, plan: Plan) -> Row:
    """Orders made and paid in turn. The client can't know the id of an order in advance, so it pays one that was there before."""
    ours, theirs = _databases(installation, "pairs", 0)
    _seed_pending(installation, ours)
    results, references = [], []
    with installation.server(ours) as server:
        headers = f"Authorization: Bearer {token(server)}\r\n"
        pays = (
            load.request("POST", f"/api/orders/{n}/pay/", server.port, headers, b'{"payment_method":"CASH"}')
            for n in itertools.count(1)
        )
        pairs = itertools.chain.from_iterable(zip(_order_requests(server, headers), pays, strict=False))
        for _ in range(plan.rounds(3)):
            results.append(load.run(server, pairs, (200, 201), plan.seconds / 2))
            made = "currval(pg_get_serial_sequence('pos.shop_order', 'id'))"
            pay = pgbench.script(order.pay_order, [made, "'CASH'", "'UTC'"], {})
            references.append(pgbench.rate(installation, theirs, f"{_order_script()}\n{pay}", plan.seconds / 2))
    rate, reference = median(result.rate for result in results) / 2, median(references)
    met = rate / reference >= ORDER_RATIO
    notes = load.notes(results)
    return Row(
        "order of 3 lines, and its payment", rate, "/s", reference, "/s pgbench", f"≥ {ORDER_RATIO:.2f} ×", met, notes
    )


def _databases(installation: Installation, name: str, promotions: int) -> tuple[str, str]:
    """One database for the server and one for pgbench, because both write."""
    ours, theirs = (installation.create_database(f"{name}_{whose}") for whose in ("ours", "theirs"))
    for dsn in (ours, theirs):
        _seed_products(installation, dsn, promotions)
    return ours, theirs


def _order_script() -> str:
    items = ",".join(f'{{"product_id":%{n}$s,"quantity":{n}}}' for n in (1, 2, 3))
    numbers = ", ".join(f"1 + (random() * {PRODUCTS - 1})::int" for _ in range(3))
    body = f"""format('{{"items":[{items}]}}', {numbers})::jsonb"""
    return pgbench.script(order.create_order, [body, "1", "'UTC'"], {})


def _seed_products(installation: Installation, dsn: str, promotions: int) -> None:
    seed_people(installation, dsn, 1)
    installation.run(
        "INSERT INTO pos.supplier (name, phone_number, contact_person, rfc, tax_address) VALUES ('S', '1', 'c', 'r', 't')",
        f"""INSERT INTO pos.product (name, sku, price, current_stock, supplier_id)
            SELECT 'Product ' || n, 'SKU-' || n, 1 + n % 500 + 0.5, 1000000000, 1 FROM generate_series(1, {PRODUCTS}) n""",
        f"""INSERT INTO pos.promotion (product_id, name, description, discount_percent, start_date, end_date, target_audience)
            SELECT n, 'P', 'd', 15, now()::date - 10, now()::date + 10, 'ALL' FROM generate_series(1, {promotions}) n""",
        "VACUUM ANALYZE",
        "CHECKPOINT",
        dsn=dsn,
    )


def _order_requests(server: Server, headers: str) -> Iterator[bytes]:
    for n in itertools.count():
        first, second, third = (1 + (n * step) % PRODUCTS for step in (7, 11, 13))
        lines = b'{"product_id":%d,"quantity":1},{"product_id":%d,"quantity":2},{"product_id":%d,"quantity":3}'
        body = b'{"items":[' + lines % (first, second, third) + b"]}"
        yield load.request("POST", "/api/orders/", server.port, headers, body)


def _reads(installation: Installation, plan: Plan) -> list[Row]:
    few, many = (FEW // 10, FEW) if plan.quick else (FEW, MANY)
    found, rates = [], {}
    last = "9223372036854775807"
    for orders, days in ((few, DAYS * few // many), (many, DAYS)):
        dsn = installation.create_database(f"sold_{orders}")
        _seed_sales(installation, dsn, orders, days)
        with installation.server(dsn) as server:
            headers = f"Authorization: Bearer {token(server)}\r\n"
            for name, path, statement, arguments in (
                (
                    "summary of 30 days",
                    "/api/analytics/sales-summary/",
                    analytics.sales_summary,
                    ["null", "null", "'UTC'"],
                ),
                ("200 products", "/api/products/?limit=200", product.list_products, ["0", "201", "'UTC'"]),
                ("50 orders", "/api/orders/?limit=50", order.list_orders, [last, "51"]),
            ):
                requests = itertools.repeat(load.request("GET", path, server.port, headers))
                results = [load.run(server, requests, 200, plan.seconds / 2) for _ in range(plan.rounds(3))]
                script = pgbench.script(statement, arguments, {})
                reference = pgbench.rate(installation, dsn, script, plan.seconds / 2)
                rates[name, orders] = rate = median(result.rate for result in results)
                aim, met, notes = f"≥ {READ_RATIO:.2f} ×", rate / reference >= READ_RATIO, load.notes(results)
                if orders == many:
                    flat = rate / rates[name, few]
                    aim, met = f"{aim}, ≥ {FLAT:.2f} × at {few:,}", met and flat >= FLAT
                    notes = f"{flat:.2f} × the rate at {few:,}; {notes}"
                found.append(Row(f"{name}, {orders:,} orders", rate, "/s", reference, "/s pgbench", aim, met, notes))
    return found


def _seed_pending(installation: Installation, dsn: str) -> None:
    """Orders with the ids 1 to PENDING, of three lines each."""
    installation.run(
        "ALTER TABLE pos.shop_order DISABLE TRIGGER USER",
        f"""INSERT INTO pos.shop_order (seller_name, subtotal, total_tax, final_amount, money_saved_total, business_day, business_hour)
            SELECT 's', 100, 16, 116, 0, now()::date, 12 FROM generate_series(1, {PENDING})""",
        "ALTER TABLE pos.shop_order ENABLE TRIGGER USER",
        _LINES,
        "VACUUM ANALYZE",
        "CHECKPOINT",
        dsn=dsn,
    )


def _seed_sales(installation: Installation, dsn: str, orders: int, days: int) -> None:
    """Paid orders of three lines, the same number each day up to today."""
    _seed_products(installation, dsn, 0)
    installation.run(
        "ALTER TABLE pos.shop_order DISABLE TRIGGER USER",
        f"""INSERT INTO pos.shop_order (seller_name, subtotal, total_tax, final_amount, money_saved_total, business_day, business_hour,
                                        status, payment_method, created_at, paid_at)
            SELECT 's', 100, 16, 100 + n % 400, 0, at::date, extract(hour FROM at), 'PAID', (ARRAY['CASH', 'CARD'])[1 + n % 2], at, at
              FROM generate_series(1, {orders}) n, LATERAL (SELECT now() - ({orders} - n) * interval '{days} days' / {orders} AS at) t""",
        "ALTER TABLE pos.shop_order ENABLE TRIGGER USER",
        _LINES,
        """INSERT INTO pos.product_day (day, product_id, units, revenue)
           SELECT o.business_day, l.product_id, sum(l.quantity), sum(l.amount)
             FROM pos.shop_order o JOIN pos.order_line l ON l.order_id = o.id GROUP BY o.business_day, l.product_id""",
        """INSERT INTO pos.ticket_hour (day, hour, payment_method, tickets, revenue, lowest, highest)
           SELECT o.business_day, o.business_hour, o.payment_method, count(*), sum(o.final_amount), min(o.final_amount), max(o.final_amount)
             FROM pos.shop_order o GROUP BY o.business_day, o.business_hour, o.payment_method""",
        "VACUUM ANALYZE",
        "CHECKPOINT",
        dsn=dsn,
    )

"""The rows about vendors' billing: the list of items, batches of offline changes, and bills up and down. See docs/api/vendor.md."""

import asyncio
import itertools
import json
import urllib.request
from collections.abc import Iterator
from statistics import median
from time import perf_counter

import asyncpg
import bcrypt

from benchmarks import load, pgbench
from benchmarks.accounts import PASSWORD
from benchmarks.installation import Installation, Server, run_coroutine
from benchmarks.plan import Plan
from benchmarks.table import Row
from core.data import sql

# Vendors who call: each load connection has its own, because writes of one vendor wait for each other.
SELLERS = load.CONNECTIONS
# Of each vendor.
ITEMS, BILLS, LINES = 100, 1_000, 5
# Vendors in the two databases: 10,000 and 100,000 items, 100,000 and 1,000,000 bills.
FEW, MANY = 100, 1_000
# Of one upload, and of one batch.
UPLOADED, OPERATIONS = 50, 100
# The aims, as ratios of pgbench running the same statements, or of COPY for the same rows; and with many rows, as a ratio of the rate with a tenth of them.
LIST_RATIO, UP_RATIO, DOWN_RATIO, SYNC_RATIO, FLAT = 0.50, 0.35, 0.50, 0.40, 0.80

_copied_bills = itertools.count()
_VENDOR = "md5('vendor' || {n})::uuid"
item, catalogue = sql.load("vendor/item"), sql.load("vendor/catalogue")


def vendor(installation: Installation, plan: Plan) -> list[Row]:
    """Measures each of the four with a tenth of the rows and with all of them."""
    few, many = (FEW // 10, FEW) if plan.quick else (FEW, MANY)
    found: list[Row] = []
    rates: dict[tuple[str, int], float] = {}
    for vendors in (few, many):
        dsn = installation.create_database(f"vendors_{vendors}")
        _seed(installation, dsn, vendors)
        with installation.server(dsn) as server:
            headers = [f"Authorization: Token {_token(server, n)}\r\n" for n in range(1, min(SELLERS, vendors) + 1)]
            for name, ratio, (results, reference), unit in (
                ("list of 100 items", LIST_RATIO, _lists(installation, plan, dsn, server, headers), "/s pgbench"),
                ("1,000 bills down", DOWN_RATIO, _downloads(installation, plan, dsn, server, headers), "/s pgbench"),
                ("100 changes of items", SYNC_RATIO, _batches(installation, plan, dsn, server, headers), "/s pgbench"),
                ("50 bills of 5 lines up", UP_RATIO, _uploads(plan, dsn, server, headers), "/s COPY"),
            ):
                rates[name, vendors] = rate = median(result.rate for result in results)
                aim, met, notes = f"≥ {ratio:.2f} ×", rate / reference >= ratio, load.notes(results)
                if vendors == many:
                    flat = rate / rates[name, few]
                    aim, met = f"{aim}, ≥ {FLAT:.2f} × at a tenth", met and flat >= FLAT
                    notes = f"{flat:.2f} × the rate at a tenth of the rows; {notes}"
                found.append(Row(f"{name}, {vendors:,} vendors", rate, "/s", reference, unit, aim, met, notes))
    return found


Measured = tuple[list[load.Result], float]


def _lists(installation: Installation, plan: Plan, dsn: str, server: Server, headers: list[str]) -> Measured:
    requests = itertools.cycle([load.request("GET", "/items/", server.port, one) for one in headers])
    start = '\'[-2147483649,"","00000000-0000-0000-0000-000000000000"]\'::jsonb'
    script = pgbench.script(
        item.list_items, [_VENDOR.format(n=":n"), start, "500"], {"n": f"random(1, {len(headers)})"}
    )
    return _rounds(installation, plan, dsn, server, requests, script)


def _downloads(installation: Installation, plan: Plan, dsn: str, server: Server, headers: list[str]) -> Measured:
    requests = itertools.cycle([load.request("GET", "/backup/sync", server.port, one) for one in headers])
    script = f"""\\set n random(1, {len(headers)})
        SELECT document::text
          FROM (SELECT b AS bill FROM vendor.bill b WHERE b.vendor_id = {_VENDOR.format(n=":n")}
                 ORDER BY b.synced_at DESC, b.created_at DESC, b.id DESC LIMIT {BILLS}) listed
         CROSS JOIN LATERAL vendor.bill_json(bill, 'Store', NULL) AS document;"""
    return _rounds(installation, plan, dsn, server, requests, script)


def _batches(installation: Installation, plan: Plan, dsn: str, server: Server, headers: list[str]) -> Measured:
    ids = installation.run(
        f"""SELECT json_agg(json_build_array(n, (SELECT json_agg(i.id) FROM vendor.item i WHERE i.vendor_id = {_VENDOR.format(n="n")})))::text
              FROM generate_series(1, {len(headers)}) n""",
        dsn=dsn,
    )
    by_vendor = {number: its for number, its in json.loads(ids)}

    def bodies() -> Iterator[bytes]:
        for n in itertools.count():
            number = 1 + n % len(headers)
            operations = [
                {"operation": "update", "id": id, "data": {"price": f"{1 + n % 900}.50", "stock_quantity": n % 1000}}
                for id in by_vendor[number][:OPERATIONS]
            ]
            body = json.dumps(operations).encode()
            yield load.request("POST", "/items/sync", server.port, headers[number - 1], body)

    rows = ",".join(
        f'{{"id":"{id}","client_time":"2030-01-01T00:00:00Z","price":2.50,"stock_quantity":7}}'
        for id in by_vendor[1][:OPERATIONS]
    )
    # pgbench runs the statements of such a transaction, each client for a vendor of its own.
    its = _VENDOR.format(n=":n")
    ids = f"(SELECT array_agg(i.id ORDER BY i.id) FROM vendor.item i WHERE i.vendor_id = {its})::uuid[]"
    of_vendor = f"""(SELECT jsonb_agg(jsonb_set(r.row, '{{id}}', to_jsonb(i.id))) FROM jsonb_array_elements('[{rows}]') WITH ORDINALITY r (row, n)
                      JOIN (SELECT i.id, row_number() OVER () AS n FROM vendor.item i WHERE i.vendor_id = {its}) i ON i.n = r.n)"""
    statements = [
        pgbench.script(catalogue.next_position, [its], {}),
        pgbench.script(item.read_for_sync, [its, ids], {}),
        pgbench.script(item.sync_update, [its, of_vendor, "1", "now()"], {}),
        pgbench.script(catalogue.announce, [its, "'item'", ids, "'{}'", "1"], {}),
        pgbench.script(item.list_by_id, [its, ids], {}),
    ]
    script = "\n".join([f"\\set n 1 + :client_id % {len(headers)}", "BEGIN;", *statements, "END;"])
    return _rounds(installation, plan, dsn, server, bodies(), script)


def _rounds(
    installation: Installation, plan: Plan, dsn: str, server: Server, requests: Iterator[bytes], script: str
) -> Measured:
    results, references = [], []
    for _ in range(plan.rounds(3)):
        results.append(load.run(server, requests, 200, plan.seconds / 2))
        references.append(pgbench.rate(installation, dsn, script, plan.seconds / 2))
    return results, median(references)


def _uploads(plan: Plan, dsn: str, server: Server, headers: list[str]) -> Measured:
    def requests() -> Iterator[bytes]:
        for n in itertools.count():
            body = json.dumps([_bill(f"UP-{n}-{place}") for place in range(UPLOADED)]).encode()
            yield load.request("POST", "/backup/sync", server.port, headers[n % len(headers)], body)

    results, references, sent = [], [], requests()
    for _ in range(plan.rounds(3)):
        results.append(load.run(server, sent, 201, plan.seconds / 2))
        references.append(run_coroutine(_copied(dsn, len(headers), plan.seconds / 2)))
    return results, median(references)


def _bill(number: str) -> dict[str, object]:
    """A bill as the app sends it."""
    line = {"item_id": "550e8400-e29b-41d4-a716-446655440000", "name": "Coca Cola", "price": 25, "quantity": 2, "subtotal": 50,
            "gst_percentage": 18, "item_gst": 9, "mrp_price": 25, "price_type": "exclusive", "unit": "pcs"}  # fmt: skip
    return {
        "invoice_number": number, "bill_id": number, "billing_mode": "gst", "restaurant_name": "ABC Store", "address": "Street 1",
        "gstin": "29AAGCB7383J1Z4", "bill_date": "2026-01-15", "items": [line] * LINES, "subtotal": 250, "discount_amount": 0,
        "discount_percentage": 0, "cgst": 22.5, "sgst": 22.5, "igst": 0, "total_tax": 45, "total": 295, "payment_mode": "cash",
        "payment_reference": None, "amount_paid": 300, "change_amount": 5, "customer_name": None, "customer_phone": None, "notes": None,
        "timestamp": "2026-01-15T10:00:00Z", "device_id": "device-1",
    }  # fmt: skip


async def _copied(dsn: str, vendors: int, seconds: float) -> float:
    """Uploads per second when COPY stores the same rows, each upload in a transaction of its own."""
    counts = [0] * vendors

    async def copy(n: int, until: float) -> None:
        connection = await asyncpg.connect(dsn)
        vendor_id = await connection.fetchval(f"SELECT {_VENDOR.format(n=n + 1)}")
        while perf_counter() < until:
            bills, lines = [], []
            for _ in range(UPLOADED):
                number = next(_copied_bills)
                id = f"00000000-0000-4000-8000-{number:012x}"
                bills.append(
                    f"{vendor_id}\t{id}\t2026-01-15\t2026-01-15\t2026-01-15\tCOPY-{number}\t\tdevice-1\tgst\tABC Store\tStreet 1\t29AAGCB7383J1Z4\t"
                    f"\t250\t295\t45\t22.5\t22.5\t0\tcash\t300\t5\t0\t0\t\\\\x{number:064x}\n"
                )
                lines += [
                    f"{vendor_id}\t{id}\t{place}\t550e8400-e29b-41d4-a716-446655440000\tCoca Cola\t25\t25\texclusive\t2\t50\t18\t9\t0\t0\tpcs\n"
                    for place in range(LINES)
                ]
            async with connection.transaction():
                await connection.copy_to_table(
                    "bill", schema_name="vendor", source=_Source("".join(bills).encode()), format="text", columns=_BILL
                )
                await connection.copy_to_table(
                    "bill_line",
                    schema_name="vendor",
                    source=_Source("".join(lines).encode()),
                    format="text",
                    columns=_LINE,
                )
            counts[n] += 1
        await connection.close()

    began = perf_counter()
    await asyncio.gather(*(copy(n, began + seconds) for n in range(vendors)))
    return sum(counts) / (perf_counter() - began)


_BILL = [
    "vendor_id", "id", "synced_at", "created_at", "bill_date", "invoice_number", "bill_number", "device_id", "billing_mode", "restaurant_name",
    "address", "gstin", "footer_note", "subtotal", "total_amount", "total_tax", "cgst_amount", "sgst_amount", "igst_amount", "payment_mode",
    "amount_paid", "change_amount", "discount_amount", "discount_percentage", "digest",
]  # fmt: skip
_LINE = [
    "vendor_id", "bill_id", "place", "original_item_id", "item_name", "price", "mrp_price", "price_type", "quantity", "subtotal", "gst_percentage",
    "item_gst_amount", "additional_discount", "discount_amount", "unit",
]  # fmt: skip


class _Source:
    """One piece of bytes, as asyncpg's COPY reads it."""

    def __init__(self, data: bytes) -> None:
        self._pieces = iter([data])

    def __aiter__(self) -> "_Source":
        return self

    async def __anext__(self) -> bytes:
        try:
            return next(self._pieces)
        except StopIteration:
            raise StopAsyncIteration from None


def _token(server: Server, number: int) -> str:
    body = json.dumps({"username": f"seller{number}", "password": PASSWORD}).encode()
    url = f"http://127.0.0.1:{server.port}/auth/login"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(json.load(answer)["token"])


def _seed(installation: Installation, dsn: str, vendors: int) -> None:
    """Vendors with ITEMS items in two categories each, and BILLS bills of LINES lines."""
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    each = _VENDOR.format(n="v")
    installation.run(
        f"""INSERT INTO accounts.account (email, username, role, password_hash)
            SELECT 'seller' || v || '@example.com', 'seller' || v, 'VENDOR', '{hashed}' FROM generate_series(1, {vendors}) v""",
        f"""INSERT INTO vendor.vendor (id, account_id, business_name, phone, address, gst_no, is_approved)
            SELECT {each}, a.id, 'Store ' || v, '1', 'Street 1', 'GST-' || v, true
              FROM generate_series(1, {vendors}) v JOIN accounts.account a ON a.username = 'seller' || v""",
        f"""INSERT INTO vendor.category (vendor_id, id, name, sort_order, position)
            SELECT {each}, md5('category' || v || '-' || c)::uuid, 'Category ' || c, c, 1
              FROM generate_series(1, {vendors}) v, generate_series(1, 10) c""",
        f"""INSERT INTO vendor.item (vendor_id, id, name, description, price, sku, barcode, sort_order, position)
            SELECT {each}, md5('item' || v || '-' || n)::uuid, 'Item ' || n, 'An item that is sold', 10 + n, 'SKU-' || n, '890' || n, n, 1
              FROM generate_series(1, {vendors}) v, generate_series(1, {ITEMS}) n""",
        f"""INSERT INTO vendor.item_category (vendor_id, item_id, category_id)
            SELECT {each}, md5('item' || v || '-' || n)::uuid, md5('category' || v || '-' || (1 + (n + c) % 10))::uuid
              FROM generate_series(1, {vendors}) v, generate_series(1, {ITEMS}) n, generate_series(1, 2) c""",
        f"""INSERT INTO vendor.bill (vendor_id, id, synced_at, created_at, bill_date, invoice_number, bill_number, device_id, billing_mode,
                                     restaurant_name, address, gstin, footer_note, subtotal, total_amount, total_tax, cgst_amount, sgst_amount,
                                     igst_amount, payment_mode, amount_paid, change_amount, discount_amount, discount_percentage, digest)
            SELECT {each}, md5('bill' || v || '-' || n)::uuid, at, at, at::date, 'INV-' || n, '', 'device-1', 'gst', 'ABC Store', 'Street 1',
                   '29AAGCB7383J1Z4', '', 250, 295, 45, 22.5, 22.5, 0, 'cash', 300, 5, 0, 0, sha256('x')
              FROM generate_series(1, {BILLS}) n, generate_series(1, {vendors}) v, LATERAL (SELECT now() - n * interval '1 hour' AS at) t""",
        f"""INSERT INTO vendor.bill_line (vendor_id, bill_id, place, original_item_id, item_name, price, mrp_price, price_type, quantity, subtotal,
                                          gst_percentage, item_gst_amount, additional_discount, discount_amount, unit)
            SELECT {each}, md5('bill' || v || '-' || n)::uuid, l, md5('item' || v || '-' || l)::uuid, 'Coca Cola', 25, 25, 'exclusive', 2, 50, 18, 9,
                   0, 0, 'pcs'
              FROM generate_series(1, {BILLS}) n, generate_series(1, {vendors}) v, generate_series(1, {LINES}) l""",
        "VACUUM ANALYZE",
        "CHECKPOINT",
        dsn=dsn,
    )

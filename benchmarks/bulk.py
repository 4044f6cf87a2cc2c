"""The rows about imports of many invoices, beside single imports in the same run. See docs/api/sales.md#imports."""

import itertools
from collections.abc import Iterator
from statistics import median

from benchmarks import load
from benchmarks.installation import IMPORT_KEY, Installation
from benchmarks.plan import Plan
from benchmarks.sales import CUSTOMERS, SALESMEN, import_body, import_requests, seed_people
from benchmarks.table import Row

PATH = "/api/sales/import/invoices/"
# Invoices of one request; the server answers it with a result for each.
LINES = 500
# The aim: how many times the rate of single imports.
TIMES = 3.0
_numbers = itertools.count(1)


def bulk_requests(port: int) -> Iterator[bytes]:
    """Yields imports of LINES invoices without end, as NDJSON, each invoice with a new number."""
    lines = []
    for n in range(LINES):
        customer = str(n % CUSTOMERS)
        lines.append(import_body("0123456789", customer, str(n % SALESMEN)).replace("%", "%%"))
    template = "\n".join(lines).replace("0123456789", "M%010d").encode()
    headers = f"X-API-KEY: {IMPORT_KEY}\r\nContent-Type: application/x-ndjson\r\nContent-Length: "
    while True:
        first = next(_numbers) * LINES
        body = template % tuple(range(first, first + LINES))
        yield f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}{len(body)}\r\n\r\n".encode() + body


def bulk(installation: Installation, plan: Plan) -> list[Row]:
    """Measures invoices per second of one worker: sent one by one over 16 connections, 500 in a request over 16 connections, and over one."""
    dsn = installation.create_database("bulk")
    seed_people(installation, dsn)
    singles, many, alone = [], [], []
    with installation.server(dsn) as server:
        single, together = import_requests(server.port), bulk_requests(server.port)
        load.run(server, single, 201, plan.warm)
        load.run(server, together, 200, plan.warm)
        for _ in range(plan.rounds(3)):
            singles.append(load.run(server, single, 201, plan.seconds))
            many.append(load.run(server, together, 200, plan.seconds))
            alone.append(load.run(server, together, 200, plan.seconds, connections=1))
        largest = server.rss_bytes() / 1e6
    reference = median(result.rate for result in singles)
    found = []
    for name, results in (("16 connections", many), ("1 connection", alone)):
        rate = median(result.rate for result in results) * LINES
        cpu = median(result.cpu_us for result in results) / LINES
        notes = f"{cpu:.0f} µs of server CPU an invoice, the server has {largest:.0f} MB at the end"
        title = f"invoices in requests of {LINES}, {name}"
        found.append(
            Row(title, rate, "/s", reference, "/s one by one", f"≥ {TIMES:.0f} ×", rate >= TIMES * reference, notes)
        )
    return found

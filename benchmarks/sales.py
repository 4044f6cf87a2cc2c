"""The rows about invoices: imports, lists and details. See docs/api/sales.md#import and docs/api/sales.md#list."""

import contextlib
import itertools
import json
import random
from collections.abc import Iterator
from datetime import date, timedelta
from statistics import median
from time import monotonic, sleep
from typing import Any, NamedTuple
from urllib.parse import urlencode

import asyncpg

from benchmarks import load, pgbench
from benchmarks.installation import IMPORT_KEY, BenchmarkError, Installation, Server, run_coroutine
from benchmarks.plan import Plan
from benchmarks.table import Row
from core.data import sql
from core.http import keyset, paging
from handlers.sales.invoice_list import ORDERS, Invoices, Place

CUSTOMERS, SALESMEN = 200, 20
FEW, PAGE_SIZE = 200, 20
# The aims. Ratios compare with pgbench running the same statement, rates are per second.
IMPORT_RATIO, IMPORT_RATE = 0.55, 2500
LIST_RATIO, LIST_RATE = 0.60, 1200
# The counts of filters are kept by triggers. The results of a search are counted for each request, up to 10,000.
FILTER_RATE, SEARCH_RATE = 400, 80
# The rate with many invoices, as a ratio of the rate with fewer:
FLAT = 0.80
WORKER = "worker@example.com"
# From the parameter of the request to the name of the filter in sql/sales/invoice_list.sql.
FILTER_NAMES = {"status": "statuses", "start_date": "since", "end_date": "until"}
IMPORT_PATH = "/api/sales/import/invoice/"

query, list_query = sql.load("sales/invoice"), sql.load("sales/invoice_list")
_numbers = itertools.count(1)


def import_body(number: str, customer: str, salesman: str) -> str:
    """Returns a body as in docs/api/sales.md#import. The parameters may be placeholders of a bytes template or of Postgres' format()."""
    body = {
        "invoice_no": f"INV-{number}", "invoice_date": "2025-01-18", "salesman": f"Ajay {salesman}", "created_by": "admin",
        "customer": {
            "code": f"CUST-{customer}", "name": f"LifeCare Pharmacy {customer}", "area": "Kozhikode",
            "address1": "Near Railway Station", "address2": "", "phone1": "9876543210", "phone2": "", "email": "lifecare@shop.com",
        },
        "items": [
            {"name": "Paracetamol 650mg", "item_code": "PR650", "quantity": 20, "mrp": 3.50, "shelf_location": "R-12", "remarks": ""},
            {"name": "Otrivin Nasal Spray", "item_code": "OTN10", "quantity": 10, "mrp": 85.00, "shelf_location": "G-04", "remarks": ""},
        ],
    }  # fmt: skip
    return json.dumps(body)


def import_requests(port: int) -> Iterator[bytes]:
    """Yields imports without end, each with a new number. The requests are prebuilt, and only the number is filled in."""
    template = import_body("0123456789", "{customer}", "{salesman}")
    prebuilt = []
    for customer in range(CUSTOMERS):
        body = template.replace("{customer}", str(customer)).replace("{salesman}", str(customer % SALESMEN)).encode()
        whole = load.request("POST", IMPORT_PATH, port, f"X-API-KEY: {IMPORT_KEY}\r\n", body)
        prebuilt.append(whole.replace(b"%", b"%%").replace(b"0123456789", b"%010d", 1))
    while True:
        number = next(_numbers)
        yield prebuilt[number % CUSTOMERS] % number


def seed_people(installation: Installation, dsn: str) -> None:
    """Creates the customers and salesmen that import_body refers to."""
    installation.run(
        f"""INSERT INTO sales.customer (code, name, area, address1, phone1, email)
            SELECT 'CUST-' || n, 'LifeCare Pharmacy ' || n, 'Kozhikode', 'Near Railway Station', '9876543210', 'lifecare@shop.com'
              FROM generate_series(0, {CUSTOMERS - 1}) n""",
        f"INSERT INTO sales.salesman (name) SELECT 'Ajay ' || n FROM generate_series(0, {SALESMEN - 1}) n",
        # The other tables are empty. With statistics Postgres would plan for empty tables, and backends keep such plans.
        "ANALYZE sales.customer, sales.salesman",
        dsn=dsn,
    )


def seed_invoices(installation: Installation, dsn: str, rows: int) -> None:
    """Creates the invoices 1 to `rows` with two items each, 1,000 for each day, and updates the counts. A fifth is PENDING. WORKER
    imported a tenth and packed a fifth."""
    seed_people(installation, dsn)
    installation.run(
        f"INSERT INTO accounts.account (email, role) VALUES ('{WORKER}', 'BILLING')",
        # The triggers would write an event and a change for each row, which is not part of this benchmark.
        "ALTER TABLE sales.invoice DISABLE TRIGGER USER",
        "ALTER TABLE sales.session DISABLE TRIGGER USER",
        f"""INSERT INTO sales.invoice (invoice_no, invoice_date, customer_id, salesman_id, status, created_by, created_user_id)
            SELECT 'SEED-' || n, date '2025-01-18' + n / 1000, 1 + n % {CUSTOMERS}, 1 + n % {SALESMEN},
                   CASE WHEN n % 5 = 0 THEN 'PENDING' WHEN n % 5 = 1 THEN 'PICKED' ELSE 'DELIVERED' END, 'admin',
                   CASE WHEN n % 10 = 3 THEN (SELECT id FROM accounts.account WHERE email = '{WORKER}') END
              FROM generate_series(1, {rows}) n ORDER BY n""",
        f"""INSERT INTO sales.invoice_item (invoice_id, name, item_code, quantity, mrp, shelf_location, remarks)
            SELECT n, name, code, quantity, mrp, shelf, ''
              FROM generate_series(1, {rows}) n,
                   (VALUES ('Paracetamol 650mg', 'PR650', 20, 3.50, 'R-12'), ('Otrivin Nasal Spray', 'OTN10', 10, 85.00, 'G-04'))
                   AS item (name, code, quantity, mrp, shelf) ORDER BY n""",
        f"""INSERT INTO sales.session (kind, invoice_id, worker_id, status, end_time)
            SELECT 'packing', n, (SELECT id FROM accounts.account WHERE email = '{WORKER}'), 'PACKED', now() FROM generate_series(2, {rows}, 5) n""",
        "ALTER TABLE sales.invoice ENABLE TRIGGER USER",
        "ALTER TABLE sales.session ENABLE TRIGGER USER",
        "INSERT INTO sales.creator (name) VALUES ('admin')",
        "SELECT sales.recount_invoices()",
        "VACUUM ANALYZE",
        "CHECKPOINT",
        dsn=dsn,
    )


def imports(installation: Installation, plan: Plan) -> list[Row]:
    """Measures the imports per second of one worker. pgbench uses a separate database, whose events no server relays."""
    ours, theirs = installation.create_database("imports"), installation.create_database("imports_reference")
    seed_people(installation, ours)
    seed_people(installation, theirs)
    body = import_body("%1$s-%2$s", "%3$s", "%4$s")
    text = pgbench.script(
        query.import_invoice,
        ["null::bigint", f"format('{body}', :client_id::int, :r::bigint, :c::int, :s::int)"],
        {"r": "random(1, 9000000000000000)", "c": f"random(0, {CUSTOMERS - 1})", "s": f"random(0, {SALESMEN - 1})"},
    )
    results, references, behind = [], [], 0.0
    with installation.server(ours) as server:
        requests = import_requests(server.port)
        load.run(server, requests, 201, plan.warm)
        for _ in range(plan.rounds(5)):
            results.append(load.run(server, requests, 201, plan.seconds))
            behind = max(behind, _wait_for_relay(installation, ours))
            references.append(pgbench.rate(installation, theirs, text, plan.seconds))
    rate, reference = median(result.rate for result in results), median(references)
    notes = load.notes(results) + (f", the relay was {behind:.1f} s behind" if behind > 0.5 else "")
    met = rate >= IMPORT_RATE and rate / reference >= IMPORT_RATIO
    aim = f"≥ {IMPORT_RATIO:.2f} ×, ≥ {IMPORT_RATE:,}/s"
    return [Row("import", rate, "/s", reference, "/s pgbench", aim, met, notes)]


def _wait_for_relay(installation: Installation, dsn: str) -> float:
    """Waits until every event has its position, and returns the seconds. Without this, a backlog of events could grow from round to
    round while the import rate looks good."""
    began = monotonic()
    while installation.run("SELECT count(*) FROM core.event WHERE position IS NULL", dsn=dsn):
        if monotonic() - began > 30:
            raise BenchmarkError("the relay is more than 30 s behind the imports")
        sleep(0.05)
    return monotonic() - began


class Case(NamedTuple):
    """One kind of read: the paths of the requests, the pgbench script with the same statements, and the aims.

    statements: the number of statements in the script. pgbench counts one run of all of them as one transaction.
    ratio: the aim beside pgbench, or 0 if there is none.
    """

    name: str
    paths: list[str]
    script: str
    statements: int = 1
    rate: int = LIST_RATE
    ratio: float = 0
    is_filtered: bool = False


def _filters(rows: int) -> dict[str, dict[str, str]]:
    """Returns the parameters of each list with filters."""
    # The days are the oldest quarter: invoices far from the newest are the hardest to find.
    long_ago = {"start_date": "2025-01-18", "end_date": str(date(2025, 1, 18) + timedelta(rows // 4000))}
    return {
        "a day": {"start_date": "2025-01-18", "end_date": "2025-01-18"}, "days long ago": long_ago,
        "days long ago, by cursor": {**long_ago, "cursor": ""}, "days long ago, by date": {**long_ago, "ordering": "invoice_date"},
        "?customer": {"customer": "CUST-7"}, "?salesman": {"salesman": "Ajay 7"}, "?salesman, by cursor": {"salesman": "Ajay 7", "cursor": ""},
        "?salesman&status": {"salesman": "Ajay 5", "status": "PENDING"}, "?salesman, days long ago": {"salesman": "Ajay 7", **long_ago},
        "?customer&salesman": {"customer": "CUST-7", "salesman": "Ajay 7"}, "?user": {"user": "{worker}"}, "?created_by": {"created_by": "adm"},
        "?created_by, by cursor": {"created_by": "adm", "cursor": ""}, "?worker": {"worker": WORKER}, "?worker, by cursor": {"worker": WORKER, "cursor": ""},
        "?search=number": {"search": f"SEED-{rows - 7}"}, "?search=number&status": {"search": f"SEED-{rows - 5}", "status": "PENDING"},
        "?search=item": {"search": "otrivin"}, "?search=item, by cursor": {"search": "otrivin", "cursor": ""},
        "?search=customer": {"search": "Pharmacy 77"}, "?search=all": {"search": "seed"}, "?ordering=-invoice_no": {"ordering": "-invoice_no"},
        "?ordering=created_at, by cursor": {"ordering": "created_at", "cursor": ""},
    }  # fmt: skip


def _cases(installation: Installation, dsn: str, rows: int, worker: str) -> list[Case]:
    middle = max(1, rows // PAGE_SIZE // 2)
    chosen = random.Random(1)
    ids = [chosen.randint(1, rows) for _ in range(2000)]
    page = list_query.list_invoices

    def listed(statuses: str, number: int) -> str:
        return pgbench.script(page, [statuses, str(number), str(PAGE_SIZE)], {})

    get_invoice = sql.load("sales/invoice_change").get_invoice
    detail = pgbench.script(get_invoice, [":id"], {"id": f"random(1, {rows})"})
    cases = [
        Case("list page 1", ["/api/sales/invoices/"], listed("null::text[]", 1), ratio=LIST_RATIO),
        Case("list middle page", [f"/api/sales/invoices/?page={middle}"], listed("null::text[]", middle)),
        Case("list ?status=PENDING", ["/api/sales/invoices/?status=PENDING"], listed("'{PENDING}'::text[]", 1)),
        Case("detail", [f"/api/sales/invoices/{id}/" for id in ids], detail),
    ]
    for name, parameters in _filters(rows).items():
        given = {key: value.format(worker=worker) for key, value in parameters.items()}
        cases.append(_filtered(installation, dsn, name, **given))
    return cases


def _filtered(installation: Installation, dsn: str, name: str, **given: str) -> Case:
    """Returns the case of a list with filters. Its script runs all statements that the server runs for this request, in order."""
    filters: dict[str, Any] = {
        FILTER_NAMES.get(key, key): value for key, value in given.items() if key not in ("ordering", "cursor")
    }
    if "statuses" in filters:
        filters["statuses"] = [filters["statuses"]]
    if "since" in filters and filters["since"] == filters["until"]:
        filters = {"day": filters["since"]}
    term = given.get("ordering", "-id")
    order = keyset.Order(ORDERS, [term] if term == "-id" else [term, "-id" if term.startswith("-") else "id"])

    async def record() -> list[str]:
        connection = await asyncpg.connect(dsn)
        try:
            recorder = pgbench.Recorder(connection)
            invoices = Invoices(recorder, filters)
            if "cursor" in given:
                await invoices.page(order, Place(None, 0, PAGE_SIZE + 1))
            else:
                await invoices.numbered_page(order, paging.Page(1, PAGE_SIZE))
            return recorder.statements
        finally:
            await connection.close()

    path = f"/api/sales/invoices/?{urlencode(given)}"
    rate = SEARCH_RATE if {"search", "worker"} & given.keys() else FILTER_RATE
    statements = run_coroutine(record())
    return Case(f"list {name}", [path], "\n".join(statements), len(statements), rate, is_filtered=True)


def lists(installation: Installation, plan: Plan) -> list[Row]:
    """Measures each kind of read with many invoices and with fewer: with FEW, or with a tenth of the many for filters, because a
    filter finds too little among FEW."""
    dsns = {rows: installation.create_database(f"rows_{rows}") for rows in (FEW, plan.rows // 10, plan.rows)}
    for rows, dsn in dsns.items():
        seed_invoices(installation, dsn, rows)
    uuid = f"SELECT public_id::text FROM accounts.account WHERE email = '{WORKER}'"
    workers = {rows: installation.run(uuid, dsn=dsn) for rows, dsn in dsns.items()}
    found = []
    with contextlib.ExitStack() as stack:
        servers = {rows: stack.enter_context(installation.server(dsn)) for rows, dsn in dsns.items()}
        by_rows = [_cases(installation, dsns[rows], rows, worker) for rows, worker in workers.items()]
        for cases in zip(*by_rows, strict=True):
            few, tenth, many = zip(dsns, cases, strict=True)
            beside = dict((tenth if many[1].is_filtered else few, many))
            found += _case_rows(installation, plan, dsns, servers, beside)
    return found


def _case_rows(
    installation: Installation, plan: Plan, dsns: dict[int, str], servers: dict[int, Server], cases: dict[int, Case]
) -> list[Row]:
    """Measures one kind of read. cases: by the number of invoices."""
    results: dict[int, list[load.Result]] = {rows: [] for rows in cases}
    references: dict[int, list[float]] = {rows: [] for rows in cases}
    is_filtered = any(case.is_filtered for case in cases.values())
    # There are many filters, so each of them has only one round.
    for _ in range(1 if is_filtered else plan.rounds(3)):
        for rows, case in cases.items():
            requests = itertools.cycle([load.request("GET", path, servers[rows].port) for path in case.paths])
            results[rows].append(load.run(servers[rows], requests, 200, plan.seconds / 2))
            references[rows].append(pgbench.rate(installation, dsns[rows], case.script, plan.seconds / 2))
    found = []
    rates = {rows: median(result.rate for result in results[rows]) for rows in cases}
    few = min(cases)
    for rows, case in cases.items():
        rate, flat = rates[rows], rates[rows] / rates[few]
        reference = median(references[rows])
        notes = load.notes(results[rows])
        if case.statements > 1:
            notes = f"{notes}, a pgbench transaction is all {case.statements} statements"
        aim, met = f"≥ {case.rate:,}/s", rate >= case.rate
        if case.ratio:
            aim, met = f"≥ {case.ratio:.2f} ×, {aim}", met and rate / reference >= case.ratio
        if rows != few:
            aim, met = f"{aim}, ≥ {FLAT:.2f} × at {few:,}", met and flat >= FLAT
            notes = f"{flat:.2f} × the rate at {few:,}; {notes}"
        found.append(Row(f"{case.name}, {rows:,} invoices", rate, "/s", reference, "/s pgbench", aim, met, notes))
    return found

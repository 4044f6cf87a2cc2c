"""The rows about dashboards: figures read at few invoices of one owner and at many, figures added up anew, and what they cost a writer.
See docs/api/dashboard.md."""

import itertools
import json
from collections.abc import Iterator
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

from benchmarks import load, pgbench
from benchmarks.accounts import token
from benchmarks.installation import Installation, Server
from benchmarks.plan import Plan
from benchmarks.table import Row
from benchmarks.warehouse import seed_people
from core.data import sql

# Invoices of the owner; the many are Plan.rows. A fifth as many expenses, and as many quotes.
FEW, CLIENTS, SERVICES, LINES = 2_000, 100, 20, 5
# Days over which they are spread.
DAYS = 1_000
# The aims: as a ratio of pgbench running the same statement; with many rows, as a ratio of the rate with few; and so many times what the
# documented system was measured to do.
READ_RATIO, FLAT, TIMES = 0.50, 0.80, 25
# With figures, as a ratio of the rate without their triggers.
DRAFT_RATIO, SENT_RATIO = 0.95, 0.62
# Answers per second of the documented system.
STATS, TRENDS, REFRESHES = 79, 36, 2.5
TRIGGERS = ("valued", "revalued", "unvalued")
NOUNS = ("client", "invoice", "quote", "expense")


class Case(NamedTuple):
    """A request, and the statement that the server runs for it. arguments: SQL for $1, $2, …. documented: answers per second of the
    documented system."""

    name: str
    method: str
    path: str
    query: sql.Query
    arguments: list[str]
    documented: float | None = None
    body: bytes = b""


def dashboard(installation: Installation, plan: Plan) -> list[Row]:
    """Measures each request with few invoices and with many, and what keeping the figures costs."""
    found: list[Row] = []
    rates: dict[tuple[str, int], float] = {}
    many = 20_000 if plan.quick else plan.rows
    for number in (FEW, many):
        dsn = installation.create_database(f"dashboard_{number}")
        _seed(installation, dsn, number)
        began = perf_counter()
        added = installation.run("SELECT dashboard.rebuild(1)", dsn=dsn)
        built = perf_counter() - began
        installation.run("VACUUM ANALYZE", "CHECKPOINT", dsn=dsn)
        with installation.server(dsn) as server:
            header = f"Authorization: Bearer {token(server)}\r\n"
            for case in _cases():
                row, rates[case.name, number] = _measured(installation, plan, dsn, server, header, case)
                if number == many:
                    found.append(_compared(row, case, number, rates[case.name, number] / rates[case.name, FEW]))
        if number == many:
            found.append(Row(f"figures added up anew, {added:,} rows", added / built, "rows/s", notes=f"{built:.1f} s"))
    return [*found, *costs(installation, plan)]


def _cases() -> list[Case]:
    stats, trend, breakdown = (sql.load(f"dashboard/{name}") for name in ("stats", "trend", "breakdown"))
    refresh, projection = sql.load("dashboard/refresh"), sql.load("dashboard/projection")
    month, day = ["1", "'monthly'::text"], ["1", "'daily'::text"]
    forced = b'{"force_refresh": true}'
    cases = [
        Case("stats", "GET", "stats/", stats.get_stats, ["1"], STATS),
        Case("trends of 12 months", "GET", "trends/", trend.get_trends, [*month, "12"], TRENDS),
        Case("trends of 60 days", "GET", "trends/?period=daily&periods=60", trend.get_trends, [*day, "60"], TRENDS),
        Case("breakdown by client", "GET", "breakdown/", breakdown.get_breakdown, [*month, "'client'::text", "20"]),
        Case("projections", "GET", "projections/", projection.get_projections, ["1"]),
        Case("forced refresh", "POST", "refresh/", refresh.refresh, ["1", "'{all}'::text[]", "true", "10"], REFRESHES, forced),
    ]  # fmt: skip
    given = {
        "owner_id": "1",
        "period_type": "'monthly'::text",
        "category_type": "'expense'::text",
        "metric_category": "null::text",
    }
    overview = sql.load("dashboard/overview").get_overview
    cases.append(Case("overview", "GET", "overview/", overview, [given[name] for name in overview.parameters]))
    return cases


def _measured(
    installation: Installation, plan: Plan, dsn: str, server: Server, header: str, case: Case
) -> tuple[Row, float]:
    path = f"/api/dashboard/{case.path}"
    requests = itertools.repeat(load.request(case.method, path, server.port, header, case.body))
    script = pgbench.script(case.query, case.arguments, {})
    results, references = [], []
    for _ in range(plan.rounds(3)):
        results.append(load.run(server, requests, 200, plan.seconds / 3))
        references.append(pgbench.rate(installation, dsn, script, plan.seconds / 3))
    rate, reference = median(result.rate for result in results), median(references)
    return Row(case.name, rate, "/s", reference, "/s pgbench", notes=load.notes(results)), rate


def _compared(row: Row, case: Case, number: int, flat: float) -> Row:
    row.name = f"{case.name}, {number:,} invoices"
    row.aim = f"≥ {READ_RATIO:.2f} ×, ≥ {FLAT:.2f} × at {FEW:,}"
    row.met = (row.ratio or 0) >= READ_RATIO and flat >= FLAT
    row.notes = f"{flat:.2f} × the rate at {FEW:,}; {row.notes}"
    if case.documented:
        times = row.measured / case.documented
        row.aim += f", {TIMES} × the documented {case.documented:g}/s"
        row.met = row.met and times >= TIMES
        row.notes = f"{times:.0f} × the documented system; {row.notes}"
    return row


def costs(installation: Installation, plan: Plan) -> list[Row]:
    """Measures creations of invoices of different lines, with the figures and without, in turns."""
    dsn = installation.create_database("dashboard_costs")
    _seed(installation, dsn, 0)
    rows = []
    with installation.server(dsn) as server:
        header = f"Authorization: Bearer {token(server)}\r\n"
        for status, aim in (("draft", DRAFT_RATIO), ("sent", SENT_RATIO)):
            results: dict[bool, list[load.Result]] = {True: [], False: []}
            for is_kept in (True, False) * plan.rounds(3):
                _switch(installation, dsn, is_kept)
                results[is_kept].append(load.run(server, _created(server, header, status), 201, plan.seconds / 2))
            rate, reference = (median(one.rate for one in results[is_kept]) for is_kept in (True, False))
            name, notes = f"{status} invoice of {LINES} lines, one owner", load.notes(results[True])
            met = rate / reference >= aim
            rows.append(Row(name, rate, "/s", reference, "/s without figures", f"≥ {aim:.2f} ×", met, notes))
    return rows


def _created(server: Server, header: str, status: str) -> Iterator[bytes]:
    for n in itertools.count():
        lines: list[dict[str, Any]] = [
            {"description": f"Service {(n + line * 3) % SERVICES}", "quantity": 2, "unit_price": "85.50"}
            for line in range(LINES)
        ]
        day = f"2026-{1 + n % 9:02}-{1 + n % 28:02}"
        body = {"client": 1 + n % CLIENTS, "issue_date": day, "due_date": "2027-01-31", "status": status}
        sent = json.dumps({**body, "line_items": lines, "tax_rate": "0.0825"}).encode()
        yield load.request("POST", "/api/invoices/", server.port, header, sent)


def _switch(installation: Installation, dsn: str, is_on: bool) -> None:
    what = "ENABLE" if is_on else "DISABLE"
    changed = [f"ALTER TABLE books.{noun} {what} TRIGGER {noun}_{trigger}" for noun in NOUNS for trigger in TRIGGERS]
    installation.run(*changed, dsn=dsn)


def _seed(installation: Installation, dsn: str, number: int) -> None:
    """One owner with CLIENTS clients and so many invoices. The figures are not kept meanwhile, because their triggers add each statement up
    in memory."""
    seed_people(installation, dsn, 1)
    _switch(installation, dsn, False)
    installation.run(
        f"""INSERT INTO books.client (owner_id, name, email, phone, address, company, tax_number, notes, is_active)
            SELECT 1, 'Client ' || c, 'client-' || c || '@example.com', '', '2 Pier, Dublin', '', '', '', true FROM generate_series(1, {CLIENTS}) c""",
        f"""INSERT INTO books.invoice (owner_id, year, number, client_id, status, issue_date, due_date, title, terms, notes, line_items, subtotal,
                                       tax_amount, total_amount, paid_amount, sent_at, paid_at, created_at, updated_at)
            SELECT 1, extract(year FROM day), n, 1 + n % {CLIENTS}, (ARRAY['draft', 'sent', 'paid', 'partial', 'cancelled', 'sent'])[1 + n % 6], day, day + 30,
                   '', '', '', l.line_items, l.subtotal, 0, l.subtotal, CASE n % 6 WHEN 2 THEN l.subtotal WHEN 3 THEN 100 ELSE 0 END,
                   CASE WHEN n % 6 NOT IN (0, 4) THEN day END, CASE n % 6 WHEN 2 THEN day + 20 END, day, day
              FROM generate_series(1, {number}) n
             CROSS JOIN LATERAL (SELECT books.today() - n % {DAYS} AS day) t
             CROSS JOIN LATERAL books.priced_lines((
                   SELECT jsonb_agg(jsonb_build_object('description', 'Service ' || (n + at * 3) % {SERVICES}, 'quantity', at, 'unit_price', 85 + n % 50))
                     FROM generate_series(1, {LINES}) at)) l""",
        f"""INSERT INTO books.quote (owner_id, year, number, client_id, status, issue_date, expiry_date, title, terms, notes, line_items, subtotal, tax_amount,
                                     total_amount, sent_at, created_at, updated_at)
            SELECT 1, extract(year FROM day), n, 1 + n % {CLIENTS}, (ARRAY['draft', 'sent', 'accepted'])[1 + n % 3], day, day + 30, '', '', '', '[]', 100, 0,
                   100, day, day, day
              FROM generate_series(1, {number // 5}) n CROSS JOIN LATERAL (SELECT books.today() - n % {DAYS} AS day) t""",
        f"""INSERT INTO books.expense (owner_id, description, amount, category, expense_date, receipt_number, vendor, tax_amount, is_billable, status, notes)
            SELECT 1, 'Expense ' || n, 1 + n % 900, (ARRAY['office', 'travel', 'meals', 'software', 'marketing', 'other'])[1 + n % 6],
                   books.today() - n % {DAYS}, '', '', 0, n % 3 = 0, 'pending', ''
              FROM generate_series(1, {number // 5}) n""",
        dsn=dsn,
    )
    _switch(installation, dsn, True)

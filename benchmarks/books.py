"""The rows about the books: invoices made and listed, and papers. See docs/api/books.md."""

import itertools
import json
from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any, NamedTuple
from urllib.parse import urlencode

import asyncpg

from benchmarks import load, pgbench
from benchmarks.accounts import token
from benchmarks.installation import Installation, Server, run_coroutine
from benchmarks.papers import papers
from benchmarks.plan import Plan
from benchmarks.table import Row
from benchmarks.warehouse import seed_people
from core.data import sql
from handlers.api.books_listing import MOST_COUNTED, order_of
from handlers.books.invoice_list import invoices

# Owners of books, and the invoices and clients that each has: 100,000 and 1,000,000 invoices.
OWNERS, FEW, MANY, CLIENTS = 100, 1_000, 10_000, 100
LINES, PAGE_SIZE = 5, 20
# The aims, as ratios of pgbench running the same statement; and with many rows, as a ratio of the rate with a tenth of them.
CREATE_RATIO, LIST_RATIO, FLAT = 0.40, 0.50, 0.80

query = sql.load("books/invoice")


class Case(NamedTuple):
    """A list that is asked for. given: the parameters of its query. filters: the same, by their names in SQL."""

    name: str
    given: Mapping[str, str]
    filters: Mapping[str, Any]


def books(installation: Installation, plan: Plan) -> list[Row]:
    """Measures creates, lists with a tenth of the rows and with all of them, and papers."""
    return [*creates(installation, plan), *lists(installation, plan), *papers(installation, plan)]


def creates(installation: Installation, plan: Plan) -> list[Row]:
    """Measures POST of an invoice of LINES lines: by one owner, whose invoices are numbered one after the other, and by several."""
    rows = []
    for owners, name in ((1, "one owner"), (load.CONNECTIONS, f"{load.CONNECTIONS} owners")):
        dsn = installation.create_database(f"creates_{owners}")
        seed(installation, dsn, owners, 0)
        with installation.server(dsn) as server:
            tokens = [token(server, number) for number in range(1, owners + 1)]
            results, references = [], []
            for _ in range(plan.rounds(3)):
                results.append(load.run(server, created(server, tokens), 201, plan.seconds / 2))
                references.append(pgbench.rate(installation, dsn, _create_script(owners), plan.seconds / 2))
        rate, reference = median(result.rate for result in results), median(references)
        rows.append(
            Row(f"invoice of {LINES} lines, {name}", rate, "/s", reference, "/s pgbench", f"≥ {CREATE_RATIO:.2f} ×",
                rate / reference >= CREATE_RATIO, load.notes(results))
        )  # fmt: skip
    return rows


def _body(client: int) -> str:
    line = {"description": "Consulting, one hour", "quantity": 2, "unit_price": "85.50"}
    body = {"client": client, "issue_date": "2026-01-15", "due_date": "2026-02-14", "line_items": [line] * LINES}
    return json.dumps({**body, "tax_rate": "0.0825", "terms": "Payment within 30 days.", "notes": "Thank you."})


def created(server: Server, tokens: list[str]) -> Iterator[bytes]:
    for n in itertools.count():
        number = n % len(tokens)
        # The clients of an owner follow those of the owner before.
        body = _body(number * CLIENTS + 1 + n % CLIENTS).encode()
        yield load.request("POST", "/api/invoices/", server.port, f"Authorization: Bearer {tokens[number]}\r\n", body)


def _create_script(owners: int) -> str:
    body = _body(0).replace('"client": 0', "\"client\": ' || :client || '")
    variables = {"owner": f"random(1, {owners})", "client": f"(:owner - 1) * {CLIENTS} + random(1, {CLIENTS})"}
    return pgbench.script(query.create_invoice, [":owner", f"('{body}')"], variables)


def lists(installation: Installation, plan: Plan) -> list[Row]:
    few, many = (FEW // 10, FEW) if plan.quick else (FEW, MANY)
    found: list[Row] = []
    rates: dict[tuple[str, int], float] = {}
    for each in (few, many):
        dsn = installation.create_database(f"books_{each}")
        seed(installation, dsn, OWNERS, each)
        with installation.server(dsn) as server:
            header = f"Authorization: Bearer {token(server)}\r\n"
            for case in _cases():
                path = f"/api/invoices/?{urlencode(case.given)}"
                requests = itertools.repeat(load.request("GET", path, server.port, header))
                script = _list_script(dsn, case)
                results, references = [], []
                for _ in range(plan.rounds(3)):
                    results.append(load.run(server, requests, 200, plan.seconds / 3))
                    references.append(pgbench.rate(installation, dsn, script, plan.seconds / 3))
                rate, reference = median(result.rate for result in results), median(references)
                rates[case.name, each] = rate
                if each == many:
                    flat = rate / rates[case.name, few]
                    met = rate / reference >= LIST_RATIO and flat >= FLAT
                    aim = f"≥ {LIST_RATIO:.2f} ×, ≥ {FLAT:.2f} × at a tenth"
                    notes = f"{flat:.2f} × the rate at a tenth of the rows; {load.notes(results)}"
                    name = f"list {case.name}, {OWNERS * many:,} invoices"
                    found.append(Row(name, rate, "/s", reference, "/s pgbench", aim, met, notes))
    return found


def _cases() -> list[Case]:
    orders = ("invoice_number", "issue_date", "due_date", "-total_amount", "status", "-updated_at")
    return [
        Case("of 20", {}, {}),
        *(Case(f"by {order}", {"ordering": order}, {}) for order in orders),
        Case("of a status", {"status": "paid"}, {"is_paid": ()}),
        Case("of what is overdue", {"status": "overdue"}, {"is_overdue": ()}),
        Case("of a client", {"client": "7"}, {"client": 7}),
        Case("of days", {"due_date__gte": "2026-03-01", "due_date__lte": "2026-03-05"},
             {"due_since": "2026-03-01", "due_until": "2026-03-05"}),
        Case("of a number", {"search": "INV-2026-077"}, {"search": (1, "inv-2026-077", ["inv-2026-077"])}),
        Case("of a client's name", {"search": "Client 42 of"}, {"search": (1, "client", ["client", "42", "of"])}),
    ]  # fmt: skip


def _list_script(dsn: str, case: Case) -> str:
    """What the server asks of Postgres for this list."""

    async def record() -> list[str]:
        connection = await asyncpg.connect(dsn)
        try:
            recorder = pgbench.Recorder(connection)
            by = order_of(invoices, case.given.get("ordering", "")).by
            whose = {"owner_id": 1, "page": 1, "page_size": PAGE_SIZE}
            if case.filters:
                await invoices.found.ordered(by).where(**case.filters)(recorder, **whose, most=MOST_COUNTED)
            else:
                await invoices.all.ordered(by)(recorder, **whose)
            return recorder.statements
        finally:
            await connection.close()

    return "\n".join(run_coroutine(record()))


def seed(installation: Installation, dsn: str, owners: int, each: int) -> None:
    """Owners with CLIENTS clients and so many invoices each, a third of which have a payment. The figures of dashboards are not kept
    meanwhile, because their triggers add each statement up in memory; no list reads them."""
    seed_people(installation, dsn, owners)
    installation.run("ALTER TABLE books.invoice DISABLE TRIGGER invoice_valued", dsn=dsn)
    installation.run(
        f"""INSERT INTO books.client (owner_id, name, email, phone, address, company, tax_number, notes, is_active)
            SELECT o, 'Client ' || c || ' of ' || o, 'client-' || c || '@example.com', '', '2 Pier, Dublin', 'Company ' || c, '', '', true
              FROM generate_series(1, {owners}) o, generate_series(1, {CLIENTS}) c ORDER BY o, c""",
        f"""INSERT INTO books.invoice (owner_id, year, number, client_id, status, issue_date, due_date, title, terms, notes, line_items, subtotal,
                                       tax_amount, total_amount, paid_amount, sent_at, created_at, updated_at)
            SELECT o, 2026, n, (o - 1) * {CLIENTS} + 1 + n % {CLIENTS}, (ARRAY['draft', 'sent', 'paid', 'partial', 'cancelled', 'sent'])[1 + n % 6],
                   day, day + 30, '', 'Payment within 30 days.', 'Thank you.', l.line_items, l.subtotal, 0, l.subtotal,
                   CASE n % 6 WHEN 2 THEN l.subtotal WHEN 3 THEN 100 ELSE 0 END, CASE WHEN n % 6 NOT IN (0, 4) THEN at END, at, at
              FROM generate_series(1, {each}) n, generate_series(1, {owners}) o
             CROSS JOIN LATERAL (SELECT now() - n * interval '1 minute' AS at, '2026-01-01'::date + n % 300 AS day) t
             CROSS JOIN LATERAL books.priced_lines((
                   SELECT jsonb_agg(jsonb_build_object('description', 'Consulting, one hour', 'quantity', at, 'unit_price', 85 + n % 50))
                     FROM generate_series(1, {LINES}) at)) l
             ORDER BY n DESC, o""",
        """INSERT INTO books.payment (owner_id, invoice_id, amount, payment_date, payment_method, reference)
           SELECT i.owner_id, i.id, i.paid_amount, i.due_date, 'bank_transfer', 'TXN' || i.number FROM books.invoice i WHERE i.paid_amount > 0""",
        "ALTER TABLE books.invoice ENABLE TRIGGER invoice_valued",
        "VACUUM ANALYZE",
        "CHECKPOINT",
        dsn=dsn,
    )

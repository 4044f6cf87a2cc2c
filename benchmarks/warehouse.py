"""The rows about the warehouse: steps of picking and the picking history. See docs/api/sales.md#picking and docs/api/sales.md#history."""

import itertools
from collections.abc import Iterator
from statistics import median

import bcrypt

from benchmarks import load, pgbench
from benchmarks.accounts import PASSWORD, token
from benchmarks.installation import Installation, Server
from benchmarks.plan import Plan
from benchmarks.sales import seed_invoices
from benchmarks.table import Row
from core.data import sql

INVOICES, SESSIONS, WORKERS = 40_000, 100_000, 50
# The aims. Steps, as a ratio of pgbench running the same statement; pages of the history per second; and the rate with many
# sessions, as a ratio of the rate with few.
STEP_RATIO, HISTORY_RATE, FLAT = 0.30, 300, 0.80

session, history = sql.load("sales/session"), sql.load("sales/history")


def steps(installation: Installation, plan: Plan) -> list[Row]:
    """Measures starts and completions of picking per second. Each invoice has its own picker. pgbench uses a separate database."""
    ours, theirs = installation.create_database("steps"), installation.create_database("steps_reference")
    for dsn in (ours, theirs):
        _seed_work(installation, dsn)
    found = []
    with installation.server(ours) as server:
        headers = f"Authorization: Bearer {token(server)}\r\n"
        # Only started pickings can be completed. So completions are measured for a shorter time than starts.
        for name, statement, expected, share in (
            ("start", session.start_session, 201, 1.0),
            ("complete", session.complete_session, 200, 0.4),
        ):
            number, results, references = itertools.count(1), [], []
            requests = _step_requests(server, name, headers, number)
            for _ in range(plan.rounds(3)):
                results.append(load.run(server, requests, expected, plan.seconds / 2 * share))
                body = """format('{"invoice_no":"SEED-%1$s","user_email":"person%1$s@example.com"}', nextval('bench_step'))"""
                script = pgbench.script(statement, ["'picking'", f"{body}::jsonb", "1", "'all'"], {})
                references.append(pgbench.rate(installation, theirs, script, plan.seconds / 2 * share))
            installation.run("SELECT setval('bench_step', 1, false)", dsn=theirs)
            rate, reference = median(result.rate for result in results), median(references)
            met, notes = rate / reference >= STEP_RATIO, load.notes(results)
            aim = f"≥ {STEP_RATIO:.2f} ×"
            found.append(Row(f"picking/{name}", rate, "/s", reference, "/s pgbench", aim, met, notes))
    return found


def _seed_work(installation: Installation, dsn: str) -> None:
    """Creates INVOICES invoices that wait for picking, and as many pickers. The first picker is an administrator."""
    seed_invoices(installation, dsn, INVOICES)
    seed_people(installation, dsn, INVOICES)
    installation.run(
        "ALTER TABLE sales.invoice DISABLE TRIGGER USER",
        "UPDATE sales.invoice SET status = 'PENDING'",
        "ALTER TABLE sales.invoice ENABLE TRIGGER USER",
        "SELECT sales.recount_invoices()",
        "CREATE SEQUENCE bench_step",
        "VACUUM FULL sales.invoice",
        "ANALYZE",
        "CHECKPOINT",
        dsn=dsn,
    )


def seed_people(installation: Installation, dsn: str, number: int) -> None:
    """Creates pickers with the password of benchmarks/accounts.py, person1@example.com and so on. The first one is an administrator."""
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    installation.run(
        f"""INSERT INTO accounts.account (email, name, role, is_staff, password_hash)
            SELECT 'person' || n || '@example.com', 'Person ' || n, CASE WHEN n = 1 THEN 'ADMIN' ELSE 'PICKER' END, n = 1, '{hashed}'
              FROM generate_series(1, {number}) n""",
        dsn=dsn,
    )


def _step_requests(server: Server, name: str, headers: str, number: Iterator[int]) -> Iterator[bytes]:
    for n in number:
        body = b'{"invoice_no":"SEED-%d","user_email":"person%d@example.com"}' % (n, n)
        yield load.request("POST", f"/api/sales/picking/{name}/", server.port, headers, body)


def histories(installation: Installation, plan: Plan) -> list[Row]:
    """Measures pages of the picking history with few sessions and with many. pgbench runs the same statement."""
    few = SESSIONS // 100
    found, rates = [], {}
    for rows in (few, SESSIONS):
        dsn = installation.create_database(f"history_{rows}")
        _seed_sessions(installation, dsn, rows)
        with installation.server(dsn) as server:
            headers = f"Authorization: Bearer {token(server)}\r\n"
            for name, query, page in (
                ("page 1", "", 1),
                ("middle page", f"?page={rows // 20}", rows // 20),
                ("?status=PICKED", "?status=PICKED", 1),
            ):
                statuses = "'{PICKED}'::text[]" if "status" in query else "null"
                arguments = ["'picking'", "null", statuses, "null", "null", "null", str(page), "10"]
                listed = history.list_counted
                if "status" in query:
                    listed = listed.where(walked_status=()).query
                path = f"/api/sales/picking/history/{query}"
                requests = itertools.repeat(load.request("GET", path, server.port, headers))
                results = [load.run(server, requests, 200, plan.seconds / 2) for _ in range(plan.rounds(3))]
                script = pgbench.script(listed, arguments, {})
                reference = pgbench.rate(installation, dsn, script, plan.seconds / 2)
                rates[name, rows] = rate = median(result.rate for result in results)
                flat = rate / rates[name, few]
                notes = load.notes(results)
                aim, met = f"≥ {HISTORY_RATE}/s", rate >= HISTORY_RATE
                if rows == SESSIONS:
                    aim, met = f"{aim}, ≥ {FLAT:.2f} × at {few:,}", met and flat >= FLAT
                    notes = f"{flat:.2f} × the rate at {few:,}; {notes}"
                title = f"history {name}, {rows:,} sessions"
                found.append(Row(title, rate, "/s", reference, "/s pgbench", aim, met, notes))
    return found


def _seed_sessions(installation: Installation, dsn: str, rows: int) -> None:
    """Creates a completed picking session for each invoice, by WORKERS pickers. The triggers write the counts, as for real steps."""
    seed_invoices(installation, dsn, rows)
    seed_people(installation, dsn, WORKERS)
    installation.run(
        f"""INSERT INTO sales.session (kind, invoice_id, worker_id, status, start_time, end_time, created_at)
            SELECT 'picking', n, 1 + n % {WORKERS}, 'PICKED', at, at + interval '5 minutes', at
              FROM generate_series(1, {rows}) n, LATERAL (SELECT timestamptz '2025-01-01 08:00Z' + n * interval '1 minute' AS at) t""",
        "SELECT sales.fold_session_deltas()",
        "VACUUM ANALYZE",
        "CHECKPOINT",
        dsn=dsn,
    )

"""The rows about accounts: the cost of authentication, lists of accounts, sign-ins, and the latency of other requests beside them."""

import asyncio
import itertools
import json
import os
import urllib.request
from statistics import median
from time import monotonic, perf_counter

import bcrypt

from benchmarks import load, pgbench
from benchmarks.installation import Installation, Server, run_coroutine
from benchmarks.plan import Plan
from benchmarks.sales import seed_invoices
from benchmarks.table import Row
from core.data import sql

PASSWORD = "benchmark-password"
# The number of accounts in the two databases.
FEW, MANY = 1_000, 100_000
# The aims. A read with a token, as a ratio of the same read without one:
TOKEN_RATIO = 0.80
# The rate with MANY accounts, as a ratio of the rate with FEW:
FLAT = 0.80
# Sign-ins, as a ratio of bcrypt alone:
BCRYPT_RATIO = 0.90
# The p99 latency of a read beside SIGN_INS concurrent sign-ins, in ms:
DELAY_MS = 50
SIGN_INS = 20

query = sql.load("accounts/user")


def accounts(installation: Installation, plan: Plan) -> list[Row]:
    """Uses two databases, one with few accounts and one with many. Each contains a hundred invoices."""
    dsns = {rows: installation.create_database(f"accounts_{rows}") for rows in (FEW, MANY)}
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(12)).decode()
    for rows, dsn in dsns.items():
        seed_accounts(installation, dsn, rows, hashed)
    with installation.server(dsns[FEW]) as few, installation.server(dsns[MANY]) as many:
        servers = {FEW: few, MANY: many}
        return [
            *_with_token(plan, few),
            *_lists(installation, plan, dsns, servers),
            *_sign_ins(plan, few, hashed),
            *_beside_sign_ins(plan, few),
        ]


def seed_accounts(installation: Installation, dsn: str, rows: int, hashed: str) -> None:
    seed_invoices(installation, dsn, 100)
    installation.run(
        f"""INSERT INTO accounts.account (email, username, name, role, is_staff, password_hash)
            SELECT 'person' || n || '@example.com', 'person' || n, 'Person ' || n, CASE WHEN n = 1 THEN 'ADMIN' ELSE 'USER' END,
                   n = 1, '{hashed}'
              FROM generate_series(1, {rows}) n""",
        "VACUUM ANALYZE",
        dsn=dsn,
    )


def token(server: Server, number: int = 1) -> str:
    body = json.dumps({"email": f"person{number}@example.com", "password": PASSWORD}).encode()
    url = f"http://127.0.0.1:{server.port}/api/auth/login/"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["access"]


def _with_token(plan: Plan, server: Server) -> list[Row]:
    """Measures the same read with and without a token, in turns. The difference is the cost of authentication."""
    given, path = f"Authorization: Bearer {token(server)}\r\n", "/api/sales/invoices/7/"
    results: dict[str, list[load.Result]] = {given: [], "": []}
    for _ in range(plan.rounds(3)):
        for headers in results:
            requests = itertools.repeat(load.request("GET", path, server.port, headers))
            results[headers].append(load.run(server, requests, 200, plan.seconds / 2))
    rate, reference = (median(result.rate for result in results[headers]) for headers in (given, ""))
    met = rate / reference >= TOKEN_RATIO
    notes = load.notes(results[given])
    return [Row("detail with a token", rate, "/s", reference, "/s without", f"≥ {TOKEN_RATIO:.2f} ×", met, notes)]


def _lists(installation: Installation, plan: Plan, dsns: dict[int, str], servers: dict[int, Server]) -> list[Row]:
    cases = {
        "users list of 100": ("?page_size=100", pgbench.script(query.list_users, ["1", "100"], {})),
        "users ?search=, 100 found": (
            "?page_size=100&search=person77",
            pgbench.script(query.search_users, ["'person77'", "1", "100"], {}),
        ),
    }
    found = []
    for name, (parameters, script) in cases.items():
        rates, references, results = {}, {}, {}
        for rows, server in servers.items():
            headers = f"Authorization: Bearer {token(server)}\r\n"
            requests = itertools.repeat(load.request("GET", f"/api/auth/users/{parameters}", server.port, headers))
            results[rows] = [load.run(server, requests, 200, plan.seconds / 2) for _ in range(plan.rounds(3))]
            rates[rows] = median(result.rate for result in results[rows])
            references[rows] = pgbench.rate(installation, dsns[rows], script, plan.seconds / 2)
        for rows in servers:
            flat = rates[rows] / rates[FEW]
            aim, met = ("", None) if rows == FEW or "search" in name else (f"≥ {FLAT:.2f} × at {FEW:,}", flat >= FLAT)
            notes = load.notes(results[rows])
            if rows != FEW:
                notes = f"{flat:.2f} × the rate at {FEW:,}; {notes}"
            title = f"{name}, {rows:,} accounts"
            found.append(Row(title, rates[rows], "/s", references[rows], "/s pgbench", aim, met, notes))
    return found


def _sign_ins(plan: Plan, server: Server, hashed: str) -> list[Row]:
    """Compares sign-ins with bcrypt alone, on as many threads as the server uses for it."""
    began, checks = perf_counter(), 4
    for _ in range(checks):
        bcrypt.checkpw(PASSWORD.encode(), hashed.encode())
    each = (perf_counter() - began) / checks
    reference = max(1, (os.cpu_count() or 2) - 1) / each
    result = load.run(server, _sign_in_requests(server), 200, max(3.0, plan.seconds * 2))
    notes = f"bcrypt with cost 12: {each * 1000:.0f} ms for each check; {load.notes([result])}"
    met = result.rate / reference >= BCRYPT_RATIO
    return [Row("sign-ins", result.rate, "/s", reference, "/s bcrypt", f"≥ {BCRYPT_RATIO:.2f} ×", met, notes)]


def _sign_in_requests(server: Server):
    for number in itertools.count():
        body = json.dumps({"email": f"person{2 + number % 900}@example.com", "password": PASSWORD}).encode()
        yield load.request("POST", "/api/auth/login/", server.port, "", body)


def _beside_sign_ins(plan: Plan, server: Server) -> list[Row]:
    """Measures the latency of a small read while SIGN_INS sign-ins are always running, and while none is running."""
    headers = f"Authorization: Bearer {token(server)}\r\n"
    read = load.request("GET", "/api/sales/invoices/7/", server.port, headers)
    seconds = max(2.0, plan.seconds * 2)
    alone, beside = (run_coroutine(_probe(server, read, seconds, busy)) for busy in (0, SIGN_INS))
    p99, reference = (load.percentile(found, 99) * 1000 for found in (beside, alone))
    p50, slowest = load.percentile(beside, 50) * 1000, beside[-1] * 1000
    notes = f"p50 {p50:.1f} ms, slowest {slowest:.0f} ms, {len(beside)} reads"
    name, aim = f"read beside {SIGN_INS} sign-ins, p99", f"≤ {DELAY_MS} ms"
    return [Row(name, p99, "ms", reference, "ms alone", aim, p99 <= DELAY_MS, notes)]


async def _probe(server: Server, read: bytes, seconds: float, busy: int) -> list[float]:
    """Sends reads one by one, 5 ms apart, and returns their latencies in ascending order. busy: the number of concurrent sign-ins."""
    requests, latencies, end = _sign_in_requests(server), [], monotonic() + seconds
    connections = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(busy + 1)]

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.partition(b"Content-Length: ")[2].partition(b"\r")[0]))

    async def sign_in(connection: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        while monotonic() < end:
            await ask(*connection, next(requests))

    signing = [asyncio.create_task(sign_in(connection)) for connection in connections[1:]]
    await asyncio.sleep(0.3)
    while monotonic() < end:
        began = perf_counter()
        await ask(*connections[0], read)
        latencies.append(perf_counter() - began)
        await asyncio.sleep(0.005)
    await asyncio.gather(*signing)
    for _, writer in connections:
        writer.close()
    return sorted(latencies)

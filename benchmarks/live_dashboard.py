"""The rows about live figures: what a stream of them costs, and an update of many streams of one owner, and of many owners. See
docs/api/dashboard.md#stream."""

import time
from time import perf_counter

from benchmarks.installation import SECRET_KEY, BenchmarkError, Installation, Server
from benchmarks.plan import Plan
from benchmarks.readers import Readers
from benchmarks.table import Row
from core.live.hub import GAP
from core.tokens import Tokens

STREAMS = 1000
PATH = "/api/dashboard/streaming/aggregate/?interval=300&max_updates=1000"
EVENT = b'data: {"type":"dashboard_update"'
# Seconds between two changes: longer than changes are sent together.
PAUSE = GAP + 0.15
# The aims: memory of a stream, and the CPU of an update: of each of many streams of one owner, and of each of many owners.
STREAM_KB, SHARED_US, OWN_US = 6, 25, 100


def live(installation: Installation, plan: Plan) -> list[Row]:
    dsn = installation.create_database("live_dashboard")
    installation.run(
        f"""INSERT INTO accounts.account (email, username, name, role, password_hash)
            SELECT 'owner' || n || '@example.com', '', 'Owner ' || n, 'MEMBER', 'x' FROM generate_series(1, {STREAMS}) n""",
        "INSERT INTO accounts.session (account_id, expires_at) SELECT id, now() + interval '1 day' FROM accounts.account WHERE role = 'MEMBER'",
        """INSERT INTO dashboard.period (owner_id, period_type, period_start, billed, spent)
           SELECT a.id, 'daily', books.today() - n, 123.45, 23.45 FROM accounts.account a, generate_series(0, 99) n WHERE a.role = 'MEMBER'""",
        """INSERT INTO dashboard.due (owner_id, due_date, invoices, unpaid, balance)
           SELECT a.id, books.today() + n, 1, 1, 100 FROM accounts.account a, generate_series(-50, 29) n WHERE a.role = 'MEMBER'""",
        "SELECT dashboard.touch_totals(array_agg(id)) FROM accounts.account WHERE role = 'MEMBER'",
        "VACUUM ANALYZE",
        dsn=dsn,
    )
    tokens = _tokens(installation, dsn)
    with installation.server(dsn, DASHBOARD_CONNECTIONS_PER_ACCOUNT="100000") as server:
        return [
            *_one_owner(installation, plan, dsn, server, tokens),
            *_many_owners(installation, plan, dsn, server, tokens),
        ]


def _tokens(installation: Installation, dsn: str) -> dict[int, str]:
    """An access token of each owner."""
    sessions = installation.run("SELECT array_agg(ARRAY[id, account_id] ORDER BY id) FROM accounts.session", dsn=dsn)
    tokens, end = Tokens(SECRET_KEY), time.time() + 3600
    return {owner: tokens.sign("access", end, {"sid": session, "user_id": str(owner)}) for session, owner in sessions}


def _readers(server: Server) -> Readers:
    return Readers(server.port, path=PATH, event=EVENT)


def _one_owner(installation: Installation, plan: Plan, dsn: str, server: Server, tokens: dict[int, str]) -> list[Row]:
    owner, token = next(iter(tokens.items()))
    changes = max(5, round(plan.seconds * 5))
    few = _readers(server)
    few.open(50, headers=f"Authorization: Bearer {token}\r\n")
    _change(installation, dsn, server, few, [owner], 3)
    few.close()
    time.sleep(1)
    before, alone = server.rss_bytes(), _share(installation, dsn, server, [owner], changes)
    readers = _readers(server)
    # Of more at once some get 503: each looks for its session in the database, before the process remembers it.
    readers.open(STREAMS, headers=f"Authorization: Bearer {token}\r\n", at_once=10)
    readers.read_until(STREAMS, 30)
    kb = (server.rss_bytes() - before) / STREAMS / 1024
    used, last = _change(installation, dsn, server, readers, [owner], changes)
    readers.close()
    each = (used - alone) / (changes * STREAMS) * 1e6
    notes = f"{STREAMS:,} streams of one owner, {changes} changes; changes and relay are subtracted; the last has it after {last * 1000:.0f} ms"
    return [
        Row("memory of a stream of figures", kb, "KB", aim=f"≤ {STREAM_KB} KB", met=kb <= STREAM_KB, notes=f"RSS, {STREAMS:,} streams"),
        Row("update, one owner", each, "µs CPU", aim=f"≤ {SHARED_US} µs", met=each <= SHARED_US, notes=notes),
    ]  # fmt: skip


def _many_owners(installation: Installation, plan: Plan, dsn: str, server: Server, tokens: dict[int, str]) -> list[Row]:
    owners, changes = list(tokens), max(3, round(plan.seconds * 2))
    alone = _share(installation, dsn, server, owners, changes)
    readers = _readers(server)
    for number, token in enumerate(tokens.values(), 1):
        readers.open(number, headers=f"Authorization: Bearer {token}\r\n")
    readers.read_until(STREAMS, 30)
    used, last = _change(installation, dsn, server, readers, owners, changes)
    readers.close()
    each = (used - alone) / (changes * STREAMS) * 1e6
    notes = f"{STREAMS:,} owners with a stream each, changed together {changes} times; the last has it after {last * 1000:.0f} ms"
    return [Row("update, many owners", each, "µs CPU", aim=f"≤ {OWN_US} µs", met=each <= OWN_US, notes=notes)]


def _change(
    installation: Installation, dsn: str, server: Server, readers: Readers, owners: list[int], changes: int
) -> tuple[float, float]:
    """Changes the figures of the owners again and again. Returns the server's CPU seconds, and the seconds from the last commit until all
    readers have its update."""
    time.sleep(PAUSE)
    readers.read_for(0.1)
    used, seconds = server.cpu_seconds(), 0.0
    for _ in range(changes):
        expected = readers.events + readers.ready
        installation.run(f"SELECT dashboard.touch_totals(ARRAY{owners}::bigint[])", dsn=dsn)
        began = perf_counter()
        readers.read_until(expected, 30)
        seconds = perf_counter() - began
        if readers.events != expected or readers.lost:
            raise BenchmarkError(f"{readers.events} of {expected} updates arrived, {readers.lost} streams were closed")
        readers.read_for(PAUSE)
    return server.cpu_seconds() - used, seconds


def _share(installation: Installation, dsn: str, server: Server, owners: list[int], changes: int) -> float:
    """Returns the server's CPU seconds for the same changes without a stream."""
    used = server.cpu_seconds()
    for _ in range(changes):
        installation.run(f"SELECT dashboard.touch_totals(ARRAY{owners}::bigint[])", dsn=dsn)
        time.sleep(PAUSE)
    return server.cpu_seconds() - used

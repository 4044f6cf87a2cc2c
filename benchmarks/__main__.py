"""`./run bench [name]` measures and prints one table. Without a name it runs all benchmarks, in three to four minutes."""

import argparse
import gc
import os
import resource
import signal
import sys
import time
from collections.abc import Callable

from benchmarks import (
    accounts,
    books,
    bulk,
    dashboard,
    jobs,
    live_dashboard,
    sales,
    shop,
    start,
    streams,
    table,
    vendor,
    warehouse,
    webhooks,
)
from benchmarks.installation import BenchmarkError, Installation, installed
from benchmarks.plan import Plan
from core.embedded.postgres import EmbeddedError

BENCHMARKS: dict[str, Callable[[Installation, Plan], list[table.Row]]] = {
    "import": sales.imports,
    "bulk": bulk.bulk,
    "list": sales.lists,
    "steps": warehouse.steps,
    "history": warehouse.histories,
    "accounts": accounts.accounts,
    "streams": streams.streams,
    "pos": shop.shop,
    "vendor": vendor.vendor,
    "books": books.books,
    "jobs": jobs.jobs,
    "dashboard": dashboard.dashboard,
    "live": live_dashboard.live,
    "webhooks": webhooks.webhooks,
    "start": start.start,
}


def main() -> int:
    args = _parser().parse_args()
    seconds = args.seconds or (0.7 if args.quick else 3.0)
    plan = Plan(seconds, args.quick, args.rows)
    # Both signals raise KeyboardInterrupt, so that all processes are stopped. A shell ignores SIGINT for background jobs.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    _raise_file_limit()
    # A garbage collection in the client would count as latency of the server. The runs are short and make few cycles.
    gc.disable()
    rows: list[table.Row | table.Failure] = []
    began = time.monotonic()
    try:
        with installed() as installation:
            if installation.redis is None:
                print("Redis is not available; the server runs without it.", flush=True)
            for name in [args.name] if args.name else BENCHMARKS:
                print(f"measuring {name} …", file=sys.stderr, flush=True)
                try:
                    rows += BENCHMARKS[name](installation, plan)
                except BenchmarkError as error:
                    rows.append(table.Failure(name, str(error)))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except EmbeddedError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    print(table.text(rows))
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}, {time.monotonic() - began:.0f} s")
    return 1 if any(isinstance(row, table.Failure) for row in rows) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("name", nargs="?", choices=BENCHMARKS, help="run only this benchmark")
    parser.add_argument(
        "--seconds",
        type=_positive,
        help="length of one round of imports (default 3); the other benchmarks scale with it",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="one short round of each benchmark, in under a minute; the figures are rough",
    )
    parser.add_argument(
        "--rows",
        type=int,
        default=100_000,
        help="number of invoices in the long list, and of one owner's books (default 100000)",
    )
    return parser


def _positive(text: str) -> float:
    if not 0.1 <= float(text) <= 600:
        raise argparse.ArgumentTypeError("must be between 0.1 and 600")
    return float(text)


def _raise_file_limit() -> None:
    """Each of the thousands of stream readers needs a socket. The server raises its own limit in the same way."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())

"""The command line, and the order in which the server starts."""

import argparse
import asyncio
import errno
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import asyncpg

from core import log_files, logs, product, program, settings, traces
from core.data import migrations
from core.duties import Duty
from core.embedded.home import HomeError
from core.embedded.installation import Installation
from core.embedded.unprivileged import EmbeddedError
from core.jobs import commands as jobs
from core.metrics import Metrics
from core.metrics_folder import MetricsFolder, metrics_folder
from core.operate import doctor
from core.operate.archive import ArchiveError
from core.operate.backup import BackupError
from core.operate.env_file import EnvFileError
from core.operate.postgres_tools import ToolsError
from core.operate.rotation import RotationError
from core.problem import Problem
from core.run import worker, workers
from core.run.process import Process, listener, serve
from handlers import account_commands, operator_commands
from handlers.accounts import commands as accounts
from handlers.api import areas, description
from handlers.api.command_database import CommandRefused
from handlers.api.page import all_pages
from handlers.command_line import DEMO_IMPORT_KEY, Command, Commands, Refused, check_tracing, installed, within
from handlers.sales import commands as sales
from handlers.settings import Settings

# What main() writes as one line.
REFUSALS = (
    Refused,
    CommandRefused,
    HomeError,
    EmbeddedError,
    migrations.MigrationError,
    ArchiveError,
    BackupError,
    ToolsError,
    EnvFileError,
    RotationError,
)


def command_serve(args: argparse.Namespace) -> int:
    check_port(args.host, args.port)
    with installed(args) as here:
        config = here.config
        files = open_log_files(config)
        logs.configure(debug=config.debug, as_json=config.log_format == "json", beside=[files] if files else [])
        migrate(config)
        if args.demo:
            create_demo(config)

        async def trim_logs(app: object) -> None:
            here.trim_logs()

        async def revive(app: object) -> None:
            await asyncio.to_thread(here.revive)

        makes_traces = check_tracing()

        def process(runs_jobs: bool, metrics: Metrics | None = None) -> Process:
            duties = [*areas.duties(), Duty(600, trim_logs)]
            # Of several workers none is the parent of the embedded services, so none could see that they have ended.
            if args.workers == 1:
                duties.append(Duty(1, revive))
            ours = areas.jobs() if runs_jobs else None
            return Process(
                config,
                areas.router(),
                areas.refusals(),
                duties,
                areas.listeners(),
                ours,
                areas.schedules(),
                readings=areas.readings(),
                metrics=metrics,
                tracing=traces.Tracing() if makes_traces else None,
            )

        if args.workers == 1:
            with log_files.background(files):
                return serve(lambda: process(not args.no_jobs), bind(args), None, lambda: greet(args, here))

        with workers_metrics(args.workers) as folder:

            def work(number: int, parent: int) -> int:
                with log_files.background(files):
                    # One of them is enough: jobs mostly wait, and each runner costs memory and a connection. server.py worker adds more.
                    runs_jobs = number == 1 and not args.no_jobs
                    return serve(
                        lambda: process(runs_jobs, Metrics(folder.path, number)),
                        bind(args),
                        parent,
                        lambda: greet(args, here) if number == 1 else None,
                    )

            # This process holds the port too, so that it stays ours even while every worker is being replaced.
            held = bind(args)
            try:
                return workers.supervise(args.workers, work, folder.forget)
            finally:
                held.close()


@contextmanager
def workers_metrics(count: int) -> Iterator[MetricsFolder]:
    """The folder in which the workers count. Raises Refused."""
    with ExitStack() as ending:
        try:
            folder = ending.enter_context(metrics_folder(count))
        except OSError as error:
            raise Refused(
                f"Can't write a folder for the metrics of the workers in {tempfile.gettempdir()}: {error.strerror}. Choose another by TMPDIR."
            ) from None
        yield folder


def command_worker(args: argparse.Namespace) -> int:
    with installed(args) as here:
        config = here.config
        files = open_log_files(config)
        logs.configure(debug=config.debug, as_json=config.log_format == "json", beside=[files] if files else [])
        outstanding = asyncio.run(migrations.outstanding(config.database_url))
        if outstanding:
            raise Refused(f"{len(outstanding)} migrations are to apply first ({program.STARTED} migrate).")
        with log_files.background(files):
            return worker.work(
                config,
                areas.jobs(),
                areas.schedules(),
                tracing=traces.Tracing() if check_tracing() else None,
                ready=lambda: print(f"{product.NAME} {product.VERSION} runs jobs", flush=True),
            )


def command_jobs(args: argparse.Namespace) -> int:
    with installed(args) as here:
        dsn = here.config.database_url
        if args.retry is None and args.remove is None:
            print("\n".join(asyncio.run(jobs.list_jobs(dsn, args.most))))
            return 0
        if args.remove is not None:
            done, ids = "removed", asyncio.run(jobs.remove_jobs(dsn, [args.remove]))
        else:
            done, ids = "queued again", asyncio.run(jobs.retry_jobs(dsn, None if args.retry == "all" else [args.retry]))
        if not ids:
            raise Refused(
                f"No such job is held, or another one that does the same waits or runs already; {program.STARTED} jobs lists them."
            )
        print("\n".join(f"{done}: {id}" for id in ids))
        return 0


def create_demo(config: Settings) -> int:
    """Create the demo's accounts and rows that do not exist; returns the number of new accounts."""
    created = asyncio.run(accounts.create_demo(config))
    for create in areas.gathered("demos"):
        asyncio.run(create(config))
    return created


def open_log_files(config: Settings) -> log_files.LogFiles | None:
    """The log files of LOG_DIR; None without it. Raises SettingsError when they can't be written."""
    if not config.log_dir:
        return None
    try:
        return log_files.LogFiles(Path(config.log_dir))
    except OSError as error:
        raise settings.SettingsError([f"LOG_DIR: {doctor.unwritable(error)}"]) from None


def check_port(host: str, port: int) -> None:
    """Raises Refused when the port is taken. Binds it without SO_REUSEPORT, which would let two servers share the port unnoticed."""
    try:
        listener(host, port, shared=False).close()
    except OSError as error:
        raise Refused(f"Can't listen on {host}:{port}: {error.strerror}. Choose another with --port.") from None


def bind(args: argparse.Namespace) -> socket.socket:
    """A socket on the address of the command line."""
    return listener(args.host, args.port, shared=args.workers > 1)


def greet(args: argparse.Namespace, here: Installation[Settings]) -> None:
    """Print the address and, for a demo, all that one needs to try it."""
    host = "127.0.0.1" if args.host in ("0.0.0.0", "::") else args.host
    address = f"http://{f'[{host}]' if ':' in host else host}:{args.port}"
    if not args.demo:
        print(f"{product.NAME} {product.VERSION} serves {address}", flush=True)
        return
    lines = [f"{product.NAME} {product.VERSION} serves {address}  (demo: data in {here.folder})", *here.notes]
    lines += [f"  sign in   {a.email} or {a.username}, password {a.password}  ({a.role})" for a in accounts.DEMO[:1]]
    lines += [f"            {a.email}, {a.username}, {a.password}  ({a.role})" for a in accounts.DEMO[1:]]
    lines += [
        f"  import    X-API-KEY: {DEMO_IMPORT_KEY}",
        f"  home      {address}/  (all pages, one sign-in)",
        f"  pages     {'  '.join(address + link.path for link in all_pages())}",
        "Import an invoice:",
        f"""  curl -s {address}/api/sales/import/invoice/ -H "X-API-KEY: {DEMO_IMPORT_KEY}" -H 'Content-Type: application/json' """
        """-d '{"invoice_no":"INV-'$(date +%s)'","invoice_date":"2025-01-18","salesman":"Ajay","customer":{"code":"CUST-889","name":"LifeCare Pharmacy"},"""
        """"items":[{"name":"Paracetamol 650mg","item_code":"PR650","quantity":20,"mrp":3.50,"shelf_location":"R-12"}]}'""",
    ]
    print("\n".join(lines), flush=True)


def migrate(config: Settings) -> None:
    for name in asyncio.run(migrations.apply(config.database_url)):
        print(f"migrated {name}", flush=True)


def command_migrate(args: argparse.Namespace) -> int:
    with installed(args) as here:
        if args.dry_run:
            names = asyncio.run(migrations.outstanding(here.config.database_url))
            print("\n".join(f"would migrate {name}" for name in names) or "nothing to migrate")
        else:
            migrate(here.config)
            print("done")
        return 0


def command_demo(args: argparse.Namespace) -> int:
    args.demo = True
    with installed(args) as here:
        migrate(here.config)
        created = create_demo(here.config)
        print(f"demo accounts: {created} created, {len(accounts.DEMO) - created} there already")
        return 0


def command_import(args: argparse.Namespace) -> int:
    key = args.key or settings.environment(program.FOLDER / ".env").get("SALES_IMPORT_API_KEY", "")
    if not key:
        print("import: give the key of the server: --key, or SALES_IMPORT_API_KEY.", file=sys.stderr)
        return sales.FAILED
    return sales.import_file(Path(args.file), sales.Options(args.url, key, args.patience, args.list_duplicates))


def command_routes(args: argparse.Namespace) -> int:
    for path, handler in sorted(areas.router().routes):
        by_access: dict[str, list[str]] = {}
        for method in handler.methods():
            by_access.setdefault(handler.access_to(method).says, []).append(method)
        for says, methods in by_access.items():
            print(f"{path:46} {', '.join(methods):28} {says}")
    return 0


def command_openapi(args: argparse.Namespace) -> int:
    composed = description.compose(areas.router().routes, args.area)
    text = json.dumps(composed, ensure_ascii=False, indent=2) + "\n"
    if args.file is None:
        sys.stdout.write(text)
    else:
        try:
            Path(args.file).write_text(text, encoding="utf-8")
        except OSError as error:
            raise Refused(f"Can't write {args.file}: {error.strerror}.") from None
        print(f"wrote {args.file}: {len(composed['paths'])} paths")
    return 0


def command_version(args: argparse.Namespace) -> int:
    print(f"{product.NAME} {product.VERSION}")
    if build := program.build():
        demo = ", with the demo's services" if build.has_demo else ""
        print(f"build {build.id} for Python {build.minor} on {build.machine}{demo}")
    return 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog=program.STARTED, description=f"{product.NAME}: {product.DESCRIPTION}.")
    commands = Commands(top)

    job_id = within(1, 2**63 - 1)

    def job_id_or_all(text: str) -> int | str:
        return text if text == "all" else job_id(text)

    command = commands.add("serve", command_serve, "migrate and serve until SIGTERM")
    command.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    command.add_argument("--port", type=within(1, 65535), default=8000, help="port to listen on (default: 8000)")
    command.add_argument(
        "--workers", type=within(1, 64), default=1, metavar="N", help="processes on that port (default: 1)"
    )
    command.add_argument("--no-jobs", action="store_true", help="run no jobs here; the command worker does")
    commands.add("worker", command_worker, "run jobs until SIGTERM, without serving")
    command = commands.add("jobs", command_jobs, "list the jobs that are held, wait or run")
    command.add_argument("--retry", type=job_id_or_all, metavar="ID|all", help="queue a held job again, or all of them")
    command.add_argument("--remove", type=job_id, metavar="ID", help="remove a held job for good")
    command.add_argument("--most", type=within(1, 100_000), default=100, metavar="N", help="lines (default: 100)")
    command = commands.add("migrate", command_migrate, "apply the migrations that are pending")
    command.add_argument("--dry-run", action="store_true", help="only say which")
    account_commands.add_to(commands)
    commands.add("demo", command_demo, "create the demo accounts; what is there stays")
    operator_commands.add_to(commands)
    command = commands.add(
        "import",
        command_import,
        "send the invoices of a file to a server; run again, it goes on where it was. Exit status: 0 all are stored or were there already, "
        "1 some were rejected, 2 it could not finish",
        installed=False,
    )
    command.add_argument("file", metavar="FILE", help="csv, xlsx, ndjson, jsonl or json")
    command.add_argument("--url", default=sales.URL, help=f"the server (default: {sales.URL})")
    command.add_argument(
        "--key", help="its SALES_IMPORT_API_KEY; others on this machine can see it; better set the variable"
    )
    command.add_argument(
        "--patience",
        type=within(0, 86400),
        default=60,
        metavar="SECONDS",
        help="how long to wait for a server that is away (default: 60)",
    )
    command.add_argument(
        "--list-duplicates", action="store_true", help="count invoices whose number is taken as rejected too"
    )
    commands.add("routes", command_routes, "list paths, methods, and who may call", installed=False)
    command = commands.add(
        "openapi", command_openapi, "write the description of the API (OpenAPI 3.1)", installed=False
    )
    command.add_argument("--area", choices=areas.names(), help="only the paths of one area")
    command.add_argument("file", nargs="?", metavar="FILE", help="where to write it (default: standard output)")
    commands.add("version", command_version, "print the version", installed=False)
    return top


def main() -> int:
    # SIGTERM raises SystemExit, so that all `with` blocks stop what they have started.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    build = program.build()
    # A file that brings the demo's services is the demo, as `./run` is.
    given = sys.argv[1:] or (["serve", "--demo"] if build and build.has_demo else [])
    return answered(parser().parse_args(given))


def answered(args: argparse.Namespace) -> int:
    """Run a command; what it refuses, and what keeps it from its work, is a line on standard error. Returns the exit status."""
    try:
        run: Command = args.run
        return run(args)
    except settings.SettingsError as error:
        print("\n".join([f"{product.NAME} can't start:", *(f"  {line}" for line in error.lines)]), file=sys.stderr)
    except REFUSALS as error:
        print(f"{product.NAME}: {error}", file=sys.stderr)
    except BrokenPipeError:
        # The reader of standard output has closed it, such as `head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        print(f"{product.NAME}: the database is not migrated yet; run: {program.STARTED} migrate", file=sys.stderr)
    except Problem as problem:
        # Of the commands' own work only what a pool says when its connection is lost.
        print(f"{product.NAME}: {problem.__cause__ or problem}", file=sys.stderr)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        # InterfaceError: the connection was lost in the middle of something.
        print(f"{product.NAME}: {told(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        pass
    return 1


def told(error: Exception) -> str:
    """What is wrong: with a file, if the error is about one, and otherwise with the connection to Postgres."""
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return f"a disk is full: {error}"
        if error.filename:
            return f"{error.filename}: {error.strerror}"
    return f"the database can't be reached: {error}"


if __name__ == "__main__":
    sys.exit(main())

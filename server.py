"""The command line, and the order in which the server starts."""

import argparse
import asyncio
import dataclasses
import getpass
import json
import os
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import asyncpg

from core import log_files, logs, product, settings, traces
from core.data import migrations
from core.duties import Duty
from core.embedded import installation
from core.embedded.home import HomeError
from core.embedded.installation import Installation
from core.embedded.unprivileged import EmbeddedError
from core.files.configured import open_storage
from core.jobs import commands as jobs
from core.live.fanout import connect
from core.mail import Mail
from core.metrics import Metrics
from core.metrics_folder import MetricsFolder, metrics_folder
from core.run import worker, workers
from core.run.process import Process, listener, serve
from handlers.accounts import commands as accounts
from handlers.accounts import menu_seed
from handlers.api import areas, description
from handlers.settings import Settings
from handlers.vendor import commands as vendor

ROOT = Path(__file__).resolve().parent
# The folder of a demo, beside this file.
HOME = f".{product.SLUG}"
DEMO_IMPORT_KEY = "demo-import-key"
# The addresses of the documented web clients during their development.
DEMO_ORIGINS = "http://localhost:3000,http://127.0.0.1:3000,http://localhost:3001,http://127.0.0.1:3001"


# The e-mail of a sales rep who is given none ends with it; nothing is ever sent there.
SALES_REP_HOST = "salesrep.local"

# Runs one command; returns the exit status.
Command = Callable[[argparse.Namespace], int]


class Refused(Exception):
    """The command can't go on; the message says why and what to do."""


def installed(args: argparse.Namespace) -> AbstractContextManager[Installation[Settings]]:
    """The settings and, for a demo, its own Postgres and Redis."""
    home = Path(args.home) if args.demo else None
    # A demo keeps its files in its own folder, even if .env names a bucket.
    demo = {"SALES_IMPORT_API_KEY": DEMO_IMPORT_KEY, "USE_S3": "false", "CLOUDFLARE_R2_ENABLED": "false"}
    unless_set = {
        "DEVELOPER_OPTIONS": "true",
        "WEBHOOK_ALLOW_PRIVATE": "true",
        "CORS_ALLOWED_ORIGINS": DEMO_ORIGINS,
        "BUSINESS_TIMEZONE": "America/Mexico_City",
        "METRICS_ALLOW": "127.0.0.0/8,::1",
    }
    return installation.installed(Settings, ROOT / ".env", home, demo, unless_set)


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


def check_tracing() -> bool:
    """Whether traces are to be made, by OpenTelemetry's settings in the environment or in .env. Raises SettingsError."""
    env = settings.environment(ROOT / ".env")
    traces.export_settings(env)
    return traces.is_configured(env)


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
            raise Refused(f"{len(outstanding)} migrations are to apply first (server.py migrate).")
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
                "No such job is held, or another one that does the same waits or runs already; server.py jobs lists them."
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
        raise settings.SettingsError([f"LOG_DIR: {_unwritable(error)}"]) from None


def _unwritable(error: OSError) -> str:
    return f"can't write {error.filename}: {error.strerror}; the account that runs the server must be able to"


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
        f"  pages     {address}/live/  {address}/pos/  {address}/books/  {address}/dashboard/  {address}/sales-rep/  {address}/api/monitoring/  "
        f"{address}/api/docs/  {address}/developer/",
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


def command_createsuperuser(args: argparse.Namespace) -> int:
    with installed(args) as here:
        try:
            email = args.email or input("E-mail: ").strip()
            password = os.environ.get("SUPERUSER_PASSWORD") or getpass.getpass("Password: ")
        except EOFError:
            raise Refused("Nobody is here to be asked; give --email and SUPERUSER_PASSWORD.") from None
        refusal = asyncio.run(accounts.create_superuser(here.config, email, args.name, password))
        if refusal:
            raise Refused(refusal)
        print(f"created {email}")
        return 0


def command_createstoreuser(args: argparse.Namespace) -> int:
    with installed(args) as here:
        password = None
        if not args.noinput:
            try:
                password = os.environ.get("STOREUSER_PASSWORD") or getpass.getpass("Password: ")
            except EOFError:
                raise Refused(
                    "Nobody is here to be asked; give STOREUSER_PASSWORD, or --noinput for none yet."
                ) from None
        refusal = asyncio.run(accounts.create_store_user(here.config, args.email, args.name, args.role, password))
        if refusal:
            raise Refused(refusal)
        print(
            f"created {args.email}" if password else f"created {args.email}, who can't sign in until given a password"
        )
        return 0


def command_createsalesrep(args: argparse.Namespace) -> int:
    with installed(args) as here:
        name, email = args.name or args.username, args.email or f"{args.username}@{SALES_REP_HOST}"
        fault = vendor.rep_fault(name, args.phone)
        if fault:
            raise Refused(fault)
        try:
            password = args.password or os.environ.get("SALESREP_PASSWORD") or getpass.getpass("Password: ")
        except EOFError:
            raise Refused("Nobody is here to be asked; give SALESREP_PASSWORD.") from None
        refusal = asyncio.run(
            accounts.create(
                here.config,
                email,
                name,
                "SALESREP",
                password,
                staff=False,
                username=args.username,
                signs_in_by_username=True,
            )
        )
        if refusal:
            raise Refused(refusal)
        asyncio.run(vendor.keep_rep(here.config, email, name, args.phone))
        print(f"created {args.username} ({email}), who signs in at /sales-rep/")
        return 0


def command_seed_menus(args: argparse.Namespace) -> int:
    with installed(args) as here:
        created, updated = asyncio.run(menu_seed.seed_menus(here.config, clear=args.clear))
        print(f"menus: {created} created, {updated} changed")
        return 0


def command_demo(args: argparse.Namespace) -> int:
    args.demo = True
    with installed(args) as here:
        migrate(here.config)
        created = create_demo(here.config)
        print(f"demo accounts: {created} created, {len(accounts.DEMO) - created} there already")
        return 0


def command_doctor(args: argparse.Namespace) -> int:
    """Print for each setting, Postgres, the migrations, Redis, the media storage, the log files, jobs and mail that it is ok, or what is wrong with it."""
    failed = 0
    try:
        with installed(args) as here:
            for f in dataclasses.fields(here.config):
                print(f"ok     {settings.described(f, getattr(here.config, f.name))}")
            for name, test in (
                ("Postgres", _check_postgres),
                ("migrations", _check_migrations),
                ("Redis", _check_redis),
                ("rate limits", _check_rate_limits),
                ("media storage", _check_storage),
                ("log files", _check_log_files),
                ("jobs", _check_jobs),
                ("mail", _check_mail),
                ("traces", _check_traces),
            ):
                try:
                    print(f"ok     {name}: {asyncio.run(test(here.config))}")
                except Exception as error:
                    # Whatever is wrong with a service, this command reports it and goes on.
                    failed = 1
                    print(f"wrong  {name}: {error or type(error).__name__}")
    except settings.SettingsError as error:
        print("\n".join([*(f"ok     {line}" for line in error.right), *(f"wrong  {line}" for line in error.lines)]))
        return 1
    return failed


async def _check_postgres(config: Settings) -> str:
    connection = await asyncpg.connect(config.database_url, timeout=5, statement_cache_size=0)
    try:
        return f"version {await migrations.postgres_version(connection)}"
    finally:
        await connection.close()


async def _check_migrations(config: Settings) -> str:
    names = await migrations.outstanding(config.database_url)
    if names:
        raise RuntimeError(f"{len(names)} to apply (server.py migrate): {', '.join(names)}")
    return "all applied"


async def _check_redis(config: Settings) -> str:
    if not config.redis_url:
        return "none configured; the processes read the event log themselves"
    client = connect(config.redis_url)
    try:
        await client.ping()
        return "answers"
    finally:
        await client.aclose()


async def _check_rate_limits(config: Settings) -> str:
    """Says where requests are counted; Redis itself has a line of its own."""
    limits = {
        "of an account": config.rate_limit_authenticated,
        "from an address": config.rate_limit_anonymous,
        "of an administrator": config.rate_limit_admin,
    }
    said = ", ".join(f"{limit} {whose}" if limit else f"any number {whose}" for whose, limit in limits.items())
    # Not at the top, where it would come before core (core/__init__.py).
    from redis.exceptions import RedisError

    try:
        shared = bool(config.redis_url) and bool(await _check_redis(config))
    except (RedisError, OSError):
        shared = False
    where = "counted once for all workers" if shared else "each worker counts for itself, because there is no Redis"
    return f"requests within an hour: {said}; {where}"


async def _check_storage(config: Settings) -> str:
    """Stores a file and removes it."""
    storage = open_storage(config)
    # A new key each time, so that two checks at the same moment don't remove each other's file.
    key = f"check/{secrets.token_hex(16)}.txt"
    try:
        await storage.put(key, b"check\n", "text/plain")
        await storage.remove(key)
        return "takes files and removes them"
    finally:
        await storage.close()


async def _check_log_files(config: Settings) -> str:
    if not config.log_dir:
        return "none configured; the log goes to standard error only"
    try:
        log_files.check(Path(config.log_dir))
    except OSError as error:
        raise RuntimeError(_unwritable(error)) from None
    return f"{config.log_dir} can be written"


async def _check_jobs(config: Settings) -> str:
    return await jobs.check(config.database_url)


async def _check_mail(config: Settings) -> str:
    mail = Mail(config)
    if not mail.is_configured:
        return "none configured (EMAIL_HOST); each mail is noted as not sent"
    return f"{await mail.check()} lets this server sign in"


async def _check_traces(config: Settings) -> str:
    """Does not ask the collector: there is nothing to ask it that leaves no trace."""
    return (
        "are sent by OpenTelemetry's settings" if check_tracing() else "none configured (OTEL_EXPORTER_OTLP_ENDPOINT)"
    )


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
    return 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="server.py", description=f"{product.NAME}: {product.DESCRIPTION}.")
    commands = top.add_subparsers(dest="command", required=True, metavar="command")

    def add(name: str, run: Command, says: str, *, installed: bool = True) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=says, description=says)
        command.set_defaults(run=run)
        if installed:
            command.add_argument(
                "--home",
                default=str(ROOT / HOME),
                help=f"where the embedded Postgres, Redis and demo secrets live (default: {HOME})",
            )
            command.add_argument(
                "--demo",
                action="store_true",
                help="bring everything: embedded Postgres and Redis, secrets, accounts",
            )
        return command

    def within(low: int, high: int) -> Callable[[str], int]:
        def read(text: str) -> int:
            if not (text.isdecimal() and low <= int(text) <= high):
                raise argparse.ArgumentTypeError(f"{text!r} is not a number from {low} to {high}")
            return int(text)

        return read

    job_id = within(1, 2**63 - 1)

    def job_id_or_all(text: str) -> int | str:
        return text if text == "all" else job_id(text)

    command = add("serve", command_serve, "migrate and serve until SIGTERM")
    command.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    command.add_argument("--port", type=within(1, 65535), default=8000, help="port to listen on (default: 8000)")
    command.add_argument(
        "--workers", type=within(1, 64), default=1, metavar="N", help="processes on that port (default: 1)"
    )
    command.add_argument("--no-jobs", action="store_true", help="run no jobs here; server.py worker does")
    add("worker", command_worker, "run jobs until SIGTERM, without serving")
    command = add("jobs", command_jobs, "list the jobs that are held, wait or run")
    command.add_argument("--retry", type=job_id_or_all, metavar="ID|all", help="queue a held job again, or all of them")
    command.add_argument("--remove", type=job_id, metavar="ID", help="remove a held job for good")
    command.add_argument("--most", type=within(1, 100_000), default=100, metavar="N", help="lines (default: 100)")
    command = add("migrate", command_migrate, "apply the migrations that are pending")
    command.add_argument("--dry-run", action="store_true", help="only say which")
    command = add(
        "createsuperuser",
        command_createsuperuser,
        "create an account with role SUPERADMIN (password: asked for, or SUPERUSER_PASSWORD)",
    )
    command.add_argument("--email")
    command.add_argument("--name", default="")
    command = add(
        "createstoreuser",
        command_createstoreuser,
        "create an account of any other role (password: asked for, or STOREUSER_PASSWORD)",
    )
    command.add_argument("--email", required=True)
    command.add_argument("--role", required=True, metavar="ROLE", help="such as OWNER, ADMIN, EMPLOYEE, PICKER, PACKER")
    command.add_argument("--name", default="")
    command.add_argument("--noinput", action="store_true", help="ask for nothing: no password yet")
    command = add(
        "createsalesrep",
        command_createsalesrep,
        "create an account that approves vendors (password: asked for, or SALESREP_PASSWORD)",
    )
    command.add_argument("username")
    command.add_argument("--email", help=f"default: USERNAME@{SALES_REP_HOST}")
    command.add_argument("--password", help="others on this machine can see it; better leave it out")
    command.add_argument("--name", default="", help="default: the username")
    command.add_argument("--phone", default="")
    command = add("seed_menus", command_seed_menus, "create the menus of the staff client that are not there")
    command.add_argument("--clear", action="store_true", help="first remove all menus, and who is shown which")
    add("demo", command_demo, "create the demo accounts; what is there stays")
    add("doctor", command_doctor, "say of each setting, Postgres, Redis and the migrations whether it is ok")
    add("routes", command_routes, "list paths, methods, and who may call", installed=False)
    command = add("openapi", command_openapi, "write the description of the API (OpenAPI 3.1)", installed=False)
    command.add_argument("--area", choices=areas.names(), help="only the paths of one area")
    command.add_argument("file", nargs="?", metavar="FILE", help="where to write it (default: standard output)")
    add("version", command_version, "print the version", installed=False)
    return top


def main() -> int:
    # SIGTERM raises SystemExit, so that all `with` blocks stop what they have started.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    args = parser().parse_args()
    try:
        run: Command = args.run
        return run(args)
    except settings.SettingsError as error:
        print("\n".join([f"{product.NAME} can't start:", *(f"  {line}" for line in error.lines)]), file=sys.stderr)
    except (Refused, HomeError, EmbeddedError, migrations.MigrationError) as error:
        print(f"{product.NAME}: {error}", file=sys.stderr)
    except BrokenPipeError:
        # The reader of standard output has closed it, such as `head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        # InterfaceError: the connection was lost in the middle of something.
        print(f"{product.NAME}: the database can't be reached: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        pass
    return 1


if __name__ == "__main__":
    sys.exit(main())

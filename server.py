"""The command line, and the order in which the server starts."""

import argparse
import asyncio
import dataclasses
import errno
import getpass
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from core import log_files, logs, product, program, secret_keys, settings, traces
from core.data import migrations
from core.duties import Duty
from core.embedded import installation
from core.embedded.home import HomeError
from core.embedded.installation import Installation
from core.embedded.unprivileged import EmbeddedError
from core.jobs import commands as jobs
from core.metrics import Metrics
from core.metrics_folder import MetricsFolder, metrics_folder
from core.operate import archive, backup, doctor, env_file, restore, rotation
from core.operate.archive import ArchiveError
from core.operate.backup import BackupError
from core.operate.env_file import EnvFileError
from core.operate.postgres_tools import ToolsError
from core.operate.rotation import RotationError
from core.problem import Problem
from core.run import worker, workers
from core.run.process import Process, listener, serve
from core.secret_keys import written
from handlers.accounts import commands as accounts
from handlers.accounts import menu_seed
from handlers.accounts import user_commands as users
from handlers.api import areas, description
from handlers.api.command_database import CommandRefused
from handlers.sales import commands as sales
from handlers.settings import Settings
from handlers.vendor import commands as vendor
from handlers.webhooks import commands as webhooks

# The folder of a demo, in the program's folder.
HOME = f".{product.SLUG}"
DEMO_IMPORT_KEY = "demo-import-key"
PAGES = (
    "/live/", "/import/", "/pos/", "/books/", "/dashboard/", "/sales-rep/", "/api/monitoring/", "/admin/", "/api/docs/", "/developer/",
)  # fmt: skip
# The addresses of the documented web clients during their development.
DEMO_ORIGINS = "http://localhost:3000,http://127.0.0.1:3000,http://localhost:3001,http://127.0.0.1:3001"


# The e-mail of a sales rep who is given none ends with it; nothing is ever sent there.
SALES_REP_HOST = "salesrep.local"

# Runs one command; returns the exit status.
Command = Callable[[argparse.Namespace], int]


class Refused(Exception):
    """The command can't go on; the message says why and what to do."""


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
    return installation.installed(Settings, program.FOLDER / ".env", home, demo, unless_set)


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
    env = settings.environment(program.FOLDER / ".env")
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
        f"  pages     {'  '.join(address + path for path in PAGES)}",
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
    """Print a line for each setting and for all that the server needs: ok, worth a look (warn), or wrong, and then what to do. 1: something is wrong."""
    try:
        with installed(args) as here:
            for f in dataclasses.fields(here.config):
                print(f"ok     {settings.described(f, getattr(here.config, f.name))}")
            more = {"rate limits": lambda: _check_rate_limits(here.config), "traces": _check_traces}
            is_demo = here.home is not None
            return asyncio.run(doctor.examine(here.config, more, said, workers=args.workers, is_demo=is_demo))
    except settings.SettingsError as error:
        print("\n".join([*(f"ok     {line}" for line in error.right), *(f"wrong  {line}" for line in error.lines)]))
        return 1


async def _check_rate_limits(config: Settings) -> str:
    """Says where requests are counted; Redis itself has a line of its own."""
    limits = {
        "of an account": config.rate_limit_authenticated,
        "from an address": config.rate_limit_anonymous,
        "of an administrator": config.rate_limit_admin,
    }
    told = ", ".join(f"{limit} {whose}" if limit else f"any number {whose}" for whose, limit in limits.items())
    shared = await doctor.is_redis_there(config)
    where = "counted once for all workers" if shared else "each worker counts for itself, because there is no Redis"
    return f"requests within an hour: {told}; {where}"


async def _check_traces() -> str:
    """Does not ask the collector: there is nothing to ask it that leaves no trace."""
    return (
        "are sent by OpenTelemetry's settings" if check_tracing() else "none configured (OTEL_EXPORTER_OTLP_ENDPOINT)"
    )


def command_import(args: argparse.Namespace) -> int:
    key = args.key or settings.environment(program.FOLDER / ".env").get("SALES_IMPORT_API_KEY", "")
    if not key:
        print("import: give the key of the server: --key, or SALES_IMPORT_API_KEY.", file=sys.stderr)
        return sales.FAILED
    return sales.import_file(Path(args.file), sales.Options(args.url, key, args.patience, args.list_duplicates))


def command_backup(args: argparse.Namespace) -> int:
    with installed(args) as here:
        asyncio.run(backup.back_up(here.config, Path(args.file), with_media=args.with_media, say=said))
        return 0


def command_restore(args: argparse.Namespace) -> int:
    """The file is verified first, so that a wrong one needs no settings, and starts no demo."""
    lines = restore.check_only(Path(args.file))
    print("\n".join(lines), flush=True)
    if args.check:
        return 0
    with installed(args) as here, archive.opened(Path(args.file)) as found:
        target = asyncio.run(restore.look_at(here.config, found))
        if target.occupied and not args.replace:
            raise Refused(
                f"{target.database} is not empty ({', '.join(target.occupied)}). Restore into an empty database, or give --replace."
            )
        if target.occupied and not args.yes:
            confirm(
                f"Everything in the database {target.database} is replaced by the backup. Type its name to go on: ",
                target.database,
            )
        for line in asyncio.run(restore.restore(here.config, found, target, say=said)):
            print(f"next: {line}")
        return 0


def confirm(question: str, wanted: str) -> None:
    """Raises Refused unless the person at the terminal types what is wanted."""
    try:
        given = input(question)
    except EOFError:
        raise Refused("Nobody is here to be asked; give --yes.") from None
    if given.strip() != wanted:
        raise Refused("Nothing was changed.")


def said(line: str) -> None:
    print(line, flush=True)


def command_rotate_secret(args: argparse.Namespace) -> int:
    with installed(args) as here:
        config, now = here.config, datetime.now(UTC)
        if args.prepare:
            keys = rotation.prepare(config)
        elif args.forget:
            keys = rotation.forget(config)
        else:
            # Their owners have not rotated yet: without the key they would be switched off.
            in_use = [key for key in rotation.overdue(config, now) if asyncio.run(webhooks.count_made_of(config, key))]
            keys = rotation.rotate(config, now, in_use)
        keep_secret(args, here, keys)
        return 0


def keep_secret(args: argparse.Namespace, here: Installation[Settings], keys: rotation.Keys) -> None:
    """Write the keys to where they were read from, or to the terminal, and say what to do then. Raises Refused, EnvFileError."""
    if args.print:
        print("\n".join(env_file.line_of(name, value) for name, value in keys.values.items()))
        where = "the settings of every process, in place of what they have"
    elif here.home is not None:
        here.home.keep({installation.SECRET: keys.secret_key, installation.FALLBACKS: written(keys.fallbacks)})
        where = str(here.home.path)
    else:
        file = Path(args.file)
        kept = env_file.values(file) if file.exists() else {}
        in_file = (kept.get("SECRET_KEY"), kept.get("SECRET_KEY_FALLBACKS", ""))
        if (
            in_file[0] != here.config.secret_key
            or secret_keys.reader(str)(in_file[1]) != here.config.secret_key_fallbacks
        ):
            raise Refused(
                f"SECRET_KEY, or SECRET_KEY_FALLBACKS, is not set in {file}, but in the environment of this command. "
                "Name the file that has them by --file, or take --print."
            )
        env_file.change(file, keys.values)
        where = str(file)
    lines = [f"the coming key is in {where}" if args.prepare else f"another SECRET_KEY is in {where}"]
    if args.prepare:
        lines.append("restart every process, one after another; when all run with it, run rotate-secret again")
    elif args.forget:
        lines.append(
            "restart every process now: everybody has to sign in again, and owners of webhooks have to rotate their secrets"
        )
    else:
        lines.append("restart every process; what the key before has signed stays valid for its life")
    if keys.dropped and not args.forget:
        lines.append(f"{keys.dropped} older keys were dropped, whose tokens have all expired")
    if keys.kept:
        lines.append(f"{keys.kept} older keys stay, because webhooks sign with them until their owners rotate")
    print("\n".join(lines), file=sys.stderr if args.print else sys.stdout)


def command_user_list(args: argparse.Namespace) -> int:
    with installed(args) as here:
        is_active = False if args.inactive else None
        lines = asyncio.run(
            users.list_accounts(here.config, role=args.role, search=args.search, is_active=is_active, most=args.most)
        )
        print("\n".join(lines))
        return 0


def command_user_show(args: argparse.Namespace) -> int:
    with installed(args) as here:
        print("\n".join(users.described(asyncio.run(users.find(here.config, args.who)))))
        return 0


def command_user_role(args: argparse.Namespace) -> int:
    with installed(args) as here:
        role, account = users.known_role(args.role), asyncio.run(users.find(here.config, args.who))
        asyncio.run(users.set_role(here.config, account["account_id"], role))
        print(f"{account['email']}: {account['role']} is now {role}")
        return 0


def command_user_activate(args: argparse.Namespace) -> int:
    return set_active(args, True)


def command_user_deactivate(args: argparse.Namespace) -> int:
    return set_active(args, False)


def set_active(args: argparse.Namespace, is_active: bool) -> int:
    with installed(args) as here:
        account = asyncio.run(users.find(here.config, args.who))
        # Of a vendor the approval goes with it, as when a sales rep decides.
        is_vendor = account["role"] == "VENDOR" and asyncio.run(
            vendor.admit(here.config, account["account_id"], is_active)
        )
        if not is_vendor:
            asyncio.run(users.set_active(here.config, account["account_id"], is_active))
        print(f"{account['email']} is {'active' if is_active else 'inactive, and its sessions have ended'}")
        return 0


def command_user_reset_password(args: argparse.Namespace) -> int:
    with installed(args) as here:
        account = asyncio.run(users.find(here.config, args.who))
        password = users.new_password(here.config, account) if args.generate else asked_password()
        asyncio.run(users.set_password(here.config, account, password))
        print(f"{account['email']} has a new password, and its sessions have ended", file=sys.stderr)
        if not account["is_active"]:
            print(
                f"the account is inactive: nobody can sign in to it before {program.STARTED} user activate",
                file=sys.stderr,
            )
        if args.generate:
            print(password)
        return 0


def asked_password() -> str:
    """USER_PASSWORD, or what is typed twice. Raises Refused."""
    given = os.environ.get("USER_PASSWORD")
    if given:
        return given
    try:
        password = getpass.getpass("New password: ")
        if getpass.getpass("Once more: ") != password:
            raise Refused("The two passwords are not the same. Nothing was changed.")
    except EOFError:
        raise Refused("Nobody is here to be asked; give USER_PASSWORD, or --generate.") from None
    return password


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
    commands = top.add_subparsers(dest="command", required=True, metavar="command")

    def add(
        name: str, run: Command, says: str, *, installed: bool = True, group: Any = None
    ) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = (group or commands).add_parser(name, help=says, description=says)
        command.set_defaults(run=run)
        if installed:
            command.add_argument(
                "--home",
                default=str(program.FOLDER / HOME),
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
    command.add_argument("--no-jobs", action="store_true", help="run no jobs here; the command worker does")
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
    command = add(
        "doctor",
        command_doctor,
        "say of each setting, and of all that the server needs, whether it is ok, or what to do",
    )
    command.add_argument(
        "--workers",
        type=within(1, 64),
        metavar="N",
        help="processes of serve on all machines, for the connections that they need",
    )
    command = add(
        "backup", command_backup, "write the database and the uploaded files to one file, while the server runs"
    )
    command.add_argument("file", metavar="FILE", help="where to write it; it gets its name when it is whole")
    command.add_argument("--with-media", action="store_true", help="also the bytes of files that are in S3 or R2")
    command = add("restore", command_restore, "put a backup into an empty database, or in the place of what is there")
    command.add_argument("file", metavar="FILE")
    command.add_argument("--check", action="store_true", help="only verify the file")
    command.add_argument("--replace", action="store_true", help="the database is not empty: replace everything in it")
    command.add_argument("--yes", action="store_true", help="don't ask before replacing")
    command = add(
        "rotate-secret", command_rotate_secret, "make another SECRET_KEY; what the one before has signed stays valid"
    )
    how = command.add_mutually_exclusive_group()
    how.add_argument(
        "--prepare", action="store_true", help="only make the coming key known: where not all processes restart at once"
    )
    how.add_argument("--forget", action="store_true", help="the key has leaked: nothing that it has signed stays valid")
    command.add_argument(
        "--file",
        default=str(program.FOLDER / ".env"),
        metavar="FILE",
        help="the file that has SECRET_KEY (default: .env)",
    )
    command.add_argument("--print", action="store_true", help="change no file, and print what is to be set")
    user = commands.add_parser("user", help="list accounts, and change a role, a state or a password")
    actions = user.add_subparsers(dest="action", required=True, metavar="action")
    command = add("list", command_user_list, "list accounts, newest first", group=actions)
    command.add_argument("--role", metavar="ROLE", help="only of this role")
    command.add_argument(
        "--search", default="", metavar="WORDS", help="only those with these words in the e-mail, name or username"
    )
    command.add_argument("--inactive", action="store_true", help="only those that are not active")
    command.add_argument("--most", type=within(1, 100_000), default=100, metavar="N", help="lines (default: 100)")
    for name, run_it, says in (
        ("show", command_user_show, "show an account"),
        ("role", command_user_role, "give an account another role"),
        ("activate", command_user_activate, "let an account sign in; a vendor is approved"),
        (
            "deactivate",
            command_user_deactivate,
            "end the sessions of an account, and let it sign in no more; a vendor is rejected",
        ),
        (
            "reset-password",
            command_user_reset_password,
            "give an account a new password, and end its sessions (asked for, or USER_PASSWORD)",
        ),
    ):
        command = add(name, run_it, says, group=actions)
        command.add_argument("who", metavar="EMAIL", help="or the username")
        if name == "role":
            command.add_argument("role", metavar="ROLE", help="such as OWNER, ADMIN, EMPLOYEE, PICKER, PACKER")
        if name == "reset-password":
            command.add_argument("--generate", action="store_true", help="make a password, and print it")
    command = add(
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
    add("routes", command_routes, "list paths, methods, and who may call", installed=False)
    command = add("openapi", command_openapi, "write the description of the API (OpenAPI 3.1)", installed=False)
    command.add_argument("--area", choices=areas.names(), help="only the paths of one area")
    command.add_argument("file", nargs="?", metavar="FILE", help="where to write it (default: standard output)")
    add("version", command_version, "print the version", installed=False)
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

"""The operator's commands: doctor, backup, restore, rotate-secret. core/operate has what they do."""

import argparse
import asyncio
import dataclasses
import sys
from datetime import UTC, datetime
from pathlib import Path

from core import program, secret_keys, settings
from core.embedded import installation
from core.embedded.installation import Installation
from core.operate import archive, backup, doctor, env_file, restore, rotation
from core.secret_keys import written
from handlers.command_line import Commands, Refused, check_tracing, installed, said, within
from handlers.settings import Settings
from handlers.webhooks import commands as webhooks


def run_doctor(args: argparse.Namespace) -> int:
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


def run_backup(args: argparse.Namespace) -> int:
    with installed(args) as here:
        asyncio.run(backup.back_up(here.config, Path(args.file), with_media=args.with_media, say=said))
        return 0


def run_restore(args: argparse.Namespace) -> int:
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


def run_rotate_secret(args: argparse.Namespace) -> int:
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


def add_to(commands: Commands) -> None:
    """Add the commands, with their options."""
    command = commands.add(
        "doctor",
        run_doctor,
        "say of each setting, and of all that the server needs, whether it is ok, or what to do",
    )
    command.add_argument(
        "--workers",
        type=within(1, 64),
        metavar="N",
        help="processes of serve on all machines, for the connections that they need",
    )
    command = commands.add(
        "backup", run_backup, "write the database and the uploaded files to one file, while the server runs"
    )
    command.add_argument("file", metavar="FILE", help="where to write it; it gets its name when it is whole")
    command.add_argument("--with-media", action="store_true", help="also the bytes of files that are in S3 or R2")
    command = commands.add(
        "restore", run_restore, "put a backup into an empty database, or in the place of what is there"
    )
    command.add_argument("file", metavar="FILE")
    command.add_argument("--check", action="store_true", help="only verify the file")
    command.add_argument("--replace", action="store_true", help="the database is not empty: replace everything in it")
    command.add_argument("--yes", action="store_true", help="don't ask before replacing")
    command = commands.add(
        "rotate-secret", run_rotate_secret, "make another SECRET_KEY; what the one before has signed stays valid"
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

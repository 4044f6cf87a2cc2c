"""The checks of server.py doctor: what they look at, and in which order they are reported. Each is a line of its own."""

import platform
import resource
import secrets
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
from redis.exceptions import RedisError, ResponseError

from core import log_files, product, program
from core.data import migrations
from core.files.configured import open_storage
from core.jobs import commands as jobs
from core.live.fanout import connect
from core.mail import Mail
from core.operate import disk, finding, rotation
from core.operate.doctor_postgres import NOT_MIGRATED, PostgresChecks, judged_clock
from core.operate.finding import Check, Warn, WrongError
from core.problem import Problem
from core.settings import CoreSettings

# Each stream and each request takes an open file.
FEW_FILES = 4096


async def examine(
    config: CoreSettings, more: Mapping[str, Check], say: Callable[[str], None], *, workers: int | None, is_demo: bool
) -> int:
    """Say a line for each check; returns 1 if something is wrong. workers: processes of the server on all machines; None: not known. is_demo:
    Postgres and Redis are its own. more: checks of the application."""
    postgres = PostgresChecks(config, is_demo=is_demo)
    try:
        return await finding.run({**_checks(config, postgres, workers), **more}, say)
    finally:
        await postgres.close()


def _checks(config: CoreSettings, postgres: PostgresChecks, workers: int | None) -> dict[str, Check]:
    def of(check: Callable[[CoreSettings], Awaitable[str]]) -> Check:
        return lambda: check(config)

    return {
        "versions": _versions,
        "secret keys": of(_secret_keys),
        "Postgres": postgres.version,
        "migrations": of(_migrations),
        "role": postgres.role,
        "extensions": postgres.extensions,
        "text": postgres.text,
        "durability": postgres.durability,
        "connections": lambda: postgres.connections(workers),
        "clock": postgres.clock,
        "backups": postgres.tools,
        "events": postgres.events,
        "readers": postgres.readers,
        "Redis": of(_redis),
        "Redis clock": of(_redis_clock),
        "media storage": of(_storage),
        "log files": of(_log_files),
        **{f"disk of {what}": _disk(folder) for what, folder in _folders(config).items()},
        "disk of Postgres": postgres.disk,
        "open files": _open_files,
        "jobs": of(_jobs),
        "mail": of(_mail),
    }


async def _versions() -> str:
    return f"{product.NAME} {product.VERSION}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"


async def _secret_keys(config: CoreSettings) -> str:
    n, past = len(config.secret_key_fallbacks), len(rotation.overdue(config, datetime.now(UTC)))
    if rotation.coming(config) is not None:
        return Warn(f"a coming key is known here; when every process has it, run {program.STARTED} rotate-secret")
    if past:
        return Warn(
            f"{past} of {n} older keys are past their time; the next {program.STARTED} rotate-secret drops them"
        )
    return f"SECRET_KEY, and {n} older keys whose signatures are valid" if n else "SECRET_KEY alone"


async def _migrations(config: CoreSettings) -> str:
    names = await migrations.outstanding(config.database_url)
    if names:
        raise WrongError(f"{len(names)} to apply ({program.STARTED} migrate): {', '.join(names)}")
    return "all applied"


async def _redis(config: CoreSettings) -> str:
    if not config.redis_url:
        return "none configured; the processes read the event log themselves"
    client = connect(config.redis_url)
    try:
        await client.ping()
        try:
            server, memory = await client.info("server"), await client.info("memory")
        except ResponseError as error:
            return Warn(f"answers, but does not tell its version and its policy: {error}")
        name = "Valkey" if "valkey_version" in server else "Redis"
        version = server.get("valkey_version") or server.get("redis_version")
        return f"answers, {name} {version}; {_judged_policy(memory)}"
    finally:
        await client.aclose()


def _judged_policy(memory: dict[str, Any]) -> str:
    policy, most = memory.get("maxmemory_policy", "noeviction"), int(memory.get("maxmemory", 0))
    if not most:
        return "no limit of memory"
    if policy.startswith("allkeys"):
        raise WrongError(
            f"its maxmemory-policy is {policy}, so it drops counts of failed sign-ins when it is full; set noeviction or volatile-ttl"
        )
    return f"{policy} above {most // disk.MEGABYTE} MB"


async def _redis_clock(config: CoreSettings) -> str:
    if not config.redis_url:
        return "none configured"
    client = connect(config.redis_url)
    try:
        before = time.time()
        seconds, microseconds = await client.time()
        return judged_clock("Redis", seconds + microseconds / 1e6, before, time.time())
    finally:
        await client.aclose()


async def is_redis_there(config: CoreSettings) -> bool:
    """Whether a Redis is configured, and answers."""
    try:
        return bool(config.redis_url) and bool(await _redis(config))
    except WrongError:
        return True
    except (RedisError, OSError):
        return False


async def _storage(config: CoreSettings) -> str:
    """Stores a file and removes it."""
    storage = open_storage(config)
    # A new key each time, so that two checks at the same moment don't remove each other's file.
    key = f"check/{secrets.token_hex(16)}.txt"
    try:
        await storage.put(key, b"check\n", "text/plain")
        await storage.remove(key)
        return "takes files and removes them"
    except Problem as problem:
        # The Problem is for clients of the API; its cause says what to do.
        cause = problem.__cause__
        if isinstance(cause, OSError) and cause.filename:
            raise WrongError(unwritable(cause)) from None
        raise WrongError(str(cause or problem)) from None
    finally:
        await storage.close()


async def _log_files(config: CoreSettings) -> str:
    if not config.log_dir:
        return "none configured; the log goes to standard error only"
    try:
        log_files.check(Path(config.log_dir))
    except OSError as error:
        raise WrongError(unwritable(error)) from None
    return f"{config.log_dir} can be written"


def unwritable(error: OSError) -> str:
    """What to do about a folder that can't be written."""
    return f"can't write {error.filename}: {error.strerror}; the account that runs the server must be able to"


def _folders(config: CoreSettings) -> dict[str, Path]:
    is_local = not (config.use_s3 or config.r2_enabled)
    named = {
        "media": Path(config.media_root) if is_local else None,
        "logs": Path(config.log_dir) if config.log_dir else None,
        "temporary files": Path(tempfile.gettempdir()),
    }
    return {what: folder for what, folder in named.items() if folder is not None}


def _disk(folder: Path) -> Check:
    async def check() -> str:
        return disk.judged(folder)

    return check


async def _open_files() -> str:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most == resource.RLIM_INFINITY:
        return "any number for each process"
    if most < FEW_FILES:
        return Warn(
            f"{most} for each process, and each stream and request takes one: raise LimitNOFILE (systemd) or ulimit -n"
        )
    return f"{most:,} for each process"


async def _jobs(config: CoreSettings) -> str:
    try:
        says, held = await jobs.check(config.database_url)
    except asyncpg.UndefinedTableError:
        raise WrongError(NOT_MIGRATED) from None
    return Warn(f"{says}: see why, and then {program.STARTED} jobs --retry all") if held else says


async def _mail(config: CoreSettings) -> str:
    mail = Mail(config)
    if not mail.is_configured:
        return "none configured (EMAIL_HOST); each mail is noted as not sent"
    return f"{await mail.check()} lets this server sign in"

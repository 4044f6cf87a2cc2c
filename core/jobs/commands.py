"""Jobs on the command line: server.py jobs, and what server.py doctor says of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from core import program
from core.data.database import STATEMENT_SECONDS, Transaction
from core.data.sql import Runner
from core.jobs.job import query
from core.logs import printable

CONNECT_SECONDS = 5
# A worker that was not seen for so long counts as gone. Jobs that are due for so long should have begun.
GONE_SECONDS = 60.0
STATUS_WORDS = {"failed": "held", "queued": "waits", "picked": "runs"}
# Characters of a job's payload and error that the list shows.
MOST_SHOWN = 200


@asynccontextmanager
async def _connection(dsn: str) -> AsyncIterator[Runner]:
    connection: Any = await asyncpg.connect(dsn, timeout=CONNECT_SECONDS, statement_cache_size=0)
    try:
        yield Transaction(connection, STATEMENT_SECONDS)
    finally:
        await connection.close()


async def list_jobs(dsn: str, most: int) -> list[str]:
    """Lines that tell of each job that is held, waits or runs, at most `most` of them."""
    async with _connection(dsn) as db:
        rows = await query.list_jobs(db, most=most)
    lines = []
    for row in rows:
        status, moment = STATUS_WORDS[row["status"]], f"{row['execute_after']:%Y-%m-%d %H:%M:%S}Z"
        lines.append(
            f"{row['id']:>8}  {status:5}  {row['name']:24}  {moment}  {printable(row['payload'][:MOST_SHOWN])}"
        )
        if row["error"]:
            lines.append(f"{'':8}  attempt {row['attempt']}: {printable(row['error'][:MOST_SHOWN])}")
    return lines or ["no job is held, waits or runs"]


async def retry_jobs(dsn: str, ids: list[int] | None) -> list[int]:
    """Queue these held jobs again, None: all; returns the ids of those that were held."""
    async with _connection(dsn) as db:
        return [row["id"] for row in await query.retry_jobs(db, ids=ids)]


async def remove_jobs(dsn: str, ids: list[int]) -> list[int]:
    """Remove these held jobs for good; returns the ids of those that were held."""
    async with _connection(dsn) as db:
        return [row["id"] for row in await query.remove_jobs(db, ids=ids)]


async def check(dsn: str) -> tuple[str, int]:
    """How many jobs there are, and how many processes run them; and the number of held ones. Raises RuntimeError: nobody runs some that are due."""
    async with _connection(dsn) as db:
        found = await query.count_jobs(db, seconds=GONE_SECONDS)
    says = f"{found['waiting']} wait, {found['running']} run, {found['held']} are held ({program.STARTED} jobs)"
    if found["stranded"]:
        raise RuntimeError(
            f"{says}; no process runs {found['stranded']} that are due: start {program.STARTED} worker, or serve without --no-jobs"
        )
    return f"{says}; {found['workers']} processes run them", found["held"]

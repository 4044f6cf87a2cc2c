"""The Postgres and the Redis of a test run, and the folder that they live in."""

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from core.data import migrations
from core.embedded.home import HomeError, open_home
from core.embedded.postgres import EmbeddedPostgres
from core.embedded.redis import EmbeddedRedis
from tests.support.deadlines import DEADLINE

# The migrated database that the databases of the test modules are copied from.
TEMPLATE = "template_of_tests"
# How the name of a run's folder begins.
FOLDER = "tradepost-tests-"


# Why a test that needs a Redis is skipped.
NO_REDIS = "no Redis or Valkey on this machine: apt-get install redis-server"


@dataclass
class Services:
    """A running Postgres and, where this machine has one, a running Redis."""

    postgres: EmbeddedPostgres
    redis: EmbeddedRedis | None

    def dsn(self, database: str) -> str:
        return self.postgres.dsn.replace("@/tradepost", f"@/{database}")

    def run(self, *statements: str) -> None:
        """Run statements that can't be in a transaction, such as CREATE DATABASE."""

        async def run() -> None:
            connection = await asyncpg.connect(self.postgres.dsn, timeout=DEADLINE)
            try:
                for statement in statements:
                    await connection.execute(statement)
            finally:
                await connection.close()

        run_apart(run())


def run_apart(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in a thread's own event loop: asyncio.run would take the test's current one away."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


async def migrate(dsn: str) -> None:
    await migrations.apply(dsn)


def sweep(temporary: Path, age: float = 60) -> None:
    """End the processes of killed test runs and remove their folders below `temporary`.

    A run that goes on holds the lock of its home. A run that has just begun may not hold it yet, so folders younger than `age`
    seconds stay.
    """
    for folder in temporary.glob(f"{FOLDER}*"):
        try:
            found = folder.lstat()
            if found.st_uid != os.geteuid() or time.time() - found.st_mtime < age:
                continue
            home = open_home(folder / "home")
        # Another run's sweep was quicker, or the run goes on.
        except (FileNotFoundError, HomeError):
            continue
        _end_processes(folder)
        shutil.rmtree(folder, ignore_errors=True)
        home.close()


def _end_processes(folder: Path) -> None:
    """End each process that has a path below the folder in its command line, or as its working directory."""
    below, spared = f"{folder}/", {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = {}
    for process in psutil.process_iter(["cmdline", "cwd", "ppid"]):
        words = [*(process.info["cmdline"] or ()), f"{process.info['cwd']}/"]
        if process.pid not in spared and any(below in word for word in words):
            found[process.pid] = process
    for process in found.values():
        # Postgres ends its own children.
        if process.info["ppid"] not in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
    for process in psutil.wait_procs(found.values(), 5)[1]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()

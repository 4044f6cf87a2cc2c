"""Fixtures of the tests of monitoring."""

import itertools
import uuid
from typing import Any

import pytest

from handlers.monitoring import watch
from tests.support.owners import open_books, owner

__all__ = ["open_books", "owner"]

_numbers = itertools.count(1)


def task(**fields):
    """The body of an execution with an id of its own."""
    return {"task_id": f"task-{next(_numbers)}", "task_name": "nightly.import", **fields}


class Worker:
    """A process that runs jobs, as the database sees it: each step is one that core/jobs takes."""

    def __init__(self, db: Any, app: Any) -> None:
        self._db, self._app = db, app
        self.id = uuid.uuid4()

    async def seen(self, seconds: int = 0) -> None:
        """It has given a sign of life so long ago."""
        await self._db.execute(
            """INSERT INTO jobs.worker (id, name, kind, jobs, running, seen_at)
               VALUES ($1, 'host-of-tests:1', 'worker', '{}', 0, now() - make_interval(secs => $2))
               ON CONFLICT (id) DO UPDATE SET seen_at = EXCLUDED.seen_at""",
            self.id,
            seconds,
        )

    async def enqueue(self, name: str = "books.mail", payload: str = "{}") -> int:
        return await self._db.fetchval("SELECT core.enqueue_job($1, $2::jsonb)", name, payload)

    async def begin(self, job: int) -> int:
        await self._db.execute(
            "UPDATE jobs.pgqueuer SET status = 'picked', queue_manager_id = $2 WHERE id = $1", job, self.id
        )
        return await self._db.fetchval("SELECT run FROM core.begin_job($1, $2, 'host-of-tests:1', 3)", job, self.id)

    async def finish(self, job: int, run: int, result: str | None = None) -> None:
        assert await self._db.fetchval("SELECT core.finish_job($1, $2, $3, $4::jsonb)", job, self.id, run, result)

    async def fail(self, job: int, run: int, error: str, *, is_last: bool = False) -> None:
        assert await self._db.fetchval(
            "SELECT core.fail_job($1, $2, $3, $4, NULL, CASE WHEN $5 THEN NULL ELSE interval '0' END)",
            job,
            self.id,
            run,
            error,
            is_last,
        )

    async def copy(self) -> None:
        """What the duty does every two seconds; it may be doing so just now."""
        while await self._db.fetchval("SELECT EXISTS (SELECT FROM monitoring.changed_job)"):
            await watch.copy_runs(self._app)


@pytest.fixture
def worker(db, app):
    return Worker(db, app)


@pytest.fixture
def no_alerts(io_loop, db):
    """No alert of an earlier test is left."""
    io_loop.run_sync(lambda: db.execute("DELETE FROM monitoring.alert"))

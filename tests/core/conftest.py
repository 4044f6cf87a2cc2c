"""What the tests of jobs share."""

import pytest

from core.data.database import Database


@pytest.fixture
def pool(io_loop, settings):
    database = Database(settings.database_url, size=10, statement_cache=100)
    yield database
    io_loop.run_sync(database.close)


@pytest.fixture
def clean_jobs(io_loop, db):
    """An empty queue, and a table for what jobs do."""
    io_loop.run_sync(
        lambda: db.execute(
            "TRUNCATE jobs.pgqueuer, jobs.pgqueuer_log, jobs.run, jobs.tick, jobs.worker;"
            "CREATE TABLE IF NOT EXISTS public.effect (what text, job bigint)"
        )
    )
    io_loop.run_sync(lambda: db.execute("TRUNCATE public.effect"))

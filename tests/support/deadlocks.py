"""The fixture `deadlocks`, for tests of the order of locks."""

import asyncpg
import pytest


@pytest.fixture
def deadlocks(app, monkeypatch):
    """The deadlocks in which a statement of this server was cancelled. It is begun anew, so that no client sees them."""
    found = []
    attempt = app.db.attempt

    async def watched(once):
        async def noted(connection):
            try:
                return await once(connection)
            except asyncpg.DeadlockDetectedError as error:
                found.append(error)
                raise

        return await attempt(noted)

    monkeypatch.setattr(app.db, "attempt", watched)
    return found

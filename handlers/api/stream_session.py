"""Streams and WebSockets end with the session of their reader. A handler names the session as the `lease` of its stream
(core/live/streams.py) or socket (core/http/sockets.py)."""

import asyncio
import contextlib
import json
from collections.abc import Mapping

from core.duties import Duty
from core.http.application import Application
from core.lease import Lease
from core.problem import Problem
from handlers.api.caller import list_ended

ENDED_SECONDS = 3  # between two looks for streams whose session has ended


async def end_with_sessions(app: Application) -> None:
    """Close the streams and sockets whose session was revoked or has expired, or whose account was closed."""
    await _end(app, {lease.id for lease in leases(app)})


def leases(app: Application) -> set[Lease]:
    """The sessions, with their accounts, that have streams or sockets in this process."""
    return app.streams.leases() | app.sockets.leases()


async def _end(app: Application, sessions: set[int]) -> None:
    if sessions:
        ended = await list_ended(app, sessions)
        app.streams.end(ended)
        app.sockets.end(ended)


class _Changes:
    """Looks at once after the sessions that have changed."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._changed: set[int] = set()
        self._looking: asyncio.Task[None] | None = None

    def note(self, sessions: set[int]) -> None:
        """Look after some sessions."""
        self._changed |= sessions
        if self._changed and (self._looking is None or self._looking.done()):
            self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        while self._changed:
            changed, self._changed = self._changed, set()
            # Problem: the database is away. The duty looks again.
            with contextlib.suppress(Problem):
                await _end(self._app, changed)


def end_with_change(app: Application, payload: bytes | None) -> None:
    """Close the streams and sockets of a session that was revoked, or of an account that was closed, as soon as it is known. The event also
    comes with other changes, such as a renewal."""
    changed = json.loads(payload) if payload is not None else {}
    app.kept(_Changes).note({lease.id for lease in leases(app) if _may_have_ended(lease, changed)})


def _may_have_ended(lease: Lease, changed: Mapping[str, int]) -> bool:
    """Whether a session is the one, or of the account, that an event names; one that names nothing is about all."""
    if "session_id" in changed:
        return lease.id == changed["session_id"]
    return changed.get("account_id") in (None, lease.holder)


duties = [Duty(ENDED_SECONDS, end_with_sessions)]
listeners = {"accounts.changed": end_with_change}

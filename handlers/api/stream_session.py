"""Streams end with the session of their reader. A handler names the session as the `lease` of its stream (core/live/streams.py)."""

import json

from core.duties import Duty
from core.http.application import Application
from handlers.api.caller import list_ended

ENDED_SECONDS = 3  # between two looks for streams whose session has ended


async def end_with_sessions(app: Application) -> None:
    """Close the streams whose session was revoked or has expired, or whose account was closed."""
    sessions = app.streams.leases()
    if sessions:
        app.streams.end(await list_ended(app, sessions))


def end_with_session(app: Application, payload: bytes | None) -> None:
    """Close at once the streams of a session that was revoked."""
    session_id = json.loads(payload).get("session_id") if payload is not None else None
    if session_id in app.streams.leases():
        app.streams.end({session_id})


duties = [Duty(ENDED_SECONDS, end_with_sessions)]
listeners = {"accounts.changed": end_with_session}

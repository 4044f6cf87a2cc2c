"""The account behind a token, remembered for as long as it is certain to be what the database would say.

An account's or session's change is an event of the log (topic accounts.changed), written with it. A caller is remembered until
such an event, and believed only while the log is known to within 90 ms: a revocation is felt everywhere in less than 100 ms,
whichever process or program made it, with Redis or without.
"""

import json
import math
import time
from dataclasses import dataclass
from typing import Any

from core.data import sql

KNOWN_SECONDS = 0.09
REMEMBERED_SECONDS = 60  # then it is read again, whatever happened
MOST_REMEMBERED = 20_000  # sessions

query = sql.load("accounts/session")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls."""

    account_id: int
    public_id: str
    session_id: int
    email: str
    name: str
    role: str
    is_active: bool
    is_staff: bool
    is_superuser: bool
    is_revoked: bool
    expires_at: int  # epoch seconds


class Callers:
    """What this process knows of the callers it has seen."""

    def __init__(self) -> None:
        self._by_session: dict[int, tuple[Caller, float]] = {}  # with the moment until which it is remembered (epoch)
        self._changes = 0
        self._changed_here = -math.inf  # when this process last changed an account or session (monotonic)

    async def find(self, app: Any, session_id: int) -> Caller | None:
        """The caller of a session that has not ended; None when it has, or never was. An inactive account's is found too."""
        now = time.time()
        if app.events.is_known(KNOWN_SECONDS, self._changed_here):
            caller, until = self._by_session.get(session_id, (None, 0.0))
            if caller is not None and now < until and now < caller.expires_at:
                return caller
        changes = self._changes
        row = await query.get_caller(app.db, session_id=session_id)
        if row is None:
            return None
        caller = Caller(**dict(row))
        if caller.is_active and caller.is_revoked:
            return None
        if (
            caller.is_active and changes == self._changes
        ):  # else what was read may be older than an event heard meanwhile
            if len(self._by_session) >= MOST_REMEMBERED:
                self._by_session.clear()
            self._by_session[session_id] = (caller, now + REMEMBERED_SECONDS)
        return caller

    def changed_here(self) -> None:
        """This process has just changed some account or session: nobody is believed until the log has told which."""
        self._changed_here = time.monotonic()

    def hear(self, payload: bytes | None) -> None:
        """Forget the account or session that changed; all of them when that can't be told."""
        self._changes += 1
        changed = json.loads(payload) if payload is not None else {}
        if "session_id" in changed:
            self._by_session.pop(changed["session_id"], None)
        else:
            account_id = changed.get("account_id")
            self._by_session = {
                session_id: known
                for session_id, known in self._by_session.items()
                if account_id is not None and known[0].account_id != account_id
            }


def callers(app: Any) -> Callers:
    """Those of this process."""
    if "callers" not in app.shared:
        app.shared["callers"] = Callers()
    return app.shared["callers"]


def is_session_id(value: Any) -> bool:
    """Whether a token's `sid` can be asked for: a bigint, which True (an int to Python) is not."""
    return type(value) is int and 0 < value < 2**63


async def find_caller(app: Any, session_id: Any) -> Caller | None:
    """The caller of a session; None when it was ended, has expired, or never was."""
    return await callers(app).find(app, session_id) if is_session_id(session_id) else None


class ChangesCallers:
    """For handlers whose writes may change accounts or sessions: in this process the very next request feels it."""

    application: Any

    def committed(self) -> None:
        callers(self.application).changed_here()
        super().committed()  # type: ignore[misc]


listeners = {"accounts.changed": lambda app, payload: callers(app).hear(payload)}

"""The account behind a token, remembered for as long as it is certain to be what the database would return.

Each change of an account or session is written together with an event of the log (topic accounts.changed). A caller is remembered
until such an event, and used only while this process knows the log up to 90 ms ago. So a revocation takes effect in every process
in less than 100 ms, whichever process or program made it, with Redis or without.
"""

import json
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from core.data import sql
from core.http.application import Application
from core.http.handler import Handler
from core.lease import Lease
from core.metrics import CACHE_ASKED, CACHE_FOUND, CACHE_KEYS, Reading

# How old this process's knowledge of the log may be: less than the 100 ms that are promised.
KNOWN_SECONDS = 0.09
# After that a caller is read again, whatever the log says.
REMEMBERED_SECONDS = 60
# Callers, one for each session: some 10 MB.
MOST_REMEMBERED = 20_000

query = sql.load("api/caller")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: an account, by one of its sessions. expires_at: of the session, epoch seconds."""

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
    expires_at: int

    @property
    def lease(self) -> Lease:
        """What the caller's streams and sockets depend on."""
        return Lease(self.session_id, self.account_id)


class Callers:
    """The callers that this process remembers. `application.kept(Callers)` is the process's own."""

    def __init__(self, app: Application) -> None:
        self._app = app
        # By session: the caller, and until when it is remembered (epoch).
        self._by_session: dict[int, tuple[Caller, float]] = {}
        self._changes = 0
        # Since the process began: how often a caller was looked for, and found here.
        self.asked = self.found = 0
        # When this process last changed an account or session (monotonic).
        self._changed_here = -math.inf

    def __len__(self) -> int:
        return len(self._by_session)

    async def find(self, session_id: int) -> Caller | None:
        """The caller of a session; None when the session was revoked, has expired, or never existed. Of an inactive account the caller
        is found all the same. Raises Problem 503."""
        now = time.time()
        self.asked += 1
        if self._app.events.is_known(KNOWN_SECONDS, self._changed_here):
            caller, until = self._by_session.get(session_id, (None, 0.0))
            if caller is not None and now < until and now < caller.expires_at:
                self.found += 1
                return caller
        changes = self._changes
        row = await query.get_caller(self._app.db, session_id=session_id)
        caller = Caller(**dict(row)) if row is not None else None
        if caller is None or (caller.is_active and caller.is_revoked):
            # A request that finds the memory certain again must not be admitted after this one was refused.
            self._by_session.pop(session_id, None)
            return None
        # If a change arrived during the query, the row may be older than the change, and is not remembered.
        if caller.is_active and changes == self._changes:
            if len(self._by_session) >= MOST_REMEMBERED:
                self._by_session.clear()
            self._by_session[session_id] = (caller, now + REMEMBERED_SECONDS)
        return caller

    def changed_here(self) -> None:
        """This process has just changed some account or session: no memory is used until the log is known past this moment."""
        self._changed_here = time.monotonic()

    def apply(self, payload: bytes | None) -> None:
        """Forget the session or account that an event of accounts.changed names; all callers when it names none, or without event."""
        changed = json.loads(payload) if payload is not None else {}
        if "session_id" in changed:
            self.forget_session(changed["session_id"])
            return
        self._changes += 1
        account_id = changed.get("account_id")
        self._by_session = {
            session_id: known
            for session_id, known in self._by_session.items()
            if account_id is not None and known[0].account_id != account_id
        }

    def forget_session(self, session_id: int) -> None:
        """Read the caller of this session again at its next request."""
        self._changes += 1
        self._by_session.pop(session_id, None)


def is_session_id(value: Any) -> bool:
    """Whether the `sid` of a token can be looked up: a positive bigint. True is an int to Python, but no id."""
    return type(value) is int and 0 < value < 2**63


async def find_caller(app: Application, session_id: Any) -> Caller | None:
    """The caller of the session that a token names; None when it was revoked, has expired, or never existed."""
    return await app.kept(Callers).find(session_id) if is_session_id(session_id) else None


async def has_account(db: sql.Runner, account_id: Any) -> bool:
    """Whether the account of a token still exists. account_id: the claim `user_id`, the account's number as text."""
    is_id = isinstance(account_id, str) and account_id.isdecimal() and len(account_id) <= 18
    return is_id and bool(await query.has_account(db, account_id=int(account_id)))


async def list_ended(app: Application, session_ids: set[int]) -> set[int]:
    """Those of the sessions that no longer admit anybody: revoked, expired, deleted, or of an inactive account. Raises Problem 503."""
    rows = await query.list_ended(app.db, session_ids=list(session_ids))
    return {row["session_id"] for row in rows}


class ChangesCallers(Handler):
    """A base for handlers whose methods may change accounts or sessions: the next request to this process already sees the change."""

    def committed(self) -> None:
        self.application.kept(Callers).changed_here()
        super().committed()


def _apply(app: Application, payload: bytes | None) -> None:
    app.kept(Callers).apply(payload)


def _read(app: Application) -> Iterable[Reading]:
    callers = app.kept(Callers)
    yield Reading(CACHE_KEYS, len(callers), ("callers",))
    yield Reading(CACHE_ASKED, callers.asked, ("callers", "get"))
    yield Reading(CACHE_FOUND, callers.found, ("callers",))


readings = [_read]
listeners = {"accounts.changed": _apply}

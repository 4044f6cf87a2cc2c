"""Tokens: `Authorization: Token <40 hexadecimal digits>`. docs/api/vendor.md#tokens.

An account has one token, and each of its sign-ins gives the same one. It is computed from the id of a session and SECRET_KEY; the
database has its SHA-256 only. The session ends it (handlers/api/caller.py).
"""

import hashlib
import hmac
import re
from collections.abc import Sequence

from core.data import sql
from core.http.application import Application
from handlers.api.caller import Caller, find_caller

# Sessions that a process remembers by their tokens: some 3 MB.
MOST_REMEMBERED = 20_000

_TOKEN = re.compile("[0-9a-f]{40}")

query = sql.load("vendor/vendor")


class Sessions:
    """By digest: the session of a token. A digest is for ever that of one session, so nothing is ever out of date."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._known: dict[bytes, int] = {}

    async def find(self, token: str) -> int | None:
        """The session of a token, perhaps one that has ended; None: there is no such token. Raises Problem 503."""
        if not _TOKEN.fullmatch(token):
            return None
        digest = digest_of(token)
        known = self._known.get(digest)
        if known is None:
            known = await query.get_session_of_token(self._app.db, digest=digest)
            if known is not None:
                if len(self._known) >= MOST_REMEMBERED:
                    self._known.clear()
                self._known[digest] = known
        return known


def token_of(session_id: int, digest: bytes | None, secret_keys: Sequence[str]) -> str:
    """The token of a session: the one of that digest, of whichever key it was made, or else a new one of the first key."""
    made = [
        hmac.digest(key.encode(), f"vendor token {session_id}".encode(), "sha256").hex()[:40] for key in secret_keys
    ]
    return next((token for token in made if digest_of(token) == digest), made[0])


def digest_of(token: str) -> bytes:
    """What the database keeps of a token."""
    return hashlib.sha256(token.encode()).digest()


async def caller_of(app: Application, token: str) -> Caller | None:
    """Who calls with this token; None: nobody does, or the account is inactive."""
    session_id = await app.kept(Sessions).find(token)
    caller = await find_caller(app, session_id)
    return caller if caller is not None and caller.is_active else None

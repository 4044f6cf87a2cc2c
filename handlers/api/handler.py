"""The bases of all API handlers: who calls, and in whose dialect they are answered."""

import json
import re
from typing import Any

from core.access import public
from core.data import sql
from core.http.handler import Handler
from core.http.throttle import source
from core.problem import Problem, forbidden, not_found
from core.tokens import TokenError
from handlers.api.caller import Caller, find_caller
from handlers.api.caller import query as session_query
from handlers.api.dialects import OperationsDialect, PosDialect

_MEDIA = re.compile(r'"avatar" ?: ?"media:([^"]+)"')
_TOLD = {"invalid": "Token is invalid", "expired": "Token is expired", "wrong type": "Token has wrong type"}


def bad_token(reason: str) -> Problem:
    """401 for an access token that isn't one. An invalid token is refused even where none is needed."""
    messages = [{"token_class": "AccessToken", "token_type": "access", "message": _TOLD[reason]}]
    return Problem(
        401, "bad-token", "Given token not valid for any token type",
        headers={"WWW-Authenticate": 'Bearer realm="api"'}, extra={"code": "token_not_valid", "messages": messages},
    )  # fmt: skip


def inactive() -> Problem:
    """401 for an account that was closed."""
    challenge = {"WWW-Authenticate": 'Bearer realm="api"'}
    return Problem(401, "inactive", "User is inactive", extra={"code": "user_inactive"}, headers=challenge)


class ApiHandler(Handler):
    """Knows its caller from `Authorization: Bearer <access token>`; None when there is no such header."""

    caller: Caller | None = None

    @property
    def actor(self) -> str:
        """Who does this, for the audit (operations.note): JSON."""
        known = {"account_id": self.caller.account_id, "email": self.caller.email} if self.caller else {}
        return json.dumps({**known, "address": self.remote_address, "request_id": self.request_id})

    @property
    def asker(self) -> dict[str, Any]:
        """For core.passwords: who asks for its work, and whether they are still there."""
        stream = self.request.connection.stream  # type: ignore[union-attr]
        return {"source": source(self.remote_address), "wanted": lambda: not stream.closed()}

    async def confirm(self, db: sql.Runner) -> None:
        """That the caller still is who they were when the request came, which may have waited long since: for bcrypt, for a file.
        Asked within the transaction that writes, after the rows it changes were locked. Raises Problem: 401, 403."""
        row = await session_query.get_caller(db, session_id=self.caller.session_id)
        if row is None or (row["is_active"] and row["is_revoked"]):
            raise bad_token("invalid")
        if not row["is_active"]:
            raise inactive()
        if (row["role"], row["is_staff"]) != (self.caller.role, self.caller.is_staff):
            raise forbidden()

    async def linked(self, text: str) -> str:
        """JSON as Postgres composed it, with a link for each file it names (`"avatar" : "media:KEY"`). Nobody can write such a
        member by what they call themselves: inside a JSON string the quotes would be escaped."""
        links = {key: await self.application.storage.link(self.origin, key) for key in set(_MEDIA.findall(text))}
        return _MEDIA.sub(lambda found: f'"avatar" : {json.dumps(links[found[1]])}', text) if links else text

    @property
    def bearer(self) -> str | None:
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None

    async def authenticate(self) -> None:
        """Set self.caller. Raises Problem 401: token not valid, its session ended, its account inactive or gone."""
        token = self.bearer
        if token is None:
            return
        try:
            claims = self.application.tokens.read("access", token)
        except TokenError as error:
            raise bad_token(error.reason) from None
        caller = await find_caller(self.application, claims.get("sid"))
        if caller is None:
            raise bad_token("invalid")
        if not caller.is_active:
            raise inactive()
        self.caller = caller


class PosHandler(ApiHandler):
    dialect = PosDialect()


class OperationsHandler(Handler):
    dialect = OperationsDialect()


class NotFound(OperationsHandler):
    """A path that no route has: 404 for every method."""

    access = public

    async def get(self) -> None:
        raise not_found()

    post = put = patch = delete = get

"""The bases of all API handlers: they know who calls, and the dialect in which they answer."""

import json
from collections.abc import Callable
from typing import Any, ClassVar, TypedDict

import tornado.httputil

from core.access import public
from core.data import sql
from core.dialect import Dialect
from core.http import idempotency
from core.http.handler import Handler
from core.http.throttle import source
from core.problem import Problem, forbidden, not_found
from core.tokens import TokenError
from handlers.api.caller import Caller, find_caller, has_account, query
from handlers.api.dialects import OperationsDialect, PosDialect

# What SQL writes before the key of an uploaded file, in the member `avatar`; ApiHandler.linked puts the link there.
MEDIA = "media:"
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="api"'}
_TOKEN_MESSAGES = {
    "invalid": "Token is invalid",
    "expired": "Token is expired",
    "wrong type": "Token has wrong type",
}


class Requester(TypedDict):
    """The keyword arguments of core.passwords that say who asks, and whether they still wait."""

    source: str
    wanted: Callable[[], bool]


def bad_token(reason: str) -> Problem:
    """401 for a wrong access token, also where none is needed. reason: that of core.tokens.TokenError."""
    messages = [{"token_class": "AccessToken", "token_type": "access", "message": _TOKEN_MESSAGES[reason]}]
    return Problem(
        401,
        "bad-token",
        "Given token not valid for any token type",
        headers=_CHALLENGE,
        extra={"code": "token_not_valid", "messages": messages},
    )


def inactive() -> Problem:
    """401: the account was deactivated."""
    return Problem(401, "inactive", "User is inactive", extra={"code": "user_inactive"}, headers=_CHALLENGE)


def gone() -> Problem:
    """401: the account of the token was deleted."""
    return Problem(401, "no-user", "User not found", extra={"code": "user_not_found"}, headers=_CHALLENGE)


async def ended(db: sql.Runner, account_id: Any) -> Problem:
    """401 for a token of ours without a session: its account was deleted, or the session has ended. account_id: the token's user_id."""
    return bad_token("invalid") if await has_account(db, account_id) else gone()


def bearer_of(request: tornado.httputil.HTTPServerRequest) -> str | None:
    """The token of a request's Authorization header; None without the header, or with another scheme."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


class ApiHandler(Handler):
    """Knows its caller from `Authorization: Bearer <access token>`; None without such a header."""

    schemes = ("bearer",)
    # 503: the database is away.
    refuses = (400, 503)
    caller: Caller | None = None

    @property
    def user(self) -> str:
        return (self.caller.email or f"account-{self.caller.account_id}") if self.caller else ""

    @property
    def actor(self) -> str:
        """Who does this, for the audit (operations.note): JSON."""
        known = {"account_id": self.caller.account_id, "email": self.caller.email} if self.caller else {}
        return json.dumps({**known, "address": self.remote_address, "request_id": self.request_id})

    @property
    def requester(self) -> Requester:
        """For core.passwords: who asks for its work, and whether their connection is still open."""
        stream = self.request.connection.stream  # type: ignore[union-attr]
        return {"source": source(self.remote_address), "wanted": lambda: not stream.closed()}

    async def confirm(self, db: sql.Runner) -> None:
        """Check that the caller still has the session, role and flags that they had when the request came: it may have waited long
        since, for bcrypt or for a file. Call it within the transaction that writes, after locking the rows that it changes.

        Raises Problem: 401, 403.
        """
        caller = self.caller
        assert caller is not None, "the handler's access must admit only those who are signed in"
        row = await query.get_caller(db, session_id=caller.session_id)
        if row is None or (row["is_active"] and row["is_revoked"]):
            raise await ended(db, str(caller.account_id))
        if not row["is_active"]:
            raise inactive()
        if (row["role"], row["is_staff"]) != (caller.role, caller.is_staff):
            raise forbidden()

    async def once(
        self, work: idempotency.Work, *, is_one_statement: bool = False, shown: idempotency.Shown | None = None
    ) -> None:
        """Do the work and answer with what it returns, once for each Idempotency-Key of the caller's account
        (core/http/idempotency.py)."""
        await idempotency.once(self, self._key_owner, work, is_one_statement=is_one_statement, shown=shown)

    async def answered(self, shown: idempotency.Shown | None = None) -> bool:
        """Whether the request repeats one that was done, which is then answered as that was (core/http/idempotency.py)."""
        return await idempotency.answered(self, self._key_owner, shown=shown)

    @property
    def _key_owner(self) -> str:
        assert self.caller is not None, "the handler's access must admit only those who are signed in"
        return f"account:{self.caller.account_id}"

    async def linked(self, text: str) -> str:
        """The same JSON with a link in place of the key in each member `"avatar": "media:KEY"`.

        Only for documents without amounts, whose digits Python would not preserve.
        """
        if f'"{MEDIA}' not in text:
            return text
        pictured: list[dict[str, Any]] = []

        def collect(members: dict[str, Any]) -> dict[str, Any]:
            if str(members.get("avatar")).startswith(MEDIA):
                pictured.append(members)
            return members

        document = json.loads(text, object_hook=collect)
        for members in pictured:
            key = members["avatar"].removeprefix(MEDIA)
            members["avatar"] = await self.application.storage.link(self.origin, key)
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"))

    @property
    def bearer(self) -> str | None:
        """The token of the Authorization header; None without the header, or with another scheme."""
        return bearer_of(self.request)

    async def authenticate(self) -> None:
        """Set self.caller. Raises Problem 401: the token is not valid, its session has ended, its account is inactive or deleted."""
        token = self.bearer
        if token is None:
            return
        try:
            claims = self.application.tokens.read("access", token)
        except TokenError as error:
            raise bad_token(error.reason) from None
        caller = await find_caller(self.application, claims.get("sid"))
        if caller is None:
            raise await ended(self.db, claims.get("user_id"))
        if not caller.is_active:
            raise inactive()
        self.caller = caller


class PosHandler(ApiHandler):
    """The base of handlers of the shop's API."""

    dialect = PosDialect()


class OperationsHandler(Handler):
    """The base of handlers that need no caller."""

    dialect: ClassVar[Dialect] = OperationsDialect()


class NotFound(OperationsHandler):
    """404 for every method: the fallback for paths that no route has."""

    access = public
    is_described = False

    async def get(self) -> None:
        raise not_found(self.missing)

    post = put = patch = delete = get

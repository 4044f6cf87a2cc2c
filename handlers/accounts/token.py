"""Tokens of the books API: obtain, verify, blacklist; and signing out. docs/api/accounts.md#tokens."""

from core.access import Access
from core.data import sql
from core.http import schema
from core.http.declare import answers, body, takes
from core.problem import Problem, not_signed_in
from core.tokens import TokenError
from handlers.accounts.books_profile import short_user
from handlers.accounts.sign_in import GivesTokens, bad_refresh, is_strict, refresh_claims
from handlers.api.caller import ChangesCallers, find_caller
from handlers.api.dialects import BooksDialect, StaffDialect
from handlers.api.handler import ApiHandler, bad_token

LOGOUT = schema.load("accounts/token_logout")

query = sql.load("accounts/session")


# A POST may have a refresh token in its body, which is read after this check; the other methods are refused with 405.
def _signed_in_or_post(handler: ApiHandler) -> None:
    if handler.caller is None and handler.request.method != "POST":
        raise not_signed_in()


signed_in_or_refresh_token = Access(
    "signed in, or with a refresh token in the body", _signed_in_or_post, is_open=True, refuses=(401,)
)


class Obtain(GivesTokens):
    dialect = BooksDialect()

    @answers(200, "accounts/token_obtained")
    @body("accounts/token_obtain")
    async def post(self) -> None:
        """Sign in, which opens a session. 200; 400 wrong fields; 401 a wrong password, or no such account; 429 too many failed sign-ins."""
        session = await self.check_sign_in(self.body.get("username") or self.body["email"], self.body["password"])
        self.reply({**self.sign_tokens(session), "user": short_user(session)})


class Verify(GivesTokens):
    dialect = BooksDialect()

    @answers(200, "accounts/nothing")
    @body("accounts/token_verify")
    async def post(self) -> None:
        """Tell whether an access or refresh token would be accepted now. 200 it would; 400 wrong fields; 401 it would not."""
        try:
            claims = self.application.tokens.read(("access", "refresh"), self.body["token"])
        except TokenError:
            raise bad_refresh("Token is invalid") from None
        caller = await find_caller(self.application, claims.get("sid"))
        if caller is None or not caller.is_active:
            raise bad_refresh("Token is invalid")
        if claims["token_type"] == "refresh" and is_strict(self.config):
            session = await query.get_refreshable(self.db, session_id=caller.session_id)
            if session is None or session["refreshes"] != claims.get("gen", 0):
                raise bad_refresh("Token is invalid")
        self.reply({})


class Blacklist(ChangesCallers, GivesTokens):
    dialect = BooksDialect()

    @answers(200, "accounts/nothing")
    @body("accounts/refresh")
    async def post(self) -> None:
        """End the session of a refresh token. 200; 400 wrong fields; 401 the refresh token is not good, or its session has ended."""
        claims = refresh_claims(self.application, self.body["refresh"])
        ended = await query.end_sessions(
            self.db,
            session_ids=[claims["sid"]],
            account_id=None,
            action="session.revoke",
            address=self.remote_address,
            request_id=self.request_id,
        )
        if not ended:
            raise bad_refresh("Token is blacklisted")
        self.reply({})


class SignOut(ChangesCallers, ApiHandler):
    dialect = StaffDialect()
    access = signed_in_or_refresh_token

    @answers(200, "accounts/done")
    @takes(LOGOUT, is_optional=True)
    async def post(self) -> None:
        """Sign out. This ends the caller's session, and that of the refresh token in the body if there is one: both, or none. 200; 400 a
        bad refresh token, or that of another account; 401 no token at all."""
        if self.request.body:
            await self.read_body(LOGOUT)
        own = self.caller.session_id if self.caller else None
        sent = self._sent_session_id()
        session_ids = {session_id for session_id in (own, sent) if session_id is not None}
        if not session_ids:
            raise not_signed_in()
        found = await query.end_sessions(
            self.db,
            session_ids=sorted(session_ids),
            account_id=self.caller.account_id if self.caller else None,
            action="account.sign-out",
            address=self.remote_address,
            request_id=self.request_id,
        )
        open_before = {row["session_id"] for row in found}
        if own is not None and own not in open_before:
            # Another request ended the session after this one was authenticated.
            raise bad_token("invalid")
        if sent is not None and sent not in open_before:
            raise bad_logout()
        self.reply({"message": "Successfully logged out", "success": True, "status_code": 200})

    def _sent_session_id(self) -> int | None:
        """The session of the refresh token in the body; None without one. Raises Problem 400."""
        token = (self.body or {}).get("refresh")
        if token is None:
            return None
        try:
            session_id: int = refresh_claims(self.application, token)["sid"]
        except Problem:
            raise bad_logout() from None
        return session_id


def bad_logout() -> Problem:
    """400: the refresh token to sign out with is not good."""
    return Problem(400, "bad-token", "Invalid token")


groups = ("Books: tokens",)
routes = [
    ("/api/auth/token/", Obtain),
    ("/api/auth/token/verify/", Verify),
    ("/api/auth/token/blacklist/", Blacklist),
    ("/api/auth/logout/", SignOut),
]

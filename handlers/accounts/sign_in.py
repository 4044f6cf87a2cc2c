"""Sign-in and renewal of tokens: one endpoint and one answer for the staff API and the shop API. docs/api/accounts.md#sign-in."""

import json
import time
from typing import Any, ClassVar

import asyncpg

from core.access import public
from core.data import sql
from core.http.application import Application
from core.http.declare import answers, body
from core.problem import Problem
from core.tokens import TokenError
from handlers.api.caller import Callers, is_session_id
from handlers.api.dialects import StaffDialect
from handlers.api.sign_in import ChecksPassword
from handlers.settings import Settings

# How long the refresh token before the newest one is accepted, under strict rotation: enough for two tabs and for a lost answer.
REFRESH_GRACE_SECONDS = 30.0
# Each 401 has a challenge (RFC 9110, 15.5.2).
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="api"'}
NO_ACCOUNT = "No active account found with the given credentials"

query = sql.load("accounts/session")


class GivesTokens(ChecksPassword):
    """The base of handlers that open a session or renew its tokens."""

    access = public

    async def check_sign_in(self, login: str, password: str) -> asyncpg.Record:
        """Check the password and open a session: a row of open_session. Raises Problem: 401; 429 with Retry-After."""
        found = await self.check_password(login, password)
        return await self.open_session(found["id"], found["password_hash"])

    async def open_session(self, account_id: int, password_hash: str) -> asyncpg.Record:
        """Open a session for an account whose password was checked. Raises Problem 401: the account or its password has changed since."""
        session = await query.open_session(
            self.db,
            account_id=account_id,
            password_hash=password_hash,
            user_agent=self.header("User-Agent")[:255],
            address=self.remote_address,
            days=self.config.refresh_token_days,
            request_id=self.request_id,
        )
        if session is None:
            raise self.bad_sign_in()
        return session

    def bad_sign_in(self) -> Problem:
        """401: one answer for a wrong password, an unknown account and an inactive one."""
        return Problem(401, "wrong-sign-in", NO_ACCOUNT, headers=CHALLENGE)

    def sign_tokens(self, session: asyncpg.Record) -> dict[str, str]:
        """{refresh, access}: both tokens of a session. No token outlives its session."""
        end = session["expires_at"]
        account_id = str(session["account_id"])
        claims = {
            "user_id": account_id,
            "tenant_id": account_id,
            "sid": session["session_id"],
            **{name: session[name] for name in ("email", "username", "role", "company_name")},
        }
        tokens = self.application.tokens
        access_end = min(time.time() + self.config.access_token_hours * 3600, end)
        refresh = tokens.sign("refresh", end, {**claims, "gen": session["refreshes"]})
        return {"refresh": refresh, "access": tokens.sign("access", access_end, claims)}


class SignIn(GivesTokens):
    dialect = StaffDialect()
    groups = ("Staff: sign-in and tokens", "Shop: sign-in")

    @answers(200, "accounts/signed_in")
    @body("accounts/sign_in")
    async def post(self) -> None:
        """Sign in, which opens a session. One answer serves the clients of both documents. 200; 400 wrong fields; 401 a wrong password, or no
        such account; 429 too many failed sign-ins."""
        session = await self.check_sign_in(self.body.get("email") or self.body["username"], self.body["password"])
        tokens = self.sign_tokens(session)
        user, menus = json.loads(await self.linked(session["account"])), json.loads(session["menus"])
        self.reply(
            {
                "success": True,
                "status_code": 200,
                "message": "Login successful",
                "data": {**tokens, "user": user, "menus": menus},
                **tokens,
                "username": session["username"],
                "role": session["role"],
                "user_id": session["account_id"],
            }
        )

    def bad_sign_in(self) -> Problem:
        return Problem(401, "wrong-sign-in", "Invalid email or password", headers=CHALLENGE)


class StaffRefresh(GivesTokens):
    """Answers both tokens, as the staff and books documents show it. docs/api/accounts.md#tokens.

    The first refresh token stays good as long as its session, because real clients go on with it. With REFRESH_TOKEN_ROTATION=strict
    each one is good for one renewal.
    """

    dialect = StaffDialect()
    groups: ClassVar[tuple[str, ...]] = ("Staff: sign-in and tokens", "Books: tokens")

    @answers(200, "accounts/tokens")
    @body("accounts/refresh")
    async def post(self) -> None:
        """Renew both tokens of a session by its refresh token. 200; 400 wrong fields; 401 the refresh token is not good."""
        self.reply(self.sign_tokens(await self.find_session(renews=True)))

    async def find_session(self, *, renews: bool) -> asyncpg.Record:
        """The session of the refresh token in the body. renews: the answer holds a new refresh token. Raises Problem 401."""
        claims = refresh_claims(self.application, self.body["refresh"])
        session = await query.get_refreshable(self.db, session_id=claims["sid"])
        if session is None:
            raise bad_refresh("Token is invalid")
        if not session["is_active"]:
            raise Problem(401, "inactive", "No active account found for the given token.", headers=CHALLENGE)
        return await self._use_refresh(claims, renews) if is_strict(self.config) else session

    async def _use_refresh(self, claims: dict[str, Any], renews: bool) -> asyncpg.Record:
        session = await query.use_refresh(
            self.db,
            session_id=claims["sid"],
            generation=claims["gen"],
            renews=renews,
            grace=REFRESH_GRACE_SECONDS,
            address=self.remote_address,
            request_id=self.request_id,
        )
        if session is None:
            raise bad_refresh("Token is invalid")
        if session["is_reused"]:
            # The session ends although the request is refused, so the process must learn of the change here.
            self.application.kept(Callers).forget_session(claims["sid"])
            self.committed()
            raise bad_refresh("Token is blacklisted")
        return session


class ShopRefresh(StaffRefresh):
    """Answers the access token alone, as the shop document shows it, so the refresh token has to stay good."""

    groups = ("Shop: sign-in",)

    @answers(200, "accounts/access_token")
    @body("accounts/refresh")
    async def post(self) -> None:
        """Renew the access token of a session by its refresh token. 200; 400 wrong fields; 401 the refresh token is not good."""
        self.reply({"access": self.sign_tokens(await self.find_session(renews=False))["access"]})


def is_strict(config: Settings) -> bool:
    """Whether a refresh token is good for one renewal only."""
    return config.refresh_token_rotation == "strict"


def refresh_claims(app: Application, token: str) -> dict[str, Any]:
    """The claims of a refresh token, among them sid and gen. Raises Problem 401: the token is not ours, or has expired."""
    try:
        claims = app.tokens.read("refresh", token)
    except TokenError as error:
        messages = {"expired": "Token is expired", "wrong type": "Token has wrong type"}
        raise bad_refresh(messages.get(error.reason, "Token is invalid")) from None
    generation = claims.setdefault("gen", 0)
    if not is_session_id(claims.get("sid")) or type(generation) is not int or not 0 <= generation < 2**31:
        raise bad_refresh("Token is invalid")
    return claims


def bad_refresh(message: str) -> Problem:
    """401 token_not_valid, for a refresh token."""
    return Problem(401, "bad-token", message, headers=CHALLENGE, extra={"code": "token_not_valid"})


routes = [
    ("/api/auth/login/", SignIn),
    ("/api/auth/token/refresh/", StaffRefresh),
    ("/api/auth/refresh/", ShopRefresh),
]

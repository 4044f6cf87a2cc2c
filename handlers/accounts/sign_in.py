"""Sign-in and refresh, as seeds 001 and 003 both document them: one endpoint, one answer that satisfies both."""

import json
import time
from typing import Any

from core.access import public
from core.data import sql
from core.http.handler import body
from core.http.throttle import Throttle, source, throttle, too_many
from core.problem import Problem
from core.tokens import TokenError
from handlers.api.caller import Callers, is_session_id
from handlers.api.dialects import StaffDialect
from handlers.api.handler import ApiHandler

FAILURES, WINDOW = 10, 300  # sign-ins that may fail for one account from one address, within so many seconds
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="api"'}  # with each 401 (RFC 9110, 15.5.2)
NO_ACCOUNT = "No active account found with the given credentials"

query = sql.load("accounts/session")


class GivesTokens(ApiHandler):
    """The base of what opens a session or renews its tokens."""

    access = public
    forms = True
    authenticates = False  # a client that still sends an old token must be able to get a new one

    async def signed_in(self, login: str, password: str) -> Any:
        """The session opened for who these are (a row of open_session). Raises Problem: 401; 429 with Retry-After.

        Nobody learns which accounts there are: whether it is unknown, inactive or the password is wrong, the same is counted,
        the same work done, the same answered.
        """
        failures, address = throttle(self.application, "sign-in", FAILURES, WINDOW), source(self.remote_address)
        found = await query.find_sign_in(self.db, login=login.strip())
        # By the name as it is given, so that being told to wait doesn't tell which accounts there are; and by account, so that
        # e-mail and username don't give a guesser two counts: past that one even the right password is a wrong one.
        by_name, by_account = f"={found['name']} {address}", f"#{found['id']} {address}"
        await self._not_throttled(failures, by_name)
        stored = found["password_hash"] if found["is_active"] and not await failures.wait(by_account) else None
        if not await self.application.passwords.matches(password, stored, **self.requester):
            count = await failures.fail(by_name)
            if found["id"] is not None:
                await failures.fail(by_account)
            if count == failures.limit:
                await query.note_refused_sign_ins(
                    self.db,
                    login=login,
                    account_id=found["id"],
                    address=self.remote_address,
                    request_id=self.request_id,
                )
            if count > failures.limit:
                await self._not_throttled(failures, by_name)
            raise self.wrong()
        # Tries that run at once must not learn more than one after the other: a right one is told nothing either.
        await self._not_throttled(failures, by_name)
        session = await self.opened(found["id"], stored)
        await failures.clear(by_name)
        await failures.clear(by_account)
        return session

    async def _not_throttled(self, failures: Throttle, key: str) -> None:
        seconds = await failures.wait(key)
        if seconds:
            raise too_many("failed sign-ins", seconds)

    async def opened(self, account_id: int, password_hash: str) -> Any:
        """A new session of an account whose password was checked. Raises Problem 401 when it has been closed meanwhile."""
        session = await query.open_session(
            self.db, account_id=account_id, password_hash=password_hash,
            user_agent=self.request.headers.get("User-Agent", "")[:255].replace("\0", ""),
            address=self.remote_address, days=self.config.refresh_token_days, request_id=self.request_id,
        )  # fmt: skip
        if session is None:
            raise self.wrong()
        return session

    def wrong(self) -> Problem:
        """One answer for a wrong password, an unknown and an inactive account."""
        return Problem(401, "wrong-sign-in", NO_ACCOUNT, headers=CHALLENGE)

    def sign(self, session: Any) -> dict[str, str]:
        """Both tokens of a session. No token outlives it."""
        end = session["expires_at"]
        account_id = str(session["account_id"])
        claims = {
            "user_id": account_id, "tenant_id": account_id, "sid": session["session_id"], "email": session["email"],
            "username": session["username"], "role": session["role"], "company_name": session["company_name"],
        }  # fmt: skip
        tokens = self.application.tokens
        access_end = min(time.time() + self.config.access_token_hours * 3600, end)
        refresh = tokens.sign("refresh", end, {**claims, "gen": session["refreshes"]})
        return {"refresh": refresh, "access": tokens.sign("access", access_end, claims)}


class SignIn(GivesTokens):
    dialect = StaffDialect()

    @body("accounts/sign_in")
    async def post(self) -> None:
        """Open a session. 200 with both tokens; 400 fields; 401; 429 with Retry-After. Seeds 001 and 003."""
        session = await self.signed_in(self.body.get("email") or self.body["username"], self.body["password"])
        tokens = self.sign(session)
        user, menus = json.loads(await self.linked(session["account"])), json.loads(session["menus"])
        self.reply({
            "success": True, "status_code": 200, "message": "Login successful",
            "data": {"refresh": tokens["refresh"], "access": tokens["access"], "user": user, "menus": menus},
            "refresh": tokens["refresh"], "access": tokens["access"],
            "username": session["username"], "role": session["role"], "user_id": session["account_id"],
        })  # fmt: skip

    def wrong(self) -> Problem:
        return Problem(
            401, "wrong-sign-in", "Invalid email or password", headers=CHALLENGE, extra={"detail": NO_ACCOUNT}
        )


class StaffRefresh(GivesTokens):
    """Seeds 001 and 004: answers both tokens. The first refresh token stays good as long as its session, for real clients go on
    using it; with REFRESH_TOKEN_ROTATION=strict each is good for one renewal."""

    dialect = StaffDialect()

    @body("accounts/refresh")
    async def post(self) -> None:
        """200 {access, refresh}; 400; 401."""
        self.reply(self.sign(await self.session(renews=True)))

    async def session(self, *, renews: bool) -> Any:
        """The session of the refresh token in the body. Raises Problem 401."""
        claims = refresh_claims(self.application, self.body["refresh"])
        session = await query.get_refreshable(self.db, session_id=claims["sid"])
        if session is None:
            raise bad_refresh("Token is invalid")
        if not session["is_active"]:
            raise Problem(401, "inactive", "No active account found for the given token.", headers=CHALLENGE)
        return await self._used(claims, renews) if is_strict(self.config) else session

    async def _used(self, claims: dict[str, Any], renews: bool) -> Any:
        session = await query.use_refresh(
            self.db, session_id=claims["sid"], generation=claims["gen"], renews=renews,
            address=self.remote_address, request_id=self.request_id,
        )  # fmt: skip
        if session is None:
            raise bad_refresh("Token is invalid")
        if session["is_reused"]:
            self.application.kept(Callers).forget_session(claims["sid"])
            self.committed()
            raise bad_refresh("Token is blacklisted")
        return session


class ShopRefresh(StaffRefresh):
    """Seed 003: answers the access token alone, so the refresh token has to stay good."""

    @body("accounts/refresh")
    async def post(self) -> None:
        """200 {access}; 400; 401."""
        self.reply({"access": self.sign(await self.session(renews=False))["access"]})


def is_strict(config: Any) -> bool:
    return config.refresh_token_rotation == "strict"


def refresh_claims(app: Any, token: str) -> dict[str, Any]:
    """What a refresh token says, with sid and gen. Raises Problem 401 when it isn't one of ours, or has expired."""
    try:
        claims = app.tokens.read("refresh", token)
    except TokenError as error:
        told = {"expired": "Token is expired", "wrong type": "Token has wrong type"}.get(
            error.reason, "Token is invalid"
        )
        raise bad_refresh(told) from None
    generation = claims.setdefault("gen", 0)
    if not is_session_id(claims.get("sid")) or type(generation) is not int or not 0 <= generation < 2**31:
        raise bad_refresh("Token is invalid")
    return claims


def bad_refresh(told: str) -> Problem:
    return Problem(401, "bad-token", told, headers=CHALLENGE, extra={"code": "token_not_valid"})


routes = [
    ("/api/auth/login/", SignIn),
    ("/api/auth/token/refresh/", StaffRefresh),
    ("/api/auth/refresh/", ShopRefresh),
]

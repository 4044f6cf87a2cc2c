"""Sign-in and refresh, as seeds 001 and 003 both document them: one endpoint, one answer that satisfies both."""

import json
import time
from typing import Any

from core import sql
from core.access import public
from core.handler import body
from core.problem import Problem
from core.throttle import Throttle
from core.tokens import TokenError
from handlers.accounts import AccountsDialect
from handlers.accounts.caller import is_session_id
from handlers.api import ApiHandler

FAILURES, WINDOW = 10, 300  # sign-ins that may fail for one account from one address, within so many seconds

query = sql.load("accounts/session")


class SignIn(ApiHandler):
    dialect = AccountsDialect()
    access = public
    authenticates = False  # a client that still sends an old token must be able to get a new one

    @body("accounts/sign_in")
    async def post(self) -> None:
        """Open a session. 200 with both tokens; 400 fields; 401; 429 with Retry-After. Seeds 001 and 003."""
        login = self.body.get("email") or self.body["username"]
        throttle = self._throttle()
        account = await query.find_sign_in(self.db, login=login.strip())
        # By account, so that e-mail and username don't give a guesser two counts; an unknown name is counted likewise.
        key = f"{account['id'] if account else login.strip().lower()} {self.remote_address}"
        await self._not_throttled(throttle, key)
        stored = account["password_hash"] if account and account["is_active"] else None
        if not await self.application.passwords.matches(self.body["password"], stored):
            if await throttle.fail(key) > throttle.limit:
                await self._not_throttled(throttle, key)
            raise refused()
        # Tries that run at once must not learn more than one after the other: a right one is told nothing either.
        await self._not_throttled(throttle, key)
        session = await query.open_session(
            self.db, account_id=account["id"], user_agent=self.request.headers.get("User-Agent", "")[:255].replace("\0", ""),
            address=self.remote_address, days=self.config.refresh_token_days,
        )  # fmt: skip
        if session is None:
            raise refused()
        await throttle.clear(key)
        tokens = self.sign(session)
        self.reply({
            "success": True, "status_code": 200, "message": "Login successful",
            "data": {"refresh": tokens["refresh"], "access": tokens["access"], "user": json.loads(session["account"]), "menus": []},
            "refresh": tokens["refresh"], "access": tokens["access"],
            "username": session["username"], "role": session["role"], "user_id": session["account_id"],
        })  # fmt: skip

    def sign(self, session: Any) -> dict[str, str]:
        """Both tokens of a session. No token outlives it."""
        end = session["expires_at"]
        claims = {
            "user_id": str(session["account_id"]), "sid": session["session_id"],
            "email": session["email"], "username": session["username"], "role": session["role"],
        }  # fmt: skip
        tokens = self.application.tokens
        access_end = min(time.time() + self.config.access_token_hours * 3600, end)
        return {"refresh": tokens.sign("refresh", end, claims), "access": tokens.sign("access", access_end, claims)}

    def _throttle(self) -> Throttle:
        shared = self.application.shared
        if "sign-in" not in shared:
            shared["sign-in"] = Throttle(
                self.application.redis, f"{self.config.redis_prefix}sign-in:", FAILURES, WINDOW
            )
        return shared["sign-in"]

    async def _not_throttled(self, throttle: Throttle, key: str) -> None:
        seconds = await throttle.wait(key)
        if seconds:
            raise Problem(
                429,
                "throttled",
                f"Too many failed sign-ins. Try again in {seconds} seconds.",
                headers={"Retry-After": str(seconds)},
            )


class StaffRefresh(SignIn):
    """Seed 001: answers both tokens. The first refresh token stays good as long as its session; real clients go on using it."""

    @body("accounts/refresh")
    async def post(self) -> None:
        """200 {access, refresh}; 400; 401."""
        self.reply(await self.renewed())

    async def renewed(self) -> dict[str, str]:
        try:
            claims = self.application.tokens.read("refresh", self.body["refresh"])
        except TokenError as error:
            raise bad_refresh(
                {"expired": "Token is expired", "wrong type": "Token has wrong type"}.get(
                    error.reason, "Token is invalid"
                )
            ) from None
        sid = claims.get("sid")
        session = await query.get_refreshable(self.db, session_id=sid) if is_session_id(sid) else None
        if session is None:
            raise bad_refresh("Token is invalid")
        if not session["is_active"]:
            raise Problem(401, "inactive", "No active account found for the given token.")
        return self.sign(session)


class ShopRefresh(StaffRefresh):
    """Seed 003: answers the access token alone."""

    @body("accounts/refresh")
    async def post(self) -> None:
        """200 {access}; 400; 401."""
        self.reply({"access": (await self.renewed())["access"]})


def refused() -> Problem:
    """One answer for a wrong password, an unknown and an inactive account: nobody learns which addresses have one."""
    return Problem(
        401,
        "wrong-sign-in",
        "Invalid email or password",
        extra={"detail": "No active account found with the given credentials"},
    )


def bad_refresh(told: str) -> Problem:
    return Problem(401, "bad-token", told, extra={"code": "token_not_valid"})


routes = [
    ("/api/auth/login/", SignIn),
    ("/api/auth/token/refresh/", StaffRefresh),
    ("/api/auth/refresh/", ShopRefresh),
]

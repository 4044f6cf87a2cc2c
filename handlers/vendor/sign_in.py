"""Sign-in and sign-out of the vendor API. docs/api/vendor.md#sign-in."""

import json

import asyncpg

from core.access import public
from core.data import sql
from core.http import schema
from core.http.declare import answers, takes
from core.problem import Problem
from handlers.api.caller import ChangesCallers
from handlers.vendor import token
from handlers.vendor.auth import AuthDialect, AuthHandler
from handlers.vendor.handler import CHALLENGE, TokenHandler, caller_of, signed_in

WRONG = "Invalid username or password. Please login."
PENDING = "Your vendor account is pending approval. Please wait for admin approval."
PENDING_MESSAGE = (
    "Your vendor account has been created but is waiting for admin approval. You will be able to login once approved."
)
# A token doesn't expire; the session that it belongs to has to have an end.
YEARS = 100
SIGN_IN = schema.load("vendor/sign_in")

query = sql.load("vendor/vendor")


class SignIn(ChangesCallers, AuthHandler):
    dialect = AuthDialect(WRONG)
    access = public

    @answers(200, "vendor/signed_in")
    @answers(401, "vendor/auth_errors")
    @takes(SIGN_IN)
    async def post(self) -> None:
        """Sign in. Each sign-in of an account gives the same token, until it signs out or gets a new password. 200; 401 a missing field, a wrong
        password, or no such account; 403 the vendor waits for approval; 429 too many failed sign-ins."""
        try:
            await self.read_body(SIGN_IN)
        except Problem as problem:
            if problem.fields is None:
                raise
            raise Problem(401, "wrong-sign-in", WRONG, problem.fields, headers=CHALLENGE) from None
        found = await self.check_password(self.body["username"], self.body["password"])

        async def open_session(db: sql.Runner) -> tuple[str, asyncpg.Record]:
            state = await query.take_vendor_state(db, account_id=found["id"], password_hash=found["password_hash"])
            if state is None:
                raise self.bad_sign_in()
            if not (state["is_active"] and state["is_approved"]):
                raise Problem(403, "vendor", PENDING, extra={"message": PENDING_MESSAGE})
            session = await query.open_session(
                db,
                account_id=found["id"],
                user_agent=self.header("User-Agent")[:255],
                address=self.remote_address,
                years=YEARS,
                request_id=self.request_id,
            )
            given = token.token_of(session["session_id"], session["digest"], self.config.secret_keys)
            if session["digest"] != token.digest_of(given):
                await query.keep_token(
                    db, account_id=found["id"], session_id=session["session_id"], digest=token.digest_of(given)
                )
            return given, session

        given, session = await self.db.transaction(open_session)
        profile = await query.get_profile(self.db, account_id=found["id"])
        vendor = {"vendor": await self._pictured(profile)} if profile is not None else {}
        self.reply(
            {
                "token": given,
                "user_id": session["account_id"],
                "username": session["username"],
                "message": "Login successful",
                **vendor,
            }
        )

    def admits(self, found: asyncpg.Record) -> bool:
        """Whether the password counts. That of a vendor who waits for approval does, because the answer then says that they have to wait."""
        return bool(found["is_active"] or found["role"] == "VENDOR")

    def bad_sign_in(self) -> Problem:
        return Problem(401, "wrong-sign-in", WRONG, {"non_field_errors": [WRONG]}, headers=CHALLENGE)

    async def _pictured(self, profile: str) -> dict[str, str | None]:
        found: dict[str, str | None] = json.loads(profile)
        if found["logo_url"] is not None:
            found["logo_url"] = await self.application.storage.link(
                self.origin, found["logo_url"].removeprefix("media:")
            )
        return found


class SignOut(ChangesCallers, TokenHandler):
    access = signed_in

    @answers(200, "vendor/message")
    async def post(self) -> None:
        """Sign out: the token becomes invalid on all devices of the account. 200."""
        await query.end_session(self.db, session_id=caller_of(self).session_id, actor=self.actor)
        self.reply({"message": "Logout successful"})


groups = ("Vendor: sign-in",)
routes = [("/auth/login/", SignIn), ("/auth/logout/", SignOut)]

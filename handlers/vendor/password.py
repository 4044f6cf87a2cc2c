"""New passwords by username and GST number, as the vendor document has it. docs/api/vendor.md#passwords."""

import asyncpg

from core import passwords
from core.access import public
from core.data import sql
from core.http.declare import answers, body
from core.http.throttle import source, throttle, too_many
from core.problem import Problem, invalid
from handlers.api.caller import ChangesCallers
from handlers.vendor.auth import NO_MATCH, AuthDialect, AuthHandler
from handlers.vendor.handler import refused

# Refused attempts for one username, and from one address, within so many seconds. The GST number is printed on every bill, so it is
# known to many; guessing it must not be easy as well.
REFUSED, REFUSED_FROM, WINDOW = 10, 50, 900
NO_GST_NO = "Your vendor account does not have a GST number. Please contact admin to add GST number for password reset."
# The sentences of the two steps: the document's texts differ.
NOT_FOUND = ("Username not found. Please check and try again.", "Username not found.")
PENDING = (
    "Your vendor account is pending approval. Please contact admin.",
    "Your vendor account is pending approval.",
)
INACTIVE = ("Your account is inactive. Please contact admin.", "Your account is inactive.")

query = sql.load("vendor/registration")


class ByGstNumber(AuthHandler):
    """The base of both steps. step: 0 verifies, 1 sets the password."""

    access = public
    step: int

    async def verified(self, db: sql.Runner) -> asyncpg.Record:
        """The account of the username and GST number in the body. Raises Problem 400."""
        found = await query.find_for_reset(db, username=self.body["username"])
        if found is None:
            reason = NOT_FOUND[self.step]
        elif not found["is_vendor"]:
            reason = "Username does not belong to a vendor account."
        elif not found["gst_no"]:
            reason = NO_GST_NO
        elif found["gst_no"] != self.body["gst_no"].strip():
            reason = "Username and GST number do not match."
        elif not found["is_approved"]:
            reason = PENDING[self.step]
        elif not found["is_active"]:
            reason = INACTIVE[self.step]
        else:
            return found
        raise Problem(400, "not-verified", reason, {"non_field_errors": [reason]})

    async def attempt(self, db: sql.Runner) -> asyncpg.Record:
        """What `verified` returns. Refused attempts are limited by username and by address. Raises Problem: 400; 403 switched off; 429."""
        if not self.config.vendor_password_reset:
            raise refused("Password reset is switched off. Please contact admin.", 403)
        limits = (
            (throttle(self.application, "vendor-reset", REFUSED, WINDOW), self.body["username"].strip().lower()),
            (throttle(self.application, "vendor-reset-from", REFUSED_FROM, WINDOW), source(self.remote_address)),
        )
        for attempts, key in limits:
            if seconds := await attempts.wait(key):
                raise too_many("refused attempts", seconds)
        try:
            return await self.verified(db)
        except Problem:
            if any([await attempts.fail(key) == attempts.limit for attempts, key in limits]):
                await query.note_refused_resets(
                    self.db,
                    username=self.body["username"],
                    address=self.remote_address,
                    request_id=self.request_id,
                )
            raise


class ForgotPassword(ByGstNumber):
    dialect = AuthDialect("Username and GST number verification failed")
    step = 0

    @answers(200, "vendor/verified")
    @body("vendor/forgot_password")
    async def post(self) -> None:
        """Verify a username and its GST number, before a new password is set. 200; 400 wrong fields, or they don't belong together; 403 it is
        switched off; 429 too many refused attempts."""
        found = await self.attempt(self.db)
        self.reply(
            {
                "message": "Username and GST number verified. You can now reset your password.",
                **{name: found[name] for name in ("username", "gst_no", "business_name")},
            }
        )


class ResetPassword(ChangesCallers, ByGstNumber):
    dialect = AuthDialect("Password reset failed")
    step = 1

    @answers(200, "vendor/password_set")
    @body("vendor/reset_password")
    async def post(self) -> None:
        """Set a new password by username and GST number. It ends all sessions of the account. 200; 400 wrong fields, or they don't belong together;
        403 it is switched off; 429 too many refused attempts."""
        password = self.body["new_password"]
        if password != self.body["new_password_confirm"]:
            raise invalid({"new_password": [NO_MATCH]})
        if passwords.too_long(password):
            raise invalid({"new_password": [f"Ensure this field has no more than {passwords.LONGEST} bytes."]})
        await self.attempt(self.db)
        hashed = await self.application.passwords.hash(password, **self.requester)

        async def change(db: sql.Runner) -> str:
            # The account may have changed while the password was hashed.
            found = await self.verified(db)
            await query.set_password(
                db,
                account_id=found["id"],
                password_hash=hashed,
                address=self.remote_address,
                request_id=self.request_id,
            )
            return str(found["username"])

        username = await self.db.transaction(change)
        message = "Password reset successful. You can now login with your new password."
        self.reply({"message": message, "username": username})


groups = ("Vendor: sign-in",)
routes = [("/auth/forgot-password/", ForgotPassword), ("/auth/reset-password/", ResetPassword)]

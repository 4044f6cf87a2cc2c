"""Registration of vendors, who then wait for approval. docs/api/vendor.md#registration."""

import asyncpg

from core import passwords
from core.access import public
from core.data import sql
from core.http.declare import answers, body
from core.http.throttle import source, throttle, too_many
from core.problem import invalid
from handlers.api.handler import ApiHandler
from handlers.vendor.auth import NO_MATCH, AuthDialect, AuthHandler

USERNAME, EMAIL, GST_NO = "Username already exists.", "Email already registered.", "GST number already registered."
FAILED = "Registration failed"

query = sql.load("vendor/registration")


class Registration(AuthHandler):
    dialect = AuthDialect(FAILED)
    access = public
    # Of two registrations at once, the second breaks account_email_key (handlers/accounts/user.py).
    email_exists = EMAIL

    @answers(201, "vendor/registered")
    @body("vendor/register")
    async def post(self) -> None:
        """Register a vendor. The account can't be used until it is approved. 201; 400 wrong fields, or a username, e-mail or GST number that
        exists; 429 too many registrations from one address."""
        check_passwords(self)
        sign_ups, address = (
            throttle(self.application, "sign-up", self.config.sign_ups_per_hour, 3600),
            source(self.remote_address),
        )
        if await sign_ups.fail(address) > sign_ups.limit:
            raise too_many("registrations", await sign_ups.wait(address) or 1)
        made = await register(self, None)
        self.reply(
            {
                "message": "Registration successful. Your vendor account is pending approval. Please wait for admin approval.",
                "username": made["username"],
                "business_name": made["business_name"],
                "status": "pending_approval",
            },
            201,
        )


def check_passwords(handler: ApiHandler) -> None:
    """Raises Problem 400: the two passwords of a registration differ, or are too long."""
    if handler.body["password"] != handler.body["password_confirm"]:
        raise invalid({"password": [NO_MATCH]})
    if passwords.too_long(handler.body["password"]):
        raise invalid({"password": [f"Ensure this field has no more than {passwords.LONGEST} bytes."]})


async def register(handler: ApiHandler, actor: str | None) -> asyncpg.Record:
    """Register the vendor of a body. actor: who does it; None: the vendor. Raises Problem 400."""
    hashed = await handler.application.passwords.hash(handler.body["password"], **handler.requester)
    made: asyncpg.Record = await query.register(
        handler.db,
        body=handler.body_text,
        password_hash=hashed,
        address=handler.remote_address,
        request_id=handler.request_id,
        actor=actor,
    )
    if made["account_id"] is None:
        taken = {"username": USERNAME, "email": EMAIL, "gst_no": GST_NO}
        raise invalid({field: [message] for field, message in taken.items() if made[f"{field}_taken"]})
    return made


refusals = {
    "account_vendor_username_key": (400, "invalid", "Validation failed", {"username": [USERNAME]}),
    "vendor_gst_no_key": (400, "invalid", "Validation failed", {"gst_no": [GST_NO]}),
}
groups = ("Vendor: sign-in",)
routes = [("/auth/register/", Registration)]

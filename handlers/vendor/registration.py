"""Registration of vendors, who then wait for approval. docs/api/vendor.md#registration."""

from core import passwords
from core.access import public
from core.data import sql
from core.http.declare import answers, body
from core.http.throttle import source, throttle, too_many
from core.problem import invalid
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
        if self.body["password"] != self.body["password_confirm"]:
            raise invalid({"password": [NO_MATCH]})
        if passwords.too_long(self.body["password"]):
            raise invalid({"password": [f"Ensure this field has no more than {passwords.LONGEST} bytes."]})
        sign_ups, address = (
            throttle(self.application, "sign-up", self.config.sign_ups_per_hour, 3600),
            source(self.remote_address),
        )
        if await sign_ups.fail(address) > sign_ups.limit:
            raise too_many("registrations", await sign_ups.wait(address) or 1)
        hashed = await self.application.passwords.hash(self.body["password"], **self.requester)
        made = await query.register(
            self.db,
            body=self.body_text,
            password_hash=hashed,
            address=self.remote_address,
            request_id=self.request_id,
        )
        if made["account_id"] is None:
            taken = {"username": USERNAME, "email": EMAIL, "gst_no": GST_NO}
            raise invalid({field: [message] for field, message in taken.items() if made[f"{field}_taken"]})
        self.reply(
            {
                "message": "Registration successful. Your vendor account is pending approval. Please wait for admin approval.",
                "username": made["username"],
                "business_name": made["business_name"],
                "status": "pending_approval",
            },
            201,
        )


refusals = {
    "account_vendor_username_key": (400, "invalid", "Validation failed", {"username": [USERNAME]}),
    "vendor_gst_no_key": (400, "invalid", "Validation failed", {"gst_no": [GST_NO]}),
}
groups = ("Vendor: sign-in",)
routes = [("/auth/register/", Registration)]

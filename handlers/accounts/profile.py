"""One's own account, as seeds 001 and 004 both document it under /api/auth/users/me/."""

from core.data import sql
from core.http.handler import body
from handlers.accounts import user
from handlers.api.caller import ChangesCallers
from handlers.api.dialects import StaffDialect
from handlers.api.envelope import envelope
from handlers.api.handler import ApiHandler, bad_token
from handlers.api.roles import signed_in

query = sql.load("accounts/user")


class OwnAccount(ChangesCallers, ApiHandler):
    dialect = StaffDialect()
    access = signed_in
    forms = True

    async def get(self) -> None:
        """200 with the caller's account. Seed 001 (docs/api/users.md), contracts/sales.md, 3."""
        found = await query.get_user(self.db, public_id=None, account_id=self.caller.account_id)
        if found is None:  # deleted since the token was looked at
            raise bad_token("invalid")
        self.reply(
            envelope("Profile retrieved successfully", await self.linked(found["document"]), books=found["books"])
        )

    @body("accounts/user_update_own")
    async def put(self) -> None:
        """200. Names, phone, company and picture; what else the body names is not one's own to change and is ignored. 400."""
        self.reply(await user.change_own(self, "Profile updated successfully"))

    patch = put


routes = [("/api/auth/users/me/", OwnAccount)]

"""The caller's own account, /api/auth/users/me/: one answer for the staff API and the books API. docs/api/accounts.md#staff-users."""

from core.data import sql
from core.http.handler import body
from handlers.accounts import user
from handlers.api.caller import ChangesCallers
from handlers.api.dialects import StaffDialect
from handlers.api.handler import ApiHandler, gone
from handlers.api.roles import signed_in, signed_in_caller

query = sql.load("accounts/user")


class OwnAccount(ChangesCallers, ApiHandler):
    dialect = StaffDialect()
    access = signed_in

    async def get(self) -> None:
        """200 with the caller's account; 401."""
        found = await query.get_user(self.db, public_id=None, account_id=signed_in_caller(self).account_id)
        if found is None:
            # The account was deleted after the token was checked.
            raise gone()
        self.reply(await user.account_envelope(self, "Profile retrieved successfully", found))

    @body("accounts/user_update_own")
    async def put(self) -> None:
        """200. Names, phone, company, username and picture can be changed. 400 fields; 401; 403 for a field that administrators change."""
        self.reply(await user.change_own(self, "Profile updated successfully"))

    patch = put


routes = [("/api/auth/users/me/", OwnAccount)]

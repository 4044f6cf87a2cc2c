"""The caller's own account, /api/auth/users/me/: one answer for the staff API and the books API. docs/api/accounts.md#staff-users."""

from core.data import sql
from core.http.declare import answers, body
from handlers.accounts import user
from handlers.api.caller import ChangesCallers
from handlers.api.dialects import StaffDialect
from handlers.api.envelope import data_of
from handlers.api.handler import ApiHandler, gone
from handlers.api.roles import signed_in, signed_in_caller

query = sql.load("accounts/user")


class OwnAccount(ChangesCallers, ApiHandler):
    dialect = StaffDialect()
    access = signed_in

    @answers(200, data_of("accounts/account", books="accounts/books_account"))
    async def get(self) -> None:
        """Show the caller's account. 200."""
        found = await query.get_user(self.db, public_id=None, account_id=signed_in_caller(self).account_id)
        if found is None:
            # The account was deleted after the token was checked.
            raise gone()
        self.reply(await user.account_envelope(self, "Profile retrieved successfully", found))

    @answers(200, data_of("accounts/account", books="accounts/books_account"))
    @body("accounts/user_update_own", files=("avatar",))
    async def put(self) -> None:
        """Change the caller's account. Names, phone, company, username and picture can be changed. 200; 400 wrong fields; 403 another value for
        a field that only administrators change."""
        self.reply(await user.change_own(self, "Profile updated successfully"))

    patch = put


groups = ("Staff: users", "Books: users")
routes = [("/api/auth/users/me/", OwnAccount)]

"""One's own account."""

from core import sql
from handlers.accounts import AccountsDialect
from handlers.accounts.roles import signed_in
from handlers.api import ApiHandler, bad_token

query = sql.load("accounts/account")


class OwnAccount(ApiHandler):
    dialect = AccountsDialect()
    access = signed_in

    async def get(self) -> None:
        """200 with the caller's account. Seed 001 (docs/api/users.md), contracts/sales.md, 3."""
        account = await query.get_own(self.db, account_id=self.caller.account_id)
        if account is None:  # deleted since the token was looked at
            raise bad_token("invalid")
        self.reply(f'{{"success":true,"status_code":200,"message":"Profile retrieved successfully","data":{account}}}')


routes = [("/api/auth/users/me/", OwnAccount)]

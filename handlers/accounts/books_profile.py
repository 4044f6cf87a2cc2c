"""One's own account, as the books client shows it. contracts/books.md, 2."""

from core import sql
from core.handler import body
from core.problem import invalid
from handlers.accounts.caller import ChangesCallers
from handlers.accounts.roles import signed_in
from handlers.accounts.sign_up import ADDRESS_SHORT, COMPANY_SHORT, SHORTEST_ADDRESS, USERNAME_WRONG, is_short
from handlers.api import ApiHandler, bad_token
from handlers.books import BooksDialect

query = sql.load("accounts/books_profile")


class Me(ApiHandler):
    dialect = BooksDialect()
    access = signed_in

    async def get(self) -> None:
        """200 with the caller's account."""
        profile = await query.get_profile(self.db, account_id=self.caller.account_id)
        if profile is None:  # deleted since the token was looked at
            raise bad_token("invalid")
        self.reply(profile)


class Profile(ChangesCallers, Me):
    @body("accounts/books_profile_update")
    async def patch(self) -> None:
        """200 with the account; fields that are left out stay as they are. 400 fields."""
        wrong = {}
        if is_short(self.body.get("company_name")):
            wrong["company_name"] = [COMPANY_SHORT]
        if is_short(self.body.get("company_address"), SHORTEST_ADDRESS):
            wrong["company_address"] = [ADDRESS_SHORT]
        if wrong:
            raise invalid(wrong)
        updated = await query.update_profile(
            self.db, account_id=self.caller.account_id, body=self.body_text, actor=self.actor
        )
        if updated is None:
            raise bad_token("invalid")
        if updated["wrong"] is not None:
            raise invalid({"username": [USERNAME_WRONG[updated["wrong"]]]})
        self.reply(updated["profile"])

    put = patch


routes = [("/api/auth/profile/", Profile), ("/api/auth/me/", Me)]

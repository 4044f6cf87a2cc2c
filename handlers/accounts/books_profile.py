"""One's own account, as the books client shows it. contracts/books.md, 2."""

from typing import Any

from core.data import sql
from core.http.handler import body
from handlers.accounts import names
from handlers.api.caller import ChangesCallers
from handlers.api.dialects import BooksDialect
from handlers.api.handler import ApiHandler, bad_token
from handlers.api.roles import signed_in

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

        async def update(db: sql.Runner) -> Any:
            await names.check_own(db, self.caller.account_id, self.body, needed=True)
            return await query.update_profile(
                db, account_id=self.caller.account_id, body=self.body_text, actor=self.actor
            )

        updated = await self.db.transaction(update)
        if updated is None:
            raise bad_token("invalid")
        self.reply(updated["profile"])

    put = patch


routes = [("/api/auth/profile/", Profile), ("/api/auth/me/", Me)]

"""The caller's own account, as the books API shows it. docs/api/accounts.md#books-profile."""

from collections.abc import Mapping
from typing import Any

import asyncpg

from core.data import sql
from core.http.declare import answers, body
from handlers.accounts import names
from handlers.api.caller import ChangesCallers
from handlers.api.dialects import BooksDialect
from handlers.api.handler import ApiHandler, gone
from handlers.api.roles import signed_in, signed_in_caller

query = sql.load("accounts/books_profile")


def short_user(account: Mapping[str, Any]) -> dict[str, Any]:
    """The account as the books API names it beside tokens and a new password. account: account_id and the other three members."""
    return {"id": account["account_id"], **{name: account[name] for name in ("email", "username", "company_name")}}


class Me(ApiHandler):
    dialect = BooksDialect()
    access = signed_in

    @answers(200, "accounts/books_account")
    async def get(self) -> None:
        """Show the caller's account. 200."""
        profile = await query.get_profile(self.db, account_id=signed_in_caller(self).account_id)
        if profile is None:
            # The account was deleted after the token was checked.
            raise gone()
        self.reply(profile)


class Profile(ChangesCallers, Me):
    @answers(200, "accounts/books_account")
    @body("accounts/books_profile_update")
    async def patch(self) -> None:
        """Change the caller's account. Fields that the body omits stay. 200; 400 wrong fields, a username that exists."""
        account_id = signed_in_caller(self).account_id

        async def update(db: sql.Runner) -> asyncpg.Record | None:
            await names.check_own(db, account_id, self.body, username_required=True)
            return await query.update_profile(db, account_id=account_id, body=self.body_text, actor=self.actor)

        updated = await self.db.transaction(update)
        if updated is None:
            raise gone()
        self.reply(updated["profile"])

    put = patch


groups = ("Books: profile",)
routes = [("/api/auth/profile/", Profile), ("/api/auth/me/", Me)]

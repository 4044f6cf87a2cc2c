"""How people change their own password: the old one is required, and wrong guesses are limited. docs/api/accounts.md#passwords."""

from typing import ClassVar

import asyncpg

from core.data import sql
from core.http.declare import answers, body
from core.http.throttle import Throttle, throttle, too_many
from core.problem import Problem, invalid
from handlers.accounts import password_rules
from handlers.accounts.books_profile import short_user
from handlers.api.caller import ChangesCallers
from handlers.api.dialects import BooksDialect, StaffDialect
from handlers.api.handler import ApiHandler
from handlers.api.roles import signed_in, signed_in_caller

# Wrong old passwords for one account, from all addresses together, within so many seconds.
FAILURES, WINDOW = 10, 300

query = sql.load("accounts/password")


class PasswordHandler(ChangesCallers, ApiHandler):
    """The base of the two endpoints. The session that changes the password goes on; all other sessions end.

    policy: of password_rules. wrong_password: the answer to a wrong old password, as its message and the message of its field.
    """

    access = signed_in
    policy: ClassVar[str]
    wrong_password: ClassVar[tuple[str, str]]

    async def change_password(self) -> asyncpg.Record:
        """Change the password as the body says: account_id, email, username, company_name. Raises Problem: 400; 429 with Retry-After."""
        caller, new = signed_in_caller(self), self.body["new_password"]
        known = await query.get_password(self.db, account_id=caller.account_id)
        personal = [known[name] for name in ("email", "username", "name", "company_name")] if known else []
        password_rules.check(self.config, self.policy, new, personal, field="new_password", role=caller.role)
        await self._check_old_password(caller.account_id, known["password_hash"] if known else None)
        hashed = await self.application.passwords.hash(new, **self.requester)

        async def apply(db: sql.Runner) -> asyncpg.Record | None:
            await query.lock_password(db, account_id=caller.account_id)
            await self.confirm(db)
            return await query.change_password(
                db,
                account_id=caller.account_id,
                old_hash=known["password_hash"],
                new_hash=hashed,
                keep_session=caller.session_id,
                actor=self.actor,
            )

        changed = await self.db.transaction(apply)
        if changed is None:
            # The password was changed after it was read, so the old one is no longer right.
            raise self.bad_old_password()
        return changed

    def bad_old_password(self) -> Problem:
        """400: the old password is wrong."""
        message, field_message = self.wrong_password
        return Problem(400, "wrong-password", message, {"old_password": [field_message]})

    async def _check_old_password(self, account_id: int, stored: str | None) -> None:
        """Raises Problem unless the old password is right. Attempts at the same time learn no more than attempts one after the other,
        as in sign_in.py."""
        attempts, key = throttle(self.application, "old-password", FAILURES, WINDOW), str(account_id)
        await _refuse_throttled(attempts, key)
        if not await self.application.passwords.matches(self.body["old_password"], stored, **self.requester):
            if await attempts.fail(key) > attempts.limit:
                await _refuse_throttled(attempts, key)
            raise self.bad_old_password()
        await _refuse_throttled(attempts, key)
        await attempts.clear(key)


class StaffPassword(PasswordHandler):
    dialect = StaffDialect()
    groups = ("Staff: users",)
    policy = password_rules.STAFF
    wrong_password = ("Password verification failed", "Wrong password")

    @answers(200, "accounts/done")
    @body("accounts/password_staff")
    async def post(self) -> None:
        """Change one's own password. The caller's other sessions end. 200; 400 wrong fields, a wrong old password; 403 the caller's
        role was changed in the meantime; 429 too many wrong passwords."""
        await self.change_password()
        self.reply({"success": True, "status_code": 200, "message": "Password changed successfully"})


class BooksPassword(PasswordHandler):
    dialect = BooksDialect()
    groups = ("Books: profile",)
    policy = password_rules.BOOKS
    wrong_password = ("Validation failed", "Old password is incorrect.")

    @answers(200, "accounts/password_changed")
    @body("accounts/password_books")
    async def put(self) -> None:
        """Change one's own password. The caller's other sessions end. 200; 400 wrong fields, a wrong old password; 403 the caller's
        role was changed in the meantime; 429 too many wrong passwords."""
        if self.body["new_password"] != self.body["new_password_confirm"]:
            raise invalid({"new_password_confirm": ["New passwords don't match"]})
        account = await self.change_password()
        self.reply({"message": "Password updated successfully", "user": short_user(account)})

    patch = post = put


async def _refuse_throttled(attempts: Throttle, key: str) -> None:
    seconds = await attempts.wait(key)
    if seconds:
        raise too_many("wrong passwords", seconds)


routes = [
    ("/api/auth/users/change_password/", StaffPassword),
    ("/api/auth/change-password/", BooksPassword),
]

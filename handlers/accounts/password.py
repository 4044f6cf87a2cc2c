"""Changing one's own password, as seed 001 and the books API's reference do: the old one is asked for, and guessing it limited."""

from typing import Any

from core.data import sql
from core.http.handler import body
from core.http.throttle import Throttle, throttle, too_many
from core.problem import Problem, invalid
from handlers.accounts import password_rules
from handlers.api.caller import ChangesCallers
from handlers.api.dialects import BooksDialect, StaffDialect
from handlers.api.handler import ApiHandler
from handlers.api.roles import signed_in

FAILURES, WINDOW = 10, 300  # wrong old passwords for one account, from wherever, within so many seconds

query = sql.load("accounts/password")


class PasswordHandler(ChangesCallers, ApiHandler):
    """What the two documents' ways share. The session that changes the password goes on, all others end."""

    access = signed_in
    policy: str
    refusal: tuple[str, str]  # of a wrong old password: the answer's message, the field's

    async def changed(self) -> str:
        """Change it; the account as JSON text. Raises Problem: 400, 429 with Retry-After."""
        known, new = await query.get_password(self.db, account_id=self.caller.account_id), self.body["new_password"]
        about = [known[name] for name in ("email", "username", "name", "company_name")] if known else []
        password_rules.check(self.config, self.policy, new, about, field="new_password", role=self.caller.role)
        await self._is_right(known and known["password_hash"])
        hashed = await self.application.passwords.hash(new, **self.requester)

        async def apply(db: sql.Runner) -> Any:
            await query.lock_password(db, account_id=self.caller.account_id)
            await self.confirm(db)
            return await query.change_password(
                db, account_id=self.caller.account_id, old_hash=known["password_hash"], new_hash=hashed,
                keep_session=self.caller.session_id, actor=self.actor,
            )  # fmt: skip

        changed = await self.db.transaction(apply)
        if changed is None:  # changed since it was read: what was right is so no more
            raise self.wrong()
        return changed["account"]

    def wrong(self) -> Problem:
        message, field = self.refusal
        return Problem(400, "wrong-password", message, {"old_password": [field]})

    async def _is_right(self, stored: str | None) -> None:
        """Raises Problem unless the old password is right. Tries at once learn no more than one after the other, as at sign-in."""
        tries, key = throttle(self.application, "old-password", FAILURES, WINDOW), str(self.caller.account_id)
        await _not_throttled(tries, key)
        if not await self.application.passwords.matches(self.body["old_password"], stored, **self.requester):
            if await tries.fail(key) > tries.limit:
                await _not_throttled(tries, key)
            raise self.wrong()
        await _not_throttled(tries, key)
        await tries.clear(key)


class StaffPassword(PasswordHandler):
    dialect = StaffDialect()
    policy = password_rules.STAFF
    refusal = ("Password verification failed", "Wrong password")

    @body("accounts/password_staff")
    async def post(self) -> None:
        """200; 400 fields, or the old password is wrong; 429. Seed 001 (docs/api/users.md), contracts/sales.md, 3."""
        await self.changed()
        self.reply({"success": True, "status_code": 200, "message": "Password changed successfully"})


class BooksPassword(PasswordHandler):
    dialect = BooksDialect()
    policy = password_rules.BOOKS
    refusal = ("Validation failed", "Old password is incorrect.")

    @body("accounts/password_books")
    async def put(self) -> None:
        """200 with the account; 400 fields, or the old password is wrong; 429. contracts/books.md, 2."""
        if self.body["new_password"] != self.body["new_password_confirm"]:
            raise invalid({"new_password_confirm": ["New passwords don't match"]})
        self.reply(f'{{"message":"Password updated successfully","user":{await self.changed()}}}')

    patch = post = put


async def _not_throttled(tries: Throttle, key: str) -> None:
    seconds = await tries.wait(key)
    if seconds:
        raise too_many("wrong passwords", seconds)


routes = [
    ("/api/auth/users/change_password/", StaffPassword),
    ("/api/auth/change-password/", BooksPassword),
]

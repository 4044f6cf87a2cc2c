"""Activating and deactivating accounts. docs/api/accounts.md#staff-users."""

from typing import ClassVar

from core.data import sql
from handlers.accounts.user import lock, parse_id, query, refuse_oneself
from handlers.api.caller import ChangesCallers
from handlers.api.dialects import StaffDialect
from handlers.api.envelope import envelope
from handlers.api.handler import ApiHandler
from handlers.api.roles import administrator, may_touch, signed_in_caller


class Activation(ChangesCallers, ApiHandler):
    dialect = StaffDialect()
    access = administrator
    # Whether the account is active afterwards, and the word for the change in the message.
    is_active: ClassVar[bool] = True
    done: ClassVar[str] = "activated"

    async def post(self, id: str) -> None:
        """200 {email, is_active}; 400 the caller's own account, the last SUPERADMIN; 403 a role above the caller's; 404."""
        caller = signed_in_caller(self)

        async def set_active(db: sql.Runner) -> tuple[str, str]:
            user = await lock(db, parse_id(id))
            may_touch(caller, user["role"])
            if not self.is_active:
                refuse_oneself(caller, user["account_id"], "You cannot deactivate your own account.")
            data = await query.set_active(db, account_id=user["account_id"], is_active=self.is_active, actor=self.actor)
            return user["email"], data

        email, data = await self.db.transaction(set_active)
        self.reply(envelope(f"User {email} {self.done} successfully", data))


class Deactivation(Activation):
    is_active, done = False, "deactivated"


routes = [
    ("/api/auth/users/{id}/activate/", Activation),
    ("/api/auth/users/{id}/deactivate/", Deactivation),
]

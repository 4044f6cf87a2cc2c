"""Activating and deactivating accounts. docs/api/accounts.md#staff-users."""

from typing import ClassVar

from core.data import sql
from core.http.declare import answers
from handlers.accounts.user import PATH_ID, lock, parse_id, query, refuse_oneself
from handlers.api.caller import ChangesCallers
from handlers.api.dialects import StaffDialect
from handlers.api.envelope import data_of, envelope
from handlers.api.handler import ApiHandler
from handlers.api.roles import administrator, may_touch, signed_in_caller


class Activation(ChangesCallers, ApiHandler):
    dialect = StaffDialect()
    access = administrator
    path_parameters = (PATH_ID,)
    # Whether the account is active afterwards, and the word for the change in the message.
    is_active: ClassVar[bool] = True
    done: ClassVar[str] = "activated"

    @answers(200, data_of("accounts/activation"))
    async def post(self, id: str) -> None:
        """Activate or deactivate an account, as the path says. A deactivation ends its sessions. 200; 400 to deactivate oneself, or the
        last SUPERADMIN; 403 the caller's role is not high enough; 404."""
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


groups = ("Staff: users", "Books: users")
routes = [
    ("/api/auth/users/{id}/activate/", Activation),
    ("/api/auth/users/{id}/deactivate/", Deactivation),
]

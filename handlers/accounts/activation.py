"""Opening and closing accounts. Seed 001; contracts/sales.md, 3."""

from core.data import sql
from handlers.accounts.user import ids, lock, not_oneself, query
from handlers.api.caller import ChangesCallers
from handlers.api.dialects import StaffDialect
from handlers.api.envelope import envelope
from handlers.api.handler import ApiHandler
from handlers.api.roles import administrator, may_touch


class Activation(ChangesCallers, ApiHandler):
    dialect = StaffDialect()
    access = administrator
    active, word = True, "activated"

    async def post(self, id: str) -> None:
        """200 {email, is_active}; 404; 403 an account above the caller's role; 400 one's own, or the last SUPERADMIN."""

        async def set_active(db: sql.Runner) -> tuple[str, str]:
            user = await lock(db, ids(id))
            may_touch(self.caller, user["role"])
            if not self.active:
                not_oneself(self.caller, user, "You cannot deactivate your own account.")
            account_id = user["account_id"]
            return user["email"], await query.set_active(
                db, account_id=account_id, is_active=self.active, actor=self.actor
            )

        email, data = await self.db.transaction(set_active)
        self.reply(envelope(f"User {email} {self.word} successfully", data))


class Deactivation(Activation):
    active, word = False, "deactivated"


routes = [
    ("/api/auth/users/{id}/activate/", Activation),
    ("/api/auth/users/{id}/deactivate/", Deactivation),
]

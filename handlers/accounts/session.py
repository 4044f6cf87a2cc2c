"""One's sessions: the devices that are signed in. Seed 003, Session Management & Security."""

from typing import Any

from core.data import sql
from core.duties import Duty
from core.problem import not_found
from handlers.api.caller import ChangesCallers
from handlers.api.handler import PosHandler
from handlers.api.roles import signed_in

KEPT_DAYS = 30  # after their end, so that one can still look up what a session was
REMOVED_AT_ONCE = 1000  # in one statement of some 20 ms

query = sql.load("accounts/session")


class Sessions(PosHandler):
    access = signed_in

    async def get(self) -> None:
        """200: an array of one's own that are active, newest first. Section 7."""
        self.reply(await query.list_sessions(self.db, account_id=self.caller.account_id))


class Session(PosHandler):
    access = signed_in

    async def get(self, id: str) -> None:
        """200, also when it has ended; 404 also for another's."""
        session = await query.get_session(self.db, id=int(id), account_id=self.caller.account_id)
        if session is None:
            raise not_found()
        self.reply(session)


class Revocation(ChangesCallers, PosHandler):
    access = signed_in

    async def post(self, id: str) -> None:
        """200, also when it has ended; 404 also for another's. Both tokens of the session end at once. Section 8."""
        revoked = await query.revoke_session(self.db, id=int(id), account_id=self.caller.account_id, actor=self.actor)
        if revoked is None:
            raise not_found()
        self.reply({"status": "Sesión cerrada correctamente"})


async def remove_expired(app: Any) -> None:
    """Remove those that ended long ago, in bounded steps: 1.4 million a day."""
    await query.remove_expired_sessions(app.db, days=KEPT_DAYS, most=REMOVED_AT_ONCE)


duties = [Duty(60.0, remove_expired)]
routes = [
    ("/api/sessions/", Sessions),
    ("/api/sessions/{id:int}/", Session),
    ("/api/sessions/{id:int}/revoke/", Revocation),
]

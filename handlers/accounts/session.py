"""The caller's own sessions, which are the devices that are signed in. docs/api/accounts.md#sessions."""

from core.data import sql
from core.duties import Duty
from core.http.application import Application
from core.http.declare import answers, ref
from core.problem import not_found
from handlers.api.caller import ChangesCallers
from handlers.api.handler import PosHandler
from handlers.api.roles import signed_in, signed_in_caller

# Days from the expiry of a session to its deletion, so that people can still see what it was.
KEPT_DAYS = 30
# Sessions that one statement deletes, in about 20 ms.
REMOVED_AT_ONCE = 1000

query = sql.load("accounts/session")


class Sessions(PosHandler):
    access = signed_in

    # The only list without pages besides the shop's people: the shop document shows a bare array.
    @answers(200, {"type": "array", "items": ref("accounts/session")})
    async def get(self) -> None:
        """List the caller's open sessions, newest first. 200."""
        self.reply(await query.list_sessions(self.db, account_id=signed_in_caller(self).account_id))


class Session(PosHandler):
    access = signed_in

    @answers(200, "accounts/session")
    async def get(self, id: str) -> None:
        """Show one of the caller's sessions, also one that has ended. 200; 404 also another person's session."""
        session = await query.get_session(self.db, id=int(id), account_id=signed_in_caller(self).account_id)
        if session is None:
            raise not_found()
        self.reply(session)


class Revocation(ChangesCallers, PosHandler):
    access = signed_in

    @answers(200, "accounts/session_revoked")
    async def post(self, id: str) -> None:
        """End one of the caller's sessions. Both of its tokens become invalid at once. 200 also if it has ended before; 404 also another
        person's session."""
        account_id = signed_in_caller(self).account_id
        revoked = await query.revoke_session(self.db, id=int(id), account_id=account_id, actor=self.actor)
        if revoked is None:
            raise not_found()
        self.reply({"status": "Sesión cerrada correctamente"})


async def remove_expired(app: Application) -> None:
    """Delete sessions that expired more than KEPT_DAYS ago: at most 1.4 million a day, in bounded statements."""
    await query.remove_expired_sessions(app.db, days=KEPT_DAYS, most=REMOVED_AT_ONCE)


duties = [Duty(60.0, remove_expired)]
groups = ("Shop: sessions",)
routes = [
    ("/api/sessions/", Sessions),
    ("/api/sessions/{id:int}/", Session),
    ("/api/sessions/{id:int}/revoke/", Revocation),
]

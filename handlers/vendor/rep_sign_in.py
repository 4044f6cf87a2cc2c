"""Sign-in and sign-out of the pages for sales reps. docs/api/vendor.md#sales-rep-pages."""

import asyncpg

from core.access import public
from core.data import sql
from core.http import schema
from core.http.declare import takes
from core.http.parameter import Parameter
from core.problem import Problem
from handlers.api.caller import ChangesCallers
from handlers.api.page_handler import SESSION
from handlers.api.sign_in import ChecksPassword
from handlers.vendor.rep_handler import SIGN_IN, VENDORS, RepHandler, find_rep, sales_rep

WRONG = "Invalid username or password."
# The page's words for Rep.refusal.
REFUSALS = {
    "Access denied": "Access denied. Sales rep or admin access required.",
    "Sales rep account not active": "Your sales rep account is not active.",
}
NEXT = Parameter("next", "The page to go to after the sign-in.")
FORM = schema.load("vendor/sign_in")

query = sql.load("vendor/sales_rep")


class RepSignIn(ChangesCallers, ChecksPassword, RepHandler):
    access = public
    parameters = (NEXT,)

    async def get(self) -> None:
        """200 text/html; 302 for those who are signed in."""
        await self.authenticate()
        if self.rep is not None and not self.rep.refusal:
            self.redirect(VENDORS)
            return
        self.show("sales_rep_sign_in.html", problem="", username="")

    @takes(FORM)
    async def post(self) -> None:
        """302 to the vendors; 200 text/html with what is wrong; 403 without the token of our form."""
        self.check_form()
        try:
            await self.read_body(FORM)
            session_id = await self._sign_in()
        except Problem as problem:
            if problem.status not in (400, 401, 403, 429):
                raise
            said = self.dialect.worded(problem).message if problem.fields is None else WRONG
            self.show("sales_rep_sign_in.html", problem=said, username=self.form_value("username")[:255])
            return
        self.keep_session(session_id)
        self.redirect(self._next())

    async def _sign_in(self) -> int:
        """Open a session; returns its id. Raises Problem: 401; 403 no sales rep; 429."""
        found = await self.check_password(self.body["username"], self.body["password"])
        rep = await find_rep(self.db, found["id"])
        if rep is None or rep.refusal:
            raise Problem(403, "denied", REFUSALS[rep.refusal] if rep is not None else WRONG)
        session_id: int | None = await query.open_session(
            self.db,
            account_id=found["id"],
            password_hash=found["password_hash"],
            user_agent=self.header("User-Agent")[:255],
            address=self.remote_address,
            days=self.config.refresh_token_days,
            request_id=self.request_id,
        )
        if session_id is None:
            raise self.bad_sign_in()
        return session_id

    def _next(self) -> str:
        """The page that somebody wanted who was sent here: one of ours, never another site."""
        wanted = self.asked("next")
        return wanted if wanted.startswith(VENDORS) else VENDORS

    def admits(self, found: asyncpg.Record) -> bool:
        return bool(found["is_active"])

    def bad_sign_in(self) -> Problem:
        return Problem(401, "wrong-sign-in", WRONG)


class RepSignOut(ChangesCallers, RepHandler):
    access = sales_rep

    async def post(self) -> None:
        """302 to the sign-in; the session has ended."""
        self.check_form()
        assert self.caller is not None
        await query.end_session(self.db, session_id=self.caller.session_id, actor=self.actor)
        self.clear_cookie(SESSION)
        self.redirect(SIGN_IN)


groups = ("Vendor: sales-rep pages",)
routes = [(SIGN_IN, RepSignIn), ("/sales-rep/logout/", RepSignOut)]

"""The session of all pages: a cookie that no script reads, and the access tokens that the scripts get by it. docs/api/accounts.md#pages."""

from typing import Any

import asyncpg

from core.access import Access, public
from core.data import sql
from core.http.declare import body
from core.problem import Problem
from handlers.accounts.sign_in import GivesTokens
from handlers.api.caller import ChangesCallers, find_caller
from handlers.api.dialects import StaffDialect
from handlers.api.page import pages_for
from handlers.api.page_handler import SESSION, PageHandler

query = sql.load("accounts/session")


def _check_same_origin(handler: PageHandler) -> None:
    handler.check_same_origin()


own_pages = Access("anyone, by a script of this server's pages", _check_same_origin, is_open=True, refuses=(403,))


class OpensPageSession(ChangesCallers, GivesTokens, PageHandler):
    """The base of what opens and ends the session of the pages."""

    access = public

    def bad_sign_in(self) -> Problem:
        return Problem(401, "wrong-sign-in", "Invalid email or password")

    async def begin_session(self, login: str, password: str) -> asyncpg.Record:
        """Sign in, set the cookie, and end the session that the cookie had before: a row of open_session. Raises Problem: 401; 429."""
        await self.authenticate()
        session = await self.check_sign_in(login, password)
        await self.end_own_session()
        self.keep_session(session["session_id"])
        self.caller = await find_caller(self.application, session["session_id"])
        return session

    async def end_own_session(self) -> None:
        """End the session of the cookie, and remove the cookie. Without an open session it stays: it may be that of a server on another port
        of this host, as browsers do not tell ports apart."""
        if self.caller is None:
            return
        await query.end_sessions(
            self.db,
            session_ids=[self.caller.session_id],
            account_id=None,
            action="account.sign-out",
            address=self.remote_address,
            request_id=self.request_id,
        )
        self.clear_cookie(SESSION)
        self.caller = None


class ScriptSession(OpensPageSession):
    """The base of what the scripts of the pages ask for (web/static/session-cookie.js)."""

    access = own_pages
    dialect = StaffDialect()

    def tell(self, session: asyncpg.Record | None) -> None:
        """Answer with who is signed in, an access token for the API, and the pages that they may use. session: a row of open_session or
        get_refreshable; None: nobody is signed in."""
        caller = self.caller if session is not None else None
        told: dict[str, Any] = {"access": None, "user": None}
        if session is not None and caller is not None:
            user = {"id": caller.account_id, "email": caller.email, "name": caller.name, "role": caller.role}
            told = {"access": self.sign_tokens(session)["access"], "user": user}
        pages = [{"path": link.path, "title": link.title} for link in pages_for(caller, self.config)]
        self.reply({**told, "pages": pages})


class PageSession(ScriptSession):
    @body("accounts/sign_in")
    async def post(self) -> None:
        """Sign in on all pages of this browser. 200; 400 wrong fields; 401 a wrong password, or no such account; 403 another site asks;
        429 too many failed sign-ins."""
        self.tell(await self.begin_session(self.body.get("email") or self.body["username"], self.body["password"]))

    async def delete(self) -> None:
        """Sign out of all pages of this browser. 200, also when nobody was signed in; 403 another site asks."""
        await self.authenticate()
        await self.end_own_session()
        self.tell(None)


class PageToken(ScriptSession):
    async def post(self) -> None:
        """Tell who is signed in, with a fresh access token. 200, also when nobody is; 403 another site asks."""
        await self.authenticate()
        found = await query.get_refreshable(self.db, session_id=self.caller.session_id) if self.caller else None
        self.tell(found if found is not None and found["is_active"] else None)


class PageSignOut(OpensPageSession):
    async def post(self) -> None:
        """302 to the home page: the form of the header has ended the session. 403 the form is not ours."""
        self.check_form()
        await self.authenticate()
        await self.end_own_session()
        self.redirect(self.sign_in)


routes = [("/session/", PageSession), ("/session/token/", PageToken), ("/session/end/", PageSignOut)]

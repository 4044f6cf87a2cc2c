"""The base of pages that the server composes: who is signed in, forms that only our own pages can send, messages. docs/api/operations.md#pages."""

import json
import re
import time
from typing import Any, ClassVar, NamedTuple
from urllib.parse import quote, urlsplit

import tornado.web

from core.access import Access
from core.dialect import Dialect
from core.http import form
from core.problem import Problem
from core.tokens import TokenError
from handlers.api.caller import Caller, find_caller
from handlers.api.dialects import ApiDialect
from handlers.api.handler import ApiHandler
from handlers.api.page import CONTENT_SECURITY_POLICY, WEB, PageLink, pages_for

# The kinds of our signed tokens, and the names of the cookies that hold them: one session for all pages of this server.
SESSION, MESSAGE = "tradepost-session", "tradepost-message"
# A message is shown on the next page; nobody waits longer for it.
MESSAGE_SECONDS = 60
# Bytes of its text as JSON. It travels in a cookie, of which browsers keep 4,096 bytes with its encoding, and nginx as many of all headers.
LONGEST_MESSAGE = 1_500
# Where a person signs in who follows a link to a page without a session.
SIGN_IN = "/"
# An address of this server. A browser takes //host and /\\host for another one, and leaves out tabs and line ends before it looks.
OWN_ADDRESS = re.compile(r"/(?![/\\])[!-~]{0,2000}")


class Site(NamedTuple):
    """What the header of all pages shows (web/templates/header.html). path: of this page. account: the number of who is signed in; ""
    for nobody. who: their name."""

    pages: list[PageLink]
    path: str
    account: str
    who: str


class PageDialect(ApiDialect):
    """`{error}`, which the scripts of the pages show."""

    def body(self, problem: Problem) -> dict[str, Any]:
        return {"error": problem.message, **problem.extra}


class PageHandler(ApiHandler):
    """Knows its caller from the cookie of the pages. Its answers are pages; for a script they are JSON, refusals `{error}`.

    sign_in: the address of the page on which people without a session sign in. refused: the template of a refusal, which shows `message`.
    """

    dialect: ClassVar[Dialect] = PageDialect()
    is_described = False
    schemes = ("cookie",)
    sign_in: ClassVar[str] = SIGN_IN
    refused: ClassVar[str] = "refused.html"

    def set_default_headers(self) -> None:
        super().set_default_headers()
        # The cookie is sent along by pages of other ports of this host too: no page of another origin may read the answers.
        for name in [name for name in self._headers if name.startswith("Access-Control-")]:
            self.clear_header(name)
        self.set_header("Cache-Control", "no-store")

    def set_cookie(self, name: str, value: str | bytes, *arguments: Any, **more: Any) -> None:
        """As Tornado's, for these pages alone: no script reads the cookie, and no form of another site sends it."""
        kept = {"path": "/", "httponly": True, "samesite": "Lax", "secure": self.origin.startswith("https:")}
        super().set_cookie(name, value, *arguments, **{**more, **kept})

    def keep_session(self, session_id: int) -> None:
        """Set the cookie of a session that was opened."""
        days = self.config.refresh_token_days
        token = self.application.tokens.sign(SESSION, time.time() + days * 86400, {"sid": session_id})
        self.set_cookie(SESSION, token, expires_days=days)

    @property
    def is_script(self) -> bool:
        """Whether the request comes from a page's script, which reads JSON."""
        return self.header("X-Requested-With") == "XMLHttpRequest"

    async def authenticate(self) -> None:
        """Set self.caller from the cookie; it stays None without a session that is open, of an active account."""
        sent = self.get_cookie(SESSION)
        if sent is None:
            return
        try:
            claims = self.application.tokens.read(SESSION, sent)
        except TokenError:
            return
        caller = await find_caller(self.application, claims.get("sid"))
        if caller is not None and caller.is_active:
            self.caller = caller

    def check_form(self) -> None:
        """Raises Problem 403 unless the form was made by one of our pages for this browser."""
        sent = self.form_value("csrfmiddlewaretoken")
        if sent:
            # The document's name of the field. Tornado knows a name of its own, and this header.
            self.request.headers["X-Xsrftoken"] = sent
        origin = self.header("Origin")
        try:
            self.check_xsrf_cookie()
        except tornado.web.HTTPError:
            raise Problem(403, "forged", "CSRF verification failed. Please load the page again.") from None
        if origin and urlsplit(origin).netloc != self.request.host:
            raise Problem(403, "forged", "The form was sent by another site.")

    def check_same_origin(self) -> None:
        """Raises Problem 403 unless a script of our own pages sent the request. Browsers send these headers by themselves, and no script can
        set Origin or Sec-Fetch-Site. SameSite cookies are not enough: to them other ports of this host are the same site."""
        origin, site = self.header("Origin"), self.header("Sec-Fetch-Site")
        # The scheme is not compared: a proxy that is not trusted hides it, and Sec-Fetch-Site tells it already.
        is_ours = bool(origin or site) and site in ("", "same-origin")
        if origin and urlsplit(origin).netloc != self.request.host:
            is_ours = False
        if not self.is_script or not is_ours:
            raise Problem(403, "forged", "Only the pages of this server may use their session.")

    def form_value(self, name: str) -> str:
        """The value of a field of a form; "" without it."""
        found = form.parts(self.request)[0].get(name)
        return self.decode_argument(found[-1], name) if found else ""

    def say(self, message: str, kind: str = "success") -> None:
        """Show a message on the next page, if need be without its end. kind: success or error."""
        told = {"text": _fitting(message), "kind": kind}
        self.set_cookie(MESSAGE, self.application.tokens.sign(MESSAGE, time.time() + MESSAGE_SECONDS, told))

    def show(self, template: str, **values: Any) -> None:
        """Answer with a page of web/templates. Each gets `said`, the message of the page before, `token`, which its forms send as
        csrfmiddlewaretoken, and `site` for the header of all pages."""
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        self.render(template, **{"said": self._said(), "token": self.xsrf_token.decode(), "site": self.site, **values})

    @property
    def site(self) -> Site:
        """What the header shows to who is signed in."""
        caller = self.caller
        account, who = (str(caller.account_id), caller.name or caller.email) if caller is not None else ("", "")
        return Site(pages_for(caller, self.config), self.request.path, account, who)

    def own_address(self, wanted: str, otherwise: str) -> str:
        """`wanted`, if it is an address of this server; never another site."""
        return wanted if OWN_ADDRESS.fullmatch(wanted) else otherwise

    def get_template_path(self) -> str:
        return str(WEB / "templates")

    def refuse(self, problem: Problem) -> None:
        """A person who follows a link or sends a form gets a page."""
        if self.is_script or "text/html" not in self.header("Accept") or problem.status < 400 or self._headers_written:
            super().refuse(problem)
            return
        self.clear()
        for name, value in problem.headers.items():
            self.set_header(name, value)
        self._refused = f" refused={problem.slug}"
        self.set_status(problem.status)
        self.show(self.refused, message=self.dialect.worded(problem).message)

    def to_sign_in(self) -> Problem:
        """302 to the sign-in, which leads back to what was asked for. A form or a script without a session is refused by 403."""
        if self.request.method not in ("GET", "HEAD") or self.is_script:
            return Problem(403, "denied", "Access denied")
        address = f"{self.sign_in}?next={quote(self.request.uri or '', safe='')}"
        return Problem(302, "sign-in", "Please sign in.", headers={"Location": address})

    def _said(self) -> dict[str, Any] | None:
        """The message of the page before, once."""
        sent = self.get_cookie(MESSAGE)
        if sent is None:
            return None
        self.clear_cookie(MESSAGE)
        try:
            return self.application.tokens.read(MESSAGE, sent)
        except TokenError:
            return None


def _fitting(message: str) -> str:
    kept = message[:LONGEST_MESSAGE]
    while len(json.dumps(kept)) > LONGEST_MESSAGE:
        kept = kept[: len(kept) * 9 // 10]
    return message if kept == message else f"{kept}…"


def is_staff(caller: Caller) -> bool:
    """Whether a caller may enter the administration."""
    return caller.is_staff or caller.is_superuser or caller.role == "SUPERADMIN"


def _staff(handler: PageHandler) -> None:
    if handler.caller is None:
        raise handler.to_sign_in()
    if not is_staff(handler.caller):
        raise Problem(403, "denied", "Only staff may enter the administration.")


staff_page = Access("signed in by the cookie of the pages, is_staff or SUPERADMIN", _staff)

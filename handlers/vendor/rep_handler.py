"""The base of the pages for sales reps: who is signed in, forms that only our own pages can send, messages. docs/api/vendor.md#sales-rep-pages."""

import time
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import tornado.web

from core.access import Access
from core.data import sql
from core.http import form
from core.problem import Problem
from core.tokens import TokenError
from handlers.api.caller import find_caller
from handlers.api.dialects import ApiDialect
from handlers.api.handler import ApiHandler
from handlers.api.page import CONTENT_SECURITY_POLICY, WEB
from handlers.api.roles import ROLES

SIGN_IN, VENDORS = "/sales-rep/", "/sales-rep/vendors/"
# Of the cookies: so they also come with the first page's address without its slash.
COOKIE_PATH = "/sales-rep"
# The kinds of our signed tokens, and the names of the cookies that hold them.
SESSION, MESSAGE = "sales-rep", "sales-rep-message"
# A message is shown on the next page; nobody waits longer for it.
MESSAGE_SECONDS = 60
query = sql.load("vendor/sales_rep")


class RepDialect(ApiDialect):
    """`{error}`, which the script of the pages shows."""

    def body(self, problem: Problem) -> dict[str, Any]:
        return {"error": problem.message, **problem.extra}


class Rep(NamedTuple):
    """Who is signed in to the pages. refusal: why they may not use them; "": they may."""

    name: str
    kind: str
    refusal: str


class RepHandler(ApiHandler):
    """Knows its caller from a cookie. Its answers are pages; for a script they are `{error}`."""

    dialect = RepDialect()
    is_described = False
    schemes = ("cookie",)
    rep: Rep | None = None

    def set_default_headers(self) -> None:
        super().set_default_headers()
        # The cookie is sent along by pages of other ports of this host too: no page of another origin may read the answers.
        for name in [name for name in self._headers if name.startswith("Access-Control-")]:
            self.clear_header(name)
        self.set_header("Cache-Control", "no-store")

    def set_cookie(self, name: str, value: str | bytes, *arguments: Any, **more: Any) -> None:
        """As Tornado's, for these pages alone: no script reads the cookie, and no form of another site sends it."""
        kept = {"path": COOKIE_PATH, "httponly": True, "samesite": "Lax", "secure": self.origin.startswith("https:")}
        super().set_cookie(name, value, *arguments, **{**more, **kept})

    @property
    def is_script(self) -> bool:
        """Whether the request comes from the pages' script, which reads JSON."""
        return self.header("X-Requested-With") == "XMLHttpRequest"

    async def authenticate(self) -> None:
        """Set self.caller and self.rep from the cookie; neither without a session that is open."""
        sent = self.get_cookie(SESSION)
        if sent is None:
            return
        try:
            claims = self.application.tokens.read(SESSION, sent)
        except TokenError:
            return
        caller = await find_caller(self.application, claims.get("sid"))
        if caller is not None and caller.is_active:
            self.caller, self.rep = caller, await find_rep(self.db, caller.account_id)

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

    def form_value(self, name: str) -> str:
        """The value of a field of a form; "" without it."""
        found = form.parts(self.request)[0].get(name)
        return self.decode_argument(found[-1], name) if found else ""

    def say(self, message: str, kind: str = "success") -> None:
        """Show a message on the next page. kind: success or error."""
        told = {"text": message, "kind": kind}
        self.set_cookie(MESSAGE, self.application.tokens.sign(MESSAGE, time.time() + MESSAGE_SECONDS, told))

    def show(self, template: str, **values: Any) -> None:
        """Answer with a page of web/templates."""
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        self.render(template, rep=self.rep, said=self._said(), token=self.xsrf_token.decode(), **values)

    def get_template_path(self) -> str:
        return str(WEB / "templates")

    def refuse(self, problem: Problem) -> None:
        """A person who follows a link or sends a form gets a page."""
        if self.is_script or "text/html" not in self.header("Accept") or problem.status < 400 or self._headers_written:
            super().refuse(problem)
            return
        self.clear()
        self._refused = f" refused={problem.slug}"
        self.set_status(problem.status)
        self.show("sales_rep_refused.html", message=self.dialect.worded(problem).message)

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


async def find_rep(db: sql.Runner, account_id: int) -> Rep | None:
    """What an account is to the pages. None: it was deleted."""
    row = await query.get_rep(db, account_id=account_id)
    if row is None:
        return None
    kind = "Sales Rep" if row["role"] == "SALESREP" or row["is_rep_active"] is not None else "Admin"
    may_enter = "sales-rep" in ROLES[row["role"]] or row["is_staff"] or row["is_rep_active"] is not None
    refusal = "Access denied" if not may_enter else ""
    # A profile that was switched off counts for people of the firm too.
    if row["is_rep_active"] is False:
        refusal = "Sales rep account not active"
    return Rep(row["name"], kind, refusal)


def rep_of(handler: RepHandler) -> Rep:
    """Who is signed in. Raises Problem: 302 to the sign-in; 403 for a form or a script without a session, and for people who are no sales
    reps."""
    rep = handler.rep
    if rep is None and handler.request.method in ("GET", "HEAD") and not handler.is_script:
        address = f"{SIGN_IN}?next={quote(handler.request.uri or '', safe='')}"
        raise Problem(302, "sign-in", "Please sign in.", headers={"Location": address})
    if rep is None or rep.refusal:
        raise Problem(403, "denied", rep.refusal if rep is not None else "Access denied")
    return rep


def _signed_in(handler: RepHandler) -> None:
    rep_of(handler)


sales_rep = Access("signed in by the cookie of the sales reps' pages, area sales-rep, or is_staff", _signed_in)

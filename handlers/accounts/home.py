"""The address without a path: what this server is, where to sign in, and the pages that one may use. docs/api/accounts.md#home."""

from core.http import negotiate, schema
from core.http.declare import takes
from core.http.parameter import Parameter
from core.problem import Problem
from handlers.accounts.page_session import OpensPageSession
from handlers.api.page import GROUPS

HTML, JSON = "text/html", "application/json"
HOME, INDEX = "/", "/api/"
FORM = schema.load("accounts/home_sign_in")
NEXT = Parameter("next", "The page of this server to go to after the sign-in.")


class Home(OpensPageSession):
    parameters = (NEXT,)

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.add_header("Vary", "Accept")

    @property
    def next(self) -> str:
        """The page that somebody wanted who was sent here to sign in."""
        return self.own_address(self.asked("next"), HOME)

    async def get(self) -> None:
        """200 text/html; 302 for those who are signed in to the page that they wanted, and for programs to the index of the API."""
        if negotiate.media_type(self.header("Accept"), (HTML, JSON)) == JSON:
            self.redirect(INDEX)
            return
        await self.authenticate()
        if self.caller is not None and self.next != HOME:
            self.redirect(self.next)
            return
        self.show_home()

    @takes(FORM)
    async def post(self) -> None:
        """302 to the page that was wanted; 200 text/html with what is wrong; 403 without the token of our form."""
        self.check_form()
        try:
            await self.read_body(FORM)
            await self.begin_session(self.body["username"], self.body["password"])
        except Problem as problem:
            if problem.status not in (400, 401, 429):
                raise
            self.caller = None
            self.show_home(problem=self.bad_sign_in() if problem.fields is not None else problem)
            return
        self.redirect(self.next)

    def show_home(self, problem: Problem | None = None) -> None:
        """Answer with the page. problem: why nobody is signed in."""
        site = self.site
        self.show(
            "home.html",
            groups=[(group, [link for link in site.pages if link.group == group]) for group in GROUPS],
            role=self.caller.role if self.caller else "",
            problem=self.dialect.worded(problem).message if problem else "",
            username=self.form_value("username")[:255] if problem else "",
            next=self.next,
            may_sign_up=self.config.sign_up_open,
        )


routes = [(HOME, Home)]

"""A browser without scripts, for the pages that the server composes."""

import re
import time
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from handlers.api.page_handler import SESSION
from tests.support.http import PASSWORD, multipart

SIGN_IN = "/sales-rep/"
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}


class Visitor:
    """A browser without scripts: it keeps cookies, and sends the forms of the page that it has loaded."""

    def __init__(self, api):
        self._api, self.cookies, self.token = api, {}, ""

    async def call(self, method, path, *, form=None, body=None, **headers):
        sent = {"Accept": "text/html", "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if form is not None:
            body = urlencode({"csrfmiddlewaretoken": self.token, **form}, doseq=True).encode()
            sent |= FORM
        answer = await self._api.call(method, path, body, headers={**sent, **headers}, is_described=False)
        for text in answer.headers.getall("Set-Cookie", []):
            for name, cookie in SimpleCookie(text).items():
                self.cookies[name] = cookie.value
                if not cookie.value:
                    del self.cookies[name]
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', answer.text)
        self.token = found[1] if found else self.token
        return answer

    async def get(self, path, **headers):
        return await self.call("GET", path, **headers)

    async def post(self, path, form=None, **headers):
        return await self.call("POST", path, form=form or {}, **headers)

    async def send(self, path, form, files=None):
        """Send a form with files, as browsers do."""
        kind, body = multipart({"csrfmiddlewaretoken": self.token, **form}, files or {})
        return await self.call("POST", path, body=body, **{"Content-Type": kind})

    def enter(self, app, account):
        """Take over the session of a sign-in through the API. account: its answer."""
        session = app.tokens.read("access", account["access"])["sid"]
        self.cookies[SESSION] = app.tokens.sign(SESSION, time.time() + 86400, {"sid": session})

    async def sign_in(self, username, password=PASSWORD):
        """Sign in at the sales reps' page, whose cookie is that of all pages."""
        await self.get(SIGN_IN)
        return await self.post(SIGN_IN, {"username": username, "password": password})

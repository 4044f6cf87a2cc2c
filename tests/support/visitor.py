"""A browser without scripts, for the pages that the server composes."""

import re
import time
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

from core.http.application import Application
from handlers.api.page_handler import SESSION
from tests.support.http import PASSWORD, Answer, Api, multipart

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}


class Visitor:
    """Keeps cookies, and sends the forms of the page that it has loaded. sign_in_path: the page on which it signs in."""

    def __init__(self, api: Api, sign_in_path: str = "/") -> None:
        self._api, self._sign_in_path = api, sign_in_path
        self.cookies: dict[str, str] = {}
        self.token = ""

    async def call(
        self, method: str, path: str, *, form: dict[str, Any] | None = None, body: bytes | None = None, **headers: str
    ) -> Answer:
        sent = {"Accept": "text/html", "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if form is not None:
            body = urlencode({"csrfmiddlewaretoken": self.token, **form}, doseq=True).encode()
            sent |= FORM
        answer = await self._api.call(method, path, body, headers={**sent, **headers}, is_described=False)
        self.take_cookies(answer)
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', answer.text)
        self.token = found[1] if found else self.token
        return answer

    def take_cookies(self, answer: Answer) -> None:
        for text in answer.headers.getall("Set-Cookie", []):
            for name, cookie in SimpleCookie(text).items():
                self.cookies[name] = cookie.value
                if not cookie.value:
                    del self.cookies[name]

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.call("GET", path, **headers)

    async def post(self, path: str, form: dict[str, Any] | None = None, **headers: str) -> Answer:
        return await self.call("POST", path, form=form or {}, **headers)

    async def send(self, path: str, form: dict[str, Any], files: dict[str, tuple[str, bytes]] | None = None) -> Answer:
        """Send a form with files, as browsers do."""
        kind, body = multipart({"csrfmiddlewaretoken": self.token, **form}, files or {})
        return await self.call("POST", path, body=body, **{"Content-Type": kind})

    def enter(self, app: Application, account: Any) -> None:
        """Take over the session of a sign-in through the API. account: its answer."""
        session = app.tokens.read("access", account["access"])["sid"]
        self.cookies[SESSION] = app.tokens.sign(SESSION, time.time() + 86400, {"sid": session})

    async def sign_in(self, username: str, password: str = PASSWORD) -> Answer:
        await self.get(self._sign_in_path)
        return await self.post(self._sign_in_path, {"username": username, "password": password})

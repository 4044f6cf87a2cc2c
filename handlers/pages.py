"""Pages for people: HTML from web/templates, what they need from web/static. No build step, nothing from other hosts."""

from pathlib import Path
from typing import ClassVar

import tornado.web

from core.access import public
from core.handler import Handler

WEB = Path(__file__).resolve().parent.parent / "web"
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
)


class Page(Handler):
    """One file of web/templates, as it is."""

    template: ClassVar[str]

    async def get(self) -> None:
        """200 text/html."""
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        self.set_header("Cache-Control", "no-cache")
        self.finish((WEB / "templates" / self.template).read_bytes())


class Static(tornado.web.StaticFileHandler, Handler):
    """Files of web/static, with ETag and Range. Tornado's handler keeps paths inside the folder."""

    access = public
    authenticates = False

    def initialize(self) -> None:  # type: ignore[override]
        Handler.initialize(self)
        tornado.web.StaticFileHandler.initialize(self, path=str(WEB / "static"))

    def compute_etag(self) -> str | None:
        return tornado.web.StaticFileHandler.compute_etag(self)

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Cache-Control", "no-cache")

    async def get(self, path: str, include_body: bool = True) -> None:
        """200, 206, 304, 404."""
        await tornado.web.StaticFileHandler.get(self, path, include_body)


class Home(Handler):
    """Who types the bare address wants to see something."""

    access = public
    authenticates = False

    async def get(self) -> None:
        """302 to the board."""
        self.redirect("/live/")


routes = [("/", Home), ("/static/{path:path}", Static)]

"""The static files of pages."""

from pathlib import Path
from typing import ClassVar

import tornado.web

from core.access import public
from core.http.handler import Handler
from handlers.api.dialects import ApiDialect
from handlers.api.page import WEB


class Static(tornado.web.StaticFileHandler, Handler):
    """Files of web/static, with ETag and Range. Tornado's handler refuses paths outside the folder. A subclass may name another `folder`."""

    folder: ClassVar[Path] = WEB / "static"
    dialect = ApiDialect()
    access = public
    authenticates = False
    is_described = False

    def initialize(self) -> None:  # type: ignore[override]
        Handler.initialize(self)
        tornado.web.StaticFileHandler.initialize(self, path=str(self.folder))

    def compute_etag(self) -> str | None:
        return tornado.web.StaticFileHandler.compute_etag(self)

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Cache-Control", "no-cache")

    async def get(self, path: str, include_body: bool = True) -> None:
        """200, 206, 304, 404."""
        await tornado.web.StaticFileHandler.get(self, path, include_body)


routes = [("/static/{path:path}", Static)]

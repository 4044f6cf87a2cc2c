"""GET /api/openapi.json: the description of all APIs. docs/api/operations.md#description."""

import hashlib

from core.access import public
from core.http.application import Application
from core.http.declare import answers
from handlers.api import description
from handlers.api.handler import OperationsHandler


class Composed:
    """The description as this process serves it. etag: of the text."""

    def __init__(self, app: Application) -> None:
        self.text = description.text(description.compose(app.router.routes))
        self.etag = f'"{hashlib.sha256(self.text.encode()).hexdigest()[:32]}"'


class Description(OperationsHandler):
    access = public
    authenticates = False
    groups = ("Server: description",)

    # Tools on other origins may read it: it tells nothing that is secret.
    any_origin = True

    @answers(200, {"type": "object"}, headers=("ETag",))
    @answers(304, None, headers=("ETag",))
    async def get(self) -> None:
        """Read this description (OpenAPI 3.1). 200; 304."""
        composed = self.application.kept(Composed)
        self.set_header("ETag", composed.etag)
        self.set_header("Cache-Control", "no-cache")
        if self.check_etag_header():
            self.set_status(304)
            self.finish()
        else:
            self.reply(composed.text)


routes = [("/api/openapi.json", Description)]

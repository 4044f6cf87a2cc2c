"""GET /api/docs/: the page on which people read the API and try it. docs/api/operations.md#description."""

from pathlib import Path

from swagger_ui_bundle import swagger_ui_path

from core.access import public
from core.problem import Problem
from handlers.api.page import CONTENT_SECURITY_POLICY, SERVER, Page, PageLink
from handlers.operations.web import Static

# The package also has a page, scripts and source maps that nothing here uses.
ASSETS = ("swagger-ui.css", "swagger-ui-bundle.js")


class Docs(Page):
    # The page holds no data: Swagger UI reads /api/openapi.json, and each request that it sends is checked like any other.
    access = public
    template = "docs.html"
    # The pictures in Swagger UI's style are data: URLs.
    content_security_policy = f"{CONTENT_SECURITY_POLICY}; img-src 'self' data:"


class SwaggerUi(Static):
    """The files of Swagger UI that the page needs. They come from the package, which keeps them unchanged."""

    folder = Path(swagger_ui_path)

    async def get(self, path: str, include_body: bool = True) -> None:
        """200, 206, 304, 404."""
        if path not in ASSETS:
            raise Problem(404, "no-such-asset", "Not Found")
        await super().get(path, include_body)


pages = [
    PageLink(
        "/api/docs/",
        "API",
        "Read what programs can ask this server, and try it.",
        may=lambda caller: True,
        is_public=lambda config: True,
        group=SERVER,
        place=40,
    )
]
routes = [("/api/docs/", Docs), ("/static/swagger-ui/{path:path}", SwaggerUi)]

"""HTML pages from web/templates, without a build step and without files from other hosts."""

from pathlib import Path
from typing import ClassVar

from core.http.handler import Handler
from handlers.api.dialects import ApiDialect

WEB = Path(__file__).resolve().parents[2] / "web"
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
)


class Page(Handler):
    """Serves one file of web/templates, unchanged. A subclass names it in `template`."""

    dialect = ApiDialect()
    is_described = False
    template: ClassVar[str]
    content_security_policy: ClassVar[str] = CONTENT_SECURITY_POLICY

    async def get(self) -> None:
        """200 text/html."""
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Content-Security-Policy", self.content_security_policy)
        self.set_header("Cache-Control", "no-cache")
        self.finish((WEB / "templates" / self.template).read_bytes())

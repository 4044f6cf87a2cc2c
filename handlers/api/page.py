"""Pages for people: HTML from web/templates. No build step, nothing from other hosts."""

from pathlib import Path
from typing import ClassVar

from core.http.handler import Handler

WEB = Path(__file__).resolve().parents[2] / "web"
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

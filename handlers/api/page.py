"""HTML pages from web/templates, without a build step and without files from other hosts, and the links by which people find them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

import tornado.template

from core.http.handler import Handler
from handlers.api import areas
from handlers.api.caller import Caller
from handlers.api.dialects import ApiDialect
from handlers.settings import Settings

WEB = Path(__file__).resolve().parents[2] / "web"
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
)
# The headings under which the home page shows its links, in this order.
WORK, OFFICE, SERVER = "Work", "Office", "Server"
GROUPS = (WORK, OFFICE, SERVER)


@dataclass(frozen=True)
class PageLink:
    """A page as the home page and the menu of all pages show it. A module lists its own under the name `pages`.

    sentence: what one does there. may: whether a caller may use the page. is_public: whether people who are not signed in may, too.
    group: one of GROUPS. place: the order within the group, the lowest first.
    """

    path: str
    title: str
    sentence: str
    may: Callable[[Caller], bool]
    is_public: Callable[[Settings], bool] = lambda config: False
    group: str = WORK
    place: int = 50


@cache
def all_pages() -> list[PageLink]:
    """The pages of all areas, in the order in which people see them."""
    found: list[PageLink] = areas.gathered("pages")
    return sorted(found, key=lambda link: (GROUPS.index(link.group), link.place))


def pages_for(caller: Caller | None, config: Settings) -> list[PageLink]:
    """The pages that a caller may use; None: somebody who is not signed in."""
    return [link for link in all_pages() if (link.is_public(config) if caller is None else link.may(caller))]


@cache
def composed(template: str) -> bytes:
    """A file of web/templates with the header of all pages in it. It is the same for everybody: its script asks who is signed in."""
    loader = tornado.template.Loader(str(WEB / "templates"), whitespace="all")
    return loader.load(template).generate(site=None)


class Page(Handler):
    """Serves one file of web/templates, the same for everybody. A subclass names it in `template`."""

    dialect = ApiDialect()
    is_described = False
    template: ClassVar[str]
    content_security_policy: ClassVar[str] = CONTENT_SECURITY_POLICY

    async def get(self) -> None:
        """200 text/html."""
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Content-Security-Policy", self.content_security_policy)
        self.set_header("Cache-Control", "no-cache")
        self.finish(composed(self.template))

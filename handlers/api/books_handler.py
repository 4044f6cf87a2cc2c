"""The base of the books API's handlers: whose books they are, and which state of a row the client has seen. docs/api/books.md."""

import contextlib
from collections.abc import Mapping
from typing import Any, ClassVar

import tornado.httputil

from core.dialect import Dialect
from core.http.application import Application
from core.http.declare import answers
from core.problem import Problem, not_found
from core.tokens import TokenError
from handlers.api.caller import find_caller
from handlers.api.dialects import BooksDialect
from handlers.api.handler import NotFound, bearer_of
from handlers.api.limited import LimitedHandler
from handlers.api.roles import ROLES, may_enter, signed_in_caller

AREA = "books"
own_books = may_enter(AREA)
# The 412 of a change names the present state.
stale = answers(412, BooksDialect.error, headers=("ETag",))


class BooksHandler(LimitedHandler):
    """Each account has books of its own. What belongs to another account doesn't exist for the caller."""

    dialect: ClassVar[Dialect] = BooksDialect()
    access = own_books

    @property
    def owner_id(self) -> int:
        """The account whose books the request is about: the caller's."""
        return signed_in_caller(self).account_id

    @property
    def if_match(self) -> list[str] | None:
        """The tags of If-Match; None: the change is made whatever the state is. Tags are compared strongly, so a weak one never matches
        (RFC 9110, 13.1.1)."""
        tags = [tag.strip() for tag in self.request.headers.get("If-Match", "*").split(",")]
        return None if tags == ["*"] else tags

    def show(self, found: Mapping[str, Any] | None, status: int = 200) -> None:
        """Answer with one row (document, etag). Raises Problem 404 without one."""
        row = self.found(found)
        self.set_header("ETag", row["etag"])
        # A client may keep it, but asks each time whether it is still current.
        self.set_header("Cache-Control", "private, no-cache")
        self.reply(row["document"], status)

    def show_changed(self, found: Mapping[str, Any] | None) -> None:
        """Answer with a changed row (is_stale, document, etag). Raises Problem: 404 without one; 412 it is in another state than If-Match
        says."""
        self.show(self.current(found))

    def found(self, found: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """The row. Raises Problem 404 without one."""
        if found is None:
            raise not_found(self.missing)
        return found

    def current(self, found: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """The row (is_stale, etag). Raises Problem: 404 without one; 412 it is in another state than If-Match says."""
        row = self.found(found)
        if row["is_stale"]:
            said = "This was changed in the meantime. Please read it again."
            raise Problem(412, "stale", said, headers={"ETag": row["etag"]})
        return row


class NotFoundInBooks(LimitedHandler, NotFound):
    """404 for unknown paths of the API, in its dialect. They count among the requests of who asks for them."""

    dialect: ClassVar[Dialect] = BooksDialect()

    async def authenticate(self) -> None:
        """The path isn't there for anybody, so a wrong token is no reason to say something else."""
        with contextlib.suppress(Problem):
            await super().authenticate()


async def admits(app: Application, request: tornado.httputil.HTTPServerRequest) -> bool:
    """Whether a request, of which only the head is read, has the token of an account with books. Raises Problem 503."""
    try:
        claims = app.tokens.read("access", bearer_of(request) or "")
    except TokenError:
        return False
    caller = await find_caller(app, claims.get("sid"))
    return caller is not None and caller.is_active and AREA in ROLES[caller.role]

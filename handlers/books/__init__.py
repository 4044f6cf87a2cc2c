"""The firm's own books: clients, quotes, invoices, payments and expenses of each account. docs/api/books.md."""

import contextlib

from core.problem import Problem
from handlers.api.dialects import BooksDialect
from handlers.api.handler import NotFound
from handlers.api.limited import LimitedHandler


class NotFoundInBooks(LimitedHandler, NotFound):
    """404 for unknown paths of the area, in its dialect. They count among the requests of who asks for them."""

    dialect = BooksDialect()

    async def authenticate(self) -> None:
        """The path isn't there for anybody, so a wrong token is no reason to say something else."""
        with contextlib.suppress(Problem):
            await super().authenticate()


fallbacks = [(f"/api/{noun}/", NotFoundInBooks) for noun in ("clients", "quotes", "invoices", "expenses", "books")]

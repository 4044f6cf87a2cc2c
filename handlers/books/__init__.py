"""The firm's own books: clients, quotes, invoices, payments and expenses of each account. docs/api/books.md."""

from handlers.api.dialects import BooksDialect
from handlers.api.handler import NotFound


class NotFoundInBooks(NotFound):
    """404 for unknown paths of the area, in its dialect."""

    dialect = BooksDialect()


fallbacks = [(f"/api/{noun}/", NotFoundInBooks) for noun in ("clients", "quotes", "invoices", "expenses", "books")]

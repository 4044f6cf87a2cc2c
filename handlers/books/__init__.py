"""The firm's own books: clients, quotes, invoices, payments and expenses of each account. docs/api/books.md."""

from handlers.api.books_handler import NotFoundInBooks

fallbacks = [(f"/api/{noun}/", NotFoundInBooks) for noun in ("clients", "quotes", "invoices", "expenses", "books")]

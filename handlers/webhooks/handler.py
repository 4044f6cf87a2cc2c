"""The base of the handlers of webhooks. docs/api/webhooks.md"""

from core.problem import Problem
from handlers.api.books_handler import BooksHandler, NotFoundInBooks
from handlers.api.roles import signed_in

INACTIVE = Problem(409, "inactive", "The webhook is not active. Activate it first.")


class WebhookHandler(BooksHandler):
    """Everybody who is signed in has webhooks of their own. Errors, limits, lists and ETags are those of the books."""

    access = signed_in


fallbacks = [("/api/webhooks/", NotFoundInBooks)]

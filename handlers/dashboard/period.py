"""The periods of dashboards. docs/api/dashboard.md#periods."""

from core.http.parameter import Parameter
from handlers.api import books_listing
from handlers.api.books_handler import BooksHandler

# As dashboard.periods has them.
PERIODS = ("daily", "weekly", "monthly", "quarterly", "yearly")
PERIOD_TYPE = Parameter(
    "period_type", "The kind of period.", {"type": "string", "enum": list(PERIODS), "default": "monthly"}
)


def period_type(handler: BooksHandler, name: str = "period_type") -> str:
    """The kind of period that is asked for, monthly unless another is. Raises Problem 400."""
    return books_listing.choice(handler, name, PERIODS) or "monthly"

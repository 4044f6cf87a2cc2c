"""The periods of dashboards. docs/api/dashboard.md#periods."""

from typing import Any

from core.http.parameter import DATE, Parameter
from handlers.api import books_listing
from handlers.api.books_handler import BooksHandler
from handlers.api.moment import day

# As dashboard.periods has them.
PERIODS = ("daily", "weekly", "monthly", "quarterly", "yearly")
PERIOD_TYPE = Parameter(
    "period_type", "The kind of period.", {"type": "string", "enum": list(PERIODS), "default": "monthly"}
)
PERIOD = (PERIOD_TYPE, Parameter("snapshot_date", "A day of the period; today, unless another is given.", DATE))


def period_type(handler: BooksHandler, name: str = "period_type") -> str:
    """The kind of period that is asked for, monthly unless another is. Raises Problem 400."""
    return books_listing.choice(handler, name, PERIODS) or "monthly"


def period(handler: BooksHandler) -> dict[str, Any]:
    """The period that is asked for by the parameters PERIOD: period_type and day; None: today. Raises Problem 400."""
    return {"period_type": period_type(handler), "day": day(handler, "snapshot_date")}

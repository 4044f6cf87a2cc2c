"""Revenue, expenses and profit over several periods. docs/api/dashboard.md#trends."""

from core.data import sql
from core.http.declare import answers
from core.http.parameter import Parameter
from handlers.api import books_listing
from handlers.api.books_handler import BooksHandler
from handlers.dashboard import period

# Points of a trend.
USUAL, MOST = 12, 60

query = sql.load("dashboard/trend")


class Trends(BooksHandler):
    parameters = (
        period.PERIOD_TYPE._replace(name="period", says="The length of a period."),
        Parameter(
            "periods",
            "How many periods, of which the last one is the present.",
            {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL},
        ),
    )

    @answers(200, "dashboard/trends")
    async def get(self) -> None:
        """Show revenue, expenses and profit of the last periods, oldest first. 200; 400 an unknown period, or a wrong number of periods."""
        period_type = period.period_type(self, "period")
        periods = books_listing.whole_from(self, "periods", 1, MOST, USUAL)
        self.reply(await query.get_trends(self.db, owner_id=self.owner_id, period_type=period_type, periods=periods))


groups = ("Books: dashboard",)
routes = [("/api/dashboard/trends/", Trends)]

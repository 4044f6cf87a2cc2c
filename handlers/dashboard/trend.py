"""Revenue, expenses and profit over several periods. docs/api/dashboard.md#trends."""

from core.data import sql
from core.http.declare import answers
from core.http.parameter import Parameter
from core.problem import Message, invalid
from handlers.api.books_handler import BooksHandler
from handlers.dashboard import period

# Points of a trend.
USUAL, MOST = 12, 60
# Digits of a number of periods that are read; no right one has more.
LONGEST_NUMBER = 18

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
        self.reply(
            await query.get_trends(
                self.db, owner_id=self.owner_id, period_type=period_type, periods=self._number_of_periods()
            )
        )

    def _number_of_periods(self) -> int:
        asked = self.asked("periods") or str(USUAL)
        digits = asked.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal()):
            raise invalid({"periods": [Message.of("type.integer")]})
        if asked.startswith("-") or not int(digits[:LONGEST_NUMBER]):
            raise invalid({"periods": [Message.of("minimum", limit=1)]})
        if len(digits) > LONGEST_NUMBER or int(digits) > MOST:
            raise invalid({"periods": [Message.of("maximum", limit=MOST)]})
        return int(digits)


groups = ("Books: dashboard",)
routes = [("/api/dashboard/trends/", Trends)]

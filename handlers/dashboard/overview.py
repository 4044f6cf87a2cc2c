"""The figures of a period or of a range of days. docs/api/dashboard.md#overview."""

from core.data import sql
from core.http.declare import answers
from core.http.parameter import DATE, Parameter
from core.problem import invalid
from handlers.api import books_listing
from handlers.api.books_handler import BooksHandler
from handlers.api.moment import day
from handlers.dashboard.category import CATEGORY_TYPES
from handlers.dashboard.metric import METRIC_CATEGORIES, METRIC_CATEGORY
from handlers.dashboard.period import PERIOD_TYPE, period_type

query = sql.load("dashboard/overview")


class Overview(BooksHandler):
    parameters = (
        PERIOD_TYPE,
        Parameter("start_date", "The first day of a range, which takes the place of the period.", DATE),
        Parameter("end_date", "The last day of a range, which takes the place of the period.", DATE),
        Parameter("client_id", "Only the figures of this client.", books_listing.ID),
        Parameter(
            "category_type",
            "Of which type the categories are that `expense_categories` has.",
            {"type": "string", "enum": list(CATEGORY_TYPES), "default": "expense"},
        ),
        METRIC_CATEGORY,
    )

    @answers(200, "dashboard/overview")
    async def get(self) -> None:
        """Show the figures of the period that today is in, or of a range of days. 200; 400 a wrong parameter, or a range that ends before it
        begins; 404 there is no such client."""
        asked = {
            "period_type": period_type(self),
            "category_type": books_listing.choice(self, "category_type", CATEGORY_TYPES) or "expense",
            "metric_category": books_listing.choice(self, "metric_category", METRIC_CATEGORIES),
        }
        days, client = self._days(), books_listing.id_of(self, "client_id")
        if client is not None:
            if asked["category_type"] == "service":
                raise invalid({"category_type": ["The services of one client are not known."]})
            of_client = query.get_overview_of_client(self.db, owner_id=self.owner_id, client_id=client, **days, **asked)
            self.reply(self.found(await of_client)["document"])
        elif any(days.values()):
            self.reply(await query.get_overview_of_days(self.db, owner_id=self.owner_id, **days, **asked))
        else:
            self.reply(await query.get_overview(self.db, owner_id=self.owner_id, **asked))

    def _days(self) -> dict[str, str | None]:
        since, until = day(self, "start_date"), day(self, "end_date")
        if since and until and since > until:
            raise invalid({"non_field_errors": ["start_date must be before end_date"]})
        return {"since": since, "until": until}


groups = ("Books: dashboard",)
routes = [("/api/dashboard/overview/", Overview)]

"""What the present period's expenses and revenue consist of. docs/api/dashboard.md#breakdown."""

from core.data import sql
from core.http.declare import answers
from core.http.parameter import Parameter
from handlers.api import books_listing
from handlers.api.books_handler import BooksHandler
from handlers.dashboard import period

# Items that are shown by themselves; what is left is one more.
MOST = 20
PARTS = ("client", "service")

query = sql.load("dashboard/breakdown")


class Breakdown(BooksHandler):
    parameters = (
        period.PERIOD_TYPE,
        Parameter(
            "revenue_by",
            "What revenue is divided into: clients, or the services that the lines of invoices name.",
            {"type": "string", "enum": list(PARTS), "default": "client"},
        ),
    )

    @answers(200, "dashboard/breakdown")
    async def get(self) -> None:
        """Show what the present period's expenses and revenue consist of, the largest first. 200; 400 an unknown period or division."""
        shown = await query.get_breakdown(
            self.db,
            owner_id=self.owner_id,
            period_type=period.period_type(self),
            revenue_by=books_listing.choice(self, "revenue_by", PARTS) or "client",
            most=MOST,
        )
        self.reply(shown)


groups = ("Books: dashboard",)
routes = [("/api/dashboard/breakdown/", Breakdown)]

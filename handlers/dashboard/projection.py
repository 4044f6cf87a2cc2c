"""What the next months will bring. docs/api/dashboard.md#projections."""

from core.data import sql
from core.http.declare import answers, ref
from core.problem import Problem
from handlers.api.books_handler import BooksHandler

query = sql.load("dashboard/projection")


class Projections(BooksHandler):
    @answers(200, {"type": "array", "items": ref("dashboard/projection")})
    async def get(self) -> None:
        """Project the revenue of the next three months from the invoices of the last six. 200; 400 there are no invoices in them."""
        found = await query.get_projections(self.db, owner_id=self.owner_id)
        if found is None:
            raise Problem(400, "no-history", "Insufficient historical data for projections")
        self.reply(found)


groups = ("Books: dashboard",)
routes = [("/api/dashboard/projections/", Projections)]

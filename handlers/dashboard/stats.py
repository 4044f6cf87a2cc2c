"""The figures of the month in short. docs/api/dashboard.md#statistics."""

from core.data import sql
from core.http.declare import answers
from handlers.api.books_handler import BooksHandler

query = sql.load("dashboard/stats")


class Stats(BooksHandler):
    @answers(200, "dashboard/stats")
    async def get(self) -> None:
        """Show the month's figures, beside those of the whole previous month. 200."""
        self.reply(await query.get_stats(self.db, owner_id=self.owner_id))


groups = ("Books: dashboard",)
routes = [("/api/dashboard/stats/", Stats)]

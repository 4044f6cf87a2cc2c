"""How many clients an owner has. docs/api/books.md#clients."""

from core.data import sql
from core.http.declare import answers
from handlers.books.client import ClientHandler

query = sql.load("books/client_statistics")


class ClientStatistics(ClientHandler):
    @answers(200, "books/client_statistics")
    async def get(self) -> None:
        """Count the clients: all, active, inactive, and those of the last 30 days. 200."""
        self.reply(await query.get_statistics(self.db, owner_id=self.owner_id))


groups = ("Books: clients",)
routes = [("/api/clients/statistics/", ClientStatistics)]

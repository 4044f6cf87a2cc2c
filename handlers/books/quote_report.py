"""What an owner asks about quotes: figures, those that expire soon, a search. docs/api/books.md#quotes."""

from core.data import sql
from core.http.declare import answers, closed, ref
from core.http.paging import page_of
from core.http.parameter import Parameter
from core.problem import Problem
from handlers.books import quote_list
from handlers.books.quote import QuoteHandler

# Days until the expiry of a quote that expires soon.
SOON_DAYS = 7
# Quotes that one answer shows.
MOST_SOON = 100
# Days that count as recent, and clients that are shown, in the statistics.
RECENT_DAYS, TOP_CLIENTS = 30, 5
SOON = closed({"count": {"type": "integer"}, "quotes": {"type": "array", "items": ref("books/quote")}})

query = sql.load("books/quote_report")


class Statistics(QuoteHandler):
    @answers(200, "books/quote_statistics")
    async def get(self) -> None:
        """Show figures about all quotes: how many of each status, their value, those of the last 30 days, how many of those that were sent are
        accepted, and the five clients with the highest value. 200."""
        self.reply(
            await query.get_statistics(self.db, owner_id=self.owner_id, recent_days=RECENT_DAYS, most=TOP_CLIENTS)
        )


class ExpiringSoon(QuoteHandler):
    @answers(200, SOON)
    async def get(self) -> None:
        """Show the sent quotes that expire today or within 7 days, the next one first, at most 100. `count` is of all. 200."""
        self.reply(await query.list_expiring(self.db, owner_id=self.owner_id, days=SOON_DAYS, most=MOST_SOON))


class Search(QuoteHandler):
    parameters = (*quote_list.PARAMETERS, Parameter("q", quote_list.WORDS))

    @answers(200, page_of("books/quote"))
    async def get(self) -> None:
        """List the quotes that have all words of `q`, newest first. 200; 400 no words, a wrong filter, an invalid cursor; 404 there is no such
        page."""
        if not self.asked("q"):
            raise Problem(400, "no-words", 'Search query parameter "q" is required')
        self.reply(await quote_list.show(self, "q"))


groups = ("Books: quotes",)
routes = [
    ("/api/quotes/statistics/", Statistics),
    ("/api/quotes/expiring_soon/", ExpiringSoon),
    ("/api/quotes/search/", Search),
]

"""What the expenses come to, the latest ones, and their categories. docs/api/books.md#expenses."""

from core.http.declare import answers, closed
from core.http.paging import page_of
from handlers.api import books_listing
from handlers.api.books_handler import BooksHandler
from handlers.books.expense import CATEGORIES, COLUMNS, ExpenseHandler, expenses, query

# Up to today.
RECENT_DAYS = 30
CATEGORY = closed({"value": {"type": "string"}, "label": {"type": "string"}})


class Categories(BooksHandler):
    @answers(200, {"type": "array", "items": CATEGORY})
    async def get(self) -> None:
        """List the categories of expenses. 200."""
        self.reply([{"value": value, "label": label} for value, label in CATEGORIES.items()])


class Recent(ExpenseHandler):
    parameters = books_listing.parameters(COLUMNS)

    @answers(200, page_of("books/expense"))
    async def get(self) -> None:
        """List the expenses of the last 30 days, those of the latest day first. 200; 400 an invalid cursor; 404 there is no such page."""
        self.reply(await self.linked(await books_listing.show_page(self, expenses, {"recent": RECENT_DAYS})))


class Stats(BooksHandler):
    @answers(200, "books/expense_stats")
    async def get(self) -> None:
        """Show what all expenses come to. 200."""
        self.reply(await query.get_stats(self.db, owner_id=self.owner_id))


groups = ("Books: expenses",)
routes = [
    ("/api/expenses/categories/", Categories),
    ("/api/expenses/recent/", Recent),
    ("/api/expenses/stats/", Stats),
]

"""What clients, services and categories of expenses have of a period. docs/api/dashboard.md#categories."""

from typing import Any

from core.data import sql
from core.http import keyset
from core.http.declare import answers
from core.http.keyset import Column
from core.http.paging import page_of
from core.http.parameter import Parameter
from handlers.api import books_listing
from handlers.api.books_handler import BooksHandler
from handlers.api.books_listing import Listing
from handlers.dashboard.period import PERIOD, period

CATEGORY_TYPES = ("expense", "client", "service")
ORDERS = ("-total_amount", "total_amount")
CATEGORY_TYPE = Parameter(
    "category_type", "Only categories of this type.", {"type": "string", "enum": list(CATEGORY_TYPES)}
)


def is_sum(value: Any) -> bool:
    """A test for cursors: a sum of amounts, which `numeric(22,2)` can hold."""
    return keyset.is_number(value) and abs(value) < 10**20


def is_magnitude(value: Any) -> bool:
    """A test for cursors: what dashboard.magnitude gives."""
    return type(value) is int and abs(value) < 2**15


query = sql.load("dashboard/category")
COLUMNS = {
    # Amounts have the order of their magnitudes, which have an index.
    "magnitude": Column("h.magnitude", "smallint", is_magnitude),
    "total_amount": Column("h.amount", "numeric", is_sum),
    "id": Column("h.id", "bigint", keyset.is_id),
}
# share_magnitude_idx serves both directions, and no other order.
largest, smallest = (
    Listing(None, query.find_categories, query.walk_categories, COLUMNS, usual, is_ordered_as_asked=False)
    for usual in (("-magnitude", "-total_amount", "-id"), ("magnitude", "total_amount", "id"))
)


class Categories(BooksHandler):
    parameters = (
        *books_listing.PAGED,
        *PERIOD,
        CATEGORY_TYPE,
        Parameter("ordering", "The order; another one is ignored.", {"enum": list(ORDERS), "default": ORDERS[0]}),
    )

    @answers(200, page_of("dashboard/category"))
    async def get(self) -> None:
        """List what each client, service and category of expenses has of a period, the largest first. 200; 400 a wrong filter, an invalid
        cursor; 404 there is no such page."""
        category_type = books_listing.choice(self, "category_type", CATEGORY_TYPES)
        filters = {"category_type": category_type} if category_type else {}
        listing = smallest if self.asked("ordering") == "total_amount" else largest
        self.reply(await books_listing.show_page(self, listing, filters, given=period(self)))


class Category(BooksHandler):
    @answers(200, "dashboard/category")
    async def get(self, id: str) -> None:
        """Show a category with its figures of its period, which may be a past one. 200; 404."""
        found = await query.get_category(self.db, owner_id=self.owner_id, id=int(id))
        self.reply(self.found(found)["document"])


groups = ("Books: dashboard",)
routes = [
    ("/api/dashboard/categories/", Categories),
    ("/api/dashboard/categories/{id:int}/", Category),
]

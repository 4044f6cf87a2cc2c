"""Expenses: what the owner of the books has spent. docs/api/books.md#expenses."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from core.data import sql
from core.files import media
from core.http import keyset
from core.http.declare import answers, body, idempotent
from core.http.keyset import Column
from core.http.paging import page_of
from core.http.parameter import BOOLEAN, DATE, Parameter
from core.problem import Problem, invalid
from handlers.api import books_listing
from handlers.api.books_handler import stale
from handlers.api.books_listing import Listing
from handlers.api.dialects import BooksDialect
from handlers.api.messages import SENTENCES
from handlers.api.moment import day
from handlers.books.paperwork import WRONG_CLIENT
from handlers.books.receipt import ReceiptHandler

# By the value that the API sends: what people read.
CATEGORIES = {
    "office": "Office supplies and equipment",
    "travel": "Travel and transportation",
    "meals": "Business meals and entertainment",
    "software": "Software and subscriptions",
    "marketing": "Marketing and advertising",
    "other": "Other business expenses",
}
STATUSES = ("pending", "approved", "rejected", "reimbursed")
NUMBER = {"type": "number"}
# The digits of an amount in a filter: more than any amount has.
_AMOUNT = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{0,20})?")

COLUMNS = {
    "id": Column("e.id", "bigint", keyset.is_id),
    "expense_date": Column("e.expense_date", "date", keyset.is_day),
    "amount": Column("e.amount", "numeric", books_listing.is_amount),
    "category": Column("e.category", "text", keyset.is_text),
    "vendor": Column("lower(e.vendor)", "text", keyset.is_text),
    "status": Column("e.status", "text", keyset.is_text),
    "created_at": Column("e.created_at", "timestamptz", keyset.is_instant),
    "updated_at": Column("e.updated_at", "timestamptz", keyset.is_instant),
}
# By the code that sql/books/expense.sql gives.
WRONG_DATES = {
    "future": invalid({"expense_date": ["Expense date cannot be in the future"]}),
    "past": invalid({"expense_date": ["Expense date is too far in the past"]}),
}
KEPT = "Amount, tax, date and category of an approved expense can't be changed. Reject it first."

query = sql.load("books/expense")
expenses = Listing(
    query.list_expenses,
    query.find_expenses,
    query.walk_expenses,
    COLUMNS,
    ("-expense_date", "-created_at"),
    ties=("expense_date", "created_at", "id"),
)


class ExpenseDialect(BooksDialect):
    sentences = {
        **SENTENCES,
        "amount:minimum": "Amount must be positive",
        "client:minimum": WRONG_CLIENT,
    }


class ExpenseHandler(ReceiptHandler):
    dialect = ExpenseDialect()

    async def show_expense(self, found: Mapping[str, Any] | None) -> None:
        """Answer with an expense (refused, present, document, etag), or with why it isn't changed. Raises Problem: 400, 404, 412."""
        row = self.found(found)
        refused = row.get("refused")
        self.current({"is_stale": refused == "stale", "etag": row["etag"]})
        if refused is not None:
            raise refusal(refused, row["present"], self.body)
        self.show({**row, "document": await self.linked(row["document"])})


class ExpenseList(ExpenseHandler):
    """Reads which expenses are asked for."""

    parameters = (
        *books_listing.parameters(COLUMNS),
        Parameter("search", "Words that occur in the description, vendor, receipt number or notes, ignoring case."),
        Parameter(
            "category", "Only expenses of this category; several may be given.", {"enum": [*CATEGORIES]}, repeats=True
        ),
        Parameter("status", "Only expenses with this status.", {"enum": [*STATUSES]}),
        Parameter("client", "Only expenses for this client.", books_listing.ID),
        Parameter("is_billable", "Only expenses that are billed to a client, or only the others.", BOOLEAN),
        Parameter("has_receipts", "Only expenses with attachments, or only those without.", BOOLEAN),
        Parameter("expense_date__gte", "Spent on this day or later.", DATE),
        Parameter("expense_date__lte", "Spent on this day or earlier.", DATE),
        Parameter("date_from", "The same as expense_date__gte.", DATE),
        Parameter("date_to", "The same as expense_date__lte.", DATE),
        Parameter("amount__gte", "Of this amount or more.", NUMBER),
        Parameter("amount__lte", "Of this amount or less.", NUMBER),
        Parameter("amount_min", "The same as amount__gte.", NUMBER),
        Parameter("amount_max", "The same as amount__lte.", NUMBER),
        *books_listing.CREATED,
    )

    def filters(self) -> dict[str, Any]:
        """The filters that are asked for, by their names in sql/books/expense.sql. Raises Problem 400."""
        found = {
            "status": books_listing.choice(self, "status", STATUSES),
            "client": books_listing.id_of(self, "client"),
            "is_billable": books_listing.flag(self, "is_billable"),
            "has_receipts": books_listing.flag(self, "has_receipts"),
            "day_since": self._first(partial(day, self), "expense_date__gte", "date_from"),
            "day_until": self._first(partial(day, self), "expense_date__lte", "date_to"),
            "amount_since": self._first(self._amount, "amount__gte", "amount_min"),
            "amount_until": self._first(self._amount, "amount__lte", "amount_max"),
        }
        filters: dict[str, Any] = {name: value for name, value in found.items() if value is not None}
        categories = books_listing.choices(self, "category", tuple(CATEGORIES))
        if len(categories) == 1:
            # Its index has the expenses of one category in the order of the list.
            filters["category"] = categories[0]
        elif categories:
            filters["categories"] = categories
        return {**filters, **books_listing.created(self), **books_listing.search(self)}

    @staticmethod
    def _first(read: Any, *names: str) -> str | None:
        """What the first of these parameters says that is asked for."""
        return next((found for name in names if (found := read(name)) is not None), None)

    def _amount(self, name: str) -> str | None:
        asked = self.asked(name)
        if asked and not _AMOUNT.fullmatch(asked):
            raise invalid({name: ["Enter a number."]})
        return asked or None


class Expenses(ExpenseList):
    @answers(200, page_of("books/expense"))
    async def get(self) -> None:
        """List the expenses, those of the latest day first. 200; 400 a wrong filter, an invalid cursor; 404 there is no such page."""
        self.reply(await self.linked(await books_listing.show_page(self, expenses, self.filters())))

    @answers(201, "books/expense")
    @idempotent
    @body("books/expense_write")
    async def post(self) -> None:
        """Make an expense. 201; 400 wrong fields, or an unknown client."""

        async def make(db: sql.Runner) -> tuple[int, str]:
            made = await query.create_expense(db, owner_id=self.owner_id, body=self.body_text)
            return 201, document_of(made)

        await self.once(make, is_one_statement=True)


class Expense(ExpenseHandler):
    @answers(200, "books/expense", headers=("ETag",))
    async def get(self, id: str) -> None:
        """Show an expense. 200; 404."""
        await self.show_expense(await query.get_expense(self.db, owner_id=self.owner_id, id=int(id)))

    @stale
    @answers(200, "books/expense", headers=("ETag",))
    @body("books/expense_write")
    async def put(self, id: str) -> None:
        """Replace an expense. Fields that the body omits stay. 200; 400 wrong fields, an unknown client, a status that can't follow the
        present one, or a change of what has been approved; 404; 412 the expense is in another state than If-Match says."""
        await self._update(id)

    @stale
    @answers(200, "books/expense", headers=("ETag",))
    @body("books/expense_patch")
    async def patch(self, id: str) -> None:
        """Change some fields of an expense. 200; 400 wrong fields, an unknown client, a status that can't follow the present one, or a
        change of what has been approved; 404; 412 the expense is in another state than If-Match says."""
        await self._update(id)

    @stale
    async def delete(self, id: str) -> None:
        """Delete an expense, with its attachments. 204; 404; 412 the expense is in another state than If-Match says."""
        gone = await query.delete_expense(
            self.db, owner_id=self.owner_id, id=int(id), if_match=self.if_match, actor=self.actor
        )
        self.current(gone)
        await media.discard(self.application, gone["keys"])
        self.reply_nothing()

    async def _update(self, id: str) -> None:
        changed = await query.update_expense(
            self.db, owner_id=self.owner_id, id=int(id), body=self.body_text, if_match=self.if_match, actor=self.actor
        )
        await self.show_expense(changed)


def document_of(made: Mapping[str, Any]) -> str:
    """The document of create_expense (refused, document). Raises Problem 400 if it was refused."""
    if made["refused"] is not None:
        raise WRONG_DATES[made["refused"]]
    document: str = made["document"]
    return document


def refusal(code: str, present: str, sent: Mapping[str, Any]) -> Problem:
    """Why update_expense has changed nothing. present: the status. sent: the changes."""
    if code == "status":
        return invalid({"status": [f"Cannot transition from {present.title()} to {sent['status'].title()}."]})
    return invalid({"non_field_errors": [KEPT]}) if code == "kept" else WRONG_DATES[code]


groups = ("Books: expenses",)
routes = [
    ("/api/expenses/", Expenses),
    ("/api/expenses/{id:int}/", Expense),
]

"""Approving, rejecting and reimbursing an expense. docs/api/books.md#expenses."""

from collections.abc import Mapping
from typing import Any, ClassVar

from core.http.declare import answers, closed, ref
from core.http.json_text import composed, written
from core.problem import Problem
from handlers.api.books_handler import stale
from handlers.books.expense import ExpenseHandler, query

DECIDED = closed({"message": {"type": "string"}, "expense": ref("books/expense")})


class Decision(ExpenseHandler):
    """Brings an expense to a status. action: its name in the audit."""

    status: ClassVar[str]
    action: ClassVar[str]

    async def decide(self, id: str) -> None:
        """Answer with the decided expense. Raises Problem: 400, 404, 412."""
        decided = await query.decide_expense(
            self.db,
            owner_id=self.owner_id,
            id=int(id),
            status=self.status,
            if_match=self.if_match,
            action=self.action,
            actor=self.actor,
        )
        row = self.found(decided)
        self.current({"is_stale": row["refused"] == "stale", "etag": row["etag"]})
        decided_as(row, self.status)
        document = await self.linked(row["document"])
        self.show(
            {
                "document": composed({"message": written(f"Expense {self.status}."), "expense": document}),
                "etag": row["etag"],
            }
        )


class Approve(Decision):
    status, action = "approved", "expense.approve"

    @stale
    @answers(200, DECIDED, headers=("ETag",))
    async def post(self, id: str) -> None:
        """Approve a pending expense. 200; 400 it is not pending; 404; 412 the expense is in another state than If-Match says."""
        await self.decide(id)


class Reject(Decision):
    status, action = "rejected", "expense.reject"

    @stale
    @answers(200, DECIDED, headers=("ETag",))
    async def post(self, id: str) -> None:
        """Reject a pending or approved expense. 200; 400 it is neither; 404; 412 the expense is in another state than If-Match says."""
        await self.decide(id)


class Reimburse(Decision):
    status, action = "reimbursed", "expense.reimburse"

    @stale
    @answers(200, DECIDED, headers=("ETag",))
    async def post(self, id: str) -> None:
        """Note that an approved expense was paid back. 200; 400 it is not approved; 404; 412 the expense is in another state than If-Match
        says."""
        await self.decide(id)


def decided_as(row: Mapping[str, Any], status: str) -> None:
    """Check the row of decide_expense (refused). Raises Problem 400: the expense has this status, or may not get it."""
    if row["refused"] is not None:
        raise Problem(400, "wrong-status", f"Expense cannot be {status} in current status")


groups = ("Books: expenses",)
routes = [
    ("/api/expenses/{id:int}/approve/", Approve),
    ("/api/expenses/{id:int}/reject/", Reject),
    ("/api/expenses/{id:int}/reimburse/", Reimburse),
]

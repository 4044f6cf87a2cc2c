"""Books: the firm's own quotes, invoices and expenses, each owner's apart (seed 004)."""

from typing import Any

from core.dialect import Dialect
from core.problem import Problem
from handlers.api import ApiHandler


class BooksDialect(Dialect):
    """`{error, details}` (seed 004); `detail` beside the error, for the clients that look there."""

    def body(self, problem: Problem) -> dict[str, Any]:
        if problem.fields is not None:
            return {"error": problem.message, "details": problem.fields, **problem.extra}
        return {"error": problem.message, "detail": problem.message, **problem.extra}


class BooksHandler(ApiHandler):
    dialect = BooksDialect()

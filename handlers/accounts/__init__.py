"""Accounts: people, their sessions and roles. Shared by all four APIs, so its error bodies satisfy each of their documents."""

from typing import Any

from core.dialect import Dialect
from core.problem import Problem


class AccountsDialect(Dialect):
    """`{success, status_code, message, detail}` (seed 001); field errors under `errors` and, as seed 003 has them, bare."""

    def body(self, problem: Problem) -> dict[str, Any]:
        whole = {"success": False, "status_code": problem.status, "message": problem.message}
        if problem.fields is not None:
            return {**problem.fields, **whole, "errors": problem.fields}
        return {**whole, "detail": problem.message, **problem.extra}

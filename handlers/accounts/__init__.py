"""Accounts: people, their sessions and roles. Shared by all four APIs, so its error bodies satisfy each of their documents."""

from typing import Any

from core.dialect import Dialect
from core.problem import Problem


class AccountsDialect(Dialect):
    """`{success, status_code, message, detail}` (seed 001); field errors under `errors`, bare as seed 003 has them, and under
    `error` and `details` as seed 004 does."""

    def body(self, problem: Problem) -> dict[str, Any]:
        whole = {
            "success": False, "status_code": problem.status, "message": problem.message, "error": problem.message
        }  # fmt: skip
        if problem.fields is not None:
            return {**problem.fields, **whole, "errors": problem.fields, "details": problem.fields, **problem.extra}
        return {**whole, "detail": problem.message, **problem.extra}

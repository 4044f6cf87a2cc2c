"""How each of the four APIs writes its refusals. docs/api/accounts.md#errors, docs/api/sales.md#errors."""

from typing import Any

from core.dialect import Dialect
from core.problem import Problem


class StaffDialect(Dialect):
    """`{success, status_code, message, detail}` (seed 001); field errors under `errors`, bare as seed 003 has them, and under
    `error` and `details` as seed 004 does."""

    def body(self, problem: Problem) -> dict[str, Any]:
        whole = {"success": False, "status_code": problem.status, "message": problem.message, "error": problem.message}
        if problem.fields is not None:
            return {**problem.fields, **whole, "errors": problem.fields, "details": problem.fields, **problem.extra}
        return {**whole, "detail": problem.message, **problem.extra}


class SalesDialect(Dialect):
    """`{success, status_code, message, errors}` as seed 000 shows; `detail` beside the message where clients read that first."""

    def body(self, problem: Problem) -> dict[str, Any]:
        whole = {"success": False, "status_code": problem.status, "message": problem.message}
        if problem.fields is not None:
            return {**whole, "errors": problem.fields}
        return {**whole, "detail": problem.message, **problem.extra}


class PosDialect(Dialect):
    """Seed 003 writes the plainest: field errors bare, everything else `{detail}`."""


class BooksDialect(Dialect):
    """`{error, details}` (seed 004); `detail` beside the error, for the clients that look there."""

    def body(self, problem: Problem) -> dict[str, Any]:
        if problem.fields is not None:
            return {"error": problem.message, "details": problem.fields, **problem.extra}
        return {"error": problem.message, "detail": problem.message, **problem.extra}


class OperationsDialect(Dialect):
    """`detail` for the clients of seeds 001 and 003, `error` for those of 002 and 004."""

    def body(self, problem: Problem) -> dict[str, Any]:
        fields = {"details": problem.fields} if problem.fields is not None else {}
        return {"error": problem.message, "detail": problem.message, **fields, **problem.extra}

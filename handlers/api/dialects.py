"""How each of the four APIs writes its refusals. docs/api/accounts.md#errors, docs/api/sales.md#errors, docs/api/operations.md#errors."""

from typing import Any

from core.dialect import Dialect
from core.problem import Problem
from handlers.api.messages import SENTENCES


class ApiDialect(Dialect):
    """The base of all dialects here: they share their sentences. The body is the plainest, `{detail}`; field errors bare."""

    sentences = SENTENCES
    error, field_errors = "api/error_shop", "api/field_errors_shop"


def detail(problem: Problem) -> str:
    """The one sentence of a refusal for a client that shows only one: the first message of a field, else the message."""
    inner = problem.fields
    while isinstance(inner, dict | list):
        # Empty places in a list stand for the items that are right.
        inner = next((found for found in (inner.values() if isinstance(inner, dict) else inner) if found), None)
    return str(inner or problem.message)


class StaffDialect(ApiDialect):
    """`{success, status_code, message, error, detail}`. The field errors of a body stand in it three times, for the clients of
    three documents: at the top (shop), under `errors` (staff), and under `details` beside `error` (books)."""

    error, field_errors = "api/error_staff", "api/field_errors_staff"

    def body(self, problem: Problem) -> dict[str, Any]:
        whole = {"success": False, "status_code": problem.status, "message": problem.message, "error": problem.message}
        whole |= {"detail": detail(problem)}
        if problem.fields is not None:
            return {**problem.fields, **whole, "errors": problem.fields, "details": problem.fields, **problem.extra}
        return {**whole, **problem.extra}


class SalesDialect(ApiDialect):
    """`{success, status_code, message, detail}`, and `errors` with field errors. Clients read `detail` first."""

    error, field_errors = "api/error_sales", "api/field_errors_sales"

    def body(self, problem: Problem) -> dict[str, Any]:
        whole = {"success": False, "status_code": problem.status, "message": problem.message, "detail": detail(problem)}
        fields = {"errors": problem.fields} if problem.fields is not None else {}
        return {**whole, **fields, **problem.extra}


class PosDialect(ApiDialect):
    """The shop document's: field errors at the top of the body, everything else `{detail}`."""


class VendorDialect(ApiDialect):
    """The vendor document's: field errors at the top of the body, `{error}` for what the document refuses, `{detail}` for what the server
    refuses before that (a wrong method, no JSON). The document's sentences don't repeat the value."""

    sentences = {**SENTENCES, "text.integer": SENTENCES["type.integer"], "text.number": SENTENCES["type.number"]}
    error, field_errors = "api/error_vendor", "api/field_errors_shop"

    def body(self, problem: Problem) -> dict[str, Any]:
        if problem.fields is not None:
            return dict(problem.fields)
        name = "error" if problem.slug in VENDOR_SLUGS else "detail"
        return {name: problem.message, **problem.extra}


# The refusals that the vendor document describes, and those like them.
VENDOR_SLUGS = ("vendor", "not-found", "not-signed-in", "throttled")


class BooksDialect(ApiDialect):
    """`{error, details}`; `detail` beside the error, for the clients that look there."""

    error, field_errors = "api/error_books", "api/field_errors_books"

    def body(self, problem: Problem) -> dict[str, Any]:
        if problem.fields is not None:
            return {"error": problem.message, "details": problem.fields, **problem.extra}
        return {"error": problem.message, "detail": problem.message, **problem.extra}


class OperationsDialect(ApiDialect):
    """`detail` for the clients of the staff and shop documents, `error` for those of the vendor and books documents."""

    error, field_errors = "api/error_operations", "api/field_errors_operations"

    def body(self, problem: Problem) -> dict[str, Any]:
        fields = {"details": problem.fields} if problem.fields is not None else {}
        return {"error": problem.message, "detail": problem.message, **fields, **problem.extra}

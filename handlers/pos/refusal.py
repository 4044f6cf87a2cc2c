"""Refusals that the shop document writes as `{error}`: of ledgers, reservations and reports."""

from typing import Any

from core.http.declare import ref
from core.problem import Problem
from handlers.api.dialects import PosDialect

LEDGER_REFUSED = {"anyOf": [ref("pos/ledger_error"), ref("api/error_shop"), ref("api/field_errors_shop")]}


class ErrorDialect(PosDialect):
    """Writes what `refused` makes as `{error}`, and every other refusal as the shop does."""

    def body(self, problem: Problem) -> Any:
        return problem.extra if problem.slug == "error" else super().body(problem)


def refused(error: str | list[str], *, status: int = 400, **more: Any) -> Problem:
    """A refusal whose body is `{error}`, a sentence or a list of them, with `more` beside it."""
    return Problem(
        status, "error", error if isinstance(error, str) else " ".join(error), extra={"error": error, **more}
    )

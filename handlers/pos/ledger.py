"""What the two ledgers of a customer share, points and store credit: how entries are refused. docs/api/pos.md#points."""

from typing import Any

from core.http.declare import ref
from core.problem import Problem
from handlers.api.dialects import PosDialect

REFUSED = {"anyOf": [ref("pos/ledger_error"), ref("api/error_shop"), ref("api/field_errors_shop")]}


class LedgerDialect(PosDialect):
    """Writes the refusal of an entry as `{error}`, a sentence or a list of them, as the document does."""

    def body(self, problem: Problem) -> Any:
        return problem.extra if problem.slug == "entry" else super().body(problem)


def refused(error: str | list[str]) -> Problem:
    """400: the refusal of an entry."""
    return Problem(400, "entry", "The entry is refused.", extra={"error": error})

"""Operations: health, the API's index, and what no area has."""

from typing import Any

from core.access import public
from core.dialect import Dialect
from core.handler import Handler
from core.problem import Problem, not_found


class OperationsDialect(Dialect):
    """`detail` for the clients of seeds 001 and 003, `error` for those of 002 and 004."""

    def body(self, problem: Problem) -> dict[str, Any]:
        fields = {"details": problem.fields} if problem.fields is not None else {}
        return {"error": problem.message, "detail": problem.message, **fields, **problem.extra}


class OperationsHandler(Handler):
    dialect = OperationsDialect()


class Nowhere(OperationsHandler):
    """A path that no route has: 404 for every method."""

    access = public

    async def get(self) -> None:
        raise not_found()

    post = put = patch = delete = get

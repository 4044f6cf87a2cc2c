"""How an API writes its refusals. Each area has one subclass; nothing else knows the shape of an error body."""

import json
from typing import Any

from core.problem import Problem


class Dialect:
    """The plainest body: `{"detail": message}`, field errors bare."""

    def body(self, problem: Problem) -> Any:
        return problem.fields if problem.fields is not None else {"detail": problem.message, **problem.extra}

    def render(self, problem: Problem) -> str:
        """The response body, as JSON text."""
        return json.dumps(self.body(problem), ensure_ascii=False, separators=(",", ":"))

"""What a route asks of its caller. Every handler declares one of these; an application makes its own."""

from collections.abc import Callable
from typing import Any


class Access:
    """What a route asks of its caller. `check(handler)` raises Problem, or returns; `says` is for people."""

    def __init__(self, says: str, check: Callable[[Any], None] | None = None) -> None:
        self.says, self.check = says, check


public = Access("anyone")

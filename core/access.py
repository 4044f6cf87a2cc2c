"""What a route asks of its caller. Each handler declares one; an application defines its own beside `public`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from core.http.handler import Handler

# The class of handlers that a check can look at: it may need what only an application's own handlers have, such as a caller.
Checked = TypeVar("Checked", bound="Handler", contravariant=True)


class Access(Generic[Checked]):
    """`check(handler)` raises Problem to refuse the request; None admits everyone. `says` describes it to people (`./run routes`)."""

    def __init__(self, says: str, check: Callable[[Checked], None] | None = None) -> None:
        self.says, self.check = says, check


public: Access[Any] = Access("anyone")

"""What a route asks of its caller. Each handler declares one; an application defines its own beside `public`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from core.http.handler import Handler

# The class of handlers that a check can look at: it may need what only an application's own handlers have, such as a caller.
Checked = TypeVar("Checked", bound="Handler", contravariant=True)


class Access(Generic[Checked]):
    """`check(handler)` raises Problem to refuse the request; None admits everyone. `says` describes it to people (`./run routes`).

    For the description of the API: is_open: whether a request without credentials may be admitted. schemes: the security schemes
    that admit, beside those of the handler. refuses: the statuses of the refusals.
    """

    def __init__(
        self,
        says: str,
        check: Callable[[Checked], None] | None = None,
        *,
        is_open: bool = False,
        schemes: tuple[str, ...] = (),
        refuses: tuple[int, ...] | None = None,
    ) -> None:
        self.says, self.check = says, check
        self.is_open = is_open or check is None
        self.schemes = schemes
        self.refuses = refuses if refuses is not None else () if check is None else (401, 403)


public: Access[Any] = Access("anyone")

"""The base of monitoring's handlers: whose rows the caller may see. docs/api/monitoring.md#who-sees-what."""

from collections.abc import Mapping, Sequence
from typing import Any

from handlers.api import books_listing
from handlers.api.books_handler import BooksHandler
from handlers.api.roles import administers, signed_in_caller


class MonitoringHandler(BooksHandler):
    """Members see and write their own rows; administrators those of all, and of the server itself."""

    @property
    def is_admin(self) -> bool:
        return administers(signed_in_caller(self))

    @property
    def account_id(self) -> int:
        """The caller's."""
        return signed_in_caller(self).account_id

    @property
    def owner_id(self) -> int | None:  # type: ignore[override]
        """The account whose rows the caller may see; None: all."""
        return None if self.is_admin else self.account_id

    def own(self) -> Mapping[str, Any]:
        """The filter of lists that leaves the caller's own rows, for members. Postgres finds these by an index; that no others are shown
        does not rest on it, but on owner_id."""
        return {} if self.is_admin else {"own": self.account_id}

    def choice(self, name: str, choices: Sequence[str]) -> Mapping[str, Any]:
        """The filter of the choice that is asked for, NAME_CHOICE. Raises Problem 400."""
        asked = books_listing.choice(self, name, choices)
        return {} if asked is None else {f"{name}_{asked}": ()}

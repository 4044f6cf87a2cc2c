"""The places of a process for lanes that it works at the same time, of which one account has no more than its share. docs/api/webhooks.md#delivery"""

from collections import Counter
from typing import Any, NamedTuple

# An account has at most one part of all places, of so many parts: a quarter where up to three accounts have lanes here, and less where more do, so that
# there is always a place for one that comes. No less than a sixteenth, so that what is due of accounts that have their share,
# past which the others are looked for, stays bounded.
FEWEST_PARTS, MOST_PARTS = 4, 16
# A webhook has at most this part of the share of its account, so that one that hangs leaves places to the others.
PARTS_OF_ACCOUNT = 2


class Holder(NamedTuple):
    """Whose a lane is."""

    account: int
    webhook: int


class Places:
    """Places of one kind."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._accounts: Counter[int] = Counter()
        self._webhooks: Counter[int] = Counter()

    @property
    def free(self) -> int:
        return max(0, self._size - self._accounts.total())

    @property
    def share(self) -> int:
        """The places that one account may have now."""
        return self._size // min(max(len(self._accounts) + 1, FEWEST_PARTS), MOST_PARTS)

    def enter(self, holder: Holder) -> None:
        self._accounts[holder.account] += 1
        self._webhooks[holder.webhook] += 1

    def leave(self, holder: Holder) -> None:
        for counter, key in ((self._accounts, holder.account), (self._webhooks, holder.webhook)):
            counter[key] -= 1
            if not counter[key]:
                del counter[key]

    def has_room(self, holder: Holder) -> bool:
        """Whether this account and webhook may have another place."""
        held = self.held()
        return self._accounts[holder.account] < held["account"] and self._webhooks[holder.webhook] < held["webhook"]

    def is_over(self, holder: Holder) -> bool:
        """Whether the account has more than its share, which has become smaller since others have come."""
        return self._accounts[holder.account] > self.share

    def held(self) -> dict[str, Any]:
        """As webhooks.take_lanes reads it: the most that an account and a webhook may have, and what they have."""
        share = self.share
        return {
            "free": self.free,
            "account": share,
            "webhook": max(1, share // PARTS_OF_ACCOUNT),
            "accounts": self._accounts,
            "webhooks": self._webhooks,
        }

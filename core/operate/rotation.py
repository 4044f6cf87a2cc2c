"""server.py rotate-secret: another SECRET_KEY, while what the keys before have signed stays valid for its life. README.md, "Another secret".

A process accepts what a key has signed only if it knows the key. So where several processes or machines run, which are not all restarted at one
moment, the coming key is first made known to all (`prepare`), and signs only when all know it.
"""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from core.secret_keys import Fallback, written
from core.settings import CoreSettings

# Bytes of a new key: as README.md advises.
KEY_BYTES = 48
# Clocks differ, and what was signed in the last moment of a key is still on its way.
MARGIN = timedelta(minutes=10)


class RotationError(Exception):
    """There is no other key now. The message says why."""


class Keys(NamedTuple):
    """What the settings are to be. dropped: how many keys are no longer among them. kept: keys that are past their time, but still in use."""

    secret_key: str
    fallbacks: tuple[Fallback, ...]
    dropped: int = 0
    kept: int = 0

    @property
    def values(self) -> dict[str, str]:
        """By the names of the settings."""
        return {"SECRET_KEY": self.secret_key, "SECRET_KEY_FALLBACKS": written(self.fallbacks)}


def new_key() -> str:
    return secrets.token_urlsafe(KEY_BYTES)


def coming(config: CoreSettings) -> str | None:
    """The key that is going to be SECRET_KEY."""
    return next((one.key for one in config.secret_key_fallbacks if one.is_coming), None)


def overdue(config: CoreSettings, now: datetime) -> list[str]:
    """The keys of which no token is valid any more."""
    life = timedelta(days=config.refresh_token_days) + MARGIN
    return [one.key for one in config.secret_key_fallbacks if one.retired_at and one.retired_at + life < now]


def prepare(config: CoreSettings) -> Keys:
    """The present keys, and a coming one. Raises RotationError."""
    if coming(config) is not None:
        raise RotationError("a coming key is there already: restart every process with it, and then rotate")
    return Keys(config.secret_key, (Fallback(new_key(), is_coming=True), *config.secret_key_fallbacks))


def rotate(config: CoreSettings, now: datetime, in_use: Collection[str]) -> Keys:
    """The coming key, or a new one, is SECRET_KEY; the present one is the first fallback. in_use: keys that something needs beyond their time."""
    past = overdue(config, now)
    older = [one for one in config.secret_key_fallbacks if not one.is_coming]
    # The time of a key whose end nobody has noted begins now.
    kept = [
        one if one.retired_at else one._replace(retired_at=now)
        for one in older
        if one.key not in past or one.key in in_use
    ]
    return Keys(
        coming(config) or new_key(),
        (Fallback(config.secret_key, now), *kept),
        dropped=len(older) - len(kept),
        kept=sum(one.key in past for one in kept),
    )


def forget(config: CoreSettings) -> Keys:
    """A new key, and no other."""
    return Keys(new_key(), (), dropped=len([one for one in config.secret_key_fallbacks if not one.is_coming]) + 1)

"""The rules for new passwords. Each API has its own; PASSWORD_POLICY=strict applies the strictest everywhere.

docs/api/accounts.md#passwords.
"""

import difflib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from core import passwords
from core.problem import invalid
from core.text import canonical
from handlers.settings import Settings

# The policies, one for each API that sets passwords.
SHOP, STAFF, BOOKS = "shop", "staff", "books"
# Characters.
MIN_LENGTH = {SHOP: 6, STAFF: 8, BOOKS: 8}
# Ratio of difflib, from 0 to 1, as the observed books system measures it.
TOO_SIMILAR = 0.7
# Characters of a password and of a text that are compared, so that long texts take no longer.
COMPARED = 128
# A shorter part of an e-mail or name is not compared: it would match too much.
MIN_PART = 3

# The thousand most common passwords of at least eight characters, from the list that the observed books system uses (by Royce
# Williams, from leaked passwords; public domain).
COMMON = Path(__file__).with_name("common_passwords.txt")


def check(
    config: Settings,
    policy: str,
    password: str,
    personal: Iterable[str | None] = (),
    *,
    field: str = "password",
    role: str | None = None,
) -> None:
    """Raises Problem 400 with the messages for a new password under `field`.

    policy: SHOP, STAFF or BOOKS; the books policy holds for every MEMBER, and for everyone with PASSWORD_POLICY=strict. personal: the
    e-mail and names of the person, to which a password of the books policy must not be similar. role: of the person.
    """
    is_books = role == "MEMBER" or config.password_policy == "strict"
    messages = faults(BOOKS if is_books else policy, password, personal)
    if messages:
        raise invalid({field: messages})


def faults(policy: str, password: str, personal: Iterable[str | None] = ()) -> list[str]:
    """The rules of a policy that the password breaks, one message for each."""
    messages = []
    password = canonical(password)
    if len(password) < MIN_LENGTH[policy]:
        messages.append(f"Password must be at least {MIN_LENGTH[policy]} characters long")
    if passwords.too_long(password):
        messages.append(f"Ensure this field has no more than {passwords.LONGEST} bytes.")
    if policy == BOOKS:
        if _is_similar(password, personal):
            messages.append("The password is too similar to your name or e-mail address.")
        if password.lower().strip() in common():
            messages.append("This password is too common.")
        if password.isdigit():
            messages.append("This password is entirely numeric.")
    return messages


@cache
def common() -> frozenset[str]:
    """The common passwords, in lower case."""
    return frozenset(COMMON.read_text(encoding="utf-8").split())


def _is_similar(password: str, personal: Iterable[str | None]) -> bool:
    password = password.lower()[:COMPARED]
    for text in personal:
        for part in [text or "", *re.split(r"\W+", text or "")]:
            part = part.lower()[:COMPARED]
            if len(part) < MIN_PART or len(password) > 10 * len(part):
                continue
            if difflib.SequenceMatcher(a=password, b=part).quick_ratio() >= TOO_SIMILAR:
                return True
    return False

"""What a new password must be like. Each document promises something else; PASSWORD_POLICY=strict holds all to the strictest."""

import difflib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from core import passwords
from core.problem import invalid

SHOP, STAFF, BOOKS = "shop", "staff", "books"  # seeds 003, 001, 004
SHORTEST = {SHOP: 6, STAFF: 8, BOOKS: 8}
TOO_SIMILAR = 0.7  # of 1, as the reference measures it (difflib's ratio)

# The thousand most common ones of at least eight characters, of the list that the reference checks against too
# (by Royce Williams, from leaked passwords; public domain).
COMMON = Path(__file__).with_name("common_passwords.txt")


def check(
    config: Any,
    policy: str,
    password: str,
    about: Iterable[str | None] = (),
    *,
    field: str = "password",
    role: str | None = None,
) -> None:
    """Raises Problem 400 with what is wrong with a new password. about: e-mail and names of the person, which it must not be
    like; they count for the books policy: of a MEMBER whichever way they take, and of all with PASSWORD_POLICY=strict."""
    wrong = faults(BOOKS if role == "MEMBER" or config.password_policy == "strict" else policy, password, about)
    if wrong:
        raise invalid({field: wrong})


def faults(policy: str, password: str, about: Iterable[str | None] = ()) -> list[str]:
    """What is wrong with it, one sentence each."""
    wrong = []
    if len(password) < SHORTEST[policy]:
        wrong.append(f"Password must be at least {SHORTEST[policy]} characters long")
    if passwords.too_long(password):
        wrong.append(f"Ensure this field has no more than {passwords.LONGEST} bytes.")
    if policy == BOOKS:
        if _is_like(password, about):
            wrong.append("The password is too similar to your name or e-mail address.")
        if password.lower().strip() in common():
            wrong.append("This password is too common.")
        if password.isdigit():
            wrong.append("This password is entirely numeric.")
    return wrong


@cache
def common() -> frozenset[str]:
    return frozenset(COMMON.read_text(encoding="utf-8").split())


def _is_like(password: str, about: Iterable[str | None]) -> bool:
    password = password.lower()[:128]
    for text in about:
        for part in [text or "", *re.split(r"\W+", text or "")]:
            part = part.lower()[:128]
            if len(part) < 3 or len(password) > 10 * len(part):
                continue
            if difflib.SequenceMatcher(a=password, b=part).quick_ratio() >= TOO_SIMILAR:
                return True
    return False

"""The account behind a token."""

from dataclasses import dataclass
from typing import Any

from core import sql

query = sql.load("accounts/session")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, as of this request."""

    account_id: int
    session_id: int
    email: str
    name: str
    role: str
    is_active: bool
    is_staff: bool
    is_superuser: bool


def is_session_id(value: Any) -> bool:
    """Whether a token's `sid` can be asked for: a bigint, which True (an int to Python) is not."""
    return type(value) is int and 0 < value < 2**63


async def find_caller(db: sql.Runner, session_id: Any) -> Caller | None:
    """The caller of a session; None when it was ended, has expired, or never was."""
    if not is_session_id(session_id):
        return None
    row = await query.get_caller(db, session_id=session_id)
    return None if row is None else Caller(**dict(row))

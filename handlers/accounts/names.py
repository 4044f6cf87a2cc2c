"""What people call themselves and their company (contracts/books.md, 2). Administrators may name others as seeds 001 and 003 do,
who let two share a username; nobody takes another's by themselves, who could then no longer sign in by it."""

import re
from typing import Any

from core.data import sql
from core.http.schema import BLANKS
from core.problem import invalid

SHORTEST_USERNAME, SHORTEST_COMPANY, SHORTEST_ADDRESS = 3, 2, 5  # letters
SHORT = f"Username must be at least {SHORTEST_USERNAME} characters long."
LETTERS = "Username can only contain letters, numbers, and underscores."
TAKEN = "A user with this username already exists."
COMPANY_SHORT = f"Company name must be at least {SHORTEST_COMPANY} characters long."
ADDRESS_SHORT = f"Company address must be at least {SHORTEST_ADDRESS} characters long."

query = sql.load("accounts/user")


def username_refusals(username: str) -> list[str]:
    """Of a username that someone gives themselves, but for its being taken."""
    username = username.strip(BLANKS)
    short = [SHORT] if len(username) < SHORTEST_USERNAME else []
    return short + ([LETTERS] if not re.fullmatch("[A-Za-z0-9_]*", username) else [])


def company_refusals(body: dict[str, Any]) -> dict[str, list[str]]:
    """By field. An empty text is as good as none."""
    wrong = {}
    if 0 < len((body.get("company_name") or "").strip(BLANKS)) < SHORTEST_COMPANY:
        wrong["company_name"] = [COMPANY_SHORT]
    if 0 < len((body.get("company_address") or "").strip(BLANKS)) < SHORTEST_ADDRESS:
        wrong["company_address"] = [ADDRESS_SHORT]
    return wrong


async def hold(db: sql.Runner, username: str) -> None:
    """Until the transaction ends nobody else takes this username: of two who want it at once, the second finds it taken."""
    await query.hold_username(db, username=username.strip(BLANKS))


async def check_own(
    db: sql.Runner, account_id: int, body: dict[str, Any], *, any_letters: bool = False, needed: bool = False
) -> None:
    """What someone wants to be called from now on; within the transaction that writes it. Raises Problem 400. A username that stays as it is, is never wrong.
    any_letters: it may be of any, as in the shop. needed: it can't be taken away."""
    wrong: dict[str, list[str]] = company_refusals(body)
    username = (body.get("username") or "").strip(BLANKS)
    if username or (needed and "username" in body):
        await hold(db, username)
        found = await query.find_username(db, username=username, account_id=account_id)
        if found is None or found["own"] != username:
            refused = [] if any_letters else username_refusals(username)
            refused = refused or ([TAKEN] if found is None or found["is_taken"] else [])
            wrong |= {"username": refused} if refused else {}
    if wrong:
        raise invalid(wrong)

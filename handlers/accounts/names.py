"""Usernames and company names. docs/api/accounts.md#books-profile.

A username that people give themselves must be free. Administrators may give two accounts the same username, as the staff and shop
documents do; nobody can then sign in by it, and therefore nobody may take another person's username.
"""

import re
from typing import Any

from core.data import sql
from core.problem import invalid
from core.text import BLANKS
from handlers.api.handler import ApiHandler

# Characters.
MIN_USERNAME, MIN_COMPANY_NAME, MIN_COMPANY_ADDRESS = 3, 2, 5
USERNAME_SHORT = f"Username must be at least {MIN_USERNAME} characters long."
USERNAME_LETTERS = "Username can only contain letters, numbers, and underscores."
USERNAME_EXISTS = "A user with this username already exists."
COMPANY_NAME_SHORT = f"Company name must be at least {MIN_COMPANY_NAME} characters long."
COMPANY_ADDRESS_SHORT = f"Company address must be at least {MIN_COMPANY_ADDRESS} characters long."

query = sql.load("accounts/user")


class WritesEmail(ApiHandler):
    """The base of handlers that write the e-mail of an account. email_exists: the message for an e-mail that another account has,
    which each API words differently."""

    email_exists = "User with this email already exists."


def username_refusals(username: str) -> list[str]:
    """The messages for a username that people give themselves, without the check whether it is free."""
    username = username.strip(BLANKS)
    short = [USERNAME_SHORT] if len(username) < MIN_USERNAME else []
    return short + ([USERNAME_LETTERS] if not re.fullmatch("[A-Za-z0-9_]*", username) else [])


def company_refusals(body: dict[str, Any]) -> dict[str, list[str]]:
    """The messages for company_name and company_address, by field. An empty text is accepted."""
    refused = {}
    if 0 < len((body.get("company_name") or "").strip(BLANKS)) < MIN_COMPANY_NAME:
        refused["company_name"] = [COMPANY_NAME_SHORT]
    if 0 < len((body.get("company_address") or "").strip(BLANKS)) < MIN_COMPANY_ADDRESS:
        refused["company_address"] = [COMPANY_ADDRESS_SHORT]
    return refused


async def hold_username(db: sql.Runner, username: str) -> None:
    """Wait until no other transaction holds this username, and hold it until this transaction ends. Of two people who want the same
    username at the same time, the second then finds that it exists."""
    await query.hold_username(db, username=username.strip(BLANKS))


async def check_own(
    db: sql.Runner,
    account_id: int,
    body: dict[str, Any],
    *,
    any_letters: bool = False,
    username_required: bool = False,
) -> None:
    """Check the names that people give themselves, in the transaction that writes them. Raises Problem 400.

    A username that does not change is accepted. any_letters: the username may have any characters, as in the shop API.
    username_required: an empty username is refused.
    """
    refused = company_refusals(body)
    username = (body.get("username") or "").strip(BLANKS)
    if username or (username_required and "username" in body):
        await hold_username(db, username)
        found = await query.find_username(db, username=username, account_id=account_id)
        if found is None or found["own"] != username:
            messages = [] if any_letters else username_refusals(username)
            if not messages and (found is None or found["is_taken"]):
                messages = [USERNAME_EXISTS]
            if messages:
                refused["username"] = messages
    if refused:
        raise invalid(refused)

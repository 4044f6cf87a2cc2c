"""Public sign-up: anyone makes themselves a MEMBER, with books of their own. Seed 004; contracts/books.md, 2."""

import json
import re
from typing import Any

from core import schema, sql
from core.problem import Problem, invalid
from core.throttle import source, throttle, too_many
from handlers.accounts import password_rules
from handlers.accounts.sign_in import GivesTokens
from handlers.books import BooksDialect

BLANKS = " \t\n\r\f\v"  # as operations.trimmed has them
SHORTEST_USERNAME, SHORTEST_COMPANY, SHORTEST_ADDRESS = 3, 2, 5  # letters
USERNAME_WRONG = {
    "short": f"Username must be at least {SHORTEST_USERNAME} characters long.",
    "letters": "Username can only contain letters, numbers, and underscores.",
    "taken": "A user with this username already exists.",
}
EMAIL_TAKEN = "A user with this email already exists."
COMPANY_SHORT = f"Company name must be at least {SHORTEST_COMPANY} characters long."
ADDRESS_SHORT = f"Company address must be at least {SHORTEST_ADDRESS} characters long."
SIGN_UP = schema.load("accounts/sign_up")

query = sql.load("accounts/sign_up")
profile_query = sql.load("accounts/books_profile")


class Register(GivesTokens):
    dialect = BooksDialect()

    async def post(self) -> None:
        """Make an account and sign in to it. 201 {message, user, email, username, company_name, tokens}; 400 fields; 403 closed; 429."""
        member = await make_member(self)
        session = await self.opened(member["account_id"], member["password_hash"])
        profile = await profile_query.get_profile(self.db, account_id=member["account_id"])
        if profile is None:  # deleted already
            raise self.refused()
        user = json.loads(profile)
        self.reply({
            "message": "User registered successfully", "user": user,
            **{name: user[name] for name in ("email", "username", "company_name")}, "tokens": self.sign(session),
        }, status=201)  # fmt: skip


async def make_member(handler: Any) -> Any:
    """The account that the request's body asks for: a row with account_id, password_hash, and document (accounts.document, as text).
    Raises Problem: 400 fields; 403 sign-up is closed; 429 with Retry-After. What costs most comes last."""
    config = handler.config
    if not config.sign_up_open:
        raise Problem(403, "closed", "Sign-up is closed. Please ask an administrator for an account.")
    handler.email_taken = EMAIL_TAKEN  # what breaking account_email_key is told, too
    await handler.read_body(SIGN_UP)
    _check(handler.body)
    sign_ups = throttle(handler.application, "sign-up", config.sign_ups_per_hour, 3600)
    place = source(handler.remote_address)
    if await sign_ups.fail(place) > sign_ups.limit:
        raise too_many("sign-ups", await sign_ups.wait(place) or 1)
    made = await query.make_member(
        handler.db, body=handler.body_text, password_hash=await handler.application.passwords.hash(handler.body["password"]),
        address=handler.remote_address, request_id=handler.request_id,
    )  # fmt: skip
    if made["account_id"] is None:
        email = {"email": [EMAIL_TAKEN]} if made["email_taken"] else {}
        raise invalid({**email, **({"username": [USERNAME_WRONG["taken"]]} if made["username_taken"] else {})})
    return made


def _check(sent: dict[str, Any]) -> None:
    """What the schema can't say. Raises Problem 400."""
    username, company, password = sent["username"].strip(BLANKS), sent.get("company_name"), sent["password"]
    wrong = {
        "username": [
            *([USERNAME_WRONG["short"]] if len(username) < SHORTEST_USERNAME else []),
            *([USERNAME_WRONG["letters"]] if not re.fullmatch("[A-Za-z0-9_]*", username) else []),
        ],
        "company_name": [COMPANY_SHORT] if is_short(company) else [],
        "password": password_rules.refusals(password_rules.BOOKS, password, [username, sent["email"], company]),
        "password_confirm": ["Passwords don't match"] if sent.get("password_confirm", password) != password else [],
    }
    if any(wrong.values()):
        raise invalid({field: told for field, told in wrong.items() if told})


def is_short(text: str | None, shortest: int = SHORTEST_COMPANY) -> bool:
    """Whether a text is given, and shorter than that without the blanks around it. An empty one is as good as none."""
    return 0 < len((text or "").strip(BLANKS)) < shortest


refusals = {
    "account_member_username_key": (400, "invalid", "Validation failed", {"username": [USERNAME_WRONG["taken"]]}),
}
routes = [("/api/auth/register/", Register)]

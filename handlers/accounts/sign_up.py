"""Public sign-up, which makes accounts of the role MEMBER with books of their own. docs/api/accounts.md#sign-up."""

import json
from typing import Any

import asyncpg

from core.data import sql
from core.http import schema
from core.http.declare import answers, takes
from core.http.throttle import source, throttle, too_many
from core.problem import Problem, invalid
from core.text import BLANKS
from handlers.accounts import names, password_rules
from handlers.accounts.sign_in import GivesTokens
from handlers.api.dialects import BooksDialect

EMAIL_EXISTS = "A user with this email already exists."
SIGN_UP = schema.load("accounts/sign_up")

query = sql.load("accounts/sign_up")
profile_query = sql.load("accounts/books_profile")


class Register(names.WritesEmail, GivesTokens):
    dialect = BooksDialect()

    @answers(201, "accounts/registered")
    @takes(SIGN_UP)
    async def post(self) -> None:
        """Sign up: make an account with books of its own, and sign in to it. 201; 400 wrong fields; 401 the account was deleted right after it
        was made; 403 sign-up is closed; 429 too many sign-ups from one address."""
        member = await make_member(self)
        session = await self.open_session(member["account_id"], member["password_hash"])
        profile = await profile_query.get_profile(self.db, account_id=member["account_id"])
        if profile is None:
            # The account was deleted right after it was made.
            raise self.bad_sign_in()
        user = json.loads(profile)
        self.reply(
            {
                "message": "User registered successfully",
                "user": user,
                **{name: user[name] for name in ("email", "username", "company_name")},
                "tokens": self.sign_tokens(session),
            },
            status=201,
        )


async def make_member(handler: names.WritesEmail) -> asyncpg.Record:
    """Make the account that the request's body describes: a row with account_id and password_hash. The checks that cost most come
    last. Raises Problem: 400 wrong fields; 403 sign-up is closed; 429 with Retry-After."""
    config = handler.config
    if not config.sign_up_open:
        raise Problem(403, "closed", "Sign-up is closed. Please ask an administrator for an account.")
    # Of two sign-ups at the same time, the second breaks the constraint account_email_key, and gets the same message.
    handler.email_exists = EMAIL_EXISTS
    await handler.read_body(SIGN_UP)
    _check(handler.body)
    sign_ups = throttle(handler.application, "sign-up", config.sign_ups_per_hour, 3600)
    address = source(handler.remote_address)
    if await sign_ups.fail(address) > sign_ups.limit:
        raise too_many("sign-ups", await sign_ups.wait(address) or 1)
    hashed = await handler.application.passwords.hash(handler.body["password"], **handler.requester)

    async def make(db: sql.Runner) -> asyncpg.Record:
        await names.hold_username(db, handler.body["username"])
        return await query.make_member(
            db,
            body=handler.body_text,
            password_hash=hashed,
            address=handler.remote_address,
            request_id=handler.request_id,
        )

    made = await handler.db.transaction(make)
    if made["account_id"] is None:
        email = {"email": [EMAIL_EXISTS]} if made["email_taken"] else {}
        username = {"username": [names.USERNAME_EXISTS]} if made["username_taken"] else {}
        raise invalid({**email, **username})
    return made


def _check(sent: dict[str, Any]) -> None:
    """Check what the schema cannot express. Raises Problem 400."""
    username, password = sent["username"].strip(BLANKS), sent["password"]
    personal = [username, sent["email"], sent.get("company_name")]
    refused = {
        "username": names.username_refusals(username),
        **names.company_refusals(sent),
        "password": password_rules.faults(password_rules.BOOKS, password, personal),
        "password_confirm": ["Passwords don't match"] if sent.get("password_confirm", password) != password else [],
    }
    if any(refused.values()):
        raise invalid({field: messages for field, messages in refused.items() if messages})


refusals = {
    "account_member_username_key": (400, "invalid", "Validation failed", {"username": [names.USERNAME_EXISTS]}),
}
groups = ("Books: profile",)
routes = [("/api/auth/register/", Register)]

"""Public sign-up: anyone makes themselves a MEMBER, with books of their own. Seed 004; contracts/books.md, 2."""

import json
from typing import Any

from core.data import sql
from core.http import schema
from core.http.throttle import source, throttle, too_many
from core.problem import Problem, invalid
from handlers.accounts import names, password_rules
from handlers.accounts.sign_in import GivesTokens
from handlers.api.dialects import BooksDialect

EMAIL_TAKEN = "A user with this email already exists."
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
            raise self.wrong()
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
    hashed = await handler.application.passwords.hash(handler.body["password"], **handler.requester)

    async def make(db: sql.Runner) -> Any:
        await names.hold(db, handler.body["username"])
        return await query.make_member(
            db,
            body=handler.body_text,
            password_hash=hashed,
            address=handler.remote_address,
            request_id=handler.request_id,
        )

    made = await handler.db.transaction(make)
    if made["account_id"] is None:
        email = {"email": [EMAIL_TAKEN]} if made["email_taken"] else {}
        raise invalid({**email, **({"username": [names.TAKEN]} if made["username_taken"] else {})})
    return made


def _check(sent: dict[str, Any]) -> None:
    """What the schema can't say. Raises Problem 400."""
    username, password = sent["username"].strip(schema.BLANKS), sent["password"]
    about = [username, sent["email"], sent.get("company_name")]
    wrong = {
        "username": names.username_refusals(username),
        **names.company_refusals(sent),
        "password": password_rules.faults(password_rules.BOOKS, password, about),
        "password_confirm": ["Passwords don't match"] if sent.get("password_confirm", password) != password else [],
    }
    if any(wrong.values()):
        raise invalid({field: told for field, told in wrong.items() if told})


refusals = {
    "account_member_username_key": (400, "invalid", "Validation failed", {"username": [names.TAKEN]}),
}
routes = [("/api/auth/register/", Register)]

"""Accounts, as seeds 001 and 004 manage them: both document /api/auth/users/, and one answer serves both."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from core.access import Access
from core.data import sql
from core.files import images, media
from core.http import keyset, paging, schema
from core.problem import Problem, forbidden, invalid, not_found
from handlers.accounts import names, password_rules, sign_up
from handlers.api.caller import ChangesCallers
from handlers.api.dialects import StaffDialect
from handlers.api.envelope import CREATED, DETAIL, UPDATED, cursor_envelope, envelope, page_envelope
from handlers.api.handler import ApiHandler, bad_token
from handlers.api.roles import ROLES, administers, administrator, may_give, may_give_flag, may_touch, signed_in

IDS = ("id", "user_id", "date_joined")  # all one order
# What a list can be ordered by. Each has an index; by several at once, Postgres sorts those that are alike in the first.
ORDERS = {
    **{
        field: keyset.Column(f"account.{field}", "text", keyset.is_text)
        for field in ("email", "username", "name", "role")
    },
    **{field: keyset.Column(f"account.{field}", "boolean", keyset.is_flag) for field in ("is_active", "is_staff")},
    "last_login": keyset.Column("coalesce(account.last_login, 'infinity')", "timestamptz", keyset.is_instant),
    **dict.fromkeys(IDS, keyset.Column("account.id", "bigint", keyset.is_id)),
}
LONGEST_SEARCH = 100  # characters
OWN_FIELDS = (
    "name",
    "first_name",
    "last_name",
    "phone",
    "username",
    "company_name",
    "company_address",
    "company_logo",
    "avatar",
)

query = sql.load("accounts/user")
create, update, update_own = (
    schema.load(f"accounts/{name}") for name in ("user_create", "user_update", "user_update_own")
)


def _administrator_unless_a_stranger(handler: Any) -> None:
    if handler.caller is not None:
        administrator.check(handler)


class Users(ChangesCallers, ApiHandler):
    dialect = StaffDialect()
    access = {
        "POST": Access(
            "anyone, who signs up; signed in: area administration, or is_staff", _administrator_unless_a_stranger
        ),
        "*": administrator,
    }
    forms = True

    async def get(self) -> None:
        """200, newest first. search (words in e-mail, name or username), ordering (a field, `-` for descending), page, page_size (20,
        at most 100), or cursor (empty: from the beginning; nothing is counted). 400 a cursor that is none; 404 Invalid page."""
        page = paging.requested(self, default=20, most=100)
        order = _order(self.get_query_argument("ordering", ""))
        words = " ".join(self.get_query_argument("search", "").replace("\0", "").split())[:LONGEST_SEARCH]
        search = {"search": words} if words else {}
        if "cursor" in self.request.query_arguments:
            after = order.given(self)
            walk = order.walk(query.walk_found if words else query.walk_users, after)
            rows = await walk(self.db, after=after, page_size=page.size, **search)
            self.reply(await self.linked(cursor_envelope(self, rows, page.size, order=order.name, has_books=True)))
            return
        users = (query.search_users if words else query.list_users).ordered(order.by)
        found = await users(self.db, page=page.number, page_size=page.size, **search)
        results = await self.linked(found["results"]) if found["results"] else None
        self.reply(page_envelope(self, found["count"], found["page"], page.size, results, books=found["books"]))

    async def post(self) -> None:
        """Without credentials: public sign-up, which makes a MEMBER (seed 004). With an administrator's: an account (seed 001).
        201; 400 fields; 403 a role above the caller's, or sign-up is closed; 429 too many sign-ups from one address."""
        if self.caller is None:
            member = await sign_up.make_member(self)
            made = await query.get_user(self.db, public_id=None, account_id=member["account_id"])
            if made is None:  # deleted already
                raise bad_token("invalid")
            self.reply(await _told(self, CREATED, made, 201), status=201)
            return
        await self.read_body(create)
        may_give(self.caller, self.body.get("role", "USER"))
        may_give_flag(self.caller, bool(self.body.get("is_staff")))
        if wrong := names.company_refusals(self.body):
            raise invalid(wrong)
        hashed = await password_hash(self, self.body)
        key = await media.store(self.application, await images.submitted(self, "avatar"))

        async def make(db: sql.Runner) -> asyncpg.Record:
            await self.confirm(db)
            return await query.create_user(
                db,
                maker_id=self.caller.account_id,
                password_hash=hashed,
                avatar=key,
                body=self.body_text,
                actor=self.actor,
            )

        made = await self.db.transaction(make)
        self.reply(await _told(self, CREATED, made, 201), status=201)


class User(ChangesCallers, ApiHandler):
    """{id} is the uuid of seed 001, or the number of seed 004."""

    dialect = StaffDialect()
    access = signed_in
    forms = True

    async def get(self, id: str) -> None:
        """200; 404 also for another's account, unless the caller administers them."""
        found = await query.get_user(self.db, **ids(id)) if self._is_admitted(id) else None
        if found is None:
            raise not_found("No User matches the given query.")
        self.reply(await _told(self, DETAIL, found))

    async def put(self, id: str) -> None:
        """200. An administrator changes everything (email is required by seed 001, which names an account by its uuid), others their
        own names, company and picture; 404; 400."""
        await self._change(id, create if schema.is_uuid(id) else update)

    async def patch(self, id: str) -> None:
        """As PUT, with only what changes; `avatar` as a file in a form."""
        await self._change(id, update)

    async def delete(self, id: str) -> None:
        """204; 404; 400 one's own as an administrator, or the last SUPERADMIN. A MEMBER may remove themselves."""
        if not self._is_admitted(id):
            raise not_found("No User matches the given query.")

        async def remove(db: sql.Runner) -> str | None:
            user = await lock(db, ids(id))
            may_touch(self.caller, user["role"])
            if administers(self.caller):
                not_oneself(self.caller, user, "You cannot delete your own account.")
            elif self.caller.role != "MEMBER":
                raise forbidden()
            await query.delete_user(db, account_id=user["account_id"], actor=self.actor)
            return user["avatar"]

        await media.remove_now(self.application, await self.db.transaction(remove))
        self.reply_nothing()

    async def _change(self, id: str, expected: schema.Schema) -> None:
        if not self._is_admitted(id):
            raise not_found("No User matches the given query.")
        if administers(self.caller):
            await self.read_body(expected)
            self.reply(await change(self, ids(id), UPDATED))
        else:
            await self.read_body(update_own)
            self.reply(await change_own(self, UPDATED))

    def _is_admitted(self, id: str) -> bool:
        """Whether the caller may know of this account at all."""
        return administers(self.caller) or id.lower() in (self.caller.public_id, str(self.caller.account_id))


async def lock(db: sql.Runner, which: dict[str, Any]) -> asyncpg.Record:
    """The account, held until the transaction ends. Raises Problem 404."""
    user = await query.lock_user(db, **which)
    if user is None:
        raise not_found("No User matches the given query.")
    return user


async def change(handler: Any, which: dict[str, Any], message: str) -> str:
    """Change an account as the handler's validated body says, which an administrator sent; the answer's text. Raises Problem."""
    caller, body = handler.caller, handler.body
    if wrong := names.company_refusals(body):
        raise invalid(wrong)
    hashed = await password_hash(handler, body, which)  # before the transaction, in which bcrypt has no place

    async def allow(db: sql.Runner, user: asyncpg.Record) -> None:
        may_touch(caller, user["role"])
        may_give(caller, body.get("role", user["role"]), own=user["account_id"] == caller.account_id)
        may_give_flag(caller, bool(body.get("is_staff")) and not user["is_staff"])
        if body.get("is_active") is False:
            not_oneself(caller, user, "You cannot deactivate your own account.")

    return await _change(handler, which, message, body, hashed, allow)


async def change_own(handler: Any, message: str) -> str:
    """Change what is the caller's own to change; the answer's text. Raises Problem."""
    body, account_id = (
        {name: handler.body[name] for name in OWN_FIELDS if name in handler.body},
        handler.caller.account_id,
    )

    async def allow(db: sql.Runner, user: asyncpg.Record) -> None:
        await names.check_own(db, account_id, body)

    return await _change(handler, {"public_id": None, "account_id": account_id}, message, body, None, allow)


async def _change(
    handler: Any,
    which: dict[str, Any],
    message: str,
    body: dict[str, Any],
    hashed: str | None,
    allow: Callable[[sql.Runner, asyncpg.Record], Awaitable[None]],
) -> str:
    key = await media.store(handler.application, await images.submitted(handler, "avatar"))

    async def apply(db: sql.Runner) -> tuple[asyncpg.Record, str | None]:
        user = await query.lock_user(db, **which)
        await handler.confirm(db)
        if user is None:
            raise not_found("No User matches the given query.")
        await allow(db, user)
        role = body.get("role", user["role"])
        changed = await query.update_user(
            db, account_id=user["account_id"], password_hash=hashed, avatar=key, keep_session=handler.caller.session_id,
            body=json.dumps(body), actor=handler.actor,
            keeps_staff=role == user["role"] or "administration" in ROLES[role],
        )  # fmt: skip
        return changed, user["avatar"] if key or body.get("avatar", "kept") is None else None

    changed, replaced = await handler.db.transaction(apply)
    await media.remove_now(handler.application, replaced)
    return await _told(handler, message, changed)


async def password_hash(handler: Any, body: dict[str, Any], which: dict[str, Any] | None = None) -> str | None:
    """The hash of the body's password, None when it names none. `which`: the account that there is. Raises Problem 400."""
    password = body.get("password")
    if password is None:
        return None
    user = await query.find_user(handler.db, **which) if which else None
    email, name, username, role = (
        body.get(field) or (user and user[field]) for field in ("email", "name", "username", "role")
    )
    password_rules.check(handler.config, password_rules.STAFF, password, (email, name, username), role=role)
    return await handler.application.passwords.hash(password, **handler.requester)


def not_oneself(caller: Any, user: Any, message: str) -> None:
    if user["account_id"] == caller.account_id:
        raise Problem(400, "oneself", message)


def ids(id: str) -> dict[str, Any]:
    """The two ids to look for, of which one is None. Raises Problem 404 when the text is neither."""
    if schema.is_uuid(id):
        return {"public_id": id, "account_id": None}
    if id.isascii() and id.isdecimal() and len(id) <= 18:
        return {"public_id": None, "account_id": int(id)}
    raise not_found()


def _order(asked: str) -> keyset.Order:
    """Of `ordering`: fields with commas between, `-` for descending, unknown ones ignored; newest first otherwise."""
    terms: dict[str, str] = {}
    for term in map(str.strip, asked.split(",")):
        if (field := term.removeprefix("-")) in ORDERS:
            terms.setdefault(field, term)
    if not terms.keys() & IDS:
        descends = not terms or next(reversed(terms.values())).startswith("-")
        terms["id"] = "-id" if descends else "id"
    return keyset.Order(ORDERS, list(terms.values()))


async def _told(handler: Any, message: str, found: asyncpg.Record, status: int = 200) -> str:
    return envelope(message, await handler.linked(found["document"]), status, books=found["books"])


async def email_taken(handler: Any) -> Problem:
    """In the words of the API that asked."""
    said = getattr(handler, "email_taken", "User with this email already exists.")
    return Problem(400, "email-taken", "Validation failed", {"email": [said]})


def _unknown(field: str) -> Any:
    async def refusal(handler: Any) -> Problem:
        return Problem(
            400,
            "unknown",
            "Validation failed",
            {field: [f'Invalid pk "{handler.body[field]}" - object does not exist.']},
        )

    return refusal


async def vanished(handler: Any) -> Problem:
    """The caller's account was deleted while they made another."""
    return bad_token("invalid")


refusals = {
    "account_created_by_fkey": vanished,
    "account_email_key": email_taken,
    "account_last_superadmin": (400, "last-superadmin", "At least one SUPERADMIN must remain."),
    "account_department_id_exists": _unknown("department_id"),
    "account_job_title_exists": _unknown("job_title"),
}
routes = [
    ("/api/auth/users/", Users),
    ("/api/auth/users/{id}/", User),
]

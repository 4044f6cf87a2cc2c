"""Accounts as administrators manage them: one path and one answer for the staff API and the books API.

docs/api/accounts.md#staff-users.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypedDict

import asyncpg

from core.access import Access
from core.data import sql
from core.files import images, media
from core.http import keyset, paging, schema
from core.http.declare import answers, takes
from core.http.parameter import ID, UUID, Parameter
from core.problem import Problem, forbidden, invalid, not_found
from core.text import BLANKS
from handlers.accounts import MAX_PAGE_SIZE, PAGE_SIZE, names, password_rules, sign_up
from handlers.api.caller import Caller, ChangesCallers
from handlers.api.dialects import StaffDialect
from handlers.api.envelope import (
    CREATED,
    DETAIL,
    UPDATED,
    cursor_envelope,
    data_of,
    envelope,
    page_envelope,
    page_of,
)
from handlers.api.handler import ApiHandler, gone
from handlers.api.roles import (
    ROLES,
    STRANGERS,
    administers,
    administrator,
    may_give,
    may_give_flag,
    may_touch,
    signed_in,
    signed_in_caller,
)

# Three names for the order in which accounts were made.
IDS = ("id", "user_id", "date_joined")
# The columns that a list can be ordered by. Each has an index. With several columns, Postgres sorts the rows that are equal in the
# first one.
ORDERS = {
    **{
        field: keyset.Column(f"account.{field}", "text", keyset.is_text)
        for field in ("email", "username", "name", "role")
    },
    **{field: keyset.Column(f"account.{field}", "boolean", keyset.is_flag) for field in ("is_active", "is_staff")},
    "last_login": keyset.Column("coalesce(account.last_login, 'infinity')", "timestamptz", keyset.is_instant),
    **dict.fromkeys(IDS, keyset.Column("account.id", "bigint", keyset.is_id)),
}
# Characters of a search.
MAX_SEARCH = 100
# The fields that people change in their own account.
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

# Fields that only administrators change. Clients send back the whole account that they have read, so the present values are allowed.
RESERVED_FIELDS = ("email", "role", "department_id", "job_title", "is_active", "is_staff", "is_superuser")

PATH_ID = Parameter("id", "Its uuid, or its number.", {"anyOf": [UUID, ID]})

query = sql.load("accounts/user")
create, update, update_own = (
    schema.load(f"accounts/{name}") for name in ("user_create", "user_update", "user_update_own")
)


class AccountId(TypedDict):
    """The parameters of a query that finds one account: one of the two is None."""

    public_id: str | None
    account_id: int | None


def _sign_up_or_administrator(handler: ApiHandler) -> None:
    if handler.caller is not None and not administers(handler.caller):
        raise forbidden()


class Users(ChangesCallers, names.WritesEmail):
    dialect = StaffDialect()
    access = {
        "POST": Access(
            "anyone, who signs up; signed in: area administration, or is_staff", _sign_up_or_administrator, is_open=True
        ),
        "*": administrator,
    }
    parameters = (
        *paging.parameters(PAGE_SIZE, MAX_PAGE_SIZE),
        keyset.CURSOR,
        Parameter("search", "Words that occur in the e-mail, name or username."),
        Parameter("ordering", f"Of {', '.join(ORDERS)}, several with commas; `-` before one is descending."),
    )

    # As Departments.get, which is the model. In addition, the list takes a search and an order, and the answer has the page of the
    # books API beside `data`. Each word of a search may be any part of e-mail, name or username, also a word of one or two letters.
    # The index serves only longer words, so a search for a short one reads the whole table; only administrators may search here.
    # (Anyone may search invoices, where a short word therefore stands for a whole word.)
    @answers(200, page_of("accounts/account", books="accounts/books_account"))
    async def get(self) -> None:
        """List the accounts, newest first. 200; 400 an invalid cursor; 404 there is no such page."""
        page = paging.requested(self, default=PAGE_SIZE, most=MAX_PAGE_SIZE)
        order = _order(self.asked("ordering"))
        words = " ".join(self.asked("search").split())[:MAX_SEARCH]
        search = {"search": words} if words else {}
        if self.asks_for("cursor"):
            after = order.given(self)
            walk = order.walk(query.walk_found if words else query.walk_users, after)
            rows = await walk(self.db, after=after, page_size=page.size, **search)
            self.reply(await self.linked(cursor_envelope(self, rows, page.size, order=order.name, has_books=True)))
            return
        users = (query.search_users if words else query.list_users).ordered(order.by)
        found = await users(self.db, page=page.number, page_size=page.size, **search)
        results = await self.linked(found["results"]) if found["results"] else None
        self.reply(page_envelope(self, found["count"], found["page"], page.size, results, books=found["books"]))

    @answers(201, data_of("accounts/account", 201, books="accounts/books_account"))
    @takes(create, sign_up.SIGN_UP, files=("avatar",))
    async def post(self) -> None:
        """Make an account. Without credentials this is the public sign-up, which makes a MEMBER; an administrator makes an account of any
        role. 201; 400 wrong fields; 403 the caller may not, a role above the caller's, or sign-up is closed; 429 too many sign-ups from one
        address."""
        if self.caller is None:
            await self._sign_up()
        else:
            await self._create(self.caller)

    async def _sign_up(self) -> None:
        member = await sign_up.make_member(self)
        made = await query.get_user(self.db, public_id=None, account_id=member["account_id"])
        if made is None:
            # The account was deleted right after it was made.
            raise gone()
        self.reply(await account_envelope(self, CREATED, made, 201), status=201)

    async def _create(self, caller: Caller) -> None:
        await self.read_body(create)
        may_give(caller, self.body.get("role", "USER"))
        may_give_flag(caller, bool(self.body.get("is_staff")))
        if refused := names.company_refusals(self.body):
            raise invalid(refused)
        hashed = await hash_password(self)
        key = await media.store(self.application, await images.submitted(self, "avatar"))

        async def make(db: sql.Runner) -> asyncpg.Record:
            await self.confirm(db)
            return await query.create_user(
                db,
                maker_id=caller.account_id,
                password_hash=hashed,
                avatar=key,
                body=self.body_text,
                actor=self.actor,
            )

        made = await self.db.transaction(make)
        self.reply(await account_envelope(self, CREATED, made, 201), status=201)


class User(ChangesCallers, names.WritesEmail):
    """One account. {id}: its uuid, as in the staff API, or its number, as in the books API."""

    dialect = StaffDialect()
    access = signed_in
    path_parameters = (PATH_ID,)

    @answers(200, data_of("accounts/account", books="accounts/books_account"))
    async def get(self, id: str) -> None:
        """Show an account. 200; 404 also another person's account unless the caller administers accounts."""
        if not self._may_see(id):
            raise no_user()
        found = await query.get_user(self.db, **parse_id(id))
        if found is None:
            raise no_user()
        self.reply(await account_envelope(self, DETAIL, found))

    @answers(200, data_of("accounts/account", books="accounts/books_account"))
    @takes(create, update, update_own, files=("avatar",))
    async def put(self, id: str) -> None:
        """Replace an account. Administrators change every field (by uuid, email is required, as in the staff document), other people
        their own names, phone, company and picture. Fields that the body omits stay. 200; 400 wrong fields, an e-mail or username that
        exists; 403 another field, another person's account, or a role above the caller's; 404."""
        await self._change(id, create if schema.is_uuid(id) else update)

    @answers(200, data_of("accounts/account", books="accounts/books_account"))
    @takes(update, update_own, files=("avatar",))
    async def patch(self, id: str) -> None:
        """Change some fields of an account, as PUT does. `avatar` is a file of a form. 200; 400 as for PUT; 403 as for PUT; 404."""
        await self._change(id, update)

    async def delete(self, id: str) -> None:
        """Delete an account with its sessions. A MEMBER may delete their own account. 204; 400 an administrator's own account, the last
        SUPERADMIN; 403 the caller may not, or the account's role is above the caller's; 404."""
        self._refuse_others(id)
        caller = signed_in_caller(self)

        async def remove(db: sql.Runner) -> str | None:
            user = await lock(db, parse_id(id))
            may_touch(caller, user["role"])
            if administers(caller):
                refuse_oneself(caller, user["account_id"], "You cannot delete your own account.")
            elif caller.role != "MEMBER":
                raise forbidden()
            await query.delete_user(db, account_id=user["account_id"], actor=self.actor)
            avatar: str | None = user["avatar"]
            return avatar

        await media.remove_now(self.application, await self.db.transaction(remove))
        self.reply_nothing()

    async def _change(self, id: str, expected: schema.Schema) -> None:
        self._refuse_others(id)
        if administers(signed_in_caller(self)):
            await self.read_body(expected)
            self.reply(await change(self, parse_id(id), UPDATED))
        else:
            await self.read_body(update_own)
            self.reply(await change_own(self, UPDATED))

    def _may_see(self, id: str) -> bool:
        """Whether the account is the caller's own, or the caller administers accounts."""
        caller = signed_in_caller(self)
        return administers(caller) or id.lower() in (caller.public_id, str(caller.account_id))

    def _refuse_others(self, id: str) -> None:
        """Refuses a change of another person's account. Raises Problem: 403 to people of the firm; 404 to strangers, as to a GET, and
        for a text that can be no id."""
        parse_id(id)
        if not self._may_see(id):
            raise no_user() if signed_in_caller(self).role in STRANGERS else forbidden()


async def lock(db: sql.Runner, account: AccountId) -> asyncpg.Record:
    """Lock the account until the transaction ends: account_id, email, role, is_staff, avatar. Raises Problem 404."""
    user = await query.lock_user(db, **account)
    if user is None:
        raise no_user()
    return user


async def change(handler: ApiHandler, account: AccountId, message: str) -> str:
    """Change an account as the validated body of an administrator says; returns the body of the answer. Raises Problem: 400, 403, 404."""
    caller, body = signed_in_caller(handler), handler.body
    if refused := names.company_refusals(body):
        raise invalid(refused)
    # Before the transaction, because bcrypt takes too long to hold locks meanwhile.
    hashed = await hash_password(handler, account)

    async def allow(db: sql.Runner, user: asyncpg.Record) -> None:
        may_touch(caller, user["role"])
        may_give(caller, body.get("role", user["role"]), own=user["account_id"] == caller.account_id)
        may_give_flag(caller, bool(body.get("is_staff")) and not user["is_staff"])
        if body.get("is_active") is False:
            refuse_oneself(caller, user["account_id"], "You cannot deactivate your own account.")

    return await _change(handler, account, message, body, hashed, allow)


async def change_own(handler: ApiHandler, message: str) -> str:
    """Change OWN_FIELDS of the caller's own account as the validated body says; returns the body of the answer. Raises Problem: 400, 401;
    403 a new value for one of RESERVED_FIELDS, or a password, which has its own endpoint."""
    account_id = signed_in_caller(handler).account_id
    body = {name: handler.body[name] for name in OWN_FIELDS if name in handler.body}

    async def allow(db: sql.Runner, user: asyncpg.Record) -> None:
        _refuse_reserved(handler.body, user)
        await names.check_own(db, account_id, body)

    return await _change(handler, {"public_id": None, "account_id": account_id}, message, body, None, allow)


def _refuse_reserved(body: dict[str, Any], user: asyncpg.Record) -> None:
    """Raises Problem 403 when the body has another value than the account for a field that only administrators change."""

    def plain(value: Any) -> Any:
        return value.strip(BLANKS).lower() if isinstance(value, str) else value

    changed = [
        name for name in RESERVED_FIELDS if name in body and (plain(body[name]) or None) != (plain(user[name]) or None)
    ]
    if changed or body.get("password"):
        raise forbidden()


async def _change(
    handler: ApiHandler,
    account: AccountId,
    message: str,
    body: dict[str, Any],
    hashed: str | None,
    allow: Callable[[sql.Runner, asyncpg.Record], Awaitable[None]],
) -> str:
    """allow: checks the change within the transaction, with the locked account. Raises Problem."""
    caller = signed_in_caller(handler)
    key = await media.store(handler.application, await images.submitted(handler, "avatar"))

    async def apply(db: sql.Runner) -> tuple[asyncpg.Record, str | None]:
        user = await query.lock_user(db, **account)
        # Before the 404: if the missing account is the caller's own, this answers 401.
        await handler.confirm(db)
        if user is None:
            raise no_user()
        await allow(db, user)
        role = body.get("role", user["role"])
        changed = await query.update_user(
            db,
            account_id=user["account_id"],
            password_hash=hashed,
            avatar=key,
            keep_session=caller.session_id,
            body=json.dumps(body),
            actor=handler.actor,
            keeps_staff=role == user["role"] or "administration" in ROLES[role],
        )
        is_replaced = key is not None or ("avatar" in body and body["avatar"] is None)
        return changed, user["avatar"] if is_replaced else None

    changed, replaced = await handler.db.transaction(apply)
    await media.remove_now(handler.application, replaced)
    return await account_envelope(handler, message, changed)


async def hash_password(handler: ApiHandler, account: AccountId | None = None) -> str | None:
    """The hash of the body's password; None without one. account: the existing account, None for a new one. Raises Problem 400."""
    body = handler.body
    password = body.get("password")
    if password is None:
        return None
    known = await query.find_user(handler.db, **account) if account else None
    email, name, username, role = (
        body.get(field) or (known[field] if known else None) for field in ("email", "name", "username", "role")
    )
    password_rules.check(handler.config, password_rules.STAFF, password, (email, name, username), role=role)
    return await handler.application.passwords.hash(password, **handler.requester)


def refuse_oneself(caller: Caller, account_id: int, message: str) -> None:
    """Raises Problem 400 with this message when the account is the caller's own."""
    if account_id == caller.account_id:
        raise Problem(400, "oneself", message)


def parse_id(id: str) -> AccountId:
    """The account that a path names, by uuid or by number. Raises Problem 404: the text is neither."""
    if schema.is_uuid(id):
        return {"public_id": id, "account_id": None}
    if id.isascii() and id.isdecimal() and len(id) <= 18:
        return {"public_id": None, "account_id": int(id)}
    raise not_found()


def no_user() -> Problem:
    return not_found("No User matches the given query.")


def _order(ordering: str) -> keyset.Order:
    """The order that `ordering` asks for: fields with commas between them, `-` for descending. Unknown fields are ignored; without any
    known field, the order is newest first."""
    terms: dict[str, str] = {}
    for term in map(str.strip, ordering.split(",")):
        if (field := term.removeprefix("-")) in ORDERS:
            terms.setdefault(field, term)
    if not terms.keys() & IDS:
        descends = not terms or next(reversed(terms.values())).startswith("-")
        terms["id"] = "-id" if descends else "id"
    return keyset.Order(ORDERS, list(terms.values()))


async def account_envelope(handler: ApiHandler, message: str, account: asyncpg.Record, status: int = 200) -> str:
    """The body of an answer with one account. account: `document` and `books`, as JSON text."""
    return envelope(message, await handler.linked(account["document"]), status, books=account["books"])


async def email_exists(handler: ApiHandler) -> Problem:
    # The pages of the administration make accounts too.
    said = getattr(handler, "email_exists", names.WritesEmail.email_exists)
    return Problem(400, "email-taken", "Validation failed", {"email": [said]})


def _unknown(field: str) -> Callable[[ApiHandler], Awaitable[Problem]]:
    """The refusal for a uuid in this field of the body that no row has."""

    async def refusal(handler: ApiHandler) -> Problem:
        message = f'Invalid pk "{handler.body[field]}" - object does not exist.'
        return Problem(400, "unknown", "Validation failed", {field: [message]})

    return refusal


refusals = {
    # The caller's account was deleted while it made another one.
    "account_created_by_fkey": gone(),
    "account_email_key": email_exists,
    "account_last_superadmin": (400, "last-superadmin", "At least one SUPERADMIN must remain."),
    "account_department_id_exists": _unknown("department_id"),
    "account_job_title_exists": _unknown("job_title"),
}
groups = ("Staff: users", "Books: users")
routes = [
    ("/api/auth/users/", Users),
    ("/api/auth/users/{id}/", User),
]

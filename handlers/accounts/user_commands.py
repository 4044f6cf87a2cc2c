"""server.py user: accounts as the operator lists and changes them. The rules, the audit and the events are those of the API (user.py).
docs/api/accounts.md#commands"""

import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from core import passwords
from core.data import sql
from core.logs import printable
from handlers.accounts import password_rules, user
from handlers.api.command_database import ACTOR, CommandRefused, opened
from handlers.api.roles import ROLES
from handlers.settings import Settings

# Bytes of a password that the command makes: nobody guesses it, and it can be typed.
PASSWORD_BYTES = 12
# By constraint: what a change that it refuses is answered with.
REFUSALS = {
    "account_last_superadmin": "At least one SUPERADMIN must remain.",
    "account_member_username_key": "Another account of that role has the same username.",
    "account_vendor_username_key": "Another account of that role has the same username.",
}

query = sql.load("accounts/user_command")


async def list_accounts(
    config: Settings, *, role: str | None, search: str, is_active: bool | None, most: int
) -> list[str]:
    """Lines that tell of accounts, newest first. Raises CommandRefused."""
    filters: dict[str, Any] = {}
    if role is not None:
        filters["role"] = known_role(role)
    if is_active is not None:
        filters["active"] = is_active
    words = search.replace("\0", "").split()
    if words:
        filters["search"] = (max(words, key=len), words)
    async with opened(config) as db:
        rows = await query.list_accounts.where(**filters)(db, most=most)
    return [_line(row) for row in rows] or ["there is no such account"]


def _line(row: asyncpg.Record) -> str:
    state = "active" if row["is_active"] else "inactive"
    seen = f"{row['last_login']:%Y-%m-%d %H:%M}Z" if row["last_login"] else "never"
    return f"{printable(row['email']):40}  {row['role']:10}  {state:8}  {'staff' if row['is_staff'] else '':5}  {seen:17}  {printable(row['name'])}"


async def find(config: Settings, who: str) -> asyncpg.Record:
    """The account with this e-mail or username. Raises CommandRefused."""
    async with opened(config) as db:
        rows = await query.find_accounts(db, who=who.strip().replace("\0", ""))
    if len(rows) == 1:
        return rows[0]
    raise CommandRefused(
        f"Several accounts have the username {who!r}; give the e-mail." if rows else f"There is no account {who!r}."
    )


def described(account: asyncpg.Record) -> list[str]:
    """Lines that tell all of an account that an operator needs."""
    flags = [name for name in ("is_staff", "is_superuser") if account[name]]
    shown = {
        "e-mail": account["email"],
        "username": account["username"],
        "name": account["name"],
        "phone": account["phone"] or "",
        "role": " ".join([account["role"], *flags]),
        "state": "active" if account["is_active"] else "inactive",
        "password": "set" if account["has_password"] else "none: nobody can sign in",
        "sessions": f"{account['sessions']} open",
        "joined": f"{account['date_joined']:%Y-%m-%d %H:%M:%S}Z",
        "last sign-in": f"{account['last_login']:%Y-%m-%d %H:%M:%S}Z" if account["last_login"] else "never",
        "id": f"{account['public_id']}, {account['account_id']}",
    }
    return [f"{name:13} {printable(value)}" for name, value in shown.items() if value]


def known_role(role: str) -> str:
    """The role, in whatever case it is given. Raises CommandRefused."""
    if role.upper() not in ROLES:
        raise CommandRefused(f"{role!r} is not a role; choose one of {', '.join(ROLES)}.")
    return role.upper()


async def set_role(config: Settings, account_id: int, role: str) -> None:
    """Give an account another role. Raises CommandRefused."""

    async def apply(db: sql.Runner, found: asyncpg.Record) -> None:
        keeps_staff = role == found["role"] or "administration" in ROLES[role]
        await _update(db, account_id, {"role": role}, None, keeps_staff=keeps_staff)

    await _changed(config, account_id, apply)


async def set_active(config: Settings, account_id: int, is_active: bool) -> None:
    """Activate or deactivate an account. A deactivation ends its sessions. Raises CommandRefused."""

    async def apply(db: sql.Runner, found: asyncpg.Record) -> None:
        await user.query.set_active(db, account_id=account_id, is_active=is_active, actor=ACTOR)

    await _changed(config, account_id, apply)


def password_fault(config: Settings, account: asyncpg.Record, password: str) -> str:
    """What is wrong with a new password of an account; "": nothing."""
    is_books = account["role"] == "MEMBER" or config.password_policy == "strict"
    policy = password_rules.BOOKS if is_books else password_rules.STAFF
    personal = (account["email"], account["name"], account["username"])
    return " ".join(message.rstrip(".") + "." for message in password_rules.faults(policy, password, personal))


def new_password(config: Settings, account: asyncpg.Record) -> str:
    """A password that nobody knows yet."""
    while password_fault(config, account, made := secrets.token_urlsafe(PASSWORD_BYTES)):
        pass
    return made


async def set_password(config: Settings, account: asyncpg.Record, password: str) -> None:
    """Give an account a new password, and end all its sessions. Raises CommandRefused."""
    if fault := password_fault(config, account, password):
        raise CommandRefused(fault)
    hashed = passwords.hash_now(password, config.bcrypt_cost)

    async def apply(db: sql.Runner, found: asyncpg.Record) -> None:
        await _update(db, account["account_id"], {}, hashed, keeps_staff=True)

    await _changed(config, account["account_id"], apply)


async def _update(
    db: sql.Runner, account_id: int, body: dict[str, Any], hashed: str | None, *, keeps_staff: bool
) -> None:
    await user.query.update_user(
        db,
        account_id=account_id,
        password_hash=hashed,
        avatar=None,
        keep_session=None,
        body=json.dumps(body),
        actor=ACTOR,
        keeps_staff=keeps_staff,
    )


async def _changed(
    config: Settings, account_id: int, apply: Callable[[sql.Runner, asyncpg.Record], Awaitable[None]]
) -> None:
    """Change an account in a transaction that holds its row."""

    async def change(db: sql.Runner) -> None:
        found = await user.query.lock_user(db, public_id=None, account_id=account_id)
        if found is None:
            raise CommandRefused("The account was deleted meanwhile.")
        await apply(db, found)

    async with opened(config) as db:
        try:
            await db.transaction(change)
        except asyncpg.IntegrityConstraintViolationError as error:
            if error.constraint_name not in REFUSALS:
                raise
            raise CommandRefused(REFUSALS[error.constraint_name]) from None

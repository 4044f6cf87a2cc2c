"""Accounts made from the command line: the first superuser, and those of the demo."""

from typing import NamedTuple

import asyncpg

from core import passwords, schema, sql
from core.database import Database
from handlers.settings import Settings

SHORTEST_PASSWORD = 8
LONGEST_NAME = 150  # as the column

query = sql.load("accounts/account")


class DemoAccount(NamedTuple):
    email: str
    username: str
    name: str
    role: str
    password: str


DEMO = [DemoAccount("admin@example.com", "admin", "Demo Admin", "SUPERADMIN", "admin123")]


async def create_demo(config: Settings) -> int:
    """Create the demo accounts that are not there; returns how many those were."""
    created = 0
    for account in DEMO:
        staff = account.role == "SUPERADMIN"
        made = await _create(
            config, account.email, account.username, account.name, account.role, account.password, staff
        )
        created += made is not None
    return created


async def create_superuser(config: Settings, email: str, name: str, password: str) -> str | None:
    """Create a SUPERADMIN; returns what is wrong when it can't be."""
    if not schema.is_email(email) or len(email) > 255:
        return f"{email!r} is not an e-mail address."
    if len(name) > LONGEST_NAME:
        return f"The name must have at most {LONGEST_NAME} characters."
    if len(password) < SHORTEST_PASSWORD or passwords.too_long(password):
        return f"The password must have at least {SHORTEST_PASSWORD} characters and at most {passwords.LONGEST} bytes."
    if await _create(config, email, "", name, "SUPERADMIN", password, True) is None:
        return f"There is an account with {email} already."
    return None


async def _create(
    config: Settings, email: str, username: str, name: str, role: str, password: str, staff: bool
) -> int | None:
    hashed = passwords.hash_now(password, config.bcrypt_cost)
    db = await Database(config.database_url, size=1, statement_cache=0).open()
    try:
        return await query.create_account(
            db,
            email=email,
            username=username,
            name=name,
            role=role,
            password_hash=hashed,
            is_staff=staff,
            is_superuser=staff,
        )
    except asyncpg.UndefinedTableError:
        raise SystemExit("Tradepost: the database is not migrated yet; run: server.py migrate") from None
    finally:
        await db.close()

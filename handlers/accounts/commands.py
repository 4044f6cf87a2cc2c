"""Accounts that commands create: the first superuser, accounts of other roles, and those of the demo. docs/api/accounts.md#roles."""

from typing import NamedTuple

from core import email_address, passwords, text
from core.data import sql
from handlers.accounts import menu_seed, password_rules
from handlers.api.command_database import opened
from handlers.api.roles import ROLES
from handlers.settings import Settings

# Characters, as in the column.
MAX_NAME = 150

query = sql.load("accounts/account")


class DemoAccount(NamedTuple):
    """menus: codes of the menus that the account is shown; ("*",) for all."""

    email: str
    username: str
    name: str
    role: str
    password: str
    menus: tuple[str, ...] = ()


_PICKING = ("dashboard", "invoice", "invoice_list", "my_assigned_bills", "history")
_PACKING = ("dashboard", "packing", "packing_list", "my_assigned_packing", "history")
_DELIVERY = ("dashboard", "delivery", "delivery_dispatch", "my_assigned_delivery", "history")
_OFFICE = ("dashboard", "invoice", "invoice_list", "history")

# One account of each role, with the names and passwords of the documents' samples where there are any.
DEMO = [
    DemoAccount("admin@example.com", "admin", "Demo Admin", "SUPERADMIN", "admin123"),
    DemoAccount("manager@example.com", "manager", "Maya Manager", "ADMIN", "password123", ("*",)),
    DemoAccount("owner@example.com", "owner", "Omar Owner", "OWNER", "password123", ("*",)),
    DemoAccount("juan@example.com", "employee_juan", "Juan Lopez", "EMPLOYEE", "password123", _OFFICE),
    DemoAccount("user@example.com", "testuser", "Test User", "USER", "test123", _OFFICE),
    DemoAccount("picker@example.com", "picker", "Priya Picker", "PICKER", "password123", _PICKING),
    DemoAccount("packer@example.com", "packer", "Paul Packer", "PACKER", "password123", _PACKING),
    DemoAccount("driver@example.com", "driver", "Dina Driver", "DRIVER", "password123", _DELIVERY),
    DemoAccount("delivery@example.com", "delivery", "Dev Delivery", "DELIVERY", "password123", _DELIVERY),
    DemoAccount("billing@example.com", "billing", "Bela Billing", "BILLING", "password123", _OFFICE),
    DemoAccount("store@example.com", "store", "Stan Store", "STORE", "password123", _OFFICE),
    DemoAccount("salesrep1@example.com", "salesrep1", "Sales Rep 1", "SALESREP", "salesrep123"),
    DemoAccount("vendor1@example.com", "vendor1", "Vera Vendor", "VENDOR", "vendor123"),
    DemoAccount("vendor2@example.com", "vendor2", "Vikram Vendor", "VENDOR", "vendor123"),
    DemoAccount("pendingvendor@example.com", "pendingvendor", "Pia Pending", "VENDOR", "pending123"),
    DemoAccount("member@example.com", "member", "Mia Member", "MEMBER", "password123"),
]


async def create_demo(config: Settings) -> int:
    """Create the demo accounts that do not exist, with their menus. Returns their number."""
    await menu_seed.seed_menus(config, clear=False)
    async with opened(config) as db:
        known = {row["email"] for row in await query.list_known(db, emails=[account.email for account in DEMO])}
        missing = [account for account in DEMO if account.email not in known]
        # Accounts with the same password share its hash: fourteen hashes would take three seconds of the first start, four take one.
        distinct = {account.password for account in missing}
        hashes = {password: passwords.hash_now(password, config.bcrypt_cost) for password in distinct}
        for account in missing:
            made = await query.create_account(
                db,
                email=account.email,
                username=account.username,
                name=account.name,
                role=account.role,
                password_hash=hashes[account.password],
                is_staff="administration" in ROLES[account.role],
                is_superuser=account.role == "SUPERADMIN",
            )
            if made is not None:
                await query.assign_menus(db, account_id=made, codes=list(account.menus))
    return len(missing)


async def create_superuser(config: Settings, email: str, name: str, password: str) -> str | None:
    """Create a SUPERADMIN. Returns None, or the reason why it is refused."""
    return await create(config, email, name, "SUPERADMIN", password, staff=True)


async def create_store_user(config: Settings, email: str, name: str, role: str, password: str | None) -> str | None:
    """Create an account of any other role. password None: nobody can sign in to it until an administrator sets one. Returns None, or
    the reason why it is refused."""
    if role not in ROLES or role == "SUPERADMIN":
        return f"{role!r} is not a role; choose one of {', '.join(known for known in ROLES if known != 'SUPERADMIN')}."
    return await create(config, email, name, role, password, staff="administration" in ROLES[role])


async def create(
    config: Settings,
    email: str,
    name: str,
    role: str,
    password: str | None,
    *,
    staff: bool,
    username: str = "",
    signs_in_by_username: bool = False,
) -> str | None:
    """Create an account. staff: its flag is_staff. signs_in_by_username: nobody else may have the username. Returns None, or the reason why
    it is refused."""
    address = email_address.normal(email)
    if address is None or len(address) > 255:
        return f"{email!r} is not an e-mail address."
    name, username = text.cleaned(name), text.cleaned(username)
    if len(name) > MAX_NAME:
        return f"The name must have at most {MAX_NAME} characters."
    policy = password_rules.BOOKS if config.password_policy == "strict" else password_rules.STAFF
    messages = password_rules.faults(policy, password, (address, name)) if password is not None else []
    if messages:
        return " ".join(message.rstrip(".") + "." for message in messages)
    hashed = passwords.hash_now(password, config.bcrypt_cost) if password is not None else None
    async with opened(config) as db:
        if signs_in_by_username and await query.is_username_taken(db, username=username):
            return f"There is an account with the username {username} already."
        made = await query.create_account(
            db,
            email=address,
            username=username,
            name=name,
            role=role,
            password_hash=hashed,
            is_staff=staff,
            is_superuser=role == "SUPERADMIN",
        )
    return None if made is not None else f"There is an account with {address} already."

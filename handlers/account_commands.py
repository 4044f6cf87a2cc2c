"""Commands that create accounts, and that list and change them. They join what the areas of accounts and vendors know."""

import argparse
import asyncio
import getpass
import os
import sys

from core import program
from handlers.accounts import commands as accounts
from handlers.accounts import menu_seed
from handlers.accounts import user_commands as users
from handlers.command_line import Commands, Refused, installed, within
from handlers.vendor import commands as vendor

# The e-mail of a sales rep who is given none ends with it; nothing is ever sent there.
SALES_REP_HOST = "salesrep.local"


def createsuperuser(args: argparse.Namespace) -> int:
    with installed(args) as here:
        try:
            email = args.email or input("E-mail: ").strip()
            password = os.environ.get("SUPERUSER_PASSWORD") or getpass.getpass("Password: ")
        except EOFError:
            raise Refused("Nobody is here to be asked; give --email and SUPERUSER_PASSWORD.") from None
        refusal = asyncio.run(accounts.create_superuser(here.config, email, args.name, password))
        if refusal:
            raise Refused(refusal)
        print(f"created {email}")
        return 0


def createstoreuser(args: argparse.Namespace) -> int:
    with installed(args) as here:
        password = None
        if not args.noinput:
            try:
                password = os.environ.get("STOREUSER_PASSWORD") or getpass.getpass("Password: ")
            except EOFError:
                raise Refused(
                    "Nobody is here to be asked; give STOREUSER_PASSWORD, or --noinput for none yet."
                ) from None
        refusal = asyncio.run(accounts.create_store_user(here.config, args.email, args.name, args.role, password))
        if refusal:
            raise Refused(refusal)
        print(
            f"created {args.email}" if password else f"created {args.email}, who can't sign in until given a password"
        )
        return 0


def createsalesrep(args: argparse.Namespace) -> int:
    with installed(args) as here:
        name, email = args.name or args.username, args.email or f"{args.username}@{SALES_REP_HOST}"
        fault = vendor.rep_fault(name, args.phone)
        if fault:
            raise Refused(fault)
        try:
            password = args.password or os.environ.get("SALESREP_PASSWORD") or getpass.getpass("Password: ")
        except EOFError:
            raise Refused("Nobody is here to be asked; give SALESREP_PASSWORD.") from None
        refusal = asyncio.run(
            accounts.create(
                here.config,
                email,
                name,
                "SALESREP",
                password,
                staff=False,
                username=args.username,
                signs_in_by_username=True,
            )
        )
        if refusal:
            raise Refused(refusal)
        asyncio.run(vendor.keep_rep(here.config, email, name, args.phone))
        print(f"created {args.username} ({email}), who signs in at /sales-rep/")
        return 0


def seed_menus(args: argparse.Namespace) -> int:
    with installed(args) as here:
        created, updated = asyncio.run(menu_seed.seed_menus(here.config, clear=args.clear))
        print(f"menus: {created} created, {updated} changed")
        return 0


def user_list(args: argparse.Namespace) -> int:
    with installed(args) as here:
        is_active = False if args.inactive else None
        lines = asyncio.run(
            users.list_accounts(here.config, role=args.role, search=args.search, is_active=is_active, most=args.most)
        )
        print("\n".join(lines))
        return 0


def user_show(args: argparse.Namespace) -> int:
    with installed(args) as here:
        print("\n".join(users.described(asyncio.run(users.find(here.config, args.who)))))
        return 0


def user_role(args: argparse.Namespace) -> int:
    with installed(args) as here:
        role, account = users.known_role(args.role), asyncio.run(users.find(here.config, args.who))
        asyncio.run(users.set_role(here.config, account["account_id"], role))
        print(f"{account['email']}: {account['role']} is now {role}")
        return 0


def user_activate(args: argparse.Namespace) -> int:
    return set_active(args, True)


def user_deactivate(args: argparse.Namespace) -> int:
    return set_active(args, False)


def set_active(args: argparse.Namespace, is_active: bool) -> int:
    with installed(args) as here:
        account = asyncio.run(users.find(here.config, args.who))
        # Of a vendor the approval goes with it, as when a sales rep decides.
        is_vendor = account["role"] == "VENDOR" and asyncio.run(
            vendor.admit(here.config, account["account_id"], is_active)
        )
        if not is_vendor:
            asyncio.run(users.set_active(here.config, account["account_id"], is_active))
        print(f"{account['email']} is {'active' if is_active else 'inactive, and its sessions have ended'}")
        return 0


def user_reset_password(args: argparse.Namespace) -> int:
    with installed(args) as here:
        account = asyncio.run(users.find(here.config, args.who))
        password = users.new_password(here.config, account) if args.generate else asked_password()
        asyncio.run(users.set_password(here.config, account, password))
        print(f"{account['email']} has a new password, and its sessions have ended", file=sys.stderr)
        if not account["is_active"]:
            print(
                f"the account is inactive: nobody can sign in to it before {program.STARTED} user activate",
                file=sys.stderr,
            )
        if args.generate:
            print(password)
        return 0


def asked_password() -> str:
    """USER_PASSWORD, or what is typed twice. Raises Refused."""
    given = os.environ.get("USER_PASSWORD")
    if given:
        return given
    try:
        password = getpass.getpass("New password: ")
        if getpass.getpass("Once more: ") != password:
            raise Refused("The two passwords are not the same. Nothing was changed.")
    except EOFError:
        raise Refused("Nobody is here to be asked; give USER_PASSWORD, or --generate.") from None
    return password


def add_to(commands: Commands) -> None:
    """Add the commands, with their options."""
    command = commands.add(
        "createsuperuser",
        createsuperuser,
        "create an account with role SUPERADMIN (password: asked for, or SUPERUSER_PASSWORD)",
    )
    command.add_argument("--email")
    command.add_argument("--name", default="")
    command = commands.add(
        "createstoreuser",
        createstoreuser,
        "create an account of any other role (password: asked for, or STOREUSER_PASSWORD)",
    )
    command.add_argument("--email", required=True)
    command.add_argument("--role", required=True, metavar="ROLE", help="such as OWNER, ADMIN, EMPLOYEE, PICKER, PACKER")
    command.add_argument("--name", default="")
    command.add_argument("--noinput", action="store_true", help="ask for nothing: no password yet")
    command = commands.add(
        "createsalesrep",
        createsalesrep,
        "create an account that approves vendors (password: asked for, or SALESREP_PASSWORD)",
    )
    command.add_argument("username")
    command.add_argument("--email", help=f"default: USERNAME@{SALES_REP_HOST}")
    command.add_argument("--password", help="others on this machine can see it; better leave it out")
    command.add_argument("--name", default="", help="default: the username")
    command.add_argument("--phone", default="")
    command = commands.add("seed_menus", seed_menus, "create the menus of the staff client that are not there")
    command.add_argument("--clear", action="store_true", help="first remove all menus, and who is shown which")
    actions = commands.group("user", "list accounts, and change a role, a state or a password")
    command = commands.add("list", user_list, "list accounts, newest first", group=actions)
    command.add_argument("--role", metavar="ROLE", help="only of this role")
    command.add_argument(
        "--search", default="", metavar="WORDS", help="only those with these words in the e-mail, name or username"
    )
    command.add_argument("--inactive", action="store_true", help="only those that are not active")
    command.add_argument("--most", type=within(1, 100_000), default=100, metavar="N", help="lines (default: 100)")
    for name, run_it, says in (
        ("show", user_show, "show an account"),
        ("role", user_role, "give an account another role"),
        ("activate", user_activate, "let an account sign in; a vendor is approved"),
        (
            "deactivate",
            user_deactivate,
            "end the sessions of an account, and let it sign in no more; a vendor is rejected",
        ),
        (
            "reset-password",
            user_reset_password,
            "give an account a new password, and end its sessions (asked for, or USER_PASSWORD)",
        ),
    ):
        command = commands.add(name, run_it, says, group=actions)
        command.add_argument("who", metavar="EMAIL", help="or the username")
        if name == "role":
            command.add_argument("role", metavar="ROLE", help="such as OWNER, ADMIN, EMPLOYEE, PICKER, PACKER")
        if name == "reset-password":
            command.add_argument("--generate", action="store_true", help="make a password, and print it")

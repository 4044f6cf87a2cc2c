"""Accounts as the operator changes them by server.py user: the API's rules, its audit, and at once in running processes."""

import asyncio
import functools
import json

import pytest

from core import passwords
from handlers.accounts import user_commands
from handlers.settings import Settings
from tests.support.command import run, run_here
from tests.support.deadlines import until
from tests.support.http import PASSWORD

pytestmark = pytest.mark.gen_test(timeout=300)
ME = "/api/auth/users/me/"


@pytest.fixture
def user(settings: Settings):
    """`await user("role", "a@example.com", "PICKER")`: what the command has answered. by=run: in a process of its own."""
    env = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": settings.secret_key,
        "MEDIA_ROOT": settings.media_root,
        "BCRYPT_COST": "4",
    }

    async def user(*arguments, by=run_here, **more):
        return await asyncio.to_thread(functools.partial(by, "user", *arguments, **env, **more))

    return user


async def account(db, email, role="PICKER", **columns):
    columns = {"name": "", "username": "", "password_hash": passwords.hash_now(PASSWORD, 4), **columns}
    names = ", ".join(columns)
    places = ", ".join(f"${n}" for n in range(3, len(columns) + 3))
    return await db.fetchval(
        f"INSERT INTO accounts.account (email, role, {names}) VALUES ($1, $2, {places}) RETURNING id",
        email,
        role,
        *columns.values(),
    )


async def noted(db, account_id):
    """The newest entry of the audit about a change of an account."""
    return await db.fetchrow(
        """SELECT u.action, u.address, u.before, u.after FROM operations.audit u JOIN accounts.account a ON u.object_id = a.public_id::text
            WHERE a.id = $1 AND u.action <> 'account.sign-in' ORDER BY u.id DESC LIMIT 1""",
        account_id,
    )


async def test_accounts_are_listed_by_role_by_words_and_by_state(user, db):
    await account(db, "lola@list.example.com", "PACKER", name="Lola Lister")
    await account(db, "gone@list.example.com", "PACKER", is_active=False)
    await account(db, "owner@list.example.com", "OWNER", is_staff=True)
    whole = await user("list", "--search", "list.example.com", by=run)
    packers = await user("list", "--role", "packer")
    found = await user("list", "--search", "Lister lola")
    inactive = await user("list", "--inactive", "--search", "list.example")
    none = await user("list", "--search", "nobody-has-this")
    wrong = await user("list", "--role", "KING")
    assert [line.split()[0] for line in whole.stdout.splitlines()] == [
        "owner@list.example.com",
        "gone@list.example.com",
        "lola@list.example.com",
    ]
    assert {line.split()[1] for line in packers.stdout.splitlines()} == {"PACKER"}
    assert found.stdout.split()[:3] == ["lola@list.example.com", "PACKER", "active"] and "Lola Lister" in found.stdout
    assert inactive.stdout.split()[:3] == ["gone@list.example.com", "PACKER", "inactive"]
    assert none.stdout == "there is no such account\n"
    assert wrong.returncode == 1 and "'KING' is not a role; choose one of SUPERADMIN" in wrong.stderr


async def test_an_account_is_shown_by_its_email_or_its_username(user, db):
    await account(db, "shown@example.com", "STORE", username="shown", name="Shown", phone="+1 2")
    await account(db, "twin1@example.com", "STORE", username="twin")
    await account(db, "twin2@example.com", "STORE", username="twin")
    shown, same, twins, nobody = [await user("show", who) for who in ("SHOWN@example.com", "shown", "twin", "nobody")]
    assert shown.stdout == same.stdout and "role          STORE\nstate         active" in shown.stdout
    assert "sessions      0 open" in shown.stdout and "$2b$" not in shown.stdout
    assert twins.returncode == 1 and "Several accounts have the username 'twin'; give the e-mail" in twins.stderr
    assert nobody.returncode == 1 and nobody.stderr == "Tradepost: There is no account 'nobody'.\n"


async def test_a_deactivation_reaches_a_running_process_and_is_audited(user, db, api, sign_in):
    signed = await sign_in("DRIVER")
    assert (await api.get(ME, token=signed["access"])).status == 200
    done = await user("deactivate", "driver@example.com", by=run)
    assert done.stdout == "driver@example.com is inactive, and its sessions have ended\n", done.stderr
    await until(lambda: api.get(ME, token=signed["access"]), lambda answer: answer.status == 401)
    line = await noted(db, signed["user_id"])
    assert (line["action"], line["address"], json.loads(line["after"])) == (
        "account.deactivate",
        "command line",
        {"is_active": False},
    )
    assert (await user("activate", "driver@example.com")).stdout == "driver@example.com is active\n"
    # The session does not come back.
    assert (await api.get(ME, token=signed["access"])).status == 401
    assert (await sign_in("DRIVER"))["access"]


async def test_a_role_takes_effect_at_once_and_takes_the_flag_of_staff_with_it(user, db, api, sign_in):
    signed = await sign_in("ADMIN")
    assert (await api.get("/api/auth/users/", token=signed["access"])).status == 200
    done = await user("role", "admin@example.com", "picker")
    assert done.stdout == "admin@example.com: ADMIN is now PICKER\n", done.stderr
    await until(lambda: api.get("/api/auth/users/", token=signed["access"]), lambda answer: answer.status == 403)
    line = await noted(db, signed["user_id"])
    assert (line["action"], line["address"]) == ("account.update", "command line")
    assert json.loads(line["after"]) == {"role": "PICKER", "is_staff": False}
    unknown = await user("role", "admin@example.com", "KING")
    assert unknown.returncode == 1 and "not a role" in unknown.stderr


async def test_the_last_superadmin_stays(user, db):
    await account(db, "last@example.com", "SUPERADMIN", is_superuser=True)
    for arguments in (("role", "last@example.com", "USER"), ("deactivate", "last@example.com")):
        refused = await user(*arguments)
        assert (refused.returncode, refused.stderr) == (1, "Tradepost: At least one SUPERADMIN must remain.\n")
    await account(db, "second@example.com", "SUPERADMIN", is_superuser=True)
    assert (await user("role", "last@example.com", "USER")).returncode == 0
    assert await db.fetchval("SELECT is_superuser FROM accounts.account WHERE email = 'last@example.com'") is False


async def test_a_new_password_ends_all_sessions_and_is_printed_only_where_it_was_made(user, db, api, sign_in):
    signed = await sign_in("PACKER")
    made = await user("reset-password", "packer@example.com", "--generate")
    password = made.stdout.strip()
    assert made.returncode == 0 and len(password) == 16 and password not in made.stderr
    await until(lambda: api.get(ME, token=signed["access"]), lambda answer: answer.status == 401)

    async def tried(given):
        return (await api.post("/api/auth/login/", {"email": "packer@example.com", "password": given})).status

    assert (await tried(password), await tried(PASSWORD)) == (200, 401)
    line = await noted(db, signed["user_id"])
    assert line["address"] == "command line" and password not in str(line)
    given = await user("reset-password", "packer@example.com", USER_PASSWORD="another-good-password")
    assert (given.returncode, given.stdout) == (0, "") and await tried("another-good-password") == 200
    weak = await user("reset-password", "packer@example.com", USER_PASSWORD="seven77")
    alone = await user("reset-password", "packer@example.com", by=run)
    assert weak.returncode == 1 and "at least 8 characters" in weak.stderr and "seven77" not in weak.stderr
    assert alone.returncode == 1 and "give USER_PASSWORD, or --generate" in alone.stderr
    assert await tried("another-good-password") == 200


async def test_the_password_of_a_member_is_held_to_the_rules_of_the_books(user, db):
    await account(db, "member@books.example.com", "MEMBER")
    refused = await user("reset-password", "member@books.example.com", USER_PASSWORD="1234567890123")
    assert refused.returncode == 1 and "entirely numeric" in refused.stderr


async def test_a_vendor_is_approved_and_rejected_with_the_account(user, db, app):
    its_account = await account(db, "shop@vendor.example.com", "VENDOR", username="shop-of-commands")
    vendor = await db.fetchval(
        """INSERT INTO vendor.vendor (account_id, business_name, phone, address, gst_no, is_approved)
           VALUES ($1, 'Shop', '1', 'Street', '29ABCDE1234F1Z5', true) RETURNING id""",
        its_account,
    )
    state = "SELECT v.is_approved, a.is_active FROM vendor.vendor v JOIN accounts.account a ON a.id = v.account_id WHERE v.id = $1"
    for action, expected in (("deactivate", (False, False)), ("activate", (True, True))):
        done = await user(action, "shop-of-commands")
        assert done.returncode == 0, done.stderr
        assert tuple(await db.fetchrow(state, vendor)) == expected
    actions = await db.fetch(
        "SELECT action, address FROM operations.audit WHERE object_type = 'vendor' AND object_id = $1 ORDER BY id",
        str(vendor),
    )
    assert list(map(tuple, actions)) == [("vendor.reject", "command line"), ("vendor.approve", "command line")]
    # An account of that role that has no vendor yet is changed as any other.
    bare = await account(db, "bare@vendor.example.com", "VENDOR")
    assert (await user("deactivate", "bare@vendor.example.com")).returncode == 0
    assert (await noted(db, bare))["action"] == "account.deactivate"


async def test_a_list_of_many_accounts_reads_only_what_it_shows(db, app):
    await db.execute(
        """INSERT INTO accounts.account (email, role, is_active)
           SELECT 'many' || n || '@many.example.com', 'USER', n % 1000 <> 0 FROM generate_series(1, 20000) n"""
    )
    await db.execute("ANALYZE accounts.account")
    for filters in ({}, {"role": "USER"}, {"active": False}, {"search": ("many19999", ["many19999"])}):
        query = user_commands.query.list_accounts.where(**filters)
        async with db.transaction():
            await db.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            plan = json.loads(await db.fetchval(f"EXPLAIN (FORMAT JSON) {query.query.text}", 20, *query.values))
        assert "Seq Scan" not in json.dumps(plan), (filters, plan)

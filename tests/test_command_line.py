"""The command line, as an administrator meets it: in a process of its own, with nothing but its environment."""

import asyncio
import dataclasses
import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import bcrypt
import pytest

import server
from core.data import migrations
from handlers.api import areas
from handlers.settings import Settings
from tests.support.command import NOTHING, run, run_all
from tests.support.described import described

FILES = migrations.files()
SECRET = "command-line-secret-key-of-32-bytes!"


@pytest.fixture
def refusal(monkeypatch):
    """`refusal("demo", "--home", "x", NAME="value")`: what the command refuses with, run in this process, which costs a hundredth."""

    def refusal(*arguments, **env):
        for name, value in {**NOTHING, **env}.items():
            monkeypatch.setenv(name, value)
        args = server.parser().parse_args(arguments)
        with (
            ThreadPoolExecutor(1) as thread,
            pytest.raises(server.Refused) as caught,
        ):  # asyncio.run would take other tests' loop away
            thread.submit(args.run, args).result()
        return str(caught.value)

    return refusal


def ask(dsn, question):
    async def ask():
        connection = await asyncpg.connect(dsn)
        try:
            return [tuple(row) for row in await connection.fetch(question)]
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as thread:  # not in the event loop of other tests
        return thread.submit(asyncio.run, ask()).result()


@pytest.fixture(scope="module")
def env(database_url, services):
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": services.redis.url if services.redis else "",
        "SECRET_KEY": SECRET,
        "BCRYPT_COST": "4",
    }


@pytest.fixture
def empty(services):
    services.run("CREATE DATABASE empty_command_line")
    yield services.dsn("empty_command_line")
    services.run("DROP DATABASE empty_command_line WITH (FORCE)")


def test_the_version_is_one_line_and_the_routes_are_all_there():
    version, listed = run_all((["version"], {}), (["routes"], {}))
    assert (version.returncode, version.stderr) == (0, "")
    assert re.fullmatch(r"Tradepost [0-9]+\.[0-9]+\.[0-9]+\n", version.stdout)
    lines = listed.stdout.splitlines()
    assert listed.returncode == 0 and {line.split()[0] for line in lines} == {
        route.path for route in areas.router().routes
    }
    for path, handler in areas.router().routes:
        own = [line for line in lines if line.split()[0] == path]
        for method in handler.methods():
            says = handler.access_to(method).says
            assert [
                line for line in own if re.search(rf"\b{method}\b", line.removesuffix(says)) and line.endswith(says)
            ], path


def test_the_description_of_the_api_is_written_whole_or_of_one_area(tmp_path):
    whole, one, unwritable, unknown = run_all(
        (["openapi"], {}),
        (["openapi", "--area", "sales", str(tmp_path / "sales.json")], {}),
        (["openapi", str(tmp_path / "nowhere" / "all.json")], {}),
        (["openapi", "--area", "nothing"], {}),
    )
    assert whole.returncode == 0 and json.loads(whole.stdout) == described().document
    assert one.returncode == 0 and one.stdout.startswith(f"wrote {tmp_path}/sales.json: ")
    assert all(path.startswith("/api/sales/") for path in json.loads((tmp_path / "sales.json").read_text())["paths"])
    assert unwritable.returncode == 1 and f"Can't write {tmp_path}/nowhere/all.json: No such file" in unwritable.stderr
    assert unknown.returncode == 2 and "invalid choice: 'nothing'" in unknown.stderr


def test_without_settings_each_missing_one_is_named_and_nothing_starts(tmp_path):
    check, serve, migrate = run_all(
        (["doctor"], {}),
        (["serve", "--port", str(free_port())], {}),
        (["migrate", "--home", str(tmp_path / "home")], {"BCRYPT_COST": "99"}),
    )
    for answer in (check, serve, migrate):
        assert answer.returncode == 1
        text = answer.stdout + answer.stderr
        assert "SECRET_KEY is missing" in text and "DATABASE_URL is missing" in text
        assert "Traceback" not in text
    assert "ok     BCRYPT_COST = 12" in check.stdout
    assert "BCRYPT_COST: must be between 4 and 16" in migrate.stderr
    assert not (tmp_path / "home").exists()


def test_check_names_each_setting_without_its_secret_and_each_service(env, empty, tmp_path):
    (tmp_path / "file").write_text("")
    # Each command writes a file to its own media folder: in a shared one, one could remove the other's.
    good, bad = run_all(
        (
            ["doctor"],
            {
                **env,
                "SALES_IMPORT_API_KEY": "hush-key-of-erp",
                "MEDIA_ROOT": str(tmp_path / "good"),
                "LOG_DIR": str(tmp_path / "logs"),
            },
        ),
        (
            ["doctor"],
            {
                **env,
                "DATABASE_URL": empty,
                "REDIS_URL": "redis://:hush@127.0.0.1:1",
                "MEDIA_ROOT": str(tmp_path / "bad"),
                "LOG_DIR": str(tmp_path / "file" / "logs"),
            },
        ),
    )
    # The Postgres of the tests does not wait for its disk, and nothing else is wrong.
    wrong = [line for line in good.stdout.splitlines() if line.startswith("wrong")]
    assert len(wrong) == 1 and wrong[0].startswith("wrong  durability: fsync is off: a power failure"), good.stdout
    for f in dataclasses.fields(Settings):
        assert f"{f.metadata['name']} = " in good.stdout
    password = re.search(r":([^:@/]+)@", env["DATABASE_URL"])[1]
    for secret in (SECRET, "hush", password):
        assert secret not in good.stdout + good.stderr + bad.stdout + bad.stderr
    limits = "ok     rate limits: requests within an hour: 1000 of an account, 100 from an address, 5000 of an administrator; "
    assert f"{limits}counted once for all workers" in good.stdout or not env.get("REDIS_URL")
    assert f"{limits}each worker counts for itself, because there is no Redis" in bad.stdout
    assert "ok     Postgres" in good.stdout and "ok     migrations: all applied" in good.stdout
    assert f"ok     log files: {tmp_path}/logs can be written" in good.stdout and not list(
        (tmp_path / "logs").iterdir()
    )
    assert bad.returncode == 1 and f"wrong  log files: can't write {tmp_path}/file" in bad.stdout
    assert (
        f"wrong  migrations: {len(FILES.migrations) + len(FILES.functions)} to apply" in bad.stdout
        and "wrong  Redis: " in bad.stdout
    )


def test_jobs_are_listed_and_held_ones_are_queued_again_or_removed(env):
    held = """SELECT core.enqueue_job('test.held', '{"n": 1}'), core.enqueue_job('test.held', '{"n": 2}')"""
    ((first, second),) = ask(env["DATABASE_URL"], held)
    waits = ask(env["DATABASE_URL"], "SELECT core.enqueue_job('test.waits', execute_after => '1 hour')")[0][0]
    ask(env["DATABASE_URL"], "UPDATE jobs.pgqueuer SET status = 'failed' WHERE entrypoint = 'test.held' RETURNING 1")
    error = "INSERT INTO jobs.run (job_id, name, payload, attempt, worker, status, error) VALUES (%d, 'test.held', '{}', 8, 'w', 'held', E'no\\nluck')"
    ask(env["DATABASE_URL"], error % first + " RETURNING 1")
    ask(env["DATABASE_URL"], "SELECT core.enqueue_job('test.late', execute_after => '-1 hour')")
    (listed, check) = run_all((["jobs"], env), (["doctor"], env))
    lines = listed.stdout.splitlines()
    assert [line.split()[:3] for line in lines if "test." in line][:2] == [
        [str(first), "held", "test.held"],
        [str(second), "held", "test.held"],
    ]
    assert lines[1].strip() == "attempt 8: no\\nluck"
    assert f"{waits}  waits  test.waits" in listed.stdout
    assert "wrong  jobs: 2 wait, 0 run, 2 are held" in check.stdout and "no process runs 1 that are due" in check.stdout
    assert "ok     mail: none configured" in check.stdout

    again, removed = run_all((["jobs", "--retry", str(first)], env), (["jobs", "--remove", str(second)], env))
    assert again.stdout == f"queued again: {first}\n" and removed.stdout == f"removed: {second}\n"
    nothing, unknown, unreachable = run_all(
        (["jobs", "--retry", "all"], env),
        (["jobs", "--retry", "x"], env),
        (["jobs"], {**env, "DATABASE_URL": "postgresql://me:hush@127.0.0.1:1/shop"}),
    )
    assert nothing.returncode == 1 and "No such job is held" in nothing.stderr
    assert unknown.returncode == 2 and "not a number" in unknown.stderr
    assert (
        unreachable.returncode == 1
        and "can't be reached" in unreachable.stderr
        and "Traceback" not in unreachable.stderr
    )


def test_a_worker_waits_for_the_migrations(env, empty):
    before = run("worker", **{**env, "DATABASE_URL": empty})
    assert before.returncode == 1 and "migrations are to apply first" in before.stderr


def test_a_database_that_cannot_be_reached_or_lets_us_not_in_is_one_line(env):
    wrong_password = re.sub(r":[^:@/]+@", ":wrong-password@", env["DATABASE_URL"])
    answers = run_all(
        (["migrate"], {**env, "DATABASE_URL": "postgresql://me:hush@127.0.0.1:1/shop"}),
        (["migrate"], {**env, "DATABASE_URL": wrong_password}),
        (["migrate"], {**env, "DATABASE_URL": "postgresql://me:hush@/shop?host=/nowhere"}),
        (["user", "list"], {**env, "DATABASE_URL": "postgresql://me:hush@127.0.0.1:1/shop"}),
        (["seed_menus"], {**env, "DATABASE_URL": wrong_password}),
        (["jobs"], {**env, "DATABASE_URL": "postgresql://me:hush@127.0.0.1:1/shop"}),
    )
    for answer in answers:
        assert (answer.returncode, answer.stdout) == (1, "")
        assert (
            answer.stderr.startswith("Tradepost: the database can't be reached: ") and "Traceback" not in answer.stderr
        )
        assert "hush" not in answer.stderr and "wrong-password" not in answer.stderr


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_a_port_that_is_taken_is_one_clear_line(env):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        one, several = run_all(
            (["serve", "--port", str(port)], env), (["serve", "--port", str(port), "--workers", "2"], env)
        )
    for answer in (one, several):
        assert answer.returncode == 1
        assert (
            answer.stderr
            == f"Tradepost: Can't listen on 127.0.0.1:{port}: Address already in use. Choose another with --port.\n"
        )


def test_a_dry_run_says_what_it_would_do_and_does_nothing(env, empty):
    names = [m.name for m in FILES.migrations] + [f"functions of {f.area}" for f in FILES.functions]
    at = {**env, "DATABASE_URL": empty}
    dry = run("migrate", "--dry-run", **at)
    assert (dry.returncode, dry.stdout.splitlines()) == (0, [f"would migrate {name}" for name in names])
    assert ask(empty, "SELECT count(*) FROM pg_namespace WHERE nspname = 'core'") == [(0,)]
    wet = run("migrate", **at)
    assert (wet.returncode, wet.stdout.splitlines()) == (0, [*(f"migrated {name}" for name in names), "done"])
    assert run("migrate", "--dry-run", **at).stdout == "nothing to migrate\n"


def test_createsuperuser_makes_one_who_can_sign_in_and_refuses_what_is_weak(env, refusal):
    good = {**env, "SUPERUSER_PASSWORD": "a-good-password"}
    made = run("createsuperuser", "--email", "boss@example.com", "--name", "Boss", **good)
    assert (made.returncode, made.stdout) == (0, "created boss@example.com\n")
    (row,) = ask(
        env["DATABASE_URL"],
        "SELECT role, is_staff, is_superuser, is_active, password_hash FROM accounts.account WHERE email = 'boss@example.com'",
    )
    assert row[:4] == ("SUPERADMIN", True, True, True)
    assert bcrypt.checkpw(b"a-good-password", row[4].encode()) and row[4].startswith("$2b$04$")
    for arguments, changed, told in (
        (["--email", "BOSS@example.com"], {}, "There is an account with BOSS@example.com already"),
        (["--email", "nobody"], {}, "is not an e-mail address"),
        (["--email", "a@example.com"], {"SUPERUSER_PASSWORD": "seven77"}, "at least 8"),
        (["--email", "a@example.com"], {"SUPERUSER_PASSWORD": "é" * 37}, "no more than 72 bytes"),
        (["--email", "a@example.com", "--name", "x" * 151], {}, "at most 150"),
    ):
        said = refusal("createsuperuser", *arguments, **{**good, **changed})
        assert told in said and "\n" not in said
        assert "a-good-password" not in said and "seven77" not in said
    alone = run("createsuperuser", **good)
    assert (alone.returncode, alone.stderr) == (
        1,
        "Tradepost: Nobody is here to be asked; give --email and SUPERUSER_PASSWORD.\n",
    )
    assert ask(env["DATABASE_URL"], "SELECT count(*) FROM accounts.account") == [(1,)]


def test_createsalesrep_makes_an_account_with_a_profile_that_signs_in_by_its_username(env, refusal):
    given = {**env, "SALESREP_PASSWORD": "salesrep123"}
    made = run("createsalesrep", "asha", "--name", "Asha Rao", "--phone", "+91 1", **given)
    assert (made.returncode, made.stdout) == (0, "created asha (asha@salesrep.local), who signs in at /sales-rep/\n")
    rows = ask(
        env["DATABASE_URL"],
        "SELECT a.role, a.username, a.is_staff, r.name, r.phone, r.is_active "
        "FROM accounts.account a JOIN vendor.sales_rep r ON r.account_id = a.id WHERE a.email = 'asha@salesrep.local'",
    )
    assert rows == [("SALESREP", "asha", False, "Asha Rao", "+91 1", True)]
    assert "username asha already" in refusal("createsalesrep", "asha", "--email", "b@example.com", **given)
    assert "at most 20" in refusal("createsalesrep", "long", "--phone", "1" * 21, **given)
    assert ask(env["DATABASE_URL"], "SELECT count(*) FROM accounts.account WHERE username = 'long'") == [(0,)]


def test_createstoreuser_makes_any_other_role_with_a_password_or_without(env, refusal):
    given = {**env, "STOREUSER_PASSWORD": "a-good-password"}
    arguments = ("createstoreuser", "--email", "pia@example.com", "--role", "PICKER", "--name", "Pia Picker")
    made = run(*arguments, **given)
    assert (made.returncode, made.stdout) == (0, "created pia@example.com\n")
    later = run("createstoreuser", "--email", "later@example.com", "--role", "STORE", "--noinput", **given)
    assert (later.returncode, later.stdout) == (
        0,
        "created later@example.com, who can't sign in until given a password\n",
    )
    rows = ask(
        env["DATABASE_URL"],
        "SELECT role, name, first_name, is_staff, password_hash FROM accounts.account WHERE email IN ('pia@example.com', 'later@example.com') ORDER BY id",
    )
    assert rows[0][:4] == ("PICKER", "Pia Picker", "Pia", False) and bcrypt.checkpw(
        b"a-good-password", rows[0][4].encode()
    )
    assert rows[1] == ("STORE", "", "", False, None)
    noted = ask(
        env["DATABASE_URL"],
        "SELECT address, after ->> 'email' FROM operations.audit WHERE action = 'account.create' ORDER BY id",
    )
    assert ("command line", "later@example.com") in noted
    for changed, told in (
        (["--role", "SUPERADMIN"], "is not a role"),
        (["--role", "picker"], "choose one of ADMIN"),
        (["--email", "PIA@example.com"], "already"),
    ):
        assert told in refusal(*arguments, *changed, **given)
    alone = run(*arguments, **env)
    assert alone.returncode == 1
    assert alone.stderr.endswith(
        "Tradepost: Nobody is here to be asked; give STOREUSER_PASSWORD, or --noinput for none yet.\n"
    )


def test_seed_menus_makes_the_menus_once_and_clear_empties_them_first(env):
    first, second = run("seed_menus", **env), run("seed_menus", **env)
    assert re.fullmatch(r"menus: [1-9][0-9] created, 0 changed\n", first.stdout), first.stderr
    assert second.stdout == "menus: 0 created, 0 changed\n"
    ask(env["DATABASE_URL"], "UPDATE accounts.menu_item SET name = 'Mine' WHERE code = 'dashboard' RETURNING 1")
    assert run("seed_menus", **env).stdout == "menus: 0 created, 1 changed\n"
    assert run("seed_menus", "--clear", **env).stdout == first.stdout


def test_a_file_that_can_not_be_used_is_not_taken_for_the_database(env, tmp_path):
    path = tmp_path / ("x" * 300)
    answer = run("backup", str(path), **env)
    assert (answer.returncode, answer.stderr) == (1, f"Tradepost: {path}: File name too long\n")


def test_a_database_that_takes_no_changes_is_one_line(env):
    url = env["DATABASE_URL"]
    read_only = f"{url}{'&' if '?' in url else '?'}default_transaction_read_only=on"
    answer = run("seed_menus", **{**env, "DATABASE_URL": read_only})
    assert answer.returncode == 1 and "read-only transaction" in answer.stderr, answer.stderr
    assert "Traceback" not in answer.stderr and "can't be reached" not in answer.stderr


def test_what_needs_tables_says_before_migrating_which_command_makes_them(env, empty):
    not_migrated = {**env, "DATABASE_URL": empty}
    for answer in run_all((["jobs"], not_migrated), (["seed_menus"], not_migrated), (["user", "list"], not_migrated)):
        told = "Tradepost: the database is not migrated yet; run: ./run migrate\n"
        assert (answer.returncode, answer.stdout, answer.stderr) == (1, "", told)
    checked = run("doctor", **not_migrated)
    assert "wrong  jobs: not looked at: the database is not migrated yet (./run migrate)\n" in checked.stdout


def test_createsuperuser_before_migrating_says_so(env, empty):
    answer = run(
        "createsuperuser",
        "--email",
        "a@example.com",
        **{**env, "DATABASE_URL": empty, "SUPERUSER_PASSWORD": "a-good-password"},
    )
    assert answer.returncode == 1 and "not migrated yet" in answer.stderr and "Traceback" not in answer.stderr


@pytest.fixture
def demo(home_folder):
    """The demo command over a home of its own: `demo(NAME="value")`."""

    def demo(**env):
        return run("demo", "--home", str(home_folder / "demo"), BCRYPT_COST="4", **env)

    return demo


def test_demo_accounts_are_made_once_in_a_database_of_their_own_whatever_import_key_is_configured(demo):
    first, second = demo(), demo(SALES_IMPORT_API_KEY="short")
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert re.search(r"demo accounts: [1-9][0-9]* created, 0 there already\n", first.stdout)
    assert re.search(r"demo accounts: 0 created, [1-9][0-9]* there already\n", second.stdout)


def test_a_demo_beside_a_configured_database_or_redis_is_refused_before_anything_is_touched(env, empty, tmp_path):
    home = tmp_path / "home"
    both, parts = run_all(
        (["demo", "--home", str(home)], {**env, "DATABASE_URL": empty, "REDIS_URL": "redis://:hush@127.0.0.1:1"}),
        (["serve", "--demo", "--home", str(home), "--port", str(free_port())], {"DB_NAME": "shop"}),
    )
    assert (both.returncode, both.stdout, both.stderr.splitlines()) == (
        1,
        "",
        [
            "Tradepost can't start:",
            "  DATABASE_URL is set, and --demo brings its own Postgres: unset it, or leave --demo out (./run serve)",
            "  REDIS_URL is set, and --demo brings its own Redis: unset it, or leave --demo out (./run serve)",
        ],
    )
    assert parts.returncode == 1 and "  DB_NAME is set, and --demo brings" in parts.stderr
    assert not home.exists()
    assert ask(empty, "SELECT count(*) FROM pg_namespace WHERE nspname = 'core'") == [(0,)]


def test_an_unknown_command_or_a_port_that_is_invalid_is_explained(capsys):
    for arguments in (
        ["dance"],
        ["serve", "--port", "0"],
        ["serve", "--port", "65536"],
        ["serve", "--workers", "many"],
        [],
    ):
        with pytest.raises(SystemExit, match="2"):
            server.parser().parse_args(arguments)
        assert "usage: ./run" in capsys.readouterr().err


def test_a_number_out_of_range_is_answered_with_the_range(capsys):
    for option, number, told in (
        ("--workers", "0", "'0' is not a number from 1 to 64"),
        ("--port", "x", "'x' is not a number from 1 to 65535"),
    ):
        with pytest.raises(SystemExit, match="2"):
            server.parser().parse_args(["serve", option, number])
        assert told in capsys.readouterr().err

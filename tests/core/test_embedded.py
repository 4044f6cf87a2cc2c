"""The embedded Postgres and Redis: real processes over directories of the tests' own, as root or not."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg
import pytest
import redis

from core.embedded import postgres as embedded_postgres
from core.embedded import redis as embedded_redis
from core.embedded import unprivileged
from core.embedded.home import open_home
from core.embedded.postgres import EmbeddedError, start_postgres
from core.embedded.redis import start_redis
from tests.support.services import NO_REDIS

REPOSITORY = Path(__file__).parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="what root gives up needs root: sudo ./run test core")
needs_redis = pytest.mark.skipif(not embedded_redis._find_binary(), reason=NO_REDIS)


@pytest.fixture(scope="module")
def directory():
    """A directory that other accounts may enter. pytest's tmp_path is closed: to root's Postgres, another case."""
    path = Path(tempfile.mkdtemp(prefix="tp-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def initialised(directory):
    """A home whose Postgres has been started once and stopped."""
    home = open_home(directory / "home")
    start_postgres(home, durable=False).stop()
    home.close()
    return home.path


@pytest.fixture
def home(initialised):
    home = open_home(initialised)
    yield home
    home.close()


@pytest.fixture
def postgres(home):
    postgres = start_postgres(home, durable=False)
    yield postgres
    postgres.stop()


@pytest.fixture
def new_home(directory):
    home = open_home(directory / f"new-{time.monotonic_ns()}")
    yield home
    home.close()


def query(dsn, statement):
    async def fetch():
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def start_in_a_server(home, statement):
    """A server process that runs the statement over the home (named `home` in it), says so, and waits to be killed."""
    script = f"""
from pathlib import Path
from core.embedded.postgres import start_postgres
from core.embedded.redis import start_redis
from core.embedded.home import open_home
home = open_home(Path({str(home)!r}))
service = {statement}
print(service.pid, flush=True)
input()
"""
    return subprocess.Popen(
        [sys.executable, "-c", script], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def kill(server):
    """kill -9, after it has started its service; the service's pid."""
    pid = int(server.stdout.readline())
    server.kill()
    server.communicate()
    return pid


@contextlib.contextmanager
def data_of_version_16(path):
    """Within, that home's data directory says that Postgres 16 has made it; yields a pattern of how it is refused."""
    version = path / "postgres/data/PG_VERSION"
    ours = version.read_text()
    version.write_text("16\n")
    try:
        yield rf"^{path}/postgres/data is of Postgres 16, .* brings {ours.strip()}, .*: delete {path} to begin .* pg_dump$"
    finally:
        version.write_text(ours)


def owner(pid):
    return Path(f"/proc/{pid}").stat().st_uid


# --- Postgres


def test_asyncpg_and_psql_take_the_dsn(postgres):
    psql = [postgres.binaries / "psql", "-XAt", postgres.dsn, "-c", "SELECT current_user"]

    assert query(postgres.dsn, "SELECT current_database()") == "tradepost"
    assert subprocess.run(psql, capture_output=True, text=True).stdout == "tradepost\n"
    assert (postgres.binaries / "pgbench").exists()


def test_postgres_checks_its_pages_and_listens_on_no_port(postgres):
    settings = "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings WHERE name IN "
    names = "('data_checksums', 'listen_addresses', 'password_encryption', 'server_encoding')"

    assert query(postgres.dsn, settings + names) == (
        "data_checksums=on listen_addresses= password_encryption=scram-sha-256 server_encoding=UTF8"
    )


def test_postgres_is_not_reachable_without_the_password(postgres):
    password = postgres.dsn.split(":")[2].split("@")[0]

    with pytest.raises(asyncpg.InvalidPasswordError):
        query(postgres.dsn.replace(password, "wrong"), "SELECT 1")


def test_postgres_is_durable_unless_told_otherwise(home):
    settings = "SELECT string_agg(setting, ' ') FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit')"
    answers = []
    for durable in (True, False):
        postgres = start_postgres(home, durable=durable)
        answers.append(query(postgres.dsn, settings))
        postgres.stop()

    assert answers == ["on on", "off off"]


def test_text_sorts_by_code_point_and_case_and_letters_are_not_only_ascii(postgres):
    words = "string_agg(word, ' ' ORDER BY word) FROM unnest('{b,É,a,മ,z,B,é}'::text[]) AS word"

    assert query(postgres.dsn, f"SELECT {words}") == "B a b z É é മ"
    assert query(postgres.dsn, "SELECT lower('ÉCOLE') || upper('über') || ('ÉCOLE' ILIKE 'école')") == "écoleÜBERtrue"


def test_the_owner_of_a_database_can_create_the_trusted_extensions(postgres):
    owner = postgres.dsn.replace("//tradepost:", "//plain:").replace("@/tradepost", "@/theirs")
    query(postgres.dsn, f"CREATE ROLE plain LOGIN PASSWORD '{unquote(urlsplit(postgres.dsn).password)}'")
    query(postgres.dsn, "CREATE DATABASE theirs OWNER plain")

    for name in ("pg_trgm", "btree_gin", "unaccent", "btree_gist"):
        query(owner, f"CREATE EXTENSION {name}")

    assert query(owner, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
    assert query(owner, "SELECT unaccent('École')") == "Ecole"
    # Letters of any script, where the system knows them.
    assert query(owner, "SELECT similarity('ÉCOLE മലയാളം', 'école മലയാളം')") == 1
    if embedded_postgres._character_types() == "C.UTF-8":
        assert query(owner, "SELECT similarity('മലയാളം', 'മലയാളി')") > 0.3
    query(postgres.dsn, "DROP DATABASE theirs")
    query(postgres.dsn, "DROP ROLE plain")


def test_a_start_over_existing_data_makes_no_new_data_directory(home):
    made = home.path / "postgres/data/PG_VERSION"
    before = made.stat()
    start_postgres(home).stop()

    assert made.stat().st_ino == before.st_ino
    assert made.stat().st_mtime_ns == before.st_mtime_ns


def test_ctrl_c_in_the_terminal_does_not_reach_postgres(postgres):
    assert os.getsid(postgres.pid) == postgres.pid != os.getsid(0)


def test_stopping_does_not_wait_for_open_transactions(home):
    postgres = start_postgres(home, durable=False)

    async def stop_within_a_transaction():
        connection = await asyncpg.connect(postgres.dsn)
        await connection.execute("BEGIN; CREATE TABLE never ()")
        # A shutdown that waits for clients would never end, as the connection stays open.
        postgres.stop()

    asyncio.run(stop_within_a_transaction())
    assert not unprivileged.command_line(postgres.pid)


def test_postgres_left_running_by_a_killed_server_is_adopted(home):
    path = home.path
    home.close()
    pid = kill(start_in_a_server(path, "start_postgres(home, durable=False)"))

    again = open_home(path)
    postgres = start_postgres(again, durable=False)

    assert (postgres.pid, postgres.adopted) == (pid, True)
    assert query(postgres.dsn, "SELECT 1") == 1
    postgres.stop()
    assert not unprivileged.command_line(pid)
    again.close()


def test_data_survives_the_kill_of_server_and_postgres(home):
    postgres = start_postgres(home)
    query(postgres.dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(postgres.pid, signal.SIGKILL)

    again = start_postgres(home)

    assert not again.adopted
    assert query(again.dsn, "SELECT answer FROM kept") == 42
    query(again.dsn, "DROP TABLE kept")
    again.stop()


def test_a_postmaster_pid_that_names_another_program_is_no_obstacle(home):
    # The same account's, as after a reboot: Postgres itself takes any such process for a postmaster.
    account = unprivileged.account_for(home.path)
    other = subprocess.Popen(["sleep", "60"], cwd="/", **unprivileged.run_as(account))
    (home.path / "postgres/data/postmaster.pid").write_text(f"{other.pid}\n{home.path}/postgres/data\n")

    postgres = start_postgres(home, durable=False)

    assert query(postgres.dsn, "SELECT 1") == 1
    assert other.poll() is None
    postgres.stop()
    other.kill()
    other.wait()


def test_an_interrupted_initdb_is_recovered(directory):
    path = directory / "interrupted"
    server = start_in_a_server(path, "start_postgres(home)")
    while not list(path.glob("postgres/unfinished-*/global")):
        assert server.poll() is None
        time.sleep(0.002)
    server.kill()
    server.communicate()
    assert not (path / "postgres/data").exists()

    home = open_home(path)
    postgres = start_postgres(home, durable=False)

    assert query(postgres.dsn, "SELECT current_database()") == "tradepost"
    postgres.stop()
    home.close()


def test_a_missing_database_is_made_at_the_next_start(home):
    postgres = start_postgres(home, durable=False)
    query(postgres.dsn.replace("@/tradepost", "@/postgres"), "DROP DATABASE tradepost")
    postgres.stop()

    again = start_postgres(home, durable=False)

    assert query(again.dsn, "SELECT current_database()") == "tradepost"
    again.stop()


def test_data_of_another_postgres_version_is_refused_in_one_line_and_left_as_it_is(home):
    def files():
        found = {path: path.lstat() for path in (home.path / "postgres").rglob("*")}
        return {path: (status.st_mtime_ns, status.st_size, status.st_uid) for path, status in found.items()}

    with data_of_version_16(home.path) as refusal:
        # As a kill leaves it.
        (home.path / "postgres/data/postmaster.pid").write_text("1\n")
        before = files()
        with pytest.raises(EmbeddedError, match=refusal):
            start_postgres(home)
        assert files() == before


def test_a_postgres_of_another_version_left_running_by_a_killed_server_is_stopped_and_not_adopted(home):
    path = home.path
    home.close()
    pid = kill(start_in_a_server(path, "start_postgres(home, durable=False)"))

    again = open_home(path)
    with data_of_version_16(path) as refusal, pytest.raises(EmbeddedError, match=refusal):
        start_postgres(again)

    assert not unprivileged.command_line(pid)
    assert "database system is shut down" in (path / "postgres/postgres.log").read_text().splitlines()[-1]
    again.close()


def test_sockets_move_to_a_closed_directory_below_tmp_when_the_home_has_a_long_path(directory):
    home = open_home(directory / ("long" * 20))
    place = unprivileged.find_place(home.path, "postgres", "token")
    squatted = place.socket_directory("s")
    os.rmdir(squatted)
    squatted.symlink_to("/var/tmp")

    used = place.socket_directory("s")

    assert used.parent == squatted.parent == Path("/tmp")
    assert used != squatted
    assert used.lstat().st_mode & 0o777 == 0o700
    squatted.unlink()
    used.rmdir()
    home.close()


def test_a_long_log_keeps_its_end_and_one_older_part(home, monkeypatch):
    monkeypatch.setattr(unprivileged, "LOG_LIMIT", 10)
    postgres = start_postgres(home, durable=False)
    postgres.trim_log()
    postgres.stop()

    assert "ready to accept connections" in (home.path / "postgres/postgres.log.1").read_text()
    assert "shutting down" in (home.path / "postgres/postgres.log").read_text().replace("\0", "!").lstrip("!")


# --- root


@as_root
def test_as_root_postgres_and_redis_run_as_an_account_without_privileges(postgres, home):
    store = start_redis(home)
    assert owner(postgres.pid) != 0
    if store:
        assert owner(store.pid) == owner(postgres.pid)
        store.stop()


@as_root
def test_as_root_no_directory_that_we_did_not_make_changes_its_mode(directory):
    def modes():
        package = Path(sys.prefix)
        foreign = [*directory.parents, directory, directory / "theirs", *package.glob("lib/python*/site-packages/*/")]
        return {path: (path.stat().st_mode, path.stat().st_uid, path.stat().st_gid) for path in foreign}

    (directory / "theirs").mkdir(mode=0o755)
    before = modes()
    home = open_home(directory / "theirs")
    start_postgres(home, durable=False).stop()
    home.close()

    assert modes() == before


@as_root
def test_as_root_data_goes_elsewhere_when_the_account_cannot_enter_the_home(directory, tmp_path, monkeypatch):
    monkeypatch.setattr(unprivileged, "OUTSIDE", directory / "outside")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    home = open_home(closed / "home")
    postgres = start_postgres(home, durable=False)
    query(postgres.dsn, "CREATE TABLE kept ()")
    postgres.stop()
    home.close()
    assert list((directory / "outside").glob("*/postgres/data/PG_VERSION"))

    # Once there it stays there, found again even after a move.
    (closed / "home").rename(closed / "moved")
    moved = open_home(closed / "moved")
    postgres = start_postgres(moved, durable=False)
    assert query(postgres.dsn, "SELECT count(*) FROM kept") == 0
    postgres.stop()
    moved.close()


@as_root
def test_as_root_binaries_out_of_the_accounts_reach_are_copied_once_a_version(new_home, tmp_path):
    (tmp_path / "wheel/bin").mkdir(parents=True)
    (tmp_path / "wheel/bin/tool").write_text("#!/bin/sh\n")
    (tmp_path / "wheel/bin/tool").chmod(0o700)
    place = unprivileged.find_place(new_home.path, "service", "token")

    first = place.runnable(tmp_path / "wheel", ["bin"], "bin/tool", "1")
    made = (first / "bin/tool").stat().st_ctime_ns
    again = place.runnable(tmp_path / "wheel", ["bin"], "bin/tool", "1")
    assert (again, (again / "bin/tool").stat().st_ctime_ns) == (first, made)
    later = place.runnable(tmp_path / "wheel", ["bin"], "bin/tool", "2")

    assert place.path in first.parents
    assert later != first
    assert not first.exists()
    assert place.account.can_run(later / "bin/tool")


# --- Redis


@needs_redis
def test_redis_data_socket_is_not_reachable_without_the_password(new_home):
    store = start_redis(new_home)
    path = store.url.split("@")[1]

    assert redis.Redis.from_url(store.url).ping()
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(path)
        stranger.sendall(b"KEYS *\r\n")
        assert stranger.recv(100).startswith(b"-NOAUTH")
    assert new_home.secret("redis_password") not in unprivileged.command_line(store.pid)
    assert Path(path).parent.stat().st_mode & 0o777 == 0o700
    store.stop()
    assert not unprivileged.command_line(store.pid)


@needs_redis
def test_redis_listens_on_no_port_and_writes_nothing_to_disk(new_home):
    store = start_redis(new_home)
    settings = redis.Redis.from_url(store.url, decode_responses=True).config_get("*")
    store.stop()

    assert [settings[name] for name in ("port", "save", "appendonly", "maxmemory")] == ["0", "", "no", str(64 << 20)]


@needs_redis
def test_redis_left_running_by_a_killed_server_is_adopted(directory, monkeypatch):
    # A short environment, such as cron's: the server writes its title, by which it is found, over that too.
    monkeypatch.setenv("PATH", "/bin")
    path = directory / "redis-adopted"
    pid = kill(start_in_a_server(path, "start_redis(home)"))

    home = open_home(path)
    store = start_redis(home)

    assert (store.pid, store.adopted) == (pid, True)
    store.stop()
    assert not unprivileged.command_line(pid)
    home.close()


@needs_redis
def test_a_leftover_redis_that_refuses_us_is_replaced(directory):
    path = directory / "redis-replaced"
    pid = kill(start_in_a_server(path, "start_redis(home)"))
    (path / "secrets.json").unlink()

    home = open_home(path)
    store = start_redis(home)

    assert redis.Redis.from_url(store.url).ping()
    assert store.pid != pid
    assert not unprivileged.command_line(pid)
    store.stop()
    home.close()


@needs_redis
def test_socket_and_pid_files_of_a_killed_redis_are_no_obstacle(new_home):
    store = start_redis(new_home)
    os.kill(store.pid, signal.SIGKILL)
    (new_home.path / "redis/socket/redis.pid").write_text(f"{os.getpid()}\n")

    again = start_redis(new_home)

    assert redis.Redis.from_url(again.url).ping()
    again.stop()


@pytest.mark.parametrize("name", ["redis-server", "valkey-server"])
def test_where_the_wheel_is_missing_a_server_on_path_is_used(tmp_path, monkeypatch, name):
    (tmp_path / name).touch(mode=0o755)
    monkeypatch.setattr("importlib.util.find_spec", lambda package: None)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert embedded_redis._find_binary() == (tmp_path / name, "from-path")
    (tmp_path / name).unlink()
    assert embedded_redis._find_binary() is None


def test_a_machine_without_redis_is_no_error(new_home, monkeypatch):
    monkeypatch.setattr(embedded_redis, "_find_binary", lambda: None)

    assert start_redis(new_home) is None

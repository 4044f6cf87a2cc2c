"""Migrations: once each, in order, whole or not at all, and never changed afterwards."""

import asyncio
import itertools
import logging

import asyncpg
import pytest

from core.data import migrations
from core.data.migrations import Functions, Migration, MigrationError, Schema
from tests.support.deadlines import DEADLINE

pytestmark = pytest.mark.gen_test
_numbers = itertools.count(1)


@pytest.fixture
def empty(services, io_loop):
    """The address of an empty database."""
    name = f"empty_{next(_numbers)}"
    services.run(f"CREATE DATABASE {name}")
    yield services.dsn(name)
    services.run(f"DROP DATABASE {name} WITH (FORCE)")


def made(*texts, functions=None):
    """A schema of these migrations, and of the functions of the area `step`."""
    return Schema(
        [Migration(number, f"{number:04}_step", text) for number, text in enumerate(texts, 1)],
        [Functions("step", functions)] if functions else [],
    )


FIRST, SECOND = "CREATE TABLE public.a (n integer)", "INSERT INTO public.a VALUES (1)"
ONE = "CREATE OR REPLACE FUNCTION public.one() RETURNS integer LANGUAGE sql AS 'SELECT 1'"


async def ask(dsn, question):
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def names_of(schema):
    return [one.name for one in schema.migrations] + [f"functions of {one.area}" for one in schema.functions]


async def test_an_empty_database_gets_them_all_in_order_and_a_second_run_does_nothing(empty):
    names = names_of(migrations.files())
    assert await migrations.apply(empty) == names
    assert await migrations.apply(empty) == []
    assert await migrations.outstanding(empty) == []
    applied = await ask(empty, "SELECT array_agg(name ORDER BY number) FROM core.migration")
    assert applied == [name for name in names if not name.startswith("functions")]


async def test_of_servers_that_start_at_once_one_applies_everything(empty):
    steps = made(FIRST, SECOND, SECOND, "SELECT pg_sleep(0.05)", SECOND, functions=ONE)
    done = await asyncio.gather(*(migrations.apply(empty, steps) for _ in range(4)))
    assert sorted(done) == [[], [], [], names_of(steps)]
    assert await ask(empty, "SELECT count(*) FROM public.a") == 3


async def test_functions_are_applied_when_their_text_has_changed_and_only_then(empty):
    assert await migrations.apply(empty, made(FIRST, functions=ONE)) == ["0001_step", "functions of step"]
    assert await migrations.apply(empty, made(FIRST, functions=ONE)) == []
    assert await ask(empty, "SELECT public.one()") == 1
    assert await migrations.apply(empty, made(FIRST, functions=ONE.replace("SELECT 1", "SELECT 2"))) == [
        "functions of step"
    ]
    assert await ask(empty, "SELECT public.one()") == 2


async def test_a_view_that_a_later_migration_drops_is_there_again_although_its_text_is_the_same(empty):
    view = "CREATE OR REPLACE VIEW public.v AS SELECT n FROM public.a"
    await migrations.apply(empty, made(FIRST, functions=view))
    retyped = "DROP VIEW public.v; ALTER TABLE public.a ALTER COLUMN n TYPE bigint"
    assert await migrations.apply(empty, made(FIRST, retyped, functions=view)) == ["0002_step", "functions of step"]
    column = "SELECT data_type FROM information_schema.columns WHERE table_name = 'v'"
    assert await ask(empty, column) == "bigint"


async def test_functions_may_call_one_another_in_any_order_and_see_what_the_migrations_bring(empty):
    functions = (
        "CREATE OR REPLACE FUNCTION public.outer_() RETURNS integer LANGUAGE sql AS 'SELECT public.one() + (SELECT count(*)::integer FROM public.a)';"
        + ONE
    )
    await migrations.apply(empty, made(FIRST, SECOND, functions=functions))
    assert await ask(empty, "SELECT public.outer_()") == 2


async def test_functions_that_fail_leave_the_migrations_before_them_unapplied(empty):
    with pytest.raises(MigrationError, match=r"step/functions\*\.sql: .*nothing_there.*; nothing was applied"):
        await migrations.apply(empty, made(FIRST, functions="CREATE VIEW public.v AS SELECT * FROM nothing_there"))
    assert await ask(empty, "SELECT to_regclass('public.a')") is None
    assert await ask(empty, "SELECT to_regclass('core.migration')") is None


async def test_the_functions_of_an_area_may_stand_in_several_files_which_are_one_text(tmp_path):
    for name, text in (
        ("migrations/0001_step.sql", "SELECT 1"),
        ("step/functions_b.sql", "SELECT 'b'"),
        ("step/functions.sql", "SELECT 'first'"),
        ("step/functions_a.sql", "SELECT 'a'"),
        ("step/noun.sql", "SELECT 'a query'"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert migrations.files(tmp_path).functions == [Functions("step", "SELECT 'first'\nSELECT 'a'\nSELECT 'b'")]


async def test_functions_of_an_area_without_a_migration_are_refused(tmp_path):
    for folder, name in (("migrations", "0001_known.sql"), ("known", "functions.sql"), ("unknown", "functions.sql")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text("SELECT 1")
    with pytest.raises(MigrationError, match="sql/unknown/functions.sql: no migration is named NNNN_unknown"):
        migrations.files(tmp_path)


async def test_every_function_and_view_in_the_database_stands_in_a_file(empty):
    await migrations.apply(empty)
    schema = migrations.files()
    text = "\n".join(one.text for one in [*schema.migrations, *schema.functions])
    connection = await asyncpg.connect(empty)
    try:
        found = await connection.fetch(
            "SELECT nspname || '.' || name AS name FROM ("
            " SELECT pronamespace AS namespace, proname AS name FROM pg_proc"
            " UNION ALL SELECT relnamespace, relname FROM pg_class WHERE relkind = 'v') found"
            " JOIN pg_namespace n ON n.oid = found.namespace WHERE nspname IN ('core', 'operations', 'accounts', 'sales')"
        )
        undefined = await connection.fetch(
            "SELECT proname FROM pg_proc WHERE prosrc LIKE '%not defined%' AND prosrc LIKE 'BEGIN RAISE%'"
        )
    finally:
        await connection.close()
    assert len(found) > 30
    assert not [row["name"] for row in found if row["name"] not in text]
    # Those that a migration declares for its triggers are defined.
    assert not undefined


def test_no_migration_is_changed_once_its_hash_is_recorded():
    recorded = dict(line.split()[::-1] for line in (migrations.FOLDER / "sha256sums").read_text().splitlines())
    assert {f"{one.name}.sql": one.sha256 for one in migrations.files().migrations} == recorded


async def test_a_file_changed_after_it_was_applied_is_refused_before_anything_runs(empty):
    await migrations.apply(empty, made(FIRST))
    with pytest.raises(MigrationError, match="0001_step.sql was changed after it was applied"):
        await migrations.apply(empty, made(FIRST + " -- changed", SECOND))
    assert await ask(empty, "SELECT count(*) FROM public.a") == 0


async def test_a_database_ahead_of_the_code_is_refused(empty):
    await migrations.apply(empty, made(FIRST, SECOND))
    with pytest.raises(MigrationError, match="has migration 2, this release ends at 1"):
        await migrations.apply(empty, made(FIRST))


async def test_a_failing_migration_leaves_nothing_of_itself_and_of_those_before_it(empty):
    await migrations.apply(empty, made(FIRST))
    with pytest.raises(MigrationError, match=r"0003_step.sql: .*nothing_there.*; nothing was applied"):
        await migrations.apply(empty, made(FIRST, SECOND, "CREATE TABLE public.b (); SELECT * FROM nothing_there"))
    assert await ask(empty, "SELECT to_regclass('public.b')") is None
    assert await ask(empty, "SELECT max(number) FROM core.migration") == 1
    assert await migrations.apply(empty, made(FIRST, SECOND, "CREATE TABLE public.b ()")) == ["0002_step", "0003_step"]


async def test_a_database_from_before_the_first_release_is_refused_and_left_as_it_is(empty):
    connection = await asyncpg.connect(empty)
    await connection.execute("CREATE SCHEMA operations; CREATE TABLE operations.migration (number integer)")
    await connection.close()
    for refused in (migrations.apply(empty), migrations.outstanding(empty)):
        with pytest.raises(MigrationError, match="made before the first release"):
            await refused
    assert await ask(empty, "SELECT to_regnamespace('core')") is None


async def test_a_refused_extension_is_explained(empty):
    with pytest.raises(
        MigrationError, match=r"(?s)not available.*nothing was applied.*postgresql-contrib.*CREATE EXTENSION"
    ):
        await migrations.apply(empty, made("CREATE EXTENSION no_such_extension"))


async def test_a_failing_first_migration_leaves_an_empty_database(empty):
    with pytest.raises(MigrationError):
        await migrations.apply(empty, made("CREATE SCHEMA half; SELECT 1 / 0"))
    assert await ask(empty, "SELECT count(*) FROM pg_namespace WHERE nspname IN ('half', 'core')") == 0


async def test_an_older_postgres_is_refused_before_anything_runs(empty, monkeypatch):
    monkeypatch.setattr(migrations, "OLDEST_POSTGRES", 99)
    for refused in (migrations.apply(empty, made(FIRST)), migrations.outstanding(empty)):
        with pytest.raises(
            MigrationError, match=r"^this database is on Postgres [0-9.]+; Postgres 99 or later is needed$"
        ):
            await refused
    assert await ask(empty, "SELECT to_regclass('public.a')") is None


async def test_looking_at_what_is_outstanding_changes_nothing(empty):
    assert await migrations.outstanding(empty) == names_of(migrations.files())
    assert await ask(empty, "SELECT count(*) FROM pg_namespace WHERE nspname = 'core'") == 0


async def test_a_locked_table_is_given_up_on_instead_of_queued_for(empty, monkeypatch):
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", "100ms")
    await migrations.apply(empty, made(FIRST))
    holder = await asyncpg.connect(empty)
    try:
        async with holder.transaction():
            await holder.execute("LOCK TABLE public.a IN ACCESS SHARE MODE")
            with pytest.raises(MigrationError, match="lock timeout"):
                await asyncio.wait_for(
                    migrations.apply(empty, made(FIRST, "ALTER TABLE public.a ADD COLUMN m integer")), DEADLINE
                )
        assert await migrations.apply(empty, made(FIRST, "ALTER TABLE public.a ADD COLUMN m integer")) == ["0002_step"]
    finally:
        await holder.close()


async def test_a_second_starter_says_for_whom_it_waits_and_gives_up_after_a_while(empty, monkeypatch, caplog):
    holder = await asyncpg.connect(empty, server_settings={"application_name": "first-release"})
    try:
        async with holder.transaction():
            await holder.execute(f"SELECT pg_advisory_xact_lock({migrations.LOCK})")
            process = f"the program first-release (Postgres process {holder.get_server_pid()}, user "
            monkeypatch.setattr(migrations, "LOCK_WAIT_SECONDS", 0.2)
            with caplog.at_level(logging.WARNING), pytest.raises(MigrationError) as refused:
                await asyncio.wait_for(migrations.apply(empty, made(FIRST)), DEADLINE)
            assert process in str(refused.value) and "more than 0.2 s" in str(refused.value)
            [said] = [record.getMessage() for record in caplog.records]
            assert said.startswith(f"waiting for {process}")
            monkeypatch.setattr(migrations, "LOCK_WAIT_SECONDS", DEADLINE)
            waiting = asyncio.create_task(migrations.apply(empty, made(FIRST)))
            while not await ask(empty, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert await waiting == ["0001_step"]
    finally:
        await holder.close()


async def test_a_limit_of_the_role_ends_neither_a_wait_nor_a_migration(empty):
    role = await ask(empty, "SELECT current_user")
    await ask(
        empty,
        f'ALTER ROLE "{role}" IN DATABASE "{await ask(empty, "SELECT current_database()")}" SET statement_timeout = 100',
    )
    assert await migrations.apply(empty, made(FIRST, "SELECT pg_sleep(0.3)")) == ["0001_step", "0002_step"]


async def test_a_server_that_migrates_has_a_name(empty):
    slow = asyncio.create_task(migrations.apply(empty, made("SELECT pg_sleep(600)")))
    asked = "FROM pg_stat_activity WHERE application_name = 'tradepost-migrations' AND datname = current_database()"
    while not await ask(empty, f"SELECT count(*) {asked}"):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    await ask(empty, f"SELECT pg_terminate_backend(pid) {asked}")
    with pytest.raises((MigrationError, asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError)):
        await slow


async def test_a_server_that_is_killed_while_migrating_leaves_no_lock(empty):
    slow = asyncio.create_task(migrations.apply(empty, made(FIRST, "SELECT pg_sleep(600)")))
    while not await ask(empty, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(600)%'"):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    assert await ask(
        empty, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(600)%'"
    )
    with pytest.raises((MigrationError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await slow
    assert await migrations.apply(empty, made(FIRST, SECOND)) == ["0001_step", "0002_step"]


async def test_files_that_are_not_numbered_one_two_three_are_refused(tmp_path):
    for names in (["0002_b"], ["0001_a", "0003_c"], ["0001_a", "0001_b"], ["1_a"], ["0001_A"], ["0001-a"]):
        root = tmp_path / "-".join(names)
        folder = root / "migrations"
        folder.mkdir(parents=True)
        for name in names:
            (folder / f"{name}.sql").write_text("SELECT 1")
        with pytest.raises(MigrationError, match="expected 000"):
            migrations.files(root)


async def test_our_own_files_say_why_they_are_safe_beside_the_running_release():
    for migration in migrations.files().migrations:
        header = migration.text.partition("\n\n")[0]
        assert header.startswith("-- ") and "Safe beside a running release" in header, migration.name

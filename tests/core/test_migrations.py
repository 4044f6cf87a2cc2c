"""Migrations: once each, in order, whole or not at all, and never changed afterwards."""

import asyncio
import itertools

import asyncpg
import pytest

from core.data import migrations
from core.data.migrations import Migration, MigrationError
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


def made(*texts):
    return [Migration(number, f"{number:04}_step", text) for number, text in enumerate(texts, 1)]


FIRST, SECOND = "CREATE TABLE public.a (n integer)", "INSERT INTO public.a VALUES (1)"


async def ask(dsn, question):
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_an_empty_database_gets_them_all_in_order_and_a_second_run_does_nothing(empty):
    names = [migration.name for migration in migrations.files()]
    assert await migrations.apply(empty) == names
    assert await migrations.apply(empty) == []
    assert await migrations.outstanding(empty) == []
    assert await ask(empty, "SELECT array_agg(name ORDER BY number) FROM core.migration") == names


async def test_servers_that_start_at_once_apply_each_file_once(empty):
    steps = made(FIRST, SECOND, SECOND, "SELECT pg_sleep(0.05)", SECOND)
    done = await asyncio.gather(*(migrations.apply(empty, steps) for _ in range(4)))
    assert sorted(itertools.chain(*done)) == [step.name for step in steps]
    assert await ask(empty, "SELECT count(*) FROM public.a") == 3


async def test_a_file_changed_after_it_was_applied_is_refused_before_anything_runs(empty):
    await migrations.apply(empty, made(FIRST))
    with pytest.raises(MigrationError, match="0001_step.sql was changed after it was applied"):
        await migrations.apply(empty, made(FIRST + " -- changed", SECOND))
    assert await ask(empty, "SELECT count(*) FROM public.a") == 0


async def test_a_database_ahead_of_the_code_is_refused(empty):
    await migrations.apply(empty, made(FIRST, SECOND))
    with pytest.raises(MigrationError, match="has migration 2, this release ends at 1"):
        await migrations.apply(empty, made(FIRST))


async def test_a_failing_migration_leaves_nothing_of_itself_and_all_before_it(empty):
    with pytest.raises(MigrationError, match=r"0003_step.sql: .*nothing_there.*; nothing of it was applied"):
        await migrations.apply(empty, made(FIRST, SECOND, "CREATE TABLE public.b (); SELECT * FROM nothing_there"))
    assert await ask(empty, "SELECT to_regclass('public.b')") is None
    assert await ask(empty, "SELECT max(number) FROM core.migration") == 2
    assert await migrations.apply(empty, made(FIRST, SECOND, "CREATE TABLE public.b ()")) == ["0003_step"]


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
    assert await migrations.outstanding(empty) == [migration.name for migration in migrations.files()]
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


async def test_a_server_that_is_killed_while_migrating_leaves_no_lock(empty):
    slow = asyncio.create_task(migrations.apply(empty, made(FIRST, "SELECT pg_sleep(600)")))
    while not await ask(empty, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(600)%'"):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    assert await ask(
        empty, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(600)%'"
    )
    with pytest.raises((MigrationError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await slow
    assert await asyncio.wait_for(migrations.apply(empty, made(FIRST, SECOND)), DEADLINE) == ["0002_step"]


async def test_files_that_are_not_numbered_one_two_three_are_refused(tmp_path):
    for names in (["0002_b"], ["0001_a", "0003_c"], ["0001_a", "0001_b"], ["1_a"], ["0001_A"], ["0001-a"]):
        folder = tmp_path / "-".join(names)
        folder.mkdir()
        for name in names:
            (folder / f"{name}.sql").write_text("SELECT 1")
        with pytest.raises(MigrationError, match="expected 000"):
            migrations.files(folder)


async def test_our_own_files_say_why_they_are_safe_beside_the_running_release():
    for migration in migrations.files():
        header = migration.text.partition("\n\n")[0]
        assert header.startswith("-- ") and "Safe beside a running release" in header, migration.name


async def test_what_an_older_release_stored_is_there_after_the_upgrade_and_is_found_in_new_ways(empty):
    whole = migrations.files()
    await migrations.apply(
        empty, whole[:4]
    )  # accounts and invoices, as they were before they had details, editing and search
    connection = await asyncpg.connect(empty)
    try:
        await connection.execute(
            "INSERT INTO accounts.account (email, name, role, password_hash) VALUES ('root@example.com', 'Ada', 'SUPERADMIN', 'x'),"
            " ('jane@example.com', 'Jane van Doe', 'PICKER', 'x'), ('none@example.com', '', 'USER', NULL)"
        )
        await connection.execute(
            "INSERT INTO sales.customer (code, name) VALUES ('C1', 'LifeCare'); INSERT INTO sales.salesman (name) VALUES ('Ajay')"
        )
        await connection.execute(
            "INSERT INTO sales.invoice (invoice_no, invoice_date, customer_id, salesman_id, created_by)"
            " SELECT 'OLD-' || n, '2025-01-18', 1, 1, 'erp' FROM generate_series(1, 100) n"
        )
        await connection.execute(
            "INSERT INTO sales.invoice_item (invoice_id, name, item_code, quantity, mrp) SELECT id, 'Otrivin', 'OTN10', 1, 2.50 FROM sales.invoice"
        )
        before = await connection.fetch(
            "SELECT id, document::jsonb AS document FROM sales.invoice_document ORDER BY id"
        )
        waiting = await connection.fetchval("SELECT count(*) FROM core.event")
        await migrations.apply(empty, whole)
        names = await connection.fetch("SELECT name, first_name, last_name FROM accounts.account ORDER BY id")
        assert [tuple(row) for row in names] == [("Ada", "Ada", ""), ("Jane van Doe", "Jane", "van Doe"), ("", "", "")]
        assert await connection.fetchval("SELECT n FROM accounts.account_tally") == 3
        after = await connection.fetch(
            "SELECT id, document::jsonb - 'is_active' AS document FROM sales.invoice_document ORDER BY id"
        )
        assert after == before and len(after) == 100
        assert (
            await connection.fetchval("SELECT count(*) FROM core.event") == waiting
        )  # the upgrade changed nobody's invoice
        for search in ("otriv", "OLD-77", "lifecare"):
            found = await connection.fetchval(
                "SELECT count FROM sales.filter_invoices(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, $1, 'id', true, 1, 20, false, NULL, NULL)",
                search,
            )
            assert found == (1 if search == "OLD-77" else 100), search
        counted = "SELECT sales.count_invoices($1, ARRAY[$2::bigint], '2025-01-18', '2025-01-18', '{PENDING}')"
        for kind, key in (("all", 0), ("salesman", 1)):
            assert await connection.fetchval(counted, kind, key) == 100, kind
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute("DELETE FROM accounts.account WHERE role = 'SUPERADMIN'")
    finally:
        await connection.close()

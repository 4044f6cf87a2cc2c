"""The database helper: retries when Postgres asks for it, 503 when it is away, back on the next request."""

import asyncio

import asyncpg
import pytest

from core.data import database
from core.data.database import Database
from core.problem import Problem
from tests.core.test_handler import with_trigger
from tests.support.deadlines import until

pytestmark = pytest.mark.gen_test


@pytest.fixture
def pool(io_loop, settings):
    opened = io_loop.run_sync(Database(settings.database_url, size=4, statement_cache=100).open)
    yield opened
    io_loop.run_sync(opened.close)


@pytest.fixture
def table(io_loop, db):
    async def make():
        await db.execute("CREATE TABLE public.pot (id integer PRIMARY KEY, n integer NOT NULL)")
        await db.execute("INSERT INTO public.pot VALUES (1, 0), (2, 0)")

    io_loop.run_sync(make)
    yield
    io_loop.run_sync(lambda: db.execute("DROP TABLE public.pot"))


async def terminate_all(db):
    await db.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def refused(caught):
    assert caught.value.status == 503 and int(caught.value.headers["Retry-After"]) > 0
    return True


async def test_the_four_kinds_of_answer(pool):
    assert await pool.value("SELECT $1::int", 7) == 7
    assert (await pool.row("SELECT 1 AS a, 2 AS b"))["b"] == 2
    assert [row["n"] for row in await pool.rows("SELECT n FROM generate_series(1, 3) n")] == [1, 2, 3]
    assert await pool.none("SELECT 1") is None
    assert await pool.value("SELECT 1 WHERE false") is None


async def test_a_transaction_is_undone_when_its_work_raises(pool, table, db):
    async def work(tx):
        await tx.none("UPDATE public.pot SET n = 5 WHERE id = 1")
        raise Problem(409, "no", "No.")

    with pytest.raises(Problem):
        await pool.transaction(work)
    assert await db.fetchval("SELECT n FROM public.pot WHERE id = 1") == 0


async def test_two_that_deadlock_both_succeed_in_the_end(pool, table, db, settings):
    await db.execute(
        f"ALTER DATABASE {settings.database_url.split('@/')[1].split('?')[0]} SET deadlock_timeout = '50ms'"
    )
    await terminate_all(db)  # so that the pool's connections come up with it
    tries, held = 0, asyncio.Barrier(2)

    async def both(first, second):
        async def work(tx):
            nonlocal tries
            tries += 1
            is_first_try = tries <= 2
            await tx.none("UPDATE public.pot SET n = n + 1 WHERE id = $1", first)
            if is_first_try:
                await held.wait()  # until each has what the other wants
            await tx.none("UPDATE public.pot SET n = n + 1 WHERE id = $1", second)

        await pool.transaction(work)

    await asyncio.sleep(0.05)
    await asyncio.gather(both(1, 2), both(2, 1))
    assert tries > 2
    assert await db.fetch("SELECT n FROM public.pot ORDER BY id") == [(2,), (2,)]


async def test_a_serialization_failure_is_tried_again(pool, table, db):
    tries = 0

    async def work(tx):
        nonlocal tries
        tries += 1
        await tx.none("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        n = await tx.value("SELECT n FROM public.pot WHERE id = 1")
        if tries == 1:
            await db.execute("UPDATE public.pot SET n = 10 WHERE id = 1")
        await tx.none("UPDATE public.pot SET n = $1 WHERE id = 1", n + 1)

    await pool.transaction(work)
    assert tries == 2
    assert await db.fetchval("SELECT n FROM public.pot WHERE id = 1") == 11


async def test_what_never_succeeds_is_given_up_after_so_many_attempts(pool):
    tries = 0

    async def work(tx):
        nonlocal tries
        tries += 1
        await tx.none("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$")

    with pytest.raises(asyncpg.SerializationError):
        await pool.transaction(work)
    assert tries == database.ATTEMPTS
    assert await pool.value("SELECT 1") == 1


async def test_a_plan_that_ddl_made_stale_is_made_again(pool, table, db):
    async def work(tx):
        return dict(await tx.row("SELECT * FROM public.pot WHERE id = 1"))

    assert await pool.transaction(work) == {"id": 1, "n": 0}
    await db.execute("ALTER TABLE public.pot ADD COLUMN m integer")
    assert (await pool.transaction(work)).keys() == {"id", "n", "m"}


async def test_a_connection_terminated_in_the_middle_of_a_statement_is_503_and_the_next_works(pool):
    with pytest.raises(Problem) as caught:
        await pool.value("SELECT pg_terminate_backend(pg_backend_pid())")
    assert refused(caught) and not pool.up
    assert await pool.value("SELECT 1") == 1
    assert pool.up


async def test_a_connection_that_asyncpg_lost_count_of_is_503_and_is_not_used_again(pool, monkeypatch):
    before = await pool.value("SELECT pg_backend_pid()")

    async def confused(*args, **more):
        raise asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")

    with monkeypatch.context() as patched:
        patched.setattr(asyncpg.Connection, "fetchval", confused)
        with pytest.raises(Problem) as refused:
            await pool.value("SELECT 1")
    assert refused.value.status == 503
    assert await pool.value("SELECT pg_backend_pid()") != before


async def test_a_connection_terminated_in_the_middle_of_a_transaction_is_503_and_the_next_works(pool, table, db):
    async def work(tx):
        await tx.none("UPDATE public.pot SET n = 5 WHERE id = 1")
        await tx.none("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(Problem) as caught:
        await pool.transaction(work)
    assert refused(caught)
    assert await pool.value("SELECT n FROM public.pot WHERE id = 1") == 0


async def test_idle_connections_that_were_terminated_are_replaced_unnoticed(pool, db):
    await asyncio.gather(*(pool.value("SELECT pg_sleep(0.05)") for _ in range(4)))
    await terminate_all(db)
    await until(lambda: not any(holder._con and not holder._con.is_closed() for holder in pool._pool._holders))
    assert await asyncio.gather(*(pool.value("SELECT 1") for _ in range(4))) == [1] * 4


async def test_a_statement_longer_than_its_time_is_503_and_gives_its_connection_back(pool, monkeypatch):
    monkeypatch.setattr(database, "STATEMENT_SECONDS", 0.1)
    for _ in range(6):  # more often than there are connections
        with pytest.raises(Problem) as caught:
            await pool.value("SELECT pg_sleep(60)")
        assert refused(caught)
    monkeypatch.undo()
    assert await pool.value("SELECT 1") == 1


async def test_a_statement_may_take_long_while_postgres_shows_signs_of_life(pool):
    watching = asyncio.create_task(pool.watch())
    assert await pool.value("SELECT 7 FROM pg_sleep($1)", database.SLOW_SECONDS + 3 * database.WATCH_SECONDS) == 7
    watching.cancel()


async def test_with_every_connection_taken_the_next_is_503_after_its_time_to_wait(pool, monkeypatch):
    all_taken, over = asyncio.Barrier(5), asyncio.Event()

    async def hold(tx):
        await all_taken.wait()
        await over.wait()

    holding = [asyncio.create_task(pool.transaction(hold)) for _ in range(4)]
    await all_taken.wait()
    monkeypatch.setattr(database, "ACQUIRE_SECONDS", 0.1)
    with pytest.raises(Problem) as caught:
        await pool.value("SELECT 1")
    assert refused(caught)
    over.set()
    await asyncio.gather(*holding)


def test_a_request_waits_less_than_a_second_for_a_connection():
    assert database.ACQUIRE_SECONDS < 1


async def test_a_cancelled_request_gives_its_connection_back(pool):
    for _ in range(6):
        task = asyncio.create_task(pool.value("SELECT pg_sleep(60)"))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await pool.value("SELECT 1") == 1


async def test_a_mistake_in_sql_is_no_outage(pool):
    with pytest.raises(asyncpg.UndefinedTableError):
        await pool.value("SELECT * FROM nothing_there")
    assert pool.up


async def test_a_database_that_is_not_there_is_503_and_named_only_in_the_log(caplog):
    away = Database("postgresql://me:hush@127.0.0.1:1/shop", size=2, statement_cache=0)
    for _ in range(2):
        with pytest.raises(Problem) as caught:
            await away.value("SELECT 1")
        assert refused(caught) and "127.0.0.1" not in caught.value.message
    assert caplog.text.count("database is away") == 1 and "hush" not in caplog.text


async def test_a_database_that_lets_nobody_in_is_503_until_it_does(services, settings, pool):
    name = settings.database_url.split("@/")[1].split("?")[0]
    services.run(
        f"ALTER DATABASE {name} ALLOW_CONNECTIONS false",
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
    )
    try:
        await asyncio.sleep(0.1)
        with pytest.raises(Problem) as caught:
            await pool.value("SELECT 1")
        assert refused(caught)
    finally:
        services.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert await pool.value("SELECT 1") == 1


async def test_what_was_refused_for_its_time_is_not_done_afterwards(pool, table, db, monkeypatch):
    monkeypatch.setattr(database, "STATEMENT_SECONDS", 0.1)
    with pytest.raises(Problem):
        await pool.none("UPDATE public.pot SET n = 9 WHERE pg_sleep(5) IS NOT NULL")
    under_way = (
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'UPDATE public.pot SET n = 9%'"
    )
    await until(lambda: db.fetchval(under_way), lambda count: count == 0)
    assert await db.fetchval("SELECT sum(n) FROM public.pot") == 0


# Through HTTP


async def test_a_request_whose_connection_is_terminated_is_503_and_the_next_is_served(api, db, invoice):
    body = invoice()
    answer = await with_trigger(
        db, "sales.invoice", "PERFORM pg_terminate_backend(pg_backend_pid())", lambda: api.import_invoice(body)
    )
    assert (answer.status, answer.json["status_code"]) == (503, 503)
    assert int(answer.headers["Retry-After"]) > 0
    assert "terminat" not in answer.text
    assert (await api.import_invoice(body)).status == 201


async def test_a_request_that_must_be_repeated_succeeds_unnoticed(api, db, invoice):
    await db.execute("CREATE SEQUENCE public.tries")  # counts although the transaction is undone
    again = "IF nextval('public.tries') < 3 THEN RAISE EXCEPTION 'again' USING ERRCODE = '40P01'; END IF"
    answer = await with_trigger(db, "sales.invoice", again, lambda: api.import_invoice(invoice()))
    assert answer.status == 201
    assert await db.fetchval("SELECT last_value FROM public.tries") == 3
    await db.execute("DROP SEQUENCE public.tries")


async def test_a_request_whose_statement_takes_too_long_is_503(api, db, invoice, monkeypatch):
    monkeypatch.setattr(database, "STATEMENT_SECONDS", 0.2)
    answer = await with_trigger(db, "sales.invoice", "PERFORM pg_sleep(30)", lambda: api.import_invoice(invoice()))
    assert answer.status == 503 and answer.headers["Retry-After"]

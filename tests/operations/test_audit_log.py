"""audit.log: each entry of the audit is a line of it, whatever commits late, restarts, or is killed."""

import asyncio
import json
import os
import re
import signal
import subprocess
import urllib.error
import urllib.request
from dataclasses import replace
from types import SimpleNamespace

import asyncpg
import psutil
import pytest

from handlers.operations import audit_log, audit_position
from handlers.operations.audit_log import AuditLog
from handlers.operations.audit_position import Gap, Position
from tests.support.deadlines import until, wait_until
from tests.support.program import Server, migrated_ground

gen_test = pytest.mark.gen_test
INSERT = "INSERT INTO operations.audit (action, object_type, object_id) VALUES ($1, 'thing', '7') RETURNING id"


@pytest.fixture
def follower(app, settings, tmp_path):
    """`await follower()`: an AuditLog over tmp_path that has begun at the present end of the audit. log_format: text or json."""

    async def follower(log_format="text"):
        config = replace(settings, log_dir=str(tmp_path), log_format=log_format)
        now = await app.db.value("SELECT extract(epoch FROM clock_timestamp())::float8")
        found = AuditLog(SimpleNamespace(config=config, db=app.db), now)
        await found.follow()
        return found

    return follower


def ended(follower):
    """The process of this follower has ended."""
    follower._lead.close()


def lines(folder):
    paths = sorted(folder.glob("audit.log.*"), key=lambda path: -int(path.suffix[1:]))
    return [line for path in [*paths, folder / "audit.log"] if path.exists() for line in path.read_text().splitlines()]


def ids(folder):
    return [int(re.search(r" id=(\d+) ", line)[1]) for line in lines(folder)]


async def note(db, action="thing.change"):
    return await db.fetchval(INSERT, action)


@gen_test
async def test_a_first_start_begins_at_the_end_and_each_later_entry_is_one_line(db, follower, tmp_path):
    await note(db)
    one = await follower()
    assert lines(tmp_path) == []
    expected = [await note(db) for _ in range(3)]
    await one.follow()
    await one.follow()
    assert ids(tmp_path) == expected


@gen_test
async def test_what_happened_since_the_start_of_the_program_is_written_at_its_first_look(db, app, settings, tmp_path):
    await note(db)
    started = await db.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
    expected = [await note(db), await note(db)]
    await AuditLog(SimpleNamespace(config=replace(settings, log_dir=str(tmp_path)), db=app.db), started).follow()
    assert ids(tmp_path) == expected


@gen_test
async def test_a_line_says_when_what_who_and_from_where(db, follower, tmp_path):
    one = await follower()
    await db.execute(
        "INSERT INTO operations.audit (at, account_id, email, address, request_id, action, object_type, object_id, before, after)"
        " VALUES ('2026-01-15T12:00:00.125Z', 42, 'ann@example.com', '192.0.2.7', 'abc-1', 'thing.change', 'thing', 'INV 7',"
        """ '{"price": 12345678901234567890.10}', '{"name": "a\\nb\u2028c"}')"""
    )
    await one.follow()
    (line,) = lines(tmp_path)
    assert line.startswith("2026-01-15T12:00:00.125Z INFO    tradepost.audit thing.change id=")
    assert (
        'object="thing/INV 7" by=ann@example.com account=42 from=192.0.2.7 request=abc-1 '
        'before={"price": 12345678901234567890.10} after={"name": "a\\nb\\u2028c"}' in line
    )


@gen_test
async def test_in_json_each_line_is_one_object(db, follower, tmp_path):
    one = await follower("json")
    await db.execute(
        "INSERT INTO operations.audit (email, action, object_type, object_id, after)"
        " VALUES ('ann@example.com', 'thing.create', 'thing', '7', jsonb_build_object('text', repeat('é\u2028\"', 9000)))"
    )
    await note(db)
    await one.follow()
    long, plain = map(json.loads, lines(tmp_path))
    assert set(plain) == {
        *("time", "level", "logger", "message", "id", "object_type", "object_id", "account_id", "email", "address"),
        *("before", "after"),
    }
    assert (long["email"], long["message"], long["before"]) == ("ann@example.com", "thing.create", None)
    # A document that is too long is cut.
    assert long["after"].startswith('{"text": "é') and len(long["after"]) == audit_log.MOST_DOCUMENT + 1


@gen_test
async def test_a_strangers_line_break_makes_no_second_line(db, follower, tmp_path):
    one = await follower()
    await db.execute(INSERT, "thing.\r\n2026 forged\x0b\x85\u2028")
    await db.execute(
        "INSERT INTO operations.audit (action, email, object_type, object_id) VALUES ('a.b', $1, 't', $1)",
        "x\ny\u2028z\x9b",
    )
    await one.follow()
    text = (tmp_path / "audit.log").read_text()
    assert len(text.splitlines()) == 2 and "\x9b" not in text


@gen_test
async def test_entries_that_commit_late_and_out_of_order_each_appear_once(db, follower, settings, tmp_path):
    one = await follower()
    connections = [await asyncpg.connect(settings.database_url) for _ in range(5)]
    transactions = [connection.transaction() for connection in connections]
    expected = []
    for connection, transaction in zip(connections, transactions, strict=True):
        await transaction.start()
        expected.append(await note(connection))
    for place in (4, 2, 0, 3, 1):
        await transactions[place].commit()
        await one.follow()
        await one.follow()
    assert ids(tmp_path) == [expected[place] for place in (4, 2, 0, 3, 1)]
    assert one._position.gaps == ()
    for connection in connections:
        await connection.close()


@gen_test
async def test_a_restart_goes_on_where_it_was_also_in_the_gaps(db, follower, settings, tmp_path):
    one = await follower()
    late = await asyncpg.connect(settings.database_url)
    transaction = late.transaction()
    await transaction.start()
    first = await note(late)
    second = await note(db)
    await one.follow()
    ended(one)
    await transaction.commit()
    third = await note(db)
    await (await follower()).follow()
    assert ids(tmp_path) == [second, first, third]
    await late.close()


@gen_test
async def test_an_open_transaction_is_waited_for_however_long_it_takes(db, follower, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(audit_position, "SETTLE_SECONDS", 0)
    one = await follower()
    late = await asyncpg.connect(settings.database_url)
    transaction = late.transaction()
    await transaction.start()
    first = await note(late)
    second = await note(db)
    for _ in range(5):
        await one.follow()
    await transaction.commit()
    await one.follow()
    assert ids(tmp_path) == [second, first]
    await late.close()


@gen_test
async def test_the_ids_of_rolled_back_transactions_are_forgotten(db, follower, tmp_path, monkeypatch):
    monkeypatch.setattr(audit_position, "SETTLE_SECONDS", 0)
    one = await follower()
    for _ in range(3):
        with pytest.raises(asyncpg.DivisionByZeroError):
            await db.execute(
                "WITH x AS (INSERT INTO operations.audit (action, object_type) VALUES ('a.b', 't')) SELECT 1 / 0"
            )
        await db.fetchval("SELECT nextval(pg_get_serial_sequence('operations.audit', 'id'))")
        await note(db)
    await one.follow()
    assert one._position.gaps
    # Other tests' servers may have transactions open at the same moment.
    await until(lambda: one._position.gaps == () or one.follow(), lambda found: found is True)
    assert len(ids(tmp_path)) == 3


@gen_test
async def test_of_two_followers_one_writes_and_the_other_goes_on_when_it_ends(db, follower, tmp_path):
    one, other = await follower(), await follower()
    expected = []
    for _ in range(3):
        expected += [await note(db) for _ in range(4)]
        await asyncio.gather(one.follow(), other.follow())
    assert ids(tmp_path) == expected and other._lead is None
    ended(one)
    expected.append(await note(db))
    await other.follow()
    assert ids(tmp_path) == expected


@gen_test
async def test_more_entries_than_are_read_at_once_are_all_written(db, follower, tmp_path, monkeypatch):
    monkeypatch.setattr(audit_log, "BATCH", 10)
    one = await follower()
    await db.fetchval("SELECT nextval(pg_get_serial_sequence('operations.audit', 'id'))")
    rows = await db.fetch(
        "INSERT INTO operations.audit (action, object_type) SELECT 'a.b', 't' FROM generate_series(1, 95) RETURNING id"
    )
    await one.follow()
    assert ids(tmp_path) == [row["id"] for row in rows]


@gen_test
async def test_a_full_disk_loses_no_entry(db, follower, tmp_path, monkeypatch):
    one = await follower()
    expected = [await note(db)]

    def full(self, msg):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("core.log_files.File.do_write", full)
        await one.follow()
        expected.append(await note(db))
        await one.follow()
    assert ids(tmp_path) == []
    await one.follow()
    assert ids(tmp_path) == expected


@gen_test
async def test_a_position_that_cannot_be_saved_repeats_nothing_while_the_process_lives(
    db, follower, tmp_path, monkeypatch
):
    one = await follower()
    with monkeypatch.context() as patched:
        patched.setattr(Position, "save", lambda self, path: (_ for _ in ()).throw(OSError(28, "full")))
        expected = [await note(db)]
        await one.follow()
        await one.follow()
    await one.follow()
    assert ids(tmp_path) == expected
    assert audit_position.read(tmp_path / ".audit.position").top == expected[-1]


@gen_test
async def test_a_restored_database_is_followed_from_its_end(db, follower, tmp_path):
    ended(await follower())
    Position(10**12).save(tmp_path / ".audit.position")
    one = await follower()
    expected = [await note(db)]
    await one.follow()
    assert ids(tmp_path) == expected


@gen_test
async def test_a_broken_position_is_told_and_the_audit_followed_from_its_end(db, follower, tmp_path, caplog):
    ended(await follower())
    (tmp_path / ".audit.position").write_text('{"top"')
    one = await follower()
    expected = [await note(db)]
    await one.follow()
    assert ids(tmp_path) == expected and "at the end of the audit" in caplog.text


@gen_test
async def test_looking_for_new_entries_reads_only_these(db, app, follower, tmp_path):
    one = await follower()
    await db.execute(
        "INSERT INTO operations.audit (action, object_type) SELECT 'a.b', 't' FROM generate_series(1, 20000)"
    )
    await one.follow()
    await db.fetchval("SELECT nextval(pg_get_serial_sequence('operations.audit', 'id'))")
    top = await note(db)
    await db.execute("ANALYZE operations.audit")
    statement = audit_log.query.list_new.text
    await db.execute("SET plan_cache_mode = force_generic_plan")
    async with db.transaction():
        await db.fetch(statement, top - 2, [top - 1], [top - 1], 500)
        read = await db.fetchval(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = 'operations.audit'::regclass"
        )
    assert read <= 5


def test_gaps_are_split_by_what_appears_in_them_and_kept_until_they_are_settled():
    now = Position(10).after([14, 20], 100, 100, 0.0, is_all=True)
    assert now == Position(20, (Gap(11, 13, 100, 0.0), Gap(15, 19, 100, 0.0)))
    now = now.after([12, 15, 16, 21], 101, 99, 1000.0, is_all=True)
    assert [(gap.low, gap.high) for gap in now.gaps] == [(11, 11), (13, 13), (17, 19)] and now.top == 21
    # Old enough, but a transaction that had begun by then is open; then none is open, but the gap is young; then both.
    assert len(now.after([], 101, 99, 1000.0, is_all=True).gaps) == 3
    assert len(now.after([], 101, 100, 59.0, is_all=True).gaps) == 3
    assert len(now.after([], 101, 100, 60.0, is_all=False).gaps) == 3
    assert now.after([], 101, 100, 60.0, is_all=True).gaps == ()


def test_a_position_is_read_as_it_was_saved(tmp_path):
    position = Position(20, (Gap(11, 13, 100, 0.5),))
    position.save(tmp_path / "p")
    assert audit_position.read(tmp_path / "p") == position and audit_position.read(tmp_path / "none") is None


@pytest.fixture(scope="module")
def ground(home_folder):
    with migrated_ground(home_folder / "audit-log") as found:
        yield found


def insert(ground, action, number=1):
    async def work():
        connection = await asyncpg.connect(ground.postgres.dsn)
        rows = await connection.fetch(
            "INSERT INTO operations.audit (action, object_type, object_id, email) SELECT $1, 'thing', n::text, 'a@example.com'"
            " FROM generate_series(1, $2::int) n RETURNING id",
            action,
            number,
        )
        await connection.close()
        return [row["id"] for row in rows]

    return asyncio.run(work())


def saved(folder):
    """The highest id that the saved position has."""
    position = audit_position.read(folder / ".audit.position")
    return position.top if position else -1


def leader(server):
    """The pid of the worker that writes audit.log."""
    for child in psutil.Process(server.process.pid).children():
        if any(file.path.endswith("audit.log") for file in child.open_files()):
            return child.pid
    return None


def test_workers_write_the_files_and_a_killed_one_is_followed_by_another(ground, tmp_path):
    folder = tmp_path / "logs"
    server = Server(ground, tmp_path / "stderr", "--workers", "2", LOG_DIR=str(folder)).start()
    try:
        for n in range(20):
            urllib.request.urlopen(f"{server.url}/api/health/?token=hush{n}").read()
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(
                urllib.request.Request(f"{server.url}/nowhere?token=hush", headers={"X-Request-ID": "mine-1"})
            )
        expected = insert(ground, "one.made", 3)
        # A kill between the lines and their position would repeat the lines, as is documented.
        wait_until(lambda: saved(folder) >= expected[-1])
        os.kill(wait_until(lambda: leader(server)), signal.SIGKILL)
        expected += insert(ground, "two.made", 3)
        wait_until(lambda: len(lines(folder)) >= 6)
        assert ids(folder) == expected
        wait_until(lambda: "worker" in (folder / "errors.log").read_text())
    finally:
        assert server.end() == 0
    api, errors = (folder / "api.log").read_text(), (folder / "errors.log").read_text()
    assert api.count("GET /api/health/ 200") == 20 and "hush" not in api + errors
    assert re.search(r"GET /nowhere 404 \d+\.\dms from=127\.0\.0\.1 .*request=mine-1", errors)
    assert "ended with signal 9, starting it again" in errors
    # While no server runs.
    expected += insert(ground, "three.made", 2)
    server.start()
    try:
        wait_until(lambda: len(lines(folder)) >= 8)
        assert ids(folder) == expected
    finally:
        assert server.end() == 0


def test_without_the_setting_no_file_is_written(ground, tmp_path):
    server = Server(ground, tmp_path / "stderr").start()
    assert server.end() == 0
    assert [path.name for path in tmp_path.iterdir()] == ["stderr"]


def test_a_folder_that_cannot_be_written_is_refused_at_the_start(ground, tmp_path):
    (tmp_path / "file").write_text("")
    server = Server(ground, tmp_path / "stderr", LOG_DIR=str(tmp_path / "file" / "logs"))
    answer = subprocess.run(server._command, env=server._env, capture_output=True, text=True)
    assert answer.returncode == 1
    assert (
        answer.stderr.startswith("Tradepost can't start:\n  LOG_DIR: can't write ") and "Traceback" not in answer.stderr
    )

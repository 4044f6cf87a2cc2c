"""What server.py doctor says of a server that is not as it should be. What it says of a good one is in test_command_line.py."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from core.operate import disk, doctor, doctor_postgres
from core.operate.finding import Warn, WrongError, run
from core.secret_keys import Fallback

pytestmark = pytest.mark.gen_test
MB = 1 << 20


@pytest.fixture
def examined(settings):
    """`await examined(db_pool_size=90)`: by the name of a check, its line."""

    async def examined(workers=None, is_demo=False, **changed):
        lines = []
        config = replace(settings, **changed)
        status = await doctor.examine(config, {}, lines.append, workers=workers, is_demo=is_demo)
        found = {line[7:].partition(":")[0]: line for line in lines}
        assert status == any(line.startswith("wrong") for line in lines)
        return found

    return examined


async def test_a_check_is_a_line_whatever_comes_of_it_and_one_that_is_wrong_is_the_status():
    async def good():
        return "yes"

    async def so_so():
        return Warn("hm")

    async def bad():
        raise OSError

    lines = []
    assert await run({"a": good, "b": so_so}, lines.append) == 0
    assert await run({"c": bad, "d": good}, lines.append) == 1
    assert lines == ["ok     a: yes", "warn   b: hm", "wrong  c: OSError", "ok     d: yes"]


async def test_what_the_server_needs_of_postgres_is_looked_at(examined):
    found = await examined()
    assert found["durability"].startswith("wrong  durability: fsync is off")
    assert found["role"].startswith("warn   role: tradepost is a superuser")
    assert (await examined(is_demo=True))["role"].startswith("ok     role")
    assert "btree_gin 1." in found["extensions"] and "pg_trgm 1." in found["extensions"]
    assert found["text"].startswith(("ok     text: UTF8, order C", "warn   text: UTF8, order C"))
    assert found["backups"].startswith("ok     backups: pg_dump 18")
    assert found["clock"] == "ok     clock: is that of Postgres"
    assert found["connections"].startswith("ok     connections: 97 of 100 can be used")
    crowded = await examined(workers=60)
    assert crowded["connections"].startswith("wrong  connections") and "and 60 are to run" in crowded["connections"]


async def test_without_postgres_it_is_said_once_and_nothing_waits(examined):
    found = await examined(database_url="postgresql://me:hush@127.0.0.1:1/shop")
    assert found["Postgres"].startswith("wrong  Postgres: ") and "hush" not in "".join(found.values())
    for name in ("role", "durability", "connections", "clock", "backups", "events", "readers"):
        assert found[name] == f"wrong  {name}: not looked at: Postgres can't be reached"


async def test_events_that_wait_and_readers_that_are_behind_are_wrong_where_a_server_runs(examined, db):
    await db.execute("DELETE FROM core.event")
    await db.execute(
        "INSERT INTO core.event (topic, payload, created_at) SELECT 'x', '{}', now() - interval '90 seconds' FROM generate_series(1, 3)"
    )
    await db.execute(
        "INSERT INTO core.event (topic, payload, position, created_at) VALUES ('x', '{}', 5, now() - interval '90 seconds')"
    )
    await db.execute("UPDATE core.event_head SET position = 5")
    await db.execute("UPDATE core.event_reader SET position = 4")
    try:
        found = await examined()
        assert found["events"].startswith("warn   events: 3 events wait for 9")
        assert found["events"].endswith("no process of the server runs: start it")
        assert found["readers"].startswith("warn   readers: webhooks is 1 events and 9")
        await db.execute("SET application_name = 'tradepost'")
        found = await examined()
        assert found["events"].startswith("wrong  events") and "although the server runs" in found["events"]
        assert found["readers"].startswith("wrong  readers") and "although the server runs" in found["readers"]
    finally:
        await db.execute("DELETE FROM core.event")
        await db.execute("UPDATE core.event_reader SET position = 5")
        await db.execute("SET application_name = 'test'")
    assert (await examined())["readers"] == "ok     readers: webhooks has read everything"


async def test_keys_that_are_coming_or_past_their_time_are_told(examined):
    key = "another-key-of-at-least-32-bytes-too"
    past = datetime(2020, 1, 1, tzinfo=UTC)
    for fallbacks, told in (
        ((Fallback(key, is_coming=True),), "warn   secret keys: a coming key is known here"),
        ((Fallback(key, past),), "warn   secret keys: 1 of 1 older keys are past their time"),
        ((Fallback(key),), "ok     secret keys: SECRET_KEY, and 1 older keys"),
        ((), "ok     secret keys: SECRET_KEY alone"),
    ):
        assert (await examined(secret_key_fallbacks=fallbacks))["secret keys"].startswith(told)


def test_a_clock_that_differs_is_told_and_one_by_which_tokens_fail_is_wrong():
    now = time.time()
    # An answer that took long says nothing of the moments between.
    assert doctor_postgres.judged_clock("Redis", now + 8, now, now + 20) == "is that of Redis"
    assert isinstance(doctor_postgres.judged_clock("Redis", now - 2, now, now), Warn)
    for theirs in (now - 6, now + 6):
        with pytest.raises(WrongError, match=r"differs from that of Redis by 6\.0 s: tokens are refused"):
            doctor_postgres.judged_clock("Redis", theirs, now, now)


def test_a_disk_that_gets_full_is_told_before_writes_fail(tmp_path, monkeypatch):
    folder = tmp_path / "not" / "there"
    for free, expected in ((50 * MB, WrongError), (500 * MB, Warn), (5000 * MB, str)):
        monkeypatch.setattr(
            disk.shutil, "disk_usage", lambda path, free=free: SimpleNamespace(free=free, total=9000 * MB)
        )
        if expected is WrongError:
            with pytest.raises(WrongError, match="50 of 9,000 MB are free"):
                disk.judged(folder)
        else:
            assert type(disk.judged(folder)) is expected
    assert disk.judged_if_there(folder).startswith("not on this machine")


def test_a_redis_that_drops_what_is_not_to_be_dropped_is_wrong():
    assert doctor._judged_policy({"maxmemory": 0, "maxmemory_policy": "allkeys-lru"}) == "no limit of memory"
    assert (
        doctor._judged_policy({"maxmemory": 64 * MB, "maxmemory_policy": "volatile-ttl"}) == "volatile-ttl above 64 MB"
    )
    with pytest.raises(WrongError, match="allkeys-lru, so it drops counts of failed sign-ins"):
        doctor._judged_policy({"maxmemory": 64 * MB, "maxmemory_policy": "allkeys-lru"})


async def test_a_folder_that_can_not_be_written_is_told(examined, tmp_path):
    (tmp_path / "file").write_text("")
    found = await examined(log_dir=str(tmp_path / "file" / "logs"), media_root=str(tmp_path / "file" / "media"))
    assert found["log files"].startswith(f"wrong  log files: can't write {tmp_path}/file")
    told = f"wrong  media storage: can't write {tmp_path}/file/media"
    assert found["media storage"].startswith(told) and "the account that runs the server" in found["media storage"]

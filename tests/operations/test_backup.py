"""Backup and restore by the real command line: the drill that an operator hopes never to need, and what must not happen on the way."""

import asyncio
import contextlib
import functools
import json
import os
import signal
import stat
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import asyncpg
import boto3
import pytest
from moto.server import ThreadedMotoServer

import server
from core.operate import archive, postgres_tools
from handlers.settings import Settings
from tests.support.command import KEPT, NOTHING, PROGRAM, run, run_here
from tests.support.deadlines import until, wait_until
from tests.support.http import Api, open_session
from tests.support.program import Server
from tests.support.services import TEMPLATE, run_apart
from tests.support.sse import EventStream

SECRET = "test-secret-key-of-at-least-32-bytes!"
AVATAR = "avatars/2025/01/18/" + "a" * 32 + ".png"
RECEIPT = b"Kaffee 3,50\n"
# What a restore changes: positions that were given out after the backup must mean nothing (sql/*/restore.sql).
MOVED = {
    "core.event",
    "core.event_head",
    "core.event_reader",
    "vendor.head",
    "vendor.forgotten",
    "vendor.global_head",
}
# Rows are only added to these, so a backup has some of them, and no others.
GROWING = {"sales.invoice", "sales.invoice_item", "operations.audit", "accounts.session"}


async def asked(dsn, question, *values):
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(question, *values)
    finally:
        await connection.close()


async def told(dsn, *statements):
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def contents(dsn):
    """By table: the hashes of its rows."""
    tables = await asked(
        dsn,
        """SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'""",
    )
    connection = await asyncpg.connect(dsn)
    try:
        return {
            name: sorted(row[0] for row in await connection.fetch(f"SELECT md5(t::text) FROM {name} t"))
            for (name,) in tables
        }
    finally:
        await connection.close()


class Installation:
    """A database and a folder of media, as the settings of commands and of the program name them."""

    def __init__(self, services, name, folder):
        self.dsn, self.media = services.dsn(name), folder / name
        self.redis = services.redis.url if services.redis else ""
        self.env = {"DATABASE_URL": self.dsn, "SECRET_KEY": SECRET, "MEDIA_ROOT": str(self.media), "BCRYPT_COST": "4"}

    def run(self, *arguments, **env):
        return run(*arguments, **{**self.env, **env})

    def here(self, *arguments, **env):
        """The same in this process, in a thread: asyncio.run would take the loop of other tests away."""
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(functools.partial(run_here, *arguments, **{**self.env, **env})).result()

    @contextlib.contextmanager
    def serving(self, log):
        ground = SimpleNamespace(
            postgres=SimpleNamespace(dsn=self.dsn), redis=SimpleNamespace(url=self.redis) if self.redis else None
        )
        program = Server(
            ground, log, **self.env, REDIS_PREFIX=f"backup-{self.media.name}:", WEBHOOK_ALLOW_PRIVATE="true"
        )
        program.start()
        try:
            yield program
        finally:
            program.end()
            assert "Traceback" not in log.read_text(), log.read_text()


@pytest.fixture(scope="module")
def source(services, tmp_path_factory):
    """An installation with rows in every area."""
    services.run(f"CREATE DATABASE backup_source TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
    found = Installation(services, "backup_source", tmp_path_factory.mktemp("media"))
    config = Settings(secret_key=SECRET, database_url=found.dsn, bcrypt_cost=4)

    async def fill():
        await asyncio.to_thread(server.create_demo, config)
        await told(
            found.dsn,
            f"INSERT INTO core.media_file (key, unused_from) VALUES ('{AVATAR}', now()), ('exports/never/stored.csv', now() + interval '1 hour')",
            f"UPDATE accounts.account SET avatar = '{AVATAR}' WHERE email = 'admin@example.com'",
            """SELECT core.enqueue_job('test.later', '{"n": 1}', execute_after => '1 hour')""",
        )

    run_apart(fill())
    (found.media / AVATAR).parent.mkdir(parents=True)
    (found.media / AVATAR).write_bytes(b"picture" * 100_000)
    yield found
    services.run("DROP DATABASE backup_source WITH (FORCE)")


@pytest.fixture(scope="module")
def whole(source, tmp_path_factory):
    """A backup of it."""
    path = tmp_path_factory.mktemp("backup") / "whole.tar"
    made = source.run("backup", str(path))
    assert made.returncode == 0, made.stderr
    return path


@pytest.fixture
def target(services, tmp_path):
    """An installation with an empty database."""
    services.run("CREATE DATABASE backup_target")
    yield Installation(services, "backup_target", tmp_path)
    services.run("DROP DATABASE backup_target WITH (FORCE)")


@pytest.fixture
def client(io_loop):
    session = io_loop.run_sync(open_session)
    yield session
    io_loop.run_sync(session.close)


async def signed_in(api, email, password):
    answer = await api.post("/api/auth/login/", {"email": email, "password": password})
    assert answer.status == 200, answer.text
    return answer.json


async def work_everywhere(api, invoice):
    """A day's work in every area; returns the token of the member, and that of a vendor."""
    member = (await signed_in(api, "member@example.com", "password123"))["access"]
    bearer = {"token": member}
    expense = await api.post(
        "/api/expenses/",
        {"description": "Coffee", "amount": "3.50", "category": "meals", "expense_date": "2025-01-18"},
        **bearer,
    )
    assert expense.status == 201, expense.text
    attached = await api.call(
        "POST",
        "/api/expenses/attachments/",
        form={"expense": expense.json["id"]},
        files={"file": ("coffee.txt", RECEIPT)},
        **bearer,
    )
    assert attached.status == 201, attached.text
    webhook = await api.post("/api/webhooks/", {"url": "http://127.0.0.1:1024/in", "topics": ["books.*"]}, **bearer)
    assert webhook.status == 201, webhook.text
    vendor = (await api.post("/auth/login/", {"username": "vendor1", "password": "vendor123"})).json["token"]
    bill = {
        "invoice_number": "A-1",
        "items": [{"name": "Tea", "price": 10, "quantity": 2}],
        "subtotal": 20,
        "total": 20,
    }
    billed = await api.post("/backup/sync", bill, headers={"Authorization": f"Token {vendor}"})
    assert billed.status in (200, 201), billed.text
    assert (await api.import_invoice(invoice())).status == 201
    return member, vendor


@pytest.mark.gen_test(timeout=600)
async def test_a_restored_backup_is_what_the_server_had_while_it_was_written(
    source, whole, target, client, invoice, tmp_path
):
    # `whole`, the other tests' backup, is made before: this test adds to the source.
    path = tmp_path / "drill.tar"
    with source.serving(tmp_path / "source.log") as program:
        api = Api(client, program.url)
        member, vendor = await work_everywhere(api, invoice)
        stream = await EventStream.open(program.url)
        await stream.block()
        of_vendor = {"headers": {"Authorization": f"Token {vendor}"}}
        token = (await api.get("/items/changes/", **of_vendor)).json["next"]
        before, done = await contents(source.dsn), asyncio.Event()

        async def go_on():
            while not done.is_set():
                assert (await api.import_invoice(invoice())).status == 201

        writing = asyncio.create_task(go_on())
        made = await asyncio.to_thread(source.run, "backup", str(path))
        done.set()
        await writing
        assert made.returncode == 0, made.stderr
        after = await contents(source.dsn)
        for _ in range(3):
            await stream.event()
        last = stream.last_id
        session_ids = await asked(source.dsn, "SELECT max(id) FROM accounts.session")

    restored = await asyncio.to_thread(target.run, "restore", str(path))
    assert restored.returncode == 0, restored.stderr
    assert "rows, as the backup says" in restored.stdout and "migrations are to apply" not in restored.stdout
    found = await contents(target.dsn)
    assert found.keys() == before.keys()
    for table in found.keys() - MOVED:
        if before[table] == after[table]:
            assert found[table] == before[table], table
        unchanged = set(before[table]) & set(after[table])
        assert unchanged <= set(found[table]), table
        if table in GROWING:
            assert set(found[table]) <= set(after[table]), table
    counts = "SELECT (SELECT count(*) FROM sales.invoice), (SELECT count(*) FROM sales.invoice_item)"
    ((invoices, items),) = await asked(target.dsn, counts)
    assert len(before["sales.invoice"]) <= invoices <= len(after["sales.invoice"]) and items == 2 * invoices
    assert await asked(target.dsn, "SELECT count(*) FROM jobs.pgqueuer WHERE entrypoint = 'test.later'") == [(1,)]
    assert (target.media / AVATAR).read_bytes() == b"picture" * 100_000

    with target.serving(tmp_path / "target.log") as program:
        api = Api(client, program.url)
        # What was signed in before the backup still is, and old passwords are good.
        receipts = await api.get("/api/expenses/attachments/", token=member)
        assert (await api.get(receipts.json["results"][0]["file"])).body == RECEIPT
        items_of_vendor = await api.get("/items/", **of_vendor)
        assert items_of_vendor.status == 200 and len(items_of_vendor.json) == 4
        # A device begins from the start, and then goes on from there.
        anew = (await api.get(f"/items/changes/?since={token}", **of_vendor)).json
        assert anew["reset"] is True and anew["items"]
        onwards = (await api.get(f"/items/changes/?since={anew['next']}", **of_vendor)).json
        assert onwards["reset"] is False and not onwards["items"]
        admin = await signed_in(api, "admin@example.com", "admin123")
        shown = await api.get("/api/auth/users/me/", token=admin["access"])
        assert (await api.get(shown.json["data"]["avatar"])).body == b"picture" * 100_000
        # No session gets the id of one that was opened after the backup, whose token is still out there.
        newest = await asked(target.dsn, "SELECT max(id) FROM accounts.session")
        assert newest[0][0] > session_ids[0][0] + 1_000_000
        reader = await EventStream.open(program.url, headers={"Last-Event-ID": last})
        await reader.block()
        assert (await reader.event())["event"] == "reset"
        imported = (await api.import_invoice(invoice())).json["data"]["id"]
        assert (await reader.invoice())["id"] == imported
        again = await EventStream.open(program.url, headers={"Last-Event-ID": last})
        await again.block()
        assert (await again.event())["event"] == "reset"


def test_a_backup_says_what_is_in_it_and_only_its_owner_may_read_it(whole, source):
    assert stat.S_IMODE(whole.stat().st_mode) == 0o600
    assert [path.name for path in whole.parent.iterdir()] == [whole.name]
    with tarfile.open(whole) as tar:
        assert tar.getnames() == [
            "database.dump",
            f"media/{AVATAR}",
            "media.ndjson",
            "manifest.json",
            "manifest.sha256",
        ]
        manifest = json.load(tar.extractfile("manifest.json"))
        lines = [json.loads(line) for line in tar.extractfile("media.ndjson")]
    assert manifest["media"] == {
        "storage": "folder",
        "has_bytes": True,
        "files": 1,
        "bytes": 700_000,
        "removed": 1,
        "lost": 0,
    }
    assert {line["key"]: line.get("missing") for line in lines} == {AVATAR: None, "exports/never/stored.csv": "removed"}
    assert manifest["tables"]["accounts.account"] == 16
    assert [one["number"] for one in manifest["migrations"]] == list(range(1, len(manifest["migrations"]) + 1))
    checked = run("restore", "--check", str(whole))
    assert checked.returncode == 0 and f"{whole} is whole: Tradepost" in checked.stdout, checked.stderr


def damaged(path, folder, place):
    copy = folder / "damaged.tar"
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    copy.write_bytes(data)
    return copy


def test_a_damaged_or_cut_off_backup_is_refused_before_anything_is_changed(whole, target, tmp_path):
    with tarfile.open(whole) as tar:
        dump, picture = tar.getmember("database.dump"), tar.getmember(f"media/{AVATAR}")
        manifest = tar.getmember("manifest.json")
    for place, what in (
        (dump.offset_data + dump.size // 2, "database.dump does not have its checksum"),
        (picture.offset_data + 5, "does not have its checksum"),
        (manifest.offset_data + manifest.size // 2, "manifest.json does not have its checksum"),
    ):
        answer = target.run("restore", str(damaged(whole, tmp_path, place)))
        assert answer.returncode == 1 and what in answer.stderr and "Traceback" not in answer.stderr
    cut = tmp_path / "cut.tar"
    cut.write_bytes(whole.read_bytes()[:-20_000])
    for path, what in ((cut, "no whole backup"), (tmp_path, "folder"), (tmp_path / "none", "No such file")):
        with (
            pytest.raises(archive.ArchiveError, match="whole backup|directory|No such file|damaged"),
            archive.opened(path),
        ):
            pass
        assert what
    assert not target.media.exists()

    async def is_empty():
        assert await asked(target.dsn, "SELECT count(*) FROM pg_namespace WHERE nspname = 'core'") == [(0,)]

    run_apart(is_empty())


def with_counts(path, folder, change):
    """A copy of a backup whose manifest says other counts, with right checksums."""
    copy = folder / "other.tar"
    with archive.opened(path) as found, archive.written_whole(copy) as file:
        writer, manifest = archive.Writer(file), found.manifest
        with writer.adding(archive.DUMP) as part:
            for data in found.dump():
                part.write(data)
        for one, data in found.media():
            if data is not None:
                writer.add(archive.MEDIA_PREFIX + one.key, data)
        with tarfile.open(path) as tar:
            writer.add(archive.MEDIA_LIST, tar.extractfile(archive.MEDIA_LIST))
        change(manifest)
        writer.finish(manifest)
    return copy


def test_a_restore_that_fails_at_its_end_leaves_the_database_and_the_media_as_they_were(whole, target, tmp_path):
    run_apart(
        told(target.dsn, "CREATE SCHEMA mine", "CREATE TABLE mine.kept (n int)", "INSERT INTO mine.kept VALUES (7)")
    )
    wrong = with_counts(whole, tmp_path, lambda manifest: manifest["tables"].update({"accounts.account": 17}))
    answer = target.here("restore", str(wrong), "--replace", "--yes")
    assert answer.returncode == 1
    assert "nothing was changed" in answer.stderr
    assert "accounts.account has 16 rows, and the backup says 17" in answer.stderr

    async def as_before():
        assert await asked(target.dsn, "SELECT n FROM mine.kept") == [(7,)]
        assert await asked(target.dsn, "SELECT count(*) FROM pg_namespace WHERE nspname = 'core'") == [(0,)]

    run_apart(as_before())
    assert not [path for path in target.media.rglob("*") if path.is_file()]
    newer = with_counts(
        whole,
        tmp_path,
        lambda manifest: manifest["migrations"].append({"number": 9999, "name": "9999_core", "sha256": ""}),
    )
    assert "this release ends at" in target.here("restore", str(newer), "--replace", "--yes").stderr


def test_a_database_that_is_not_empty_is_replaced_only_if_that_is_asked_for(whole, source, target):
    def ask(question):
        answer = []

        async def look():
            answer.extend(await asked(target.dsn, question))

        run_apart(look())
        return answer

    def say(*statements):
        run_apart(told(target.dsn, *statements))

    say(
        "CREATE SCHEMA core",
        "CREATE TABLE core.media_file (key text PRIMARY KEY, unused_from timestamptz)",
        "INSERT INTO core.media_file VALUES ('avatars/old.png')",
        "CREATE TABLE public.mine (n integer)",
    )
    refused = target.here("restore", str(whole))
    assert refused.returncode == 1 and "backup_target is not empty (core, public)" in refused.stderr
    unasked = target.run("restore", str(whole), "--replace")
    assert unasked.returncode == 1 and "Nobody is here to be asked; give --yes" in unasked.stderr
    assert ask("SELECT count(*) FROM public.mine") == [(0,)]
    replaced = target.here("restore", str(whole), "--replace", "--yes", SECRET_KEY="another-key-of-at-least-32-bytes!!")
    assert replaced.returncode == 0, replaced.stderr
    assert "next: SECRET_KEY is another one than that of the backup" in replaced.stdout
    assert ask("SELECT to_regclass('public.mine') IS NULL, (SELECT count(*) FROM accounts.account)") == [(True, 16)]
    # The file of the row that was replaced is removed by the server later.
    assert ask("SELECT unused_from > now() FROM core.media_file WHERE key = 'avatars/old.png'") == [(True,)]
    known = set(os.listdir(whole.parent))
    busy = "SELECT set_config('application_name', 'tradepost', false)"

    async def while_a_server_is_there():
        connection = await asyncpg.connect(target.dsn)
        await connection.execute(busy)
        try:
            answer = await asyncio.to_thread(target.here, "restore", str(whole), "--replace", "--yes")
            assert answer.returncode == 1 and "stop them first" in answer.stderr
        finally:
            await connection.close()

    run_apart(while_a_server_is_there())
    assert set(os.listdir(whole.parent)) == known


def started(installation, *arguments):
    return subprocess.Popen(
        [*PROGRAM, *arguments],
        env={**KEPT, **NOTHING, **installation.env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def has_content(path):
    """Whether a file is there and not empty. It may get another name at any moment."""
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_size > 0
    return False


def test_a_killed_backup_never_looks_like_a_whole_one_and_the_next_one_takes_its_place(source, tmp_path, services):
    path = tmp_path / "killed.tar"

    async def kill_it_while_it_waits():
        # A transaction sees pg_stat_activity as it was at its first look.
        holder, watcher = await asyncpg.connect(source.dsn), await asyncpg.connect(source.dsn)
        try:
            # pg_dump waits for this lock.
            async with holder.transaction():
                await holder.execute("LOCK TABLE accounts.menu_item IN ACCESS EXCLUSIVE MODE")
                process = started(source, "backup", str(path))
                waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tradepost-backup' AND wait_event_type = 'Lock'"
                await until(lambda: watcher.fetchval(waiting))
                password = services.postgres.dsn.partition("@")[0].rpartition(":")[2]
                for line in Path("/proc").glob("[0-9]*/cmdline"):
                    with contextlib.suppress(OSError):
                        assert password.encode() not in line.read_bytes()
                process.kill()
                process.wait()
        finally:
            await holder.close()
            await watcher.close()

    run_apart(kill_it_while_it_waits())
    assert [one.name for one in tmp_path.iterdir()] == ["killed.tar.partial"]
    assert source.here("backup", str(path)).returncode == 0
    assert [one.name for one in tmp_path.iterdir()] == ["killed.tar"]
    ended = started(source, "backup", str(tmp_path / "ended.tar"))
    # A file that has content is being written; one that is empty may just have been created, as after a kill.
    wait_until(lambda: has_content(tmp_path / "ended.tar.partial") or ended.poll() is not None)
    ended.send_signal(signal.SIGTERM)
    ended.communicate()
    assert {one.name for one in tmp_path.iterdir()} <= {"killed.tar", "ended.tar"}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_restore_changes_nothing(whole, target, tmp_path, how):
    async def kill_it_while_it_waits():
        await told(target.dsn, "CREATE SCHEMA mine", "CREATE TABLE mine.kept (n int)")
        holder, watcher = await asyncpg.connect(target.dsn), await asyncpg.connect(target.dsn)
        ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tradepost-restore' AND datname = current_database()"
        try:
            async with holder.transaction():
                await holder.execute("LOCK TABLE mine.kept IN ACCESS SHARE MODE")
                process = started(target, "restore", str(whole), "--replace", "--yes")
                await until(lambda: watcher.fetchval(f"{ours} AND wait_event_type = 'Lock'"))
                process.send_signal(how)
                _, err = process.communicate()
                assert "Traceback" not in err, err
            await until(lambda: watcher.fetchval(ours), lambda n: n == 0)
            assert await holder.fetchval(
                "SELECT to_regclass('mine.kept') IS NOT NULL AND to_regclass('core.event') IS NULL"
            )
        finally:
            await holder.close()
            await watcher.close()

    run_apart(kill_it_while_it_waits())
    # After SIGKILL the files stay, and serve the next attempt.
    left = [path for path in target.media.rglob("*") if path.is_file()]
    assert bool(left) == (how == signal.SIGKILL)


def test_a_role_that_may_not_is_refused_in_the_middle_and_nothing_is_left(whole, target, services):
    services.run("CREATE ROLE restorer LOGIN PASSWORD 'restorer'")
    try:
        rest = target.dsn.partition("@")[2]
        answer = target.here("restore", str(whole), DATABASE_URL=f"postgresql://restorer:restorer@{rest}")
        assert answer.returncode == 1
        assert "nothing was changed, the database refused the backup" in answer.stderr
        assert "permission denied for database" in answer.stderr
        assert not [path for path in target.media.rglob("*") if path.is_file()]
    finally:
        services.run("DROP ROLE restorer")


@pytest.fixture
def buckets():
    """The settings of two buckets."""
    moto = ThreadedMotoServer(port=0)
    moto.start()
    address = "http://{}:{}".format(*moto.get_host_and_port())
    client = boto3.client(
        "s3", endpoint_url=address, region_name="us-east-1", aws_access_key_id="id", aws_secret_access_key="hush"
    )
    client.create_bucket(Bucket="one")
    client.create_bucket(Bucket="two")
    client.put_object(Bucket="one", Key=AVATAR, Body=b"in the bucket")
    env = {"USE_S3": "true", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "hush", "AWS_S3_ENDPOINT_URL": address}
    yield [{**env, "AWS_STORAGE_BUCKET_NAME": name} for name in ("one", "two")], client
    moto.stop()


def test_files_in_a_bucket_are_listed_and_with_their_bytes_they_go_into_another_one(source, target, tmp_path, buckets):
    (one, two), client = buckets
    listed, bytes_too = tmp_path / "listed.tar", tmp_path / "bytes.tar"

    def command(installation, *arguments, **env):
        answer = installation.here(*arguments, **env)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    assert "stay in the bucket" in command(source, "backup", str(listed), **one)
    assert "media: 1 files, 13 bytes;" in command(source, "backup", str(bytes_too), "--with-media", **one)
    with archive.opened(listed) as found:
        assert [line.size for line, data in found.media() if data is None and not line.missing] == [13]
    absent = command(target, "restore", str(listed), **two)
    assert "next: 1 files are neither in the backup nor in the bucket: copy them there" in absent
    command(target, "restore", str(bytes_too), "--replace", "--yes", **two)
    assert client.get_object(Bucket="two", Key=AVATAR)["Body"].read() == b"in the bucket"


def test_an_old_pg_dump_is_passed_over_and_named_where_there_is_no_other(tmp_path, monkeypatch):
    for name in postgres_tools.PROGRAMS:
        (tmp_path / name).write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 15.1 (Debian 15.1-0)'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    found = postgres_tools.find(18)
    assert found.folder != tmp_path and found.major >= 18
    assert postgres_tools.find(15).folder == tmp_path
    monkeypatch.setattr(postgres_tools.postgres, "wheel_binaries", lambda: None)
    with pytest.raises(
        postgres_tools.ToolsError, match=r"pg_dump is 15\.1, older than the server, which is 18; install"
    ):
        postgres_tools.find(18)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(postgres_tools.ToolsError, match="not on PATH; install the clients of Postgres 18"):
        postgres_tools.find(18)


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        ("postgresql://me:p%40ss%2F@db:5433/shop", {"PGHOST": "db", "PGPORT": "5433", "PGPASSWORD": "p@ss/", "PGDATABASE": "shop"}),
        ("postgresql://me@/shop?host=/run/postgresql&port=5432", {"PGHOST": "/run/postgresql", "PGUSER": "me"}),
        ("postgresql://me:x@[::1]:1,db2/shop?sslmode=require", {"PGHOST": "::1,db2", "PGPORT": "1,5432", "PGSSLMODE": "require"}),
    ],
)  # fmt: skip
def test_the_programs_of_postgres_are_told_the_database_by_their_environment(dsn, expected, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "hush")
    found = postgres_tools.environment(dsn, "backup")
    assert expected.items() <= found.items() and "hush" not in found.values()

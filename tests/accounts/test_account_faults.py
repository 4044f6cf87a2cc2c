"""What accounts survive: two workers that remember callers, Redis and Postgres frozen, workers killed, the storage away, and
everybody writing the same row at once. On the real program, `server.py serve`, as in tests/operations/test_faults.py."""

import asyncio
import base64
import contextlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import asyncpg
import boto3
import pytest
from moto.server import ThreadedMotoServer

from core.data.database import Database
from core.files import media
from core.files.configured import open_storage
from core.files.storage import LocalStorage
from core.passwords import hash_now
from core.problem import Problem
from core.settings import read as read_settings
from handlers.settings import Settings
from tests.core.test_images import picture
from tests.support.deadlines import DEADLINE, until
from tests.support.forms import by_form
from tests.support.http import PASSWORD, Api, open_session
from tests.support.program import ROOT, Server, family, frozen, migrated_ground
from tests.support.services import NO_REDIS

pytestmark = pytest.mark.gen_test

INDEX = "/api/auth/"  # asks no database for its answer: whoever gets it was believed
ME = "/api/auth/users/me/"
SECRET = "test-secret-key-of-at-least-32-bytes!"
HASH, HASH_10 = hash_now(PASSWORD, 4), hash_now(PASSWORD, 10)
NEW = "Rosebud-1941"
PICTURE = picture("PNG", (60, 40))
CONNECTIONS, ROUNDS = 12, 1
# Seconds for which everybody goes on at once.
SECONDS = by_form(short=0.5, long=10.0)
BELIEVED = 0.09  # seconds for which a caller may be believed (handlers/api/caller.py)
BUCKET = "media-of-faults"
ENV = {"BCRYPT_COST": "4", "DEVELOPER_OPTIONS": "true", "SIGN_UPS_PER_HOUR": "1000000", "SECRET_KEY": SECRET}
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def ground(home_folder):
    with migrated_ground(home_folder / "account-faults") as ground:
        yield ground


@pytest.fixture(scope="module")
def media_root(home_folder):
    return home_folder / "account-faults-media"


@pytest.fixture(scope="module")
def started(ground, tmp_path_factory):
    """`started("--workers", "2", NAME="value")`: the program; it is ended with the module, and its log holds no traceback."""
    programs = []

    def started(*arguments, **env):
        log = tmp_path_factory.mktemp("program") / "server.log"
        programs.append(Server(ground, log, *arguments, **{**ENV, **env}).start())
        return programs[-1]

    yield started
    for program in programs:
        program.process.send_signal(signal.SIGTERM)
    for program in programs:
        assert program.process.wait(30) == 0
        assert "Traceback" not in program.log.read_text(), program.log.read_text()


@pytest.fixture(scope="module")
def program(started, media_root):
    """Two workers, which most of these tests share."""
    return started("--workers", "2", MEDIA_ROOT=str(media_root))


@pytest.fixture(scope="module")
def without_redis(started):
    return started("--workers", "2", REDIS_URL="")


@pytest.fixture(scope="module")
def bucket():
    found = Bucket()
    yield found
    found.take_away()


@pytest.fixture(scope="module")
def other(started, bucket):
    """One worker with all that can be otherwise: files in S3, strict rotation, new passwords as costly as some have them."""
    return started(**bucket.env, REFRESH_TOKEN_ROTATION="strict", BCRYPT_COST="10")


@pytest.fixture
def client(io_loop):
    session = io_loop.run_sync(lambda: open_session(200, keep=False))
    yield session
    io_loop.run_sync(session.close)


@pytest.fixture
def base(ground, io_loop):
    """A connection to the program's database."""
    connection = io_loop.run_sync(lambda: asyncpg.connect(ground.postgres.dsn))
    yield connection
    io_loop.run_sync(connection.close)


@pytest.fixture
def account(base):
    """`await account("PICKER")`: the row of a new account."""

    async def account(role="USER", **more):
        row = {"email": f"{role.lower()}{next(_numbers)}@example.com", "role": role, "password_hash": HASH, **more}
        holes = ", ".join(f"${n}" for n in range(1, len(row) + 1))
        return await base.fetchrow(
            f"INSERT INTO accounts.account ({', '.join(row)}) VALUES ({holes}) RETURNING *", *row.values()
        )

    return account


async def signed_in(api, email):
    answer = await api.post("/api/auth/login/", {"email": email, "password": PASSWORD})
    assert answer.status == 200, answer.text
    return answer.json


async def token_of(api, found):
    return (await signed_in(api, found["email"]))["access"]


class Connection:
    """One that is kept, so that it stays with the worker that took it."""

    def __init__(self, streams):
        self._reader, self._writer = streams
        self.worker = None

    async def get(self, path, token):
        self._writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        await self._reader.readexactly(int(headers["content-length"]))
        self.worker = headers["x-request-id"].partition("-")[0]
        return int(lines[0].split()[1])

    def close(self):
        self._writer.close()


@contextlib.asynccontextmanager
async def connections(program, token, path=INDEX):
    """Kept ones to both workers, on all of which the token's caller is remembered."""
    opened = [Connection(await asyncio.open_connection("127.0.0.1", program.port)) for _ in range(CONNECTIONS)]
    await asyncio.gather(*(one.get(path, token) for one in opened))
    while len({one.worker for one in opened}) < program.workers:
        opened.append(Connection(await asyncio.open_connection("127.0.0.1", program.port)))
        await opened[-1].get(path, token)
    end = time.monotonic() + 0.2
    while time.monotonic() < end:
        assert set(await asyncio.gather(*(one.get(path, token) for one in opened))) == {200}
    yield opened
    for one in opened:
        one.close()


async def last_let_in(connection, path, token, refusals):
    """When the last request was sent that was let in (monotonic); -inf when none was."""
    last, end = float("-inf"), time.monotonic() + DEADLINE
    while True:
        sent = time.monotonic()
        assert sent < end, "still let in"
        status = await connection.get(path, token)
        if status in refusals:
            return last
        assert status == 200, status
        last = sent


async def is_felt(program, token, change, *, path=INDEX):
    """Make the change, and wait until no connection's requests are let in any more."""
    async with connections(program, token, path) as opened:
        changed = asyncio.create_task(change())
        waiting = [asyncio.create_task(last_let_in(one, path, token, (401, 403))) for one in opened]
        await changed
        await asyncio.gather(*waiting)


# Who is remembered


@pytest.mark.parametrize("redis", ["there", "frozen", "not configured"])
async def test_what_one_worker_is_told_every_connection_of_both_feels(request, ground, client, account, redis):
    if ground.redis is None and redis == "frozen":
        pytest.skip(NO_REDIS)
    program = request.getfixturevalue("without_redis" if redis == "not configured" else "program")
    api = Api(client, program.url)
    root = await token_of(api, await account("SUPERADMIN"))
    for _ in range(ROUNDS):
        one, two, three = await account("PICKER"), await account("PICKER"), await account("ADMIN")
        tokens = [await token_of(api, found) for found in (one, two, three)]
        changes = {
            "sign out": lambda token=tokens[0]: api.post("/api/auth/logout/", token=token),
            "deactivate": lambda id=two["public_id"]: api.post(f"/api/auth/users/{id}/deactivate/", token=root),
            "lower the role": lambda id=three["id"]: api.call(
                "PATCH", f"/api/users/{id}/", {"role": "PICKER"}, token=root
            ),
        }
        with frozen(*([ground.redis.pid] if redis == "frozen" else [])):
            for (name, change), token in zip(changes.items(), tokens, strict=True):
                path = "/api/auth/users/" if name == "lower the role" else INDEX
                await is_felt(program, token, change, path=path)


async def test_a_frozen_postgres_lets_nobody_in_on_what_was_known_before(ground, program, client, account, base):
    api = Api(client, program.url)
    ended, other = await token_of(api, await account("PICKER")), await token_of(api, await account("PACKER"))
    async with connections(program, ended) as opened, connections(program, other) as others:
        pids = family(ground.postgres.pid)  # with the connections that are open now
        await base.execute("UPDATE accounts.session SET revoked_at = now() WHERE id = $1", session_of(ended))
        revoked = time.monotonic()
        with frozen(*pids):
            at = time.monotonic()
            let_in = await asyncio.gather(
                *(last_let_in(one, INDEX, ended, (503, 401)) for one in opened),
                *(last_let_in(one, INDEX, other, (503,)) for one in others),
            )
            assert max(let_in[: len(opened)]) - revoked <= BELIEVED
            assert max(let_in[len(opened) :]) - at <= BELIEVED
            for _ in range(4):
                answers = await asyncio.gather(
                    opened[0].get(INDEX, ended), others[0].get(INDEX, other), api.get(ME, token=other)
                )
                assert answers[:2] == [503, 503] and answers[2].status == 503
                assert "Retry-After" in answers[2].headers
                await asyncio.sleep(0.3)
        await until(lambda: statuses_of(others, other), lambda found: found == {200})
        assert {await one.get(INDEX, ended) for one in opened} == {401}


async def statuses_of(opened, token):
    return {await one.get(INDEX, token) for one in opened}


def session_of(token):
    claims = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sid"]


# Pictures


class Folder:
    """The local storage, which can be taken away."""

    def __init__(self, folder):
        self.folder, self._aside = folder, folder.with_name(f"{folder.name}-aside")
        self.storage = LocalStorage(folder, SECRET)

    def keys(self):
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if not path.is_dir())

    def take_away(self):
        """A link to itself in its place: what root can neither read nor write, as a mount that hangs."""
        self.folder.rename(self._aside)
        self.folder.symlink_to(self.folder)

    def bring_back(self):
        self.folder.unlink()
        self._aside.rename(self.folder)


class Bucket:
    """S3, as moto plays it; its buckets outlive its server."""

    def __init__(self):
        self.moto, self.port = None, 0
        self.bring_back()
        self.address = f"http://127.0.0.1:{self.port}"
        self._client = boto3.client(
            "s3", endpoint_url=self.address, aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1"
        )
        self._client.create_bucket(Bucket=BUCKET)
        self.env = {
            "USE_S3": "true", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_STORAGE_BUCKET_NAME": BUCKET,
            "AWS_S3_ENDPOINT_URL": self.address,
        }  # fmt: skip

    def keys(self):
        return sorted(found["Key"] for found in self._client.list_objects_v2(Bucket=BUCKET).get("Contents", ()))

    def take_away(self):
        self.moto.stop()
        self.moto._server.server_close()  # else connections wait instead of being refused

    def bring_back(self):
        self.moto = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self.moto.start()
        self.port = self.moto.get_host_and_port()[1]


@pytest.fixture(params=["folder", "S3"])
def kept(request, media_root, ground, base, io_loop):
    """Where a program keeps its files, which can be taken away. It is empty before and after."""
    if request.param == "folder":
        found = Folder(media_root)
        found.program = request.getfixturevalue("program")
    else:
        found = request.getfixturevalue("bucket")
        found.program = request.getfixturevalue("other")
        settings = {"SECRET_KEY": SECRET, "DATABASE_URL": ground.postgres.dsn, **found.env}
        found.storage = open_storage(read_settings(Settings, settings))
    assert found.keys() == []
    yield found

    async def clear():
        await base.execute("UPDATE accounts.account SET avatar = NULL WHERE avatar IS NOT NULL")
        await remove_unused(ground, base, found.storage)
        await found.storage.close()

    io_loop.run_sync(clear)


async def remove_unused(ground, base, storage):
    """What each process does every minute, an hour later."""
    await base.execute("UPDATE core.media_file SET unused_from = now() WHERE unused_from IS NOT NULL")
    db = Database(ground.postgres.dsn, size=2, statement_cache=100)
    await media.remove_unused(SimpleNamespace(db=db, storage=storage))
    await db.close()


async def avatar_of(base, found):
    return await base.fetchval("SELECT avatar FROM accounts.account WHERE id = $1", found["id"])


async def registered(base):
    """Key: whether a row uses it."""
    rows = await base.fetch("SELECT key, unused_from IS NULL AS used FROM core.media_file")
    return {row["key"]: row["used"] for row in rows}


def sent_picture(data=PICTURE, **form):
    return {"form": form, "files": {"avatar": ("me.png", data)}}


async def test_with_the_storage_away_a_picture_and_what_came_with_it_are_503_and_later_welcome(
    kept, client, account, base, ground
):
    api, me = Api(client, kept.program.url), await account("ADMIN", name="Before")
    token, path = await token_of(api, me), f"/api/auth/users/{me['public_id']}/"
    assert (await api.call("PATCH", path, token=token, **sent_picture())).status == 200
    before = await base.fetchrow("SELECT * FROM accounts.account WHERE id = $1", me["id"])
    kept.take_away()
    try:
        form, email = {"name": "After", "email": me["email"], "role": "ADMIN"}, f"made{next(_numbers)}@example.com"
        for refused in await asyncio.gather(
            api.call("PATCH", path, token=token, **sent_picture(**form)),
            api.call("PUT", path, token=token, **sent_picture(**form)),
            api.call("PATCH", ME, token=token, **sent_picture(**form)),
            api.call("POST", "/api/auth/users/", token=token, **sent_picture(**{**form, "email": email})),
        ):
            assert (refused.status, refused.headers["Retry-After"]) == (503, "2"), refused.text
            said = refused.json["message"]
            assert refused.json == {
                "success": False,
                "status_code": 503,
                "message": said,
                "error": said,
                "detail": said,
            }
        assert await base.fetchrow("SELECT * FROM accounts.account WHERE id = $1", me["id"]) == before
        assert not await base.fetchval("SELECT count(*) FROM accounts.account WHERE email = $1", email)
        # What needs no storage goes on, also where a picture goes with it.
        assert (await api.call("PATCH", path, {"name": "Between"}, token=token)).json["data"]["name"] == "Between"
        assert (await api.call("PATCH", path, {"avatar": None}, token=token)).json["data"]["avatar"] is None
    finally:
        kept.bring_back()
    assert kept.keys() == [before["avatar"]]
    after = await api.call("PATCH", path, token=token, **sent_picture(name="After"))
    assert (after.status, after.json["data"]["name"]) == (200, "After"), after.text
    await remove_unused(ground, base, kept.storage)
    assert kept.keys() == [await avatar_of(base, me)] == list(await registered(base))


async def test_a_picture_that_is_replaced_cleared_or_whose_account_goes_is_gone_from_the_storage(
    kept, client, account, base
):
    api, admin, one = Api(client, kept.program.url), await account("ADMIN"), await account("PICKER")
    token, path = await token_of(api, admin), f"/api/auth/users/{one['public_id']}/"
    seen = []
    for change in (sent_picture(), sent_picture(picture("GIF")), {"body": {"avatar": None}}, sent_picture()):
        assert (await api.call("PATCH", path, token=token, **change)).status == 200
        key = await avatar_of(base, one)
        assert kept.keys() == ([key] if key else []) and key not in seen
        seen.append(key)
    assert [bool(key) for key in seen] == [True, True, False, True]
    assert (await api.call("DELETE", path, token=token)).status == 204
    assert kept.keys() == [] and await registered(base) == {}


async def test_of_many_pictures_at_once_for_one_account_one_stays(kept, client, account, base):
    api, me = Api(client, kept.program.url), await account("PICKER")
    token = await token_of(api, me)
    answers = await asyncio.gather(
        *(api.call("PATCH", ME, token=token, **sent_picture(name=f"N{n}")) for n in range(8))
    )
    assert [answer.status for answer in answers] == [200] * 8
    key = await avatar_of(base, me)
    assert kept.keys() == [key] and await registered(base) == {key: True}
    pictures, clearing = [sent_picture() for _ in range(4)], [{"body": {"avatar": None}} for _ in range(4)]
    answers = await asyncio.gather(*(api.call("PATCH", ME, token=token, **change) for change in [*pictures, *clearing]))
    assert [answer.status for answer in answers] == [200] * 8
    left = [key] if (key := await avatar_of(base, me)) else []
    assert kept.keys() == left == list(await registered(base))


async def test_a_file_that_is_removed_while_it_is_asked_for_is_404(tmp_path):
    storage, key = LocalStorage(tmp_path, SECRET), f"avatars/2025/01/18/{'0' * 32}.png"
    await storage.put(key, b"data", "image/png")
    found = await storage.find(key)
    await storage.remove(key)
    with pytest.raises(Problem) as caught:
        await storage.read(found, 0, 4)
    assert caught.value.status == 404


async def test_a_process_killed_while_it_writes_a_file_leaves_nothing_that_the_duty_does_not_find(
    ground, media_root, base
):
    key = f"avatars/2025/01/18/{os.urandom(16).hex()}.png"
    await base.execute("INSERT INTO core.media_file (key, unused_from) VALUES ($1, now())", key)
    script = (
        "import asyncio, os, sys; from pathlib import Path; from core.files.storage import LocalStorage\n"
        "os.fsync = lambda descriptor: os.stat(descriptor).st_size == 4 and os.kill(os.getpid(), 9)\n"
        "asyncio.run(LocalStorage(Path(sys.argv[1]), 'secret').put(sys.argv[2], b'data', 'image/png'))"
    )
    killed = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", script, str(media_root), key], cwd=ROOT)
    folder = (media_root / key).parent
    assert killed.returncode == -signal.SIGKILL and len(list(folder.iterdir())) >= 1
    await remove_unused(ground, base, LocalStorage(media_root, SECRET))
    assert list(folder.iterdir()) == []


async def test_workers_killed_amid_uploads_and_updates_leave_whole_rows_and_no_file_without_one(
    ground,
    program,
    client,
    account,
    base,
    media_root,
):
    api, people = Api(client, program.url), [await account("PICKER", phone="0") for _ in range(6)]
    admin = await token_of(api, await account("ADMIN"))
    statuses, broken, over = [], [], asyncio.Event()

    async def go_on(found):
        for n in itertools.count():
            if over.is_set():
                return
            form = {"name": f"Name {n}", "phone": str(n), "company_name": f"Firm {n}"}
            try:
                path = f"/api/auth/users/{found['public_id']}/"
                statuses.append((await api.call("PATCH", path, token=admin, **sent_picture(**form))).status)
            except Exception:  # the worker that had the request is gone, and no other there yet
                await asyncio.sleep(0.01)
                broken.append(n)

    work = [asyncio.create_task(go_on(found)) for found in people]
    await until(lambda: len(statuses) > 5)
    for victim in family(program.process.pid):
        if victim != program.process.pid:
            os.kill(victim, signal.SIGKILL)
    await until(lambda: program.log.read_text().count("signal 9, starting it again") == 2)
    before = len(statuses)
    await until(lambda: len(statuses) > before + 5)
    over.set()
    await asyncio.gather(*work)
    assert set(statuses) == {200} and broken
    rows = await base.fetch("SELECT * FROM accounts.account WHERE id = ANY ($1)", [found["id"] for found in people])
    for row in rows:
        assert (row["name"], row["company_name"]) == (f"Name {row['phone']}", f"Firm {row['phone']}") and row["avatar"]
    await remove_unused(ground, base, LocalStorage(media_root, SECRET))
    used = await base.fetch("SELECT avatar FROM accounts.account WHERE avatar IS NOT NULL")
    keys = sorted(row["avatar"] for row in used)
    assert Folder(media_root).keys() == keys and await registered(base) == dict.fromkeys(keys, True)
    assert program.log.read_text().count("signal 9, starting it again") == 2
    await until(lambda: len(family(program.process.pid)) == 3)


# Everybody at once


async def test_sign_ins_at_once_hold_nobody_else_up(other, client, account):
    api, people = Api(client, other.url), [await account("PICKER", password_hash=HASH_10) for _ in range(8)]
    token = await token_of(api, await account("PICKER"))
    signing = asyncio.gather(*(signed_in(api, found["email"]) for found in people))
    others = 0
    while not signing.done():
        assert (await api.get(ME, token=token)).status == 200
        others += not signing.done()
    assert len({session_of(answer["access"]) for answer in await signing}) == 8
    assert others > 1


async def test_of_many_sign_ups_with_one_email_or_username_one_is_let_in(program, client, base):
    api, n = Api(client, program.url), next(_numbers)

    def body(email, username):
        return {"email": f"{email}@example.com", "username": username, "password": NEW, "password_confirm": NEW}

    for field, sent in (
        ("email", [body(f"One{n}" if k % 2 else f"one{n}", f"many_{n}_{k}") for k in range(16)]),
        ("username", [body(f"many{n}.{k}", f"One_{n}" if k % 2 else f"one_{n}") for k in range(16)]),
    ):
        for path in ("/api/auth/register/", "/api/auth/users/"):
            if path.endswith("users/"):
                sent = [{**one, "email": f"x{one['email']}", "username": f"x{one['username']}"} for one in sent]
            answers = await asyncio.gather(*(api.post(path, one) for one in sent))
            assert sorted(answer.status for answer in answers) == [201] + [400] * 15, [
                answer.text for answer in answers
            ]
            assert all(
                set(answer.json["errors"]) == {field}
                for answer in answers
                if answer.status == 400 and "errors" in answer.json
            )
            emails = [one["email"] for one in sent]
            found = await base.fetch(
                "SELECT a.id, count(s.id) FROM accounts.account a LEFT JOIN accounts.session s ON s.account_id = a.id"
                " WHERE lower(a.email) = ANY ($1) GROUP BY a.id",
                [email.lower() for email in emails],
            )
            assert [row["count"] for row in found] == [1 if path.endswith("register/") else 0]


async def test_of_many_changes_of_one_password_one_wins(program, client, account, base):
    api, me = Api(client, program.url), await account("PICKER")
    tokens = [await token_of(api, me) for _ in range(2)]
    changes = [changed_password(PASSWORD, f"Rosebud-{n}") for n in range(16)]
    path = "/api/auth/users/change_password/"
    answers = await asyncio.gather(*(api.post(path, change, token=tokens[0]) for change in changes))
    assert sorted(answer.status for answer in answers)[:2] == [200, 400], [answer.text for answer in answers]
    assert {answer.status for answer in answers} <= {200, 400, 429}
    assert [answer.status for answer in answers].count(200) == 1
    won = next(change for change, answer in zip(changes, answers, strict=True) if answer.status == 200)
    right = [
        (await api.post("/api/auth/login/", {"email": me["email"], "password": change["new_password"]})).status
        for change in changes[:5]
        if change != won
    ]
    assert set(right) == {401}
    assert (await api.post("/api/auth/login/", {"email": me["email"], "password": won["new_password"]})).status == 200
    assert (
        await api.get(ME, token=tokens[0])
    ).status == 200  # the session that changed it goes on, the other one ended
    assert (await api.get(ME, token=tokens[1])).status == 401
    assert await noted(base, "account.password", me["public_id"]) == 1


def changed_password(old, new):
    return {"old_password": old, "new_password": new, "confirm_password": new}


async def noted(base, action, object_id):
    return await base.fetchval(
        "SELECT count(*) FROM operations.audit WHERE action = $1 AND object_id = $2", action, str(object_id)
    )


async def test_of_many_revocations_of_one_session_all_succeed_and_one_is_in_the_audit(program, client, account, base):
    api, me = Api(client, program.url), await account("EMPLOYEE")
    mine, other = await token_of(api, me), await token_of(api, me)
    session = session_of(other)
    answers = await asyncio.gather(*(api.post(f"/api/sessions/{session}/revoke/", token=mine) for _ in range(16)))
    assert [answer.status for answer in answers] == [200] * 16
    assert await noted(base, "session.revoke", session) == 1
    assert (await api.get(ME, token=mine)).status == 200
    await felt_to_end(api, other)


async def felt_to_end(api, token):
    """Wait until no worker lets a token in: eight requests, on connections of their own, are refused."""

    async def statuses():
        return {answer.status for answer in await asyncio.gather(*(api.get(INDEX, token=token) for _ in range(8)))}

    await until(statuses, lambda found: found == {401})


@pytest.mark.parametrize("rotation", ["off", "strict"])
async def test_after_signing_out_beside_refreshes_no_token_of_the_session_is_good(request, client, account, rotation):
    program = request.getfixturevalue("other" if rotation == "strict" else "program")
    api, me = Api(client, program.url), await account("PICKER")
    for n in range(5):
        opened = await signed_in(api, me["email"])
        refresh = "/api/auth/token/refresh/" if n % 2 else "/api/auth/refresh/"
        calls = [api.post(refresh, {"refresh": opened["refresh"]}) for _ in range(4)]
        calls.insert(n % 5, api.post("/api/auth/logout/", {"refresh": opened["refresh"]}, token=opened["access"]))
        answers = await asyncio.gather(*calls)
        assert answers.pop(n % 5).status in ((200, 401) if rotation == "strict" else (200,))
        assert {answer.status for answer in answers} <= {200, 401}
        given = [opened, *(answer.json for answer in answers if answer.status == 200)]
        for tokens in given:
            if "refresh" in tokens:
                for path in ("/api/auth/token/refresh/", "/api/auth/refresh/"):
                    assert (await api.post(path, {"refresh": tokens["refresh"]})).status == 401
            await felt_to_end(api, tokens["access"])


async def test_of_two_superadmins_who_remove_each_other_at_once_one_remains(program, client, account, base):
    api, refused, end = Api(client, program.url), [], time.monotonic() + SECONDS
    words = "At least one SUPERADMIN must remain."
    while time.monotonic() < end or not any(words in text for text in refused):
        one, two = await account("SUPERADMIN"), await account("SUPERADMIN")
        await base.execute(
            "DELETE FROM accounts.account WHERE role = 'SUPERADMIN' AND id <> ALL ($1)", [one["id"], two["id"]]
        )
        tokens = [await token_of(api, found) for found in (one, two)]
        removals = []
        for token, found in ((tokens[0], two), (tokens[1], one)):
            path = f"/api/auth/users/{found['public_id']}/"
            removals += random.sample(
                [
                    api.call("PATCH", path, {"role": "PICKER"}, token=token),
                    api.post(f"{path}deactivate/", token=token),
                    api.call("PATCH", f"/api/users/{found['id']}/", {"role": "ADMIN"}, token=token),
                    api.call("DELETE", path, token=token),
                ],
                4,
            )
        answers = await asyncio.gather(*removals)
        assert await base.fetchval(SUPERADMINS) == 1, [answer.text for answer in answers]
        refused += [answer.text for answer in answers if answer.status == 400]
        assert {answer.status for answer in answers} <= {200, 204, 400, 401, 403, 404}


async def test_whatever_administrators_do_to_each_other_a_superadmin_remains(program, client, account, base):
    api = Api(client, program.url)
    people = [await account(role) for role in ("SUPERADMIN",) * 4 + ("ADMIN",) * 2]
    await base.execute(
        "DELETE FROM accounts.account WHERE role = 'SUPERADMIN' AND id <> ALL ($1)", [one["id"] for one in people]
    )
    end, statuses, fewest = time.monotonic() + SECONDS, [], []

    def goes_on():
        return time.monotonic() < end or statuses.count(200) <= 5

    def change(one, token):
        path, shop = f"/api/auth/users/{one['public_id']}/", f"/api/users/{one['id']}/"
        return random.choice(
            [
                lambda: api.call("PATCH", path, {"role": "PICKER"}, token=token),
                lambda: api.call("PATCH", path, {"is_active": False}, token=token),
                lambda: api.post(f"{path}deactivate/", token=token),
                lambda: api.call("PATCH", shop, {"role": "ADMIN"}, token=token),
                lambda: api.call("DELETE", shop, token=token),
                lambda: api.call("DELETE", path, token=token),
                *[lambda: api.call("PATCH", path, {"role": "SUPERADMIN", "is_active": True}, token=token)] * 8,
            ]
        )()

    async def administer():
        me, token = None, None
        while goes_on():
            if token is None:
                me = random.choice(people)
                answer = await api.post("/api/auth/login/", {"email": me["email"], "password": PASSWORD})
                token = answer.json["access"] if answer.status == 200 else None
            else:
                answer = await change(random.choice(people), token)
                token = token if answer.status != 401 else None
            statuses.append(answer.status)
            if answer.status == 204 and len(people) < 12:
                people.append(await account_beside("SUPERADMIN"))

    beside = await asyncpg.connect(program._env["DATABASE_URL"])
    lock = asyncio.Lock()

    async def account_beside(role):
        async with lock:
            sql = "INSERT INTO accounts.account (email, role, password_hash) VALUES ($1, 'USER', $2) RETURNING *"
            return await beside.fetchrow(sql, f"again{next(_numbers)}@example.com", HASH)

    async def watch():
        while goes_on():
            fewest.append(await base.fetchval(SUPERADMINS))

    await asyncio.gather(watch(), *(administer() for _ in range(8)))
    await beside.close()
    assert min(fewest) >= 1 and await base.fetchval(SUPERADMINS) >= 1
    assert set(statuses) <= {200, 204, 400, 401, 403, 404, 429}


SUPERADMINS = (
    "SELECT count(*) FROM accounts.account WHERE role = 'SUPERADMIN' AND is_active AND password_hash IS NOT NULL"
)


async def test_clearing_all_users_beside_everything_they_do_leaves_nothing_half_done(
    ground,
    program,
    client,
    account,
    base,
    media_root,
):
    api, root = Api(client, program.url), await account("SUPERADMIN")
    token, end, statuses, cleared = await token_of(api, root), time.monotonic() + SECONDS, {}, []
    at_once = {"password": NEW, "password_confirm": NEW}

    def goes_on():
        return time.monotonic() < end or sum(cleared) == 0

    def told(what, answer):
        statuses.setdefault(what, []).append(answer.status)
        return answer

    async def live(path):
        while goes_on():
            n = next(_numbers)
            body = {"email": f"life{n}@example.com", "username": f"life_{n}", **at_once}
            told("sign up", await api.post(path, body))
            entered = told("sign in", await api.post("/api/auth/login/", {"email": body["email"], "password": NEW}))
            if entered.status == 200:
                await use(entered.json)

    async def use(opened):
        """Until they are told that they are gone."""
        id, refresh, session = opened["data"]["user"]["id"], opened["refresh"], session_of(opened["access"])
        for what, method, where, more in (
            ("picture", "PATCH", ME, sent_picture(name="New")),
            ("own", "GET", ME, {}),
            ("profile", "PATCH", "/api/auth/profile/", {"body": {"company_name": "Firm"}}),
            ("shop", "PATCH", "/api/users/me/", {"body": {"first_name": "New"}}),
            ("menus", "GET", "/api/access/menus/", {}),
            ("password", "POST", "/api/auth/users/change_password/", {"body": changed_password(NEW, "Rosebud-1942")}),
            ("refresh", "POST", "/api/auth/token/refresh/", {"body": {"refresh": refresh}}),
            ("sessions", "GET", "/api/sessions/", {}),
            ("revoke", "POST", f"/api/sessions/{session}/revoke/", {"body": {}}),
            ("delete", "DELETE", f"/api/auth/users/{id}/", {}),
        ):
            if told(what, await api.call(method, where, token=opened["access"], **more)).status == 401:
                return

    async def made_by_an_administrator():
        while goes_on():
            maker = await token_of_new_admin()
            if maker:
                body = {"email": f"made{next(_numbers)}@example.com", "role": "PICKER"}
                told("make", await api.post("/api/auth/users/", body, token=maker))
                names = dict.fromkeys(("username", "first_name", "last_name"), f"Made{next(_numbers)}")
                body = {"email": f"made{next(_numbers)}@example.com", "role": "PICKER", "password": NEW, **names}
                told("make", await api.post("/api/users/", body, token=maker))

    async def token_of_new_admin():
        body = {"email": f"admin{next(_numbers)}@example.com", "role": "ADMIN", "password": NEW}
        told("make", await api.post("/api/auth/users/", body, token=token))
        answer = told("sign in", await api.post("/api/auth/login/", {"email": body["email"], "password": NEW}))
        return answer.json["access"] if answer.status == 200 else None

    async def clear():
        while goes_on():
            answer = await api.post("/api/developer/clear-data/", {"table_name": "users"}, token=token)
            assert answer.status == 200, answer.text
            cleared.append(answer.json["deleted_counts"]["users"])
            await asyncio.sleep(random.choice((0, 0, 0, 0.15)))  # in bursts, between which some live on

    paths = ["/api/auth/register/", "/api/auth/users/"] * 3
    await asyncio.gather(clear(), made_by_an_administrator(), *(live(path) for path in paths))
    told_all = {
        what: {status: found.count(status) for status in sorted(set(found))} for what, found in statuses.items()
    }
    assert {status for found in statuses.values() for status in found} <= {200, 201, 204, 400, 401, 404}, told_all
    answer = await api.post("/api/developer/clear-data/", {"table_name": "users"}, token=token)
    assert answer.status == 200
    assert {row["role"] for row in await base.fetch("SELECT role FROM accounts.account")} == {"SUPERADMIN"}
    tally = await base.fetchval("SELECT n FROM accounts.account_tally")
    assert tally == await base.fetchval("SELECT count(*) FROM accounts.account")
    await remove_unused(ground, base, LocalStorage(media_root, SECRET))
    assert Folder(media_root).keys() == [] and await registered(base) == {}

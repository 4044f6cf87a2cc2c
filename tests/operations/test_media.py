"""Uploaded files: kept with an entry in the register, served by signed links only, removed when no row uses them."""

import asyncio
import io
import logging
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from core.access import public
from core.files import media
from core.files.images import Image, submitted
from core.http.declare import takes
from core.http.router import Router
from core.http.schema import Schema
from core.problem import Problem, unavailable
from handlers.api import areas
from handlers.api.handler import NotFound, OperationsHandler
from tests.core.test_images import KINDS, picture

pytestmark = pytest.mark.gen_test

DATA = picture("PNG", (60, 40))
ANYTHING = Schema({"type": "object"})
ACCOUNT = "INSERT INTO accounts.account (email, role, avatar) VALUES ($1, 'USER', $2) RETURNING id"


class Upload(OperationsHandler):
    """As a noun's handler takes a picture."""

    access = public

    @takes(ANYTHING)
    async def post(self) -> None:
        await self.read_body(ANYTHING)
        self.reply({"key": await media.store(self.application, await submitted(self, "logo"), "logos")})


@pytest.fixture(autouse=True)
def clean(io_loop, db, app, settings):
    async def clean():
        await db.execute("DELETE FROM accounts.account")
        await db.execute("DELETE FROM core.media_file")

    io_loop.run_sync(clean)
    app.router = Router([*areas.router().routes, ("/upload/", Upload)], [("", NotFound)])


@pytest.fixture
def stored(app, db):
    """`await stored()`: the key of a file that is there, and in the register."""

    async def stored(data=DATA, extension="png"):
        return await media.store(app, Image(data, extension, f"image/{extension}"))

    return stored


@pytest.fixture
def get(api):
    """`await get(path, method="GET", **headers)`: the answer, its body as it came."""

    async def get(path, method="GET", **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return await api.call(method, path, headers=headers)

    return get


async def path_of(app, key):
    return (await app.storage.link("", key)).removeprefix("http://x")


def files(settings):
    return sorted(
        str(path.relative_to(settings.media_root)) for path in Path(settings.media_root).rglob("*") if path.is_file()
    )


async def register(db):
    return {row["key"]: row["unused_from"] for row in await db.fetch("SELECT key, unused_from FROM core.media_file")}


class Away:
    """A storage that can't be reached."""

    async def put(self, key, data, content_type):
        raise unavailable("The file storage is not available at the moment. Please try again.")

    async def remove(self, key):
        raise unavailable("The file storage is not available at the moment. Please try again.")

    async def link(self, origin, key):
        return f"https://bucket.example.com/{key}"

    async def close(self):
        pass


# Serving


@pytest.mark.parametrize("kind", KINDS)
async def test_a_link_serves_the_file_as_what_it_is_and_as_nothing_else(app, stored, get, kind):
    extension, content_type = KINDS[kind]
    data = picture(kind)
    answer = await get(await path_of(app, await stored(data, extension)))
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, data, content_type)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["Accept-Ranges"] == "bytes"
    private, age = answer.headers["Cache-Control"].split(", max-age=")
    assert private == "private" and 3590 <= int(age) <= 7200


async def test_the_link_of_an_avatar_is_on_the_address_that_was_asked(app, stored, get, base_url):
    link = await app.storage.link(base_url, await stored())
    assert link.startswith(f"{base_url}/media/avatars/") and (await get(link)).body == DATA


async def test_what_a_browser_has_is_not_sent_again(app, stored, get):
    path = await path_of(app, await stored())
    tag = (await get(path)).headers["ETag"]
    for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = await get(path, If_None_Match=given)
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", tag), given
        assert answer.headers["Cache-Control"].startswith("private")
    assert (await get(path, If_None_Match='"other"')).status == 200


async def test_head_says_what_get_would(app, stored, get):
    path = await path_of(app, await stored())
    head, whole = await get(path, "HEAD"), await get(path)
    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Length", "Content-Type", "ETag", "Cache-Control", "Content-Security-Policy"):
        assert head.headers[name] == whole.headers[name]
    assert (await get(path, "HEAD", Range="bytes=0-1")).status == 200


async def test_a_range_is_sent_as_asked(app, stored, get):
    path, size = await path_of(app, await stored()), len(DATA)
    for asked, start, end in (
        ("bytes=0-0", 0, 1), ("bytes=5-9", 5, 10), (f"bytes={size - 3}-", size - 3, size), ("bytes=-4", size - 4, size), ("bytes=0-", 0, size),
        (f"bytes=10-{size * 2}", 10, size), (f"bytes=-{size * 9}", 0, size), ("bytes = 1 - 2", 1, 3),
    ):  # fmt: skip
        answer = await get(path, Range=asked)
        assert (answer.status, answer.body) == (206, DATA[start:end]), asked
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{size}"


async def test_a_range_that_is_invalid_or_several_is_ignored(app, stored, get):
    path = await path_of(app, await stored())
    for asked in (
        "bytes=-",
        "bytes=a-b",
        "lines=1-2",
        "bytes=1-2,4-5",
        "bytes=9-5",
        "bytes=--5",
        "bytes=" + "9" * 40 + "-",
    ):
        answer = await get(path, Range=asked)
        assert (answer.status, answer.body) == (200, DATA) and "Content-Range" not in answer.headers, asked


async def test_a_range_beyond_the_end_is_416(app, stored, get):
    path, size = await path_of(app, await stored()), len(DATA)
    for asked in (f"bytes={size}-", f"bytes={size + 5}-{size + 9}", "bytes=-0"):
        answer = await get(path, Range=asked)
        assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{size}"), asked


async def test_a_range_of_a_file_that_has_changed_is_the_whole_file(app, stored, get):
    path = await path_of(app, await stored())
    tag = (await get(path)).headers["ETag"]
    assert (await get(path, Range="bytes=0-3", If_Range=tag)).status == 206
    assert (await get(path, Range="bytes=0-3", If_Range='"other"')).body == DATA


async def test_without_a_signature_or_with_a_wrong_one_nothing_is_there(app, stored, get):
    path = await path_of(app, await stored())
    bare, _, query = path.partition("?")
    expires, signature = query.split("&")
    other = (await path_of(app, await stored())).partition("?")[0]
    for changed in (
        bare, f"{bare}?{expires}", f"{bare}?{signature}", f"{path}0", f"{bare}?expires=99999999999&{signature}", f"{other}?{query}",
        f"{bare}?{expires}&signature=", f"{bare}?{expires}&signature=%ff", f"{bare}?{expires}&signature=%00", f"{bare}?expires=%E2%82%AC&{signature}",
    ):  # fmt: skip
        answer = await get(changed)
        assert answer.status in (400, 404) and DATA not in answer.body, changed
        assert answer.headers["Content-Type"] == "application/json"
    assert (await get(path)).status == 200


async def test_an_expired_link_is_404_and_a_moved_clock_moves_it(app, stored, get, monkeypatch):
    path = await path_of(app, await stored())
    clock = app.storage._clock
    monkeypatch.setattr(app.storage, "_clock", lambda: clock() + 3500)
    assert (await get(path)).status == 200
    monkeypatch.setattr(app.storage, "_clock", lambda: clock() + 7201)
    assert (await get(path)).status == 404


async def test_no_path_leads_out_of_the_folder_even_with_our_signature(app, stored, get, settings):
    secret = Path(settings.media_root).parent / "secret.png"
    secret.write_bytes(b"secret")
    (Path(settings.media_root) / "avatars").mkdir(exist_ok=True)
    link = Path(settings.media_root) / "avatars" / "link.png"
    link.unlink(missing_ok=True)
    link.symlink_to(secret)
    for key in (
        "../secret.png", "avatars/../../secret.png", str(secret), f"/{secret}", "..\\secret.png", "avatars/link.png", "avatars/./link.png",
        "avatars//link.png", "./secret.png", "avatars/", ".", "..", "%2e%2e/secret.png", "..%2fsecret.png", "avatars/x.png\0", "\0", "avatars/link.png/",
    ):  # fmt: skip
        signed = (await app.storage.link("", key)).partition("?")[2]
        for written in (
            quote(key, safe="/"),
            quote(key, safe=""),
            key.replace(".", "%2e"),
            key.replace("..", "%252e%252e"),
        ):
            if not written.isprintable():
                continue
            answer = await get(f"/media/{written}?{signed}")
            assert answer.status == 404 and b"secret" not in answer.body, written


async def test_a_signed_link_is_not_in_the_log(app, stored, get):
    written, root = io.StringIO(), logging.getLogger("tradepost.access")
    handler, level = logging.StreamHandler(written), root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    app.log_requests = True
    path = await path_of(app, await stored())
    await get(path)
    root.removeHandler(handler)
    root.setLevel(level)
    assert path.partition("?")[0] in written.getvalue() and "signature" not in written.getvalue()


async def test_files_kept_elsewhere_are_not_served_here(app, stored, get, monkeypatch):
    path = await path_of(app, await stored())
    monkeypatch.setattr(app, "storage", Away())
    assert (await get(path)).status == 404


async def test_what_cannot_be_read_is_503(app, stored, get, monkeypatch):
    def broken(*args):
        raise OSError(5, "Input/output error")

    path = await path_of(app, await stored())
    monkeypatch.setattr("core.files.storage._read", broken)
    answer = await get(path)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")


# Keeping


async def test_an_upload_is_kept_under_a_key_of_ours_whatever_it_was_called(api, db, settings):
    for name in ("../../etc/passwd", "me.html", "a" * 300, "é.png", ".png"):
        answer = await api.post("/upload/", files={"logo": (name, picture("WEBP"))})
        key = answer.json["key"]
        assert answer.status == 200 and key in files(settings)
        prefix, year, month, day, last = key.split("/")
        assert (prefix, len(year + month + day), len(last), last[32:]) == ("logos", 8, 37, ".webp")
    assert len(await register(db)) == 5


async def test_without_a_file_nothing_is_kept(api, db):
    answer = await api.post("/upload/", form={"logo": ""})
    assert (answer.status, answer.json, await register(db)) == (200, {"key": None}, {})


async def test_with_the_storage_away_an_upload_is_503(api, app, db, monkeypatch):
    monkeypatch.setattr(app, "storage", Away())
    answer = await api.post("/upload/", files={"logo": ("x.png", DATA)})
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert answer.json["detail"] == "The file storage is not available at the moment. Please try again."


async def test_what_is_being_stored_is_held_for_an_hour_and_what_a_row_uses_for_good(app, stored, db):
    key = await stored()
    left = await db.fetchval("SELECT unused_from - now() FROM core.media_file WHERE key = $1", key)
    assert 3500 < left.total_seconds() <= 3600
    await db.execute(ACCOUNT, "ann@example.com", key)
    assert (await register(db))[key] is None


# Removing


async def test_a_replaced_picture_is_removed_and_the_new_one_stays(app, stored, db, settings):
    old, new = await stored(), await stored()
    id = await db.fetchval(ACCOUNT, "ann@example.com", old)
    await db.execute("UPDATE accounts.account SET avatar = $2 WHERE id = $1", id, new)
    await media.remove_now(app, old)
    assert old not in files(settings) and new in files(settings)
    assert await register(db) == {new: None}


async def test_what_a_row_uses_or_is_held_is_never_removed(app, stored, db, settings):
    used, held = await stored(), await stored()
    await db.execute(ACCOUNT, "ann@example.com", used)
    for key in (used, held):
        await media.remove_now(app, key)
    await media.remove_unused(app)
    assert {used, held} <= set(files(settings)) and set(await register(db)) == {used, held}


async def test_nothing_to_remove_is_fine(app):
    await media.remove_now(app, None)
    await media.remove_now(app, "avatars/2025/01/18/none.png")
    await media.remove_unused(app)


async def test_the_duty_removes_what_a_killed_process_left_and_the_pictures_of_removed_accounts(
    app, stored, db, settings
):
    left, of_account = await stored(), await stored()
    never_stored = "avatars/2025/01/18/" + "0" * 32 + ".png"
    await media.hold(app.db, never_stored)
    await db.execute(ACCOUNT, "ann@example.com", of_account)
    await db.execute("UPDATE core.media_file SET unused_from = now() - interval '1 s' WHERE key <> $1", of_account)
    await db.execute("DELETE FROM accounts.account")
    await media.remove_unused(app)
    assert await register(db) == {} and not {left, of_account} & set(files(settings))


async def test_with_the_storage_away_removal_is_put_off_and_done_later(app, stored, db, settings, monkeypatch):
    key, local = await stored(), app.storage
    await db.execute("UPDATE core.media_file SET unused_from = now()")
    monkeypatch.setattr(app, "storage", Away())
    await media.remove_now(app, key)
    assert key in files(settings) and key in await register(db)
    await db.execute("UPDATE core.media_file SET unused_from = now()")
    with pytest.raises(Problem):  # which core/duties.py takes for what it is
        await media.remove_unused(app)
    monkeypatch.setattr(app, "storage", local)
    await media.remove_unused(app)
    assert key in files(settings)  # claimed a moment ago
    await db.execute("UPDATE core.media_file SET unused_from = now()")
    await media.remove_unused(app)
    assert key not in files(settings) and await register(db) == {}


async def test_a_storage_that_hangs_does_not_hold_up_the_request(app, stored, db, monkeypatch):
    async def hang(key):
        await asyncio.sleep(60)

    key = await stored()
    await db.execute("UPDATE core.media_file SET unused_from = now()")
    monkeypatch.setattr(app.storage, "remove", hang)
    monkeypatch.setattr(media, "REMOVE_NOW_SECONDS", 0.05)
    await media.remove_now(app, key)
    assert key in await register(db)


async def test_many_removing_at_once_remove_each_file_once(app, stored, db, monkeypatch):
    keys = [await stored() for _ in range(media.BATCH + 20)]
    await db.execute("UPDATE core.media_file SET unused_from = now()")
    removed, remove = [], app.storage.remove

    async def counted(key):
        removed.append(key)
        await remove(key)

    monkeypatch.setattr(app.storage, "remove", counted)
    await asyncio.gather(*(media.remove_unused(app) for _ in range(4)))
    assert sorted(removed) == sorted(keys) and await register(db) == {}


async def test_the_path_of_a_link_is_the_route(app, stored):
    link = urlsplit(await app.storage.link("http://x", await stored()))
    assert link.path.startswith("/media/") and "/media/{path:path}" in [route.path for route in app.router.routes]


# As an avatar


async def test_a_new_avatar_takes_the_place_of_the_old_one(api, sign_in, get, settings, db):
    me = await sign_in("ADMIN")
    path, seen = f"/api/auth/users/{me['data']['user']['id']}/", []
    for kind in ("PNG", "GIF"):
        before, data = set(files(settings)), picture(kind)
        answer = await api.call("PATCH", path, token=me["access"], files={"avatar": ("me.jpg", data)})
        assert answer.status == 200
        assert (await get(answer.json["data"]["avatar"])).body == data
        seen.append((set(files(settings)) - before).pop())
    assert seen[0] not in files(settings) and await register(db) == {seen[1]: None}


async def test_with_the_storage_away_a_new_avatar_is_503_and_the_account_stays_as_it_was(
    api, app, sign_in, db, monkeypatch
):
    me = await sign_in("ADMIN")
    path = f"/api/auth/users/{me['data']['user']['id']}/"
    await api.call("PATCH", path, token=me["access"], files={"avatar": ("me.png", DATA)})
    before = await db.fetchrow("SELECT name, avatar FROM accounts.account")
    monkeypatch.setattr(app, "storage", Away())
    answer = await api.call("PATCH", path, token=me["access"], form={"name": "New"}, files={"avatar": ("me.png", DATA)})
    assert answer.status == 503 and await db.fetchrow("SELECT name, avatar FROM accounts.account") == before

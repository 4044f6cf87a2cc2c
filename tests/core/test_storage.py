"""Where files are kept: the local folder with its signed links, S3 and R2 (moto's server), and the settings that choose."""

import asyncio
import json
import os
import socket
import stat
import sys
import urllib.error
import urllib.request
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from moto.server import ThreadedMotoServer

from core import program, settings
from core.files.configured import open_storage
from core.files.storage import CHUNK, CONTENT_TYPES, LINK_SECONDS, LocalStorage
from core.files.storage_s3 import PART, S3Storage
from core.problem import Problem
from handlers.settings import Settings

pytestmark = pytest.mark.gen_test

ORIGIN = "https://shop.example.com"
KEY = "avatars/2025/01/18/0123456789abcdef0123456789abcdef.png"
BUCKET, PUBLIC_BUCKET = "media-of-tests", "media-for-anyone"
NEEDED = {"SECRET_KEY": "kay-of-thirty-two-bytes-at-least", "DATABASE_URL": "postgresql://me:secret@db/shop"}
S3 = {
    "USE_S3": "true",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "hush",
    "AWS_STORAGE_BUCKET_NAME": BUCKET,
}
R2 = {
    "CLOUDFLARE_R2_ENABLED": "true", "CLOUDFLARE_R2_ACCESS_KEY": "id", "CLOUDFLARE_R2_SECRET_KEY": "hush", "CLOUDFLARE_R2_BUCKET": BUCKET,
    "CLOUDFLARE_R2_BUCKET_ENDPOINT": "https://account.r2.cloudflarestorage.com",
}  # fmt: skip


class Clock:
    now = 1_700_000_000.0

    def __call__(self):
        return self.now


# The local folder


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def local(tmp_path, clock):
    return LocalStorage(tmp_path / "not" / "there" / "yet", "secret-key", clock=clock)


def of_link(link):
    """Key, expires, signature."""
    parts = urlsplit(link)
    query = parse_qs(parts.query)
    return parts.path.removeprefix("/media/"), query["expires"][0], query["signature"][0]


async def test_a_file_is_there_whole_and_for_nobody_else_on_this_machine(local):
    await local.put(KEY, b"data", "image/png")
    path = local.folder / KEY
    assert path.read_bytes() == b"data"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    below = [local.folder, *(folder for folder in local.folder.rglob("*") if folder.is_dir())]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in below} == {0o700} and len(below) == 5
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_a_removed_file_is_gone_and_removing_what_is_not_there_is_fine(local):
    await local.remove(KEY)
    await local.put(KEY, b"data", "image/png")
    for _ in range(2):
        await local.remove(KEY)
        assert not (local.folder / KEY).exists() and await local.find(KEY) is None


async def test_links_that_an_older_key_has_signed_are_valid_and_new_ones_are_signed_by_the_first(tmp_path, clock):
    old, both = LocalStorage(tmp_path, "older", clock=clock), LocalStorage(tmp_path, "newer", "older", clock=clock)
    only = LocalStorage(tmp_path, "newer", clock=clock)
    before, after = of_link(await old.link(ORIGIN, KEY)), of_link(await both.link(ORIGIN, KEY))
    assert both.seconds_left(*before) and both.seconds_left(*after) and only.seconds_left(*after)
    assert not only.seconds_left(*before) and not old.seconds_left(*after)


async def test_a_file_is_read_whole_and_what_is_not_there_is_none(local):
    assert await local.get(KEY) is None
    await local.put(KEY, b"data", "image/png")
    assert await local.get(KEY) == b"data"
    assert await local.get("../secret.png") is None


async def in_pieces(storage, key):
    return [piece async for piece in storage.chunks(key)]


async def test_a_large_file_is_read_in_pieces(local):
    await local.put(KEY, b"data" * CHUNK, "image/png")
    assert list(map(len, await in_pieces(local, KEY))) == [CHUNK] * 4
    await local.remove(KEY)
    with pytest.raises(Problem, check=lambda problem: problem.status == 404):
        await in_pieces(local, KEY)


async def test_the_size_of_a_file_is_known_and_of_none_it_is_none(local):
    assert await local.size(KEY) is None
    await local.put(KEY, b"data", "image/png")
    assert await local.size(KEY) == 4


async def test_a_file_is_stored_from_a_path(local, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"data" * 100_000)
    await local.put_file(KEY, source, "image/png")
    assert await local.get(KEY) == source.read_bytes()
    assert stat.S_IMODE((local.folder / KEY).stat().st_mode) == 0o600


async def test_files_stored_at_once_are_all_there(local):
    keys = [f"logos/{n % 3}/{n:032x}.png" for n in range(40)]
    await asyncio.gather(*(local.put(key, key.encode(), "image/png") for key in keys))
    assert all((local.folder / key).read_bytes() == key.encode() for key in keys)


@pytest.mark.parametrize(
    "key", ["", "a", "../a.png", "a/../b.png", "/etc/passwd.png", "a//b.png", "a/./b.png", "a/b.png\0", "a/.b.png", "a/b.png\n", "a\\b/c.png", "é/b.png"]
)  # fmt: skip
async def test_a_key_that_could_lead_elsewhere_is_refused(local, key):
    with pytest.raises(ValueError, match="not a key"):
        await local.put(key, b"data", "image/png")
    with pytest.raises(ValueError, match="not a key"):
        await local.remove(key)
    link = await local.link(ORIGIN, key)
    assert local.seconds_left(key, *of_link(link.replace("\n", ""))[1:]) == 0
    assert await local.find(key) is None


async def test_a_folder_that_cannot_be_written_is_503_and_leaves_nothing(local):
    local.folder.parent.mkdir(parents=True)
    local.folder.write_bytes(b"a file where the folder should be")
    with pytest.raises(Problem) as caught:
        await local.put(KEY, b"data", "image/png")
    assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "2"})
    await local.remove(KEY)


async def test_a_full_disk_is_503_and_leaves_no_part_of_the_file(local, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    await local.put(KEY, b"before", "image/png")
    monkeypatch.setattr(os, "fsync", full)
    other = KEY.replace("0123", "abcd")
    with pytest.raises(Problem) as caught:
        await local.put(other, b"data", "image/png")
    assert caught.value.status == 503
    assert [path.name for path in (local.folder / KEY).parent.iterdir()] == [KEY.rpartition("/")[2]]


async def test_links_are_absolute_and_good_for_one_to_two_hours(local, clock):
    for later in (0, 1, 1799, 1800, 3599):
        clock.now = 1_700_000_000 + later
        link = await local.link(ORIGIN, KEY)
        key, expires, signature = of_link(link)
        assert link.startswith(f"{ORIGIN}/media/{KEY}?") and key == KEY
        left = local.seconds_left(key, expires, signature)
        assert LINK_SECONDS <= left <= 2 * LINK_SECONDS
        clock.now += left - 1
        assert local.seconds_left(key, expires, signature) == 1
        clock.now += 1
        assert local.seconds_left(key, expires, signature) == 0


async def test_within_an_hour_the_link_stays_the_same(local, clock):
    clock.now = LINK_SECONDS * 1000
    first = await local.link(ORIGIN, KEY)
    clock.now += LINK_SECONDS - 1
    assert await local.link(ORIGIN, KEY) == first
    clock.now += 1
    assert await local.link(ORIGIN, KEY) != first


async def test_a_signature_is_good_for_nothing_else(local, tmp_path, clock):
    key, expires, signature = of_link(await local.link(ORIGIN, KEY))
    assert local.seconds_left(key, expires, signature) > 0
    for changed in (
        (KEY.replace("0123", "0124"), expires, signature), (key, str(int(expires) + LINK_SECONDS), signature), (key, expires, ""),
        (key, expires, signature[:-1]), (key, expires, signature.upper()), (key, expires, signature + "0"), (key, expires, "é"), (key, "", signature),
        (key, "x", signature), (key, "-1", signature), (key, "9" * 40, signature), (key, "²", signature), (key, f" {expires}", signature),
    ):  # fmt: skip
        assert local.seconds_left(*changed) == 0, changed
    for other in ("other-key", "secret-key "):
        assert LocalStorage(tmp_path, other, clock=clock).seconds_left(key, expires, signature) == 0


async def test_a_disposition_is_signed_with_its_link(local):
    said = "attachment; filename=\"a-.pdf\"; filename*=UTF-8''a%20%C3%A9.pdf"
    plain, link = await local.link(ORIGIN, KEY), await local.link(ORIGIN, KEY, said)
    key, expires, signature = of_link(link)
    assert parse_qs(urlsplit(link).query)["disposition"] == [said]
    assert local.seconds_left(key, expires, signature, said) > 0
    for other in ("", "inline", said.replace(".pdf", ".exe"), f"{said} ", f"\n{said}"):
        assert local.seconds_left(key, expires, signature, other) == 0
    assert local.seconds_left(key, expires, of_link(plain)[2], said) == 0


async def test_what_is_no_picture_by_its_name_or_lies_behind_a_symbolic_link_is_not_found(local, tmp_path):
    await local.put(KEY, b"data", "image/png")
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")
    (local.folder / "a").mkdir()
    (local.folder / "a" / "file.png").symlink_to(secret)
    (local.folder / "b").symlink_to(tmp_path)
    (local.folder / "c").symlink_to(local.folder / "avatars")
    (local.folder / "a" / "folder.png").mkdir()
    for name in ("page.html", "script.svg", "file.js", "none.png"):
        (local.folder / "a" / name).write_bytes(b"data") if name != "none.png" else None
    for key in (
        "a/file.png", "b/secret.png", KEY.replace("avatars", "c"), "a/folder.png", "a/page.html", "a/script.svg", "a/file.js", "a/none.png",
    ):  # fmt: skip
        assert await local.find(key) is None, key
    assert (await local.find(KEY)).content_type == "image/png"


async def test_a_folder_that_is_itself_behind_a_symbolic_link_serves(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "media").symlink_to(tmp_path / "disk")
    storage = LocalStorage(tmp_path / "media", "secret-key")
    await storage.put(KEY, b"data", "image/png")
    assert await storage.read(await storage.find(KEY), 1, 3) == b"at"


# S3


@pytest.fixture(scope="module")
def endpoint():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    client = boto3.client(
        "s3", endpoint_url=address, aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1"
    )
    for bucket in (BUCKET, PUBLIC_BUCKET):
        client.create_bucket(Bucket=bucket)
    anyone = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{PUBLIC_BUCKET}/*",
    }
    client.put_bucket_policy(Bucket=PUBLIC_BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [anyone]}))
    yield address
    server.stop()


@pytest.fixture
def s3(io_loop):
    """`s3(AWS_S3_ENDPOINT_URL=…)`: a storage made from these settings."""
    made = []

    def s3(given=S3, **env):
        made.append(open_storage(settings.read(Settings, {**NEEDED, **given, **env})))
        return made[-1]

    yield s3
    for storage in made:
        io_loop.run_sync(storage.close)


async def fetch(link):
    """Status, headers, body; with nothing but plain HTTP."""

    def get():
        try:
            with urllib.request.urlopen(link, timeout=10) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    return await asyncio.to_thread(get)


async def test_a_file_in_s3_is_read_by_its_link_until_it_is_removed(s3, endpoint):
    storage = s3(AWS_S3_ENDPOINT_URL=endpoint)
    await storage.put(KEY, b"picture", "image/png")
    link = await storage.link(ORIGIN, KEY)
    assert (await fetch(link.partition("?")[0]))[0] == 403  # it is the signature that opens it
    status, headers, data = await fetch(link)
    assert (status, data, headers["Content-Type"], headers["Cache-Control"]) == (
        200,
        b"picture",
        "image/png",
        "max-age=86400",
    )
    for _ in range(2):
        await storage.remove(KEY)
        assert (await fetch(await storage.link(ORIGIN, KEY)))[0] == 404


async def test_a_file_in_s3_that_is_no_picture_is_saved_under_the_name_of_its_link(s3, endpoint):
    storage = s3(AWS_S3_ENDPOINT_URL=endpoint)
    pdf = KEY.replace(".png", ".pdf")
    await storage.put(pdf, b"%PDF-", "application/pdf")
    await storage.put(KEY, b"picture", "image/png")
    said = "attachment; filename=\"a-.pdf\"; filename*=UTF-8''a%20%C3%A9.pdf"
    for key, asked, sent in ((pdf, "", "attachment"), (pdf, said, said), (pdf, "", "attachment"), (KEY, "", None)):
        link = await storage.link(ORIGIN, key, asked)
        status, headers, _ = await fetch(link)
        assert (status, headers["Content-Disposition"]) == (200, sent)
        assert headers["Content-Type"] == ("image/png" if key == KEY else "application/pdf")
        assert await storage.link(ORIGIN, key, asked) == link


async def test_a_file_in_s3_is_read_whole_and_what_is_not_there_is_none(s3, endpoint):
    storage = s3(AWS_S3_ENDPOINT_URL=endpoint)
    assert await storage.get("logos/none.png") is None
    await storage.put("logos/read.png", b"x" * 300_000, "image/png")
    assert await storage.get("logos/read.png") == b"x" * 300_000
    assert await storage.size("logos/read.png") == 300_000
    assert await storage.size("logos/none.png") is None


async def test_a_large_file_in_s3_is_read_in_pieces(s3, endpoint):
    storage = s3(AWS_S3_ENDPOINT_URL=endpoint)
    await storage.put("logos/pieces.png", b"x" * (2 * CHUNK + 1), "image/png")
    pieces = await in_pieces(storage, "logos/pieces.png")
    assert len(pieces) >= 3 and b"".join(pieces) == b"x" * (2 * CHUNK + 1)
    with pytest.raises(Problem, check=lambda problem: problem.status == 404):
        await in_pieces(storage, "logos/none.png")


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, 2 * PART, 2 * PART + 1])
async def test_a_file_of_any_size_is_stored_in_s3_from_a_path(s3, endpoint, tmp_path, size):
    storage, key, source = s3(AWS_S3_ENDPOINT_URL=endpoint), f"exports/{size}.xlsx", tmp_path / "source"
    source.write_bytes(os.urandom(1 << 20) * (size >> 20) + b"x" * (size % (1 << 20)))
    await storage.put_file(key, source, CONTENT_TYPES["xlsx"])
    status, headers, data = await fetch(await storage.link(ORIGIN, key))
    assert status == 200 and data == source.read_bytes()
    told = headers["Content-Type"], headers["Content-Disposition"], headers["Cache-Control"]
    assert told == (CONTENT_TYPES["xlsx"], "attachment", "max-age=86400")


async def test_a_file_whose_transfer_breaks_off_leaves_no_parts_in_s3(s3, endpoint, tmp_path, monkeypatch):
    storage, key, source = s3(AWS_S3_ENDPOINT_URL=endpoint), "exports/broken.xlsx", tmp_path / "source"
    source.write_bytes(b"x" * (2 * PART))
    client = await storage._open()
    send = client.upload_part

    async def first_only(*, PartNumber, **more):  # noqa: N803
        if PartNumber > 1:
            raise TimeoutError
        return await send(PartNumber=PartNumber, **more)

    monkeypatch.setattr(client, "upload_part", first_only)
    assert (await refused(storage.put_file(key, source, CONTENT_TYPES["xlsx"])))[0] == 503
    assert await storage.get(key) is None
    assert "Uploads" not in await client.list_multipart_uploads(Bucket=BUCKET)


async def test_a_link_is_signed_with_version_4_and_carries_the_setting_of_its_life_and_no_secret(s3, endpoint):
    for env, seconds in (({}, "3600"), ({"S3_PRESIGNED_URL_EXPIRATION": "120"}, "120")):
        link = await s3(AWS_S3_ENDPOINT_URL=endpoint, **env).link(ORIGIN, KEY)
        query = parse_qs(urlsplit(link).query)
        assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"] and query["X-Amz-Expires"] == [seconds]
        assert "hush" not in link


async def test_amazon_is_addressed_by_the_buckets_own_name_in_its_region(s3):
    link = urlsplit(await s3(AWS_S3_REGION_NAME="eu-central-1").link(ORIGIN, KEY))
    assert (link.scheme, link.netloc, link.path) == ("https", f"{BUCKET}.s3.eu-central-1.amazonaws.com", f"/{KEY}")
    dotted = urlsplit(
        await s3(AWS_STORAGE_BUCKET_NAME="media.shop.example", AWS_S3_REGION_NAME="eu-central-1").link(ORIGIN, KEY)
    )
    assert (dotted.netloc, dotted.path) == ("s3.eu-central-1.amazonaws.com", f"/media.shop.example/{KEY}")


async def test_links_can_be_unsigned(s3, endpoint):
    storage = s3(AWS_S3_ENDPOINT_URL=endpoint, USE_S3_PRESIGNED_URLS="false")
    assert await storage.link(ORIGIN, KEY) == f"{endpoint}/{BUCKET}/{KEY}"


async def test_a_link_is_given_again_for_half_its_life(s3, endpoint, monkeypatch):
    storage = s3(AWS_S3_ENDPOINT_URL=endpoint)
    now, signed = 1000.0, 0
    monkeypatch.setattr("core.files.storage_s3.time.monotonic", lambda: now)
    sign = (await storage._open()).generate_presigned_url

    async def counted(*args, **more):
        nonlocal signed
        signed += 1
        return await sign(*args, **more)

    monkeypatch.setattr(storage._client, "generate_presigned_url", counted)
    first = await storage.link(ORIGIN, KEY)
    now += 1799
    assert await storage.link(ORIGIN, KEY) == first and signed == 1
    now += 2
    await storage.link(ORIGIN, KEY)
    assert signed == 2


async def test_one_client_serves_all(s3, endpoint):
    storage = s3(AWS_S3_ENDPOINT_URL=endpoint)
    opened, make = [], storage._session.client
    storage._session.client = lambda *args, **more: opened.append(args) or make(*args, **more)
    keys = [f"logos/{n:032x}.png" for n in range(20)]
    await asyncio.gather(*(storage.put(key, b"x", "image/png") for key in keys))
    await asyncio.gather(*(storage.link(ORIGIN, key) for key in keys), *(storage.remove(key) for key in keys))
    assert len(opened) == 1


async def test_a_link_is_signed_without_asking_the_storage(s3):
    storage = s3(AWS_S3_ENDPOINT_URL="http://127.0.0.1:1")
    for n in range(3):
        assert (await storage.link(ORIGIN, f"logos/{n:032x}.png")).startswith("http://127.0.0.1:1/")


async def test_r2_with_a_public_address_gives_plain_links_below_it(s3, endpoint):
    for address, told in {
        "media.example.com": "https://media.example.com", "https://media.example.com/": "https://media.example.com",
        "http://cdn.example.com/shop": "http://cdn.example.com/shop",
    }.items():  # fmt: skip
        assert await s3(R2, CLOUDFLARE_R2_PUBLIC_URL=address).link(ORIGIN, KEY) == f"{told}/{KEY}"
    served = f"{endpoint}/{PUBLIC_BUCKET}"
    storage = s3(
        R2, CLOUDFLARE_R2_BUCKET_ENDPOINT=endpoint, CLOUDFLARE_R2_BUCKET=PUBLIC_BUCKET, CLOUDFLARE_R2_PUBLIC_URL=served
    )
    await storage.put(KEY, b"picture", "image/png")
    assert (await fetch(await storage.link(ORIGIN, KEY)))[2] == b"picture"


async def test_r2_without_one_gives_signed_links_whether_or_not_the_endpoint_names_the_bucket(s3, endpoint):
    for address in (endpoint, f"{endpoint}/{BUCKET}", f"{endpoint}/{BUCKET}/"):
        storage = s3(R2, CLOUDFLARE_R2_BUCKET_ENDPOINT=address)
        await storage.put(KEY, b"picture", "image/png")
        link = await storage.link(ORIGIN, KEY)
        assert link.startswith(f"{endpoint}/{BUCKET}/{KEY}?") and "%2Fauto%2Fs3%2F" in link
        assert (await fetch(link))[2] == b"picture"


async def refused(work):
    with pytest.raises(Problem) as caught:
        await work
    return caught.value.status, caught.value.headers


async def test_with_s3_away_it_is_503(s3):
    storage = s3(AWS_S3_ENDPOINT_URL="http://127.0.0.1:1")
    for work in (storage.put(KEY, b"x", "image/png"), storage.get(KEY), storage.remove(KEY)):
        assert await refused(work) == (503, {"Retry-After": "2"})


async def test_with_an_s3_that_does_not_answer_it_is_503(s3, monkeypatch):
    monkeypatch.setattr("core.files.storage_s3.TOTAL_SECONDS", 0.2)
    silent = socket.create_server(("127.0.0.1", 0))
    storage = s3(AWS_S3_ENDPOINT_URL=f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert (await refused(storage.put(KEY, b"x", "image/png")))[0] == 503
    silent.close()


async def test_an_upload_has_more_time_the_larger_it_is(s3, endpoint, monkeypatch):
    # Only its size gives an upload time: 1000 s.
    monkeypatch.setattr("core.files.storage_s3.TOTAL_SECONDS", 0)
    monkeypatch.setattr("core.files.storage_s3.UPLOAD_BYTES_A_SECOND", 1)
    storage = s3(AWS_S3_ENDPOINT_URL=endpoint)
    await storage.put(KEY, b"x" * 1000, "image/png")
    assert (await fetch(await storage.link(ORIGIN, KEY)))[2] == b"x" * 1000
    for work in (storage.put(KEY, b"", "image/png"), storage.get(KEY), storage.remove(KEY)):
        assert await refused(work) == (503, {"Retry-After": "2"})


async def test_without_the_bucket_it_is_503(s3, endpoint):
    storage = s3(AWS_S3_ENDPOINT_URL=endpoint, AWS_STORAGE_BUCKET_NAME="no-such-bucket")
    for work in (storage.put(KEY, b"x", "image/png"), storage.get(KEY)):
        assert (await refused(work))[0] == 503


# The choice


def wrong(**env):
    with pytest.raises(settings.SettingsError) as caught:
        settings.read(Settings, {**NEEDED, **env})
    return caught.value.lines


def test_the_settings_choose_the_storage(s3):
    assert isinstance(open_storage(settings.read(Settings, NEEDED)), LocalStorage)
    assert isinstance(s3(), S3Storage) and isinstance(s3(R2), S3Storage)
    off = {**S3, "USE_S3": "false", "CLOUDFLARE_R2_ENABLED": "false"}
    assert isinstance(open_storage(settings.read(Settings, {**NEEDED, **off})), LocalStorage)


def test_a_relative_folder_is_beside_the_server():
    for given, path in {"": "media", "files/up": "files/up", "/srv/media": "/srv/media"}.items():
        config = settings.read(Settings, {**NEEDED, **({"MEDIA_ROOT": given} if given else {})})
        assert config.media_root == str(program.FOLDER / path)
    assert (program.FOLDER / "server.py").exists()


def test_each_missing_credential_is_named():
    for switch, given in (("USE_S3", S3), ("CLOUDFLARE_R2_ENABLED", R2)):
        needed = [name for name in given if name != switch]
        assert [line.split(" ")[0] for line in wrong(**{switch: "true"})] == needed
        for name in needed:
            (line,) = wrong(**{other: value for other, value in given.items() if other != name})
            assert line.startswith(f"{name} is missing: {switch} is true")


def test_both_at_once_are_refused():
    (line,) = wrong(**S3, **R2)
    assert "USE_S3" in line and "CLOUDFLARE_R2_ENABLED" in line


def test_credentials_are_shown_nowhere():
    config = settings.read(Settings, {**NEEDED, **S3})
    assert "hush" not in repr(config) and "AKIDEXAMPLE" not in repr(config)


def test_addresses_and_times_that_make_no_sense_are_refused():
    for name, value in {
        "AWS_S3_ENDPOINT_URL": "minio:9000", "CLOUDFLARE_R2_BUCKET_ENDPOINT": "account.r2.cloudflarestorage.com",
        "S3_PRESIGNED_URL_EXPIRATION": "604801", "USE_S3": "maybe",
        "AWS_STORAGE_BUCKET_NAME": "my bucket", "AWS_S3_REGION_NAME": "EU (Ireland)", "CLOUDFLARE_R2_BUCKET": "a/b", "CLOUDFLARE_R2_PUBLIC_URL": "ftp://x",
    }.items():  # fmt: skip
        assert any(line.startswith(name) for line in wrong(**{name: value})), name


async def test_where_s3_is_not_configured_its_client_is_not_even_imported():
    code = (
        "import sys; from core import settings; from core.files.configured import open_storage; from handlers.settings import Settings;"
        f"open_storage(settings.read(Settings, {NEEDED!r}));"
        "print([name for name in ('aioboto3', 'botocore', 'aiohttp', 'PIL') if name in sys.modules])"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, cwd=program.FOLDER
    )
    assert (await process.communicate())[0] == b"[]\n"


def test_only_pictures_and_these_documents_are_served():
    pictures = {"image/gif", "image/jpeg", "image/png", "image/webp"}
    sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    others = {"application/pdf", "text/plain; charset=utf-8", "text/csv; charset=utf-8", sheet}
    assert set(CONTENT_TYPES.values()) == {*pictures, *others}

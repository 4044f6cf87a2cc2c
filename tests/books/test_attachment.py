"""Attachments of expenses. docs/api/books.md#attachments."""

import asyncio
import io
import zipfile
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from PIL import Image

from core.files import documents, media
from core.problem import unavailable
from tests.core.test_images import picture, png_that_claims
from tests.support.http import BOUNDARY

pytestmark = pytest.mark.gen_test

PATH, EXPENSES = "/api/expenses/attachments/", "/api/expenses/"
MB = 1024 * 1024
PDF = b"%PDF-1.4\n1 0 obj\n<</Type/Catalog>>\nendobj\ntrailer\n<</Root 1 0 R>>\nstartxref\n9\n%%EOF\n"
KIND = "This type of file is not allowed. Allowed types are: JPEG, PNG, GIF, WebP, PDF, plain text in UTF-8."
BROKEN_PDF = "Upload a valid PDF. The file you uploaded is incomplete or corrupted."
BROKEN = "Upload a valid image. The file you uploaded was either not an image or a corrupted image."
NO_FILE = "No file was submitted."
NOT_A_FILE = "The submitted data was not a file. Check the encoding type on the form."
WRONG_EXPENSE = {"expense": ["Invalid expense selected."]}


def stored(settings):
    folder = Path(settings.media_root)
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def key_of(link):
    return urlsplit(link).path.removeprefix("/media/")


def several(files, name="files"):
    """A form with these files under one name: its bytes, and the headers that go with them."""
    parts = b"".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n\r\n'.encode()
        + data
        + b"\r\n"
        for filename, data in files
    )
    return parts + f"--{BOUNDARY}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


async def upload_receipts(owner, expense, files, **headers):
    body, kind = several(files)
    return await owner.call("POST", f"{EXPENSES}{expense}/upload_receipts/", body, headers={**kind, **headers})


@pytest.fixture
def expense(owner, io_loop):
    return io_loop.run_sync(owner.expense)["id"]


@pytest.mark.parametrize(
    ("name", "data", "kind", "extension"),
    [
        ("receipt.jpg", picture("JPEG"), "image/jpeg", "jpg"),
        ("receipt.png", picture("PNG"), "image/png", "png"),
        ("receipt.gif", picture("GIF"), "image/gif", "gif"),
        ("receipt.webp", picture("WEBP"), "image/webp", "webp"),
        ("receipt.pdf", PDF, "application/pdf", "pdf"),
        ("receipt.txt", "Kaffee 3,50 €\r\n\tDanke\n".encode(), "text/plain", "txt"),
    ],
)
async def test_a_file_is_attached_shown_listed_read_and_deleted(owner, expense, settings, name, data, kind, extension):
    made = await owner.upload(expense, name, data)
    one = f"{PATH}{made.json['id']}/"
    fields = {"expense": expense, "filename": name, "file_size": len(data), "content_type": kind}
    assert (made.status, made.json) == (201, {**made.json, **fields})
    link = made.json["file"]
    assert link.startswith(f"{owner.api.base_url}/media/expenses/") and key_of(link).endswith(f".{extension}")
    assert (await owner.get(one)).json == made.json
    assert (await owner.get(PATH)).json["results"] == [made.json]
    assert (await owner.get(f"{EXPENSES}{expense}/")).json["attachments"] == [made.json]
    assert (await owner.get(EXPENSES)).json["results"][0]["attachments"] == [made.json]
    assert (await owner.get(f"{EXPENSES}?has_receipts=true&cursor=")).json["results"][0]["attachments"] == [made.json]

    read = await owner.api.get(link)
    assert (read.status, read.body, read.headers["X-Content-Type-Options"]) == (200, data, "nosniff")
    assert read.headers["Content-Type"].partition(";")[0] == kind
    assert read.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert read.headers.get("Content-Disposition") == (
        None if kind.startswith("image/") else f'attachment; filename="{name}"'
    )
    saved = await owner.get(f"{one}download/")
    assert (saved.status, saved.body, saved.headers["Content-Type"]) == (200, data, kind)
    assert saved.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert saved.headers["X-Content-Type-Options"] == "nosniff"

    assert (await owner.delete(one)).status == 204
    assert key_of(link) not in stored(settings)
    for method, path in (("GET", one), ("DELETE", one), ("GET", f"{one}download/")):
        assert (await owner.call(method, path)).status == 404
    assert (await owner.api.get(link)).status == 404
    assert (await owner.get(PATH)).json["count"] == 0
    assert (await owner.get(f"{EXPENSES}{expense}/")).json["attachments"] == []


def zipped(name):
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr(name, "x" * 5000)
    return written.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.png", b"", "The submitted file is empty."),
        ("a.pdf", b"MZ\x90\x00\x03\x00", KIND),
        ("a.txt", b"caf\xe9", KIND),
        ("a.txt", b"a\x00b", KIND),
        ("a.txt", b"\x1b[31mred", KIND),
        ("a.txt", "a\u0085b".encode(), KIND),
        ("a.txt", "Receipt".encode("utf-16"), KIND),
        ("a.txt", b"<!DOCTYPE html><script>alert(1)</script>", KIND),
        ("a.txt", b"\xef\xbb\xbf \n<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", KIND),
        ("a.txt", b"<?xml version='1.0'?><a/>", KIND),
        ("a.jpg", zipped("a.docx"), KIND),
        ("a.pdf", PDF[:-6], BROKEN_PDF),
        ("a.pdf", b"%PDF-1.7\nnothing", BROKEN_PDF),
        ("a.pdf", PDF + zipped("evil.jar"), BROKEN_PDF),
        ("a.jpg", b"\xff\xd8\xff<script>alert(1)</script>", BROKEN),
        ("a.gif", b"GIF89a=1;alert(1)", BROKEN),
        ("a.png", picture("PNG", (300, 200))[:-2000], BROKEN),
        ("a.webp", b"RIFF\x10\x00\x00\x00WEBPVP8 ", BROKEN),
        ("a.png", png_that_claims(8000, 5001), "Ensure this image has no more than 40,000,000 pixels."),
        ("a.png", png_that_claims(60_000, 60_000), "Ensure this image has no more than 40,000,000 pixels."),
        ("a.txt", b"x" * (10 * MB + 1), "Ensure this file has no more than 10 MB."),
    ],
)
async def test_what_is_no_picture_pdf_or_text_is_refused_and_nothing_is_stored(
    owner, expense, settings, name, data, said
):
    before = stored(settings)
    answer = await owner.upload(expense, name, data)
    assert (answer.status, answer.json) == (400, {"error": "Validation failed", "details": {"file": [said]}})
    answer = await upload_receipts(owner, expense, [("good.txt", b"Good"), (name, data)])
    assert (answer.status, answer.json["details"]) == (400, {"files": [said]})
    assert (await owner.get(PATH)).json["count"] == 0 and stored(settings) == before


async def test_a_picture_that_is_also_something_else_is_only_a_picture(owner, expense):
    data = picture("GIF") + b"<script>alert(1)</script>" + zipped("evil.jar") + PDF
    made = (await owner.upload(expense, "page.html", data)).json
    assert (made["content_type"], made["filename"]) == ("image/gif", "page.html.gif")
    read = await owner.api.get(made["file"])
    assert (read.headers["Content-Type"], read.headers["X-Content-Type-Options"]) == ("image/gif", "nosniff")


async def test_a_picture_of_the_largest_size_that_phones_take_is_kept_as_it_is(owner, expense):
    written = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.effect_noise((2000, 1500), 60).convert("RGB").save(written, "JPEG", exif=exif, quality=95)
    made = (await owner.upload(expense, "IMG_0001.JPG", written.getvalue())).json
    assert made["filename"] == "IMG_0001.JPG"
    assert (await owner.api.get(made["file"])).body == written.getvalue()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("receipt.png", "receipt.png.txt"),
        ("page.html", "page.html.txt"),
        ("Notes.TXT", "Notes.TXT"),
        ("notes.text", "notes.text"),
        ("../../etc/passwd", "passwd.txt"),
        ("C:\\fakepath\\receipt.txt", "receipt.txt"),
        ("C:/files/receipt.txt", "receipt.txt"),
        (".txt", "txt.txt"),
        ("...", "file.txt"),
        ("  a   b .txt ", "a b .txt"),
        ("बिल-റസീത്.txt", "बिल-റസീത്.txt"),
        ("e\u0301.txt", "é.txt"),
        ("\u202etxt.exe", "txt.exe.txt"),
        ("a\tb.txt", "a b.txt"),
        ("x" * 400 + ".txt", "x" * 251 + ".txt"),
        ("🍎" * 300, "🍎" * 251 + ".txt"),
        ("%00.txt", "%00.txt"),
        ("a;b=c.txt", "a;b=c.txt"),
    ],
)
async def test_a_name_is_no_path_and_ends_as_its_content_does(owner, expense, name, shown):
    # A browser escapes these in the head of a part (HTML, multipart/form-data encoding algorithm).
    made = await owner.upload(expense, name.replace("\\", "\\\\"), b"Text")
    assert (made.status, made.json["filename"]) == (201, shown)
    saved = await owner.get(f"{PATH}{made.json['id']}/download/")
    header = saved.headers["Content-Disposition"]
    assert header.startswith("attachment; filename=") and header.isascii() and header.isprintable()
    link = await owner.api.get(made.json["file"])
    assert (link.status, link.headers["Content-Disposition"]) == (200, header)


@pytest.mark.parametrize("name", ["a\0b.txt", "a\rb.txt", "a\nb.txt"])
async def test_a_name_with_a_control_that_ends_lines_or_texts_is_refused(owner, expense, name):
    answer = await owner.upload(expense, name, b"Text")
    assert answer.status == 400 and (await owner.get(PATH)).json["count"] == 0


async def test_names_are_not_trusted_even_where_the_form_encodes_them(owner, expense):
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="expense"\r\n\r\n{expense}\r\n'
    head += f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename*=UTF-8''%00%0d%0a..%2Fa%22b.txt\r\n\r\nText\r\n--{BOUNDARY}--\r\n"
    made = await owner.call(
        "POST", PATH, head.encode(), headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    )
    assert made.status in (201, 400)
    if made.status == 201:
        assert not set(made.json["filename"]) & set("/\\\0\r\n")
        assert (await owner.get(f"{PATH}{made.json['id']}/download/")).headers["Content-Disposition"].isprintable()


@pytest.mark.parametrize(
    ("form", "files", "details"),
    [
        ({}, {"file": ("a.txt", b"a")}, {"expense": ["This field is required."]}),
        ({"expense": "x"}, {"file": ("a.txt", b"a")}, {"expense": ['A valid integer is required. "x" is not one.']}),
        ({"expense": "-1"}, {"file": ("a.txt", b"a")}, WRONG_EXPENSE),
        ({"expense": "9" * 18}, {"file": ("a.txt", b"a")}, WRONG_EXPENSE),
        ({"expense": "1" + "0" * 18}, {"file": ("a.txt", b"a")}, {"expense": ["A valid number is required."]}),
        ({"expense": "7"}, {}, {"file": [NO_FILE]}),
        ({"expense": "7", "file": ""}, {}, {"file": [NO_FILE]}),
        ({"expense": "7", "file": "receipt.pdf"}, {}, {"file": [NOT_A_FILE]}),
    ],
)
async def test_wrong_fields_are_named(owner, form, files, details):
    answer = await owner.call("POST", PATH, form=form, files=files)
    assert (answer.status, answer.json) == (400, {"error": "Validation failed", "details": details})


async def test_a_body_without_a_file_is_refused(owner, expense):
    for body in ({"expense": expense}, {"expense": expense, "file": "data:,x"}):
        answer = await owner.post(PATH, body)
        assert (answer.status, answer.json["details"]) == (400, {"file": [NOT_A_FILE if "file" in body else NO_FILE]})
    answer = await owner.post(f"{EXPENSES}{expense}/upload_receipts/", {})
    assert (answer.status, answer.json["details"]) == (400, {"files": [NO_FILE]})
    body, kind = several([("a.txt", b"a"), ("b.txt", b"b")], "file")
    body = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="expense"\r\n\r\n{expense}\r\n'.encode() + body
    answer = await owner.call("POST", PATH, body, headers=kind)
    assert (answer.status, answer.json["details"]) == (400, {"file": ["Submit at most 1 files at once."]})


# Sizes


async def test_files_of_10_mb_are_taken_and_longer_forms_are_413_for_those_who_may_enter(owner, expense):
    whole = b"x" * 10 * MB
    made = await owner.upload(expense, "long.txt", whole)
    assert (made.status, made.json["file_size"]) == (201, 10 * MB)
    assert (await owner.api.get(made.json["file"])).body == whole
    five = await upload_receipts(owner, expense, [(f"{n}.txt", whole) for n in range(5)])
    assert five.json["upload_summary"] == {"uploaded_count": 5, "total_attachments": 6}
    longer = await owner.upload(expense, "long.txt", whole + b"x" * MB)
    assert (longer.status, longer.json["error"]) == (413, "The request body is longer than 10 MB.")
    stranger = await owner.api.call("POST", PATH, form={"expense": 1}, files={"file": ("a.txt", whole)})
    assert stranger.status == 401
    spoilt = await owner._replace(token=owner.token[:-3] + "abc").upload(expense, "a.txt", whole)
    assert spoilt.status == 401


async def test_no_other_route_takes_a_long_body(owner, expense):
    answer = await owner.call("POST", EXPENSES, form={"description": "x" * 11 * MB}, files={})
    assert answer.status == 413


# Several files


async def test_several_receipts_are_attached_at_once_in_their_order(owner, expense):
    answer = await upload_receipts(owner, expense, [("a.txt", b"A"), ("b.pdf", PDF), ("a.txt", b"A")])
    assert answer.status == 201
    assert answer.json["message"] == "Receipts uploaded successfully."
    assert answer.json["upload_summary"] == {"uploaded_count": 3, "total_attachments": 3}
    shown = await owner.get(f"{EXPENSES}{expense}/")
    assert answer.json["expense"] == shown.json
    assert [one["filename"] for one in shown.json["attachments"]] == ["a.txt", "b.pdf", "a.txt"]
    assert len({key_of(one["file"]) for one in shown.json["attachments"]}) == 3
    assert shown.headers["ETag"] == '"2"'


async def test_more_than_five_files_at_once_are_refused(owner, expense, settings):
    before = stored(settings)
    answer = await upload_receipts(owner, expense, [(f"{n}.txt", b"x") for n in range(6)])
    assert (answer.status, answer.json["details"]) == (400, {"files": ["Submit at most 5 files at once."]})
    assert stored(settings) == before


async def test_an_expense_has_at_most_fifty_attachments_however_many_come_at_once(owner, expense, settings, db):
    for _ in range(9):
        assert (await upload_receipts(owner, expense, [(f"{n}.txt", b"x") for n in range(5)])).status == 201
    before = stored(settings)
    answers = await asyncio.gather(*(owner.upload(expense, f"{n}.txt", b"x") for n in range(8)))
    assert sorted(answer.status for answer in answers) == [201] * 5 + [400] * 3
    refused = next(answer for answer in answers if answer.status == 400)
    assert refused.json["error"] == "An expense can have at most 50 attachments."
    assert len((await owner.get(f"{EXPENSES}{expense}/")).json["attachments"]) == 50
    assert len(stored(settings)) == len(before) + 5
    assert await db.fetchval("SELECT count(*) FROM core.media_file WHERE unused_from IS NOT NULL") == 0


async def test_a_receipt_is_deleted_through_its_expense(owner, expense, settings):
    answer = await upload_receipts(owner, expense, [("a.txt", b"A"), ("b.txt", b"B")])
    first, second = answer.json["expense"]["attachments"]
    path = f"{EXPENSES}{expense}/delete_receipt/"
    other = (await owner.expense())["id"]
    for wrong in (f"{EXPENSES}{other}/delete_receipt/?attachment_id={first['id']}", f"{path}?attachment_id=999999"):
        assert (await owner.delete(wrong)).status == 404
    missing = await owner.delete(path)
    assert (missing.status, missing.json["details"]) == (400, {"attachment_id": ["This field is required."]})
    assert (await owner.delete(f"{path}?attachment_id=x")).status == 400
    deleted = await owner.delete(f"{path}?attachment_id={first['id']}")
    assert (deleted.status, deleted.json) == (
        200,
        {"message": "Receipt deleted successfully.", "remaining_attachments": 1},
    )
    assert [one["id"] for one in (await owner.get(f"{EXPENSES}{expense}/")).json["attachments"]] == [second["id"]]
    assert key_of(first["file"]) not in stored(settings) and key_of(second["file"]) in stored(settings)


# Lists


async def test_attachments_are_listed_newest_first_and_by_expense(owner, expense):
    other = (await owner.expense())["id"]
    made = [(await owner.upload(one, f"{n}.txt", b"x")).json for n, one in enumerate((expense, other, expense))]
    newest = list(reversed(made))
    assert (await owner.get(PATH)).json["results"] == newest
    assert (await owner.get(f"{PATH}?ordering=uploaded_at")).json["results"] == made
    assert (await owner.get(f"{PATH}?expense={expense}")).json["results"] == [newest[0], newest[2]]
    assert (await owner.get(f"{PATH}?expense=999999999")).json["count"] == 0
    assert (await owner.get(f"{PATH}?expense=x")).json["details"] == {"expense": ["A valid integer is required."]}
    path, met = f"{PATH}?page_size=2&cursor=", []
    while path:
        page = (await owner.get(path)).json
        met, path = met + page["results"], page["next"]
    assert met == newest
    page = await owner.get(f"{PATH}?page=2&page_size=2")
    assert (page.json["count"], page.json["results"]) == (3, newest[2:])


# Whose they are


async def test_attachments_of_another_owner_do_not_exist(owner, open_books, settings):
    stranger = await open_books()
    foreign = (await stranger.expense())["id"]
    own = (await owner.expense())["id"]
    attachment = (await stranger.upload(foreign, "secret.txt", b"secret")).json
    before = stored(settings)
    one = f"{PATH}{attachment['id']}/"
    for method, path in (
        ("GET", one),
        ("DELETE", one),
        ("GET", f"{one}download/"),
        ("DELETE", f"{EXPENSES}{foreign}/delete_receipt/?attachment_id={attachment['id']}"),
        ("DELETE", f"{EXPENSES}{own}/delete_receipt/?attachment_id={attachment['id']}"),
    ):
        answer = await owner.call(method, path)
        assert (answer.status, answer.json) == (404, {"error": "Not found.", "detail": "Not found."}), path
    answer = await owner.upload(foreign, "mine.txt", b"mine")
    assert (answer.status, answer.json["details"]) == (400, WRONG_EXPENSE)
    answer = await upload_receipts(owner, foreign, [("mine.txt", b"mine")])
    assert (answer.status, answer.json["error"]) == (404, "Not found.")
    for query in ("", f"?expense={foreign}", "?cursor="):
        assert (await owner.get(PATH + query)).json["results"] == []
    assert stored(settings) == before
    assert (await stranger.get(one)).json == attachment


async def test_a_file_is_read_only_by_its_whole_link_and_until_that_ends(owner, expense, app):
    made = (await owner.upload(expense, "receipt.pdf", PDF)).json
    other = (await owner.upload(expense, "other.pdf", PDF)).json
    link, its_path = made["file"], urlsplit(made["file"]).path
    asked = parse_qs(urlsplit(link).query)
    assert unquote(asked["disposition"][0]) == 'attachment; filename="receipt.pdf"'
    for wrong in (
        its_path,
        link.replace(asked["signature"][0], ""),
        link.replace(its_path, urlsplit(other["file"]).path),
        link.replace("receipt.pdf", "receipt.exe"),
        link.replace("attachment", "inline"),
        link.replace(asked["expires"][0], str(int(asked["expires"][0]) + 3600)),
        f"{its_path}?expires={asked['expires'][0]}&signature={asked['signature'][0]}",
    ):
        assert (await owner.api.get(wrong, token=owner.token)).status == 404, wrong
    now = app.storage._clock()
    app.storage._clock = lambda: now + 2 * 3600
    assert (await owner.api.get(link)).status == 404
    fresh = (await owner.get(f"{PATH}{made['id']}/")).json["file"]
    assert fresh != link and (await owner.api.get(fresh)).status == 200


async def test_a_name_that_looks_like_a_key_gets_no_link(owner, expense):
    made = (await owner.upload(expense, "a.txt", b"x")).json
    key = key_of(made["file"])
    trick = await owner.expense(description=f"media:{key}", notes=f'"file":"media:{key}"', vendor=f"media:{key}")
    assert (trick["description"], trick["vendor"]) == (f"media:{key}", f"media:{key}")
    listed = (await owner.get(EXPENSES)).json["results"]
    assert trick in listed


# What is half done


async def test_files_go_with_their_expense(owner, expense, settings, db):
    answer = await upload_receipts(owner, expense, [("a.txt", b"A"), ("b.pdf", PDF)])
    keys = [key_of(one["file"]) for one in answer.json["expense"]["attachments"]]
    assert set(keys) <= set(stored(settings))
    assert (await owner.delete(f"{EXPENSES}{expense}/")).status == 204
    assert not set(keys) & set(stored(settings))
    assert (await owner.get(PATH)).json["count"] == 0
    assert await db.fetchval("SELECT count(*) FROM core.media_file WHERE key = ANY ($1)", keys) == 0


async def test_files_whose_removal_failed_are_removed_later(owner, expense, settings, app, db, monkeypatch):
    made = (await owner.upload(expense, "a.txt", b"A")).json
    other = (await owner.upload(expense, "b.txt", b"B")).json

    async def away(key):
        raise unavailable("away")

    with monkeypatch.context() as broken:
        broken.setattr(app.storage, "remove", away)
        assert (await owner.delete(f"{PATH}{made['id']}/")).status == 204
        assert (await owner.delete(f"{EXPENSES}{expense}/")).status == 204
    keys = {key_of(made["file"]), key_of(other["file"])}
    assert keys <= set(stored(settings))
    await db.execute("UPDATE core.media_file SET unused_from = now() WHERE unused_from IS NOT NULL")
    await media.remove_unused(app)
    assert not keys & set(stored(settings))


async def test_with_the_storage_away_nothing_is_attached(owner, expense, settings, app, db, monkeypatch):
    put, calls = app.storage.put, []

    async def fails_at_the_second(key, data, content_type):
        calls.append(key)
        if len(calls) == 2:
            raise unavailable("The file storage is not available at the moment. Please try again.")
        await put(key, data, content_type)

    before = stored(settings)
    with monkeypatch.context() as broken:
        broken.setattr(app.storage, "put", fails_at_the_second)
        answer = await upload_receipts(owner, expense, [("a.txt", b"A"), ("b.txt", b"B"), ("c.txt", b"C")])
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert stored(settings) == before
    shown = await owner.get(f"{EXPENSES}{expense}/")
    assert (shown.json["attachments"], shown.headers["ETag"]) == ([], '"1"')
    # The file that was not written is still held, and its entry goes within the hour.
    assert await db.fetchval("SELECT count(*) FROM core.media_file WHERE key = ANY ($1)", calls) <= 1


async def test_a_file_of_a_process_that_was_killed_before_its_row_was_written_is_removed(settings, app, db):
    checked = await documents.check_document(b"Receipt")
    key = await media.store(app, checked, "expenses")
    await media.remove_unused(app)
    assert key in stored(settings)
    await db.execute("UPDATE core.media_file SET unused_from = now() WHERE key = $1", key)
    await media.remove_unused(app)
    assert key not in stored(settings)


async def test_a_download_with_the_storage_away_is_503_and_of_a_lost_file_404(
    owner, expense, settings, app, monkeypatch
):
    made = (await owner.upload(expense, "a.txt", b"A")).json
    path = f"{PATH}{made['id']}/download/"

    async def away(key):
        raise unavailable("away")

    with monkeypatch.context() as broken:
        broken.setattr(app.storage, "get", away)
        assert (await owner.get(path)).status == 503
    (Path(settings.media_root) / key_of(made["file"])).unlink()
    assert (await owner.get(path)).status == 404


async def test_an_upload_that_is_repeated_attaches_once_whatever_boundary_its_form_has(owner, expense, settings):
    key = {"Idempotency-Key": "receipt-1"}
    first = await owner.upload(expense, "a.txt", b"A", headers=key)
    files = stored(settings)
    body = several([("a.txt", b"A")], "file")[0].replace(BOUNDARY.encode(), b"another")
    body = f'--another\r\nContent-Disposition: form-data; name="expense"\r\n\r\n{expense}\r\n'.encode() + body
    headers = {**key, "Content-Type": "multipart/form-data; boundary=another"}
    again = await owner.call("POST", PATH, body, headers=headers)
    assert (again.status, again.json, again.headers["Idempotency-Replayed"]) == (201, first.json, "true")
    assert stored(settings) == files
    other = await owner.upload(expense, "a.txt", b"B", headers=key)
    assert (other.status, stored(settings)) == (422, files)
    assert (await owner.get(PATH)).json["count"] == 1


async def upload_to_list(owner, expense, name, **headers):
    return await owner.upload(expense, name, b"A", headers=headers)


async def upload_to_expense(owner, expense, name, **headers):
    return await upload_receipts(owner, expense, [(name, b"A")], **headers)


@pytest.mark.parametrize("upload", [upload_to_list, upload_to_expense])
async def test_an_upload_that_is_repeated_is_answered_also_where_the_expense_is_full_or_gone(
    owner, expense, settings, app, monkeypatch, upload
):
    for n in range(0, 45, 5):
        assert (await upload_receipts(owner, expense, [(f"{n}-{k}.txt", b"x") for k in range(5)])).status == 201
    assert (await upload_receipts(owner, expense, [(f"{n}.txt", b"x") for n in range(4)])).status == 201
    key = {"Idempotency-Key": f"last-{upload.__name__}"}
    first = await upload(owner, expense, "last.txt", **key)
    assert first.status == 201, first.text

    async def put(*_):
        raise AssertionError("a repeated upload stores nothing")

    monkeypatch.setattr(app.storage, "put", put)
    again = await upload(owner, expense, "last.txt", **key)
    assert (again.status, again.json, again.headers["Idempotency-Replayed"]) == (201, first.json, "true")
    assert (await upload(owner, expense, "other.txt", **key)).status == 422
    full = await upload(owner, expense, "more.txt")
    assert (full.status, full.json["error"]) == (400, "An expense can have at most 50 attachments.")
    assert (await owner.delete(f"{EXPENSES}{expense}/")).status == 204
    again = await upload(owner, expense, "last.txt", **key)
    assert (again.status, again.json) == (201, first.json)


async def test_racing_deletions_of_attachments_and_their_expense_end_well(owner, db):
    for _ in range(4):
        expense = (await owner.expense())["id"]
        answer = await upload_receipts(owner, expense, [(f"{n}.txt", b"x") for n in range(4)])
        ids = [one["id"] for one in answer.json["expense"]["attachments"]]
        answers = await asyncio.gather(
            *(owner.delete(f"{PATH}{id}/") for id in ids * 2),
            owner.upload(expense, "late.txt", b"late"),
            owner.delete(f"{EXPENSES}{expense}/"),
        )
        assert {answer.status for answer in answers} <= {201, 204, 400, 404}
        assert answers[-1].status == 204
    assert (await owner.get(PATH)).json == {"count": 0, "next": None, "previous": None, "results": []}
    kept = await db.fetch(
        "SELECT key FROM core.media_file f WHERE unused_from IS NULL AND NOT EXISTS (SELECT FROM books.attachment a WHERE a.key = f.key)"
    )
    assert kept == []


async def test_racing_deletions_of_one_attachment_delete_it_once(owner, expense):
    ids = [(await owner.upload(expense, f"{n}.txt", b"x")).json["id"] for n in range(2)]
    answers = await asyncio.gather(*(owner.delete(f"{PATH}{ids[0]}/") for _ in range(6)))
    assert sorted(answer.status for answer in answers) == [204] + [404] * 5
    shown = await owner.get(f"{EXPENSES}{expense}/")
    assert [one["id"] for one in shown.json["attachments"]] == ids[1:]


async def test_an_attachment_changes_the_state_of_its_expense(owner, expense):
    one = f"{EXPENSES}{expense}/"
    made = await owner.upload(expense, "a.txt", b"x")
    assert (await owner.patch(one, {"notes": "a"}, headers={"If-Match": '"1"'})).status == 412
    await owner.delete(f"{PATH}{made.json['id']}/")
    assert (await owner.get(one)).headers["ETag"] == '"3"'


async def test_deletions_of_attachments_enter_the_audit(owner, expense, db):
    made = (await owner.upload(expense, "a.txt", b"x")).json
    await owner.delete(f"{PATH}{made['id']}/")
    rows = await db.fetch(
        "SELECT action, account_id FROM operations.audit WHERE object_type = 'attachment' AND object_id = $1",
        str(made["id"]),
    )
    assert [tuple(row) for row in rows] == [("attachment.delete", owner.id)]

"""What owners want of their papers. docs/api/books.md#preferences."""

import asyncio
import io

import pytest
from PIL import Image

from core.files import media
from core.problem import unavailable

pytestmark = pytest.mark.gen_test

PATH, LOGO = "/api/books/preferences/", "/api/books/preferences/logo/"
DEFAULTS = {
    "currency": "USD",
    "currency_sign": "$",
    "paper_size": "A4",
    "tax_number": "",
    "phone": "",
    "website": "",
    "quote_terms": "",
    "invoice_terms": "",
    "quote_days": 30,
    "invoice_days": 30,
    "footer": "",
    "sends_reminders": True,
    "logo": None,
}
WANTED = {
    "currency": "EUR",
    "paper_size": "Letter",
    "tax_number": "DE123456789",
    "phone": "+49 30 123456",
    "website": "asha.example",
    "quote_terms": "Valid for two weeks\nas written",
    "invoice_terms": "Payable within 14 days",
    "quote_days": 14,
    "invoice_days": 0,
    "footer": "IBAN DE00 1234 5678",
    "sends_reminders": False,
}


def picture_file(kind="PNG", size=(90, 60), color="red"):
    data = io.BytesIO()
    Image.new("RGB", size, color).save(data, kind)
    return data.getvalue()


@pytest.fixture
def put_logo():
    """`await put_logo(owner, data)`: the answer to a new logo."""

    async def put_logo(owner, data=None, name="logo.png", field="logo"):
        return await owner.call("PUT", LOGO, files={field: (name, picture_file() if data is None else data)})

    return put_logo


async def test_an_owner_who_wants_nothing_has_the_defaults(owner, db):
    shown = await owner.get(PATH)
    company = {
        "name": "Member",
        "address": "",
        "email": shown.json["company"]["email"],
        "profile": "/api/auth/profile/",
    }
    assert (shown.status, shown.json) == (200, {**DEFAULTS, "company": company})
    assert await db.fetchval("SELECT count(*) FROM books.preferences WHERE owner_id = $1", owner.id) == 0


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_only_what_is_sent_changes(owner, method):
    company = (await owner.get(PATH)).json["company"]
    changed = await owner.call(method, PATH, WANTED)
    expected = {**DEFAULTS, **WANTED, "currency_sign": "€", "company": company}
    assert (changed.status, changed.json) == (200, expected)
    assert (await owner.call(method, PATH, {})).json == expected
    for name, value in (("quote_days", "7"), ("footer", "  New  "), ("phone", None), ("sends_reminders", True)):
        expected = {**expected, name: {"7": 7, "  New  ": "New", None: ""}.get(value, value)}
        changed = await owner.call(method, PATH, {name: value, "logo": "x", "company": {"name": "x"}, "owner_id": 1})
        assert (changed.status, changed.json) == (200, expected)
    assert (await owner.get(PATH)).json == expected


async def test_the_company_is_that_of_the_account(owner):
    await owner.patch("/api/auth/profile/", {"company_name": "Asha Studio", "company_address": "14 Rose Lane"})
    company = (await owner.get(PATH)).json["company"]
    assert (company["name"], company["address"], company["profile"]) == (
        "Asha Studio",
        "14 Rose Lane",
        "/api/auth/profile/",
    )


@pytest.mark.parametrize(
    ("sent", "details"),
    [
        ({"currency": "XXX"}, {"currency": ['"XXX" is not a valid choice.']}),
        ({"currency": "usd"}, {"currency": ['"usd" is not a valid choice.']}),
        ({"currency": None}, {"currency": ["This field may not be null."]}),
        ({"paper_size": "A5"}, {"paper_size": ['"A5" is not a valid choice.']}),
        ({"quote_days": -1}, {"quote_days": ["Ensure this value is greater than or equal to 0."]}),
        ({"invoice_days": 3651}, {"invoice_days": ["Ensure this value is less than or equal to 3650."]}),
        ({"invoice_days": 1e300}, {"invoice_days": ["Ensure this value is less than or equal to 3650."]}),
        ({"invoice_days": "soon"}, {"invoice_days": ['A valid integer is required. "soon" is not one.']}),
        ({"sends_reminders": "perhaps"}, {"sends_reminders": ["Must be a valid boolean."]}),
        ({"footer": "x" * 201}, {"footer": ["Ensure this field has no more than 200 characters."]}),
        ({"tax_number": "x" * 51}, {"tax_number": ["Ensure this field has no more than 50 characters."]}),
        ({"invoice_terms": "x" * 5001}, {"invoice_terms": ["Ensure this field has no more than 5000 characters."]}),
        ({"website": "a\0b"}, {"website": ["Null characters are not allowed."]}),
        ({"phone": []}, {"phone": ["Not a valid string."]}),
    ],
)
async def test_wrong_preferences_are_named_and_nothing_changes(owner, sent, details):
    answer = await owner.patch(PATH, {**sent, **({} if "footer" in sent else {"footer": "New"})})
    assert (answer.status, answer.json) == (400, {"error": "Validation failed", "details": details})
    assert (await owner.get(PATH)).json["footer"] == ""


async def test_each_owner_has_preferences_of_its_own(owner, open_books, put_logo):
    other = await open_books()
    await owner.patch(PATH, WANTED)
    await put_logo(owner)
    shown = (await other.get(PATH)).json
    assert {name: shown[name] for name in DEFAULTS} == DEFAULTS
    for method, path in (("GET", PATH), ("PATCH", PATH), ("PUT", LOGO), ("DELETE", LOGO)):
        assert (await owner.api.call(method, path, {} if method == "PATCH" else None)).status == 401


async def test_changes_of_several_members_at_once_are_all_kept(owner):
    members = list(WANTED.items())
    answers = await asyncio.gather(*(owner.patch(PATH, {name: value}) for name, value in members))
    assert {answer.status for answer in answers} == {200}
    shown = (await owner.get(PATH)).json
    assert {name: shown[name] for name in WANTED} == WANTED


async def test_changes_are_audited(owner, db):
    await owner.patch(PATH, {"currency": "EUR"})
    await owner.patch(PATH, {"currency": "INR"})
    rows = await db.fetch(
        "SELECT action, before, after FROM operations.audit WHERE account_id = $1 AND object_type = 'preferences' ORDER BY id",
        owner.id,
    )
    assert [row["action"] for row in rows] == ["preferences.update"] * 2
    assert (rows[1]["before"], rows[1]["after"]) == ('{"currency": "EUR"}', '{"currency": "INR"}')


async def test_the_function_of_the_defaults_gives_the_row_or_the_defaults(owner, db):
    read = "SELECT currency, quote_days, invoice_terms FROM books.preference($1)"
    assert tuple(await db.fetchrow(read, owner.id)) == ("USD", 30, "")
    await owner.patch(PATH, WANTED)
    assert tuple(await db.fetchrow(read, owner.id)) == ("EUR", 14, "Payable within 14 days")


# The logo


async def test_a_logo_is_stored_linked_replaced_and_removed(owner, put_logo, db, app):
    first = await put_logo(owner)
    assert first.status == 200
    read = await owner.api.get(first.json["logo"])
    assert (read.status, read.body) == (200, picture_file())
    key = await db.fetchval("SELECT logo FROM books.preferences WHERE owner_id = $1", owner.id)
    # The other preferences are as they were.
    assert {**first.json, "logo": None} == {**DEFAULTS, "company": first.json["company"]}
    second = await put_logo(owner, picture_file("JPEG", color="blue"))
    assert (await owner.api.get(second.json["logo"])).body == picture_file("JPEG", color="blue")
    assert await app.storage.get(key) is None
    removed = await owner.delete(LOGO)
    assert (removed.status, removed.json["logo"]) == (200, None)
    assert (await owner.delete(LOGO)).status == 200
    assert await db.fetchval("SELECT count(*) FROM core.media_file WHERE key LIKE $1", f"logos/{owner.id}/%") == 0


async def test_the_picture_of_a_logo_is_read_with_the_token_of_its_owner(owner, open_books, put_logo, app, monkeypatch):
    none = await owner.get(LOGO)
    assert (none.status, none.json["error"]) == (404, "There is no logo.")
    for kind, wanted in (("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")):
        data = picture_file(kind)
        assert (await put_logo(owner, data)).status == 200
        read = await owner.get(LOGO)
        assert (read.status, read.body, read.headers["Content-Type"]) == (200, data, wanted)
    assert read.headers["Cache-Control"] == "private, no-store"
    assert read.headers["X-Content-Type-Options"] == "nosniff"
    assert read.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert (await (await open_books()).get(LOGO)).status == 404
    assert (await owner.api.get(LOGO)).status == 401

    async def away(key):
        raise unavailable("away")

    monkeypatch.setattr(app.storage, "get", away)
    assert (await owner.get(LOGO)).status == 503


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "The submitted file is empty."),
        (b"<svg/>", "Upload a valid image. The file you uploaded was either not an image or a corrupted image."),
        (
            picture_file()[:60],
            "Upload a valid image. The file you uploaded was either not an image or a corrupted image.",
        ),
        (
            picture_file("GIF"),
            "Upload a valid image. The file you uploaded was either not an image or a corrupted image.",
        ),
        (b"\x89PNG" + b"x" * 5 * 1024 * 1024, "Ensure this file has no more than 5 MB."),
        (picture_file(size=(6000, 6000)), "Ensure this image has no more than 25,000,000 pixels."),
    ],
)
async def test_a_file_that_is_no_logo_is_refused(owner, put_logo, data, said):
    answer = await put_logo(owner, data)
    assert (answer.status, answer.json) == (400, {"error": "Validation failed", "details": {"logo": [said]}})
    assert (await owner.get(PATH)).json["logo"] is None


async def test_a_logo_has_to_be_sent_as_a_file(owner, put_logo):
    required = {"logo": ["This field is required."]}
    assert (await owner.put(LOGO, {})).json["details"] == required
    assert (await put_logo(owner, field="picture")).json["details"] == required
    assert (
        (await owner.put(LOGO, {"logo": "x.png"}))
        .json["details"]["logo"][0]
        .startswith("The submitted data was not a file.")
    )


async def test_without_storage_the_logo_stays(owner, put_logo, app, monkeypatch):
    before = await put_logo(owner)

    async def away(key, data, content_type):
        raise unavailable("The file storage is not available at the moment.")

    monkeypatch.setattr(app.storage, "put", away)
    assert (await put_logo(owner, picture_file(color="blue"))).status == 503
    assert (await owner.get(PATH)).json == before.json


async def test_of_logos_put_at_the_same_time_one_stays_and_the_others_are_removed(owner, put_logo, app, db):
    answers = await asyncio.gather(
        *(put_logo(owner, picture_file(color=color)) for color in ("red", "blue", "green", "black"))
    )
    assert {answer.status for answer in answers} == {200}
    # What a racing request has not removed itself, the duty does.
    await media.remove_unused(app)
    key = await db.fetchval("SELECT logo FROM books.preferences WHERE owner_id = $1", owner.id)
    assert await app.storage.get(key) is not None
    rows = await db.fetch("SELECT key FROM core.media_file WHERE key LIKE $1", f"logos/{owner.id}/%")
    assert [row["key"] for row in rows] == [key]


async def test_preferences_and_logo_go_with_an_account_that_has_no_books(owner, put_logo, app, db):
    await put_logo(owner)
    key = await db.fetchval("SELECT logo FROM books.preferences WHERE owner_id = $1", owner.id)
    assert (await owner.delete(f"/api/auth/users/{owner.id}/")).status == 204
    assert await db.fetchval("SELECT count(*) FROM books.preferences WHERE owner_id = $1", owner.id) == 0
    await media.remove_unused(app)
    assert await app.storage.get(key) is None

"""Pictures of items. docs/api/vendor.md#pictures."""

import io
from pathlib import Path

import pytest
from PIL import Image

from tests.core.test_images import picture, png_that_claims

pytestmark = pytest.mark.gen_test

LIST = "/items/"
BROKEN = "Upload a valid image. The file you uploaded was either not an image or a corrupted image."


@pytest.fixture
def post(api, vendor, token):
    """`await post("a.png", data)`: the answer to a form with a file; `post.headers` are those of its vendor."""

    async def post(name, data, **more):
        post.headers = getattr(post, "headers", None) or await token(await vendor())
        form = {"name": "Coke", "mrp_price": "25.00", **more}
        return await api.call("POST", LIST, headers=post.headers, form=form, files={"image": (name, data)})

    return post


def files(settings):
    return sorted(str(path.relative_to(settings.media_root)) for path in Path(settings.media_root).rglob("*.*"))


def key_of(url):
    return url.partition("/media/")[2].partition("?")[0]


@pytest.mark.parametrize(
    ("name", "kind", "extension"),
    [("a.PNG", "PNG", "png"), ("a.jpg", "JPEG", "jpg"), ("a.JpEg", "JPEG", "jpg"), ("a.b.webp", "WEBP", "webp")],
)
async def test_a_picture_is_stored_and_read_by_signed_links_without_signing_in(api, post, name, kind, extension):
    data = picture(kind, (900, 600))
    answer = await post(name, data)
    item = answer.json
    assert answer.status == 201
    assert item["image"].startswith(f"items/{item['id']}/") and item["image"].endswith(f".{extension}")
    assert item["image_url"].startswith(f"{api.base_url}/media/{item['image']}?")
    found = await api.get(item["image_url"])
    assert (found.status, found.body) == (200, data)
    small = await api.get(item["thumbnail_url"])
    with Image.open(io.BytesIO(small.body)) as opened:
        assert (small.status, opened.size) == (200, (320, 213))
    assert (await api.get(f"/media/{item['image']}")).status == 404
    for path in (LIST, f"{LIST}?search=coke"):
        assert (await api.get(path, headers=post.headers)).json[0] == item
    assert (await api.get(f"{LIST}{item['id']}", headers=post.headers)).json == item


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.gif", picture("GIF"), "File extension “gif” is not allowed. Allowed extensions are: jpg, jpeg, png, webp."),
        ("a.SVG", b"<svg/>", "File extension “SVG” is not allowed. Allowed extensions are: jpg, jpeg, png, webp."),
        ("a", picture(), "File extension “” is not allowed. Allowed extensions are: jpg, jpeg, png, webp."),
        ("a.jpg", picture("GIF"), BROKEN),
        ("a.png", b"no image", BROKEN),
        ("a.png", picture()[:-2000], BROKEN),
        ("a.png", b"", "The submitted file is empty."),
        ("a.png", b"x" * (5 * 1024 * 1024 + 1), "Ensure this file has no more than 5 MB."),
        ("a.png", png_that_claims(8000, 5001), "Ensure this image has no more than 40,000,000 pixels."),
        ("a.png", png_that_claims(60_000, 60_000), "Ensure this image has no more than 40,000,000 pixels."),
    ],
)
async def test_what_is_no_picture_is_refused_and_nothing_is_stored(api, post, settings, name, data, said):
    before = files(settings)
    answer = await post(name, data)
    assert (answer.status, answer.json) == (400, {"image": [said]})
    assert files(settings) == before
    assert (await api.get(LIST, headers=post.headers)).json == []


async def test_a_png_that_is_named_jpg_is_stored_as_what_it_is(post):
    assert (await post("photo.jpg", picture("PNG"))).json["image"].endswith(".png")


async def test_a_text_instead_of_a_file_is_refused(api, vendor, token):
    headers = await token(await vendor())
    said = {"image": ["The submitted data was not a file. Check the encoding type on the form."]}
    form = {"name": "Coke", "price": "1", "image": "items/x/x.jpg"}
    answer = await api.call("POST", LIST, headers=headers, form=form)
    assert (answer.status, answer.json) == (400, said)
    answer = await api.call("POST", LIST, headers=headers, form={**form, "image": ""})
    assert (answer.status, answer.json["image"]) == (201, None)
    answer = await api.call("PATCH", f"{LIST}{answer.json['id']}", {"image": "x.jpg"}, headers=headers)
    assert (answer.status, answer.json) == (400, said)


async def test_a_name_that_looks_like_a_key_gets_no_link(api, post):
    secret = (await post("a.png", picture())).json["image"]
    form = {"name": f"media:{secret}", "description": f'"image_url":"media:{secret}"', "price": "1"}
    item = (await api.call("POST", LIST, headers=post.headers, form=form)).json
    assert (item["name"], item["description"], item["image_url"]) == (form["name"], form["description"], None)
    listed = {one["id"]: one for one in (await api.get(LIST, headers=post.headers)).json}
    assert listed[item["id"]] == item


async def test_old_files_are_removed_when_a_picture_is_replaced_cleared_or_its_item_deleted(api, post, settings, db):
    item = (await post("a.png", picture(size=(400, 300)))).json
    path = f"{LIST}{item['id']}/"
    first = {item["image"], key_of(item["thumbnail_url"])}
    assert first <= set(files(settings))

    kept = await api.call("PATCH", path, {"name": "Renamed"}, headers=post.headers)
    assert kept.json["image"] == item["image"]
    answer = await api.call("PATCH", path, headers=post.headers, form={}, files={"image": ("b.jpg", picture("JPEG"))})
    replaced = answer.json
    second = {replaced["image"], key_of(replaced["thumbnail_url"])}
    assert second <= set(files(settings)) and not first & set(files(settings))

    cleared = (await api.call("PATCH", path, {"image": None}, headers=post.headers)).json
    assert (cleared["image"], cleared["image_url"], cleared["thumbnail_url"]) == (None, None, None)
    assert not second & set(files(settings))

    answer = await api.call("PATCH", path, headers=post.headers, form={}, files={"image": ("c.webp", picture("WEBP"))})
    third = {answer.json["image"], key_of(answer.json["thumbnail_url"])}
    await api.call("DELETE", path, headers=post.headers)
    assert not third & set(files(settings))
    assert not await db.fetchval("SELECT count(*) FROM core.media_file WHERE key = ANY ($1)", [*first, *second, *third])


async def test_the_pictures_of_a_vendor_that_is_deleted_are_removed(post, db):
    item = (await post("a.png", picture())).json
    assert await db.fetchval("SELECT unused_from IS NULL FROM core.media_file WHERE key = $1", item["image"])
    await db.execute("DELETE FROM vendor.vendor WHERE id = $1::uuid", item["vendor"])
    assert await db.fetchval("SELECT unused_from IS NOT NULL FROM core.media_file WHERE key = $1", item["image"])


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1", "L", "I;16", "CMYK"])
async def test_pictures_of_every_kind_of_pixels_get_a_small_rendition(api, post, mode):
    written = io.BytesIO()
    source = Image.effect_noise((500, 400), 90).convert("RGB")
    kind = "JPEG" if mode == "CMYK" else "PNG"
    source = Image.new("I;16", (500, 400), 30_000) if mode == "I;16" else source.convert(mode)
    if mode == "RGBA":
        source.putalpha(100)
    source.save(written, kind)
    item = (await post(f"a.{kind.lower()}", written.getvalue())).json
    small = await api.get(item["thumbnail_url"])
    with Image.open(io.BytesIO(small.body)) as opened:
        assert opened.size == (320, 256) and opened.format == ("PNG" if mode == "RGBA" else "JPEG")


async def test_a_photo_that_lies_on_its_side_stands_upright_in_its_small_rendition(api, post):
    written = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.effect_noise((640, 320), 90).convert("RGB").save(written, "JPEG", exif=exif)
    small = await api.get((await post("a.jpg", written.getvalue())).json["thumbnail_url"])
    with Image.open(io.BytesIO(small.body)) as opened:
        assert opened.size == (160, 320)


async def test_a_small_picture_is_not_enlarged(api, post):
    small = await api.get((await post("a.png", picture(size=(40, 30)))).json["thumbnail_url"])
    with Image.open(io.BytesIO(small.body)) as opened:
        assert opened.size == (40, 30)


async def test_a_list_whose_links_have_ended_is_sent_again(api, post, app):
    await post("a.png", picture())
    now = [1_000_000.0]
    app.storage._clock = lambda: now[0]
    first = await api.get(LIST, headers=post.headers)
    conditional = {**post.headers, "If-None-Match": first.headers["ETag"]}
    assert (await api.get(LIST, headers=conditional)).status == 304
    now[0] += 3600
    again = await api.get(LIST, headers=conditional)
    assert again.status == 200 and again.json[0]["image_url"] != first.json[0]["image_url"]


async def test_a_form_of_more_than_10_mb_is_413_once_the_caller_may_enter(api, post):
    long = b"x" * 12 * 1024**2
    answer = await post("a.png", long)
    assert (answer.status, answer.json) == (413, {"detail": "The request body is longer than 10 MB."})
    assert (await api.call("POST", LIST, form={"name": "Coke"}, files={"image": ("a.png", long)})).status == 401

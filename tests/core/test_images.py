"""What is kept as an image, and what is refused: by its content, decoded in full, within limits."""

import asyncio
import io
import struct
import threading
import time
import zlib

import pytest
from PIL import Image, ImageFile

from core.files import images
from core.files.images import ImageRefused, check_image
from handlers.api.messages import SENTENCES

pytestmark = pytest.mark.gen_test

NOT_AN_IMAGE = "Upload a valid image. The file you uploaded was either not an image or a corrupted image."
TOO_LARGE = "Ensure this image has no more than 25,000,000 pixels."
TOO_MANY = "Ensure this animation has no more than 300 frames and 100,000,000 pixels."

KINDS = {
    "PNG": ("png", "image/png"), "JPEG": ("jpg", "image/jpeg"), "GIF": ("gif", "image/gif"), "WEBP": ("webp", "image/webp"),
}  # fmt: skip


def picture(kind="PNG", size=(40, 30), **more):
    written = io.BytesIO()
    Image.effect_noise(size, 90).convert("RGB").save(written, kind, **more)
    return written.getvalue()


def animation(kind, frames, size=(20, 20)):
    made = [Image.new("RGB", size, (number % 256, number // 256, 9)) for number in range(frames)]
    written = io.BytesIO()
    made[0].save(written, kind, save_all=True, append_images=made[1:], duration=20)
    return written.getvalue()


def png_that_claims(width, height):
    """The head says so; there are a few bytes of pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(10_000))) + chunk(b"IEND", b"")


async def refusal(data):
    with pytest.raises(ImageRefused) as caught:
        await check_image(data)
    return sentence(caught.value)


def sentence(error):
    return SENTENCES[error.message.code].format(**error.message.details)


@pytest.mark.parametrize("kind", KINDS)
async def test_each_format_is_known_by_its_content_and_kept_as_it_is(kind):
    data = picture(kind)
    assert await check_image(data) == (data, *KINDS[kind], None)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
async def test_an_animation_is_an_image(kind):
    assert (await check_image(animation(kind, 5))).extension == kind.lower()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
async def test_pngs_of_every_depth_are_images(mode):
    written = io.BytesIO()
    Image.new(mode, (30, 30)).save(written, "PNG")
    assert (await check_image(written.getvalue())).extension == "png"


async def test_a_camera_jpeg_with_a_second_picture_behind_is_a_jpeg():
    written = io.BytesIO()
    first, second = Image.new("RGB", (64, 48)), Image.new("RGB", (16, 12))
    first.save(written, "MPO", save_all=True, append_images=[second])
    assert (await check_image(written.getvalue())).content_type == "image/jpeg"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_file_cut_off_is_refused_wherever_it_was_cut(kind):
    data = picture(kind, (120, 90))
    for kept in (1, 4, 12, 30, len(data) // 4, len(data) // 2, len(data) * 9 // 10):
        assert await refusal(data[:kept]) == NOT_AN_IMAGE, kept


@pytest.mark.parametrize("kind", KINDS)
async def test_damage_in_any_place_is_an_image_or_refused_and_nothing_else(kind):
    data = picture(kind, (24, 18))
    for place in range(0, len(data), max(1, len(data) // 60)):
        damaged = data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]
        try:
            assert (await check_image(damaged)).content_type == KINDS[kind][1]
        except ImageRefused as error:
            assert sentence(error) in (NOT_AN_IMAGE, TOO_LARGE, TOO_MANY)


@pytest.mark.parametrize(
    "data",
    [
        b"text", b"\0" * 1000, b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<?xml version='1.0'?><svg/>", b"GIF89a", b"RIFF\0\0\0\0WEBP",
        b"<html><script>alert(1)</script></html>", b"%PDF-1.7", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"PK\x03\x04",
    ],
)  # fmt: skip
async def test_what_is_no_image_is_refused_in_the_documents_words(data):
    told = "Upload a valid image. The file you uploaded was either not an image or a corrupted image."
    assert await refusal(data) == told


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "ICO", "PPM", "PDF", "EPS"])
async def test_other_formats_that_pillow_knows_are_refused(kind):
    assert await refusal(picture(kind)) == NOT_AN_IMAGE


async def test_an_empty_file_is_refused_in_the_documents_words():
    assert await refusal(b"") == "The submitted file is empty."


async def test_a_file_over_5_mb_is_refused_and_one_of_5_mb_is_not():
    data = picture("GIF")
    whole = data + bytes(images.BYTES - len(data))
    assert (await check_image(whole)).extension == "gif"
    assert await refusal(whole + b"\0") == "Ensure this file has no more than 5 MB."


async def test_an_image_with_a_page_appended_is_still_that_image():
    assert (await check_image(picture("GIF") + b"<html><script>alert(1)</script>")).content_type == "image/gif"


@pytest.fixture
def undecoded(monkeypatch):
    """Decoding a picture fails the test."""

    def decode(*args, **more):
        pytest.fail("the picture was decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)


@pytest.mark.parametrize("size", [(50_000, 50_000), (5001, 5000), (25_000_001, 1), (2**31 - 1, 2**31 - 1)])
async def test_a_png_that_claims_too_many_pixels_is_refused_before_it_is_decoded(size, undecoded):
    assert await refusal(png_that_claims(*size)) in (TOO_LARGE, NOT_AN_IMAGE)


async def test_the_most_pixels_are_allowed():
    written = io.BytesIO()
    Image.new("1", (5000, 5000)).save(written, "PNG")
    assert (await check_image(written.getvalue())).extension == "png"


async def test_a_small_file_of_many_large_pixels_is_refused_as_such():
    written = io.BytesIO()
    Image.new("1", (5001, 5000)).save(written, "PNG")
    assert await refusal(written.getvalue()) == "Ensure this image has no more than 25,000,000 pixels."


async def test_an_animation_of_too_many_frames_or_pixels_is_refused(monkeypatch):
    assert (await check_image(animation("GIF", images.FRAMES, (2, 2)))).extension == "gif"
    assert (await refusal(animation("GIF", images.FRAMES + 1, (2, 2)))).startswith(
        "Ensure this animation has no more than 300 frames and "
    )
    monkeypatch.setattr(images, "PIXELS_OF_FRAMES", 1_000_000)  # the true limit takes seconds to reach
    assert (await check_image(animation("GIF", 10, (400, 250)))).extension == "gif"
    assert (await refusal(animation("GIF", 11, (400, 250)))).startswith(
        "Ensure this animation has no more than 300 frames and "
    )


async def test_a_jpeg_of_endless_scans_is_refused_before_it_is_decoded(request):
    written = io.BytesIO()
    Image.new("L", (5000, 5000)).save(written, "JPEG", progressive=True)
    data = written.getvalue()
    assert (await check_image(data)).extension == "jpg"
    scan = data[data.rindex(b"\xff\xda") : -2]
    request.getfixturevalue("undecoded")
    assert await refusal(data[:-2] + scan * 20_000 + b"\xff\xd9") == NOT_AN_IMAGE


async def test_what_looks_like_scans_in_a_jpegs_notes_or_behind_its_end_is_none():
    data = picture("JPEG", comment=b"\xff\xda" * 5000)
    assert (await check_image(data + b"\xff\xda" * 5000)).extension == "jpg"


async def test_no_more_than_two_are_decoded_at_once_and_off_the_loop(monkeypatch):
    at_once, most, names, lock = 0, 0, set(), threading.Lock()
    real = images._decode_frames

    def counted(image, **more):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
            names.add(threading.current_thread().name)
        time.sleep(0.02)
        real(image, **more)
        with lock:
            at_once -= 1

    monkeypatch.setattr(images, "_decode_frames", counted)
    await asyncio.gather(*(check_image(picture("PNG", (8, 8))) for _ in range(8)))
    assert most == 2 and threading.main_thread().name not in names

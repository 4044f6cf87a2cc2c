"""What a scanner and a reader find on papers."""

import io
import itertools
from typing import Any

import pypdf
import zxingcpp
from PIL import Image, ImageDraw

POINTS_OF_MILLIMETRE = 72 / 25.4
# Dots of a picture in each point: 360 an inch.
DOTS = 5
FORMATS = [zxingcpp.BarcodeFormat.Code128, zxingcpp.BarcodeFormat.QRCode]


def pages(data: bytes) -> Any:
    """The pages of a PDF that breaks no rule."""
    return pypdf.PdfReader(io.BytesIO(data), strict=True).pages


def texts(data: bytes) -> list[str]:
    """The text of each page, with single blanks."""
    return [" ".join(page.extract_text().split()) for page in pages(data)]


def filled(page: Any) -> list[tuple[float, float, float, float]]:
    """The black rectangles of a page: left, bottom, width and height."""
    found, waiting = [], []
    for operands, operator in page.get_contents().operations:
        if operator == b"re":
            waiting.append(tuple(map(float, operands)))
        elif operator in (b"f", b"f*"):
            found += waiting
            waiting = []
        elif operator in (b"S", b"s", b"n", b"W", b"W*"):
            waiting = []
    return found


def scanned(page: Any) -> list[tuple[str, str]]:
    """The codes that a scanner reads on a page, from the top: the kind and the text of each."""
    width, height = float(page.mediabox.width), float(page.mediabox.height)
    picture = Image.new("L", (round(width * DOTS), round(height * DOTS)), 255)
    draw = ImageDraw.Draw(picture)
    for left, bottom, across, up in filled(page):
        box = (left * DOTS, (height - bottom - up) * DOTS, (left + across) * DOTS - 1, (height - bottom) * DOTS - 1)
        draw.rectangle(tuple(map(round, box)), fill=0)
    found = zxingcpp.read_barcodes(picture, formats=FORMATS, try_rotate=False, try_downscale=False, try_invert=False)
    ordered = sorted(found, key=lambda one: (one.position.top_left.y, one.position.top_left.x))
    return [(str(one.format).rpartition(".")[2], one.text) for one in ordered]


def all_scanned(data: bytes) -> list[tuple[str, str]]:
    return list(itertools.chain.from_iterable(map(scanned, pages(data))))

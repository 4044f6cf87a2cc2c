"""Barcodes on paper, drawn as vectors: Code 128 and QR codes. Measures in points.

Each drawing has the white margin that a scanner needs, so it may stand beside anything.
"""

from functools import lru_cache
from typing import Any, NamedTuple

from core.paper.pages import POINTS_OF_MILLIMETRE
from core.paper.rows import CENTRE, LEADING, RIGHT, Row, Text
from core.paper.text import shortened, width

# The narrowest bar, in millimetres: the widest of these with which the code fits. Printers of labels have 8 dots a millimetre, and bars
# of whole dots come out evenly. Common scanners read no narrower ones than the last (0.0075 inch).
MODULES = (0.5, 0.375, 0.25, 0.19)
# The white margin on each side of a Code 128 and of a QR code, in modules (ISO/IEC 15417, ISO/IEC 18004).
BARS_MARGIN, QR_MARGIN = 10, 4
# The smallest module of a QR code, in millimetres, that the cameras of telephones read.
LEAST_QR = 0.25
# Bytes of a QR code. A longer one would be larger than any label here, and takes a tenth of a second to make.
MOST_QR = 600
# Texts whose codes are remembered: some 3 MB.
REMEMBERED = 512
# Neighbouring rows of a QR code overlap by this part of a module. Without it, viewers show hairlines between them.
OVERLAP = 0.04

# The first module and the number of modules of each dark run.
Runs = tuple[tuple[int, int], ...]


class Bars(NamedTuple):
    """A Code 128. runs: its bars. modules: its width with both margins. module: the width of one."""

    runs: Runs
    modules: int
    module: float
    height: float

    @property
    def width(self) -> float:
        return self.modules * self.module

    def draw(self, canvas: Any, left: float, bottom: float) -> None:
        path = canvas.beginPath()
        for start, length in self.runs:
            path.rect(left + (BARS_MARGIN + start) * self.module, bottom, length * self.module, self.height)
        _fill(canvas, path)


class Qr(NamedTuple):
    """A QR code. rows: from the top. height: its side with the margins."""

    rows: tuple[Runs, ...]
    height: float

    @property
    def width(self) -> float:
        return self.height

    def draw(self, canvas: Any, left: float, bottom: float) -> None:
        module = self.height / (len(self.rows) + 2 * QR_MARGIN)
        top = bottom + self.height - QR_MARGIN * module
        path = canvas.beginPath()
        for at, runs in enumerate(self.rows, 1):
            for start, length in runs:
                x = left + (QR_MARGIN + start) * module
                path.rect(x, top - at * module, length * module, (1 + OVERLAP) * module)
        _fill(canvas, path)


Code = Bars | Qr


def bars(text: str, room: float, height: float) -> Bars | None:
    """The text as a Code 128, as wide as fits into the room. None: it doesn't fit, or the text has other characters than printable ASCII."""
    if not (text and text.isascii() and text.isprintable()):
        return None
    found = _bars(text)
    modules = sum(found[-1]) + 2 * BARS_MARGIN
    for millimetres in MODULES:
        module = millimetres * POINTS_OF_MILLIMETRE
        if modules * module <= room:
            return Bars(found, modules, module, height)
    return None


def qr(text: str, side: float) -> Qr | None:
    """The text as a QR code of error correction level M. None: its modules would be too small for a scanner, or the text is empty."""
    if not text or len(text.encode()) > MOST_QR:
        return None
    rows = _qr(text)
    least = (len(rows) + 2 * QR_MARGIN) * LEAST_QR * POINTS_OF_MILLIMETRE
    return Qr(rows, side) if least <= side else None


def code(text: str, room: float, height: float, side: float) -> Code | None:
    """The text as a Code 128 of that height, or else as a QR code of that side. None: it fits as neither."""
    return bars(text, room, height) or qr(text, min(room, side))


def code_rows(found: Code | None, text: str, room: float, size: float, align: float = RIGHT) -> list[Row]:
    """A code in so much room, and its text below it. size: of the text. No row without a code."""
    if found is None:
        return []
    below = shortened(text, room, size)
    half = width(below, size) / 2
    left = align * (room - found.width)
    middle = min(max(left + found.width / 2, half), room - half)
    return [Row(found.height, picture=(left, found)), Row(size * LEADING, (Text(middle, below, size, CENTRE),))]


def _fill(canvas: Any, path: Any) -> None:
    canvas.setFillColorRGB(0, 0, 0)
    canvas.drawPath(path, stroke=0, fill=1)


@lru_cache(REMEMBERED)
def _bars(text: str) -> Runs:
    from reportlab.graphics.barcode.code128 import Code128

    made = Code128(text, quiet=0)
    for step in (made.validate, made.encode, made.decompose):
        step()
    found, at = [], 0
    # Bars and spaces as letters: capital ones are bars, and A to D are one to four modules.
    for letter in made.decomposed:
        length = ord(letter.upper()) - ord("A") + 1
        if letter.isupper():
            found.append((at, length))
        at += length
    return tuple(found)


@lru_cache(REMEMBERED)
def _qr(text: str) -> tuple[Runs, ...]:
    from reportlab.graphics.barcode.qrencoder import QR8bitByte, QRCode, QRErrorCorrectLevel

    made = QRCode(None, QRErrorCorrectLevel.M)
    # ReportLab would write Greek and Cyrillic as Shift JIS. Scanners take bytes for UTF-8.
    made.addData(text if text.isascii() else QR8bitByte(text))
    made.make()
    return tuple(_dark(row) for row in made.modules)


def _dark(row: list[Any]) -> Runs:
    found: list[tuple[int, int]] = []
    for at, is_dark in enumerate(row):
        if not is_dark:
            continue
        if found and sum(found[-1]) == at:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((at, 1))
    return tuple(found)

"""The forms of a receipt: text, PDF, and the commands of a receipt printer (ESC/POS). docs/api/pos.md#receipts.

Each is made from the same rows (handlers/pos/receipt_paper.py).
"""

import io
from collections.abc import Iterator, Sequence
from functools import cache

from core import product
from core.paper.fonts import characters, font, writing
from core.paper.pages import LONGEST_PAGE, POINTS_OF_MILLIMETRE
from handlers.pos.receipt_paper import Paper, Row, shown

REGULAR, BOLD = "DejaVuSansMono", "DejaVuSansMono-Bold"
# Millimetres of a PDF's page that stay white on each side: printers can't print on the edge.
MARGIN = 4.0
# From one row to the next, in sizes of the font.
LEADING = 1.25

# ESC/POS. A few commands by hand: python-escpos 3.1 adds nine packages, and its default printer writes ñ as GB18030.
INITIALIZE = b"\x1b@"
# Without it some printers read two bytes from 128 on as one Chinese character.
NO_CHINESE = b"\x1c."
BOLD_ON, BOLD_OFF = b"\x1bE\x01", b"\x1bE\x00"
CODE_PAGE = b"\x1bt"
# Three lines, so that printers without a cutter move the last row out too.
FEED = b"\x1bd\x03"
# Moves the paper to the cutter and cuts it.
CUT = b"\x1dVB\x00"
# What printers call their code pages (Epson's numbers, which other makers follow), in the order in which they are tried: Western with
# the euro, Western of Windows, Latin 2, Cyrillic, Greek.
CODE_PAGES = {19: "cp858", 16: "cp1252", 18: "cp852", 17: "cp866", 14: "cp737"}


def as_text(rows: Sequence[Row]) -> bytes:
    """The rows as UTF-8."""
    return "".join(f"{row.text}\n" for row in rows).encode()


def as_escpos(rows: Sequence[Row]) -> bytes:
    """The rows as a receipt printer takes them; characters that are in none of its code pages become `?`."""
    return b"".join((INITIALIZE, NO_CHINESE, *_printed(rows), FEED, CUT))


def _printed(rows: Sequence[Row]) -> Iterator[bytes]:
    codes, page = _codes(), 0
    for row in rows:
        if row.is_bold:
            yield BOLD_ON
        for character in shown(row.text, codes.__contains__):
            if character.isascii():
                yield character.encode("ascii")
                continue
            pages = codes[character]
            if page not in pages:
                page = next(iter(pages))
                yield CODE_PAGE + bytes([page])
            yield pages[page]
        yield BOLD_OFF + b"\n" if row.is_bold else b"\n"


@cache
def _codes() -> dict[str, dict[int, bytes]]:
    """The byte of each character by the code pages that have it."""
    found: dict[str, dict[int, bytes]] = {}
    for page, encoding in CODE_PAGES.items():
        for code in range(0x80, 0x100):
            one = bytes([code])
            if character := one.decode(encoding, "ignore"):
                found.setdefault(character, {})[page] = one
    return found


def as_pdf(rows: Sequence[Row], paper: Paper, title: str, language: str) -> bytes:
    """The rows as a PDF, whose page is as wide as the paper and as long as its text. The same rows are the same bytes."""
    # Importing it takes about 0.1 s, and most servers never write a receipt.
    from reportlab.pdfgen.canvas import Canvas

    with writing:
        regular, _ = font(REGULAR), font(BOLD)
        margin = MARGIN * POINTS_OF_MILLIMETRE
        page_width = paper.millimetres * POINTS_OF_MILLIMETRE
        size = (page_width - 2 * margin) / (paper.columns * regular.stringWidth("0", 1))
        leading = size * LEADING
        # The longest receipts have several pages.
        most = int((LONGEST_PAGE - 2 * margin) / leading)
        file = io.BytesIO()
        # invariant: no time and no random id.
        canvas = Canvas(file, invariant=1, lang=language, initialFontName=REGULAR)
        canvas.setTitle(title)
        canvas.setCreator(product.NAME)
        for start in range(0, len(rows), most):
            on_page = rows[start : start + most]
            height = len(on_page) * leading + 2 * margin
            canvas.setPageSize((page_width, height))
            for place, row in enumerate(on_page):
                name = BOLD if row.is_bold else REGULAR
                canvas.setFont(name, size)
                # The base line: what is below it is a quarter of the size.
                canvas.drawString(
                    margin,
                    height - margin - place * leading - size,
                    shown(row.text, characters(name).__contains__),
                )
            canvas.showPage()
        canvas.save()
    return file.getvalue()

"""Rows on pages, and pages in a PDF. Measures in points."""

import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from core import product
from core.paper.fonts import LATIN, font, writing
from core.paper.rows import Row, draw_rows, height
from core.paper.text import plain

POINTS_OF_MILLIMETRE = 72 / 25.4
# Readers show no longer page (ISO 32000-1, annex C.2).
LONGEST_PAGE = 14_400


class Sheet(NamedTuple):
    """The paper. height: None for paper from a roll, which is cut where the text ends. margin: what stays white on each side."""

    width: float
    height: float | None
    margin: float

    @property
    def room(self) -> float:
        """The width that can be written on."""
        return self.width - 2 * self.margin


class Block(NamedTuple):
    """Rows that stay together on one page, if a page is long enough. head: rows that stand over them where a page begins with them."""

    rows: Sequence[Row]
    head: Sequence[Row] = ()


Foot = Callable[[int, int], Sequence[Row]]


def paginated(blocks: Iterable[Block], room: float, head: Sequence[Row]) -> list[list[Row]]:
    """The rows of each page. room: the height for rows. head: rows at the top of each page but the first."""
    pages: list[list[Row]] = [[]]
    left = room
    for block in blocks:
        top = [*head, *block.head]
        needed, whole = height(block.rows), room - height(top)
        must_break = left < needed <= whole
        for row in block.rows:
            if must_break or row.height > left:
                pages.append([*top])
                left, must_break = whole, False
            pages[-1].append(row)
            left -= row.height
    return pages


def describe(canvas: Any, title: str, author: str) -> None:
    """Set what readers show as the properties of the file."""
    canvas.setTitle(plain(title))
    # ReportLab would write "anonymous" and "unspecified".
    canvas.setAuthor(plain(author))
    canvas.setSubject("")
    canvas.setCreator(product.NAME)


class Part(NamedTuple):
    """Blocks with pages of their own in a PDF. head: the rows at the top of each page but the first. foot: the rows at the foot of a page, by
    its number and how many the part has."""

    blocks: Iterable[Block]
    head: Sequence[Row] = ()
    foot: Foot | None = None


def pdf(
    blocks: Sequence[Block],
    sheet: Sheet,
    *,
    title: str,
    language: str,
    author: str = "",
    head: Sequence[Row] = (),
    foot: Foot | None = None,
) -> bytes:
    """The blocks as a PDF. The same blocks are the same bytes. author: who issues the paper. head, foot: as those of a Part.

    Call it in the thread of core.paper.fonts.in_thread, and hold core.paper.fonts.writing.
    """
    return pdf_of_parts([Part(blocks, head, foot)], sheet, title=title, language=language, author=author)


def pdf_of_parts(parts: Iterable[Part], sheet: Sheet, *, title: str, language: str, author: str = "") -> bytes:
    """The parts as a PDF, one after the other, as pdf() writes one."""
    file = io.BytesIO()
    canvas = blank(file, title=title, language=language, author=author)
    for part in parts:
        _draw_part(canvas, part, sheet)
    canvas.save()
    return file.getvalue()


def blank(file: io.BytesIO, *, title: str, language: str, author: str = "") -> Any:
    """A canvas of ReportLab that writes a PDF into the file."""
    from reportlab.pdfgen.canvas import Canvas

    assert writing.locked(), "the fonts are read while a PDF is written"
    font(LATIN)
    # invariant: no time and no random id.
    canvas = Canvas(file, invariant=1, lang=language, initialFontName=LATIN)
    describe(canvas, title, author)
    return canvas


def _draw_part(canvas: Any, part: Part, sheet: Sheet) -> None:
    foot = part.foot
    foot_height = height(foot(1, 1)) if foot else 0.0
    most = (sheet.height or LONGEST_PAGE) - 2 * sheet.margin - foot_height
    found = paginated(part.blocks, most, part.head)
    for number, rows in enumerate(found, 1):
        page_height = sheet.height or height(rows) + 2 * sheet.margin + foot_height
        canvas.setPageSize((sheet.width, page_height))
        draw_rows(canvas, rows, sheet.margin, page_height - sheet.margin)
        if foot:
            draw_rows(canvas, foot(number, len(found)), sheet.margin, sheet.margin + foot_height)
        canvas.showPage()

"""Labels on sheets, and on the rolls of label printers, in a PDF. Measures in points unless a name says otherwise."""

import io
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from core.paper.pages import POINTS_OF_MILLIMETRE, blank
from core.paper.rows import Row, draw_rows, height

# Of the line along which a card is cut, in points and as parts of red, green and blue.
CUT_WIDTH, CUT_INK = 0.4, (0.6, 0.6, 0.6)


class LabelSheet(NamedTuple):
    """Labels of one size on a sheet, whose rows and columns lie in the middle of it. All in millimetres. gap: between columns, and
    between rows. padding: what stays white on each side within a label, as printers feed paper up to a millimetre askew."""

    width: float
    height: float
    columns: int
    rows: int
    label_width: float
    label_height: float
    gap: tuple[float, float] = (0, 0)
    padding: float = 3

    @property
    def labels(self) -> int:
        """How many one sheet has."""
        return self.columns * self.rows

    @property
    def room(self) -> tuple[float, float]:
        """The width and the height that can be written on, of one label; in points."""
        return (
            (self.label_width - 2 * self.padding) * POINTS_OF_MILLIMETRE,
            (self.label_height - 2 * self.padding) * POINTS_OF_MILLIMETRE,
        )

    def corner(self, place: int) -> tuple[float, float]:
        """The left bottom corner of the label at a place, counted from 0 along the rows from the top left; in points."""
        row, column = divmod(place, self.columns)
        across, down = self.gap
        left = (self.width - self.columns * self.label_width - (self.columns - 1) * across) / 2
        top = (self.height - self.rows * self.label_height - (self.rows - 1) * down) / 2
        x = left + column * (self.label_width + across)
        y = self.height - top - row * (self.label_height + down) - self.label_height
        return x * POINTS_OF_MILLIMETRE, y * POINTS_OF_MILLIMETRE


class Label(NamedTuple):
    """rows: from the top. foot: rows that end at the bottom."""

    rows: Sequence[Row]
    foot: Sequence[Row] = ()


def fitted(rows: Iterable[Row], room: float) -> list[Row]:
    """The first of the rows, as many as are not higher than the room."""
    found: list[Row] = []
    for row in rows:
        room -= row.height
        if room < 0:
            break
        found.append(row)
    return found


def labels_pdf(
    labels: Iterable[Label], sheet: LabelSheet, *, title: str, language: str, first: int = 1, is_cut: bool = False
) -> bytes:
    """The labels as a PDF. The same labels are the same bytes. first: the place of the first one on the first sheet, counted from 1.
    is_cut: lines are drawn around them, for paper without perforation.

    Call it in the thread of core.paper.fonts.in_thread, and hold core.paper.fonts.writing.
    """
    file = io.BytesIO()
    canvas = blank(file, title=title, language=language)
    canvas.setPageSize((sheet.width * POINTS_OF_MILLIMETRE, sheet.height * POINTS_OF_MILLIMETRE))
    width, its_height = sheet.label_width * POINTS_OF_MILLIMETRE, sheet.label_height * POINTS_OF_MILLIMETRE
    padding = sheet.padding * POINTS_OF_MILLIMETRE
    for at, label in enumerate(labels, first - 1):
        if at % sheet.labels == 0 and at >= sheet.labels:
            canvas.showPage()
        x, y = sheet.corner(at % sheet.labels)
        canvas.saveState()
        # Nothing reaches into the label beside this one, whatever a text is.
        path = canvas.beginPath()
        path.rect(x, y, width, its_height)
        canvas.clipPath(path, stroke=0, fill=0)
        draw_rows(canvas, label.rows, x + padding, y + its_height - padding)
        draw_rows(canvas, label.foot, x + padding, y + padding + height(label.foot))
        canvas.restoreState()
        if is_cut:
            canvas.setLineWidth(CUT_WIDTH)
            canvas.setStrokeColorRGB(*CUT_INK)
            canvas.rect(x, y, width, its_height, stroke=1, fill=0)
    canvas.showPage()
    canvas.save()
    return file.getvalue()

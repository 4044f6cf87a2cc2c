"""Rows of a page: texts at their places, rules and pictures. Measures in points."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from core.paper.picture import Picture
from core.paper.text import draw, plain, shortened, width, wrapped

# From one base line to the next, in sizes of the font: the letters of India reach further up and down than those of Latin.
LEADING = 1.4
# Of the base line below the top of the row, in sizes of the font.
ASCENT = 1.0
# Of a rule. Thermal printers have dots of an eighth of a millimetre.
RULE_WIDTH = 0.5
# Between a label and its value, and between columns; in sizes of the font.
GAP = 0.8
LEFT, CENTRE, RIGHT = 0.0, 0.5, 1.0
# Parts of red, green and blue.
Ink = tuple[float, float, float]
BLACK: Ink = (0.0, 0.0, 0.0)
# In sizes of the font: some 60 letters.
WIDE = 30
# The columns of a grid, in its width: label, value, label, value.
GRID = (0.16, 0.36, 0.14, 0.34)


class Drawing(Protocol):
    """A picture, or a chart."""

    @property
    def height(self) -> float: ...
    def draw(self, canvas: Any, left: float, bottom: float) -> None: ...


class Text(NamedTuple):
    """One row of text. x: from the left margin, to that part of the text that `align` says (LEFT, CENTRE, RIGHT). text: from plain()."""

    x: float
    text: str
    size: float
    align: float = LEFT
    is_bold: bool = False
    ink: Ink = BLACK


class Rule(NamedTuple):
    """A line. start: from the left margin."""

    start: float
    length: float
    thickness: float = RULE_WIDTH
    ink: Ink = BLACK


class Row(NamedTuple):
    """What stands at one height of the page. rule: across the middle. picture: with its distance from the left margin. beside: rows that
    begin at the top of this one, with their distance from the left margin; no page breaks them."""

    height: float
    texts: tuple[Text, ...] = ()
    rule: Rule | None = None
    picture: tuple[float, Drawing] | None = None
    beside: tuple[tuple[float, Sequence["Row"]], ...] = ()

    def draw(self, canvas: Any, left: float, top: float) -> None:
        for one in self.texts:
            x = left + one.x - one.align * width(one.text, one.size, is_bold=one.is_bold) if one.align else left + one.x
            draw(canvas, x, top - ASCENT * one.size, one.text, one.size, is_bold=one.is_bold, ink=one.ink)
        if self.rule:
            y, start = top - self.height / 2, left + self.rule.start
            canvas.setLineWidth(self.rule.thickness)
            canvas.setStrokeColorRGB(*self.rule.ink)
            canvas.line(start, y, start + self.rule.length, y)
        if self.picture:
            x, picture = self.picture
            picture.draw(canvas, left + x, top - picture.height)
        for x, rows in self.beside:
            draw_rows(canvas, rows, left + x, top)


def draw_rows(canvas: Any, rows: Iterable[Row], left: float, top: float) -> None:
    """Draw the rows one below the other."""
    for row in rows:
        row.draw(canvas, left, top)
        top -= row.height


def beside(*parts: tuple[float, Sequence[Row]]) -> Row:
    """The rows side by side, each part so far from the left margin."""
    return Row(max(height(rows) for _, rows in parts), beside=parts)


class Column(NamedTuple):
    """A column of a table. x: its left edge."""

    x: float
    width: float
    align: float


class Rows:
    """Makes rows of one width and one size of letters. Texts may be any text, at most `most` characters of each are shown."""

    def __init__(self, width: float, size: float, most: int) -> None:
        self.width, self.size, self.most = width, size, most

    def rule(self, *, start: float = 0, space: float = 0.8, thickness: float = RULE_WIDTH, ink: Ink = BLACK) -> Row:
        """A line from `start` to the right margin. space: the row's height, in sizes of the font."""
        return Row(self.size * space, rule=Rule(start, self.width - start, thickness, ink))

    def space(self, sizes: float) -> Row:
        return Row(self.size * sizes)

    def picture(self, picture: Picture, *, align: float = CENTRE) -> Row:
        return Row(picture.height + self.size / 2, picture=(align * (self.width - picture.width), picture))

    @property
    def is_wide(self) -> bool:
        """Whether a label and its value at the other side would be too far from one another."""
        return self.width > WIDE * self.size

    def text(
        self,
        text: str,
        *,
        align: float = LEFT,
        is_bold: bool = False,
        scale: float = 1,
        start: float = 0,
        ink: Ink = BLACK,
        most_rows: int = 0,
    ) -> list[Row]:
        """A paragraph. start: where it begins. most_rows: if it has more, the last one ends with an ellipsis; 0: it may have any number."""
        size, room = self.size * scale, self.width - start
        rows = wrapped(text, room, size, is_bold=is_bold, most=self.most)
        if most_rows and len(rows) > most_rows:
            rows[most_rows - 1 :] = [shortened(" ".join(rows[most_rows - 1 :]), room, size, is_bold=is_bold)]
        return [Row(size * LEADING, (Text(start + align * room, row, size, align, is_bold, ink),)) for row in rows]

    def pair(
        self,
        label: str,
        value: str,
        *,
        is_bold: bool = False,
        scale: float = 1,
        start: float = 0,
        label_ink: Ink = BLACK,
    ) -> list[Row]:
        """A label and, at the right, its value, which has rows of its own where both don't fit in one. start: where the label begins."""
        size = self.size * scale
        room = self.width - start
        values = wrapped(value, room, size, is_bold=is_bold, most=self.most)
        labels = wrapped(label, room, size, is_bold=is_bold, most=self.most)
        needed = GAP * size + sum(width(text, size, is_bold=is_bold) for text in (labels[-1], values[0]))
        rows: list[tuple[Text, ...]] = [(Text(start, text, size, LEFT, is_bold, label_ink),) for text in labels]
        found = [(Text(self.width, text, size, RIGHT, is_bold),) for text in values]
        if needed <= room:
            rows[-1] += found.pop(0)
        return [Row(size * LEADING, texts) for texts in rows + found]

    def grid(self, pairs: Sequence[tuple[str, str]]) -> list[Row]:
        """Labels and their values, two of each beside one another."""
        widths = [part * self.width - GAP * self.size for part in GRID]
        columns = [Column(sum(GRID[:at]) * self.width, one, LEFT) for at, one in enumerate(widths)]
        places = [*(text for pair in pairs for text in pair), *("", "") * (len(pairs) % 2)]
        return [row for at in range(0, len(places), 4) for row in self.cells(columns, places[at : at + 4])]

    def cells(
        self,
        columns: Sequence[Column],
        texts: Sequence[str],
        *,
        is_bold: bool = False,
        bold: Collection[int] = (),
        ink: Ink = BLACK,
    ) -> list[Row]:
        """A row of a table; as many rows as its highest cell. bold: the columns that are bold where the others aren't."""
        bolds = [is_bold or at in bold for at in range(len(columns))]
        cells = [
            wrapped(text, column.width, self.size, is_bold=its_bold, most=self.most)
            for column, text, its_bold in zip(columns, texts, bolds, strict=True)
        ]
        return [
            Row(
                self.size * LEADING,
                tuple(
                    Text(column.x + column.align * column.width, cell[at], self.size, column.align, its_bold, ink)
                    for column, cell, its_bold in zip(columns, cells, bolds, strict=True)
                    if at < len(cell)
                ),
            )
            for at in range(max(map(len, cells)))
        ]

    def columns(
        self,
        table: Sequence[Sequence[str]],
        aligns: Sequence[float],
        *,
        wide: int,
        least: float,
        most: Mapping[int, float],
        gap: float = GAP,
    ) -> list[Column]:
        """The columns of a table: each as wide as its widest cell, the one at `wide` as wide as what is left. Parts of the width: `least`,
        what that one has at any rate, for which all others give way; `most`, what columns of long texts may have. gap: between columns,
        in sizes of the font."""
        gap *= self.size
        needed = [
            max(width(plain(row[at][: self.most]), self.size, is_bold=True) for row in table)
            for at in range(len(aligns))
        ]
        needed = [min(one, most.get(at, 1) * self.width) for at, one in enumerate(needed)]
        room = self.width - gap * (len(aligns) - 1)
        others = sum(needed) - needed[wide]
        shrink = min(1.0, room * (1 - least) / others) if others else 1.0
        widths = [shrink * one for one in needed]
        widths[wide] = room - shrink * others
        columns, x = [], 0.0
        for one, align in zip(widths, aligns, strict=True):
            # A cell as wide as its column must not be wrapped because the sum of its letters is rounded otherwise.
            columns.append(Column(x, one + 0.01, align))
            x += one + gap
        return columns


def height(rows: Iterable[Row]) -> float:
    return sum(row.height for row in rows)

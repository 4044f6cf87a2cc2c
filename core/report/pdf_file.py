"""A report as PDF: a letterhead, figures, and the sections with their charts and tables. The same report is the same bytes."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.paper.amounts import MONTHS, amount
from core.paper.charts import BarChart, LineChart, Point, RingChart
from core.paper.fonts import writing
from core.paper.pages import POINTS_OF_MILLIMETRE, Block, Sheet, pdf
from core.paper.picture import picture
from core.paper.rows import LEFT, RIGHT, Column, Drawing, Ink, Row, Rows, Text, beside
from core.paper.text import plain, shortened, width
from core.report.report import LOGO, Report, Section, Tile, lines
from core.sheets import cell
from core.sheets.cell import Kind

# Width and height in millimetres, and what stays white on each side.
SIZES = {"A4": (210.0, 297.0), "Letter": (215.9, 279.4)}
MARGIN = 16
# Of the letters, in points.
SIZE = 8.0
# Sizes of letters, in SIZE.
TITLE, NAME, HEADING, VALUE, LABEL = 2.2, 1.3, 1.45, 1.8, 0.88
# Of a logo, in points.
LOGO_WIDTH, LOGO_HEIGHT = 150.0, 48.0
# Of a chart of lines, in points.
CHART_HEIGHT = 165.0
# Between columns of a table, in SIZE.
GAP = 1.6
GREY: Ink = (0.42, 0.42, 0.42)
LIGHT: Ink = (0.86, 0.86, 0.86)
GREEN: Ink = (0.11, 0.45, 0.24)
RED: Ink = (0.71, 0.15, 0.12)
# Points.
HAIRLINE, STRONG = 0.4, 0.9
# Characters of one text, and rows of an address.
MOST, MOST_ADDRESS = 300, 6
# Rows of a table that stay with its head.
TOGETHER = 3
LANGUAGE = "en"
NUMBERS: tuple[Kind, ...] = ("amount", "percent", "rate", "number", "count", "by_row")


def write(report: Report, folder: Path, path: Path, done: Callable[[int], None]) -> None:
    """done: called with the number of rows that were written."""
    wide, high = SIZES[report.company["paper_size"]]
    sheet = Sheet(wide * POINTS_OF_MILLIMETRE, high * POINTS_OF_MILLIMETRE, MARGIN * POINTS_OF_MILLIMETRE)
    with writing:
        writer = ReportWriter(report, folder, Rows(sheet.room, SIZE, MOST))
        blocks = [*writer.head(), *writer.tiles()]
        for section in report.sections:
            if section.is_on_paper:
                blocks += writer.section(section)
                done(section.rows)
        name = f"{report.title}, {report.subtitle}"
        data = pdf(
            blocks,
            sheet,
            title=name,
            language=LANGUAGE,
            author=report.company["name"],
            head=writer.head_of_others(),
            foot=writer.foot,
        )
    path.write_bytes(data)


class ReportWriter:
    """The parts of one report, from top to bottom."""

    def __init__(self, report: Report, folder: Path, rows: Rows) -> None:
        self.report, self.folder, self.rows = report, folder, rows
        self.currency, self.sign = report.company["currency"], report.company["sign"]
        self.small = Rows(rows.width, LABEL * rows.size, MOST)

    def shown(self, kind: Kind, value: Any, sign: str = "") -> str:
        """A value as people read it."""
        if value == "":
            return ""
        if kind == "amount":
            return amount(value, self.currency, sign)
        if kind in ("number", "count"):
            return amount(str(value), self.currency, "")
        if kind == "percent":
            return f"{amount(value, self.currency, '')}%"
        if kind == "day":
            year, month, number = map(int, value.split("-"))
            return f"{number} {MONTHS[month - 1][:3]} {year}"
        if kind == "boolean":
            return "Yes" if value else "No"
        return str(value)

    # The head

    def head(self) -> Iterator[Block]:
        rows, company = self.rows, self.report.company
        half = Rows(rows.width / 2 - SIZE, rows.size, MOST)
        reached = "  ·  ".join(filter(None, (company["phone"], company["email"], company["website"])))
        left = [*self._logo(half)]
        left += half.text(company["name"], is_bold=True, scale=NAME) if company["name"] else []
        for line in (*company["address"].splitlines()[:MOST_ADDRESS], reached):
            left += half.text(line, ink=GREY) if line.strip() else []
        right = [
            *half.text(self.report.title, align=RIGHT, is_bold=True, scale=TITLE),
            *half.text(self.report.subtitle, align=RIGHT, scale=NAME, ink=GREY),
        ]
        for label, text in self.report.facts:
            right += half.text(f"{label}: {text}", align=RIGHT, ink=GREY)
        yield Block([beside((0, left), (rows.width - half.width, right)), rows.space(0.8), rows.rule(ink=LIGHT)])

    def _logo(self, rows: Rows) -> list[Row]:
        path = self.folder / LOGO
        found = picture(path.read_bytes(), LOGO_WIDTH, LOGO_HEIGHT) if path.exists() else None
        return [rows.picture(found, align=LEFT), rows.space(0.4)] if found else []

    def tiles(self) -> Iterator[Block]:
        tiles = self.report.tiles
        if not tiles:
            return
        each = self.rows.width / len(tiles)
        parts = [
            (at * each, self._tile(Rows(each - SIZE, self.rows.size, MOST), tile)) for at, tile in enumerate(tiles)
        ]
        yield Block([self.rows.space(1), beside(*parts), self.rows.space(0.8), self.rows.rule(ink=LIGHT)])

    def _tile(self, rows: Rows, tile: Tile) -> list[Row]:
        ink = GREY if tile.is_better is None else GREEN if tile.is_better else RED
        value = plain(self.shown(tile.kind, tile.value, self.sign))
        # A long amount is smaller, and never broken.
        scale = min(VALUE, rows.width / max(width(value, rows.size, is_bold=True), 1))
        shown = Row(rows.size * VALUE * 1.4, (Text(0, value, rows.size * scale, LEFT, is_bold=True),))
        change = (
            f"{'' if tile.change.startswith('-') else '+'}{self.shown('percent', tile.change)} on the period before"
        )
        # "0.00" is also said where there was nothing before.
        below = rows.text(change if tile.change and float(tile.change) else " ", scale=LABEL, ink=ink)
        return [*rows.text(tile.label, scale=LABEL, ink=GREY), shown, *below]

    # Sections

    def section(self, section: Section) -> Iterator[Block]:
        rows = self.rows
        found = [json.loads(line) for line in lines(self.folder, section)]
        heading = [rows.space(1.6), *rows.text(section.name, is_bold=True, scale=HEADING), rows.space(0.5)]
        if not found:
            yield Block([*heading, *rows.text(section.empty, ink=GREY)])
            return
        chart = self._chart(section, found) if self.report.charts else None
        if chart is not None:
            heading += [Row(chart.height + rows.size, picture=(0, chart)), rows.space(0.4)]
        yield from self._table(section, found, heading)
        if section.left_out:
            said = f"{section.left_out:,} more rows are left out here. The formats XLSX and CSV have them."
            yield Block([rows.space(0.4), *rows.text(said, ink=GREY)])

    def _chart(self, section: Section, found: Sequence[Mapping[str, Any]]) -> Drawing | None:
        chart = section.chart
        if chart is None:
            return None
        of = {column.member: column for column in section.columns}
        points = []
        for row in found[: chart.most]:
            first = chart.values[0]
            label = self.shown(cell.kind(of[chart.label], row), row[chart.label])
            shown = self.shown(cell.kind(of[first], row), row[first], self.sign)
            points.append(Point(label, tuple(float(row[value]) for value in chart.values), shown))
        values = [value for point in points for value in point.values]
        if not any(values) or (max(values) <= 0 and chart.kind != "line"):
            return None
        if chart.kind == "bars":
            return BarChart(self.rows.width, points)
        if chart.kind == "pie":
            return RingChart(self.rows.width, points)
        return LineChart(self.rows.width, CHART_HEIGHT, [of[value].header for value in chart.values], points)

    def _table(self, section: Section, found: Sequence[Mapping[str, Any]], heading: list[Row]) -> Iterator[Block]:
        """A table, whose head stands on each page; the heading stays with its first rows."""
        rows, columns = self.rows, section.shown
        names = [column.header for column in columns]
        texts = [[self.shown(cell.kind(column, row), cell.value(column, row)) for column in columns] for row in found]
        aligns = [RIGHT if column.kind in NUMBERS else LEFT for column in columns]
        # Texts may be long, and have a part of the width at most.
        most = {at: 0.24 for at, column in enumerate(columns) if column.kind == "text"}
        # The first column has what the others leave, so it isn't measured.
        measured = [["", *line[1:]] for line in (names, *texts)]
        places = rows.columns(measured, aligns, wide=0, least=0.2, most=most, gap=GAP)
        head = [*self._names(places, names), rows.rule(space=0.6, thickness=STRONG)]
        shown = [
            [rows.space(0.1), *rows.cells(places, line), rows.rule(space=0.35, thickness=HAIRLINE, ink=LIGHT)]
            for line in texts
        ]
        yield Block([*heading, *head, *(row for one in shown[:TOGETHER] for row in one)])
        yield from (Block(one, head) for one in shown[TOGETHER:])

    def _names(self, columns: Sequence[Column], names: Sequence[str]) -> list[Row]:
        return self.small.cells(columns, names, ink=GREY)

    # Each page

    def head_of_others(self) -> list[Row]:
        """The head of each page but the first."""
        rows = self.rows
        right = plain(f"{self.report.title}, {self.report.subtitle}")
        left = shortened(self.report.company["name"], rows.width - width(right, SIZE) - 2 * SIZE, SIZE)
        texts = (Text(0, left, SIZE, LEFT, ink=GREY), Text(rows.width, right, SIZE, RIGHT, ink=GREY))
        return [Row(SIZE * 1.4, texts), rows.rule(thickness=HAIRLINE, ink=LIGHT), rows.space(0.6)]

    def foot(self, number: int, count: int) -> Sequence[Row]:
        rows = self.rows
        page = f"Page {number} of {count}"
        room = rows.width - width(page, LABEL * SIZE) - 2 * SIZE
        left = shortened(self.report.company["footer"], room, LABEL * SIZE)
        texts = (
            Text(0, left, LABEL * SIZE, LEFT, ink=GREY),
            Text(rows.width, page, LABEL * SIZE, RIGHT, ink=GREY),
        )
        return [rows.space(1), rows.rule(thickness=HAIRLINE, ink=LIGHT), Row(SIZE * 1.4, texts)]

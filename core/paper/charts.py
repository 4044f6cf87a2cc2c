"""Charts in PDFs, as vector graphics: lines over time, bars, and a ring of parts. Measures in points."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from core.paper.rows import Ink
from core.paper.text import draw, plain, shortened, width

# They differ in lightness too, so that a printer without colours shows them apart.
INKS: tuple[Ink, ...] = (
    (0.18, 0.36, 0.54),
    (0.78, 0.33, 0.24),
    (0.36, 0.56, 0.35),
    (0.85, 0.64, 0.25),
    (0.48, 0.42, 0.62),
    (0.31, 0.64, 0.65),
    (0.63, 0.32, 0.18),
    (0.54, 0.55, 0.57),
)
GREY: Ink = (0.42, 0.42, 0.42)
LIGHT: Ink = (0.86, 0.86, 0.86)
# Of letters.
SIZE = 7.0
LINE = 1.5
HAIRLINE = 0.4
GAP = 5.0
# Of a bar with what is white around it; the part of the width that the labels have.
BAR_ROW, BAR_LABELS = 14.0, 0.28
# Of a ring; the part of it that is empty.
RADIUS, HOLE = 52.0, 0.56
# Lines across a chart, at most about so many.
LEAST_DIFFERENCE = 1e-300
MOST_TICKS = 5
_UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


class Point(NamedTuple):
    """What a chart shows of one row. shown: the value as people read it."""

    label: str
    values: tuple[float, ...]
    shown: str = ""


def ticks(low: float, high: float) -> list[float]:
    """Round numbers from below the lowest value to above the highest, with zero among them."""
    low, high = min(low, 0.0), max(high, 0.0)
    # The difference of numbers that are closer is no normal float, and has no logarithm.
    if high - low < LEAST_DIFFERENCE:
        high = 1.0
    rough = (high - low) / (MOST_TICKS - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, last + 1)]


def short(value: float) -> str:
    """A number in a few characters: 1.5M."""
    for unit, sign in _UNITS:
        if abs(value) >= unit:
            return f"{value / unit:.4g}{sign}"
    return f"{value:.4g}"


class LineChart(NamedTuple):
    """Lines over points in time, one for each name."""

    width: float
    height: float
    names: Sequence[str]
    points: Sequence[Point]

    def draw(self, canvas: Any, left: float, bottom: float) -> None:
        scale = ticks(*_range(value for point in self.points for value in point.values))
        labels = [short(value) for value in scale]
        x0 = left + max(width(label, SIZE) for label in labels) + GAP
        x1, y0, y1 = left + self.width, bottom + 2 * SIZE, bottom + self.height - 2.2 * SIZE

        def y(value: float) -> float:
            return y0 + (value - scale[0]) / (scale[-1] - scale[0]) * (y1 - y0)

        for value, label in zip(scale, labels, strict=True):
            _line(canvas, x0, y(value), x1, y(value), GREY if value == 0 else LIGHT, HAIRLINE)
            draw(canvas, x0 - GAP - width(label, SIZE), y(value) - 0.35 * SIZE, label, SIZE, ink=GREY)
        room = (x1 - x0) / len(self.points)
        self._dates(canvas, x0, bottom + 0.4 * SIZE, room)
        for place in range(len(self.names)):
            places = [(x0 + (at + 0.5) * room, y(point.values[place])) for at, point in enumerate(self.points)]
            _polyline(canvas, places, INKS[place])
        _legend(canvas, x0, bottom + self.height - SIZE, self.names)

    def _dates(self, canvas: Any, x0: float, y: float, room: float) -> None:
        """The labels of the points: as many as have room, the last one among them."""
        texts = [plain(point.label) for point in self.points]
        each = math.ceil((max(width(text, SIZE) for text in texts) + 2 * GAP) / room)
        for at in range(len(texts) - 1, -1, -each):
            needed = width(texts[at], SIZE)
            x = min(x0 + (at + 0.5) * room - needed / 2, x0 + len(texts) * room - needed)
            draw(canvas, x, y, texts[at], SIZE, ink=GREY)


class BarChart(NamedTuple):
    """A bar for each point, one below the other."""

    width: float
    points: Sequence[Point]

    @property
    def height(self) -> float:
        return BAR_ROW * len(self.points)

    def draw(self, canvas: Any, left: float, bottom: float) -> None:
        shown = [plain(point.shown) for point in self.points]
        largest = max(max(point.values[0] for point in self.points), 0.0) or 1.0
        x0 = left + BAR_LABELS * self.width
        room = (1 - BAR_LABELS) * self.width - max(width(text, SIZE) for text in shown) - GAP
        for at, (point, text) in enumerate(zip(self.points, shown, strict=True)):
            y = bottom + self.height - (at + 1) * BAR_ROW
            label = shortened(point.label, BAR_LABELS * self.width - GAP, SIZE)
            draw(canvas, x0 - GAP - width(label, SIZE), y + 0.36 * BAR_ROW, label, SIZE)
            length = max(point.values[0], 0.0) / largest * room
            canvas.setFillColorRGB(*INKS[0])
            canvas.rect(x0, y + 0.18 * BAR_ROW, length, 0.64 * BAR_ROW, stroke=0, fill=1)
            draw(canvas, x0 + length + GAP, y + 0.36 * BAR_ROW, text, SIZE, ink=GREY)
        _line(canvas, x0, bottom, x0, bottom + self.height, GREY, HAIRLINE)


class RingChart(NamedTuple):
    """What each point is of the whole, with a legend. Points of zero or less are in the legend only."""

    width: float
    points: Sequence[Point]

    @property
    def height(self) -> float:
        return max(2 * RADIUS, len(self.points) * 1.9 * SIZE)

    def draw(self, canvas: Any, left: float, bottom: float) -> None:
        x, y = left + RADIUS + GAP, bottom + self.height / 2
        parts = [max(point.values[0], 0.0) for point in self.points]
        whole, angle = sum(parts), 90.0
        canvas.setStrokeColorRGB(1, 1, 1)
        canvas.setLineWidth(0.8)
        for at, part in enumerate(parts):
            extent = 360.0 * part / whole if whole else 0.0
            canvas.setFillColorRGB(*INKS[at % len(INKS)])
            if extent >= 359.99:
                canvas.circle(x, y, RADIUS, stroke=0, fill=1)
            elif extent > 0:
                # Clockwise, from the top.
                canvas.wedge(x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS, angle - extent, extent, stroke=1, fill=1)
            angle -= extent
        canvas.setFillColorRGB(1, 1, 1)
        canvas.circle(x, y, HOLE * RADIUS, stroke=0, fill=1)
        self._names(canvas, x + RADIUS + 4 * GAP, y + (len(self.points) / 2 - 0.5) * 1.9 * SIZE, left + self.width)

    def _names(self, canvas: Any, x: float, top: float, right: float) -> None:
        right = min(right, x + 0.45 * self.width)
        for at, point in enumerate(self.points):
            y, shown = top - at * 1.9 * SIZE, plain(point.shown)
            canvas.setFillColorRGB(*INKS[at % len(INKS)])
            canvas.rect(x, y - 0.4 * SIZE, SIZE, SIZE, stroke=0, fill=1)
            room = right - x - SIZE - 2 * GAP - width(shown, SIZE)
            draw(canvas, x + SIZE + GAP, y - 0.3 * SIZE, shortened(point.label, room, SIZE), SIZE)
            draw(canvas, right - width(shown, SIZE), y - 0.3 * SIZE, shown, SIZE, ink=GREY)


def _range(values: Any) -> tuple[float, float]:
    found = list(values) or [0.0]
    return min(found), max(found)


def _line(canvas: Any, x0: float, y0: float, x1: float, y1: float, ink: Ink, thickness: float) -> None:
    canvas.setStrokeColorRGB(*ink)
    canvas.setLineWidth(thickness)
    canvas.line(x0, y0, x1, y1)


def _polyline(canvas: Any, places: Sequence[tuple[float, float]], ink: Ink) -> None:
    canvas.saveState()
    canvas.setStrokeColorRGB(*ink)
    canvas.setFillColorRGB(*ink)
    canvas.setLineWidth(LINE)
    canvas.setLineJoin(1)
    canvas.setLineCap(1)
    path = canvas.beginPath()
    path.moveTo(*places[0])
    for place in places[1:]:
        path.lineTo(*place)
    canvas.drawPath(path, stroke=1, fill=0)
    for x, y in places:
        canvas.circle(x, y, 1.1 * LINE, stroke=0, fill=1)
    canvas.restoreState()


def _legend(canvas: Any, x: float, y: float, names: Sequence[str]) -> None:
    for at, name in enumerate(map(plain, names)):
        canvas.setFillColorRGB(*INKS[at])
        canvas.rect(x, y + 0.1 * SIZE, 1.6 * SIZE, 0.5 * SIZE, stroke=0, fill=1)
        draw(canvas, x + 1.6 * SIZE + GAP, y, name, SIZE)
        x += 1.6 * SIZE + GAP + width(name, SIZE) + 3 * GAP

"""Charts of the rows of a table, and how an XLSX shows them."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from core.sheets import cell
from core.sheets.cell import Column

# Points that one chart shows; more could not be told from one another.
MOST_POINTS = 31
# Of a chart in a sheet, in pixels, and of each bar.
WIDTH, HEIGHT, BAR = 760, 340, 30
COLOURS = ("#2F5D8A", "#C8553D", "#5B8E5A", "#D9A441", "#7A6C9D", "#4FA3A5", "#A0522D", "#8A8D91")


class Chart(NamedTuple):
    """A chart of the first rows of a table. label, values: members of the rows; of several values each is a line. most: rows that it shows."""

    kind: Literal["line", "bars", "pie"]
    title: str
    label: str
    values: tuple[str, ...]
    most: int = MOST_POINTS


def add_chart(
    book: Any, sheet: Any, columns: Sequence[Column], chart: Chart, documents: Sequence[Mapping[str, Any]]
) -> None:
    """Draw a chart beside a table. documents: the first rows below its header."""
    shown = documents[: chart.most]
    if not shown:
        return
    members = [column.member for column in columns]
    label, name, last = members.index(chart.label), sheet.get_name(), len(shown)
    drawn = book.add_chart({"type": {"line": "line", "bars": "bar", "pie": "doughnut"}[chart.kind]})
    for place, value in enumerate(chart.values):
        column = members.index(value)
        series = {
            "name": columns[column].header,
            "categories": [name, 1, label, last, label],
            "values": [name, 1, column, last, column],
            # A sheet that is written row by row forgets its cells, and some programs show only what the chart itself has.
            "categories_data": [str(cell.value(columns[label], row)) for row in shown],
            "values_data": [float(row[value]) for row in shown],
        }
        drawn.add_series({**series, **_look(chart, place, last)})
    drawn.set_title({"name": chart.title, "overlay": False, "name_font": {"size": 12, "bold": True}})
    if chart.kind == "bars":
        # The first row is the highest bar.
        drawn.set_y_axis({"reverse": True})
        drawn.set_x_axis({"num_format": "#,##0", "major_gridlines": {"visible": True, "line": {"color": "#D9D9D9"}}})
    elif chart.kind == "line":
        drawn.set_y_axis({"num_format": "#,##0", "major_gridlines": {"visible": True, "line": {"color": "#D9D9D9"}}})
        # Below the lowest value, also where that is a loss.
        drawn.set_x_axis({"label_position": "low"})
    drawn.set_legend({"none": True} if chart.kind == "bars" and len(chart.values) == 1 else {"position": "bottom"})
    drawn.set_size({"width": WIDTH, "height": max(HEIGHT, BAR * last) if chart.kind == "bars" else HEIGHT})
    sheet.insert_chart(1, len(columns) + 1, drawn)


def _look(chart: Chart, place: int, points: int) -> dict[str, Any]:
    colour = COLOURS[place % len(COLOURS)]
    if chart.kind == "line":
        return {"line": {"color": colour, "width": 2.25}, "marker": {"type": "none"}}
    if chart.kind == "bars":
        return {"fill": {"color": colour}, "gap": 60}
    return {"points": [{"fill": {"color": COLOURS[at % len(COLOURS)]}} for at in range(points)]}

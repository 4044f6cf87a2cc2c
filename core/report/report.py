"""A report as data: what the process that writes it reads from a folder.

The folder has `report.json` (Report), the rows of each section as lines of JSON, and the logo, if there is one, as `logo`. The rows are files
because there may be a million of them: no format holds more than a few of them in memory.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

from core.sheets.cell import Column, Kind
from core.sheets.chart import Chart

Format = Literal["csv", "xlsx", "pdf"]
FORMATS: tuple[Format, ...] = ("csv", "xlsx", "pdf")
MEDIA: Mapping[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}
NAME, LOGO = "report.json", "logo"


class Section(NamedTuple):
    """A table. name: of its sheet, at most 31 characters, and of its file. rows: that the file has; total: that there are. paper: the members
    that a PDF shows, of which the first one has the room that the others leave; empty: all. is_on_paper: whether a PDF has the section."""

    name: str
    columns: tuple[Column, ...]
    rows: int
    total: int
    chart: Chart | None = None
    paper: tuple[str, ...] = ()
    empty: str = "Nothing in this period."
    is_on_paper: bool = True

    @property
    def left_out(self) -> int:
        return self.total - self.rows

    @property
    def shown(self) -> tuple[Column, ...]:
        """The columns that a PDF shows."""
        of = {column.member: column for column in self.columns}
        return tuple(of[member] for member in self.paper) if self.paper else self.columns


class Tile(NamedTuple):
    """A figure at the head of a PDF. change: per cent; "": none. is_better: whether the change is for the better; None: neither."""

    label: str
    value: str
    kind: Kind
    change: str = ""
    is_better: bool | None = None


class Report(NamedTuple):
    """company: whose report it is: name, address, phone, email, website, footer, logo (a key of the storage, or null), currency, sign (of the
    currency), paper_size (A4 or Letter). facts: what a file says of itself, labels and texts. charts: whether it has any."""

    title: str
    subtitle: str
    company: Mapping[str, Any]
    facts: tuple[tuple[str, str], ...]
    tiles: tuple[Tile, ...]
    sections: tuple[Section, ...]
    charts: bool

    @property
    def head(self) -> tuple[tuple[str, str], ...]:
        """What a file without letterhead says of itself."""
        return ((self.title, self.subtitle), ("Business", self.company["name"]), *self.facts)


def save(report: Report, folder: Path) -> None:
    # Tuples become lists, in the order of their members.
    (folder / NAME).write_text(json.dumps(report, ensure_ascii=False), encoding="utf-8")


def load(folder: Path) -> Report:
    title, subtitle, company, facts, tiles, sections, charts = json.loads((folder / NAME).read_text(encoding="utf-8"))
    pairs = tuple((label, text) for label, text in facts)
    found = tuple(_section(*one) for one in sections)
    return Report(title, subtitle, company, pairs, tuple(Tile(*tile) for tile in tiles), found, charts)


def _section(name: str, columns: Any, rows: int, total: int, chart: Any, paper: Any, *others: Any) -> Section:
    drawn = chart and Chart(*chart)._replace(values=tuple(chart[3]))
    return Section(name, tuple(Column(*one) for one in columns), rows, total, drawn, tuple(paper), *others)


def rows_path(folder: Path, section: str) -> Path:
    return folder / f"{section}.jsonl"


def lines(folder: Path, section: Section) -> Iterator[str]:
    """The rows of a section, each as JSON text."""
    with rows_path(folder, section.name).open(encoding="utf-8", newline="\n") as file:
        yield from file


def batches(folder: Path, section: Section, size: int) -> Iterator[list[str]]:
    """The same, so many at once."""
    found = lines(folder, section)
    while batch := list(islice(found, size)):
        yield batch

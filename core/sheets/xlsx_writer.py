"""Tables as XLSX, written row by row in constant memory. A file of 100,000 rows of ten columns takes some 15 s of one core."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from core.sheets import cell
from core.sheets.cell import Column, Kind
from core.sheets.chart import MOST_POINTS, Chart, add_chart

MEDIA = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# Of a sheet, below its header.
MOST_ROWS = 1_048_575
FORMATS: dict[Kind, str] = {
    "amount": "0.00",
    "rate": "0.00%",
    # The number is that of the API, which has no sign of its own: 12.50 is 12.50 %.
    "percent": '0.00"%"',
    "number": "0",
    "count": "0",
    "day": "yyyy-mm-dd",
    "moment": "yyyy-mm-dd hh:mm:ss",
}
# Widths of columns, in letters.
WIDTHS: dict[Kind, int] = {"text": 24, "moment": 19, "day": 11}
USUAL_WIDTH = 12
# No XML holds these two; xlsxwriter escapes all others.
_NO_XML = re.compile("[\ufffe\uffff]")


class Full(Exception):
    """A sheet has no room for more rows."""


class XlsxWriter:
    """Writes a book of tables, one after the other; the arguments begin the first. path: of the file. Its folder also has what the writer
    needs meanwhile; the caller makes and removes the folder. count: the rows of the present table."""

    def __init__(self, path: Path, name: str, columns: Sequence[Column]) -> None:
        # Imported only here, so that a server that writes no XLSX does without it.
        import xlsxwriter

        options = {
            "constant_memory": True,
            "tmpdir": str(path.parent),
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        }
        self.path = path
        self._book: Any = xlsxwriter.Workbook(str(path), options)
        self._formats = {kind: self._book.add_format({"num_format": code}) for kind, code in FORMATS.items()}
        self._bold = self._book.add_format({"bold": True})
        self.begin(name, columns)

    def begin(self, name: str, columns: Sequence[Column]) -> None:
        """Begin another table, on a sheet of its own. No row is added to those before it any more."""
        self.count, self._columns = 0, columns
        # What a chart shows.
        self._first: list[Mapping[str, Any]] = []
        self._sheet: Any = self._book.add_worksheet(name)
        for place, column in enumerate(columns):
            self._sheet.set_column(place, place, WIDTHS.get(column.kind, USUAL_WIDTH))
        self._sheet.freeze_panes(1, 0)
        for place, column in enumerate(columns):
            self._sheet.write_string(0, place, column.header, self._bold)

    def add(self, documents: Sequence[str]) -> None:
        """Write further rows. documents: each as JSON text. Raises Full."""
        if self.count + len(documents) > MOST_ROWS:
            raise Full
        for document in documents:
            row = json.loads(document)
            self.count += 1
            if self.count <= MOST_POINTS:
                self._first.append(row)
            for place, column in enumerate(self._columns):
                self._write(place, cell.kind(column, row), cell.value(column, row))

    def chart(self, chart: Chart) -> None:
        """Draw a chart of the table beside it."""
        add_chart(self._book, self._sheet, self._columns, chart, self._first)

    def _write(self, place: int, kind: Kind, found: Any) -> None:
        at, form = (self.count, place), self._formats.get(kind)
        if found == "":
            return
        if kind == "text":
            self._sheet.write_string(*at, _NO_XML.sub("\ufffd", cell.marked(str(found)))[: cell.LONGEST])
        elif kind == "boolean":
            self._sheet.write_boolean(*at, found)
        elif kind in ("day", "moment"):
            # A sheet knows no zones: its moments are those of UTC.
            self._sheet.write_datetime(*at, datetime.fromisoformat(found).replace(tzinfo=None), form)
        else:
            # An amount of eight digits and two places is exact as a double.
            self._sheet.write_number(*at, float(found), form)

    def close(self) -> int:
        """Finish the file; its size in bytes."""
        self._book.close()
        return self.path.stat().st_size

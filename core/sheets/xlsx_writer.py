"""Tables as XLSX, written row by row in constant memory. A file of 100,000 rows of ten columns takes some 15 s of one core."""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from core.sheets import cell
from core.sheets.cell import Column, Kind

MEDIA = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# Of a sheet, below its header.
MOST_ROWS = 1_048_575
FORMATS: dict[Kind, str] = {
    "amount": "0.00",
    "rate": "0.00%",
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
    """Writes one table. path: of the file. Its folder also has what the writer needs meanwhile; whoever makes the folder removes it."""

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
        self.path, self.count = path, 0
        self._columns = columns
        self._book: Any = xlsxwriter.Workbook(str(path), options)
        self._sheet: Any = self._book.add_worksheet(name)
        formats = {kind: self._book.add_format({"num_format": code}) for kind, code in FORMATS.items()}
        self._formats = [formats.get(column.kind) for column in columns]
        self._begin()

    def _begin(self) -> None:
        bold = self._book.add_format({"bold": True})
        for place, column in enumerate(self._columns):
            self._sheet.set_column(place, place, WIDTHS.get(column.kind, USUAL_WIDTH))
        self._sheet.freeze_panes(1, 0)
        for place, column in enumerate(self._columns):
            self._sheet.write_string(0, place, column.header, bold)

    def add(self, documents: Sequence[str]) -> None:
        """Write further rows. documents: each as JSON text. Raises Full."""
        if self.count + len(documents) > MOST_ROWS:
            raise Full
        for document in documents:
            row = json.loads(document)
            self.count += 1
            for place, column in enumerate(self._columns):
                self._write(place, column, cell.value(column, row))

    def _write(self, place: int, column: Column, found: Any) -> None:
        at, form = (self.count, place), self._formats[place]
        if found == "":
            return
        if column.kind == "text":
            self._sheet.write_string(*at, _NO_XML.sub("\ufffd", cell.marked(str(found)))[: cell.LONGEST])
        elif column.kind == "boolean":
            self._sheet.write_boolean(*at, found)
        elif column.kind in ("day", "moment"):
            # A sheet knows no zones: its moments are those of UTC.
            self._sheet.write_datetime(*at, datetime.fromisoformat(found).replace(tzinfo=None), form)
        else:
            # An amount of eight digits and two places is exact as a double.
            self._sheet.write_number(*at, float(found), form)

    def close(self) -> int:
        """Finish the file; its size in bytes."""
        self._book.close()
        return self.path.stat().st_size

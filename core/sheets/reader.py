"""Reading a table from a file that people have made: CSV or XLSX, by its content."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from core.sheets import csv_reader, xlsx_reader
from core.sheets.cell import Cell, Unreadable
from core.sheets.xlsx_reader import Limits

# The first bytes of an archive, which may be empty, and of a compound file of old Office.
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OLE = b"\xd0\xcf\x11\xe0"


class Table(NamedTuple):
    """encoding: of a CSV file; "" for XLSX. header: the first row that is not empty. rows: those below it that are not empty, with their
    numbers in a spreadsheet; reading them may raise Unreadable."""

    encoding: str
    header: list[Cell]
    rows: Iterator[tuple[int, list[Cell]]]


def read(data: bytes, fits: Callable[[Sequence[Cell]], int], most_columns: int) -> Table:
    """The table in a file. fits: how many cells of a header are known. Raises Unreadable."""
    if data.startswith(_ZIP):
        return _table("", xlsx_reader.rows(data, most_columns), most_columns)
    _check_age(data)
    text, encoding = csv_reader.decoded(data)
    return _table(encoding, csv_reader.rows(text, csv_reader.delimiter(text, fits)), most_columns)


@contextmanager
def opened(
    path: Path, fits: Callable[[Sequence[Cell]], int], most_columns: int, limits: Limits | None = None
) -> Iterator[Table]:
    """The table in a file, whose rows are read one after another: the file may be of any length. Of an XLSX file the different texts are
    in memory, and `limits` hold. Raises Unreadable, OSError."""
    with path.open("rb") as file:
        start = file.read(len(_OLE))
    if start.startswith(_ZIP):
        yield _table("", xlsx_reader.rows(path, most_columns, limits), most_columns)
        return
    _check_age(start)
    encoding = csv_reader.encoding_of(path)
    with path.open(encoding=encoding, newline="") as text:
        by = csv_reader.delimiter(text.read(csv_reader.LONGEST_HEADER), fits)
        text.seek(0)
        yield _table(encoding, csv_reader.rows(csv_reader.lines(text), by), most_columns)


def _check_age(start: bytes) -> None:
    if start.startswith(_OLE):
        raise Unreadable("The file is a workbook of an old version, or has a password. Save it as .xlsx or .csv.")


def _table(encoding: str, rows: Iterator[tuple[int, Sequence[Cell]]], most_columns: int) -> Table:
    filled = ((number, list(cells)) for number, cells in rows if any(map(_has_value, cells)))
    _, header = next(filled, (0, []))
    if not header:
        raise Unreadable("The file is empty.")
    if len(header) > most_columns:
        raise Unreadable(f"The file has more than {most_columns} columns.")
    return Table(encoding, header, filled)


def _has_value(one: Cell) -> bool:
    return bool(one.strip()) if isinstance(one, str) else one is not None

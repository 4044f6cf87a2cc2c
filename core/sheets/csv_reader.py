"""Reading CSV from unknown programs."""

import codecs
import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from core.sheets.cell import Unreadable

# Spreadsheets write a semicolon where the comma is the decimal sign.
DELIMITERS = (",", ";", "\t")
# Characters within which the delimiter is looked for.
LONGEST_HEADER = 20_000
# Characters of a line of a file that is read line by line; a cell has at most 131,072, as csv has it.
LONGEST_LINE = 1 << 20
CHUNK = 1 << 16
_DAMAGED = "The file is damaged: it is not in the encoding that its first bytes announce."
_NO_TABLE = "The file is neither CSV nor XLSX."


def decoded(data: bytes) -> tuple[str, str]:
    """The text, and the name of its encoding. Without a mark it is UTF-8, or else Windows-1252, in which Excel writes CSV in the West.
    Raises Unreadable."""
    encoding = "utf-8"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    try:
        text = data.removeprefix(codecs.BOM_UTF8).decode(encoding)
    except UnicodeDecodeError:
        if encoding == "utf-16" or data.startswith(codecs.BOM_UTF8):
            raise Unreadable(_DAMAGED) from None
        encoding = "windows-1252"
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            raise Unreadable("The file is neither CSV in UTF-8 nor XLSX.") from None
    if "\0" in text:
        raise Unreadable(_NO_TABLE)
    return text, encoding


def encoding_of(path: Path) -> str:
    """The encoding of a file, as `decoded` finds it, without holding the file in memory. Raises Unreadable."""
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        if not _is_in(path, "utf-16"):
            raise Unreadable(_DAMAGED)
        return "utf-16"
    if _is_in(path, "utf-8"):
        return "utf-8-sig"
    if start.startswith(codecs.BOM_UTF8) or not _is_in(path, "windows-1252"):
        raise Unreadable("The file is neither CSV in UTF-8 nor XLSX.")
    return "windows-1252"


def _is_in(path: Path, encoding: str) -> bool:
    try:
        with path.open(encoding=encoding, newline="") as file:
            while file.read(CHUNK):
                pass
    except UnicodeError:
        return False
    return True


def lines(file: TextIO) -> Iterator[str]:
    """The lines of a file that is open with newline="". Raises Unreadable."""
    try:
        while line := file.readline(LONGEST_LINE):
            if "\0" in line:
                raise Unreadable(_NO_TABLE)
            if len(line) == LONGEST_LINE and not line.endswith("\n"):
                raise Unreadable(f"A line has more than {LONGEST_LINE:,} characters.")
            yield line
    except UnicodeDecodeError:
        raise Unreadable(_DAMAGED) from None


def delimiter(text: str, fits: Callable[[Sequence[str]], int]) -> str:
    """The delimiter by which the header fits best. fits: how many of its cells are known."""
    start = text[:LONGEST_HEADER].lstrip("\r\n")

    def fitness(one: str) -> tuple[int, int]:
        try:
            cells = next(csv.reader(io.StringIO(start, newline=""), delimiter=one), [])
        except csv.Error:
            return 0, 0
        return fits(cells), len(cells)

    return max(DELIMITERS, key=fitness)


def rows(text: str | Iterable[str], by: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a text or of lines, with their numbers in a spreadsheet, from 1. A row with line breaks in its cells is one row. Raises Unreadable."""
    number = 0
    try:
        # strict: a quote that is never closed would otherwise swallow the rest of the file into one cell.
        lines = io.StringIO(text, newline="") if isinstance(text, str) else text
        for number, cells in enumerate(csv.reader(lines, delimiter=by, strict=True), 1):
            yield number, cells
    except csv.Error as error:
        raise Unreadable(f"Row {number + 1} can't be read: {error}.") from None

"""Reading CSV from unknown programs."""

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Sequence

from core.sheets.cell import Unreadable

# Spreadsheets write a semicolon where the comma is the decimal sign.
DELIMITERS = (",", ";", "\t")
# Characters within which the delimiter is looked for.
LONGEST_HEADER = 20_000


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
            raise Unreadable("The file is damaged: it is not in the encoding that its first bytes announce.") from None
        encoding = "windows-1252"
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            raise Unreadable("The file is neither CSV in UTF-8 nor XLSX.") from None
    if "\0" in text:
        raise Unreadable("The file is neither CSV nor XLSX.")
    return text, encoding


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


def rows(text: str, by: str) -> Iterator[tuple[int, list[str]]]:
    """The rows with their numbers in a spreadsheet, from 1. A row with line breaks in its cells is one row. Raises Unreadable."""
    number = 0
    try:
        # strict: a quote that is never closed would otherwise swallow the rest of the file into one cell.
        for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=by, strict=True), 1):
            yield number, cells
    except csv.Error as error:
        raise Unreadable(f"Row {number + 1} can't be read: {error}.") from None

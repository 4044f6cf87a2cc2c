"""Tables as CSV (RFC 4180), in pieces of a few rows."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

from core.sheets import cell
from core.sheets.cell import Column

MEDIA = "text/csv"
# Without this mark Excel reads UTF-8 as the letters of Windows; other programs skip it.
BOM = "\ufeff".encode()


def head(columns: Sequence[Column]) -> bytes:
    """The begin of a file."""
    return BOM + line([column.header for column in columns])


def rows(columns: Sequence[Column], documents: Sequence[str]) -> bytes:
    """Further rows. documents: each as JSON text."""
    return _written([_text(column, row) for column in columns] for row in map(json.loads, documents)).encode()


def line(texts: Sequence[str]) -> bytes:
    """One row of texts."""
    return _written([[cell.guarded(text) for text in texts]]).encode()


def _text(column: Column, row: dict[str, Any]) -> str:
    found = cell.value(column, row)
    if isinstance(found, bool):
        return "TRUE" if found else "FALSE"
    return cell.guarded(found) if cell.kind(column, row) == "text" else str(found)


def _written(lines: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(lines)
    return text.getvalue()

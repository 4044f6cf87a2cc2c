"""The rejects file of an import: the invoices that were refused, each with the reason. Mended, it can be imported itself, because what was added
is ignored. docs/api/sales.md#import-command."""

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from core.http.json_text import Number, literal, written
from core.http.pieces import Piece
from core.problem import Problem
from core.sheets import csv_writer
from handlers.sales.bulk_table import COLUMNS

# The member that is added to an invoice, and the columns that are added to its rows.
MEMBER = "_rejected"
LINE, REASON = "rejected_line", "rejected_reason"
TAKEN = "Invoice with this invoice_no already exists."


class Rejects:
    """is_table: the imported file is a table, and this is one. length: bytes of an earlier run that count; what follows them was written by a
    process that was killed before it noted so, and is written again."""

    def __init__(self, path: Path, is_table: bool, length: int) -> None:
        self._path, self._is_table = self.path_of(path, is_table), is_table
        self._file = self._path.open("r+b" if length else "wb")
        self._file.truncate(length)
        self._file.seek(length)

    @staticmethod
    def path_of(path: Path, is_table: bool) -> Path:
        """Where the rejects of a file are."""
        return path.with_name(f"{path.name}.rejects.{'csv' if is_table else 'ndjson'}")

    def __enter__(self) -> "Rejects":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Also when the import could not begin, no empty file stays."""
        self._file.close()
        if self._path.stat().st_size == 0:
            self._path.unlink()

    def add(self, piece: Piece, result: Any) -> None:
        """Write down one invoice. result: what became of it, as the server says it."""
        invoice = _invoice(piece)
        errors = result["errors"] or {"invoice_no": [TAKEN]}
        if not self._is_table:
            why = {MEMBER: {"line": Number(piece.number), "errors": errors}}
            self._file.write(written({**why, **invoice}).encode("utf-8", "replace") + b"\n")
            return
        if self._file.tell() == 0:
            titles = [column.title for column in COLUMNS.values()]
            self._file.write(csv_writer.BOM + csv_writer.line([*titles, LINE, REASON]))
        reason = "; ".join(_sentences(errors))
        for row in _rows(invoice):
            self._file.write(csv_writer.line([*row, str(piece.number), reason]))

    def flush(self) -> int:
        """Have it on the disk; its length."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()


def _invoice(piece: Piece) -> dict[str, Any]:
    """The invoice as it was sent; what is no object is a member of one."""
    text = (piece.sent or b"").decode("utf-8", "replace")
    try:
        # With its numbers digit by digit.
        found = literal(text)
    except Problem:
        found = None
    return found if isinstance(found, dict) else {f"{MEMBER}_text": text}


def _rows(invoice: dict[str, Any]) -> Iterator[list[str]]:
    """The rows of an invoice, in the order of COLUMNS."""
    for item in invoice.get("items") or [{}]:
        groups = {"": invoice, "customer": invoice.get("customer") or {}, "item": item}
        yield [str(groups[column.group].get(column.name, "")) for column in COLUMNS.values()]


def _sentences(errors: Any, path: str = "") -> Iterator[str]:
    """What is wrong, as sentences with the place of each: items 2 quantity: …"""
    if isinstance(errors, dict):
        for name, inner in errors.items():
            yield from _sentences(inner, f"{path} {name}".strip() if name != "non_field_errors" else path)
    elif isinstance(errors, list):
        for at, inner in enumerate(errors, 1):
            if isinstance(inner, str):
                yield f"{path}: {inner}" if path else inner
            else:
                yield from _sentences(inner, f"{path} {at}")

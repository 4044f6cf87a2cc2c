"""What the cells of a file hold, and the guard against texts that a spreadsheet would take for formulas."""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple

# Characters of one cell, as Excel has it.
LONGEST = 32_767
# What spreadsheets take for the beginning of a formula, also after blanks, and the wide forms of the same letters that East Asian
# versions read alike (OWASP, "CSV Injection"). Apostrophes before it may be of our own guard.
_FORMULA = re.compile(r"'*[\s\u200b\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|'*[\t\r\n]")

Kind = Literal["text", "amount", "rate", "percent", "day", "moment", "number", "boolean", "count", "by_row"]


class Column(NamedTuple):
    """A column of a table whose rows are JSON documents. header: its name for people. member: of the document. kind: what it holds; amount, rate,
    percent: digits in a text; count: the length of a list; by_row: what the member `kind` of the row says."""

    header: str
    member: str
    kind: Kind = "text"


class Fault(str):
    """What a cell shows instead of a value, such as #REF!."""

    __slots__ = ()


# A cell that was read. Numbers have at most the 15 digits that a spreadsheet shows.
Cell = str | Decimal | bool | datetime | Fault | None


class Unreadable(Exception):
    """A file can't be read as a table. The text of the exception is a sentence for people."""


def guarded(text: str) -> str:
    """The text as a cell of CSV. Opened in a spreadsheet, it is no formula: an apostrophe stands before it if it could be one."""
    return "'" + text if _FORMULA.match(text) else text


def marked(text: str) -> str:
    """The text for a cell of XLSX, which is marked as text and needs no guard. A text that looks guarded gets another apostrophe, as
    `unguarded` takes one away."""
    return guarded(text) if text.startswith("'") else text


def unguarded(text: str) -> str:
    """The text that `guarded` or `marked` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text, 1) else text


def kind(column: Column, document: Mapping[str, Any]) -> Kind:
    """What a row holds in a column."""
    found: Kind = document["kind"] if column.kind == "by_row" else column.kind
    return found


def value(column: Column, document: Mapping[str, Any]) -> Any:
    """What a row has in a column; "" instead of null."""
    found = document[column.member]
    if column.kind == "count":
        return len(found)
    return "" if found is None else found

"""What a file of rows means: its columns by their names, and each row as the body of a POST. docs/api/books.md#exports-and-imports."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time
from decimal import Decimal
from typing import Any, NamedTuple

from core.data.sql import Query
from core.http import body
from core.http.conform import FLAGS, Shape
from core.http.json_text import Number, written
from core.http.schema import LONGEST_VALUE, Schema
from core.problem import Message, Problem, invalid
from core.sheets import number, reader
from core.sheets.cell import Cell, Column, Fault, Unreadable, unguarded
from core.text import cleaned

MOST_ROWS, MOST_COLUMNS = 10_000, 200
AMBIGUOUS = '"{value}" may mean two numbers. Write it without signs between thousands, and with two decimal places.'

# Refuses a row by a rule that its schema can't express: raises Problem with fields.
Rule = Callable[[dict[str, Any]], None]


class Imported(NamedTuple):
    """How a noun is imported.

    expected: of the body of a POST, whose members are the columns of a file. columns: of the export, whose headers are read too. rules:
    those of a POST beside the schema. find: (owner_id, rows) -> rows (place, wrong, first): rows that can't be stored, and why; place and
    first are places of the rows, from 1; first: of an equal row before, or null. store: (owner_id, rows) -> row (created, skipped): stores the
    rows but those with which a request at the same moment is in conflict; skipped: their places. says: what is said of a row, by `wrong`; {row}
    is the number of the equal row. conflict: the `wrong` of what is skipped.
    """

    expected: Schema
    columns: Sequence[Column]
    rules: Sequence[Rule]
    find: Query
    store: Query
    says: Mapping[str, Mapping[str, Sequence[str]]]
    conflict: str


class Row(NamedTuple):
    """A right row. number: in the file. text: the body of a POST, as JSON."""

    number: int
    text: str


class Content(NamedTuple):
    """The rows of a file. wrong: the messages by field of the wrong ones, by their numbers. ignored: headers of unknown columns. encoding:
    of a CSV file; "" for XLSX."""

    rows: list[Row]
    wrong: dict[int, Any]
    ignored: list[str]
    encoding: str


class _Wrong(Exception):
    """A cell can't be read. message: why."""

    def __init__(self, message: str | Message) -> None:
        super().__init__(message)
        self.message = message


def read(data: bytes, imported: Imported) -> Content:
    """The rows of a file. Raises Problem 400: the file can't be read, or lacks a column."""
    names = _names(imported)
    try:
        table = reader.read(data, lambda header: sum(_name(one) in names for one in header), MOST_COLUMNS)
        members, ignored = _members(table.header, names, imported)
        content = Content([], {}, ignored, table.encoding)
        for count, (place, cells) in enumerate(table.rows):
            if count == MOST_ROWS:
                raise Unreadable(f"The file has more than {MOST_ROWS:,} rows.")
            _add(content, place, cells, members, imported)
    except Unreadable as error:
        raise refused(str(error)) from None
    if not content.rows and not content.wrong:
        raise refused("The file has no rows below its header.")
    return content


def refused(said: str | Message) -> Problem:
    """400: the file as a whole is refused."""
    return invalid({"file": [said]})


def _name(header: Cell) -> str:
    """What of a header counts: its letters and digits, in lower case."""
    return "".join(letter for letter in str(header or "").casefold() if letter.isalnum())


def _names(imported: Imported) -> dict[str, str]:
    """The members of a body by the names that their columns may have."""
    members = imported.expected.shape.members
    names = {_name(column.header): column.member for column in imported.columns if column.member in members}
    return names | {_name(member): member for member in members}


def _members(
    header: Sequence[Cell], names: Mapping[str, str], imported: Imported
) -> tuple[list[str | None], list[str]]:
    """The member of each column, and the headers of unknown columns. Raises Unreadable."""
    members = [names.get(_name(one)) for one in header]
    for at, member in enumerate(members):
        if member is not None and member in members[:at]:
            raise Unreadable(f'Two columns are named "{member}".')
    if missing := [name for name in imported.expected.document.get("required", ()) if name not in members]:
        raise Unreadable(f"The file lacks the column {', '.join(missing)}.")
    ignored = [
        str(one)[:LONGEST_VALUE] for one, member in zip(header, members, strict=True) if member is None and _name(one)
    ]
    return members, ignored


def _add(
    content: Content, place: int, cells: Sequence[Cell], members: Sequence[str | None], imported: Imported
) -> None:
    """Read one row into the content."""
    shapes = imported.expected.shape.members
    sent: dict[str, Any] = {}
    wrong: dict[str, Any] = {}
    for member, one in zip(members, cells, strict=False):
        if member is None or one is None or (isinstance(one, str) and not cleaned(one)):
            continue
        try:
            sent[member] = _meant(one, shapes[member])
        except _Wrong as error:
            sent[member], wrong[member] = None, [error.message]
    if any(cell is not None and str(cell).strip() for cell in cells[len(members) :]):
        wrong["non_field_errors"] = ["The row has more cells than the header."]
    text = written(sent)
    try:
        value, text = body.read(text.encode(), imported.expected)
        for rule in imported.rules:
            rule(value)
    except Problem as problem:
        wrong = {**problem.fields, **wrong}
    if wrong:
        content.wrong[place] = wrong
    else:
        content.rows.append(Row(place, text))


def _meant(one: Cell, shape: Shape) -> Any:
    """The value of a cell, as a body has it. Raises _Wrong."""
    if isinstance(one, Fault):
        raise _Wrong(f"The cell shows an error: {one[:LONGEST_VALUE]}")
    if shape.is_number:
        return Number(_digits(one))
    if "boolean" in shape.types:
        return one if isinstance(one, bool) else FLAGS.get(cleaned(_text(one)).lower(), _text(one))
    if shape.format == "date" and isinstance(one, datetime):
        return one.date().isoformat()
    return _text(one)


def _digits(one: Cell) -> str:
    if isinstance(one, Decimal):
        return format(one, "f")
    text = _text(one)
    try:
        found = number.digits(unguarded(text))
    except number.Ambiguous:
        raise _Wrong(AMBIGUOUS.format(value=text[:LONGEST_VALUE])) from None
    if found is None:
        raise _Wrong(Message.of("text.number", value=text[:LONGEST_VALUE]))
    return found


def _text(one: Cell) -> str:
    """What a cell shows."""
    if isinstance(one, bool):
        return "TRUE" if one else "FALSE"
    if isinstance(one, Decimal):
        # A phone number that a spreadsheet has taken for a number.
        return format(one, "f")
    if isinstance(one, datetime):
        return one.date().isoformat() if one.time() == time() else one.isoformat(" ")
    return unguarded(one or "")

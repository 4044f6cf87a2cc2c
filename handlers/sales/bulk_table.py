"""Invoices in a table, CSV or XLSX: one row for each item, in which the columns of the invoice are repeated. docs/api/sales.md#tables."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from core.http.conform import Shape
from core.http.json_text import Number, written
from core.http.pieces import Piece
from core.http.schema import LONGEST_VALUE
from core.problem import invalid
from core.sheets import number, reader
from core.sheets.cell import Cell, Fault, Unreadable, unguarded
from core.sheets.xlsx_reader import Limits
from core.text import cleaned
from handlers.sales.bulk_lines import EXPECTED

MOST_COLUMNS = 200
# Items of an invoice, as its schema has it; further ones are dropped, because the invoice is refused anyway.
MOST_ITEMS: int = EXPECTED.document["properties"]["items"]["maxItems"]
GROUPS = ("", "customer", "item")


class Column(NamedTuple):
    """group: of GROUPS: the invoice itself, its customer, or the item of the row. name: of the member."""

    group: str
    name: str
    shape: Shape
    is_required: bool

    @property
    def title(self) -> str:
        """The name of the column, as docs/api/sales.md#tables has it."""
        return f"{self.group}.{self.name}" if self.group else self.name


def _columns() -> dict[str, Column]:
    """The columns by what counts of their names."""
    members, document = EXPECTED.shape.members, EXPECTED.document
    customer, item = document["properties"]["customer"], document["properties"]["items"]["items"]
    item_shape = members["items"].items
    assert item_shape is not None
    nodes = {
        "": (members, document),
        "customer": (members["customer"].members, customer),
        "item": (item_shape.members, item),
    }
    found = [
        Column(group, name, shape, name in node["required"])
        for group, (shapes, node) in nodes.items()
        for name, shape in shapes.items()
        if name not in ("customer", "items")
    ]
    return {_name(column.title): column for column in found}


def _name(header: Cell) -> str:
    """What of a header counts: its letters and digits, in lower case; items.name is item.name."""
    found = "".join(letter for letter in str(header or "").casefold() if letter.isalnum())
    return f"item{found[5:]}" if found.startswith("items") else found


COLUMNS = _columns()


class Rows:
    """Keeps the body in a file, because an XLSX can only be read as a whole, and makes invoices of its rows in the end."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "body"
        self._file = self._path.open("wb")

    def feed(self, chunk: bytes) -> list[Piece]:
        """Nothing yet."""
        self._file.write(chunk)
        return []

    def close(self) -> None:
        """No more comes, and nothing is wanted of it."""
        self._file.close()

    def end(self) -> Iterator[Piece]:
        """The invoices. Raises Problem 400: the file can't be read, or lacks a column."""
        self._file.close()
        try:
            yield from pieces(self._path)
        except Unreadable as error:
            raise invalid({"file": [str(error)]}) from None


def pieces(
    path: Path, limits: Limits | None = None, tell_ignored: Callable[[list[str]], None] = lambda headers: None
) -> Iterator[Piece]:
    """The invoices of a file, each with the number of its first row. tell_ignored: gets the headers of unknown columns. Raises
    Unreadable."""
    with reader.opened(
        path, lambda header: sum(_name(one) in COLUMNS for one in header), MOST_COLUMNS, limits
    ) as table:
        columns = [COLUMNS.get(_name(one)) for one in table.header]
        _check(columns)
        named = zip(table.header, columns, strict=True)
        tell_ignored([str(one)[:LONGEST_VALUE] for one, column in named if column is None and _name(one)])
        invoice: _Invoice | None = None
        for place, cells in table.rows:
            row = _Row(place, cells, columns)
            if invoice is not None and row.continues(invoice):
                invoice.add(row)
                continue
            if invoice is not None:
                yield invoice.piece()
            invoice = _Invoice(row)
        if invoice is None:
            raise Unreadable("The file has no rows below its header.")
        yield invoice.piece()


def _check(columns: Sequence[Column | None]) -> None:
    """Raises Unreadable."""
    titles = [column.title for column in columns if column is not None]
    if repeated := next((title for title in titles if titles.count(title) > 1), ""):
        raise Unreadable(f'Two columns are named "{repeated}".')
    # A table without items has invoices without items.
    has_items = any(title.startswith("item.") for title in titles)
    needed = [c.title for c in COLUMNS.values() if c.is_required and (c.group != "item" or has_items)]
    if missing := [title for title in needed if title not in titles]:
        raise Unreadable(f"The file lacks the column {', '.join(missing)}.")


class _Row:
    """One row. members: by group, those that the row gives. is_item: whether it has an item."""

    def __init__(self, place: int, cells: Sequence[Cell], columns: Sequence[Column | None]) -> None:
        self.place = place
        self.members: dict[str, dict[str, Any]] = {group: {} for group in GROUPS}
        required: dict[str, list[str]] = {group: [] for group in GROUPS}
        for at, column in enumerate(columns):
            if column is None:
                continue
            value = _meant(cells[at], column.shape) if at < len(cells) else ""
            if value != "":
                self.members[column.group][column.name] = value
            elif column.is_required:
                required[column.group].append(column.name)
        self.is_item = bool(self.members["item"])
        self.has_more = any(cell is not None and str(cell).strip() for cell in cells[len(columns) :])
        self._blank = required

    def continues(self, invoice: "_Invoice") -> bool:
        """Whether the row is a further item of an invoice. A row without a number continues the one above."""
        return self.members[""].get("invoice_no", invoice.number) == invoice.number

    def filled(self, group: str) -> dict[str, Any]:
        """The members of a group, in which an empty text stands for a blank cell that must be there: shelf_location may be empty, and the
        schema says what else is missing."""
        return {**self.members[group], **dict.fromkeys(self._blank[group], "")}


class _Invoice:
    """An invoice that is put together from rows. wrong: the messages by field for what no schema can see."""

    def __init__(self, row: _Row) -> None:
        self._place = row.place
        self.number = row.members[""].get("invoice_no")
        self._invoice, self._customer = row.filled(""), row.filled("customer")
        self._items: list[dict[str, Any]] = []
        self._wrong: dict[str, Any] = {}
        self._add_item(row)

    def add(self, row: _Row) -> None:
        """A further row."""
        for group, members in (("", self._invoice), ("customer", self._customer)):
            for name, value in row.members[group].items():
                if members.get(name) != value:
                    title = f"{group}.{name}" if group else name
                    said = f"Row {row.place} says another {title} than row {self._place}."
                    self._wrong.setdefault("non_field_errors", [said])
        self._add_item(row)

    def _add_item(self, row: _Row) -> None:
        if row.has_more:
            self._wrong.setdefault("non_field_errors", [f"Row {row.place} has more cells than the header."])
        if row.is_item and len(self._items) <= MOST_ITEMS:
            self._items.append(row.filled("item"))

    def piece(self) -> Piece:
        whole = {**self._invoice, "customer": self._customer, "items": self._items}
        return Piece(self._place, written(whole).encode("utf-8", "surrogatepass"), self._wrong or None)


def _meant(one: Cell, shape: Shape) -> Any:
    """The value of a cell, as a body has it; "" for a blank cell. What can't be read stays a text, which the schema refuses."""
    if one is None or isinstance(one, Fault):
        return one or ""
    if isinstance(one, bool):
        return "TRUE" if one else "FALSE"
    if isinstance(one, Decimal):
        return Number(format(one, "f")) if shape.is_number else format(one, "f")
    if isinstance(one, datetime):
        return one.date().isoformat() if one.time() == time() or shape.format == "date" else one.isoformat(" ")
    text = cleaned(unguarded(one))
    return _digits(text) if shape.is_number and "," in text else text


def _digits(text: str) -> str:
    """A number with a decimal comma, or with signs between thousands, unless it may mean two numbers."""
    try:
        return number.digits(text) or text
    except number.Ambiguous:
        return text

"""Labels of invoices: for their parcels, and for their items. docs/api/sales.md#labels."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain, repeat
from typing import Any, NamedTuple

from core.paper.codes import bars, code_rows, qr
from core.paper.fonts import writing
from core.paper.labels import Label, LabelSheet, fitted, labels_pdf
from core.paper.pages import POINTS_OF_MILLIMETRE
from core.paper.rows import CENTRE, RIGHT, Row, Rows, beside, height
from handlers.sales.paper_rows import LANGUAGE, MOST, money


class Look(NamedTuple):
    """A sheet of labels, and what fits on one: size of the letters in points, height of the bars and side of the QR code in millimetres."""

    sheet: LabelSheet
    size: float
    bars: float
    side: float


# Labels of A4 as L7159 and L7163 of Avery have them, and the usual one of label printers for parcels.
SHEETS = {
    "3x8": Look(LabelSheet(210, 297, 3, 8, 63.5, 33.9, (2.5, 0)), 7.5, 6.5, 14.5),
    "2x7": Look(LabelSheet(210, 297, 2, 7, 99.1, 38.1, (2.5, 0)), 9, 7, 18),
    "100x150": Look(LabelSheet(100, 150, 1, 1, 100, 150, padding=5), 17, 26, 38),
}
MOST_PLACES = max(look.sheet.labels for look in SHEETS.values())
# Between the texts and the QR code, in millimetres.
GUTTER = 2
# Sizes of letters, in sizes of the label's.
NUMBER, NAME, DETAIL = 1.45, 1.1, 0.9
# Rows of a name, which would otherwise take the place of the address.
NAME_ROWS = 2


class Asked(NamedTuple):
    """Which labels. first: the place of the first free label of the first sheet, from 1. copies: of each label. parcels: of each invoice."""

    sheet: str
    first: int = 1
    copies: int = 1
    parcels: int = 1


def parcel_labels(found: Sequence[Mapping[str, Any]], asked: Asked) -> bytes:
    """The labels of the parcels of invoices. found: what list_papers of sql/sales/paper.sql returns."""
    return _sheets("Parcel labels", (_parcels(one["invoice"], asked) for one in found), asked)


def item_labels(found: Sequence[Mapping[str, Any]], asked: Asked) -> bytes:
    """A label for each item of the invoices."""
    look = SHEETS[asked.sheet]
    return _sheets("Item labels", ((_item(item, look) for item in one["invoice"]["items"]) for one in found), asked)


def _sheets(title: str, labels: Iterator[Iterator[Label]], asked: Asked) -> bytes:
    with writing:
        each = (label for label in chain.from_iterable(labels) for label in repeat(label, asked.copies))
        return labels_pdf(each, SHEETS[asked.sheet].sheet, title=title, language=LANGUAGE, first=asked.first)


def _parcels(invoice: Mapping[str, Any], asked: Asked) -> Iterator[Label]:
    for number in range(1, asked.parcels + 1):
        yield _parcel(invoice, SHEETS[asked.sheet], f"Parcel {number} of {asked.parcels}")


def _parcel(invoice: Mapping[str, Any], look: Look, parcel: str) -> Label:
    number, customer = invoice["invoice_no"], invoice["customer"]
    room, its_height = look.sheet.room
    side = look.side * POINTS_OF_MILLIMETRE
    left = Rows(room - side - GUTTER * POINTS_OF_MILLIMETRE, look.size, MOST)
    right = Rows(side, look.size, MOST)
    # The number stands above, in larger letters than below the bars.
    foot = _bars(number, room, look)[:1]
    texts = [
        *left.text(number, is_bold=True, scale=NUMBER, most_rows=NAME_ROWS),
        *left.text(customer["name"], is_bold=True, scale=NAME, most_rows=NAME_ROWS),
        *(row for line in _address(customer) for row in left.text(line)),
    ]
    square = qr(number, side)
    beside_it = [
        *([Row(square.height, picture=(0, square))] if square else []),
        *right.text(parcel, is_bold=True, scale=DETAIL, align=RIGHT),
    ]
    most = its_height - height(foot)
    return Label([beside((0, fitted(texts, most)), (room - side, fitted(beside_it, most)))], foot)


def _address(customer: Mapping[str, Any]) -> list[str]:
    """The address in one line and the telephone in another, as labels have room for few."""
    where = filter(None, (customer["address1"], customer["address2"], customer["area"]))
    return [line for line in (", ".join(where), customer["phone1"] or customer["phone2"]) if line]


def _item(item: Mapping[str, Any], look: Look) -> Label:
    room, its_height = look.sheet.room
    side = look.side * POINTS_OF_MILLIMETRE
    foot = _bars(item["item_code"], room, look)
    square = None if foot else qr(item["item_code"], side)
    rows = Rows(room - side - GUTTER * POINTS_OF_MILLIMETRE if square else room, look.size, MOST)
    shelf = item["shelf_location"].strip()
    details = [item["packing"], item["company_name"], f"Batch {item['batch_no']}" if item["batch_no"] else ""]
    texts = [
        *rows.text(item["name"], is_bold=True, scale=NAME, most_rows=NAME_ROWS),
        *rows.pair(f"MRP {money(Decimal(item['mrp']))}", shelf and f"Shelf {shelf}", is_bold=True)[:NAME_ROWS],
        *([] if foot else rows.text(item["item_code"], most_rows=NAME_ROWS)),
        *rows.text(" · ".join(filter(None, details))),
    ]
    shown = fitted(texts, its_height - height(foot))
    return Label([beside((0, shown), (room - side, [Row(side, picture=(0, square))]))] if square else shown, foot)


def _bars(text: str, room: float, look: Look) -> list[Row]:
    """The Code 128 at the foot of a label, with its text; no row where the text has none of that width."""
    return code_rows(bars(text, room, look.bars * POINTS_OF_MILLIMETRE), text, room, look.size * DETAIL, CENTRE)

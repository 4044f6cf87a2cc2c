"""What the papers of an invoice have in common: the paper, its head, texts of dates and amounts. docs/api/sales.md#papers.

An invoice is the document of GET /api/sales/invoices/{id}/, whose amounts were read as decimals.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from core.paper.amounts import day
from core.paper.codes import code, code_rows
from core.paper.pages import POINTS_OF_MILLIMETRE, Sheet
from core.paper.rows import LEFT, RIGHT, Ink, Row, Rows, Text, beside
from core.paper.text import plain, shortened

Invoice = Mapping[str, Any]
A4 = Sheet(210 * POINTS_OF_MILLIMETRE, 297 * POINTS_OF_MILLIMETRE, 12 * POINTS_OF_MILLIMETRE)
LANGUAGE = "en"
# Of letters, in points.
SIZE = 9.5
# Characters of one text that are printed. Remarks may have 10,000.
MOST = 1000
# Of the code in the head, in millimetres: a Code 128, or a QR code where the number has no Code 128 of that width.
CODE_WIDTH, CODE_HEIGHT, CODE_SIDE = 86, 13, 26
# Between what stands beside one another in the head, in millimetres.
GUTTER = 6
# Sizes of letters, in sizes of the paper's.
TITLE, NUMBER, NAME, DETAIL = 1.15, 1.7, 1.25, 0.88
GREY: Ink = (0.35, 0.35, 0.35)
# Of the lines between items.
LIGHT: Ink = (0.75, 0.75, 0.75)
# What is signed: the height above its line, in sizes of the font, and the gap between two lines, as a part of the width.
SIGNED_HEIGHT, SIGNED_GAP = 3.2, 0.06


class Shown(NamedTuple):
    """What a paper shows beside the invoice. header: the firm, in lines. zone: by whose clock times are printed."""

    header: Sequence[str]
    zone: str


class Box(NamedTuple):
    """An open box of that side, to tick."""

    height: float

    def draw(self, canvas: Any, left: float, bottom: float) -> None:
        canvas.setLineWidth(0.8)
        canvas.setStrokeColorRGB(0, 0, 0)
        canvas.rect(left, bottom, self.height, self.height, stroke=1, fill=0)


def table_rows() -> Rows:
    """The maker of rows for A4."""
    return Rows(A4.room, SIZE, MOST)


def head(rows: Rows, title: str, invoice: Invoice, lines: Sequence[str]) -> list[Row]:
    """The head of a paper: what it is, the number with its code, and below it the lines, of which the first is in large letters."""
    left = Rows(rows.width - (CODE_WIDTH + GUTTER) * POINTS_OF_MILLIMETRE, rows.size, rows.most)
    first, *others = lines or [""]
    texts = [
        *left.text(title, is_bold=True, scale=TITLE, ink=GREY),
        *left.text(invoice["invoice_no"], is_bold=True, scale=NUMBER),
        *left.text(first, is_bold=True, scale=NAME),
    ]
    top = beside((0, texts), (left.width + GUTTER * POINTS_OF_MILLIMETRE, number_code(invoice["invoice_no"])))
    # Rows of their own, as no page breaks what stands beside something, and an address may have 2,000 characters.
    return [top, *(row for line in others for row in rows.text(line))]


def number_code(number: str, wide: float = CODE_WIDTH, high: float = CODE_HEIGHT, side: float = CODE_SIDE) -> list[Row]:
    """The code of an invoice number at the right of so much room, and the number below it. Millimetres."""
    room = wide * POINTS_OF_MILLIMETRE
    found = code(number, room, high * POINTS_OF_MILLIMETRE, side * POINTS_OF_MILLIMETRE)
    return code_rows(found, number, room, SIZE * DETAIL)


def address(customer: Mapping[str, Any]) -> list[str]:
    """The lines below a customer's name."""
    phones = ", ".join(filter(None, (customer["phone1"], customer["phone2"])))
    return [line for line in (customer["address1"], customer["address2"], customer["area"], phones) if line]


def item_notes(item: Mapping[str, Any]) -> str:
    """What tells an item from others of its name, in one row."""
    found = [item["company_name"], item["packing"]]
    if item["batch_no"]:
        found.append(f"Batch {item['batch_no']}")
    if item["expiry_date"]:
        found.append(f"Expires {item['expiry_date']}")
    if item["remarks"]:
        found.append(item["remarks"])
    return " · ".join(filter(None, found))


def counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def pieces(items: Sequence[Mapping[str, Any]]) -> int:
    """How many pieces the items have together."""
    return sum(item["quantity"] for item in items)


def sums(items: Sequence[Mapping[str, Any]]) -> str:
    """How many lines and pieces the items have."""
    return f"{counted(len(items), 'line', 'lines')} · {counted(pieces(items), 'piece', 'pieces')}"


def money(value: Decimal | int) -> str:
    """An amount, which has no currency in this API: 1,234.50, and a price with more decimals than two as it is."""
    exact = Decimal(value)
    return f"{exact:,.2f}" if exact == exact.quantize(Decimal("0.01")) else f"{exact.normalize():,f}"


def moment(text: str, zone: str) -> str:
    """A time by the clock of the zone: 18 January 2025, 14:05."""
    found = datetime.fromisoformat(text).astimezone(ZoneInfo(zone))
    return f"{day(found.date().isoformat())}, {found:%H:%M}"


def signed(rows: Rows, labels: Sequence[str]) -> list[Row]:
    """Lines to write on, beside one another, with what is to be written below each."""
    gap = SIGNED_GAP * rows.width
    part = (rows.width - gap * (len(labels) - 1)) / len(labels)
    fields = Rows(part, rows.size, rows.most)
    shown = [
        (at * (part + gap), [fields.rule(), *fields.text(label, scale=DETAIL, ink=GREY)])
        for at, label in enumerate(labels)
    ]
    return [rows.space(SIGNED_HEIGHT), beside(*shown)]


def head_of_others(rows: Rows, left: str, right: str) -> list[Row]:
    """The head of each page but the first."""
    half = rows.width / 2
    texts = (
        Text(0, shortened(left, half, rows.size, is_bold=True), rows.size, LEFT, is_bold=True),
        Text(rows.width, shortened(right, half - rows.size, rows.size), rows.size, RIGHT),
    )
    return [Row(rows.size * 1.4, texts), rows.rule()]


def numbered(rows: Rows, text: str) -> Callable[[int, int], list[Row]]:
    """The foot of a page: the text at the left, and at the right which page it is."""
    left = Text(0, shortened(text, rows.width * 0.7, rows.size * DETAIL), rows.size * DETAIL, LEFT, False, GREY)

    def foot(number: int, count: int) -> list[Row]:
        right = plain(f"Page {number} of {count}")
        return [
            rows.space(0.6),
            Row(rows.size * 1.4, (left, Text(rows.width, right, rows.size * DETAIL, RIGHT, False, GREY))),
        ]

    return foot

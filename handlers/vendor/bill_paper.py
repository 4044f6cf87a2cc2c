"""A bill on paper, as a PDF. docs/api/vendor.md#paper-of-a-bill.

The bill is the document of GET /backup/bills/{id}/. Its amounts are printed as they are.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from core.paper.fonts import writing
from core.paper.pages import POINTS_OF_MILLIMETRE, Block, Sheet, pdf
from core.paper.picture import picture
from core.paper.rows import CENTRE, LEFT, RIGHT, Column, Row, Rows, Text
from core.paper.text import plain, shortened, width
from handlers.vendor.bill_amounts import RateTax, digits, discount, is_gst, number, price, rupees, tax_by_rate


class Paper(NamedTuple):
    """Millimetres; size: of the letters, in points. height: None for a roll."""

    width: float
    height: float | None
    margin: float
    size: float

    @property
    def sheet(self) -> Sheet:
        return Sheet(
            self.width * POINTS_OF_MILLIMETRE,
            self.height * POINTS_OF_MILLIMETRE if self.height else None,
            self.margin * POINTS_OF_MILLIMETRE,
        )


# Printers for rolls of 58 and 80 mm print on 48 and 72 mm of them.
PAPERS = {"80": Paper(80, None, 4, 8.5), "58": Paper(58, None, 5, 7.5), "a5": Paper(148, 210, 10, 8)}
# Characters of each text that are printed; a device may send a note of any length.
MOST = 1000
# Lines of a bill that can be printed: with long names in scripts of India they take seconds, in which no other PDF is written.
MOST_LINES = 300
# Sizes of letters, in sizes of the paper's.
NAME, TITLE, TOTAL, DETAIL = 1.4, 1.1, 1.3, 0.9
# Of the logo, in millimetres.
LOGO_WIDTH, LOGO_HEIGHT = 40, 16
LANGUAGE = "en-IN"
PAYMENT = {
    "cash": "Cash",
    "card": "Card",
    "upi": "UPI",
    "credit": "Credit",
    "bank_transfer": "Bank transfer",
    "other": "Other",
}


def paper(bill: Mapping[str, Any], width: Paper, logo: bytes | None = None) -> bytes:
    """The bill as a PDF. The same bill is the same bytes. logo: the file of a picture; one that can't be read is left out."""
    sheet = width.sheet
    rows = Rows(sheet.room, width.size, MOST)
    # Shortened or wrapped, a text is measured by its fonts, which only one thread may use.
    with writing:
        blocks = [
            *_head(bill, rows, logo),
            *_about(bill, rows),
            *(_lines_on_sheet(bill, rows) if sheet.height else _lines_on_roll(bill, rows)),
            *_sums(bill, rows),
            *_taxes(bill, rows),
            *_payment(bill, rows),
            *_end(bill, rows),
        ]
        title = f"{_title(bill).capitalize()} {bill['invoice_number']}"
        if sheet.height is None:
            return pdf(blocks, sheet, title=title, language=LANGUAGE)
        return pdf(
            blocks, sheet, title=title, language=LANGUAGE, head=_head_of_others(bill, rows), foot=_numbered(rows)
        )


def _title(bill: Mapping[str, Any]) -> str:
    return "TAX INVOICE" if is_gst(bill) else "INVOICE"


def _day(text: str | None) -> str:
    """As India writes a date."""
    return date.fromisoformat(text).strftime("%d-%m-%Y") if text else ""


def _lines(text: str | None) -> list[str]:
    """A text that may have several lines."""
    return [line for line in (text or "")[:MOST].splitlines() if line.strip()]


def _labelled(bill: Mapping[str, Any], labels: Mapping[str, str]) -> list[tuple[str, str]]:
    """The labels and values of those members that the bill has."""
    return [(label, bill[name]) for name, label in labels.items() if bill.get(name)]


def _head(bill: Mapping[str, Any], rows: Rows, logo: bytes | None) -> Iterator[Block]:
    """Who sells."""
    size = (LOGO_WIDTH * POINTS_OF_MILLIMETRE, LOGO_HEIGHT * POINTS_OF_MILLIMETRE)
    shown = picture(logo, *size) if logo else None
    if shown:
        yield Block([rows.picture(shown)])
    yield Block(rows.text(bill["restaurant_name"] or "", align=CENTRE, is_bold=True, scale=NAME))
    for line in _lines(bill["address"]):
        yield Block(rows.text(line, align=CENTRE))
    for label, value in _labelled(bill, {"gstin": "GSTIN", "fssai_license": "FSSAI Lic. No."}):
        yield Block(rows.text(f"{label}: {value}", align=CENTRE))


def _about(bill: Mapping[str, Any], rows: Rows) -> Iterator[Block]:
    """Which bill, and whose."""
    yield Block([rows.rule(), *rows.text(_title(bill), align=CENTRE, is_bold=True, scale=TITLE), rows.space(0.3)])
    shown = _labelled(bill, {"invoice_number": "Invoice no."})
    # Every bill must show its number, which may be that of the invoice.
    shown += [("Bill no.", bill["bill_number"] or bill["invoice_number"]), ("Date", _day(bill["bill_date"]))]
    shown += _labelled(bill, {"table_number": "Table", "waiter_name": "Waiter"})
    names = {
        "customer_name": "Customer",
        "customer_phone": "Phone",
        "customer_email": "E-mail",
        "customer_address": "Address",
    }
    shown += _labelled(bill, names)
    if rows.is_wide:
        yield Block(rows.grid(shown))
    else:
        yield from (Block(rows.pair(label, value)) for label, value in shown)
    yield Block([rows.rule()])


def _rate_of(bill: Mapping[str, Any], line: Mapping[str, Any]) -> list[str]:
    return [f"GST {digits(line['gst_percentage'])}%"] if is_gst(bill) else []


def _below(bill: Mapping[str, Any], line: Mapping[str, Any], rows: Rows, start: float) -> list[Row]:
    """What stands below a line: whatever it has beside its amounts."""
    found = []
    if is_gst(bill) and line["price_type"] == "inclusive" and number(line["item_gst_amount"]):
        found.append("GST included")
    if discount(line):
        found.append(f"Discount {rupees(discount(line))}")
    if line.get("batch_number"):
        found.append(f"Batch {line['batch_number']}")
    if line.get("expiry_date"):
        found.append(f"Expiry {_day(line['expiry_date'])}")
    return rows.text(" · ".join(found), start=start, scale=DETAIL) if found else []


def _quantity(line: Mapping[str, Any]) -> str:
    return f"{digits(line['quantity'])} {line.get('unit') or ''}".strip()


def _lines_on_roll(bill: Mapping[str, Any], rows: Rows) -> Iterator[Block]:
    """Each line: its name, below it how it is counted, and its amount at the right."""
    indent = rows.size
    yield Block([*rows.pair("Item", "Amount", is_bold=True), rows.space(0.3)])
    for line in bill["items"]:
        counted = " · ".join([f"{_quantity(line)} × {rupees(price(line))}", *_rate_of(bill, line)])
        below = _below(bill, line, rows, indent)
        amount = rows.pair(counted, rupees(line["subtotal"]), start=indent)
        yield Block([*rows.text(line["item_name"], is_bold=True), *amount, *below])
    yield Block([rows.rule()])


def _lines_on_sheet(bill: Mapping[str, Any], rows: Rows) -> Iterator[Block]:
    """A table, whose head stands on each page."""
    has_gst = is_gst(bill)
    names = ["#", "Item", "Quantity", "Price", *(["GST"] if has_gst else []), "Amount"]
    aligns = [RIGHT, LEFT, *[RIGHT] * (len(names) - 2)]
    table = []
    for at, line in enumerate(bill["items"], 1):
        rate = [f"{digits(line['gst_percentage'])}%"] if has_gst else []
        table.append(
            [str(at), line["item_name"], _quantity(line), rupees(price(line)), *rate, rupees(line["subtotal"])]
        )
    columns = rows.columns([names, *table], aligns, wide=1, least=0.15, most={2: 0.2})
    head = [*rows.cells(columns, names, is_bold=True), rows.rule()]
    yield Block(head)
    for line, texts in zip(bill["items"], table, strict=True):
        yield Block([*rows.cells(columns, texts), *_below(bill, line, rows, columns[1].x)], head)
    yield Block([rows.rule()])


def _sums(bill: Mapping[str, Any], rows: Rows) -> Iterator[Block]:
    """The bill's own sums."""
    found: list[tuple[str, Any]] = [("Subtotal", bill["subtotal"])]
    if number(bill["discount_amount"]):
        percent = number(bill["discount_percentage"])
        label = f"Discount ({digits(percent)}%)" if percent else "Discount"
        found.append((label, -abs(number(bill["discount_amount"]))))
    if is_gst(bill):
        igst = number(bill["igst_amount"])
        if not igst or number(bill["cgst_amount"]) or number(bill["sgst_amount"]):
            found += [("CGST", bill["cgst_amount"]), ("SGST", bill["sgst_amount"])]
        if igst:
            found.append(("IGST", igst))
        found.append(("Total tax", bill["total_tax"]))
    start = rows.width / 2 if rows.is_wide else 0.0
    pairs = [row for label, value in found for row in rows.pair(label, rupees(value), start=start)]
    total = rows.pair("TOTAL", rupees(bill["total_amount"]), is_bold=True, scale=TOTAL, start=start)
    counted = f"Items: {bill['item_count']} · Quantity: {digits(bill['total_quantity'])}"
    yield Block([*pairs, *total, *rows.text(counted), rows.rule()])


def _taxes(bill: Mapping[str, Any], rows: Rows) -> Iterator[Block]:
    """The tax by rate."""
    found = tax_by_rate(bill) if is_gst(bill) else []
    if not found:
        return
    if rows.is_wide:
        shown = _rates_in_table(found, rows)
    else:
        shown = [row for one in found for label, value in _rate(one) for row in rows.pair(label, rupees(value))]
    yield Block([*rows.text("GST by rate", is_bold=True), *shown, rows.rule()])


def _rates_in_table(found: Sequence[RateTax], rows: Rows) -> list[Row]:
    is_known, is_igst = found[0].taxable is not None, found[0].igst != 0
    names = ["Rate", *(["Taxable"] if is_known else []), *(["IGST"] if is_igst else ["CGST", "SGST"]), "Tax"]
    table = []
    for one in found:
        taxes = [one.igst] if is_igst else [one.cgst, one.sgst]
        amounts = [*([one.taxable] if is_known else []), *taxes, sum(taxes, Decimal())]
        table.append([f"{digits(one.rate)}%", *map(rupees, amounts)])
    width = rows.width / len(names)
    columns = [Column(at * width, width, RIGHT if at else LEFT) for at in range(len(names))]
    head = rows.cells(columns, names, is_bold=True)
    return [*head, *(row for texts in table for row in rows.cells(columns, texts))]


def _rate(one: RateTax) -> list[tuple[str, Decimal]]:
    on = f" on {rupees(one.taxable)}" if one.taxable is not None else ""
    if one.igst:
        return [(f"IGST {digits(one.rate)}%{on}", one.igst)]
    half = digits(one.rate / 2)
    return [(f"CGST {half}%{on}", one.cgst), (f"SGST {half}%{on}", one.sgst)]


def _payment(bill: Mapping[str, Any], rows: Rows) -> Iterator[Block]:
    """How it was paid."""
    mode = bill["payment_mode"] or ""
    shown = [("Payment", PAYMENT.get(mode.lower(), mode)), *_labelled(bill, {"payment_reference": "Reference"})]
    if bill["amount_paid"] is not None:
        shown.append(("Paid", rupees(bill["amount_paid"])))
    if number(bill["change_amount"]):
        shown.append(("Change", rupees(bill["change_amount"])))
    shown = [(label, value) for label, value in shown if value]
    yield Block(
        rows.grid(shown) if rows.is_wide else [row for label, value in shown for row in rows.pair(label, value)]
    )


def _end(bill: Mapping[str, Any], rows: Rows) -> Iterator[Block]:
    for text in (bill["notes"], bill["footer_note"]):
        if text:
            yield Block([rows.space(0.5)])
            for line in _lines(text):
                yield Block(rows.text(line, align=CENTRE))


def _head_of_others(bill: Mapping[str, Any], rows: Rows) -> list[Row]:
    """The head of each page but the first."""
    right = shortened(f"{bill['invoice_number']} · {_day(bill['bill_date'])}", rows.width / 2, rows.size)
    left = shortened(
        bill["restaurant_name"] or "", rows.width - width(right, rows.size) - rows.size, rows.size, is_bold=True
    )
    texts = (Text(0, left, rows.size, LEFT, True), Text(rows.width, right, rows.size, RIGHT))
    return [Row(rows.size * 1.4, texts), rows.rule()]


def _numbered(rows: Rows) -> Any:
    """The foot of a page."""

    def foot(number: int, count: int) -> Iterable[Row]:
        return [rows.space(0.6), *rows.text(plain(f"Page {number} of {count}"), align=RIGHT)]

    return foot

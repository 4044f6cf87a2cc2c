"""Delivery notes on paper: what goes to a customer, and who has received it. docs/api/sales.md#papers."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from core.paper.amounts import day
from core.paper.fonts import writing
from core.paper.pages import Block, Part, pdf_of_parts
from core.paper.rows import LEFT, RIGHT, Rows
from handlers.sales.paper_rows import (
    A4,
    DETAIL,
    GREY,
    LANGUAGE,
    LIGHT,
    NAME,
    TITLE,
    Invoice,
    Shown,
    address,
    head,
    head_of_others,
    item_notes,
    moment,
    money,
    numbered,
    signed,
    sums,
    table_rows,
)

DELIVERY = {"DIRECT": "Direct", "INTERNAL": "By our own people", "COURIER": "By courier"}
ITEM = 1


def delivery_notes(found: Sequence[Mapping[str, Any]], shown: Shown, *, has_prices: bool) -> bytes:
    """A note for each invoice, each on pages of its own. found: what list_papers of sql/sales/paper.sql returns."""
    with writing:
        title = f"Delivery note {found[0]['invoice']['invoice_no']}" if len(found) == 1 else "Delivery notes"
        parts = (_part(one, shown, has_prices=has_prices) for one in found)
        return pdf_of_parts(parts, A4, title=title, language=LANGUAGE, author=next(iter(shown.header), ""))


def _part(found: Mapping[str, Any], shown: Shown, *, has_prices: bool) -> Part:
    rows, invoice = table_rows(), found["invoice"]
    number, customer = invoice["invoice_no"], invoice["customer"]
    blocks = [
        *_firm(rows, shown),
        Block([*head(rows, "Delivery note", invoice, [customer["name"], *address(customer)]), rows.space(0.8)]),
        Block([*rows.grid(_about(found, shown)), rows.space(0.8)]),
        *_table(rows, invoice, has_prices=has_prices),
        Block([*_end(rows, invoice, has_prices=has_prices)]),
        Block(
            [
                rows.space(1),
                *signed(rows, ["Delivered by", "Date", "Signature"]),
                *signed(rows, ["Received by (name)", "Date and time", "Signature and stamp"]),
            ]
        ),
    ]
    return Part(blocks, head_of_others(rows, number, customer["name"]), numbered(rows, number))


def _firm(rows: Rows, shown: Shown) -> Iterator[Block]:
    """Who sends it."""
    first, *others = shown.header or ("",)
    if first:
        texts = [row for line in others for row in rows.text(line, scale=DETAIL)]
        yield Block([*rows.text(first, is_bold=True, scale=NAME), *texts, rows.rule(space=1.6)])


def _about(found: Mapping[str, Any], shown: Shown) -> list[tuple[str, str]]:
    """Labels and values below the head."""
    invoice, work = found["invoice"], found["work"]
    delivery, packing = work.get("delivery") or {}, work.get("packing") or {}
    started = delivery.get("start_time")
    texts = [
        ("Invoice date", day(invoice["invoice_date"])),
        ("Customer", invoice["customer"]["code"]),
        ("Salesman", invoice["salesman"]["name"] if invoice["salesman"] else ""),
        ("Packed by", packing.get("worker") or ""),
        ("Delivery", DELIVERY.get(delivery.get("delivery_type") or "", "")),
        ("Courier", delivery.get("courier_name") or ""),
        ("Tracking no.", delivery.get("tracking_no") or ""),
        ("Driver", delivery.get("worker") or ""),
        ("Dispatched", moment(started, shown.zone) if started else ""),
    ]
    return [(label, value) for label, value in texts if value]


def _table(rows: Rows, invoice: Invoice, *, has_prices: bool) -> Iterator[Block]:
    """The items as the invoice has them, with a head that stands on each page."""
    names = ["#", "Item", "Code", "Quantity", *(["MRP", "Amount"] if has_prices else [])]
    aligns = [RIGHT, LEFT, LEFT, *[RIGHT] * (len(names) - 3)]
    table = []
    for at, item in enumerate(invoice["items"], 1):
        price = Decimal(item["mrp"])
        prices = [money(price), money(item["quantity"] * price)] if has_prices else []
        table.append([f"{at}", item["name"], item["item_code"], f"{item['quantity']:,}", *prices])
    columns = rows.columns([names, *table], aligns, wide=ITEM, least=0.3, most={2: 0.2, 3: 0.15})
    top = [*rows.cells(columns, names, is_bold=True, ink=GREY), rows.rule()]
    yield Block(top)
    for item, texts in zip(invoice["items"], table, strict=True):
        notes = item_notes(item)
        below = rows.text(notes, start=columns[ITEM].x, scale=DETAIL, ink=GREY) if notes else []
        line = rows.cells(columns, texts, bold=(3,))
        yield Block([*line, *below, rows.rule(space=0.5, thickness=0.3, ink=LIGHT)], top)


def _end(rows: Rows, invoice: Invoice, *, has_prices: bool) -> Iterator[Any]:
    """The sums, and the remarks."""
    total = f" · Total {money(Decimal(invoice['total_amount']))}" if has_prices else ""
    yield from rows.text(f"{sums(invoice['items'])}{total}", is_bold=True, scale=TITLE, align=RIGHT)
    if (invoice["remarks"] or "").strip():
        yield from rows.text(f"Remarks: {invoice['remarks']}")

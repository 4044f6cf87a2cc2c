"""Picking lists on paper: what is taken from the shelves, in the order of the walk. docs/api/sales.md#papers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.paper.amounts import day
from core.paper.fonts import writing
from core.paper.pages import POINTS_OF_MILLIMETRE, Block, Part, pdf, pdf_of_parts
from core.paper.rows import LEFT, RIGHT, Column, Row, Rows, beside
from handlers.sales.paper_rows import (
    A4,
    DETAIL,
    GREY,
    LANGUAGE,
    LIGHT,
    NAME,
    NUMBER,
    TITLE,
    Box,
    Invoice,
    counted,
    head,
    head_of_others,
    item_notes,
    number_code,
    numbered,
    pieces,
    signed,
    sums,
    table_rows,
)
from handlers.sales.walk import walked

# Of a box to tick, in millimetres.
BOX_SIDE = 3.6
# The names of the columns; the first is that of the boxes.
COLUMNS = ("", "Shelf", "Item", "Code", "Quantity")
ALIGNS = (LEFT, LEFT, LEFT, LEFT, RIGHT)
SHELF, ITEM, QUANTITY = 1, 2, 4
# Of the codes beside the invoices of a merged list, in millimetres.
CODE_WIDTH, CODE_HEIGHT, CODE_SIDE = 62, 8, 16
# What makes two lines of different invoices one line of a merged list.
SAME = ("shelf_location", "item_code", "name", "company_name", "packing", "batch_no", "expiry_date", "remarks")


def picking_lists(found: Sequence[Mapping[str, Any]]) -> bytes:
    """A list for each invoice, each on pages of its own. found: what list_papers of sql/sales/paper.sql returns."""
    with writing:
        title = f"Picking list {found[0]['invoice']['invoice_no']}" if len(found) == 1 else "Picking lists"
        return pdf_of_parts((_part(one) for one in found), A4, title=title, language=LANGUAGE)


def merged_list(found: Sequence[Mapping[str, Any]]) -> bytes:
    """One list of the items of all invoices, for one walk."""
    with writing:
        rows = table_rows()
        invoices = [one["invoice"] for one in found]
        title = f"Picking list of {counted(len(invoices), 'invoice', 'invoices')}"
        items = [{**item, "invoice_no": one["invoice_no"]} for one in invoices for item in one["items"]]
        blocks = [
            Block(rows.text(title, is_bold=True, scale=NUMBER)),
            Block([*rows.text(sums(items), is_bold=True, scale=NAME), rows.space(0.8)]),
            *_table(rows, _merged(items)),
            *_invoices(rows, invoices),
            Block(signed(rows, ["Picked by", "Date and time"])),
        ]
        foot = numbered(rows, title)
        return pdf(blocks, A4, title=title, language=LANGUAGE, head=head_of_others(rows, title, sums(items)), foot=foot)


def _part(found: Mapping[str, Any]) -> Part:
    rows, invoice = table_rows(), found["invoice"]
    customer = invoice["customer"]
    blocks = [
        Block([*head(rows, "Picking list", invoice, [customer["name"], customer["area"]]), rows.space(0.6)]),
        Block([*rows.grid(_about(found)), rows.space(0.8)]),
        *(
            Block([*rows.text(f"Remarks: {line}", is_bold=True), rows.space(0.6)])
            for line in _lines(invoice["remarks"])
        ),
        *_table(rows, walked(invoice["items"])),
        Block([*rows.text(sums(invoice["items"]), is_bold=True, scale=TITLE, align=RIGHT)]),
        Block(signed(rows, ["Picked by", "Date and time"])),
    ]
    number = invoice["invoice_no"]
    return Part(blocks, head_of_others(rows, number, customer["name"]), numbered(rows, number))


def _about(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Labels and values below the head."""
    invoice, salesman = found["invoice"], found["invoice"]["salesman"]
    picking = found["work"].get("picking") or {}
    shown = [
        ("Date", day(invoice["invoice_date"])),
        ("Customer", invoice["customer"]["code"]),
        ("Salesman", salesman["name"] if salesman else ""),
        ("Picker", picking.get("worker") or ""),
    ]
    return [(label, value) for label, value in shown if value]


def _lines(text: str | None) -> list[str]:
    """The text as one line, if there is any."""
    return [text] if text and text.strip() else []


def _table(rows: Rows, items: Sequence[Mapping[str, Any]]) -> Iterator[Block]:
    """The items, with a head that stands on each page."""
    table = [_texts(item) for item in items]
    columns = rows.columns([COLUMNS, *table], ALIGNS, wide=ITEM, least=0.3, most={SHELF: 0.22, 3: 0.2, QUANTITY: 0.2})
    columns = _with_boxes(rows, columns)
    top = [*rows.cells(columns, COLUMNS, is_bold=True, ink=GREY), rows.rule()]
    yield Block(top)
    for item, texts in zip(items, table, strict=True):
        yield Block(_item(rows, columns, item, texts), top)


def _texts(item: Mapping[str, Any]) -> tuple[str, ...]:
    return ("", item["shelf_location"].strip() or "No shelf", item["name"], item["item_code"], f"{item['quantity']:,}")


def _with_boxes(rows: Rows, columns: Sequence[Column]) -> list[Column]:
    """The columns, of which the first has room for a box, which the widest one gives."""
    needed = BOX_SIDE * POINTS_OF_MILLIMETRE
    box, shelf, item, *others = columns
    return [
        box._replace(width=needed),
        shelf._replace(x=shelf.x + needed),
        item._replace(x=item.x + needed, width=item.width - needed),
        *others,
    ]


def _item(rows: Rows, columns: Sequence[Column], item: Mapping[str, Any], texts: Sequence[str]) -> list[Row]:
    first, *others = rows.cells(columns, texts, bold=(SHELF, QUANTITY))
    box = Box(BOX_SIDE * POINTS_OF_MILLIMETRE)
    start, notes, of = columns[ITEM].x, item_notes(item), item.get("of")
    below = [
        *(rows.text(notes, start=start, scale=DETAIL, ink=GREY) if notes else []),
        *(rows.text(of, start=start, scale=DETAIL) if of else []),
    ]
    return [first._replace(picture=(0, box)), *others, *below, rows.rule(space=0.5, thickness=0.3, ink=LIGHT)]


def _merged(items: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The items of several invoices in the order of one walk. What is the same is one line, which says how many are for which invoice."""
    found: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for item in items:
        found.setdefault(tuple(item[name] or "" for name in SAME), []).append(item)
    lines = []
    for same in found.values():
        parts: dict[str, int] = {}
        for item in same:
            parts[item["invoice_no"]] = parts.get(item["invoice_no"], 0) + item["quantity"]
        of = "For " + ", ".join(f"{number}: {quantity:,}" for number, quantity in parts.items())
        lines.append({**same[0], "quantity": pieces(same), "of": of})
    return walked(lines)


def _invoices(rows: Rows, invoices: Sequence[Invoice]) -> Iterator[Block]:
    """The invoices of a merged list, each with its code, which starts its picking on the board."""
    top = [*rows.text("Invoices", is_bold=True, scale=TITLE), rows.rule()]
    yield Block([rows.space(1.2), *top])
    left = Rows(rows.width - CODE_WIDTH * POINTS_OF_MILLIMETRE, rows.size, rows.most)
    for invoice in invoices:
        texts = [
            *left.text(invoice["invoice_no"], is_bold=True),
            *left.text(invoice["customer"]["name"]),
            *left.text(sums(invoice["items"]), scale=DETAIL, ink=GREY),
            *(row for line in _lines(invoice["remarks"]) for row in left.text(f"Remarks: {line}", is_bold=True)),
        ]
        its_code = number_code(invoice["invoice_no"], CODE_WIDTH, CODE_HEIGHT, CODE_SIDE)
        row = beside((0, texts), (left.width, [left.space(0.3), *its_code]))
        yield Block([row, rows.rule(space=0.6, thickness=0.3, ink=LIGHT)], top)

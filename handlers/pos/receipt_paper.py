"""The rows of a receipt: what stands on the paper, column by column. docs/api/pos.md#receipts.

All three forms of a receipt (handlers/pos/receipt_form.py) are made from these rows, so none can show anything else than the others.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple


class Paper(NamedTuple):
    """Paper of a receipt printer. columns: characters of a row in the printer's usual font."""

    millimetres: int
    columns: int


class Row(NamedTuple):
    """One row of the paper, at most as wide as its columns, without controls."""

    text: str
    is_bold: bool = False


PAPERS = {"80": Paper(80, 42), "58": Paper(58, 32)}
INDENT = 2
WORDS: Mapping[str, Mapping[str, str]] = {
    "es": {
        "ticket": "Ticket",
        "made_at": "Fecha",
        "paid_at": "Pagado",
        "seller": "Atendió",
        "customer": "Cliente",
        "promotion": "{name}: ahorro {saved}",
        "lines_total": "Artículos",
        "birthday_discount": "Descuento de cumpleaños",
        "subtotal": "Subtotal",
        "tax": "Impuestos",
        "rounding": "Redondeo",
        "total": "TOTAL",
        "saved": "Usted ahorró",
        "method": "Forma de pago",
        "CASH": "Efectivo",
        "CARD": "Tarjeta",
        "POINTS": "Puntos",
        "CREDIT": "Crédito de la tienda",
        "points_used": "Puntos usados",
        "store_credit_used": "Crédito usado",
        "tendered": "Recibido",
        "change": "Cambio",
        "points_earned": "Puntos ganados",
        "PENDING": "PENDIENTE DE PAGO",
        "CANCELLED": "CANCELADO",
    },
    "en": {
        "ticket": "Ticket",
        "made_at": "Date",
        "paid_at": "Paid",
        "seller": "Served by",
        "customer": "Customer",
        "promotion": "{name}: saves {saved}",
        "lines_total": "Items",
        "birthday_discount": "Birthday discount",
        "subtotal": "Subtotal",
        "tax": "Tax",
        "rounding": "Rounding",
        "total": "TOTAL",
        "saved": "You saved",
        "method": "Payment",
        "CASH": "Cash",
        "CARD": "Card",
        "POINTS": "Points",
        "CREDIT": "Store credit",
        "points_used": "Points used",
        "store_credit_used": "Credit used",
        "tendered": "Received",
        "change": "Change",
        "points_earned": "Points earned",
        "PENDING": "NOT PAID",
        "CANCELLED": "CANCELLED",
    },
}


def receipt_rows(
    receipt: Mapping[str, Any], paper: Paper, language: str, header: Sequence[str], footer: Sequence[str]
) -> list[Row]:
    """The rows of a receipt. receipt: what get_receipt of sql/pos/receipt.sql returns. language: a key of WORDS."""
    order, words, columns = receipt["order"], WORDS[language], paper.columns
    rule = [Row("-" * columns)]
    return [
        *_centred(header, columns, is_bold=True),
        *rule,
        *_ticket(receipt, words, columns),
        *rule,
        *(row for line in order["items"] or () for row in _line(line, words, columns)),
        *rule,
        *_totals(receipt, words, columns),
        *rule,
        *_payment(receipt, words, columns),
        *(rule if footer else ()),
        *_centred(footer, columns),
    ]


def _ticket(receipt: Mapping[str, Any], words: Mapping[str, str], columns: int) -> Iterable[Row]:
    order = receipt["order"]
    yield Row(f"{words['ticket']} {order['ticket_folio']}", is_bold=True)
    said = [("made_at", receipt["made_at"])]
    if receipt["paid_at"] not in (None, receipt["made_at"]):
        said.append(("paid_at", receipt["paid_at"]))
    said.append(("seller", order["seller_name"]))
    if order["customer"] is not None:
        said.append(("customer", order["customer_name"]))
    for name, value in said:
        yield from map(Row, wrapped(f"{words[name]}: {value}", columns))


def _line(line: Mapping[str, Any], words: Mapping[str, str], columns: int) -> Iterable[Row]:
    yield from map(Row, wrapped(line["product_name"], columns))
    yield from _pair(f"{line['quantity']} x {line['unit_price']}", line["amount"], columns, indent=INDENT)
    if line["promotion_name"] is not None:
        said = words["promotion"].format(name=line["promotion_name"], saved=line["discount_amount"])
        yield from (Row(" " * INDENT + text) for text in wrapped(said, columns - INDENT))


def _totals(receipt: Mapping[str, Any], words: Mapping[str, str], columns: int) -> Iterable[Row]:
    order = receipt["order"]
    for name in ("lines_total", "birthday_discount"):
        if receipt[name] is not None:
            yield from _pair(words[name], receipt[name], columns)
    yield from _pair(words["subtotal"], order["subtotal"], columns)
    yield from _pair(words["tax"], order["total_tax"], columns)
    if receipt["rounding"] is not None:
        yield from _pair(words["rounding"], receipt["rounding"], columns)
    yield from _pair(words["total"], order["final_amount"], columns, is_bold=True)
    if order["money_saved_total"] != "0.00":
        yield from _pair(words["saved"], order["money_saved_total"], columns)


def _payment(receipt: Mapping[str, Any], words: Mapping[str, str], columns: int) -> Iterable[Row]:
    order = receipt["order"]
    if order["status"] != "PAID":
        yield from _centred([words[order["status"]]], columns, is_bold=True)
        return
    yield from _pair(words["method"], words[order["payment_method"]], columns)
    if order["payment_method"] == "POINTS":
        yield from _pair(words["points_used"], str(order["points_used"]), columns)
    if order["payment_method"] == "CREDIT":
        yield from _pair(words["store_credit_used"], order["store_credit_used"], columns)
    for name in ("tendered", "change", "points_earned"):
        if receipt[name] is not None:
            yield from _pair(words[name], str(receipt[name]), columns)


def _centred(lines: Iterable[str], columns: int, *, is_bold: bool = False) -> Iterable[Row]:
    for line in lines:
        for text in wrapped(line, columns):
            yield Row(" " * ((columns - width(text)) // 2) + text, is_bold)


def _pair(left: str, right: str, columns: int, *, indent: int = 0, is_bold: bool = False) -> Iterable[Row]:
    """A label on the left and its value on the right; the value has a row of its own where both don't fit in one."""
    *before, last = (" " * indent + text for text in wrapped(left, columns - indent))
    yield from (Row(text, is_bold) for text in before)
    first, *after = wrapped(right, columns)
    if width(last) + 1 + width(first) > columns:
        yield Row(last, is_bold)
        last = ""
    yield Row(last + " " * (columns - width(last) - width(first)) + first, is_bold)
    yield from (Row(" " * (columns - width(text)) + text, is_bold) for text in after)


def wrapped(text: str, columns: int) -> list[str]:
    """The text in rows, broken between words; a word that is wider than a row is broken where the row ends. At least one row."""
    rows = [""]
    for word in cleaned(text).split():
        for piece in _pieces(word, columns):
            if rows[-1] and width(rows[-1]) + 1 + width(piece) > columns:
                rows.append(piece)
            else:
                rows[-1] = f"{rows[-1]} {piece}" if rows[-1] else piece
    return rows


def _pieces(word: str, columns: int) -> list[str]:
    pieces, used = [""], 0
    for character in word:
        needed = width(character)
        if used + needed > columns:
            pieces.append("")
            used = 0
        pieces[-1] += character
        used += needed
    return pieces


def cleaned(text: str) -> str:
    """The text in normal form C, without what is no character on paper: white space, also line separators, is a blank, and controls
    and formats (an ESC would be a command to the printer, U+202E would turn an amount round) are nothing."""
    normal = unicodedata.normalize("NFC", text)
    return "".join(
        " " if character.isspace() else character
        for character in normal
        if character.isspace() or unicodedata.category(character) not in ("Cc", "Cf")
    )


def width(text: str) -> int:
    """The columns that a text takes: two for each wide character of East Asia, none for a mark that combines with the one before it."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def shown(text: str, is_known: Callable[[str], bool]) -> str:
    """The text as it is shown by a font that has ASCII and some more characters: `?` in each column of an unknown one. Marks that
    combine are left out, because neither a printer nor the PDF would place them over the character before."""
    if text.isascii():
        return text
    return "".join(
        one if one.isascii() or (_columns(one) == 1 and is_known(one)) else "?" * _columns(one) for one in text
    )


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1

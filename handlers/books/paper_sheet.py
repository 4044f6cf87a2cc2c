"""A quote or an invoice on paper, as a PDF. docs/api/books.md#papers.

The paper is a JSON of sql/books/paper.sql, with its numbers as Decimal. Its amounts are printed as they are.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from core.paper.amounts import amount, day, digits, percent
from core.paper.fonts import writing
from core.paper.pages import POINTS_OF_MILLIMETRE, Block, Sheet, pdf
from core.paper.picture import Picture
from core.paper.rows import BLACK, LEFT, RIGHT, Column, Ink, Row, Rows, Text, beside
from core.paper.text import ELLIPSIS, plain, shortened, width

# Width and height in millimetres.
SIZES = {"A4": (210.0, 297.0), "Letter": (215.9, 279.4)}
# Millimetres.
MARGIN = 18
# Of the letters, in points.
SIZE = 9.0
# Sizes of letters, in SIZE.
TITLE, NAME, TOTAL, LABEL = 2.2, 1.3, 1.25, 0.83
# What is white above a capital letter in its row, in sizes of the letter.
ABOVE_CAPITALS = 0.286
# Between columns of the table, in SIZE.
COLUMN_GAP = 1.8
# Parts of the width: of the owner's and the client's names and addresses, and of the dates; and where the sums begin.
PARTY, FACTS, SUMS = 0.56, 0.38, 0.52
GREY: Ink = (0.42, 0.42, 0.42)
LIGHT: Ink = (0.82, 0.82, 0.82)
GREEN: Ink = (0.11, 0.45, 0.24)
RED: Ink = (0.71, 0.15, 0.12)
# Characters of one paragraph.
MOST = 10_000
# Rows of a name, an address and another text of the head, which must fit on one page.
MOST_NAME, MOST_ADDRESS, MOST_OTHER = 3, 20, 2
# Points.
HAIRLINE, STRONG = 0.4, 0.9
LANGUAGE = "en"


class Kind(NamedTuple):
    """What a quote and an invoice call their parts."""

    # The document's members of its number and of its second date.
    number: str
    until: str
    title: str
    client_label: str
    until_label: str


KINDS = {
    "quote": Kind("quote_number", "expiry_date", "QUOTE", "PREPARED FOR", "Valid until"),
    "invoice": Kind("invoice_number", "due_date", "INVOICE", "BILL TO", "Due date"),
}
# The states that are marked on the paper. A paper that was sent, or paid in part, shows its state by its dates and amounts.
MARKS = {
    "draft": ("DRAFT", GREY),
    "paid": ("PAID", GREEN),
    "overdue": ("OVERDUE", RED),
    "cancelled": ("CANCELLED", RED),
    "accepted": ("ACCEPTED", GREEN),
    "rejected": ("REJECTED", RED),
    "expired": ("EXPIRED", RED),
}


def paper_pdf(paper: Mapping[str, Any], logo: Picture | None = None) -> bytes:
    """The paper as a PDF. The same paper is the same bytes."""
    wide, high = SIZES[paper["company"]["paper_size"]]
    sheet = Sheet(wide * POINTS_OF_MILLIMETRE, high * POINTS_OF_MILLIMETRE, MARGIN * POINTS_OF_MILLIMETRE)
    # A text is measured by its fonts, which only one thread may use.
    with writing:
        writer = PaperWriter(paper, Rows(sheet.room, SIZE, MOST))
        blocks = [*writer.head(logo), *writer.lines(), *writer.sums(), *writer.payments(), *writer.texts()]
        return pdf(
            blocks,
            sheet,
            title=writer.name,
            language=LANGUAGE,
            author=writer.company["name"],
            head=writer.head_of_others(),
            foot=writer.foot,
        )


def _first(rows: list[Row], most: int) -> list[Row]:
    """The first of the rows of a text; the last of them shows that there are more."""
    if len(rows) <= most:
        return rows
    last = rows[most - 1]
    return [*rows[: most - 1], last._replace(texts=tuple(one._replace(text=one.text + ELLIPSIS) for one in last.texts))]


def _paragraphs(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


class PaperWriter:
    """The parts of one paper, from top to bottom."""

    def __init__(self, paper: Mapping[str, Any], rows: Rows) -> None:
        self.kind = KINDS[paper["kind"]]
        self.document, self.client, self.company = paper["document"], paper["client"], paper["company"]
        self.number = self.document.get(self.kind.number) or ""
        self.rows = rows

    @property
    def name(self) -> str:
        return f"{self.kind.title.capitalize()} {self.number}".strip()

    def amount(self, value: str) -> str:
        return amount(value, self.company["currency"], self.company["sign"])

    # Who, to whom, and when

    def head(self, logo: Picture | None) -> Iterator[Block]:
        rows = self.rows
        parties, facts = Rows(PARTY * rows.width, rows.size, MOST), Rows(FACTS * rows.width, rows.size, MOST)
        right = rows.width - facts.width
        yield Block([beside((0, self._owner(parties, logo)), (right, self._title(facts)))])
        client = self._client(parties)
        yield Block([rows.space(2), beside((0, client), (right, self._facts(facts, has_client=bool(client))))])
        yield Block([rows.space(1.6)])
        if self.document["title"]:
            yield Block([*rows.text(self.document["title"], is_bold=True, scale=1.1), rows.space(0.6)])

    def _owner(self, rows: Rows, logo: Picture | None) -> list[Row]:
        company = self.company
        name = _first(rows.text(company["name"], is_bold=True, scale=NAME), MOST_NAME) if company["name"] else []
        address = _first(
            [row for line in _paragraphs(company["address"]) for row in rows.text(line, ink=GREY)], MOST_ADDRESS
        )
        reached = [company[by] for by in ("phone", "email", "website") if company[by]]
        # They are on one row, or on one each.
        together = "  ·  ".join(map(plain, reached))
        if reached and width(together, rows.size) <= rows.width:
            contact = rows.text(together, ink=GREY)
        else:
            contact = [row for one in reached for row in _first(rows.text(one, ink=GREY), MOST_OTHER)]
        tax = self._tax_number(rows, company["tax_number"], GREY)
        picture = [rows.picture(logo, align=LEFT), rows.space(0.4)] if logo else []
        # What stands first begins level with the title.
        level = rows.space(ABOVE_CAPITALS * (TITLE if logo else TITLE - NAME))
        return [level, *picture, *name, *address, *contact, *tax]

    def _title(self, rows: Rows) -> list[Row]:
        shown = rows.text(self.kind.title, align=RIGHT, is_bold=True, scale=TITLE)
        if self.number:
            shown += rows.text(self.number, align=RIGHT, scale=NAME, ink=GREY)
        if mark := MARKS.get(self.document["status"]):
            shown += [rows.space(0.3), *rows.text(mark[0], align=RIGHT, is_bold=True, scale=NAME, ink=mark[1])]
        return shown

    def _client(self, rows: Rows) -> list[Row]:
        client = self.client
        if client is None:
            return []
        first, *others = [name for name in (client["company"], client["name"]) if name]
        address = [row for line in _paragraphs(client["address"]) for row in rows.text(line)]
        return [
            *self._label(rows, self.kind.client_label),
            *_first(rows.text(first, is_bold=True, scale=1.1), MOST_NAME),
            *(row for name in others if name != first for row in _first(rows.text(name), MOST_NAME)),
            *_first(address, MOST_ADDRESS),
            *self._tax_number(rows, client["tax_number"], BLACK),
        ]

    def _tax_number(self, rows: Rows, number: str, ink: Ink) -> list[Row]:
        return _first(rows.text(f"Tax number: {number}", ink=ink), MOST_OTHER) if number else []

    def _facts(self, rows: Rows, *, has_client: bool) -> list[Row]:
        """The dates and the amount, level with the client's name."""
        document = self.document
        shown = [("Issue date", day(document["issue_date"])), (self.kind.until_label, day(document[self.kind.until]))]
        before = [rows.space(LABEL * 1.4 + 0.2)] if has_client else []
        dates = [row for label, text in shown for row in rows.pair(label, text, label_ink=GREY)]
        if document["status"] == "cancelled":
            return [*before, *dates]
        if "balance" in document:
            return [*before, *dates, *rows.pair("Balance due", self.amount(document["balance"]), is_bold=True)]
        return [*before, *dates, *rows.pair("Total", self.amount(document["total_amount"]), is_bold=True)]

    def _label(self, rows: Rows, text: str) -> list[Row]:
        return [*rows.text(text, scale=LABEL, ink=GREY), rows.space(0.2)]

    # Lines

    def lines(self) -> Iterator[Block]:
        """A table, whose head stands on each page."""
        rows = self.rows
        names = ["Description", "Quantity", "Unit price", "Amount"]
        table = [
            [line["description"], digits(line["quantity"]), self.amount(line["unit_price"]), self.amount(line["total"])]
            for line in self.document["line_items"]
        ]
        # The description has what the others leave, so it isn't measured.
        measured = [["", *names[1:]], *(["", *texts[1:]] for texts in table)]
        columns = rows.columns(measured, [LEFT, RIGHT, RIGHT, RIGHT], wide=0, least=0.3, most={}, gap=COLUMN_GAP)
        small = Rows(rows.width, LABEL * rows.size, MOST)
        head = [*small.cells(columns, names, ink=GREY), rows.rule(space=0.6, thickness=STRONG)]
        yield Block(head)
        between = [rows.space(0.15), rows.rule(space=0.5, thickness=HAIRLINE, ink=LIGHT)]
        for texts in table:
            yield Block([rows.space(0.15), *rows.cells(columns, texts), *between], head)

    # Sums

    def sums(self) -> Iterator[Block]:
        document, rows = self.document, self.rows
        start = SUMS * rows.width
        rate = document["tax_rate"]
        tax = f"Tax ({percent(rate)})" if rate and Decimal(rate) else "Tax"
        shown = rows.pair("Subtotal", self.amount(document["subtotal"]), start=start, label_ink=GREY)
        shown += rows.pair(tax, self.amount(document["tax_amount"]), start=start, label_ink=GREY)
        shown += [
            rows.space(0.1),
            rows.rule(start=start, space=0.5, thickness=STRONG),
            *rows.pair("Total", self.amount(document["total_amount"]), is_bold=True, scale=TOTAL, start=start),
        ]
        if "paid_amount" in document:
            shown += self._balance(start)
        yield Block([rows.space(0.5), *shown])

    def _balance(self, start: float) -> list[Row]:
        document, rows = self.document, self.rows
        if not Decimal(document["paid_amount"]):
            return []
        return [
            rows.space(0.2),
            *rows.pair("Paid", self.amount(f"-{document['paid_amount']}"), start=start, label_ink=GREY),
            rows.space(0.1),
            rows.rule(start=start, space=0.5, thickness=HAIRLINE),
            *rows.pair("Balance due", self.amount(document["balance"]), is_bold=True, scale=TOTAL, start=start),
        ]

    def payments(self) -> Iterator[Block]:
        rows, found = self.rows, self.document.get("payments") or []
        if not found:
            return
        table = [
            [
                day(one["payment_date"]),
                one["payment_method"].replace("_", " ").capitalize(),
                one["reference"],
                self.amount(one["amount"]),
            ]
            for one in found
        ]
        measured = [[*texts[:2], "", texts[3]] for texts in table]
        columns = rows.columns(measured, [LEFT, LEFT, LEFT, RIGHT], wide=2, least=0.3, most={1: 0.25}, gap=COLUMN_GAP)
        head = [rows.space(1.2), *self._label(rows, "PAYMENTS")]
        for at, texts in enumerate(table):
            yield Block([*(head if at == 0 else ()), *rows.cells(columns, texts)])

    # What else is to be said

    def texts(self) -> Iterator[Block]:
        rows = self.rows
        for label, text in (("TERMS", self.document["terms"]), ("NOTES", self.document["notes"])):
            found = [rows.text(line) for line in _paragraphs(text)]
            for at, paragraph in enumerate(found):
                head = [rows.space(1.2), *self._label(rows, label)] if at == 0 else []
                # The label stays with the first row; a paragraph may begin on one page and end on the next.
                yield Block([*head, paragraph[0]])
                yield from (Block([row]) for row in paragraph[1:])

    # Each page

    def head_of_others(self) -> list[Row]:
        """The head of each page but the first."""
        rows = self.rows
        right = plain(self.name)
        left = shortened(self.company["name"], rows.width - width(right, rows.size) - 2 * rows.size, rows.size)
        texts = (Text(0, left, rows.size, LEFT, ink=GREY), Text(rows.width, right, rows.size, RIGHT, ink=GREY))
        return [Row(rows.size * 1.4, texts), rows.rule(thickness=HAIRLINE, ink=LIGHT), rows.space(0.6)]

    def foot(self, number: int, count: int) -> Sequence[Row]:
        rows = self.rows
        small = Rows(rows.width, LABEL * rows.size, MOST)
        columns = [Column(0, 0.8 * rows.width, LEFT), Column(0.8 * rows.width, 0.2 * rows.width, RIGHT)]
        texts = [self.company["footer"], f"Page {number} of {count}" if count > 1 else ""]
        rule = rows.rule(thickness=HAIRLINE, ink=LIGHT) if any(texts) else rows.space(0.8)
        return [rows.space(1), rule, *small.cells(columns, texts, ink=GREY)]

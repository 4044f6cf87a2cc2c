"""What papers say, and how it fits. docs/api/books.md#papers."""

import io
from decimal import Decimal

import pypdf
import pytest

from core.paper.amounts import amount, day, digits, percent
from core.paper.text import ELLIPSIS
from handlers.books.paper_sheet import SIZES, paper_pdf
from tests.books import papers

COMPANY = {
    "name": "Asha Studio",
    "address": "14 Rose Lane\nKochi",
    "email": "asha@example.com",
    "phone": "",
    "website": "",
    "tax_number": "",
    "currency": "USD",
    "sign": "$",
    "paper_size": "A4",
    "footer": "",
    "logo": None,
}
CLIENT = {"name": "Ravi Menon", "company": "", "address": "", "tax_number": ""}
LINE = {"description": "Design", "quantity": 1, "unit_price": "100.00", "total": "100.00"}
DOCUMENT = {
    "invoice_number": "INV-2024-001",
    "status": "sent",
    "title": "",
    "issue_date": "2024-01-15",
    "due_date": "2024-02-14",
    "line_items": [LINE],
    "subtotal": "100.00",
    "tax_rate": None,
    "tax_amount": "0.00",
    "total_amount": "100.00",
    "paid_amount": "0.00",
    "balance": "100.00",
    "terms": "",
    "notes": "",
    "payments": [],
}


def paper(company=None, client=None, **document):
    return {
        "kind": "invoice",
        "document": {**DOCUMENT, **document},
        "client": {**CLIENT, **(client or {})},
        "company": {**COMPANY, **(company or {})},
    }


def test_amounts_keep_their_digits():
    assert amount("99999999.99", "USD", "$") == "$99,999,999.99"
    assert amount("12345678.90", "INR", "₹") == "₹1,23,45,678.90"
    assert amount("999.00", "INR", "₹") == "₹999.00"
    assert amount("-1234.50", "CHF", "CHF") == "-CHF 1,234.50"
    assert amount("0.05", "CAD", "CA$") == "CA$0.05"


def test_quantities_and_rates_have_no_zeros_at_their_end():
    assert [digits(value) for value in (1, Decimal("2.50"), Decimal("12000.00"), 1000)] == [
        "1",
        "2.5",
        "12,000",
        "1,000",
    ]
    assert [percent(rate) for rate in ("0.0825", "0.1000", "1.0000")] == ["8.25%", "10%", "100%"]


def test_a_day_is_written_with_the_name_of_its_month():
    assert [day(text) for text in ("2024-01-05", "0001-12-31", "10000-01-30")] == [
        "5 January 2024",
        "31 December 1",
        "30 January 10000",
    ]


@pytest.mark.parametrize("joined", ["क्षि", "ন্ত্রী", "ਸ੍ਰੀ", "શ્રી", "ଶ୍ରୀ", "ஸ்ரீ", "స్త్రీ", "ಸ್ತ್ರೀ", "ന്ത്ര"])
def test_every_script_of_india_is_printed_wherever_a_text_may_stand(joined):
    shown = paper(
        {"name": joined, "address": joined, "currency": "INR", "sign": "₹", "footer": joined},
        {"name": joined, "company": f"{joined} {joined}", "address": joined},
        title=joined, terms=joined, notes=joined, line_items=[{**LINE, "description": f"Tea {joined} Чай τσάι"}],
    )  # fmt: skip
    data = paper_pdf(shown)
    assert papers.copied(data).count(joined) >= 9
    assert "₹100.00" in papers.read(data) and "Чай τσάι" in papers.read(data)


def test_what_no_font_has_is_replaced():
    text = papers.read(
        paper_pdf(
            paper({"name": "漢字 🍎 Ltd"}, {"name": "عربي"}, line_items=[{**LINE, "description": "\u202ea\x00b\ue000"}])
        )
    )
    assert "\ufffd\ufffd \ufffd Ltd" in text and "\ufffd" * 4 in text and "ab\ufffd" in text


@pytest.mark.parametrize("size", SIZES)
def test_huge_texts_and_amounts_stay_on_their_pages(size):
    most = "99999999.99"
    line = {"description": "x" * 300 + " word" * 140, "quantity": Decimal(most), "unit_price": most, "total": most}
    company = {name: "W" * 200 for name in ("phone", "website", "footer")} | {"tax_number": "W" * 50, "name": "W" * 255}
    company |= {
        "address": "\n".join(f"row {n}" for n in range(500)),
        "email": "a" * 64 + "@" + "b" * 180,
        "sign": "CHF",
        "paper_size": size,
    }
    client = {"name": "N" * 255, "company": "M " * 127, "address": "x" * 1000, "tax_number": "W" * 50}
    payment = {"payment_date": "2024-09-25", "payment_method": "m" * 50, "reference": "r" * 100, "amount": most}
    shown = paper(
        company, client, title="T" * 255, terms="t" * 10_000, notes="\n\n".join(f"note {n}" for n in range(2000)), line_items=[line] * 30,
        subtotal=most, tax_amount=most, total_amount=most, paid_amount=most, balance=most, payments=[payment] * 100,
    )  # fmt: skip
    data = paper_pdf(shown)
    wide, high = (float(side) / 25.4 * 72 for side in SIZES[size])
    for page in papers.pages(data):
        assert [float(side) for side in page.mediabox[2:]] == pytest.approx([wide, high], abs=0.01)
        places = []
        page.extract_text(
            visitor_text=lambda text, _, place, font, at, places=places: text.strip() and places.append(place[4:])
        )
        margin = 18 / 25.4 * 72
        assert all(margin - 1 < x < wide - margin and margin - 1 < y < high - margin + 1 for x, y in places)
    text = papers.read(data)
    assert text.count("CHF 99,999,999.99") >= 60 + 100 + 5
    assert ELLIPSIS in text and "row 18" in text and "row 20" not in text and "note 1999" in text
    # The first page is not empty because the head would not fit on it.
    assert "INVOICE" in papers.pages(data)[0].extract_text() and "WWWW" in papers.pages(data)[0].extract_text()


def test_the_sums_stay_together_and_a_label_stays_with_its_text():
    for count in range(20, 45):
        data = paper_pdf(paper(line_items=[LINE] * count, terms="Payable at once", paid_amount="1.00", balance="99.00"))
        for page in papers.pages(data):
            text = page.extract_text()
            assert ("Subtotal" in text) == ("-$1.00" in text), count
            assert ("TERMS" in text) == ("Payable at once" in text), count


def test_pages_are_numbered_if_there_are_several():
    assert "Page 1" not in papers.read(paper_pdf(paper()))
    found = [page.extract_text() for page in papers.pages(paper_pdf(paper(line_items=[LINE] * 200)))]
    assert len(found) > 3
    for number, text in enumerate(found, 1):
        assert f"Page {number} of {len(found)}" in " ".join(text.split())
        assert ("Invoice INV-2024-001" in " ".join(text.split())) == (number > 1)


def test_a_paper_without_anything_is_one():
    empty = dict.fromkeys(("name", "address", "email"), "")
    shown = {**paper(empty, line_items=[]), "client": None}
    assert "INVOICE" in papers.read(paper_pdf(shown))


@pytest.mark.parametrize("name", ["Asha Studio", "श्री & Söhne (Ltd)", ""])
def test_a_reader_shows_who_issues_the_paper_and_which_it_is(name):
    shown = paper({"name": name})
    data = paper_pdf(shown)
    found = pypdf.PdfReader(io.BytesIO(data)).metadata
    assert (found.title, found.author or "", found.subject or "") == ("Invoice INV-2024-001", name, "")
    assert paper_pdf(shown) == data

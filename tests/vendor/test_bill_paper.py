"""What is printed of a bill, on each paper. docs/api/vendor.md#paper-of-a-bill."""

import io
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from PIL import Image

from core.paper.text import width
from handlers.vendor.bill_amounts import digits, rupees, tax_by_rate
from handlers.vendor.bill_paper import MOST, PAPERS, TOTAL, paper
from tests.vendor.bills import bill, copied, line, pages, rows

ALL = pytest.mark.parametrize("name", PAPERS)

HINDI = "राष्ट्रीय क्षत्रिय मिठाई"
MALAYALAM = "മന്ത്രി സ്പെഷ്യൽ പുട്ട്"


def plain_bill(**more):
    """The bill without GST of the vendor document."""
    taxes = dict.fromkeys(("total_tax", "cgst_amount", "sgst_amount", "igst_amount"), "0.00")
    untaxed = line("Product B", quantity="1.000", price="150.00", subtotal="150.00", item_gst_amount="0.00")
    return bill(untaxed, billing_mode="non_gst", subtotal="150.00", total_amount="150.00", **taxes, **more)


# Content


def test_a_gst_bill_has_all_compulsory_fields():
    assert rows(bill()) == [
        "ABC Restaurant",
        "123 Main St, City, State",
        "GSTIN: 29ABCDE1234F1Z5",
        "FSSAI Lic. No.: 12345678901234",
        "TAX INVOICE",
        "Invoice no. INV-2024-001",
        "Bill no. BN-2024-001",
        "Date 31-01-2024",
        "Item Amount",
        "Product A",
        "2 pcs × ₹100.00 · GST 18% ₹200.00",
        "Subtotal ₹200.00",
        "CGST ₹18.00",
        "SGST ₹18.00",
        "Total tax ₹36.00",
        "TOTAL ₹236.00",
        "Items: 1 · Quantity: 2",
        "GST by rate",
        "CGST 9% on ₹200.00 ₹18.00",
        "SGST 9% on ₹200.00 ₹18.00",
        "Payment Cash",
        "Thank you for visiting!",
    ]


def test_a_bill_without_gst_has_no_taxes():
    assert rows(plain_bill()) == [
        "ABC Restaurant",
        "123 Main St, City, State",
        "GSTIN: 29ABCDE1234F1Z5",
        "FSSAI Lic. No.: 12345678901234",
        "INVOICE",
        "Invoice no. INV-2024-001",
        "Bill no. BN-2024-001",
        "Date 31-01-2024",
        "Item Amount",
        "Product B",
        "1 pcs × ₹150.00 ₹150.00",
        "Subtotal ₹150.00",
        "TOTAL ₹150.00",
        "Items: 1 · Quantity: 2",
        "Payment Cash",
        "Thank you for visiting!",
    ]


def test_a5_has_a_table():
    found = rows(bill(line(), line("Tea", batch_number="B7", expiry_date="2026-03-04")), "a5")
    for row in (
        "Invoice no. INV-2024-001 Bill no. BN-2024-001",
        "# Item Quantity Price GST Amount",
        "1 Product A 2 pcs ₹100.00 18% ₹200.00",
        "2 Tea 2 pcs ₹100.00 18% ₹200.00",
        "Batch B7 · Expiry 04-03-2026",
        "CGST ₹18.00",
        "TOTAL ₹236.00",
        "Page 1 of 1",
    ):
        assert row in found
    assert "# Item Quantity Price Amount" in rows(plain_bill(), "a5")


def test_a5_has_the_taxes_by_rate_in_a_table():
    found = rows(bill(), "a5")
    at = found.index("Rate Taxable CGST SGST Tax")
    assert found[at + 1] == "18% ₹200.00 ₹18.00 ₹18.00 ₹36.00"
    between = bill(cgst_amount="0.00", sgst_amount="0.00", igst_amount="36.00")
    found = rows(between, "a5")
    assert found[found.index("Rate Taxable IGST Tax") + 1] == "18% ₹200.00 ₹36.00 ₹36.00"


@ALL
def test_what_a_bill_does_not_have_is_not_printed(name):
    few = plain_bill() | dict.fromkeys(("gstin", "fssai_license"), None) | {"footer_note": ""}
    text = "\n".join(rows(few, name))
    for word in ("GSTIN", "FSSAI", "None", "null", "Table", "Customer", "Reference", "Change", "GST"):
        assert word not in text


def test_all_that_a_bill_has_is_printed():
    found = rows(
        bill(
            customer_name="Anil Kumar",
            customer_phone="+91 98765 43210",
            customer_email="anil@example.com",
            customer_address="7 Lake Road",
            table_number="12",
            waiter_name="Ramesh",
            payment_mode="upi",
            payment_reference="REF-77",
            amount_paid="500.00",
            change_amount="264.00",
            discount_amount="20.00",
            discount_percentage="10.00",
            notes="No onions\n\nPacked",
        )
    )
    for row in (
        "Customer Anil Kumar",
        "Phone +91 98765 43210",
        "E-mail anil@example.com",
        "Address 7 Lake Road",
        "Table 12",
        "Waiter Ramesh",
        "Discount (10%) -₹20.00",
        "Payment UPI",
        "Reference REF-77",
        "Paid ₹500.00",
        "Change ₹264.00",
        "No onions",
        "Packed",
    ):
        assert row in found


def test_a_mode_of_payment_that_is_not_known_is_printed_as_it_was_sent():
    assert "Payment Sodexo" in rows(bill(payment_mode="Sodexo"))
    assert not [row for row in rows(bill(payment_mode="")) if row.startswith("Payment")]


def test_a_price_that_includes_gst_says_so():
    found = rows(
        bill(line(price="118.00", price_type="inclusive", quantity="1.000", subtotal="118.00", item_gst_amount="18.00"))
    )
    assert "1 pcs × ₹118.00 · GST 18% ₹118.00" in found and "GST included" in found


def test_the_price_is_the_one_that_makes_the_amount():
    """The vendor document multiplies mrp_price, its samples price."""
    found = rows(bill(line(price="100.00", mrp_price="118.00", subtotal="236.00")))
    assert "2 pcs × ₹118.00 · GST 18% ₹236.00" in found
    found = rows(bill(line(price="100.00", mrp_price="118.00", subtotal="199.00")))
    assert "2 pcs × ₹100.00 · GST 18% ₹199.00" in found


# Taxes


def lines_of(*rates):
    """Lines of (rate, amount, tax)."""
    return [line(gst_percentage=rate, subtotal=amount, item_gst_amount=tax) for rate, amount, tax in rates]


def sums(subtotal, cgst, sgst, igst="0.00"):
    total = Decimal(cgst) + Decimal(sgst) + Decimal(igst)
    return {
        "subtotal": subtotal,
        "cgst_amount": cgst,
        "sgst_amount": sgst,
        "igst_amount": igst,
        "total_tax": f"{total}",
    }


def test_the_taxes_of_lines_are_summed_by_rate():
    found = bill(
        *lines_of(("18.00", "100.00", "18.00"), ("5.00", "200.00", "10.00"), ("18.00", "50.00", "9.00"), ("0.00", "30.00", "0.00")),
        **sums("380.00", "18.50", "18.50"),
    )  # fmt: skip
    at = rows(found).index("GST by rate")
    assert rows(found)[at + 1 : at + 5] == [
        "CGST 2.5% on ₹200.00 ₹5.00",
        "SGST 2.5% on ₹200.00 ₹5.00",
        "CGST 9% on ₹150.00 ₹13.50",
        "SGST 9% on ₹150.00 ₹13.50",
    ]


def test_halves_of_odd_paise_add_up_to_the_bills_own_sums():
    found = tax_by_rate(
        bill(*lines_of(("5.00", "100.20", "5.01"), ("12.00", "100.10", "12.01"), ("18.00", "100.05", "18.01")),
             **sums("300.35", "17.52", "17.51"))
    )  # fmt: skip
    assert [(one.cgst, one.sgst) for one in found] == [
        (Decimal("2.51"), Decimal("2.50")),
        (Decimal("6.00"), Decimal("6.01")),
        (Decimal("9.01"), Decimal("9.00")),
    ]


def test_where_lines_and_sums_disagree_the_bills_own_sums_stand_alone():
    found = rows(bill(line(item_gst_amount="35.00")))
    assert "CGST ₹18.00" in found and "GST by rate" not in found
    # Two kinds of tax at once can't be split by rate.
    found = rows(bill(igst_amount="5.00"))
    assert "IGST ₹5.00" in found and "GST by rate" not in found


def test_a_discount_leaves_open_what_the_tax_is_on():
    found = rows(bill(line(discount_amount="20.00")))
    assert "Discount ₹20.00" in found
    assert "CGST 9% ₹18.00" in found
    assert "CGST 9% ₹18.00" in rows(bill(subtotal="190.00"))


def test_tax_between_states_is_one_row():
    found = rows(bill(**sums("200.00", "0.00", "0.00", "36.00")))
    assert "IGST ₹36.00" in found and "IGST 18% on ₹200.00 ₹36.00" in found
    assert not [row for row in found if row.startswith(("CGST", "SGST"))]


@ALL
@pytest.mark.parametrize("missing", ["", None])
def test_a_bill_without_a_number_of_its_own_has_its_invoice_number_as_the_bills(name, missing):
    text = "\n".join(rows(bill(bill_number=missing), name))
    assert "Invoice no. INV-2024-001" in text and "Bill no. INV-2024-001" in text


@ALL
@pytest.mark.parametrize("mode", ["non_gst", "NON_GST"])
def test_a_bill_without_gst_names_no_tax_whatever_its_lines_say(name, mode):
    """Lines of an app may say that their price includes GST, also on a bill without."""
    taxed = line("Tea", price_type="inclusive", batch_number="B7")
    text = "\n".join(rows(bill(taxed, billing_mode=mode, gstin=None), name))
    assert "Batch B7" in text and "TOTAL ₹236.00" in text
    assert "GST" not in text and "tax" not in text.lower()


def test_a_bill_of_an_unknown_mode_shows_its_taxes():
    assert "CGST ₹18.00" in rows(bill(billing_mode="something"))
    assert "CGST ₹18.00" not in rows(bill(billing_mode="NON_GST"))


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0.00", "₹0.00"),
        ("999.50", "₹999.50"),
        ("1000.00", "₹1,000.00"),
        ("123456.00", "₹1,23,456.00"),
        ("9999999999.99", "₹9,99,99,99,999.99"),
        ("-1234.00", "-₹1,234.00"),
    ],
)
def test_amounts_are_grouped_as_in_india(amount, shown):
    assert rupees(amount) == shown


def test_quantities_have_no_zeros_at_their_end():
    assert [digits(one) for one in ("2.000", "1.500", "10.000", "0.125", "100", 2.0, 0.1)] == [
        "2", "1.5", "10", "0.125", "100", "2", "0.1",
    ]  # fmt: skip


# Paper


def test_each_paper_has_its_width_and_a_roll_ends_with_its_text():
    heights = {}
    for name, millimetres in {"58": 58, "80": 80, "a5": 148}.items():
        short, long = (pages(paper(bill(*[line()] * count), PAPERS[name]))[0].mediabox for count in (1, 9))
        assert [float(box.width) / 72 * 25.4 for box in (short, long)] == [pytest.approx(millimetres, abs=0.01)] * 2
        heights[name] = float(long.height) - float(short.height)
    assert heights["58"] > 100 and heights["80"] > 100 and heights["a5"] == 0


@ALL
def test_amounts_end_at_the_right_margin(name):
    size, starts = PAPERS[name].size, {}

    def visit(text, matrix, text_matrix, font, size):
        starts.setdefault(text.strip(), []).append(text_matrix[4])

    pages(paper(bill(), PAPERS[name]))[0].extract_text(visitor_text=visit)
    end = (PAPERS[name].width - PAPERS[name].margin) * 72 / 25.4
    assert max(starts["₹200.00"]) + width("₹200.00", size) == pytest.approx(end, abs=0.1)
    assert max(starts["₹236.00"]) + width("₹236.00", size * TOTAL, is_bold=True) == pytest.approx(end, abs=0.1)


def test_a_hundred_lines_are_several_pages_of_a5_and_one_roll():
    many = bill(*[line(f"Dish {at}") for at in range(1, 101)], item_count=100)
    found = [page.extract_text() for page in pages(paper(many, PAPERS["a5"]))]
    assert len(found) == 3
    for number, text in enumerate(found, 1):
        assert f"Page {number} of 3" in text and "ABC Restaurant" in text and "INV-2024-001" in text
        assert "Quantity" in text, "the head of the table stands on each page"
    assert [text.count("Dish ") for text in found][0] > 20 and sum(text.count("Dish ") for text in found) == 100
    assert "TOTAL" in found[-1] and "TOTAL" not in found[0]
    for name in ("58", "80"):
        assert len(pages(paper(many, PAPERS[name]))) == 1


@ALL
def test_a_long_name_is_wrapped_and_nothing_of_it_lost(name):
    words = "Paneer butter masala with extra gravy and " * 6
    for long in (words.strip(), "W" * 255):
        text = "".join(rows(bill(line(long)), name)).replace(" ", "")
        # On A5 the amounts stand beside the first row.
        first, last = long.replace(" ", "")[:10], long.replace(" ", "")[-5:]
        assert first in text and last in text and text.count("W") >= long.count("W")


# Scripts


@ALL
@pytest.mark.parametrize("word", [HINDI, MALAYALAM], ids=["Hindi", "Malayalam"])
def test_indian_scripts_are_printed_joined_beside_latin_amounts(name, word):
    data = paper(bill(line(word), restaurant_name=word, footer_note=word), PAPERS[name])
    # Each of the three texts; a name may be broken between rows.
    assert " ".join(copied(data)).count(word.split()[0]) == 3
    assert "₹236.00" in "".join(page.extract_text() for page in pages(data))


HOSTILE = [
    "\u202egnihton\u202c \u2066x\u2069 \u200f",
    "\x00\x07\x1b[31m\x7f\x85",
    "🍎👨‍👩‍👧🏽🇮🇳" * 20,
    "漢字かな交じり文" * 30,
    "עברית عربى اردو" * 15,
    "W" * 255,
    "क्षि" * 64,
    "ന്ത്ര" * 51,
    "क" + "\u093e" * 254,
    "\u094d\u0902\u093f" * 80,
    "a" + "\u0301" * 254,
    "क" + "\u0301" * 254,
    "\u200d" * 255,
    "\u25cc\u0964\u0965",
    "\ud800\udfff",
    "\ue000\uf8ff\uffff\U0010ffff",
    "(\\) <</ActualText (x)>> EMC ET Q %",
    " ",
    "",
]


@ALL
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_a_device_has_sent_is_printed(name, text):
    texts = (
        "restaurant_name", "address", "gstin", "fssai_license", "footer_note", "customer_name", "customer_phone", "customer_email",
        "customer_address", "payment_mode", "payment_reference", "notes", "table_number", "waiter_name", "invoice_number", "bill_number",
        "billing_mode",
    )  # fmt: skip
    found = bill(
        *[line(text, unit=text[:50], batch_number=text[:100], price_type=text[:20])] * 3, **dict.fromkeys(texts, text)
    )
    read = "".join(page.extract_text() for page in pages(paper(found, PAPERS[name])))
    assert "₹236.00" in read
    assert not set(read) & set("\u202e\u2066\u200f\x07\x1b\x7f\x85")


@ALL
def test_the_largest_amounts_fit(name):
    largest = line(
        "Gold", price="99999999.99", mrp_price="99999999.99", quantity="9999999.999", subtotal="9999999999.99",
        gst_percentage="999.99", item_gst_amount="99999999.99", unit="u" * 50, discount_amount="-99999999.99",
    )  # fmt: skip
    money = (
        "subtotal",
        "total_amount",
        "total_tax",
        "cgst_amount",
        "sgst_amount",
        "igst_amount",
        "amount_paid",
        "change_amount",
    )
    text = "".join(rows(bill(largest, **dict.fromkeys(money, "-9999999999.99")), name)).replace(" ", "")
    # No amount is broken between rows, not even beside a long unit.
    assert "₹9,99,99,999.99" in text and "999.99%" in text
    assert "TOTAL-₹9,99,99,99,999.99" in text and "₹9,99,99,99,999.99" in text and "u" * 10 in text


@ALL
def test_a_text_of_any_length_is_cut(name):
    long = bill(footer_note="\n".join("xy" * 5000), notes="ab " * 7000, customer_address="q" * 20_000)
    text = "".join(rows(long, name)).replace(" ", "")
    assert "q" * 20 in text and text.count("q") <= MOST + 5 and text.count("ab") <= MOST // 3 + 5
    assert text.count("x") <= MOST // 4 + 5


# Bytes


@ALL
def test_the_same_bill_is_always_the_same_bytes(name):
    first, other = bill(line(HINDI), line(MALAYALAM)), bill(line("स्त्री द्ध्य"), line("ക്ഷ്മി"))
    made = [paper(one, PAPERS[name]) for one in (first, other, first)]
    assert made[0] == made[2] != made[1] and made[0].startswith(b"%PDF-")


def test_bills_that_are_written_at_the_same_time_do_not_mix():
    bills = [bill(line(HINDI[at:] + MALAYALAM[: at + 4]), table_number=str(at)) for at in range(8)]
    alone = [paper(one, PAPERS["80"]) for one in bills]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            together = list(threads.map(lambda one: paper(one, PAPERS["80"]), bills * 10))
    finally:
        sys.setswitchinterval(interval)
    assert together == alone * 10


@ALL
def test_a_logo_stands_at_the_top(name):
    file = io.BytesIO()
    Image.new("RGB", (400, 200), "red").save(file, "PNG")
    with_logo = paper(bill(), PAPERS[name], logo=file.getvalue())
    assert len(pages(with_logo)[0].images) == 1 and with_logo == paper(bill(), PAPERS[name], logo=file.getvalue())
    # A file that is no picture leaves the bill without one.
    assert paper(bill(), PAPERS[name], logo=b"GIF89a") == paper(bill(), PAPERS[name])

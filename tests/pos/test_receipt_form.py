"""Receipts as text, as PDF and as a printer's commands, on both papers. docs/api/pos.md#receipts."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from core import settings as core_settings
from handlers.pos.receipt_form import as_pdf
from handlers.pos.receipt_paper import PAPERS, Row
from handlers.settings import Settings
from tests.pos.paper import born_today, pages, pdf_words, printed, width, words

pytestmark = pytest.mark.gen_test

COLUMNS = {"80": 42, "58": 32}

# Paper and settings

LONG = (
    "Jabón líquido antibacterial para manos con aloe vera y vitamina E, repuesto económico de 900 mililitros "
    + "x" * 95
)
NAMES = (LONG, "漢字" * 40, "Cafe\u0301 " * 30, "🍎" * 60, "a" * 41 + "漢", "W" * 200)


@pytest.mark.parametrize("paper", ["80", "58"])
@pytest.mark.parametrize("language", ["es", "en"])
async def test_no_row_is_wider_than_the_paper_whatever_the_names_are(shop, sold, receipt, paper, language):
    products = [await shop.product("99999999.99", name=name, stock=1_000_000) for name in NAMES]
    for product in products:
        await shop.promotion(product, "10", name="Promoción de otoño con un nombre bastante largo ññ")
    customer = await shop.customer(birth_date=born_today())
    order = await sold(*((product, 1_000_000) for product in products), customer=customer)
    text = (await receipt(order, f"paper={paper}&lang={language}")).text
    rows = text.splitlines()
    assert max(map(width, rows)) == COLUMNS[paper] and "-" * COLUMNS[paper] in rows
    # Nothing is lost where a name is broken.
    for name in (LONG, "漢字" * 40, "🍎" * 60, "W" * 200):
        assert name.replace(" ", "") in text.replace(" ", "").replace("\n", "")


async def test_rows_break_between_words_and_words_where_the_row_ends(shop, sold, receipt):
    order = await sold((await shop.product(name="uno dos " + "x" * 33 + " fin"), 1))
    rows = (await receipt(order, "paper=58")).text.splitlines()
    at = rows.index("uno dos")
    assert rows[at + 1 : at + 3] == ["x" * 32, "x fin"]


@pytest.mark.parametrize(
    "changed_settings", [{"receipt_header": ("Tienda Sol", "Av. Juárez 1", "RFC TSO010203AB4"), "receipt_footer": ("¡Gracias!",)}]
)  # fmt: skip
async def test_the_heading_and_the_foot_are_those_of_the_settings(shop, sold, receipt):
    rows = (await receipt(await sold((await shop.product(), 1)))).text.splitlines()
    assert rows[:3] == ["                Tienda Sol", "               Av. Juárez 1", "             RFC TSO010203AB4"]
    assert rows[-2:] == ["-" * 42, "                ¡Gracias!"]


def test_the_lines_of_a_setting_are_separated_by_newlines_or_by_their_escape():
    needed = {"SECRET_KEY": "test-secret-key-of-at-least-32-bytes!", "DATABASE_URL": "postgresql://u@h/n"}
    found = core_settings.read(
        Settings, {**needed, "RECEIPT_HEADER": "Tienda Sol\\nAv. Juárez 1\nRFC 1", "RECEIPT_FOOTER": "¡Gracias!"}
    )
    assert (found.receipt_header, found.receipt_footer) == (("Tienda Sol", "Av. Juárez 1", "RFC 1"), ("¡Gracias!",))
    assert core_settings.read(Settings, needed).receipt_header == ("Tradepost",)


# The three forms


SIGNS = "Ñandú ÁÉÍÓÚ áéíóúü ¿¡ çãß € £ Ελληνικά Привет Łódź"


async def test_all_three_forms_show_the_same_rows(shop, sold, pay, receipt):
    product = await shop.product("18.50", name=SIGNS)
    await shop.promotion(product, "15", name="Promoción de otoño")
    order = await sold((product, 3), customer=await shop.customer(birth_date=born_today()))
    await pay(order)
    for paper in COLUMNS:
        text, pdf, escpos = [
            await receipt(order, f"format={form}&paper={paper}&tendered=90") for form in ("text", "pdf", "escpos")
        ]
        assert SIGNS.replace(" ", "") in text.text.replace(" ", "").replace("\n", "")
        assert printed(escpos.body)[0] == text.text
        assert pdf_words(pdf.body) == words(text.text)


async def test_a_character_that_a_form_does_not_have_is_a_question_mark_in_each_of_its_columns(shop, sold, receipt):
    order = await sold((await shop.product(name="漢A ₹ ไ e\u0336 🍎"), 1))
    assert "漢A ₹ ไ e\u0336 🍎" in (await receipt(order)).text
    assert ["??A", "₹", "?", "e", "??"] in pdf_words((await receipt(order, "format=pdf")).body)
    assert "\n??A ? ? e ??\n" in printed((await receipt(order, "format=escpos")).body)[0]


async def test_controls_in_names_never_reach_the_paper(db, shop, sold, receipt):
    hostile = "A\x1b@B\x1dV\x00C\x10\x14\x01D\x1b\x1bp0\x9bE\x7fF\u202eG\u2066H".replace("\x00", "")
    product = await shop.product(name=f"{hostile}\r\nuno\u2028dos\tt\x85res")
    await shop.promotion(product, "10", name=hostile)
    customer = await shop.customer()
    await db.execute("UPDATE pos.customer SET first_name = $2, last_name = $2 WHERE id = $1", customer, hostile)
    order = await sold((product, 1), customer=customer)
    await db.execute("UPDATE pos.shop_order SET seller_name = $2 WHERE id = $1", order, hostile)
    text = (await receipt(order)).text
    # What separates fields, such as 0x1D, counts as a blank; other controls are nothing.
    plain = "A@B VCDp0EFGH"
    for row in (f"Atendió: {plain}", f"Cliente: {plain} {plain}", f"{plain} uno dos t res", f"  {plain}: ahorro 1.00"):
        assert row in text.splitlines()
    assert not [one for one in text.replace("\n", "") if not one.isprintable()]
    # printed() fails at every byte below 0x20 that is not a command of the receipt itself.
    assert printed((await receipt(order, "format=escpos")).body)[0] == text
    assert pdf_words((await receipt(order, "format=pdf")).body) == words(text)


async def test_the_page_of_a_pdf_is_as_wide_as_the_paper_and_as_long_as_its_text(shop, sold, receipt):
    lines = [(await shop.product(), 1) for _ in range(9)]
    orders = [await sold(*lines[:count]) for count in (1, 2, 9)]
    for paper in COLUMNS:
        boxes = [pages((await receipt(order, f"format=pdf&paper={paper}")).body)[0].mediabox for order in orders]
        assert [round(float(box.width) / 72 * 25.4, 2) for box in boxes] == [float(paper)] * 3
        heights = [float(box.height) for box in boxes]
        # Each product adds two rows.
        assert heights[1] > heights[0] and heights[2] - heights[0] == pytest.approx(
            8 * (heights[1] - heights[0]), abs=0.1
        )
        rows = len((await receipt(orders[0], f"paper={paper}")).text.splitlines())
        margins = heights[0] - rows * (heights[1] - heights[0]) / 2
        assert margins == pytest.approx(2 * 4 * 72 / 25.4, abs=0.1)


async def test_the_longest_receipt_has_several_pages(shop, sold, receipt):
    order = await sold(*[(await shop.product(name="x" * 199 + "y", stock=1000), 1)] * 500)
    found = pages((await receipt(order, "format=pdf")).body)
    assert len(found) > 1 and all(float(page.mediabox.height) <= 14_400 for page in found)
    assert "".join(page.extract_text() for page in found).count("y\n") == 500


async def test_the_pdf_of_an_order_is_always_the_same_bytes(shop, sold, receipt):
    order, other = await sold((await shop.product(name=SIGNS), 1)), await sold((await shop.product(name="Привет"), 1))
    first = (await receipt(order, "format=pdf")).body
    many = await asyncio.gather(*(receipt(one, "format=pdf") for one in (other, order) * 4))
    assert [answer.body for answer in many[1::2]] == [first] * 4
    assert first.startswith(b"%PDF-") and many[0].body != first


def test_pdfs_that_are_written_at_the_same_time_do_not_mix():
    """Directly, because only threads that take turns all the time meet within the fonts."""

    def write(start):
        rows = [Row("".join(chr(0x410 + (start * 7 + place * 3) % 60) for place in range(20)), start % 2 == 0)] * 10
        return as_pdf(rows, PAPERS["80"], "ticket", "es")

    starts = list(range(8))
    alone = [write(start) for start in starts]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            together = list(threads.map(write, starts * 30))
    finally:
        sys.setswitchinterval(interval)
    assert together == alone * 30


async def test_a_form_that_is_saved_is_named_after_the_ticket(api, shop, sold, receipt, cashier):
    order = await sold((await shop.product(), 1))
    folio = (await api.get(f"/api/orders/{order}/", token=cashier)).json["ticket_folio"]
    shown = [(await receipt(order, f"format={form}")).headers for form in ("pdf", "escpos")]
    assert shown[0]["Content-Disposition"] == f'inline; filename="ticket-{folio}.pdf"'
    assert shown[1]["Content-Disposition"] == f'attachment; filename="ticket-{folio}.bin"'

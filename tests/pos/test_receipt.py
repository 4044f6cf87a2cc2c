"""Receipts of orders. docs/api/pos.md#receipts."""

import asyncio
import io
from datetime import UTC, datetime
from decimal import Decimal

import pypdf
import pytest

from core import settings as core_settings
from handlers.pos.receipt_paper import width
from handlers.settings import Settings

pytestmark = pytest.mark.gen_test

TEXT, PDF, BYTES, ESCPOS = "text/plain", "application/pdf", "application/octet-stream", "application/vnd.escpos"
COLUMNS = {"80": 42, "58": 32}
# The numbers of the code pages by Epson's manual of ESC t, and Python's names of them.
CODE_PAGES = {14: "cp737", 16: "cp1252", 17: "cp866", 18: "cp852", 19: "cp858"}


@pytest.fixture
def receipt(api, cashier):
    """`await receipt(order, "format=pdf", Accept="…")`: the answer."""

    async def receipt(order, query="", **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return await api.get(f"/api/orders/{order}/receipt/?{query}", token=cashier, headers=headers)

    return receipt


@pytest.fixture
def sold(sell):
    """`await sold((product, 2), customer=7)`: the id of an order."""

    async def sold(*lines, customer=None):
        return (await sell(*lines, customer=customer)).json["id"]

    return sold


def born_today():
    return datetime.now(UTC).date().replace(year=1988)


def amounts(text):
    """What stands at the right of the rows that have a label at the left, in their order."""
    rows = (row.rsplit("  ", 1) for row in text.splitlines())
    return {left.strip(): right.strip() for left, right in (row for row in rows if len(row) == 2 and row[0].strip())}


def printed(data):
    """What a printer makes of the bytes, and the rows that are bold. Fails at a byte that is neither text nor a known command."""
    page, is_bold, text, bold = 0, False, "", []
    assert data.startswith(b"\x1b@\x1c.")
    at = 4
    while at < len(data):
        if data[at:].startswith((b"\x1bt", b"\x1bE", b"\x1bd")):
            command, value, at = data[at + 1 : at + 2], data[at + 2], at + 3
            if command == b"t":
                page = CODE_PAGES[value]
            elif command == b"E":
                is_bold = value == 1
            else:
                assert data[at:] == b"\x1dVB\x00"
                return text, bold
            continue
        one = data[at : at + 1]
        assert one == b"\n" or one[0] >= 0x20, f"{one!r} at {at}"
        if is_bold and text.endswith("\n"):
            bold.append(len(text.splitlines()))
        text += one.decode(page if one[0] >= 0x80 else "ascii")
        at += 1
    raise AssertionError("the paper is not cut")


def pages(data):
    return pypdf.PdfReader(io.BytesIO(data), strict=True).pages


def pdf_words(data):
    """The words of each row of a PDF that has any."""
    return [row.split() for page in pages(data) for row in page.extract_text().splitlines() if row.strip()]


def words(text):
    return [row.split() for row in text.splitlines() if row.strip()]


# What a receipt says


@pytest.mark.parametrize("changed_settings", [{"business_timezone": "America/Mexico_City"}])
async def test_a_receipt_says_what_was_sold_when_by_whom_to_whom_and_how_it_was_paid(db, shop, sell, pay, receipt):
    cola, soap = await shop.product("18.50", name="Coca Cola 600ml"), await shop.product("30.00", name="Jabón")
    await shop.promotion(soap, "10", name="Verano")
    made = await sell((cola, 2), (soap, 1), customer=await shop.customer())
    order, folio = made.json["id"], made.json["ticket_folio"]
    assert (await pay(order)).status == 200
    await db.execute(
        "UPDATE pos.shop_order SET created_at = '2026-02-01T05:59:30Z', paid_at = '2026-02-01T06:01Z' WHERE id = $1",
        order,
    )
    answer = await receipt(order)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert answer.text == (
        f"""                Tradepost
------------------------------------------
Ticket {folio}
Fecha: 2026-01-31 23:59
Pagado: 2026-02-01 00:01
Atendió: employee@example.com
Cliente: Maria González
------------------------------------------
Coca Cola 600ml
  2 x 18.50                          37.00
Jabón
  1 x 27.00                          27.00
  Verano: ahorro 3.00
------------------------------------------
Subtotal                             64.00
Impuestos                            10.24
TOTAL                                74.24
Usted ahorró                          3.00
------------------------------------------
Forma de pago                     Efectivo
"""
    )


async def test_a_sale_to_nobody_in_particular_names_no_customer_and_no_time_of_payment(db, shop, sold, pay, receipt):
    order = await sold((await shop.product("10.00"), 1))
    await pay(order)
    await db.execute("UPDATE pos.shop_order SET paid_at = created_at WHERE id = $1", order)
    text = (await receipt(order)).text
    assert "Cliente" not in text and "Pagado" not in text and "ahorr" not in text


@pytest.mark.parametrize("price", ["18.55", "0.55", "7.77", "0.05", "1.25"])
async def test_the_amounts_of_a_birthday_add_up_row_by_row(shop, sell, receipt, price):
    lines = [(await shop.product(price), 3), (await shop.product(price, tax_rate="8.00"), 1)]
    order = (await sell(*lines, customer=await shop.customer(birth_date=born_today()))).json
    shown = {
        name: Decimal(amount) for name, amount in amounts((await receipt(order["id"])).text).items() if "." in amount
    }
    assert shown["Artículos"] == sum(Decimal(line["amount"]) for line in order["items"])
    assert shown["Artículos"] + shown["Descuento de cumpleaños"] == shown["Subtotal"] == Decimal(order["subtotal"])
    assert shown["Subtotal"] + shown["Impuestos"] + shown.get("Redondeo", 0) == shown["TOTAL"]
    assert (shown["Impuestos"], shown["TOTAL"]) == (Decimal(order["total_tax"]), Decimal(order["final_amount"]))
    assert shown["Usted ahorró"] == Decimal(order["money_saved_total"])


async def test_a_cent_of_rounding_is_a_row_of_its_own(shop, sold, receipt):
    order = await sold((await shop.product("0.55"), 1), customer=await shop.customer(birth_date=born_today()))
    shown = amounts((await receipt(order)).text)
    assert [
        shown[name] for name in ("Artículos", "Descuento de cumpleaños", "Subtotal", "Impuestos", "Redondeo", "TOTAL")
    ] == [
        "0.55",
        "-0.05",
        "0.50",
        "0.08",
        "-0.01",
        "0.57",
    ]


async def test_amounts_have_the_digits_of_the_api_however_great_they_are(shop, sell, receipt):
    order = (await sell((await shop.product("99999999.99", stock=2_147_483_647), 2_147_483_647))).json
    text = (await receipt(order["id"], "paper=58")).text
    assert order["items"][0]["amount"] == "214748364678525163.53"
    for amount in ("214748364678525163.53", order["total_tax"], order["final_amount"], "2147483647 x 99999999.99"):
        assert amount in text
    assert max(map(width, text.splitlines())) == 32


# How it was paid


async def test_card_says_so_and_what_points_the_customer_earned(shop, sold, pay, receipt):
    order = await sold((await shop.product("250.00", tax_rate="0.00"), 1), customer=await shop.customer())
    await pay(order, "CARD")
    shown = amounts((await receipt(order)).text)
    assert (shown["Forma de pago"], shown["Puntos ganados"]) == ("Tarjeta", "3")


async def test_points_earned_are_those_of_the_payment_and_not_of_a_later_entry(api, shop, sell, pay, receipt, cashier):
    customer = await shop.customer()
    order = (await sell((await shop.product("250.00", tax_rate="0.00"), 1), customer=customer)).json
    await pay(order["id"])
    entry = {"amount": 77, "transaction_type": "EARN", "description": f"Puntos compra {order['ticket_folio']}"}
    assert (await api.post(f"/api/customers/{customer}/points/", entry, token=cashier)).status in (200, 201)
    assert amounts((await receipt(order["id"])).text)["Puntos ganados"] == "3"


async def test_points_that_were_used_are_shown(shop, sold, pay, receipt):
    order = await sold((await shop.product("50.50", tax_rate="0.00"), 1), customer=await shop.customer(points=100))
    await pay(order, "POINTS")
    shown = amounts((await receipt(order)).text)
    assert (shown["Forma de pago"], shown["Puntos usados"]) == ("Puntos", "51") and "Puntos ganados" not in shown


async def test_store_credit_that_was_used_is_shown(shop, sold, pay, receipt):
    order = await sold(
        (await shop.product("50.50", tax_rate="0.00"), 1), customer=await shop.customer(is_frequent=True)
    )
    await pay(order, "CREDIT")
    shown = amounts((await receipt(order)).text)
    assert (shown["Forma de pago"], shown["Crédito usado"]) == ("Crédito de la tienda", "50.50")


@pytest.mark.parametrize(
    ("language", "unpaid", "cancelled"), [("es", "PENDIENTE DE PAGO", "CANCELADO"), ("en", "NOT PAID", "CANCELLED")]
)
async def test_an_order_that_is_not_paid_says_so(shop, sold, cancel, receipt, language, unpaid, cancelled):
    order = await sold((await shop.product("10.00"), 1))
    assert (await receipt(order, f"lang={language}")).text.splitlines()[-1].strip() == unpaid
    _, bold = printed((await receipt(order, f"lang={language}&format=escpos")).body)
    assert len((await receipt(order)).text.splitlines()) - 1 in bold
    await cancel(order)
    assert (await receipt(order, f"lang={language}")).text.splitlines()[-1].strip() == cancelled


@pytest.mark.parametrize(
    ("tendered", "shown", "change"),
    [("500.00", "500.00", "390.24"), ("109.76", "109.76", "0.00"), ("110", "110.00", "0.24"), ("109.8", "109.80", "0.04"),
     ("999999999999.99", "999999999999.99", "999999999890.23")],
)  # fmt: skip
async def test_what_was_tendered_is_shown_with_the_exact_change(shop, sold, pay, receipt, tendered, shown, change):
    order = await sold((await shop.product("94.62"), 1))
    await pay(order)
    found = amounts((await receipt(order, f"tendered={tendered}")).text)
    assert (found["TOTAL"], found["Recibido"], found["Cambio"]) == ("109.76", shown, change)


@pytest.mark.parametrize(
    "tendered",
    ["109.75", "0", "-500", "500,00", "5e3", "NaN", "500.001", "500.", ".50", "%D9%A5%D9%A0%D9%A0", "5%000", "1" * 13, "1" * 20_000],
)  # fmt: skip
async def test_a_tendered_that_is_no_amount_or_too_little_is_refused(shop, sold, pay, receipt, tendered):
    order = await sold((await shop.product("94.62"), 1))
    await pay(order)
    answer = await receipt(order, f"tendered={tendered}")
    assert answer.status == 400 and list(answer.json) == ["tendered"]


async def test_a_tendered_less_than_the_total_is_refused_with_the_total(shop, sold, pay, receipt):
    order = await sold((await shop.product("94.62"), 1))
    await pay(order)
    refused = (await receipt(order, "tendered=100")).json
    assert refused == {"tendered": ["El importe entregado es menor que el total: 109.76."]}


async def test_only_an_order_paid_in_cash_has_a_tendered(shop, sold, pay, cancel, receipt):
    refused = {"tendered": ["Solo una orden pagada en efectivo tiene un importe entregado."]}
    orders = [await sold((await shop.product("10.00"), 1)) for _ in range(3)]
    await pay(orders[1], "CARD")
    await cancel(orders[2])
    for order in orders:
        answer = await receipt(order, "tendered=500.00")
        assert (answer.status, answer.json) == (400, refused)


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


async def test_a_form_that_is_saved_is_named_after_the_ticket(api, shop, sold, receipt, cashier):
    order = await sold((await shop.product(), 1))
    folio = (await api.get(f"/api/orders/{order}/", token=cashier)).json["ticket_folio"]
    shown = [(await receipt(order, f"format={form}")).headers for form in ("pdf", "escpos")]
    assert shown[0]["Content-Disposition"] == f'inline; filename="ticket-{folio}.pdf"'
    assert shown[1]["Content-Disposition"] == f'attachment; filename="ticket-{folio}.bin"'


# What the client asks for


@pytest.mark.parametrize(
    ("query", "accept", "media"),
    [
        ("", None, TEXT),
        ("", "*/*", TEXT),
        ("", "text/html,application/xhtml+xml,*/*;q=0.8", TEXT),
        ("", "application/pdf", PDF),
        ("", "text/plain;q=0.5, application/pdf;q=0.6", PDF),
        ("", "application/octet-stream", BYTES),
        ("", "application/vnd.escpos, text/plain;q=0.1", ESCPOS),
        ("", "text/plain;q=0, */*;q=0.1", PDF),
        ("format=pdf", "text/plain", PDF),
        ("format=pdf", "text/html", PDF),
        ("format=text", "application/pdf", TEXT),
        ("format=escpos", None, BYTES),
        ("format=", "application/pdf", PDF),
    ],
)
async def test_the_format_or_else_the_accept_header_chooses_the_form(shop, sold, receipt, query, accept, media):
    order = await sold((await shop.product(), 1))
    answer = await receipt(order, query, **({"Accept": accept} if accept else {}))
    assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (200, media)
    beginning = {TEXT: b" ", PDF: b"%PDF-", BYTES: b"\x1b@", ESCPOS: b"\x1b@"}[media]
    assert answer.body.startswith(beginning) and answer.headers["Vary"] == "Accept, Accept-Language"


async def test_an_accept_header_that_names_no_form_is_406(shop, sold, receipt):
    order = await sold((await shop.product(), 1))
    for accept in ("text/html", "application/json", "*/*;q=0", "text/plain;q=0"):
        answer = await receipt(order, Accept=accept)
        assert answer.status == 406 and list(answer.json) == ["detail"] and PDF in answer.json["detail"]
        assert answer.headers["Vary"] == "Accept, Accept-Language"


@pytest.mark.parametrize("changed_settings", [{"cors_allowed_origins": ("https://app.example.com",)}])
async def test_the_origin_still_varies_the_answer(shop, sold, receipt):
    order = await sold((await shop.product(), 1))
    for accept in ("text/plain", "text/html"):
        assert (await receipt(order, Accept=accept)).headers.getall("Vary") == ["Origin", "Accept, Accept-Language"]


@pytest.mark.parametrize(
    ("query", "accepted", "language"),
    [
        ("", None, "es"),
        ("", "en-US,en;q=0.9", "en"),
        ("", "es-MX,es;q=0.9,en;q=0.8", "es"),
        ("", "fr", "es"),
        ("lang=en", "es", "en"),
        ("lang=es", "en", "es"),
    ],
)
async def test_the_language_is_spanish_unless_the_client_prefers_english(
    shop, sold, receipt, query, accepted, language
):
    order = await sold((await shop.product(), 1))
    answer = await receipt(order, query, **({"Accept_Language": accepted} if accepted else {}))
    assert answer.headers["Content-Language"] == language
    assert answer.text.splitlines()[-1].strip() == {"es": "PENDIENTE DE PAGO", "en": "NOT PAID"}[language]
    assert ("Impuestos" in answer.text, "Tax " in answer.text) == (language == "es", language == "en")


@pytest.mark.parametrize(
    ("name", "value"), [("format", "html"), ("format", "PDF"), ("paper", "79"), ("paper", "080"), ("lang", "fr"), ("lang", "x" * 20_000)]
)  # fmt: skip
async def test_an_unknown_format_paper_or_language_is_refused(shop, sold, receipt, name, value):
    answer = await receipt(await sold((await shop.product(), 1)), f"{name}={value}")
    assert answer.status == 400 and list(answer.json) == [name]
    assert answer.json[name][0].startswith(f'"{value[:40]}" is not a valid choice.')


async def test_an_order_that_is_not_there_is_404(shop, sold, receipt, api, boss):
    deleted = await sold((await shop.product(), 1))
    assert (await api.call("DELETE", f"/api/orders/{deleted}/", token=boss)).status == 204
    for order in (deleted, 0, 999999999999999999, 9223372036854775808, "9" * 400, "x", "-1"):
        answer = await receipt(order)
        assert answer.status == 404 and list(answer.json) == ["detail"]


async def test_only_people_of_the_shop_may_read_a_receipt(api, shop, sold, sign_in, boss):
    path = f"/api/orders/{await sold((await shop.product(), 1))}/receipt/"
    assert (await api.get(path)).status == 401
    for role in ("PICKER", "MEMBER", "VENDOR"):
        assert (await api.get(path, token=(await sign_in(role))["access"])).status == 403
    assert (await api.get(path, token=boss)).status == 200

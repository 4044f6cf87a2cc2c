"""Receipts of orders: what they say, and what clients may ask for. docs/api/pos.md#receipts."""

from decimal import Decimal

import pytest

from tests.pos.paper import amounts, born_today, printed, width

pytestmark = pytest.mark.gen_test

TEXT, PDF, BYTES, ESCPOS = "text/plain", "application/pdf", "application/octet-stream", "application/vnd.escpos"


# What a receipt says


@pytest.mark.parametrize("changed_settings", [{"business_timezone": "America/Mexico_City"}])
async def test_a_receipt_says_what_was_sold_when_by_whom_to_whom_and_how_it_was_paid(db, shop, sell, pay, receipt):
    cola, soap = await shop.product("8.50", name="Coca Cola 600ml"), await shop.product("15.00", name="Jabón")
    # The shop is up to a day behind UTC.
    await shop.promotion(soap, "10", name="Verano", days=(-1, 0))
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
  2 x 8.50                           17.00
Jabón
  1 x 13.50                          13.50
  Verano: ahorro 1.50
------------------------------------------
Subtotal                             30.50
Impuestos                             4.88
TOTAL                                35.38
Usted ahorró                          1.50
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

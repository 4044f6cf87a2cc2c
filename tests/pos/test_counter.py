"""The counter in a real browser: what a cashier does all day, and what must not go wrong while the network does."""

import base64
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from tests.pos.counter_page import PHONE, TABLET, TILL, CounterPage, opened
from tests.support.browser import needs_chromium
from tests.support.outages import Outage, Relay, Tabs

pytestmark = [pytest.mark.gen_test, needs_chromium]

MM_PER_POINT = 25.4 / 72
TABLES = "pos.product, pos.shop_order, pos.customer, pos.ticket_hour, pos.ticket_delta"


@pytest.fixture
def page(chrome: Any, base_url: str, http_server: Any, io_loop: Any, db: Any) -> Iterator[CounterPage]:
    """The counter of a shop that has sold nothing yet, in a tab that nobody signed in to."""
    io_loop.run_sync(lambda: db.execute(f"TRUNCATE {TABLES} CASCADE"))
    yield from opened(chrome, base_url, io_loop)


@pytest.fixture
def tokens(io_loop: Any, sign_in: Any) -> Any:
    """The session of an EMPLOYEE."""
    return io_loop.run_sync(lambda: sign_in("EMPLOYEE"))


@pytest.fixture
def stocked(shop: Any, db: Any) -> Any:
    """`await stocked("Cola", "COLA-1", "18.55")`: the id of a product."""

    async def stocked(name: str, sku: str, price: str = "100.00", **more: Any) -> int:
        made = await shop.product(price, name=name, **more)
        await db.execute("UPDATE pos.product SET sku = $2 WHERE id = $1", made, sku)
        return made

    return stocked


@pytest.fixture
def tabs(page: CounterPage, io_loop: Any) -> Iterator[Tabs]:
    found = Tabs(page)
    yield found
    io_loop.run_sync(found.close)


@pytest.fixture
def relay(page: CounterPage, base_url: str, io_loop: Any) -> Iterator[Relay]:
    """Between the browser and the server."""
    found = Relay(base_url)
    io_loop.run_sync(found.open)
    page.move(found.url)
    yield found
    io_loop.run_sync(page.forget)
    io_loop.run_sync(page.leave)
    io_loop.run_sync(found.close)


@pytest.fixture
def server(http_server: Any, process: Any, base_url: str) -> Iterator[Outage]:
    outage = Outage(http_server, process, int(base_url.rpartition(":")[2]))
    yield outage
    outage.end()


@pytest.fixture
def orders(db: Any) -> Any:
    """`await orders()`: the status and method of each order, and what it costs."""

    async def orders() -> list[tuple[Any, ...]]:
        rows = await db.fetch("SELECT status, payment_method, final_amount::text FROM pos.shop_order ORDER BY id")
        return [tuple(row) for row in rows]

    return orders


async def begin(page: CounterPage, tokens: Any, *scans: str) -> None:
    """Sign in, and scan these."""
    await page.open(tokens)
    for code in scans:
        await page.scan(code)


async def method(page: CounterPage, name: str) -> list[str]:
    """What the dialog says of a payment method: whether it can be chosen, and the words below it."""
    return await page.script(
        """const button = document.querySelector(`[data-method=${arguments[0]}]`);
           return [button.getAttribute('aria-disabled') === 'true' ? 'no' : 'yes', button.querySelector('small').textContent]""",
        name,
    )


# A sale


async def test_a_sale_takes_a_keyboard_and_a_scanner_only_and_shows_the_change(page, stocked, sign_in, orders, shop):
    await sign_in("EMPLOYEE")
    cola, bread = await stocked("Cola 600 ml", "7501055", "18.55"), await stocked("Bread", "7501000", "40.00")
    await page.open()
    await page.sign_in("employee@example.com")
    await page.until(page.focused, lambda found: found == "search")
    await page.scan("7501055")
    await page.scan("7501055")
    await page.scan("3*7501000")
    await page.has(("Cola 600 ml", 2), ("Bread", 3))
    await page.costs("$182.24")
    assert await page.text("#subtotal") == "$157.10" and await page.text("#tax") == "$25.14"
    await page.pay_in_cash("500")
    await page.opened("receipt")
    assert await page.text("#receipt-change") == "$317.76"
    folio = await page.text("#receipt-folio")
    await page.sees("#receipt-text", folio, "Cola 600 ml", "182.24", "500.00", "317.76")
    assert await orders() == [("PAID", "CASH", "182.24")]
    assert (await shop.stock(cola), await shop.stock(bread)) == (98, 97)
    await page.key(Keys.ENTER)
    await page.opened("receipt", False)
    await page.has()
    await page.until(page.focused, lambda found: found == "search")
    assert await page.kept() == []


async def test_a_product_is_searched_and_chosen_with_the_arrows(page, stocked, tokens):
    for n, name in enumerate(("Milk 1 l", "Milk 2 l", "Soap")):
        await stocked(name, f"S-{n}", "10.00", stock=3 if n else 40)
    await begin(page, tokens)
    await page.until(page.found, lambda found: sorted(found) == ["Milk 1 l", "Milk 2 l", "Soap"])
    await page.type("#search", "2x milk")
    await page.until(page.found, lambda found: found == ["Milk 1 l", "Milk 2 l"])
    await page.key(Keys.ARROW_DOWN, Keys.ENTER)
    await page.has(("Milk 2 l", 2))
    assert await page.text("#results") == "" or "3 left" in await page.text("#results")
    await page.type("#search", "nothing like it")
    await page.sees("#results-none", "nothing like it")
    await page.key(Keys.ENTER)
    await page.sees("#message", "Nothing found")
    await page.has(("Milk 2 l", 2))


async def test_an_unknown_code_adds_nothing_and_a_scan_never_lands_in_another_field_or_confirms_a_payment(
    page, stocked, tokens, orders
):
    await stocked("Tea", "TEA-77")
    await begin(page, tokens, "TEA-77")
    await page.has(("Tea", 1))
    await page.scan("TEA-7")
    await page.sees("#message", "TEA-7")
    assert await page.script("return document.getElementById('message').dataset.wrong") == "true"
    await page.script("document.querySelector('.line input').focus()")
    await page.scan("TEA-77")
    await page.has(("Tea", 2))
    await page.costs("$232.00")
    await page.key(Keys.F8)
    await page.opened("pay")
    await page.scan("TEA-77")
    await page.sees("#message", "Finish this first")
    await page.key("1")
    await page.scan("TEA-77")
    assert await page.script("return document.getElementById('tendered').value") == ""
    assert await page.is_open("pay") and await orders() == []
    await page.key(Keys.ESCAPE, Keys.ESCAPE)
    await page.opened("pay", False)
    await page.has(("Tea", 2))


async def test_lines_are_changed_with_keys_and_their_price_is_the_order_s(page, stocked, shop, tokens, orders, db):
    juice = await stocked("Juice", "JUICE-1", "18.55")
    await stocked("Pen", "PEN-0001", "7.77", tax_rate="8.00")
    await shop.promotion(juice, "15.00", name="Summer", days=(-1, 1))
    await begin(page, tokens, "JUICE-1", "PEN-0001")
    await page.has(("Juice", 1), ("Pen", 1))
    await page.key(Keys.F7, Keys.ARROW_UP, "+", "+")
    await page.has(("Juice", 3), ("Pen", 1))
    await page.key(Keys.ARROW_DOWN, Keys.DELETE)
    await page.has(("Juice", 3))
    await page.costs("$54.88")
    line = await page.text(".line")
    assert all(part in line for part in ("Summer", "$18.55", "$15.77 each", "saves $8.34", "$47.31"))
    assert await page.text("#saved") == "$8.34"
    await page.pay_in_cash("55")
    await page.opened("receipt")
    assert await orders() == [("PAID", "CASH", "54.88")]
    saved = await db.fetchrow("SELECT total_tax::text, money_saved_total::text FROM pos.shop_order")
    assert tuple(saved) == ("7.57", "8.34")


async def test_an_older_answer_never_takes_the_place_of_a_newer_one_and_meanwhile_nothing_can_be_paid(
    page, stocked, tokens
):
    """The first price of the cart is held back until the second has come."""
    await stocked("Rice", "RICE-1", "10.00")
    await page.before_scripts(
        """const real = window.fetch;
           window.held = [];
           window.fetch = async (path, options) => {
               const answer = await real(path, {...options, ...(String(path).endsWith('/cart/') && {signal: undefined})});
               if (String(path).endsWith('/cart/')) await new Promise(go => window.held.push(go));
               return answer;
           }"""
    )
    await begin(page, tokens, "RICE-1")
    held = "return window.held.length"
    await page.until(lambda: page.script(held), lambda found: found == 1)
    await page.scan("RICE-1")
    await page.until(lambda: page.script(held), lambda found: found == 2)
    assert await page.text("#total") == "…"
    await page.script("window.held[1]()")
    await page.costs("$23.20")
    await page.script("window.held[0]()")
    await page.key("+")
    assert await page.text("#total") == "$23.20"
    await page.scan("RICE-1")
    await page.until(lambda: page.script(held), lambda found: found == 3)
    assert await page.text("#total") == "…" and await page.script("return document.getElementById('pay-open').disabled")


# Customers


async def test_a_customer_is_found_by_phone_number_and_pays_with_points_or_credit_as_far_as_they_reach(
    page, stocked, shop, tokens, orders, db
):
    await stocked("Lamp", "LAMP-1", "50.00")
    regular = await shop.customer(points=60, is_frequent=True, limit="100.00")
    await db.execute("UPDATE pos.customer SET phone_number = '555-010-2030' WHERE id = $1", regular)
    await begin(page, tokens, "2*LAMP-1")
    await page.costs("$116.00")
    await page.key(Keys.F8)
    await page.opened("pay")
    assert await method(page, "POINTS") == ["no", "needs a customer"]
    await page.key("3")
    assert await page.shown("#methods")
    await page.key(Keys.ESCAPE, Keys.F4)
    await page.opened("customer")
    await page.type("#customer-search", "0102030")
    await page.sees("#customers", "Maria González", "60 points", "$100.00 credit")
    await page.key(Keys.ENTER)
    await page.sees("#customer-name", "Maria González")
    await page.sees("#customer-notes", "Frequent", "60 points")
    await page.until(
        lambda: page.script("return document.getElementById('pay-open').disabled"), lambda found: not found
    )
    await page.key(Keys.F8)
    await page.opened("pay")
    assert await method(page, "POINTS") == ["no", "not enough points"]
    assert await method(page, "CREDIT") == ["no", "over the limit"]
    await page.key(Keys.ESCAPE, Keys.F7, "-")
    await page.costs("$58.00")
    await page.key(Keys.F8)
    await page.opened("pay")
    await page.key("3")
    await page.sees("#other", "60 points", "Pay with 58 points")
    await page.key(Keys.ENTER)
    await page.opened("receipt")
    assert await orders() == [("PAID", "POINTS", "58.00")]
    assert not await page.shown("#receipt-change-part")
    await page.key(Keys.ENTER)
    await page.scan("LAMP-1")
    await page.costs("$58.00")
    await page.key(Keys.F4)
    await page.type("#customer-search", "gonz")
    await page.sees("#customers", "2 points")
    await page.key(Keys.ENTER)
    await page.sees("#customer-name", "Maria González")
    await page.until(
        lambda: page.script("return document.getElementById('pay-open').disabled"), lambda found: not found
    )
    await page.key(Keys.F8, "4")
    await page.sees("#other", "$100.00")
    await page.key(Keys.ENTER)
    await page.opened("receipt")
    assert await shop.balances(regular) == (2, "58.00")


async def test_a_new_customer_is_made_and_refusals_stand_beside_their_fields(page, tokens, db):
    await begin(page, tokens)
    await page.key(Keys.F4)
    await page.type("#customer-search", "2225550101")
    await page.sees("#customers-none", "Nobody found")
    await page.key(Keys.ENTER)
    await page.until(page.focused, lambda found: found == "first_name")
    await page.key(Keys.ENTER)
    await page.sees("#first_name-problem", "This field is required.")
    assert await page.text("#birth_date-problem") == "This field is required."
    assert await page.text("#phone_number-problem") == ""
    await page.type("#first_name", "Ana")
    await page.type("#last_name", "Ruiz")
    await page.type("#customer-email", "ana")
    await page.script("document.getElementById('birth_date').value = '1990-05-06'")
    await page.key(Keys.ENTER)
    await page.sees("#email-problem", "Enter a valid email address.")
    await page.until(page.focused, lambda found: found == "customer-email")
    await page.type("#customer-email", "ana@example.com", Keys.ENTER)
    await page.sees("#customer-name", "Ana Ruiz")
    assert await db.fetchval("SELECT first_name FROM pos.customer WHERE phone_number = '2225550101'") == "Ana"


async def test_a_birthday_costs_a_tenth_less_and_the_order_says_the_same(page, stocked, shop, tokens, orders, db):
    await stocked("Cake", "CAKE-1", "18.55")
    today = await db.fetchval("SELECT (now() AT TIME ZONE 'UTC')::date")
    born = date(1992, today.month, today.day)
    someone = await shop.customer(birth_date=born)
    await db.execute("UPDATE pos.customer SET first_name = 'Birthday' WHERE id = $1", someone)
    await begin(page, tokens, "CAKE-1")
    await page.costs("$21.52")
    await page.key(Keys.F4)
    await page.type("#customer-search", "birthday")
    await page.sees("#customers", "Birthday")
    await page.key(Keys.ENTER)
    await page.sees("#customer-notes", "a tenth less")
    await page.costs("$19.37")
    await page.pay_in_cash("20")
    await page.opened("receipt")
    assert await orders() == [("PAID", "CASH", "19.37")]


# Two tills


async def test_the_last_unit_sold_at_one_till_is_gone_at_the_other(page, tabs, stocked, tokens, orders):
    await stocked("Vase", "VASE-1", "10.00", stock=1)
    await begin(page, tokens, "VASE-1")
    await page.costs("$11.60")
    await tabs.more(1)
    await begin(page, tokens, "VASE-1")
    await page.pay_in_cash("20")
    await page.opened("receipt")
    await tabs.go(0)
    await page.sees(".line", "Out of stock")
    await page.sees("#results", "None left")
    assert await page.script("return document.getElementById('pay-open').disabled")
    assert len(await orders()) == 1


async def test_stock_that_another_till_takes_during_a_payment_is_told_in_the_server_s_words(
    page, stocked, tokens, sell, orders
):
    """The stream is cut off, so the page can't know."""
    vase = await stocked("Vase", "VASE-1", "10.00", stock=2)
    await page.before_scripts("""const real = window.fetch;
        window.fetch = (path, options) => String(path).includes('/sse/') && window.isCut ? new Promise(() => {}) : real(path, options)""")
    await begin(page, tokens, "2*VASE-1")
    await page.costs("$23.20")
    await page.script(
        "const post = window.fetch; window.fetch = (path, options) => String(path).endsWith('/cart/') ? new Promise(() => {}) : post(path, options)"
    )
    await page.key(Keys.F8)
    await page.opened("pay")
    await page.key("1")
    await page.script(
        "window.sending = window.fetch; window.fetch = async (path, options) => { await window.go; return window.sending(path, options); }"
    )
    await page.script("window.go = new Promise(go => { window.letGo = go; })")
    await page.key(Keys.ENTER)
    await page.sees("#working", "Selling")
    assert (await sell((vase, 1))).status == 201
    await page.script("window.letGo()")
    await page.sees("#message", "Stock insuficiente para 'Vase'. Disponible: 1, Solicitado: 2")
    await page.opened("pay", False)
    await page.has(("Vase", 2))
    assert len(await orders()) == 1


# Lost answers, reloads, restarts


@pytest.mark.parametrize("is_secure", [True, False], ids=["https", "http on a LAN"])
async def test_an_order_and_a_payment_whose_answers_are_lost_are_made_once(
    page, relay, stocked, tokens, orders, shop, is_secure
):
    tv = await stocked("Radio", "RADIO-1")
    if not is_secure:
        await page.before_scripts("delete Crypto.prototype.randomUUID")
    await begin(page, tokens, "RADIO-1")
    await page.costs("$116.00")
    relay.lose("POST /api/orders/ ", "POST /api/orders/[0-9]+/pay/ ")
    await page.pay_in_cash("200")
    await page.opened("receipt")
    assert await page.text("#receipt-change") == "$84.00"
    assert relay.lost == 2
    assert await orders() == [("PAID", "CASH", "116.00")] and await shop.stock(tv) == 99


async def test_a_sale_that_the_server_did_while_the_page_was_reloaded_goes_on_where_it_was(
    page, relay, stocked, tokens, orders
):
    await stocked("Clock", "CLOCK-1")
    await begin(page, tokens, "CLOCK-1")
    await page.costs("$116.00")
    await page.reload()
    await page.has(("Clock", 1))
    await page.costs("$116.00")
    # The order is made, and its answer never comes; nor does, after the reload, the first answer to the payment.
    await page.script(
        """const real = window.fetch;
           window.fetch = (path, options) => String(path).startsWith('/api/orders/') && options.method === 'POST'
               ? real(path, options).then(() => new Promise(() => {})) : real(path, options)"""
    )
    await page.pay_in_cash("120")
    await page.sees("#working", "Selling")
    await page.until(orders, lambda found: found == [("PENDING", None, "116.00")])
    [kept] = await page.kept()
    assert kept["sale"]["creating"]["key"]
    relay.lose("POST /api/orders/[0-9]+/pay/ ")
    before = await page.script("return performance.timeOrigin")
    await page.load()
    await page.until(lambda: page.script("return performance.timeOrigin"), lambda found: found != before)
    await page.opened("receipt")
    assert await page.text("#receipt-change") == "$4.00"
    assert await orders() == [("PAID", "CASH", "116.00")]
    # A reload while the receipt is shown shows it again, and then the cart is empty.
    await page.load()
    await page.opened("receipt")
    await page.sees("#receipt-text", "116.00")
    assert await page.text("#receipt-change") == "$4.00"
    await page.key(Keys.ENTER)
    await page.has()
    assert await orders() == [("PAID", "CASH", "116.00")]


async def test_a_sale_waits_for_a_server_that_restarts_and_is_made_once(page, server, stocked, tokens, orders):
    await stocked("Chair", "CHAIR-1")
    await begin(page, tokens, "CHAIR-1")
    await page.costs("$116.00")
    await server.begin()
    await page.pay_in_cash("120")
    await page.sees("#working", "Checking whether it was sold")
    await page.sees("#state-word", "Reconnecting")
    await page.key(Keys.ESCAPE, Keys.ESCAPE)
    await page.opened("pay")
    assert await orders() == []
    await server.finish()
    await page.script("dispatchEvent(new Event('online'))")
    await page.opened("receipt")
    assert await orders() == [("PAID", "CASH", "116.00")]


async def test_a_total_that_has_changed_since_the_cart_was_priced_is_told_before_the_payment(
    page, stocked, shop, tokens, orders
):
    fan = await stocked("Fan", "FAN-0001")
    await begin(page, tokens, "FAN-0001")
    await page.costs("$116.00")
    await page.key(Keys.F8)
    await page.opened("pay")
    await shop.promotion(fan, "10.00", days=(-1, 1))
    await page.key("1", Keys.ENTER)
    await page.sees("#pay-words", "$104.40", "$116.00")
    assert [status for status, *_ in await orders()] == ["PENDING"]
    await page.reload()
    await page.sees("#pay-words", "$104.40", "$116.00")
    await page.key(Keys.ENTER)
    await page.opened("receipt")
    assert await page.text("#receipt-change") == "$11.60"
    assert await orders() == [("PAID", "CASH", "104.40")]


async def test_a_refused_payment_leaves_the_order_which_is_paid_otherwise_or_cancelled(
    page, stocked, shop, tokens, orders, db
):
    await stocked("Desk", "DESK-1", "50.00")
    someone = await shop.customer(points=100)
    await db.execute("UPDATE pos.customer SET first_name = 'Pointy' WHERE id = $1", someone)
    await begin(page, tokens, "DESK-1")
    await page.key(Keys.F4)
    await page.type("#customer-search", "pointy")
    await page.sees("#customers", "Pointy")
    await page.key(Keys.ENTER)
    await page.costs("$58.00")
    await page.key(Keys.F8)
    await page.opened("pay")
    await page.key("3")
    await page.sees("#other-take", "58 points")
    await db.execute(
        "INSERT INTO pos.point_entry (customer_id, amount, transaction_type) VALUES ($1, -90, 'REDEEM')", someone
    )
    await page.key(Keys.ENTER)
    await page.sees("#pay-words", "Saldo de puntos insuficiente. Puntos disponibles: 10")
    await page.reload()
    await page.opened("pay")
    await page.click("#order-cancel")
    await page.opened("pay", False)
    await page.has(("Desk", 1))
    assert [status for status, *_ in await orders()] == ["CANCELLED"]
    await page.costs("$58.00")
    await page.key(Keys.F8, "2")
    await page.sees("#other-take", "$58.00")
    await page.key(Keys.ENTER)
    await page.opened("receipt")
    assert (await orders())[1] == ("PAID", "CARD", "58.00")


# Today's sales


async def test_todays_sales_follow_live_and_a_pending_order_is_paid_and_another_one_cancelled(
    page, stocked, tokens, sell, pay, orders
):
    mug = await stocked("Mug", "MUG-1")
    first, second = [(await sell((mug, 1))).json for _ in range(2)]
    await begin(page, tokens)
    await page.key(Keys.F9)
    await page.sees("#orders", first["ticket_folio"], second["ticket_folio"])
    third = (await sell((mug, 2))).json
    await page.sees("#orders .order:first-child", third["ticket_folio"], "$232.00", "Pending")
    await pay(third["id"], "CARD")
    await page.sees("#orders .order:first-child", "Card")
    await page.sees("#day-sums", "$232.00", "Tickets: 1")
    await page.key(Keys.ARROW_DOWN) if await page.focused() else None
    await page.script("document.querySelector(`[data-id='${arguments[0]}'] button`).focus()", second["id"])
    await page.key(Keys.ENTER, Keys.ARROW_DOWN, Keys.ENTER)
    await page.opened("pay")
    await page.sees("#pay-folio", second["ticket_folio"])
    await page.key("1", Keys.ENTER)
    await page.opened("receipt")
    await page.key(Keys.ENTER)
    await page.opened("receipt", False)
    await page.script("document.querySelector(`[data-id='${arguments[0]}'] button`).click()", first["id"])
    await page.click(f"[data-id='{first['id']}'] [data-field=cancel]")
    await page.sees(f"[data-id='{first['id']}']", "Cancelled")
    assert [(status, how) for status, how, _ in await orders()] == [
        ("CANCELLED", None),
        ("PAID", "CASH"),
        ("PAID", "CARD"),
    ]
    await page.sees("#day-sums", "$348.00", "$116.00")
    await page.click(f"[data-id='{second['id']}'] [data-field=receipt]")
    await page.sees("#receipt-text", second["ticket_folio"], "116.00")


async def test_an_order_that_another_till_has_paid_meanwhile_is_shown_as_it_is(
    page, stocked, tokens, sell, pay, orders
):
    mug = await stocked("Mug", "MUG-1")
    order = (await sell((mug, 1))).json
    await begin(page, tokens)
    await page.key(Keys.F9)
    await page.sees("#orders", order["ticket_folio"])
    await page.click("#orders button")
    await page.click("#orders [data-field=pay]")
    await page.opened("pay")
    assert (await pay(order["id"], "CARD")).status == 200
    await page.key("1", Keys.ENTER)
    await page.opened("receipt")
    await page.sees("#receipt-words", "Esta orden ya ha sido pagada previamente.")
    assert not await page.shown("#receipt-change-part")
    assert await orders() == [("PAID", "CARD", "116.00")]


# Who is at the till


async def test_a_role_that_may_not_sell_is_told(page, sign_in):
    await sign_in("PICKER")
    await page.open()
    await page.sign_in("picker@example.com")
    await page.sees("#sign-in-problem", "This account may not sell")
    assert await page.is_open("sign-in-dialog")
    assert await page.text("#account-word") == "Sign in"


async def test_another_cashier_does_not_see_the_first_one_s_cart_and_the_first_finds_it_again(
    page, stocked, sign_in, tokens
):
    await sign_in("OWNER")
    await stocked("Book", "BOOK-1")
    await begin(page, tokens, "2*BOOK-1")
    await page.costs("$232.00")
    await page.click("#account")
    await page.opened("sign-in-dialog")
    assert await page.lines() == []
    await page.sign_in("owner@example.com")
    await page.until(page.found, lambda found: found == ["Book"])
    await page.has()
    await page.click("#account")
    await page.sign_in("employee@example.com")
    await page.has(("Book", 2))
    await page.costs("$232.00")


async def test_each_tab_of_a_cashier_has_a_cart_of_its_own_and_a_closed_one_s_is_taken_up(page, tabs, stocked, tokens):
    await stocked("Book", "BOOK-1")
    await begin(page, tokens, "BOOK-1")
    await page.has(("Book", 1))
    await tabs.more(1)
    await begin(page, tokens)
    await page.has()
    await page.scan("5*BOOK-1")
    await page.has(("Book", 5))
    await page.reload()
    await page.has(("Book", 5))
    await tabs.shut()
    await tabs.go(0)
    await page.reload()
    await page.has(("Book", 1))
    await tabs.more(1)
    await begin(page, tokens)
    await page.has(("Book", 5))


async def test_a_browser_that_stores_nothing_sells_and_says_so(page, stocked, tokens, orders):
    await stocked("Book", "BOOK-1")
    await page.before_scripts(
        """const real = Storage.prototype.setItem;
           Storage.prototype.setItem = function (name, value) {
               if (this === localStorage && !name.endsWith('.lock')) throw new DOMException('full', 'QuotaExceededError');
               real.call(this, name, value);
           }"""
    )
    await begin(page, tokens, "BOOK-1")
    await page.sees("#message", "stores nothing")
    await page.costs("$116.00")
    await page.pay_in_cash("116")
    await page.opened("receipt")
    assert await orders() == [("PAID", "CASH", "116.00")]


# How it looks


@pytest.mark.parametrize("paper", [80, 58])
async def test_a_receipt_fills_the_paper_it_is_printed_on(page, stocked, tokens, paper):
    await stocked("Book with a name that is longer than any paper is wide", "BOOK-1")
    await begin(page, tokens, "BOOK-1")
    await page.costs("$116.00")
    await page.pay_in_cash("200")
    await page.opened("receipt")
    await page.click(f"[name=paper][value='{paper}']")
    columns = {80: 42, 58: 32}[paper]
    widest = "return Math.max(...document.getElementById('paper').textContent.split('\\n').map(row => row.length))"
    await page.until(lambda: page.script(widest), lambda found: found == columns)
    printed = await page._call(
        page._driver.execute_cdp_cmd, "Page.printToPDF", {"preferCSSPageSize": True, "printBackground": True}
    )
    pdf = base64.b64decode(printed["data"])
    [(width, height)] = re.findall(rb"/MediaBox ?\[0 0 ([0-9.]+) ([0-9.]+)\]", pdf)
    assert abs(float(width) * MM_PER_POINT - paper) < 0.5
    assert float(height) * MM_PER_POINT > 60
    await page._call(page._driver.execute_cdp_cmd, "Emulation.setEmulatedMedia", {"media": "print"})
    try:
        size = await page.script(
            """const paper = document.getElementById('paper');
               const range = document.createRange();
               range.selectNodeContents(paper);
               return [range.getBoundingClientRect().width, paper.clientWidth, document.querySelector('.top').checkVisibility()]"""
        )
        assert size[2] is False and 0.97 < size[0] / size[1] < 1.01
    finally:
        await page._call(page._driver.execute_cdp_cmd, "Emulation.setEmulatedMedia", {"media": ""})


@pytest.mark.parametrize("size", [PHONE, TABLET, TILL, (320, 568)], ids=["phone", "tablet", "till", "small phone"])
async def test_nothing_overflows_and_everything_is_large_enough_for_a_thumb(page, stocked, tokens, sell, size):
    long = await stocked("N" * 200, "S" * 30, "99999.99", stock=2)
    await sell((long, 1))
    await page.resize(*size)
    await begin(page, tokens, "S" * 30)
    total = "return document.getElementById('total').textContent"
    await page.until(lambda: page.script(total), lambda found: found == "$115,999.99")
    problems = """
        const wide = [...document.querySelectorAll('body *')]
            .filter(element => !element.closest('.unseen, svg, option, .roll') && element.checkVisibility())
            .filter(element => element.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5);
        const small = [...document.querySelectorAll('button, .product')]
            .filter(element => element.checkVisibility() && innerWidth < 500 && element.getBoundingClientRect().height < 43.5);
        return [...wide, ...small].map(element => element.outerHTML.slice(0, 200))"""
    for step in ("search", "cart", "pay", "day"):
        if step == "cart":
            await page.key(Keys.F7)
        elif step == "pay":
            await page.key(Keys.F8)
            await page.opened("pay")
            await page.key("1")
        elif step == "day":
            await page.key(Keys.ESCAPE, Keys.ESCAPE, Keys.F9)
            await page.sees("#orders", "$115,999.99")
            await page.click("#orders button")
        await page.script("return Promise.all(document.getAnimations().map(one => one.finished))")
        assert await page.script(problems) == [], step
        assert await page.script("return document.documentElement.scrollWidth <= innerWidth")


async def test_the_page_speaks_the_browser_s_language_and_breaks_no_policy(page, stocked, tokens):
    await stocked("Libro", "BOOK-1")
    await page.before_scripts("Object.defineProperty(Navigator.prototype, 'language', {get: () => 'es-MX'})")
    await begin(page, tokens, "BOOK-1")
    await page.costs("$116.00")
    assert await page.text("#pay-open") == "Cobrar F8" or "Cobrar" in await page.text("#pay-open")
    assert await page.script("return document.documentElement.lang") == "es"
    await page.pay_in_cash("200")
    await page.sees("#receipt-text", "Cambio")
    differences = await page.script(
        """const {LANGUAGES: {en, es}} = await import('/static/counter-words.js');
           const values = text => (text.match(/\\{\\w+\\}/g) ?? []).sort().join();
           return [...new Set([...Object.keys(en), ...Object.keys(es)])]
               .filter(name => !(name in en) || !(name in es) || values(en[name]) !== values(es[name]))"""
    )
    assert differences == []
    unspoken = await page.script(
        """const {LANGUAGES: {en}} = await import('/static/counter-words.js');
           const named = [document, ...[...document.querySelectorAll('template')].map(one => one.content)]
               .flatMap(root => [...root.querySelectorAll('[data-word], [data-word-placeholder], [data-word-title], [data-word-label]')])
               .flatMap(element => [element.dataset.word, element.dataset.wordPlaceholder, element.dataset.wordTitle, element.dataset.wordLabel]);
           return named.filter(name => name && !(name in en))"""
    )
    assert unspoken == []
    # Without a gesture of a person the browser makes no sound, and says so.
    assert [entry for entry in await page.log() if "AudioContext" not in entry["message"]] == []

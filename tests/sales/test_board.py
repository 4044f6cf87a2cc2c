"""The invoice board in a real browser: what somebody sees who watches it."""

import asyncio
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tornado.httpserver
import tornado.netutil
import tornado.web
from conftest import PASSWORD
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --lang=en-US"
)
PHONE, WALL = (390, 844), (1440, 900)

pytestmark = [
    pytest.mark.gen_test(timeout=25),
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER),
        reason="needs chromium and chromedriver on PATH (apt-get install chromium chromium-driver)",
    ),
]


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    """One browser for the module; a page of its own for each test comes from `page`."""
    profile = tempfile.mkdtemp(prefix="tradepost-chromium-")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS.split(), f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    env = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")} | {"HOME": profile}
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(executable_path=DRIVER, env=env))
    driver.set_page_load_timeout(10)
    yield driver
    driver.quit()
    shutil.rmtree(profile, ignore_errors=True)


class BoardPage:
    """The page under test. Selenium blocks, and the server runs in this thread's loop: so its calls go to a thread."""

    def __init__(self, driver: Any, address: str) -> None:
        self._driver, self._address = driver, address

    async def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.to_thread(function, *arguments)

    async def open(self, state: str = "Live") -> None:
        await self._call(self._driver.get, self._address)
        await self.until(lambda: self.state(), lambda found: found.startswith(state))

    async def script(self, code: str, *arguments: Any) -> Any:
        return await self._call(self._driver.execute_script, code, *arguments)

    async def until(self, look: Callable[[], Any], wanted: Callable[[Any], bool], seconds: float = 12) -> Any:
        """Look again until it is as wanted; the last look is what a failure shows."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                found = await look()
                if wanted(found):
                    return found
            except (NoSuchElementException, StaleElementReferenceException) as not_there:
                found = not_there
            assert time.monotonic() < deadline, f"still {found!r}"
            await asyncio.sleep(0.03)

    async def state(self) -> str:
        return await self.script("return document.getElementById('state').innerText.replace(/\\s+/g, ' ')")

    async def rows(self) -> list[str]:
        """The text of each row, as shown, top row first."""
        return await self.script(
            "return [...document.querySelectorAll('#invoices > li')].map(row => row.innerText.replace(/\\s+/g, ' '))"
        )

    async def numbers(self) -> list[str]:
        return await self.script(
            "return [...document.querySelectorAll('#invoices .number')].map(number => number.textContent)"
        )

    async def shows(self, *numbers: str) -> None:
        """Wait until exactly these invoices are shown, in this order."""
        await self.until(self.numbers, lambda found: found == list(numbers))

    async def text(self, selector: str = "body") -> str:
        return await self._call(lambda: self._driver.find_element(By.CSS_SELECTOR, selector).text)

    async def type(self, selector: str, text: str) -> None:
        def type_it() -> None:
            field = self._driver.find_element(By.CSS_SELECTOR, selector)
            field.clear()
            field.send_keys(text)

        await self._call(type_it)

    async def click(self, selector: str) -> None:
        await self._call(lambda: self._driver.find_element(By.CSS_SELECTOR, selector).click())

    async def resize(self, width: int, height: int) -> None:
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        await self._call(self._driver.execute_cdp_cmd, "Emulation.setDeviceMetricsOverride", screen)

    async def hurry(self) -> None:
        """The network is back, says the browser: the page then doesn't wait for its next try."""
        await self.script("dispatchEvent(new Event('online'))")

    async def keep(self, tokens: dict[str, str]) -> None:
        """What the page finds in its tab when it is opened next."""
        await self.script("sessionStorage.setItem('tradepost.session', JSON.stringify(arguments[0]))", tokens)

    async def log(self) -> list[dict[str, Any]]:
        return await self._call(self._driver.get_log, "browser")


@pytest.fixture
def page(chrome: Any, base_url: str, http_server: Any, io_loop: Any, db: Any) -> Iterator[BoardPage]:
    """The board of a server that has no invoices yet, in a tab that nobody signed in to."""
    io_loop.run_sync(lambda: db.execute("TRUNCATE sales.invoice CASCADE"))
    chrome.get_log("browser")  # empties it
    page = BoardPage(chrome, f"{base_url}/live/")
    yield page
    io_loop.run_sync(lambda: page._call(chrome.get, "about:blank"))  # closes its stream while the server still runs
    chrome.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture
def server(http_server: Any, process: Any, base_url: str) -> Iterator["Outage"]:
    outage = Outage(http_server, process, int(base_url.rpartition(":")[2]))
    yield outage
    outage.end()


class Outage:
    """Takes the server away from its port, and gives it back. `end()` is what happens in any case."""

    def __init__(self, server: Any, process: Any, port: int) -> None:
        self._server, self._process, self._port = server, process, port
        self._proxy: Any = None

    async def begin(self, *, answers: int | None = None) -> None:
        """answers: what a proxy in front says meanwhile; None: nobody listens."""
        self._server.stop()
        for spoke in self._process._streams._spokes:
            for stream in list(spoke):
                self._process._streams._close(stream)
        await self._server.close_all_connections()
        if answers:

            class Proxy(tornado.web.RequestHandler):
                def prepare(self) -> None:
                    self.send_error(answers)

            self._proxy = tornado.httpserver.HTTPServer(tornado.web.Application([(".*", Proxy)]))
            self._proxy.add_sockets(self._listen())

    async def finish(self) -> None:
        self.end()
        if self._proxy:
            await self._proxy.close_all_connections()
        self._server.add_sockets(self._listen())

    def end(self) -> None:
        if self._proxy:
            self._proxy.stop()

    def _listen(self) -> list[socket.socket]:
        return tornado.netutil.bind_sockets(self._port, "127.0.0.1")


async def imported(api: Any, invoice: dict[str, Any]) -> str:
    answer = await api.import_invoice(invoice)
    assert answer.status == 201, answer.text
    return invoice["invoice_no"]


async def test_an_empty_board_tells_how_to_import(page):
    await page.open()
    shown = await page.text("main")
    assert "No invoices yet" in shown
    assert "/api/sales/import/invoice/" in shown
    assert "X-API-KEY" in shown


async def test_an_imported_invoice_appears_at_the_top_of_the_open_page_without_a_reload(api, page, invoice):
    older = await imported(api, invoice())
    await page.open()
    await page.shows(older)
    await page.script("window.untouched = true")
    newer = await imported(api, invoice(salesman="Meera"))
    await page.shows(newer, older)
    assert await page.script("return window.untouched")
    (shown, _) = await page.rows()
    for part in (newer, "LifeCare Pharmacy", "Kozhikode", "Meera", "2", "920.00", "Pending", "just now"):
        assert part in shown
    assert "No invoices yet" not in await page.text()


async def test_the_newest_fifty_are_loaded_and_an_invoice_is_never_shown_twice(api, page, invoice):
    numbers = [await imported(api, invoice()) for _ in range(60)]
    opening = asyncio.create_task(page.open())
    while not opening.done():  # some arrive while the page is opening its stream, others while it loads the list
        numbers.append(await imported(api, invoice()))
        await asyncio.sleep(0.01)
    await opening
    shown = await page.until(page.numbers, lambda found: found[:1] == numbers[-1:])
    assert len(shown) >= 50
    assert shown == numbers[: -len(shown) - 1 : -1]


async def test_a_changed_invoice_changes_in_its_place_and_stays_open(api, db, page, invoice):
    first, second = [await imported(api, invoice()) for _ in range(2)]
    await page.open()
    await page.shows(second, first)
    await page.click("#invoices > li:last-child summary")
    async with db.transaction():
        await db.execute("UPDATE sales.invoice SET status = 'PICKING' WHERE invoice_no = $1", first)
        await db.execute(
            """INSERT INTO operations.event (topic, payload)
               SELECT 'sales.invoice', document::text
                 FROM sales.invoice_document WHERE id = (SELECT id FROM sales.invoice WHERE invoice_no = $1)""", first,
        )  # fmt: skip
    await page.until(page.rows, lambda rows: "Picking" in rows[1])
    assert await page.numbers() == [second, first]
    assert "Otrivin Nasal Spray" in await page.text("#invoices > li:last-child table")


async def test_an_opened_row_shows_items_with_shelf_quantity_and_price(api, page, invoice):
    number = await imported(api, invoice())
    await page.open()
    await page.shows(number)
    await page.script("document.querySelector('summary').focus()")
    await page.script("document.activeElement.click()")  # what Enter does
    cells = """
        return [...document.querySelectorAll('#invoices tbody tr')]
            .map(row => [...row.cells].map(cell => cell.innerText.trim()))"""
    items = await page.until(lambda: page.script(cells), bool)
    assert items == [
        ["R-12", "Paracetamol 650mg PR650", "20", "3.50"],
        ["G-04", "Otrivin Nasal Spray OTN10", "10", "85.00"],
    ]


async def test_a_hostile_customer_name_is_shown_as_text(api, page, invoice):
    hostile = """<img src=x onerror="document.title='broken'"><script>document.title='broken'</script>&amp;"""
    body = invoice(salesman="<b>Ajay</b>", remarks=hostile)
    body["customer"].update(name=hostile, area="</li></ol><h1>area</h1>")
    body["items"][0].update(name=hostile, shelf_location="<i>R-12</i>", item_code='"><svg onload=1>')
    await page.open()
    number = await imported(api, body)
    await page.shows(number)
    await page.click("summary")
    shown = await page.until(lambda: page.text("#board"), lambda text: "<i>R-12</i>" in text)
    assert shown.count(hostile) == 4  # row, customer, remarks, item
    assert await page.script("return document.querySelectorAll('#board :is(img, script, svg, b, i, h1)').length") == 0
    assert await page.script("return document.title") == "Live invoices - Tradepost"
    assert await page.log() == []


@pytest.mark.parametrize("answers", [None, 503], ids=["nobody listens", "a proxy says 503"])
async def test_the_page_says_so_when_the_server_goes_and_recovers_by_itself_when_it_is_back(
    api, db, page, server, invoice, answers
):
    before = await imported(api, invoice())
    await page.open()
    await page.shows(before)
    seen_live = await imported(api, invoice())
    await page.shows(seen_live, before)
    await server.begin(answers=answers)
    await page.until(page.state, lambda state: state.startswith("Reconnecting"))
    assert await page.numbers() == [seen_live, before]
    await db.execute(
        """INSERT INTO sales.invoice (invoice_no, invoice_date, customer_id)
           SELECT $1, now(), min(id) FROM sales.customer""", f"MISSED-{seen_live}",
    )  # fmt: skip
    await page.until(page.state, lambda state: state.startswith("Reconnecting in ") and "as of" in state)
    await server.finish()
    await page.until(page.state, lambda state: state == "Live")
    await page.shows(f"MISSED-{seen_live}", seen_live, before)


async def test_a_reset_makes_the_page_load_the_list_anew(api, db, page, server, invoice):
    gone = await imported(api, invoice())
    await page.open()
    await page.shows(gone)
    last = await imported(api, invoice())
    await page.shows(last, gone)
    await server.begin()
    await page.until(page.state, lambda state: state.startswith("Reconnecting"))
    await db.execute("DELETE FROM sales.invoice WHERE invoice_no = $1", gone)
    # The log no longer reaches back to what the page saw last, as after a purge or a restore.
    server._process._streams._recent.clear()
    await db.execute("DELETE FROM operations.event")
    server._process._streams.head += 1000
    await server.finish()
    await page.hurry()
    await page.shows(last)
    await page.until(page.state, lambda state: state == "Live")


async def test_the_page_logs_no_error_and_breaks_no_policy(api, page, invoice):
    await imported(api, invoice())
    await page.open()
    await imported(api, invoice())
    await page.until(page.rows, lambda rows: len(rows) == 2)
    await page.click("summary")
    assert await page.log() == []


@pytest.mark.parametrize("size", [PHONE, WALL, (320, 568)], ids=["phone", "wall", "small phone"])
async def test_nothing_overflows(api, page, invoice, size):
    await page.resize(*size)
    body = invoice(invoice_no="N" * 100, salesman="S" * 150, remarks="R" * 500)
    body["customer"].update(name="W" * 255, area="A" * 150, code="C" * 50)
    body["items"][0].update(
        name="I" * 255, item_code="X" * 100, shelf_location="L" * 50, quantity=2147483647, mrp=99999999.99
    )
    await imported(api, body)
    await page.open()
    await page.shows(body["invoice_no"])
    await page.click("summary")
    await page.until(lambda: page.text("table"), lambda text: "99,999,999.99" in text)
    too_wide = """
        return [...document.querySelectorAll('body *')]
            .filter(element => !element.closest('.unseen') && element.checkVisibility())
            .filter(element => element.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
            .map(element => element.outerHTML)"""
    assert await page.script(too_wide) == []
    assert await page.script("return document.documentElement.scrollWidth <= innerWidth")


class TestClosed:
    """SALES_PUBLIC_READ=false."""

    @pytest.fixture
    def changed_settings(self) -> dict[str, Any]:
        return {"sales_public_read": False}

    async def sign_in(self, page: BoardPage, password: str) -> None:
        await page.type("#email", "picker@example.com")
        await page.type("#password", password)
        await page.click("form button")

    async def test_a_closed_api_asks_for_sign_in_and_then_shows_invoices(self, api, page, invoice, sign_in):
        await sign_in("PICKER")
        first = await imported(api, invoice())
        await page.open("Signed out")
        assert first not in await page.text()
        await self.sign_in(page, "wrong" + PASSWORD)
        await page.until(lambda: page.text("form"), lambda text: "Invalid email or password" in text)
        enabled = "return !document.querySelector('form button').disabled"
        await page.until(lambda: page.script(enabled), bool)
        await self.sign_in(page, PASSWORD)
        await page.shows(first)
        second = await imported(api, invoice())
        await page.shows(second, first)
        await page.until(page.state, lambda state: state == "Live")
        assert not await page.script("return document.getElementById('sign-in').checkVisibility()")

    async def test_an_access_token_that_ran_out_is_renewed_without_asking(self, api, page, invoice, sign_in):
        tokens = await sign_in("PICKER")
        number = await imported(api, invoice())
        await page.open("Signed out")
        await page.keep({"access": "expired", "refresh": tokens["refresh"]})
        await page.open()
        await page.shows(number)
        assert await page.script("return JSON.parse(sessionStorage.getItem('tradepost.session')).access.length > 50")
        await page.script("sessionStorage.clear()")

    async def test_a_session_that_was_ended_asks_again_and_shows_nothing_meanwhile(
        self, api, page, server, invoice, sign_in, db
    ):
        tokens = await sign_in("PICKER")
        number = await imported(api, invoice())
        await page.open("Signed out")
        await page.keep({"access": tokens["access"], "refresh": tokens["refresh"]})
        await page.open()
        await page.shows(number)
        await db.execute("UPDATE accounts.session SET revoked_at = now()")
        await server.begin()
        await server.finish()
        await page.hurry()
        await page.until(page.state, lambda state: state == "Signed out")
        assert number not in await page.text()
        assert await page.script("return sessionStorage.length") == 0

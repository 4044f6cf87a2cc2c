"""All pages in a browser: one sign-in, one sign-out, one header. docs/api/accounts.md#pages."""

import contextlib

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.keys import Keys

from handlers.api import areas
from tests.books.books_page import NAMELESS, TOO_SMALL, TOO_WIDE
from tests.support.browser import Page, needs_chromium
from tests.support.http import PASSWORD
from tests.support.outages import Outage, Tabs

pytestmark = [pytest.mark.gen_test, needs_chromium]

SIZES = (390, 844), (320, 568), (1280, 800)
# It takes long to show. tests/operations/test_api_docs_page.py signs in there.
DOCS = "/api/docs/"
# What the header shows: who is signed in, the entries of the menu, and which of them is the present page.
HEADER = """
    const account = document.getElementById('account');
    const entries = [...document.querySelectorAll('.site-menu li a')];
    return {word: account?.getAttribute('aria-label') ?? '', who: account?.title ?? '', paths: entries.map(one => one.getAttribute('href')),
            current: entries.filter(one => one.ariaCurrent === 'page').map(one => one.getAttribute('href'))}"""

# How far the open menu is from the edges of the screen.
BOX = """
    const box = document.querySelector('.site-menu nav').getBoundingClientRect();
    return [box.left, box.right - document.documentElement.clientWidth, box.bottom - innerHeight]"""


class AnyPage(Page):
    """The page on which the browser is."""

    async def go(self, path: str) -> None:
        origin = self._address[: self._address.index("/", len("http://"))]
        await self._call(self._driver.get, origin + path)

    async def path(self) -> str:
        return await self.script("return location.pathname")

    async def header(self):
        return await self.script(HEADER)

    async def fill_in(self, email, password=PASSWORD, name="email"):
        await self.until(lambda: self.script(f"return document.getElementById('{name}')?.checkVisibility()"), bool)
        await self.type(f"#{name}", email)
        await self.type("#password", password, Keys.ENTER)

    async def is_signed_in(self, who):
        await self.until(self.header, lambda header: who in header["who"])

    async def is_signed_out(self):
        await self.until(self.header, lambda header: not header["who"])


@pytest.fixture
def page(chrome, base_url, http_server, io_loop):
    chrome.get_log("browser")  # empties it
    page = AnyPage(chrome, f"{base_url}/")
    io_loop.run_sync(lambda: page.resize(*SIZES[-1]))
    yield page
    io_loop.run_sync(page.leave)
    io_loop.run_sync(page.restore_size)


@pytest.fixture
def tabs(page, io_loop):
    made = Tabs(page)
    yield made
    io_loop.run_sync(made.close)


@pytest.mark.parametrize("role", ["SUPERADMIN", "EMPLOYEE", "MEMBER", "SALESREP"])
async def test_who_signs_in_once_is_signed_in_on_all_pages_of_their_role(page, sign_in, role):
    await sign_in(role)
    await page.load()
    await page.fill_in(f"{role.lower()}@example.com", name="username")
    await page.sees("main", "Signed in as")
    expected = (await page.header())["paths"]
    assert expected[0] == "/" and len(expected) >= 2
    for path in expected[1:]:
        if path == DOCS:
            continue
        await page.go(path)
        assert await page.path() == path
        header = await page.until(page.header, lambda header: header["paths"] == expected)
        assert header["current"] == [path]
        # The sales reps' pages say it in their own words.
        if path != "/sales-rep/vendors/":
            await page.until(page.header, lambda header: header["word"] == "Sign out")
        asks = (
            "return Boolean([...document.querySelectorAll('input[type=password]')].find(one => one.checkVisibility()))"
        )
        assert not await page.script(asks), path
    assert [entry for entry in await page.log() if entry["level"] == "SEVERE"] == []


async def test_a_sign_in_and_a_sign_out_on_one_page_reach_all_open_pages(page, tabs, sign_in):
    await sign_in("SUPERADMIN")
    paths = ["/", "/live/", "/pos/", "/books/", "/dashboard/", "/api/monitoring/", "/developer/"]
    await tabs.more(len(paths) - 1)
    for n, path in enumerate(paths):
        await tabs.go(n)
        await page.go(path)
        await page.is_signed_out()
    # The last of them signs in, in its own way.
    await page.fill_in("superadmin@example.com")
    for n in range(len(paths)):
        await tabs.go(n)
        await page.is_signed_in("Signed in as")
    await tabs.go(1)
    await page.click("#account")
    for n in range(len(paths)):
        await tabs.go(n)
        await page.is_signed_out()
    assert not await page.has_session()


async def test_the_form_of_the_home_page_signs_the_others_out_and_somebody_else_in(page, tabs, sign_in, db):
    await sign_in("EMPLOYEE")
    await sign_in("OWNER")
    await page.load()
    await page.fill_in("employee@example.com", name="username")
    await page.sees("main", "Signed in as Employee")
    await tabs.more(1)
    await tabs.go(1)
    await page.go("/pos/")
    await page.is_signed_in("employee@example.com")
    await tabs.go(0)
    await page.click("#account")
    await page.sees("main", "back office")
    await tabs.go(1)
    await page.is_signed_out()
    await tabs.go(0)
    await page.fill_in("owner@example.com", name="username")
    await page.sees("main", "Signed in as Owner")
    await tabs.go(1)
    await page.is_signed_in("owner@example.com")


async def test_a_page_whose_account_may_not_enter_says_so_and_leaves_the_others_signed_in(page, tabs, sign_in):
    await sign_in("PICKER")
    await page.go("/live/")
    await page.click("#account")
    await page.fill_in("picker@example.com")
    await page.is_signed_in("picker@example.com")
    await tabs.more(1)
    await tabs.go(1)
    await page.go("/pos/")
    await page.sees("#sign-in-problem", "This account may not sell")
    await page.go("/developer/")
    await page.sees("main", "Not for this account")
    await tabs.go(0)
    await page.is_signed_in("picker@example.com")
    assert await page.has_session()


async def test_a_session_that_was_revoked_elsewhere_ends_on_the_page_at_its_next_request(page, sign_in, db):
    await page.keep_session(await sign_in("OWNER"))
    await page.go("/api/monitoring/")
    await page.sees("#state", "Updated")
    await db.execute("UPDATE accounts.session SET revoked_at = now()")

    async def shown():
        with contextlib.suppress(WebDriverException):
            await page.click("#refresh")
        return await page.text("main")

    await page.until(shown, lambda text: "You see your own tasks." in text)
    await page.is_signed_out()


async def test_a_sign_out_while_the_server_is_away_is_done_when_it_is_back(
    page, http_server, process, base_url, sign_in
):
    await page.keep_session(await sign_in("PICKER"))
    await page.go("/live/")
    await page.is_signed_in("picker@example.com")
    server = Outage(http_server, process, int(base_url.rpartition(":")[2]))
    try:
        await server.begin()
        await page.click("#account")
        await page.is_signed_out()
        assert await page.has_session()
    finally:
        await server.finish()
    await page.until(page.has_session, lambda found: not found)
    await page.go("/live/")
    await page.is_signed_out()
    server.end()


async def test_what_one_person_has_begun_is_not_sent_in_the_name_of_another(page, sign_in, db):
    first = await sign_in("OWNER")
    await page.keep_session(first)
    await page.go("/live/")
    await page.is_signed_in("owner@example.com")
    # The browser gets the cookie of somebody else, of which the page does not hear, and the token of the first is good no longer.
    await page.keep_session(await sign_in("ADMIN"))
    await db.execute("UPDATE accounts.session SET revoked_at = now() WHERE account_id = $1", int(first["user_id"]))
    sent = """
        const {request} = await import('/static/live-session.js');
        const body = JSON.stringify({name: 'Theirs', email: `${Math.random()}@example.com`});
        return request('/api/clients/', {method: 'POST', body}).then(one => String(one.status), error => error.message)"""
    # Until the server has heard of it, the first one's request is done in the first one's name.
    said = await page.until(lambda: page.script(sent), lambda found: found != "201")
    assert said == "Somebody else has signed in."
    await page.is_signed_in("admin@example.com")
    owners = "SELECT count(*) FROM books.client c JOIN accounts.account a ON a.id = c.owner_id WHERE a.email = 'admin@example.com'"
    assert await db.fetchval(owners) == 0


async def test_a_page_that_can_t_learn_who_is_signed_in_says_so_and_asks_again(page, sign_in):
    await page.keep_session(await sign_in("EMPLOYEE"))
    await page.before_scripts(
        """const really = window.fetch;
           window.fetch = (path, ...more) => (path === '/session/token/' && !window.answers
               ? Promise.reject(new TypeError('away')) : really(path, ...more));"""
    )
    await page.go("/pos/")
    await page.sees("#sign-in-problem", "The server does not answer. Trying again.")
    await page.script("window.answers = true")
    await page.is_signed_in("employee@example.com")
    await page.until(
        lambda: page.script("return document.getElementById('sign-in-dialog').open"), lambda found: not found
    )


async def test_the_home_page_leads_to_the_sign_up_of_the_books(page):
    await page.load()
    await page._call(lambda: page._driver.find_element("link text", "Open your own books").click())
    await page.sees("dialog.sheet[open]", "Company")


async def test_no_token_is_kept_in_the_browser_and_no_script_sees_the_cookie(page, sign_in):
    await sign_in("OWNER")
    await page.go("/books/")
    await page.fill_in("owner@example.com")
    await page.is_signed_in("owner@example.com")
    kept = "return JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
    assert "ey" not in await page.script(kept) and "tradepost-session" not in await page.script(kept)


async def test_the_menu_works_with_the_keyboard(page, sign_in):
    await page.keep_session(await sign_in("EMPLOYEE"))
    await page.go("/dashboard/")
    await page.is_signed_in("employee@example.com")
    is_open = "return document.querySelector('.site-menu').open"
    await page.script("document.querySelector('.site-menu summary').focus()")
    await page.press(Keys.ENTER)
    await page.until(lambda: page.script(is_open), bool)
    await page.press(Keys.ESCAPE)
    await page.until(lambda: page.script(is_open), lambda found: not found)
    assert await page.script("return document.activeElement.localName") == "summary"
    await page.press(Keys.SPACE)
    await page.press(Keys.TAB, Keys.TAB)
    assert await page.script("return document.activeElement.textContent") == "Live invoices"
    await page.press(Keys.ENTER)
    await page.until(page.path, lambda path: path == "/live/")
    # A press beside the menu closes it.
    await page.click(".site-menu summary")
    await page.until(lambda: page.script(is_open), bool)
    await page.click("h1")
    await page.until(lambda: page.script(is_open), lambda found: not found)


async def test_without_a_script_the_home_page_signs_in_and_out(page, sign_in):
    await sign_in("PICKER")
    await page._call(page._driver.execute_cdp_cmd, "Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        await page.load()
        await page.type("#username", "picker@example.com")
        await page.type("#password", PASSWORD, Keys.ENTER)
        await page.sees("main", "Signed in as Picker")
        await page.click(".site-menu summary")
        await page.sees(".site-menu nav", "Live invoices", "Books")
        await page.click("#account")
        await page.sees("main", "back office")
    finally:
        await page._call(page._driver.execute_cdp_cmd, "Emulation.setScriptExecutionDisabled", {"value": False})
    assert not await page.has_session()


async def test_the_header_and_its_open_menu_fit_every_page(page, sign_in):
    pressed = "document.querySelectorAll('.site-menu summary, .site-menu a, #account')"
    small = TOO_SMALL.replace("document.querySelectorAll('button, a, input, select, [role=option]')", pressed)
    assert pressed in small
    await page.keep_session(await sign_in("SUPERADMIN"))
    faults = []
    for path in ["/", *(link.path for link in areas.gathered("pages") if link.path != DOCS)]:
        await page.go(path)
        await page.until(page.header, lambda header: len(header["paths"]) > 2)
        await page.script("document.querySelector('.site-menu').open = true")
        for size in SIZES:
            await page.resize(*size)
            left, right, bottom = await page.script(BOX)
            if left < 0 or right > 0 or bottom > 0:
                faults.append((path, size, left, right, bottom))
            faults += [(path, size, fault) for fault in await page.script(small)]
    assert faults == []


async def test_the_home_page_fits_the_screen(page, sign_in):
    for tokens in (None, await sign_in("SUPERADMIN")):
        if tokens is not None:
            await page.keep_session(tokens)
        await page.load()
        for size in SIZES:
            await page.resize(*size)
            assert await page.script(TOO_WIDE) + await page.script(NAMELESS) == [], size

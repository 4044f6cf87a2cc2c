"""The books in a browser."""

import base64
import contextlib
import json
from collections.abc import Iterator
from typing import Any

from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By

from tests.support.browser import Page
from tests.support.http import PASSWORD

PHONE, DESK = (390, 844), (1440, 900)

# What is wider than the screen, but for what scrolls in itself.
TOO_WIDE = """
    const wide = document.documentElement.clientWidth;
    const isOut = one => one.getBoundingClientRect().right > wide + 1 || one.getBoundingClientRect().left < -1;
    const out = [...document.querySelectorAll('body *')].filter(one => one.checkVisibility() && !one.closest('.chips, .unseen') && isOut(one));
    if (document.documentElement.scrollWidth <= wide && !out.length) return [];
    return ['too wide', ...out.map(one => `${one.localName}.${one.className}: ${one.textContent.slice(0, 40)}`)]"""
# What can be pressed and is smaller than a thumb; a link within a text may be.
TOO_SMALL = """
    const pressed = [...document.querySelectorAll('button, a, input, select, [role=option]')];
    return pressed.filter(one => one.checkVisibility() && !one.closest('.unseen, .facts, .paper, #news'))
        .map(one => [one.type === 'checkbox' ? one.closest('.check') : one, one])
        .filter(([box]) => box.getBoundingClientRect().height < 43.5 || box.getBoundingClientRect().width < 43.5)
        .map(([, one]) => `too small: ${one.localName}.${one.className} ${one.textContent.slice(0, 30)}`)"""
# What has no name for a screen reader.
NAMELESS = """
    const named = 'button, a, input, select, textarea, dialog, nav, [role=listbox], progress, img';
    const hasName = one => one.ariaLabel || one.labels?.length || one.textContent.trim() || one.title || one.hasAttribute('aria-labelledby')
        || one.hasAttribute('alt');
    return [...document.querySelectorAll(named)].filter(one => one.checkVisibility() && !one.closest('[aria-hidden]') && !hasName(one))
        .map(one => `without a name: ${one.outerHTML.slice(0, 120)}`)"""


class BooksPage(Page):
    """The books under test."""

    @property
    def origin(self) -> str:
        return self._address.removesuffix("/books/")

    async def open(self, tokens: dict[str, str], hash: str = "#/") -> None:
        """Open the page as somebody who is signed in already."""
        # Another address first: one that differs only in its hash would not load the page again.
        await self._call(self._driver.get, self._address.replace("/books/", "/static/favicon.svg"))
        await self.keep_session(tokens)
        await self._call(self._driver.get, self._address + hash)

    async def reload(self) -> None:
        """Load the page again, as the key F5 does."""
        await self._call(self._driver.refresh)

    async def go(self, hash: str) -> None:
        await self.script("location.hash = arguments[0]", hash)

    async def hash(self) -> str:
        return await self.script("return location.hash")

    async def at(self, wanted: str) -> str:
        """Wait until the address begins so."""
        return await self.until(self.hash, lambda found: found.startswith(wanted))

    async def sign_in(self, email: str) -> None:
        await self.until(self.focused, lambda found: found in ("email", "password"))
        await self.fill("#email", email)
        await self.fill("#password", PASSWORD)
        await self.click("#sign-in [type=submit]")

    async def focused(self) -> str:
        return await self.script("return document.activeElement.id")

    async def fill(self, selector: str, text: str) -> None:
        """Type this into a field that comes into sight, instead of what is there."""
        await self.until(lambda: self.shown(selector), bool)
        await self.type(selector, text)

    async def put(self, selector: str, value: str) -> None:
        """Set a date or a choice, which no keyboard types the same everywhere."""
        await self.until(lambda: self.shown(selector), bool)
        await self.script(
            """const field = document.querySelector(arguments[0]); field.value = arguments[1];
               field.dispatchEvent(new Event('input', {bubbles: true})); field.dispatchEvent(new Event('change', {bubbles: true}))""",
            selector,
            value,
        )

    async def shown(self, selector: str) -> bool:
        return await self.script("return document.querySelector(arguments[0])?.checkVisibility() ?? false", selector)

    async def press_on(self, selector: str, words: str = "") -> None:
        """Press the element, which must come into sight, that has these words."""

        def press() -> bool:
            for one in self._driver.find_elements(By.CSS_SELECTOR, selector):
                if one.is_displayed() and one.is_enabled() and words in (one.text or one.get_attribute("textContent")):
                    self._driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", one)
                    one.click()
                    return True
            return False

        await self.until(lambda: self._call(press), bool)

    async def choose_client(self, text: str, name: str) -> None:
        """Choose a client in the field of the form, by what is typed."""
        await self.fill(".picker input", text)
        await self.press_on(".choice", name)
        await self.sees(".chosen", name)

    async def line(self, n: int, description: str, quantity: str, price: str) -> None:
        """Write the line at this place, counted from 1; the one behind the last is added."""
        row = f".line:nth-child({n})"
        await self.until(lambda: self.shown(".line"), bool)
        if not await self.script("return Boolean(document.querySelector(arguments[0]))", row):
            await self.click(".add-line")
        for name, text in (("description", description), ("quantity", quantity), ("unit_price", price)):
            await self.fill(f"{row} [data-line={name}]", text)

    async def total(self, amount: str) -> None:
        """Wait until the server has said that what is written amounts to this."""
        await self.until(
            lambda: self.script(
                "const total = document.querySelector('.bar-total'); return [total.textContent, total.dataset.outdated]"
            ),
            lambda found: found == [amount, "false"],
        )

    async def save(self) -> None:
        await self.press_on("#view [type=submit]")

    async def act(self, words: str, confirm: str = "") -> None:
        """Press a button of a paper, and agree to what it asks."""
        await self.press_on(".acts button, .acts a", words)
        if confirm:
            await self.press_on("dialog.sheet .buttons button", confirm)

    async def rows(self, selector: str = ".rows") -> list[str]:
        """The text of each row of a list."""
        return await self.script(
            "return [...document.querySelectorAll(`${arguments[0]} .row`)].map(row => row.innerText.replaceAll('\\n', ' | '))",
            selector,
        )

    async def problems(self) -> dict[str, str]:
        """What is said at the fields, by their names."""
        return await self.script(
            """return Object.fromEntries([...document.querySelectorAll('[data-problem]')].filter(one => one.textContent && one.checkVisibility())
                   .map(one => [one.dataset.problem, one.textContent]))"""
        )

    async def attach(self, name: str, type: str, data: bytes, camera: str = "snap") -> None:
        """Give this file to the camera, or to the choice of files."""
        await self.until(
            lambda: self.script("return Boolean(document.querySelector(`[data-camera=${arguments[0]}]`))", camera), bool
        )
        await self.script(
            """const bytes = Uint8Array.from(atob(arguments[2]), letter => letter.charCodeAt(0));
               const files = new DataTransfer();
               files.items.add(new File([bytes], arguments[0], {type: arguments[1]}));
               const input = document.querySelector(`[data-camera=${arguments[3]}]`);
               input.files = files.files;
               input.dispatchEvent(new Event('change'))""",
            name,
            type,
            base64.b64encode(data).decode(),
            camera,
        )

    async def attach_to_expense(self) -> None:
        """Begin an expense with a receipt, and write no more of it."""
        await self.go("#/expenses/new?draft=b")
        await self.attach("receipt.txt", "text/plain", b"a receipt", "file")
        await self.sees(".attachment", "receipt.txt")

    async def kept(self) -> dict[str, Any]:
        """What the browser keeps of what is typed, by name."""
        found = await self.script("return {...localStorage}")
        return {
            name.split(".", 3)[3]: json.loads(value)
            for name, value in found.items()
            if name.startswith("tradepost.books.")
        }

    async def everything_kept(self) -> str:
        """All that the browser keeps of this page, as one text."""
        return await self.script(
            """const texts = [...Object.entries(localStorage), ...Object.entries(sessionStorage)].flat();
               for (const {name} of await indexedDB.databases()) {
                   const database = await new Promise(done => { indexedDB.open(name).onsuccess = event => done(event.target.result); });
                   for (const store of database.objectStoreNames) {
                       texts.push(JSON.stringify(await new Promise(done => {
                           database.transaction(store).objectStore(store).getAll().onsuccess = event => done(event.target.result); })));
                       texts.push(JSON.stringify(await new Promise(done => {
                           database.transaction(store).objectStore(store).getAllKeys().onsuccess = event => done(event.target.result); })));
                   }
                   database.close();
               }
               return texts.filter(text => text !== '[]').join('\\n')"""
        )

    async def faults(self) -> list[str]:
        """What is wrong with the view on this screen: too wide, too small to be pressed, without a name."""
        return [*await self.script(TOO_WIDE), *await self.script(TOO_SMALL), *await self.script(NAMELESS)]

    async def log(self) -> list[dict[str, Any]]:
        """What the browser has complained of; a picture shown by itself, as `open` does, has no icon."""
        return [entry for entry in await super().log() if "favicon.ico" not in entry["message"]]

    async def forget(self) -> None:
        await self.script(
            "localStorage.clear(); for (const {name} of await indexedDB.databases()) indexedDB.deleteDatabase(name)"
        )


def opened(driver: Any, base_url: str, io_loop: Any) -> Iterator[BooksPage]:
    driver.get_log("browser")  # empties it
    page = BooksPage(driver, f"{base_url}/books/")
    io_loop.run_sync(lambda: page.resize(*DESK))
    # Without animations, each of whose frames this browser draws without a graphics card.
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    )
    yield page
    # A page of a server that is gone, or that was left, has no storage to be emptied.
    with contextlib.suppress(WebDriverException):
        io_loop.run_sync(page.forget)
        io_loop.run_sync(page.leave)
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    io_loop.run_sync(page.restore_size)


async def session_of(owner: Any, db: Any) -> dict[str, str]:
    """The tokens of a new session of this owner of books."""
    email = await db.fetchval("SELECT email FROM accounts.account WHERE id = $1", owner.id)
    return (await owner.api.post("/api/auth/login/", {"email": email, "password": PASSWORD})).json

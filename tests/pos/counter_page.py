"""The counter in a browser."""

import contextlib
from collections.abc import Iterator
from typing import Any

from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.keys import Keys

from tests.support.browser import Page
from tests.support.http import PASSWORD

PHONE, TABLET, TILL = (390, 844), (820, 1180), (1440, 900)

# The keys of a scan come faster than a driver can send them, so the page gets them at once; what no listener prevents goes into the field.
# The time of a key is that of its making, however long the page takes for the one before. A person pauses before a scan. A scanner presses
# Shift where a person has to.
SCAN = """
    await new Promise(done => setTimeout(done, 100));
    const keys = [...arguments[0]].flatMap(key => /[A-Z*+]/.test(key) ? ['Shift', key] : [key]);
    const events = [...keys, 'Enter'].map(key => new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
    for (const event of events) {
        const target = document.activeElement ?? document.body;
        if (!target.dispatchEvent(event) || event.key.length > 1 || target.localName !== 'input') continue;
        target.setRangeText(event.key, target.selectionStart ?? target.value.length, target.selectionEnd ?? target.value.length, 'end');
        target.dispatchEvent(new Event('input', {bubbles: true}));
    }"""


class CounterPage(Page):
    """The counter under test."""

    async def open(self, tokens: dict[str, str] | None = None) -> None:
        """Open the page; as somebody who is signed in already, once it is connected."""
        if tokens is None:
            await self.load()
            return
        await self.keep_session(tokens)
        await self.reload()

    async def reload(self) -> None:
        """Load the page again, as the key F5 does, and wait until it is connected."""
        await self.load()
        await self.until(self.state, lambda found: found == "live")

    async def state(self) -> str:
        return await self.script("return document.getElementById('state').dataset.state")

    async def sign_in(self, email: str) -> None:
        await self.until(self.focused, lambda found: found in ("email", "password"))
        await self.type("#email", email)
        await self.type("#password", PASSWORD, Keys.ENTER)

    async def focused(self) -> str:
        return await self.script("return document.activeElement.id")

    async def scan(self, code: str) -> None:
        await self.script(SCAN, code)

    async def lines(self) -> list[list[str]]:
        """Of each line of the cart the name, the quantity and the amount."""
        return await self.script(
            """return [...document.querySelectorAll('#lines .line')].map(line => [
                   line.querySelector('.name').textContent, line.querySelector('input').value, line.querySelector('.amount').textContent])"""
        )

    async def has(self, *lines: tuple[str, int]) -> None:
        """Wait until the cart has exactly these products in these quantities."""
        wanted = [[name, str(quantity)] for name, quantity in lines]
        await self.until(self.lines, lambda found: [line[:2] for line in found] == wanted)

    async def costs(self, total: str) -> None:
        """Wait until the server has said that the cart costs this."""
        await self.sees("#total", total)

    async def found(self) -> list[str]:
        """The names of the products that are listed."""
        return await self.script(
            "return [...document.querySelectorAll('#results .name')].map(name => name.textContent)"
        )

    async def is_open(self, dialog: str) -> bool:
        return await self.script("return document.getElementById(arguments[0]).open", dialog)

    async def opened(self, dialog: str, is_open: bool = True) -> None:
        """Wait until the dialog is open and has risen: the driver sees no text in what is still transparent."""
        await self.until(lambda: self.is_open(dialog), lambda found: found is is_open)
        await self.script(
            "return Promise.allSettled(document.getElementById(arguments[0]).getAnimations().map(one => one.finished))",
            dialog,
        )

    async def shown(self, selector: str) -> bool:
        return await self.script("return document.querySelector(arguments[0]).checkVisibility()", selector)

    async def key(self, *keys: str) -> None:
        """Press keys one after the other, as a person does: a scanner's come faster."""
        for key in keys:
            await self.script("await new Promise(done => setTimeout(done, 80))")
            await self.press(key)

    async def kept(self) -> list[Any]:
        """What the browser keeps of carts and sales."""
        return await self.script(
            """return Object.keys(localStorage).filter(name => /^tradepost\\.counter\\.\\d+\\.\\d$/.test(name)).sort()
                   .map(name => JSON.parse(localStorage[name]))"""
        )

    async def pay_in_cash(self, tendered: str) -> None:
        """Pay the cart, from F8 to the receipt."""
        await self.until(
            lambda: self.script("return document.getElementById('pay-open').disabled"), lambda found: not found
        )
        await self.key(Keys.F8)
        await self.opened("pay")
        await self.key("1")
        await self.until(self.focused, lambda found: found == "tendered")
        await self.key(*tendered, Keys.ENTER)

    async def forget(self) -> None:
        await self.script("localStorage.clear()")


def opened(driver: Any, base_url: str, io_loop: Any) -> Iterator[CounterPage]:
    driver.get_log("browser")  # empties it
    page = CounterPage(driver, f"{base_url}/pos/")
    io_loop.run_sync(lambda: page.resize(*TILL))
    yield page
    # A page of a server that is gone, or that was left, has no storage to be emptied.
    with contextlib.suppress(WebDriverException):
        io_loop.run_sync(page.forget)
        io_loop.run_sync(page.leave)
    io_loop.run_sync(page.restore_size)

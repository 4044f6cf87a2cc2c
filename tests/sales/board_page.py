"""The invoice board in a browser."""

from collections.abc import Iterator
from typing import Any

from tests.support.browser import Page

PHONE, WALL = (390, 844), (1440, 900)


class BoardPage(Page):
    """The invoice board under test."""

    async def open(self, state: str = "Live") -> None:
        await self.load()
        await self.until(self.state, lambda found: found.startswith(state))

    async def state(self) -> str:
        return await self.script("return document.getElementById('state').innerText.replace(/\\s+/g, ' ')")

    async def cards(self) -> list[str]:
        """The text of each card, as shown, column by column and the top one first."""
        return await self.script(
            "return [...document.querySelectorAll('#invoices .card')].map(card => card.innerText.replace(/\\s+/g, ' '))"
        )

    async def numbers(self, status: str = "") -> list[str]:
        """The invoices shown: in all columns, or in one."""
        return await self.script(
            """return [...document.querySelectorAll(`#invoices ${arguments[0]} .card .number`)]
                   .map(number => number.textContent)""",
            status and f"[data-status={status}]",
        )

    async def shows(self, *numbers: str, status: str = "") -> None:
        """Wait until exactly these invoices are shown, in this order."""
        await self.until(lambda: self.numbers(status), lambda found: found == list(numbers))

    async def counts(self) -> dict[str, int]:
        """What the columns that have any say they have."""
        return await self.script(
            """return Object.fromEntries([...document.querySelectorAll('.column')]
                   .map(column => [column.dataset.status, Number(column.querySelector('header .number').textContent)])
                   .filter(([, count]) => count))"""
        )

    async def focused(self) -> str:
        """The id of what has the focus; a card's number."""
        return await self.script(
            """const element = document.activeElement;
               return element.closest('.card') ? element.querySelector('.number').textContent : element.id"""
        )

    async def hurry(self) -> None:
        """The network is back, says the browser: the page then doesn't wait for its next try."""
        await self.script("dispatchEvent(new Event('online'))")

    async def hide(self, is_hidden: bool) -> None:
        """What the page sees when its tab goes into the background, or comes back."""
        await self.script(
            """Object.defineProperty(document, 'hidden', {value: arguments[0], configurable: true});
               document.dispatchEvent(new Event('visibilitychange'))""",
            is_hidden,
        )


def opened(driver: Any, base_url: str, io_loop: Any) -> Iterator[BoardPage]:
    driver.get_log("browser")  # empties it
    page = BoardPage(driver, f"{base_url}/live/")
    io_loop.run_sync(lambda: page.resize(*WALL))
    yield page
    io_loop.run_sync(page.leave)
    io_loop.run_sync(page.restore_size)


async def imported(api: Any, invoice: dict[str, Any]) -> str:
    answer = await api.import_invoice(invoice)
    assert answer.status == 201, answer.text
    return invoice["invoice_no"]

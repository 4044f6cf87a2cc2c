"""The dashboard in a browser."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from selenium.common.exceptions import WebDriverException

from tests.books.books_page import DESK, BooksPage

# A folder: looks at the page are also kept there as pictures.
SHOTS = os.environ.get("DASHBOARD_PAGE_SHOTS", "")

# Text whose contrast with what is behind it is less than AA asks for: 4.5, or 3 if it is large.
FAINT = """
    const channel = value => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    const parts = color => (color.match(/[0-9.]+/g) ?? []).map(Number);
    const light = color => parts(color).slice(0, 3).reduce((sum, value, n) => sum + [0.2126, 0.7152, 0.0722][n] * channel(value), 0);
    const contrast = (one, other) => {
        const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    };
    const behind = one => {
        const { backgroundColor: color } = one ? getComputedStyle(one) : { backgroundColor: 'rgb(255, 255, 255)' };
        return (parts(color)[3] ?? 1) === 1 ? color : behind(one.parentElement);
    };
    const found = new Set();
    const note = (one, ratio) => found.add(`faint (${ratio.toFixed(2)}): ${one.localName}.${one.getAttribute('class')} ${one.textContent.slice(0, 30)}`);
    for (const one of document.querySelectorAll('body *')) {
        const hasText = [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim());
        if (!hasText || !one.checkVisibility() || one.closest('.unseen, dialog:not([open]), option')) continue;
        const style = getComputedStyle(one), size = parseFloat(style.fontSize);
        const ratio = contrast(one instanceof SVGElement ? style.fill : style.color, behind(one));
        if (ratio < (size >= 24 || (size >= 18.6 && style.fontWeight >= 700) ? 3 : 4.5)) note(one, ratio);
    }
    for (const one of document.querySelectorAll('.chart rect:not(.band), .bar rect:not(.rest)')) {
        const ratio = contrast(getComputedStyle(one).fill, behind(one));
        if (ratio < 3) note(one, ratio);
    }
    return [...found]"""
# What is drawn, and what it stands for.
CHART = """
    const of = (selector, name) => [...document.querySelectorAll(`.chart ${selector}`)]
        .map(one => [Number(one.dataset.value), Number(one.getAttribute(name))]);
    return {revenue: of('rect.revenue', 'height'), expenses: of('rect.expenses', 'height'), profit: of('circle.profit', 'cy'),
            zero: Number(document.querySelector('.chart .zero').getAttribute('y1'))}"""
TILES = """return Object.fromEntries([...document.querySelectorAll('.figure-tile')]
    .map(one => [one.dataset.figure, one.querySelector('strong').textContent]))"""
SECTION = "return document.querySelector(`[data-section=${arguments[0]}]`).innerText"


class DashboardPage(BooksPage):
    """The dashboard under test."""

    @property
    def origin(self) -> str:
        return self._address.removesuffix("/dashboard/")

    async def open(self, tokens: dict[str, str], hash: str = "") -> None:
        """Open the page as somebody who is signed in already."""
        await self._call(self._driver.get, f"{self.origin}/static/favicon.svg")
        await self.keep_session(tokens)
        await self._call(self._driver.get, self._address + hash)

    async def tiles(self) -> dict[str, str]:
        """The four figures, by name."""
        return await self.script(TILES)

    async def shows(self, **wanted: str) -> None:
        """Wait until these figures are shown."""
        await self.until(self.tiles, lambda found: wanted.items() <= found.items())

    async def section(self, name: str) -> str:
        return await self.script(SECTION, name)

    async def says(self, name: str, *words: str) -> str:
        """Wait until a section has these words."""
        return await self.until(lambda: self.section(name), lambda text: all(word in text for word in words))

    async def chart(self) -> dict[str, Any]:
        return await self.script(CHART)

    async def is_live(self) -> None:
        await self.sees("#state", "Live")

    async def widths(self, selector: str) -> list[float]:
        """The filled parts of bars, in per cent."""
        found = await self.script(
            "return [...document.querySelectorAll(arguments[0])].map(one => one.getAttribute('width'))", selector
        )
        return [float(width.removesuffix("%")) for width in found]

    async def emulate(self, scheme: str) -> None:
        """Set the colours, and leave animations out."""
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        await self._call(self._driver.execute_cdp_cmd, "Emulation.setEmulatedMedia", {"features": features})

    async def hide(self, is_hidden: bool) -> None:
        """Tell the page that its tab is hidden, or seen again."""
        await self.script(
            """Object.defineProperty(document, 'hidden', {configurable: true, value: arguments[0]});
               document.dispatchEvent(new Event('visibilitychange'))""",
            is_hidden,
        )

    async def faults(self, name: str = "") -> list[str]:
        """What is wrong on this screen: too wide, too small, without a name, or hard to read."""
        if SHOTS and name:
            await self._call(self._driver.save_screenshot, f"{SHOTS}/{name}.png")
        # A table of large amounts scrolls in itself.
        await self.script("document.querySelector('.scrolled')?.classList.add('chips')")
        return [*await super().faults(), *await self.script(FAINT)]


def opened(driver: Any, base_url: str, io_loop: Any) -> Iterator[DashboardPage]:
    driver.get_log("browser")  # empties it
    page = DashboardPage(driver, f"{base_url}/dashboard/")
    io_loop.run_sync(lambda: page.resize(*DESK))
    io_loop.run_sync(lambda: page.emulate("light"))
    yield page
    # A page of a server that is gone has no storage to be emptied.
    with contextlib.suppress(WebDriverException):
        io_loop.run_sync(page.leave)
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    io_loop.run_sync(page.restore_size)

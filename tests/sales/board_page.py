"""The invoice board in a browser, and the outages that it survives."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import tornado.httpserver
import tornado.netutil
import tornado.web

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

    async def keep(self, tokens: dict[str, str]) -> None:
        """What the page finds in its tab when it is opened next."""
        await self.script("sessionStorage.setItem('tradepost.session', JSON.stringify(arguments[0]))", tokens)

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


class Outage:
    """Takes the server away from its port, and gives it back. `end()` is what happens in any case."""

    def __init__(self, server: Any, process: Any, port: int) -> None:
        self._server, self._process, self._port = server, process, port
        self._proxy: Any = None

    async def begin(self, *, answers: int | None = None) -> None:
        """answers: what a proxy in front says meanwhile; None: nobody listens."""
        self._server.stop()
        sockets = self._process.app.streams._sockets
        for stream in sockets:
            sockets.close(stream)
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


class Tabs:
    """The tabs of a browser, of which a page is worked in one at a time. `more(6)` opens six, `go(n)` goes to one, `shut()` closes it."""

    def __init__(self, page: BoardPage) -> None:
        self._page = page
        self._first = page._driver.current_window_handle
        self._handles = [self._first]

    async def more(self, count: int) -> None:
        for _ in range(count):
            await self._page._call(self._page._driver.switch_to.new_window, "tab")
            self._handles.append(self._page._driver.current_window_handle)

    async def go(self, n: int) -> None:
        await self._page._call(self._page._driver.switch_to.window, self._handles[n])

    async def shut(self) -> None:
        """Close the present tab. Go to another one next."""
        self._handles.remove(self._page._driver.current_window_handle)
        await self._page._call(self._page._driver.close)

    async def close(self) -> None:
        """Close all tabs but one, which `page` leaves."""
        while len(self._handles) > 1:
            await self.go(len(self._handles) - 1)
            await self.shut()
        await self.go(0)


class Relay:
    """Stands between browser and server, as a proxy or a Wi-Fi access point does. `swallow()`: the connections stay open and nothing
    comes through them any more, nor through new ones until `pass_on()`."""

    def __init__(self, base_url: str) -> None:
        self._host, self._port = base_url.removeprefix("http://").split(":")
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self._is_open = True
        self.url = ""

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def swallow(self) -> None:
        self._is_open = False
        for task in self._tasks:
            task.cancel()

    def pass_on(self) -> None:
        self._is_open = True

    async def close(self) -> None:
        self._server.close()
        self.swallow()
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        if not self._is_open:
            return
        there, back = await asyncio.open_connection(self._host, int(self._port))
        self._writers.append(back)
        for source, target in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pump(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                target.write(data)
                await target.drain()
            target.close()

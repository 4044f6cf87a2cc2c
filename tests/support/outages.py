"""What tests of pages do to their server and their browser: outages, lost answers, and several tabs."""

import asyncio
import contextlib
import re
import socket
from typing import Any

import tornado.httpserver
import tornado.netutil
import tornado.web

from tests.support.browser import Page


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


class Tabs:
    """The tabs of a browser, of which a page is worked in one at a time. `more(6)` opens six, `go(n)` goes to one, `shut()` closes it."""

    def __init__(self, page: Page) -> None:
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
    comes through them any more, nor through new ones until `pass_on()`. `lose("POST /api/orders/ ")`: the server gets the next request that
    begins so (a regular expression) and does it, but its answer is lost with the connection."""

    def __init__(self, base_url: str) -> None:
        self._host, self._port = base_url.removeprefix("http://").split(":")
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self._is_open = True
        self._to_lose: list[re.Pattern[bytes]] = []
        # The connections whose next answer is lost, by their writer to the browser.
        self._losing: set[asyncio.StreamWriter] = set()
        self.lost = 0
        self.url = ""

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def swallow(self) -> None:
        self._is_open = False
        for task in self._tasks:
            task.cancel()

    def lose(self, *requests: str) -> None:
        self._to_lose += [re.compile(request.encode()) for request in requests]

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
            task = asyncio.create_task(self._pump(source, target, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, browser: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                if target is browser and browser in self._losing:
                    self._losing.discard(browser)
                    self.lost += 1
                    break
                for request in self._to_lose if target is not browser else ():
                    if request.match(data):
                        self._to_lose.remove(request)
                        self._losing.add(browser)
                        break
                target.write(data)
                await target.drain()
            target.close()

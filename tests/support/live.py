"""Watchers of live figures: streams, and WebSockets by Tornado's client."""

import asyncio
import json
from typing import Any

import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.support.deadlines import DEADLINE, until
from tests.support.sse import EventStream

STREAM = "/api/dashboard/streaming/aggregate/"
# Makes an invoice of 7.00, issued and due so many days from today, as another program would.
INVOICE = """WITH client AS (INSERT INTO books.client (owner_id, name, email, phone, address, company, tax_number, notes, is_active)
             VALUES ($1, 'By SQL', '', '', '', '', '', '', true) RETURNING id)
        INSERT INTO books.invoice (owner_id, year, number, client_id, status, issue_date, due_date, title, terms, notes,
                                   line_items, subtotal, tax_amount, total_amount, paid_amount, sent_at)
        SELECT $1, 2001, (SELECT coalesce(max(number), 0) + 1 FROM books.invoice WHERE owner_id = $1), client.id, 'sent',
               books.today() + $2::integer, books.today() + $3::integer, '', '', '',
               json_build_array(json_build_object('description', 'Line', 'quantity', 1, 'unit_price', '7.00', 'total', '7.00')),
               7, 0, 7, 0, now() FROM client"""


class FigureEvents:
    """An open stream of figures."""

    def __init__(self, stream: EventStream) -> None:
        self.stream = stream

    @property
    def status(self) -> int:
        return self.stream.status

    async def next(self) -> Any:
        """The next event's JSON; None when the server has closed the stream. An event is one line of data."""
        while block := await self.stream.block():
            if block.startswith("data: "):
                assert "\n" not in block
                return json.loads(block.removeprefix("data: "))
            assert block.startswith((":", "retry: ")), block
        return None

    async def update(self, wanted: Any = lambda update: True) -> Any:
        """The next update of which `wanted` is true."""
        while True:
            found = await self.next()
            assert found is not None and found["type"] == "dashboard_update", found
            if wanted(found):
                return found

    async def rest(self) -> list[Any]:
        """All events until the server closes the stream."""
        found = []
        while (event := await self.next()) is not None:
            found.append(event)
        return found


class Socket:
    """An open WebSocket."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self.connection = connection
        self._is_closed = False

    async def next(self) -> Any:
        """The next message's JSON; None when the server has closed the socket."""
        if self._is_closed:
            return None
        text = await asyncio.wait_for(self.connection.read_message(), DEADLINE)
        self._is_closed = text is None
        return None if text is None else json.loads(text)

    async def of_type(self, kind: str, wanted: Any = lambda message: True) -> Any:
        """The next message of this type of which `wanted` is true."""
        while True:
            found = await self.next()
            assert found is not None, (self.connection.close_code, self.connection.close_reason)
            if found["type"] == kind and wanted(found):
                return found

    async def send(self, message: Any, *, binary: bool = False) -> None:
        text = message if isinstance(message, str | bytes) else json.dumps(message)
        await self.connection.write_message(text, binary=binary)

    async def asked(self, message: Any) -> Any:
        """The answer to a message, if no figures come in between."""
        await self.send(message)
        while (found := await self.next()) is not None and found["type"] == "dashboard.update":
            pass
        return found

    async def closed(self) -> tuple[int | None, str | None]:
        """The code and the reason of the close, whatever comes before."""
        while await self.next() is not None:
            pass
        return self.connection.close_code, self.connection.close_reason


def metrics(document: Any) -> dict[str, Any]:
    """By name: value, change, trend."""
    return {one["name"]: (one["value"], one["change"], one["trend"]) for one in document["metrics"]}


def revenue(document: Any) -> Any:
    return metrics(document)["Daily Revenue"][0]


async def process_has_seen(app, db):
    """Waits until the process has all events that are committed."""
    await app.events.relay()
    end = await db.fetchval("SELECT position FROM core.event_head")
    await until(lambda: app.events.head >= end)


@pytest.fixture
def watch(base_url, http_server, process):
    """`await watch(token, "?interval=10")`: an open stream of figures, which is told only of what is committed from now on."""
    opened = []

    async def watch(token, query="", **headers):
        await process.app.events.relay()
        headers = {"Authorization": f"Bearer {token}", **headers} if token else headers
        stream = await EventStream.open(base_url, STREAM + query, headers)
        opened.append(stream)
        return FigureEvents(stream)

    yield watch
    for one in opened:
        one.close()


@pytest.fixture
def connect(base_url, http_server, process, io_loop):
    """`await connect("/ws/…", token)`: an open WebSocket. Raises HTTPClientError where the handshake is refused."""
    opened = []

    async def connect(path, token=None, **headers):
        await process.app.events.relay()
        if token:
            headers["Authorization"] = f"Bearer {token}"
        request = HTTPRequest(base_url.replace("http", "ws", 1) + path, headers=headers)
        connection = await asyncio.wait_for(websocket_connect(request), DEADLINE)
        opened.append(connection)
        return Socket(connection)

    yield connect
    for one in opened:
        one.close()

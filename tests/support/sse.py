"""A reader of a live stream, on a plain socket: it sees the comments and the bytes between events, which a client library hides."""

import asyncio
import json
from typing import Any

from tests.support.deadlines import DEADLINE


class EventStream:
    """A stream that is open. `await stream.event()` is the next event, as a dict of its fields."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.status = 0
        self.headers: dict[str, str] = {}
        self.last_id: str | None = None

    @classmethod
    async def open(
        cls, base_url: str, path: str = "/api/sales/sse/invoices/", headers: dict[str, str] | None = None
    ) -> "EventStream":
        host, port = base_url.removeprefix("http://").split(":")
        stream = cls(*await asyncio.open_connection(host, int(port), limit=4 * 1024 * 1024))
        lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        stream._writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n{lines}\r\n".encode())
        async with asyncio.timeout(DEADLINE):
            head = (await stream._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        stream.status = int(head[0].split()[1])
        stream.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        return stream

    async def block(self, seconds: float = DEADLINE) -> str:
        """The next block as it came: fields, or a comment. '' when the server closed the stream."""
        try:
            raw = await asyncio.wait_for(self._reader.readuntil(b"\n\n"), seconds)
        except asyncio.IncompleteReadError:
            return ""
        text = raw.decode()[:-2]
        for line in text.split("\n"):
            if line.startswith("id: "):
                self.last_id = line[4:]
        return text

    async def event(self, seconds: float = DEADLINE) -> dict[str, str]:
        """The next block that dispatches an event (has data)."""

        async def next_event() -> dict[str, str]:
            while True:
                block = await self.block(seconds)
                if not block:
                    raise ConnectionResetError("the server closed the stream")
                fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
                if "data" in fields:
                    return fields

        return await asyncio.wait_for(next_event(), seconds)

    async def invoice(self, seconds: float = DEADLINE) -> Any:
        return json.loads((await self.event(seconds))["data"])

    def close(self) -> None:
        self._writer.close()

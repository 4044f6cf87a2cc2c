"""A reader of a live stream, on a plain socket: it sees the comments and the bytes between events, which a client library hides."""

import asyncio
import json
import ssl
from typing import Any

from tests.support.deadlines import DEADLINE


class EventStream:
    """A stream that is open. `await stream.event()` is the next event, as a dict of its fields."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.status = 0
        self.headers: dict[str, str] = {}
        self.last_id: str | None = None
        self._unchunked = b""

    @classmethod
    async def open(
        cls,
        base_url: str,
        path: str = "/api/sales/sse/invoices/",
        headers: dict[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> "EventStream":
        host, port = base_url.partition("://")[2].split(":")
        stream = cls(*await asyncio.open_connection(host, int(port), limit=4 * 1024 * 1024, ssl=tls))
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
            raw = await asyncio.wait_for(self._raw_block(), seconds)
        except asyncio.IncompleteReadError:
            return ""
        text = raw.decode()[:-2]
        for line in text.split("\n"):
            if line.startswith("id: "):
                self.last_id = line[4:]
        return text

    async def _raw_block(self) -> bytes:
        """A block with its empty line. A proxy sends the stream in chunks (RFC 9112, 7.1), our server does not."""
        if self.headers.get("transfer-encoding") != "chunked":
            return await self._reader.readuntil(b"\n\n")
        while b"\n\n" not in self._unchunked:
            size = int(await self._reader.readuntil(b"\r\n"), 16)
            # The last chunk is empty: then nothing follows.
            self._unchunked += (await self._reader.readexactly(size + 2))[:-2]
            if not size:
                raise asyncio.IncompleteReadError(self._unchunked, None)
        raw, end, self._unchunked = self._unchunked.partition(b"\n\n")
        return raw + end

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

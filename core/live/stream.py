"""One stream: the state of a connection after its request has become a stream, and the beginning of its response."""

import asyncio
import socket
from collections import deque
from collections.abc import Iterable
from time import monotonic
from typing import ClassVar

from tornado.web import RequestHandler

from core.lease import Lease
from core.live.events import Event, Wanted


class Stream:
    """One connected reader of one topic.

    socket: None before StreamSockets.adopt(), and after the stream is closed. live: it has all it wants up to its position, and gets
    the rest as it comes. lease: what the reader's right to the stream depends on; None: nothing. position: of
    the last event that it got or that its filter excludes. waiting: views of frames that the socket has not accepted yet; None: none.
    drained: set when nothing waits any more. written: the time of the last write (monotonic). spoke: see StreamSockets. ends_with: a tag;
    the stream ends after the event that has it. ending: it has got its last event, and closes when that is sent.

    A subclass that is not fed from the log (Streams.attach) sets farewell, its last frame when the server ends the stream.
    """

    farewell: ClassVar[bytes] = b""

    __slots__ = (
        "drained",
        "ending",
        "ends_with",
        "lease",
        "live",
        "position",
        "socket",
        "spoke",
        "topic",
        "waiting",
        "waiting_bytes",
        "wanted",
        "written",
    )

    def __init__(self, topic: str, wanted: Wanted, position: int, lease: Lease | None, ends_with: str = "") -> None:
        self.socket: socket.socket | None = None
        self.topic = topic
        self.wanted = wanted
        self.live = False
        self.lease = lease
        self.ends_with = ends_with
        self.ending = False
        self.position = position
        self.waiting: deque[memoryview] | None = None
        self.waiting_bytes = 0
        self.drained: asyncio.Future[None] | None = None
        self.written = monotonic()
        self.spoke = 0

    def is_last(self, events: Iterable[Event]) -> bool:
        """Whether the stream ends after one of these events."""
        return bool(self.ends_with) and any(self.ends_with in (event.tags or ()) for event in events)

    def gone(self) -> None:
        """Called once the stream is closed, by whichever side."""


def set_headers(handler: RequestHandler, keep_alive: float) -> None:
    """Set the headers of a stream's response. keep_alive: the seconds of silence after which a sign of life follows."""
    handler.set_header("Content-Type", "text/event-stream; charset=utf-8")
    handler.set_header("Cache-Control", "no-cache")
    handler.set_header("X-Accel-Buffering", "no")
    handler.set_header("Connection", "close")
    # A reader that misses several signs of life knows that something between has lost the connection.
    handler.set_header("X-Keep-Alive-Seconds", f"{keep_alive:g}")


def response_head(handler: RequestHandler, keep_alive: float) -> bytes:
    """The response's head. It has no length and no chunks, so the response ends with the connection (RFC 9112, 6.3)."""
    set_headers(handler, keep_alive)
    lines = "".join(f"{name}: {value}\r\n" for name, value in handler._headers.get_all())
    return f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode("latin-1")

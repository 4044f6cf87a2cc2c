"""One stream: what is kept of a connection once its request has become one, and how its response begins."""

import asyncio
import socket
from collections import deque
from time import monotonic

from tornado.web import RequestHandler

from core.live.events import Wanted


class Stream:
    """One connected reader of one topic. Without a socket until core/live/stream_sockets.py has adopted it, and once it is closed."""

    __slots__ = (
        "drained",
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

    def __init__(self, topic: str, wanted: Wanted, position: int, lease: int | None) -> None:
        self.socket: socket.socket | None = None
        self.topic = topic
        self.wanted = wanted
        self.live = False  # it has what it wants of everything up to its position, and is sent the rest as it comes
        self.lease = lease  # what the reader's right to it depends on, such as a session; None: nothing
        self.position = position  # of the last event it was sent, or that was found not to be wanted
        self.waiting: deque[memoryview] | None = None  # not taken by the socket yet: views of frames that all share
        self.waiting_bytes = 0
        self.drained: asyncio.Future[None] | None = None
        self.written = monotonic()
        self.spoke = 0


def set_headers(handler: RequestHandler) -> None:
    """What a stream's response announces."""
    handler.set_header("Content-Type", "text/event-stream")
    handler.set_header("Cache-Control", "no-cache")
    handler.set_header("X-Accel-Buffering", "no")
    handler.set_header("Connection", "close")


def response_head(handler: RequestHandler) -> bytes:
    """The response's head. No length and no chunks: the stream ends when the connection does (RFC 9112, 6.3)."""
    set_headers(handler)
    lines = "".join(f"{name}: {value}\r\n" for name, value in handler._headers.get_all())
    return f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode("latin-1")

"""One stream: what is kept of a connection once its request has become one. core/streams.py has them all."""

import asyncio
import socket
from collections import deque
from time import monotonic
from typing import Any

from core.events import Wanted

SEND_BUFFER = 64 * 1024  # bytes the kernel holds for one stream; it would grow to megabytes
DEAD_MILLISECONDS = 30_000  # unacknowledged data that long: the peer is gone (RFC 5482)


class Stream:
    """One connected reader of one topic."""

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

    def __init__(self, sock: socket.socket, topic: str, wanted: Wanted, position: int, lease: int | None) -> None:
        self.socket: socket.socket | None = sock  # None: closed
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


def own_socket(connection: Any) -> socket.socket:
    """A duplicate of the descriptor of Tornado's detached stream, to outlive it. Raises OSError, for example without any left."""
    sock = connection.socket.dup()
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_MILLISECONDS)
    except OSError:
        sock.close()
        raise
    return sock


def set_headers(handler: Any) -> None:
    """What a stream's response announces."""
    handler.set_header("Content-Type", "text/event-stream")
    handler.set_header("Cache-Control", "no-cache")
    handler.set_header("X-Accel-Buffering", "no")
    handler.set_header("Connection", "close")


def response_head(handler: Any) -> bytes:
    """The response's head. No length and no chunks: the stream ends when the connection does (RFC 9112, 6.3)."""
    set_headers(handler)
    lines = "".join(f"{name}: {value}\r\n" for name, value in handler._headers.get_all())
    return f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode("latin-1")

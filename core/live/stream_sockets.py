"""The sockets of a process's streams: writing to them, buffering for slow readers, and noticing readers who have left.

A stream is a detached socket and a few numbers, not a Tornado connection. One selector watches all sockets and is itself a single
file descriptor for the event loop: a watcher in the event loop for each socket would take more memory than the stream.
"""

import asyncio
import contextlib
import random
import selectors
import socket
from collections import deque
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any, NamedTuple

from core import product
from core.live.stream import Stream

# Bytes that the kernel buffers for one stream; by default the buffer would grow to megabytes.
SEND_BUFFER = 64 * 1024
# Data that the peer hasn't acknowledged for that long: the peer is gone (RFC 5482).
DEAD_MILLISECONDS = 30_000
# Bytes that wait for one slow reader. Beyond it the stream is closed, and the reader gets the rest when it reconnects.
BUFFER_LIMIT = 256 * 1024
# Writes between two turns of other tasks.
YIELD_EVERY = 500
# Streams are divided into so many groups, whose keep-alives are spread over the interval.
SPOKES = 10
# The range of the time after which a reader reconnects. It is random, so that not all reconnect at the same moment.
RETRY_MILLISECONDS = (1000, 4000)

log = product.logger("streams")


def retry() -> bytes:
    """The field that tells a reader after how many milliseconds to reconnect."""
    return b"retry: %d\n" % random.randint(*RETRY_MILLISECONDS)


class Traffic(NamedTuple):
    """Since the process began: the streams that were opened, those closed because their reader was too slow, and the bytes that sockets
    have accepted."""

    opened: int
    closed_slow: int
    sent_bytes: int


class StreamSockets:
    """The open streams, over which one can iterate while streams are closed. closed: True once all were closed for good.

    gone: called with each stream that was closed.
    """

    def __init__(self, gone: Callable[[Stream], None]) -> None:
        self._gone = gone
        self._spokes: list[dict[Stream, None]] = [{} for _ in range(SPOKES)]
        self._count = 0
        self._opened = self._closed_slow = self._sent_bytes = 0
        self._selector = selectors.DefaultSelector()
        self.closed = False

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Stream]:
        for spoke in self._spokes:
            yield from list(spoke)

    @property
    def traffic(self) -> Traffic:
        return Traffic(self._opened, self._closed_slow, self._sent_bytes)

    def open(self) -> None:
        """Watch the sockets, in the running event loop."""
        asyncio.get_running_loop().add_reader(self._selector, self._on_ready)

    def adopt(self, connection: Any, stream: Stream) -> None:
        """Take over the connection that Tornado has detached, which the caller then closes. Raises OSError, for example when no file
        descriptor is left."""
        sock = _own_socket(connection)
        try:
            self._selector.register(sock, selectors.EVENT_READ, stream)
        except OSError:
            sock.close()
            raise
        stream.socket = sock
        stream.spoke = min(range(SPOKES), key=lambda n: len(self._spokes[n]))
        self._spokes[stream.spoke][stream] = None
        self._count += 1
        self._opened += 1

    def write(self, stream: Stream, data: bytes) -> None:
        """Send data now, or as soon as the reader accepts it. Never raises: an error closes the stream."""
        sock = stream.socket
        if sock is None:
            return
        stream.written = monotonic()
        if stream.waiting is not None:
            # The limit counts only once something waits, because one event may be larger than the limit.
            if stream.waiting_bytes + len(data) > BUFFER_LIMIT:
                log.info("closed a stream whose reader is %d KB behind; it can resume", stream.waiting_bytes // 1024)
                self._closed_slow += 1
                self.close(stream)
                return
            stream.waiting.append(memoryview(data))
            stream.waiting_bytes += len(data)
            return
        try:
            try:
                sent = sock.send(data)
            except BlockingIOError:
                sent = 0
            self._sent_bytes += sent
            if sent < len(data):
                stream.waiting = deque([memoryview(data)[sent:]])
                stream.waiting_bytes = len(data) - sent
                self._selector.modify(sock, selectors.EVENT_READ | selectors.EVENT_WRITE, stream)
        except (OSError, KeyError, ValueError):
            # The selector raises KeyError and ValueError for a socket that it doesn't watch any more.
            self.close(stream)

    def end(self, stream: Stream) -> None:
        """Close one stream once its reader has all that was written."""
        if stream.waiting is None:
            self.close(stream)
        else:
            stream.ending = True

    async def drain(self, stream: Stream, seconds: float) -> None:
        """Wait until the reader has accepted all that waits for it. If that takes longer than `seconds`, close the stream."""
        if stream.waiting is None:
            return
        stream.drained = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait_for(stream.drained, seconds)
        except TimeoutError:
            self.close(stream)
        finally:
            stream.drained = None

    async def keep_alive(self, seconds: float, sign: Callable[[Stream], bytes]) -> None:
        """Write `sign(stream)` to each stream that was silent for `seconds`. Runs until cancelled."""
        turn = 0
        while True:
            await asyncio.sleep(seconds / SPOKES)
            turn = (turn + 1) % SPOKES
            # A little less, since the last sign was written a moment after the turn of its group began.
            silent_since = monotonic() - seconds * 0.95
            for n, stream in enumerate(list(self._spokes[turn])):
                # A reader that is still taking a large event has its sign of life, and must not be closed for one sign more.
                if stream.written <= silent_since and stream.waiting is None:
                    self.write(stream, sign(stream))
                if n % YIELD_EVERY == YIELD_EVERY - 1:
                    await asyncio.sleep(0)

    def dismiss(self, stream: Stream, data: bytes = b"") -> None:
        """Close one stream at once, with its farewell and this data unless its reader still has something to take."""
        if stream.waiting is None and (last := stream.farewell + data):
            self.write(stream, last)
        self.close(stream)

    def close(self, stream: Stream) -> None:
        """Close one stream."""
        sock, stream.socket, stream.waiting = stream.socket, None, None
        if sock is None:
            return
        self._spokes[stream.spoke].pop(stream, None)
        self._count -= 1
        with contextlib.suppress(OSError, KeyError, ValueError):
            self._selector.unregister(sock)
        sock.close()
        _wake(stream)
        self._gone(stream)

    def close_all(self) -> None:
        """Close all streams for good. Their readers reconnect by themselves, each after its own time."""
        for stream in self:
            self.dismiss(stream, retry() + b"\n")
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().remove_reader(self._selector)
            self._selector.close()

    def _on_ready(self) -> None:
        for key, mask in self._selector.select(0):
            stream: Stream = key.data
            if mask & selectors.EVENT_READ and not self._still_there(stream):
                continue
            if mask & selectors.EVENT_WRITE:
                self._flush(stream)

    def _still_there(self, stream: Stream) -> bool:
        """Whether the reader is connected. A reader sends nothing, so its socket becomes readable when it closes the connection."""
        if stream.socket is None:
            return False
        try:
            gone = not stream.socket.recv(4096)
        except BlockingIOError:
            return True
        except OSError:
            gone = True
        if gone:
            self.close(stream)
        return not gone

    def _flush(self, stream: Stream) -> None:
        if stream.socket is None or stream.waiting is None:
            return
        try:
            while stream.waiting:
                sent = stream.socket.send(stream.waiting[0])
                stream.waiting_bytes -= sent
                self._sent_bytes += sent
                if sent < len(stream.waiting[0]):
                    stream.waiting[0] = stream.waiting[0][sent:]
                    return
                stream.waiting.popleft()
        except BlockingIOError:
            return
        except OSError:
            self.close(stream)
            return
        stream.waiting = None
        if stream.ending:
            self.close(stream)
            return
        self._selector.modify(stream.socket, selectors.EVENT_READ, stream)
        _wake(stream)


def _wake(stream: Stream) -> None:
    if stream.drained is not None and not stream.drained.done():
        stream.drained.set_result(None)


def _own_socket(connection: Any) -> socket.socket:
    """A duplicate of the connection's socket, which stays open when Tornado's object is closed."""
    sock: socket.socket = connection.socket.dup()
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

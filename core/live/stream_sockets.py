"""The sockets of a process's streams: what is written to them, what waits for slow readers, who has left.

A stream is a detached socket and a few numbers, not a Tornado connection. All sockets are watched by one selector, which itself
is one file descriptor to the event loop; a watcher for each would cost more memory than the stream.
"""

import asyncio
import contextlib
import random
import selectors
import socket
from collections import deque
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

from core import product
from core.live.stream import Stream

SEND_BUFFER = 64 * 1024  # bytes the kernel holds for one stream; it would grow to megabytes
DEAD_MILLISECONDS = 30_000  # unacknowledged data that long: the peer is gone (RFC 5482)
BUFFER_LIMIT = 256 * 1024  # bytes waiting for one slow reader; beyond it is closed, and its reconnect replays
YIELD_EVERY = 500  # writes between two turns of other requests
SPOKES = 10  # keep-alives are spread over so many ticks of the interval

log = product.logger("streams")


def retry() -> bytes:
    """After how many milliseconds a reader comes back; jittered, so that a restart's reconnects don't come at once."""
    return b"retry: %d\n" % random.randint(1000, 4000)


class StreamSockets:
    """Iterated over, these are the streams that are open; one may be closed meanwhile. gone: told of each that was closed."""

    def __init__(self, gone: Callable[[Stream], None]) -> None:
        self._gone = gone
        self._spokes: list[dict[Stream, None]] = [{} for _ in range(SPOKES)]
        self._count = 0
        self._selector = selectors.DefaultSelector()
        self.closed = False  # for good

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Stream]:
        for spoke in self._spokes:
            yield from list(spoke)

    def open(self) -> None:
        """Watch them, in the running event loop."""
        asyncio.get_running_loop().add_reader(self._selector, self._on_ready)

    def adopt(self, connection: Any, stream: Stream) -> None:
        """Take over what Tornado detached, which may then be closed. Raises OSError, for example without any descriptor left."""
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

    def write(self, stream: Stream, data: bytes) -> None:
        """Send it now or when the reader takes it. Never raises: what is wrong with one stream closes that one."""
        sock = stream.socket
        if sock is None:
            return
        stream.written = monotonic()
        if stream.waiting is not None:
            # Only what comes on top of something that waits counts: one event may be larger than the limit.
            if stream.waiting_bytes + len(data) > BUFFER_LIMIT:
                log.info("closed a stream whose reader is %d KB behind; it can resume", stream.waiting_bytes // 1024)
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
            if sent < len(data):
                stream.waiting = deque([memoryview(data)[sent:]])
                stream.waiting_bytes = len(data) - sent
                self._selector.modify(sock, selectors.EVENT_READ | selectors.EVENT_WRITE, stream)
        except (OSError, KeyError, ValueError):  # the last two: the selector's, for what it doesn't watch any more
            self.close(stream)

    async def drain(self, stream: Stream, seconds: float) -> None:
        """Wait until the reader has taken all that waits for it; one that needs longer is closed."""
        if stream.waiting is None:
            return
        stream.drained = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait_for(stream.drained, seconds)
        except TimeoutError:
            self.close(stream)
        finally:
            stream.drained = None

    async def keep_alive(self, seconds: float, words: Callable[[Stream], bytes]) -> None:
        """Until cancelled, write `words` to every stream that was silent for so long."""
        turn = 0
        while True:
            await asyncio.sleep(seconds / SPOKES)
            turn = (turn + 1) % SPOKES
            silent_since = monotonic() - seconds * 0.95
            for n, stream in enumerate(list(self._spokes[turn])):
                if stream.written <= silent_since:
                    self.write(stream, words(stream))
                if n % YIELD_EVERY == YIELD_EVERY - 1:
                    await asyncio.sleep(0)

    def close(self, stream: Stream) -> None:
        """Let one reader go."""
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
        """Let every reader go, for good; they come back by themselves, each at its own moment."""
        for stream in self:
            if stream.waiting is None:
                self.write(stream, retry() + b"\n")
            self.close(stream)
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
        """A reader has nothing to say; reading finds out that it left."""
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
        self._selector.modify(stream.socket, selectors.EVENT_READ, stream)
        _wake(stream)


def _wake(stream: Stream) -> None:
    if stream.drained is not None and not stream.drained.done():
        stream.drained.set_result(None)


def _own_socket(connection: Any) -> socket.socket:
    """A duplicate of the descriptor of Tornado's detached stream, to outlive it."""
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

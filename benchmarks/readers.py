"""Many readers of a live stream in one process, with plain sockets, one epoll, and only the parsing that the measurement needs."""

import re
import select
import socket
from collections.abc import Callable
from time import perf_counter, sleep

from benchmarks import load
from benchmarks.installation import BenchmarkError

PATH = "/api/sales/sse/invoices/"
# Only the event of an invoice contains this; a reset does not.
EVENT = b'\ndata: {"id"'
EVENT_ID = re.compile(rb"^id: ([0-9]+)\ndata: \{\"id\"", re.M)
# The number of connections that are opened at the same time, so that opening thousands of them does not overload the server.
AT_ONCE = 100
CHUNK = 256 * 1024


class Reader:
    """One connection. rest: the received part of a block that is not complete yet."""

    __slots__ = ("events", "ids", "ready", "rest", "socket")

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.rest = b""
        # True when the opening block has arrived.
        self.ready = False
        self.events = 0
        self.ids: list[int] = []


class Readers:
    """Counts the events of all readers. on_blocks is called with a reader and the complete blocks that have just arrived. path: of the
    stream. event: what each of its events contains once."""

    def __init__(
        self,
        port: int,
        on_blocks: Callable[[Reader, bytes], None] | None = None,
        *,
        path: str = PATH,
        event: bytes = EVENT,
    ) -> None:
        self._port, self._path, self._event = port, path, event
        self._on_blocks = on_blocks
        self._epoll = select.epoll()
        self._readers: dict[int, Reader] = {}
        self.ready = 0
        self.events = 0
        # The number of connections that the server closed or refused.
        self.lost = 0

    def open(self, count: int, *, headers: str = "", at_once: int = AT_ONCE, seconds: float = 60) -> None:
        """Connects, and returns when every reader has its opening block."""
        request = load.request("GET", self._path, self._port, headers)
        deadline = perf_counter() + seconds
        waiting: dict[int, Reader] = {}
        while self.ready + self.lost < count:
            while len(self._readers) + self.lost < count and len(self._readers) - self.ready < at_once:
                sock = socket.socket()
                sock.setblocking(False)
                sock.connect_ex(("127.0.0.1", self._port))
                reader = self._readers[sock.fileno()] = waiting[sock.fileno()] = Reader(sock)
                self._epoll.register(reader.socket, select.EPOLLOUT)
            for number, _ in self._epoll.poll(0.1):
                if number in waiting:
                    self._begin(waiting.pop(number), request)
                elif number in self._readers:
                    self._read(self._readers[number])
            if perf_counter() > deadline:
                raise BenchmarkError(f"only {self.ready} of {count} streams opened within {seconds:.0f} s")

    def _begin(self, reader: Reader, request: bytes) -> None:
        try:
            reader.socket.send(request)
            self._epoll.modify(reader.socket, select.EPOLLIN)
        except OSError:
            self._lose(reader)

    def poll(self, seconds: float) -> None:
        """Reads what has arrived. Waits up to `seconds` if nothing has."""
        readers, read = self._readers, self._read
        for number, _ in self._epoll.poll(max(0.0, seconds), 1000):
            read(readers[number])

    def read_for(self, seconds: float) -> None:
        end = perf_counter() + seconds
        while (left := end - perf_counter()) > 0:
            if self._readers:
                self.poll(left)
            else:
                sleep(left)

    def read_until(self, events: int, seconds: float) -> None:
        """Reads until the readers together have `events` events, or `seconds` have passed."""
        end = perf_counter() + seconds
        while self.events < events and (left := end - perf_counter()) > 0:
            self.poll(left)

    def _read(self, reader: Reader) -> None:
        try:
            data = reader.socket.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lose(reader)
            return
        if reader.rest:
            data = reader.rest + data
        cut = data.rfind(b"\n\n") + 2
        if cut == 1:
            reader.rest = data
            return
        if cut < len(data):
            data, reader.rest = data[:cut], data[cut:]
        else:
            reader.rest = b""
        if not reader.ready:
            reader.ready = True
            self.ready += 1
        events = data.count(self._event)
        reader.events += events
        self.events += events
        if self._on_blocks is not None:
            self._on_blocks(reader, data)

    def _lose(self, reader: Reader) -> None:
        self.lost += 1
        self.ready -= reader.ready
        del self._readers[reader.socket.fileno()]
        reader.socket.close()

    def all(self) -> list[Reader]:
        return list(self._readers.values())

    def close(self) -> None:
        for reader in self._readers.values():
            reader.socket.close()
        self._readers.clear()
        self._epoll.close()


def note_ids(reader: Reader, data: bytes) -> None:
    """Records the position of every event. Use it as on_blocks."""
    reader.ids += map(int, EVENT_ID.findall(data))

"""Many readers of a live stream in one process: plain sockets, one epoll, no more parsing than the measurement needs."""

import re
import select
import socket
from collections.abc import Callable
from time import perf_counter, sleep

from benchmarks import load
from benchmarks.installation import BenchmarkError

PATH = "/api/sales/sse/invoices/"
EVENT = b'\ndata: {"id"'  # of an invoice; a reset has data too, but none of this
EVENT_ID = re.compile(rb"^id: ([0-9]+)\ndata: \{\"id\"", re.M)
AT_ONCE = 100  # connections that are being opened, so that opening thousands calmly is no storm
CHUNK = 256 * 1024


class Reader:
    """One connection. `rest`: what came of a block that is not complete yet."""

    __slots__ = ("events", "ids", "ready", "rest", "socket")

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.rest = b""
        self.ready = False  # its opening block was there
        self.events = 0
        self.ids: list[int] = []


class Readers:
    """on_blocks: called with a reader and the complete blocks that just came to it; counts the events by itself."""

    def __init__(self, port: int, on_blocks: Callable[[Reader, bytes], None] | None = None) -> None:
        self._port = port
        self._on_blocks = on_blocks
        self._epoll = select.epoll()
        self._readers: dict[int, Reader] = {}
        self.ready = 0
        self.events = 0
        self.lost = 0  # connections that the server closed or refused

    def open(self, count: int, *, headers: str = "", at_once: int = AT_ONCE, seconds: float = 60) -> None:
        """Connect, and return when all have their opening block."""
        request = load.request("GET", PATH, self._port, headers)
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
        """Read what is there, waiting at most that long for the first of it."""
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
        """Until that many events came to all readers together, or the time is over."""
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
        events = data.count(EVENT)
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
    """An on_blocks that keeps the position of every event."""
    reader.ids += map(int, EVENT_ID.findall(data))

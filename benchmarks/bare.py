"""The references of the stream rows: a separate process with plain sockets and nothing else that a server needs.

`python -m benchmarks.bare WHAT CONNECTIONS EVENTS FRAME_BYTES` prints its port, accepts the connections, and then runs WHAT:
  send    Prints the bytes of memory for each connection, waits for a line, sends each event to all connections with one `send`
          for each, and prints the CPU seconds of the sending.
  post    Accepts one more connection. For each request on it, sends one event to the other connections and responds with 201.
  replay  Sends all events to each connection as soon as it is accepted.
"""

import contextlib
import gc
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from benchmarks.installation import ROOT
from core.run.process import BACKLOG

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nretry: 1000\n\n"
ANSWER = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
# Seconds between two events, as in the measurement of the server.
PAUSE = 0.025
INVOICE_NUMBER = re.compile(rb'"invoice_no": ?"(INV-[0-9]+)"')


class Bare:
    """The running reference process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin and process.stdout
        self._in: IO[bytes] = process.stdin
        self._out: IO[bytes] = process.stdout
        self.port = int(self._out.readline())

    def go(self) -> None:
        self._in.write(b"go\n")
        self._in.flush()

    def figure(self) -> float:
        """Reads the next number that the process prints."""
        return float(self._out.readline())


@contextlib.contextmanager
def running(what: str, connections: int, events: int, frame_bytes: int) -> Iterator[Bare]:
    argv = [sys.executable, "-m", "benchmarks.bare", what, str(connections), str(events), str(frame_bytes)]
    process = subprocess.Popen(
        argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield Bare(process)
    finally:
        process.kill()
        process.communicate()


def frame(position: int, size: int, number: bytes = b"") -> bytes:
    """Builds an event of `size` bytes, or of the minimum if that is more. readers.py recognizes it as the event of an invoice."""
    start = b'id: %d\ndata: {"id"' % position + (b': 1, "invoice_no":"%s", "padding": "' % number if number else b"")
    return start.ljust(size - 3, b"1") + b"}\n\n"


def send(listener: socket.socket, connections: int, events: int, size: int) -> None:
    before = _rss_bytes()
    opened = [_accept(listener) for _ in range(connections)]
    print((_rss_bytes() - before) / connections, flush=True)
    sys.stdin.readline()
    used = 0.0
    for position in range(1, events + 1):
        event = frame(position, size)
        began = time.process_time()
        for connection in opened:
            connection.sendall(event)
        used += time.process_time() - began
        time.sleep(PAUSE)
    print(used, flush=True)
    # The connections stay open until the process is killed.
    sys.stdin.readline()


def post(listener: socket.socket, connections: int, events: int, size: int) -> None:
    opened = [_accept(listener) for _ in range(connections)]
    poster, _ = listener.accept()
    poster.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for position in range(1, events + 1):
        number = INVOICE_NUMBER.search(poster.recv(65536))
        assert number
        event = frame(position, size, number[1])
        for connection in opened:
            connection.sendall(event)
        poster.sendall(ANSWER)
    sys.stdin.readline()


def replay(listener: socket.socket, connections: int, events: int, size: int) -> None:
    whole = b"".join(frame(position, size) for position in range(1, events + 1))
    opened = []
    for _ in range(connections):
        opened.append(_accept(listener))
        opened[-1].sendall(whole)
    sys.stdin.readline()


def _accept(listener: socket.socket) -> socket.socket:
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.recv(4096)
    connection.sendall(HEAD)
    return connection


def _rss_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


if __name__ == "__main__":
    gc.disable()
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as served:
        print(served.getsockname()[1], flush=True)
        {"send": send, "post": post, "replay": replay}[sys.argv[1]](served, *map(int, sys.argv[2:]))

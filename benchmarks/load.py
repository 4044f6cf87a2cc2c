"""HTTP load: each keep-alive connection sends its next request as soon as the response to the last one is complete."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator
from statistics import median
from time import perf_counter
from typing import NamedTuple

from benchmarks.installation import BenchmarkError, Server, run_coroutine

CONNECTIONS = 16
# Seconds before the measurement begins.
WARM_UP = 0.3
_LENGTH = b"Content-Length: "
_CHUNKED, _LAST_CHUNK = b"Transfer-Encoding: chunked", b"\r\n0\r\n\r\n"


class Result(NamedTuple):
    """rate: responses with the expected status, per second. p50, p99: latency in ms. cpu_us: CPU time of the server per response."""

    rate: float
    p50: float
    p99: float
    cpu_us: float


def request(method: str, path: str, port: int, headers: str = "", body: bytes = b"") -> bytes:
    """Returns the bytes of one request. headers: complete lines."""
    length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}{length}\r\n".encode() + body


def run(
    server: Server,
    requests: Iterator[bytes],
    expected: int | tuple[int, ...],
    seconds: float,
    connections: int = CONNECTIONS,
) -> Result:
    """Sends the requests over so many connections. Raises BenchmarkError if any response has another status. expected: one status,
    or several."""
    statuses = expected if isinstance(expected, tuple) else (expected,)
    return run_coroutine(_run(server, requests, statuses, seconds, connections))


async def _run(
    server: Server, requests: Iterator[bytes], expected: tuple[int, ...], seconds: float, most: int
) -> Result:
    loop = asyncio.get_running_loop()
    load = _Load(requests, tuple(b"HTTP/1.1 %d " % status for status in expected))
    connections = [
        await loop.create_connection(lambda: _Connection(load), "127.0.0.1", server.port) for _ in range(most)
    ]
    await asyncio.sleep(WARM_UP)
    load.latencies.clear()
    used, began = server.cpu_seconds(), perf_counter()
    await asyncio.sleep(seconds)
    elapsed, used, latencies = perf_counter() - began, server.cpu_seconds() - used, sorted(load.latencies)
    load.running = False
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(load.ended.wait(), 5)
    for transport, _ in connections:
        transport.close()
    if load.refused:
        what, times = load.refused.most_common(1)[0]
        raise BenchmarkError(
            f"{sum(load.refused.values())} responses were not {' or '.join(map(str, expected))}; {times} were: {what}"
        )
    if not latencies:
        raise BenchmarkError("the server sent no response")
    p50, p99 = percentile(latencies, 50) * 1000, percentile(latencies, 99) * 1000
    return Result(len(latencies) / elapsed, p50, p99, used / len(latencies) * 1e6)


def notes(results: list[Result]) -> str:
    """Returns the notes of the table: the medians of latency and CPU time over several rounds."""
    p50, p99, cpu = (median(getattr(result, name) for result in results) for name in ("p50", "p99", "cpu_us"))
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, {cpu:.0f} µs of server CPU per request"


def percentile(ordered: list[float], percent: float) -> float:
    """Returns the percentile by nearest rank. ordered: an ascending list that is not empty."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


class _Load:
    """The state that the connections of one run share."""

    def __init__(self, requests: Iterator[bytes], expected: tuple[bytes, ...]) -> None:
        self.requests, self.expected = requests, expected
        self.latencies: list[float] = []
        self.refused: Counter[str] = Counter()
        self.running = True
        # The number of open connections.
        self.open = 0
        # Set when all connections are closed.
        self.ended = asyncio.Event()


class _Connection(asyncio.Protocol):
    """Parses only the status and the length of a response; of one in chunks only its end."""

    __slots__ = ("_expected", "_good", "_head", "_is_chunked", "_load", "_missing", "_sent", "_tail", "_transport")

    def __init__(self, load: _Load) -> None:
        self._load, self._expected = load, load.expected
        self._head = b""
        # The bytes of the body that have not arrived yet.
        self._missing = 0
        self._is_chunked = False
        # The last bytes of a response in chunks.
        self._tail = b""
        self._good = False
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._load.open += 1
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        self._load.open -= 1
        if self._load.running:
            self._load.refused["the server closed the connection"] += 1
        if not self._load.open:
            self._load.ended.set()

    def _send(self) -> None:
        self._sent = perf_counter()
        self._transport.write(next(self._load.requests))  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        if self._is_chunked:
            self._tail = (self._tail + data)[-len(_LAST_CHUNK) :]
        elif self._missing:
            self._missing -= len(data)
        else:
            if self._head:
                data = self._head + data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._head = data
                return
            self._head = b""
            at = data.find(_LENGTH, 0, end)
            length = int(data[at + len(_LENGTH) : data.find(b"\r", at)]) if at >= 0 else 0
            self._good = data.startswith(self._expected)
            if not self._good:
                self._load.refused[data[9 : data.find(b"\r")].decode() + ": " + data[end + 4 : end + 150].decode()] += 1
            self._is_chunked = at < 0 and data.find(_CHUNKED, 0, end) >= 0
            self._tail = data[-len(_LAST_CHUNK) :]
            self._missing = end + 4 + length - len(data) if not self._is_chunked else 0
        if self._missing > 0 or (self._is_chunked and self._tail != _LAST_CHUNK):
            return
        self._is_chunked = False
        if self._good:
            self._load.latencies.append(perf_counter() - self._sent)
        if self._load.running:
            self._send()
        else:
            self._transport.close()

"""HTTP load: keep-alive connections that send the next request as soon as the last one is answered."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator
from statistics import median
from time import perf_counter
from typing import NamedTuple

from benchmarks.installation import BenchmarkError, Server, run_coroutine

CONNECTIONS = 16
WARM_UP = 0.3  # seconds before counting begins
_LENGTH = b"Content-Length: "


class Result(NamedTuple):
    """rate: answers with the expected status a second; p50, p99: their latency in ms; cpu_us: the server's CPU for each."""

    rate: float
    p50: float
    p99: float
    cpu_us: float


def request(method: str, path: str, port: int, headers: str = "", body: bytes = b"") -> bytes:
    """One request as it goes over the wire. headers: whole lines."""
    length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}{length}\r\n".encode() + body


def run(server: Server, requests: Iterator[bytes], expected: int, seconds: float) -> Result:
    """Send the requests over 16 connections. Any other answer than the expected: BenchmarkError, as its rate says nothing."""
    return run_coroutine(_run(server, requests, expected, seconds))


async def _run(server: Server, requests: Iterator[bytes], expected: int, seconds: float) -> Result:
    loop = asyncio.get_running_loop()
    load = _Load(requests, b"HTTP/1.1 %d " % expected)
    connections = [
        await loop.create_connection(lambda: _Connection(load), "127.0.0.1", server.port) for _ in range(CONNECTIONS)
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
        raise BenchmarkError(f"{sum(load.refused.values())} answers were not {expected}, {times} times {what}")
    if not latencies:
        raise BenchmarkError("the server answered nothing")
    p50, p99 = percentile(latencies, 50) * 1000, percentile(latencies, 99) * 1000
    return Result(len(latencies) / elapsed, p50, p99, used / len(latencies) * 1e6)


def notes(results: list[Result]) -> str:
    """What the table says of several rounds beside their rate."""
    p50, p99, cpu = (median(getattr(result, name) for result in results) for name in ("p50", "p99", "cpu_us"))
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, {cpu:.0f} µs of server CPU each"


def percentile(ordered: list[float], percent: float) -> float:
    """Nearest rank in an ascending list that is not empty."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


class _Load:
    """What the connections of one run share."""

    def __init__(self, requests: Iterator[bytes], expected: bytes) -> None:
        self.requests, self.expected = requests, expected
        self.latencies: list[float] = []
        self.refused: Counter[str] = Counter()
        self.running = True
        self.open = 0  # connections
        self.ended = asyncio.Event()  # all of them, after their last answer


class _Connection(asyncio.Protocol):
    """Parses no more of an answer than its status and where it ends."""

    __slots__ = ("_expected", "_good", "_head", "_load", "_missing", "_sent", "_transport")

    def __init__(self, load: _Load) -> None:
        self._load, self._expected = load, load.expected
        self._head = b""
        self._missing = 0  # bytes of the body still to come
        self._good = False
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._load.open += 1
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        self._load.open -= 1
        if self._load.running:
            self._load.refused["a connection that was closed"] += 1
        if not self._load.open:
            self._load.ended.set()

    def _send(self) -> None:
        self._sent = perf_counter()
        self._transport.write(next(self._load.requests))  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        if self._missing:
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
            self._missing = end + 4 + length - len(data)
        if self._missing > 0:
            return
        if self._good:
            self._load.latencies.append(perf_counter() - self._sent)
        if self._load.running:
            self._send()
        else:
            self._transport.close()

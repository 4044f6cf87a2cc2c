"""The rows about the live streams: the cost of an idle stream, the cost and the latency of a delivery, and a reconnect storm.

See docs/api/sales.md#stream."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from benchmarks import bare, load
from benchmarks.installation import BenchmarkError, Installation, Server
from benchmarks.plan import Plan
from benchmarks.readers import Reader, Readers, note_ids
from benchmarks.sales import import_requests, seed_people
from benchmarks.table import Row
from core.live.streams import KEEP_ALIVE

# The numbers of streams in the three measurements.
IDLE, LIVE, STORM = 5000, 1000, 2000
# The number of events that each reader of the storm has missed.
MISSED = 100
EVENT_PAUSE = bare.PAUSE
# The number of events that are committed together.
BATCH = 50
# Imports per second while the latency is measured.
POSTS = 20
# The aims. Memory of a stream, the keep-alives of IDLE streams in percent of a core, the CPU of a delivery, and latencies.
STREAM_KB, KEEPALIVE_SHARE, DELIVERY_US, P50_MS, P99_MS = 6, 5, 10, 15, 50


class Importer:
    """Sends imports over one keep-alive connection, one at a time."""

    def __init__(self, port: int) -> None:
        self._requests = import_requests(port)
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(5)

    def send(self) -> tuple[bytes, float]:
        """Sends an import. Returns the invoice number and the time just before."""
        request = next(self._requests)
        at = request.find(b"INV-")
        sent = perf_counter()
        self._socket.sendall(request)
        return request[at : at + 14], sent

    def finish(self) -> None:
        """Reads the response to the last import."""
        answer = self._socket.recv(4096)
        if not answer.startswith(b"HTTP/1.1 201 "):
            raise BenchmarkError(f"the response to an import is {answer[9:200].decode()}")

    def close(self) -> None:
        self._socket.close()


@contextmanager
def _importer(port: int) -> Iterator[Importer]:
    importer = Importer(port)
    try:
        yield importer
    finally:
        importer.close()


@contextmanager
def _readers(readers: Readers) -> Iterator[Readers]:
    try:
        yield readers
    finally:
        readers.close()


def streams(installation: Installation, plan: Plan) -> list[Row]:
    dsn = installation.create_database("streams")
    seed_people(installation, dsn)
    rows = []
    with installation.server(dsn) as server:
        rows += _idle(server, plan)
        rows += _deliveries(installation, dsn, server, plan)
        rows += _latency(server, plan, _event_bytes(installation, dsn))
        rows += _storm(installation, dsn, server)
    return rows


def _idle(server: Server, plan: Plan) -> list[Row]:
    seconds = plan.seconds * 10 / 3
    # The first streams and imports allocate memory once, which must not count as memory of a stream.
    with _readers(Readers(server.port)) as few:
        few.open(50)
        _publish(server, few, 20)
    time.sleep(1)
    before, idle = server.rss_bytes(), _share(server, seconds, None)
    with _readers(Readers(server.port)) as readers:
        readers.open(IDLE)
        readers.read_for(2)
        kb = (server.rss_bytes() - before) / IDLE / 1024
        share = _share(server, seconds, readers) - idle
        if readers.lost:
            raise BenchmarkError(f"{readers.lost} of {IDLE} idle streams were closed")
    sent, bare_bytes = _bare_send(IDLE, 10, len(KEEP_ALIVE))
    bare_kb, bare_share = bare_bytes / 1024, sent * IDLE / 1e4
    memory_aim, share_aim = f"≤ {STREAM_KB} KB", f"≤ {KEEPALIVE_SHARE} %"
    memory_met, share_met = kb <= STREAM_KB, share <= KEEPALIVE_SHARE
    memory_notes = f"RSS, {IDLE:,} streams; without kernel memory"
    share_notes = f"over {seconds:.0f} s, 1 per second; the {idle:.2f} % without streams are subtracted"
    name = f"keep-alives, {IDLE:,} streams"
    return [
        Row("memory of a stream", kb, "KB", bare_kb, "KB bare socket", memory_aim, memory_met, memory_notes),
        Row(name, share, "% of a core", bare_share, "% bare send", share_aim, share_met, share_notes),
    ]


def _bare_send(connections: int, events: int, size: int) -> tuple[float, float]:
    """Returns the CPU time in µs of sending one frame of `size` bytes, and the bytes of memory per connection, in the reference
    process."""
    with bare.running("send", connections, events, size) as reference, _readers(Readers(reference.port)) as readers:
        readers.open(connections)
        memory = reference.figure()
        reference.go()
        readers.read_until(events * connections, 60)
        return reference.figure() / (events * connections) * 1e6, memory


def _share(server: Server, seconds: float, readers: Readers | None) -> float:
    """Returns the CPU usage of the server over `seconds`, in percent of a core."""
    used, began = server.cpu_seconds(), perf_counter()
    if readers is None:
        time.sleep(seconds)
    else:
        readers.read_for(seconds)
    return (server.cpu_seconds() - used) / (perf_counter() - began) * 100


def _publish(server: Server, readers: Readers, events: int) -> float:
    """Imports one invoice every EVENT_PAUSE seconds, and waits until all readers have all events. Returns the server's CPU seconds."""
    expected = readers.events + events * readers.ready
    used = server.cpu_seconds()
    with _importer(server.port) as importer:
        for _ in range(events):
            due = perf_counter() + EVENT_PAUSE
            importer.send()
            importer.finish()
            while (left := due - perf_counter()) > 0:
                if readers.ready:
                    readers.poll(left)
                else:
                    time.sleep(left)
    readers.read_until(expected, 20)
    if readers.events != expected:
        raise BenchmarkError(f"{readers.events} of {expected} events arrived")
    return server.cpu_seconds() - used


def _deliveries(installation: Installation, dsn: str, server: Server, plan: Plan) -> list[Row]:
    """Measures the CPU of the same imports with LIVE streams and without streams. The difference is the cost of the deliveries."""
    events = max(20, round(plan.seconds * 40))
    with _readers(Readers(server.port)) as none:
        alone = _publish(server, none, events)
    size = _event_bytes(installation, dsn)
    with _readers(Readers(server.port)) as readers:
        readers.open(LIVE)
        each = (_publish(server, readers, events) - alone) / (events * LIVE) * 1e6
        batches = max(2, round(plan.seconds * 2))
        together = _publish_batches(installation, dsn, server, readers, batches) / (batches * BATCH * LIVE) * 1e6
    sent, _ = _bare_send(LIVE, events, size)
    sent_together = _bare_send(LIVE, batches, size * BATCH)[0] / BATCH
    aim, each_met, together_met = f"≤ {DELIVERY_US} µs", each <= DELIVERY_US, together <= DELIVERY_US
    each_notes = f"{LIVE:,} streams, {events} events of {size} bytes; import and relay are subtracted"
    together_notes = f"{LIVE:,} streams, {batches} transactions; the relay is included"
    name = f"delivery, {BATCH} events at once"
    return [
        Row("delivery, one event at a time", each, "µs CPU", sent, "µs bare send", aim, each_met, each_notes),
        Row(name, together, "µs CPU", sent_together, "µs bare send", aim, together_met, together_notes),
    ]


def _event_bytes(installation: Installation, dsn: str) -> int:
    """Returns the size of a typical frame."""
    payload = int(installation.run("SELECT avg(octet_length(payload)) FROM core.event", dsn=dsn))
    return payload + len("id: 1000\ndata: \n\n")


def _publish_batches(installation: Installation, dsn: str, server: Server, readers: Readers, batches: int) -> float:
    """Commits BATCH events in each transaction, without the server's API. Returns the server's CPU seconds."""
    expected = readers.events + batches * BATCH * readers.ready
    used = server.cpu_seconds()
    for n in range(1, batches + 1):
        installation.run(
            f"""INSERT INTO core.event (topic, payload)
                SELECT 'sales.invoice', payload
                  FROM (SELECT payload FROM core.event LIMIT 1) one, generate_series(1, {BATCH})""",
            "SELECT 1",
            dsn=dsn,
        )
        readers.read_until(expected - (batches - n) * BATCH * readers.ready, 20)
    if readers.events != expected or readers.lost:
        raise BenchmarkError(f"{readers.events} of {expected} events arrived, {readers.lost} streams were closed")
    return server.cpu_seconds() - used


def _latency(server: Server, plan: Plan, size: int) -> list[Row]:
    """Measures the time from just before the POST to the arrival of its event at each stream, with one clock in one process."""
    posts = max(20, round(plan.seconds * POSTS * 10 / 3))
    ours = _latencies(server.port, posts)
    with bare.running("post", LIVE, posts, size) as reference:
        theirs = _latencies(reference.port, posts)
    p50, p99 = (load.percentile(ours, percent) * 1000 for percent in (50, 99))
    bare_p50, bare_p99 = (load.percentile(theirs, percent) * 1000 for percent in (50, 99))
    notes = f"{LIVE:,} streams, {posts} imports, {POSTS}/s; slowest {ours[-1] * 1000:.0f} ms"
    return [
        Row("POST to stream, p50", p50, "ms", bare_p50, "ms bare send", f"≤ {P50_MS} ms", p50 <= P50_MS, notes),
        Row("POST to stream, p99", p99, "ms", bare_p99, "ms bare send", f"≤ {P99_MS} ms", p99 <= P99_MS),
    ]


def _latencies(port: int, posts: int) -> list[float]:
    """Returns the latency of every event at every stream, in seconds, in ascending order."""
    sent: dict[bytes, float] = {}
    latencies: list[float] = []

    def note(reader: Reader, data: bytes) -> None:
        now = perf_counter()
        for number in bare.INVOICE_NUMBER.findall(data):
            latencies.append(now - sent[number])

    with _readers(Readers(port, note)) as readers:
        readers.open(LIVE)
        with _importer(port) as importer:
            for _ in range(posts):
                number, moment = importer.send()
                sent[number] = moment
                # The response is read after the pause. Waiting for it here would delay the reading of the streams.
                due = moment + 1 / POSTS
                while (left := due - perf_counter()) > 0:
                    readers.poll(left)
                importer.finish()
            readers.read_until(posts * LIVE, 10)
        if len(latencies) != posts * LIVE:
            raise BenchmarkError(f"{len(latencies)} of {posts * LIVE} events arrived")
    return sorted(latencies)


def _storm(installation: Installation, dsn: str, server: Server) -> list[Row]:
    """All readers connect at the same moment. Each has missed MISSED events."""
    head = installation.run("SELECT position FROM core.event_head", dsn=dsn)
    seconds, readers = _reconnect(server.port, f"Last-Event-ID: {head - MISSED}\r\n")
    wanted = list(range(head - MISSED + 1, head + 1))
    lost = sum(len(set(wanted) - set(reader.ids)) for reader in readers.all()) + readers.lost * MISSED
    twice = sum(len(reader.ids) - len(set(reader.ids)) for reader in readers.all())
    wrong = sum(reader.ids != wanted for reader in readers.all())
    readers.close()
    with bare.running("replay", STORM, MISSED, _event_bytes(installation, dsn)) as reference:
        sent, others = _reconnect(reference.port, "")
        others.close()
    notes = f"{STORM:,} × {MISSED} events: {lost} lost, {twice} duplicate, {wrong} streams with wrong events or order"
    good = not (lost or twice or wrong)
    return [Row("reconnect storm", seconds, "s", sent, "s bare accept and send", "none lost or duplicate", good, notes)]


def _reconnect(port: int, headers: str) -> tuple[float, Readers]:
    readers = Readers(port, note_ids)
    began = perf_counter()
    readers.open(STORM, headers=headers, at_once=STORM)
    readers.read_until(STORM * MISSED, 30)
    seconds = perf_counter() - began
    # Duplicate events would arrive now.
    readers.read_for(1)
    return seconds, readers

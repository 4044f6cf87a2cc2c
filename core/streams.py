"""Server-sent events (WHATWG HTML, 9.2): many silent connections, each event to all of them, nothing lost, nothing twice.

A stream is a detached socket and a few numbers, not a Tornado connection: an event is one frame of bytes, sent straight to each
socket. All sockets are watched by one selector, which itself is one file descriptor to the event loop; a watcher for each
would cost more memory than the stream.
"""

import asyncio
import contextlib
import logging
import random
import selectors
from collections import defaultdict, deque
from collections.abc import Iterable
from time import monotonic
from typing import Any

import tornado.iostream

from core import events
from core.database import Database
from core.duties import Work
from core.events import Event, Wanted
from core.problem import Problem, unavailable
from core.recent import Recent
from core.stream import Stream, own_socket, response_head, set_headers

BUFFER_LIMIT = 256 * 1024  # bytes waiting for one slow reader; beyond it is closed, and its reconnect replays
REPLAY_BYTES = 128 * 1024  # written at once to a stream that catches up
REPLAY_SECONDS = 30  # for a reader to take such a piece
REPLAY_SPAN = 20_000  # events looked through at once for a reader who may want none of them
YIELD_EVERY = 500  # writes between two turns of other requests
SPOKES = 10  # keep-alives are spread over so many ticks of the interval
KEEP_ALIVE = b": keep-alive\n\n"
RESET = b"event: reset\ndata: {}\n\n"

query = events.query
log = logging.getLogger("tradepost.streams")


class _Batch:
    """Events of one topic that are sent together."""

    def __init__(self, events: list[Event]) -> None:
        self.events = events
        self._tags: set[str] = set()
        self._untagged = False
        for event in events:
            self._tags.update(event.tags or ())
            self._untagged |= event.tags is None

    def wanted(self, filters: Wanted) -> list[Event]:
        """Most filters want nothing of most batches, which is found out at once."""
        if not filters:
            return self.events
        if not self._untagged and any(map(self._tags.isdisjoint, filters)):
            return []
        return [event for event in self.events if event.is_wanted(filters)]


def _by_topic(events: Iterable[Event]) -> dict[str, _Batch]:
    found: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        found[event.topic].append(event)
    return {topic: _Batch(its) for topic, its in found.items()}


class Streams:
    """All streams of this process."""

    def __init__(self, db: Database, keepalive: float) -> None:
        self._db = db
        self._keepalive = keepalive
        # Live: they have everything up to `head`. Those who want the same are together: a filter is applied once for all of them.
        self._readers: dict[tuple[str, Wanted], dict[Stream, None]] = {}
        self._sent = 0  # up to here every live stream was sent what it wants
        self._restarts = 0
        self._spokes: list[dict[Stream, None]] = [{} for _ in range(SPOKES)]
        self._next_spoke = 0
        self._recent = Recent()
        self._queue: deque[Event] = deque()
        self._queued = asyncio.Event()
        self._selector = selectors.DefaultSelector()
        self._closed = False
        self._beginnings: defaultdict[str, int] = defaultdict(int)  # by topic: how often its readers had to begin anew
        self.head = 0
        self.count = 0

    def open(self, head: int) -> None:
        """Begin after position `head`."""
        self.head = self._sent = head
        asyncio.get_running_loop().add_reader(self._selector, self._on_ready)

    def restart(self, head: int) -> None:
        """The log went back to `head` (a restored database): what was seen is no more, every reader loads its list anew."""
        self._queue.clear()
        self._recent.clear()
        self.head = self._sent = head
        self._restarts += 1
        for topic in list(self._beginnings):
            self._begin_anew(topic)

    def reset(self, topic: str) -> None:
        """What was told of this topic is no more: its readers load their lists anew, and nothing of it is sent again.

        For a listener (core/duties.py), so before the events that come with what it heard are delivered; see serve().
        """
        self._queue = deque(event for event in self._queue if event.topic != topic)
        self._recent.clear()
        self._begin_anew(topic)

    def _begin_anew(self, topic: str) -> None:
        self._beginnings[topic] += 1
        for stream in [stream for key, streams in self._readers.items() if key[0] == topic for stream in streams]:
            stream.position = self.head
            self._write(stream, b"id: %d\n%s" % (self.head, RESET))

    def leases(self) -> set[int]:
        """What the open streams' rights depend on."""
        return {stream.lease for spoke in self._spokes for stream in spoke if stream.lease is not None}

    def end(self, leases: set[int]) -> None:
        """Close the streams whose right has ended; their reconnect will be refused."""
        for spoke in self._spokes:
            for stream in [stream for stream in spoke if stream.lease in leases]:
                self._close(stream)

    def deliver(self, fresh: list[Event]) -> None:
        """Take events from the log (in order, nothing twice), to be sent in turn."""
        if fresh[0].position != self.head + 1:  # the log was purged further than we had read
            self._recent.clear()
        self.head = fresh[-1].position
        self._recent.add(fresh)
        self._queue.extend(fresh)
        self._queued.set()

    def work(self) -> list[Work]:
        """What sends the events and what keeps silent streams alive, each until cancelled."""
        return [self._sending, self._keeping_alive]

    async def _sending(self) -> None:
        writes = 0
        while True:
            await self._queued.wait()
            self._queued.clear()
            batches = _by_topic(self._queue)
            beginnings, restarts, end = self._beginnings.copy(), self._restarts, self.head
            self._queue.clear()
            for (topic, filters), streams in list(self._readers.items()):
                wanted = batches[topic].wanted(filters) if topic in batches else []
                if not wanted or self._beginnings[topic] != beginnings[topic]:
                    continue
                first, last = wanted[0].position, wanted[-1].position
                whole = b"".join([event.frame for event in wanted])
                for stream in list(streams):
                    if stream.position < first:
                        data = whole
                    elif stream.position >= last:
                        continue  # it joined after these were queued, and got them then
                    else:
                        data = b"".join([event.frame for event in wanted if event.position > stream.position])
                    stream.position = last
                    self._write(stream, data)
                    writes += 1
                    if writes % YIELD_EVERY == 0:
                        await asyncio.sleep(0)
                        if self._beginnings[topic] != beginnings[topic]:
                            break  # what is left of this batch is no more
            if self._restarts == restarts:
                self._sent = end

    async def _keeping_alive(self) -> None:
        while True:
            await asyncio.sleep(self._keepalive / SPOKES)
            self._next_spoke = (self._next_spoke + 1) % SPOKES
            silent_since = monotonic() - self._keepalive * 0.95
            for n, stream in enumerate(list(self._spokes[self._next_spoke])):
                if stream.written <= silent_since:
                    self._keep_alive(stream)
                if n % YIELD_EVERY == YIELD_EVERY - 1:
                    await asyncio.sleep(0)

    def _keep_alive(self, stream: Stream) -> None:
        if stream.wanted and stream.live and stream.position < self._sent:
            # Nothing it wants came, but the log went on: it must be able to resume from here, not from long ago.
            stream.position = self._sent
            self._write(stream, b"id: %d\n%s" % (stream.position, KEEP_ALIVE))
        else:
            self._write(stream, KEEP_ALIVE)

    # One stream's life

    async def serve(
        self, handler: Any, topic: str, lease: int | None = None, *, wanted: Wanted = (), ended_by: str = ""
    ) -> None:
        """Turn the handler's request into a stream of `topic`. `Last-Event-ID` or `?lastEventId=` resumes it.

        wanted: send only the events that have one tag of each of these sets, or no tags at all.
        ended_by: the topic of the events that come with reset(topic); a reader who missed one gets its `event: reset` now.
        An id that is too old, or none of ours, gets `event: reset` (the client should load its list anew), never an error.
        Raises Problem 503 when what was missed can't be read now; after that the connection is the stream's.
        """
        if handler.request.method == "HEAD":
            set_headers(handler)
            handler.finish()
            return
        last = handler.request.headers.get("Last-Event-ID") or handler.get_query_argument("lastEventId", "")
        beginning = self._beginnings[topic]
        after, reset = await self._resume_at(last, ended_by)
        if self._closed:
            raise unavailable("The server is stopping. Please reconnect.", 1)
        head = response_head(handler)
        connection = handler.detach()
        try:
            if connection.closed():  # the reader left while we looked for what it missed
                raise tornado.iostream.StreamClosedError
            stream = self._adopt(connection, topic, wanted, after, lease)
        finally:
            # A duplicate of the descriptor outlives Tornado's stream object, which is many times the size of ours.
            connection.close()
            handler.on_finish()
        handler.log_line()
        retry = random.randint(1000, 4000)  # milliseconds; jittered, so that a restart's reconnects don't come at once
        # A block with an id and no data dispatches no event, but from now on the client knows where it is.
        opening = f"retry: {retry}\nid: {after}\n\n" + RESET.decode() * reset
        self._write(stream, head + opening.encode())
        try:
            await self._replay(stream)
        except Problem:
            self._close(stream)  # the database went away meanwhile; the client resumes where it is
        if self._beginnings[topic] != beginning:
            self._close(stream)  # it was not among those told to begin anew; its reconnect is
        if wanted and stream.position > after:
            self._write(stream, b"id: %d\n\n" % stream.position)  # what was looked through needs no second look
        if stream.socket is not None:
            stream.live = True
            self._readers.setdefault((topic, wanted), {})[stream] = None

    async def _resume_at(self, last: str, ended_by: str) -> tuple[int, bool]:
        """The position after which the stream continues, and whether the client must be told that something is missing."""
        if not last:
            return self.head, False
        if not (last.isascii() and last.isdecimal() and len(last) <= 18):
            return self.head, True
        after = int(last)
        if after > self.head:  # another process may be ahead of this one
            return (after, False) if after <= await query.get_head(self._db) else (self.head, True)
        if after < self.head and not self._recent.has_all_after(after):
            oldest = await query.get_oldest(self._db)
            if oldest is None or oldest > after + 1:
                return self.head, True
        if after < self.head and ended_by and await self._has_any(ended_by, after):
            return self.head, True
        return after, False

    async def _has_any(self, topic: str, after: int) -> bool:
        """Whether there was an event of this topic after a position."""
        if self._recent.has_all_after(after):
            return bool(self._recent.after(after, topic))
        return bool(
            await query.list_topic_after(self._db, topic=topic, tags=None, position=after, until=self.head, most=1)
        )

    async def _replay(self, stream: Stream) -> None:
        """Send what lies between the stream's position and the head, at the reader's pace."""
        while stream.socket is not None and stream.position < self.head:
            until = self.head
            if self._recent.has_all_after(stream.position):
                missed = self._recent.after(stream.position, stream.topic)
            else:
                until = min(until, stream.position + REPLAY_SPAN)
                tags = min(map(list, stream.wanted), key=len) if stream.wanted else None
                rows = await query.list_topic_after(
                    self._db, topic=stream.topic, tags=tags, position=stream.position, until=until, most=100
                )
                missed = events.from_rows(rows)
                if len(missed) == 100:
                    until = missed[-1].position
            if stream.wanted:
                missed = [event for event in missed if event.is_wanted(stream.wanted)]
            piece, size = [], 0
            for event in missed:
                if size > REPLAY_BYTES:
                    until = event.position - 1
                    break
                piece.append(event.frame)
                size += len(event.frame)
            stream.position = until
            if piece:
                self._write(stream, b"".join(piece))
            if stream.waiting is not None:
                await self._drain(stream)

    async def _drain(self, stream: Stream) -> None:
        stream.drained = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait_for(stream.drained, REPLAY_SECONDS)
        except TimeoutError:
            self._close(stream)
        finally:
            stream.drained = None

    def _adopt(self, connection: Any, topic: str, wanted: Wanted, position: int, lease: int | None) -> Stream:
        sock = own_socket(connection)
        try:
            stream = Stream(sock, topic, wanted, position, lease)
            self._selector.register(sock, selectors.EVENT_READ, stream)
        except OSError:
            sock.close()
            raise
        stream.spoke = min(range(SPOKES), key=lambda n: len(self._spokes[n]))
        self._spokes[stream.spoke][stream] = None
        self.count += 1
        return stream

    def _write(self, stream: Stream, data: bytes) -> None:
        sock = stream.socket
        if sock is None:
            return
        stream.written = monotonic()
        if stream.waiting is not None:
            # Only what comes on top of something that waits counts: one event may be larger than the limit.
            if stream.waiting_bytes + len(data) > BUFFER_LIMIT:
                log.info("closed a stream whose reader is %d KB behind; it can resume", stream.waiting_bytes // 1024)
                self._close(stream)
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
        except (
            OSError,
            KeyError,
            ValueError,
        ):  # whatever is wrong with one stream must not keep the event from the others
            self._close(stream)

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
            self._close(stream)
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
            self._close(stream)
            return
        stream.waiting = None
        self._selector.modify(stream.socket, selectors.EVENT_READ, stream)
        if stream.drained is not None and not stream.drained.done():
            stream.drained.set_result(None)

    def _close(self, stream: Stream) -> None:
        sock, stream.socket, stream.waiting = stream.socket, None, None
        if sock is None:
            return
        alike = self._readers.get((stream.topic, stream.wanted), {})
        alike.pop(stream, None)
        if not alike:
            self._readers.pop((stream.topic, stream.wanted), None)
        self._spokes[stream.spoke].pop(stream, None)
        self.count -= 1
        with contextlib.suppress(OSError, KeyError, ValueError):
            self._selector.unregister(sock)
        sock.close()
        if stream.drained is not None and not stream.drained.done():
            stream.drained.set_result(None)

    def close(self) -> None:
        """Let every reader go; they come back by themselves, each at its own moment."""
        for spoke in self._spokes:
            for stream in list(spoke):
                if stream.waiting is None:
                    self._write(stream, f"retry: {random.randint(1000, 4000)}\n\n".encode())
                self._close(stream)
        if not self._closed:
            self._closed = True
            asyncio.get_running_loop().remove_reader(self._selector)
            self._selector.close()

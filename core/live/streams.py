"""Server-sent events (WHATWG HTML, 9.2): many silent connections, each event to all of them, nothing lost, nothing twice.

An event is one frame of bytes, sent straight to each reader's socket. What a reader missed comes from core/live/backlog.py, the
sockets are in core/live/stream_sockets.py.
"""

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import Iterable

import tornado.iostream
from tornado.web import RequestHandler

from core.data.database import Database
from core.duties import Work
from core.live.backlog import Backlog
from core.live.events import Event, Wanted
from core.live.stream import Stream, response_head, set_headers
from core.live.stream_sockets import YIELD_EVERY, StreamSockets, retry
from core.problem import Problem, unavailable

REPLAY_SECONDS = 30  # for a reader to take one piece of what it missed
KEEP_ALIVE = b": keep-alive\n\n"
RESET = b"event: reset\ndata: {}\n\n"


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
        self._keepalive = keepalive  # seconds
        # Live: they have everything up to `head`. Those who want the same are together: a filter is applied once for all of them.
        self._readers: dict[tuple[str, Wanted], dict[Stream, None]] = {}
        self._sockets = StreamSockets(self._forget)
        self._backlog = Backlog(db)
        self._queue: deque[Event] = deque()
        self._queued = asyncio.Event()
        self._sent = 0  # up to here every live stream was sent what it wants
        self._restarts = 0
        self._beginnings: defaultdict[str, int] = defaultdict(int)  # by topic: how often its readers had to begin anew

    @property
    def head(self) -> int:
        """The position of the last event that was delivered here."""
        return self._backlog.head

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self._sockets)

    def open(self, head: int) -> None:
        """Begin after position `head`, in the running event loop."""
        self._backlog.begin(head)
        self._sent = head
        self._sockets.open()

    def close(self) -> None:
        """Let every reader go, and take no more of them."""
        self._sockets.close_all()

    def restart(self, head: int) -> None:
        """The log went back to `head` (a restored database): what was seen is no more, every reader loads its list anew."""
        self._queue.clear()
        self._backlog.begin(head)
        self._sent = head
        self._restarts += 1
        for topic in list(self._beginnings):
            self._begin_anew(topic)

    def reset(self, topic: str) -> None:
        """What was told of this topic is no more: its readers load their lists anew, and nothing of it is sent again.

        For a listener (core/duties.py), so before the events that come with what it heard are delivered; see serve().
        """
        self._queue = deque(event for event in self._queue if event.topic != topic)
        self._backlog.forget()
        self._begin_anew(topic)

    def _begin_anew(self, topic: str) -> None:
        self._beginnings[topic] += 1
        for stream in [stream for key, streams in self._readers.items() if key[0] == topic for stream in streams]:
            stream.position = self.head
            self._sockets.write(stream, b"id: %d\n%s" % (self.head, RESET))

    def leases(self) -> set[int]:
        """What the open streams' rights depend on."""
        return {stream.lease for stream in self._sockets if stream.lease is not None}

    def end(self, leases: set[int]) -> None:
        """Close the streams whose right has ended; their reconnect will be refused."""
        for stream in self._sockets:
            if stream.lease in leases:
                self._sockets.close(stream)

    def deliver(self, fresh: list[Event]) -> None:
        """Take events from the log (in order, nothing twice), to be sent in turn."""
        self._backlog.add(fresh)
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
                    self._sockets.write(stream, data)
                    writes += 1
                    if writes % YIELD_EVERY == 0:
                        await asyncio.sleep(0)
                        if self._beginnings[topic] != beginnings[topic]:
                            break  # what is left of this batch is no more
            if self._restarts == restarts:
                self._sent = end

    async def _keeping_alive(self) -> None:
        await self._sockets.keep_alive(self._keepalive, self._sign_of_life)

    def _sign_of_life(self, stream: Stream) -> bytes:
        if stream.wanted and stream.live and stream.position < self._sent:
            # Nothing it wants came, but the log went on: it must be able to resume from here, not from long ago.
            stream.position = self._sent
            return b"id: %d\n%s" % (stream.position, KEEP_ALIVE)
        return KEEP_ALIVE

    async def serve(
        self, handler: RequestHandler, topic: str, lease: int | None = None, *, wanted: Wanted = (), ended_by: str = ""
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
        after, reset = await self._backlog.resume_at(last, ended_by)
        if self._sockets.closed:
            raise unavailable("The server is stopping. Please reconnect.", 1)
        stream = Stream(topic, wanted, after, lease)
        head = self._adopt(handler, stream)
        # A block with an id and no data dispatches no event, but from now on the client knows where it is.
        self._sockets.write(stream, head + b"%sid: %d\n\n%s" % (retry(), after, RESET * reset))
        try:
            with contextlib.suppress(
                Problem
            ):  # the log can't be read now, or was purged; the client comes back with what it has
                await self._replay(stream)
                # Told to begin anew meanwhile, which it was not among: its reconnect is.
                stream.live = stream.socket is not None and self._beginnings[topic] == beginning
        finally:
            if not stream.live:  # else it would be kept alive, and never be sent anything
                self._sockets.close(stream)
        if stream.live:
            self._readers.setdefault((topic, wanted), {})[stream] = None
            if wanted and stream.position > after:
                self._sockets.write(
                    stream, b"id: %d\n\n" % stream.position
                )  # what was looked through needs no second look

    def _adopt(self, handler: RequestHandler, stream: Stream) -> bytes:
        """Make the handler's connection the stream's; returns the head of the response. Raises StreamClosedError, OSError."""
        head = response_head(handler)
        connection = handler.detach()
        try:
            if connection.closed():  # the reader left while we looked for what it missed
                raise tornado.iostream.StreamClosedError
            self._sockets.adopt(connection, stream)
        finally:
            # Our duplicate of the descriptor outlives Tornado's stream object, which is many times the size of ours.
            connection.close()
            handler.on_finish()
        handler.application.log_request(handler)
        return head

    async def _replay(self, stream: Stream) -> None:
        """Send what lies between the stream's position and the head, at the reader's pace."""
        while stream.socket is not None and stream.position < self.head:
            missed, until = await self._backlog.piece(stream.topic, stream.wanted, stream.position)
            stream.position = until
            if missed:
                self._sockets.write(stream, b"".join([event.frame for event in missed]))
            await self._sockets.drain(stream, REPLAY_SECONDS)

    def _forget(self, stream: Stream) -> None:
        alike = self._readers.get((stream.topic, stream.wanted), {})
        alike.pop(stream, None)
        if not alike:
            self._readers.pop((stream.topic, stream.wanted), None)

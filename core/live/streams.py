"""Server-sent events (WHATWG HTML, 9.2): many mostly silent connections, of which each gets every event once, in order, without loss.

An event is one frame of bytes, sent directly to the socket of each reader. core/live/backlog.py has the events that a reader missed,
core/live/stream_sockets.py the sockets.
"""

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import Iterable

import tornado.iostream
from tornado.web import RequestHandler

from core.data.database import Database
from core.duties import Work
from core.lease import Lease
from core.live.backlog import Backlog, Memory
from core.live.events import Event, Wanted
from core.live.stream import Stream, response_head, set_headers
from core.live.stream_sockets import YIELD_EVERY, StreamSockets, Traffic, retry
from core.problem import Problem, unavailable

# For a reader to accept one piece of the events that it missed.
REPLAY_SECONDS = 30
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
        """The events that pass a filter. Most batches have none for most filters, which the tags of the whole batch show at once."""
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
    """All streams of this process. keepalive: seconds of silence after which a stream gets a comment."""

    def __init__(self, db: Database, keepalive: float) -> None:
        self._keepalive = keepalive
        # The live streams, by topic and filter, so that a filter is applied once for all streams that share it.
        self._readers: dict[tuple[str, Wanted], dict[Stream, None]] = {}
        self._sockets = StreamSockets(self._forget)
        self._backlog = Backlog(db)
        self._queue: deque[Event] = deque()
        self._queued = asyncio.Event()
        # Each live stream has got all it wants up to this position.
        self._sent = 0
        self._restarts = 0
        # By topic: how often it was reset.
        self._resets: defaultdict[str, int] = defaultdict(int)

    @property
    def head(self) -> int:
        """The position of the last event that was delivered here."""
        return self._backlog.head

    @property
    def count(self) -> int:
        """The number of open streams."""
        return len(self._sockets)

    @property
    def traffic(self) -> Traffic:
        """What the streams have sent."""
        return self._sockets.traffic

    @property
    def memory(self) -> Memory:
        """The events in memory."""
        return self._backlog.memory

    def open(self, head: int) -> None:
        """Begin after position `head` of the log, in the running event loop."""
        self._backlog.begin(head)
        self._sent = head
        self._sockets.open()

    def close(self) -> None:
        """Close all streams and accept no new ones."""
        self._sockets.close_all()

    def restart(self, head: int) -> None:
        """Reset all topics: the log went back to `head`, because the database was restored."""
        self._queue.clear()
        self._backlog.begin(head)
        self._sent = head
        self._restarts += 1
        for topic in list(self._resets):
            self._send_reset(topic)

    def reset(self, topic: str) -> None:
        """Send `event: reset` to the topic's readers, which then load their lists again. Earlier events of the topic are not sent any more.

        A listener calls this (core/duties.py), so it happens before the events that follow the listener's are delivered.
        """
        self._queue = deque(event for event in self._queue if event.topic != topic)
        self._backlog.forget()
        self._send_reset(topic)

    def _send_reset(self, topic: str) -> None:
        self._resets[topic] += 1
        for stream in [stream for key, streams in self._readers.items() if key[0] == topic for stream in streams]:
            stream.position = self.head
            self._sockets.write(stream, b"id: %d\n%s" % (self.head, RESET))

    def leases(self) -> set[Lease]:
        """The leases of the open streams."""
        return {stream.lease for stream in self._sockets if stream.lease is not None}

    def end(self, ids: set[int]) -> None:
        """Close the streams whose lease has ended. Their reconnect will be refused."""
        for stream in self._sockets:
            if stream.lease is not None and stream.lease.id in ids:
                self._sockets.dismiss(stream)

    def deliver(self, fresh: list[Event]) -> None:
        """Queue events of the log for sending. They come in order, each once."""
        self._backlog.add(fresh)
        self._queue.extend(fresh)
        self._queued.set()

    def work(self) -> list[Work]:
        """The background tasks that send events and keep-alives; each runs until cancelled."""
        return [self._sending, self._keeping_alive]

    async def _sending(self) -> None:
        writes = 0
        while True:
            await self._queued.wait()
            self._queued.clear()
            batches = _by_topic(self._queue)
            resets, restarts, end = self._resets.copy(), self._restarts, self.head
            self._queue.clear()
            for (topic, filters), streams in list(self._readers.items()):
                wanted = batches[topic].wanted(filters) if topic in batches else []
                if not wanted or self._resets[topic] != resets[topic]:
                    continue
                first, last = wanted[0].position, wanted[-1].position
                whole = b"".join([event.frame for event in wanted])
                for stream in list(streams):
                    if stream.position < first:
                        data = whole
                    elif stream.position >= last:
                        # It joined after these were queued, and its replay had them.
                        continue
                    else:
                        data = b"".join([event.frame for event in wanted if event.position > stream.position])
                    ends = stream.is_last(event for event in wanted if event.position > stream.position)
                    stream.position = last
                    self._sockets.write(stream, data)
                    if ends:
                        self._sockets.end(stream)
                    writes += 1
                    if writes % YIELD_EVERY == 0:
                        await asyncio.sleep(0)
                        if self._resets[topic] != resets[topic]:
                            # The topic was reset, so the rest of the batch is not sent.
                            break
            if self._restarts == restarts:
                self._sent = end

    async def _keeping_alive(self) -> None:
        await self._sockets.keep_alive(self._keepalive, self._sign_of_life)

    def _sign_of_life(self, stream: Stream) -> bytes:
        if stream.wanted and stream.live and stream.position < self._sent:
            # The log has only events that its filter excludes. With this id it resumes here, and skips them.
            stream.position = self._sent
            return b"id: %d\n%s" % (stream.position, KEEP_ALIVE)
        return KEEP_ALIVE

    async def serve(
        self,
        handler: RequestHandler,
        topic: str,
        last_id: str,
        lease: Lease | None = None,
        *,
        wanted: Wanted = (),
        ended_by: str = "",
        ends_with: str = "",
    ) -> None:
        """Turn the handler's request into a stream of `topic`. last_id: the id after which the reader wants to go on, or "".

        wanted: the reader's filter. lease, ends_with: see Stream. ended_by: the topic of the events that come with reset(topic); a reader who missed
        one gets its `event: reset` now. An id that is too old or unknown gets `event: reset` too, never an error; the client then loads
        its list again. Raises Problem 503 when the missed events can't be read; StreamClosedError when the reader has left.
        """
        if handler.request.method == "HEAD":
            set_headers(handler, self._keepalive)
            handler.finish()
            return
        resets = self._resets[topic]
        after, reset = await self._backlog.resume_at(last_id, ended_by)
        if self._sockets.closed:
            raise unavailable("The server is stopping. Please reconnect.", 1)
        stream = Stream(topic, wanted, after, lease, ends_with)
        head = self._adopt(handler, stream)
        # A block with an id and without data is no event for the client, but sets the id from which it will resume.
        self._sockets.write(stream, head + b"%sid: %d\n\n%s" % (retry(), after, RESET * reset))
        try:
            # Problem: the log can't be read now, or was purged. The stream is closed, and its reconnect resumes from its last id.
            with contextlib.suppress(Problem):
                await self._replay(stream)
                # If the topic was reset during the replay, this stream was not registered yet and missed it. It is closed as well; its
                # reconnect gets the reset.
                stream.live = stream.socket is not None and self._resets[topic] == resets
        finally:
            # A stream that is not live would get keep-alives, but no events.
            if not stream.live:
                self._sockets.close(stream)
        if stream.live:
            self._readers.setdefault((topic, wanted), {})[stream] = None
            if wanted and stream.position > after:
                # With this id a reconnect doesn't look through the same events again.
                self._sockets.write(stream, b"id: %d\n\n" % stream.position)

    def attach(self, handler: RequestHandler, stream: Stream, first: bytes) -> bool:
        """Turn the handler's request into a stream that the caller feeds by send() and ends by finish(), in place of the log. In everything
        else it is as the others. Returns whether there is a stream: HEAD is answered, and has none. Raises what serve() raises."""
        if handler.request.method == "HEAD":
            set_headers(handler, self._keepalive)
            handler.finish()
            return False
        if self._sockets.closed:
            raise unavailable("The server is stopping. Please reconnect.", 1)
        self._sockets.write(stream, self._adopt(handler, stream) + first)
        return stream.socket is not None

    def send(self, stream: Stream, data: bytes) -> None:
        """Send frames to a stream that was attached, as soon as its reader accepts them. Never raises: an error closes the stream."""
        self._sockets.write(stream, data)

    def finish(self, stream: Stream) -> None:
        """Close a stream that was attached, once its reader has all that was sent and its farewell."""
        self._sockets.write(stream, stream.farewell)
        self._sockets.end(stream)

    def _adopt(self, handler: RequestHandler, stream: Stream) -> bytes:
        """Take the connection from the handler and give it to the stream; returns the head of the response.

        Raises StreamClosedError, OSError.
        """
        head = response_head(handler, self._keepalive)
        connection = handler.detach()
        try:
            if connection.closed():
                # The reader left while this looked for the events that it missed.
                raise tornado.iostream.StreamClosedError
            self._sockets.adopt(connection, stream)
        finally:
            # The stream has its own duplicate of the socket. Tornado's object, many times its size, is not needed any more.
            connection.close()
            handler.on_finish()
        handler.application.log_request(handler)
        return head

    async def _replay(self, stream: Stream) -> None:
        """Send the events between the stream's position and the head, as fast as the reader accepts them."""
        while stream.socket is not None and stream.position < self.head:
            missed, until = await self._backlog.piece(stream.topic, stream.wanted, stream.position)
            stream.position = until
            if missed:
                self._sockets.write(stream, b"".join([event.frame for event in missed]))
            if stream.is_last(missed):
                self._sockets.end(stream)
                return
            await self._sockets.drain(stream, REPLAY_SECONDS)

    def _forget(self, stream: Stream) -> None:
        stream.gone()
        alike = self._readers.get((stream.topic, stream.wanted), {})
        alike.pop(stream, None)
        if not alike:
            self._readers.pop((stream.topic, stream.wanted), None)

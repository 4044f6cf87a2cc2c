"""The figures of the moment as a stream of events. docs/api/dashboard.md#stream."""

import json
from time import monotonic
from typing import Any

from core.http.declare import answers
from core.http.openapi import EVENT_STREAM
from core.http.parameter import Parameter
from core.lease import Lease
from core.live.stream import Stream
from core.live.streams import Streams
from handlers.api import books_listing
from handlers.api.roles import signed_in_caller
from handlers.dashboard.live import AWAY, Figures, LiveFigures, LiveHandler, now_text

# Seconds after which a stream gets an update at the latest: the least, the most, and without another wish.
LEAST_INTERVAL, MOST_INTERVAL, INTERVAL = 10, 300, 30
# Updates after which a stream ends: the most, and without another wish.
MOST_UPDATES, UPDATES = 1000, 100


def frame(document: dict[str, Any]) -> bytes:
    """An event of the stream. Events have no id: each has the whole state, so there is nothing to resume."""
    return b"data: %b\n\n" % json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


STARTED = frame({"type": "connection", "message": "Dashboard stream started"})


class FigureStream(Stream):
    """A stream of one owner's figures: a reader of the hub (core/live/hub.py). until: when its right ends (monotonic). interval: in
    seconds. left: how many updates it still gets."""

    __slots__ = ("_live", "_streams", "due", "interval", "key", "left", "sequence", "until")
    farewell = frame({"type": "stream_end", "message": "Dashboard stream ended"})

    def __init__(self, live: LiveFigures, streams: Streams, key: int, lease: Lease, until: float) -> None:
        super().__init__("dashboard", (), 0, lease)
        self._live, self._streams = live, streams
        self.key, self.until = key, until
        self.interval, self.left = float(INTERVAL), UPDATES
        self.due, self.sequence = monotonic() + INTERVAL, 0

    def update(self, value: Figures, now: float) -> None:
        if self.socket is None or self.ending:
            return
        if now >= self.until:
            self._finish()
            return
        self.sequence += 1
        self.left -= 1
        head = b'data: {"type":"dashboard_update","sequence":%d,' % self.sequence
        self._streams.send(self, b"%b%b\n\n" % (head, value.update))
        self.due = min(now + self.interval, self.until)
        if not self.left:
            self._finish()

    def fail(self) -> None:
        if monotonic() >= self.until:
            self._finish()
        else:
            self._streams.send(self, frame({"type": "error", "message": AWAY, "timestamp": now_text()}))

    def _finish(self) -> None:
        self._live.hub.remove(self)
        self._streams.finish(self)

    def gone(self) -> None:
        self._live.hub.remove(self)


class StreamedFigures(LiveHandler):
    parameters = (
        Parameter(
            "interval",
            "Seconds after which an update comes at the latest; what is out of bounds is the nearest bound.",
            {"type": "integer", "minimum": LEAST_INTERVAL, "maximum": MOST_INTERVAL, "default": INTERVAL},
        ),
        Parameter(
            "max_updates",
            "Updates after which the stream ends; what is out of bounds is the nearest bound.",
            {"type": "integer", "minimum": 1, "maximum": MOST_UPDATES, "default": UPDATES},
        ),
        Parameter("token", "The access token, for clients that can't send headers."),
    )

    @answers(200, {"type": "string"}, media=EVENT_STREAM)
    async def get(self) -> None:
        """Watch the figures live. The `data` of an event is JSON with a `type`: first `connection`, then `dashboard_update` with all figures
        at once and whenever they change, `error` while they can't be read, and at last `stream_end`, after which the client must not
        reconnect by itself. The stream also ends when the access token does. 200; 429 the account has too many connections."""
        interval = max(LEAST_INTERVAL, min(MOST_INTERVAL, books_listing.whole(self, "interval", INTERVAL)))
        most = max(1, min(MOST_UPDATES, books_listing.whole(self, "max_updates", UPDATES)))
        live, streams = self.application.kept(LiveFigures), self.application.streams
        live.admit(self.owner_id)
        stream = FigureStream(live, streams, self.owner_id, signed_in_caller(self).lease, self.right_until())
        stream.interval, stream.left = float(interval), most
        if streams.attach(self, stream, STARTED):
            live.hub.add(stream)


groups = ("Books: dashboard",)
routes = [("/api/dashboard/streaming/aggregate/", StreamedFigures)]

"""Bodies that are read while they arrive, so that their length takes no memory.

    class Import(StreamedBody, SomeHandler):
        large_body = 50 * 1024**2

        async def begin(self) -> None: ...            # The head is here; who calls is known.
        async def take(self, chunk: bytes) -> None: ...
        async def post(self) -> None:                 # The body is here.
            self.check_body()

The connection is not read while `take` runs, so a client that sends faster waits. What is refused, by prepare(), `begin` or `take`, is answered
when the body has ended, and its rest is dropped: most clients look for the answer only when they have sent everything.
"""

from typing import TYPE_CHECKING, Any

import tornado.httputil
import tornado.ioloop
from tornado.concurrent import future_set_result_unless_cancelled

from core.http.handler import Handler
from core.problem import Message, Problem

if TYPE_CHECKING:
    from core.http.application import Application


class StreamedBody(Handler):
    """A handler whose POST reads its body while it arrives. Its other methods read none."""

    # What tornado.web.stream_request_body sets.
    _stream_request_body = True
    _failure: BaseException | None = None
    _is_reading = False

    @classmethod
    async def admits_large_body(cls, app: "Application", request: tornado.httputil.HTTPServerRequest) -> bool:
        """True: nothing is read before prepare() knows who calls."""
        return True

    async def begin(self) -> None:
        """Called before the first chunk."""

    async def take(self, chunk: bytes) -> None:
        """Called for each chunk."""
        raise NotImplementedError

    async def abandoned(self) -> None:
        """Called when the client has left before the end of its body. It must not raise."""

    async def prepare(self) -> None:
        try:
            await super().prepare()
            if self.request.method == "POST":
                await self._begin()
        except Exception:
            # An answer that comes before the end of the body makes Tornado close the connection, and a client that still sends gets no
            # answer at all. The finished future makes Tornado go on reading the body.
            is_prepared: Any = self._prepared_future
            future_set_result_unless_cancelled(is_prepared, None)
            await self.request._body_future
            raise

    async def _begin(self) -> None:
        length = self.request.headers.get("Content-Length", "0")
        # Tornado has refused a length that is no number.
        if len(length) > 18 or int(length) > self.large_body:
            raise self._too_long()
        await self.begin()
        self._is_reading = True

    async def data_received(self, chunk: bytes) -> None:
        """Tornado calls this for each chunk, and logs what it raises instead of answering."""
        if not self._is_reading or self._failure is not None:
            return
        try:
            await self.take(chunk)
        except Exception as failure:
            self._failure = failure

    def check_body(self) -> None:
        """Raises what was wrong with the body while it arrived."""
        self._is_reading = False
        if getattr(self.request, "body_too_long", 0):
            raise self._too_long()
        if self._failure is not None:
            raise self._failure

    def on_connection_close(self) -> None:
        """Tornado calls this also after the body, when the client does not wait for the answer: then the work goes on."""
        is_incomplete = not self.request._body_future.done()
        super().on_connection_close()
        if is_incomplete:
            self._is_reading = False
            # The method is never called, so nothing else counts the request as done.
            self.on_finish()
            tornado.ioloop.IOLoop.current().add_callback(self.abandoned)

    def _too_long(self) -> Problem:
        return Problem(413, "too-long", Message.of("too-long", limit=f"{self.large_body // 1024**2} MB"))

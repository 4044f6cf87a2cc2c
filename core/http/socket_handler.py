"""The base of handlers of WebSockets (RFC 6455) that send and receive JSON objects, each with a member `type`.

The handshake is a GET: it is checked as every request (core/http/handler.py), and refused by HTTP. Only who may not enter is let in first and
then closed with a code of our own, because a page can't read the status of a refused handshake, but the code of a close.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

import tornado.iostream
import tornado.websocket

from core import product
from core.http import json_text
from core.http.handler import Handler
from core.http.sockets import GOING_AWAY, UNAUTHENTICATED
from core.lease import Lease
from core.problem import Problem

# By the status of a refusal: the code of the close.
CLOSES = {401: UNAUTHENTICATED, 403: 4003}
# RFC 6455, 7.4.1: a message of a kind that is not read here; one that breaks a rule; a limit that is reached for now.
UNREADABLE, VIOLATION, TRY_AGAIN = 1003, 1008, 1013
# Bytes of a message. The documented ones have less than a hundred.
MESSAGE_LIMIT = 16 * 1024
# Bytes that wait for one slow client. Beyond it the socket is closed, and the client gets the present state when it reconnects.
BUFFER_LIMIT = 256 * 1024
# Seconds between two pings. A client that does not answer one until the next is gone; proxies close what is silent for a minute.
PING_SECONDS = 25
# Messages that a client may send at once, and in each second after that.
BURST, PER_SECOND = 30, 2.0
# Bytes of a close frame's reason (RFC 6455, 5.5).
REASON_LIMIT = 123

log = product.logger("sockets")
# What receives one type of message: a method of a subclass, which gets the whole message.
Receive = Callable[[Any, Mapping[str, Any]], Awaitable[None] | None]


class SocketHandler(tornado.websocket.WebSocketHandler, Handler):
    """A subclass defines begin(), and `receives`, by the type of the message. Its other base says who calls.

    lease: see core.http.sockets.Socket.
    """

    is_described: ClassVar[bool] = False
    receives: ClassVar[Mapping[str, Receive]] = {}
    lease: Lease | None = None
    _refusal: Problem | None = None
    # How many messages the client may send now, and when that was so (monotonic).
    _allowed, _allowed_at = float(BURST), 0.0
    is_over = False

    @property
    def ping_interval(self) -> float:
        return PING_SECONDS

    @property
    def ping_timeout(self) -> float:
        return PING_SECONDS

    @property
    def max_message_size(self) -> int:
        return MESSAGE_LIMIT

    @property
    def _is_handshake(self) -> bool:
        return self.request.method == "GET" and self.request.headers.get("Upgrade", "").lower() == "websocket"

    def check_origin(self, origin: str) -> bool:
        """Tornado asks this of pages that are not of this host: whether they may connect. A browser asks nobody else."""
        return origin in self.config.cors_allowed_origins

    async def prepare(self) -> None:
        try:
            await super().prepare()
        except Problem as problem:
            if problem.status not in CLOSES or not self._is_handshake:
                raise
            self._refusal = problem

    async def get(self, *arguments: str, **parameters: str) -> None:
        """Open a socket. Raises Problem: 400 a malformed handshake; 403 a page of another origin; 426 no handshake; 503 the server stops."""
        if not self._is_handshake:
            said = "This is a WebSocket: connect to it by the scheme ws or wss."
            raise Problem(426, "no-upgrade", said, headers={"Upgrade": "websocket", "Connection": "Upgrade"})
        if self._check_cross_origin(self.check_origin) is not None:
            raise Problem(403, "foreign-origin", "Pages of this origin may not connect (CORS_ALLOWED_ORIGINS).")
        wanted = {one.strip().lower() for one in self.request.headers.get("Connection", "").split(",")}
        if "upgrade" not in wanted or not self.request.headers.get("Sec-WebSocket-Key"):
            raise Problem(400, "bad-handshake", "The handshake of the WebSocket is malformed.")
        if self.request.headers.get("Sec-WebSocket-Version") != "13":
            said = "This version of the WebSocket protocol is not spoken here."
            raise Problem(426, "no-upgrade", said, headers={"Sec-WebSocket-Version": "13"})
        await super().get(*arguments, **parameters)

    async def open(self, *arguments: str, **parameters: str) -> None:
        """Tornado calls this after the handshake, and reads no message before it has ended."""
        if self.ws_connection is None:
            return
        self.set_nodelay(True)
        self.ws_connection.stream.max_write_buffer_size = BUFFER_LIMIT  # type: ignore[union-attr]
        if self._refusal is None and self.application.sockets.closed:
            self.shut(GOING_AWAY, "The server is stopping.")
            return
        try:
            if self._refusal is not None:
                raise self._refusal
            await self.begin(**parameters)
        except Problem as problem:
            worded = self.dialect.worded(problem)
            self.shut(CLOSES.get(problem.status, TRY_AGAIN), str(worded.message))

    async def begin(self, **parameters: str) -> None:
        """The socket is open, with the parameters of its path. Raises Problem, which closes it."""

    def enter(self) -> None:
        """Note the socket among those that are closed when their lease ends, or the server does."""
        self.application.sockets.add(self)

    async def on_message(self, message: str | bytes) -> None:
        """Tornado calls this for each message, one after the other."""
        if self.is_over:
            return
        if isinstance(message, bytes):
            self.shut(UNREADABLE, "Messages are JSON text.")
        elif not self._is_within():
            self.shut(VIOLATION, "Too many messages.")
        else:
            try:
                await self._receive(message)
            except Problem as problem:
                self.say_error(str(self.dialect.worded(problem).message))

    async def _receive(self, text: str) -> None:
        message, is_suspect = json_text.value(text)
        if is_suspect:
            json_text.check(json_text.literal(text))
        if not isinstance(message, dict):
            raise Problem(400, "no-object", "A message is a JSON object with a type.")
        kind = message.get("type")
        receive = self.receives.get(kind) if isinstance(kind, str) else None
        if receive is None:
            raise Problem(400, "unknown-type", f"Unknown message type; known are {', '.join(self.receives)}.")
        waiting = receive(self, message)
        if waiting is not None:
            await waiting

    def _is_within(self) -> bool:
        """Count a message; whether it is within the rate."""
        now = time.monotonic()
        self._allowed = min(BURST, self._allowed + (now - self._allowed_at) * PER_SECOND)
        self._allowed_at = now
        self._allowed -= 1
        return self._allowed >= 0

    def say_error(self, message: str) -> None:
        """Send `{"type": "error", "message": …}`."""
        self.say({"type": "error", "message": message})

    def say(self, message: str | dict[str, Any]) -> None:
        """Send a message, a JSON object. Never raises: a client that has left or is too slow loses its socket."""
        try:
            self.write_message(message).add_done_callback(_note_result)
        except tornado.websocket.WebSocketClosedError:
            pass
        except tornado.iostream.StreamBufferFullError:
            log.info("closed a socket whose client is more than %d KB behind", BUFFER_LIMIT // 1024)
            self.abandon()

    def shut(self, code: int, reason: str) -> None:
        """Close the socket. Never raises."""
        self._leave()
        try:
            self.close(code, reason.encode()[:REASON_LIMIT].decode(errors="ignore"))
        except (tornado.iostream.StreamBufferFullError, tornado.iostream.StreamClosedError):
            self.abandon()

    def abandon(self) -> None:
        """Close the connection without a word: its client does not read."""
        self._leave()
        if self.ws_connection is not None:
            self.ws_connection._abort()

    def on_close(self) -> None:
        self._leave()

    def _leave(self) -> None:
        if not self.is_over:
            self.is_over = True
            self.application.sockets.remove(self)
            self.end()

    def end(self) -> None:
        """Called once, when the socket is closed or begins to be, by whichever side."""


def _note_result(written: asyncio.Future[None]) -> None:
    """The client has left before it took the message, of which on_close tells."""
    if not written.cancelled():
        written.exception()

"""The application: what all handlers of one process share, and the way of a request to its handler within the limits."""

import asyncio
import itertools
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import tornado.httputil
import tornado.web

from core.data.database import Database
from core.files.storage import Storage
from core.http.handler import Handler
from core.http.router import Router
from core.live.events import EventLog
from core.live.streams import Streams
from core.passwords import Passwords
from core.problem import Problem
from core.settings import CoreSettings
from core.tokens import Tokens

BODY_LIMIT = 10 * 1024 * 1024  # bytes of a request body; a longer one is 413
READ_LIMIT = 64 * 1024 * 1024  # up to here a body too long is read and dropped, so that the client gets to read the 413
HEADER_LIMIT = 32 * 1024
HEADER_SECONDS = 75  # to send the next request's head on an idle connection
BODY_SECONDS = 60  # to send a body

# What is done about a broken constraint: a refusal, or a coroutine that looks for what the client should be told.
Refusal = Problem | Callable[[Any], Awaitable[Problem]]

access_log = logging.getLogger("tradepost.access")


class Application(tornado.web.Application):
    """One per process. Handlers reach everything through it; nothing is global."""

    def __init__(
        self,
        config: CoreSettings,
        router: Router,
        refusals: dict[str, Refusal],
        *,
        db: Database,
        redis: Any,
        events: EventLog,
        streams: Streams,
        passwords: Passwords,
        tokens: Tokens,
        storage: Storage,
    ) -> None:
        super().__init__()
        self.config = config
        self.router = router
        self.refusals = refusals
        self.db = db
        self.redis = redis
        self.events = events
        self.streams = streams
        self.passwords = passwords
        self.tokens = tokens
        self.storage = storage
        self.draining = False
        self.active = 0  # requests begun and not finished
        self._name, self._requests = secrets.token_hex(4), itertools.count(1)
        self.shared: dict[str, Any] = {}  # what an area keeps for the life of the process (its throttles, caches)
        self.log_requests = access_log.isEnabledFor(logging.INFO)

    def find_handler(self, request: tornado.httputil.HTTPServerRequest, **kwargs: Any) -> Any:
        handler, parameters = self.router.find(request.path)
        delegate = self.get_handler_delegate(
            request, handler, path_kwargs={k: v.encode() for k, v in parameters.items()}
        )
        if "Content-Length" not in request.headers and "Transfer-Encoding" not in request.headers:
            return delegate
        return _LimitedBody(delegate, request)

    def next_request_id(self) -> str:
        """A name for a request: unique, not secret."""
        return f"{self._name}-{next(self._requests):x}"

    def log_request(self, handler: tornado.web.RequestHandler) -> None:
        if self.log_requests and isinstance(handler, Handler):
            handler.log_line()


class _LimitedBody(tornado.httputil.HTTPMessageDelegate):
    """Passes on a body up to BODY_LIMIT and drops the rest; the handler then answers 413 (Handler.enter)."""

    def __init__(
        self, inner: tornado.httputil.HTTPMessageDelegate, request: tornado.httputil.HTTPServerRequest
    ) -> None:
        self._inner, self._request = inner, request
        length = request.headers.get("Content-Length", "0")
        self._left = BODY_LIMIT if len(length) < 12 and length.isdecimal() and int(length) <= BODY_LIMIT else 0

    def headers_received(self, start_line: Any, headers: tornado.httputil.HTTPHeaders) -> Awaitable[None] | None:
        return self._inner.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        self._left -= len(chunk)
        if self._left < 0:
            self._request.body_too_long = True  # type: ignore[attr-defined]
            return None
        return self._inner.data_received(chunk)

    def finish(self) -> None:
        self._inner.finish()

    def on_connection_close(self) -> None:
        self._inner.on_connection_close()


def constraint_refusals(modules: Iterable[Any]) -> dict[str, Refusal]:
    """The `refusals` of all handler modules in one table; a constraint belongs to one table, so its name to one module."""
    found: dict[str, Refusal] = {}
    for module in modules:
        for constraint, refusal in getattr(module, "refusals", {}).items():
            if constraint in found:
                raise ValueError(f"two refusals for {constraint}")
            found[constraint] = Problem(*refusal) if isinstance(refusal, tuple) else refusal
    return found


async def finish_requests(app: Application, seconds: float) -> bool:
    """Wait until no request is being answered; False when some still are after `seconds`."""
    deadline = asyncio.get_running_loop().time() + seconds
    while app.active and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.01)
    return not app.active

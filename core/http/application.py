"""The application: what the handlers of one process share, and how a request gets to its handler within the limits."""

import asyncio
import contextlib
import itertools
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar, cast

import tornado.httputil
import tornado.web

from core.data.database import Database
from core.files.storage import Storage
from core.http import form
from core.http.handler import Handler, access_log
from core.http.router import Router
from core.http.sockets import Sockets
from core.live.live import Live
from core.mail import Mail
from core.metrics import NO_ROUTE, Metrics
from core.passwords import Passwords
from core.problem import Problem
from core.settings import CoreSettings
from core.text import decoded
from core.tokens import Tokens
from core.traces import Tracing, current

# Bytes of a request body; a longer one gets 413, unless the handler admits large bodies (Handler.large_body).
BODY_LIMIT = 10 * 1024 * 1024

# What answers a broken constraint of the database: a refusal, or a coroutine that finds it, with the request's handler.
Refusal = Problem | Callable[[Any], Awaitable[Problem]]
Kept = TypeVar("Kept")

_ABSOLUTE = re.compile(r"https?://(?P<host>[^/?]*)(?P<path>[^?]*)(?P<query>.*)", re.I)


class Application(tornado.web.Application):
    """One in each process. Handlers reach through it everything that requests share; there are no globals."""

    def __init__(
        self,
        config: CoreSettings,
        router: Router,
        refusals: dict[str, Refusal],
        *,
        db: Database,
        redis: Any,
        live: Live,
        passwords: Passwords,
        tokens: Tokens,
        storage: Storage,
        mail: Mail,
        metrics: Metrics,
        tracing: Tracing | None = None,
    ) -> None:
        """redis: a client of redis-py, or None. tracing: None: no traces are made."""
        super().__init__()
        self.config = config
        self.router = router
        self.refusals = refusals
        self.db = db
        self.redis = redis
        self.events = live.events
        self.streams = live.streams
        self.sockets = Sockets()
        self.passwords = passwords
        self.tokens = tokens
        self.storage = storage
        self.mail = mail
        self.metrics = metrics
        self.tracing = tracing
        # True from SIGTERM on: answers then say `Connection: close`.
        self.draining = False
        # Requests that have begun and are not finished.
        self.active = 0
        self._name, self._requests = secrets.token_hex(4), itertools.count(1)
        self._kept: dict[Callable[[Application], Any], Any] = {}
        self.log_requests = access_log.isEnabledFor(logging.INFO)

    def kept(self, kind: Callable[["Application"], Kept]) -> Kept:
        """The one object of a class in this process, made at its first use by `kind(application)`.

        This is where an area keeps what outlives a request, such as a cache: `self.application.kept(Callers)`.
        """
        if kind not in self._kept:
            self._kept[kind] = kind(self)
        return cast(Kept, self._kept[kind])

    async def reaches_redis(self) -> bool | None:
        """Whether Redis answers; None: this server has none."""
        if self.redis is None:
            return None
        try:
            await self.redis.ping()
        except Exception:
            # Any failure of Redis has the same answer.
            return False
        return True

    def find_handler(self, request: tornado.httputil.HTTPServerRequest, **kwargs: Any) -> Any:
        """Tornado calls this once it has read a request's head."""
        _use_origin_form(request)
        _note_encoding(request)
        form.set_aside(request)
        handler, parameters, template = self.router.find(request.path)
        request.route = template or NO_ROUTE  # type: ignore[attr-defined]
        if self.tracing is not None:
            # That of the request before on the same connection.
            current.set(None)
        delegate = self.get_handler_delegate(
            request, handler, path_kwargs={k: v.encode() for k, v in parameters.items()}
        )
        if "Content-Length" not in request.headers and "Transfer-Encoding" not in request.headers:
            return delegate
        return _LimitedBody(delegate, request, handler, self)

    def next_request_id(self) -> str:
        """A new name for a request: unique, but not secret."""
        return f"{self._name}-{next(self._requests):x}"

    def log_request(self, handler: tornado.web.RequestHandler) -> None:
        """Tornado calls this after each answer, and core/live/streams.py at the beginning of a stream."""
        if self.log_requests and isinstance(handler, Handler):
            handler.log_line()


def _use_origin_form(request: tornado.httputil.HTTPServerRequest) -> None:
    """Read a target in absolute form, http://host/path, as its path; its host replaces that of the header (RFC 9112, 3.2.2)."""
    found = _ABSOLUTE.fullmatch(request.uri or "")
    if found is None:
        return
    request.host = found["host"]
    request.host_name = tornado.httputil.split_host_and_port(request.host.lower())[0]
    request.path = found["path"] or "/"
    request.uri = request.path + found["query"]


def _note_encoding(request: tornado.httputil.HTTPServerRequest) -> None:
    """Leave an encoded body alone, which Tornado would otherwise refuse as a malformed form; Handler.read_body refuses it by 415."""
    encoding = decoded(request.headers.get("Content-Encoding", "")).strip().lower()
    if "Content-Encoding" in request.headers:
        del request.headers["Content-Encoding"]
    if encoding not in ("", "identity"):
        request.body_encoding = encoding  # type: ignore[attr-defined]
        request.headers["Content-Type"] = "application/octet-stream"


class _LimitedBody(tornado.httputil.HTTPMessageDelegate):
    """Passes on a body of up to BODY_LIMIT, or of the handler's large_body if that admits the request, and drops the rest. The handler
    then answers 413 (Handler.prepare)."""

    def __init__(
        self,
        inner: tornado.httputil.HTTPMessageDelegate,
        request: tornado.httputil.HTTPServerRequest,
        handler: type[Handler],
        app: Application,
    ) -> None:
        self._inner, self._request, self._handler, self._app = inner, request, handler, app
        # None: the client doesn't say.
        self._length: int | None = None
        length = request.headers.get("Content-Length")
        if length is not None:
            self._length = int(length) if len(length) < 12 and length.isdecimal() else 10**12
        self._allow(BODY_LIMIT)

    def _allow(self, limit: int) -> None:
        self._limit = limit
        self._left = limit if (self._length or 0) <= limit else 0

    def headers_received(self, start_line: Any, headers: tornado.httputil.HTTPHeaders) -> Awaitable[None] | None:
        if self._handler.large_body and (self._length is None or self._length > BODY_LIMIT):
            # Tornado reads nothing of the body before this has ended.
            return self._ask(start_line, headers)
        return self._inner.headers_received(start_line, headers)

    async def _ask(self, start_line: Any, headers: tornado.httputil.HTTPHeaders) -> None:
        with contextlib.suppress(Problem):
            if await self._handler.admits_large_body(self._app, self._request):
                self._allow(self._handler.large_body)
        inner = self._inner.headers_received(start_line, headers)
        if inner is not None:
            await inner

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        self._left -= len(chunk)
        if self._left < 0:
            self._request.body_too_long = self._limit  # type: ignore[attr-defined]
            return None
        return self._inner.data_received(chunk)

    def finish(self) -> None:
        self._inner.finish()

    def on_connection_close(self) -> None:
        self._inner.on_connection_close()


def constraint_refusals(modules: Iterable[Any]) -> dict[str, Refusal]:
    """The `refusals` of all handler modules in one table, by constraint. Raises ValueError when two modules name the same constraint."""
    found: dict[str, Refusal] = {}
    for module in modules:
        for constraint, refusal in getattr(module, "refusals", {}).items():
            if constraint in found:
                raise ValueError(f"two refusals for {constraint}")
            found[constraint] = Problem(*refusal) if isinstance(refusal, tuple) else refusal
    return found


async def finish_requests(app: Application, seconds: float) -> bool:
    """Wait until all active requests are answered; False when some still are not after `seconds`."""
    deadline = asyncio.get_running_loop().time() + seconds
    while app.active and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.01)
    return not app.active

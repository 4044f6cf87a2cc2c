"""The base of all handlers: how a request comes in (limits, host, CORS, authentication, authorisation) and all ways to answer it.

Tornado calls, in this order, and all of them are below:

    initialize()                    counts the request as active
    prepare()                       checks limits and host, authenticates, authorises; raises Problem
    get(), post(), ...              the use case of a subclass; answers with reply(), or raises
    _handle_request_exception()     only if one of these two raised: answers with a refusal
    on_finish()                     once the answer is written: hints the event log, counts the request as done
"""

import asyncio
import functools
import http.client
import json
import re
from collections.abc import Awaitable, Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import asyncpg
import tornado.httputil
import tornado.iostream
import tornado.web

from core import logs, metrics, product, text, traces
from core.access import Access
from core.dialect import Dialect
from core.http import body as json_body
from core.http import form, network, schema
from core.http.parameter import Parameter
from core.problem import Message, Problem, unavailable

if TYPE_CHECKING:
    from core.data.database import Database
    from core.http.application import Application

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# These change nothing, so the event log has nothing new after them.
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# Bytes of a JSON body, about a megabyte. Reading JSON blocks the event loop; a handler that takes more sets Handler.json_limit.
JSON_LIMIT = 1_100_000
# Bytes. A body from this size on is read in a thread, so that other requests don't wait for it.
LARGE_BODY = 128 * 1024
# How long a browser may remember the answer to a CORS preflight; one day is more than any browser does.
PREFLIGHT_SECONDS = 86400
# What pages of other origins may send beside what every page may; some clients' libraries send headers that nobody reads here.
ALLOWED_HEADERS = (
    "accept, authorization, cache-control, content-type, idempotency-key, if-match, if-none-match, last-event-id, prefer, user-agent, "
    "x-api-key, x-csrftoken, x-request-id, x-requested-with"
)
# What such pages may read of an answer, beside what every page may.
EXPOSED_HEADERS = (
    "ETag, Idempotency-Replayed, Location, Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, X-Keep-Alive-Seconds, X-RateLimit-Limit, "
    "X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-ID"
)
# What a reader of bodies returns.
Read = TypeVar("Read")
# Marks the line of a refused request, which core/log_files.py writes to errors.log too.
_REFUSAL = {"is_refusal": True}
_REQUEST_ID = re.compile(r"[0-9A-Za-z._-]{1,64}")
_SECURITY = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin"}

log = product.logger("handler")
access_log = product.logger("access")


class Handler(tornado.web.RequestHandler):
    """A subclass sets `access` and `dialect`, and defines get, post, put, patch, delete as coroutines.

    access: for all methods, or by method, "*" for the rest. authenticates: False ignores whatever credentials a request has.
    parameters: of the query, which its GET reads, or without a GET its other methods. any_host: True answers whatever the Host header
    says. json_limit: bytes of a JSON body.
    large_body: bytes of a body that a request may have which admits_large_body() admits; 0: none has more than others (BODY_LIMIT).
    missing: what a 404 says. body, body_text, files: set by read_body.

    For the description of the API: is_described: whether it is part of it. groups: the groups that it belongs to; without any, those of
    its module. path_parameters: those that are more than an id. schemes: the security schemes by which authenticate() finds a caller.
    refuses: the statuses that every method may answer. is_limited: whether requests are counted (core/http/rate_limit.py).
    """

    application: "Application"
    dialect: ClassVar[Dialect] = Dialect()
    access: ClassVar[Access[Any] | dict[str, Access[Any]]]
    authenticates: ClassVar[bool] = True
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    any_host: ClassVar[bool] = False
    json_limit: ClassVar[int] = JSON_LIMIT
    large_body: ClassVar[int] = 0
    missing: ClassVar[str | Message] = Message.of("not-found")
    is_described: ClassVar[bool] = True
    groups: ClassVar[tuple[str, ...]] = ()
    path_parameters: ClassVar[tuple[Parameter, ...]] = ()
    schemes: ClassVar[tuple[str, ...]] = ()
    refuses: ClassVar[tuple[int, ...]] = (400,)
    is_limited: ClassVar[bool] = False
    # The validated value, its text as it was sent (Postgres reads it), and the files that came beside it.
    body: Any = None
    body_text = ""
    files: form.Files = MappingProxyType({})

    # The slug of the refusal, as the log shows it.
    _refused = ""
    _is_prepared = False
    _is_done = False
    _refusing: asyncio.Task[None] | None = None
    _trace: traces.Trace | None = None

    def initialize(self) -> None:
        self.application.active += 1
        logs.request_id.set(self.request_id)
        if self.application.tracing is not None:
            self.application.tracing.begin_request(
                self.request.method or "", self.route, self.request_id, self.request.headers, self._scheme
            )
            self._trace = traces.current.get()

    @functools.cached_property
    def request_id(self) -> str:
        """Names this request in the log and in X-Request-ID; a client's or proxy's own id is kept."""
        given = self.request.headers.get("X-Request-ID", "")
        return given if _REQUEST_ID.fullmatch(given) else self.application.next_request_id()

    @property
    def route(self) -> str:
        """The template of the request's route, such as /api/invoices/{id}/."""
        found: str = getattr(self.request, "route", metrics.NO_ROUTE)
        return found

    @classmethod
    def methods(cls) -> list[str]:
        """The methods that the class defines, without HEAD and OPTIONS."""
        return [method for method in METHODS if getattr(cls, method.lower()) is not getattr(Handler, method.lower())]

    @classmethod
    def access_to(cls, method: str) -> Access[Any]:
        """What a method asks of its caller."""
        if isinstance(cls.access, Access):
            return cls.access
        return cls.access.get("GET" if method == "HEAD" else method) or cls.access["*"]

    @classmethod
    def allowed(cls) -> str:
        """The value of the Allow header (RFC 9110, 10.2.1)."""
        methods = cls.methods()
        return ", ".join([*methods, *(["HEAD"] if "GET" in methods else []), "OPTIONS"])

    # The query

    def asked(self, name: str, *, strip: bool = True) -> str:
        """The value of a query parameter, the last one if it was given several times; "" without it. strip: controls and blanks around it
        are not part of it."""
        return self.get_query_argument(self._declared(name), "", strip)

    def all_asked(self, name: str) -> list[str]:
        """The values of a query parameter that may be given several times."""
        return self.get_query_arguments(self._declared(name))

    def asks_for(self, name: str) -> bool:
        """Whether a query parameter was given, perhaps without a value."""
        return self._declared(name) in self.request.query_arguments

    def sent_parameters(self) -> list[tuple[str, str]]:
        """All names and values of the query, also those that nobody reads."""
        return [
            # Tornado decodes values, but leaves names as latin-1.
            (name.encode("latin-1").decode("utf-8", "replace"), value)
            for name in self.request.query_arguments
            for value in self.get_query_arguments(name)
        ]

    @property
    def last_event_id(self) -> str:
        """The id after which a reader of a stream wants to go on; "" without one. Where a client can't send the header, the parameter may
        be spelt in any way that libraries spell it."""
        self._declared("lastEventId")
        for name in self.request.query_arguments:
            if name.lower().replace("-", "").replace("_", "") == "lasteventid":
                return self.request.headers.get("Last-Event-ID") or self.get_query_argument(name)
        return self.request.headers.get("Last-Event-ID", "")

    def _declared(self, name: str) -> str:
        if all(name != parameter.name for parameter in self.parameters):
            raise LookupError(f"{type(self).__name__} reads the query parameter {name!r}, which it does not declare")
        return name

    # For the use case

    @property
    def db(self) -> "Database":
        return self.application.db

    @property
    def config(self) -> Any:
        """The settings. Their class is the application's own (core/settings.py), so core doesn't know its type."""
        return self.application.config

    @functools.cached_property
    def remote_address(self) -> str:
        """The client's address. X-Forwarded-For counts only as far as TRUSTED_PROXIES have written it: from its end, up to the first
        address that is not a trusted proxy's."""
        peer = network.address(self.request.remote_ip or "") or ""
        if self._is_from_proxy:
            for hop in reversed(self.request.headers.get("X-Forwarded-For", "").split(",")):
                address = network.address(hop)
                if address is None:
                    break
                peer = address
                if not network.among(address, self.config.trusted_proxies):
                    break
        return peer

    @property
    def user(self) -> str:
        """Who calls, as the log names them; "" if unknown. An application's base handler overrides this."""
        return ""

    @property
    def origin(self) -> str:
        """scheme://host of this server as the client sees it, for absolute URLs."""
        return f"{self._scheme}://{self.request.host}"

    @property
    def _scheme(self) -> str:
        # With several proxies, the first value is that of the client's connection.
        sent = self.request.headers.get("X-Forwarded-Proto", "") if self._is_from_proxy else ""
        scheme = sent.partition(",")[0].strip().lower()
        return scheme if scheme in ("http", "https") else "http"

    def header(self, name: str) -> str:
        """A header's text; "" without it. Clients send UTF-8, though RFC 9110 (5.5) only knows bytes; Tornado reads Latin-1."""
        return text.decoded(self.request.headers.get(name, ""))

    @property
    def any_origin(self) -> bool:
        """Whether pages of every origin may read the answer, without credentials. For a preflight: the answer that it asks about."""
        return False

    @property
    def asked_method(self) -> str:
        """The request's method; of a CORS preflight, that of the request which is to follow."""
        asked = self.request.headers.get("Access-Control-Request-Method", "")
        return asked if self.request.method == "OPTIONS" and asked else self.request.method or ""

    @property
    def _is_from_proxy(self) -> bool:
        trusted = self.config.trusted_proxies
        return bool(trusted) and network.among(self.request.remote_ip or "", trusted)

    # The way in

    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        """Tornado calls this for every argument of a query and a path. A text is searched for in its canonical form."""
        return text.cleaned(super().decode_argument(value, name))

    async def prepare(self) -> None:
        """Check everything that comes before the use case. Raises Problem."""
        self._is_prepared = True
        if self.request.method == "OPTIONS":
            # A browser sends a CORS preflight without credentials.
            return
        if not self.any_host and not network.host_allowed(self.request.host_name, self.config.allowed_hosts):
            raise Problem(400, "unknown-host", "This server does not answer to that host name (ALLOWED_HOSTS).")
        if self.authenticates:
            await self.authenticate()
        access = self.access_to(self.request.method or "")
        if access.check is not None:
            access.check(self)
        # The limit that the body was longer than. A caller who may not enter learns that first, and signs in again.
        limit = getattr(self.request, "body_too_long", 0)
        if limit:
            raise Problem(413, "too-long", Message.of("too-long", limit=f"{limit // 1024**2} MB"))

    @classmethod
    async def admits_large_body(cls, app: "Application", request: tornado.httputil.HTTPServerRequest) -> bool:
        """Whether a request may have a body of up to large_body. Asked once the request's head is read, and nothing of its body."""
        return False

    async def authenticate(self) -> None:
        """Find out who calls. An application's base handler overrides this: core knows no accounts. Raises Problem."""

    async def read_body(self, expected: schema.Schema) -> None:
        """Read and validate the body into self.body, self.body_text and self.files. A form, with files, may take the place of JSON
        whose values are not nested. Raises Problem: 400, 413, 415; LookupError: the method doesn't declare this body
        (core/http/declare.py), so that the description of the API would lack it."""
        self._check_declared(expected)
        kind = self._body_kind()
        if kind in form.TYPES and expected.shape.is_flat:
            self.body, self.body_text, self.files = await asyncio.to_thread(form.read, self.request, expected)
            return
        self.body, self.body_text = await self._read_json(kind, json_body.read, expected)

    async def read_items(self, expected: schema.Schema, most: int) -> list[json_body.Item]:
        """Read a JSON array of independent items, or one item alone, and validate each by itself (core/http/body.py). self.body_text
        has the right ones. Raises what read_body raises; Problem 400: more than `most` items."""
        found = await self.read_as(json_body.read_items, expected, most)
        self.body_text = found.text
        return found.items

    async def read_as(self, read: Callable[..., Read], expected: schema.Schema, *arguments: Any) -> Read:
        """What a function makes of the body as bytes, the schema, and further arguments; it runs in a thread if the body is large.
        Raises what read_body raises, and what the function raises."""
        self._check_declared(expected)
        return await self._read_json(self._body_kind(), read, expected, *arguments)

    def _check_declared(self, expected: schema.Schema) -> None:
        bodies = getattr(getattr(self, (self.request.method or "").lower()), "bodies", None)
        if bodies is None or expected not in bodies.schemas:
            raise LookupError(
                f"{type(self).__name__} reads the body {expected.name!r}, which the method does not declare"
            )

    def _body_kind(self) -> str:
        """The media type of the body, in lower case. Raises Problem 415: the body is encoded."""
        encoding = getattr(self.request, "body_encoding", "")
        if encoding:
            said = Message.of("content-encoding", encoding=encoding)
            raise Problem(415, "encoded", said, headers={"Accept-Encoding": "identity"})
        return text.decoded(form.sent_type(self.request)).partition(";")[0].strip().lower()

    async def _read_json(self, kind: str, read: Callable[..., Read], *arguments: Any) -> Read:
        """What `read` makes of the body. Raises Problem: 400, 413, 415."""
        if kind not in ("", "application/json") and not (kind.startswith("application/") and kind.endswith("+json")):
            raise Problem(415, "not-json-type", Message.of("media-type", kind=kind))
        if len(self.request.body) > self.json_limit:
            raise Problem(413, "too-long", Message.of("too-long", limit=f"{self.json_limit:,} bytes"))
        if len(self.request.body) < LARGE_BODY:
            return read(self.request.body, *arguments)
        return await asyncio.to_thread(read, self.request.body, *arguments)

    # The ways out

    def reply(
        self, body: str | bytes | dict[str, Any] | list[Any], status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        """Answer with JSON: finished text, as Postgres composes it, or a value."""
        self.set_status(status)
        for name, value in (headers or {}).items():
            self.set_header(name, value)
        self.finish(
            json.dumps(body, ensure_ascii=False, separators=(",", ":")) if isinstance(body, dict | list) else body
        )

    def reply_nothing(self) -> None:
        """Answer 204."""
        self.set_status(204)
        self.clear_header("Content-Type")
        self.finish()

    def refuse(self, problem: Problem) -> None:
        """Answer with the error body of the handler's dialect. Too late once the answer has begun: then the connection ends, without the
        end of the body, by which the client sees that it has only a part."""
        if self._finished:
            return
        if self._headers_written:
            self.request.connection.stream.close()  # type: ignore[union-attr]
            self.finish()
            return
        self.clear()
        for name, value in problem.headers.items():
            self.set_header(name, value)
        self._refused = f" refused={problem.slug}"
        # What core/http/inner.py hands on.
        self.request.refused = self.dialect.worded(problem)  # type: ignore[attr-defined]
        self.reply(self.dialect.render(problem), problem.status)

    def _handle_request_exception(self, error: BaseException) -> None:
        """Tornado calls this with whatever prepare() or the method raised, and would write an HTML page.

        It isn't a coroutine, but finding the right refusal may take a query; hence the task. Tornado reads no further request from
        the connection before this one is finished.
        """
        if self._is_prepared and isinstance(error, Exception):
            self._refusing = asyncio.create_task(self._answer_error(error))
        else:
            # Tornado itself refused the request before prepare(): an unknown method, a body that can't be parsed.
            super()._handle_request_exception(error)

    async def _answer_error(self, error: Exception) -> None:
        try:
            if isinstance(error, tornado.iostream.StreamClosedError):
                # The client has left, so nobody reads an answer.
                self.on_finish()
                if not self._finished:
                    self.finish()
                return
            try:
                problem = await self.resolve(error)
            except Problem as second:
                # Finding the refusal was itself refused, for example because the database is away.
                problem = second
            self.refuse(problem)
        except Exception as failure:
            # resolve(), a refusal or a dialect has a bug: Tornado logs it and answers 500, through write_error().
            super()._handle_request_exception(failure)
        finally:
            self._refusing = None

    async def resolve(self, error: BaseException) -> Problem:
        """The refusal for an exception. An unexpected one is logged with its traceback; the client gets a 500 without details."""
        if isinstance(error, Problem):
            return error
        if isinstance(error, asyncpg.IntegrityConstraintViolationError):
            refusal = self.application.refusals.get(error.constraint_name or "")
            if refusal is not None:
                return refusal if isinstance(refusal, Problem) else await refusal(self)
        if isinstance(error, tornado.web.HTTPError) and error.status_code < 500:
            # Tornado raises these: an argument that isn't UTF-8, a static file that doesn't exist.
            reason = error.reason or http.client.responses.get(error.status_code, "Refused")
            return Problem(error.status_code, "refused", reason)
        if isinstance(error, asyncpg.TransactionRollbackError):
            # Class 40: the transactions still conflicted after all attempts of core/data/database.py.
            log.warning("%s %s gave up: %s", self.request.method, self.request.path, error)
            return unavailable("The server is too busy at the moment. Please try again.")
        if isinstance(error, asyncpg.DataError | asyncpg.StatementTooComplexError):
            # The schemas should have refused it before, and named the field.
            log.warning("a value passed validation that Postgres refuses: %s", error)
            return Problem(400, "unstorable", "A value in the request can't be stored.")
        log.error("%s %s failed", self.request.method, self.request.path, exc_info=error)
        return Problem(
            500, "failed", "Something went wrong on the server. The request id is in the X-Request-ID header."
        )

    def set_default_headers(self) -> None:
        headers = self._headers
        headers["Server"] = product.NAME
        headers["Content-Type"] = "application/json"
        headers["X-Request-ID"] = self.request_id
        for name, value in _SECURITY.items():
            headers[name] = value
        if self.application.draining:
            headers["Connection"] = "close"
        if self.config.cors_allowed_origins:
            headers["Vary"] = "Origin"
        origin = self.request.headers.get("Origin", "")
        if origin in self.config.cors_allowed_origins:
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Allow-Credentials"] = "true"
        elif self.any_origin:
            headers["Access-Control-Allow-Origin"] = "*"
        if "Access-Control-Allow-Origin" in headers:
            headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS

    def compute_etag(self) -> str | None:
        """None: hashing every body would cost more than the few unchanged bodies would save."""
        return None

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Tornado's own refusals get the dialect's body too."""
        if status_code == 405:
            # A method that Tornado doesn't know.
            self.set_header("Allow", self.allowed())
        self.finish(self.dialect.render(Problem(status_code, "refused", self._reason)))

    def log_exception(self, kind: Any, value: Any, trace: Any) -> None:
        """Tornado calls this before write_error()."""
        if not isinstance(value, tornado.web.HTTPError):
            log.error("%s %s failed", self.request.method, self.request.path, exc_info=(kind, value, trace))

    def committed(self) -> None:
        """Called after each request that was not refused and may have written something, so perhaps an event."""
        self.application.events.hint()

    def on_finish(self) -> None:
        """Called by Tornado once the answer is written, and by core/live/streams.py when a stream takes over the connection."""
        if self._is_done:
            return
        self._is_done = True
        self.application.active -= 1
        self._note_answer()
        if self.request.method not in SAFE_METHODS and not self._refused:
            self.committed()

    def _note_answer(self) -> None:
        """Count the answer, and end its trace."""
        status, method = self.get_status(), self.request.method or ""
        # Without a length it is a stream, whose bytes are counted by themselves.
        length = self._headers.get("Content-Length", "0") if method != "HEAD" else "0"
        self.application.metrics.count_request(
            self.route,
            method if method in metrics.METHODS else metrics.OTHER_METHOD,
            status,
            self.request.request_time(),
            int(length),
        )
        if self._trace is not None:
            self._trace.end_request(status)

    def log_line(self) -> None:
        """Write the request's line into the access log."""
        status, user = self.get_status(), self.user
        # The path without its query, in which a token may be.
        access_log.info(
            "%s %s %d %.1fms from=%s%s%s",
            self.request.method,
            self.request.path,
            status,
            self.request.request_time() * 1000,
            self.remote_address,
            f" user={user}" if user else "",
            self._refused,
            extra=_REFUSAL if status >= 400 else None,
        )

    # Methods that a subclass doesn't define

    async def options(self, **parameters: str) -> None:
        """204: a CORS preflight, or a question for the methods."""
        self.set_header("Allow", self.allowed())
        if "Access-Control-Request-Method" in self.request.headers and "Access-Control-Allow-Origin" in self._headers:
            self.set_header("Access-Control-Allow-Methods", "DELETE, GET, OPTIONS, PATCH, POST, PUT")
            self.set_header("Access-Control-Allow-Headers", ALLOWED_HEADERS)
            self.set_header("Access-Control-Max-Age", str(PREFLIGHT_SECONDS))
        self.reply_nothing()

    async def _refuse_method(self, **parameters: str) -> None:
        said = Message.of("wrong-method", method=self.request.method)
        raise Problem(405, "wrong-method", said, headers={"Allow": self.allowed()})

    async def _get_without_body(self, **parameters: str) -> None:
        """HEAD is GET; Tornado leaves out the body (RFC 9110, 9.3.2)."""
        await self.get(**parameters)

    get: Callable[..., Awaitable[None]] = _refuse_method
    post: Callable[..., Awaitable[None]] = _refuse_method
    put: Callable[..., Awaitable[None]] = _refuse_method
    patch: Callable[..., Awaitable[None]] = _refuse_method
    delete: Callable[..., Awaitable[None]] = _refuse_method
    head: Callable[..., Awaitable[None]] = _get_without_body

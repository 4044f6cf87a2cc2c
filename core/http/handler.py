"""The base of all handlers: a request's way in (limits, host, CORS, who, may they), and every way out.

Method functions only do the use case; what they raise becomes a response here, in the dialect of their area.
"""

import asyncio
import functools
import http.client
import json
import logging
import re
from collections.abc import Awaitable, Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import asyncpg
import tornado.iostream
import tornado.web

from core import logs
from core.access import Access
from core.dialect import Dialect
from core.http import form, json_text, network, schema
from core.problem import Problem, invalid, unavailable

if TYPE_CHECKING:
    from core.data.database import Database
    from core.http.application import Application

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
JSON_LIMIT = 1_100_000  # bytes; reading JSON holds up everybody else, so who takes more says so (Handler.json_limit)
LARGE_BODY = 128 * 1024  # bytes from which reading a body goes to a thread: other requests must not wait for it
_REQUEST_ID = re.compile(r"[0-9A-Za-z._-]{1,64}")
_SECURITY = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin"}

log = logging.getLogger("tradepost.handler")
access_log = logging.getLogger("tradepost.access")


class Handler(tornado.web.RequestHandler):
    """A subclass names its `access` and `dialect`, and defines get, post, put, patch, delete as coroutines."""

    application: "Application"
    dialect: ClassVar[Dialect] = Dialect()
    access: ClassVar[Access | dict[str, Access]]  # of all methods, or by method, "*" for those not named
    authenticates: ClassVar[bool] = True  # False: whatever credentials come along are not looked at
    forms: ClassVar[bool] = False  # True: a body may also be a form, with files
    json_limit: ClassVar[int] = JSON_LIMIT  # bytes of a JSON body
    left = False  # no longer among the active requests
    refused = ""  # why, for the log
    body: Any = None  # the validated body
    body_text = ""  # and as it was sent, for Postgres
    files: form.Files = MappingProxyType({})  # what a form brought beside it

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for method in METHODS:
            own = cls.__dict__.get(method.lower())
            if own is not None:
                setattr(cls, method.lower(), _guarded(own))
                if method == "GET" and "head" not in cls.__dict__:
                    cls.head = cls.get

    def initialize(self) -> None:
        self.application.active += 1
        logs.request_id.set(self.request_id)

    @functools.cached_property
    def request_id(self) -> str:
        """Names this request in the log; a proxy's or client's own name for it is kept."""
        given = self.request.headers.get("X-Request-ID", "")
        return given if _REQUEST_ID.fullmatch(given) else self.application.next_request_id()

    @classmethod
    def methods(cls) -> list[str]:
        return [method for method in METHODS if getattr(cls, method.lower()) is not getattr(Handler, method.lower())]

    @classmethod
    def access_to(cls, method: str) -> Access:
        if isinstance(cls.access, Access):
            return cls.access
        return cls.access.get("GET" if method == "HEAD" else method) or cls.access["*"]

    @classmethod
    def allowed(cls) -> str:
        """What the Allow header says (RFC 9110, 10.2.1)."""
        methods = cls.methods()
        return ", ".join([*methods, *(["HEAD"] if "GET" in methods else []), "OPTIONS"])

    # What the use case needs

    @property
    def db(self) -> "Database":
        return self.application.db

    @property
    def config(self) -> Any:
        return self.application.config

    @functools.cached_property
    def remote_address(self) -> str:
        """The client's address; X-Forwarded-For is believed only as far as configured proxies wrote it."""
        peer = self.request.remote_ip or ""
        if self._from_proxy:
            for hop in reversed(self.request.headers.get("X-Forwarded-For", "").split(",")):
                hop = hop.strip()
                if not network.is_address(hop):
                    break
                peer = hop
                if not network.among(hop, self.config.trusted_proxies):
                    break
        return peer

    @property
    def origin(self) -> str:
        """scheme://host of this server as the client sees it, for absolute URLs."""
        scheme = self.request.headers.get("X-Forwarded-Proto", "") if self._from_proxy else ""
        return f"{scheme if scheme in ('http', 'https') else 'http'}://{self.request.host}"

    @property
    def _from_proxy(self) -> bool:
        trusted = self.config.trusted_proxies
        return bool(trusted) and network.among(self.request.remote_ip or "", trusted)

    # A request's way in

    async def enter(self) -> None:
        """Everything before the use case. Raises Problem."""
        if getattr(self.request, "body_too_long", False):
            raise Problem(413, "too-long", "The request body is longer than 10 MB.")
        if not network.host_allowed(self.request.host_name, self.config.allowed_hosts):
            raise Problem(400, "unknown-host", "This server does not answer to that host name (ALLOWED_HOSTS).")
        if self.authenticates:
            await self.authenticate()
        access = self.access_to(self.request.method or "")
        if access.check is not None:
            access.check(self)

    async def authenticate(self) -> None:
        """Find out who calls. An application's base handler does; core knows no accounts."""

    async def read_body(self, expected: schema.Schema) -> None:
        """Read and validate the body into self.body and self.body_text. Raises Problem: 415, 400."""
        kind = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if self.forms and kind in form.TYPES:
            self.body, self.body_text, self.files = await asyncio.to_thread(form.read, self.request, expected)
            return
        if kind not in ("", "application/json") and not (kind.startswith("application/") and kind.endswith("+json")):
            raise Problem(415, "not-json-type", f'Unsupported media type "{kind}" in request.')
        if len(self.request.body) > self.json_limit:
            raise Problem(413, "too-long", f"The request body is longer than {self.json_limit:,} bytes.")
        if len(self.request.body) < LARGE_BODY:
            self.body, self.body_text = _read(self.request.body, expected)
        else:
            self.body, self.body_text = await asyncio.to_thread(_read, self.request.body, expected)

    # The ways out

    def reply(
        self, body: str | bytes | dict[str, Any] | list[Any], status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        """Answer with JSON: text as Postgres composed it, or a value."""
        self.set_status(status)
        for name, value in (headers or {}).items():
            self.set_header(name, value)
        self.finish(
            json.dumps(body, ensure_ascii=False, separators=(",", ":")) if isinstance(body, dict | list) else body
        )

    def reply_nothing(self) -> None:
        self.set_status(204)
        self.clear_header("Content-Type")
        self.finish()

    def refuse(self, problem: Problem) -> None:
        """Answer with the area's error body."""
        if self._finished or self._headers_written:
            return
        self.clear()
        for name, value in problem.headers.items():
            self.set_header(name, value)
        self.refused = f" refused={problem.slug}"
        self.reply(self.dialect.render(problem), problem.status)

    async def resolve(self, error: BaseException) -> Problem:
        """The one place where an exception becomes a refusal; an unexpected one is logged with its traceback, and told nothing of."""
        if isinstance(error, Problem):
            return error
        if isinstance(error, asyncpg.IntegrityConstraintViolationError):
            refusal = self.application.refusals.get(error.constraint_name or "")
            if refusal is not None:
                return refusal if isinstance(refusal, Problem) else await refusal(self)
        if isinstance(error, tornado.web.HTTPError) and error.status_code < 500:
            # Tornado's own: an argument that is no UTF-8, a static file that isn't there.
            told = error.reason or http.client.responses.get(error.status_code, "Refused")
            return Problem(error.status_code, "refused", told)
        if isinstance(error, asyncpg.TransactionRollbackError):
            # 40: still in each other's way after all of core/data/database.py's attempts.
            log.warning("%s %s gave up: %s", self.request.method, self.request.path, error)
            return unavailable("The server is too busy at the moment. Please try again.")
        if isinstance(error, asyncpg.DataError | asyncpg.StatementTooComplexError):
            # A backstop: the schemas name the field before it gets here.
            log.warning("a value passed validation that Postgres refuses: %s", error)
            return Problem(400, "unstorable", "A value in the request can't be stored.")
        log.error("%s %s failed", self.request.method, self.request.path, exc_info=error)
        return Problem(
            500, "failed", "Something went wrong on the server. The request id is in the X-Request-ID header."
        )

    def set_default_headers(self) -> None:
        headers = self._headers
        headers["Server"] = "Tradepost"
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
                headers["Access-Control-Expose-Headers"] = "ETag, X-Request-ID, Retry-After"

    def compute_etag(self) -> str | None:
        return None  # hashing every body would cost more than the few unchanged ones save

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """What Tornado itself refuses (a malformed request line or form), in the dialect too."""
        self.finish(self.dialect.render(Problem(status_code, "refused", self._reason)))

    def log_exception(self, kind: Any, value: Any, trace: Any) -> None:
        if not isinstance(value, tornado.web.HTTPError):
            log.error("%s %s failed", self.request.method, self.request.path, exc_info=(kind, value, trace))

    def committed(self) -> None:
        """After a method that writes: it may have committed an event."""
        self.application.events.hint()

    def on_finish(self) -> None:
        """Called by Tornado, and by those who end a request in another way: no longer one that a stop waits for."""
        if not self.left:
            self.left = True
            self.application.active -= 1

    def log_line(self) -> None:
        # The path without its query: a token may be in it.
        access_log.info(
            "%s %s %d %.1fms from=%s%s", self.request.method, self.request.path, self.get_status(),
            self.request.request_time() * 1000, self.remote_address, self.refused,
        )  # fmt: skip

    # Methods that a subclass doesn't define

    async def options(self, **parameters: str) -> None:
        """A CORS preflight, or a plain question for the methods."""
        self.set_header("Allow", self.allowed())
        if "Access-Control-Request-Method" in self.request.headers and "Access-Control-Allow-Origin" in self._headers:
            self.set_header("Access-Control-Allow-Methods", "DELETE, GET, OPTIONS, PATCH, POST, PUT")
            self.set_header(
                "Access-Control-Allow-Headers",
                "authorization, content-type, x-api-key, x-request-id, last-event-id, if-match, if-none-match",
            )
            self.set_header("Access-Control-Max-Age", "86400")
        self.reply_nothing()

    async def _refuse_method(self, **parameters: str) -> None:
        try:
            await self.enter()
            raise Problem(
                405, "wrong-method", f'Method "{self.request.method}" not allowed.', headers={"Allow": self.allowed()}
            )
        except Exception as error:
            self.refuse(await self.resolve(error))

    head = get = post = put = patch = delete = _refuse_method


def body(schema_name: str) -> Callable[[Any], Any]:
    """Validate the request's body against schemas/NAME.json before the method runs."""
    expected = schema.load(schema_name)

    def decorate(method: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        @functools.wraps(method)
        async def with_body(self: Handler, **parameters: str) -> None:
            await self.read_body(expected)
            await method(self, **parameters)

        with_body.schema = expected  # type: ignore[attr-defined]
        return with_body

    return decorate


def _guarded(method: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @functools.wraps(method)
    async def guarded(self: Handler, **parameters: str) -> None:
        try:
            await self.enter()
            await method(self, **parameters)
        except tornado.iostream.StreamClosedError:
            self.on_finish()  # the client left; nobody is there to be told
        except Exception as error:
            try:
                problem = await self.resolve(error)
            except Problem as second:  # finding out what to say was refused too, for example with the database away
                problem = second
            self.refuse(problem)
            return
        if self.request.method not in ("GET", "HEAD"):
            self.committed()

    return guarded


def _read(sent: bytes, expected: schema.Schema) -> tuple[Any, str]:
    value, text = json_text.read(sent)
    if not expected.accepts(value):
        raise invalid(expected.errors(value))
    return value, text

"""Requests of a page to this server's own API, within the process: the API validates, refuses and records them like those of any client."""

import asyncio
import json
import secrets
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import tornado.httputil
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from core.http import form
from core.http.handler import Handler
from core.problem import Problem

# How long a token is valid that such a request carries: it is used at once.
TOKEN_SECONDS = 60


class Body(NamedTuple):
    """The body of a request. kind: its media type."""

    kind: str
    content: bytes


def expiry() -> float:
    """When the token of such a request expires (epoch seconds)."""
    return time.time() + TOKEN_SECONDS


def form_of(request: HTTPServerRequest) -> Body:
    """The form that a request has brought, with the fields and files that are left of it (core/http/form.py)."""
    arguments, files = form.parts(request)
    boundary = secrets.token_hex(16)
    parts = [(_disposition(name), sent) for name, texts in arguments.items() for sent in texts]
    parts += [
        (f"{_disposition(name)}; filename={_quoted(one.filename)}\r\nContent-Type: {one.content_type}", one.body)
        for name, found in files.items()
        for one in found
    ]
    content = b"".join(
        f"--{boundary}\r\nContent-Disposition: {head}\r\n\r\n".encode() + sent + b"\r\n" for head, sent in parts
    )
    return Body(f"multipart/form-data; boundary={boundary}", content + f"--{boundary}--\r\n".encode())


def _disposition(name: str) -> str:
    return f"form-data; name={_quoted(name)}"


def _quoted(name: str) -> str:
    """A name as browsers write it in a form (WHATWG, HTML, 4.10.21.8)."""
    return '"' + name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A") + '"'


class _Connection(tornado.httputil.HTTPConnection):
    """Collects an answer. It stands on the connection of the outer request: when that closes, nobody waits for the answer."""

    def __init__(self, outer: Any) -> None:
        self.stream = outer.stream
        self.start_line: Any = None
        self.content = bytearray()
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def write_headers(
        self, start_line: Any, headers: HTTPHeaders, chunk: bytes | None = None
    ) -> "asyncio.Future[None]":
        self.start_line = start_line
        return self.write(chunk or b"")

    def write(self, chunk: bytes) -> "asyncio.Future[None]":
        self.content += chunk
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        written.set_result(None)
        return written

    def finish(self) -> None:
        if not self.finished.done():
            self.finished.set_result(None)

    def set_close_callback(self, callback: Any) -> None:
        """Nothing: the outer request's handler has its own."""


async def ask(handler: Handler, method: str, path: str, body: Body | None, headers: dict[str, str]) -> Any:
    """The JSON that the API answers; None without a body. headers: the credentials.

    The request has the id, host and address of the outer one, so the audit and the log name who has sent that.
    Raises Problem: the refusal of the API, in its words, whose fields are those of its body.
    """
    # A task has a context of its own, so the request id and the trace of the outer request stay what they are.
    return await asyncio.create_task(_ask(handler, method, path, body, headers))


async def _ask(handler: Handler, method: str, path: str, body: Body | None, headers: dict[str, str]) -> Any:
    outer = handler.request
    sent = HTTPHeaders(
        {"Host": outer.host, "X-Request-ID": handler.request_id, "Accept": "application/json", **headers}
    )
    if "User-Agent" in outer.headers:
        sent["User-Agent"] = outer.headers["User-Agent"]
    if body is not None:
        sent["Content-Type"], sent["Content-Length"] = body.kind, str(len(body.content))
    connection = _Connection(outer.connection)
    start_line = RequestStartLine(method, path, "HTTP/1.1")
    request = HTTPServerRequest(start_line=start_line, headers=sent, connection=connection)
    request.path = urlsplit(path).path
    request.remote_ip, request.protocol = handler.remote_address, outer.protocol
    delegate = handler.application.find_handler(request)
    await _passed(delegate.headers_received(start_line, sent))
    if body is not None:
        await _passed(delegate.data_received(body.content))
    delegate.finish()
    await connection.finished
    problem: Problem | None = getattr(request, "refused", None)
    if problem is not None:
        raise problem
    return json.loads(connection.content) if connection.content else None


async def _passed(waiting: Any) -> None:
    if waiting is not None:
        await waiting

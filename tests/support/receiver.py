"""A receiver of webhooks: a real server, which records what comes and answers as a test wants."""

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from aiohttp import web
from standardwebhooks import Webhook

from tests.support.deadlines import until


class Received(NamedTuple):
    """One request, as it came."""

    path: str
    headers: Any
    body: bytes
    request: web.Request

    @property
    def id(self) -> str:
        return str(self.headers["webhook-id"])

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def is_signed_by(self, secret: str) -> bool:
        """By hand, as the specification says, and by the library: both must agree."""
        signed = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        key = base64.b64decode(secret.removeprefix("whsec_"))
        own = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        by_hand = own in self.headers["webhook-signature"].split(" ")
        try:
            Webhook(secret).verify(self.body, dict(self.headers))
            by_library = True
        except Exception:
            by_library = False
        assert by_hand == by_library
        return by_hand


# Gets a request; returns the status, or a whole response.
Answering = Callable[[Received], Awaitable[int | web.StreamResponse]]


def answer_of(status: int) -> Answering:
    """Answers with this status."""

    async def answer(received: Received) -> int:
        return status

    return answer


async def accept(received: Received) -> int:
    """Answer 204."""
    return 204


class Receiver:
    """`async with Receiver() as receiver`. answering: what it answers. received: what has come, also what was refused."""

    def __init__(self, answering: Answering = accept) -> None:
        self.answering = answering
        self.received: list[Received] = []
        self.url = ""

    async def __aenter__(self) -> "Receiver":
        return await self.open(None)

    async def open(self, tls: ssl.SSLContext | None) -> "Receiver":
        """Begin to listen, with TLS if a context is given."""
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        received = Received(request.path, request.headers, await request.read(), request)
        self.received.append(received)
        answer = await self.answering(received)
        return web.Response(status=answer) if isinstance(answer, int) else answer

    async def wait_for(self, count: int) -> list[Received]:
        """The requests, as soon as there are so many."""
        await until(lambda: len(self.received) >= count)
        return self.received


async def for_ever(received: Received) -> int:
    """Never answer."""
    await asyncio.Event().wait()
    return 500

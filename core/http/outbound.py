"""Requests of this server to places that somebody else has named. What a place may be is in core/http/destination.py.

Names are looked up by threads of its own (core/http/look_ups.py), so that slow name servers keep nothing else waiting. All addresses of a name must be
admitted; the connection is made to one of them, and judged once more when its socket is made. Redirects are not followed, proxies of the
environment are not used, answers are read up to a limit and never unpacked.

aiohttp takes some 150 ms to import, so it is imported with the first request.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Hashable
from contextvars import ContextVar
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from core.http import destination
from core.http.destination import Refused
from core.http.look_ups import LookUps

if TYPE_CHECKING:
    import aiohttp

# For a connection, with the look-up of its name and TLS.
CONNECT_SECONDS = 5.0
# For a request and its answer.
WHOLE_SECONDS = 10.0
# Bytes of an answer that are read.
MOST_READ = 64 * 1024
# A connection that is not used for so long is closed. Receivers close theirs after 2 s or more, and one that is closed at the moment of its
# next use would look like a failure.
KEPT_SECONDS = 1.0
# For whom a request is, whose look-ups are counted. aiohttp has no way to hand it through.
_asker: ContextVar[Hashable] = ContextVar("asker", default=None)


class Response(NamedTuple):
    """What came back. body: its beginning. retry_after: seconds that the other side asks for."""

    status: int
    body: bytes
    retry_after: float | None


class Unreachable(Exception):
    """There was no answer: no connection, no valid answer, or none in time. The message says which."""


class Outbound:
    """A client for all requests of a process. Open connections are kept for the next request to the same place; `await close()` ends them."""

    def __init__(self, *, allow_private: bool, whole_seconds: float = WHOLE_SECONDS) -> None:
        self._allow_private, self._whole_seconds = allow_private, whole_seconds
        self._session: aiohttp.ClientSession | None = None
        self._look_ups: LookUps | None = None

    async def post(self, url: str, body: bytes, headers: dict[str, str], asker: Hashable = None) -> Response:
        """Send a POST and read the answer. asker: for whom, of whom only a few names are looked up at a time. Raises Refused: the URL leads where
        nothing is sent; Unreachable."""
        _asker.set(asker)
        target = destination.check_url(url, allow_private=self._allow_private)
        session = self._session or self._open()
        import aiohttp

        try:
            async with session.post(target, data=body, headers=headers, allow_redirects=False) as response:
                return Response(response.status, await _beginning(response), _retry_after(response.headers))
        except TimeoutError:
            raise Unreachable("There was no answer in time.") from None
        except aiohttp.ClientConnectorDNSError as error:
            if isinstance(error.os_error, _NotAdmitted):
                raise Refused(str(error.os_error)) from None
            raise Unreachable("The host was not found.") from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise Unreachable(f"The certificate is not valid: {_reason(error.certificate_error)}") from None
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, _NotAdmitted):
                raise Refused(str(error.os_error)) from None
            raise Unreachable(f"There was no connection: {_reason(error.os_error)}") from None
        except (aiohttp.ClientError, ValueError) as error:
            raise Unreachable(f"The connection broke: {type(error).__name__}.") from None

    async def check(self, url: str, seconds: float, asker: Hashable = None) -> None:
        """Check a URL, with the addresses of its host as far as they are found in so many seconds. Raises Refused."""
        target = destination.check_url(url, allow_private=self._allow_private)
        _asker.set(asker)
        try:
            async with asyncio.timeout(seconds):
                await self.look_up(target.raw_host or "")
        except _NotAdmitted as error:
            raise Refused(str(error)) from None
        except (OSError, TimeoutError):
            # It is checked again before anything is sent there.
            pass

    async def look_up(self, host: str, family: int = socket.AF_UNSPEC) -> list[Any]:
        """The addresses of a host as socket.getaddrinfo returns them. Raises OSError: the host has no address, or one that is not admitted."""
        if self._look_ups is None:
            self._look_ups = LookUps(lambda address: self._judge(address))
        return await self._look_ups.find(host, family, _asker.get())

    def _judge(self, address: str) -> None:
        if not destination.is_admitted(address, allow_private=self._allow_private):
            raise _NotAdmitted("The host leads to an address that is not public.")

    def _make_socket(self, found: Any) -> socket.socket:
        """The socket of a connection. Whatever way led to the address, it is judged here."""
        family, kind, protocol, _, where = found
        self._judge(str(where[0]))
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made

    def _open(self) -> "aiohttp.ClientSession":
        import aiohttp

        from core.http.connector import Connector
        from core.http.resolver import Resolver

        connector = Connector(
            limit=0,
            resolver=Resolver(self),
            # LookUps keeps answers itself. In aiohttp's cache the first account that asks would wait for all, at the cost of its own share.
            use_dns_cache=False,
            keepalive_timeout=KEPT_SECONDS,
            socket_factory=self._make_socket,
            ssl=ssl.create_default_context(),
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=self._whole_seconds, connect=min(CONNECT_SECONDS, self._whole_seconds)),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
        )
        return self._session

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        if self._look_ups is not None:
            self._look_ups.close()
            self._look_ups = None


class _NotAdmitted(OSError):
    """An address to which nothing is sent."""


async def _beginning(response: "aiohttp.ClientResponse") -> bytes:
    """The first MOST_READ bytes of the body. What has come counts, even if the rest does not come: the status is known."""
    import aiohttp

    found = bytearray()
    try:
        while len(found) < MOST_READ:
            part = await response.content.read(MOST_READ - len(found))
            if not part:
                return bytes(found)
            found += part
    except (TimeoutError, aiohttp.ClientError):
        pass
    # There may be more, which is not waited for.
    response.close()
    return bytes(found)


def _retry_after(headers: Any) -> float | None:
    """The seconds of a Retry-After header (RFC 9110, 10.2.3); None without a valid one."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _reason(error: BaseException) -> str:
    """What an error of the system or of TLS says, on one line."""
    said = getattr(error, "verify_message", None) or getattr(error, "strerror", None) or type(error).__name__
    return " ".join(str(said).split())[:200]

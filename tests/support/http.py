"""The HTTP client of the tests: aiohttp's, with the credentials and the bodies that our API takes."""

import json
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from tests.support.deadlines import DEADLINE
from tests.support.described import described

IMPORT_KEY = "test-import-key"
# The password of the accounts that the fixture sign_in makes.
PASSWORD = "password123"
BOUNDARY = "boundary-of-tests"
# The headers that aiohttp would add by itself: a test says what it sends.
UNSENT = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")


@dataclass
class Answer:
    """An HTTP response, read to its end."""

    status: int
    headers: Any
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def multipart(form: dict[str, Any], files: dict[str, tuple[str, bytes]]) -> tuple[str, bytes]:
    """The content type and the body of a form (RFC 7578)."""
    parts = [
        (f'name="{name}"', str(one).encode())
        for name, value in form.items()
        for one in (value if isinstance(value, list) else [value])
    ]
    parts += [
        (f'name="{name}"; filename="{filename}"\r\nContent-Type: application/octet-stream', data)
        for name, (filename, data) in files.items()
    ]
    body = b"".join(
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + data + b"\r\n"
        for head, data in parts
    )
    return f"multipart/form-data; boundary={BOUNDARY}", body + f"--{BOUNDARY}--\r\n".encode()


async def open_session(most: int = 10, *, keep: bool = True) -> aiohttp.ClientSession:
    """A client that keeps its connections, as browsers and proxies do, or opens one for each request, as a crowd does.

    Of more than `most` requests at once, some wait.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=most, force_close=not keep),
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=UNSENT,
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=DEADLINE),
    )


class Api:
    """A client of the server under test. `token` and `key` go along as credentials where given."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self._session, self.base_url = session, base_url

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        form: dict[str, Any] | None = None,
        files: dict[str, tuple[str, bytes]] | None = None,
        is_described: bool = True,
    ) -> Answer:
        """Send a request and read the answer; redirects are not followed. ConnectionError: the server closed the connection.

        body: bytes are sent as they are, anything else as JSON. form (a list repeats its field), files (name and content):
        sent as multipart/form-data instead.

        The answer has to be as the description of the API says (tests/support/described.py), unless the test makes it another one
        on purpose: is_described False.
        """
        sent = {} if body is None else {"Content-Type": "application/json"}
        if form is not None or files is not None:
            sent["Content-Type"], body = multipart(form or {}, files or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        if key is not None:
            sent["X-API-KEY"] = key
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        # encoded: the path goes out as the test wrote it.
        url = URL(path if "://" in path else self.base_url + path, encoded=True)
        try:
            async with self._session.request(
                method, url, data=data, headers={**sent, **(headers or {})}, allow_redirects=False
            ) as response:
                answer = Answer(response.status, response.headers, await response.read())
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
            raise ConnectionError(f"{method} {path[:200]}: {error!r}") from error
        if "multipart" in sent.get("Content-Type", "") or "Content-Type" in (headers or {}):
            data = None
        if is_described:
            fault = described().fault(method, url.raw_path, data, answer.status, answer.headers, answer.body)
            assert not fault, f"{method} {path[:200]}: {fault}"
        return answer

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.call("GET", path, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> Answer:
        return await self.call("POST", path, body if body is not None else {}, **more)

    async def import_invoice(self, invoice: Any) -> Answer:
        return await self.post("/api/sales/import/invoice/", invoice, key=IMPORT_KEY)

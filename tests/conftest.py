"""What the tests run on: a real Postgres and a real Redis of their own, a fresh database a module, the real application."""

import asyncio
import contextlib
import inspect
import itertools
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import psutil
import pytest
import tornado.httpclient
import tornado.ioloop
from tornado.httputil import HTTPHeaders

from core import passwords
from core.data import migrations
from core.embedded.home import Home, HomeError, open_home
from core.embedded.postgres import EmbeddedPostgres, start_postgres
from core.embedded.redis import EmbeddedRedis, start_redis
from core.http.application import Application
from core.run.process import Process
from core.run.process import http_server as make_http_server
from handlers.accounts import commands
from handlers.api import areas
from handlers.settings import Settings

IMPORT_KEY = "test-import-key"
PASSWORD = "password123"
TEMPLATE = "template_of_tests"
FOLDER = "tradepost-tests-"
BOUNDARY = "boundary-of-tests"
_numbers = itertools.count(1)

# Where Python may not keep what it compiles beside its sources, each of the workers of pytest and of the programs that tests
# start (a hundred) would compile everything anew, which takes 2 to 7 s. So they keep it with the virtual environment.
if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(Path(sys.prefix) / "bytecode")
    sys.dont_write_bytecode = False


def each(names: str, values: Iterable[Any]) -> Callable[[Any], Any]:
    """As pytest.mark.parametrize, but all values in one test, on one server: starting one for each of a hundred takes longer
    than asking it all of them. What fails says with which values."""
    argnames, rows = [name.strip() for name in names.split(",")], list(values)

    def decorate(test: Any) -> Any:
        signature = inspect.signature(test)

        async def looped(*args: Any, **fixtures: Any) -> None:
            for row in rows:
                given = dict(zip(argnames, row if len(argnames) > 1 else (row,), strict=True))
                try:
                    await test(*args, **fixtures, **given)
                except BaseException as error:
                    error.add_note(f"with {', '.join(f'{name}={value!r:.300}' for name, value in given.items())}")
                    raise

        looped.__name__, looped.__doc__ = test.__name__, test.__doc__
        kept = [parameter for name, parameter in signature.parameters.items() if name not in argnames]
        looped.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
        looped.pytestmark = getattr(test, "pytestmark", [])  # type: ignore[attr-defined]
        return looped

    return decorate


@dataclass
class Services:
    postgres: EmbeddedPostgres
    redis: EmbeddedRedis | None

    def dsn(self, database: str) -> str:
        return self.postgres.dsn.replace("@/tradepost", f"@/{database}")

    def run(self, *statements: str) -> None:
        """Run statements that can't be in a transaction, such as CREATE DATABASE."""

        async def run() -> None:
            connection = await asyncpg.connect(self.postgres.dsn)
            try:
                for statement in statements:
                    await connection.execute(statement)
            finally:
                await connection.close()

        run_apart(run())


def run_apart(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in a thread's own event loop: asyncio.run would take the test's current one away."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


def sweep(temporary: Path, age: float = 60) -> None:
    """End and remove what killed runs have left there. A run that goes on holds the lock of its home, and one that has
    just begun may not hold it yet."""
    for folder in temporary.glob(f"{FOLDER}*"):
        try:
            found = folder.lstat()
            if found.st_uid != os.geteuid() or time.time() - found.st_mtime < age:
                continue
            home = open_home(folder / "home")
        except (FileNotFoundError, HomeError):  # another run's sweep was quicker, or the run goes on
            continue
        _end_processes(folder)
        shutil.rmtree(folder, ignore_errors=True)
        home.close()


def _end_processes(folder: Path) -> None:
    """Those with a path below the folder in their command line, or as their working directory."""
    below, spared = f"{folder}/", {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = {}
    for process in psutil.process_iter(["cmdline", "cwd", "ppid"]):
        words = [*(process.info["cmdline"] or ()), f"{process.info['cwd']}/"]
        if process.pid not in spared and any(below in word for word in words):
            found[process.pid] = process
    for process in found.values():
        if process.info["ppid"] not in found:  # Postgres ends its own
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
    for process in psutil.wait_procs(found.values(), 5)[1]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


@pytest.fixture(scope="session")
def home_of_run() -> Iterator[Home]:
    """Held from the beginning, so that no other run takes this one for dead."""
    sweep(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=FOLDER))
    folder.chmod(0o711)
    home = open_home(folder / "home")
    yield home
    home.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def home_folder(home_of_run: Home) -> Path:
    """A folder that the account which Postgres runs as (when we are root) can pass through."""
    return home_of_run.path.parent


async def _migrate(dsn: str) -> None:
    await migrations.apply(dsn)


@pytest.fixture(scope="session")
def services(home_of_run: Home) -> Iterator[Services]:
    """One Postgres and one Redis for the whole run (for each xdist worker), with a migrated template database."""
    found = Services(start_postgres(home_of_run, durable=False), start_redis(home_of_run))
    found.run(f"CREATE DATABASE {TEMPLATE}")
    run_apart(_migrate(found.dsn(TEMPLATE)))
    yield found
    if found.redis:
        found.redis.stop()
    found.postgres.stop()


@pytest.fixture(scope="module")
def database_url(services: Services) -> Iterator[str]:
    """A database of this module's own."""
    name = f"test_{next(_numbers)}"
    services.run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
    yield services.dsn(name)
    services.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def settings(database_url: str, services: Services, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The module's settings."""
    return Settings(
        secret_key="test-secret-key-of-at-least-32-bytes!",
        database_url=database_url,
        redis_url=services.redis.url if services.redis else "",
        redis_prefix=f"test-{os.getpid()}-{next(_numbers)}:",
        sales_import_api_key=IMPORT_KEY,
        bcrypt_cost=4,
        db_pool_size=10,
        sse_keepalive_seconds=0.2,
        media_root=str(tmp_path_factory.mktemp("media")),
    )


@pytest.fixture
def changed_settings() -> dict[str, Any]:
    """Fields of Settings that a test wants otherwise: @pytest.mark.parametrize("changed_settings", [{…}])."""
    return {}


@pytest.fixture(scope="module")
def io_loop() -> Iterator[Any]:
    """One for the module, where pytest-tornado has one for each test: connections to Postgres live as long as their loop."""
    loop = tornado.ioloop.IOLoop(make_current=False)
    asyncio.set_event_loop(loop.asyncio_loop)
    yield loop
    asyncio.set_event_loop(None)
    loop.close(all_fds=True)


@pytest.fixture(scope="module")
def pools(io_loop: Any) -> Iterator[dict[Any, Any]]:
    """By address, size and statement cache: the pools of the module's servers, of which each test has another."""
    found: dict[Any, Any] = {}
    yield found
    for pool in found.values():
        pool.terminate()


async def kept_open() -> None:
    """Instead of Database.close."""


@pytest.fixture(autouse=True)
def nothing_goes_on(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a test has left running in the module's loop must not reach into the next."""

    async def end_tasks() -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=1)

    loop = request.getfixturevalue("io_loop") if "io_loop" in request.fixturenames else None
    yield
    if loop:
        loop.run_sync(end_tasks)


@pytest.fixture
def process(
    io_loop: Any, pools: dict[Any, Any], settings: Settings, changed_settings: dict[str, Any]
) -> Iterator[Process]:
    """One server process, open, in the test's event loop."""
    started = Process(
        replace(settings, **changed_settings), areas.router(), areas.refusals(), areas.duties(), areas.listeners()
    )
    # The connections carry no state (core/data/database.py), and what they have planned serves the next test as well.
    database = started.app.db
    config = started.config
    kind = (config.database_url, config.db_pool_size, config.db_statement_cache)
    database._pool = pools.get(kind)
    io_loop.run_sync(started.open)
    pools[kind], database.close = database._pool, kept_open
    yield started
    io_loop.run_sync(started.close)


@pytest.fixture
def app(process: Process) -> Application:
    """What pytest-tornado serves."""
    return process.app


@pytest.fixture
def http_server(app: Application, io_loop: Any, _unused_port: Any) -> Iterator[Any]:
    """pytest-tornado's, but with our limits."""
    server = make_http_server(app)
    server.add_socket(_unused_port[0])
    yield server
    server.stop()
    io_loop.run_sync(server.close_all_connections)


@dataclass
class Answer:
    status: int
    headers: Any
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


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


class KeptConnections:
    """A client with Tornado's interface that keeps its connections, as browsers and proxies do: opening one for each request takes
    longer than most requests. Of more than `most` at once, some wait."""

    def __init__(self, most: int = 10) -> None:
        self._turns = asyncio.Semaphore(most)
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._open: set[asyncio.StreamWriter] = set()

    async def fetch(
        self, request: tornado.httpclient.HTTPRequest, raise_error: bool
    ) -> tornado.httpclient.HTTPResponse:
        url = urlsplit(request.url)
        headers = {"Host": url.netloc, **request.headers}
        if request.body is not None:
            headers["Content-Length"] = str(len(request.body))
        path = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"{request.method} {path} HTTP/1.1\r\n".encode() + f"{lines}\r\n".encode("latin-1")
        async with self._turns, asyncio.timeout(request.request_timeout):
            reader, writer = await self._connection(url.port or 80)
            try:
                writer.write(head + (request.body or b""))
                status, found, body = await self._response(reader, request.method)
            except BaseException:
                self._close(writer)
                raise
        if found.get("Connection") == "close":
            self._close(writer)
        else:
            self._idle.append((reader, writer))
        return tornado.httpclient.HTTPResponse(request, status, found, BytesIO(body))

    async def _connection(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and writer.get_extra_info("peername")[1] == port:
                return reader, writer
            self._close(writer)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        self._open.add(writer)
        return reader, writer

    async def _response(self, reader: asyncio.StreamReader, method: str) -> tuple[int, HTTPHeaders, bytes]:
        first, _, lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").partition("\r\n")
        status, headers = int(first.split()[1]), HTTPHeaders.parse(lines)
        if method == "HEAD" or status in (204, 304):
            return status, headers, b""
        if headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(await reader.readline(), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readline()
            return status, headers, body
        if "Content-Length" not in headers:  # Tornado's own refusals end with the connection
            return status, headers, await reader.read()
        return status, headers, await reader.readexactly(int(headers["Content-Length"]))

    def _close(self, writer: asyncio.StreamWriter) -> None:
        self._open.discard(writer)
        writer.close()

    def close(self) -> None:
        for writer in list(self._open):
            self._close(writer)


class Api:
    """A client of the server under test. `token` and `key` go along as credentials where given."""

    def __init__(self, client: Any, base_url: str) -> None:
        self._client, self.base_url = client, base_url

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
    ) -> Answer:
        """body: bytes are sent as they are, anything else as JSON. form (a list repeats its field), files (name and content):
        sent as multipart/form-data instead."""
        sent = {} if body is None else {"Content-Type": "application/json"}
        if form is not None or files is not None:
            sent["Content-Type"], body = multipart(form or {}, files or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        if key is not None:
            sent["X-API-KEY"] = key
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        request = tornado.httpclient.HTTPRequest(
            path if "://" in path else self.base_url + path, method=method, headers={**sent, **(headers or {})}, body=data,
            allow_nonstandard_methods=True, follow_redirects=False, request_timeout=20,
        )  # fmt: skip
        response = await self._client.fetch(request, raise_error=False)
        if response.code == 599:
            raise response.error
        return Answer(response.code, response.headers, response.body.decode())

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.call("GET", path, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> Answer:
        return await self.call("POST", path, body if body is not None else {}, **more)

    async def import_invoice(self, invoice: Any) -> Answer:
        return await self.post("/api/sales/import/invoice/", invoice, key=IMPORT_KEY)


@pytest.fixture
def api(http_server: Any, base_url: str) -> Iterator[Api]:
    client = KeptConnections()
    yield Api(client, base_url)
    client.close()


@pytest.fixture
def db(io_loop: Any, settings: Settings) -> Iterator[Any]:
    """A connection to the module's database, as another program would have it."""
    connection = io_loop.run_sync(lambda: asyncpg.connect(settings.database_url))
    yield connection
    io_loop.run_sync(connection.close)


PASSWORD_HASH = passwords.hash_now(PASSWORD, 4)


@pytest.fixture
def sign_in(api: Api, app: Application) -> Callable[..., Any]:
    """`await sign_in("PICKER")`: the sign-in answer (JSON) of an account with that role, made when first asked for."""

    async def sign_in(role: str = "USER", email: str | None = None) -> Any:
        email = email or f"{role.lower()}@example.com"
        await commands.query.create_account(
            app.db, email=email, username="", name=role.title(), role=role, password_hash=PASSWORD_HASH,
            is_staff=role in ("SUPERADMIN", "ADMIN"), is_superuser=role == "SUPERADMIN",
        )  # fmt: skip
        answer = await api.post("/api/auth/login/", {"email": email, "password": PASSWORD})
        assert answer.status == 200, answer.text
        return answer.json

    return sign_in


_invoice_numbers = itertools.count(1)


@pytest.fixture
def invoice() -> Callable[..., dict[str, Any]]:
    """`invoice(remarks="…")`: an import body as seed 000 shows it, with a number of its own."""

    def invoice(**changes: Any) -> dict[str, Any]:
        return {
            "invoice_no": f"INV-{next(_invoice_numbers):05}",
            "invoice_date": "2025-01-18",
            "salesman": "Ajay",
            "created_by": "admin",
            "customer": {
                "code": "CUST-889", "name": "LifeCare Pharmacy", "area": "Kozhikode", "address1": "Near Railway Station",
                "address2": "", "phone1": "9876543210", "phone2": "", "email": "lifecare@shop.com",
            },
            "items": [
                {"name": "Paracetamol 650mg", "item_code": "PR650", "quantity": 20, "mrp": 3.50, "shelf_location": "R-12", "remarks": ""},
                {"name": "Otrivin Nasal Spray", "item_code": "OTN10", "quantity": 10, "mrp": 85.00, "shelf_location": "G-04", "remarks": ""},
            ],
            **changes,
        }  # fmt: skip

    return invoice


class EventStream:
    """A reader of a live stream, on a plain socket. `await stream.event()` is the next block, as a dict of its fields."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.status = 0
        self.headers: dict[str, str] = {}
        self.last_id: str | None = None

    @classmethod
    async def open(
        cls, base_url: str, path: str = "/api/sales/sse/invoices/", headers: dict[str, str] | None = None
    ) -> "EventStream":
        host, port = base_url.removeprefix("http://").split(":")
        stream = cls(*await asyncio.open_connection(host, int(port), limit=4 * 1024 * 1024))
        lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        stream._writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n{lines}\r\n".encode())
        head = (await stream._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        stream.status = int(head[0].split()[1])
        stream.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        return stream

    async def block(self, seconds: float = 5) -> str:
        """The next block as it came: fields, or a comment. '' when the server closed the stream."""
        try:
            raw = await asyncio.wait_for(self._reader.readuntil(b"\n\n"), seconds)
        except asyncio.IncompleteReadError:
            return ""
        text = raw.decode()[:-2]
        for line in text.split("\n"):
            if line.startswith("id: "):
                self.last_id = line[4:]
        return text

    async def event(self, seconds: float = 5) -> dict[str, str]:
        """The next block that dispatches an event (has data)."""

        async def next_event() -> dict[str, str]:
            while True:
                block = await self.block(seconds)
                if not block:
                    raise ConnectionResetError("the server closed the stream")
                fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
                if "data" in fields:
                    return fields

        return await asyncio.wait_for(next_event(), seconds)

    async def invoice(self, seconds: float = 5) -> Any:
        return json.loads((await self.event(seconds))["data"])

    def close(self) -> None:
        self._writer.close()


@pytest.fixture
def stream(base_url: str, http_server: Any, process: Process) -> Iterator[Callable[..., Any]]:
    """`await stream(headers={"Last-Event-ID": "7"})`: an open reader of the invoice stream, past its opening block,
    which is told only of what is committed from now on."""
    opened: list[EventStream] = []

    async def stream(path: str = "/api/sales/sse/invoices/", **more: Any) -> EventStream:
        await process.app.events.relay()
        found = await EventStream.open(base_url, path, **more)
        opened.append(found)
        if found.status == 200:
            assert (await found.block()).startswith("retry: ")
        return found

    yield stream
    for one in opened:
        one.close()

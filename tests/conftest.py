"""The fixtures of all tests: a real Postgres and Redis, a database for each module, the application, clients."""

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import tornado.ioloop
from multidict import CIMultiDict

from core import passwords
from core.data import database as database_module
from core.embedded.home import Home, open_home
from core.embedded.postgres import start_postgres
from core.embedded.redis import start_redis
from core.http.application import Application
from core.run.process import Process
from core.run.process import http_server as make_http_server
from handlers.accounts import commands
from handlers.api import areas
from handlers.settings import Settings
from tests.support.deadlines import PATIENCE
from tests.support.described import described
from tests.support.http import IMPORT_KEY, PASSWORD, Api, open_session
from tests.support.services import FOLDER, TEMPLATE, Services, migrate, run_apart, sweep
from tests.support.sse import EventStream
from tests.support.visitor import Visitor

pytest_plugins = ["tests.support.plugin"]

PASSWORD_HASH = passwords.hash_now(PASSWORD, 4)
_numbers = itertools.count(1)
_invoice_numbers = itertools.count(1)


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


@pytest.fixture(scope="session")
def services(home_of_run: Home) -> Iterator[Services]:
    """One Postgres and one Redis for the whole run (for each xdist worker), with a migrated template database."""
    found = Services(start_postgres(home_of_run, durable=False), start_redis(home_of_run))
    found.run(f"CREATE DATABASE {TEMPLATE}")
    run_apart(migrate(found.dsn(TEMPLATE)))
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
        # Out of reach, but not off: so every answer has the headers that are described.
        rate_limit_authenticated=1_000_000,
        rate_limit_anonymous=1_000_000,
        rate_limit_admin=1_000_000,
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
    io_loop: Any,
    pools: dict[Any, Any],
    settings: Settings,
    changed_settings: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Process]:
    """One server process, open, in the test's event loop."""
    # On a slow machine, requests wait longer than in production before they are refused.
    monkeypatch.setattr(database_module, "ACQUIRE_SECONDS", PATIENCE)
    monkeypatch.setattr(database_module, "TURN_SECONDS", PATIENCE)
    started = Process(
        replace(settings, **changed_settings),
        areas.router(),
        areas.refusals(),
        areas.duties(),
        areas.listeners(),
        readings=areas.readings(),
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
def run_jobs(app: Application) -> Callable[[], Any]:
    """`await run_jobs()`: run the jobs of the areas that are due."""
    # Importing PgQueuer takes long, and most tests don't need it.
    from tests.support import jobs

    return lambda: jobs.run_jobs(app)


@pytest.fixture
def http_server(app: Application, io_loop: Any, _unused_port: Any) -> Iterator[Any]:
    """pytest-tornado's, but with our limits."""
    server = make_http_server(app)
    server.add_socket(_unused_port[0])
    yield server
    server.stop()
    io_loop.run_sync(server.close_all_connections)


@pytest.fixture
def api(http_server: Any, base_url: str, io_loop: Any) -> Iterator[Api]:
    session = io_loop.run_sync(open_session)
    yield Api(session, base_url)
    io_loop.run_sync(session.close)


@pytest.fixture(scope="session")
def chrome() -> Iterator[Any]:
    """One browser for all modules of this process. Each test's server has a port of its own, so its pages share no storage."""
    # Selenium takes long to import, and most tests don't need it.
    from tests.support.browser import browser

    with browser() as driver:
        yield driver


@pytest.fixture
def db(io_loop: Any, settings: Settings) -> Iterator[Any]:
    """A connection to the module's database, as another program would have it."""
    connection = io_loop.run_sync(lambda: asyncpg.connect(settings.database_url))
    yield connection
    io_loop.run_sync(connection.close)


@pytest.fixture
def sign_in(api: Api, app: Application) -> Callable[..., Any]:
    """`await sign_in("PICKER")`: the sign-in answer (JSON) of an account with that role, made when first asked for."""

    async def sign_in(role: str = "USER", email: str | None = None) -> Any:
        email = email or f"{role.lower()}@example.com"
        await commands.query.create_account(
            app.db,
            email=email,
            username="",
            name=role.title(),
            role=role,
            password_hash=PASSWORD_HASH,
            is_staff=role in ("SUPERADMIN", "ADMIN"),
            is_superuser=role == "SUPERADMIN",
        )
        answer = await api.post("/api/auth/login/", {"email": email, "password": PASSWORD})
        assert answer.status == 200, answer.text
        return answer.json

    return sign_in


@pytest.fixture
def enter(api: Api, app: Application, sign_in: Callable[..., Any]) -> Callable[..., Any]:
    """`await enter("ADMIN")`: a browser without scripts of somebody with that role, signed in to the pages."""

    async def enter(role: str = "SUPERADMIN", email: str | None = None) -> Visitor:
        visitor = Visitor(api)
        visitor.enter(app, await sign_in(role, email))
        return visitor

    return enter


@pytest.fixture
def invoice() -> Callable[..., dict[str, Any]]:
    """`invoice(remarks="…")`: an import body as the import document shows it, with a number of its own."""

    def invoice(**changes: Any) -> dict[str, Any]:
        return {
            "invoice_no": f"INV-{next(_invoice_numbers):05}",
            "invoice_date": "2025-01-18",
            "salesman": "Ajay",
            "created_by": "admin",
            "customer": {
                "code": "CUST-889",
                "name": "LifeCare Pharmacy",
                "area": "Kozhikode",
                "address1": "Near Railway Station",
                "address2": "",
                "phone1": "9876543210",
                "phone2": "",
                "email": "lifecare@shop.com",
            },
            "items": [
                {
                    "name": "Paracetamol 650mg",
                    "item_code": "PR650",
                    "quantity": 20,
                    "mrp": 3.50,
                    "shelf_location": "R-12",
                    "remarks": "",
                },
                {
                    "name": "Otrivin Nasal Spray",
                    "item_code": "OTN10",
                    "quantity": 10,
                    "mrp": 85.00,
                    "shelf_location": "G-04",
                    "remarks": "",
                },
            ],
            **changes,
        }

    return invoice


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
            # Of a refusal the body is not read here; the client of the other tests gets the same.
            head = CIMultiDict(found.headers)
            assert not described().fault("GET", path.partition("?")[0], None, found.status, head, b"")
            assert (await found.block()).startswith("retry: ")
        return found

    yield stream
    for one in opened:
        one.close()

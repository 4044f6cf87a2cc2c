"""The site for nginx, docs/deploy/nginx.conf, in front of two servers. README.md#production."""

import asyncio
import gzip
import json
import re
import socket
import ssl
from collections import defaultdict
from types import SimpleNamespace

import aiohttp
import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketHandler, websocket_connect

from core import passwords
from core.data.database import Database
from core.http.application import BODY_LIMIT
from handlers.accounts import commands
from handlers.api import areas
from tests.support.deadlines import DEADLINE, until
from tests.support.described import described
from tests.support.http import PASSWORD, UNSENT, Api
from tests.support.nginx import BINARY, NO_NGINX, SITE, nginx_before
from tests.support.program import Server
from tests.support.services import run_apart
from tests.support.sse import EventStream

needs_nginx = pytest.mark.skipif(BINARY is None, reason=NO_NGINX)
BOSS = "boss@example.com"
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def servers(database_url, services, tmp_path_factory):
    """Two of the program over one database, as on two machines."""
    ground = SimpleNamespace(postgres=SimpleNamespace(dsn=database_url), redis=services.redis)
    folder = tmp_path_factory.mktemp("servers")
    env = {"TRUSTED_PROXIES": "127.0.0.1", "BCRYPT_COST": "4", "MEDIA_ROOT": str(folder / "media")}
    found = [Server(ground, folder / f"{number}.log", **env).start() for number in range(2)]
    yield found
    for server in found:
        server.end()
        assert "Traceback" not in server.log.read_text(), server.log.read_text()


@pytest.fixture(scope="module")
def site(servers, home_folder):
    with nginx_before(home_folder / "nginx", [server.url.removeprefix("http://") for server in servers]) as nginx:
        yield nginx
    assert "[emerg]" not in nginx.errors() and "[alert]" not in nginx.errors(), nginx.errors()


@pytest.fixture(scope="module")
def boss(database_url):
    """An account that may do everything."""

    async def make():
        db = await Database(database_url, size=1, statement_cache=10).open()
        account = {"email": BOSS, "username": "", "name": "", "role": "SUPERADMIN", "is_staff": True}
        hashed = passwords.hash_now(PASSWORD, 4)
        await commands.query.create_account(db, **account, is_superuser=True, password_hash=hashed)
        await db.close()

    run_apart(make())


@pytest.fixture
def session(site, io_loop):
    """`session("127.0.0.2")`: an HTTP client that trusts the site's certificate, at that address of this machine."""
    opened = []

    async def open_at(address):
        connector = aiohttp.TCPConnector(ssl=site.tls, local_addr=(address, 0) if address else None)
        opened.append(
            aiohttp.ClientSession(
                connector=connector, skip_auto_headers=UNSENT, auto_decompress=False, timeout=aiohttp.ClientTimeout(DEADLINE)
            )
        )  # fmt: skip
        return opened[-1]

    yield open_at
    for one in opened:
        io_loop.run_sync(one.close)


@pytest.fixture
def client(site, session, io_loop):
    """The API through nginx."""
    return Api(io_loop.run_sync(lambda: session(None)), site.url)


async def signed_in(api, **more):
    answer = await api.post("/api/auth/login/", {"email": BOSS, "password": PASSWORD}, **more)
    assert answer.status == 200, answer.text
    return answer.json


async def reader(site, last=None):
    stream = await EventStream.open(site.url, headers={"Last-Event-ID": last} if last else None, tls=site.tls)
    assert stream.status == 200 and (await stream.block()).startswith("retry: ")
    return stream


@needs_nginx
@pytest.mark.gen_test
async def test_an_event_goes_through_nginx_at_once_while_the_stream_is_open(site, client, invoice):
    stream = await reader(site)
    for number in range(3):
        assert (await client.import_invoice(invoice(invoice_no=f"AT-ONCE-{number}"))).status == 201
        # The stream goes on, so nginx has held nothing back until its end or until a buffer was full.
        assert (await stream.invoice())["invoice_no"] == f"AT-ONCE-{number}"
    # A comment, too, which is a few bytes.
    assert (await stream.block()).startswith(":")
    stream.close()


@needs_nginx
@pytest.mark.gen_test
async def test_a_stream_survives_a_reload_of_nginx_and_resumes_after_a_restart_of_its_server(
    site, servers, client, invoice
):
    stream = await reader(site)
    await asyncio.to_thread(site.reload)
    assert (await client.import_invoice(invoice(invoice_no="RELOADED"))).status == 201
    assert (await stream.invoice())["invoice_no"] == "RELOADED"
    last = stream.last_id
    for server in servers:
        await asyncio.to_thread(server.end)
        # The other server answers meanwhile, also to what is not repeated once it was sent.
        assert (await client.import_invoice(invoice(invoice_no=f"AWAY-{server.port}"))).status == 201
        await asyncio.to_thread(server.start)
    # The stream's server was one of the two.
    while await stream.block():
        pass
    again = await reader(site, last)
    assert [(await again.invoice())["invoice_no"] for _ in servers] == [f"AWAY-{server.port}" for server in servers]
    assert (await client.import_invoice(invoice(invoice_no="BACK"))).status == 201
    assert (await again.invoice())["invoice_no"] == "BACK"
    again.close()


@needs_nginx
@pytest.mark.gen_test
async def test_a_websocket_goes_through_nginx(site, boss, client):
    found = await signed_in(client)
    url = f"{site.url.replace('http', 'ws', 1)}/ws/dashboard/{found['user_id']}/"
    request = HTTPRequest(url, headers={"Authorization": f"Bearer {found['access']}"}, ssl_options=site.tls)
    socket_ = await asyncio.wait_for(websocket_connect(request), DEADLINE)
    message = await asyncio.wait_for(socket_.read_message(), DEADLINE)
    assert json.loads(message)
    socket_.close()


@needs_nginx
@pytest.mark.gen_test
async def test_the_server_knows_the_client_behind_nginx_whatever_the_client_claims(site, boss, session):
    # nginx is at 127.0.0.1, which is a trusted proxy. Another address of loopback is not trusted.
    api = Api(await session("127.0.0.2"), site.url)
    found = await signed_in(api, headers={"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"})
    sessions = await api.get("/api/sessions/", token=found["access"])
    assert {one["ip_address"] for one in sessions.json} >= {"127.0.0.2"}
    assert "203.0.113.9" not in sessions.text
    page = await api.get("/api/sales/invoices/?page_size=1", token=found["access"])
    assert page.status == 200 and f'"{site.url}/api/sales/invoices/?' in page.text, page.text


@needs_nginx
@pytest.mark.gen_test
async def test_bodies_are_as_large_behind_nginx_as_without_it(site, client, invoice):
    text = json.dumps(invoice(invoice_no="LARGE"))
    whole = text.encode() + b" " * (BODY_LIMIT - len(text))
    stored = await client.call("POST", "/api/sales/import/invoice/", whole, key="test-import-key")
    assert stored.status == 201, stored.text
    # Whether a larger one is admitted is for the server to say, whose answers have an id.
    for path, limit in (
        ("/backup/sync/", 40),
        ("/api/expenses/1/upload_receipts/", 51),
        ("/api/sales/import/invoice/", 51),
    ):
        passed = await client.call("POST", path, b" " * (limit * MEGABYTE), is_described=False)
        assert "X-Request-ID" in passed.headers, (path, passed.text)
        refused = await client.call("POST", path, b" " * (limit * MEGABYTE + 1), is_described=False)
        assert refused.status == 413 and "X-Request-ID" not in refused.headers, path
    over = await client.call("POST", "/api/clients/", b" " * (BODY_LIMIT + 1), is_described=False)
    assert over.status == 413 and "X-Request-ID" not in over.headers


@needs_nginx
@pytest.mark.gen_test
async def test_scripts_are_compressed_and_documents_keep_their_strong_etags(site, client, invoice):
    compressed = {"Accept-Encoding": "gzip"}
    page = await client.get("/live/", headers=compressed, is_described=False)
    script = re.search(r'src="(/static/[^"]+\.js)"', page.text)[1]
    plain = await client.get(script, is_described=False)
    small = await client.get(script, headers=compressed, is_described=False)
    assert small.headers["Content-Encoding"] == "gzip" and gzip.decompress(small.body) == plain.body
    made = await client.import_invoice(invoice(invoice_no="TAGGED"))
    row = await client.get(f"/api/sales/invoices/{made.json['data']['id']}/", headers=compressed)
    assert row.status == 200 and row.headers["ETag"].startswith('"') and "Content-Encoding" not in row.headers


@needs_nginx
@pytest.mark.gen_test
async def test_http_leads_to_https_http2_is_offered_and_the_log_has_no_tokens(site, session):
    plain = await session(None)
    async with plain.get(f"{site.plain_url}/live/", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (301, "https://127.0.0.1/live/")
    tls = ssl.create_default_context(cafile=site.folder / "fullchain.pem")
    tls.set_alpn_protocols(["h2", "http/1.1"])
    host, port = site.url.removeprefix("https://").split(":")
    with (
        socket.create_connection((host, int(port)), DEADLINE) as raw,
        tls.wrap_socket(raw, server_hostname=host) as one,
    ):
        assert one.selected_alpn_protocol() == "h2"
    async with plain.get(
        f"{site.url}/api/sales/sse/invoices/?token=hush-hush", headers={"X-Request-ID": "t"}
    ) as answer:
        pass
    logged = await until(
        lambda: [line for line in (site.folder / "access.log").read_text().splitlines() if "/sse/" in line]
    )
    assert "hush" not in "".join(logged)


def locations():
    """The locations of the site: (is_regex, pattern, text)."""
    found = re.findall(r"^    location (~ )?(\S+) \{\n(.*?)^    \}", SITE.read_text(), re.M | re.S)
    return [(bool(regex), pattern, text) for regex, pattern, text in found]


def location_of(path):
    """The text of the location that nginx takes: the first expression that fits, or else the longest prefix."""
    fitting = [text for is_regex, pattern, text in locations() if is_regex and re.search(pattern, path)]
    prefixes = [
        (len(pattern), text) for is_regex, pattern, text in locations() if not is_regex and path.startswith(pattern)
    ]
    return fitting[0] if fitting else max(prefixes)[1]


def test_each_route_has_a_location_that_lets_through_its_bodies_and_keeps_its_streams_open():
    """Whatever routes are added, nginx's file has to follow."""
    streams, sockets, large = [], [], defaultdict(int)
    for path, handler in areas.router().routes:
        path = re.sub(r"\{[^}]*\}", "1", path)
        shown = described().document["paths"].get(path, {}).get("get", {}).get("responses", {}).get("200", {})
        if "text/event-stream" in shown.get("content", {}) or re.search(r"/(sse|events|streaming)/", path):
            streams.append(path)
        if issubclass(handler, WebSocketHandler):
            sockets.append(path)
        if handler.large_body > BODY_LIMIT:
            large[location_of(path)] = max(handler.large_body, large[location_of(path)])
    assert len(streams) >= 5 and len(sockets) >= 2 and len(large) >= 2
    for path in streams:
        assert "proxy_buffering off;" in location_of(path) and "proxy_read_timeout 1h;" in location_of(path), path
    for path in sockets:
        assert "proxy_read_timeout 1h;" in location_of(path), path
    for location, limit in large.items():
        allowed = re.search(r"client_max_body_size ([0-9]+)m;", location)
        assert allowed and limit <= int(allowed[1]) * MEGABYTE < limit + MEGABYTE, location
    for _, pattern, text in locations():
        assert "proxy_pass http://tradepost;" in text, pattern
        # A header set in a location would take away those of the server.
        assert "proxy_set_header" not in text, pattern

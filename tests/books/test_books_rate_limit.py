"""How many requests an hour a caller of the books API has. docs/api/books.md#limits."""

import asyncio
import contextlib
import time
from dataclasses import replace
from ipaddress import ip_network

import pytest
from tornado.netutil import bind_sockets

from core.http.rate_limit import HEADERS
from core.problem import unavailable
from core.run.process import Process, http_server
from handlers.api import areas
from tests.support.http import PASSWORD, Api
from tests.support.services import NO_REDIS

pytestmark = pytest.mark.gen_test

PATH = "/api/clients/"
UNKNOWN = "/api/clients/no/such/path/"
LIMITS = {"rate_limit_authenticated": 5, "rate_limit_anonymous": 3, "rate_limit_admin": 8}
OFF = dict.fromkeys(LIMITS, 0)
PROXIED = {**LIMITS, "trusted_proxies": (ip_network("127.0.0.1"),)}
OURS = "https://app.example.com"


@pytest.fixture(params=[LIMITS])
def changed_settings(request):
    return request.param


@pytest.fixture(autouse=True)
def unused(io_loop, process, settings):
    """No address has made a request yet, though all tests come from one."""

    async def forget():
        if process.app.redis is not None:
            keys = [key async for key in process.app.redis.scan_iter(f"{settings.redis_prefix}*address*", count=1000)]
            if keys:
                await process.app.redis.delete(*keys)

    io_loop.run_sync(forget)


def shown(answer):
    """The policy, its limit, and what remains."""
    headers = answer.headers
    policy = headers["RateLimit-Policy"].partition(";")[0].strip('"')
    limit, remaining = int(headers["X-RateLimit-Limit"]), int(headers["X-RateLimit-Remaining"])
    assert headers["RateLimit-Policy"] == f'"{policy}";q={limit};w=3600'
    seconds = int(headers["RateLimit"].rpartition("=")[2])
    assert headers["RateLimit"] == f'"{policy}";r={remaining};t={seconds}' and 0 < seconds <= 3600
    assert abs(int(headers["X-RateLimit-Reset"]) - time.time() - seconds) < 60
    return policy, limit, remaining


async def statuses(owner, count, path=PATH):
    return [(await owner.get(path)).status for _ in range(count)]


async def from_address(api, address, path=PATH, **more):
    return await api.get(path, headers={"X-Forwarded-For": address}, **more)


async def test_an_account_has_its_requests_and_is_then_refused_until_its_hour_ends(owner):
    answers = [await owner.get(PATH) for _ in range(7)]
    assert [answer.status for answer in answers] == [200] * 5 + [429] * 2
    assert [shown(answer) for answer in answers] == [("authenticated", 5, n) for n in (4, 3, 2, 1, 0, 0, 0)]
    refused = answers[-1]
    seconds = int(refused.headers["Retry-After"])
    assert 0 < seconds <= 3600 and refused.headers["RateLimit"].endswith(f";t={seconds}")
    said = f"Too many requests. Try again in {seconds} seconds."
    assert refused.json == {"error": said, "detail": said}


@pytest.mark.parametrize(
    ("role", "policy", "limit"),
    [
        ("MEMBER", "authenticated", 5),
        ("EMPLOYEE", "authenticated", 5),
        ("OWNER", "admin", 8),
        ("ADMIN", "admin", 8),
        ("SUPERADMIN", "admin", 8),
        # May not enter the books, and is known all the same.
        ("SALESREP", "authenticated", 5),
    ],
)
async def test_the_limit_is_that_of_the_role(open_books, role, policy, limit):
    caller = await open_books(role)
    assert shown(await caller.get(PATH)) == (policy, limit, limit - 1)
    assert 429 not in await statuses(caller, limit - 1)
    assert await statuses(caller, 1) == [429]


async def test_accounts_do_not_share_their_requests_and_sessions_of_one_account_do(owner, open_books, db):
    await statuses(owner, 5)
    assert (await (await open_books()).get(PATH)).status == 200
    email = await db.fetchval("SELECT email FROM accounts.account WHERE id = $1", owner.id)
    signed = await owner.api.post("/api/auth/login/", {"email": email, "password": PASSWORD})
    assert (await owner.api.get(PATH, token=signed.json["access"])).status == 429


async def test_previews_are_counted_by_themselves(owner):
    answer = await owner.post("/api/books/preview/", {"line_items": []})
    assert (answer.status, shown(answer)) == (200, ("preview", 25, 24))
    assert shown(await owner.get(PATH)) == ("authenticated", 5, 4)


async def test_requests_of_all_kinds_count_and_their_answers_show_it(owner):
    made = await owner.post(PATH, {"name": "Asha"})
    one = f"{PATH}{made.json['id']}/"
    answers = [
        made,
        await owner.post(PATH, {}),
        await owner.patch(one, {"name": "Usha"}, headers={"If-Match": '"9"'}),
        await owner.delete(one),
    ]
    assert [answer.status for answer in answers] == [201, 400, 412, 204]
    assert [shown(answer)[2] for answer in answers] == [4, 3, 2, 1]


async def test_refusals_of_all_kinds_show_the_requests_that_are_left(owner):
    answers = [
        await owner.call("PUT", PATH, {}),
        await owner.get(f"{PATH}999999999/"),
        await owner.get(f"{PATH}abc/"),
        await owner.get(UNKNOWN),
        await owner.call("HEAD", PATH),
        await owner.get(PATH),
    ]
    assert [answer.status for answer in answers] == [405, 404, 404, 404, 200, 429]
    assert [shown(answer) for answer in answers] == [("authenticated", 5, n) for n in (4, 3, 2, 1, 0, 0)]


@pytest.mark.parametrize("token", [None, "bad"])
async def test_who_is_not_signed_in_or_sends_a_wrong_token_is_counted_by_address(api, token):
    answers = [await api.get(PATH, token=token) for _ in range(4)]
    assert [answer.status for answer in answers] == [401, 401, 401, 429]
    assert [shown(answer) for answer in answers] == [("anonymous", 3, n) for n in (2, 1, 0, 0)]
    assert "WWW-Authenticate" in answers[0].headers


async def test_an_address_without_requests_left_keeps_out_nobody_who_is_signed_in(api, owner):
    assert [(await api.get(PATH)).status for _ in range(4)] == [401, 401, 401, 429]
    assert (await owner.get(PATH)).status == 200


async def test_a_token_whose_session_has_ended_is_counted_by_address(api, owner, db):
    await db.execute("UPDATE accounts.session SET revoked_at = now() WHERE account_id = $1", owner.id)
    await asyncio.sleep(0.1)
    answers = [await owner.get(PATH) for _ in range(4)]
    assert [answer.status for answer in answers] == [401, 401, 401, 429]


async def test_a_wrong_token_is_refused_without_asking_the_database(api, process, monkeypatch):
    async def fail(*more):
        raise AssertionError("the database was asked")

    for name in ("value", "row", "rows", "none"):
        monkeypatch.setattr(process.app.db, name, fail)
    assert [(await api.get(PATH, token="bad")).status for _ in range(4)] == [401, 401, 401, 429]


async def test_unknown_paths_count_for_the_caller_or_the_address_whatever_the_token(api, owner):
    assert shown(await owner.get(UNKNOWN)) == ("authenticated", 5, 4)
    answers = [await api.get(UNKNOWN, token=token) for token in (None, "bad", None, "bad")]
    assert [answer.status for answer in answers] == [404, 404, 404, 429]


async def test_a_preflight_is_never_counted(api):
    headers = {"Origin": OURS, "Access-Control-Request-Method": "GET"}
    for path in (PATH, UNKNOWN):
        for _ in range(5):
            answer = await api.call("OPTIONS", path, headers=headers)
            assert answer.status == 204 and not HEADERS.keys() & set(answer.headers)
    assert shown(await api.get(PATH)) == ("anonymous", 3, 2)


@pytest.mark.parametrize("changed_settings", [{**LIMITS, "cors_allowed_origins": (OURS,)}], indirect=True)
async def test_pages_of_other_origins_may_read_the_headers_also_of_a_refusal(api):
    answers = [await api.get(PATH, headers={"Origin": OURS}) for _ in range(4)]
    for answer in answers:
        exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
        assert HEADERS.keys() | {"Retry-After"} <= set(exposed)
    assert answers[-1].status == 429


async def test_health_the_index_and_sign_in_are_not_limited_by_the_hour(api):
    for path in ("/api/health/", "/api/"):
        for _ in range(6):
            answer = await api.get(path)
            assert answer.status == 200 and not HEADERS.keys() & set(answer.headers)
    answer = await api.post("/api/auth/token/", {"username": "nobody", "password": "nothing"})
    assert answer.status == 401 and not HEADERS.keys() & set(answer.headers)


async def test_an_address_of_a_header_counts_only_from_a_trusted_proxy(api):
    answers = [await from_address(api, f"203.0.113.{n}") for n in range(4)]
    assert [answer.status for answer in answers] == [401, 401, 401, 429]


@pytest.mark.parametrize("changed_settings", [PROXIED], indirect=True)
async def test_behind_a_trusted_proxy_each_address_is_counted_and_of_ipv6_each_64(api):
    for address in ("203.0.113.7", "2001:db8::1"):
        assert [(await from_address(api, address)).status for _ in range(4)] == [401, 401, 401, 429]
    for address in ("203.0.113.8", "2001:db8:0:1::1"):
        assert (await from_address(api, address)).status == 401
    for address in ("198.51.100.1, 203.0.113.7", "::ffff:203.0.113.7", "2001:db8::ffff:1"):
        assert (await from_address(api, address)).status == 429


@pytest.mark.parametrize("changed_settings", [OFF], indirect=True)
async def test_limits_that_are_off_refuse_nobody_and_are_not_shown(api, owner):
    for caller in (owner.call, api.call):
        for path in (PATH, UNKNOWN):
            for _ in range(9):
                answer = await caller("GET", path, is_described=False)
                assert answer.status in (200, 401, 404) and not HEADERS.keys() & set(answer.headers)


@pytest.mark.parametrize("changed_settings", [{**LIMITS, "rate_limit_authenticated": 0}], indirect=True)
async def test_one_limit_can_be_off(api, owner):
    for _ in range(9):
        assert (await owner.call("GET", PATH, is_described=False)).status == 200
    assert shown(await api.get(PATH)) == ("anonymous", 3, 2)


async def test_an_outage_of_the_database_uses_up_nothing(api, owner, process, monkeypatch):
    async def fail(*more):
        raise unavailable("The database is away.")

    for name in ("value", "row", "rows", "none"):
        monkeypatch.setattr(process.app.db, name, fail)
    monkeypatch.setattr(process.app.events, "is_known", lambda *more: False)
    answers = [await owner.get(PATH) for _ in range(6)]
    assert [answer.status for answer in answers] == [503] * 6
    assert {shown(answer) for answer in answers} == {("anonymous", 3, 3)}


async def test_a_role_that_changes_changes_the_limit_of_what_is_counted(owner, db, process):
    assert await statuses(owner, 6) == [200] * 5 + [429]
    await db.execute("UPDATE accounts.account SET role = 'OWNER' WHERE id = $1", owner.id)
    await asyncio.sleep(0.1)
    assert shown(await owner.get(PATH)) == ("admin", 8, 2)


@contextlib.asynccontextmanager
async def served(config):
    """A second process, with these settings, and its address."""
    process = Process(config, areas.router(), areas.refusals(), areas.duties(), areas.listeners())
    await process.open()
    server = http_server(process.app)
    [socket] = bind_sockets(0, "127.0.0.1")
    server.add_socket(socket)
    try:
        yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    finally:
        server.stop()
        await server.close_all_connections()
        await process.close()


@pytest.mark.parametrize("changed_settings", [{**LIMITS, "rate_limit_authenticated": 60}], indirect=True)
async def test_two_processes_admit_exactly_the_limit_of_200_racing_requests(owner, process, services):
    if services.redis is None:
        pytest.skip(NO_REDIS)
    async with served(process.config) as address:
        other = owner._replace(api=Api(owner.api._session, address))
        answers = await asyncio.gather(*(caller.get(PATH) for _ in range(100) for caller in (owner, other)))
        admitted = [shown(answer)[2] for answer in answers if answer.status == 200]
        assert sorted(admitted) == list(range(60))
        assert {answer.status for answer in answers} == {200, 429}
        assert (await other.get(PATH)).status == (await owner.get(PATH)).status == 429


async def test_without_redis_each_process_limits_for_itself(owner, process):
    async with served(replace(process.config, redis_url="")) as address:
        for caller in (owner, owner._replace(api=Api(owner.api._session, address))):
            assert await statuses(caller, 6) == [200] * 5 + [429]

"""A request's way in and out: limits, host, CORS, proxies, methods, and every error in the dialect of its area."""

import asyncio
import gzip
import io
import json
import logging
import re
from ipaddress import ip_network
from pathlib import Path

import jsonschema
import pytest

from core import logs
from core.access import public
from core.http.application import BODY_LIMIT
from core.http.declare import takes
from core.http.handler import JSON_LIMIT, Handler
from core.http.parameter import Parameter
from core.http.router import Router
from core.http.schema import Schema
from handlers.api import areas
from handlers.api.handler import NotFound
from tests.support.http import IMPORT_KEY

pytestmark = pytest.mark.gen_test

LIST, IMPORT, LOGIN, ME = (
    "/api/sales/invoices/",
    "/api/sales/import/invoice/",
    "/api/auth/login/",
    "/api/auth/users/me/",
)
OURS = "https://app.example.com"


@pytest.fixture(autouse=True)
def log():
    """Every line logged, as it is written. Before the application, which asks once whether requests are logged."""
    written, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(written), root.level
    handler.setFormatter(logs._Format(False))
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield lambda: written.getvalue().splitlines()
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def changed_settings():
    return {
        "cors_allowed_origins": (OURS, "http://localhost:5173"),
        "allowed_hosts": ("localhost", "127.0.0.1", ".shop.example"),
    }


def access_lines(log):
    return [line for line in log() if "tradepost.access" in line]


async def raw(base_url, request):
    """Send these bytes; the whole answer, once the server closes."""
    host, port = base_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer.decode("latin-1")


# Headers


async def test_every_answer_has_the_security_headers_and_says_json(api):
    answers = [
        await api.get(LIST),
        await api.get("/nothing"),
        await api.post(LIST),
        await api.post(LOGIN, b"{"),
        await api.get(ME),
    ]
    assert [answer.status for answer in answers] == [200, 404, 405, 400, 401]
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Content-Type"] == "application/json"
        assert "tornado" not in answer.headers["Server"].lower()
        assert answer.json


async def test_head_answers_as_get_without_the_body(api):
    head, get = await api.call("HEAD", LIST), await api.get(LIST)
    assert (head.status, head.text, head.headers["Content-Length"]) == (200, "", str(len(get.text)))


async def test_a_given_request_id_is_kept_in_the_answer_and_in_each_log_line(api, log):
    answer = await api.get(LIST, headers={"X-Request-ID": "shop-1.a_B"})
    assert answer.headers["X-Request-ID"] == "shop-1.a_B"
    assert access_lines(log)[-1].endswith(" request=shop-1.a_B")


async def test_a_request_without_a_usable_id_gets_one_of_its_own(api, log):
    ids = []
    for given in (
        {},
        {"X-Request-ID": ""},
        {"X-Request-ID": "x" * 65},
        {"X-Request-ID": "a b"},
        {"X-Request-ID": "a;b"},
        {"X-Request-ID": "é"},
    ):
        answer = await api.get("/nothing", headers=given)
        ids.append(answer.headers["X-Request-ID"])
        assert access_lines(log)[-1].endswith(f" request={ids[-1]}")
    assert all(re.fullmatch("[0-9a-f]{8}-[0-9a-f]+", id) for id in ids) and len(set(ids)) == len(ids)


# CORS


async def test_a_page_of_an_allowed_origin_may_read_answers_and_refusals_with_credentials(api):
    for path, status in ((LIST, 200), (ME, 401), ("/nothing", 404)):
        answer = await api.get(path, headers={"Origin": OURS})
        assert answer.status == status
        assert answer.headers["Access-Control-Allow-Origin"] == OURS
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        assert answer.headers["Vary"] == "Origin"
        assert "Idempotency-Replayed" in answer.headers["Access-Control-Expose-Headers"].split(", ")


ANY_ORIGIN = ("https://evil.example", "null", "http://app.example.com", None)


async def test_pages_of_every_origin_may_read_what_is_public_but_without_credentials(api, invoice, stream):
    one = f"{LIST}{(await api.import_invoice(invoice())).json['data']['id']}/"
    for origin in ANY_ORIGIN:
        headers = {"Origin": origin} if origin else {}
        for path in (LIST, f"{LIST}?status=nonsense", one, f"{LIST}999999999/"):
            answer = await api.get(path, headers=headers)
            assert (answer.headers["Access-Control-Allow-Origin"], answer.headers["Vary"]) == ("*", "Origin"), path
            assert "Access-Control-Allow-Credentials" not in answer.headers
            assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
        reader = await stream(headers=headers)
        assert reader.headers["access-control-allow-origin"] == "*"
    for path, method, allowed in (
        (one, "GET", "*"),
        (one, "PATCH", None),
        (one, "DELETE", None),
        (IMPORT, "POST", None),
    ):
        ask = {
            "Origin": "null",
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "authorization",
        }
        answer = await api.call("OPTIONS", path, headers=ask)
        assert answer.headers.get("Access-Control-Allow-Origin") == allowed, (path, method)
        assert ("Access-Control-Allow-Headers" in answer.headers) is (allowed is not None)
    answer = await api.call("DELETE", one, headers={"Origin": "null"})
    assert answer.status == 401 and "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("changed_settings", [{"sales_public_read": False, "cors_allowed_origins": (OURS,)}])
async def test_where_reading_is_not_public_other_origins_get_no_permission(app, api):
    for path in (LIST, f"{LIST}1/", "/api/sales/sse/invoices/"):
        answer = await api.get(path, headers={"Origin": "null"})
        assert answer.status == 401 and not [name for name in answer.headers if name.startswith("Access-Control")], path


async def test_other_origins_get_no_permission_and_caches_are_told_that_it_depends(api):
    for origin in (
        "https://evil.example",
        "null",
        "https://app.example.com.evil.example",
        "http://app.example.com",
        "HTTPS://APP.EXAMPLE.COM",
        "*",
        None,
    ):
        answer = await api.get(ME, headers={"Origin": origin} if origin else {})
        assert answer.status == 401 and answer.headers["Vary"] == "Origin"
        assert not [name for name in answer.headers if name.startswith("Access-Control")], origin


async def test_a_preflight_is_answered_without_credentials(api):
    ask = {"Origin": OURS, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    answer = await api.call("OPTIONS", ME, headers=ask)
    assert (answer.status, answer.text) == (204, "")
    assert answer.headers["Access-Control-Allow-Origin"] == OURS
    allowed = set(answer.headers["Access-Control-Allow-Headers"].split(", "))
    assert {"authorization", "content-type", "x-api-key", "if-match", "last-event-id"} <= allowed
    # What the web clients and their libraries send although nobody reads it here.
    assert {"accept", "cache-control", "x-requested-with", "x-csrftoken", "user-agent", "idempotency-key"} <= allowed
    assert set(answer.headers["Access-Control-Allow-Methods"].split(", ")) == {
        "DELETE",
        "GET",
        "OPTIONS",
        "PATCH",
        "POST",
        "PUT",
    }
    refused = await api.call("OPTIONS", ME, headers={**ask, "Origin": "https://evil.example"})
    assert not [name for name in refused.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize("changed_settings", [{}])
async def test_without_allowed_origins_no_answer_speaks_of_cors(app, api):
    answer = await api.get(ME, headers={"Origin": OURS})
    assert not [name for name in answer.headers if name.startswith("Access-Control") or name == "Vary"]
    public = await api.get(LIST, headers={"Origin": OURS})
    assert public.headers["Access-Control-Allow-Origin"] == "*" and "Vary" not in public.headers


# Hosts and proxies


async def test_only_hosts_of_ours_are_answered(api, base_url):
    for host in ("localhost", "LOCALHOST:1", "127.0.0.1", "shop.example", "a.b.shop.example", "A.SHOP.example.:80"):
        assert (await api.get(LIST, headers={"Host": host})).status == 200, host
    for host in ("evil.example", "localhost.evil.example", "evilshop.example", "127.0.0.2", "[::1]"):
        answer = await api.get(LIST, headers={"Host": host})
        assert (answer.status, answer.json["success"]) == (400, False), host
        assert host not in answer.text
    for path in (LOGIN, ME, "/nothing"):
        assert (await api.post(path, headers={"Host": "evil.example"})).status == 400, path


async def test_a_target_in_absolute_form_is_its_path_and_its_host_is_the_one_that_counts(http_server, base_url):
    async def status(target, host):
        answer = await raw(base_url, f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return answer.split(" ", 2)[1]

    for target in (
        "http://localhost/api/sales/invoices/?page=1",
        "HTTP://a.shop.example:80/api/sales/invoices/",
        "https://localhost/health/",
    ):
        assert await status(target, "evil.example") == "200", target
    for target, code in {
        "http://evil.example/api/sales/invoices/": "400", "http://localhost@evil.example/api/sales/invoices/": "400", "http://localhost": "200",
        "http://localhost?x=/api/sales/invoices/": "200", "http:///api/sales/invoices/": "400", "ftp://localhost/api/sales/invoices/": "404",
    }.items():  # fmt: skip
        assert await status(target, "localhost") == code, target


async def test_a_stranger_cannot_say_who_it_is_or_how_it_came(api, log, invoice):
    for _ in range(3):
        await api.import_invoice(invoice())
    answer = await api.get(
        LIST + "?page_size=1",
        headers={"X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": "https", "X-Real-IP": "9.9.9.9"},
    )
    assert access_lines(log)[-1].split(" from=")[1].startswith("127.0.0.1 ")
    assert answer.json["next"].startswith("http://")


PROXIES = {"trusted_proxies": (ip_network("127.0.0.1/32"), ip_network("10.0.0.0/8"), ip_network("fd00::/8"))}


@pytest.mark.parametrize("changed_settings", [PROXIES])
async def test_a_configured_proxy_is_believed_as_far_as_proxies_wrote_the_chain(app, api, log, invoice):
    for chain, address in {
        "9.9.9.9": "9.9.9.9", "9.9.9.9, 10.0.0.1": "9.9.9.9", "10.0.0.7, 10.0.0.1": "10.0.0.7", "2001:db8::1,fd00::2": "2001:db8::1",
        "1.1.1.1, 9.9.9.9": "9.9.9.9",  # the first is the client's own invention
        "127.0.0.1, 9.9.9.9, 10.0.0.1": "9.9.9.9",
        "9.9.9.9, nonsense": "127.0.0.1", "9.9.9.9, ": "127.0.0.1", "": "127.0.0.1", "nonsense, 10.0.0.1": "10.0.0.1",
        "203.0.113.7:4711": "203.0.113.7", "[2001:db8::1]:443": "2001:db8::1", '"[2001:db8::1]:443"': "2001:db8::1", "[2001:db8::1]": "2001:db8::1",
        "1.1.1.1, 203.0.113.7:4711, 10.0.0.1:80": "203.0.113.7", "::ffff:203.0.113.7": "203.0.113.7", "9.9.9.9, ::ffff:10.0.0.1": "9.9.9.9",
        "2001:DB8:0::1": "2001:db8::1", "fe80::1%eth0": "fe80::1", '"203.0.113.7"': "203.0.113.7", "unknown": "127.0.0.1",
        "9.9.9.9, unknown, 10.0.0.1": "10.0.0.1",
        "[203.0.113.7": "127.0.0.1", "_hidden": "127.0.0.1", "9.9.9.9:": "127.0.0.1", "1.2.3": "127.0.0.1",
    }.items():  # fmt: skip
        await api.get("/nothing", headers={"X-Forwarded-For": chain})
        assert access_lines(log)[-1].split(" from=")[1].startswith(address + " "), chain
    for _ in range(2):
        await api.import_invoice(invoice())
    for proto, scheme in {
        "https": "https://",
        "http": "http://",
        "javascript": "http://",
        "https, http": "https://",
        "HTTPS": "https://",
        " https ,http": "https://",
        "http, https": "http://",
        ", https": "http://",
        "": "http://",
    }.items():
        assert (
            (await api.get(LIST + "?page_size=1", headers={"X-Forwarded-Proto": proto})).json["next"].startswith(scheme)
        ), proto


@pytest.mark.parametrize(
    "changed_settings", [{"trusted_proxies": (ip_network("::ffff:127.0.0.1"), ip_network("::ffff:10.0.0.0/104"))}]
)
async def test_proxies_may_be_configured_as_mapped_into_ipv6(app, api, log):
    await api.get("/nothing", headers={"X-Forwarded-For": "9.9.9.9, 10.0.0.1"})
    assert access_lines(log)[-1].split(" from=")[1].startswith("9.9.9.9 ")


@pytest.mark.parametrize("changed_settings", [{"trusted_proxies": (ip_network("10.0.0.0/8"),)}])
async def test_a_peer_that_is_not_a_configured_proxy_is_not_believed(app, api, log):
    await api.get("/nothing", headers={"X-Forwarded-For": "10.0.0.1"})
    assert access_lines(log)[-1].split(" from=")[1].startswith("127.0.0.1 ")


# Methods and paths


async def test_a_method_that_a_route_lacks_is_405_with_those_it_has(api):
    for path, method, allow in (
        (LIST, "POST", "GET, HEAD, OPTIONS"),
        (LOGIN, "GET", "POST, OPTIONS"),
        (LOGIN, "DELETE", "POST, OPTIONS"),
        (LIST, "PUT", "GET, HEAD, OPTIONS"),
    ):
        answer = await api.call(method, path)
        assert (answer.status, answer.headers["Allow"]) == (405, allow)
        assert answer.json["detail"] == f'Method "{method}" not allowed.'
        assert (await api.call("OPTIONS", path)).headers["Allow"] == allow
    answer = await api.call("BREW", LIST)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert (await api.call("HEAD", LOGIN)).status == 405


async def test_an_unknown_path_is_404_for_every_method_in_the_dialect_of_its_area(api):
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        answer = await api.call(method, "/api/sales/nothing/")
        assert (answer.status, answer.json) == (
            404,
            {"success": False, "status_code": 404, "message": "Not found.", "detail": "Not found."},
        )
        answer = await api.call(method, "/nothing/")
        assert (answer.status, answer.json) == (404, {"error": "Not found.", "detail": "Not found."})


async def test_arguments_that_are_no_utf_8_are_refused_in_the_dialect(api, log):
    for path in (
        LIST + "?page=%FF",
        LIST + "?status=%C0%80",
        "/api/sales/sse/invoices/?token=%FF",
        "/api/sales/sse/invoices/?lastEventId=%FF",
    ):
        answer = await api.get(path)
        assert (answer.status, answer.json["success"]) == (400, False), path
    assert not any("Traceback" in line for line in log())


async def test_a_file_that_is_not_there_is_404_and_one_outside_is_no_secret(api):
    for path in (
        "/static/nothing.css",
        "/static/%2e%2e/templates/live.html",
        "/static/../server.py",
        "/static/..%2f..%2fserver.py",
        "/static/%00",
        "/static/",
    ):
        answer = await api.get(path)
        assert answer.status in (403, 404), path
        assert answer.json["detail"]


# Bodies


async def test_a_body_too_long_is_413_and_the_connection_lives_on(api):
    answer = await api.post(IMPORT, b" " * (BODY_LIMIT + 1), key=IMPORT_KEY)
    assert (answer.status, answer.json["status_code"]) == (413, 413)
    assert (await api.post(IMPORT, b" " * BODY_LIMIT, key=IMPORT_KEY)).status == 400
    # Where a body is a few fields, nobody holds up the others with more.
    assert (await api.post(LOGIN, b" " * JSON_LIMIT)).status == 400
    assert (await api.post(LOGIN, b" " * (JSON_LIMIT + 1))).status == 413


async def test_a_body_sent_in_chunks_is_limited_as_well(http_server, base_url):
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    request = (
        f"POST {LOGIN} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode()
    )
    assert (await raw(base_url, request + chunk * 161 + b"0\r\n\r\n")).startswith("HTTP/1.1 413 ")
    assert (await raw(base_url, request + b"2\r\n{}\r\n0\r\n\r\n")).startswith("HTTP/1.1 400 ")


async def test_a_body_nested_to_any_depth_is_refused_or_read_and_never_a_500(api, invoice):
    for depth in (100, 200, 250, 300, 350, 400, 450, 500, 600, 800, 900, 950, 1000, 5000, 100_000):
        for body in (
            '{"remarks":' + "[" * depth + "]" * depth + "}",
            '{"a":' * depth + "1" + "}" * depth,
            '{"a":"\\u00e9","b":' + "[" * depth + "]" * depth + "}",
        ):
            assert (await api.post(IMPORT, body.encode(), key=IMPORT_KEY)).status == 400, depth
        body = json.dumps(invoice())[:-1] + ',"unknown":' + "[" * depth + "]" * depth + "}"
        assert (await api.post(IMPORT, body.encode(), key=IMPORT_KEY)).status in (201, 400), depth


async def test_a_body_of_another_type_is_415_and_json_by_any_of_its_names_is_read(api):
    for kind, status in {
        "application/json": 400, "application/json; charset=utf-8": 400, "Application/JSON": 400, "application/vnd.api+json": 400,
        "text/plain": 415, "application/x-www-form-urlencoded": 415, "application/jsonp": 415,
    }.items():  # fmt: skip
        answer = await api.post(IMPORT, b"{}", key=IMPORT_KEY, headers={"Content-Type": kind})
        assert (answer.status, answer.json["status_code"]) == (status, status), kind
    for form in (b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n', b"no form"):
        answer = await api.post(
            IMPORT, form, key=IMPORT_KEY, headers={"Content-Type": "multipart/form-data; boundary=x"}
        )
        assert (answer.status, answer.json["status_code"]) == (415, 415), form


async def test_a_type_or_encoding_in_other_letters_is_named_as_it_was_sent(api):
    for name, said in (("Content-Type", "media type"), ("Content-Encoding", "content encoding")):
        answer = await api.call("POST", LOGIN, b"{}", headers={name: "Übung/ñ"})
        assert answer.status == 415 and answer.json["detail"] == f'Unsupported {said} "übung/ñ" in request.'


async def test_an_encoded_body_is_415_and_told_what_is_accepted(api, invoice):
    packed = gzip.compress(json.dumps(invoice()).encode())
    for encoding in ("gzip", "br", "GZIP, identity", "deflate"):
        for kind in ("application/json", "application/x-www-form-urlencoded"):
            answer = await api.post(
                IMPORT, packed, key=IMPORT_KEY, headers={"Content-Encoding": encoding, "Content-Type": kind}
            )
            assert (answer.status, answer.headers["Accept-Encoding"]) == (415, "identity")
            assert answer.json["detail"] == f'Unsupported content encoding "{encoding.lower()}" in request.'
    plain = json.dumps(invoice()).encode()
    assert (await api.post(IMPORT, plain, key=IMPORT_KEY, headers={"Content-Encoding": "identity"})).status == 201


async def test_broken_json_is_located_as_detail(api):
    answer = await api.post(LOGIN, b"")
    assert (answer.status, answer.json["detail"]) == (
        400,
        "JSON parse error - Expecting value: line 1 column 1 (char 0)",
    )


# Errors


async def with_trigger(db, table, body, work):
    """What `work()` returns while each row inserted into `table` first runs this PL/pgSQL."""
    await db.execute(
        f"CREATE FUNCTION public.trouble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NEW; END $$"
    )
    await db.execute(f"CREATE TRIGGER trouble BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION public.trouble()")
    try:
        return await work()
    finally:
        await db.execute("DROP FUNCTION public.trouble CASCADE")


async def test_the_log_names_the_user_but_not_the_query(api, log, sign_in):
    token = (await sign_in("PICKER"))["access"]
    await api.get("/api/users/?search=hush", token=token)
    (line,) = [line for line in access_lines(log) if "/api/users/" in line]
    assert " from=127.0.0.1 user=picker@example.com" in line and "hush" not in line


async def test_an_unexpected_error_is_a_500_that_tells_nothing_and_one_traceback_in_the_log(api, db, log, invoice):
    answer = await with_trigger(
        db,
        "sales.invoice",
        "RAISE EXCEPTION 'hidden detail' USING ERRCODE = 'XX000'",
        lambda: api.post(IMPORT, invoice(), key=IMPORT_KEY, is_described=False),
    )
    assert answer.status == 500
    assert (answer.json["success"], answer.json["status_code"]) == (False, 500)
    assert "hidden" not in answer.text and "asyncpg" not in answer.text
    lines = log()
    assert sum("Traceback (most recent call last)" in line for line in lines) == 1
    assert any(
        "tradepost.handler" in line and f"POST {IMPORT} failed request={answer.headers['X-Request-ID']}" in line
        for line in lines
    )
    assert any("hidden detail" in line for line in lines)


async def test_a_transaction_that_stays_in_the_way_of_others_is_503_to_try_again(api, db, log, invoice):
    answer = await with_trigger(
        db, "sales.invoice", "RAISE EXCEPTION 'busy' USING ERRCODE = '40001'", lambda: api.import_invoice(invoice())
    )
    assert answer.status == 503 and int(answer.headers["Retry-After"]) > 0
    assert not any("Traceback" in line for line in log())


async def test_a_value_that_only_postgres_refuses_is_400(api, db, invoice):
    answer = await with_trigger(
        db, "sales.invoice", "PERFORM '9999-99-99'::date", lambda: api.import_invoice(invoice())
    )
    assert answer.status == 400 and "9999" not in answer.text


# The log


async def test_each_request_is_one_line(api, log, stream):
    for method, path, status in (
        ("GET", LIST, 200),
        ("GET", "/nothing", 404),
        ("POST", LIST, 405),
        ("POST", LOGIN, 400),
        ("GET", ME, 401),
        ("OPTIONS", LIST, 204),
        ("HEAD", LIST, 200),
    ):
        before = len(access_lines(log))
        await api.call(method, path, b"" if method == "POST" else None)
        (line,) = access_lines(log)[before:]
        assert re.search(rf" {method} {re.escape(path)} {status} \d+\.\dms from=127\.0\.0\.1 ", line), line
    before = len(access_lines(log))
    await stream()
    (line,) = access_lines(log)[before:]
    assert " GET /api/sales/sse/invoices/ 200 " in line


async def test_the_line_of_a_refused_request_says_why_and_that_of_another_does_not(api, log, sign_in):
    await api.get(ME)
    assert " refused=not-signed-in " in access_lines(log)[-1]
    await api.get(LIST)
    assert "refused" not in access_lines(log)[-1]
    await sign_in("PICKER")
    assert f"POST {LOGIN} 200 " in access_lines(log)[-1] and "refused" not in access_lines(log)[-1]


async def test_no_secret_reaches_the_log(api, db, log, stream, sign_in, invoice):
    tokens = await sign_in("USER")
    await api.get(ME, token=tokens["access"])
    await stream(f"/api/sales/sse/invoices/?token={tokens['access']}")
    await api.get("/api/sales/sse/invoices/?token=stolen-in-query")
    await api.post("/api/auth/refresh/", {"refresh": tokens["refresh"]})
    await api.post(LOGIN, {"email": "user@example.com", "password": "wrong-password"})
    await api.get(ME, token="stolen-in-header")
    await api.import_invoice(invoice())
    await api.post(IMPORT, invoice(), key="wrong-import-key")
    await with_trigger(
        db,
        "accounts.session",
        "RAISE EXCEPTION 'x' USING ERRCODE = 'XX000'",
        lambda: api.post(LOGIN, {"email": "user@example.com", "password": "password123"}, is_described=False),
    )
    everything = "\n".join(log())
    assert "Traceback" in everything and everything.count("tradepost.access") >= 9
    for secret in (
        tokens["access"],
        tokens["refresh"],
        "stolen-in",
        "wrong-password",
        "password123",
        IMPORT_KEY,
        "wrong-import-key",
        "test-secret-key",
    ):
        assert secret not in everything, secret


# The query


class Reads(Handler):
    access = public
    dialect = NotFound.dialect
    parameters = (Parameter("known", "A parameter."),)

    async def get(self, name: str) -> None:
        self.reply([self.asked(name), self.all_asked(name), self.asks_for(name)])


async def test_a_parameter_that_a_handler_does_not_declare_cannot_be_read(app, api, log):
    app.router = Router([("/reads/{name}/", Reads)], [("", NotFound)])
    assert (await api.get("/reads/known/?known=1&known=%20b%20")).json == ["b", ["1", "b"], True]
    assert (await api.get("/reads/known/")).json == ["", [], False]
    for query in ("", "?unknown=1"):
        assert (await api.get(f"/reads/unknown/{query}")).status == 500
        assert any("Reads reads the query parameter 'unknown', which it does not declare" in line for line in log())


class Takes(Handler):
    access = public
    dialect = NotFound.dialect
    schemas = (Schema({"type": "object", "required": ["a"]}, "a"), Schema({"type": "object", "required": ["b"]}, "b"))

    @takes(schemas[0])
    async def post(self) -> None:
        await self.read_body(self.schemas[0])
        self.reply({})

    @takes(schemas[0])
    async def put(self) -> None:
        await self.read_body(self.schemas[1])

    async def patch(self) -> None:
        await self.read_body(self.schemas[0])


async def test_a_body_that_a_method_does_not_declare_cannot_be_read(app, api, log):
    app.router = Router([("/takes/", Takes)], [("", NotFound)])
    assert (await api.post("/takes/", {"a": 1})).status == 200
    for method, name in (("PUT", "b"), ("PATCH", "a")):
        assert (await api.call(method, "/takes/", {"a": 1, "b": 1})).status == 500
        assert any(f"Takes reads the body '{name}', which the method does not declare" in line for line in log())


def test_queries_are_read_only_by_declared_parameters():
    """Tornado's own methods would go past the declarations. What the administration reads is declared by its tables."""
    root = Path(__file__).resolve().parents[2]
    for path in [*root.glob("core/**/*.py"), *root.glob("handlers/**/*.py"), root / "server.py"]:
        if path not in (root / "core/http/handler.py", root / "handlers/api/admin.py"):
            assert not re.search(r"get_(query_|body_)?arguments?\(|query_arguments", path.read_text()), path


def test_each_parameter_is_described_once_and_in_a_sentence():
    for path, handler in areas.router().routes:
        names = [parameter.name for parameter in handler.parameters]
        assert len(names) == len(set(names)), path
        # Of a handler without GET they belong to its only method.
        assert not names or "GET" in handler.methods() or len(handler.methods()) == 1, path
        for parameter in handler.parameters:
            assert parameter.says.endswith(".") and parameter.says[0].isupper(), (path, parameter.name)
            jsonschema.Draft202012Validator.check_schema(parameter.schema)

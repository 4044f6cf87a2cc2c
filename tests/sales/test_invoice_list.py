"""The list of invoices and one invoice (docs/api/sales.md#list): pages, links, filters, who may read, and what is refused."""

import asyncio
import json

import pytest

from handlers.api.roles import ROLES
from tests.support.deadlines import DEADLINE, until

pytestmark = pytest.mark.gen_test

PATH = "/api/sales/invoices/"
INVALID_PAGE = {"success": False, "status_code": 404, "message": "Invalid page.", "detail": "Invalid page."}
ALL = 245  # invoices that `filled` makes: more than two pages of the largest size
STATUSES = ("PENDING", "PICKING", "PICKED", "PACKING", "PACKED", "DISPATCHED", "DELIVERED")


@pytest.fixture
def filled(db, io_loop):
    """ALL invoices, the only ones; each seventh has the next status. Their ids, newest first."""

    async def fill():
        await db.execute("TRUNCATE sales.invoice, sales.customer CASCADE")
        await db.execute("INSERT INTO sales.customer (code, name) VALUES ('LIST', 'Listed')")
        rows = await db.fetch(
            "INSERT INTO sales.invoice (invoice_no, invoice_date, customer_id, status)"
            " SELECT 'L-' || n, '2025-01-18', (SELECT id FROM sales.customer), ($2::text[])[n % 7 + 1] FROM generate_series(1, $1) n RETURNING id",
            ALL, list(STATUSES),
        )  # fmt: skip
        return sorted((row["id"] for row in rows), reverse=True)

    return io_loop.run_sync(fill)


def ids(answer):
    return [one["id"] for one in answer.json["results"]]


async def test_an_empty_list_is_one_empty_page(api, db):
    await db.execute("TRUNCATE sales.invoice CASCADE")
    empty = {"count": 0, "next": None, "previous": None, "results": []}
    for query in ("", "?page=1", "?page=last", "?status=PENDING", "?page_size=100"):
        answer = await api.get(PATH + query)
        assert (answer.status, answer.json) == (200, empty), query
    assert (await api.get(f"{PATH}?page=2")).json == INVALID_PAGE


async def test_the_newest_comes_first_20_a_page(api, filled):
    first, second = await api.get(PATH), await api.get(f"{PATH}?page=2")
    assert list(first.json) == ["count", "next", "previous", "results"]
    assert first.json["count"] == ALL
    assert (ids(first), ids(second)) == (filled[:20], filled[20:40])


async def test_every_page_of_every_size_is_the_slice_it_should_be(api, filled):
    for size in (1, 7, 20, 99, 100):
        pages = -(-ALL // size)
        for page in {1, 2, pages // 2 + 1, pages - 1, pages} - {0}:
            answer = await api.get(f"{PATH}?page={page}&page_size={size}")
            assert ids(answer) == filled[(page - 1) * size : page * size], f"page {page} of size {size}"
            assert (answer.json["next"] is None, answer.json["previous"] is None) == (page == pages, page == 1), (
                f"page {page} of size {size}"
            )
        last = await api.get(f"{PATH}?page=last&page_size={size}")
        assert ids(last) == filled[(pages - 1) * size :], f"last of size {size}"
        assert (await api.get(f"{PATH}?page={pages + 1}&page_size={size}")).json == INVALID_PAGE, f"beyond, size {size}"


async def test_a_page_size_is_clamped_to_100_and_one_that_is_invalid_is_20(api, filled):
    sizes = {
        "100": 100,
        "101": 100,
        "5000": 100,
        "9" * 18: 100,
        "9" * 19: 100,
        "9" * 400: 100,
        "0" * 30 + "7": 7,
        "007": 7,
        "%2050%20": 50,
    }
    sizes |= dict.fromkeys(
        (
            "",
            "0",
            "0" * 30,
            "-1",
            "-5",
            "abc",
            "1.5",
            "1e1",
            "0x10",
            "%2B5",
            "%D9%A1",
            "%00",
            "NaN",
            "Infinity",
            "5;DROP",
            "last",
        ),
        20,
    )
    for text, size in sizes.items():
        answer = await api.get(f"{PATH}?page_size={text}")
        assert (answer.status, len(answer.json["results"])) == (200, size), text


async def test_a_page_that_is_invalid_is_404(api, filled):
    wrong = ("14", "0", "00", "-1", "-0", "1.0", "1e9", "1e0", "abc", "LAST", "lasт", "0x1", "%2B1", "1,000", "%D9%A1", "NaN", "inf", "None", "1%001", "",
             "999999999", "9" * 12, "1" + "0" * 12, "9" * 18, "9223372036854775807", "9223372036854775808", "9" * 400)  # fmt: skip
    for text in wrong:
        answer = await api.get(f"{PATH}?page={text}")
        assert (answer.status, answer.json) == (404, INVALID_PAGE), text
    for text in ("1", "01", "%201%20", "0000000001"):
        assert ids(await api.get(f"{PATH}?page={text}")) == filled[:20], text


# Links


async def test_links_are_absolute_keep_the_other_parameters_and_put_names_in_order(api, filled):
    address = api.base_url + PATH
    links = {
        "": ("?page=2", None),
        "?page=2": ("?page=3", ""),
        "?page=3": ("?page=4", "?page=2"),
        "?page_size=10&page=2": ("?page=3&page_size=10", "?page_size=10"),
        "?zeta=1&page_size=10&page=3&alpha=2": ("?alpha=2&page=4&page_size=10&zeta=1", "?alpha=2&page=2&page_size=10&zeta=1"),
        "?status=PICKED&page_size=5&page=2&status=PENDING": (
            "?page=3&page_size=5&status=PICKED&status=PENDING", "?page_size=5&status=PICKED&status=PENDING",
        ),
        "?page=last": (None, "?page=12"),
        "?page=2&a=%26%3D%23%20%22%5C%2B": ("?a=%26%3D%23+%22%5C%2B&page=3", "?a=%26%3D%23+%22%5C%2B"),
        "?n%C3%A4=%C3%A9&page_size=100": ("?n%C3%A4=%C3%A9&page=2&page_size=100", None),
        "?search=": ("?page=2&search=", None),
    }  # fmt: skip
    for query, (following, previous) in links.items():
        found = (await api.get(PATH + query)).json
        expected = tuple(None if link is None else address + link for link in (following, previous))
        if query == "?search=":  # an empty value may be kept or dropped
            assert found["next"] in (expected[0], address + "?page=2")
            continue
        assert (found["next"], found["previous"]) == expected, query


async def test_links_name_the_host_that_the_client_named_and_never_its_token(api, filled):
    answer = await api.get(f"{PATH}?token=secret&page=2", headers={"Host": "127.0.0.1:8000"})
    assert answer.json["next"] == f"http://127.0.0.1:8000{PATH}?page=3"
    assert answer.json["previous"] == f"http://127.0.0.1:8000{PATH}"


async def test_following_the_links_visits_every_invoice_once(api, filled):
    for query, wanted in (("?page_size=37", filled), ("?page_size=11&status=PICKED&status=DELIVERED", None)):
        seen, back, url = [], [], api.base_url + PATH + query
        while url:
            answer = await api.get(url)
            seen += ids(answer)
            url, last = answer.json["next"], url
        url = last
        while url:
            answer = await api.get(url)
            back = ids(answer) + back
            url = answer.json["previous"]
        assert seen == back
        assert seen == (wanted or sorted(set(seen), reverse=True))
        assert len(seen) == answer.json["count"]


async def test_a_walk_through_all_pages_misses_nothing_while_imports_go_on(api, invoice, filled):
    walking, imported = True, asyncio.Event()

    async def keep_importing():
        while walking:
            assert (await api.import_invoice(invoice())).status == 201
            imported.set()

    imports = asyncio.create_task(keep_importing())
    seen, url, counts = [], f"{api.base_url}{PATH}?page_size=25", []
    while url:
        answer = await api.get(url)
        page = ids(answer)
        assert page == sorted(set(page), reverse=True)  # within one page nothing comes twice
        seen += page
        counts.append(answer.json["count"])
        url = answer.json["next"]
        imported.clear()
        await imported.wait()  # at least one between any two pages, however slow the machine
    walking = False
    await imports
    assert set(filled) <= set(seen)  # newcomers push rows to later pages, so one may be seen again, but none is skipped
    assert counts == sorted(counts)
    assert counts[-1] > ALL


async def test_pages_beside_which_nothing_is_imported_are_disjoint(api, filled):
    pages = await asyncio.gather(*[api.get(f"{PATH}?page={page}&page_size=50") for page in range(1, 6)])
    assert [one for page in pages for one in ids(page)] == filled


# Filters


async def test_status_filters_by_any_of_those_given(api, filled, db):
    of_status = {
        status: [row["id"] for row in await db.fetch("SELECT id FROM sales.invoice WHERE status = $1", status)]
        for status in STATUSES
    }
    for wanted in (("PENDING",), ("PICKED", "PACKED"), STATUSES, ("PENDING", "PENDING"), ("PICKING", "NOSUCH", "")):
        answer = await api.get(f"{PATH}?page_size=100&" + "&".join(f"status={status}" for status in wanted))
        expected = sorted({one for status in wanted for one in of_status.get(status, [])}, reverse=True)
        assert (answer.json["count"], ids(answer)) == (len(expected), expected[:100]), wanted


async def test_a_status_is_known_in_any_case_repeated_or_in_a_list_with_commas(api, filled):
    async def count(query):
        return (await api.get(f"{PATH}?{query}")).json["count"]

    one, other = await count("status=PENDING"), await count("status=PICKED")
    assert one and other
    assert await count("status=pending") == await count("status=Pending") == await count("status=created") == one
    for query in (
        "status=PENDING,PICKED",
        "status=pending&status=picked",
        "status=,Picked,%20pending,NOSUCH",
        "status=CREATED,PICKED,pending",
    ):
        assert await count(query) == one + other, query
        walked = (await api.get(f"{PATH}?{query}&cursor=&page_size=100")).json["results"]
        assert {invoice["status"] for invoice in walked} == {"PENDING", "PICKED"}, query
    assert await count("status=") == await count("status=,") == await count("")


async def test_an_unknown_status_finds_nothing_and_harms_nothing(api, filled):
    for status in (
        "NOSUCH",
        "NOSUCH,NEITHER",
        "PEND%00ING%00X",
        "%F0%9F%98%80",
        "%E2%80%AE",
        "'%20OR%201=1--",
        "{PENDING}",
        "x" * 20_000,
        "%5C",
        "NULL",
    ):
        answer = await api.get(f"{PATH}?status={status}")
        assert (answer.status, answer.json.get("count"), answer.json.get("results")) == (200, 0, []), status[:40]


async def test_a_thousand_statuses_are_borne(api, filled):
    answer = await api.get(PATH + "?" + "&".join(["status=NOSUCH"] * 999 + ["status=PENDING"]))
    assert answer.json["count"] == ALL // 7
    answer = await api.get(PATH + "?" + "&".join(f"status=S{n}" for n in range(1000)))
    assert (answer.status, answer.json["results"]) == (200, [])
    assert (await api.get(PATH + "?" + "&".join(["status=PENDING"] * 1001))).status == 400  # Tornado's limit


ODD_UTF8 = "page=%ff", "page_size=%ff", "status=%ff", "status=%ed%a0%80", "status=%c0%80", "x=%ff", "%ff=1", "%ff=%ff"


async def test_a_query_that_is_no_utf8_is_no_fault_of_the_server(api, filled):
    for query in ODD_UTF8:
        assert (await api.get(f"{PATH}?{query}")).status in (200, 400, 404), query


# Counts


async def test_the_count_is_exact_at_once_after_each_change(api, invoice, filled, db):
    async def counts():
        return [
            (await api.get(f"{PATH}?page_size=1{query}")).json["count"]
            for query in ("", "&status=PENDING", "&status=PICKED")
        ]

    pending, picked = ALL // 7, ALL // 7
    assert await counts() == [ALL, pending, picked]
    await api.import_invoice(invoice())
    assert await counts() == [ALL + 1, pending + 1, picked]
    await db.execute("UPDATE sales.invoice SET status = 'PICKED' WHERE id = (SELECT max(id) FROM sales.invoice)")
    assert await counts() == [ALL + 1, pending, picked + 1]
    await db.execute("DELETE FROM sales.invoice WHERE id = (SELECT max(id) FROM sales.invoice)")
    assert await counts() == [ALL, pending, picked]
    await db.execute("SELECT sales.fold_invoice_deltas()")
    assert await counts() == [ALL, pending, picked]
    await db.execute("DELETE FROM sales.customer")  # takes its invoices along
    assert await counts() == [0, 0, 0]
    await api.import_invoice(invoice())
    await db.execute("TRUNCATE sales.customer CASCADE")
    assert await counts() == [0, 0, 0]
    await api.import_invoice(invoice())
    assert await counts() == [1, 1, 0]


# One invoice


async def test_one_invoice_is_bare_and_one_that_is_not_there_is_404(api, filled):
    answer = await api.get(f"{PATH}{filled[0]}/")
    assert (answer.status, answer.json["id"], "success" in answer.json) == (200, filled[0], False)
    assert (await api.get(f"{PATH}{filled[0]}")).json == answer.json  # without the slash too
    text = "No Invoice matches the given query."
    for number in ("0", str(filled[0] + 1000), "9" * 18, "000"):
        answer = await api.get(f"{PATH}{number}/")
        assert (answer.status, answer.json) == (
            404,
            {"success": False, "status_code": 404, "message": text, "detail": text},
        ), number


async def test_an_id_that_is_invalid_is_404_in_the_dialect(api, filled):
    for number in ("abc", "-1", "1.5", "9" * 19, "9" * 400, "1e3", "0x1", "%D9%A1", "١", "%31", "%00", "1%00", "%ff", "1;x", "1/2", "%2e%2e", "..", "+1", " 1",
                   "1%20", "*", "x" * 20_000):  # fmt: skip
        answer = await api.get(f"{PATH}{number.encode().decode('latin-1').replace(' ', '%20')}/")
        assert (answer.status, answer.json["success"], answer.json["status_code"]) == (404, False, 404), number[:40]


async def test_head_is_get_without_a_body(api, filled):
    for path in (PATH, f"{PATH}?page=2", f"{PATH}{filled[0]}/", f"{PATH}?page=99", f"{PATH}999999999/"):
        got, head = await api.get(path), await api.call("HEAD", path)
        assert (head.status, head.text, head.headers["Content-Length"]) == (
            got.status,
            "",
            got.headers["Content-Length"],
        ), path


async def test_other_methods_are_405_in_the_dialect_and_name_those_allowed(api, filled, sign_in):
    token = (await sign_in("ADMIN"))["access"]
    methods = {
        PATH: {"GET"},
        f"{PATH}{filled[0]}/": {"GET", "PUT", "PATCH", "DELETE"},
        "/api/sales/import/invoice/": {"POST"},
    }
    for path, allowed in methods.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - allowed:
            answer = await api.call(method, path, b"{}", token=token)
            text = f'Method "{method}" not allowed.'
            named = answer.headers["Allow"].split(", ")
            assert (answer.status, allowed <= set(named), method in named) == (405, True, False), f"{method} {path}"
            assert answer.json == {"success": False, "status_code": 405, "message": text, "detail": text}
        options = await api.call("OPTIONS", path)
        assert (options.status, options.text) == (204, "")
        assert allowed <= set(options.headers["Allow"].split(", "))


# Who may read

CLOSED = pytest.mark.parametrize("changed_settings", [{"sales_public_read": False}], ids=["closed"])


async def test_anyone_may_read_by_default_but_not_with_a_bad_token(api, filled):
    for path in (PATH, f"{PATH}{filled[0]}/"):
        assert (await api.get(path)).status == 200
        answer = await api.get(path, token="bad")
        assert (answer.status, answer.json["code"]) == (401, "token_not_valid")


@CLOSED
async def test_closed_reads_are_401_to_anonymous_and_open_to_the_roles_of_sales(changed_settings, api, filled, sign_in):
    paths = (PATH, f"{PATH}?page=99", f"{PATH}{filled[0]}/", f"{PATH}999999999/")
    for path in paths:
        for method in ("GET", "HEAD"):
            answer = await api.call(method, path)
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="api"'), path
        assert (await api.get(path, key="test-import-key")).status == 401  # the key is for importing
    for role, areas in ROLES.items():
        access = (await sign_in(role))["access"]
        expected = [200, 404, 200, 404] if "sales" in areas else [403] * 4
        assert [(await api.get(path, token=access)).status for path in paths] == expected, role


# Over a plain socket, as no client library would send it


async def exchange(base_url, *pieces, hold=None, answers=1):
    """What the server answers to these bytes until it closes, or is silent after so many answers. TimeoutError: it does neither.

    hold: the last piece is sent when this event is set.
    """
    host, port = base_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    received = b""
    try:
        for n, piece in enumerate(pieces, 1):
            if hold and n == len(pieces):
                await hold.wait()
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(DEADLINE):
            while True:
                async with asyncio.timeout(DEADLINE if len(statuses(received)) < answers else 0.3):
                    if not (got := await reader.read(1 << 20)):
                        break
                    received += got
    except TimeoutError:
        if not received:
            raise
    except ConnectionError:
        pass
    finally:
        writer.close()
    return received


def statuses(received):
    return [int(part.split(b" ", 1)[0]) for part in received.split(b"HTTP/1.1 ")[1:]]


HEAD = b"Host: localhost\r\n"
KEY = b"X-API-KEY: test-import-key\r\n"
IMPORT = b"POST /api/sales/import/invoice/ HTTP/1.1\r\n" + HEAD + KEY
CHUNKED = IMPORT + b"Transfer-Encoding: chunked\r\n\r\n"
LIST = b"GET /api/sales/invoices/?page_size=1 HTTP/1.1\r\n" + HEAD

HOSTILE = [
    # what is sent, the statuses that are right ([] = closed without an answer is right too)
    (b"BREW /api/sales/invoices/ HTTP/1.1\r\n" + HEAD + b"\r\n", [405]),
    (b"get /api/sales/invoices/ HTTP/1.1\r\n" + HEAD + b"\r\n", [405, 400]),
    (b"CONNECT localhost:1 HTTP/1.1\r\n" + HEAD + b"\r\n", [405, 400, 404]),
    (b"TRACE /api/sales/invoices/ HTTP/1.1\r\n" + HEAD + b"\r\n", [405]),
    (b"OPTIONS * HTTP/1.1\r\n" + HEAD + b"\r\n", [204, 404]),
    (b"GET http://localhost/api/sales/invoices/ HTTP/1.1\r\n" + HEAD + b"\r\n", [200, 404]),
    (b"GET //api/sales/invoices/ HTTP/1.1\r\n" + HEAD + b"\r\n", [404, 200]),
    (b"GET /api//sales/invoices/ HTTP/1.1\r\n" + HEAD + b"\r\n", [404]),
    (b"GET /api/sales/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n" + HEAD + b"\r\n", [404]),
    (b"GET /api/sales/../../etc/passwd HTTP/1.1\r\n" + HEAD + b"\r\n", [404]),
    (b"GET /static/../server.py HTTP/1.1\r\n" + HEAD + b"\r\n", [403, 404, 400]),
    (b"GET /static/%2e%2e/server.py HTTP/1.1\r\n" + HEAD + b"\r\n", [403, 404, 400]),
    (b"GET /static/..%2fserver.py HTTP/1.1\r\n" + HEAD + b"\r\n", [403, 404, 400]),
    (b"GET /api/sales/invoices%00/ HTTP/1.1\r\n" + HEAD + b"\r\n", [404]),
    (b"GET /api/sales/invoices/%00/ HTTP/1.1\r\n" + HEAD + b"\r\n", [404]),
    (b"GET /api/sales/invoices/\xff\xfe/ HTTP/1.1\r\n" + HEAD + b"\r\n", [404, 400]),
    (b"GET /api/sales/invoices/?status=\xff HTTP/1.1\r\n" + HEAD + b"\r\n", [200, 400]),
    (b"GET ?page=1 HTTP/1.1\r\n" + HEAD + b"\r\n", [200, 400, 404]),
    (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n", [404]),
    (b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n", [400, 414, 431, 404]),
    (b"GET /api/sales/invoices/?" + b"&".join([b"status=PENDING"] * 1000) + b" HTTP/1.1\r\n" + HEAD + b"\r\n", [200]),
    (b"GET /api/sales/invoices/?" + b"&" * 20_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n", [200, 400]),
    (b"GET /api/sales/invoices/ HTTP/1.1\r\n" + HEAD + b"X: " + b"y" * 100_000 + b"\r\n\r\n", [400, 431]),
    (b"GET /api/sales/invoices/ HTTP/1.1\r\n" + HEAD + b"".join(b"X-%d: y\r\n" % n for n in range(1000)) + b"\r\n", [200, 400, 431]),
    (LIST + b"Authorization: Bearer " + b"x" * 20_000 + b"\r\n\r\n", [401]),
    (LIST + b"Authorization: Bearer \xff\xfe\r\n\r\n", [401, 400]),
    (LIST + b"Authorization: Bearer a.b.c\r\nAuthorization: Bearer d\r\n\r\n", [401, 400]),
    (LIST + b"Authorization: Basic eDp5\r\n\r\n", [200, 401]),
    (LIST + b"X-Request-ID: a\tb\"'<\r\n\r\n", [200]),
    (b"GET /api/sales/invoices/ HTTP/1.1\r\nHost: \"><evil\r\n\r\n", [400]),
    (b"GET /api/sales/invoices/ HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", [400]),
    (b"GET /api/sales/invoices/ HTTP/1.1\r\n\r\n", [400]),
    (b"GET /api/sales/invoices/ HTTP/1.0\r\n\r\n", [200, 400]),
    (b"GET /api/sales/invoices/\r\n\r\n", [400]),
    (b"GET /api/sales/invoices/ HTTP/9.9\r\n" + HEAD + b"\r\n", [400, 505]),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200 + b"\r\n\r\n", [400]),
    (b"\0\0\0\r\n\r\n", [400]),
    (LIST + b"bad header line\r\n\r\n", [400]),
    (LIST + b"X\x00Y: z\r\n\r\n", [400]),
    (LIST + b"X: a\x00b\r\n\r\n", [400, 200]),
    (IMPORT + b"Content-Length: -5\r\n\r\n", [400]),
    (IMPORT + b"Content-Length: 1_0\r\n\r\n0123456789", [400]),
    (IMPORT + b"Content-Length: +2\r\n\r\n{}", [400]),
    (IMPORT + b"Content-Length: 2\r\nContent-Length: 5\r\n\r\n{}   ", [400]),
    (IMPORT + b"Content-Length: 99999999999999999999\r\n\r\n", [400, 413]),
    (IMPORT + b"Content-Length: 100000000\r\n\r\n", [400, 413]),
    (IMPORT + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [400]),
    (IMPORT + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", [400, 501]),
    (CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n", [400]),
    (CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n", [400]),
    (CHUNKED + b"f" * 40 + b"\r\n{}", [400]),
    (CHUNKED + b"2\r\n{}XX0\r\n\r\n", [400]),
    (CHUNKED + b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", [400]),
    (IMPORT + b"Content-Type: multipart/form-data\r\nContent-Length: 2\r\n\r\n{}", [400, 415]),
    (IMPORT + b"Content-Type: multipart/form-data; boundary=\"\"\r\nContent-Length: 2\r\n\r\n{}", [400, 415]),
    (IMPORT + b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 6\r\n\r\na=%ff&", [400, 415]),
    (IMPORT + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", [400, 415]),
    (IMPORT + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}", [100, 400]),
    (b"DELETE /api/sales/invoices/ HTTP/1.1\r\n" + HEAD + b"Content-Length: 2\r\n\r\n{}", [405]),
    (b"GET /api/sales/invoices/?page_size=1 HTTP/1.1\r\n" + HEAD + b"Content-Length: 2\r\n\r\n{}", [200, 400]),
]  # fmt: skip


async def test_hostile_requests_get_an_answer_or_a_closed_connection_and_leave_no_fault_behind(api, filled, caplog):
    async def attack(sent, right):
        try:
            received = await exchange(api.base_url, sent)
        except TimeoutError:
            return sent[:120], "silence"
        got = statuses(received)
        return (
            None
            if got and all(status in right for status in got) or (not received and 400 in right)
            else (sent[:120], received[:200])
        )

    wrong = [found for found in await asyncio.gather(*[attack(*one) for one in HOSTILE]) if found]
    assert not wrong, "\n".join(map(str, wrong))
    assert not [
        record.getMessage() for record in caplog.records if record.exc_info or record.levelname in ("ERROR", "CRITICAL")
    ]
    assert (await api.get(PATH)).status == 200


async def test_a_chunked_body_over_the_limit_is_413(api, invoice, filled):
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    received = await exchange(api.base_url, CHUNKED, *[chunk] * 11, b"0\r\n\r\n")
    assert statuses(received) == [413]
    body = json.dumps(invoice()).encode()
    received = await exchange(api.base_url, CHUNKED, *[chunk] * 9, b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    assert statuses(received) == [201]


async def test_a_body_without_end_is_cut_off(api, filled):
    chunk = b"400000\r\n" + b" " * 0x400000 + b"\r\n"
    received = await exchange(api.base_url, CHUNKED, *[chunk] * 20)
    assert statuses(received) in ([400], [413], [])  # beyond 64 MB the connection is closed on the sender
    assert (await api.get(PATH)).status == 200


async def test_pipelined_requests_are_answered_in_order(api, invoice, filled):
    body = json.dumps(invoice()).encode()
    one = IMPORT + b"Content-Length: %d\r\n\r\n" % len(body) + body
    received = await exchange(
        api.base_url, one + LIST + b"\r\n" + one + LIST + b"\r\n" + b"BREW / HTTP/1.1\r\n" + HEAD + b"\r\n", answers=5
    )
    assert statuses(received) == [201, 200, 409, 200, 405]


async def test_a_body_that_comes_slowly_does_not_hold_up_others(api, invoice, filled):
    body = json.dumps(invoice()).encode()
    pieces = [
        IMPORT + b"Content-Length: %d\r\n\r\n" % len(body),
        *[body[n : n + 100] for n in range(0, len(body), 100)],
    ]
    rest = asyncio.Event()
    slow = [asyncio.create_task(exchange(api.base_url, *pieces, hold=rest)) for _ in range(20)]
    assert (await api.get(f"{PATH}?page_size=1")).status == 200
    rest.set()
    assert sorted(statuses(received)[0] for received in await asyncio.gather(*slow)) == [201] + [409] * 19


async def test_clients_that_leave_in_the_middle_leave_nothing_behind(api, process, filled, db):
    before = await db.fetchval("SELECT count(*) FROM sales.invoice")
    host, port = api.base_url.removeprefix("http://").split(":")
    for sent in (IMPORT, IMPORT + b"Content-Length: 5000\r\n\r\n{", CHUNKED + b"5\r\n{", LIST + b"\r\n", LIST):
        for _ in range(10):
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(sent)
            await writer.drain()
            writer.transport.abort()
    # A graceful stop would wait for requests that are still active.
    await until(lambda: process.app.active == 0)
    assert await db.fetchval("SELECT count(*) FROM sales.invoice") == before


async def test_an_invalid_page_is_answered_before_an_invalid_filter(api):
    for query in ("page=0&user=x", "page=x&start_date=tomorrow"):
        assert (await api.get(f"/api/sales/invoices/?{query}")).status == 404, query
    assert (await api.get("/api/sales/invoices/?page=1&user=x")).status == 400

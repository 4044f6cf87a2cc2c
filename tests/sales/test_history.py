"""Histories of picking, packing and delivery (docs/api/sales.md#history): rows, filters, who sees whose, pages and cursors."""

import asyncio
import itertools
from urllib.parse import urlencode

import pytest

from core.data.database import Transaction
from handlers.api.roles import ROLES
from handlers.sales import history

pytestmark = pytest.mark.gen_test

KINDS = ("picking", "packing", "delivery")
DONE = {"picking": "PICKED", "packing": "PACKED", "delivery": "DELIVERED"}
HEAD = [
    "id", "invoice_no", "invoice_date", "invoice_status", "invoice_remarks", "customer_name", "customer_email", "customer_phone",
    "customer_address", "salesman_name",
]  # fmt: skip
TAIL = ["items", "total_amount", "start_time", "end_time", "duration", "notes", "created_at"]
KEYS = {
    "picking": [*HEAD, "picker_email", "picker_name", "picking_status", *TAIL],
    "packing": [*HEAD, "packer_email", "packer_name", "packing_status", *TAIL],
    "delivery": [
        *HEAD, "delivery_type", "delivery_user_email", "delivery_user_name", "courier_name", "tracking_no", "delivery_status", *TAIL,
    ],
}  # fmt: skip
INVALID_PAGE = {"success": False, "status_code": 404, "message": "Invalid page.", "detail": "Invalid page."}
_numbers = itertools.count(1)
every_kind = pytest.mark.parametrize("kind", KINDS)


def path(kind, query=""):
    return f"/api/sales/{kind}/history/?{query}"


@pytest.fixture(autouse=True)
def nothing_yet(db, io_loop):
    io_loop.run_sync(lambda: db.execute("TRUNCATE sales.invoice, sales.customer CASCADE"))


@pytest.fixture
def admin(sign_in, io_loop):
    return io_loop.run_sync(lambda: sign_in("ADMIN"))["access"]


@pytest.fixture
def session(db):
    """`await session("picking", "ann@example.com")`: a session of its own invoice, which is finished unless said otherwise; its id."""

    async def session(
        kind, worker="ann@example.com", *, at="2026-03-10T12:00:00Z", status=None, delivery_type="DIRECT", number=None, customer="Shop",
        customer_email="shop@example.com", courier="", tracking="", minutes="12.5", active=True,
    ):  # fmt: skip
        number = number or f"H-{next(_numbers):06}"
        invoice = await db.fetchval(
            "WITH c AS (INSERT INTO sales.customer (code, name, email) VALUES ($1, $2, $3) RETURNING id)"
            " INSERT INTO sales.invoice (invoice_no, invoice_date, customer_id, is_active) SELECT $1, '2026-03-01', id, $4 FROM c RETURNING id",
            number, customer, customer_email, active,
        )  # fmt: skip
        if worker is not None:
            await db.execute(
                "INSERT INTO accounts.account (email, name) VALUES ($1::text, 'Name of ' || $1) ON CONFLICT DO NOTHING",
                worker,
            )
        more = (", delivery_type, courier_name, tracking_no", ", $5, $6, $7") if kind == "delivery" else ("", "")
        return await db.fetchval(
            f"INSERT INTO sales.session (kind, invoice_id, worker_id, status, created_at, start_time, end_time{more[0]})"
            f" SELECT '{kind}', $1, (SELECT id FROM accounts.account WHERE email = $2), $3, m.at, m.at, m.at + {minutes} * interval '1 minute'{more[1]}"
            " FROM (SELECT $4::text::timestamptz AS at) m RETURNING id",
            invoice, worker, status or DONE[kind], at, *((delivery_type, courier, tracking) if kind == "delivery" else ()),
        )  # fmt: skip

    return session


async def found(api, token, kind, query=""):
    answer = await api.get(path(kind, query), token=token)
    assert answer.status == 200, answer.text
    ids = [one["id"] for one in answer.json["results"]]
    if "cursor" not in query:
        walked = (await api.get(path(kind, f"{query}&cursor=&page_size=100"), token=token)).json
        assert [one["id"] for one in walked["results"]][: len(ids)] == ids  # both ways to page agree
        assert answer.json["count"] == len(walked["results"])
    return ids


@every_kind
async def test_a_row_has_the_documented_keys_in_order(api, admin, invoice, db, kind):
    await api.import_invoice(invoice(remarks="Urgent"))
    await db.execute(
        "INSERT INTO accounts.account (email, name) VALUES ('ann@example.com', 'Ann') ON CONFLICT (lower(email)) DO UPDATE SET name = 'Ann'"
    )
    more = (", delivery_type, courier_name, tracking_no", ", 'INTERNAL', '', ''") if kind == "delivery" else ("", "")
    await db.execute(
        f"INSERT INTO sales.session (kind, invoice_id, worker_id, status, notes, start_time, end_time, created_at{more[0]})"
        f" SELECT '{kind}', i.id, a.id, '{DONE[kind]}', 'one', '2026-01-01T10:00:00Z', '2026-01-01T10:12:20Z', '2026-01-01T10:00:00.5Z'{more[1]}"
        " FROM sales.invoice i, accounts.account a WHERE a.email = 'ann@example.com'"
    )
    answer = await api.get(path(kind), token=admin)
    assert list(answer.json) == ["count", "next", "previous", "results"]
    (row,) = answer.json["results"]
    listed = (await api.get("/api/sales/invoices/")).json["results"][0]
    assert list(row) == KEYS[kind]
    assert (row["invoice_no"], row["invoice_remarks"]) == (listed["invoice_no"], "Urgent")
    assert (row["customer_phone"], row["customer_address"]) == ("9876543210", "Near Railway Station")
    assert (row["items"], row["total_amount"], row["salesman_name"]) == (listed["items"], 920.0, "Ajay")
    assert (row["start_time"], row["end_time"]) == ("2026-01-01T10:00:00.000000Z", "2026-01-01T10:12:20.000000Z")
    assert (row["duration"], row["notes"], row["created_at"]) == (12.33, "one", "2026-01-01T10:00:00.500000Z")
    person = {"picking": "picker", "packing": "packer", "delivery": "delivery_user"}[kind]
    assert (row[f"{person}_email"], row[f"{person}_name"]) == ("ann@example.com", "Ann")


@every_kind
async def test_keys_of_a_person_who_is_not_there_are_absent_and_an_open_session_has_no_duration(
    api, admin, session, kind
):
    await session(kind, None, minutes="NULL")
    (row,) = (await api.get(path(kind), token=admin)).json["results"]
    assert set(KEYS[kind]) - set(row) == {
        key for key in KEYS[kind] if key.startswith(("picker_", "packer_", "delivery_user_", "salesman_"))
    }
    assert row["end_time"] is row["duration"] is None


async def test_a_person_without_a_name_is_called_by_the_e_mail(api, admin, session, db):
    await session("picking", "noname@example.com")
    await db.execute("UPDATE accounts.account SET name = '' WHERE email = 'noname@example.com'")
    assert (await api.get(path("picking"), token=admin)).json["results"][0]["picker_name"] == "noname@example.com"


# Who sees what


@every_kind
async def test_each_role_sees_all_or_only_its_own(api, sign_in, session, kind):
    other = await session(kind, "somebody@example.com")
    for role, areas in ROLES.items():
        token = (await sign_in(role))["access"]
        own = await session(kind, f"{role.lower()}@example.com")
        answer = await api.get(path(kind, "page_size=100"), token=token)
        if "sales" not in areas:
            assert answer.status == 403, role
            continue
        sees_all = role in ("SUPERADMIN", "ADMIN", "OWNER") or (kind, role) == ("picking", "PICKER")
        assert (other in await found(api, token, kind, "page_size=100")) == sees_all, role
        if not sees_all:
            assert await found(api, token, kind) == await found(api, token, kind, "search=example") == [own], role
    assert (await api.get(path(kind))).status == 401


@pytest.mark.parametrize("flag", ["is_staff", "is_superuser"])
async def test_a_flag_lets_see_all_too(api, db, sign_in, session, flag):
    await session("packing", "somebody@example.com")
    await sign_in("PACKER", email=f"{flag}@example.com")
    await db.execute(f"UPDATE accounts.account SET {flag} = true WHERE email = $1", f"{flag}@example.com")
    token = (await api.post("/api/auth/login/", {"email": f"{flag}@example.com", "password": "password123"})).json[
        "access"
    ]
    assert len(await found(api, token, "packing")) == 1


@every_kind
async def test_sessions_of_a_deleted_invoice_are_neither_shown_nor_counted(api, admin, session, db, kind):
    ids = [await session(kind) for _ in range(3)]
    hidden = await session(kind, active=False)
    assert await found(api, admin, kind) == ids[::-1]
    await db.execute(
        "UPDATE sales.invoice SET is_active = NOT is_active WHERE id IN (SELECT invoice_id FROM sales.session WHERE id = ANY ($1))",
        [ids[1], hidden],
    )
    assert await found(api, admin, kind) == [hidden, ids[2], ids[0]]
    assert await found(api, admin, kind, "search=H-") == [hidden, ids[2], ids[0]]
    await db.execute(
        "DELETE FROM sales.invoice WHERE id IN (SELECT invoice_id FROM sales.session WHERE id = $1)", ids[2]
    )
    assert await found(api, admin, kind) == [hidden, ids[0]]


# Filters


@every_kind
async def test_status_is_compared_ignoring_case_and_an_unknown_one_is_ignored(api, admin, session, kind):
    statuses = getattr(history, f"{kind.title()}History").statuses
    ids = {status: await session(kind, f"{status.lower()}@example.com", status=status) for status in statuses}
    for status, id in ids.items():
        for text in (status, status.lower(), status.title()):
            assert await found(api, admin, kind, f"status={text}") == [id], text
    for text in ("NOSUCH", "", "%00", "'", "x" * 5000, "%F0%9F%98%80", "PICKED;"):
        assert len(await found(api, admin, kind, f"status={text}")) == len(ids), text


@every_kind
async def test_days_are_utc_of_created_at_inclusive_and_malformed_ones_are_ignored(api, admin, session, kind):
    moments = [
        "2024-02-28T23:59:59.999999Z",
        "2024-02-29T00:00:00Z",
        "2024-02-29T23:59:59.999999Z",
        "2024-03-01T00:00:00Z",
    ]
    ids = [await session(kind, at=at) for at in moments]
    assert await found(api, admin, kind, "start_date=2024-02-29&end_date=2024-02-29") == [ids[2], ids[1]]
    assert await found(api, admin, kind, "start_date=2024-02-29") == ids[:0:-1]
    assert await found(api, admin, kind, "end_date=2024-02-28") == ids[:1]
    assert await found(api, admin, kind, "start_date=2025-01-01&end_date=2024-01-01") == []
    for text in (
        "x",
        "2024-02-30",
        "2024-2-1",
        "",
        "%00",
        "29-02-2024",
        "2024-02-29T00:00:00Z",
        "0000-01-01",
        "10000-01-01",
    ):
        assert await found(api, admin, kind, f"start_date={text}&end_date={text}") == ids[::-1], text
    assert await found(api, admin, kind, "end_date=9999-12-31&start_date=0001-01-01") == ids[::-1]


@every_kind
async def test_invoice_is_an_id_or_else_a_number_and_invoice_no_is_exact_ignoring_case(api, admin, session, db, kind):
    one, two = await session(kind, number="INV-Ab1"), await session(kind, number="INV-Ab12")
    invoice = await db.fetchval("SELECT invoice_id FROM sales.session WHERE id = $1", one)
    for query in (f"invoice={invoice}", f"invoice_id={invoice}", "invoice=inv-ab1", "invoice_id=INV-AB1", "invoice_no=inv-aB1",
                  f"invoice={invoice}&invoice_no=INV-ab1", "invoice=INV-Ab1&invoice_no=INV-ab1"):  # fmt: skip
        assert await found(api, admin, kind, query) == [one], query
    for query in ("invoice=0", "invoice=-1", "invoice=" + "9" * 18, "invoice=" + "9" * 40, "invoice_no=INV-Ab", "invoice_no=" + "x" * 5000,
                  f"invoice={invoice}&invoice_no=INV-Ab12", "invoice=INV-Ab1&invoice_no=INV-Ab12", f"invoice_no={invoice}"):  # fmt: skip
        assert await found(api, admin, kind, query) == [], query
    for query in ("invoice=", "invoice_id=%00", "invoice_no=%20"):
        assert await found(api, admin, kind, query) == [two, one], query


@every_kind
async def test_search_finds_any_part_of_what_it_should_and_nothing_else(api, admin, session, kind):
    number, customer, email, worker = (
        await session(kind, number="NEEDLE-Ü1"),
        await session(kind, customer="Big Needle%_ Pharmacy"),
        await session(kind, customer_email="eyes@needle.com"),
        await session(kind, "needler@example.com"),
    )
    await session(kind, "hay@example.com", customer="Hay")
    expected = [worker, email, customer, number]
    if kind == "delivery":
        expected = [await session(kind, tracking="1needle1"), await session(kind, courier="Needle & Sons"), *expected]
        expected[:2] = expected[1::-1]
    assert await found(api, admin, kind, "search=NEEDLE") == expected
    assert await found(api, admin, kind, "search=needler@") == [worker]
    assert await found(api, admin, kind, "search=needle%25_") == [customer]
    assert await found(api, admin, kind, "search=%25_") == [customer]
    assert await found(api, admin, kind, "search=e%20pharm") == []
    assert await found(api, admin, kind, "search=NEEDLE-%C3%BC1") == [number]
    second = (await api.get(path(kind, "search=needle&page_size=2&page=2"), token=admin)).json
    assert ([one["id"] for one in second["results"]], second["count"]) == (expected[2:4], len(expected))
    assert await found(api, admin, kind, "search=pharmacy%0Ashop") == []
    for text in ("", "%00", "%20"):
        assert len(await found(api, admin, kind, f"search={text}")) == len(expected) + 1, text
    for text in ("nosuch", "x" * 5000, "%5C", "'%20OR%201=1--", "%F0%9F%98%80"):
        assert await found(api, admin, kind, f"search={text}") == [], text


async def test_delivery_type_is_compared_ignoring_case_and_only_deliveries_have_one(api, admin, session):
    ids = {kind: await session("delivery", delivery_type=kind) for kind in ("DIRECT", "COURIER", "INTERNAL")}
    for text, id in ids.items():
        assert await found(api, admin, "delivery", f"delivery_type={text.lower()}") == [id]
    for text in ("FOO", "", "%00"):
        assert len(await found(api, admin, "delivery", f"delivery_type={text}")) == 3, text
    picked = await session("picking")
    assert await found(api, admin, "picking", "delivery_type=COURIER") == [picked]


@every_kind
async def test_filters_combine(api, admin, session, kind):
    both = await session(kind, at="2025-05-05T01:00:00Z", status="CANCELLED", number="COMBI-1")
    await session(kind, at="2025-05-06T01:00:00Z", status="CANCELLED", number="COMBI-2")
    await session(kind, at="2025-05-05T01:00:00Z", number="COMBI-3")
    await session(kind, at="2025-05-05T01:00:00Z", status="CANCELLED", number="OTHER-4")
    day = "start_date=2025-05-05&end_date=2025-05-05"
    assert await found(api, admin, kind, f"status=cancelled&search=combi&{day}") == [both]
    assert await found(api, admin, kind, f"status=cancelled&invoice=combi-1&{day}") == [both]
    assert await found(api, admin, kind, f"search=combi-3&status=cancelled&{day}") == []


# Pages


@every_kind
async def test_every_page_of_every_size_is_the_slice_it_should_be(api, admin, session, db, kind):
    """Also across days, of one day, and whether counted in the tally or not yet."""
    ids = [await session(kind, at=f"2026-03-{1 + n // 5:02}T00:00:{n % 5 // 2:02}Z") for n in range(23)]
    await db.execute("SELECT sales.fold_session_deltas()")
    ids += [await session(kind, at=f"2026-03-{5 + n // 2:02}T00:00:05Z") for n in range(12)]
    expected = [
        row["id"]
        for row in await db.fetch(
            f"SELECT id FROM sales.session WHERE kind = '{kind}' ORDER BY created_at DESC, id DESC"
        )
    ]
    for size, query in itertools.product((1, 3, 10, 100), ("", "&search=H-", "&start_date=2026-01-01")):
        pages = -(-len(ids) // size)
        for page in {1, 2, pages // 2 + 1, pages - 1, pages} - {0}:
            if page > pages:
                continue
            answer = (await api.get(path(kind, f"page_size={size}&page={page}{query}"), token=admin)).json
            assert [one["id"] for one in answer["results"]] == expected[(page - 1) * size : page * size], (
                size,
                page,
                query,
            )
            assert (answer["count"], answer["next"] is None, answer["previous"] is None) == (
                35,
                page == pages,
                page == 1,
            )
        last = (await api.get(path(kind, f"page_size={size}&page=last{query}"), token=admin)).json
        assert [one["id"] for one in last["results"]] == expected[(pages - 1) * size :]
        assert (
            await api.get(path(kind, f"page_size={size}&page={pages + 1}{query}"), token=admin)
        ).json == INVALID_PAGE


async def test_a_page_is_10_at_most_100_and_one_that_is_invalid_is_404(api, admin, session, db):
    await session("picking")
    await db.execute(
        "INSERT INTO sales.session (kind, invoice_id, status) SELECT 'picking', invoice_id, 'CANCELLED' FROM sales.session, generate_series(1, 120)"
    )
    for size, n in {"": 10, "0": 10, "x": 10, "-1": 10, "7": 7, "100": 100, "101": 100, "9" * 30: 100}.items():
        assert len((await api.get(path("picking", f"page_size={size}"), token=admin)).json["results"]) == n, size
    for page in ("0", "-1", "x", "1.0", "14", "9" * 12, "9" * 30, "%00", ""):
        answer = await api.get(path("picking", f"page={page}"), token=admin)
        assert (answer.status, answer.json) == (404, INVALID_PAGE), page


async def test_no_history_is_one_empty_page(api, admin):
    for kind in KINDS:
        for query in ("", "page=last", "status=CANCELLED", "search=abc", "invoice=1", "search=a"):
            answer = await api.get(path(kind, query), token=admin)
            assert (answer.status, answer.json) == (200, {"count": 0, "next": None, "previous": None, "results": []}), (
                query
            )
        assert (await api.get(path(kind, "cursor="), token=admin)).json == {
            "next": None,
            "previous": None,
            "results": [],
        }


# Cursors


@every_kind
async def test_a_walk_by_cursor_sees_each_session_once_whatever_is_added_meanwhile(api, admin, session, kind):
    ids = [await session(kind, at="2026-03-10T12:00:00Z") for _ in range(12)]  # all of one moment
    for filters in ("", "search=h-&", "status=" + DONE[kind] + "&"):
        seen, url = [], path(kind, f"{filters}cursor=&page_size=5&page=3")
        while url:
            answer = await api.get(url, token=admin)
            assert answer.status == 200, answer.text
            assert list(answer.json) == ["next", "previous", "results"] and answer.json["previous"] is None
            seen += [one["id"] for one in answer.json["results"]]
            url = answer.json["next"]
            await session(kind, at="2026-03-11T12:00:00Z")
        assert [id for id in seen if id in ids] == ids[::-1]
        assert len(seen) == len(set(seen))


@pytest.mark.parametrize("cursor", ["x", "W10", "WyJhIiwxXQ", "WzEsdHJ1ZV0", "A" * 5000, "WzFlOTksMV0", "W05hTiwxXQ", "%F0%9F%98%80", "WzEsMiwzXQ", "WzEsLTFd",
                                    "WzEwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMCwxXQ", "%00x"])  # fmt: skip
async def test_a_cursor_that_is_invalid_is_400(api, admin, cursor):
    answer = await api.get(path("picking", f"cursor={cursor}"), token=admin)
    assert (answer.status, answer.json["message"]) == (400, "Invalid cursor.")


# Counts, cost


async def test_the_count_stays_exact_whatever_happens_to_sessions(api, admin, session, db):
    async def counts():
        queries = ("", "status=PICKED", "status=CANCELLED", "start_date=2026-03-10&end_date=2026-03-10")
        return [(await api.get(path("picking", query), token=admin)).json["count"] for query in queries]

    ids = [await session("picking", "ben@example.com") for _ in range(4)]
    assert await counts() == [4, 4, 0, 4]
    for folds in (False, True):
        if folds:
            await db.execute("SELECT sales.fold_session_deltas()")
        await db.execute("UPDATE sales.session SET status = 'CANCELLED' WHERE id = $1", ids[0])
        assert await counts() == [4, 3, 1, 4]
        await db.execute("UPDATE sales.session SET created_at = '2026-03-12' WHERE id = $1", ids[1])
        assert await counts() == [4, 3, 1, 3]
        await db.execute("UPDATE sales.session SET created_at = '2026-03-10', status = 'PICKED'")
    await db.execute("DELETE FROM accounts.account WHERE email = 'ben@example.com'")
    assert await counts() == [4, 4, 0, 4]
    await db.execute("DELETE FROM sales.session WHERE id = $1", ids[2])
    assert await counts() == [3, 3, 0, 3]
    await db.execute("TRUNCATE sales.session")
    assert await counts() == [0, 0, 0, 0]


async def test_many_at_once_and_folds_between_leave_the_count_exact(api, admin, app, session):
    await asyncio.gather(*[history.fold_deltas(app) for _ in range(4)], session("packing"))
    for n in range(2, 8):
        _, answer, _ = await asyncio.gather(
            history.fold_deltas(app), api.get(path("packing"), token=admin), history.fold_deltas(app)
        )
        assert answer.json["count"] == n - 1
        await session("packing")


@every_kind
async def test_several_statuses_are_a_list_with_commas_or_repeated(api, admin, session, kind):
    statuses = getattr(history, f"{kind.title()}History").statuses
    ids = {}
    for n, status in enumerate([*statuses, *reversed(statuses)]):
        ids[await session(kind, at=f"2026-03-{n + 1:02}T12:00:00Z", status=status, worker=f"w{n}@example.com")] = status
    for wanted in itertools.combinations(statuses, 2):
        newest_first = [id for id, status in reversed(ids.items()) if status in wanted]
        one, other = wanted
        for query in (
            f"status={one},{other}",
            f"status={one.lower()}&status={other}",
            f"status=,{other.title()},nonsense,{one},",
        ):
            assert await found(api, admin, kind, query) == newest_first, query
    assert len(await found(api, admin, kind, "status=nonsense,nothing")) == len(ids)
    everything = await found(api, admin, kind, f"status={','.join(statuses)}")
    assert everything == list(reversed(ids))
    for page in (1, 2, 3):
        answer = await api.get(path(kind, f"status={','.join(statuses)}&page_size=3&page={page}"), token=admin)
        assert [one["id"] for one in answer.json["results"]] == everything[3 * page - 3 : 3 * page], page


async def test_packing_is_the_packing_historys_in_progress(api, admin, session):
    begun = await session("packing", status="IN_PROGRESS")
    await session("packing", status="PACKED", worker="bob@example.com")
    assert await found(api, admin, "packing", "status=packing") == [begun]


async def test_the_delivery_history_is_filtered_by_the_drivers_address(api, admin, session, sign_in):
    driver = (await sign_in("DRIVER", "dan@example.com"))["access"]
    ann, dan = await session("delivery", "ann@example.com"), await session("delivery", "dan@example.com")
    await session("delivery", None, delivery_type="COURIER", courier="Bluebird")
    assert await found(api, admin, "delivery", "delivery_user_email=ANN@example.com") == [ann]
    assert await found(api, admin, "delivery", "delivery_user_email=dan@example.com&status=delivered,in_transit") == [
        dan
    ]
    assert await found(api, admin, "delivery", "delivery_user_email=nobody@example.com") == []
    assert await found(api, admin, "delivery", "delivery_user_email=x") == []
    assert len(await found(api, admin, "delivery", "delivery_user_email=")) == 3
    # Who sees only their own sessions sees no more by it.
    assert await found(api, driver, "delivery", "delivery_user_email=dan@example.com") == [dan]
    assert await found(api, driver, "delivery", "delivery_user_email=ann@example.com") == []


@every_kind
async def test_a_search_finds_the_workers_name(api, admin, session, kind, db):
    ann = await session(kind, "ann@example.com")
    await session(kind, "bob@example.com")
    await db.execute("UPDATE accounts.account SET name = 'Ännchen Müller' WHERE email = 'ann@example.com'")
    for text in ("ännchen", "MÜLLER", "chen Mü", "ü", "A\u0308nnchen"):
        assert await found(api, admin, kind, urlencode({"search": text})) == [ann], text


@every_kind
async def test_a_page_is_one_statement_however_many_rows(api, admin, app, session, kind, monkeypatch):
    for _ in range(12):
        await session(kind)
    await api.get(path(kind), token=admin)
    ran, run = [], app.db._run

    async def counting(method, sql, args):
        ran.append(sql)
        return await run(method, sql, args)

    monkeypatch.setattr(app.db, "_run", counting)
    for query in ("page_size=1", "page_size=12", "cursor=", "search=h-", "page=last"):
        ran.clear()
        assert (await api.get(path(kind, query), token=admin)).status == 200
        assert len([sql for sql in ran if "sales." in sql and "fold_" not in sql and "VACUUM" not in sql]) == 1, query


async def test_a_page_reads_few_rows_of_a_hundred_thousand_sessions(api, db, app, admin, session):
    await session("picking", "busy@example.com")
    await db.execute(
        "INSERT INTO accounts.account (email) SELECT 'many' || n || '@example.com' FROM generate_series(1, 100) n"
    )
    await db.execute(
        "SET session_replication_role = replica"
    )  # no triggers, they are tested above; the tally is made below
    await db.execute(
        "INSERT INTO sales.invoice (invoice_no, invoice_date, customer_id, status)"
        " SELECT 'BULK-' || lpad(n::text, 7, '0'), '2026-01-01', (SELECT min(id) FROM sales.customer), 'DELIVERED' FROM generate_series(1, 100000) n"
    )
    await db.execute(
        "INSERT INTO sales.session (kind, invoice_id, worker_id, status, created_at)"
        " SELECT 'picking', i.id, (SELECT min(id) FROM accounts.account WHERE email LIKE 'many%') + i.id % 100,"
        " CASE WHEN i.id % 1000 = 0 THEN 'CANCELLED' ELSE 'PICKED' END, '2023-01-01'::timestamptz + i.id * interval '10 minutes'"
        " FROM sales.invoice i WHERE i.invoice_no LIKE 'BULK%'"
    )
    await db.execute("SET session_replication_role = origin")
    await db.execute(
        "INSERT INTO sales.session_tally SELECT 'picking', who.id, (created_at AT TIME ZONE 'UTC')::date, status, '', count(*)"
        " FROM sales.session CROSS JOIN LATERAL (VALUES (0), (worker_id)) AS who (id) WHERE created_at < '2026-01-01'"
        " GROUP BY 1, 2, 3, 4, 5"
    )
    for table in (
        "sales.invoice",
        "sales.session",
        "accounts.account",
        "sales.session_tally",
        "sales.customer",
    ):
        await db.execute(f"ANALYZE {table}")
    worker = await db.fetchval("SELECT min(id) + 7 FROM accounts.account WHERE email LIKE 'many%'")
    number = await db.fetchval(
        "SELECT invoice_no FROM sales.invoice WHERE invoice_no LIKE 'BULK%' ORDER BY id OFFSET 77 LIMIT 1"
    )
    asked = {
        "all": {}, "deep": {"page": 5000}, "last": {"page": None}, "worker": {"worker": worker}, "rare": {"statuses": ["CANCELLED"]},
        "none": {"statuses": ["VERIFIED"]}, "two": {"statuses": ["PICKED", "CANCELLED"]}, "two rare": {"statuses": ["PREPARING", "CANCELLED"]},
        "two of a worker": {"statuses": ["PREPARING", "CANCELLED"], "worker": worker},
        "day": {"since": "2023-06-01", "until": "2023-06-01"}, "invoice": {"invoice_nos": [number.lower()]}, "search": {"search": ("picking", number[3:])},
        "cursor": {"before": (1_680_000_000_000_000, 1)},
    }  # fmt: skip
    read = "SELECT coalesce(sum(idx_tup_fetch + seq_tup_read), 0)::bigint FROM pg_stat_xact_all_tables WHERE schemaname = 'sales' AND relname !~ 'tally'"
    for name, given in asked.items():
        page = given.pop("page", 1)
        async with db.transaction():
            before = await db.fetchval(read)
            if name == "cursor":
                rows = await history.query.walk_history.where(**given)(
                    Transaction(db, 60), kind="picking", statuses=None, most=11
                )
            elif name in ("invoice", "search"):
                rows = [
                    await history.query.list_found.where(**given)(
                        Transaction(db, 60), kind="picking", page=page, page_size=10
                    )
                ]
            else:
                counted = {"worker_id": given.get("worker"), "statuses": given.get("statuses"), "delivery_type": None}
                days = {"first_day": given.get("since"), "last_day": given.get("until")}
                rows = [
                    await history.query.list_counted.where(**history._walked(given))(
                        Transaction(db, 60), kind="picking", **counted, **days, page=page, page_size=10
                    )
                ]
            after = await db.fetchval(read)
        assert rows and (name in ("none", "cursor", "two of a worker") or rows[0]["count"]), name
        assert after - before < 1500, (name, after - before)

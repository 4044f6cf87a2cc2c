"""Cursors of the staff API's lists: accounts in every order, departments, job titles. A walk shows what the pages show."""

import base64
import itertools
import json
import urllib.parse

import pytest

from core.data import sql
from handlers.accounts import user

pytestmark = pytest.mark.gen_test

USERS, DEPARTMENTS, TITLES = "/api/auth/users/", "/api/auth/departments/", "/api/auth/job-titles/"
COMBINED = [
    "role,name",
    "role,-name",
    "-is_active,last_login",
    "is_staff,-last_login,email",
    "name,-name",
    "email,username,name",
    "-id,email",
]
ORDERINGS = ["", "bogus", *user.ORDERS, *(f"-{field}" for field in user.ORDERS), *COMBINED]
HUGE = 10**4000
_batches = itertools.count(1)


@pytest.fixture
def admin(io_loop, sign_in):
    return io_loop.run_sync(lambda: sign_in("ADMIN"))["access"]


@pytest.fixture
def accounts(db):
    """`await accounts(57)`: that many more, with equal and missing values in every column, and texts of all kinds."""

    async def accounts(count):
        await db.execute(
            """INSERT INTO accounts.account (email, username, name, role, is_active, is_staff, last_login)
               SELECT CASE n % 3 WHEN 0 THEN 'Walker' WHEN 1 THEN 'walker' ELSE repeat('😀', 230) || 'walker' END || n || '.' || $2 || '@x.example',
                      CASE WHEN n % 2 = 0 THEN '' ELSE repeat('é', 140) || n END,
                      (ARRAY['', 'Zoë', 'zoe', E'tab\\t"quoted"\\\\', '李', 'Ana B', 'AnaB', E'\\u0001'])[1 + n % 8],
                      (ARRAY['USER', 'PICKER', 'STORE'])[1 + n % 3], n % 4 <> 0, n % 5 = 0,
                      CASE WHEN n % 3 = 0 THEN '2024-02-29 12:00:00.000001+05:30'::timestamptz + n / 9 * interval '1.1 second' END
                 FROM generate_series(1, $1::int) n""",
            count,
            str(next(_batches)),
        )

    return accounts


@pytest.fixture
def walk(api, admin):
    """`await walk(path, **query)`: what `data.results` and the top's `results` held in all pages, and how many in each; `between` is
    awaited after every page."""

    async def walk(path, *, between=None, **query):
        shown, bare, sizes = [], [], []
        url = f"{path}?{urllib.parse.urlencode({'cursor': '', **query})}"
        while url:
            answer = await api.get(url, token=admin)
            assert answer.status == 200, answer.text
            data = answer.json["data"]
            assert list(data) == ["results", "next", "previous"] and data["previous"] is None
            if path == USERS:
                assert "count" not in answer.json
                assert (answer.json["next"], answer.json["previous"]) == (data["next"], None)
                bare += answer.json["results"]
            shown += data["results"]
            sizes.append(len(data["results"]))
            url = data["next"]
            if between:
                await between()
        return shown, bare, sizes

    return walk


def made_up(*key):
    """A cursor of that key."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


async def key_of(api, admin, path, **query):
    """What the cursor to the second page holds."""
    answer = await api.get(f"{path}?{urllib.parse.urlencode({'cursor': '', 'page_size': 1, **query})}", token=admin)
    cursor = urllib.parse.parse_qs(urllib.parse.urlsplit(answer.json["data"]["next"]).query)["cursor"][0]
    return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))


async def test_a_walk_shows_the_accounts_of_the_pages_in_their_order(api, admin, db, accounts, walk):
    await accounts(57)
    searched = itertools.product(
        ("", "email", "-last_login", "role,-name"), ("walker x.ex", "wa", "WALKER12.", "\\", "%", "_", '😀walker \\"')
    )
    for ordering, search in (*itertools.product(ORDERINGS, [""]), *searched):
        query = {"ordering": ordering, "search": search}
        paged = (await api.get(f"{USERS}?{urllib.parse.urlencode({'page_size': 100, **query})}", token=admin)).json
        shown, bare, sizes = await walk(USERS, page_size=10, **query)
        assert (shown, bare) == (paged["data"]["results"], paged["results"]), query
        assert len(shown) == paged["count"] and set(sizes[:-1]) <= {10} and sizes[-1] <= 10, query
        assert len(shown) >= 57 or search not in ("", "walker x.ex", "wa"), query


async def test_a_walk_in_a_search_that_the_index_can_not_narrow_down_is_the_same(api, admin, db, accounts, walk):
    """More than a thousand that may be it are walked over instead of sorted."""
    await db.execute(
        "INSERT INTO accounts.account (email) SELECT 'crowd' || n || '@x.example' FROM generate_series(1, 1100) n"
    )
    await accounts(13)
    for ordering in ("", "-last_login", "name"):
        query = {"ordering": ordering, "search": "x.example 13"}
        paged = (await api.get(f"{USERS}?{urllib.parse.urlencode({'page_size': 100, **query})}", token=admin)).json
        assert (await walk(USERS, page_size=7, **query))[0] == paged["data"]["results"], ordering
    assert len(paged["results"]) > 10


async def test_a_search_that_finds_nobody_is_an_empty_page(api, admin):
    answer = (await api.get(f"{USERS}?cursor=&search=nobody-at-all", token=admin)).json
    beside = {"next": None, "previous": None}
    assert answer == {
        "success": True,
        "status_code": 200,
        "message": "List retrieved successfully",
        "data": {"results": [], **beside},
        **beside,
        "results": [],
    }


async def test_those_there_throughout_are_shown_once_no_matter_who_comes_and_goes_meanwhile(
    subtests, db, accounts, walk
):
    for ordering in ["", "-email", "last_login", "-last_login", "role,-name"]:
        with subtests.test(ordering=ordering):
            await db.execute("DELETE FROM accounts.account WHERE email ~ 'x\\.example$|^crowd'")
            await accounts(41)
            there = {row["id"] for row in await db.fetch("SELECT id FROM accounts.account")}
            pages = itertools.count(1)

            async def between(pages=pages):
                """Some come, everywhere in the order; of those shown and of those not shown yet, some go, the last one shown among them."""
                await accounts(5)
                n = next(pages)
                await db.execute("DELETE FROM accounts.account WHERE email LIKE '%walker%' AND id % 13 = $1::int", n)

            shown = [one["user_id"] for one in (await walk(USERS, between=between, page_size=10, ordering=ordering))[0]]
            stayed = there & {row["id"] for row in await db.fetch("SELECT id FROM accounts.account")}
            assert len(shown) == len(set(shown)) and stayed <= set(shown) and 20 < len(stayed) < len(there)


async def test_the_walk_goes_on_when_the_account_it_stopped_at_is_gone(api, admin, db, accounts):
    await accounts(5)
    paged = (await api.get(f"{USERS}?ordering=-email", token=admin)).json["results"]
    page = (await api.get(f"{USERS}?ordering=-email&cursor=&page_size=2", token=admin)).json
    await db.execute("DELETE FROM accounts.account WHERE id = $1", page["results"][-1]["id"])
    assert (await api.get(page["next"], token=admin)).json["results"] == paged[2:4]


WRONG = {
    "text": [None, 1, True, [], {}, "a\0", "\ud800", HUGE],
    "boolean": [None, 0, 1, "true", "", []],
    "timestamptz": [
        None, 0, True, "", "-infinity", "now", "2024-02-30T00:00:00+00:00", "2024-02-29T00:00:00", "2024-02-29T00:00:00+16:00",
        "2024-02-29T00:00:60+00:00", "2024-02-29", "0000-01-01T00:00:00+00:00", "٢024-02-29T00:00:00+00:00", "2024-02-29T00:00:00Z\0",
    ],
    "bigint": [None, -1, 2**63, HUGE, 1.5, True, "1", float("nan"), []],
}  # fmt: skip
GARBAGE = [
    "x",
    "%00",
    "%F0%9F%98%80",
    "W10",
    "e30",
    "bnVsbA",
    "MQ",
    "W",
    "A" * 5000,
    "W" * 7000,
    "W1tbW1tb",
    made_up(),
    made_up([]),
]


async def test_a_cursor_of_another_order_is_400(api, admin, db, accounts):
    await accounts(3)

    async def refused(path, cursor, **query):
        answer = await api.get(f"{path}?{urllib.parse.urlencode(query)}&cursor={cursor}", token=admin)
        assert answer.status == 400, (cursor[:200], query, answer.text)
        return answer.json["message"] == "Invalid cursor."

    for ordering in ("", "email", "-is_active", "last_login", "-last_login", "role,-name"):
        key = await key_of(api, admin, USERS, ordering=ordering)
        order = user._order(ordering)
        assert key[0] == order.name
        for n, (column, _) in enumerate(order._terms, 1):
            for value in WRONG[column.type]:
                assert await refused(USERS, made_up(*key[:n], value, *key[n + 1 :]), ordering=ordering)
        for changed in (key[:-1], [*key, 1], key[1:], [f"-{key[0]}", *key[1:]], [None, *key[1:]], {"0": key}, [key]):
            assert await refused(USERS, made_up(*changed), ordering=ordering)
        for other in ("-id", "id", "email", "-email", "username", "last_login", "role", "role,name", "name,-role"):
            if user._order(other).name != order.name:
                assert await refused(USERS, made_up(*key), ordering=other, search="x")
    for path, cursor in itertools.product((USERS, DEPARTMENTS, TITLES), GARBAGE):
        assert await refused(path, cursor)
    assert (await api.get(f"{USERS}?cursor=%ED%A0%80", token=admin)).status == 400
    for value in WRONG["text"]:
        assert await refused(DEPARTMENTS, made_up(value))
        assert await refused(TITLES, made_up("Stores", value))
        assert value is None or await refused(TITLES, made_up(value, "Clerk"))


async def test_any_moment_can_be_gone_on_from(subtests, api, admin):
    for value in [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59.999999-14:59",
        "2024-02-29T00:00:00.5+05:30",
        "infinity",
    ]:
        with subtests.test(value=value):
            for ordering in ("last_login", "-last_login"):
                name = user._order(ordering).name
                answer = await api.get(f"{USERS}?ordering={ordering}&cursor={made_up(name, value, 5)}", token=admin)
                assert answer.status == 200, answer.text


class Direct:
    """A connection of the test's, as what runs queries."""

    def __init__(self, connection):
        self.rows = connection.fetch


async def test_a_page_costs_the_same_however_deep_it_lies(db):
    """By the rows that Postgres reads, with the plan it has for any values."""
    await db.execute(
        """INSERT INTO accounts.account (email, username, name, role, is_active, is_staff, last_login)
           SELECT 'deep' || n || '@x.example', 'u' || n, 'n' || n % 50, (ARRAY['USER', 'PICKER'])[1 + n % 2], n % 9 <> 0, n % 9 = 0,
                  CASE WHEN n % 10 > 6 THEN now() - n * interval '1 second' END FROM generate_series(1, 2000) n"""
    )
    await db.execute("ANALYZE accounts.account")
    await db.execute("SET plan_cache_mode = force_generic_plan")

    async def read():
        return await db.fetchval(
            "SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_xact_all_tables WHERE relid = 'accounts.account'::regclass"
        )

    for ordering in (*user.ORDERS, *(f"-{field}" for field in user.ORDERS)):
        order, whole = user._order(ordering), user.query.walk_users
        columns = ", ".join(column.sql for column, _ in order._terms)
        keys = await db.fetch(
            f"SELECT jsonb_build_array({columns})::text AS key FROM accounts.account ORDER BY {order.by}"
        )
        for after in (None, keys[9]["key"], keys[1000]["key"], keys[1900]["key"]):
            for query, search, most in ((whole, {}, 25), (user.query.walk_found, {"search": "x.example"}, 1050)):
                async with db.transaction():
                    start = await read()
                    rows = await order.walk(query, after)(Direct(db), after=after, page_size=20, **search)
                    assert len(rows) == 21 and await read() - start <= most, (ordering, after, search)


async def test_a_walk_shows_the_departments_of_the_pages_in_their_order(api, admin, db, walk):
    await db.execute("DELETE FROM accounts.job_title; DELETE FROM accounts.department")
    names = [f"{kind}{n}" for n in range(19) for kind in ("Stores ", "stores", 'é"\\😀')]
    await db.execute("INSERT INTO accounts.department (name) SELECT unnest($1::text[])", names)
    await db.execute(
        "INSERT INTO accounts.job_title (title, department_id) SELECT 'Clerk', id FROM accounts.department WHERE name < 'T'"
    )
    paged = (await api.get(f"{DEPARTMENTS}?page_size=100", token=admin)).json["data"]
    shown, _, sizes = await walk(DEPARTMENTS, page_size=10)
    assert shown == paged["results"] and len(shown) == 57 and sizes == [10, 10, 10, 10, 10, 7]

    more = itertools.count()

    async def between():
        n = next(more)
        await db.execute(
            "INSERT INTO accounts.department (name) VALUES ($1), ($2), ($3)",
            f"A{n}",
            f"Stores 1 {n}",
            f"{names[2]} {n}",
        )
        await db.execute(
            "DELETE FROM accounts.department WHERE name = ANY ($1::text[])",
            [f"stores{n}", f"stores{18 - n}", f"Stores {n}"],
        )

    shown = [one["name"] for one in (await walk(DEPARTMENTS, between=between, page_size=10))[0]]
    stayed = set(names) & {row["name"] for row in await db.fetch("SELECT name FROM accounts.department")}
    assert len(shown) == len(set(shown)) and stayed <= set(shown) and 30 < len(stayed) < 57


async def test_a_walk_shows_the_job_titles_of_the_pages_in_their_order(api, admin, db, walk):
    await db.execute("DELETE FROM accounts.job_title; DELETE FROM accounts.department")
    await db.execute(
        "INSERT INTO accounts.department (name) VALUES ('Stores'), ('stores'), ('Éire'), ('Empty'), ('A b'), ('Ab')"
    )
    await db.execute(
        "INSERT INTO accounts.job_title (title, department_id) SELECT 'Clerk ' || n, d.id"
        " FROM accounts.department d, generate_series(1, 12) n WHERE d.name <> 'Empty'"
    )
    await db.execute("INSERT INTO accounts.job_title (title) SELECT 'Clerk ' || n FROM generate_series(1, 23) n")
    for size in (1, 7, 10, 12, 100):
        paged = (await api.get(f"{TITLES}?page_size=100", token=admin)).json["data"]
        shown, _, sizes = await walk(TITLES, page_size=size)
        assert shown == paged["results"] and len(shown) == 83 and set(sizes[:-1]) <= {size}, size
    for department in await db.fetch("SELECT id, name FROM accounts.department"):
        paged = (await api.get(f"{TITLES}?page_size=100&department={department['id']}", token=admin)).json["data"]
        shown, _, _ = await walk(TITLES, page_size=5, department=str(department["id"]))
        assert shown == paged["results"] and len(shown) == (0 if department["name"] == "Empty" else 12)

    more = itertools.count()

    async def between():
        n = next(more)
        await db.execute(
            "INSERT INTO accounts.job_title (title, department_id) SELECT $1, id FROM accounts.department",
            f"Clerk 1 {n}",
        )
        await db.execute("DELETE FROM accounts.job_title WHERE title = $1", f"Clerk {n + 5}")

    there = {row["id"] for row in await db.fetch("SELECT id FROM accounts.job_title")}
    shown = [one["id"] for one in (await walk(TITLES, between=between, page_size=20))[0]]
    stayed = {str(id) for id in there & {row["id"] for row in await db.fetch("SELECT id FROM accounts.job_title")}}
    assert len(shown) == len(set(shown)) and stayed <= set(shown) and 30 < len(stayed) < 83


async def test_a_walk_links_to_pictures(api, admin, db):
    await db.execute("INSERT INTO accounts.account (email, avatar) VALUES ('pictured@x.example', 'avatars/one.png')")
    (shown,) = (await api.get(f"{USERS}?cursor=&search=pictured", token=admin)).json["data"]["results"]
    assert shown["avatar"].startswith(f"{api.base_url}/media/avatars/one.png")


async def test_a_cursor_is_for_who_may_see_the_list(api, sign_in):
    member = (await sign_in("MEMBER"))["access"]
    for path in (USERS, DEPARTMENTS, TITLES):
        assert (await api.get(f"{path}?cursor=", token=member)).status == 403
        assert (await api.get(f"{path}?cursor=")).status == 401


def test_a_query_that_has_no_place_for_a_key_is_not_walked():
    with pytest.raises(ValueError, match="one order"):
        user._order("email").walk(user.query.list_users, None)
    with pytest.raises(ValueError, match="one order"):
        sql.load("accounts/department").walk_departments.ordered("name")

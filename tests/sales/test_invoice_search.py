"""Filters, search, orders and cursors of the invoice list, against a model that looks at every invoice; and what no filter may do."""

import asyncio
import base64
import datetime
import itertools
import json
import random
import urllib.parse

import pytest

from core.data import database
from core.data.database import Transaction
from handlers.sales import invoice_list
from tests.support.deadlines import until

pytestmark = pytest.mark.gen_test

PATH = "/api/sales/invoices/"
STATUSES = ("PENDING", "PICKING", "PICKED", "PACKING", "PACKED", "DISPATCHED", "DELIVERED")
ORDERS = ("id", "invoice_no", "invoice_date", "status", "created_by", "created_at")
NUMBERS = ("INV-{}", "inv/{}", "ÉX-{}-%", "A_{}", "B\\{}", "q'{}\"")
CUSTOMERS = (
    ("C1", "LifeCare Pharmacy"),
    ("C10", "Élan Médical"),
    ("c-1", "100% Natural"),
    ("X_Y", 'O\'Neil "Best" \\ Co'),
    ("Z9", "B6"),
)
ITEMS = (
    ("Paracetamol 650mg", "PR650"), ("Otrivin Nasal Spray", "OTN10"), ("Vitamin B6", "VB"), ("Crème 50%", "CR_50"), ("ÄÖ Salbe", "ae\\1"),
    ("Dolo 650", "B6"),
)  # fmt: skip
CREATORS = (None, "", "admin", "Admin Two", "clerk_1", "clerk%", "Zoë", "B6")
DAYS = [datetime.date(2025, 1, 1) + datetime.timedelta(n) for n in range(12)]


def url(**parameters):
    return f"{PATH}?{urllib.parse.urlencode(parameters, doseq=True)}"


def ids(answer):
    return [one["id"] for one in answer.json["results"]]


async def make_people(db):
    """Three accounts that import and work: id, uuid, e-mail."""
    return await db.fetch(
        "INSERT INTO accounts.account (email, role) SELECT 'Worker' || n || '@search.example', 'PICKER' FROM generate_series(1, 3) n"
        " ON CONFLICT (lower(email)) DO UPDATE SET role = 'PICKER' RETURNING id, public_id, email"
    )


async def make_invoices(db, rng, many):
    """Random invoices by another program's plain SQL; what the model needs to know of each, in the order of their ids."""
    await db.execute("TRUNCATE sales.invoice, sales.customer, sales.salesman RESTART IDENTITY CASCADE")
    people = await make_people(db)
    for code, name in CUSTOMERS:
        await db.execute("INSERT INTO sales.customer (code, name) VALUES ($1, $2)", code, name)
    for name in ("Ajay", "Bina", "2"):
        await db.execute("INSERT INTO sales.salesman (name) VALUES ($1)", name)
    made = []
    for n in range(many):
        customer, salesman, owner = (
            rng.randrange(len(CUSTOMERS)),
            rng.choice((None, 1, 2, 3)),
            rng.choice((None, *people)),
        )
        one = {
            "invoice_no": rng.choice(NUMBERS).format(1000 + n), "invoice_date": rng.choice(DAYS), "status": rng.choice(STATUSES),
            "created_by": rng.choice(CREATORS), "code": CUSTOMERS[customer][0], "customer": CUSTOMERS[customer][1], "salesman": salesman,
            "user": owner and str(owner["public_id"]), "items": rng.sample(ITEMS, rng.choice((0, 1, 1, 2, 3))), "workers": set(),
            "deleted": rng.random() < 0.1,
            "created_at": datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=rng.randrange(40)),
        }  # fmt: skip
        one["id"] = await db.fetchval(
            "INSERT INTO sales.invoice (invoice_no, invoice_date, status, created_by, customer_id, salesman_id, created_user_id, is_active, created_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
            one["invoice_no"], one["invoice_date"], one["status"], one["created_by"], customer + 1, salesman, owner and owner["id"],
            not one["deleted"], one["created_at"],
        )  # fmt: skip
        for name, code in one["items"]:
            await db.execute(
                "INSERT INTO sales.invoice_item (invoice_id, name, item_code, quantity, mrp) VALUES ($1, $2, $3, 1, 1)",
                one["id"], name, code,
            )  # fmt: skip
        for kind, done in (("picking", "PICKED"), ("packing", "PACKED")):
            if rng.random() < 0.4:
                who, cancelled = rng.choice(people), rng.random() < 0.3
                await db.execute(
                    "INSERT INTO sales.session (kind, invoice_id, worker_id, status) VALUES ($1, $2, $3, $4)",
                    kind, one["id"], who["id"], "CANCELLED" if cancelled else done,
                )  # fmt: skip
                if not cancelled:
                    one["workers"].add(who["email"].lower())
        if rng.random() < 0.2:
            who = rng.choice(people)
            await db.execute(
                "INSERT INTO sales.session (kind, invoice_id, status, delivery_type, worker_id, courier_name, tracking_no)"
                " VALUES ('delivery', $1, 'IN_TRANSIT', 'DIRECT', $2, '', '')",
                one["id"], who["id"],
            )  # fmt: skip
            one["workers"].add(who["email"].lower())
        made.append(one)
    return made, people


def is_found(one, search):
    word = search.strip().lower()
    names = [one["customer"].lower(), *(name.lower() for name, _ in one["items"])]
    codes = [one["code"].lower(), *(code.lower() for _, code in one["items"])]
    if len(word) > 2:
        return any(word in text for text in (one["invoice_no"].lower(), *names, *codes))
    return word in (one["invoice_no"].lower(), *codes) or any(f" {word} " in f" {name} " for name in names)


def expected(made, asked):
    """The ids that the request should list, in order."""
    sellers = {"Ajay": 1, "Bina": 2, "2": 3, "1": 1, "3": 3}  # a name goes before an id
    tests = {
        "status": lambda one, value: one["status"] in value,
        "start_date": lambda one, value: one["invoice_date"] >= datetime.date.fromisoformat(value),
        "end_date": lambda one, value: one["invoice_date"] <= datetime.date.fromisoformat(value),
        "customer": lambda one, value: one["code"] == value,
        "salesman": lambda one, value: one["salesman"] == sellers.get(value, 0),
        "user": lambda one, value: one["user"] == value.lower(),
        "created_by": lambda one, value: value.lower() in (one["created_by"] or "").lower(),
        "worker": lambda one, value: value.lower() in one["workers"],
        "search": is_found,
    }
    order = asked.get("ordering", "-id")
    if order.lstrip("-") not in ORDERS:
        order = "-id"
    found = [
        one
        for one in made
        if not one["deleted"] and all(tests[name](one, value) for name, value in asked.items() if name in tests)
    ]
    column = order.lstrip("-")
    found.sort(
        key=lambda one: ((one[column] or "") if column == "created_by" else one[column], one["id"]),
        reverse=order[0] == "-",
    )
    return [one["id"] for one in found]


def values(rng, made, people):
    """A value of each parameter: mostly one that some invoice has."""
    some = rng.choice(made)
    texts = [some["invoice_no"], some["customer"], some["code"], *itertools.chain(*some["items"])]
    text = rng.choice(texts)
    begin = rng.randrange(len(text))
    piece = rng.choice(
        (
            text,
            text.upper(),
            text[begin : begin + rng.choice((1, 2, 3, 4, 9))],
            "zzz",
            "%",
            "_",
            "100%",
            "\\",
            "B6",
            "650",
        )
    )
    return {
        "status": rng.sample(STATUSES, rng.choice((1, 1, 2, 4))), "start_date": str(rng.choice(DAYS)), "end_date": str(rng.choice(DAYS)),
        "customer": rng.choice([*(code for code, _ in CUSTOMERS), "C2", "c1"]), "salesman": rng.choice(("Ajay", "Bina", "1", "2", "3", "ajay", "9" * 18)),
        "user": rng.choice([*(str(one["public_id"]) for one in people), "00000000-0000-0000-0000-000000000000", str(people[0]["public_id"]).upper()]),
        "created_by": rng.choice(("admin", "ADM", "k_1", "%", "_", "O", "zoË", "B6", "nobody")),
        "worker": rng.choice([*(one["email"].upper() for one in people), "unknown@search.example"]),
        "search": piece if piece.strip() else "650",
        "ordering": rng.choice([*ORDERS, *(f"-{order}" for order in ORDERS), "remarks", "-", "customer_id"]),
    }  # fmt: skip


async def listed_by_pages(api, asked, size):
    found, link, counts = [], url(**asked, page_size=size), set()
    while link:
        answer = await api.get(link)
        assert answer.status == 200, (link, answer.text)
        found += ids(answer)
        counts.add(answer.json["count"])
        link = answer.json["next"]
    return found, counts


async def listed_by_cursor(api, asked, size):
    found, link = [], url(**asked, page_size=size, cursor="")
    while link:
        answer = await api.get(link)
        assert answer.status == 200, (link, answer.text)
        assert (list(answer.json), answer.json["previous"]) == (["next", "previous", "results"], None)
        found += ids(answer)
        link = answer.json["next"]
    return found


async def test_each_filter_alone_and_any_together_find_what_a_look_at_every_invoice_finds(api, db):
    rng = random.Random(4)
    made, people = await make_invoices(db, rng, 150)
    names = list(values(rng, made, people))
    alone = [[name] for name in names for _ in range(14 if name == "search" else 5)]
    together = [rng.sample(names, rng.choice((2, 2, 3, 4))) for _ in range(90)]
    for chosen in [*alone, *together]:
        drawn = values(rng, made, people)
        asked = {name: drawn[name] for name in chosen}
        wanted, size = expected(made, asked), rng.choice((7, 30, 100))
        assert await listed_by_pages(api, asked, size) == (wanted, {len(wanted)}), asked
        assert await listed_by_cursor(api, asked, size) == wanted, asked
        last = await api.get(url(**asked, page_size=size, page="last"))
        assert ids(last) == wanted[(max(len(wanted), 1) - 1) // size * size :], asked
        assert (await api.get(url(**asked, page_size=size, page=len(wanted) // size + 2))).status == 404, asked


async def test_a_short_search_finds_whole_numbers_codes_and_words(api, db, invoice):
    await db.execute("TRUNCATE sales.invoice, sales.customer CASCADE")
    sent = invoice(invoice_no="Z7", items=[{**invoice()["items"][0], "name": "Vitamin B6 forte", "item_code": "K9"}])
    sent["customer"] |= {"code": "Q", "name": "Al Noor"}
    made = (await api.import_invoice(sent)).json["data"]["id"]
    for search, found in {
        "z7": 1,
        "b6": 1,
        "k9": 1,
        "q": 1,
        "al": 1,
        "b": 0,
        "no": 0,
        "7": 0,
        "Z": 0,
        "noo": 1,
        " b6 ": 1,
    }.items():
        assert ids(await api.get(url(search=search))) == [made] * found, search


async def test_empty_and_blank_filters_are_ignored(api, db, invoice):
    await db.execute("TRUNCATE sales.invoice CASCADE")
    made = (await api.import_invoice(invoice())).json["data"]["id"]
    for name in (
        "status",
        "search",
        "start_date",
        "end_date",
        "customer",
        "salesman",
        "created_by",
        "worker",
        "user",
        "ordering",
    ):
        for value in ("", "   ", "\0"):
            assert ids(await api.get(url(**{name: value}))) == [made], (name, value)


async def test_a_date_or_user_that_is_invalid_is_refused_by_its_name(api):
    wrong = {
        "start_date": ("2025-02-30", "yesterday", "2025-1-1", "20250101", "2025-01-01T00:00", "0000-01-01", "10000-01-01", "infinity", "٢٠٢٥-٠١-٠١"),
        "end_date": ("2025-13-01", "x" * 5000, "'; --"), "user": ("5", "abc", "x" * 36, "{00000000-0000-0000-0000-000000000000}"),
    }  # fmt: skip
    for name, texts in wrong.items():
        for text in texts:
            for more in ({}, {"cursor": ""}):
                answer = await api.get(url(**{name: text}, **more))
                assert (answer.status, list(answer.json["errors"])) == (400, [name]), (name, text)
    for text in ("0001-01-01", "9999-12-31"):
        assert (await api.get(url(start_date=text, end_date=text))).json["count"] == 0


async def test_no_filter_text_harms(api, db, invoice):
    await db.execute("TRUNCATE sales.invoice CASCADE")
    await api.import_invoice(invoice())
    odd = ("'", "''", '"', "\\", "%", "_", "%%%", "___", "\\\\\\", "' OR 1=1 --", "{}", "NULL", "$1", "%s%I", "a\ufeffb", "😀😀😀", "\u202e", "a\0b",
           "x" * 20_000, "é" * 3_000, "\n\n\n", "12345678901234567890", "-1", "1e9")  # fmt: skip
    for name, value in itertools.product(
        ("search", "customer", "salesman", "created_by", "worker", "ordering", "status"), odd
    ):
        for more in ({}, {"cursor": ""}):
            answer = await api.get(url(**{name: value}, **more))
            assert answer.status in (200, 400 if len(value) > 1000 else 200), (name, value[:20], answer.text[:200])
            if name not in ("ordering",) and answer.status == 200 and value.strip("\0 \n"):
                assert answer.json["results"] == [], (name, value[:20])


async def test_a_search_of_a_megabyte_ends_the_connection_and_nothing_else(api, db):
    with pytest.raises(ConnectionError):
        await api.get(f"{PATH}?search={'a' * 2**20}")
    assert (await api.get(url(search="aaa"))).status == 200


async def test_a_cursor_that_is_invalid_is_refused(api, db):
    def coded(key):
        return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()

    wrong = ["x", "%%%", "é", coded(None), coded([]), coded(["-id", "1"]), coded(["-id", 1, 1]), coded(["-id", 1.5]), coded(["-id", True]),
             coded(["-id", -1]), coded(["-id", 2**63]), coded(["id", 1]), coded(["-id", "x"]), coded(["-id", None]), coded({"a": 1}),
             coded([[[[]]]]), "a" * 100_00]  # fmt: skip
    for cursor in wrong:
        answer = await api.get(url(cursor=cursor))
        assert (answer.status, answer.json["message"]) == (400, "Invalid cursor."), cursor[:60]
    for order, value in (
        ("invoice_no", "a\0b"),
        ("status", "\ud800"),
        ("invoice_date", "2025-02-30"),
        ("invoice_date", 20250230),
        ("invoice_date", None),
        ("created_at", "now"),
        ("created_by", None),
    ):
        assert (await api.get(url(ordering=order, cursor=coded([f"{order},id", value, 1])))).status == 400, order
    for order, value in (
        ("invoice_no", "' --"),
        ("status", ""),
        ("invoice_date", "9999-12-31"),
        ("created_at", "0001-01-01T00:00:00+00:00"),
        ("created_by", "\t"),
    ):
        assert (await api.get(url(ordering=order, cursor=coded([f"{order},id", value, 2**63 - 1])))).status == 200, (
            order
        )


async def test_changed_items_customers_and_creators_are_found_by_what_they_are_now(api, db, invoice):
    await db.execute("TRUNCATE sales.invoice, sales.customer CASCADE")
    made = (await api.import_invoice(invoice(created_by="Former"))).json["data"]["id"]
    await db.execute(
        "UPDATE sales.invoice_item SET name = 'Xylometazoline', item_code = 'NEW-77' WHERE item_code = 'OTN10'"
    )
    await db.execute("DELETE FROM sales.invoice_item WHERE item_code = 'PR650'")
    await db.execute("UPDATE sales.customer SET name = 'Renamed Chemist', code = 'RC-5'")
    await db.execute("UPDATE sales.invoice SET created_by = 'Latter', invoice_no = 'RENUMBERED-1'")
    for search in ("xylom", "new-77", "renamed", "rc-5", "renumb"):
        assert ids(await api.get(url(search=search))) == [made], search
    for search in ("otrivin", "otn10", "paracetamol", "pr650", "lifecare", "cust-889", "inv-"):
        assert ids(await api.get(url(search=search))) == [], search
    assert (ids(await api.get(url(created_by="latt"))), ids(await api.get(url(created_by="form")))) == ([made], [])


async def test_imports_that_bring_the_same_new_texts_at_once_all_arrive_and_are_found(api, db, invoice):
    texts = [f"Brandnew {n}" for n in range(12)]

    def with_items(order):
        return invoice(
            items=[{**invoice()["items"][0], "name": text, "item_code": f"BN{text[-2:]}"} for text in order],
            created_by="Newcomer",
        )

    answers = await asyncio.gather(
        *[api.import_invoice(with_items(texts if n % 2 else texts[::-1])) for n in range(16)]
    )
    assert [answer.status for answer in answers] == [201] * 16
    made = sorted((answer.json["data"]["id"] for answer in answers), reverse=True)
    for text in texts:
        assert ids(await api.get(url(search=text))) == made, text
    assert ids(await api.get(url(created_by="newcomer"))) == made


async def test_cursors_lead_past_each_invoice_once_while_imports_go_on(api, db, invoice):
    await db.execute("TRUNCATE sales.invoice CASCADE")
    before = [(await api.import_invoice(invoice())).json["data"]["id"] for _ in range(40)]
    walking = True

    async def keep_importing():
        while walking:
            assert (await api.import_invoice(invoice())).status == 201

    imports = asyncio.create_task(keep_importing())
    walks = [
        await listed_by_cursor(api, asked, 3)
        for asked in ({}, {"search": "paracetamol"}, {"customer": "CUST-889"}, {"ordering": "-invoice_no"})
    ]
    pages, _ = await listed_by_pages(api, {"search": "paracetamol"}, 10)
    walking = False
    await imports
    for found in walks:
        assert len(found) == len(set(found))
        assert set(before) <= set(found)
    assert set(before) <= set(pages)  # newcomers push rows to later pages, so one may be seen again


async def test_a_deleted_invoice_is_found_by_no_filter(api, db, invoice):
    await db.execute("TRUNCATE sales.invoice CASCADE")
    kept, gone = [(await api.import_invoice(invoice())).json["data"]["id"] for _ in range(2)]
    await db.execute("UPDATE sales.invoice SET is_active = false WHERE id = $1", gone)
    filters = [{"search": "inv-"}, {"search": "otrivin"}, {"search": "lifecare"}, {"customer": "CUST-889"}, {"salesman": "Ajay"}, {"created_by": "admin"},
               {"start_date": "2025-01-18"}, *({"ordering": order} for order in ORDERS), {"search": "otrivin", "status": "PENDING"}]  # fmt: skip
    for asked in filters:
        assert ids(await api.get(url(**asked))) == [kept], asked
        assert await listed_by_cursor(api, asked, 1) == [kept], asked


async def test_searches_leave_connections_for_everybody_else(app, api, monkeypatch):
    under_way, most = 0, 0
    row = Transaction.row

    async def slow(self, sql, *args):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        # Each search waits for the others that may run beside it, and then a moment for one too many.
        await until(lambda: most >= app.config.db_pool_size // 2)
        await asyncio.sleep(0.02)
        under_way -= 1
        return await row(self, sql, *args)

    monkeypatch.setattr(Transaction, "row", slow)
    answers = await asyncio.gather(*(api.get("/api/sales/invoices/?search=para") for _ in range(20)))
    assert {answer.status for answer in answers} == {200} and most == app.config.db_pool_size // 2


async def test_a_search_that_takes_too_long_is_cancelled_and_the_next_in_turn_need_not_wait_for_ever(
    api, db, monkeypatch
):
    row = Transaction.row

    async def long(self, sql, *args):
        return await row(self, "SELECT pg_sleep(600), 'tradepost-test-search'")

    monkeypatch.setattr(Transaction, "row", long)
    monkeypatch.setattr(invoice_list, "SEARCH_SECONDS", 0.4)
    monkeypatch.setattr(database, "TURN_SECONDS", 0.2)
    answers = await asyncio.gather(*(api.get("/api/sales/invoices/?search=para") for _ in range(8)))
    assert {answer.status for answer in answers} == {503}
    assert {answer.json["message"] for answer in answers} == {database.BUSY}
    assert all(answer.headers["Retry-After"] for answer in answers)
    still = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%tradepost-test-search%' AND state = 'active' AND pid <> pg_backend_pid()"
    assert await db.fetchval(still) == 0
    monkeypatch.undo()
    assert (await api.get("/api/sales/invoices/?search=para")).status == 200

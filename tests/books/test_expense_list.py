"""Lists and sums of expenses. docs/api/books.md#expenses."""

import base64
import json
from datetime import timedelta

import pytest

from handlers.api import books_listing
from handlers.books import expense
from tests.support.forms import by_form

pytestmark = pytest.mark.gen_test

PATH = "/api/expenses/"
ORDERINGS = ("expense_date", "amount", "category", "vendor", "status", "created_at", "updated_at")
# Expenses of one owner, among those of many others.
MANY, OTHERS = int(by_form(short=20_000, long=200_000)), int(by_form(short=20_000, long=800_000))
# Rows that a page of 20 may touch of any table.
MOST = 250


def descriptions(answer):
    assert answer.status == 200, answer.text
    return [one["description"] for one in answer.json["results"]]


async def walked(owner, path):
    """The results of all pages by cursor, two a page."""
    path, met = f"{PATH}?{path}&page_size=2&cursor=", []
    while path:
        page = (await owner.get(path)).json
        met += page["results"]
        path = page["next"]
    return met


@pytest.fixture
def some(owner, io_loop, db):
    """Four expenses: by description, their ids."""

    async def make():
        client = (await owner.client())["id"]
        rows = [
            {"description": "Train", "amount": 90, "category": "travel", "expense_date": "2026-01-03", "vendor": "Rail"},
            {"description": "Paper", "amount": 5, "category": "office", "expense_date": "2026-01-02", "vendor": "Asha's"},
            {"description": "Lunch", "amount": 20, "category": "meals", "expense_date": "2026-01-02", "client": client},
            {"description": "Ink", "amount": 40, "category": "office", "expense_date": "2026-01-01", "vendor": "asha's"},
        ]  # fmt: skip
        more = ({"status": "approved"}, {"notes": "White 80g"}, {"is_billable": True}, {"receipt_number": "R-77"})
        made = {
            row["description"]: (await owner.expense(**row, **other))["id"]
            for row, other in zip(rows, more, strict=True)
        }
        await db.execute("UPDATE books.expense SET created_at = '2024-01-31T12:00:00Z' WHERE id = $1", made["Ink"])
        return {**made, "client": client}

    return io_loop.run_sync(make)


async def test_the_list_begins_with_the_latest_day_and_then_with_the_newest(owner, some):
    assert descriptions(await owner.get(PATH)) == ["Train", "Lunch", "Paper", "Ink"]


@pytest.mark.parametrize(
    ("ordering", "expected"),
    [
        ("expense_date", ["Ink", "Paper", "Lunch", "Train"]),
        ("-amount", ["Train", "Ink", "Lunch", "Paper"]),
        ("category", ["Lunch", "Ink", "Paper", "Train"]),
        ("vendor", ["Lunch", "Ink", "Paper", "Train"]),
        ("-status", ["Lunch", "Paper", "Ink", "Train"]),
        ("created_at", ["Ink", "Train", "Paper", "Lunch"]),
        ("-updated_at", ["Ink", "Lunch", "Paper", "Train"]),
        ("category,-amount,nonsense", ["Lunch", "Ink", "Paper", "Train"]),
        ("nonsense", ["Train", "Lunch", "Paper", "Ink"]),
    ],
)
async def test_an_order_is_followed_by_day_and_time(owner, some, ordering, expected):
    assert descriptions(await owner.get(f"{PATH}?ordering={ordering}")) == expected
    assert [one["description"] for one in await walked(owner, f"ordering={ordering}")] == expected


@pytest.mark.parametrize("ordering", ["", *ORDERINGS, *(f"-{name}" for name in ORDERINGS), "status,-amount", "id"])
async def test_a_walk_by_cursor_meets_every_expense_once(owner, ordering):
    amounts = ("0.10", "0.1", "99999999.99", "7.25", "0.30")
    made = [(await owner.expense(amount=amount, vendor="v" * (n % 2)))["id"] for n, amount in enumerate(amounts)]
    listed = [one["id"] for one in (await owner.get(f"{PATH}?ordering={ordering}")).json["results"]]
    met = [one["id"] for one in await walked(owner, f"ordering={ordering}")]
    assert met == listed and sorted(met) == made


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("category=office", ["Paper", "Ink"]),
        ("category=office&category=meals&category=office", ["Lunch", "Paper", "Ink"]),
        ("category=", ["Train", "Lunch", "Paper", "Ink"]),
        ("status=approved", ["Train"]),
        ("status=reimbursed", []),
        ("client={client}", ["Lunch"]),
        ("client=999999999999999999", []),
        ("is_billable=true", ["Lunch"]),
        ("is_billable=false", ["Train", "Paper", "Ink"]),
        ("expense_date__gte=2026-01-02", ["Train", "Lunch", "Paper"]),
        ("expense_date__gte=2026-01-02&expense_date__lte=2026-01-02", ["Lunch", "Paper"]),
        ("date_from=2026-01-03", ["Train"]),
        ("date_to=2026-01-01", ["Ink"]),
        ("amount__gte=40", ["Train", "Ink"]),
        ("amount__gte=5.01&amount__lte=39.99", ["Lunch"]),
        ("amount_min=-3&amount_max=5", ["Paper"]),
        ("created_at__gte=2024-02-01", ["Train", "Lunch", "Paper"]),
        ("created_at__lte=2024-01-31", ["Ink"]),
        ("has_receipts=true", []),
        ("has_receipts=false&category=travel", ["Train"]),
        ("search=asha", ["Paper", "Ink"]),
        ("search=WHITE+paper", ["Paper"]),
        ("search=r-77", ["Ink"]),
        ("search=%25", []),
        ("search=asha&category=office&amount__gte=6&ordering=amount", ["Ink"]),
    ],
)
async def test_filters_choose_expenses(owner, some, asked, expected):
    asked = asked.format(**some)
    found = await owner.get(f"{PATH}?{asked}")
    assert (descriptions(found), found.json["count"]) == (expected, len(expected))
    assert [one["description"] for one in await walked(owner, asked)] == expected


NO_CHOICE = "Select a valid choice. {} is not one of the available choices."


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("category=rent", NO_CHOICE.format("rent")),
        ("category=office&category=RENT", NO_CHOICE.format("RENT")),
        ("status=paid", NO_CHOICE.format("paid")),
        ("client=mine", "A valid integer is required."),
        ("client=" + "9" * 19, "A valid integer is required."),
        ("is_billable=1", NO_CHOICE.format("1")),
        ("has_receipts=maybe", NO_CHOICE.format("maybe")),
        ("expense_date__gte=yesterday", "Enter a valid date."),
        ("date_to=2026-02-30", "Enter a valid date."),
        ("amount__gte=NaN", "Enter a number."),
        ("amount_max=1e999999", "Enter a number."),
        ("created_at__lte=never", "Enter a valid date/time."),
    ],
)
async def test_a_wrong_filter_is_named(owner, asked, said):
    answer = await owner.get(f"{PATH}?{asked}")
    assert (answer.status, answer.json["details"]) == (400, {asked.partition("=")[0]: [said]})


@pytest.mark.parametrize(
    "key", ['["-amount",NaN,"2026-01-01","x",1]', '["-amount",1e300,"2026-01-01","2026-01-01T00:00:00+00:00",1]']
)
async def test_a_cursor_that_is_none_is_refused(owner, key):
    cursor = base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")
    answer = await owner.get(f"{PATH}?ordering=-amount&cursor={cursor}")
    assert (answer.status, answer.json["error"]) == (400, "Invalid cursor.")


async def test_pages_have_links_and_an_end(owner, some):
    page = await owner.get(f"{PATH}?page_size=3")
    assert (len(page.json["results"]), page.json["count"], page.json["previous"]) == (3, 4, None)
    following = await owner.get(page.json["next"])
    assert (descriptions(following), following.json["next"]) == (["Ink"], None)
    for query in ("?page=2", "?page=2&category=office", "?page=x"):
        answer = await owner.get(PATH + query)
        assert (answer.status, answer.json["error"]) == (404, "Invalid page."), query


async def test_categories_are_those_of_the_document(owner):
    answer = await owner.get(f"{PATH}categories/")
    assert (answer.status, len(answer.json)) == (200, 6)
    assert answer.json[0] == {"value": "office", "label": "Office supplies and equipment"}
    for one in answer.json:
        assert (await owner.expense(category=one["value"]))["category"] == one["value"]


async def test_recent_expenses_are_those_of_the_last_thirty_days(owner, db):
    today = await db.fetchval("SELECT books.today()")
    for days in (30, 29, 0):
        await owner.expense(description=str(days), expense_date=str(today - timedelta(days)))
    found = await owner.get(f"{PATH}recent/?page_size=1")
    assert (descriptions(found), found.json["count"]) == (["0"], 2)
    assert descriptions(await owner.get(found.json["next"])) == ["29"]


async def test_the_sums_of_expenses(owner, db):
    nothing = (await owner.get(f"{PATH}stats/")).json
    zero = {"count": 0, "total": "0.00"}
    assert nothing == {
        "total_expenses": 0, "total_amount": "0.00", "average_expense": "0.00", "this_month": zero, "top_category": None,
        "billable_count": 0, "billable_amount": "0.00", "with_receipts_count": 0,
    }  # fmt: skip
    today = await db.fetchval("SELECT books.today()")
    this_month, before = str(today.replace(day=1)), str(today.replace(day=1) - timedelta(1))
    await owner.expense(amount="10.01", category="meals", expense_date=this_month, is_billable=True)
    await owner.expense(amount="10.01", category="meals", expense_date=before)
    receipt = await owner.expense(amount="20.00", category="travel", expense_date=before, is_billable=True)
    assert (await owner.upload(receipt["id"], "a.txt", b"Receipt")).status == 201
    assert (await owner.get(f"{PATH}stats/")).json == {
        "total_expenses": 3, "total_amount": "40.02", "average_expense": "13.34", "this_month": {"count": 1, "total": "10.01"},
        "top_category": "meals", "billable_count": 2, "billable_amount": "30.01", "with_receipts_count": 1,
    }  # fmt: skip


# Many rows


@pytest.fixture
def large(db, io_loop, owner):
    """An owner of many expenses, among many owners of others: (owner's id, the id of a client with few)."""

    async def fill():
        owner_id = await db.fetchval("SELECT owner_id FROM books.tally WHERE kind = 'expense' AND n >= $1", MANY)
        if owner_id is None:
            owner_id = owner.id
            await owner.client()
            insert = """
                INSERT INTO books.expense (owner_id, description, amount, category, expense_date, receipt_number, vendor, tax_amount,
                                           is_billable, client_id, status, notes, attachment_count, created_at)
                SELECT $1, 'Expense ' || md5(n::text), 1 + n % 9000, CASE WHEN n % 1000 = 0 THEN 'meals' ELSE 'office' END,
                       '2025-12-31'::date - n % 3000, '', 'Vendor ' || n % 5000, 0, n % 1000 = 1,
                       CASE WHEN n % 1000 = 2 THEN $3::bigint END, CASE WHEN n % 1000 = 3 THEN 'approved' ELSE 'pending' END, '',
                       (n % 1000 = 4)::int, '2025-12-31'::timestamptz - n * interval '7 minutes'
                  FROM generate_series(1, $2::int) n"""
            client = await db.fetchval("SELECT id FROM books.client WHERE owner_id = $1", owner_id)
            await db.execute(insert, owner_id, MANY, client)
            others = await db.fetch(
                "INSERT INTO accounts.account (email, username, role) SELECT 'many-' || n || '@example.com', 'many-' || n, 'MEMBER' "
                "FROM generate_series(1, 20) n RETURNING id"
            )
            for row in others:
                await db.execute(insert, row["id"], OTHERS // 20, None)
            await db.execute("ANALYZE books.expense; ANALYZE books.attachment; ANALYZE books.tally")
        client = await db.fetchval("SELECT id FROM books.client WHERE owner_id = $1", owner_id)
        return owner_id, client

    return io_loop.run_sync(fill)


@pytest.fixture
def touched(db):
    """`await touched(query, values)`: the most rows that a statement touches in a table or an index, on a plan for all values."""

    async def touched(query, values):
        await db.execute("SET plan_cache_mode = force_generic_plan")
        (row,) = await db.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {query.text}", *values)
        found = 0

        def walk(node):
            nonlocal found
            if "Relation Name" in node or "Index Name" in node:
                rows = (
                    node["Actual Rows"]
                    + node.get("Rows Removed by Filter", 0)
                    + node.get("Rows Removed by Index Recheck", 0)
                )
                found = max(found, rows * max(node["Actual Loops"], 1))
            for inner in node.get("Plans", ()):
                walk(inner)

        walk(json.loads(row[0])[0]["Plan"])
        return found

    return touched


@pytest.mark.parametrize("name", ["expense_date,created_at", *ORDERINGS])
@pytest.mark.parametrize("sign", ["", "-"])
async def test_a_page_in_any_order_reads_its_own_rows(large, touched, name, sign):
    owner_id, _ = large
    terms = [sign + one for one in dict.fromkeys((*name.split(","), "expense_date", "created_at", "id"))]
    order = books_listing.Order(expense.COLUMNS, terms)
    assert await touched(expense.query.list_expenses.ordered(order.by), [owner_id, 1, 20]) <= MOST
    found = await touched(order.walk(expense.query.walk_expenses, None), [None, owner_id, 20])
    assert found <= MOST


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("category", "meals"),
        ("status", "approved"),
        ("is_billable", True),
        ("has_receipts", True),
        ("client", None),
        ("day_since", "2025-12-30"),
        ("amount_since", "9000"),
        ("created_since", "2025-12-30T20:00:00Z"),
        ("search", ("c4ca4238a0b923820dcc", ["c4ca4238a0b923820dcc"])),
    ],
)
async def test_a_filter_that_few_expenses_pass_reads_those(large, touched, name, value):
    owner_id, client = large
    listed = expense.query.find_expenses.where(**{name: client if name == "client" else value})
    found = await touched(listed.query, [owner_id, 1, 20, 10_000, *listed.values])
    # A thousandth of the rows pass the filter, and counting reads all of these.
    assert found <= MANY / 1000 + MOST, found

"""Overviews of a period or of a range of days. docs/api/dashboard.md#overview."""

import datetime
import random
from decimal import ROUND_HALF_UP, Decimal

import pytest

from tests.dashboard.analytics import issue, shown, spend, today

pytestmark = pytest.mark.gen_test
PATH = "overview/"
CENT = Decimal("0.01")
DAY = datetime.timedelta(days=1)


async def test_empty_books_have_an_overview_of_zeros(owner, db):
    found = await shown(owner, PATH)
    assert len(found.pop("key_metrics")) == 10
    assert found.pop("last_updated")
    assert found == {
        "total_revenue": "0.00",
        "total_expenses": "0.00",
        "net_profit": "0.00",
        "profit_margin": "0.00",
        "outstanding_amount": "0.00",
        "total_clients": 0,
        "new_clients": 0,
        "top_clients": [],
        "total_invoices": 0,
        "total_quotes": 0,
        "quote_conversion_rate": "0.00",
        "average_invoice_value": "0.00",
        "total_expense_count": 0,
        "reimbursable_expenses": "0.00",
        "expense_categories": [],
        "period_type": "monthly",
        "snapshot_date": str(await today(db)),
    }
    ranged = await shown(owner, PATH, start_date="2026-01-01", end_date="2026-01-31")
    assert (ranged["total_revenue"], ranged["snapshot_date"], ranged["top_clients"]) == ("0.00", "2026-01-31", [])


@pytest.fixture
def busy(owner, db, io_loop):
    """An owner with figures of today, and the ids of two clients."""

    async def fill():
        day = await today(db)
        first, second, idle = [(await owner.client(name=name))["id"] for name in ("Ash", "Birch", "Cedar")]
        await owner.patch(f"/api/clients/{idle}/", {"is_active": False})
        await issue(owner, day, "100.00", first)
        paid = await issue(owner, day, "250.50", second, service="Build")
        await owner.post(f"/api/invoices/{paid['id']}/payments/", {"amount": "50.50"})
        await issue(owner, day - datetime.timedelta(days=800), "4000.00", first)
        await spend(owner, day, "80.00", category="travel", is_billable=True, client=first)
        await spend(owner, day, "20.25", category="meals")
        await spend(owner, day - datetime.timedelta(days=800), "999.00", category="software")
        for client, decision in ((first, "accept"), (first, "reject"), (second, None), (second, None)):
            quote = await owner.quote(client=client)
            await owner.post(f"/api/quotes/{quote['id']}/send/")
            if decision:
                await owner.post(f"/api/quotes/{quote['id']}/{decision}/")
        return owner, first, second

    return io_loop.run_sync(fill)


@pytest.mark.parametrize("period_type", ["daily", "weekly", "monthly", "quarterly", "yearly"])
async def test_an_overview_has_the_figures_of_the_period_that_today_is_in(busy, db, period_type):
    owner, first, second = busy
    found = await shown(owner, PATH, period_type=period_type)
    tops, categories = found.pop("top_clients"), found.pop("expense_categories")
    changed = await db.fetchval("SELECT core.iso(changed_at) FROM dashboard.total WHERE owner_id = $1", owner.id)
    assert found.pop("key_metrics") == (await shown(owner, "metrics/"))["results"]
    assert found == {
        "total_revenue": "350.50",
        "total_expenses": "100.25",
        "net_profit": "250.25",
        "profit_margin": "71.40",
        "outstanding_amount": "4300.00",
        "total_clients": 2,
        "new_clients": 3,
        "total_invoices": 2,
        "total_quotes": 4,
        "quote_conversion_rate": "25.00",
        "average_invoice_value": "175.25",
        "total_expense_count": 2,
        "reimbursable_expenses": "80.00",
        "period_type": period_type,
        "snapshot_date": str(await today(db)),
        "last_updated": changed,
    }
    assert tops == [await shown(owner, f"clients/{id}/", period_type=period_type) for id in (second, first)]
    listed = await shown(owner, "categories/", period_type=period_type, category_type="expense")
    assert categories == listed["results"]


async def test_the_lists_of_an_overview_hold_five_at_most(owner, db):
    day = await today(db)
    for n in range(1, 7):
        await issue(owner, day, f"{n}.00")
    for category in ("office", "travel", "meals", "software", "marketing", "other"):
        await spend(owner, day, "10.00", category=category)
    for query in ({}, {"start_date": str(day)}):
        found = await shown(owner, PATH, **query)
        assert [one["total_revenue"] for one in found["top_clients"]] == ["6.00", "5.00", "4.00", "3.00", "2.00"]
        assert len(found["expense_categories"]) == 5


async def test_the_kinds_of_categories_and_metrics_can_be_chosen(busy):
    owner, _, _ = busy
    for query in ({}, {"start_date": "2026-01-01"}):
        for category_type, names in (
            ("expense", ["travel", "meals"]),
            ("client", ["Birch", "Ash"]),
            ("service", ["Build", "Work"]),
        ):
            found = (await shown(owner, PATH, category_type=category_type, **query))["expense_categories"]
            assert [one["category_name"] for one in found] == names
        found = (await shown(owner, PATH, metric_category="client", **query))["key_metrics"]
        assert [one["metric_name"] for one in found] == ["New Clients"]


async def test_an_overview_of_a_client_has_its_figures_only(busy, db):
    owner, first, _ = busy
    day = str(await today(db))
    for query in ({}, {"start_date": day, "end_date": day}):
        found = await shown(owner, PATH, client_id=first, **query)
        assert (found["total_revenue"], found["total_invoices"], found["total_quotes"]) == ("100.00", 1, 2)
        assert (found["total_expenses"], found["total_expense_count"], found["net_profit"]) == ("80.00", 1, "20.00")
        assert (found["outstanding_amount"], found["quote_conversion_rate"]) == ("4100.00", "50.00")
        assert (found["reimbursable_expenses"], found["profit_margin"]) == ("80.00", "20.00")
        assert (found["total_clients"], found["new_clients"], found["average_invoice_value"]) == (1, 1, "100.00")
        assert found["top_clients"] == [await shown(owner, f"clients/{first}/")]
        assert [one["category_name"] for one in found["expense_categories"]] == ["travel"]
        (own,) = (await shown(owner, PATH, client_id=first, category_type="client", **query))["expense_categories"]
        assert (own["category_name"], own["total_amount"], own["percentage_of_total"]) == ("Ash", "100.00", "100.00")
    wide = await shown(owner, PATH, client_id=first, start_date="2000-01-01", period_type="daily")
    assert (wide["total_revenue"], wide["total_invoices"], wide["top_clients"][0]["invoice_count"]) == ("4100.00", 2, 2)


async def test_a_client_of_another_owner_is_not_found(busy, open_books):
    _, first, _ = busy
    other = await open_books()
    for query in (
        {"client_id": first},
        {"client_id": first, "start_date": "2026-01-01"},
        {"client_id": 10**17},
        {"client_id": 0},
    ):
        await shown(other, PATH, 404, **query)
    found = await shown(other, PATH, start_date="2000-01-01")
    assert (found["total_revenue"], found["total_clients"], found["total_expense_count"]) == ("0.00", 0, 0)


async def test_wrong_parameters_of_an_overview_are_refused(owner):
    client = (await owner.client())["id"]
    for name in ("period_type", "category_type", "metric_category"):
        said = {name: ["Select a valid choice. wrong is not one of the available choices."]}
        assert (await shown(owner, PATH, 400, **{name: "wrong"}))["details"] == said
    for name in ("start_date", "end_date"):
        for wrong in ("2026-02-30", "2026-1-1", "today", "-infinity", "1" * 5000):
            assert (await shown(owner, PATH, 400, **{name: wrong}))["details"] == {name: ["Enter a valid date."]}
    range = {"start_date": "2026-01-02", "end_date": "2026-01-01"}
    said = {"non_field_errors": ["start_date must be before end_date"]}
    assert (await shown(owner, PATH, 400, **range))["details"] == said
    for wrong in ("x", "-1", "1.5", "9" * 40):
        assert (await shown(owner, PATH, 400, client_id=wrong))["details"]["client_id"]
    assert (await shown(owner, PATH, 400, client_id=client, category_type="service"))["details"]["category_type"]


async def test_a_range_of_one_day_is_a_range(owner):
    await issue(owner, datetime.date(2026, 3, 3), "5.00")
    found = await shown(owner, PATH, start_date="2026-03-03", end_date="2026-03-03")
    assert (found["total_revenue"], found["snapshot_date"]) == ("5.00", "2026-03-03")
    assert (await shown(owner, PATH, start_date="2026-03-04"))["total_revenue"] == "0.00"
    assert (await shown(owner, PATH, end_date="2026-03-02"))["total_revenue"] == "0.00"
    for start, end in (("0001-01-01", "9999-12-31"), ("0001-01-01", "2026-03-03"), ("2026-03-03", "9999-12-31")):
        assert (await shown(owner, PATH, start_date=start, end_date=end))["total_revenue"] == "5.00"


def percentage(part, whole):
    return str((100 * part / whole if whole else Decimal(0)).quantize(CENT, ROUND_HALF_UP))


async def test_ranges_of_days_have_the_sums_of_their_rows(owner, db):
    """Against a model that adds up the rows of random books, over ranges that begin and end anywhere."""
    draw = random.Random(20)
    first = datetime.date(2024, 12, 1)
    clients = [(await owner.client(name=f"Client {n}"))["id"] for n in range(4)]
    invoices = [
        (first + draw.randrange(500) * DAY, draw.choice(clients), draw.randint(1, 10**6) * CENT) for _ in range(60)
    ]
    expenses = [
        (first + draw.randrange(500) * DAY, draw.choice(("travel", "meals", "office")), draw.randint(1, 10**5) * CENT)
        for _ in range(40)
    ]
    # By SQL, as most days are further back than the API admits a new expense, and for the time that it takes.
    await db.executemany(
        "INSERT INTO books.invoice (owner_id, year, number, client_id, status, issue_date, due_date, title, terms, notes, line_items,"
        "                           subtotal, tax_amount, total_amount, sent_at)"
        " VALUES ($1, 2001, $2, $3, 'sent', $4, $4, '', '', '', '[]', $5, 0, $5, now())",
        [(owner.id, n, client, day, amount) for n, (day, client, amount) in enumerate(invoices)],
    )
    await db.executemany(
        "INSERT INTO books.expense (owner_id, description, amount, category, expense_date, receipt_number, vendor, tax_amount, is_billable,"
        "                           status, notes) VALUES ($1, '', $2, $3, $4, '', '', 0, false, 'pending', '')",
        [(owner.id, amount, category, day) for day, category, amount in expenses],
    )
    ranges = [sorted(first + draw.randrange(-40, 540) * DAY for _ in "12") for _ in range(12)]
    ranges += [
        [datetime.date(2025, 1, 1), datetime.date(2025, 12, 31)],
        [datetime.date(2024, 12, 31), datetime.date(2026, 1, 1)],
    ]
    for start, end in ranges:
        billed = [one for one in invoices if start <= one[0] <= end]
        spent = [one for one in expenses if start <= one[0] <= end]
        revenue, cost = sum((one[2] for one in billed), Decimal(0)), sum((one[2] for one in spent), Decimal(0))
        found = await shown(owner, PATH, start_date=str(start), end_date=str(end))
        assert (Decimal(found["total_revenue"]), found["total_invoices"]) == (revenue, len(billed)), (start, end)
        assert (Decimal(found["total_expenses"]), found["total_expense_count"]) == (cost, len(spent)), (start, end)
        by_client = {id: sum(one[2] for one in billed if one[1] == id) for id in {one[1] for one in billed}}
        assert {one["id"]: Decimal(one["total_revenue"]) for one in found["top_clients"]} == by_client
        by_category = {name: sum(one[2] for one in spent if one[1] == name) for name in {one[1] for one in spent}}
        assert {
            one["category_name"]: (Decimal(one["total_amount"]), one["percentage_of_total"])
            for one in found["expense_categories"]
        } == {name: (amount, percentage(amount, cost)) for name, amount in by_category.items()}
        one = await shown(owner, PATH, start_date=str(start), end_date=str(end), client_id=clients[0])
        own = [amount for _, client, amount in billed if client == clients[0]]
        assert (Decimal(one["total_revenue"]), one["total_invoices"]) == (sum(own, Decimal(0)), len(own))


@pytest.mark.parametrize(
    ("since", "until", "spans"),
    [
        ("2024-02-29", "2024-02-29", "daily 2024-02-29"),
        ("2025-01-01", "2025-12-31", "yearly 2025-01-01"),
        ("2024-12-31", "2026-01-01", "daily 2024-12-31, yearly 2025-01-01, daily 2026-01-01"),
        ("2025-02-01", "2025-07-02", "monthly 2025-02-01, monthly 2025-03-01, quarterly 2025-04-01, daily 2025-07-01, daily 2025-07-02"),
        ("2026-12-30", "2027-01-01", "daily 2026-12-30, daily 2026-12-31, daily 2027-01-01"),
        ("2025-05-02", "2025-05-01", ""),
    ],
)  # fmt: skip
async def test_a_range_is_cut_into_the_fewest_periods(owner, db, since, until, spans):
    client = (await owner.client())["id"]
    for day in ("2020-06-15", "2030-06-15"):
        await issue(owner, datetime.date.fromisoformat(day), "1.00", client)
    rows = await db.fetch(
        "SELECT period_type || ' ' || period_start AS span FROM dashboard.spans($1, $2::text::date, $3::text::date)"
        " ORDER BY period_start",
        owner.id,
        since,
        until,
    )
    assert ", ".join(row["span"] for row in rows) == spans

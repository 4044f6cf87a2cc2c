"""Clients with their figures of a period. docs/api/dashboard.md#clients."""

import datetime

import pytest

from tests.dashboard.analytics import issue, paged, shown, today, walked

pytestmark = pytest.mark.gen_test
PATH = "clients/"


def ids(clients):
    return [client["id"] for client in clients]


@pytest.fixture
def in_march(owner):
    """`await in_march(day, amount, client)`: an invoice of a day of March 2026."""

    async def make(day, amount, client, **fields):
        return await issue(owner, datetime.date(2026, 3, day), amount, client, **fields)

    return make


async def test_an_owner_without_clients_has_an_empty_list(owner):
    assert await shown(owner, PATH) == {"count": 0, "next": None, "previous": None, "results": []}
    assert await shown(owner, PATH, cursor="") == {"next": None, "previous": None, "results": []}


async def test_a_client_without_invoices_has_a_figure_of_zero_everywhere(owner, db):
    client = await owner.client(name="New")
    (found,) = (await shown(owner, PATH))["results"]
    assert found == {
        "id": client["id"],
        "client_id": client["id"],
        "client_name": "New",
        "snapshot_date": str(await today(db)),
        "period_type": "monthly",
        "total_revenue": "0.00",
        "invoice_count": 0,
        "quote_count": 0,
        "average_invoice_value": "0.00",
        "outstanding_amount": "0.00",
        "average_payment_days": "0.00",
        "payment_score": "100.00",
        "risk_level": "low",
        "is_active": True,
        "first_invoice_date": None,
        "last_invoice_date": None,
        "client_lifetime_value": "0.00",
        "created_at": client["created_at"],
        "updated_at": client["updated_at"],
    }


async def test_revenue_is_the_periods_and_what_is_open_is_of_all_time(owner, in_march, db):
    client = (await owner.client())["id"]
    await issue(owner, datetime.date(2026, 2, 28), "1000.00", client)
    await in_march(1, "30.00", client)
    paid = await in_march(31, "70.01", client)
    await owner.post(f"/api/invoices/{paid['id']}/payments/", {"amount": "20.01"})
    await issue(owner, datetime.date(2026, 4, 1), "5000.00", client)
    await owner.invoice(client=client, issue_date="2026-03-05", due_date="2026-03-05")
    cancelled = await in_march(6, "99.00", client)
    await owner.post(f"/api/invoices/{cancelled['id']}/cancel/")
    quote = await owner.quote(client=client, issue_date="2026-03-09", expiry_date="2999-01-01")
    await owner.post(f"/api/quotes/{quote['id']}/send/")
    await owner.quote(client=client, issue_date="2026-03-09", expiry_date="2999-01-01")

    found = await shown(owner, f"{PATH}{client}/", snapshot_date="2026-03-15")
    assert (found["total_revenue"], found["invoice_count"], found["quote_count"]) == ("100.01", 2, 1)
    assert (found["average_invoice_value"], found["client_lifetime_value"]) == ("50.01", "6100.01")
    assert found["outstanding_amount"] == "6080.00"
    assert (found["first_invoice_date"], found["last_invoice_date"]) == ("2026-02-28", "2026-04-01")
    assert found["snapshot_date"] == str(min(datetime.date(2026, 3, 31), await today(db)))
    totals = {}
    for period_type in ("daily", "weekly", "quarterly", "yearly"):
        one = await shown(owner, f"{PATH}{client}/", snapshot_date="2026-03-01", period_type=period_type)
        totals[period_type] = one["total_revenue"]
        assert one["period_type"] == period_type
    # The week of 1 March 2026, a Sunday, begins in February.
    assert totals == {"daily": "30.00", "weekly": "1030.00", "quarterly": "1100.01", "yearly": "6100.01"}
    assert (await shown(owner, PATH, snapshot_date="2026-03-15"))["results"] == [found]


async def test_late_payments_lower_the_score(owner, db):
    client, day = (await owner.client())["id"], await today(db)
    late = await issue(owner, day - datetime.timedelta(days=50), "10.00", client, due_in=30)
    on_time = await issue(owner, day - datetime.timedelta(days=5), "10.00", client, due_in=30)
    await owner.post(f"/api/invoices/{late['id']}/mark_paid/")
    await owner.post(f"/api/invoices/{on_time['id']}/mark_paid/")
    found = await shown(owner, f"{PATH}{client}/")
    assert (found["average_payment_days"], found["payment_score"]) == ("27.50", "80.00")
    assert found["risk_level"] == "medium"


@pytest.mark.parametrize(
    ("amount", "late", "risk"),
    [
        ("5000.00", 0, "low"), ("5000.01", 0, "medium"), ("10000.00", 0, "medium"), ("10000.01", 0, "high"),
        ("1.00", 7, "low"), ("1.00", 8, "medium"), ("1.00", 15, "medium"), ("1.00", 16, "high"),
    ],
)  # fmt: skip
async def test_risk_is_what_is_open_or_late(owner, db, amount, late, risk):
    client, day = (await owner.client())["id"], await today(db)
    await issue(owner, day, amount, client)
    if late:
        paid = await issue(owner, day - datetime.timedelta(days=late), "1.00", client, due_in=0)
        await owner.post(f"/api/invoices/{paid['id']}/mark_paid/")
    await owner.client()
    found = await shown(owner, f"{PATH}{client}/")
    assert found["risk_level"] == risk
    for level in ("low", "medium", "high"):
        listed = await shown(owner, PATH, risk_level=level)
        assert {one["risk_level"] for one in listed["results"]} <= {level}
        assert (client in ids(listed["results"])) == (level == risk)
        assert listed["count"] == len(listed["results"])


@pytest.fixture
def many(owner, in_march, io_loop):
    """The ids of clients in the order of the list of March 2026: several of equal revenue, and several without."""

    async def fill():
        made = [(await owner.client(name=f"Walnut {n}", is_active=n != 4))["id"] for n in range(9)]
        # The clients 1, 2 and 3 tie; so do 4 to 6, which have no revenue in March.
        for n, amount in ((0, "5.00"), (1, "20.00"), (2, "20.00"), (3, "20.00"), (7, "0.50"), (8, "900.00")):
            await in_march(n + 1, amount, made[n])
        await issue(owner, datetime.date(2026, 2, 1), "70000.00", made[5])
        quote = await owner.quote(client=made[6], issue_date="2026-03-09", expiry_date="2999-01-01")
        await owner.post(f"/api/quotes/{quote['id']}/send/")
        return made

    return io_loop.run_sync(fill)


async def test_the_largest_revenue_is_first_and_clients_without_any_are_last(owner, many):
    march = {"snapshot_date": "2026-03-01"}
    for size in (1, 2, 3, 4, 5, 100):
        found = await paged(owner, PATH, size, **march)
        assert ids(found) == [many[n] for n in (8, 3, 2, 1, 0, 7, 6, 5, 4)]
        assert await walked(owner, PATH, size, **march) == found
        last = await shown(owner, PATH, page="last", page_size=size, **march)
        assert last["results"][-1]["id"] == many[4]


FILTERS = [
    ({"is_active": "true"}, (8, 3, 2, 1, 0, 7, 6, 5)),
    ({"is_active": "false"}, (4,)),
    ({"risk_level": "high"}, (5,)),
    ({"risk_level": "medium"}, ()),
    ({"risk_level": "low"}, (8, 3, 2, 1, 0, 7, 6, 4)),
    ({"risk_level": "low", "is_active": "true"}, (8, 3, 2, 1, 0, 7, 6)),
    ({"search": "WALNUT"}, (8, 3, 2, 1, 0, 7, 6, 5, 4)),
    ({"search": "walnut 3"}, (3,)),
    ({"search": "7"}, (7,)),
    ({"search": "walnut", "risk_level": "low", "is_active": "true"}, (8, 3, 2, 1, 0, 7, 6)),
    ({"search": "nothing"}, ()),
]


async def test_filters_keep_the_order_on_pages_and_by_cursor(owner, many):
    for query, places in FILTERS:
        for size in (1, 3, 100):
            asked = {"snapshot_date": "2026-03-01", **query}
            found = await paged(owner, PATH, size, **asked)
            assert ids(found) == [many[n] for n in places], query
            assert await walked(owner, PATH, size, **asked) == found


async def test_the_list_is_filtered_by_one_client(owner, many):
    assert ids((await shown(owner, PATH, client_id=many[2]))["results"]) == [many[2]]
    assert (await shown(owner, PATH, client_id=10**17))["results"] == []


async def test_a_client_that_is_passed_by_a_cursor_stays_passed_when_others_come(owner, in_march, many):
    page = await shown(owner, PATH, snapshot_date="2026-03-01", page_size=2, cursor="")
    await in_march(20, "5000.00", (await owner.client())["id"])
    following = await owner.get("/" + page["next"].split("/", 3)[3])
    assert ids(following.json["results"]) == [many[2], many[1]]


async def test_wrong_parameters_are_refused(owner):
    client = (await owner.client())["id"]
    for name, wrong in (("period_type", "hourly"), ("risk_level", "none"), ("is_active", "maybe")):
        said = [f"Select a valid choice. {wrong} is not one of the available choices."]
        assert (await shown(owner, PATH, 400, **{name: wrong}))["details"] == {name: said}
    for wrong in ("2026-02-30", "yesterday", "20260230", "99999-01-01", "infinity"):
        said = {"snapshot_date": ["Enter a valid date."]}
        assert (await shown(owner, PATH, 400, snapshot_date=wrong))["details"] == said
        assert (await shown(owner, f"{PATH}{client}/", 400, snapshot_date=wrong))["details"] == said
    await shown(owner, PATH, 400, client_id="x")
    await shown(owner, PATH, 404, page=2)
    await shown(owner, PATH, 404, page=10**11)
    for cursor in ("x", "WzFd", "WyItaXNfYmlsbGVkLC10b3RhbF9yZXZlbnVlLC1wbGFjZSIsMiwxLDFd"):
        assert (await shown(owner, PATH, 400, cursor=cursor))["error"]


async def test_any_day_of_the_calendar_is_in_a_period(owner):
    client = (await owner.client())["id"]
    for day in ("0001-01-01", "9999-12-31"):
        for period_type in ("daily", "weekly", "monthly", "quarterly", "yearly"):
            found = await shown(owner, f"{PATH}{client}/", snapshot_date=day, period_type=period_type)
            assert found["total_revenue"] == "0.00"


async def test_clients_of_another_owner_do_not_exist(owner, open_books, in_march):
    client = (await owner.client())["id"]
    await in_march(1, "10.00", client)
    other = await open_books()
    await shown(other, f"{PATH}{client}/", 404)
    await shown(owner, f"{PATH}{10**17}/", 404)
    assert (await shown(other, PATH))["results"] == []
    assert (await shown(other, PATH, client_id=client, snapshot_date="2026-03-01"))["count"] == 0


async def test_an_update_of_the_client_or_of_its_revenue_is_dated(owner, db):
    client = await owner.client()
    invoice = await issue(owner, await today(db), "1.00", client["id"])
    found = await shown(owner, f"{PATH}{client['id']}/")
    assert found["created_at"] == client["created_at"]
    assert found["updated_at"] >= invoice["created_at"] > client["updated_at"]

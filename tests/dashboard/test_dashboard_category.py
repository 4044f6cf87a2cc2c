"""What clients, services and categories of expenses have of a period. docs/api/dashboard.md#categories."""

import datetime

import pytest

from handlers.books.expense import CATEGORIES
from tests.dashboard.analytics import issue, paged, shown, spend, today, walked

pytestmark = pytest.mark.gen_test
PATH = "categories/"
MARCH = {"snapshot_date": "2026-03-15"}


def summed(categories):
    return [
        (one["category_type"], one["category_name"], one["total_amount"], one["transaction_count"])
        for one in categories
    ]


@pytest.fixture
def march(owner, io_loop):
    """Books of March 2026. Four shares have the same amount, of all three types."""

    async def fill():
        day = datetime.date(2026, 3, 2)
        first, second = [(await owner.client(name=name))["id"] for name in ("Ash", "Birch")]
        await issue(owner, day, "60.00", first, service="Design")
        await issue(owner, day + datetime.timedelta(days=9), "40.00", first, service="Build", tax_rate="0.25")
        await issue(owner, day, "110.00", second, service="Build")
        await issue(owner, datetime.date(2026, 2, 1), "1000.00", second, service="Older")
        await spend(owner, day, "60.00", category="travel")
        await spend(owner, day, "110.00", category="office")
        await spend(owner, day, "30.00", category="meals")
        rejected = await spend(owner, day, "500.00", category="software")
        await owner.post(f"/api/expenses/{rejected['id']}/reject/")
        return owner

    return io_loop.run_sync(fill)


async def test_empty_books_have_no_categories(owner):
    assert await shown(owner, PATH) == {"count": 0, "next": None, "previous": None, "results": []}
    for category_type in ("expense", "client", "service"):
        assert (await shown(owner, PATH, category_type=category_type))["count"] == 0


async def test_each_type_has_its_parts_of_the_whole(march):
    found = {}
    for category_type in ("expense", "client", "service"):
        listed = (await shown(march, PATH, category_type=category_type, **MARCH))["results"]
        assert {one["category_type"] for one in listed} == {category_type}
        found[category_type] = [(*summed([one])[0][1:], one["percentage_of_total"]) for one in listed]
    assert found == {
        "expense": [("office", "110.00", 1, "55.00"), ("travel", "60.00", 1, "30.00"), ("meals", "30.00", 1, "15.00")],
        "client": [("Birch", "110.00", 1, "50.00"), ("Ash", "110.00", 2, "50.00")],
        "service": [("Build", "150.00", 2, "71.43"), ("Design", "60.00", 1, "28.57")],
    }


async def test_all_types_are_one_list_the_largest_first_through_ties(march):
    by_page = await paged(march, PATH, 100, **MARCH)
    assert [one["total_amount"] for one in by_page] == [
        "150.00",
        "110.00",
        "110.00",
        "110.00",
        "60.00",
        "60.00",
        "30.00",
    ]
    for size in (1, 2, 3, 5):
        assert await paged(march, PATH, size, **MARCH) == by_page
        assert await walked(march, PATH, size, **MARCH) == by_page
        assert await walked(march, PATH, size, ordering="total_amount", **MARCH) == by_page[::-1]
    assert await paged(march, PATH, 3, ordering="total_amount", **MARCH) == by_page[::-1]
    assert await paged(march, PATH, 3, ordering="-category_name,id", **MARCH) == by_page
    assert (await shown(march, PATH, page="last", page_size=3, **MARCH))["results"] == by_page[6:]


async def test_the_period_is_the_month_unless_another_is_asked_for(owner, db):
    day = await today(db)
    await spend(owner, day, "10.00", category="travel")
    await spend(owner, day - datetime.timedelta(days=400), "5.00", category="travel")
    (found,) = (await shown(owner, PATH))["results"]
    assert (found["period_type"], found["snapshot_date"], found["total_amount"]) == ("monthly", str(day), "10.00")
    for period_type in ("daily", "weekly", "quarterly", "yearly"):
        (one,) = (await shown(owner, PATH, period_type=period_type))["results"]
        assert (one["period_type"], one["total_amount"]) == (period_type, "10.00")
        assert one["id"] != found["id"]


async def test_a_category_has_the_words_that_people_read(owner, db):
    day = await today(db)
    for category in CATEGORIES:
        await spend(owner, day, "1.00", category=category)
    await issue(owner, day, "1.00", (await owner.client(name="Office"))["id"], service="office")
    shares = (await shown(owner, PATH))["results"]
    assert {
        one["category_name"]: one["category_display"] for one in shares if one["category_type"] == "expense"
    } == CATEGORIES
    assert {one["category_display"] for one in shares if one["category_type"] != "expense"} == {"Office", "office"}


async def test_a_category_is_found_by_its_id_also_when_its_period_is_over(march):
    for one in await paged(march, PATH, 100, **MARCH):
        assert await shown(march, f"{PATH}{one['id']}/") == one
    await shown(march, f"{PATH}{10**17}/", 404)


async def test_a_category_that_has_nothing_left_is_gone_and_comes_back_with_its_id(owner, db):
    expense = await spend(owner, await today(db), "5.00", category="travel")
    (found,) = (await shown(owner, PATH))["results"]
    await owner.post(f"/api/expenses/{expense['id']}/reject/")
    assert (await shown(owner, PATH))["count"] == 0
    await shown(owner, f"{PATH}{found['id']}/", 404)
    await spend(owner, await today(db), "7.00", category="travel")
    assert (await shown(owner, f"{PATH}{found['id']}/"))["total_amount"] == "7.00"


async def test_a_client_that_gets_another_name_has_it_here_too(owner, db):
    client = await owner.client(name="Before")
    await issue(owner, await today(db), "5.00", client["id"])
    await owner.patch(f"/api/clients/{client['id']}/", {"name": "After"})
    (found,) = (await shown(owner, PATH, category_type="client"))["results"]
    assert (found["category_name"], found["category_display"]) == ("After", "After")


async def test_categories_of_another_owner_do_not_exist(march, open_books):
    other = await open_books()
    assert (await shown(other, PATH, **MARCH))["count"] == 0
    for one in (await shown(march, PATH, **MARCH))["results"]:
        await shown(other, f"{PATH}{one['id']}/", 404)


async def test_wrong_filters_of_categories_are_refused(owner):
    for name, wrong in (("category_type", "tax"), ("period_type", "hourly")):
        said = [f"Select a valid choice. {wrong} is not one of the available choices."]
        assert (await shown(owner, PATH, 400, **{name: wrong}))["details"] == {name: said}
    assert (await shown(owner, PATH, 400, snapshot_date="2026"))["details"] == {
        "snapshot_date": ["Enter a valid date."]
    }
    await shown(owner, PATH, 404, page=2)
    await shown(owner, PATH, 400, cursor="x")


async def test_cursors_lose_no_cent_of_large_sums(march, db):
    """A float holds no cents from 90 trillions on."""
    await db.execute(
        """UPDATE dashboard.share s SET amount = 1000000000000000 + n.n / 100.0, magnitude = dashboard.magnitude(1000000000000000)
             FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM dashboard.share
                    WHERE owner_id = $1 AND category_type = 'expense' AND period_type = 'monthly' AND n <> 0) n
            WHERE s.owner_id = $1 AND s.id = n.id""",
        march.id,
    )
    found = await walked(march, PATH, 1, category_type="expense", **MARCH)
    assert [one["total_amount"][-3:] for one in found] == [".03", ".02", ".01"]

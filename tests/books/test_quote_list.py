"""Lists of quotes, and what is asked about them. docs/api/books.md#quotes."""

from datetime import timedelta

import pytest

from tests.books.test_quote import PATH, later, today
from tests.support.owners import LINE

pytestmark = pytest.mark.gen_test


def titles(answer):
    assert answer.status == 200, answer.text
    return [quote["title"] for quote in answer.json["results"]]


async def listed(owner, asked):
    """The titles of a list, which must be the same by page and by cursor."""
    page, walked = await owner.get(f"{PATH}?{asked}"), await owner.get(f"{PATH}?{asked}&cursor=")
    assert titles(page) == titles(walked), asked
    assert page.json["count"] == len(page.json["results"])
    return titles(page)


@pytest.fixture
def passed(db):
    """`await passed(quote, days)`: the quote is sent, and its expiry_date was so many days ago."""

    async def passed(quote, days=1):
        await db.execute(
            "UPDATE books.quote SET status = 'sent', issue_date = '2024-01-01', expiry_date = $2, sent_at = now() WHERE id = $1",
            quote["id"],
            today() - timedelta(days),
        )

    return passed


async def test_quotes_are_listed_newest_first_as_whole_documents(owner):
    quotes = [await owner.quote(title=str(n)) for n in range(3)]
    page = await owner.get(f"{PATH}?page_size=2")
    assert (page.json["count"], page.json["previous"], page.json["results"]) == (3, None, quotes[:0:-1])
    following = await owner.get(page.json["next"])
    assert (following.json["next"], following.json["results"]) == (None, quotes[:1])
    assert titles(await owner.get(following.json["previous"])) == ["2", "1"]
    assert (await owner.get(f"{PATH}?page=3&page_size=2")).json["error"] == "Invalid page."


async def test_filters_choose_by_status_as_it_is_today(owner, db, passed):
    quotes = {
        title: await owner.quote(title=title) for title in ("draft", "sent", "accepted", "rejected", "swept", "passed")
    }
    for title in ("sent", "accepted", "rejected"):
        await db.execute("UPDATE books.quote SET status = $2 WHERE id = $1", quotes[title]["id"], title)
    await passed(quotes["passed"])
    await db.execute("UPDATE books.quote SET status = 'expired' WHERE id = $1", quotes["swept"]["id"])
    for status in ("draft", "sent", "accepted", "rejected"):
        assert await listed(owner, f"status={status}") == [status]
    assert await listed(owner, "status=expired") == ["passed", "swept"]
    assert await listed(owner, "status=expired&ordering=created_at") == ["swept", "passed"]
    assert await listed(owner, "status=expired&search=swept") == ["swept"]
    assert await listed(owner, f"status=expired&client={quotes['passed']['client']}") == ["passed"]
    assert await listed(owner, "status=sent&expiry_date__lte=2024-01-01") == []


async def test_filters_choose_by_client_and_days(owner, db):
    old = await owner.quote(title="Old", issue_date="2024-01-31", expiry_date="2024-02-15")
    new = await owner.quote(title="New", issue_date="2024-02-01", expiry_date="2024-03-01")
    await db.execute("UPDATE books.quote SET created_at = '2024-01-31T12:00:00Z' WHERE id = $1", old["id"])
    for asked, expected in {
        f"client={old['client']}": ["Old"],
        f"client={new['client']}&issue_date__lte=2024-01-31": [],
        f"client={10**17}": [],
        "created_at__gte=2024-02-01": ["New"],
        "created_at__lte=2024-01-31": ["Old"],
        "issue_date__gte=2024-02-01": ["New"],
        "issue_date__lte=2024-01-31": ["Old"],
        "issue_date__gte=2024-01-31&issue_date__lte=2024-02-01": ["New", "Old"],
        "expiry_date__gte=2024-02-16": ["New"],
        "expiry_date__lte=2024-02-15": ["Old"],
        "expiry_date__gte=2024-02-15&expiry_date__lte=2024-03-01&ordering=expiry_date": ["Old", "New"],
    }.items():
        assert await listed(owner, asked) == expected, asked


@pytest.mark.parametrize(
    ("asked", "details"),
    [
        ("status=paid", {"status": ["Select a valid choice. paid is not one of the available choices."]}),
        ("client=x", {"client": ["A valid integer is required."]}),
        ("client=" + "9" * 19, {"client": ["A valid integer is required."]}),
        ("created_at__gte=soon", {"created_at__gte": ["Enter a valid date/time."]}),
        ("issue_date__gte=2024-02-30", {"issue_date__gte": ["Enter a valid date."]}),
        ("issue_date__lte=2024", {"issue_date__lte": ["Enter a valid date."]}),
        ("expiry_date__gte=0000-01-01", {"expiry_date__gte": ["Enter a valid date."]}),
        ("expiry_date__lte=x", {"expiry_date__lte": ["Enter a valid date."]}),
    ],
)
async def test_a_wrong_filter_is_refused(owner, asked, details):
    for path in (f"{PATH}?{asked}", f"{PATH}search/?q=x&{asked}"):
        answer = await owner.get(path)
        assert (answer.status, answer.json) == (400, {"error": "Validation failed", "details": details}), path


async def test_a_search_finds_quotes_that_have_all_words_in_any_field(owner):
    asha = await owner.client(name="Asha Traders", email="asha@example.com", phone="+91 98765 43210")
    bela = await owner.client(name="Bela", company="Traders Guild")
    await owner.quote(asha["id"], title="Website redesign", issue_date="2023-05-05")
    await owner.quote(bela["id"], title="Website hosting", issue_date="2023-06-06")
    await owner.quote(asha["id"], title="Logo", issue_date="2022-05-05")
    for asked, expected in {
        "website": ["Website hosting", "Website redesign"],
        "WEBSITE+asha": ["Website redesign"],
        "asha": ["Logo", "Website redesign"],
        "traders": ["Logo", "Website redesign"],
        "example.com+logo": ["Logo"],
        "98765": [],
        "quo-2023": ["Website hosting", "Website redesign"],
        "QUO-2023-002": ["Website hosting"],
        "2022+log": ["Logo"],
        "o": ["Logo", "Website hosting", "Website redesign"],
        "%25": [],
        "website+nothing": [],
    }.items():
        assert await listed(owner, f"search={asked}") == expected, asked
        assert titles(await owner.get(f"{PATH}search/?q={asked}")) == expected, asked


async def test_a_search_without_words_is_refused_or_finds_all(owner):
    await owner.quote(title="Any")
    for asked in ("", "?q=", "?q=%20"):
        answer = await owner.get(f"{PATH}search/{asked}")
        assert (answer.status, answer.json["error"]) == (400, 'Search query parameter "q" is required')
    assert titles(await owner.get(f"{PATH}?search=%20")) == ["Any"]


async def test_lists_are_ordered_as_asked_and_numbers_by_year_and_number(owner, db):
    client = (await owner.client())["id"]
    await owner.quote(
        client, title="a", issue_date="2024-03-01", expiry_date="2024-09-01", line_items=[{**LINE, "unit_price": 9}]
    )
    await db.execute("UPDATE books.number_counter SET last = 998 WHERE owner_id = $1", owner.id)
    await owner.quote(
        client, title="b", issue_date="2024-02-01", expiry_date="2024-08-01", line_items=[{**LINE, "unit_price": 10}]
    )
    await owner.quote(
        client, title="c", issue_date="2024-01-01", expiry_date="2024-07-01", line_items=[{**LINE, "unit_price": 100}]
    )
    await owner.quote(
        client, title="d", issue_date="2023-01-01", expiry_date="2025-01-01", line_items=[{**LINE, "unit_price": 1}]
    )
    for ordering, expected in {
        "quote_number": "dabc",
        "-quote_number": "cbad",
        "issue_date": "dcba",
        "expiry_date": "cbad",
        "-total_amount": "cbad",
        "total_amount": "dabc",
        "created_at": "abcd",
        "unknown": "dcba",
        "status,-issue_date": "abcd",
    }.items():
        assert "".join(await listed(owner, f"ordering={ordering}")) == expected, ordering


@pytest.mark.parametrize("status", ["", "draft", "expired"])
@pytest.mark.parametrize("ordering", ["", "quote_number", "-quote_number", "issue_date", "-expiry_date", "total_amount,-created_at", "-total_amount",
                                      "status", "-status", "-updated_at", "id"])  # fmt: skip
async def test_a_walk_by_cursor_meets_every_quote_once(owner, passed, ordering, status):
    client = (await owner.client())["id"]
    for n in range(9):
        quote = await owner.quote(
            client, issue_date=f"2024-01-0{1 + n % 2}", line_items=[{**LINE, "unit_price": 1 + n % 3}]
        )
        if n % 4 == 0:
            await passed(quote, n + 1)
    asked = f"{PATH}?ordering={ordering}&status={status}"
    expected = [quote["id"] for quote in (await owner.get(asked)).json["results"]]
    path, met = f"{asked}&page_size=2&cursor=", []
    while path:
        page = (await owner.get(path)).json
        met += [quote["id"] for quote in page["results"]]
        path = page["next"]
    assert met == expected and len(met) == {"": 9, "draft": 6, "expired": 3}[status]


async def test_statistics_count_and_add_up_all_quotes(owner, db, passed):
    empty = await owner.get(f"{PATH}statistics/")
    breakdown = dict.fromkeys(("draft", "sent", "accepted", "rejected", "expired"), 0)
    assert empty.json == {
        "total_quotes": 0,
        "status_breakdown": breakdown,
        "financial": {"total_value": "0.00", "average_value": "0.00"},
        "recent_activity": {"quotes_last_30_days": 0, "value_last_30_days": "0.00"},
        "performance": {"approval_rate": 0, "sent_quotes": 0, "approved_quotes": 0},
        "top_clients": [],
    }
    clients = [(await owner.client(name=f"C{n}"))["id"] for n in range(7)]
    quotes = [
        await owner.quote(client, line_items=[{**LINE, "unit_price": price}])
        for client, price in zip([*clients, clients[0]], (1, 2, 3, 4, 5, 6, 6, "10.01"), strict=True)
    ]
    for quote in quotes[:3]:
        await owner.post(f"{PATH}{quote['id']}/send/")
    await owner.post(f"{PATH}{quotes[0]['id']}/accept/")
    await passed(quotes[2])
    await owner.post(f"{PATH}{quotes[3]['id']}/reject/")
    await db.execute("UPDATE books.quote SET created_at = now() - interval '31 days' WHERE id = $1", quotes[7]["id"])
    assert (await owner.get(f"{PATH}statistics/")).json == {
        "total_quotes": 8,
        "status_breakdown": {"draft": 4, "sent": 1, "accepted": 1, "rejected": 1, "expired": 1},
        "financial": {"total_value": "37.01", "average_value": "4.63"},
        "recent_activity": {"quotes_last_30_days": 7, "value_last_30_days": "27.00"},
        "performance": {"approval_rate": 33.33, "sent_quotes": 3, "approved_quotes": 1},
        "top_clients": [
            {"client__name": "C0", "quote_count": 2, "total_value": "11.01"},
            {"client__name": "C5", "quote_count": 1, "total_value": "6.00"},
            {"client__name": "C6", "quote_count": 1, "total_value": "6.00"},
            {"client__name": "C4", "quote_count": 1, "total_value": "5.00"},
            {"client__name": "C3", "quote_count": 1, "total_value": "4.00"},
        ],
    }


async def test_quotes_that_expire_soon_are_shown_with_the_next_one_first(owner, passed, open_books):
    for title, days in (("far", 9), ("week", 6), ("soon", 1)):
        quote = await owner.quote(title=title, expiry_date=later(days))
        await owner.post(f"{PATH}{quote['id']}/send/")
    await owner.quote(title="draft", expiry_date=later(1))
    await passed(await owner.quote(title="passed"))
    stranger = await open_books()
    assert (await stranger.get(f"{PATH}expiring_soon/")).json == {"count": 0, "quotes": []}
    soon = (await owner.get(f"{PATH}expiring_soon/")).json
    assert (soon["count"], [quote["title"] for quote in soon["quotes"]]) == (2, ["soon", "week"])


async def test_statistics_are_of_the_owner_alone(owner, open_books):
    await (await open_books()).quote()
    assert (await owner.get(f"{PATH}statistics/")).json["total_quotes"] == 0

"""Lists of invoices. docs/api/books.md#invoices."""

import pytest

from tests.books.invoices import LATE, PATH, one, today
from tests.support.owners import LINE

pytestmark = pytest.mark.gen_test


def titles(answer):
    assert answer.status == 200, answer.text
    return [invoice["title"] for invoice in answer.json["results"]]


async def listed(owner, asked):
    """The titles of a list, which must be the same by page and by cursor."""
    page, walked = await owner.get(f"{PATH}?{asked}"), await owner.get(f"{PATH}?{asked}&cursor=")
    assert titles(page) == titles(walked), asked
    assert page.json["count"] == len(page.json["results"])
    return titles(page)


async def test_invoices_are_listed_newest_first_as_whole_documents(owner):
    invoices = [await owner.invoice(title=str(n), payments=[{"amount": 1}] * n) for n in range(3)]
    page = await owner.get(f"{PATH}?page_size=2")
    assert (page.json["count"], page.json["previous"], page.json["results"]) == (3, None, invoices[:0:-1])
    following = await owner.get(page.json["next"])
    assert (following.json["next"], following.json["results"]) == (None, invoices[:1])
    assert titles(await owner.get(following.json["previous"])) == ["2", "1"]
    assert (await owner.get(f"{PATH}?page=3&page_size=2")).json["error"] == "Invalid page."


async def test_filters_choose_by_status_as_it_is_today(owner, db):
    await owner.invoice(title="draft")
    await owner.invoice(title="late draft", **LATE)
    await owner.invoice(title="sent", status="sent")
    await owner.invoice(title="partial", payments=[{"amount": 1}])
    await owner.invoice(title="paid", status="paid", **LATE)
    await owner.patch(one(await owner.invoice(title="cancelled", status="sent", **LATE)), {"status": "cancelled"})
    await owner.invoice(title="swept", status="sent", **LATE)
    for status, fields in (("sent", {"status": "sent"}), ("partial", {"payments": [{"amount": 1}]})):
        late = await owner.invoice(title=f"late {status}", **fields, **LATE)
        await db.execute("UPDATE books.invoice SET status = $2 WHERE id = $1", late["id"], status)
    for status in ("sent", "partial", "paid", "cancelled"):
        assert await listed(owner, f"status={status}") == [status]
    assert await listed(owner, "status=draft") == ["late draft", "draft"]
    assert await listed(owner, "status=overdue") == ["late partial", "late sent", "swept"]
    assert await listed(owner, "status=overdue&ordering=created_at") == ["swept", "late sent", "late partial"]
    assert await listed(owner, "status=overdue&search=late") == ["late partial", "late sent"]
    assert await listed(owner, "status=sent&due_date__lte=2024-02-01") == []


async def test_filters_choose_by_client_and_days(owner, db):
    old = await owner.invoice(title="Old", issue_date="2024-01-31", due_date="2024-02-15")
    new = await owner.invoice(title="New", issue_date="2024-02-01", due_date="2024-03-01")
    await db.execute("UPDATE books.invoice SET created_at = '2024-01-31T12:00:00Z' WHERE id = $1", old["id"])
    for asked, expected in {
        f"client={old['client']}": ["Old"],
        f"client={new['client']}&issue_date__lte=2024-01-31": [],
        f"client={10**17}": [],
        "created_at__gte=2024-02-01": ["New"],
        "created_at__lte=2024-01-31": ["Old"],
        "issue_date__gte=2024-02-01": ["New"],
        "issue_date__lte=2024-01-31": ["Old"],
        "issue_date__gte=2024-01-31&issue_date__lte=2024-02-01": ["New", "Old"],
        "due_date__gte=2024-02-16": ["New"],
        "due_date__lte=2024-02-15": ["Old"],
        "due_date__gte=2024-02-15&due_date__lte=2024-03-01&ordering=due_date": ["Old", "New"],
    }.items():
        assert await listed(owner, asked) == expected, asked


@pytest.mark.parametrize(
    ("asked", "details"),
    [
        ("status=open", {"status": ["Select a valid choice. open is not one of the available choices."]}),
        ("client=x", {"client": ["A valid integer is required."]}),
        ("client=" + "9" * 19, {"client": ["A valid integer is required."]}),
        ("created_at__gte=soon", {"created_at__gte": ["Enter a valid date/time."]}),
        ("issue_date__gte=2024-02-30", {"issue_date__gte": ["Enter a valid date."]}),
        ("due_date__lte=x", {"due_date__lte": ["Enter a valid date."]}),
    ],
)
async def test_a_wrong_filter_is_refused(owner, asked, details):
    for path in (f"{PATH}?{asked}", f"{PATH}search/?q=x&{asked}"):
        answer = await owner.get(path)
        assert (answer.status, answer.json) == (400, {"error": "Validation failed", "details": details}), path


async def test_a_search_finds_invoices_that_have_all_words_in_any_field(owner):
    asha = await owner.client(name="Asha Traders", email="asha@example.com", phone="+91 98765 43210")
    bela = await owner.client(name="Bela", company="Traders Guild")
    await owner.invoice(asha["id"], title="Website redesign", issue_date="2023-05-05")
    await owner.invoice(bela["id"], title="Website hosting", issue_date="2023-06-06")
    await owner.invoice(asha["id"], title="Logo", issue_date="2022-05-05")
    for asked, expected in {
        "website": ["Website hosting", "Website redesign"],
        "WEBSITE+asha": ["Website redesign"],
        "asha": ["Logo", "Website redesign"],
        "traders": ["Logo", "Website redesign"],
        "example.com+logo": ["Logo"],
        "98765": [],
        "inv-2023": ["Website hosting", "Website redesign"],
        "INV-2023-002": ["Website hosting"],
        "2022+log": ["Logo"],
        "o": ["Logo", "Website hosting", "Website redesign"],
        "%25": [],
        "we+o": ["Website hosting", "Website redesign"],
        "zz": [],
        "---": [],
        "website+nothing": [],
    }.items():
        assert await listed(owner, f"search={asked}") == expected, asked
        assert titles(await owner.get(f"{PATH}search/?q={asked}")) == expected, asked


async def test_a_search_without_words_is_refused_or_finds_all(owner):
    await owner.invoice(title="Any")
    for asked in ("", "?q=", "?q=%20"):
        answer = await owner.get(f"{PATH}search/{asked}")
        assert (answer.status, answer.json["error"]) == (400, 'Search query parameter "q" is required')
    assert titles(await owner.get(f"{PATH}?search=%20")) == ["Any"]


async def test_lists_are_ordered_as_asked_and_numbers_by_year_and_number(owner, db):
    client = (await owner.client())["id"]
    for title, issued, due, price in (
        ("a", "2024-03-01", "2024-09-01", 9),
        ("b", "2024-02-01", "2024-08-01", 10),
        ("c", "2024-01-01", "2024-07-01", 100),
        ("d", "2023-01-01", "2025-01-01", 1),
    ):
        await owner.invoice(
            client, title=title, issue_date=issued, due_date=due, line_items=[{**LINE, "unit_price": price}]
        )
        # The numbers of 2024 go on at 999.
        await db.execute("UPDATE books.number_counter SET last = greatest(last, 998) WHERE owner_id = $1", owner.id)
    for ordering, expected in {
        "invoice_number": "dabc",
        "-invoice_number": "cbad",
        "issue_date": "dcba",
        "due_date": "cbad",
        "-total_amount": "cbad",
        "total_amount": "dabc",
        "created_at": "abcd",
        "unknown": "dcba",
        "status,-issue_date": "abcd",
    }.items():
        assert "".join(await listed(owner, f"ordering={ordering}")) == expected, ordering


@pytest.mark.parametrize("status", ["", "draft", "overdue"])
@pytest.mark.parametrize("ordering", ["", "invoice_number", "-invoice_number", "issue_date", "-due_date", "total_amount,-created_at",
                                      "-total_amount", "status", "-status", "-updated_at", "id"])  # fmt: skip
async def test_a_walk_by_cursor_meets_every_invoice_once(owner, ordering, status):
    client = (await owner.client())["id"]
    for n in range(9):
        lines = [{**LINE, "unit_price": 1 + n % 3}]
        late = {"status": "sent", "due_date": f"2024-02-{11 + n}"} if n % 4 == 0 else {"due_date": today(n)}
        await owner.invoice(client, issue_date=f"2024-01-0{1 + n % 2}", line_items=lines, **late)
    asked = f"{PATH}?ordering={ordering}&status={status}"
    expected = [invoice["id"] for invoice in (await owner.get(asked)).json["results"]]
    path, met = f"{asked}&page_size=2&cursor=", []
    while path:
        page = (await owner.get(path)).json
        met += [invoice["id"] for invoice in page["results"]]
        path = page["next"]
    assert met == expected and len(met) == {"": 9, "draft": 6, "overdue": 3}[status]

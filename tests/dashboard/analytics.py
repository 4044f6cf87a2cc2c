"""What the tests of analytics ask for, and the rows that they are about."""

import datetime
from urllib.parse import urlencode

ROOT = "/api/dashboard/"


async def today(db):
    """The database's day, by which the server counts."""
    return await db.fetchval("SELECT books.today()")


async def shown(owner, path, status=200, **query):
    """The body of an answer."""
    answer = await owner.get(f"{ROOT}{path}{'?' + urlencode(query) if query else ''}")
    assert answer.status == status, answer.text
    return answer.json


async def issue(owner, day, amount, client=None, **fields):
    """A sent invoice of this day and amount, due 30 days later."""
    line = {"description": fields.pop("service", "Work"), "quantity": 1, "unit_price": amount}
    due = day + datetime.timedelta(days=fields.pop("due_in", 30))
    return await owner.invoice(
        client=client, issue_date=str(day), due_date=str(due), status="sent", line_items=[line], **fields
    )


async def spend(owner, day, amount, **fields):
    """An expense of this day and amount."""
    return await owner.expense(expense_date=str(day), amount=amount, **fields)


async def walked(owner, path, size=2, **query):
    """All items of a list, by its cursors."""
    link, found = f"{ROOT}{path}?{urlencode({'page_size': size, **query})}&cursor=", []
    while link:
        answer = await owner.get(link if link.startswith("/") else "/" + link.split("/", 3)[3])
        assert answer.status == 200, answer.text
        assert len(answer.json["results"]) <= size
        found += answer.json["results"]
        link = answer.json["next"]
    return found


async def paged(owner, path, size=2, **query):
    """All items of a list, by its pages; each says how many there are."""
    found, number, counts = [], 1, set()
    while True:
        page = await shown(owner, path, page=number, page_size=size, **query)
        found += page["results"]
        counts.add(page["count"])
        if page["next"] is None:
            assert counts == {len(found)}
            return found
        number += 1

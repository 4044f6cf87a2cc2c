"""Days beside the one that the database calls today."""

from datetime import date, timedelta

LINE = {"description": "Consulting", "quantity": 1, "unit_price": "100.00"}


async def today(db):
    return await db.fetchval("SELECT books.today()")


def month_before(day, months):
    """The first day of the month that is so many months earlier."""
    month = day.year * 12 + day.month - 1 - months
    return date(month // 12, month % 12 + 1, 1)


async def billed(owner, day, amount="100.00", **fields):
    """The document of a sent invoice of a day. It is due ten days later."""
    line = {**LINE, "unit_price": amount}
    due = (day + timedelta(10)).isoformat()
    body = {"issue_date": day.isoformat(), "due_date": due, "line_items": [line], "status": "sent", **fields}
    return await owner.invoice(**body)

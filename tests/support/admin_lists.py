"""The administration in tests: what its pages say, and how many rows its lists read."""

import html
import re
from datetime import date

from handlers.api import areas
from handlers.operations.admin_view import with_ties
from tests.support.visitor import Visitor

LONG_AGO, TODAY, FAR = date(2000, 1, 1), date.today(), date(2100, 1, 1)


async def entered(api, app, sign_in, role="SUPERADMIN", email=None):
    """Somebody of that role who is signed in to the pages."""
    visitor = Visitor(api)
    visitor.enter(app, await sign_in(role, email))
    return visitor


def said(page):
    """The text of a page, as a person reads it."""
    return html.unescape(page.text)


def listed(page):
    """The addresses of a list's rows, in its order."""
    assert page.status == 200, page.text
    return re.findall(r'<a class="row" href="([^"]+)"', page.text)


def labels(page):
    """The first cells of a list's rows, in its order."""
    assert page.status == 200, page.text
    return [html.unescape(text) for text in re.findall(r'<a class="row" href="[^"]+">([^<]*)</a>', page.text)]


def problem(page, field):
    """What stands beside a field of a form; None: nothing."""
    found = re.search(rf'<p id="{field}-problem" class="problem">([^<]*)</p>', page.text)
    return html.unescape(found[1]) if found else None


async def changed(visitor, row, **changes):
    """The answer to the form of a row, in which only these fields were changed."""
    page = await visitor.get(row)
    version = re.search(r'name="version" value="([^"]+)"', page.text)[1]
    return await visitor.send(row, {"version": version, **changes})


async def made(visitor, table, **fields):
    """The answer to the form of a new row."""
    await visitor.get(f"{table}add/")
    return await visitor.send(f"{table}add/", fields)


async def acted(visitor, table, action, keys, **asked):
    """The answer to an action, once it is confirmed, and the page after it if it was done."""
    await visitor.get(table)
    question = await visitor.post(f"{table}action/", {"action": action, "keys": keys, "back": ""})
    assert question.status == 200, question.text
    form_key = re.search(r'name="form_key" value="([^"]+)"', question.text)[1]
    confirmed = {"action": action, "keys": keys, "back": "", "confirmed": "yes", "form_key": form_key, **asked}
    answer = await visitor.post(f"{table}action/", confirmed)
    return await visitor.get(answer.headers["Location"]) if answer.status == 302 else answer


def key_of(row):
    """The key in the address of a row."""
    return row.rstrip("/").rpartition("/")[2]


class Reads:
    """Runs the list of a table as the pages do, and counts the rows that Postgres reads for it."""

    def __init__(self, connection):
        self._connection = connection

    async def rows(self, text, *values):
        return await self._connection.fetch(text, *values)

    async def of(self, table, terms, filters):
        """The rows read for a page, and for the one after it."""
        order, place, found = with_ties(table, terms), None, []
        for _ in range(2):
            before = await self._count()
            rows = await order.walk(table.list, place).where(**filters)(self, after=place, most=51)
            found.append(await self._count() - before)
            if len(rows) < 51:
                break
            place = rows[-1]["place"]
        return max(found)

    async def _count(self):
        return await self._connection.fetchval(
            "SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)::bigint FROM pg_stat_xact_user_tables"
        )


async def read_most(connection, area, references):
    """What each list of an area reads: [(table, what is asked for, rows)]. references: for each filter that names a row, the values that it is tried
    with. Statements have the plan for all values, as in the server."""
    found = []
    async with connection.transaction():
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        reads = Reads(connection)
        for table in (one for one in areas.gathered("admin_tables") if one.area == area):
            for asked, terms, filters in _asked(table, references):
                found.append((table.full_name, asked, await reads.of(table, terms, filters)))
    return found


def _asked(table, references):
    yield "list", table.usual, {}
    for order in {column.order for column in table.columns if column.order}:
        yield f"by {order}", (order,), {}
        yield f"by -{order}", (f"-{order}",), {}
    for one in table.filters:
        for value in _values(one, references):
            name = one.name if one.name in table.list.filters else f"{one.name}_{value}".lower()
            given = value if name == one.name else ()
            if isinstance(value, date) and len(table.list.filters[name].parameters) == 2:
                given = (value, "America/Mexico_City")
            for term in one.orders or table.usual:
                yield f"{one.name}={value}", (term,), {name: given}


def _values(one, references):
    if one.kind in ("since", "until"):
        return [LONG_AGO, TODAY, FAR]
    if one.kind == "flag":
        return [True, False]
    return [value for value, _ in one.choices] or references[one.name]

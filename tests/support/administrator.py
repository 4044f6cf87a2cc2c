"""Somebody who is signed in to the administration, without scripts: lists, forms and actions; and what a list reads of the database."""

import html
import re
from typing import Any

from handlers.operations import admin_view
from tests.support.http import Answer
from tests.support.visitor import Visitor

READ = "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables"


class Administrator(Visitor):
    async def rows(self, address: str) -> list[str]:
        """The first cells of a list."""
        page = await self.get(address)
        assert page.status == 200, page.text
        return [html.unescape(text) for text in re.findall(r'<a class="row" href="[^"]*">([^<]*)<', page.text)]

    async def add(self, table: str, form: dict, files: dict | None = None) -> Answer:
        """Send the form of a new row. table: its address."""
        await self.get(f"{table}add/")
        return await self.send(f"{table}add/", form, files)

    async def change(self, row: str, form: dict, files: dict | None = None) -> Answer:
        """Send these fields of a row's form. row: its address."""
        page = await self.get(row)
        version = re.search(r'name="version" value="([^"]*)"', page.text)
        return await self.send(row, {"version": version[1] if version else "", **form}, files)

    async def delete(self, row: str) -> Answer:
        await self.get(f"{row}delete/")
        return await self.post(f"{row}delete/")

    async def act(self, table: str, action: str, *keys: str, **typed: Any) -> str:
        """Do something with rows, and confirm it; the message that says what was done, or why it was not. typed: what the confirmation asks for."""
        await self.get(table)
        form = {"action": action, "keys": keys}
        asked = await self.post(f"{table}action/", form)
        assert asked.status == 200 and "Are you sure?" in asked.text, asked.text
        done = await self.post(f"{table}action/", {**form, **typed, "confirmed": "yes"})
        return message(done if done.status == 200 else await self.get(done.headers["Location"]))


def message(page: Answer) -> str:
    """What a page says of the last change."""
    return html.unescape(re.search(r'<p id="message"[^>]*>([^<]*)<', page.text)[1])


def problem(page: Answer, field: str) -> str:
    """What stands beside a field of a form."""
    found = re.search(rf'<p id="{field}-problem"[^>]*>([^<]*)<', page.text)
    return html.unescape(found[1]) if found else ""


async def rows_read(db, table, filters, term="", *, after=True):
    """How many rows of tables the first page of a list reads, and that after some rows of it, with the plan that all values share. term: of the order."""
    # The tables of a test are so small that Postgres would rather read all of them.
    await db.execute("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off")
    order = admin_view.with_ties(table, [term] if term else table.usual)
    read, place = 0, None
    for _ in range(2 if after else 1):
        query = order.walk(table.list, place).where(**filters)
        async with db.transaction():
            before = await db.fetchval(READ)
            rows = await db.fetch(query.query.text, place, 51, *query.values)
            read = max(read, await db.fetchval(READ) - before)
        if not rows:
            break
        place = rows[min(len(rows), 20) - 1]["place"]
    return int(read)

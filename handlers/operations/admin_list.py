"""Lists of the administration: pages, search, filters, order, the same as CSV, and rows to choose from. docs/api/operations.md#administration."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import asyncpg

from core.problem import invalid
from core.sheets import csv_writer
from handlers.api.admin import Column, Filter, Table
from handlers.operations import admin_view
from handlers.operations.admin import AdminPage
from handlers.operations.admin_text import MOST_IN_LIST, Shown, as_text, shown
from handlers.operations.admin_view import View

# Rows that somebody chooses from by a search.
MOST_CHOICES = 20


class Line(NamedTuple):
    """A row of a list. cells: in the order of the columns."""

    key: str
    label: str
    href: str
    cells: list[Shown]


class Chosen(NamedTuple):
    """A filter as the page shows it. value: of the address. label: what a chosen row is called."""

    filter: Filter
    value: str
    label: str
    pick: str


class List(AdminPage):
    async def get(self, area: str, name: str) -> None:
        """200 text/html: a page of a table, or of facts; 400 a filter with a value that it can't have; 404 there is no such table."""
        facts = self.tables.facts.get(f"{area}/{name}")
        if facts is not None and facts.may_see(self.administrator):
            self.show("admin_facts.html", facts=facts, rows=facts.rows(self))
            return
        table = self.table(area, name)
        view = admin_view.asked(self, table)
        page = await admin_view.page_of(self, view)
        self.show(
            "admin_list.html",
            table=table, view=view, page=page, lines=[self._line(table, row) for row in page.rows],
            filters=[await self._chosen(view, one) for one in view.offered],
            actions=table.actions if table.remove is None else [*table.actions, None],
        )  # fmt: skip

    def _line(self, table: Table, row: asyncpg.Record) -> Line:
        cells = [self._cell(row, column) for column in table.columns]
        return Line(row["key"], admin_view.label_of(row), table.row_path(row["key"]), cells)

    def _cell(self, row: Mapping[str, Any], column: Column) -> Shown:
        to = self.seen(column.to) if column.to else None
        key = row[f"{column.name}_key"] if to is not None else None
        href = to.row_path(key) if to is not None and key else ""
        return shown(row[column.name], column.kind, self.config.business_timezone, href=href, most=MOST_IN_LIST)

    async def _chosen(self, view: View, one: Filter) -> Chosen:
        value = view.given.get(one.name, "")
        to = self.seen(one.to) if one.kind == "reference" else None
        if to is None:
            return Chosen(one, value, "", "")
        rows = await admin_view.named(self, to, admin_view.chosen(to, [value] if value else []))
        pick = admin_view.pick(to, view.given.get(to.within[0], "") if to.within else "")
        return Chosen(one, value, admin_view.label_of(rows[0]) if rows else value, pick)


class Csv(AdminPage):
    async def get(self, area: str, name: str) -> None:
        """200 text/csv: all rows that the list has for the same address, in its order; 400 as for the list; 404 there is no such table."""
        table = self.table(area, name)
        view = admin_view.asked(self, table)
        if view.problem:
            raise invalid({admin_view.SEARCH: [view.problem]})
        rows, place = await admin_view.part_of(self, view, None)
        self.set_header("Content-Type", f"{csv_writer.MEDIA}; charset=utf-8")
        self.set_header("Content-Disposition", f'attachment; filename="{area}-{name}.csv"')
        self.write(csv_writer.BOM + csv_writer.line(["id", *(column.title for column in table.columns)]))
        while True:
            self.write(b"".join(self._text(table, row) for row in rows))
            await self.flush()
            if place is None:
                break
            rows, place = await admin_view.part_of(self, view, place)
        self.finish()

    def _text(self, table: Table, row: asyncpg.Record) -> bytes:
        zone = self.config.business_timezone
        return csv_writer.line([row["key"], *(as_text(row[c.name], c.kind, zone) for c in table.columns)])


class Choices(AdminPage):
    async def get(self, area: str, name: str) -> None:
        """200 `{choices: [{key, label}]}`: rows that a search finds, for a script; 404 there is no such table."""
        table = self.table(area, name)
        rows = await admin_view.found(self, table, self.given("q"), MOST_CHOICES)
        self.reply({"choices": [{"key": row["key"], "label": admin_view.label_of(row)} for row in rows]})


routes = [
    ("/admin/{area}/{name}/", List),
    ("/admin/{area}/{name}/csv/", Csv),
    ("/admin/{area}/{name}/choices/", Choices),
]

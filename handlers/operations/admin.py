"""The administration: its first page, and what its pages share. docs/api/operations.md#administration.

What there is to administer is declared by the areas (handlers/api/admin.py).
"""

import asyncio
from typing import Any

from core.data import sql
from core.data.database import Limited
from core.http import form
from core.http.application import Application
from core.problem import not_found
from handlers.api import areas
from handlers.api.admin import AdminHandler, Facts, Form, Table
from handlers.api.page import SERVER, PageLink
from handlers.api.page_handler import is_staff, staff_page

# Statements of lists that run at once in each process, and for how many seconds: the administration must not take the connections of others.
MOST_AT_ONCE, SECONDS = 3, 10.0
# Entries of one's own in the audit that the first page shows.
RECENT = 10
TITLES = {
    "accounts": "Accounts",
    "sales": "Sales and warehouse",
    "pos": "Shop",
    "vendor": "Vendors",
    "books": "Books",
    "dashboard": "Dashboards",
    "monitoring": "Monitoring",
    "webhooks": "Webhooks",
    "operations": "Server",
}

query = sql.load("operations/admin")


class Tables:
    """All tables of the administration, by their names "AREA/TABLE", and the share of the database that they are read with. facts: the pages that
    no table has, likewise."""

    def __init__(self, app: Application) -> None:
        self.by_name: dict[str, Table] = {table.full_name: table for table in areas.gathered("admin_tables")}
        self.facts: dict[str, Facts] = {f"{one.area}/{one.name}": one for one in areas.gathered("admin_facts")}
        self.db: Limited = app.db.limited(most=MOST_AT_ONCE, seconds=SECONDS)


class AdminPage(AdminHandler):
    """The base of the pages here."""

    access = staff_page

    @property
    def tables(self) -> Tables:
        return self.application.kept(Tables)

    def table(self, area: str, name: str) -> Table:
        """A table that the administrator may see. Raises Problem 404."""
        table = self.tables.by_name.get(f"{area}/{name}")
        if table is None or not table.may_see(self.administrator):
            raise not_found("There is no such table.")
        return table

    def seen(self, full_name: str) -> Table | None:
        """A table to which a link may lead; None: the administrator may not see it."""
        table = self.tables.by_name.get(full_name)
        return table if table is not None and table.may_see(self.administrator) else None

    async def read_form(self, made_of: Form) -> None:
        """Validate what is left of the form by the schema of the API. Raises Problem 400."""
        read = await asyncio.to_thread(form.read, self.request, made_of.schema)
        self.body, self.body_text, self.files = read

    def show(self, template: str, **values: Any) -> None:
        """Answer with a page of web/templates. Each gets `administrator`, and `crumbs`: (title, address) of the pages above it."""
        super().show(template, **{"administrator": self.caller, "crumbs": (), **values})


class Index(AdminPage):
    async def get(self) -> None:
        """200 text/html: the tables, and what the administrator has done last."""
        caller = self.administrator
        grouped: dict[str, list[Table | Facts]] = {title: [] for title in TITLES.values()}
        every: list[Table | Facts] = [*self.tables.by_name.values(), *self.tables.facts.values()]
        for table in every:
            if table.may_see(caller):
                grouped.setdefault(TITLES.get(table.area, table.area.title()), []).append(table)
        recent = await query.list_recent(
            self.db, account_id=caller.account_id, timezone=self.config.business_timezone, most=RECENT
        )
        self.show(
            "admin_index.html",
            grouped={title: tables for title, tables in grouped.items() if tables},
            recent=recent, audit=self.seen("operations/audit"),
        )  # fmt: skip


class NotFoundInAdministration(AdminPage):
    """404 for unknown paths, as a page."""

    async def get(self) -> None:
        raise not_found("There is no such page.")

    post = get


pages = [
    PageLink(
        "/admin/",
        "Administration",
        "See and change the server's tables, and what was changed.",
        may=is_staff,
        group=SERVER,
        place=10,
    )
]
fallbacks = [("/admin/", NotFoundInAdministration)]
routes = [("/admin/", Index)]

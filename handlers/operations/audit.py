"""Reading the audit: which person made which change. docs/api/operations.md#audit."""

from typing import Any

from core.data import sql
from core.http import keyset, paging, schema
from core.http.declare import answers
from core.http.parameter import DATE, EMAIL, INTEGER, Parameter
from core.problem import invalid
from handlers.api.dialects import OperationsDialect
from handlers.api.handler import ApiHandler
from handlers.api.roles import may_enter

# Entries on a page: without `page_size`, and at most.
PAGE_SIZE, MAX_PAGE_SIZE = 20, 100
# Characters of a filter that are read; the longest value is an e-mail.
MAX_FILTER = 320

query = sql.load("operations/audit")


class Audit(ApiHandler):
    dialect = OperationsDialect()
    access = may_enter("developer")
    parameters = (
        *paging.parameters(PAGE_SIZE, MAX_PAGE_SIZE),
        keyset.CURSOR,
        Parameter("account_id", "Who made the change, by number.", INTEGER),
        Parameter("email", "Who made the change, by e-mail.", EMAIL),
        Parameter("action", "The exact action, such as invoice.update."),
        Parameter("object_type", "The exact type of what was changed, such as invoice."),
        Parameter("object_id", "Its id."),
        Parameter("start_date", "The first day (UTC).", DATE),
        Parameter("end_date", "The last day.", DATE),
    )

    # Unlike the lists of the staff API, this one has only cursors and no envelope: no document describes it, and counting a table
    # that grows without end would take longer than reading a page.
    @answers(200, keyset.page_of("operations/audit_entry"))
    async def get(self) -> None:
        """List the changes that were made, newest first. 200; 400 a filter, an invalid cursor; 404 there is no such page."""
        size = paging.requested(self, default=PAGE_SIZE, most=MAX_PAGE_SIZE).size
        rows = await query.list_entries.where(**self._filters())(self.db, most=size + 1)
        last = rows[size - 1] if len(rows) > size else None
        key = [last["at_us"], last["id"]] if last else None
        self.reply(keyset.envelope(self, [row["document"] for row in rows[:size]], key))

    def _filters(self) -> dict[str, Any]:
        """The given filters, by their names in sql/operations/audit.sql. Raises Problem 400."""
        before = keyset.given(self, keyset.is_moment, keyset.is_id)
        given = {
            "before": tuple(before) if before is not None else None,
            "since": self._day("start_date"),
            "until": self._day("end_date"),
            "account_id": self._account_id(),
            **{name: self._text(name) for name in ("email", "action", "object_type", "object_id")},
        }
        return {name: value for name, value in given.items() if value is not None}

    def _text(self, name: str) -> str | None:
        return self.asked(name)[:MAX_FILTER] or None

    def _day(self, name: str) -> str | None:
        text = self._text(name)
        # The last day of the year 9999 is refused, because the filter computes the day after it.
        if text is not None and (not schema.is_date(text) or text == "9999-12-31"):
            raise invalid({name: ["Date has wrong format. Use one of these formats instead: YYYY-MM-DD."]})
        return text

    def _account_id(self) -> int | None:
        text = self._text("account_id")
        if text is not None and not (text.isascii() and text.isdecimal() and len(text) <= 18):
            raise invalid({"account_id": ["A valid integer is required."]})
        return int(text) if text else None


groups = ("Server: audit",)
routes = [("/api/operations/audit/", Audit)]

"""The audit: who did what, for SUPERADMINs to read."""

from typing import Any

from core.data import sql
from core.http import keyset, paging, schema
from core.problem import invalid
from handlers.api.dialects import OperationsDialect
from handlers.api.handler import ApiHandler
from handlers.api.roles import may_enter

MOST = 100  # entries a page
LONGEST = 320  # characters of a filter

query = sql.load("operations/audit")


class Audit(ApiHandler):
    dialect = OperationsDialect()
    access = may_enter("developer")

    async def get(self) -> None:
        """200, newest first: cursor, page_size (20, at most 100), and filters account_id, email, action, object_type, object_id,
        start_date and end_date (YYYY-MM-DD, UTC, inclusive). 400 a filter or cursor that is none."""
        size = paging.requested(self, default=20, most=MOST).size
        rows = await query.list_entries.where(**self._filters())(self.db, most=size + 1)
        last = rows[size - 1] if len(rows) > size else None
        self.reply(
            keyset.envelope(self, [row["document"] for row in rows[:size]], last and [last["at_us"], last["id"]])
        )

    def _filters(self) -> dict[str, Any]:
        """The filters that are asked for, by their names in sql/operations/audit.sql. Raises Problem 400."""
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
        return self.get_query_argument(name, "")[:LONGEST] or None

    def _day(self, name: str) -> str | None:
        text = self._text(name)
        if text is not None and (not schema.is_date(text) or text == "9999-12-31"):  # the day after must exist too
            raise invalid({name: ["Date has wrong format. Use one of these formats instead: YYYY-MM-DD."]})
        return text

    def _account_id(self) -> int | None:
        text = self._text("account_id")
        if text is not None and not (text.isascii() and text.isdecimal() and len(text) <= 18):
            raise invalid({"account_id": ["A valid integer is required."]})
        return int(text) if text else None


routes = [("/api/operations/audit/", Audit)]

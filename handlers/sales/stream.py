"""The live stream of invoices. Seed 000, section 3."""

from typing import Any

from core import sql
from core.duties import Duty
from handlers.sales import SalesHandler, public_read

ENDED_SECONDS = 3  # until a stream notices that its session has ended

query = sql.load("accounts/session")


class InvoiceStream(SalesHandler):
    access = public_read

    @property
    def bearer(self) -> str | None:
        """EventSource can't send headers, so here the access token may also come as ?token=."""
        return super().bearer or self.get_query_argument("token", "") or None

    async def get(self) -> None:
        """200 text/event-stream: `data:` is the whole invoice on one line, `id:` resumes. Never ends by itself, except
        where a session is needed (SALES_PUBLIC_READ=false) and has ended."""
        needed = self.caller is not None and not self.config.sales_public_read
        await self.application.streams.serve(self, "sales.invoice", self.caller.session_id if needed else None)


async def end_with_sessions(app: Any) -> None:
    """Close the streams whose session was revoked or has expired, or whose account was closed."""
    sessions = app.streams.leases()
    if sessions:
        ended = await query.list_ended(app.db, session_ids=list(sessions))
        app.streams.end({row["session_id"] for row in ended})


duties = [Duty(ENDED_SECONDS, end_with_sessions)]
routes = [("/api/sales/sse/invoices/", InvoiceStream)]

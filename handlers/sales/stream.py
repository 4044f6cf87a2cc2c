"""The live stream of invoices. Seed 000, section 3."""

import json
from collections.abc import Callable
from typing import Any

from core.duties import Duty
from core.live.events import Wanted
from handlers.api.caller import list_ended
from handlers.sales import SalesHandler, public_read

MOST_FILTERS = 20  # of one kind in one request; there are seven statuses
ENDED_SECONDS = 3  # until a stream notices that its session has ended


class InvoiceStream(SalesHandler):
    access = public_read

    @property
    def bearer(self) -> str | None:
        """EventSource can't send headers, so here the access token may also come as ?token=."""
        return super().bearer or self.get_query_argument("token", "") or None

    async def get(self) -> None:
        """200 text/event-stream: `data:` is the whole invoice on one line, `id:` resumes. Never ends by itself, except
        where a session is needed (SALES_PUBLIC_READ=false) and has ended.

        status (repeatable): only invoices that come to, stay in or leave one of these. worker (an e-mail, repeatable): only
        those of which they have an unfinished session, or have just finished it. Who or what is unknown: no events."""
        needed = self.caller is not None and not self.config.sales_public_read
        lease = self.caller.session_id if needed else None
        wanted = self._wanted("status", str) + self._wanted("worker", str.lower)
        await self.application.streams.serve(self, "sales.invoice", lease, wanted=wanted, ended_by="sales.reload")

    def _wanted(self, name: str, written: Callable[[str], str]) -> Wanted:
        """The filter of that name, in the words of sales.announce_invoice (migration 0013); none when it isn't asked for."""
        given = {written(value.replace("\0", "").strip()) for value in self.get_query_arguments(name)}
        return (frozenset(f"{name}:{value}" for value in sorted(given)[:MOST_FILTERS]),) if given else ()


async def end_with_sessions(app: Any) -> None:
    """Close the streams whose session was revoked or has expired, or whose account was closed."""
    sessions = app.streams.leases()
    if sessions:
        app.streams.end(await list_ended(app, sessions))


def end_with_session(app: Any, payload: bytes | None) -> None:
    """The same at once, for a session that was revoked."""
    session_id = json.loads(payload).get("session_id") if payload is not None else None
    if session_id in app.streams.leases():
        app.streams.end({session_id})


def begin_anew(app: Any, payload: bytes | None) -> None:
    """Invoices were cleared, or changed many at once (handlers/operations/developer.py)."""
    if payload is not None:  # else the log went back, which tells every reader by itself
        app.streams.reset("sales.invoice")


duties = [Duty(ENDED_SECONDS, end_with_sessions)]
listeners = {"accounts.changed": end_with_session, "sales.reload": begin_anew}
routes = [("/api/sales/sse/invoices/", InvoiceStream)]

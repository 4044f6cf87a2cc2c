"""The live stream of invoices. docs/api/sales.md#stream."""

from core.email_address import searched
from core.http.application import Application
from core.http.declare import answers
from core.http.openapi import EVENT_STREAM
from core.http.parameter import EMAIL, Parameter
from core.live.events import Wanted
from handlers.sales import PublicReadHandler, public_read

MOST_FILTERS = 20  # of one kind in one request; there are seven statuses


class InvoiceStream(PublicReadHandler):
    access = public_read
    parameters = (
        Parameter(
            "status",
            "Only invoices that come to, stay in or leave one of these states: with commas, in any case.",
            repeats=True,
        ),
        Parameter(
            "worker",
            "Only invoices of which this person has an unfinished session, or has just ended one.",
            EMAIL,
            repeats=True,
        ),
        Parameter("lastEventId", "Resumes after this event, as the header Last-Event-ID does."),
        Parameter("token", "The access token, for clients that can't send headers."),
    )

    @property
    def bearer(self) -> str | None:
        """EventSource can't send headers, so here the access token may also come as ?token=."""
        return super().bearer or self.asked("token") or None

    @answers(200, {"type": "string"}, media=EVENT_STREAM)
    async def get(self) -> None:
        """Watch the invoices live. The `data` of an event is the whole invoice on one line, and its `id` resumes the stream after it. An
        event named `reset` means that the reader has to load its list again. The stream ends by itself only where a session is needed
        (SALES_PUBLIC_READ=false) and has ended. 200."""
        lease = self.caller.lease if self.caller is not None and not self.config.sales_public_read else None
        workers = [searched(email).lower() for email in self.all_asked("worker")]
        wanted = self._wanted("status", self.asked_invoice_statuses()) + self._wanted("worker", workers)
        streams = self.application.streams
        await streams.serve(self, "sales.invoice", self.last_event_id, lease, wanted=wanted, ended_by="sales.reload")

    def _wanted(self, name: str, values: list[str]) -> Wanted:
        """The filter of that name as tags of sales.announce_invoice; empty when it isn't asked for. A blank value has no events."""
        tags = frozenset(f"{name}:{value}" for value in sorted(set(values))[:MOST_FILTERS])
        return (tags,) if self.asks_for(name) else ()


def reload(app: Application, payload: bytes | None) -> None:
    """Make all readers load their lists again: many invoices were cleared or changed at once (handlers/sales/clearing.py)."""
    # Without a payload the log went back, which resets every stream by itself.
    if payload is not None:
        app.streams.reset("sales.invoice")


listeners = {"sales.reload": reload}
groups = ("Invoices: live stream",)
routes = [("/api/sales/sse/invoices/", InvoiceStream)]

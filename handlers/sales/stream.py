"""The live stream of invoices. Seed 000, section 3."""

from handlers.sales import SalesHandler, public_read


class InvoiceStream(SalesHandler):
    access = public_read

    @property
    def bearer(self) -> str | None:
        """EventSource can't send headers, so here the access token may also come as ?token=."""
        return super().bearer or self.get_query_argument("token", "") or None

    async def get(self) -> None:
        """200 text/event-stream: `data:` is the whole invoice on one line, `id:` resumes. Never ends by itself."""
        await self.application.streams.serve(self, "sales.invoice")


routes = [("/api/sales/sse/invoices/", InvoiceStream)]

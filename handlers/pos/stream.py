"""The live streams of the shop: its orders, and the stock of its products. docs/api/pos.md#live-streams."""

from typing import ClassVar

from core.http.declare import answers
from core.http.openapi import EVENT_STREAM
from core.http.parameter import Parameter
from handlers.api.handler import PosHandler
from handlers.api.roles import signed_in_caller
from handlers.pos import selling


class ShopStream(PosHandler):
    """A stream that ends with the session of its reader (handlers/api/stream_session.py)."""

    access = selling
    parameters = (
        Parameter("lastEventId", "Resumes after this event, as the header Last-Event-ID does."),
        Parameter("token", "The access token, for clients that can't send headers."),
    )
    topic: ClassVar[str]

    @property
    def bearer(self) -> str | None:
        """EventSource can't send headers, so here the access token may also come as ?token=."""
        return super().bearer or self.asked("token") or None

    async def watch(self) -> None:
        """Serve the stream of the topic."""
        lease = signed_in_caller(self).lease
        await self.application.streams.serve(self, self.topic, self.last_event_id, lease)


class OrderStream(ShopStream):
    topic = "pos.order"

    @answers(200, {"type": "string"}, media=EVENT_STREAM)
    async def get(self) -> None:
        """Watch the orders live. The `data` of an event is the whole order on one line; of a deleted one its id and the status DELETED. An
        event named `reset` means that the reader has to load its list again. 200."""
        await self.watch()


class StockStream(ShopStream):
    topic = "pos.stock"

    @answers(200, {"type": "string"}, media=EVENT_STREAM)
    async def get(self) -> None:
        """Watch the stock of the products live. The `data` of an event names the product, its stock, what is reserved and what is left to
        sell; is_active is false once the product is deleted. An event named `reset` means that the reader has to load its list again.
        200."""
        await self.watch()


groups = ("Shop: live streams",)
routes = [
    ("/api/pos/sse/orders/", OrderStream),
    ("/api/pos/sse/stock/", StockStream),
]

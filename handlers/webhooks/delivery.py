"""The deliveries of a webhook: what was sent, what came back, and sending it again. docs/api/webhooks.md#deliveries"""

from typing import Any

from core.data import sql
from core.http import keyset
from core.http.declare import answers, body, closed, idempotent
from core.http.keyset import Column
from core.http.paging import page_of
from core.http.parameter import Parameter
from core.problem import invalid, not_found
from handlers.api import books_listing, moment
from handlers.api.books_listing import Listing
from handlers.webhooks.handler import INACTIVE, WebhookHandler
from handlers.webhooks.sender import Sender

STATUSES = ("pending", "delivered", "dead")
# Deliveries that one request queues again.
MOST_REPLAYED = 1000
COLUMNS = {"id": Column("d.id", "bigint", keyset.is_id)}

query = sql.load("webhooks/delivery")
deliveries = Listing(None, query.find_deliveries, query.walk_deliveries, COLUMNS, ("-id",))


class Deliveries(WebhookHandler):
    parameters = (
        *books_listing.parameters(COLUMNS),
        Parameter(
            "status", "Only deliveries that wait, were delivered, or are dead.", {"type": "string", "enum": list(STATUSES)}
        ),
        Parameter("topic", "Only deliveries of this topic, such as `books.invoice.paid`."),
    )  # fmt: skip

    @answers(200, page_of("webhooks/delivery"))
    async def get(self, id: str) -> None:
        """List the deliveries of a webhook, newest first. 200; 400 a wrong filter, an invalid cursor; 404 there is no such webhook or page."""
        filters: dict[str, Any] = {"of_webhook": int(id)}
        if status := books_listing.choice(self, "status", STATUSES):
            filters["status"] = status
        if topic := self.asked("topic"):
            filters["topic"] = topic
        if not await query.has_webhook(self.db, owner_id=self.owner_id, webhook_id=int(id)):
            raise not_found(self.missing)
        self.reply(await books_listing.show_page(self, deliveries, filters))


class Delivery(WebhookHandler):
    @answers(200, "webhooks/delivery_whole")
    async def get(self, id: str, delivery_id: str) -> None:
        """Show a delivery, with the body that was sent, and each attempt. 200; 404."""
        found = await query.get_delivery(self.db, owner_id=self.owner_id, webhook_id=int(id), id=int(delivery_id))
        if found is None:
            raise not_found(self.missing)
        self.reply(found)


class Replays(WebhookHandler):
    """What is queued is sent at once."""

    def committed(self) -> None:
        super().committed()
        self.application.kept(Sender).hint()


class Replay(Replays):
    @answers(202, "webhooks/delivery")
    @answers(409, WebhookHandler.dialect.error)
    @idempotent
    async def post(self, id: str, delivery_id: str) -> None:
        """Send a delivery again, under the same `webhook-id`. It goes to the end of what waits of its topic. One that still waits keeps its
        place, and is tried at once when it is the first of its topic. 202; 404; 409 the webhook is not active."""

        async def replay(db: sql.Runner) -> tuple[int, str]:
            found = await query.replay_delivery(
                db, owner_id=self.owner_id, webhook_id=int(id), id=int(delivery_id), actor=self.actor
            )
            if self.found(found)["refusal"] is not None:
                raise INACTIVE
            return 202, found["document"]

        await self.once(replay, is_one_statement=True)


class ReplayDead(Replays):
    @answers(202, closed({"queued": {"type": "integer", "minimum": 0, "maximum": MOST_REPLAYED}}))
    @answers(409, WebhookHandler.dialect.error)
    @idempotent
    @body("webhooks/replay")
    async def post(self, id: str) -> None:
        """Send all dead deliveries again that were made since a moment, at most a thousand, the oldest first; of one topic, if it is
        named. 202; 400 wrong fields; 404; 409 the webhook is not active."""
        since = since_of(self.body["since"])

        async def replay(db: sql.Runner) -> tuple[int, str]:
            found = await query.replay_dead(
                db,
                owner_id=self.owner_id,
                webhook_id=int(id),
                since=since,
                topic=self.body.get("topic"),
                most=MOST_REPLAYED,
                actor=self.actor,
            )
            if self.found(found)["is_inactive"]:
                raise INACTIVE
            return 202, f'{{"queued":{found["queued"]}}}'

        await self.once(replay)


def since_of(text: str) -> str:
    """The moment of a body, as Postgres reads it. Raises Problem 400."""
    try:
        return moment.of_body(text)
    except (ValueError, OverflowError):
        raise invalid({"since": [moment.WRONG]}) from None


groups = ("Server: webhooks",)
routes = [
    ("/api/webhooks/{id:int}/deliveries/", Deliveries),
    ("/api/webhooks/{id:int}/deliveries/{delivery_id:int}/", Delivery),
    ("/api/webhooks/{id:int}/deliveries/{delivery_id:int}/replay/", Replay),
    ("/api/webhooks/{id:int}/replay/", ReplayDead),
]

"""Deliveries of webhooks in the administration. docs/api/webhooks.md#administration."""

from collections.abc import Sequence

from core.data import sql
from core.http import keyset
from core.http.keyset import Column as OrderColumn
from core.problem import not_found
from handlers.api.admin import Action, AdminHandler, Column, Field, Filter, Key, Table, each, superadmin
from handlers.webhooks import delivery
from handlers.webhooks.handler import INACTIVE
from handlers.webhooks.sender import Sender

query = sql.load("webhooks/admin_delivery")


async def replay(handler: AdminHandler, keys: Sequence[Key]) -> str:
    """Send chosen deliveries again."""
    done, refused = await each(handler, keys, _replay)
    handler.application.kept(Sender).hint()
    return " ".join([f"{done} of {len(keys)} deliveries queued again.", *dict.fromkeys(refused)])


async def _replay(handler: AdminHandler, key: Key) -> None:
    whose = await query.get_owner(handler.db, id=key["id"])
    found = None
    if whose is not None:
        found = await delivery.query.replay_delivery(
            handler.db, owner_id=whose["account_id"], webhook_id=whose["webhook_id"], id=key["id"], actor=handler.actor
        )
    if found is None:
        raise not_found()
    if found["refusal"] is not None:
        raise INACTIVE


deliveries = Table(
    area="webhooks",
    name="deliveries",
    title="Deliveries",
    one="delivery",
    about="What was sent to webhooks, and what came back. The status is a filter of the deliveries of one webhook.",
    key={"id": "number"},
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("number", "Number"),
        Column("topic", "Topic"),
        Column("webhook", "Webhook", to="webhooks/webhooks"),
        Column("status", "Status", "badge"),
        Column("attempts", "Attempts", "number"),
        Column("response_status", "Answer", "number"),
        Column("created_at", "Made", "moment"),
        Column("finished_at", "Ended", "moment"),
    ),
    orders={"id": OrderColumn("d.id", "bigint", keyset.is_id)},
    usual=("-id",),
    within=("webhook",),
    filters=(
        Filter("webhook", "Webhook", "reference", to="webhooks/webhooks"),
        Filter("status", "Status", choices=[(status, status.capitalize()) for status in delivery.STATUSES]),
    ),
    shown=(
        Field("webhook", "Webhook", to="webhooks/webhooks"),
        Field("topic", "Topic"),
        Field("status", "Status", "badge"),
        Field("message_id", "webhook-id"),
        Field("next_attempt_at", "Next attempt", "moment"),
        Field("created_at", "Made", "moment"),
        Field("finished_at", "Ended", "moment"),
        Field("attempt_log", "Attempts"),
        Field("body", "Body that was sent", "lines"),
    ),
    actions=(
        Action(
            "replay",
            "Send selected deliveries again",
            replay,
            "Each is sent under the same webhook-id, so its receiver can tell.",
        ),
    ),
    may_see=superadmin,
)

admin_tables = [deliveries]

"""Webhooks in the administration. docs/api/webhooks.md#administration."""

import json
from collections.abc import Sequence

from core.data import sql
from core.http import keyset, schema
from core.http.keyset import Column as OrderColumn
from core.problem import not_found
from handlers.api.admin import (
    Action,
    AdminHandler,
    Column,
    Do,
    Field,
    Filter,
    Form,
    Key,
    Related,
    Table,
    each,
    some,
    superadmin,
)
from handlers.webhooks.sender import Sender
from handlers.webhooks.webhook import query as webhooks_query

query = sql.load("webhooks/admin_webhook")


async def change(handler: AdminHandler, key: Key) -> None:
    """Change a webhook as its owner can. Where it leads and what it is told stay its owner's."""
    await _change(handler, key, handler.body_text)


async def remove(handler: AdminHandler, key: Key) -> None:
    """Delete a webhook with its deliveries."""
    gone = await webhooks_query.delete_webhook(
        handler.db, owner_id=key["account_id"], id=key["id"], if_match=None, actor=handler.actor
    )
    if gone is None:
        raise not_found()


def switching(is_active: bool) -> Do:
    """What switches chosen webhooks on, or off."""

    async def switch(handler: AdminHandler, keys: Sequence[Key]) -> str:
        body = json.dumps({"is_active": is_active})
        done, refused = await each(handler, keys, lambda handler, key: _change(handler, key, body))
        said = f"{done} webhook(s) switched {'on' if is_active else 'off'}."
        return " ".join([said, *dict.fromkeys(refused)])

    return switch


async def _change(handler: AdminHandler, key: Key, body: str) -> None:
    changed = await webhooks_query.change_webhook(
        handler.db, owner_id=key["account_id"], id=key["id"], body=body, if_match=None, actor=handler.actor
    )
    if changed is None:
        raise not_found()
    handler.application.kept(Sender).hint()


webhooks = Table(
    area="webhooks",
    name="webhooks",
    title="Webhooks",
    one="webhook",
    about="Where accounts have what happens sent to. Filters are for the webhooks of one account.",
    key={"account_id": "number", "id": "number"},
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("url", "URL"),
        Column("owner", "Account", to="accounts/users"),
        Column("topics", "Topics"),
        Column("is_active", "Active", "flag"),
        Column("failing_since", "Failing since", "moment"),
        Column("created_at", "Made", "moment"),
    ),
    orders={"id": OrderColumn("w.id", "bigint", keyset.is_id)},
    usual=("-id",),
    within=("owner",),
    filters=(Filter("owner", "Account", "reference", to="accounts/users"), Filter("is_active", "Active", "flag")),
    shown=(
        Field("url", "URL, without what may be a secret in it"),
        Field("owner", "Account", to="accounts/users"),
        Field("topics", "Topics"),
        Field("waiting", "Deliveries that wait (1000: or more)"),
        Field("failing_since", "Failing since", "moment"),
        Field("disabled_at", "Switched off", "moment"),
        Field("disabled_reason", "Why"),
        Field("created_at", "Made", "moment"),
        Field("updated_at", "Last changed", "moment"),
    ),
    edit=Form(
        some(schema.load("webhooks/webhook_patch"), "description", "is_active"),
        (Field("description", "Description"), Field("is_active", "Active", "flag")),
    ),
    change=change,
    remove=remove,
    removal_warning="Its deliveries are deleted too, also those that wait.",
    actions=(
        Action("switch-on", "Switch on selected webhooks", switching(True), "What waits is sent at once."),
        Action(
            "switch-off",
            "Switch off selected webhooks",
            switching(False),
            "What happens meanwhile is not kept for them.",
        ),
    ),
    related=(Related("Deliveries", "webhooks/deliveries", "webhook"),),
    may_see=superadmin,
    audited="webhook",
    object_id="number",
)

admin_tables = [webhooks]

"""Sessions of picking, packing and delivery in the administration. docs/api/sales.md#administration."""

import json
from collections.abc import Sequence
from typing import Any

from core.data import sql
from core.http import keyset, schema
from core.http.keyset import Column as OrderColumn
from core.problem import not_found
from handlers.api.admin import Action, AdminHandler, Column, Field, Filter, Form, Key, Table, answer_of, done_with, some

query = sql.load("sales/admin_session")

STATES = {
    "picking": ("PREPARING", "PICKED", "VERIFIED", "CANCELLED"),
    "packing": ("PENDING", "IN_PROGRESS", "PACKED", "CANCELLED"),
    "delivery": ("PENDING", "IN_TRANSIT", "DELIVERED", "CANCELLED"),
}
REASON = Form(some(schema.load("sales/session_cancel"), "reason"), (Field("reason", "Reason", kind="lines"),))


async def cancel(handler: AdminHandler, keys: Sequence[Key]) -> str:
    """Cancel unfinished sessions, as the API does. Raises Problem."""
    said: list[str] = []

    async def cancel_one(handler: AdminHandler, key: Key) -> None:
        session = await query.get_named(handler.db, id=key["id"])
        if session is None:
            raise not_found("There is no such session.")
        said.append((await _cancelled(handler, key["id"], session))["message"])

    told = await done_with(handler, keys, cancel_one, "", "{done} of {all} sessions were cancelled.")
    return told or f"{said[0]}."


async def _cancelled(handler: AdminHandler, id: int, session: Any) -> Any:
    """The API's answer. The invoice may have another session by now, so the id goes along."""
    body = {"invoice_no": session["invoice_no"], "reason": handler.body["reason"], "session_id": id}
    return await answer_of(handler, "POST", f"/api/sales/{session['kind']}/cancel/", json.dumps(body))


sessions = Table(
    area="sales",
    name="sessions",
    title="Workflow sessions",
    one="session",
    about="Who picked, packed or delivered which invoice. They are begun and completed in the warehouse; an unfinished one can be cancelled here.",
    key={"id": "number"},
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("kind", "Kind"),
        Column("status", "Status", "badge"),
        Column("invoice", "Invoice", to="sales/invoices"),
        Column("worker", "Worker", to="accounts/users"),
        Column("start_time", "Begun", "moment", order="created_at"),
        Column("end_time", "Ended", "moment"),
        Column("minutes", "Minutes", "number"),
    ),
    orders={
        "created_at": OrderColumn("s.created_at", "timestamptz", keyset.is_instant),
        "id": OrderColumn("s.id", "bigint", keyset.is_id),
    },
    usual=("-created_at",),
    search="by invoice, customer, item or courier",
    filters=(
        Filter("kind", "Kind", choices=[(kind, kind.title()) for kind in STATES]),
        Filter(
            "state",
            "State",
            choices=[
                (f"{kind} {status}", f"{kind.title()}: {status}")
                for kind, statuses in STATES.items()
                for status in statuses
            ],
        ),
        Filter("worker", "Worker", "reference", to="accounts/users", apart=("state",)),
        Filter("invoice", "Invoice", "reference", to="sales/invoices"),
        Filter("since", "From", "since"),
        Filter("until", "To", "until"),
    ),
    shown=(
        Field("kind", "Kind"),
        Field("status", "Status", "badge"),
        Field("invoice", "Invoice", to="sales/invoices"),
        Field("invoice_status", "Status of the invoice", "badge"),
        Field("worker", "Worker", to="accounts/users"),
        Field("delivery_type", "Delivery", "badge"),
        Field("courier_name", "Courier"),
        Field("tracking_no", "Tracking number"),
        Field("start_time", "Begun", "moment"),
        Field("end_time", "Ended", "moment"),
        Field("minutes", "Minutes", "number"),
        Field("notes", "Notes", "lines"),
        Field("cancel_reason", "Why it was cancelled", "lines"),
        Field("started_by", "Begun by", to="accounts/users"),
        Field("ended_by", "Ended by", to="accounts/users"),
    ),
    actions=(
        Action(
            "cancel",
            "Cancel the session",
            cancel,
            "The invoice goes back to where it was before; the session stays in the history as CANCELLED.",
            is_dangerous=True,
            asks=REASON,
        ),
    ),
)

admin_tables = [sessions]

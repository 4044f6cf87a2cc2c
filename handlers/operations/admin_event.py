"""The event log in the administration, which nobody can change. docs/api/operations.md#administration."""

from core.data import sql
from core.http import keyset
from core.http.keyset import Column as OrderColumn
from handlers.api.admin import Column, Field, Filter, Table, superadmin

query = sql.load("operations/admin_event")

events = Table(
    area="operations",
    name="events",
    title="Events",
    one="event",
    about="What streams, webhooks and other processes were told, in the order of commits. A topic is looked for in the newest 50,000 events.",
    key={"position": "number"},
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("position", "Position", "number", order="position"),
        Column("topic", "Topic", "badge"),
        Column("created_at", "When", "moment"),
        Column("payload", "Payload"),
    ),
    orders={"position": OrderColumn("e.position", "bigint", keyset.is_id)},
    usual=("-position",),
    ties=(),
    filters=(Filter("topic", "Topic, such as sales.invoice", "text"),),
    shown=(
        Field("position", "Position"),
        Field("topic", "Topic", "badge"),
        Field("created_at", "When", "moment"),
        Field("tags", "Tags"),
        Field("payload", "Payload", "json"),
    ),
    may_see=superadmin,
)

admin_tables = [events]

"""Sessions in the administration: who is signed in, and ending that. docs/api/accounts.md#administration."""

from collections.abc import Sequence

from core.data import sql
from core.http import keyset
from core.http.keyset import Column as OrderColumn
from core.problem import not_found
from handlers.accounts.session import query as session_query
from handlers.api.admin import Action, AdminHandler, Column, Field, Filter, Key, Table, each, superadmin
from handlers.api.roles import may_touch

query = sql.load("accounts/admin_session")


async def revoke(handler: AdminHandler, key: Key) -> None:
    """End a session, as its owner can. Raises Problem: 403 the account's role is above the administrator's; 404."""

    async def work(db: sql.Runner) -> None:
        owner = await query.lock_owner(db, **key)
        await handler.confirm(db)
        if owner is None:
            raise not_found()
        may_touch(handler.administrator, owner["role"])
        await session_query.revoke_session(db, id=key["id"], account_id=owner["account_id"], actor=handler.actor)

    await handler.db.transaction(work)


async def revoke_all(handler: AdminHandler, keys: Sequence[Key]) -> str:
    done, refused = await each(handler, keys, revoke)
    return " ".join([f"{done} of {len(keys)} sessions were ended.", *dict.fromkeys(refused)])


sessions = Table(
    area="accounts",
    name="sessions",
    title="Sessions",
    one="session",
    about="Who is signed in, and where. Sign-ins of the past are in the audit.",
    key={"id": "number"},
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("account", "User", to="accounts/users"),
        Column("role", "Role", "badge"),
        Column("address", "Address"),
        Column("user_agent", "Device"),
        Column("created_at", "Signed in", "moment"),
        Column("renewed_at", "Renewed", "moment"),
        Column("expires_at", "Expires", "moment", order="expires_at"),
    ),
    orders={
        "expires_at": OrderColumn("s.expires_at", "timestamptz", keyset.is_instant),
        "id": OrderColumn("s.id", "bigint", keyset.is_id),
    },
    usual=("-expires_at",),
    filters=(Filter("account", "User", "reference", to="accounts/users"),),
    shown=(
        Field("account", "User", to="accounts/users"),
        Field("role", "Role", "badge"),
        Field("is_open", "Open", "flag"),
        Field("address", "Address"),
        Field("user_agent", "Device"),
        Field("created_at", "Signed in", "moment"),
        Field("renewed_at", "Renewed", "moment"),
        Field("refreshes", "Renewals", "number"),
        Field("expires_at", "Expires", "moment"),
        Field("revoked_at", "Ended", "moment"),
    ),
    actions=(
        Action("revoke", "End the session", revoke_all, "Both tokens of each become invalid at once.", is_dangerous=True),
    ),
    may_see=superadmin,
    audited="session",
)  # fmt: skip

admin_tables = [sessions]

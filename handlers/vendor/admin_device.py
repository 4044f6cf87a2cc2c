"""What vendors' devices keep here, in the administration: their settings, and the tokens that they sign in with. docs/api/vendor.md#administration."""

from collections.abc import Sequence

from core.data import sql
from core.http import keyset
from core.http.keyset import Column as OrderColumn
from handlers.api.admin import Action, AdminHandler, Column, Field, Key, Table, superadmin
from handlers.vendor import sign_in
from handlers.vendor.admin_owned import ITS_OWNER, OF_VENDOR, OWNED, OWNER, by_id, by_text

settings_query = sql.load("vendor/admin_device_settings")
token_query = sql.load("vendor/admin_token")


async def revoke(handler: AdminHandler, keys: Sequence[Key]) -> str:
    """End the sessions of tokens, and with them the tokens."""
    done = 0
    for key in keys:
        session_id = await token_query.get_session(handler.db, account_id=key["account_id"])
        ended = session_id and await sign_in.query.end_session(handler.db, session_id=session_id, actor=handler.actor)
        done += ended is not None
    return f"{done} token(s) revoked."


settings = Table(
    area="vendor",
    name="settings",
    title="App settings",
    one="settings of a device",
    about="What devices have stored of their settings. Devices replace them; nobody else does.",
    key=OWNED,
    list=settings_query.list_rows,
    get=settings_query.get_row,
    columns=(
        Column("device_id", "Device"),
        OWNER,
        Column("created_at", "First stored", "moment"),
        Column("last_updated", "Last stored", "moment"),
    ),
    orders={"vendor": by_id("s.vendor_id"), "device_id": by_text("s.device_id")},
    usual=("vendor",),
    ties=("device_id",),
    filters=(OF_VENDOR,),
    shown=(
        ITS_OWNER,
        Field("device_id", "Device"),
        Field("created_at", "First stored", "moment"),
        Field("last_updated", "Last stored", "moment"),
        Field("settings_data", "Settings", "json"),
    ),
    may_see=superadmin,
)

tokens = Table(
    area="vendor",
    name="tokens",
    title="Tokens",
    one="token",
    about="Who can sign in by a token of the vendor API. An account has one, which all of its devices share.",
    key={"account_id": "number"},
    list=token_query.list_rows,
    get=token_query.get_row,
    columns=(
        Column("email", "Account"),
        OWNER,
        Column("role", "Role", "badge"),
        Column("is_valid", "Valid", "flag"),
        Column("created_at", "Made", "moment"),
        Column("last_login", "Last sign-in", "moment"),
        Column("address", "From"),
        Column("user_agent", "By"),
    ),
    orders={"account_id": OrderColumn("t.account_id", "bigint", keyset.is_id)},
    usual=("-account_id",),
    ties=(),
    search="by email, name or username",
    filters=(OF_VENDOR,),
    shown=(
        Field("email", "Account", to="accounts/users"),
        Field("username", "Username"),
        Field("role", "Role", "badge"),
        ITS_OWNER,
        Field("is_valid", "Valid", "flag"),
        Field("created_at", "Made", "moment"),
        Field("last_login", "Last sign-in", "moment"),
        Field("address", "From"),
        Field("user_agent", "By", "lines"),
        Field("revoked_at", "Revoked", "moment"),
    ),
    actions=(
        Action(
            "revoke",
            "Revoke selected tokens",
            revoke,
            "All devices of these accounts are signed out at once.",
            is_dangerous=True,
        ),
    ),
    may_see=superadmin,
)

admin_tables = [settings, tokens]

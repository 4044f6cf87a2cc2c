"""Vendors in the administration: approving them, and what is printed on their bills. docs/api/vendor.md#administration."""

from collections.abc import Sequence

from core.data import sql
from core.files import media
from core.http import keyset, schema
from core.http.keyset import Column as OrderColumn
from core.problem import not_found
from handlers.api.admin import Action, AdminHandler, Column, Field, Filter, Form, Key, Related, Table
from handlers.vendor import approval, picture
from handlers.vendor.admin_owned import FLAG, by_id, by_moment, extended
from handlers.vendor.registration import check_passwords, register

query = sql.load("vendor/admin_vendor")

SHARED = (
    Field("business_name", "Business name"),
    Field("phone", "Phone"),
    Field("address", "Address", kind="lines"),
)
REGISTRATION = schema.load("vendor/register")
CHANGE = extended(
    "vendor/register",
    {
        "gst_no": {"type": ["string", "null"], "maxLength": 50},
        "fssai_license": {"type": ["string", "null"], "maxLength": 50},
        "footer_note": {"type": "string", "maxLength": 2000},
        "is_approved": FLAG,
    },
    without=("username", "email", "password", "password_confirm"),
)


async def make(handler: AdminHandler) -> str:
    """Register a vendor, who then waits for approval like one who has registered by the app."""
    check_passwords(handler)
    made = await register(handler, handler.actor)
    return str(made["vendor_id"])


async def change(handler: AdminHandler, key: Key) -> None:
    """Change a vendor as the form says."""
    logo = await media.store(
        handler.application, await picture.decoded(handler, "logo"), f"vendors/{key['id'].lower()}"
    )
    await _write(handler, key, handler.body_text, logo, is_pictured=logo is not None)


async def _write(handler: AdminHandler, key: Key, body: str, logo: str | None, *, is_pictured: bool) -> None:
    changed = await query.update_vendor(
        handler.db, id=key["id"], body=body, is_pictured=is_pictured, logo=logo, actor=handler.actor
    )
    if changed is None:
        raise not_found(approval.NOT_FOUND)
    if is_pictured:
        await media.remove_now(handler.application, changed["logo"])


async def _decide(handler: AdminHandler, keys: Sequence[Key], *, is_approved: bool) -> int:
    vendor_ids = [key["id"] for key in keys]
    rows = await approval.query.set_approval(
        handler.db, vendor_ids=vendor_ids, is_approved=is_approved, actor=handler.actor
    )
    return len(rows)


async def approve(handler: AdminHandler, keys: Sequence[Key]) -> str:
    done = await _decide(handler, keys, is_approved=True)
    return f"✓ {done} vendor(s) approved successfully. They can now login."


async def reject(handler: AdminHandler, keys: Sequence[Key]) -> str:
    done = await _decide(handler, keys, is_approved=False)
    return f"✗ {done} vendor(s) rejected/deactivated."


async def clear_logo(handler: AdminHandler, keys: Sequence[Key]) -> str:
    for key in keys:
        await _write(handler, key, "{}", None, is_pictured=True)
    return f"The logo of {len(keys)} vendor(s) was removed."


vendors = Table(
    area="vendor",
    name="vendors",
    title="Vendors",
    one="vendor",
    about="Shops that bill with the app. Those that wait for approval come first.",
    key={"id": "uuid"},
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("business_name", "Business name"),
        Column("username", "Username"),
        Column("email", "Email", to="accounts/users"),
        Column("phone", "Phone"),
        Column("status", "Status", "badge"),
        Column("created_at", "Created", "moment", order="created_at"),
        Column("gst_no", "GST number"),
        Column("id", "Id"),
    ),
    orders={
        "pending": OrderColumn("(NOT v.is_approved)::integer", "integer", keyset.is_id),
        "created_at": by_moment("v.created_at"),
        "id": by_id("v.id"),
    },
    usual=("-pending", "-created_at"),
    search="by business name, username, email or phone",
    filters=(
        Filter("approved", "Approved", "flag"),
        Filter("since", "Created since", "since"),
        Filter("until", "Created until", "until"),
    ),
    shown=(
        Field("logo", "Logo", "picture"),
        Field("username", "Username"),
        Field("email", "Account", to="accounts/users"),
        Field("person", "Name"),
        Field("is_active", "Account is active", "flag"),
        Field("last_login", "Last sign-in", "moment"),
        Field("bills", "Bills", "number"),
        Field("created_at", "Registered", "moment"),
        Field("updated_at", "Last changed", "moment"),
        Field("id", "Id"),
    ),
    add=Form(
        REGISTRATION,
        (
            Field("username", "Username"),
            Field("email", "Email"),
            Field("password", "Password", secret=True),
            Field("password_confirm", "Password again", secret=True),
            *SHARED,
            Field("gst_no", "GST number"),
            Field("fssai_license", "FSSAI license"),
        ),
    ),
    make=make,
    edit=Form(
        CHANGE,
        (
            *SHARED,
            Field("gst_no", "GST number", help="With it and the username a vendor can set a new password."),
            Field("fssai_license", "FSSAI license"),
            Field("logo", "Logo", help="JPG, PNG or WebP; printed on bills.", file=True),
            Field("footer_note", "Footer note", kind="lines", help="Printed below the vendor's bills."),
            Field("is_approved", "Approved", help="Approving a vendor activates the account."),
        ),
    ),
    change=change,
    actions=(
        Action("approve_vendors", "✓ Approve selected vendors", approve, "They can sign in and bill from then on."),
        Action(
            "reject_vendors",
            "✗ Reject/Deactivate selected vendors",
            reject,
            "They are signed out on all devices at once.",
            is_dangerous=True,
        ),
        Action("clear_logo", "Remove the logo of selected vendors", clear_logo),
    ),
    related=(
        Related("Categories", "vendor/categories", "vendor"),
        Related("Items", "vendor/items", "vendor"),
        Related("Inventory", "vendor/inventory", "vendor"),
        Related("Movements", "vendor/movements", "vendor"),
        Related("Bills", "vendor/bills", "vendor"),
        Related("Quarantine", "vendor/quarantine", "vendor"),
        Related("Device settings", "vendor/settings", "vendor"),
        Related("Tokens", "vendor/tokens", "vendor"),
    ),
    audited="vendor",
)

admin_tables = [vendors]

"""What commands create: sales reps, and the vendors of the demo. docs/api/vendor.md#sales-rep-pages."""

from typing import NamedTuple

from core import text
from core.data import sql
from handlers.api.command_database import opened
from handlers.settings import Settings

# Characters, as in the columns.
MOST_NAME, MOST_PHONE = 255, 20

query = sql.load("vendor/command")


class DemoVendor(NamedTuple):
    """email: of the account, which handlers/accounts/commands.py creates."""

    email: str
    business_name: str
    phone: str
    address: str
    gst_no: str
    is_approved: bool


# The vendors of the document's samples.
DEMO = [
    DemoVendor("vendor1@example.com", "ABC Store", "+1234567890", "123 Main Street, City", "29ABCDE1234F1Z5", True),
    DemoVendor("vendor2@example.com", "XYZ Restaurant", "+1234567891", "456 Market Road, City", "27XYZAB5678G2H6", True),
    DemoVendor("pendingvendor@example.com", "Pending Business", "+1234567892", "789 New Street, City", "19PENDING9999X9Y9", False),
]  # fmt: skip


def rep_fault(name: str, phone: str) -> str | None:
    """What is wrong with the profile of a sales rep; None: nothing."""
    if len(text.cleaned(name)) > MOST_NAME:
        return f"The name must have at most {MOST_NAME} characters."
    return f"The phone must have at most {MOST_PHONE} characters." if len(text.cleaned(phone)) > MOST_PHONE else None


async def keep_rep(config: Settings, email: str, name: str, phone: str) -> None:
    """Make the profile of an account of the role SALESREP."""
    async with opened(config) as db:
        await query.keep_rep(db, email=email, name=text.cleaned(name), phone=text.cleaned(phone))


async def create_demo(config: Settings) -> None:
    """Create the demo's vendors that do not exist."""
    async with opened(config) as db:
        for vendor in DEMO:
            await query.make_vendor(db, **vendor._asdict())


demos = [create_demo]

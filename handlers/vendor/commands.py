"""What commands create: sales reps, and the vendors of the demo. docs/api/vendor.md#sales-rep-pages."""

import functools
import json
from typing import NamedTuple

from core import text
from core.data import sql
from handlers.api.command_database import ACTOR, opened
from handlers.settings import Settings
from handlers.vendor import approval

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
    categories: tuple[str, ...] = ()
    items: tuple["DemoItem", ...] = ()


class DemoItem(NamedTuple):
    """categories: names of the vendor's own or of global ones."""

    name: str
    price: str
    categories: tuple[str, ...]
    stock_quantity: int = 0
    sku: str | None = None


# The vendors of the document's samples.
DEMO = [
    DemoVendor(
        "vendor1@example.com", "ABC Store", "+1234567890", "123 Main Street, City", "29ABCDE1234F1Z5", True,
        ("Breakfast", "Lunch", "Dinner"),
        (
            DemoItem("Coca Cola", "25.00", ("Drinks", "Breakfast"), 100, "COKE-001"),
            DemoItem("Pepsi", "25.00", ("Drinks",), 80, "PEPSI-001"),
            DemoItem("Sandwich", "50.00", ("Breakfast", "Lunch"), 30, "SAND-001"),
            DemoItem("Burger", "80.00", ("Lunch",), 25, "BURG-001"),
        ),
    ),
    DemoVendor(
        "vendor2@example.com", "XYZ Restaurant", "+1234567891", "456 Market Road, City", "27XYZAB5678G2H6", True,
        ("Appetizers", "Main Course", "Desserts"),
        (
            DemoItem("Pasta", "120.00", ("Main Course",)),
            DemoItem("Pizza", "150.00", ("Main Course",)),
            DemoItem("Ice Cream", "60.00", ("Desserts",)),
        ),
    ),
    DemoVendor("pendingvendor@example.com", "Pending Business", "+1234567892", "789 New Street, City", "19PENDING9999X9Y9", False),
]  # fmt: skip
GLOBAL_CATEGORIES = ("Drinks", "Snacks")


def rep_fault(name: str, phone: str) -> str | None:
    """What is wrong with the profile of a sales rep; None: nothing."""
    if len(text.cleaned(name)) > MOST_NAME:
        return f"The name must have at most {MOST_NAME} characters."
    return f"The phone must have at most {MOST_PHONE} characters." if len(text.cleaned(phone)) > MOST_PHONE else None


async def keep_rep(config: Settings, email: str, name: str, phone: str) -> None:
    """Make the profile of an account of the role SALESREP."""
    async with opened(config) as db:
        await query.keep_rep(db, email=email, name=text.cleaned(name), phone=text.cleaned(phone))


async def admit(config: Settings, account_id: int, is_approved: bool) -> bool:
    """Approve or reject the vendor of an account, as a sales rep does: the account becomes active or inactive with it. False: it has no vendor."""
    async with opened(config) as db:
        vendor_id = await query.get_vendor_id(db, account_id=account_id)
        if vendor_id is None:
            return False
        await approval.query.set_approval(db, vendor_ids=[vendor_id], is_approved=is_approved, actor=ACTOR)
        return True


async def create_demo(config: Settings) -> None:
    """Create the demo's vendors that do not exist, with their catalogues, and the global categories."""
    async with opened(config) as db:
        for place, name in enumerate(GLOBAL_CATEGORIES, 1):
            await query.make_global_category(db, name=name, sort_order=place)
        for vendor in DEMO:
            await db.transaction(functools.partial(_make, vendor))


async def _make(vendor: DemoVendor, db: sql.Runner) -> None:
    profile = vendor._asdict()
    categories, items = profile.pop("categories"), profile.pop("items")
    vendor_id = await query.make_vendor(db, **profile)
    if vendor_id is not None:
        documents = json.dumps([item._asdict() for item in items])
        await query.fill_catalogue(db, vendor_id=vendor_id, categories=list(categories), items=documents)


demos = [create_demo]

"""The menus of a new installation, which the command `seed_menus` writes. docs/api/accounts.md#menus."""

import json
from typing import Any, NamedTuple

from core.data import sql
from handlers.api.command_database import opened
from handlers.settings import Settings

query = sql.load("accounts/menu")


class Item(NamedTuple):
    """An entry of the navigation. icon: a name that the client maps to a picture. url: a path of the client."""

    code: str
    name: str
    icon: str
    url: str
    children: tuple["Item", ...] = ()


MENUS = (
    Item("dashboard", "Dashboard", "HomeIcon", "/dashboard"),
    Item("invoice", "Invoice", "InvoiceIcon", "/invoices", (
        Item("invoice_list", "Invoice List", "ListIcon", "/invoices"),
        Item("my_assigned_bills", "My Assigned Bills", "PlusCircleIcon", "/invoices/my"),
    )),
    Item("packing", "Packing", "InvoiceIcon", "/packing/invoices", (
        Item("packing_list", "Packing List", "ListIcon", "/packing/invoices"),
        Item("my_assigned_packing", "My Assigned Packing", "PlusCircleIcon", "/packing/my"),
    )),
    Item("delivery", "Delivery", "TruckIcon", "/delivery/dispatch", (
        Item("delivery_dispatch", "Dispatch Orders", "TruckIcon", "/delivery/dispatch"),
        Item("delivery_courier_list", "Courier List", "PackageIcon", "/delivery/courier-list"),
        Item("delivery_company_list", "Company Delivery List", "WarehouseIcon", "/delivery/company-list"),
        Item("my_assigned_delivery", "My Assigned Delivery", "PlusCircleIcon", "/delivery/my"),
    )),
    Item("history", "History", "ListIcon", "/history"),
    Item("user-management", "User Management", "UsersIcon", "/user-management", (
        Item("user_list", "User List", "UsersIcon", "/user-management"),
        Item("user_control", "User Control", "CogIcon", "/user-control"),
    )),
    Item("master", "Master", "TuneOutlinedIcon", "/master/job-title", (
        Item("job_title", "Job Title", "BriefcaseIcon", "/master/job-title"),
        Item("department", "Department", "BuildingIcon", "/master/department"),
    )),
)  # fmt: skip


async def seed_menus(config: Settings, clear: bool) -> tuple[int, int]:
    """Create or correct the menus above, by their codes. Returns how many were created and how many were changed. Other menus stay;
    `clear` first deletes all menus with their assignments."""

    async def seed(db: sql.Runner) -> tuple[int, int]:
        await query.lock_menus(db)
        if clear:
            await query.clear_menus(db)
        seeded = await query.seed_menus(db, items=json.dumps(_rows(MENUS)))
        return seeded["created"], seeded["updated"]

    async with opened(config) as database:
        return await database.transaction(seed)


def _rows(items: tuple[Item, ...], parent: str | None = None) -> list[dict[str, Any]]:
    """The tree as a flat list of objects: code, name, icon, url, parent (its code, or None) and place (1-based)."""
    rows: list[dict[str, Any]] = []
    for place, item in enumerate(items, 1):
        own = {name: getattr(item, name) for name in ("code", "name", "icon", "url")}
        rows += [{**own, "parent": parent, "place": place}, *_rows(item.children, item.code)]
    return rows
